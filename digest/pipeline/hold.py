"""Holding an edition: a source that lists far too little is given some hours before the day goes out without it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from zoneinfo import ZoneInfo

from digest.compose.views import weekday_date
from digest.deliver.alarm import Alarm, AlarmName
from digest.pipeline import troubles
from digest.pipeline.health import SourceHealth
from digest.store.volumes import midnight

#: How long after its hour an edition waits at most: hours that pass, whatever the clock on the wall does.
LONGEST = dt.timedelta(hours=6)
#: An edition of a late hour goes out this long before its day is over: the next day's would take its papers.
_BEFORE_MIDNIGHT = dt.timedelta(minutes=30)


def ends_at(day: dt.date, *, hour: int, zone: ZoneInfo) -> dt.datetime:
    """Until when the edition of a day is held at most, in UTC.

    Args:
        hour: The local hour of publication; where the clock skips it, the moment of the skip; where it comes twice,
            the first of the two.
    """
    opening = dt.datetime.combine(day, dt.time(hour), zone).astimezone(dt.UTC)
    return min(opening + LONGEST, midnight(day + dt.timedelta(days=1), zone) - _BEFORE_MIDNIGHT)


def waits(short: Sequence[SourceHealth], *, day: dt.date, until: dt.datetime, zone: ZoneInfo) -> Alarm:
    """Tells that the edition of a day is held."""
    text = (
        f"The edition of {weekday_date(day)} waits, because {_all(short)}. It goes out as soon as that is made up for,"
        f" and at {until.astimezone(zone):%H:%M} ({zone.key}) with what is there by then."
        " `digest edition publish` sends it out now."
    )
    return Alarm(name=AlarmName.EDITION_HELD, text=text)


def went_out(short: Sequence[SourceHealth], *, day: dt.date, papers: int) -> Alarm:
    """Tells that the edition of a day was published with what was there."""
    text = (
        f"The edition of {weekday_date(day)} went out with {papers:,} new paper{'' if papers == 1 else 's'}, though"
        f" {_all(short)}. What is still to come goes into the next edition."
    )
    return Alarm(name=AlarmName.EDITION_SHORT, text=text)


def _all(short: Sequence[SourceHealth]) -> str:
    return ", and ".join(troubles.usual(each) for each in short)
