"""The daily-papers API: `GET ?date=YYYY-MM-DD`, one document for each of the last days."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

from digest.sources.request import Kind, Request, shown, with_query
from digest.sources.source import Source

_NOT_THERE = frozenset({400, 404})
_SATURDAY = 5


def requests(source: Source, day: dt.date) -> Iterator[Request]:
    """One request a date, the oldest first; the last days are asked for again because their votes grow."""
    for back in reversed(range(source.days)):
        date = day - dt.timedelta(days=back)
        yield Request(
            url=with_query(source.url, date=date.isoformat()),
            name=f"{shown(source.url)}?date={date}",
            seen_on=date,
            absent=_NOT_THERE if _may_be_missing(date, day) else frozenset(),
            blank=_lists_nothing,
        )


def _may_be_missing(date: dt.date, today: dt.date) -> bool:
    """Whether the page may have no such date: it is young, where our clock is ahead even to come, or a day of rest."""
    return date >= today or date.weekday() >= _SATURDAY


def _lists_nothing(data: bytes) -> bool:
    return b"".join(data[:64].split()) == b"[]"


KIND = Kind(requests=requests, takes=frozenset({"days"}), url="https://huggingface.co/api/daily_papers")
