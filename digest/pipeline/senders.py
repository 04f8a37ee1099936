"""Senders, one for each connection, and the desk that they come back to with what their relay said.

While a connection is open, the thread at the desk takes its message on step by step whenever the socket is ready.
What has to wait by itself, as opening a connection has, is done by a thread of the sender's own.
"""

from __future__ import annotations

import math
import os
import queue
import select
import threading
import time
from collections import deque
from contextlib import suppress
from dataclasses import dataclass
from selectors import EVENT_READ, EVENT_WRITE

from digest.compose.message import Message
from digest.deliver.delivery import Delivery
from digest.deliver.reply import Reply
from digest.pipeline.ports import Connection, Handing, Relay, SteppedConnection

#: Longest wait for one more to share a commit.
_MORE_S = 0.001
#: Longest time from a message's begin in the ledger to its first word to the relay: who leaves meanwhile is mailed.
_PROMPT_S = 0.5
#: How often a message may be begun anew for that. A relay that ends again what it was slow to open is given it at last.
_LATE_MOST = 5
#: Between two looks for messages whose time is over; their deadlines are minutes.
_LOOK_S = 0.5
#: Told once, then not again until it is waited for anew: a relay that closes an idle connection wakes nobody.
_AWAITED = {
    EVENT_READ: select.EPOLLIN | select.EPOLLONESHOT,
    EVENT_WRITE: select.EPOLLOUT | select.EPOLLONESHOT,
}


@dataclass(frozen=True, slots=True)
class Built:
    """A delivery with its bytes, ready to be handed over."""

    delivery: Delivery
    message: Message
    body_hash: str  #: of all its bytes
    late: int = 0  #: how often it was begun, and could not start soon enough


class Desk:
    """Where one thread waits for senders, and takes on what they have on the way."""

    def __init__(self) -> None:
        self._epoll = select.epoll()
        self._back: deque[Sender] = deque()
        self._heard = self._listened = -1  # a file descriptor, or none
        self._woken, self._wake = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._epoll.register(self._woken, select.EPOLLIN)
        self._watched: dict[int, tuple[Sender, Handing]] = {}  # by file descriptor
        self._next_look = time.monotonic() + _LOOK_S

    # -- called by any thread -------------------------------------------------------------------

    def come_back(self, sender: Sender) -> None:
        """Be there, with a reply or an error."""
        self._back.append(sender)
        self._ring()

    def _ring(self) -> None:
        with suppress(BlockingIOError):  # a pipe that is full wakes as well
            os.write(self._wake, b".")

    # -- called by the thread at the desk -------------------------------------------------------

    def watch(self, sender: Sender, handing: Handing) -> None:
        """Take a message on until it is over; then its sender is back."""
        if handing.event is None:
            self._over(sender, handing)
            return
        descriptor = handing.fileno()
        self._watched[descriptor] = sender, handing
        self._arm(descriptor, handing.event)

    def wait(self, enough: int, most_s: float = math.inf) -> list[Sender]:
        """Wait until a sender is back or something is heard, or that long; returns the senders who are back.

        Args:
            enough: While fewer are back, a millisecond is waited for one more: what is written down together costs
                one commit.
        """
        until_s = time.monotonic() + most_s
        while not self._back and self._heard < 0:
            left_s = until_s - time.monotonic()
            self._take_on(max(0.0, min(left_s, _LOOK_S)))
            if left_s <= 0:
                break
        while len(self._back) < enough and self._take_on(_MORE_S):
            pass
        return [self._back.popleft() for _ in range(len(self._back))]

    def glance(self) -> None:
        """Take on what is ready now; who is back then is told of by the next wait."""
        self._take_on(0.0)

    def listen(self, descriptor: int) -> None:
        """Wait for this one as well."""
        self._listened = descriptor
        self._epoll.register(descriptor, _AWAITED[EVENT_READ])

    def listen_no_more(self, descriptor: int) -> None:
        self._listened = self._heard = -1
        self._epoll.unregister(descriptor)

    def heard(self) -> bool:
        """Whether what is listened to has something to be read, as of the last wait."""
        heard, self._heard = self._heard, -1
        if heard >= 0:  # told once as well: what is not read yet would cut short each wait for a sender
            self._epoll.modify(heard, _AWAITED[EVENT_READ])
        return heard >= 0

    def _take_on(self, most_s: float) -> bool:
        """Take on what is ready, and wait for it at most so long; whether anything was."""
        ready = self._epoll.poll(most_s)
        for descriptor, _events in ready:
            if descriptor == self._woken:
                os.read(self._woken, 4096)
            elif descriptor == self._listened:
                self._heard = descriptor
            else:
                self._advance(descriptor)
        if time.monotonic() >= self._next_look:
            self._end_what_is_late()
        return bool(ready)

    def close(self) -> None:
        self._epoll.close()
        os.close(self._woken)
        os.close(self._wake)

    def _advance(self, descriptor: int, *, in_time: bool = True) -> None:
        sender, handing = self._watched[descriptor]
        try:
            handing.advance(in_time=in_time)
        except Exception as error:  # the others are still waited for, and settled
            del self._watched[descriptor]
            sender.break_off(error)
            return
        if handing.event is None:
            del self._watched[descriptor]
            self._over(sender, handing)
        else:
            self._arm(descriptor, handing.event)

    def _arm(self, descriptor: int, event: int) -> None:
        """Be told once when a socket is ready; it stays known, and one call instead of two is made for each wait."""
        try:
            self._epoll.modify(descriptor, _AWAITED[event])
        except FileNotFoundError:  # a connection made anew; the system forgets one that is closed
            self._epoll.register(descriptor, _AWAITED[event])

    def _over(self, sender: Sender, handing: Handing) -> None:
        if sender.finish(handing):
            self._back.append(sender)

    def _end_what_is_late(self) -> None:
        for descriptor, (_sender, handing) in list(self._watched.items()):
            if handing.left_s() <= 0:
                self._advance(descriptor, in_time=False)
        self._next_look = time.monotonic() + _LOOK_S


