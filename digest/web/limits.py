"""How much one client may ask for: a moving window per rule and client, in memory or shared through Redis."""

from __future__ import annotations

import math
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from digest.settings import WebSettings
from digest.web.clients import limit_key
from digest.web.problems import Problem


class Rule(StrEnum):
    """What is counted, each by itself."""

    SIGN_UP = "sign-up"
    POST = "post"
    API = "api"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    count: int
    per_s: int


class Window(Protocol):
    """Counts requests."""

    def wait_s(self, rule: Rule, key: str, rate: Rate) -> float:
        """Count one more request; 0 where it is within the rate, else the seconds until one would be."""


class Memory:
    """The windows of one process.

    `limits` has a storage in memory too. Its moving windows keep an entry for every client for ever, and a thread
    looks through all of them a hundred times a second; this one forgets a client with its window.
    """

    #: Clients remembered for one rule. An attacker has more IPv6 networks than we have memory; beyond this the client
    #: that asked longest ago is forgotten first.
    MOST = 100_000

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        #: By rule, then client: moments of the requests taken, oldest first; the client that was taken last is last.
        self._taken: dict[Rule, OrderedDict[str, deque[float]]] = {rule: OrderedDict() for rule in Rule}

    def wait_s(self, rule: Rule, key: str, rate: Rate) -> float:
        now = self._clock()
        with self._lock:
            clients = self._taken[rule]
            self._forget(clients, now - rate.per_s)
            taken = clients.get(key, deque())
            while taken and taken[0] <= now - rate.per_s:
                taken.popleft()
            if len(taken) >= rate.count:
                return taken[0] + rate.per_s - now
            taken.append(now)
            clients[key] = taken
            clients.move_to_end(key)
            return 0.0

    def _forget(self, clients: OrderedDict[str, deque[float]], before: float) -> None:
        while clients and (len(clients) > self.MOST or next(iter(clients.values()))[-1] <= before):
            clients.popitem(last=False)


class Limits:
    """The limits of all rules."""

    def __init__(self, rates: Mapping[Rule, Rate], window: Window) -> None:
        self._rates = rates
        self._window = window

    @classmethod
    def of(cls, settings: WebSettings) -> Limits:
        """The limits that the settings name."""
        rates = {
            Rule.SIGN_UP: Rate(count=settings.signups_per_hour, per_s=3600),
            Rule.POST: Rate(count=settings.posts_per_minute, per_s=60),
            Rule.API: Rate(count=settings.api_per_minute, per_s=60),
        }
        return cls(rates, Memory())

    def hit(self, rule: Rule, client: str) -> None:
        """Count a request of a client.

        Raises:
            Problem: 429, with Retry-After: it was one too many, and is not counted.
        """
        wait_s = self._window.wait_s(rule, limit_key(client), self._rates[rule])
        if wait_s > 0:
            raise Problem(429, headers={"Retry-After": str(max(1, math.ceil(wait_s)))})
