"""How much one client may ask for: a moving window per rule and client, in memory or shared through Redis."""

from __future__ import annotations

import importlib
import math
import re
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from limits import RateLimitItemPerSecond
from limits.errors import StorageError
from limits.storage import RedisStorage
from limits.strategies import MovingWindowRateLimiter

from digest.errors import SettingsError
from digest.log import logger
from digest.settings import WebSettings
from digest.web.clients import limit_key
from digest.web.problems import Problem

_log = logger("web")


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

    Lost: the moving windows in memory of `limits`. They keep an entry for every client for ever (of 1,000 whose
    window was over all 1,000 were there), and take 13 microseconds a request; this takes 2.5, and forgets a client
    with its window.
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


class Shared:
    """The windows of all processes that count in one Redis or Valkey; by `limits`, in one round trip a request.

    While it cannot be reached each process counts for itself: a reader is let in rather than refused for a fault of
    ours, and a flood is still held to the limit times the processes.

    Args:
        url: As in `web.limits_url`.
        alone: Counts meanwhile.
        clock: Seconds, from any start.

    Raises:
        SettingsError: The client library is not installed, or the URL cannot be read.
    """

    #: Longest wait for an answer, in seconds.
    PATIENCE_S = 0.5
    #: How long it is left alone after it did not answer, so that not every request waits for it.
    REST_S = 5.0
    #: How often the log says that it is away.
    TOLD_S = 60.0

    def __init__(self, url: str, *, alone: Window, clock: Callable[[], float] = time.monotonic) -> None:
        self._limiter = MovingWindowRateLimiter(_storage(url, self.PATIENCE_S))
        self._alone = alone
        self._clock = clock
        self._rest_until = self._told_until = -math.inf

    def wait_s(self, rule: Rule, key: str, rate: Rate) -> float:
        if self._clock() >= self._rest_until:
            try:
                return self._shared_wait_s(rule, key, rate)
            except StorageError as error:
                self._rest(error)
        return self._alone.wait_s(rule, key, rate)

    def _shared_wait_s(self, rule: Rule, key: str, rate: Rate) -> float:
        item = RateLimitItemPerSecond(rate.count, rate.per_s, namespace=rule)
        if self._limiter.hit(item, key):
            return 0.0
        # A window that ended between the two calls leaves nothing to wait for; refused is refused all the same.
        return max(0.001, self._limiter.get_window_stats(item, key).reset_time - time.time())

    def _rest(self, error: StorageError) -> None:
        now = self._clock()
        self._rest_until = now + self.REST_S
        if now >= self._told_until:
            self._told_until = now + self.TOLD_S
            _log.error("limits not shared", error=str(error.storage_error))


def _storage(url: str, patience_s: float) -> RedisStorage:
    try:
        redis = importlib.import_module("redis")
    except ModuleNotFoundError as error:
        raise SettingsError("web.limits_url: install digest with its extra `redis` for this") from error
    never = redis.retry.Retry(redis.backoff.NoBackoff(), 0)
    try:
        # Valkey speaks the same protocol. A pool of our own, because only that can be told not to try again.
        pool = redis.ConnectionPool.from_url(
            re.sub(r"^valkey(s?)://", r"redis\1://", url),
            socket_timeout=patience_s,
            socket_connect_timeout=patience_s,
            retry=never,
        )
        return RedisStorage("redis://", connection_pool=pool, key_prefix="digest", wrap_exceptions=True)
    except ValueError as error:
        raise SettingsError("web.limits_url cannot be read: give redis://HOST:PORT/NUMBER") from error


class Limits:
    """The limits of all rules."""

    def __init__(self, rates: Mapping[Rule, Rate], window: Window) -> None:
        self._rates = rates
        self._window = window

    @classmethod
    def of(cls, settings: WebSettings) -> Limits:
        """The limits that the settings name.

        Raises:
            SettingsError: `web.limits_url` cannot be used.
        """
        rates = {
            Rule.SIGN_UP: Rate(count=settings.signups_per_hour, per_s=3600),
            Rule.POST: Rate(count=settings.posts_per_minute, per_s=60),
            Rule.API: Rate(count=settings.api_per_minute, per_s=60),
        }
        if settings.limits_url.startswith("memory:"):
            return cls(rates, Memory())
        return cls(rates, Shared(settings.limits_url, alone=Memory()))

    def hit(self, rule: Rule, client: str) -> None:
        """Count a request of a client.

        Raises:
            Problem: 429, with Retry-After: it was one too many, and is not counted.
        """
        wait_s = self._window.wait_s(rule, limit_key(client), self._rates[rule])
        if wait_s > 0:
            raise Problem(429, headers={"Retry-After": str(max(1, math.ceil(wait_s)))})
