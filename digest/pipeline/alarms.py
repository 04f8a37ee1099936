"""Telling the operator: an alarm is put down once a day, logged, and mailed through the same outbox as all else."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sqlalchemy.engine import Connection

from digest.deliver.alarm import Alarm, note_of
from digest.deliver.delivery import OPERATOR, Kind, Status
from digest.log import logger
from digest.pipeline.plan import Stamp
from digest.store import alarms, deliveries
from digest.store.alarms import Raised
from digest.store.database import Database
from digest.store.deliveries import Plan

#: How long an alarm may wait to be mailed; what is older the next day's says again.
PATIENCE = dt.timedelta(hours=48)

_log = logger("alarms")


@dataclass(frozen=True, slots=True, kw_only=True)
class Operator:
    """Who is told."""

    address: str
    stamp: Stamp


def settle(
    database: Database,
    wanted: Sequence[Alarm],
    *,
    over: Callable[[Alarm], bool],
    day: dt.date,
    now: dt.datetime,
    operator: Operator | None,
) -> list[Alarm]:
    """Raise what is wrong and end what is over, writing only where something changes; the caller logs what is told.

    Args:
        wanted: All that is wrong now, of what the caller looks at.
        over: Whether an alarm that stands, and is not wanted, is over; False for those that others look at.
        day: In the publishing zone; each alarm is told once on it.
        operator: Who is mailed; None for nobody.

    Returns:
        The alarms that are told now.
    """
    with database.read() as conn:
        stand = alarms.standing(conn)
    if not (_fresh(wanted, stand, day) or _ended(wanted, stand, over)):
        return []
    with database.write() as conn:
        return settle_in(conn, wanted, over=over, day=day, now=now, operator=operator)


def settle_in(
    conn: Connection,
    wanted: Sequence[Alarm],
    *,
    over: Callable[[Alarm], bool],
    day: dt.date,
    now: dt.datetime,
    operator: Operator | None,
) -> list[Alarm]:
    """The same within a transaction, which has to be committed before what is told is logged.

    All that is told at one moment is one mail.
    """
    if ended := _ended(wanted, alarms.standing(conn), over):
        alarms.end(conn, ended, at=now)
    raised = [(alarms.raise_(conn, alarm, day=day, at=now), alarm) for alarm in wanted]
    fresh = [(alarm_id, alarm) for alarm_id, alarm in raised if alarm_id is not None]
    told = [alarm for _, alarm in fresh]
    if fresh and operator is not None:
        deliveries.post(conn, _mail(fresh[0][0], told, day=day, now=now, operator=operator), now=now)
    return told


def tell(told: Sequence[Alarm]) -> None:
    """Log alarms, without their words, which may repeat a server's."""
    for alarm in told:
        _log.error("alarm raised", alarm=str(alarm.name), about=alarm.about or None)


def _fresh(wanted: Sequence[Alarm], stand: Sequence[Raised], day: dt.date) -> bool:
    today = {each.alarm.key for each in stand if each.day == day}
    return any(alarm.key not in today for alarm in wanted)


def _ended(wanted: Sequence[Alarm], stand: Sequence[Raised], over: Callable[[Alarm], bool]) -> list[int]:
    still = {alarm.key for alarm in wanted}
    return [each.id for each in stand if each.alarm.key not in still and over(each.alarm)]


def _mail(number: int, told: Sequence[Alarm], *, day: dt.date, now: dt.datetime, operator: Operator) -> Plan:
    return Plan(
        subscriber_id=OPERATOR,
        kind=Kind.ALARM,
        local_date=day,
        status=Status.PLANNED,
        recipient=operator.address,
        epoch=0,
        note=note_of(told),
        message_id=operator.stamp.message_id(Kind.ALARM, day, number),
        template=operator.stamp.template,
        signed_by=operator.stamp.signed_by,
        planned_at=now.replace(microsecond=0),
        expires_at=now + PATIENCE,
    )
