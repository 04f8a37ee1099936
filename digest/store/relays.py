"""Relays that a sender leaves aside, for whoever asks in another process."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from digest.store.schema import relays_aside


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftAside:
    """A relay that gets no mail for a while."""

    name: str
    until: dt.datetime  #: aware
    said: str  #: its words, without addresses


def put(conn: Connection, aside: Sequence[LeftAside]) -> None:
    """Write down who is left aside now, in place of who was."""
    conn.execute(sa.delete(relays_aside))
    if aside:
        rows = [{"name": each.name, "until": each.until, "said": each.said} for each in aside]
        conn.execute(sa.insert(relays_aside), rows)


def aside(conn: Connection, *, now: dt.datetime) -> list[LeftAside]:
    """Who is left aside, by name."""
    query = sa.select(relays_aside).where(relays_aside.c.until > now).order_by(relays_aside.c.name)
    return [LeftAside(name=row.name, until=row.until, said=row.said) for row in conn.execute(query)]