class Sender:
    """One connection, and a thread for what has to wait.

    Attributes:
        handed: What it was given last; None before the first.
        given_s: When, in monotonic seconds.
        following: What it is to be given next; that is not begun yet, and only its envelope may have left.
        reply: The relay's last word about what was handed over.
        is_ahead: Whether the envelope of what follows has left.
        leads: Whether anything is to follow what it is given.
        error: What broke it; it takes nothing more.
    """

    def __init__(self, relay: Relay, desk: Desk) -> None:
        self.handed: Built | None = None
        self.given_s = 0.0
        self.following: Built | None = None
        self.reply: Reply | None = None
        self.is_ahead = False
        self.leads = True
        self.error: BaseException | None = None
        self._relay = relay
        self._desk = desk
        self._stepped: SteppedConnection | None = None  # None too where the relay has nothing to step through
        self._given: queue.SimpleQueue[Built | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None  # none before there is anything to wait for

    @property
    def may_lead(self) -> bool:
        """Whether what it is given next may send the envelope of another ahead."""
        return self.leads and self._stepped is not None and self._stepped.may_lead

    def give(self, built: Built, following: Built | None) -> None:
        """Have a message handed over; it is begun in the ledger by now, and what follows is not."""
        self.handed, self.following, self.is_ahead = built, following, False
        self.given_s = time.monotonic()
        after = None if following is None else following.message
        try:
            handing = None if self._stepped is None else self._stepped.begin(built.message, after)
        except Exception as error:  # or the desk would wait for it for ever
            self.break_off(error)
            return
        if handing is None:
            self._have_handed_over(built)
        else:
            self._desk.watch(self, handing)

    def finish(self, handing: Handing) -> bool:
        """Take the reply to what was given; without one the thread hands it over, and comes back later."""
        self.reply, self.is_ahead = handing.reply, handing.is_ahead
        if self.reply is None and self.handed is not None:
            self._have_handed_over(self.handed)
        return self.reply is not None

    def _have_handed_over(self, built: Built) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, daemon=True)
            self._thread.start()
        self._given.put(built)

    def break_off(self, error: BaseException) -> None:
        """Come back with an error, which the thread at the desk raises again; take nothing more."""
        self.error = error
        self._desk.come_back(self)

    def stop(self) -> None:
        """Have the connection closed."""
        self._given.put(None)

    def join(self) -> None:
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        try:
            self._serve()
        except BaseException as error:
            self.break_off(error)

    def _serve(self) -> None:
        connection = self._relay.connect()
        self._stepped = connection if isinstance(connection, SteppedConnection) else None
        try:
            while (built := self._given.get()) is not None:
                self.reply = self._hand_over(connection, built)
                self._desk.come_back(self)
        finally:
            connection.close()

    def _hand_over(self, connection: Connection, built: Built) -> Reply:
        if self._stepped is None:
            return connection.hand_over(built.message)
        begun_s, last = self.given_s, built.late >= _LATE_MOST
        return self._stepped.hand_over(
            built.message, may_start=lambda: last or time.monotonic() - begun_s < _PROMPT_S
        )
