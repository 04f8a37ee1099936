"""The load on the pages: form posts over connections that stay open, from one process over loopback."""

from __future__ import annotations

import asyncio
import re
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from digest.bench.sink import HOST, BenchError

#: The name of the service in every request; its settings say the same.
NAME = "digest.example.org"
#: Longest time for one load, in seconds: a server that hangs must not hang the bench.
_MOST_S = 900.0
_LENGTH = re.compile(rb"(?i)\r\ncontent-length: *([0-9]+)\r\n")

#: Fields of a form; a list is sent as so many fields of one name, as a browser sends ticked boxes.
Fields = Mapping[str, str | Sequence[str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """What came of a load."""

    answers: Counter[int]  #: by status
    waits_s: tuple[float, ...]  #: from the request's first byte to the answer's last, shortest first
    took_s: float

    @property
    def rate(self) -> float:
        """Answers per second."""
        return len(self.waits_s) / self.took_s


def form(path: str, fields: Fields) -> bytes:
    """The bytes of a posted form, as a browser on a page of the service sends it."""
    body = urlencode(fields, doseq=True).encode()
    head = (
        f"POST {path} HTTP/1.1\r\nHost: {NAME}\r\nOrigin: https://{NAME}\r\nSec-Fetch-Site: same-origin\r\n"
        f"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def send(port: int, streams: Sequence[Iterable[bytes]]) -> Load:
    """Post each stream's requests over a connection of its own, the next as soon as the last is answered.

    Args:
        port: On 127.0.0.1.
        streams: Requests, in the order of each connection.

    Raises:
        BenchError: The server closed a connection, or took too long.
    """
    try:
        return asyncio.run(_send(port, streams))
    except (OSError, EOFError, TimeoutError) as error:
        raise BenchError(f"the pages did not answer: {type(error).__name__}") from error


async def _send(port: int, streams: Sequence[Iterable[bytes]]) -> Load:
    answers: Counter[int] = Counter()
    waits_s: list[float] = []
    began = time.perf_counter()
    async with asyncio.timeout(_MOST_S):
        # The first that fails ends the load: the others are cancelled as the loop is closed.
        await asyncio.gather(*(_connection(port, stream, answers, waits_s) for stream in streams))
    took_s = time.perf_counter() - began
    return Load(answers=answers, waits_s=tuple(sorted(waits_s)), took_s=took_s)


async def _connection(
    port: int, requests: Iterable[bytes], answers: Counter[int], waits_s: list[float]
) -> None:
    reader, writer = await asyncio.open_connection(HOST, port)
    try:
        for request in requests:
            began = time.perf_counter()
            writer.write(request)
            answers[await _answer(reader)] += 1
            waits_s.append(time.perf_counter() - began)
    finally:
        writer.close()


async def _answer(reader: asyncio.StreamReader) -> int:
    """Read one answer whole; returns its status."""
    head = await reader.readuntil(b"\r\n\r\n")
    length = _LENGTH.search(head)
    if length is None:
        raise BenchError("an answer without Content-Length")
    await reader.readexactly(int(length[1]))
    return int(head.split(b" ", 2)[1])
