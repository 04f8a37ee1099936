"""What each engine says in a form of its own; statements that are built once are kept by its name."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection

Insert = sqlite.Insert | postgresql.Insert

#: An INSERT that may say what happens on a conflict.
INSERTS: Mapping[str, Callable[[sa.Table], Insert]] = {
    "sqlite": sqlite.insert,
    "postgresql": postgresql.insert,
}


def insert(conn: Connection, table: sa.Table) -> Insert:
    """Such an INSERT for the engine of this connection."""
    return INSERTS[conn.dialect.name](table)
