"""The trend: how high, how often, how fast."""

from __future__ import annotations

import datetime as dt
from itertools import permutations

import pytest

from digest.rank.trend import Seen, Weights, trend

DAY = dt.date(2024, 3, 5)
EVE = dt.date(2024, 3, 4)
NEXT = dt.date(2024, 3, 6)


def seen(day: dt.date, position: int, votes: int | None = None) -> Seen:
    return Seen(day=day, position=position, votes=votes)


@pytest.mark.parametrize(
    ("sightings", "expected"),
    [
        pytest.param([seen(EVE, 9, 10), seen(DAY, 3, 50)], 2.690191, id="rising"),
        pytest.param([seen(EVE, 2, 200), seen(DAY, 2, 200)], 1.522194, id="stale"),
        pytest.param([seen(DAY, 1, 12)], 1.278486, id="new"),
        pytest.param([seen(EVE, 1, 31)], 0.688144, id="gone"),
        pytest.param([seen(DAY, 7)], 0.333333, id="text"),
    ],
)
def test_the_worked_day(sightings: list[Seen], expected: float) -> None:
    """The five papers of the docstring's worked day score what it says."""
    assert trend(sightings, day=DAY) == expected


def test_the_worked_day_is_in_the_docstring() -> None:
    """The docstring carries the very numbers that are tested."""
    for number in ("2.690191", "1.522194", "1.278486", "0.688144", "0.333333"):
        assert number in (trend.__doc__ or "")


@pytest.mark.parametrize(
    ("sightings", "expected"),
    [
        pytest.param([], 0.0, id="never seen"),
        pytest.param([seen(DAY, 1)], 1.0, id="top, votes unknown"),
        pytest.param([seen(DAY, 3)], 0.5, id="third place halves"),
        pytest.param([seen(DAY, 1, 0)], 1.0, id="no votes"),
        pytest.param([seen(DAY, 1, -4)], 1.0, id="negative votes count as none"),
        pytest.param([seen(DAY, 1, 9)], 1.25, id="ten-fold votes once"),
        pytest.param([seen(DAY, 1, 99)], 1.5, id="ten-fold votes twice"),
        pytest.param([seen(EVE, 1, 9)], 0.625, id="a day halves all"),
        pytest.param([seen(dt.date(2024, 3, 3), 1, 9)], 0.3125, id="two days quarter all"),
        pytest.param([seen(EVE, 1), seen(DAY, 1)], 1.5, id="two days add up"),
        pytest.param([seen(DAY, 3), seen(DAY, 1), seen(DAY, 7)], 1.0, id="a day's best position"),
        pytest.param([seen(DAY, 1), seen(DAY, 1)], 1.0, id="given twice counts once"),
        pytest.param([seen(NEXT, 1, 9)], 1.25, id="tomorrow counts as today"),
        pytest.param([seen(DAY, 3, 9), seen(NEXT, 1)], 1.25, id="tomorrow joins today's best"),
        pytest.param([seen(EVE, 3, 99), seen(DAY, 3, 9)], 1.0, id="falling votes are no gain"),
        pytest.param([seen(EVE, 3, 0), seen(DAY, 3, 9)], 2.0, id="gain of nine in a day"),
        pytest.param(
            [seen(dt.date(2024, 3, 3), 3, 0), seen(DAY, 3, 18)], 0.625 + 0.319688 + 1, id="a day's gain"
        ),
        pytest.param([seen(EVE, 3, 9), seen(DAY, 3)], 0.875, id="votes of yesterday only"),
        pytest.param([seen(DAY, 3, 0), seen(DAY, 3, 9)], 1.75, id="gain within a day"),
        pytest.param(
            [seen(EVE, 3, 9), seen(EVE, 3, 5), seen(DAY, 3, 14)], 2.044023, id="first votes are the fewest"
        ),
        pytest.param(
            [seen(EVE, 3, 5), seen(DAY, 3, 14), seen(DAY, 3, 9)], 2.044023, id="last votes are the most"
        ),
    ],
)
def test_each_part(sightings: list[Seen], expected: float) -> None:
    """Each part of the formula counts as it says, and no history breaks it."""
    assert trend(sightings, day=DAY) == pytest.approx(expected, abs=6e-7)


def test_each_weight_has_its_part() -> None:
    """A weight scales its own part and nothing else."""
    history = [seen(EVE, 3, 0), seen(DAY, 3, 9)]

    def at(**changed: float) -> float:
        return trend(history, day=DAY, weights=Weights(**changed))

    assert at() == 2.0
    assert at(position=2) == 2.75
    assert at(votes=1.25) == 3.0
    assert at(gain=3) == 4.0
    assert at(half_life_days=0.5) == 1.875


def test_rising_beats_big() -> None:
    """40 votes gained in a day outrank 200 stale ones, at any one position and from far below too."""
    for position in (1, 5, 50):
        stale = trend([seen(EVE, position, 200), seen(DAY, position, 200)], day=DAY)
        rising = trend([seen(EVE, position, 10), seen(DAY, position, 50)], day=DAY)
        assert rising > stale
    below = trend([seen(EVE, 50, 10), seen(DAY, 50, 50)], day=DAY)
    assert below > trend([seen(EVE, 1, 200), seen(DAY, 1, 200)], day=DAY)


def test_the_order_does_not_matter() -> None:
    """Sightings in any order give the same trend, to the last digit."""
    history = [
        seen(dt.date(2024, 3, 2), 9, 3),
        seen(EVE, 2, 8),
        seen(DAY, 5, 30),
        seen(DAY, 1),
        seen(NEXT, 6, 31),
    ]
    assert len({trend(order, day=DAY) for order in permutations(history)}) == 1


def test_a_long_stay_is_bounded() -> None:
    """A year at the top nears 2, and a sighting of long ago counts for nothing."""
    year = [seen(DAY - dt.timedelta(days=age), 1) for age in range(365)]
    assert trend(year, day=DAY) == 2.0
    assert trend([seen(dt.date(1990, 1, 1), 1, 5)], day=DAY) == 0.0


@pytest.mark.parametrize(
    ("sightings", "weights"),
    [
        ([seen(DAY, 0)], Weights()),
        ([seen(DAY, 1)], Weights(half_life_days=0)),
        ([], Weights(half_life_days=-1)),
    ],
)
def test_what_cannot_be(sightings: list[Seen], weights: Weights) -> None:
    """A position of 0 and a half-life that is not positive are refused."""
    with pytest.raises(ValueError, match=r"^positions start at 1 and half-lives above 0$"):
        trend(sightings, day=DAY, weights=weights)
