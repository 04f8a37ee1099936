"""A source's usual day: by weekday, and what is too little for one."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digest.ingest.volume import (
    Fields,
    is_short,
    normal,
    same_weekdays,
    usually_here,
    went_missing,
)

FRIDAY = dt.date(2026, 11, 20)
SUNDAY = dt.date(2026, 11, 22)
WEEK = dt.timedelta(weeks=1)


def weekly(day: dt.date, *papers: int) -> dict[dt.date, int]:
    """Volumes of the same weekdays before, the last week's first."""
    return {day - WEEK * back: number for back, number in enumerate(papers, 1)}


@pytest.mark.parametrize(
    ("day", "papers", "expected", "found"),
    [
        (FRIDAY, (40, 50, 60), None, 50.0),
        (FRIDAY, (40, 50, 60, 90), None, 55.0),
        (FRIDAY, (0, 0, 50, 60, 70), None, 50.0),
        (FRIDAY, (40,) * 8 + (1,) * 20, None, 40.0),
        (FRIDAY, (40, 50), None, None),
        (FRIDAY, (40, 50), 30, 30.0),
        (FRIDAY, (40, 50, 60), 30, 50.0),
        (SUNDAY, (40, 50), 30, None),
        (SUNDAY, (0, 0, 0), 30, 0.0),
        (SUNDAY - 2 * dt.timedelta(days=1), (), 30, 30.0),
        (SUNDAY - dt.timedelta(days=1), (), 30, None),
    ],
)
def test_normal(day: dt.date, papers: tuple[int, ...], expected: int | None, found: float | None) -> None:
    """The median of the last eight same weekdays, if three are known; else what a working day is said to give."""
    first = day - WEEK * len(papers) if papers else None
    assert normal(weekly(day, *papers), day=day, first=first, expected=expected) == found


def test_a_day_without_anything_counts() -> None:
    """A date on which the source was known and listed nothing is a day of none; one before its first is no day."""
    listed = weekly(FRIDAY, 40)
    assert normal(listed, day=FRIDAY, first=FRIDAY - WEEK * 3, expected=None) == 0.0
    assert normal(listed, day=FRIDAY, first=FRIDAY - WEEK * 2, expected=None) is None
    assert normal(listed, day=FRIDAY, first=None, expected=None) is None


def test_other_days_do_not_count() -> None:
    """Neither another weekday nor the day itself is looked at."""
    listed = {FRIDAY: 900, **{FRIDAY - dt.timedelta(days=days): 900 for days in (1, 2, 6, 8)}}
    assert normal(listed, day=FRIDAY, first=FRIDAY - WEEK * 8, expected=None) == 0.0


def test_same_weekdays() -> None:
    """Eight at most, newest first, none before the first."""
    assert same_weekdays(FRIDAY, FRIDAY - WEEK * 2) == [FRIDAY - WEEK, FRIDAY - WEEK * 2]
    assert len(same_weekdays(FRIDAY, dt.date(2020, 1, 1))) == 8
    assert same_weekdays(FRIDAY, FRIDAY) == []


@pytest.mark.parametrize(
    ("papers", "usual", "short"),
    [
        (9, 50.0, True),
        (10, 50.0, False),
        (0, 5.0, True),
        (1, 5.0, False),
        (0, 4.9, False),
        (0, 0.0, False),
        (0, None, False),
        (6, 31.0, True),
        (7, 31.0, False),
    ],
)
def test_short(papers: int, usual: float | None, short: bool) -> None:
    """Under a fifth of the normal is short, where the normal is known and five at least."""
    assert is_short(papers, usual) is short


@given(st.integers(0, 1000), st.integers(0, 1000), st.floats(5, 5000))
def test_more_is_never_shorter(one: int, more: int, usual: float) -> None:
    """A source that lists more papers is not short where one with fewer is not."""
    assert is_short(one, usual) or not is_short(one + more, usual)


@pytest.mark.parametrize(
    ("times", "here"),
    [((), True), ((6,), True), ((8,), False), ((6, 8), True), ((6, 8, 9), False), ((7, 7, 9), True)],
)
def test_usually_here(times: tuple[int, ...], here: bool) -> None:
    """A source is waited for from the time by which it came on half of its days."""
    assert usually_here([dt.time(hour) for hour in times], dt.time(7), hour=9) is here


@pytest.mark.parametrize(
    ("usual", "now", "here"),
    [
        (dt.time(5, 59, 59), dt.time(6), True),
        (dt.time(5, 59, 59), dt.time(5, 59, 58), False),
        (dt.time(6), dt.time(6, 29, 59), False),
        (dt.time(6), dt.time(6, 30), True),
        (dt.time(9, 0, 20), dt.time(9, 30, 19), False),
        (dt.time(9, 0, 20), dt.time(9, 30, 20), True),
        (dt.time(23, 45), dt.time(23, 59, 59), False),
    ],
)
def test_half_an_hour_late(usual: dt.time, now: dt.time, here: bool) -> None:
    """What comes after publication, no edition waits for, may be half an hour late; what comes before it may not."""
    assert usually_here([usual], now, hour=6) is here


def day(records: int, **counts: int) -> Fields:
    return Fields(records=records, given=counts)


@pytest.mark.parametrize(
    ("days", "newest", "missing"),
    [
        ([day(10, votes=10)] * 3, day(10), ("votes",)),
        ([day(10, votes=5)] * 3, day(10), ("votes",)),
        ([day(10, votes=4)] * 3, day(10), ()),
        ([day(10, votes=10)] * 3, day(100, votes=9), ("votes",)),
        ([day(10, votes=10)] * 3, day(100, votes=10), ()),
        ([day(10, votes=10)] * 2, day(10), ()),
        ([day(10, votes=10)] * 3, day(4), ()),
        ([day(10, votes=10, stars=9), day(10, stars=9), day(10, votes=10)], day(10), ("stars", "votes")),
        ([day(10, votes=10), day(10), day(10)], day(10), ()),
        ([day(0, votes=0)] * 3, day(10), ()),
        ([], day(10), ()),
    ],
)
def test_fields_that_went_missing(days: Sequence[Fields], newest: Fields, missing: tuple[str, ...]) -> None:
    """A field went missing that half of the records of a usual day gave, and not one in ten of the newest dump's."""
    assert went_missing(days, newest) == missing
