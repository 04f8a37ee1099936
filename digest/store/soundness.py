"""Whether a database holds together, and takes writes."""

from __future__ import annotations

from sqlalchemy.engine import Connection

from digest.store.database import Database

#: Faults told at most.
_MOST = 5


def faults(conn: Connection) -> list[str]:
    """What SQLite finds broken in its file; PostgreSQL checks its own pages, and is not asked."""
    if conn.dialect.name != "sqlite":
        return []
    found = conn.exec_driver_sql(f"PRAGMA quick_check({_MOST})").scalars().all()
    return [] if found == ["ok"] else [str(fault) for fault in found]


def try_writing(database: Database) -> None:
    """Open a transaction that writes nothing.

    Raises:
        DatabaseError: It may not be written to, or not in time.
    """
    with database.write() as conn:
        if conn.dialect.name == "postgresql":
            # A standby opens transactions too, for reading.
            conn.exec_driver_sql("SELECT pg_current_xact_id()")
