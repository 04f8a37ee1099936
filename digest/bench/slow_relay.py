"""A relay that is far away: it takes everything, and answers each command after a while, to all clients at once.

`python -m digest.bench.slow_relay MILLISECONDS` prints its port on 127.0.0.1 and serves until it is ended.
"""

from __future__ import annotations

import asyncio
import sys

from digest.bench.sink import HOST

_GREETING = b"220 slow.example.org ESMTP\r\n"
_HELLO = b"250-slow.example.org\r\n250-PIPELINING\r\n250 8BITMIME\r\n"
_ANSWERS = {b"EHLO": _HELLO, b"DATA": b"354 go on\r\n", b"QUIT": b"221 2.0.0 bye\r\n"}
_TAKEN = b"250 2.0.0 taken\r\n"
_END = b"\r\n.\r\n"
_BACKLOG = 256
#: Read at a time: a message as a rule. It is read into the same place each time, which costs less than a new one.
_READ_BYTES = 131_072


class SlowRelay(asyncio.BufferedProtocol):
    """One client. What comes in together, as RFC 2920 allows, is answered together."""

    def __init__(self, delay_s: float) -> None:
        self._delay_s = delay_s
        self._buffer = bytearray(_READ_BYTES)
        self._received = b""  # and not looked at yet
        self._in_message = False
        self._transport: asyncio.WriteTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.WriteTransport)
        self._transport = transport
        self._answer(_GREETING)

    def get_buffer(self, sizehint: int) -> bytearray:
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        self._received += memoryview(self._buffer)[:nbytes]
        answers = []
        while answer := self._next():
            answers.append(answer)
        if answers:
            self._answer(b"".join(answers))

    def _next(self) -> bytes | None:
        """Take one command, or the end of a message, off what was received; returns the answer to it."""
        end = _END if self._in_message else b"\r\n"
        at = self._received.find(end)
        if at < 0:
            if self._in_message:  # only what may be the beginning of its end is kept
                self._received = self._received[-len(end) :]
            return None
        verb = b"" if self._in_message else self._received[:4].upper()
        self._received = self._received[at + len(end) :]
        self._in_message = verb == b"DATA"
        return _ANSWERS.get(verb, _TAKEN)

    def _answer(self, answer: bytes) -> None:
        asyncio.get_running_loop().call_later(self._delay_s, self._say, answer)

    def _say(self, answer: bytes) -> None:
        assert self._transport is not None
        if self._transport.is_closing():
            return
        self._transport.write(answer)
        if answer.endswith(_ANSWERS[b"QUIT"]):
            self._transport.close()


async def serve(delay_s: float) -> None:
    """Listen on a free port, and print it."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: SlowRelay(delay_s), host=HOST, port=0, backlog=_BACKLOG)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]) / 1000))
