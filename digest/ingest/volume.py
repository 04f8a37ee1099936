"""What a source lists on a usual day, and what is too little for one.

A failed scrape looks exactly like a quiet day, so the days of the week are held against their own kind: a source that
never listed anything on a Sunday is not missed on one.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median

#: How many of the last same weekdays are looked at.
WEEKS = 8
#: Fewer known ones say nothing.
KNOWN = 3
#: A source that usually lists fewer papers than this is held to nothing, nor is a dump of fewer records.
FEWEST = 5
#: One part in so many of the normal is still enough.
_PARTS = 5
#: A field is usual that this share of the records gave, and missing where fewer than that share do.
_USUAL, _GONE = 0.5, 0.1
_SATURDAY = 5
#: How much later than usual a source may come that comes after publication, in seconds.
_LATE_S = 1800


@dataclass(frozen=True, slots=True, kw_only=True)
class Fields:
    """How many of some records give each field."""

    records: int
    given: Mapping[str, int]

    def share(self, name: str) -> float:
        """The share of the records that give it, 0 to 1."""
        return self.given.get(name, 0) / self.records if self.records else 0.0


def same_weekdays(day: dt.date, first: dt.date) -> list[dt.date]:
    """The last weekdays of this day's kind on which the source was known, newest first; eight at most."""
    earlier = (day - dt.timedelta(weeks=weeks) for weeks in range(1, WEEKS + 1))
    return [each for each in earlier if each >= first]


def normal(
    listed: Mapping[dt.date, int], *, day: dt.date, first: dt.date | None, expected: int | None
) -> float | None:
    """How many papers a source lists on such a day.

    Args:
        listed: Papers by date; a date that is not there had none.
        day: The day in question, which is not itself looked at.
        first: The date on which the source first gave anything; None where it never did.
        expected: What the operator says of a working day; it counts until enough days are known.

    Returns:
        The median of the last eight same weekdays; None where it is not known.
    """
    known = same_weekdays(day, first) if first is not None else []
    if len(known) >= KNOWN:
        return float(median(listed.get(each, 0) for each in known))
    if expected is not None and day.weekday() < _SATURDAY:
        return float(expected)
    return None


def is_short(papers: int, normal: float | None) -> bool:
    """Whether so few papers are no quiet day: under a fifth of the normal."""
    return normal is not None and normal >= FEWEST and _PARTS * papers < normal


def usually_here(times: Sequence[dt.time], now: dt.time, *, hour: int) -> bool:
    """Whether by this local time a source should have given its first dump of the day.

    Args:
        times: When it did on the days that are known; without any, it is held to the hour of publication.
        hour: The local hour of publication. No edition waits for what usually comes later, so there half an hour is
            given to what each day differs in: when it is asked, how slowly it answers, a look that failed.
    """
    return 2 * sum(_due_s(each, hour) <= _seconds(now) for each in times) >= len(times)


def _due_s(usual: dt.time, hour: int) -> int:
    return _seconds(usual) + (_LATE_S if usual.hour >= hour else 0)


def _seconds(time: dt.time) -> int:
    return (time.hour * 60 + time.minute) * 60 + time.second


def went_missing(days: Sequence[Fields], newest: Fields) -> tuple[str, ...]:
    """The fields that half of the records used to give, and hardly any of the newest dump's does, by name.

    Args:
        days: Of the last known days, each as a whole; too few say nothing.
        newest: Of the newest dump; one of few records says nothing either.
    """
    if len(days) < KNOWN or newest.records < FEWEST:
        return ()
    names = sorted({name for day in days for name in day.given})
    return tuple(
        name
        for name in names
        if median(day.share(name) for day in days) >= _USUAL and newest.share(name) < _GONE
    )
