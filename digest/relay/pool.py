"""Several relays as one: shared out by weight, and left aside while in trouble.

A message moves on to another relay only as long as none has heard of its reader: no byte of it has left by then,
so nothing can come twice. From RCPT on what its relay says is what became of it.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Sequence
from typing import Final

from digest.compose.message import Message
from digest.deliver.policy import detail
from digest.deliver.reply import UP_TO_MAIL, Reply, Silence, Step
from digest.log import logger
from digest.relay.place import Aside, Member, Place, Seat
from digest.relay.smtp import LATE, SmtpHanding

_FULL: Final = Reply(step=Step.CONNECT, code=None, text="all connections are in use", silence=Silence.TIMEOUT)

_log = logger("relays")


class RelayPool:
    """Members behind the one protocol; any number of senders share their sessions."""

    def __init__(
        self,
        members: Sequence[Member],
        *,
        first_s: float = 60.0,
        longest_s: float = 900.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Open nothing yet.

        Args:
            members: One at least.
            first_s: How long a relay in trouble is left aside at first; each further time twice as long.
            longest_s: And no longer than this.
            clock: Monotonic seconds, of the relays too.
        """
        self._places = [Place(member) for member in members]
        self._first_s, self._longest_s = first_s, longest_s
        self._clock = clock
        self._changed = threading.Condition()
        self._connections = 0
        #: Called with all who are in trouble whenever that changes, by the thread that saw it.
        self.observer: Callable[[list[Aside]], None] = lambda _aside: None

    @property
    def members(self) -> tuple[Member, ...]:
        return tuple(place.member for place in self._places)

    def connect(self) -> PoolConnection:
        """Return what one sender hands its messages to."""
        with self._changed:
            self._connections += 1
        return PoolConnection(self)

    def room(self) -> int:
        """How many messages it would take now: more than this would wait for one another."""
        now_s = self._clock()
        with self._changed:
            return sum(place.ready(now_s) for place in self._well(self._places, now_s))

    def wait_s(self) -> float:
        """How long until time alone brings room, in seconds; infinite where a message has to end first."""
        now_s = self._clock()
        with self._changed:
            free = [place for place in self._well(self._places, now_s) if place.free > 0]
            return min((each.pace.wait_s(now_s) if each.pace else 0.0 for each in free), default=math.inf)

    def aside(self) -> list[Aside]:
        """Who was left aside, and has not shown since that it works."""
        now_s = self._clock()
        with self._changed:
            return [
                Aside(
                    name=each.member.name,
                    left_s=max(0.0, each.aside_until_s - now_s),
                    times=each.failures,
                    said=detail(each.refusal),
                )
                for each in self._places
                if each.refusal is not None
            ]

    # -- for connections ------------------------------------------------------------------------

    def deadline(self) -> float:
        """When a message that begins now has to be over, whichever relays it tries."""
        return max(place.member.relay.deadline() for place in self._places)

    def borrow_open(self) -> Seat | None:
        """Take an open session of the relay whose turn it is; None where that has none, or one that is used up."""
        with self._changed:
            now_s = self._clock()
            candidates = self._candidates(self._places, now_s)
            idle = max(candidates, key=_claim).idle if candidates else []
            if not idle or not idle[-1].is_ready:
                return None
            return self._taken(candidates, now_s)

    def borrow(self, tried: set[Place], until_s: float) -> Seat | None:
        """Take a session of a relay that this message has not tried, and wait for one where all are in use.

        Returns:
            None when all were tried, or the time is over.
        """
        with self._changed:
            while True:
                now_s = self._clock()
                left = [place for place in self._places if place not in tried]
                if not left or now_s >= until_s:
                    return None
                candidates = self._candidates(left, now_s)
                if candidates:
                    return self._taken(candidates, now_s)
                self._changed.wait(min(until_s - now_s, 1.0))

    def give_back(self, seat: Seat, *, well: bool) -> None:
        """Return a session after a message; `well` where its relay went on as far as the reader."""
        place = seat.place
        with self._changed:
            self._returned(seat)
            recovered = well and place.failures > 0
            if well and not place.proven:
                place.proven, place.failures = True, 0
                place.aside_until_s, place.refusal = -math.inf, None
        if recovered:
            _log.info("relay taken back", relay=place.member.name)
            self.observer(self.aside())

    def take_back(self, seat: Seat) -> None:
        """Return a session, and the turn, of a message of which nothing has left."""
        with self._changed:
            self._returned(seat)
            if seat.place.pace is not None:
                seat.place.pace.give_back(seat.taken_s)

    def give_up(self, seat: Seat) -> None:
        """Close a session after an error of ours, as nobody knows where it stands, and return its place."""
        seat.connection.close()
        self.give_back(seat, well=False)

    def leave_aside(self, seat: Seat, reply: Reply) -> None:
        """Return a session whose relay is in trouble, and use others for a while."""
        place, now_s = seat.place, self._clock()
        with self._changed:
            self._returned(seat)
            place.proven, place.refusal = False, reply
            # Of connections that fail together, the first alone makes the wait longer.
            if not place.is_well(now_s):
                return
            wait_s = min(self._first_s * 2 ** min(place.failures, 20), self._longest_s)
            place.failures += 1
            place.aside_until_s = now_s + wait_s
        _log.warning("relay left aside", relay=place.member.name, said=detail(reply), seconds=round(wait_s))
        self.observer(self.aside())

    def leave(self) -> None:
        """One sender less: a session is closed for it, and with the last one all that are left."""
        with self._changed:
            self._connections -= 1
            idle = [place.idle for place in self._places if place.idle]
            if self._connections:
                closing = [idle[0].pop()] if idle else []
            else:
                closing = [connection for each in idle for connection in each]
                for each in idle:
                    each.clear()
        for connection in closing:
            connection.close()

    def _returned(self, seat: Seat) -> None:
        seat.place.busy -= 1
        if seat.connection.is_open:
            seat.place.idle.append(seat.connection)
        self._changed.notify_all()

    @staticmethod
    def _well(places: Sequence[Place], now_s: float) -> list[Place]:
        """Those that are not left aside; where all are, those, for one of them may have recovered."""
        return [place for place in places if place.is_well(now_s)] or list(places)

    def _candidates(self, places: Sequence[Place], now_s: float) -> list[Place]:
        """Those whose turn it may be; none where all who could take a message are busy."""
        free = [place for place in self._well(places, now_s) if place.free > 0]
        # A message that comes from another relay does not wait for a rate: those behind it do.
        return [place for place in free if place.ready(now_s) > 0] or free

    def _taken(self, candidates: Sequence[Place], now_s: float) -> Seat:
        """Take a turn. Smooth weighted round robin: who could not take one is owed none afterwards."""
        place = max(candidates, key=_claim)
        for each in candidates:
            each.credit += each.member.weight
        place.credit -= sum(each.member.weight for each in candidates)
        place.busy += 1
        if place.pace is not None:
            place.pace.take(now_s)
        return Seat(place, place.idle.pop() if place.idle else place.member.relay.connect(), now_s)


