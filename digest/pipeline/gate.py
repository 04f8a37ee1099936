"""What of the due mail may be claimed, and begun, now: destinations, rates, the relays' room and a warm-up."""

from __future__ import annotations

import datetime as dt
import time
from collections import deque
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace

from sqlalchemy.engine import Connection

from digest.deliver.delivery import Delivery, Status
from digest.deliver.reply import Reply
from digest.deliver.throttle import Heard, Throttle, heard
from digest.deliver.warm_up import WarmUp, stand
from digest.pipeline.ports import Rationed, Relay
from digest.pipeline.senders import Built
from digest.store import deliveries, warm_ups
from digest.store.deliveries import Result

#: A run does not wait longer than this for time alone to bring a turn: it ends, and a later one goes on.
PATIENCE_S = 60.0

_UNANSWERED = "put aside: a message to its domain had no answer in time"


class Gate:
    """The gate of one run; what it learns of destinations stays in the throttle.

    Attributes:
        excess: Claimed last, and to be given back in a transaction of its own: PostgreSQL, which is about to change a row
            for the second time in one, asks for its reader's row, and whoever leaves has that and waits for this one.
    """

    def __init__(
        self,
        throttle: Throttle,
        relay: Relay,
        *,
        warm_up: WarmUp | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Begin a run.

        Args:
            throttle: Of this process; the next run goes on with it.
            relay: Asked for its room where it has limits of its own.
            warm_up: None where there is none.
            clock: Monotonic seconds.
        """
        throttle.begin()
        self._throttle = throttle
        self._relay = relay if isinstance(relay, Rationed) else None
        self._warm_up = warm_up
        self._clock = clock
        self.excess: list[int] = []
        self._held: deque[Built] = deque()  # passed over: others went first
        self._turns: dict[int, float] = {}  # under rates: when each that is on its way took its turn
        self._unanswered: list[str] = []  # domains to be put aside with the next transaction

    # -- claiming -------------------------------------------------------------------------------

    def claim(
        self,
        conn: Connection,
        *,
        claimant: str,
        now: dt.datetime,
        lease_until: dt.datetime,
        limit: int,
        only: Collection[int] | None,
    ) -> list[Delivery]:
        """Claim what is due and may go soon; see `deliveries.claim`. What has to be given back is `excess` then."""
        now_s = self._clock()
        room = self._digests(conn, now)
        claimed = deliveries.claim(
            conn,
            claimant=claimant,
            now=now,
            lease_until=lease_until,
            limit=min(limit, self._throttle.soon(PATIENCE_S), room or limit),
            only=only,
            without=self._throttle.turned_away(now_s),
            digests=room != 0,
        )
        enrolled = [each for each in claimed if self._throttle.enrol(_domain(each), now_s)]
        kept = {each.id for each in enrolled}
        self.excess = [each.id for each in claimed if each.id not in kept]
        return enrolled

    @property
    def turns_away(self) -> bool:
        """Whether mail is due that could not be claimed, and may be before the run is over."""
        return bool(self._throttle.turned_away(self._clock()))

    def give_up(self, delivery: Delivery) -> None:
        """One that was claimed is not going to be ready."""
        self._throttle.withdraw(_domain(delivery))

    def _digests(self, conn: Connection, now: dt.datetime) -> int | None:
        """How many digests a warm-up lets be claimed; None for any number."""
        if self._warm_up is None:
            return None
        today = stand(self._warm_up, warm_ups.by_day(conn), now.astimezone(dt.UTC).date())
        return None if today.room is None else max(0, today.room - warm_ups.claimed(conn))

    # -- beginning ------------------------------------------------------------------------------

    @property
    def holds(self) -> int:
        """How many messages are ready that could not go yet."""
        return len(self._held)

    def choose(self, ready: deque[Built], places: int) -> list[Built]:
        """Take out of what is ready whatever may be begun now, what was passed over before first."""
        now_s = self._clock()
        places = min(places, self._throttle.room(now_s))
        if self._relay is not None:
            places = min(places, self._relay.room())
        chosen: list[Built] = []
        for _ in range(len(self._held)):
            one = self._held.popleft()
            if len(chosen) < places and self._start(one, now_s):
                chosen.append(one)
            else:
                self._hold(one, now_s)
        while ready and len(chosen) < places:
            one = ready.popleft()
            if self._start(one, now_s):
                chosen.append(one)
            else:
                self._hold(one, now_s)
        return chosen

    def _start(self, one: Built, now_s: float) -> bool:
        started = self._throttle.start(_domain(one.delivery), now_s)
        if started and self._throttle.is_paced:
            self._turns[one.delivery.id] = now_s
        return started

    def follow(self, ready: deque[Built], before: Sequence[Built]) -> list[Built | None]:
        """Take out what is to follow each of these over its connection, where that is known by now.

        It still waits until `promote`: one to the same domain then gets the place that its predecessor leaves, any other
        is promised one now. None is taken where rates or several relays decide anew for each message.
        """
        found: list[Built | None] = [None] * len(before)
        if self._relay is not None or self._throttle.is_paced:
            return found
        now_s = self._clock()
        behind: dict[str, list[int]] = {}
        for number, one in enumerate(before):
            behind.setdefault(_domain(one.delivery), []).append(number)
        for _ in range(len(self._held)):
            self._put_behind(self._held.popleft(), behind, found, now_s)
        while ready and behind:
            self._put_behind(ready.popleft(), behind, found, now_s)
        return found

    def _put_behind(
        self, one: Built, behind: dict[str, list[int]], found: list[Built | None], now_s: float
    ) -> None:
        name = _domain(one.delivery)
        if name in behind and not self._throttle.is_aside(name, now_s):
            before = name
        elif behind and self._throttle.promise(name, now_s):
            before = next(iter(behind))
        else:
            self._hold(one, now_s)
            return
        found[behind[before].pop()] = one
        if not behind[before]:
            del behind[before]

    def promote(self, one: Built, before: Built) -> bool:
        """Begin with one that follows another, which is over; False where it has to wait after all."""
        self._no_longer_coming(one, before)
        now_s = self._clock()
        if self._start(one, now_s):
            return True
        self._hold(one, now_s)
        return False

    def take_back(self, one: Built, before: Built) -> None:
        """One that follows another does so no more; it is the first of those that wait."""
        self._no_longer_coming(one, before)
        self._held.appendleft(one)

    def _no_longer_coming(self, one: Built, before: Built) -> None:
        name = _domain(one.delivery)
        if name != _domain(before.delivery):
            self._throttle.unpromise(name)

    def _hold(self, one: Built, now_s: float) -> None:
        name = _domain(one.delivery)
        if self._throttle.is_aside(name, now_s):
            self._throttle.withdraw(name)  # its row is put aside, or released with the run
        else:
            self._held.append(one)

    def drop(self, one: Built) -> None:
        """One that was chosen is not handed over after all."""
        self._throttle.end(_domain(one.delivery), Heard.NOTHING, self._clock())
        self._give_back(one)

    def _give_back(self, one: Built) -> None:
        taken_s = self._turns.pop(one.delivery.id, None)
        if taken_s is not None:
            self._throttle.give_back(_domain(one.delivery), taken_s)

    def begin_anew(self, one: Built) -> None:
        """One that was handed over could not start soon enough, and nothing of it left; it is the first of those that wait."""
        self._throttle.wait_again(_domain(one.delivery))
        self._give_back(one)
        self._held.appendleft(replace(one, late=one.late + 1))

    def end(self, delivery: Delivery, reply: Reply) -> None:
        """One is over."""
        name = _domain(delivery)
        self._turns.pop(delivery.id, None)
        if self._throttle.end(name, heard(reply), self._clock()):
            self._unanswered.append(name)

    def wait_s(self, ready: Sequence[Built]) -> float:
        """How long until time alone lets one go that waits; infinite where none does, or another has to end first."""
        now_s = self._clock()
        wait_s = self._throttle.wait_s((_domain(one.delivery) for one in (*self._held, *ready)), now_s)
        return wait_s if self._relay is None else max(wait_s, self._relay.wait_s())

    # -- in the transaction that settles ----------------------------------------------------------

    @property
    def has_to_write(self) -> bool:
        return bool(self._unanswered)

    def write(self, conn: Connection, results: Sequence[Result], *, claimant: str, now: dt.datetime) -> None:
        """Count what was handed over, and put aside what is due to domains that gave no answer."""
        if self._warm_up is not None:
            mails = sum(result.status in (Status.SENT, Status.AMBIGUOUS) for result in results)
            if mails:
                warm_ups.add(conn, now.astimezone(dt.UTC).date(), mails)
        while self._unanswered:
            until = now + dt.timedelta(seconds=self._throttle.limits.aside_s)
            deliveries.put_aside(
                conn, self._unanswered.pop(), claimant=claimant, now=now, until=until, reply=_UNANSWERED
            )


def _domain(delivery: Delivery) -> str:
    # Lower case already: so addresses are stored.
    return delivery.recipient.rpartition("@")[2]
