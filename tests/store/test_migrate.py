"""Migrations: to the schema of this program, whole or not at all, and no step on any other."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext

from digest.errors import SchemaError
from digest.store import migrate
from digest.store.database import Database, DatabaseError
from digest.store.schema import metadata


@pytest.fixture
def empty(empty_url: str) -> Iterator[Database]:
    """A database without tables, of each engine."""
    database = Database(empty_url)
    yield database
    database.close()


def tables(database: Database) -> set[str]:
    with database.read() as conn:
        return set(sa.inspect(conn).get_table_names())


def test_an_empty_database(empty: Database) -> None:
    """An empty database is refused with the command that mends it, and the migration makes every table."""
    with pytest.raises(SchemaError, match="no tables yet: run `digest db upgrade`"):
        migrate.check(empty)
    assert migrate.upgrade(empty) == (None, migrate.head())
    migrate.check(empty)
    assert tables(empty) == {*metadata.tables, "alembic_version"}
    assert migrate.upgrade(empty) == (migrate.head(), migrate.head())


def test_the_schema_is_what_the_code_says(database: Database) -> None:
    """The tables that the migrations make are those that the statements are written against."""
    with database.read() as conn:
        options = {"compare_type": True, "compare_server_default": True}
        context = MigrationContext.configure(conn, opts=options)
        assert compare_metadata(context, metadata) == []


def test_ready(empty: Database) -> None:
    """A database without tables is made ready, one of this schema stays."""
    migrate.ready(empty)
    migrate.ready(empty)
    migrate.check(empty)


def test_a_newer_schema(database: Database) -> None:
    """A schema that this program does not know is refused, and not migrated."""
    with database.write() as conn:
        conn.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    for step in (migrate.check, migrate.ready):
        with pytest.raises(SchemaError, match="schema 9999, which this program does not know"):
            step(database)


@pytest.fixture
def next_release(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A second migration after the first: what it does is the test's to write."""
    first = Path(migrate.__file__).with_name("migrations")
    folder = tmp_path / "migrations"
    (folder / "versions").mkdir(parents=True)
    (folder / "env.py").write_text((first / "env.py").read_text())
    for script in sorted((first / "versions").glob("0*.py")):
        (folder / "versions" / script.name).write_text(script.read_text())
    config = migrate._config()
    config.set_main_option("script_location", str(folder))
    monkeypatch.setattr(migrate, "_config", lambda: config)
    return folder / "versions" / "9998_next.py"


NEXT = """
import sqlalchemy as sa
from alembic import op
revision, down_revision = "9998", "{head}"
def upgrade():
    op.create_table("first", sa.Column("id", sa.Integer, primary_key=True))
    with op.batch_alter_table("facts") as batch:
        batch.add_column(sa.Column("since", sa.Integer))
    {then}
"""


def test_an_older_schema(database: Database, next_release: Path) -> None:
    """A schema of an earlier release is refused with the command that mends it, also by those that write."""
    old = migrate.head()
    next_release.write_text(NEXT.format(head=old, then=""))
    for step in (migrate.check, migrate.ready):
        with pytest.raises(
            SchemaError, match=f"schema {old}, this program wants 9998: run `digest db upgrade`"
        ):
            step(database)
    assert migrate.upgrade(database) == (old, "9998")
    migrate.check(database)


@pytest.mark.parametrize(
    "then", ["raise RuntimeError('the plug')", "op.execute('SELECT nothing FROM nowhere')"]
)
def test_a_migration_that_dies(database: Database, next_release: Path, then: str) -> None:
    """A migration that breaks in the middle leaves the old schema, none between, and can be tried again."""
    old, before = migrate.head(), tables(database)
    next_release.write_text(NEXT.format(head=old, then=then))
    with pytest.raises((RuntimeError, sa.exc.ProgrammingError, DatabaseError)):
        migrate.upgrade(database)
    assert tables(database) == before
    with database.read() as conn:
        assert migrate.current(conn) == old
        assert "since" not in {column["name"] for column in sa.inspect(conn).get_columns("facts")}
    next_release.write_text(NEXT.format(head=old, then=""))
    assert migrate.upgrade(database) == (old, "9998")


def test_processes_that_start_together(empty: Database) -> None:
    """When several make ready one empty database, one makes the tables and the others find them."""
    errors: list[BaseException] = []
    start = threading.Barrier(3)

    def make_ready() -> None:
        start.wait()
        try:
            migrate.ready(empty)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=make_ready) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    migrate.check(empty)
