"""A subscriber, and what they chose."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from enum import StrEnum


class State(StrEnum):
    """Where a subscriber stands; only `active` is mailed."""

    PENDING = "pending"  #: asked, has not confirmed
    ACTIVE = "active"
    PAUSED = "paused"
    SUPPRESSED = "suppressed"  #: the address bounced or complained
    LEFT = "left"


#: Who is subscribed, whether mailed at the moment or not.
SUBSCRIBED = (State.ACTIVE, State.PAUSED)


class Frequency(StrEnum):
    DAILY = "daily"
    WEEKDAYS = "weekdays"
    WEEKLY = "weekly"


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """What one subscriber wants. Nothing chosen means: what trends."""

    topics: tuple[str, ...] = ()  #: topic ids of the taxonomy
    interests: tuple[str, ...] = ()  #: free text, matched by its words
    include: tuple[str, ...] = ()  #: rules that bring a paper in: words, or `author:NAME`
    exclude: tuple[str, ...] = ()  #: rules that keep a paper out, of the same form
    cap: int = 10  #: papers in one digest at most, 1 to 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """When one subscriber is mailed."""

    frequency: Frequency = Frequency.DAILY
    weekday: int = 0  #: for weekly: 0 is Monday, as `date.weekday()`
    zone: str = "UTC"  #: IANA name
    hour: int = 7  #: local hour, 0 to 23


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscriber:
    id: int
    address: str  #: normalised, ASCII domain
    state: State
    profile: Profile = field(default_factory=Profile)
    schedule: Schedule = field(default_factory=Schedule)
    epoch: int = 0  #: raised to revoke every link but the leave link
    confirmed_at: dt.datetime | None = None
    asked_at: dt.datetime | None = None  #: last asked to subscribe, or to take a subscription over
    paused_until: dt.date | None = None  #: local date on which a pause ends by itself
    replaces: int | None = None  #: id of the subscription that this pending address will take over
    moves_to: int | None = None  #: id of the pending address that was last asked to take this one over
