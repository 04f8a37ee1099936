"""A scriptable SMTP server on a loopback port the system gives: for tests of every reply, and of kills.

    with SmtpServer(answers={"rcpt": "550 5.1.1 no such user"}) as server:
        ...                       # talk to server.port
        assert server.accepted == []

`answers` maps a step ("connect", "ehlo", "starttls", "auth", "mail", "rcpt", "data", "body", "dot",
"rset", "quit") to what happens there: an answer, a list of answers (one per time the step is reached;
None or the end of the list: the usual answer), or a function from the command's argument to an answer
or None. An answer is one of

- a text: sent as it is with CRLF; one that starts with 421 also closes the connection,
- `Raw(data, close=…)`: these bytes and nothing else,
- `Slow(data, pause_s)`: one byte at a time, again and again, until the client leaves,
- `Hold(event, then=…)`: nothing until the event is set, then `then` (None: the usual answer),
- `CLOSE`: the connection is closed without a word,
- `HANG`: not a word, until the client leaves or the server stops.

At "body" the first part of the message has arrived, and the rest is not read.

As a process of its own, for tests that kill the sender (`ServerProcess` starts one):

    python tests/smtp_server.py --log FILE --port-file FILE

appends one JSON line per message (message_id, recipient, sha256, size_bytes, connection, opened_s, signed), flushed
and synced to disk, before it answers 250.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import json
import os
import re
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

_MESSAGE_ID = re.compile(rb"^message-id:\s*(<[^>\r\n]*>)", re.IGNORECASE | re.MULTILINE)
_END = b"\r\n.\r\n"


@dataclass(frozen=True)
class Raw:
    """Bytes sent as they are."""

    data: bytes
    close: bool = False


@dataclass(frozen=True)
class Slow:
    """Bytes sent one by one and for ever."""

    data: bytes = b"250-still here\r\n"
    pause_s: float = 0.01


@dataclass(frozen=True)
class Hold:
    """Silence until an event, then another answer."""

    event: threading.Event
    then: str | Raw | None = None


class _Close:
    """Close without a word."""


class _Hang:
    """Not a word."""


CLOSE = _Close()
HANG = _Hang()
GARBAGE = Raw(b"\x16\x03\x01 is this SMTP?\r\n")

Answer = str | Raw | Slow | Hold | _Close | _Hang
Script = Answer | list[Answer | None] | Callable[[str], Answer | None]


@dataclass(frozen=True)
class Accepted:
    """A message that was answered with 250, or was about to be."""

    sender: str
    recipient: str  #: the first one
    data: bytes  #: as the client meant it: dots unstuffed, without the final dot
    connection: int  #: from 1, in order of arrival
    opened_s: float = 0.0  #: when the connection was, by the clock that all processes of the machine share

    @property
    def message_id(self) -> str:
        """The Message-ID with its angle brackets, empty where there is none."""
        found = _MESSAGE_ID.search(self.data)
        return found[1].decode("ascii", "replace") if found else ""

    @property
    def is_signed(self) -> bool:
        """Whether a DKIM signature stands at its top."""
        return self.data.lower().startswith(b"dkim-signature:")

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.data).hexdigest()


class SmtpServer:
    """Listens at once; one thread per connection.

    Attributes:
        port: On 127.0.0.1.
        accepted: Messages, in the order in which they were taken, before their 250 was sent.
        lines: Every command line with the number of its connection, as received.
        connections: How many there have been.
    """

    def __init__(
        self,
        *,
        answers: Mapping[str, Script] | None = None,
        pipelining: bool = True,
        starttls: ssl.SSLContext | None = None,
        implicit_tls: ssl.SSLContext | None = None,
        auth: tuple[str, str] | None = None,
        methods: str = "PLAIN",
        size: int | None = None,
        offers: tuple[str, ...] = ("8BITMIME",),
        log: Path | None = None,
        keep: bool = True,
        port: int = 0,
    ) -> None:
        self.answers = {str(step): script for step, script in (answers or {}).items()}
        self.pipelining, self.starttls, self.implicit_tls = pipelining, starttls, implicit_tls
        self.auth, self.methods, self.size, self.keep = auth, methods, size, keep
        self.offers = offers
        self.accepted: list[Accepted] = []
        self.lines: list[tuple[int, bytes]] = []
        self.connections = 0
        self.stopped = threading.Event()
        self._lock = threading.Lock()
        self._reached: dict[str, int] = {}
        self._log: IO[bytes] | None = log.open("ab", buffering=0) if log else None
        self._syncing = threading.Lock()
        self._written = self._synced = 0
        self._clients: set[socket.socket] = set()
        self._threads: list[threading.Thread] = []
        self._listener = socket.create_server(("127.0.0.1", port), backlog=128)
        self.port: int = self._listener.getsockname()[1]
        self._acceptor = threading.Thread(target=self._accept, daemon=True)
        self._acceptor.start()

    @property
    def url(self) -> str:
        """Of the plain kind."""
        return f"smtp://127.0.0.1:{self.port}"

    @property
    def commands(self) -> list[str]:
        """The first word of every command line, in capitals."""
        return [line.decode("latin-1").split(" ")[0].upper() for _, line in self.lines]

    @property
    def idle(self) -> bool:
        """Whether nobody is connected."""
        with self._lock:
            return not self._clients

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """Close everything, as a relay that dies would."""
        self.stopped.set()
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        with self._lock:
            clients = list(self._clients)
        for client in clients:
            with suppress(OSError):
                client.shutdown(socket.SHUT_RDWR)
        for thread in [self._acceptor, *self._threads]:
            thread.join(5)
        if self._log:
            self._log.close()

    def answer(self, step: str, argument: str) -> Answer | None:
        """Look up what the script wants at a step; None is the usual answer."""
        script = self.answers.get(step)
        if isinstance(script, list):
            with self._lock:
                turn = self._reached[step] = self._reached.get(step, 0) + 1
            return script[turn - 1] if turn <= len(script) else None
        if script is None or isinstance(script, str | Raw | Slow | Hold | _Close | _Hang):
            return script
        return script(argument)

    def take(self, message: Accepted) -> None:
        """Write a message down, before it is acknowledged."""
        if self.keep:
            self.accepted.append(message)
        if self._log:
            line = {
                "message_id": message.message_id,
                "recipient": message.recipient,
                "sha256": message.sha256,
                "size_bytes": len(message.data),
                "connection": message.connection,
                "opened_s": message.opened_s,
                "signed": message.is_signed,
            }
            self._write(self._log, json.dumps(line).encode() + b"\n")

    def _write(self, log: IO[bytes], line: bytes) -> None:
        """Return when the line is on the disk; those who wait for a sync are served by the next one together."""
        with self._lock:
            # Unbuffered and opened for appending: one write is one whole line.
            log.write(line)
            self._written = mine = self._written + 1
        with self._syncing:
            if self._synced < mine:
                upto = self._written
                os.fsync(log.fileno())
                self._synced = upto

    def swap(self, plain: socket.socket, secure: socket.socket) -> None:
        """Remember the socket that TLS put in another's place."""
        with self._lock:
            self._clients.discard(plain)
            self._clients.add(secure)

    def _accept(self) -> None:
        while not self.stopped.is_set():
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self._lock:
                self.connections += 1
                self._clients.add(client)
                talk = _Talk(self, client, self.connections)
            thread = threading.Thread(target=self._run, args=(talk, client), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _run(self, talk: _Talk, client: socket.socket) -> None:
        with suppress(OSError, EOFError):
            talk.run()
        with self._lock:
            self._clients.discard(talk.sock)
        with suppress(OSError):
            talk.sock.close()
        client.close()


class _Talk:
    """One connection."""

    def __init__(self, server: SmtpServer, sock: socket.socket, number: int) -> None:
        self.server, self.sock, self.number = server, sock, number
        self.buffer = b""
        self.sender: str | None = None  # "" is the null sender
        self.recipients: list[str] = []
        self.secure = server.implicit_tls is not None
        self.opened_s = time.monotonic()

    def run(self) -> None:
        if self.server.implicit_tls:
            self._wrap(self.server.implicit_tls)
        self._say("connect", "", "220 test.example.org ESMTP")
        while True:
            line = self._line()
            if self.server.keep:
                self.server.lines.append((self.number, line))
            verb, _, argument = line.decode("latin-1").partition(" ")
            if verb.upper() == "QUIT":
                self._say("quit", "", "221 2.0.0 bye")
                return
            handle = getattr(self, "_on_" + verb.lower(), None)
            if handle:
                handle(argument)
            else:
                self._send("500 5.5.2 unknown")

    def _on_ehlo(self, argument: str) -> None:
        server, words = self.server, ["test.example.org"]
        words += ["PIPELINING"] if server.pipelining else []
        words += ["STARTTLS"] if server.starttls and not self.secure else []
        words += [f"AUTH {server.methods}"] if server.auth else []
        words += [f"SIZE {server.size}"] if server.size is not None else []
        words += [*server.offers, "ENHANCEDSTATUSCODES"]
        lines = [f"250-{word}" for word in words[:-1]] + [f"250 {words[-1]}"]
        self._say("ehlo", argument, "\r\n".join(lines))

    def _on_starttls(self, argument: str) -> None:
        if self._say("starttls", argument, "220 2.0.0 ready") and self.server.starttls:
            self._wrap(self.server.starttls)
            self.secure, self.buffer = True, b""

    def _wrap(self, context: ssl.SSLContext) -> None:
        plain, self.sock = self.sock, context.wrap_socket(self.sock, server_side=True)
        self.server.swap(plain, self.sock)

    def _on_auth(self, argument: str) -> None:
        if not self.server.auth:
            self._say("auth", argument, "502 5.5.1 not here")
            return
        mechanism, _, initial = argument.partition(" ")
        given = self._credentials(mechanism, initial)
        right = given == self.server.auth
        self._say("auth", argument, "235 2.7.0 welcome" if right else "535 5.7.8 wrong")

    def _credentials(self, mechanism: str, initial: str) -> tuple[str, str]:
        if mechanism.upper() == "PLAIN":
            _, user, password = base64.b64decode(initial).decode().split("\0")
            return user, password
        user = base64.b64decode(initial or self._ask("VXNlcm5hbWU6")).decode()
        return user, base64.b64decode(self._ask("UGFzc3dvcmQ6")).decode()

    def _ask(self, challenge: str) -> bytes:
        self._send(f"334 {challenge}")
        return self._line()

    def _on_mail(self, argument: str) -> None:
        self.recipients = []
        if self._say("mail", argument, "250 2.1.0 ok"):
            self.sender = _address(argument)

    def _on_rcpt(self, argument: str) -> None:
        if self.sender is None:
            self._send("503 5.5.1 MAIL first")
        elif self._say("rcpt", argument, "250 2.1.5 ok"):
            self.recipients.append(_address(argument))

    def _on_data(self, argument: str) -> None:
        if not self.recipients and "data" not in self.server.answers:
            self._send("554 5.5.1 no valid recipients")
        elif self._say("data", argument, "354 go ahead"):
            self._receive()

    def _on_rset(self, argument: str) -> None:
        self.sender, self.recipients = None, []
        self._say("rset", argument, "250 2.0.0 reset")

    def _on_noop(self, argument: str) -> None:
        self._send("250 2.0.0 ok")

    def _receive(self) -> None:
        if "body" in self.server.answers and not self.buffer:
            self._more()
        wanted = self.server.answer("body", "")
        if wanted is not None:
            self._act(wanted)
            self._act(HANG)
        chunks, tail = [self.buffer], b"\r\n" + self.buffer
        while _END not in tail:
            self.buffer = b""
            self._more()
            chunks.append(self.buffer)
            tail = tail[-len(_END) :] + self.buffer
        # The CRLF before the first line belongs to DATA, so that an empty message ends as well.
        whole, _, self.buffer = (b"\r\n" + b"".join(chunks)).partition(_END)
        data = (whole + b"\r\n").replace(b"\r\n.", b"\r\n")[2:]
        if not self.recipients:
            self._send("554 5.5.1 no valid recipients")
        else:
            message = Accepted(self.sender or "", self.recipients[0], data, self.number, self.opened_s)
            self._finish(message)
        self.sender, self.recipients = None, []

    def _finish(self, message: Accepted) -> None:
        """Take a message as soon as 250 is certain, then say so; the script decides."""
        wanted = self.server.answer("dot", message.recipient)
        if isinstance(wanted, Hold):
            self._wait(wanted.event)
            wanted = wanted.then
        if wanted is None or (isinstance(wanted, str) and wanted.startswith("2")):
            self.server.take(message)
        self._act(wanted if wanted is not None else "250 2.0.0 queued")

    def _say(self, step: str, argument: str, usual: str) -> bool:
        """Answer as the script wants, or as usual; returns whether that was 2xx or 354."""
        wanted = self.server.answer(step, argument)
        if isinstance(wanted, Hold):
            self._wait(wanted.event)
            wanted = wanted.then
        if wanted is None:
            wanted = usual
        self._act(wanted)
        return isinstance(wanted, str) and wanted[:1] in ("2", "3")

    def _act(self, answer: Answer) -> None:
        if isinstance(answer, _Close):
            raise EOFError
        if isinstance(answer, _Hang):
            self._wait(self.server.stopped)
        elif isinstance(answer, Slow):
            while not self.server.stopped.wait(answer.pause_s):
                for byte in answer.data:
                    self.sock.sendall(bytes([byte]))
                    if self.server.stopped.wait(answer.pause_s):
                        break
        elif isinstance(answer, Raw):
            self.sock.sendall(answer.data)
            if answer.close:
                raise EOFError
        elif isinstance(answer, str) and answer:
            self._send(answer)
            if answer.startswith("421"):
                raise EOFError

    def _wait(self, event: threading.Event) -> None:
        """Wait for an event of the test, or for the server to stop."""
        while not event.wait(0.005):
            if self.server.stopped.is_set():
                raise EOFError

    def _send(self, text: str) -> None:
        self.sock.sendall(text.encode() + b"\r\n")

    def _line(self) -> bytes:
        while b"\n" not in self.buffer:
            self._more()
        line, _, self.buffer = self.buffer.partition(b"\n")
        return line.rstrip(b"\r")

    def _more(self) -> None:
        chunk = self.sock.recv(262_144)
        if not chunk:
            raise EOFError
        self.buffer += chunk


def _address(argument: str) -> str:
    return argument.partition("<")[2].partition(">")[0]


class ServerProcess:
    """The server as a process of its own, which outlives a sender that is killed.

    Attributes:
        port: On 127.0.0.1.
    """

    def __init__(self, folder: Path) -> None:
        self.log = folder / "accepted.jsonl"
        port_file = folder / "port"
        self._process = subprocess.Popen(
            [sys.executable, __file__, "--log", str(self.log), "--port-file", str(port_file)]
        )
        wait_until(port_file.exists)
        self.port = int(port_file.read_text())

    def accepted(self) -> list[dict[str, Any]]:
        """Return the log so far: message_id, recipient, sha256, size_bytes and connection of each."""
        return [json.loads(line) for line in self.log.read_text().splitlines()]

    def stop(self) -> int:
        """End the process; returns its exit code."""
        self._process.terminate()
        return self._process.wait(10)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def wait_until(ready: Callable[[], bool], *, timeout_s: float = 10.0) -> None:
    """Look every 5 ms until it is so, for what another process does; fails when it never is."""
    until = time.monotonic() + timeout_s
    while not ready():
        if time.monotonic() > until:
            raise AssertionError("it never came")
        time.sleep(0.005)


def main() -> None:
    """Serve until a signal."""
    parser = argparse.ArgumentParser(description="Log each message before acknowledging it.")
    parser.add_argument("--log", type=Path, required=True)
    parser.add_argument("--port-file", type=Path)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--no-pipelining", action="store_true")
    given = parser.parse_args()
    server = SmtpServer(log=given.log, keep=False, port=given.port, pipelining=not given.no_pipelining)
    if given.port_file:
        # Written whole or not at all: who waits for the file finds a port in it.
        draft = given.port_file.with_suffix(".part")
        draft.write_text(str(server.port))
        draft.rename(given.port_file)
    else:
        print(server.port, flush=True)  # noqa: T201 - the port is this program's output
    signal.sigwait({signal.SIGTERM, signal.SIGINT})
    server.stop()


if __name__ == "__main__":
    # Blocked before any thread starts, or a thread of the server would take the signal.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGINT})
    main()
