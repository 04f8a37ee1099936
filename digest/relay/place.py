"""A relay's place in a pool: what it may be given, and how it stands."""

from __future__ import annotations

import math
from dataclasses import dataclass

from digest.deliver.pace import Pace, Rate
from digest.deliver.reply import Reply
from digest.relay.smtp import SmtpConnection, SmtpRelay


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One relay of a pool."""

    name: str
    relay: SmtpRelay
    weight: int = 1  #: its share of the messages, against the others'
    connections: int = 8  #: at once
    rate: Rate | None = None  #: that its provider allows


@dataclass(frozen=True, slots=True, kw_only=True)
class Aside:
    """A relay in trouble."""

    name: str
    left_s: float  #: until it is tried again; 0 where it may be, and has not shown yet that it works
    times: int  #: in a row
    said: str  #: its words, without addresses


class Place:
    """A member as it stands. All of it is changed under the lock of its pool."""

    def __init__(self, member: Member) -> None:
        self.member = member
        self.idle: list[SmtpConnection] = []  # open, as far as we know
        self.busy = 0
        self.credit = 0
        self.pace = Pace(member.rate) if member.rate else None
        #: One connection shows whether it works; the others go elsewhere meanwhile, or wait for that.
        self.proven = False
        self.failures = 0
        self.aside_until_s = -math.inf
        self.refusal: Reply | None = None

    @property
    def free(self) -> int:
        """How many more messages it may be given."""
        # Those that hang since it was proven last are more than the one: that takes nothing from the others' room.
        return max(0, (self.member.connections if self.proven else 1) - self.busy)

    def is_well(self, now_s: float) -> bool:
        return self.aside_until_s <= now_s

    def ready(self, now_s: float) -> int:
        """How many more it may be given at its rate."""
        return self.free if self.pace is None else min(self.free, self.pace.ready(now_s))


@dataclass(frozen=True, slots=True)
class Seat:
    place: Place
    connection: SmtpConnection
    taken_s: float  #: when, by the pool's clock
