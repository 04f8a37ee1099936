"""Opening the database: SQLite or PostgreSQL, for reading or for writing, and nothing half-made."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import cached_property
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import URL, Connection, Engine, make_url

from digest.errors import DigestError, SettingsError
from digest.store import writers
from digest.store.writers import Writers

#: How long a writer waits for those of its own process, and then for another's, in seconds.
LOCK_TIMEOUT_S = 30.0
#: How long a PostgreSQL server may take to answer at first, in seconds.
CONNECT_TIMEOUT_S = 10
#: Open at once, of one process.
CONNECTIONS = 20
#: Of every engine. An error repeats no value of its statement: an address may be among them.
_COMMON: dict[str, Any] = {"pool_size": CONNECTIONS, "max_overflow": 0, "hide_parameters": True}
#: SQLSTATE of a role that may not do this; from PostgreSQL 15 on, an ordinary role in the schema `public`.
_NOT_ALLOWED = "42501"


class DatabaseError(DigestError):
    """The database cannot be reached, or refuses; raised from the driver's own error."""


class Database:
    """One database. `write()` opens a transaction that commits at its end, `read()` a snapshot."""

    #: Whether nothing of what is written is kept, and whoever opened it keeps other intakes out.
    is_trial = False

    def __init__(self, url: str, *, read_only: bool = False) -> None:
        self.url = parse_url(url)
        self.read_only = read_only
        self.engine = _engine(self.url, read_only=read_only)

    @property
    def is_sqlite(self) -> bool:
        return self.url.get_backend_name() == "sqlite"

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A transaction: all of it is durable when the block ends, none of it when the block raises.

        Raises:
            DatabaseError: The database cannot be reached, or another writer kept it for too long.
            RuntimeError: On SQLite, this thread is in a write already.
        """
        # In line before a connection is taken: those who wait keep none from those who read.
        with translated(), self._turn(), self.engine.begin() as conn:
            yield conn

    @cached_property
    def _writers(self) -> Writers | None:
        return writers.of(Path(str(self.url.database))) if self.is_sqlite and not self.read_only else None

    def _turn(self) -> AbstractContextManager[None]:
        return nullcontext() if self._writers is None else self._writers.turn(LOCK_TIMEOUT_S)

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A snapshot that takes no lock a writer would wait for, and is rolled back."""
        with translated(), self.engine.connect().execution_options(**self._read_options()) as conn:
            yield conn

    def _read_options(self) -> dict[str, Any]:
        if self.is_sqlite:
            return {"reads": True}
        return {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}

    def close(self) -> None:
        self.engine.dispose()


def parse_url(text: str) -> URL:
    """Read a database URL; `postgresql://` means psycopg 3.

    Raises:
        SettingsError: The URL is malformed or names another kind of database.
    """
    try:
        url = make_url(text)
        backend = url.get_backend_name()
    except (sa.exc.ArgumentError, sa.exc.NoSuchModuleError, ValueError) as error:
        # Neither the text nor the error's words are repeated: a password may stand in them.
        raise SettingsError("database.url cannot be read: give sqlite:///PATH or postgresql://…") from error
    if backend == "postgresql":
        return url.set(drivername="postgresql+psycopg")
    if backend != "sqlite" or not url.database or url.database == ":memory:":
        raise SettingsError("database.url: give sqlite:///PATH or postgresql://…")
    return url


@contextmanager
def translated() -> Iterator[None]:
    """Keep the library's exceptions on this side of the edge."""
    try:
        yield
    except writers.LateError as error:
        raise DatabaseError("database: database is locked") from error
    except sa.exc.TimeoutError as error:
        raise DatabaseError("database: too many at once, no connection became free in time") from error
    except sa.exc.DBAPIError as error:
        if _is_bug(error):
            raise
        raise DatabaseError(f"database: {str(error.orig).strip()}") from error


def _is_bug(error: sa.exc.DBAPIError) -> bool:
    """Whether our statement is to blame: rather a traceback than advice that no operator can follow."""
    if isinstance(error, sa.exc.ProgrammingError):
        return getattr(error.orig, "sqlstate", None) != _NOT_ALLOWED
    return isinstance(error, sa.exc.IntegrityError | sa.exc.DataError)


def _engine(url: URL, *, read_only: bool) -> Engine:
    if url.get_backend_name() == "postgresql":
        return _postgresql(url, read_only=read_only)
    return _sqlite(Path(str(url.database)), read_only=read_only)


def _postgresql(url: URL, *, read_only: bool) -> Engine:
    # synchronous_commit stays on whatever the server's default: a result that was told must last (R3).
    # PostgreSQL itself would wait for a lock for ever, and for a host that is gone for minutes.
    options = f"-c synchronous_commit=on -c timezone=UTC -c lock_timeout={LOCK_TIMEOUT_S * 1000:.0f}"
    if read_only:
        options += " -c default_transaction_read_only=on"
    # After those of the URL, such as a search_path, which would be lost otherwise.
    given = {
        "options": f"{url.query.get('options', '')} {options}".strip(),
        "connect_timeout": CONNECT_TIMEOUT_S,
    }
    return sa.create_engine(url, connect_args=given, pool_pre_ping=True, **_COMMON)


def _sqlite(path: Path, *, read_only: bool) -> Engine:
    def connect() -> sqlite3.Connection:
        conn = _open_file(path, read_only=read_only)
        conn.isolation_level = None  # transactions are begun by `_begin` alone
        conn.execute("PRAGMA foreign_keys=ON")
        if not read_only:
            _log_ahead(conn)
            # FULL: with WAL, NORMAL may lose the last commits at a power cut, and so a settled result (R3).
            conn.execute("PRAGMA synchronous=FULL")
        return conn

    engine = sa.create_engine("sqlite://", creator=connect, poolclass=sa.pool.QueuePool, **_COMMON)
    sa.event.listen(engine, "begin", _begin_read_only if read_only else _begin)
    return engine


def _open_file(path: Path, *, read_only: bool) -> sqlite3.Connection:
    if not read_only:
        return _connected(path, "mode=rwc")
    try:
        return _connected(path, "mode=ro")
    except sqlite3.OperationalError:
        # A WAL database on read-only media opens only as immutable; that is safe when no log is left beside it.
        if path.with_name(path.name + "-wal").exists():
            raise
        return _connected(path, "mode=ro&immutable=1")


def _connected(path: Path, mode: str) -> sqlite3.Connection:
    uri = f"{path.absolute().as_uri()}?{mode}"
    conn = sqlite3.connect(uri, uri=True, timeout=LOCK_TIMEOUT_S, check_same_thread=False)
    try:
        conn.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchall()
    except sqlite3.Error:
        conn.close()
        raise
    return conn


def _log_ahead(conn: sqlite3.Connection) -> None:
    """Switch a file to WAL. SQLite gives up at once where another holds it: wait in a transaction, then try again."""
    deadline = time.monotonic() + LOCK_TIMEOUT_S
    while True:
        try:
            conn.execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError:
            if time.monotonic() > deadline:
                raise
        conn.execute("BEGIN IMMEDIATE")
        conn.execute("COMMIT")


def _begin(conn: Connection) -> None:
    # A deferred transaction that turns to writing fails "locked" at once, whatever the time-out: take the
    # lock first. Readers take none.
    reads = conn.get_execution_options().get("reads")
    conn.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")


def _begin_read_only(conn: Connection) -> None:
    conn.exec_driver_sql("BEGIN")
