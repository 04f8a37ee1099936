"""Dates of dumps: what a page head says, and which date holds when it says little."""

from __future__ import annotations

import datetime as dt
import re
from typing import Literal

from digest.ingest.record import DumpDate

#: What gave a date: the dump itself, the word of whoever handed it over, or the file's time.
DateOrigin = Literal["dump", "seen-on", "file-time"]

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MONTH = (
    r"(?P<month>jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|"
    r"oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)\.?"
)
_DAY = r"(?P<day>\d{1,2})(?:st|nd|rd|th)?"
_YEAR = r"(?:,?\s+(?P<year>\d{4}))?"
_WEEKDAY = r"(?:(?:mon|tues?|wed(?:nes)?|thu(?:rs?)?|fri|sat(?:ur)?|sun)(?:day)?\.?,?\s+)?"
_FORMS = tuple(
    re.compile(form, re.IGNORECASE | re.ASCII)
    for form in (
        rf"{_WEEKDAY}{_MONTH}\s+{_DAY}{_YEAR}",
        rf"{_WEEKDAY}{_DAY}\s+{_MONTH}{_YEAR}",
        rf"{_WEEKDAY}(?P<year>\d{{4}})-(?P<month>\d{{2}})-(?P<day>\d{{2}})",
    )
)
#: The longest a date can be written, so that long lines are not even tried.
_LONGEST = 40
#: February 29 comes back after eight years at most (1896 to 1904).
_YEARS_BACK = 9


def parse_head_date(line: str) -> DumpDate | None:
    """Read a line that is a date and nothing else; None for any other line, and for a day no calendar has.

    Understood: `Aug 12`, `Aug 12, 2025`, `12 Aug`, `August 12`, `2025-08-12`, `Tue, Aug 12`.
    """
    if len(line) > _LONGEST:
        return None
    for form in _FORMS:
        match = form.fullmatch(line.strip())
        if match:
            year = int(match["year"]) if match["year"] else None
            return _checked(year, _month(match["month"]), int(match["day"]))
    return None


def _month(text: str) -> int:
    return int(text) if text.isdigit() else _MONTHS.index(text[:3].lower()) + 1


def _checked(year: int | None, month: int, day: int) -> DumpDate | None:
    """Without a year, a leap year is given the benefit of the doubt."""
    if _date(2000 if year is None else year, month, day) is None:
        return None
    return DumpDate(month=month, day=day, year=year)


def _date(year: int, month: int, day: int) -> dt.date | None:
    try:
        return dt.date(year, month, day)
    except ValueError:
        return None


def resolve(
    date: DumpDate | None, *, seen_on: dt.date | None, file_time: dt.date
) -> tuple[dt.date, DateOrigin]:
    """Settle the date of a dump.

    A full date in the dump holds. Month and day without a year are the latest such day that is not later
    than one day after `seen_on`, else after `file_time`: one day, because the page may be of a zone ahead.
    So `Dec 31` seen on January 1 is last year's. Without any date the dump is of `seen_on`, else `file_time`.

    Returns:
        The date, and what gave its year.
    """
    if date is not None and date.year is not None:
        return dt.date(date.year, date.month, date.day), "dump"
    known, origin = (file_time, _FILE_TIME) if seen_on is None else (seen_on, _SEEN_ON)
    return (known if date is None else _latest(date, known)), origin


def believed(date: DumpDate | None, *, arrived: dt.date) -> DumpDate | None:
    """Leave out a full date later than one day after arrival: it would be later than all others until it comes.

    One day, because `arrived` is the date in UTC, and the page may be of a zone ahead.
    """
    if date is None or date.year is None:
        return date
    return date if dt.date(date.year, date.month, date.day) - arrived <= dt.timedelta(days=1) else None


_FILE_TIME: DateOrigin = "file-time"
_SEEN_ON: DateOrigin = "seen-on"


def _latest(date: DumpDate, known: dt.date) -> dt.date:
    """The latest such day up to one day after the one known.

    Raises:
        ValueError: No year that `datetime` has holds such a day.
    """
    for year in range(known.year + 1, known.year - _YEARS_BACK, -1):
        day = _date(year, date.month, date.day)
        if day is not None and (day - known).days <= 1:
            return day
    raise ValueError(f"no year has a day {date.month}-{date.day} before {known}")
