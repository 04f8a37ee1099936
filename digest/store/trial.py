"""A database to try things on: the same as another at one moment, and gone afterwards."""

from __future__ import annotations

import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from digest.store.database import Database


@contextmanager
def trial(database: Database, conn: Connection) -> Iterator[Database]:
    """Open a database that holds what `conn` sees; whatever is written to it, nothing of `database` changes.

    Of SQLite it is a copy in a temporary folder that only this user may open, as large as the file; meanwhile
    nobody waits for anything. PostgreSQL has no copy to offer to a role without rights of its own: there it is one
    transaction, which is rolled back. Until then it keeps the locks of the rows that it changed, so that whoever
    would change the same papers or dumps waits; mail, pages and reads go on. Numbers that it drew for new rows are
    not used again.

    Args:
        database: Open, perhaps for reading alone.
        conn: A snapshot of it, from `database.read()`; it has to stay open.
    """
    if database.is_sqlite:
        with tempfile.TemporaryDirectory(prefix="digest-trial-") as folder:
            yield from _copied(conn, Path(folder) / "digest.db")
        return
    snapshot = conn.exec_driver_sql("SELECT pg_export_snapshot()").scalar_one()
    writable = Database(database.url.render_as_string(hide_password=False))
    try:
        engine = writable.engine.execution_options(isolation_level="REPEATABLE READ")
        with engine.connect() as within:  # rolled back at its end
            within.execute(sa.text(f"SET TRANSACTION SNAPSHOT '{snapshot}'"))
            yield _Trial(writable, within)
    finally:
        writable.close()


class _Trial(Database):
    """A database within one transaction of it."""

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


def _copied(conn: Connection, path: Path) -> Iterator[Database]:
    source = conn.connection.driver_connection
    assert isinstance(source, sqlite3.Connection)
    with closing(sqlite3.connect(path)) as target:
        source.backup(target)
    copy = Database(f"sqlite:///{path}")
    try:
        yield copy
    finally:
        copy.close()
