"""Links that open once: which were opened."""

from __future__ import annotations

import datetime as dt

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from digest.store import engines
from digest.store.schema import uses


def take(conn: Connection, purpose: str, subscriber_id: int, asked_s: int, *, at: dt.datetime) -> bool:
    """Use a link up; False where it was before.

    Args:
        asked_s: When the link was made, in seconds since 1970: which of this purpose and reader it is.
    """
    insert = engines.insert(conn, uses)
    values = {"purpose": purpose, "subscriber_id": subscriber_id, "asked_s": asked_s, "at": at}
    statement = insert.values(values).on_conflict_do_nothing().returning(uses.c.purpose)
    return conn.execute(statement).first() is not None


def forget(conn: Connection, *, before: dt.datetime) -> None:
    """Forget the uses of links that are too old to open anyway."""
    conn.execute(sa.delete(uses).where(uses.c.at < before))


def forget_of(conn: Connection, subscriber_id: int) -> None:
    """Forget which links a reader opened who is erased."""
    conn.execute(sa.delete(uses).where(uses.c.subscriber_id == subscriber_id))


def taken(conn: Connection, purpose: str, subscriber_id: int, asked_s: int) -> bool:
    """Whether a link was used before."""
    mine = sa.and_(
        uses.c.purpose == purpose, uses.c.subscriber_id == subscriber_id, uses.c.asked_s == asked_s
    )
    return conn.scalar(sa.select(uses.c.purpose).where(mine)) is not None
