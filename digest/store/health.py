"""What a watcher asks of the store: whether it answers, and how many have signed up lately."""

from __future__ import annotations

import datetime as dt

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from digest.store.schema import subscribers


def answer(conn: Connection) -> None:
    """Return if the database answers, or let its error through."""
    conn.execute(sa.text("SELECT 1"))


def asked_since(conn: Connection, since: dt.datetime) -> int:
    """How many addresses were signed up at or after this moment, whether confirmed meanwhile or not."""
    query = sa.select(sa.func.count()).where(subscribers.c.asked_at >= since)
    return int(conn.execute(query).scalar_one())
