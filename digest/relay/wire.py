"""Commands and replies on a socket, each step within its deadline: what a session is spoken over."""

from __future__ import annotations

import math
import re
import select
import smtplib
import socket
import ssl
from collections.abc import Callable, Generator
from dataclasses import dataclass
from selectors import EVENT_READ, EVENT_WRITE
from typing import Final, TypeVar

from digest.deliver.reply import Reply, Silence, Step

_REPLY_LINE: Final = re.compile(rb"([2-5]\d\d)(?:([ -])(.*))?", re.DOTALL)
#: RFC 5321 asks for 512 bytes; smtplib allows 8,192. EHLO of the large providers stays under 20 lines.
_LINE_BYTES = 8192
_REPLY_LINES = 200
_TEXT_CHARACTERS = 500
_UNPRINTABLE = re.compile(r"[^!-~]+")
_POLLED = {EVENT_READ: select.POLLIN, EVENT_WRITE: select.POLLOUT}

T = TypeVar("T")
#: What is done step by step: it yields what it waits for, `EVENT_READ` or `EVENT_WRITE`, and is sent whether that
#: came in time. So one thread can serve many sessions, and `drive` one.
Steps = Generator[int, bool, T]


@dataclass(frozen=True, slots=True, kw_only=True)
class Deadlines:
    """How long to wait, in seconds; never only per read, so that one byte at a time ends as well."""

    step_s: float = 60.0  #: for one step, from its command to the whole reply
    #: RFC 5321, section 4.5.3.2.6: a relay may take its time once it has the message, and giving up
    #: early is how repeats are made.
    dot_s: float = 600.0
    message_s: float = 660.0  #: for everything about one message, connecting included


class Broken(Exception):  # noqa: N818 - it never leaves this package, and is no error of ours
    """The session cannot go on.

    Attributes:
        reply: What the relay said last, or why it said nothing.
    """

    def __init__(self, reply: Reply) -> None:
        self.reply = reply
        super().__init__(reply.text)


