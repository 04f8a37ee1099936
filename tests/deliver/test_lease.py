"""When a sender may still begin."""

from __future__ import annotations

import datetime as dt

import pytest

from digest.deliver.lease import LeasePolicy

NOW = dt.datetime(2026, 3, 2, 7, 0, tzinfo=dt.UTC)


def test_length() -> None:
    """A claim lapses half an hour after it was made."""
    assert LeasePolicy().until(NOW) == NOW + dt.timedelta(seconds=1800)


@pytest.mark.parametrize(
    ("left_s", "may"), [(721, True), (720, True), (719, False), (0, False), (-60, False)]
)
def test_a_whole_hand_over_must_fit(left_s: int, may: bool) -> None:
    """660 s for the message and 60 s to settle it have to be left."""
    until = NOW + dt.timedelta(seconds=left_s)
    assert LeasePolicy().may_begin(until, now=NOW) is may
