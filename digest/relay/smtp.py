"""Hand messages over to an SMTP relay."""

from __future__ import annotations

import math
import socket
import ssl
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from digest.compose.message import Message
from digest.deliver.reply import Reply, Silence, Step
from digest.errors import SettingsError
from digest.log import logger
from digest.relay.session import Session, is_full
from digest.relay.url import RelayUrl, Scheme
from digest.relay.wire import Broken, Deadlines, Steps

LATE: Final = Reply(
    step=Step.CONNECT, code=None, text="the session was too long in opening", silence=Silence.LATE
)
_BEFORE_BODY: Final = frozenset({Step.MAIL, Step.RCPT, Step.DATA})

_log = logger("relay")


class SmtpRelay:
    """A relay that is spoken to by SMTP; nothing is opened before the first message.

    Attributes:
        hears_ahead: Whether it answers an envelope that was sent ahead, as far as we know.
    """

    def __init__(
        self,
        url: RelayUrl,
        *,
        password: str | None = None,
        ca_file: Path | None = None,
        hello: str | None = None,
        deadlines: Deadlines | None = None,
        recycle_after: int = 50,
        clock: Callable[[], float] = time.monotonic,
        key: str = "relay",
    ) -> None:
        """Check what can be checked without a connection.

        Args:
            url: Of one of the SMTP schemes.
            password: For the user of the URL.
            ca_file: Certificates (PEM) to trust instead of the system's.
            hello: How this machine calls itself in EHLO; else its full name, or else its address.
            deadlines: How long to wait.
            recycle_after: Messages per connection; many relays say 452 at about the hundredth.
            clock: Monotonic seconds.
            key: The table of the settings that it comes from, for errors.

        Raises:
            SettingsError: User and password do not go together, or the certificates cannot be read.
        """
        if (url.user is None) != (password is None):
            raise SettingsError(f"{key}.url with a user needs {key}.password_file, and the other way round")
        if not f"{url.user}{password}{hello}".isascii():
            raise SettingsError(f"{key}: user, password and name in EHLO have to be ASCII")
        if recycle_after < 1:
            raise SettingsError(f"{key}.messages_per_connection has to be at least 1")
        self.url = url
        self.recycle_after = recycle_after
        self.hears_ahead = True
        self._password = password
        self._context = None if url.scheme is Scheme.SMTP else _verifying_context(ca_file, key)
        self._hello = hello or _full_name()
        self._deadlines = deadlines or Deadlines()
        self._clock = clock

    def connect(self) -> SmtpConnection:
        """Return a connection for one thread; it opens with its first message, and again when it must."""
        return SmtpConnection(self)

    def deadline(self) -> float:
        """Return when a message that begins now has to be over, by the relay's clock."""
        return self._clock() + self._deadlines.message_s

    def open(self, until: float) -> Session:
        """Open a session, up to where MAIL may follow; raises `Broken`."""
        session = Session(
            hello=self._hello, context=self._context, deadlines=self._deadlines, clock=self._clock
        )
        session.message_until = until
        try:
            session.greet(self.url.host, self.url.port, implicit_tls=self.url.scheme is Scheme.SMTPS)
            if self.url.scheme is Scheme.STARTTLS:
                session.secure()
            if self.url.user is not None and self._password is not None:
                session.log_in(self.url.user, self._password)
        except Broken:
            session.close()
            raise
        return session


