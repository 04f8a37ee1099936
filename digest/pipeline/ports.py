"""What delivery asks of a relay; `digest.relay` has the ones that do it."""

from __future__ import annotations

from typing import Protocol

from digest.compose.message import Message
from digest.deliver.reply import Reply


class Connection(Protocol):
    """One connection to a relay, for one thread; opened at the first message and again whenever needed."""

    def hand_over(self, message: Message) -> Reply:
        """Hand one message over and say how it went; SMTP outcomes are values, never exceptions."""
        ...

    def close(self) -> None: ...


class Relay(Protocol):
    """Where messages are handed over."""

    def connect(self) -> Connection:
        """A connection that is not open yet: opening is part of the first message's outcome."""
        ...
