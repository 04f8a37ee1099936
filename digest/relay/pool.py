"""Several relays as one: shared out by weight, and left aside while in trouble.

A message moves on to another relay only as long as none has heard of its reader: no byte of it has left by then,
so nothing can come twice. From RCPT on what its relay says is what became of it.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from digest.compose.message import Message
from digest.deliver.pace import Pace, Rate
from digest.deliver.policy import detail
from digest.deliver.reply import Reply, Silence, Step
from digest.log import logger
from digest.relay.smtp import SmtpConnection, SmtpHanding, SmtpRelay

#: Trouble at these is the relay's own, and leaves the message untouched.
_BEFORE_ANY_READER: Final = frozenset({Step.CONNECT, Step.EHLO, Step.STARTTLS, Step.AUTH, Step.MAIL})
_FULL: Final = Reply(step=Step.CONNECT, code=None, text="all connections are in use", silence=Silence.TIMEOUT)

_log = logger("relays")


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
    """A relay that is left aside."""

    name: str
    left_s: float  #: until it is tried again
    said: str  #: its words, without addresses


class _Place:
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
        return (self.member.connections if self.proven else 1) - self.busy

    def is_well(self, now_s: float) -> bool:
        return self.aside_until_s <= now_s

    def ready(self, now_s: float) -> int:
        """How many more it may be given at its rate."""
        return self.free if self.pace is None else min(self.free, self.pace.ready(now_s))


@dataclass(frozen=True, slots=True)
class _Seat:
    place: _Place
    connection: SmtpConnection


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
        self._places = [_Place(member) for member in members]
        self._first_s, self._longest_s = first_s, longest_s
        self._clock = clock
        self._changed = threading.Condition()
        self._connections = 0

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
        """How long until a rate lets more pass, in seconds; infinite where time alone brings no room."""
        now_s = self._clock()
        with self._changed:
            held = [place for place in self._well(self._places, now_s) if place.free > 0 and place.pace]
            return min((place.pace.wait_s(now_s) for place in held if place.pace), default=math.inf)

    def aside(self) -> list[Aside]:
        """Who is left aside now."""
        now_s = self._clock()
        with self._changed:
            return [
                Aside(name=each.member.name, left_s=each.aside_until_s - now_s, said=detail(each.refusal))
                for each in self._places
                if each.refusal is not None and not each.is_well(now_s)
            ]

    # -- for connections ------------------------------------------------------------------------

    def deadline(self) -> float:
        """When a message that begins now has to be over, whichever relays it tries."""
        return max(place.member.relay.deadline() for place in self._places)

    def borrow_open(self) -> _Seat | None:
        """Take an open session of the relay whose turn it is; None where that has none, or one that is used up."""
        with self._changed:
            now_s = self._clock()
            candidates = self._candidates(self._places, now_s)
            idle = max(candidates, key=_claim).idle if candidates else []
            if not idle or not idle[-1].is_ready:
                return None
            return self._taken(candidates, now_s)

    def borrow(self, tried: set[_Place], until_s: float) -> _Seat | None:
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

    def give_back(self, seat: _Seat, *, well: bool) -> None:
        """Return a session after a message; `well` where its relay went on as far as the reader."""
        place = seat.place
        with self._changed:
            self._returned(seat)
            if well and not place.proven:
                if place.failures:
                    _log.info("relay taken back", relay=place.member.name)
                place.proven, place.failures = True, 0
                place.aside_until_s, place.refusal = -math.inf, None

    def leave_aside(self, seat: _Seat, reply: Reply) -> None:
        """Return a session whose relay is in trouble, and use others for a while."""
        place, now_s = seat.place, self._clock()
        with self._changed:
            self._returned(seat)
            place.proven, place.refusal = False, reply
            # Of connections that fail together, the first alone makes the wait longer.
            if place.is_well(now_s):
                wait_s = min(self._first_s * 2 ** min(place.failures, 20), self._longest_s)
                place.failures += 1
                place.aside_until_s = now_s + wait_s
                _log.warning(
                    "relay left aside", relay=place.member.name, said=detail(reply), seconds=round(wait_s)
                )

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

    def _returned(self, seat: _Seat) -> None:
        seat.place.busy -= 1
        if seat.connection.is_open:
            seat.place.idle.append(seat.connection)
        self._changed.notify_all()

    @staticmethod
    def _well(places: Sequence[_Place], now_s: float) -> list[_Place]:
        """Those that are not left aside; where all are, those, for one of them may have recovered."""
        return [place for place in places if place.is_well(now_s)] or list(places)

    def _candidates(self, places: Sequence[_Place], now_s: float) -> list[_Place]:
        """Those whose turn it may be; none where all who could take a message are busy."""
        free = [place for place in self._well(places, now_s) if place.free > 0]
        # A message that comes from another relay does not wait for a rate: those behind it do.
        return [place for place in free if place.ready(now_s) > 0] or free

    def _taken(self, candidates: Sequence[_Place], now_s: float) -> _Seat:
        """Take a turn. Smooth weighted round robin: who could not take one is owed none afterwards."""
        place = max(candidates, key=_claim)
        for each in candidates:
            each.credit += each.member.weight
        place.credit -= sum(each.member.weight for each in candidates)
        place.busy += 1
        if place.pace is not None:
            place.pace.take(now_s)
        return _Seat(place, place.idle.pop() if place.idle else place.member.relay.connect())


class PoolConnection:
    """What one sender hands its messages to; each goes over a session of the relay whose turn it is."""

    def __init__(self, pool: RelayPool) -> None:
        self._pool = pool

    def hand_over(self, message: Message) -> Reply:
        """Send one message, over another relay where one is in trouble; returns the last word about it.

        When all are, the mildest refusal: a run is not stopped for an operator while a relay may recover by itself.
        """
        pool, until_s = self._pool, self._pool.deadline()
        tried: set[_Place] = set()
        refusals: list[Reply] = []
        while (seat := pool.borrow(tried, until_s)) is not None:
            reused = seat.connection.is_open
            reply = seat.connection.hand_over(message, until=until_s)
            if reply.step not in _BEFORE_ANY_READER:
                pool.give_back(seat, well=True)
                return reply
            if reused:
                # Relays end sessions at will, and say so at MAIL: a new one shows whether they are in trouble.
                pool.give_back(seat, well=False)
                continue
            pool.leave_aside(seat, reply)
            tried.add(seat.place)
            refusals.append(reply)
        return min(refusals, key=_gravity, default=_FULL)

    def begin(self, message: Message) -> PoolHanding | None:
        """Begin over an open session; None where one has to be opened, or closed, first."""
        seat = self._pool.borrow_open()
        if seat is None:
            return None
        handing = seat.connection.begin(message)
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
    """

    def __init__(self, pool: RelayPool, seat: _Seat, handing: SmtpHanding) -> None:
        self.event: int | None = None
        self.reply: Reply | None = None
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
            self._seat.connection.close()  # nobody knows where it stands
            self._pool.give_back(self._seat, well=False)
            raise
        self._look()

    def _look(self) -> None:
        self.event = self._handing.event
        if self.event is None:
            reply = self._handing.reply
            well = reply is not None and reply.step not in _BEFORE_ANY_READER
            self.reply = reply if well else None
            self._pool.give_back(self._seat, well=well)


def _claim(place: _Place) -> int:
    """How much a turn is due to it."""
    return place.credit + place.member.weight


def _gravity(reply: Reply) -> bool:
    """Whether a refusal asks for an operator."""
    return reply.silence is Silence.UNTRUSTED or (reply.code is not None and reply.code >= 500)
