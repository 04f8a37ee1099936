"""A relay that counts what each address was mailed, and keeps nothing else: to check by, not to measure against."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from aiosmtpd.smtp import SMTP, Envelope, Session

from digest.bench.sink import HOST


class Counting:
    """Takes every mail.

    Attributes:
        mails: By recipient.
        port: On 127.0.0.1.
    """

    def __init__(self) -> None:
        self.mails: Counter[str] = Counter()
        self.port = 0

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802 - aiosmtpd finds it by this name
        self.mails.update(envelope.rcpt_tos)
        return "250 2.0.0 counted"


@contextmanager
def counting() -> Iterator[Counting]:
    """Run aiosmtpd in a thread while the block runs."""
    found, loop = Counting(), asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="counting")
    thread.start()
    listening = loop.create_server(lambda: SMTP(found, hostname="localhost", loop=loop), host=HOST, port=0)
    server = asyncio.run_coroutine_threadsafe(listening, loop).result()
    found.port = server.sockets[0].getsockname()[1]
    try:
        yield found
    finally:
        asyncio.run_coroutine_threadsafe(_close(server), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def _close(server: asyncio.Server) -> None:
    server.close()
    await server.wait_closed()
    sessions = asyncio.all_tasks() - {asyncio.current_task()}
    for session in sessions:
        session.cancel()
    await asyncio.gather(*sessions, return_exceptions=True)
