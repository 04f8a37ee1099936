"""Runs the pages: uvicorn in a thread, bounded in what it takes from a client and in how long it takes to stop."""

from __future__ import annotations

import asyncio
import logging
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn
from fastapi import FastAPI
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from digest.errors import DigestError
from digest.log import logger, outline
from digest.web.application import create
from digest.wiring import App

#: Longest head of a request, in bytes; uvicorn bounds it for h11 alone.
HEAD_BYTES = 32 * 1024
#: Longest that a whole request may take to arrive, in seconds.
REQUEST_S = 30.0
#: Longest that an answer may wait for a client to read it, in seconds.
ANSWER_S = 60.0
#: How long an idle connection is kept for another request, in seconds; longer than the usual proxy's 60 it need not be.
KEEP_ALIVE_S = 5
#: How long requests under way may take when the service is told to stop, in seconds.
DRAIN_S = 10
#: Connections at once; many systems give a process 1,024 open files, and the database and the relay want some.
CONNECTIONS = 800

_log = logger("web")


@contextmanager
def serving(app: App, *, host: str, port: int) -> Iterator[str]:
    """Serve the pages while the block runs, then let requests under way come to their end.

    Args:
        app: The program.
        host: Name or address to listen on.
        port: 0 for any free one.

    Yields:
        Where the pages are, such as http://127.0.0.1:8000.

    Raises:
        DigestError: The address cannot be had, or a template, the taxonomy or the database is not as it should be;
            then nothing listened.
    """
    listener = _bound(host, port)
    try:
        server = _Server(_config(create(app)))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, name="web")
        with _told():
            thread.start()
            server.wait_until_ready(thread)
            url = _url(listener)
            # Both: whoever opens the first where the second is meant is refused for the name, and may wonder why.
            _log.info("pages opened", url=url, base_url=app.settings.base_url or None)
            if not app.settings.base_url:
                _log.warning(
                    "sending is off", reason="base_url is not set; the pages answer to this machine alone"
                )
            try:
                yield url
            finally:
                server.should_exit = True
                thread.join()
                _log.info("pages closed")
    finally:
        listener.close()


class _Server(uvicorn.Server):
    """Says when it listens."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._ready = threading.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._ready.set()

    def wait_until_ready(self, thread: threading.Thread) -> None:
        while not self._ready.wait(0.1):
            if not thread.is_alive():
                raise DigestError("the pages could not be served: see the log")


class _Protocol(HttpToolsProtocol):
    """HTTP by httptools, which would read a head or trailers without end, and wait for either side for ever."""

    _deadline: asyncio.TimerHandle | None = None
    _unread: asyncio.TimerHandle | None = None
    #: What came since the last piece of a body: of a head, of trailers, of what stands beside the size of a chunk.
    _beside_bytes = 0
    _in_head = True

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # asyncio says BaseTransport; uvicorn narrows it so
        super().connection_made(transport)
        self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        self._waited()
        if self._unread is not None:
            self._unread.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        self._beside_bytes += len(data)
        super().data_received(data)
        if self._beside_bytes > HEAD_BYTES and not self.transport.is_closing():
            self.send_400_response("The head of the request is too long.")

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._wait()

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._in_head:  # a trailer is passed over (RFC 9110 6.5.1): it would be kept, one beside the other
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        self._in_head, self._beside_bytes = False, 0
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        self._beside_bytes = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._in_head, self._beside_bytes = True, 0
        self._waited()
        super().on_message_complete()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._watch()

    def on_response_complete(self) -> None:
        self._watch()
        super().on_response_complete()

    def _wait(self) -> None:
        self._waited()
        self._deadline = self.loop.call_later(REQUEST_S, self.transport.close)

    def _waited(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()

    def _watch(self) -> None:
        """Give up who does not read the answer: closing alone would wait for them."""
        if self._unread is not None:
            self._unread.cancel()
        self._unread = self.loop.call_later(ANSWER_S, self._give_up)

    def _give_up(self) -> None:
        if self.transport.get_write_buffer_size():
            self.transport.abort()


class _Told(logging.Handler):
    """Turns what libraries log into events of ours, without the words of an exception."""

    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[1] if record.exc_info else None
        _log.error("server failed", error=outline(error) if error else record.getMessage())


@contextmanager
def _told() -> Iterator[None]:
    handler = _Told(logging.ERROR)
    loggers = [logging.getLogger(name) for name in ("uvicorn.error", "asyncio")]
    for each in loggers:
        each.addHandler(handler)
    try:
        yield
    finally:
        for each in loggers:
            each.removeHandler(handler)


def _config(app: FastAPI) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        http=_Protocol,
        ws="none",
        lifespan="on",
        log_config=None,
        log_level=logging.ERROR,
        access_log=False,
        proxy_headers=False,  # whose word counts is for `clients`
        server_header=False,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=DRAIN_S,
        limit_concurrency=CONNECTIONS,
    )


def _bound(host: str, port: int) -> socket.socket:
    """A socket with this address that does not listen yet: nobody comes in before everything is loaded."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        found = socket.socket(family, kind, protocol)
    except OSError as error:
        raise DigestError(f"web.host: {host}: {error.strerror}") from error
    try:
        found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        found.bind(address)
    except OSError as error:
        found.close()
        raise DigestError(f"cannot serve on {host}, port {port}: {error.strerror}") from error
    return found


def _url(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
