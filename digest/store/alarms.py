"""Alarms: raised once a day by name and what they are about, until they are over."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row

from digest.deliver.alarm import Alarm, AlarmName
from digest.store.engines import insert
from digest.store.schema import alarms
from digest.store.types import unpaired


@dataclass(frozen=True, slots=True, kw_only=True)
class Raised:
    """An alarm as it was raised."""

    id: int
    alarm: Alarm
    day: dt.date  #: in the publishing zone
    raised_at: dt.datetime
    ended_at: dt.datetime | None


def raise_(conn: Connection, alarm: Alarm, *, day: dt.date, at: dt.datetime) -> int | None:
    """Raise an alarm; returns its id, or None where that day has it: then it goes on, and is told no second time.

    One of an earlier day that still stood is over with it: the same trouble stands once.
    """
    made = conn.scalar(
        insert(conn, alarms)
        .values(name=alarm.name, about=alarm.about, day=day, raised_at=at, text=_storable(alarm.text))
        .on_conflict_do_nothing(index_elements=["name", "about", "day"])
        .returning(alarms.c.id)
    )
    same = sa.and_(alarms.c.name == alarm.name, alarms.c.about == alarm.about)
    if made is None:
        conn.execute(sa.update(alarms).where(same, alarms.c.day == day).values(ended_at=None))
        return None
    before = sa.and_(same, alarms.c.day != day, alarms.c.ended_at.is_(None))
    conn.execute(sa.update(alarms).where(before).values(ended_at=at))
    return int(made)


def end(conn: Connection, alarm_ids: Collection[int], *, at: dt.datetime) -> None:
    """Note that these are over."""
    still = sa.and_(alarms.c.id.in_(list(alarm_ids)), alarms.c.ended_at.is_(None))
    conn.execute(sa.update(alarms).where(still).values(ended_at=at))


def standing(conn: Connection) -> list[Raised]:
    """The alarms that are not over, oldest first."""
    return _found(conn, alarms.c.ended_at.is_(None))


def since(conn: Connection, day: dt.date) -> list[Raised]:
    """The alarms of that day and later, over or not, oldest first."""
    return _found(conn, alarms.c.day >= day)


def _found(conn: Connection, which: sa.ColumnElement[bool]) -> list[Raised]:
    return [_raised(row) for row in conn.execute(sa.select(alarms).where(which).order_by(alarms.c.id))]


def _raised(row: Row[Any]) -> Raised:
    return Raised(
        id=row.id,
        alarm=Alarm(name=AlarmName(row.name), about=row.about, text=row.text),
        day=row.day,
        raised_at=row.raised_at,
        ended_at=row.ended_at,
    )


def _storable(text: str) -> str:
    """The text without what neither engine keeps: it may repeat a server's words, or the name of a file."""
    return unpaired(text).replace("\0", "\N{REPLACEMENT CHARACTER}")
