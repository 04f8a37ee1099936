"""Step four: claim what is due, build its bytes, hand it over, settle. Nothing lost, nothing twice.

A delivery is claimed under a lease and begun durably before its first byte leaves; its result is durable before the
next message on that connection begins. A sender killed at any moment leaves at most one begun delivery per
connection, and those alone may be repeated, with the same Message-ID and the same bytes.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import queue
import threading
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from digest.compose.message import Message
from digest.deliver.delivery import Delivery, Status
from digest.deliver.lease import LeasePolicy
from digest.deliver.policy import RetryPolicy, Verdict, judge, judge_unbuilt, next_streak
from digest.log import logger
from digest.pipeline.commit import GroupCommitter
from digest.pipeline.ports import Connection, Relay
from digest.rank.selection import EditionPaper
from digest.store import claimants, deliveries, editions
from digest.store.database import Database
from digest.store.deliveries import Result

_log = logger("deliver")


class Build(Protocol):
    """Composes the bytes of any kind of delivery."""

    def __call__(self, delivery: Delivery, papers: Mapping[tuple[int, int], EditionPaper]) -> Message: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliverPolicy:
    connections: int = 8  #: to the relay at once, one sender thread each
    batch: int = 128  #: deliveries claimed at a time, and built ahead of the senders
    lease: LeasePolicy = field(default_factory=LeasePolicy)
    retry: RetryPolicy = field(default_factory=RetryPolicy)


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliverReport:
    """What one run did; deliveries left for later stand in the ledger."""

    results: dict[Status, int]  #: tries by what came of them
    expired: int
    paused: str | None  #: what stopped the run, for the operator


@dataclass(frozen=True, slots=True)
class _Built:
    delivery: Delivery
    message: Message


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
) -> DeliverReport:
    """Hand over all that is due now, and return when it is settled.

    Args:
        clock: The time, asked again for each message: a run may last.
        claims: Folder where senders of this machine hold their locks.
        only: Subscribers to serve; everyone if None.
        limit: Claim no more than this many.
        stop: Set from outside to drain: what is begun is settled, the rest goes back.
    """
    with claimants.claimant(claims) as name:
        expired = _take_back(database, claims, policy, now=clock())
        run = _Run(database, relay, build, policy, clock=clock, claimant=name, stop=stop or threading.Event())
        results = run.all(only, limit)
    report = DeliverReport(results=results, expired=expired, paused=run.paused)
    if report.results or report.expired or report.paused:
        counts = {str(status): number for status, number in report.results.items()}
        _log.info("delivered", **counts, expired=expired, paused=report.paused)
    return report


def _take_back(database: Database, claims: Path, policy: DeliverPolicy, *, now: dt.datetime) -> int:
    """Take back what dead senders held, and expire what is too late; returns how many expired."""
    gone = claimants.dead(claims)
    with database.write() as conn:
        begun = deliveries.lapse(conn, now=now, dead=gone, park=policy.retry.ambiguous == "park")
        expired = deliveries.expire(conn, now=now)
    claimants.bury(claims, gone)
    if begun:
        _log.warning("took over from dead senders", begun=begun, policy=policy.retry.ambiguous)
    return expired


class _Run:
    """One delivery run: this thread claims and builds, one thread per connection hands over."""

    def __init__(
        self,
        database: Database,
        relay: Relay,
        build: Build,
        policy: DeliverPolicy,
        *,
        clock: Callable[[], dt.datetime],
        claimant: str,
        stop: threading.Event,
    ) -> None:
        self._database = database
        self._relay = relay
        self._build = build
        self._policy = policy
        self._clock = clock
        self._claimant = claimant
        self._stop = stop
        self._committer = GroupCommitter(database, claimant, clock)
        self._ready: queue.Queue[_Built | None] = queue.Queue(maxsize=policy.batch)
        self._papers: dict[tuple[int, int], EditionPaper] = {}
        self._lock = threading.Lock()  # guards the fields below
        self._tries: Counter[Status] = Counter()
        self._streak = 0
        self._error: BaseException | None = None
        self.paused: str | None = None

    def all(self, only: Collection[int] | None, limit: int | None) -> dict[Status, int]:
        """Claim and build until nothing is due, the run pauses or is told to stop."""
        senders = [
            threading.Thread(target=self._sender, daemon=True) for _ in range(self._policy.connections)
        ]
        for sender in senders:
            sender.start()
        try:
            self._feed(only, limit)
        finally:
            for _ in senders:
                self._ready.put(None)
            for sender in senders:
                sender.join()
            with self._database.write() as conn:
                deliveries.release(conn, self._claimant)
        if self._error is not None:
            raise self._error
        return dict(self._tries)

    @property
    def _halted(self) -> bool:
        return self._stop.is_set() or self.paused is not None or self._error is not None

    def _feed(self, only: Collection[int] | None, limit: int | None) -> None:
        left = limit
        while not self._halted and left != 0:
            batch = self._policy.batch if left is None else min(self._policy.batch, left)
            claimed = self._claim(batch, only)
            if not claimed:
                return
            left = None if left is None else left - len(claimed)
            for built in self._built(claimed):
                self._ready.put(built)

    def _claim(self, batch: int, only: Collection[int] | None) -> list[Delivery]:
        now = self._clock()
        with self._database.write() as conn:
            claimed = deliveries.claim(
                conn,
                claimant=self._claimant,
                now=now,
                lease_until=self._policy.lease.until(now),
                limit=batch,
                only=only,
            )
            wanted = {pick.edition_id for delivery in claimed for pick in delivery.picks}
            missing = wanted - {edition for edition, _paper in self._papers}
            if missing:
                found = editions.contents(conn, missing)
                self._papers.update({(paper.edition_id, paper.paper_id): paper for paper in found})
        return claimed

    def _built(self, claimed: list[Delivery]) -> list[_Built]:
        """Build a batch; bytes that cannot be built, or differ from an earlier try's, are parked (R10)."""
        ready, hashes = [], []
        for delivery in claimed:
            try:
                message = self._build(delivery, self._papers)
            except Exception as error:  # whatever a paper or a template does, the others are mailed
                _log.error("message not built", delivery_id=delivery.id, exc_info=True)
                self._unbuilt(delivery, f"{type(error).__name__}: {error}")
                continue
            body_hash = hashlib.sha256(message.data).hexdigest()
            if delivery.body_hash is None:
                hashes.append((delivery.id, body_hash))
            elif delivery.body_hash != body_hash:
                self._park(
                    delivery, "the bytes differ from the first try's: was a template or setting changed?"
                )
                continue
            ready.append(_Built(delivery, message))
        with self._database.write() as conn:
            deliveries.keep_hashes(conn, hashes)
        return ready

    def _unbuilt(self, delivery: Delivery, reason: str) -> None:
        verdict = judge_unbuilt(
            reason,
            delivery_id=delivery.id,
            attempts=delivery.attempts,
            now=self._clock(),
            expires_at=delivery.expires_at,
            policy=self._policy.retry,
        )
        self._committer.turn(_result(delivery, verdict), None)
        self._count(verdict.status)

    def _park(self, delivery: Delivery, reason: str) -> None:
        _log.error("delivery parked", delivery_id=delivery.id, reason=reason)
        self._committer.turn(Result(delivery_id=delivery.id, status=Status.FAILED, reply=reason), None)
        self._count(Status.FAILED)

    def _sender(self) -> None:
        """Hand over one message after the other on one connection; stop at the first broken promise."""
        connection = self._relay.connect()
        try:
            self._serve(connection)
        except BaseException as error:  # raised again by the thread that waits for this one
            self._error = error
            while self._ready.get() is not None:
                pass
        finally:
            connection.close()

    def _serve(self, connection: Connection) -> None:
        result: Result | None = None
        while True:
            try:
                built = self._ready.get_nowait()
            except queue.Empty:
                # Nothing to begin with it: settle the last result alone rather than let it wait.
                if result is not None:
                    self._committer.turn(result, None)
                    result = None
                built = self._ready.get()
            if built is None:
                if result is not None:
                    self._committer.turn(result, None)
                return
            result = self._one(connection, built, result)

    def _one(self, connection: Connection, built: _Built, result: Result | None) -> Result | None:
        """Settle the last message and hand the next one over; returns its result, not yet durable."""
        delivery = built.delivery
        may_begin = not self._halted and self._policy.lease.may_begin(delivery.lease_until, now=self._clock())
        if not may_begin:  # it stays claimed, and is released when the run ends
            if result is not None:
                self._committer.turn(result, None)
            return None
        if not self._committer.turn(result, delivery.id):
            return None
        reply = connection.hand_over(built.message)
        verdict = judge(
            reply,
            delivery_id=delivery.id,
            attempts=delivery.attempts,
            now=self._clock(),
            expires_at=delivery.expires_at,
            policy=self._policy.retry,
        )
        self._heed(verdict)
        return _result(delivery, verdict)

    def _heed(self, verdict: Verdict) -> None:
        """Count a try, and pause the run where its site is in trouble rather than its reader."""
        self._count(verdict.status)
        with self._lock:
            self._streak = next_streak(self._streak, verdict)
            if verdict.pause_run or self._streak >= self._policy.retry.site_streak:
                self.paused = self.paused or verdict.detail

    def _count(self, status: Status) -> None:
        with self._lock:
            self._tries[status] += 1


def _result(delivery: Delivery, verdict: Verdict) -> Result:
    return Result(
        delivery_id=delivery.id,
        status=verdict.status,
        retry_at=verdict.retry_at,
        counts_attempt=verdict.counts_attempt,
        reply=verdict.detail,
    )
