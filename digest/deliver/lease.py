"""How long a sender may hold a delivery, and when it may no longer begin with it."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class LeasePolicy:
    """A claim is good for `length`; whoever finds an older one may take it over."""

    length: dt.timedelta = dt.timedelta(minutes=30)
    hand_over: dt.timedelta = dt.timedelta(seconds=660)  #: the relay's deadline for one whole message
    margin: dt.timedelta = dt.timedelta(seconds=60)  #: to settle, and for clocks that differ

    def until(self, now: dt.datetime) -> dt.datetime:
        """Return when a claim made at `now` lapses."""
        return now + self.length

    def may_begin(self, lease_until: dt.datetime, *, now: dt.datetime) -> bool:
        """Whether one whole hand-over still fits into the lease.

        Asked right before each message, so that a sender that was stopped for longer than its lease
        (SIGSTOP, a sleeping laptop) does not send what another has taken over.
        """
        return now + self.hand_over + self.margin <= lease_until
