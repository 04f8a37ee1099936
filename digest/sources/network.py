"""Connections for sources: to checked addresses alone, and none that outlasts its time.

httpx2 checks neither: a redirect or a look-up may lead it anywhere, and its time-outs are per read, so that a
server which sends a byte now and then holds it for ever.
"""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import httpcore2
import httpx2

from digest.sources.addresses import Resolve, resolved

#: Longest wait in one piece, in seconds, so that a service that is told to end does not wait for a server.
SLICE_S = 1.0


class LateError(Exception):
    """An answer took longer than it may in all."""


class StoppedError(Exception):
    """We were told to end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What stands between us and the network; tests bring their own."""

    resolve: Resolve = socket.getaddrinfo
    backend: httpcore2.NetworkBackend = httpcore2.SyncBackend()  # noqa: RUF009 - it holds nothing
    tls: ssl.SSLContext | None = None  #: the system's certificates where None
    monotonic: Callable[[], float] = time.monotonic
    #: Wait this many seconds; returns early, and True, once we are told to end.
    wait: Callable[[float], bool] = threading.Event().wait


class Patience:
    """How long the answer at hand may still take."""

    def __init__(self, surroundings: Surroundings) -> None:
        self._monotonic, self._wait = surroundings.monotonic, surroundings.wait
        self._until = 0.0

    def start(self, seconds: float) -> None:
        """Count from now."""
        self._until = self._monotonic() + seconds

    def left(self) -> float:
        """Seconds left, more than 0.

        Raises:
            LateError: None are.
            StoppedError: We were told to end.
        """
        if self._wait(0):
            raise StoppedError
        left = self._until - self._monotonic()
        if left <= 0:
            raise LateError
        return left


class Transport(httpx2.BaseTransport):
    """One connection at a time, to addresses that were checked."""

    def __init__(self, surroundings: Surroundings, patience: Patience, *, allow_private: bool) -> None:
        # Not HTTPTransport: it takes no network backend. Its proxies, which are refused here, would look
        # names up where nothing can be checked.
        self._pool = httpcore2.ConnectionPool(
            ssl_context=surroundings.tls or httpx2.create_ssl_context(),
            max_connections=1,
            network_backend=_Backend(surroundings, patience, allow_private=allow_private),
        )

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        assert isinstance(request.stream, httpx2.SyncByteStream)
        url = httpcore2.URL(
            scheme=request.url.raw_scheme,
            host=request.url.raw_host,
            port=request.url.port,
            target=request.url.raw_path,
        )
        answer = self._pool.handle_request(
            httpcore2.Request(
                method=request.method,
                url=url,
                headers=request.headers.raw,
                content=request.stream,
                extensions=request.extensions,
            )
        )
        return httpx2.Response(
            answer.status, headers=answer.headers, stream=_Body(answer), extensions=answer.extensions
        )

    def close(self) -> None:
        self._pool.close()


class _Body(httpx2.SyncByteStream):
    def __init__(self, answer: httpcore2.Response) -> None:
        self._answer = answer

    def __iter__(self) -> Iterator[bytes]:
        return self._answer.iter_stream()

    def close(self) -> None:
        self._answer.close()


class _Backend(httpcore2.NetworkBackend):
    """Looks the name up, checks what it stands for, and connects to that; TLS and `Host` keep the name."""

    def __init__(self, surroundings: Surroundings, patience: Patience, *, allow_private: bool) -> None:
        self._resolve, self._inner = surroundings.resolve, surroundings.backend
        self._patience, self._allow_private = patience, allow_private

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore2.NetworkStream:
        failed: Exception = OSError("it has no address")
        for address in resolved(host, port, resolve=self._resolve, allow_private=self._allow_private):
            try:
                stream = self._inner.connect_tcp(
                    address, port, timeout=_least(timeout, self._patience.left())
                )
                return _Stream(stream, self._patience)
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout) as error:
                failed = error
        raise failed


class _Stream(httpcore2.NetworkStream):
    """A connection on which no call outlasts our patience."""

    def __init__(self, inner: httpcore2.NetworkStream, patience: Patience) -> None:
        self._inner, self._patience = inner, patience

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        silence_s = 0.0
        while True:
            left_s = (
                self._patience.left()
                if timeout is None
                else _least(timeout - silence_s, self._patience.left())
            )
            slice_s = min(SLICE_S, left_s)
            try:
                return self._inner.read(max_bytes, timeout=slice_s)
            except httpcore2.ReadTimeout:
                silence_s += slice_s
                if timeout is not None and silence_s >= timeout:
                    raise

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._inner.write(buffer, timeout=_least(timeout, self._patience.left()))

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore2.NetworkStream:
        left = _least(timeout, self._patience.left())
        return _Stream(self._inner.start_tls(ssl_context, server_hostname, left), self._patience)

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)


def _least(timeout: float | None, left: float) -> float:
    return left if timeout is None else min(timeout, left)
