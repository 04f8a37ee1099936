"""A warm-up: what may go on which day, and when it began."""

from __future__ import annotations

import datetime as dt

import pytest

from digest.deliver.warm_up import Today, WarmUp, began, stand

FIRST = dt.date(2026, 11, 2)
WARM_UP = WarmUp(first=50, growth=2.0, until=1000)


def day(number: int) -> dt.date:
    return FIRST + dt.timedelta(days=number - 1)


def test_each_day_brings_more_until_it_is_over() -> None:
    """50 and doubling: five days, and from the sixth on, which would reach 1,000 and more, there is no limit."""
    assert [WARM_UP.most(number) for number in range(1, 8)] == [50, 100, 200, 400, 800, None, None]
    assert WARM_UP.most(10_000_000) is None
    assert WarmUp(first=50, growth=1.5, until=101).most(2) == 75


def test_it_begins_with_the_first_mail() -> None:
    """Before that every day is its first; days on which nothing was sent count as well."""
    assert stand(WARM_UP, {}, day(9)) == Today(day_number=1, most=50, handed_over=0)
    assert stand(WARM_UP, {day(1): 50, day(3): 7}, day(3)) == Today(day_number=3, most=200, handed_over=7)
    assert stand(WARM_UP, {day(1): 50}, day(6)).most is None


@pytest.mark.parametrize(
    ("today", "room"),
    [
        (Today(day_number=1, most=50, handed_over=20), 30),
        (Today(day_number=1, most=50, handed_over=53), 0),
        (Today(day_number=9, most=None, handed_over=53), None),
    ],
)
def test_room(today: Today, room: int | None) -> None:
    """What is left of the day; never below nothing, and no number once it is over."""
    assert today.room == room


def test_after_a_month_of_silence_it_begins_anew() -> None:
    """Thirty days without mail are borne, more are forgotten; days to come do not count."""
    assert began([day(1), day(31)], day(40)) == day(1)
    assert began([day(1), day(31)], day(62)) == day(62)
    assert began([day(1), day(33)], day(40)) == day(33)
    assert began([day(50)], day(40)) == day(40)
