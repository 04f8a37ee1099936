"""A migration killed with -9 at each of its statements: the old schema or the new one, and never one between (R19)."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import pytest
import sqlalchemy as sa

from digest.store import facts, migrate
from digest.store.database import Database
from tests.conftest import MakeUrl, Postgresql
from tests.faults import report
from tests.faults.installation import Installation
from tests.faults.launcher import Launcher, Life
from tests.store.test_migrate import NEXT

DEATHS = report.section(
    "R19",
    "A migration killed at each statement",
    ("engine", "migration", "kills", "old after it", "new after it", "between", "not refused", "not mended"),
    about="""\
`digest db upgrade` was killed with -9 before and after each of its statements and its commit. *Between*: neither the
tables and rows of before nor those of after. *Not refused*: an old schema that the program would have worked on. *Not
mended*: a second `digest db upgrade` did not make the new one.""",
)

_KINDS = ("statement", "commit")
#: Of no release: it makes a table, and changes one that has rows.
_NEXT = "9998"

#: A shape: the version, the columns of each table, and the rows of the one that the second migration changes.
Shape = tuple[str | None, dict[str, list[str]], list[str]]


@dataclass(kw_only=True)
class Found:
    """What the kills of one search came to."""

    kills: int = 0
    old: int = 0
    new: int = 0
    between: int = 0
    not_refused: int = 0
    not_mended: int = 0


@dataclass(frozen=True, kw_only=True)
class Migration:
    """One migration, of a database that is made anew for each kill."""

    make_url: Callable[[], str]
    launcher: Launcher
    folder: Path
    scripts: Path | None = None  #: None: the program's own

    def killed_at(self, at: int, found: Found) -> bool:
        """Kill the migration at its n-th point, look, and let another finish; False where it ended by itself."""
        mine = installation(self.folder, self.make_url())
        before = shape(mine.url)
        first = self._run(mine, "upgrade", at)
        if first.died_at is None:
            assert first.code == 0, first.err
            return False
        left = shape(mine.url)
        refused = self._run(mine, "check")
        mended = self._run(mine, "upgrade")
        after = shape(mine.url)
        found.kills += 1
        found.old += left == before
        found.new += left == after
        found.between += left not in (before, after)
        found.not_refused += left == before and "run `digest db upgrade`" not in refused.err
        found.not_mended += mended.code != 0 or after[0] == before[0]
        return True

    def all(self, *, step: int = 1) -> Found:
        """Kill it at every n-th point until it ends by itself."""
        found, at = Found(), 1
        while self.killed_at(at, found):
            at += step
        return found

    def _run(self, mine: Installation, command: str, at: int = 0) -> Life:
        return self.launcher.run(mine, "db", command, at=at, kinds=_KINDS, migrations=self.scripts)


def installation(folder: Path, url: str) -> Installation:
    """One that mails nothing."""
    return Installation(folder=folder, url=url, relay_port=1, connections=1)


def shape(url: str) -> Shape:
    """What stands in a database."""
    database = Database(url)
    with database.read() as conn:
        found = sa.inspect(conn)
        tables = {
            name: sorted(column["name"] for column in found.get_columns(name))
            for name in found.get_table_names()
        }
        query = "SELECT name FROM facts ORDER BY name"
        rows = list(conn.exec_driver_sql(query).scalars()) if "facts" in tables else []
        version = migrate.current(conn)
    if database.is_sqlite:
        with database.read() as conn:
            assert conn.exec_driver_sql("PRAGMA integrity_check").scalar_one() == "ok"
    database.close()
    return version, tables, rows


@pytest.fixture(params=["sqlite", "postgresql"])
def first(request: pytest.FixtureRequest, tmp_path: Path, launcher: Launcher) -> Migration:
    """The one that makes the tables, on each engine."""
    make: MakeUrl = request.getfixturevalue(f"make_{request.param}_url")
    return Migration(make_url=make, launcher=launcher, folder=tmp_path)


@pytest.fixture(params=["sqlite", "postgresql"])
def second(request: pytest.FixtureRequest, tmp_path: Path, launcher: Launcher) -> Iterator[Migration]:
    """One that follows it, over a database with rows, on each engine."""
    numbers = count(1)
    made: list[str] = []

    def copy() -> str:
        if request.param == "sqlite":
            path = tmp_path / f"copy{next(numbers)}.db"
            shutil.copyfile(request.getfixturevalue("sqlite_template"), path)
            return with_rows(f"sqlite:///{path}")
        server: Postgresql = request.getfixturevalue("postgresql")
        made.append(server.create(template="migrated"))
        return with_rows(made[-1])

    scripts = tmp_path / "migrations"
    shutil.copytree(Path(migrate.__file__).with_name("migrations"), scripts)
    (scripts / "versions" / f"{_NEXT}_next.py").write_text(NEXT.format(head=migrate.head(), then=""))
    yield Migration(make_url=copy, launcher=launcher, folder=tmp_path, scripts=scripts)
    for url in made:
        request.getfixturevalue("postgresql").drop(url)


def with_rows(url: str) -> str:
    database = Database(url)
    with database.write() as conn:
        facts.key(conn, "links")
    database.close()
    return url


def check(found: Found) -> None:
    """Everything that holds after a kill at any statement."""
    assert (found.between, found.not_refused, found.not_mended) == (0, 0, 0)
    assert found.old + found.new == found.kills
    assert found.old > 0


def test_the_first_migration_is_killed(first: Migration) -> None:
    """Killed at one in 25 of its statements: no table stands, or all."""
    found = first.all(step=50)
    assert found.kills >= 2
    check(found)


def test_a_later_migration_is_killed(second: Migration) -> None:
    """Killed at one in five of its statements: the rows stand in the old tables, or in the new ones."""
    found = second.all(step=9)
    assert found.kills >= 2
    check(found)


def test_another_schema_is_refused(second: Migration) -> None:
    """After a kill no sender starts on the old schema: it names the command that mends it."""
    found = Found()
    assert second.killed_at(3, found)
    mine = installation(second.folder, second.make_url())
    sent = second.launcher.run(mine, migrations=second.scripts)
    assert (sent.code, "this program wants 9998: run `digest db upgrade`" in sent.err) == (1, True)


# -- the full size -------------------------------------------------------------------------------------


@pytest.mark.faults
@pytest.mark.timeout(1800)
def test_the_first_migration_is_killed_at_each_statement(first: Migration) -> None:
    """Killed before and after each of its statements."""
    _report("the tables of the first release", first, first.all())


@pytest.mark.faults
@pytest.mark.timeout(1800)
def test_a_later_migration_is_killed_at_each_statement(second: Migration) -> None:
    """So is one that changes a table with rows."""
    _report("a table made, another changed", second, second.all())


def _report(name: str, migration: Migration, found: Found) -> None:
    engine = sa.make_url(migration.make_url()).get_backend_name()
    DEATHS.add(
        engine,
        name,
        found.kills,
        found.old,
        found.new,
        found.between,
        found.not_refused,
        found.not_mended,
    )
    assert found.new == 1, "only after its commit"
    check(found)
