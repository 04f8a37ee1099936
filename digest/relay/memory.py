"""A relay that remembers: the one fake of the tests, which says what a script tells it to."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable

from digest.compose.message import Message
from digest.deliver.reply import Reply, Step

ACCEPTED = Reply(step=Step.DOT, code=250, text="2.0.0 remembered")


class MemoryRelay:
    """Accepts what its script does not answer otherwise.

    Attributes:
        accepted: Messages that were answered with 2xx at the final dot, in order.
        tried: All messages that were handed over, in order.
    """

    def __init__(self, script: Callable[[Message], Reply | None] | None = None) -> None:
        """Set the script.

        Args:
            script: From a message to its reply; None is acceptance. `in_turn` makes one of a list.
        """
        self.accepted: list[Message] = []
        self.tried: list[Message] = []
        self._script = script
        self._lock = threading.Lock()

    def connect(self) -> MemoryConnection:
        """Return a connection; all of them remember in one place."""
        return MemoryConnection(self)

    def answer(self, message: Message) -> Reply:
        """Remember one message and reply."""
        with self._lock:
            self.tried.append(message)
            reply = (self._script(message) if self._script else None) or ACCEPTED
            if reply.accepted:
                self.accepted.append(message)
            return reply


class MemoryConnection:
    """What one thread hands its messages to.

    Attributes:
        closed: How often it was closed.
    """

    def __init__(self, relay: MemoryRelay) -> None:
        self._relay = relay
        self.closed = 0

    def hand_over(self, message: Message) -> Reply:
        """Reply as the script says."""
        return self._relay.answer(message)

    def close(self) -> None:
        """Count."""
        self.closed += 1


def in_turn(replies: Iterable[Reply | None]) -> Callable[[Message], Reply | None]:
    """Return a script that gives these replies one after the other, and accepts when they are used up."""
    left = iter(replies)
    return lambda message: next(left, None)  # noqa: ARG005 - a script is told the message
