"""Step four: claim what is due, build its bytes, hand it over, settle. Nothing lost, nothing twice.

A delivery is claimed under a lease and begun durably before the first byte of its content leaves; its result is durable
before the next message on that connection begins. A sender killed at any moment leaves at most one begun delivery per
connection, and those alone may be repeated, with the same Message-ID and the same bytes.
"""

from __future__ import annotations

import datetime as dt
import gc
import math
import threading
import time
import traceback
from collections import Counter, deque
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Protocol, TypeVar

from digest.deliver.delivery import Delivery, Status
from digest.deliver.lease import LeasePolicy
from digest.deliver.policy import RetryPolicy, Verdict, judge, judge_unbuilt, next_streak
from digest.deliver.reply import Reply, Silence
from digest.deliver.throttle import Limits, Throttle
from digest.log import logger
from digest.pipeline.clerk import Clerk
from digest.pipeline.crew import LOOK_S, Crew
from digest.pipeline.gate import PATIENCE_S, Gate
from digest.pipeline.ports import Draft, Relay, Signing
from digest.pipeline.restored import Lookout
from digest.pipeline.sealing import Sealer
from digest.pipeline.senders import Built
from digest.rank.selection import EditionPaper
from digest.store import claimants, deliveries
from digest.store.database import Database
from digest.store.deliveries import Result

#: Messages kept ready at most. Of more, what the signing process is asked and answers would not fit into their pipe.
_STOCK = 128
#: Longest wait where somebody is idle and what was composed last may not go: behind it there may be what can.
_NEXT_S = 0.02
#: Messages composed between two looks at the sockets.
_AT_ONCE = 16

_log = logger("deliver")

T = TypeVar("T")


class Build(Protocol):
    """Composes the bytes of any kind of delivery."""

    def __call__(self, delivery: Delivery, papers: Mapping[tuple[int, int], EditionPaper]) -> Draft: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliverPolicy:
    connections: int = 8  #: to the relay at once, one sender each
    batch: int = 128  #: deliveries claimed at a time
    lease: LeasePolicy = field(default_factory=LeasePolicy)
    retry: RetryPolicy = field(default_factory=RetryPolicy)


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliverReport:
    """What one run did; deliveries left for later stand in the ledger."""

    results: dict[Status, int]  #: tries by what came of them
    expired: int
    paused: str | None  #: what stopped the run, for the operator
    trouble: str | None  #: the site's, where every message of the run met it, and too few were due to pause


def deliver(
    database: Database,
    relay: Relay,
    build: Build,
    policy: DeliverPolicy,
    *,
    clock: Callable[[], dt.datetime],
    claims: Path,
    only: Collection[int] | None = None,
    limit: int | None = None,
    stop: threading.Event | None = None,
    lookout: Lookout | None = None,
    gate: Gate | None = None,
    signing: Callable[[], Signing] | None = None,
) -> DeliverReport:
    """Hand over all that is due, or falls due while messages are under way, and return when it is settled.

    Args:
        clock: The time, asked again for each message: a run may last.
        claims: Folder where senders of this machine hold their locks.
        only: Subscribers to serve; everyone if None.
        limit: Claim no more than this many.
        stop: Set from outside to drain: what is begun is settled, the rest goes back.
        lookout: Raises the database's generation with each claim; None where nobody looks for older copies.
        gate: Says what may go now; one without limits if None.
        signing: Starts a process that signs, where there is much to sign; all is signed here if None.
    """
    with claimants.claimant(claims) as name, _memory_at_rest(), lookout or nullcontext():
        expired = _take_back(database, claims, policy, now=clock())
        stop = stop or threading.Event()
        gate = gate or Gate(Throttle(Limits(), connections=policy.connections), relay)
        clerk = Clerk(database, gate, policy.lease, clock=clock, claimant=name, lookout=lookout, stop=stop)
        run = _Run(clerk, gate, relay, build, policy, clock=clock, stop=stop, signing=signing)
        results = run.all(only, limit)
    report = DeliverReport(results=results, expired=expired, paused=run.paused, trouble=run.trouble)
    if report.results or report.expired or report.paused:
        counts = Counter({str(status): number for status, number in report.results.items()})
        counts[Status.EXPIRED] += expired
        _log.info("delivered", **counts, paused=report.paused)
    return report


@contextmanager
def _memory_at_rest() -> Iterator[None]:
    """Let the collector see again what a long run spared it."""
    try:
        yield
    finally:
        gc.unfreeze()


def _take_back(database: Database, claims: Path, policy: DeliverPolicy, *, now: dt.datetime) -> int:
    """Take back what dead senders held, and expire what is too late; returns how many expired."""
    gone = claimants.dead(claims)
    with database.write() as conn:
        begun = deliveries.lapse(conn, now=now, dead=gone, park=policy.retry.ambiguous == "park")
    # Apart: it asks for readers' rows first, as all do who change those and then deliveries.
    with database.write() as conn:
        expired = deliveries.expire(conn, now=now)
    claimants.bury(claims, gone)
    if begun:
        _log.warning("took over from dead senders", begun=begun, policy=policy.retry.ambiguous)
    return expired


