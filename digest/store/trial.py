"""A database to try things on: the same as another at one moment, and gone afterwards."""

from __future__ import annotations

import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from digest.store import intake
from digest.store.database import Database


@contextmanager
def trial(database: Database) -> Iterator[tuple[Connection, Database]]:
    """Open a snapshot of a database, and one that holds the same and takes writes: of those nothing is kept.

    Of SQLite it is a copy in a temporary folder that only this user may open, as large as the file; meanwhile
    nobody waits for anything. PostgreSQL has no copy to offer to a role without rights of its own: there it is one
    transaction, which is rolled back. Until then no dump is taken in, and whoever would change a paper or dump that
    it has changed waits; mail, pages and reads go on. Numbers that it drew for new rows are not used again.

    Args:
        database: Open, perhaps for reading alone.
    """
    with _copied(database) if database.is_sqlite else _rolled_back(database) as both:
        yield both


@contextmanager
def _copied(database: Database) -> Iterator[tuple[Connection, Database]]:
    with database.read() as conn, tempfile.TemporaryDirectory(prefix="digest-trial-") as folder:
        source, path = conn.connection.driver_connection, Path(folder) / "digest.db"
        assert isinstance(source, sqlite3.Connection)
        # The first look is what fixes the snapshot; the copy is then of it, whatever others write meanwhile.
        conn.exec_driver_sql("SELECT 1 FROM sqlite_master LIMIT 1").all()
        with closing(sqlite3.connect(path)) as target:
            source.backup(target)
        with closing(Database(f"sqlite:///{path}")) as copy:
            yield conn, copy


@contextmanager
def _rolled_back(database: Database) -> Iterator[tuple[Connection, Database]]:
    # Alone first: what is taken in between the snapshot and the trial could not be changed by the trial.
    with intake.alone(database), database.read() as conn:
        snapshot = conn.exec_driver_sql("SELECT pg_export_snapshot()").scalar_one()
        with closing(Database(database.url.render_as_string(hide_password=False))) as writable:
            engine = writable.engine.execution_options(isolation_level="REPEATABLE READ")
            with engine.connect() as within:  # rolled back at its end
                within.execute(sa.text(f"SET TRANSACTION SNAPSHOT '{snapshot}'"))
                yield conn, _Trial(writable, within)


class _Trial(Database):
    """A database within one transaction of it."""

    is_trial = True

    def __init__(self, database: Database, conn: Connection) -> None:
        self.url, self.read_only, self.engine = database.url, database.read_only, database.engine
        self._conn = conn

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A part of the transaction that is undone if the block raises."""
        with self._conn.begin_nested():
            yield self._conn

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """What the transaction sees."""
        yield self._conn
