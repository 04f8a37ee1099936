"""What a delivery run has in the ledger: claimed, begun, settled, and given back."""

from __future__ import annotations

import datetime as dt
import threading
import time
from collections import Counter
from collections.abc import Callable, Collection

from sqlalchemy.engine import Connection

from digest.deliver.delivery import Delivery, Status
from digest.deliver.lease import LeasePolicy
from digest.log import logger
from digest.pipeline.gate import Gate
from digest.pipeline.restored import Lookout
from digest.pipeline.senders import Built, Sender
from digest.rank.selection import EditionPaper
from digest.store import deliveries, editions
from digest.store.database import Database, DatabaseError
from digest.store.deliveries import Result

#: Seconds between tries to write the last results down: long enough for a server to be started again.
_PAUSES_S = (0.1, 0.4, 1.0, 2.0, 4.0)
#: Seconds after which it is tried no more, however few tries there were: one that waits for a lock takes thirty.
_AWAY_S = 10.0

_log = logger("deliver")


class Clerk:
    """Writes the ledger for one run, with as few commits as its promises allow: all that has come back is one.

    Attributes:
        papers: Of all that was claimed, by edition and paper.
        tries: How many, by what came of them.
    """

    def __init__(
        self,
        database: Database,
        gate: Gate,
        lease: LeasePolicy,
        *,
        clock: Callable[[], dt.datetime],
        claimant: str,
        lookout: Lookout | None,
        stop: threading.Event,
    ) -> None:
        self.papers: dict[tuple[int, int], EditionPaper] = {}
        self.tries: Counter[Status] = Counter()
        self._database = database
        self._gate = gate
        self._lease = lease
        self._clock = clock
        self._claimant = claimant
        self._lookout = lookout
        self._stop = stop
        self._claims: dict[int, Delivery] = {}  # each as it was claimed last, until something came of it
        self._results: list[Result] = []  # not durable yet
        self._refused: list[int] = []  # could not begin; of these, who moved is not seen to yet
        self._late: list[Built] = []  # begun, and not started in time; in the ledger they are still begun

    def claim(self, batch: int, only: Collection[int] | None) -> list[Delivery]:
        """Take what is due and may go soon, after what came of earlier tries is durable.

        Args:
            batch: How many at most.
            only: Subscribers to serve; everyone if None.
        """
        now = self._clock()
        with self._database.write() as conn:
            # A whole batch that cannot be built leaves results, and nothing to begin.
            self._settle(conn, now)
            claimed = self._gate.claim(
                conn,
                claimant=self._claimant,
                now=now,
                lease_until=self._lease.until(now),
                limit=batch,
                only=only,
            )
            wanted = {pick.edition_id for delivery in claimed for pick in delivery.picks}
            missing = wanted - {edition for edition, _paper in self.papers}
            if missing:
                found = editions.contents(conn, missing)
                self.papers.update({(paper.edition_id, paper.paper_id): paper for paper in found})
            if claimed and self._lookout is not None:
                # Last of all: on PostgreSQL who claims meanwhile waits for this row.
                self._lookout.raise_(conn)
        self._results.clear()
        if self._gate.excess:
            with self._database.write() as conn:
                deliveries.unclaim(conn, self._gate.excess, claimant=self._claimant)
        self._claims.update((delivery.id, delivery) for delivery in claimed)
        if self._lookout is not None:
            self._lookout.keep()
        return claimed

    def note(self, result: Result) -> None:
        """Keep what came of a claim, to be written with the next transaction."""
        self._claims.pop(result.delivery_id, None)
        self._results.append(result)
        self.tries[result.status] += 1

    def note_late(self, one: Built) -> None:
        """Keep one that was begun and could not start soon enough; nothing of it has left."""
        self._late.append(one)

    def commit(self, chosen: list[tuple[Sender, Built]]) -> list[tuple[Sender, Built]]:
        """Make results durable and begin as many messages, in one commit; returns who is to hand over which.

        A message is not among them if its reader left or moved; nor where its claim no longer holds, or soon will not:
        then it stays as it is, and is released when the run ends. One that was begun and could not start soon enough,
        or for which the commit itself took too long, is so no more, and is begun anew by a later commit: whoever left
        until then gets nothing.
        """
        now = self._clock()
        self._forward(now)  # before anything is begun that would wait for it
        wanted = self._in_time(chosen, now)
        if not (wanted or self._results or self._late or self._gate.has_to_write):
            return []
        with self._database.write() as conn:
            self._settle(conn, now)
            hashes = {one.delivery.id: one.body_hash for _sender, one in wanted}
            granted = deliveries.begin(conn, hashes, claimant=self._claimant, now=now)
            refused = [key for key in hashes if key not in granted]
            deliveries.drop(conn, refused, claimant=self._claimant, now=now)
            deliveries.unbegin(conn, [one.delivery.id for one in self._late], claimant=self._claimant)
        self._results.clear()
        self._refused += refused
        while self._late:
            self._gate.begin_anew(self._late.pop())
        begun = []
        # Asked again: whoever is stopped is stopped most likely in a commit, and may wake up past the lease.
        now = self._clock()
        for sender, one in wanted:
            if one.delivery.id not in granted:
                self._gate.drop(one)
                self._claims.pop(one.delivery.id, None)
            elif self._lease.may_begin(one.delivery.lease_until, now=now):
                begun.append((sender, one))
            else:
                self._late.append(one)
        return begun

    def _in_time(self, chosen: list[tuple[Sender, Built]], now: dt.datetime) -> list[tuple[Sender, Built]]:
        """Those of a claim that was not made anew since, whose lease leaves the time for a whole hand-over."""
        kept = []
        for sender, one in chosen:
            # Who moved, or was put aside, may be claimed again while their older message still waits to be begun.
            current = self._claims.get(one.delivery.id) is one.delivery
            if current and self._lease.may_begin(one.delivery.lease_until, now=now):
                kept.append((sender, one))
            else:
                self._gate.drop(one)
        return kept

    def _settle(self, conn: Connection, now: dt.datetime) -> None:
        """Write what came of tries; they are durable with this transaction."""
        deliveries.settle(conn, self._results, claimant=self._claimant, now=now)
        self._gate.write(conn, self._results, claimant=self._claimant, now=now)

    def _forward(self, now: dt.datetime) -> None:
        """See to those who moved; in a transaction of its own, as it holds readers before it changes deliveries."""
        if self._refused:
            with self._database.write() as conn:
                deliveries.forward(conn, self._refused, claimant=self._claimant, now=now)
            self._refused.clear()

    def write_down(self) -> None:
        """Write what came of the last tries, and give back what was not begun.

        A database that is away is waited for, as what is not written is repeated.
        """
        began_s = time.monotonic()
        for pause_s in (*_PAUSES_S, None):
            try:
                self._forward(self._clock())
                with self._database.write() as conn:
                    self._settle(conn, self._clock())
                    unstarted = [one.delivery.id for one in self._late]
                    deliveries.release(conn, self._claimant, unstarted=unstarted)
            except DatabaseError:
                # Whoever waited long for a lock has waited enough.
                late = time.monotonic() - began_s > _AWAY_S
                if pause_s is None or late or self._stop.is_set():
                    raise
                _log.warning("results wait for the database", results=len(self._results))
                self._stop.wait(pause_s)
            else:
                return