class SmtpConnection:
    """What one thread hands its messages to. Not for use by two threads at once."""

    def __init__(self, relay: SmtpRelay) -> None:
        self._relay = relay
        self._session: Session | None = None
        self._handed = 0  # over the session at hand

    def hand_over(
        self,
        message: Message,
        *,
        until: float = math.inf,
        may_start: Callable[[], bool] = lambda: True,
    ) -> Reply:
        """Send one message; returns the relay's last word about it, connecting included.

        A session that turns out to have been closed while it was idle, or to be full, is replaced without
        further ado: no byte of the message has left by then.

        Args:
            until: When it has to be over, by the relay's clock, if that is before the relay's own deadline.
            may_start: Asked when a session is open; where it says no, the reply is `Silence.LATE`.
        """
        until = min(until, self._relay.deadline())
        if self._is_used_up or self._awaits_another_than(message):
            self.close()
        reused = self._session is not None
        reply = self._hand_over(message, until, may_start)
        return self._hand_over(message, until, may_start) if reused and _wants_another(reply) else reply

    def begin(self, message: Message, following: Message | None = None) -> SmtpHanding | None:
        """Begin to hand a message over without waiting for anything.

        Args:
            following: The next one for this connection, whose envelope may go ahead: ask `may_lead` first.

        Returns:
            The message on its way; None where a session has to be opened or closed first, which
            `hand_over` does, and waits for.
        """
        session = self._session
        if session is None or self._is_used_up or self._awaits_another_than(message):
            return None
        asked = session.ahead is message
        steps = self._steps(session, message, self._relay.deadline(), following)
        return SmtpHanding(self._relay, session, steps, following, asked=asked)

    @property
    def may_lead(self) -> bool:
        """Whether a message that begins now may send the envelope of another ahead."""
        session = self._session
        more = self._handed + 1 < self._relay.recycle_after
        return session is not None and more and session.pipelines and self._relay.hears_ahead

    def _awaits_another_than(self, message: Message) -> bool:
        """Whether the relay waits for the content of another message, which is not going to come."""
        return self._session is not None and self._session.ahead not in (None, message)

    def close(self) -> None:
        """Say goodbye where somebody listens. The next message opens a new session."""
        session, self._session = self._session, None
        if session is not None:
            session.say_goodbye()

    @property
    def is_open(self) -> bool:
        """Whether it has a session, as far as we know."""
        return self._session is not None

    @property
    def is_ready(self) -> bool:
        """Whether `begin` can begin."""
        return self._session is not None and not self._is_used_up

    @property
    def _is_used_up(self) -> bool:
        return self._handed >= self._relay.recycle_after

    def _hand_over(self, message: Message, until: float, may_start: Callable[[], bool]) -> Reply:
        if self._session is None:
            try:
                self._session, self._handed = self._relay.open(until), 0
            except Broken as broken:
                return broken.reply
        if not may_start():
            return LATE
        return self._session.drive(self._steps(self._session, message, until))

    def _steps(
        self, session: Session, message: Message, until: float, following: Message | None = None
    ) -> Steps[Reply]:
        session.message_until = until
        self._handed += 1
        reply = yield from session.handing_over(message, following)
        if not session.usable:
            self.close()
        return reply


class SmtpHanding:
    """One message on its way, taken on whenever its socket is ready: so one thread serves many.

    Attributes:
        event: What it waits for, `EVENT_READ` or `EVENT_WRITE`; None when it is over.
        reply: The relay's last word, when it is over; None where the session had been closed while it was
            idle, is full, or did not listen to what was ahead: nothing has left, and `hand_over` sends the message
            over a new one.
        is_ahead: When it is over, whether the message that follows has to be the next over this connection.
    """

    def __init__(
        self,
        relay: SmtpRelay,
        session: Session,
        steps: Steps[Reply],
        following: Message | None,
        *,
        asked: bool,
    ) -> None:
        """Begin.

        Args:
            relay: Learns whether it hears what is sent ahead.
            session: It goes over this one.
            steps: Its own.
            following: May go ahead.
            asked: Whether its envelope was sent ahead.
        """
        self.event: int | None = None
        self.reply: Reply | None = None
        self.is_ahead = False
        self._relay = relay
        self._session = session
        self._steps = steps
        self._following = following
        self._asked = asked
        self._take(lambda: next(steps))

    def fileno(self) -> int:
        assert self._session.sock is not None
        return self._session.sock.fileno()

    def left_s(self) -> float:
        """Return how long it may still wait, in seconds."""
        return self._session.left_s

    def advance(self, *, in_time: bool = True) -> None:
        """Go as far as it goes without waiting; `in_time` is False when the time to wait is over."""
        self._take(lambda: self._steps.send(in_time))

    def _take(self, step: Callable[[], int]) -> None:
        try:
            self.event = step()
        except StopIteration as end:
            self.event = None
            self._end(end.value)

    def _end(self, reply: Reply) -> None:
        stale = _wants_another(reply)
        unheard = self._asked and not stale and _is_out_of_step(reply)
        ahead = self._session.ahead
        # The relay may have taken a message whose answer it left out for what stood behind it: that happens once, not always.
        dumb = ahead is not None and reply.silence is not None
        if (unheard or dumb) and self._relay.hears_ahead:
            self._relay.hears_ahead = False
            _log.warning("relay takes no envelope ahead", relay=self._relay.url.host, code=reply.code)
        self.reply = None if stale or unheard else reply
        self.is_ahead = ahead is not None and ahead is self._following and self._session.usable


def _is_out_of_step(reply: Reply) -> bool:
    """Whether commands that came early were lost, or refused for that: 503 (RFC 5321), or 554 to the first of them."""
    if reply.step is Step.MAIL and (reply.silence is not None or reply.code == 554):
        return True
    return reply.step in _BEFORE_BODY and reply.code == 503


def _wants_another(reply: Reply) -> bool:
    """Whether the message may fare better over a new session, before a byte of it has left."""
    stale = reply.step is Step.MAIL and (reply.silence is Silence.CLOSED or reply.code == 421)
    return stale or (reply.step in _BEFORE_BODY and is_full(reply))


def _full_name() -> str | None:
    # Not getfqdn(): it asks a name server, and waits for it.
    name = socket.gethostname()
    return name if "." in name and name.isascii() else None


def _verifying_context(ca_file: Path | None, key: str) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=ca_file)
    except OSError as error:
        raise SettingsError(f"{key}.ca_file {ca_file}: {error.strerror or error}") from error