class Wire(smtplib.SMTP):
    """smtplib with its reading and writing replaced: deadlines, `Broken`, and a buffer of our own.

    smtplib reads through a file object, one line a call, and its time-out starts anew with each byte.

    Attributes:
        step: Where the session stands; a failure is reported with it.
        until: Deadline of the step at hand, by `clock`.
        message_until: Deadline of the message at hand.
    """

    def __init__(self, *, hello: str, deadlines: Deadlines, clock: Callable[[], float]) -> None:
        self.step = Step.CONNECT
        self.deadlines = deadlines
        self.message_until = clock() + deadlines.message_s
        self._clock = clock
        self.until = self.message_until
        self._received = b""
        super().__init__(local_hostname=hello)  # without a host it does not connect

    def enter(self, step: Step) -> None:
        """Begin a step: from now on its deadline counts."""
        self.step = step
        allowed_s = self.deadlines.dot_s if step is Step.DOT else self.deadlines.step_s
        self.until = min(self._clock() + allowed_s, self.message_until)

    def allow(self, seconds: float) -> None:
        """Give a few seconds of their own to what is no part of a message."""
        self.until = self._clock() + seconds

    def left(self) -> float:
        """Return the seconds left for the step, or raise `Broken`."""
        left_s = self.left_s
        if left_s <= 0:
            raise self.silent(Silence.TIMEOUT, "")
        return left_s

    @property
    def left_s(self) -> float:
        """The seconds left for the step; none, or fewer, where its time is over."""
        return self.until - self._clock()

    @property
    def unasked(self) -> bool:
        """Whether the relay has said more than it was asked."""
        return bool(self._received)

    # -- what smtplib's own steps go through ----------------------------------------------------

    def send(self, s: object) -> None:
        """Write a command of smtplib's, within the deadline of the step."""
        assert isinstance(s, str)  # all that EHLO, STARTTLS and AUTH give
        self.write(s.encode("ascii"))

    def getreply(self) -> tuple[int, bytes]:
        """Read the reply to a command of smtplib's; raises `Broken` instead of smtplib's exceptions.

        One command, one reply: what comes with it was not asked for. Before TLS that is how answers
        are smuggled into the secured session (CVE-2011-0411, seen from the client).
        """
        code, text = self.read()
        if code == 421:
            raise self.refused(code, text)
        if self.unasked:
            silence = Silence.UNTRUSTED if self.step is Step.STARTTLS else Silence.GARBAGE
            raise self.silent(silence, "more than one reply")
        return code, text

    # -- bytes out and in -----------------------------------------------------------------------

    def write(self, data: bytes) -> None:
        """Write all, or raise `Broken`: then the last byte has not left."""
        self.drive(self.writing(data))

    def read(self) -> tuple[int, bytes]:
        """Read one reply; see `reading`."""
        return self.drive(self.reading())

    def drive(self, steps: Steps[T]) -> T:
        """Take steps to their end, waiting in this thread."""
        try:
            event = next(steps)
            while True:
                event = steps.send(self._comes(event))
        except StopIteration as end:
            result: T = end.value
            return result

    def _comes(self, event: int) -> bool:
        assert self.sock is not None
        poll = select.poll()
        poll.register(self.sock, _POLLED[event])
        return bool(poll.poll(math.ceil(max(0.0, self.left_s) * 1000)))

    def writing(self, data: bytes, end: bytes = b"", ahead: bytes = b"") -> Steps[int]:
        """Write data and end, or raise `Broken`: then the last byte of these has not left.

        Args:
            end: Goes out with the data, and as a rule without a copy of it: that takes as long as to send a tenth.
            ahead: Goes out with both, as far as it can without waiting.

        Returns:
            How many bytes of `ahead` have left.
        """
        assert self.sock is not None
        needed, left = len(data) + len(end), memoryview(data)
        if end:
            # TLS sockets know no sendmsg.
            at_once = not isinstance(self.sock, ssl.SSLSocket)
            sent = self._send_together(data, end + ahead) if at_once else 0
            if sent == needed + len(ahead):
                return len(ahead)
            left = memoryview(data + end + ahead)[sent:]
        while left:
            must_go = len(left) > len(ahead)
            if must_go:
                self.left()
            try:
                left = left[self.sock.send(left) :]
            except OSError as error:
                if not must_go:
                    break
                yield from self._ready_again(error, EVENT_WRITE)
        return len(ahead) - len(left)

    def _send_together(self, data: bytes, end: bytes) -> int:
        """Send what goes out at once; how much that was. What keeps it from going shows at the next try."""
        assert self.sock is not None
        self.left()
        try:
            return self.sock.sendmsg((data, end))
        except OSError:
            return 0

    def reading(self) -> Steps[tuple[int, bytes]]:
        """Read one reply of one or more lines; returns its code and its lines, LF between them."""
        code, texts = b"", []
        for _ in range(_REPLY_LINES):
            found = _REPLY_LINE.fullmatch((yield from self._read_line()))
            if found is None or (code and found[1] != code):
                break
            code = found[1]
            texts.append(found[3] or b"")
            if found[2] != b"-":
                return int(code), b"\n".join(texts)
        raise self.silent(Silence.GARBAGE, "no SMTP reply")

    def _read_line(self) -> Steps[bytes]:
        while True:
            line, end, rest = self._received.partition(b"\n")
            if end:
                self._received = rest
                return line.rstrip(b"\r \t")
            if len(line) > _LINE_BYTES:
                raise self.silent(Silence.GARBAGE, "a line without end")
            yield from self._receive()

    def _receive(self) -> Steps[None]:
        assert self.sock is not None
        # Nobody answers at once: to look first costs an exception for each answer. What TLS has decoded by now is seen
        # by looking alone.
        if not (isinstance(self.sock, ssl.SSLSocket) and self.sock.pending()) and not (yield EVENT_READ):
            raise self.silent(Silence.TIMEOUT, "")
        while True:
            # Not asked how much time is left: what has come is read, however long this process was stopped meanwhile. A
            # "250" that is let lie is a repeat.
            try:
                chunk = self.sock.recv(_LINE_BYTES)
                break
            except OSError as error:
                yield from self._ready_again(error, EVENT_READ)
        if not chunk:
            raise self.silent(Silence.CLOSED, "")
        self._received += chunk

    def _ready_again(self, error: OSError, event: int) -> Steps[None]:
        """Wait where the socket would have made us wait; TLS may want to read in order to write."""
        if isinstance(error, ssl.SSLWantReadError):
            event = EVENT_READ
        elif isinstance(error, ssl.SSLWantWriteError):
            event = EVENT_WRITE
        elif not isinstance(error, BlockingIOError):
            raise self.lost(error) from error
        if not (yield event):
            raise self.silent(Silence.TIMEOUT, "")

    # -- connecting -----------------------------------------------------------------------------

    def open(self, host: str, port: int) -> socket.socket:
        """Try each address of the host, all within the deadline of the step."""
        failure = OSError("the name has no address")
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except OSError as error:
            raise self.lost(error) from error
        for family, kind, protocol, _, address in found:
            sock = socket.socket(family, kind, protocol)
            try:
                sock.settimeout(self.left())
                sock.connect(address)
            except (OSError, Broken) as error:
                sock.close()
                if isinstance(error, Broken):
                    raise
                failure = error
                continue
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sock.setblocking(False)
            return sock
        raise self.lost(failure) from failure

    # -- how it ends ----------------------------------------------------------------------------

    def refused(self, code: int, text: bytes | str) -> Broken:
        """Make the end of the session of a reply; one that refuses nothing was not to be expected."""
        if 400 <= code < 600:
            return Broken(reply(self.step, code, text))
        return self.silent(Silence.GARBAGE, f"unexpected {code}")

    def silent(self, silence: Silence, text: str) -> Broken:
        """Make the end of the session of a reply that is missing."""
        return Broken(Reply(step=self.step, code=None, text=_one_line(text), silence=silence))

    def lost(self, error: OSError) -> Broken:
        """Make the end of the session of what the system says."""
        if isinstance(error, TimeoutError):
            return self.silent(Silence.TIMEOUT, "")
        return self.silent(Silence.CLOSED, error.strerror or str(error))

    def untrusted(self, error: OSError) -> Broken:
        """Tell a relay that cannot be trusted from one that went away in the handshake."""
        if isinstance(error, ssl.SSLEOFError | ssl.SSLZeroReturnError):
            return self.silent(Silence.CLOSED, "closed in the TLS handshake")
        if isinstance(error, ssl.SSLCertVerificationError):
            return self.silent(Silence.UNTRUSTED, error.verify_message)
        if isinstance(error, ssl.SSLError):
            return self.silent(Silence.UNTRUSTED, error.reason or str(error))
        return self.lost(error)


def reply(step: Step, code: int, text: bytes | str) -> Reply:
    """Make a reply of what was received: one printable line."""
    words = text.decode("ascii", "replace") if isinstance(text, bytes) else text
    return Reply(step=step, code=code, text=_one_line(words))


def _one_line(text: str) -> str:
    if text.isascii() and text.isprintable():
        return text[:_TEXT_CHARACTERS]
    return _UNPRINTABLE.sub(" ", text).strip()[:_TEXT_CHARACTERS]
