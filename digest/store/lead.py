"""Which of several schedulers over one PostgreSQL plans the day: whoever holds a lock of its session.

It saves work and noise, no more: what planning promises is kept by constraints, also between two that both think they lead.
"""

from __future__ import annotations

import threading

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from digest.store.database import Database, translated

#: Of the advisory lock; any number that no other program uses in this database.
KEY = 0x64_69_67_65_73_75


class Lead:
    """This process's part in that. The lock is its connection's: who dies, or loses the server, has let go.

    A SQLite file belongs to one machine, and whoever asks there leads.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._conn: Connection | None = None
        self._guard = threading.Lock()
        # Whoever closes the database means this connection too, which the pool does not know to be idle.
        sa.event.listen(database.engine, "engine_disposed", lambda _engine: self.close())

    def taken(self) -> bool:
        """Whether this process leads; it takes the lead where nobody has it.

        Raises:
            DatabaseError: The server cannot be reached.
        """
        if self._database.is_sqlite:
            return True
        with self._guard, translated():
            return self._holds() or self._takes()

    def close(self) -> None:
        """Let another lead."""
        with self._guard:
            self._drop()

    def _holds(self) -> bool:
        if self._conn is None:
            return False
        try:
            self._conn.execute(sa.text("SELECT 1"))
        except sa.exc.DBAPIError:  # the server was restarted, or has ended the session: the lock went with it
            self._drop()
            return False
        return True

    def _takes(self) -> bool:
        conn = self._database.engine.connect().execution_options(isolation_level="AUTOCOMMIT")
        if conn.scalar(sa.select(sa.func.pg_try_advisory_lock(KEY))):
            self._conn = conn
            return True
        conn.close()
        return False

    def _drop(self) -> None:
        conn, self._conn = self._conn, None
        if conn is not None:
            conn.invalidate()  # ended rather than given back: in the pool it would keep the lock
            conn.close()
