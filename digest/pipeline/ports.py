"""What delivery asks of whoever composes and of a relay; `digest.compose` and `digest.relay` have those that do it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol, runtime_checkable

from digest.compose.message import Message, Unsigned
from digest.deliver.reply import Reply


class Draft(Protocol):
    """A mail that is composed; to sign it takes long, and may be done elsewhere."""

    @property
    def unsigned(self) -> Unsigned: ...

    def sealed(self, signatures: bytes | None = None) -> tuple[Message, str]:
        """Close it, signing it where no signatures are given; returns it with a hash of its bytes."""
        ...


class Signing(Protocol):
    """A process that signs, beside this one."""

    def fileno(self) -> int: ...

    def submit(self, unsigned: Sequence[Unsigned]) -> None:
        """Have these signed; raises OSError where it is gone."""
        ...

    def has_signed(self) -> bool:
        """Whether `receive` has not to wait, be it that the process is gone; may raise OSError where it is."""
        ...

    def receive(self) -> list[bytes]:
        """The signatures of what was submitted first; raises EOFError or OSError where it is gone."""
        ...

    def close(self) -> None: ...


class Connection(Protocol):
    """One connection to a relay, for one thread; opened at the first message and again whenever needed."""

    def hand_over(self, message: Message) -> Reply:
        """Hand one message over and say how it went; SMTP outcomes are values, never exceptions."""
        ...

    def close(self) -> None: ...


class Handing(Protocol):
    """One message on its way, taken on whenever its socket is ready."""

    event: int | None  #: what it waits for, `selectors.EVENT_READ` or `EVENT_WRITE`; None when it is over
    reply: Reply | None  #: when it is over; None where nothing has left, and `hand_over` has to do it
    is_ahead: bool  #: when it is over: whether the envelope of the message that follows has left

    def fileno(self) -> int: ...

    def left_s(self) -> float:
        """How long it may still wait, in seconds."""
        ...

    def advance(self, *, in_time: bool = True) -> None:
        """Go as far as it goes without waiting; `in_time` is False when the time to wait is over."""
        ...


@runtime_checkable
class SteppedConnection(Connection, Protocol):
    """A connection that can do without a thread while it is open."""

    def hand_over(self, message: Message, *, may_start: Callable[[], bool] = ...) -> Reply:
        """Hand one message over.

        Args:
            may_start: Asked once the relay is ready for the message. Where it may not, nothing of it leaves: the
                reply is `Silence.LATE`, and what was opened for it stays open.
        """
        ...

    @property
    def may_lead(self) -> bool:
        """Whether a message that begins now may send the envelope of another ahead."""
        ...

    def begin(self, message: Message, following: Message | None = None) -> Handing | None:
        """Begin to hand over without waiting; None where that cannot be, and `hand_over` has to do it.

        Args:
            following: The next one, whose envelope may go ahead; any other closes the connection instead.
        """
        ...


class Relay(Protocol):
    """Where messages are handed over."""

    def connect(self) -> Connection:
        """A connection that is not open yet: opening is part of the first message's outcome."""
        ...


@runtime_checkable
class Rationed(Protocol):
    """A relay with limits of its own; what is given to it beyond them waits."""

    def room(self) -> int:
        """How many more messages it would take now."""
        ...

    def wait_s(self) -> float:
        """How long until time alone brings room, in seconds; infinite where a message has to end first."""
        ...
