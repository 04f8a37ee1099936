"""When a source is looked at, by how its last looks went. No clock is read here: `now` comes in."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import replace

from digest.store.sources import SourceState

#: From a first failure to the next look; twice as long after each further one,
FIRST_BACK_OFF = dt.timedelta(minutes=5)
#: up to this, or to the time between two looks where that is longer.
BACK_OFF_MAX = dt.timedelta(hours=1)
#: A server that asks for more is left alone for so long.
WAIT_MAX = dt.timedelta(days=1)
#: A look that lies further ahead than this was dated by a clock that was wrong.
SKEW = dt.timedelta(minutes=5)


def is_due(state: SourceState, now: dt.datetime) -> bool:
    """Whether a source is to be looked at by itself."""
    if state.next_at is None or state.next_at <= now:
        return True
    return state.tried_at is not None and state.tried_at > now + SKEW


def is_held(state: SourceState, now: dt.datetime) -> bool:
    """Whether the server asked not to be asked yet, which binds a person too."""
    return state.wait_until is not None and now < state.wait_until <= now + WAIT_MAX


def back_off(failures: int, every: dt.timedelta) -> dt.timedelta:
    """How long to wait after so many failures in a row: 5, 10, 20, 40, 60, 60, … minutes for an hourly source."""
    doublings = min(failures - 1, 20)  # beyond which the wait would not fit
    return min(FIRST_BACK_OFF * (1 << doublings), max(every, BACK_OFF_MAX))


def _next(state: SourceState, now: dt.datetime, every: dt.timedelta) -> dt.datetime:
    """When it is due again: counted from when it was due now, where it was looked at not much later than that.

    Counted from the end of the look, what is asked once a day would come half a minute later each day, and after some
    months too late for the edition.
    """
    due = state.next_at
    if due is None or state.failures or not due <= now < due + every / 2:
        return now + every
    return due + every


def after(
    state: SourceState,
    now: dt.datetime,
    *,
    every: dt.timedelta,
    validators: Mapping[str, Mapping[str, str | None]],
    reason: str | None = None,
    later: dt.timedelta | None = None,
) -> SourceState:
    """The state after a look.

    Args:
        state: That before it.
        now: The end of the look.
        every: Between two looks.
        validators: What its answers, and those before them, are known by.
        reason: Why it failed; None if it did not.
        later: For how long the server asked to be left alone.
    """
    tried = replace(state, tried_at=now, validators=validators, reason=reason, wait_until=None)
    if reason is None:
        return replace(tried, succeeded_at=now, next_at=_next(state, now, every), failures=0)
    failures, asked = state.failures + 1, min(later or dt.timedelta(0), WAIT_MAX)
    next_at = now + max(back_off(failures, every), asked)
    return replace(tried, next_at=next_at, wait_until=now + asked if asked else None, failures=failures)
