"""Numbers of what papers meet."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from digest.rank.meetings import Meetings

WIDTH = 5


def number(known: Meetings, column: int, *wishes: int) -> int:
    """The number of a paper and what it meets, asked for one wish after another."""
    found = np.array([column])
    for wish in wishes:
        found = known.further(found, np.array([wish]))
    return int(found[0])


def test_what_several_meet_at_once() -> None:
    """Each cell of an array goes on from its own number."""
    known = Meetings(WIDTH)
    first = known.further(np.array([0, 4, 4]), np.array([0, 0, 3]))
    second = known.further(first, np.array([3, 3, 0]))
    third = known.further(second[:2], np.array([7, 7]))
    assert [known.of(n) for n in first.tolist()] == [(0, (0,)), (4, (0,)), (4, (3,))]
    assert [known.of(n) for n in second.tolist()] == [(0, (0, 3)), (4, (0, 3)), (4, (3, 0))]
    assert [known.of(n) for n in third.tolist()] == [(0, (0, 3, 7)), (4, (0, 3, 7))]


@given(
    met=st.lists(
        st.tuples(st.integers(0, WIDTH - 1), st.lists(st.integers(0, 9), max_size=4).map(tuple)), max_size=20
    )
)
def test_a_number_stands_for_one_meeting(met: list[tuple[int, tuple[int, ...]]]) -> None:
    """Equal meetings have one number, others have others, and a number tells what it stands for."""
    known = Meetings(WIDTH)
    numbers = [number(known, column, *wishes) for column, wishes in met]
    assert [known.of(found) for found in numbers] == met
    assert numbers == [number(known, column, *wishes) for column, wishes in met]


def test_a_fork_numbers_on_its_own() -> None:
    """What a fork meets first does not take the numbers of its origin, nor the other way round."""
    origin = Meetings(WIDTH)
    shared = number(origin, 1, 2, 3)
    forked = origin.fork()
    assert number(forked, 1, 2, 3) == shared
    one, other = number(forked, 1, 2, 4), number(origin, 1, 2, 5)
    assert (forked.of(one), origin.of(other)) == ((1, (2, 4)), (1, (2, 5)))
