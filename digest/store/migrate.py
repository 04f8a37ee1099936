"""Bringing a database to this program's schema, and refusing any other."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy.engine import Connection

from digest.errors import SchemaError
from digest.store import generations
from digest.store.database import Database

#: Key of the lock under which a PostgreSQL database is migrated; any number that is ours alone.
_LOCK = 6_447_103


def head() -> str:
    """The schema version that this program reads and writes."""
    version = ScriptDirectory.from_config(_config()).get_current_head()
    assert version is not None, "the package carries at least one migration"
    return version


def current(conn: Connection) -> str | None:
    """The schema version of the database; None where it has no tables yet."""
    return MigrationContext.configure(conn).get_current_revision()


def check(database: Database) -> None:
    """Refuse a database of another schema version.

    Raises:
        SchemaError: The database is empty, older or newer; the text names the command that mends it.
    """
    with database.read() as conn:
        found = current(conn)
    if found == head():
        return
    if found is None:
        raise SchemaError("the database has no tables yet: run `digest db upgrade`")
    known = {script.revision for script in ScriptDirectory.from_config(_config()).walk_revisions()}
    if found in known:
        raise SchemaError(
            f"the database has schema {found}, this program wants {head()}: run `digest db upgrade`"
        )
    raise SchemaError(
        f"the database has schema {found}, which this program does not know: it was written by a newer digest; "
        "install that version, or restore a backup of the older schema"
    )


def upgrade(database: Database) -> tuple[str | None, str]:
    """Migrate to `head()` in one transaction; returns the versions before and after."""
    with database.write() as conn:
        if not database.is_sqlite:
            # Processes that start together would all make the tables: the first does, the others find them.
            conn.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_LOCK})")
        before = current(conn)
        config = _config()
        config.attributes["connection"] = conn
        command.upgrade(config, "head")
        generations.name(conn)
    return before, head()


def ready(database: Database) -> None:
    """Make the tables of a database that has none, and refuse one of another version."""
    with database.read() as conn:
        empty = current(conn) is None
    if empty:
        upgrade(database)
    check(database)


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).with_name("migrations")))
    return config
