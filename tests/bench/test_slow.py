"""The relay that is slow to answer, and ours beside smtplib against it."""

from __future__ import annotations

import asyncio
import smtplib

import pytest

from digest.bench import slow
from digest.bench.sink import HOST, BenchError
from digest.bench.slow import slow_relay
from digest.bench.slow_relay import SlowRelay
from digest.compose.message import Message

MESSAGE = Message(sender="a@example.org", recipient="b@example.org", data=b"Subject: x\r\n\r\n..\r\nbody\r\n")


async def _said(*parts: bytes) -> bytes:
    """Write parts one after the other, each when the one before was read; returns all that is answered."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: SlowRelay(0.001), host=HOST, port=0)
    reader, writer = await asyncio.open_connection(HOST, server.sockets[0].getsockname()[1])
    for part in parts:
        writer.write(part)
        await writer.drain()
        await asyncio.sleep(0)
    answers = await reader.read()
    writer.close()
    server.close()
    await server.wait_closed()
    return answers


@pytest.mark.parametrize("cut", [1, 3, 7, 1000])
def test_answers_in_order(cut: int) -> None:
    """Commands that come together, or in pieces, are answered one by one in their order, and QUIT closes."""
    said = b"EHLO x\r\nmail from:<a>\r\nRCPT TO:<b>\r\nDATA\r\nQUIT\r\n..\r\n.\r\nMAIL FROM:<a>\r\nQUIT\r\n"
    answers = asyncio.run(_said(*(said[start : start + cut] for start in range(0, len(said), cut))))
    codes = [line[:3] for line in answers.split(b"\r\n") if line[3:4] == b" "]
    assert codes == [b"220", b"250", b"250", b"250", b"354", b"250", b"250", b"221"]
    assert b"PIPELINING" in answers


def test_takes_mail_of_smtplib() -> None:
    """smtplib, which knows nothing of it, gets its mails taken, over one connection."""
    with slow_relay(1) as port:
        with smtplib.SMTP(HOST, port, timeout=20) as server:
            for _ in range(3):
                assert server.sendmail("a@example.org", ["b@example.org"], MESSAGE.data) == {}
        slow._by_smtplib([MESSAGE], port, mails=7, connections=3, kept=False)


def test_mail_that_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    """A rate counts only if smtplib sent every mail."""
    monkeypatch.setattr("digest.bench.slow.in_threads", lambda _count, serve: serve(0))
    with slow_relay(1) as port, pytest.raises(BenchError, match="of 4 mails smtplib sent 2"):
        slow._by_smtplib([MESSAGE], port, mails=4, connections=2, kept=True)
