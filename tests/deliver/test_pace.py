"""A pace: never more than its rate in any window, and never slower than it has to be."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digest.deliver.pace import Pace, Rate


@pytest.mark.parametrize(
    ("text", "rate"), [("14/s", Rate(14, 1.0)), ("600/min", Rate(600, 60.0)), ("2000/h", Rate(2000, 3600.0))]
)
def test_rates_are_read(text: str, rate: Rate) -> None:
    """Seconds, minutes and hours."""
    assert Rate.parse(text) == rate


@pytest.mark.parametrize("text", ["", "14", "0/s", "-1/s", "1.5/s", "14/day", "14 /s", "1e3/s", "٣/s"])
def test_what_is_no_rate(text: str) -> None:
    """It is repeated, with what would be one."""
    with pytest.raises(ValueError, match="is not a rate such as 14/s"):
        Rate.parse(text)


def test_a_slow_rate_goes_one_by_one() -> None:
    """Three a minute: one now, one each 20 s, whatever was waited for before."""
    pace = Pace(Rate(3, 60.0))
    assert (pace.ready(0.0), pace.wait_s(0.0), pace.is_rested(0.0)) == (1, 0.0, True)
    pace.take(0.0)
    assert (pace.ready(0.0), pace.is_rested(0.0)) == (0, False)
    assert pace.wait_s(5.0) == pytest.approx(15.0, rel=1e-4)
    pace.take(1000.0)
    assert pace.wait_s(1000.0) == pytest.approx(20.0, rel=1e-4)


def test_a_fast_rate_goes_in_groups() -> None:
    """A thousand a second: fifty at once, for one commit and one look at the desk."""
    pace = Pace(Rate(1000, 1.0))
    assert pace.ready(7.0) == 50
    for left in range(49, -1, -1):
        pace.take(7.0)
        assert pace.ready(7.0) == left
    assert pace.wait_s(7.0) > 0


def test_one_that_goes_too_early_is_waited_for() -> None:
    """What went without leave is made up for by those behind it."""
    pace = Pace(Rate(1, 1.0))
    for _ in range(3):
        pace.take(0.0)
    assert pace.wait_s(0.0) == pytest.approx(3.0, rel=1e-4)


RATES = st.builds(Rate, st.integers(1, 300), st.sampled_from([1.0, 60.0, 3600.0]))


@given(RATES, st.lists(st.floats(0.0, 0.3), max_size=400), st.floats(0.0, 1e6))
def test_never_more_than_the_rate_in_any_window(rate: Rate, steps: list[float], start_s: float) -> None:
    """However often it is asked, a window of its period holds its count at most; `ready` and `wait_s` agree."""
    pace, now_s, went = Pace(rate), start_s, []
    for step in steps:
        now_s += step * rate.period_s
        assert (pace.ready(now_s) > 0) == (pace.wait_s(now_s) <= 0)
        while pace.wait_s(now_s) <= 0:
            pace.take(now_s)
            went.append(now_s)
    for first, at_s in enumerate(went):
        # A microsecond for rounding: clocks count from the machine's start.
        assert sum(at_s <= other < at_s + rate.period_s - 1e-6 for other in went[first:]) <= rate.count


@given(RATES, st.lists(st.tuples(st.floats(0.0, 0.3), st.booleans(), st.booleans()), max_size=300))
def test_turns_that_are_given_back_let_no_more_go(rate: Rate, steps: list[tuple[float, bool, bool]]) -> None:
    """Some take a turn, do not go, and give it back whenever that may be: those who go keep to the rate all the same."""
    pace, now_s, went, late = Pace(rate), 0.0, list[float](), list[float]()
    for step, goes, returns in steps:
        now_s += step * rate.period_s
        if late and returns:
            pace.give_back(late.pop(0))
        while pace.wait_s(now_s) <= 0:
            pace.take(now_s)
            (went if goes else late).append(now_s)
    for first, at_s in enumerate(went):
        assert sum(at_s <= other < at_s + rate.period_s - 1e-6 for other in went[first:]) <= rate.count


def test_a_turn_that_is_given_back_in_time_is_the_next_ones() -> None:
    """Where nobody took one since; else it is over, and its giving back changes nothing."""
    pace = Pace(Rate(3, 60.0))
    pace.take(0.0)
    pace.give_back(0.0)
    assert pace.wait_s(5.0) == 0.0
    pace.take(5.0)
    pace.give_back(0.0)
    assert pace.wait_s(5.0) == pytest.approx(20.0, rel=1e-4)


@given(RATES, st.integers(1, 500))
def test_never_slower_than_it_has_to_be(rate: Rate, count: int) -> None:
    """Who waits as long as told gets `count` through in the time that the rate takes for it, and one period."""
    pace, now_s = Pace(rate), 0.0
    for _ in range(count):
        now_s += pace.wait_s(now_s) * 1.000001 + 1e-9
        assert pace.wait_s(now_s) <= 1e-6
        pace.take(now_s)
    assert now_s <= (count / rate.count + 1) * rate.period_s * 1.001
