"""When a subscriber's digest is due: once for each local date, whatever clock and zone do.

Zone data is read by `zoneinfo` on the first use of a zone and kept: no other input is hidden.

Dates never run backwards: since December 2011 no zone has put its clock back across midnight. In the
years before (St. John's, at 00:01) `next_due` may be a minute off; nobody is mailed then.
"""

from __future__ import annotations

import datetime as dt
from functools import cache
from zoneinfo import ZoneInfo

from digest.subscribers.subscriber import Frequency, Schedule

#: Between two mails, so that a new zone or hour does not bring two; under 23 h for the spring change.
REST = dt.timedelta(hours=20)
_DAY = dt.timedelta(days=1)
_SATURDAY = 5


def local_date(now: dt.datetime, zone: str) -> dt.date:
    """The date on the wall there."""
    return now.astimezone(_zone(zone)).date()


def hour_instant(day: dt.date, schedule: Schedule) -> dt.datetime:
    """The moment at which the schedule's hour comes on a local date.

    An hour that comes twice counts the first time. One that the clock jumps over comes with the first
    moment after the jump; where that is the next date already (Nuuk jumps from 23:00 to midnight), it
    comes by the clock as it will be, an hour early (22:00), for that date would otherwise get none.

    Returns:
        In UTC. For a date that the zone never had (Apia, 30 December 2011), a moment of the next.
    """
    zone = _zone(schedule.zone)
    wall = dt.datetime(day.year, day.month, day.day, schedule.hour, tzinfo=zone)
    instant = wall.astimezone(dt.UTC)
    if instant.astimezone(zone) == wall:  # one zone: the clock faces are compared
        return instant
    after = _end_of_gap(wall)
    early = wall.replace(fold=1).astimezone(dt.UTC)
    if after.astimezone(zone).date() != day and early.astimezone(zone).date() == day:
        return early
    return after


def day_end(day: dt.date, zone: str) -> dt.datetime:
    """The moment at which a local date is over, in UTC: the first of the next date."""
    return hour_instant(day + _DAY, Schedule(zone=zone, hour=0))


def due_date(
    schedule: Schedule,
    *,
    last_date: dt.date | None,
    last_mailed_at: dt.datetime | None,
    confirmed_on: dt.date,
    now: dt.datetime,
) -> dt.date | None:
    """The local date whose digest is due now, if one is.

    It is always today's: a date that went by in an outage is not made up for. A weekly digest whose
    weekday went by is due on the next day that can have it, and on its weekday again the week after.

    Args:
        schedule: Frequency, weekday, zone and hour as they are now.
        last_date: Local date last served or skipped; None before the first.
        last_mailed_at: When the last digest was planned; None before the first.
        confirmed_on: Local date of the opt-in: no weekday before it is made up for.
        now: Aware.
    """
    if last_mailed_at is not None and now < last_mailed_at + REST:
        return None
    day = local_date(now, schedule.zone)
    if not _serves(schedule, day) or day < _first_day(schedule, last_date, confirmed_on, day):
        return None
    return day if hour_instant(day, schedule) <= now else None


def next_due(
    schedule: Schedule,
    *,
    last_date: dt.date | None,
    last_mailed_at: dt.datetime | None,
    confirmed_on: dt.date,
    now: dt.datetime,
) -> dt.datetime:
    """The earliest moment, `now` or later, at which `due_date` names a date.

    For the column by which due subscribers are found; the arguments are those of `due_date`.

    Returns:
        In UTC. Between two mails lie at least 20 hours and, for a daily digest, at most 26 while
        nothing is changed, 50 when the zone is, 48 when the hour is, and 74 when both are.
    """
    rested = now if last_mailed_at is None else max(now, last_mailed_at + REST)
    today = local_date(rested, schedule.zone)
    day = max(today, _first_day(schedule, last_date, confirmed_on, today))
    while True:
        if _serves(schedule, day):
            moment = max(rested, hour_instant(day, schedule))
            if local_date(moment, schedule.zone) == day:
                return moment.astimezone(dt.UTC)
        day += _DAY


@cache
def _zone(name: str) -> ZoneInfo:
    # ZoneInfo keeps eight zones only and reads the rest from disk again, 20 µs each time.
    return ZoneInfo(name)


def _serves(schedule: Schedule, day: dt.date) -> bool:
    return schedule.frequency is not Frequency.WEEKDAYS or day.weekday() < _SATURDAY


def _first_day(
    schedule: Schedule, last_date: dt.date | None, confirmed_on: dt.date, today: dt.date
) -> dt.date:
    """The first date that may be served; for a weekly digest, the first with its weekday behind it."""
    if schedule.frequency is not Frequency.WEEKLY:
        return today if last_date is None else last_date + _DAY
    opens = confirmed_on if last_date is None else max(last_date + _DAY, confirmed_on)
    return opens + _DAY * ((schedule.weekday - opens.weekday()) % 7)


def _end_of_gap(wall: dt.datetime) -> dt.datetime:
    """The moment at which the clock jumped over a time of day, to the second."""
    low = wall.replace(fold=1).astimezone(dt.UTC)  # by the clock after the jump: before it
    high = wall.replace(fold=0).astimezone(dt.UTC)
    zone, before = wall.tzinfo, low.astimezone(wall.tzinfo).utcoffset()
    while high - low > dt.timedelta(seconds=1):
        middle = low + dt.timedelta(seconds=(high - low) // dt.timedelta(seconds=2))
        if middle.astimezone(zone).utcoffset() == before:
            low = middle
        else:
            high = middle
    return high
