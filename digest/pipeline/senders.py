"""Senders, one for each connection, and the desk that they come back to with what their relay said.

While a connection is open, the thread at the desk takes its message on step by step whenever the socket is ready.
What has to wait by itself, as opening a connection has, is done by a thread of the sender's own.
"""

from __future__ import annotations

import os
import queue
import selectors
import threading
import time
from dataclasses import dataclass

from digest.compose.message import Message
from digest.deliver.delivery import Delivery
from digest.deliver.reply import Reply
from digest.pipeline.ports import Handing, Relay, SteppedConnection

#: Between two looks for messages whose time is over; their deadlines are minutes.
_LOOK_S = 0.5


@dataclass(frozen=True, slots=True)
class Built:
    """A delivery with its bytes, ready to be handed over."""

    delivery: Delivery
    message: Message
    body_hash: str


class Desk:
    """Where one thread waits for senders, and takes on what they have on the way."""

    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()
        self._back: queue.SimpleQueue[Sender] = queue.SimpleQueue()
        self._woken, self._wake = os.pipe()
        self._selector.register(self._woken, selectors.EVENT_READ)
        self._watched: dict[int, tuple[Sender, Handing]] = {}  # by file descriptor
        self._next_look = time.monotonic() + _LOOK_S

    def come_back(self, sender: Sender) -> None:
        """Be there, with a reply or an error; called by any thread."""
        self._back.put(sender)
        os.write(self._wake, b".")

    def watch(self, sender: Sender, handing: Handing) -> None:
        """Take a message on until it is over; then its sender is back."""
        if handing.event is None:
            self._over(sender, handing)
            return
        descriptor = handing.fileno()
        self._selector.register(descriptor, handing.event)
        self._watched[descriptor] = sender, handing

    def wait(self) -> list[Sender]:
        """Wait until a sender is back; returns all who are."""
        while self._back.empty():
            self._take_on()
        back = []
        while not self._back.empty():
            back.append(self._back.get())
        return back

    def _take_on(self) -> None:
        for key, _events in self._selector.select(_LOOK_S):
            if key.fd == self._woken:
                os.read(self._woken, 4096)
            else:
                self._advance(key.fd)
        if time.monotonic() >= self._next_look:
            self._end_what_is_late()

    def close(self) -> None:
        self._selector.close()
        os.close(self._woken)
        os.close(self._wake)

    def _advance(self, descriptor: int, *, in_time: bool = True) -> None:
        sender, handing = self._watched[descriptor]
        before = handing.event
        try:
            handing.advance(in_time=in_time)
        except Exception as error:  # the others are still waited for, and settled
            self._forget(descriptor)
            sender.break_off(error)
            return
        if handing.event is None:
            self._forget(descriptor)
            self._over(sender, handing)
        elif handing.event != before:
            self._selector.modify(descriptor, handing.event)

    def _forget(self, descriptor: int) -> None:
        del self._watched[descriptor]
        self._selector.unregister(descriptor)

    def _over(self, sender: Sender, handing: Handing) -> None:
        if sender.finish(handing.reply):
            self._back.put(sender)

    def _end_what_is_late(self) -> None:
        for descriptor, (_sender, handing) in list(self._watched.items()):
            if handing.left_s() <= 0:
                self._advance(descriptor, in_time=False)
        self._next_look = time.monotonic() + _LOOK_S


class Sender:
    """One connection, and a thread for what has to wait.

    Attributes:
        handed: What it was given last; None before the first.
        reply: The relay's last word about that.
        error: What broke it; it takes nothing more.
    """

    def __init__(self, relay: Relay, desk: Desk) -> None:
        self.handed: Built | None = None
        self.reply: Reply | None = None
        self.error: BaseException | None = None
        self._relay = relay
        self._desk = desk
        self._stepped: SteppedConnection | None = None  # None too where the relay has nothing to step through
        self._given: queue.SimpleQueue[Built | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def give(self, built: Built) -> None:
        """Have a message handed over; it is begun in the ledger by now."""
        self.handed = built
        try:
            handing = None if self._stepped is None else self._stepped.begin(built.message)
        except Exception as error:  # or the desk would wait for it for ever
            self.break_off(error)
            return
        if handing is None:
            self._given.put(built)
        else:
            self._desk.watch(self, handing)

    def finish(self, reply: Reply | None) -> bool:
        """Take the reply to what was given; without one the thread hands it over, and comes back later."""
        self.reply = reply
        if reply is None:
            self._given.put(self.handed)
        return reply is not None

    def break_off(self, error: BaseException) -> None:
        """Come back with an error, which the thread at the desk raises again; take nothing more."""
        self.error = error
        self._desk.come_back(self)

    def stop(self) -> None:
        """Have the connection closed."""
        self._given.put(None)

    def join(self) -> None:
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
                self.reply = connection.hand_over(built.message)
                self._desk.come_back(self)
        finally:
            connection.close()