class _Run:
    """One delivery run: this thread claims, composes, begins, settles, and takes messages on over open connections.

    All that has come back to the desk is committed together: with one fsync for n senders, the price of a durable
    result falls with the number of connections. One thread does nearly all, because threads that compute in Python
    only take turns: with composers, committers and senders apart, half of the time went into waking one another, and
    even a thread that did nothing but wait for the disk cost more than the wait. What is signed in numbers is signed by
    another process.
    """

    def __init__(
        self,
        clerk: Clerk,
        gate: Gate,
        relay: Relay,
        build: Build,
        policy: DeliverPolicy,
        *,
        clock: Callable[[], dt.datetime],
        stop: threading.Event,
        signing: Callable[[], Signing] | None,
    ) -> None:
        self._build = build
        self._policy = policy
        self._clock = clock
        self._stop = stop
        self._gate = gate
        self._clerk = clerk
        self._crew = Crew(relay, gate, connections=policy.connections)
        self._sealer = Sealer(signing, self._sealed, self._crew.desk)
        self._ready: deque[Built] = deque()
        self._streak = 0
        self._many = False
        self._more = True  # whether the drafts may give more at once
        self._taken_up = False  # some message, by the relay, whatever it said of it
        self.paused: str | None = None
        self.trouble: str | None = None

    def all(self, only: Collection[int] | None, limit: int | None) -> dict[Status, int]:
        """Claim, build and hand over until nothing is due, the run pauses or is told to stop."""
        try:
            self._serve(self._drafts(only, limit))
        finally:
            self._wind_up()
        if self._crew.error is not None:
            raise self._crew.error
        return dict(self._clerk.tries)

    @property
    def _halted(self) -> bool:
        return self._stop.is_set() or self.paused is not None or self._crew.error is not None

    def _serve(self, drafts: Iterator[tuple[Delivery, Draft] | None]) -> None:
        """Keep every sender busy, and each result durable before its sender is given the next message."""
        while True:
            chosen = [] if self._halted else self._crew.choose(self._ready)
            self._crew.give(self._clerk.commit(chosen), self._ready)
            # Composed while the relay has what was given, and before a look at the desk: meanwhile other senders come
            # back to it, and share the next commit.
            composed = self._stock_up(drafts)
            done = self._halted or (self._is_all_given and not self._more)
            wait_s = self._wait_s()
            if composed and self._crew.idle:
                wait_s = min(wait_s, _NEXT_S)
            signing = self._sealer.pending and not self._halted
            if not (self._crew.busy or signing) and (done or wait_s > PATIENCE_S):
                return
            self._come_back(wait_s if self._halted else min(wait_s, self._crew.look_s))
            if not self._halted:
                self._crew.take_from_those_that_hang(last=self._is_all_given)

    @property
    def _is_all_given(self) -> bool:
        return not (self._ready or self._sealer.pending or self._gate.holds)

    def _wait_s(self) -> float:
        """How long until time alone lets a message go that waits; infinite where somebody has to come back first."""
        if self._halted or not self._crew.idle:
            return math.inf
        if self._ready or self._gate.holds:
            return self._gate.wait_s(self._ready)
        return math.inf if self._crew.busy or self._sealer.pending else 0.0

    def _stock_up(self, drafts: Iterator[tuple[Delivery, Draft] | None]) -> bool:
        """Have as many messages ready, or being signed, as there are senders: with those that follow, two for each.

        Returns:
            Whether any was composed.
        """
        composed = False
        ready = len(self._ready) + self._sealer.pending
        # What is held back may go next; but others need not wait for it, if it may not.
        least = min(self._stock, _AT_ONCE)
        wanted = 0 if self._halted else max(self._stock - self._gate.holds, least) - ready
        # At the beginning nobody waits until the stock is full.
        while wanted > 0 and (self._crew.busy or not self._ready):
            most = min(wanted, _AT_ONCE)
            chunk = list(_until_none(islice(drafts, most)))
            self._more = len(chunk) == most
            if not chunk:
                break
            composed = True
            for one in self._sealer.close(chunk):
                self._take_in(one)
            wanted -= len(chunk)
            # Or the relay would stand idle while this process composes, and this one then while the relay works.
            self._crew.desk.glance()
        return composed

    @property
    def _stock(self) -> int:
        return min(len(self._crew), _STOCK)

    def _come_back(self, most_s: float = math.inf) -> None:
        """Wait for senders and signatures, or that long; take what has come."""
        back = self._crew.wait(most_s)
        for one in self._sealer.received() if self._crew.desk.heard() or self._sealer.is_silent else ():
            self._take_in(one)
        for one, reply in back:
            if reply.silence is Silence.LATE:
                self._clerk.note_late(one)
            else:
                self._gate.end(one.delivery, reply)
                self._judge(one.delivery, reply)

    def _take_in(self, one: Built | Result) -> None:
        if isinstance(one, Built):
            self._ready.append(one)
        else:
            self._clerk.note(one)

    def _wind_up(self) -> None:
        """Wait for what is on its way and settle it, also after a run broke; give up what was not begun."""
        while self._crew.busy:
            self._come_back()
        self._sealer.end()
        self._crew.dismiss()
        self._clerk.write_down()

    # -- what is due ----------------------------------------------------------------------------

    def _drafts(
        self, only: Collection[int] | None, limit: int | None
    ) -> Iterator[tuple[Delivery, Draft] | None]:
        """Claim in batches and compose one by one, as they are asked for; None where nothing may be claimed now."""
        left = limit
        while not self._halted and left != 0:
            batch = self._policy.batch if left is None else min(self._policy.batch, left)
            claimed = self._clerk.claim(batch, only)
            if len(claimed) == self._policy.batch:
                self._expect_many(signed=bool(claimed[-1].signed_by))
            if not claimed and self._gate.excess:
                continue  # of other domains there may be more; these are passed over now
            if not claimed:
                # Asked before anything else happens: what was turned away just now is claimed at the next look. Else there
                # is nothing. But one message may hang for minutes, and with it the run: what falls due meanwhile does
                # not wait for it.
                look_s = 0.0 if self._gate.turns_away else time.monotonic() + LOOK_S
                yield None
                while time.monotonic() < look_s:
                    yield None
            left = None if left is None else left - len(claimed)
            for delivery in claimed:
                draft = self._drafted(delivery)
                if draft is not None:
                    yield delivery, draft

    def _expect_many(self, *, signed: bool) -> None:
        """Spare the collector what was there before: a run makes many objects, and took 15 % longer with it.

        To freeze sets its counts back: a service that froze at every tick never came to a full collection.
        """
        if not self._many:
            gc.freeze()
        self._many = True
        if signed:
            self._sealer.expect_many()

    def _drafted(self, delivery: Delivery) -> Draft | None:
        try:
            return self._build(delivery, self._clerk.papers)
        except Exception as error:  # whatever a paper or a template does, the others are mailed
            self._clerk.note(self._unbuilt(delivery, error))
            return None

    def _sealed(self, delivery: Delivery, draft: Draft, signatures: bytes | None) -> Built | Result:
        """Close a message; bytes that cannot be had, or differ from an earlier try's, are parked (R10)."""
        try:
            message, body_hash = draft.sealed(signatures)
        except Exception as error:  # the others are mailed
            return self._unbuilt(delivery, error)
        # Where no try counts, a relay refused us before it heard of the reader: a mended setting may change the bytes.
        if delivery.attempts and delivery.body_hash not in (None, body_hash):
            reason = "the bytes differ from the first try's: was a template or setting changed?"
            _log.error("delivery parked", delivery_id=delivery.id, reason=reason)
            self._gate.give_up(delivery)
            return Result(delivery_id=delivery.id, status=Status.FAILED, reply=reason)
        return Built(delivery, message, body_hash)

    def _unbuilt(self, delivery: Delivery, error: Exception) -> Result:
        self._gate.give_up(delivery)
        verdict = judge_unbuilt(
            f"{type(error).__name__}: {error}",
            delivery_id=delivery.id,
            attempts=delivery.attempts,
            now=self._clock(),
            expires_at=delivery.expires_at,
            policy=self._policy.retry,
        )
        # Where it broke, without the error's own words, which may hold an address: the verdict's do not.
        lines = "".join(traceback.format_tb(error.__traceback__))
        _log.error("message not built", delivery_id=delivery.id, reason=verdict.detail, exception=lines)
        return _result(delivery, verdict)

    def _judge(self, delivery: Delivery, reply: Reply) -> None:
        """Note what came of a try, and pause the run where its site is in trouble rather than its reader."""
        verdict = judge(
            reply,
            delivery_id=delivery.id,
            attempts=delivery.attempts,
            now=self._clock(),
            expires_at=delivery.expires_at,
            policy=self._policy.retry,
        )
        self._clerk.note(_result(delivery, verdict))
        self._streak = next_streak(self._streak, verdict)
        self._taken_up = self._taken_up or self._streak == 0
        self.trouble = None if self._taken_up else verdict.detail
        if verdict.pause_run or self._streak >= self._policy.retry.site_streak:
            self.paused = self.paused or verdict.detail


def _until_none(found: Iterable[T | None]) -> Iterator[T]:
    for one in found:
        if one is None:
            return
        yield one


def _result(delivery: Delivery, verdict: Verdict) -> Result:
    return Result(
        delivery_id=delivery.id,
        status=verdict.status,
        retry_at=verdict.retry_at,
        counts_attempt=verdict.counts_attempt,
        reply=verdict.detail,
        bounce=verdict.bounce,
    )
