"""When a source is looked at, by how its last looks went."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import pytest

from digest.pipeline.turns import after, back_off, is_due, is_held
from digest.store.sources import SourceState
from tests.factories import DAY, HOUR, NOW

MINUTE = dt.timedelta(minutes=1)
FRESH = SourceState(name="x")
KNOWN = {"ab": {"etag": '"1"', "last_modified": None, "sha256": "cd"}}


@pytest.mark.parametrize(
    ("state", "due"),
    [
        (FRESH, True),
        (replace(FRESH, tried_at=NOW - HOUR, next_at=NOW), True),
        (replace(FRESH, tried_at=NOW - HOUR, next_at=NOW - DAY), True),
        (replace(FRESH, tried_at=NOW - HOUR, next_at=NOW + MINUTE), False),
        (replace(FRESH, tried_at=NOW + MINUTE, next_at=NOW + HOUR), False),
        (replace(FRESH, tried_at=NOW + HOUR, next_at=NOW + DAY), True),
    ],
)
def test_who_is_due(state: SourceState, due: bool) -> None:
    """A source is due when its moment has come, was never set, or was set by a clock that was far ahead."""
    assert is_due(state, NOW) is due


@pytest.mark.parametrize(
    ("wait_until", "held"),
    [(None, False), (NOW, False), (NOW + MINUTE, True), (NOW + DAY, True), (NOW + DAY + MINUTE, False)],
)
def test_who_is_left_alone(wait_until: dt.datetime | None, held: bool) -> None:
    """Until the moment that the server named; one further off than a day was set by a clock that was wrong."""
    assert is_held(replace(FRESH, wait_until=wait_until), NOW) is held


@pytest.mark.parametrize(
    ("every", "minutes"),
    [
        (HOUR, [5, 10, 20, 40, 60, 60]),
        (10 * MINUTE, [5, 10, 20, 40, 60, 60]),
        (DAY, [5, 10, 20, 40, 80, 160, 320, 640, 1280, 1440, 1440]),
    ],
)
def test_back_off(every: dt.timedelta, minutes: list[int]) -> None:
    """The wait doubles from five minutes on, to an hour or the usual time between two looks; it never overflows."""
    assert [back_off(failures, every) for failures in range(1, len(minutes) + 1)] == [
        minute * MINUTE for minute in minutes
    ]
    assert back_off(10**9, every) == max(every, HOUR)


def test_after_success() -> None:
    """A success sets the next turn and forgets what failed before."""
    before = replace(FRESH, failures=3, reason="down", wait_until=NOW + HOUR, succeeded_at=NOW - DAY)
    assert after(before, NOW, every=HOUR, validators=KNOWN) == SourceState(
        name="x", tried_at=NOW, succeeded_at=NOW, next_at=NOW + HOUR, validators=KNOWN
    )


@pytest.mark.parametrize(
    ("due", "failures", "next_at"),
    [
        (NOW, 0, NOW + DAY),
        (NOW - MINUTE, 0, NOW - MINUTE + DAY),
        (NOW - DAY / 2 + MINUTE, 0, NOW + DAY / 2 + MINUTE),
        (NOW - DAY / 2, 0, NOW + DAY),
        (NOW - 9 * DAY, 0, NOW + DAY),
        (NOW + MINUTE, 0, NOW + DAY),
        (NOW - MINUTE, 1, NOW + DAY),
        (None, 0, NOW + DAY),
    ],
)
def test_its_hour_stays(due: dt.datetime | None, failures: int, next_at: dt.datetime) -> None:
    """What is asked once a day keeps its time of day, unless it was long down, failed, or a person asked before it."""
    state = after(replace(FRESH, next_at=due, failures=failures), NOW, every=DAY, validators={})
    assert state.next_at == next_at


@pytest.mark.parametrize(
    ("later", "next_at", "wait_until"),
    [
        (None, NOW + 10 * MINUTE, None),
        (dt.timedelta(0), NOW + 10 * MINUTE, None),
        (MINUTE, NOW + 10 * MINUTE, NOW + MINUTE),
        (HOUR, NOW + HOUR, NOW + HOUR),
        (9 * DAY, NOW + DAY, NOW + DAY),
    ],
)
def test_after_failure(
    later: dt.timedelta | None, next_at: dt.datetime, wait_until: dt.datetime | None
) -> None:
    """A failure is counted and told, keeps the last success, and waits for the back-off or as long as was asked."""
    before = replace(FRESH, failures=1, reason="hiccup", succeeded_at=NOW - DAY, wait_until=NOW - HOUR)
    assert after(before, NOW, every=HOUR, validators=KNOWN, reason="down", later=later) == SourceState(
        name="x",
        tried_at=NOW,
        succeeded_at=NOW - DAY,
        next_at=next_at,
        wait_until=wait_until,
        failures=2,
        reason="down",
        validators=KNOWN,
    )
