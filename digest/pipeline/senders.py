"""The threads that hand messages over, one for each connection; all else is done by the thread they come back to."""

from __future__ import annotations

import queue
import threading
from dataclasses import dataclass

from digest.compose.message import Message
from digest.deliver.delivery import Delivery
from digest.deliver.reply import Reply
from digest.pipeline.ports import Relay


@dataclass(frozen=True, slots=True)
class Built:
    """A delivery with its bytes, ready to be handed over."""

    delivery: Delivery
    message: Message
    body_hash: str


class Sender:
    """One connection, and the thread that serves it. It owns nothing that another thread changes.

    A sender comes back to the desk with the reply to each message, and waits there for the next: the thread at the
    desk makes the replies of all who have come durable in one commit, and gives out messages only after that.

    Attributes:
        handed: What it was given last; None before the first.
        reply: The relay's last word about that.
        error: What broke it; it takes nothing more.
    """

    def __init__(self, relay: Relay, desk: queue.SimpleQueue[Sender]) -> None:
        self.handed: Built | None = None
        self.reply: Reply | None = None
        self.error: BaseException | None = None
        self._relay = relay
        self._desk = desk
        self._given: queue.SimpleQueue[Built | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def give(self, built: Built) -> None:
        """Have a message handed over; it is begun in the ledger by now."""
        self._given.put(built)

    def stop(self) -> None:
        """Have the connection closed, after the message at hand."""
        self._given.put(None)

    def join(self) -> None:
        self._thread.join()

    def _run(self) -> None:
        try:
            self._serve()
        except BaseException as error:  # raised again by the thread at the desk
            self.error = error
            self._desk.put(self)

    def _serve(self) -> None:
        connection = self._relay.connect()
        try:
            while (built := self._given.get()) is not None:
                self.reply = connection.hand_over(built.message)
                self.handed = built
                self._desk.put(self)
        finally:
            connection.close()