class PoolConnection:
    """What one sender hands its messages to; each goes over a session of the relay whose turn it is."""

    def __init__(self, pool: RelayPool) -> None:
        self._pool = pool

    def hand_over(self, message: Message, *, may_start: Callable[[], bool] = lambda: True) -> Reply:
        """Send one message, over another relay where one is in trouble; returns the last word about it.

        When all are, the mildest refusal: a run is not stopped for an operator while a relay may recover by itself.

        Args:
            may_start: Asked when a session is open; where it says no, the reply is `Silence.LATE`.
        """
        pool, until_s = self._pool, self._pool.deadline()
        tried: set[Place] = set()
        refusals: list[Reply] = []
        while (seat := pool.borrow(tried, until_s)) is not None:
            reused = seat.connection.is_open
            try:
                reply = seat.connection.hand_over(message, until=until_s, may_start=may_start)
            except BaseException:
                pool.give_up(seat)
                raise
            if reply.step not in UP_TO_MAIL:
                pool.give_back(seat, well=True)
                return reply
            if reply is LATE:
                pool.take_back(seat)
                return reply
            if reused:
                # Relays end sessions at will, and say so at MAIL: a new one shows whether they are in trouble.
                pool.give_back(seat, well=False)
                continue
            pool.leave_aside(seat, reply)
            tried.add(seat.place)
            refusals.append(reply)
        return min(refusals, key=_gravity, default=_FULL)

    @property
    def may_lead(self) -> bool:
        """No: the next message may be another relay's turn."""
        return False

    def begin(self, message: Message, following: Message | None = None) -> PoolHanding | None:
        """Begin over an open session; None where one has to be opened, or closed, first."""
        seat = self._pool.borrow_open()
        if seat is None:
            return None
        try:
            handing = seat.connection.begin(message)
        except BaseException:
            self._pool.give_up(seat)
            raise
        assert handing is not None, "a session that is ready begins"
        return PoolHanding(self._pool, seat, handing)

    def close(self) -> None:
        """Close a session where one is open."""
        self._pool.leave()


class PoolHanding:
    """One message on its way over a session of the pool.

    Attributes:
        event: As of any `Handing`.
        reply: When it is over; None where its relay ended the session before it heard of the reader.
        is_ahead: Never.
    """

    def __init__(self, pool: RelayPool, seat: Seat, handing: SmtpHanding) -> None:
        self.event: int | None = None
        self.reply: Reply | None = None
        self.is_ahead = False
        self._pool, self._seat, self._handing = pool, seat, handing
        self._look()

    def fileno(self) -> int:
        return self._handing.fileno()

    def left_s(self) -> float:
        """How long it may still wait, in seconds."""
        return self._handing.left_s()

    def advance(self, *, in_time: bool = True) -> None:
        """Go as far as it goes without waiting."""
        try:
            self._handing.advance(in_time=in_time)
        except BaseException:
            self._pool.give_up(self._seat)
            raise
        self._look()

    def _look(self) -> None:
        self.event = self._handing.event
        if self.event is None:
            reply = self._handing.reply
            well = reply is not None and reply.step not in UP_TO_MAIL
            self.reply = reply if well else None
            self._pool.give_back(self._seat, well=well)


def _claim(place: Place) -> int:
    """How much a turn is due to it."""
    return place.credit + place.member.weight


def _gravity(reply: Reply) -> bool:
    """Whether a refusal asks for an operator."""
    return reply.silence is Silence.UNTRUSTED or (reply.code is not None and reply.code >= 500)
