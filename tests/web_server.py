"""A scriptable HTTP server on a loopback port the system gives: for tests of sources.

    with WebServer({"/feed": Page(b"…", etag='"1"')}) as server:
        ...                       # ask server.url("/feed")
        assert [asked.path for asked in server.asked] == ["/feed"]

A route maps a path to an answer, to a list of answers (one per request, the last one for ever after), or to a
function from the request to an answer. A path without a route is answered 404. An answer is one of

- `Page(body, …)`: a whole answer; with an ETag or a date it is 304 where the request names it,
- `Raw(data)`: these bytes and nothing else, then the connection is closed,
- `Drip(data, head, pause_s)`: the head, then the data again and again, byte by byte, until the client leaves,
- `Flood(head, chunk, times)`: the head, then a chunk many times over, without a copy of it all,
- `HANG`: not a word, until the client leaves or the server stops.
"""

from __future__ import annotations

import gzip
import re
import socket
import ssl
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from types import TracebackType
from typing import Self
from urllib.parse import parse_qs, urlsplit

_REQUEST = re.compile(rb"GET (\S+) HTTP/1\.1\r\n", re.ASCII)


@dataclass(frozen=True)
class Page:
    """An answer as a good server gives it."""

    body: bytes = b""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    etag: str | None = None
    last_modified: str | None = None

    def head(self) -> bytes:
        """The status line and the headers."""
        headers = {"Content-Type": "application/json", "Content-Length": str(len(self.body)), **self.headers}
        if self.etag:
            headers["ETag"] = self.etag
        if self.last_modified:
            headers["Last-Modified"] = self.last_modified
        return head(self.status, headers)


@dataclass(frozen=True)
class Raw:
    """Bytes sent as they are, before the connection is closed."""

    data: bytes


@dataclass(frozen=True)
class Drip:
    """Bytes sent one by one and for ever."""

    data: bytes = b" "
    head: bytes = b""
    pause_s: float = 0.01


@dataclass(frozen=True)
class Flood:
    """A chunk sent many times."""

    head: bytes
    chunk: bytes
    times: int


class _Hang:
    """Not a word."""


HANG = _Hang()
Answer = Page | Raw | Drip | Flood | _Hang


@dataclass(frozen=True)
class Asked:
    """A request as it came."""

    path: str
    query: dict[str, str]
    headers: dict[str, str]  #: names in small letters
    connection: int  #: from 1


Route = Answer | list[Answer] | Callable[[Asked], Answer]


def head(status: int, headers: Mapping[str, str]) -> bytes:
    """The first lines of an answer."""
    phrase = HTTPStatus(status).phrase if status in set(HTTPStatus) else "Odd"
    lines = [f"HTTP/1.1 {status} {phrase}", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join([*lines, "", ""]).encode()


def redirect(to: str, status: int = 302) -> Page:
    """An answer that sends one elsewhere."""
    return Page(status=status, headers={"Location": to})


def gzipped(body: bytes) -> Page:
    """An answer that is compressed."""
    return Page(gzip.compress(body), headers={"Content-Encoding": "gzip"})


class WebServer:
    """Listens at once; one thread per connection.

    Attributes:
        port: On 127.0.0.1.
        routes: May be changed while it runs.
        asked: Every request, in order.
        connections: How many there have been, those without a request among them.
        names: What TLS clients asked for as the server's name.
    """

    def __init__(
        self, routes: Mapping[str, Route] | None = None, *, tls: ssl.SSLContext | None = None
    ) -> None:
        self.routes: dict[str, Route] = dict(routes or {})
        self.asked: list[Asked] = []
        self.connections = 0
        self.names: list[str | None] = []
        self.stopped = threading.Event()
        self._tls = tls
        if tls:
            tls.sni_callback = self._note_name
        self._turns: dict[str, int] = {}
        self._lock = threading.Lock()
        self._clients: set[socket.socket] = set()
        self._threads: list[threading.Thread] = []
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=32)
        self.port: int = self._listener.getsockname()[1]
        self._acceptor = threading.Thread(target=self._accept, daemon=True)
        self._acceptor.start()

    def url(self, path: str = "/", host: str = "127.0.0.1") -> str:
        """The address of a path here."""
        return f"{'https' if self._tls else 'http'}://{host}:{self.port}{path}"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """Close everything, as a server that dies would."""
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

    def answer(self, asked: Asked) -> Answer:
        """What the script has for a request."""
        with self._lock:
            self.asked.append(asked)
            turn = self._turns[asked.path] = self._turns.get(asked.path, 0) + 1
        route = self.routes.get(asked.path, Page(b"not here", status=404))
        if isinstance(route, list):
            return route[min(turn, len(route)) - 1]
        return route if isinstance(route, Page | Raw | Drip | Flood | _Hang) else route(asked)

    def _note_name(self, _socket: ssl.SSLObject, name: str | None, _context: ssl.SSLContext) -> None:
        self.names.append(name)

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
                number = self.connections
            thread = threading.Thread(target=self._run, args=(client, number), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _run(self, client: socket.socket, number: int) -> None:
        talk = client
        with suppress(OSError):
            if self._tls:
                talk = self._tls.wrap_socket(client, server_side=True)
            while asked := _receive(talk, number):
                if not self._send(talk, self.answer(asked), asked):
                    break
        with self._lock:
            self._clients.discard(client)
        talk.close()
        client.close()

    def _send(self, client: socket.socket, answer: Answer, asked: Asked) -> bool:
        """Whether the connection may be asked again."""
        match answer:
            case Page():
                client.sendall(_unless_known(answer, asked))
                return True
            case Raw(data):
                client.sendall(data)
            case Drip(data, first, pause_s):
                client.sendall(first)
                while not self.stopped.wait(pause_s):
                    for byte in data:
                        client.sendall(bytes([byte]))
            case Flood(first, chunk, times):
                client.sendall(first)
                for _ in range(times):
                    client.sendall(chunk)
            case _Hang():
                client.recv(1)  # returns when the client has left, or the server stops
        return False


def _receive(client: socket.socket, number: int) -> Asked | None:
    """The next request of a connection; None when the client has left."""
    data = b""
    while b"\r\n\r\n" not in data:
        piece = client.recv(65536)
        if not piece:
            return None
        data += piece
    line = _REQUEST.match(data)
    assert line, data
    target = urlsplit(line[1].decode("latin-1"))
    rows = (row.partition(":") for row in data.decode("latin-1").split("\r\n")[1:] if row)
    headers = {name.lower(): value.strip() for name, _, value in rows}
    query = {name: values[0] for name, values in parse_qs(target.query).items()}
    return Asked(path=target.path, query=query, headers=headers, connection=number)


def _unless_known(page: Page, asked: Asked) -> bytes:
    """The page, or 304 where the client has it already."""
    known = asked.headers.get("if-none-match"), asked.headers.get("if-modified-since")
    if page.status == HTTPStatus.OK and (
        (page.etag and page.etag == known[0]) or (page.last_modified and page.last_modified == known[1])
    ):
        return head(304, {"ETag": page.etag} if page.etag else {})
    return page.head() + page.body
