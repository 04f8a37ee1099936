"""Dates of dumps."""

from __future__ import annotations

import datetime as dt

import pytest

from digest.ingest.dates import believed, parse_head_date, resolve
from digest.ingest.record import DumpDate


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("Aug 12", (None, 8, 12)),
        ("  aug. 3rd ", (None, 8, 3)),
        ("Aug 12, 2025", (2025, 8, 12)),
        ("12 Aug", (None, 8, 12)),
        ("12 August 2025", (2025, 8, 12)),
        ("August 12", (None, 8, 12)),
        ("2025-08-12", (2025, 8, 12)),
        ("Tue, Aug 12", (None, 8, 12)),
        ("Tuesday, 12 Aug 2025", (2025, 8, 12)),
        ("Sept 30", (None, 9, 30)),
        ("Jan 1", (None, 1, 1)),
        ("Dec 31", (None, 12, 31)),
        ("Feb 29", (None, 2, 29)),
        ("Feb 29, 2024", (2024, 2, 29)),
        ("Feb 29, 2025", None),
        ("Feb 30", None),
        ("Aug 0", None),
        ("Aug 32", None),
        ("2025-13-01", None),
        ("0000-01-01", None),
        ("August", None),
        ("May the 4th", None),
        ("Aug 12 papers", None),
        ("Published Aug 12", None),
        ("Wednesday,            September 30th,        2025", None),
        ("Saturday, September 30th,          2025 ", (2025, 9, 30)),
        ("Saturday, September 30th,           2025 ", None),
        ("", None),
    ],
)
def test_a_head_date_is_a_line_of_its_own(line: str, expected: tuple[int | None, int, int] | None) -> None:
    """Six forms are understood; a day that no calendar has, and anything beside a date, is none."""
    date = parse_head_date(line)
    assert (date and (date.year, date.month, date.day)) == expected


FILE = dt.date(2026, 1, 1)


@pytest.mark.parametrize(
    ("date", "seen_on", "expected", "origin"),
    [
        ((2020, 5, 6), dt.date(2025, 1, 1), dt.date(2020, 5, 6), "dump"),
        ((2020, 5, 6), None, dt.date(2020, 5, 6), "dump"),
        ((None, 12, 31), dt.date(2025, 1, 1), dt.date(2024, 12, 31), "seen-on"),
        ((None, 1, 1), dt.date(2025, 1, 1), dt.date(2025, 1, 1), "seen-on"),
        ((None, 1, 2), dt.date(2025, 1, 1), dt.date(2025, 1, 2), "seen-on"),
        ((None, 1, 3), dt.date(2025, 1, 1), dt.date(2024, 1, 3), "seen-on"),
        ((None, 1, 1), dt.date(2024, 12, 31), dt.date(2025, 1, 1), "seen-on"),
        ((None, 2, 29), dt.date(2027, 3, 1), dt.date(2024, 2, 29), "seen-on"),
        ((None, 2, 29), dt.date(1904, 2, 27), dt.date(1896, 2, 29), "seen-on"),
        ((None, 2, 29), dt.date(1904, 2, 28), dt.date(1904, 2, 29), "seen-on"),
        ((None, 12, 31), None, dt.date(2025, 12, 31), "file-time"),
        (None, dt.date(2025, 7, 7), dt.date(2025, 7, 7), "seen-on"),
        (None, None, FILE, "file-time"),
    ],
)
def test_the_date_of_a_dump_is_settled(
    date: tuple[int | None, int, int] | None, seen_on: dt.date | None, expected: dt.date, origin: str
) -> None:
    """A full date holds; without a year it is the latest such day up to one day after the one known."""
    given = date and DumpDate(year=date[0], month=date[1], day=date[2])
    assert resolve(given, seen_on=seen_on, file_time=FILE) == (expected, origin)


def test_a_day_without_any_year_is_an_error() -> None:
    """At the start of all calendars there may be no such day."""
    with pytest.raises(ValueError, match="no year has a day 2-29"):
        resolve(DumpDate(month=2, day=29), seen_on=dt.date(1, 5, 1), file_time=FILE)
    with pytest.raises(ValueError, match="no year has"):
        resolve(DumpDate(month=2, day=30), seen_on=None, file_time=FILE)


@pytest.mark.parametrize(
    ("date", "held"),
    [
        ((2026, 11, 20), True),
        ((2026, 11, 21), True),
        ((2026, 11, 22), False),
        ((9999, 12, 31), False),
        ((1, 1, 1), True),
        ((None, 12, 31), True),
    ],
)
def test_dates_to_come_are_not_believed(date: tuple[int | None, int, int], held: bool) -> None:
    """One day ahead may be another zone's today; a date without a year is settled by what else is known."""
    given = DumpDate(year=date[0], month=date[1], day=date[2])
    assert believed(given, arrived=dt.date(2026, 11, 20)) == (given if held else None)


def test_no_date_is_believed_to_be_none() -> None:
    """A dump that names no date names none."""
    assert believed(None, arrived=dt.date(2026, 11, 20)) is None
