"""Which of the waiting messages may go now: rates, connections for each domain, and destinations that hang.

A domain begins with a small share of the connections and gets one more with each answer, so one whose messages hang
never holds more than that share. Once a message to it was given up without an answer, the domain is left alone for a
while. Those of other domains go past what is held back, in the order in which they wait.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from typing import Final

from digest.deliver.pace import Pace, Rate
from digest.deliver.reply import UP_TO_MAIL, Reply, Silence, Step

#: So many messages of one domain may wait in memory while they cannot go, or so many times as many as may be on their
#: way, if that is more: one behind each of those, one in stock, and what is claimed together. Others stay in the ledger.
_WAITING: Final = 32
_BEHIND: Final = 4
#: And of one to which all connections may be used: nothing else can go while they are, and claims that are given back
#: cost as much as those that are kept.
_ALONE: Final = 256
#: But of one with a rate no more than go in this time: what waits longer does not fit into its lease any more.
_PACED_S: Final = 600.0
_MANY: Final = 1 << 30
#: Domains remembered; beyond, those that are at rest are forgotten, and begin with a small share again.
_DOMAINS: Final = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What is to be kept to. Without any of the first three, destinations that hang are still held back."""

    rate: Rate | None = None  #: of all messages together
    domain_rate: Rate | None = None  #: of those to one domain
    domain_connections: int | None = (
        None  #: messages to one domain on their way at once; all connections if None
    )
    stall_s: float = 5.0  #: without an answer for so long, a domain hangs
    aside_s: float = 60.0  #: how long one is left alone that gave no answer in time


class Heard(Enum):
    """What a reply says about the destination."""

    ANSWER = "answer"
    NOTHING = "nothing"  #: it was the relay's own
    SILENCE = "silence"


def heard(reply: Reply) -> Heard:
    """Say what a relay's last word about a message tells of its domain."""
    if reply.step is Step.DOT and reply.code is not None:
        return (
            Heard.ANSWER
        )  # nearly all; said first, for to look a step up in a set takes longer than all else here
    if reply.step in UP_TO_MAIL:
        return Heard.NOTHING
    if reply.silence is Silence.TIMEOUT:
        return Heard.SILENCE
    return Heard.ANSWER if reply.code is not None else Heard.NOTHING


class _Domain:
    """A destination as it stands."""

    __slots__ = ("aside_until_s", "coming", "going", "pace", "quiet_since_s", "waiting", "window")

    def __init__(self, share: int, rate: Rate | None) -> None:
        self.window = share  #: how many may be on their way at once
        self.going = 0
        self.waiting = 0  #: enrolled, and not started
        self.coming = 0  #: of those, promised a place
        self.quiet_since_s = 0.0  #: the last answer, or the first message that waits for one
        self.aside_until_s = -math.inf
        self.pace = Pace(rate) if rate else None


