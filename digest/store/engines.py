"""What each engine says in a form of its own, and what it takes at a time; built statements are kept by its name."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import TypeVar

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection

Insert = sqlite.Insert | postgresql.Insert
_T = TypeVar("_T")

#: Values in one IN list: well under SQLite's limit of 32,766 variables.
PIECE = 5_000

#: An INSERT that may say what happens on a conflict.
INSERTS: Mapping[str, Callable[[sa.Table], Insert]] = {
    "sqlite": sqlite.insert,
    "postgresql": postgresql.insert,
}


def insert(conn: Connection, table: sa.Table) -> Insert:
    """Such an INSERT for the engine of this connection."""
    return INSERTS[conn.dialect.name](table)


def new_ids(conn: Connection, table: sa.Table, count: int) -> Sequence[int]:
    """Ids for rows that are then written in one go; the caller lets nobody else write to the table meanwhile.

    Asked for beforehand, because rows that return their ids are inserted one by one on SQLite.
    """
    if conn.dialect.name == "postgresql":
        sequence = sa.func.nextval(sa.func.pg_get_serial_sequence(table.name, "id"))
        return list(conn.scalars(sa.select(sequence).select_from(sa.func.generate_series(1, count))))
    first = int(conn.scalar(sa.select(sa.func.coalesce(sa.func.max(table.c.id), 0))) or 0) + 1
    return range(first, first + count)


def pieces(values: Collection[_T]) -> Iterator[Sequence[_T]]:
    """Cut a long list into such as one statement takes."""
    listed = list(values)
    return (listed[start : start + PIECE] for start in range(0, len(listed), PIECE))