class Throttle:
    """What is on its way to each domain. The caller tells when a message is enrolled, started and ended.

    Not for two threads at once.

    Attributes:
        limits: As given.
    """

    def __init__(self, limits: Limits, *, connections: int) -> None:
        """Begin with nothing on its way.

        Args:
            limits: What to keep to.
            connections: How many messages are on their way at once, to all domains together.
        """
        self.limits = limits
        self._connections = connections
        self._most = min(limits.domain_connections or connections, connections)
        self._share = min(max(1, connections // 8), self._most)
        self._pace = Pace(limits.rate) if limits.rate else None
        self._domains: dict[str, _Domain] = {}
        self._turned_away: set[str] = set()

    def begin(self) -> None:
        """Begin a run: nothing is waiting or on its way, whatever broke the last one."""
        for domain in self._domains.values():
            domain.waiting = domain.going = domain.coming = 0
        self._turned_away.clear()

    # -- before a message is composed ------------------------------------------------------------

    def enrol(self, name: str, now_s: float) -> bool:
        """Let a message to this domain wait; False where more of it wait already than may go soon."""
        domain = self._domains.get(name) or self._new(name, now_s)
        if self._is_full(domain, now_s):
            self._turned_away.add(name)
            return False
        domain.waiting += 1
        return True

    def turned_away(self, now_s: float) -> frozenset[str]:
        """Domains of which no more can wait yet: not to be claimed."""
        if self._turned_away:
            known = self._domains
            self._turned_away = {
                name for name in self._turned_away if name in known and self._is_full(known[name], now_s)
            }
        return frozenset(self._turned_away)

    def withdraw(self, name: str) -> None:
        """A message that waited is not going to be started."""
        self._domains[name].waiting -= 1

    # -- on the way ---------------------------------------------------------------------------------

    def room(self, now_s: float) -> int:
        """How many may be started now, of whatever domain, as far as the rate of all goes."""
        return _MANY if self._pace is None else self._pace.ready(now_s)

    def soon(self, in_s: float) -> int:
        """How many may be started within so many seconds, one at least: more need not be claimed."""
        rate = self.limits.rate
        return _MANY if rate is None else max(1, int(rate.count / rate.period_s * in_s))

    def is_aside(self, name: str, now_s: float) -> bool:
        """Whether this domain is left alone."""
        return self._domains[name].aside_until_s > now_s

    @property
    def is_paced(self) -> bool:
        """Whether rates are to be kept to: then when a message goes is not known before it does."""
        return self._pace is not None or self.limits.domain_rate is not None

    def promise(self, name: str, now_s: float) -> bool:
        """Keep a place for one that waits, until `unpromise`; False where there is none."""
        domain = self._domains[name]
        if self._holds(domain, now_s):
            return False
        domain.coming += 1
        return True

    def unpromise(self, name: str) -> None:
        """One that was promised a place is about to take it, or is not coming."""
        self._domains[name].coming -= 1

    def start(self, name: str, now_s: float) -> bool:
        """Take one that waits for started, where it may go now; False where it has to go on waiting."""
        domain = self._domains[name]
        if self._holds(domain, now_s):
            return False
        domain.waiting -= 1
        if not domain.going:
            domain.quiet_since_s = now_s
        domain.going += 1
        if domain.pace is not None:
            domain.pace.take(now_s)
        if self._pace is not None:
            self._pace.take(now_s)
        return True

    def end(self, name: str, what: Heard, now_s: float) -> bool:
        """One is over; True where its domain is now to be left alone for `Limits.aside_s`, and what waits for it."""
        domain = self._domains[name]
        domain.going -= 1
        if what is Heard.ANSWER:
            domain.quiet_since_s = now_s
            domain.window = min(domain.window + 1, self._most)
        elif what is Heard.SILENCE:
            domain.window = self._share
            alone = domain.aside_until_s <= now_s
            domain.aside_until_s = now_s + self.limits.aside_s
            return alone
        return False

    def wait_again(self, name: str) -> None:
        """One that was started waits again: nothing of it has left. See `give_back`."""
        domain = self._domains[name]
        domain.going -= 1
        domain.waiting += 1

    def give_back(self, name: str, taken_s: float) -> None:
        """Give back the turn that one took then by the rates, and did not use."""
        for pace in (self._domains[name].pace, self._pace):
            if pace is not None:
                pace.give_back(taken_s)

    def wait_s(self, waiting: Iterable[str], now_s: float) -> float:
        """How long until time alone lets one of these go; infinite where one that is on its way has to end first."""
        soonest_s = math.inf
        for name in set(waiting):
            domain = self._domains[name]
            if domain.going + domain.coming < self._window(domain, now_s):
                pace_s = domain.pace.wait_s(now_s) if domain.pace is not None else 0.0
                soonest_s = min(soonest_s, max(pace_s, domain.aside_until_s - now_s))
        return max(soonest_s, self._pace.wait_s(now_s)) if self._pace is not None else soonest_s

    def _is_full(self, domain: _Domain, now_s: float) -> bool:
        """Whether no more of it should wait."""
        if domain.aside_until_s > now_s:
            return True
        window = self._window(domain, now_s)
        most = max(_WAITING, _BEHIND * window, _ALONE if window == self._connections else 0)
        if domain.pace is None:
            return domain.waiting >= most and self._holds(domain, now_s)
        rate = domain.pace.rate
        return domain.waiting >= max(1, min(most, int(rate.count / rate.period_s * _PACED_S)))

    def _holds(self, domain: _Domain, now_s: float) -> bool:
        return (
            domain.going + domain.coming >= self._window(domain, now_s)
            or domain.aside_until_s > now_s
            or (domain.pace is not None and domain.pace.wait_s(now_s) > 0)
        )

    def _window(self, domain: _Domain, now_s: float) -> int:
        """How many may be on their way: a share alone once it hangs, until one comes back."""
        hangs = domain.going > 0 and now_s - domain.quiet_since_s > self.limits.stall_s
        return self._share if hangs else domain.window

    def _new(self, name: str, now_s: float) -> _Domain:
        if len(self._domains) >= _DOMAINS:
            self._domains = {each: kept for each, kept in self._domains.items() if self._matters(kept, now_s)}
        domain = self._domains[name] = _Domain(self._share, self.limits.domain_rate)
        return domain

    @staticmethod
    def _matters(domain: _Domain, now_s: float) -> bool:
        return (
            domain.waiting > 0
            or domain.going > 0
            or domain.aside_until_s > now_s
            or (domain.pace is not None and not domain.pace.is_rested(now_s))
        )
