"""A real SMTP server on this machine, for the demo: every mail it takes becomes an .eml and an .html to open."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path
from types import TracebackType
from typing import Self

from aiosmtpd.smtp import SMTP, Envelope, Session

from digest.compose.message import Message
from digest.compose.preview import html_part


class Postbox:
    """aiosmtpd on a loopback port that the system gives, in a thread of its own.

    Its `Controller` wants to know the port beforehand, and another program may take a free one meanwhile.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="postbox")
        self.port = 0  #: known once entered
        self.received: list[Path] = []  #: the .eml files, in the order of arrival

    def __enter__(self) -> Self:
        self._thread.start()
        self._server = asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result()
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802 - aiosmtpd finds it by this name
        """Keep a mail as it came over the wire."""
        data = envelope.original_content or b""
        recipient = envelope.rcpt_tos[0]
        stem = self._folder / recipient.partition("@")[0]
        self._folder.mkdir(parents=True, exist_ok=True)
        stem.with_suffix(".eml").write_bytes(data)
        message = Message(sender=envelope.mail_from or "", recipient=recipient, data=data)
        stem.with_suffix(".html").write_text(html_part(message), encoding="utf-8")
        self.received.append(stem.with_suffix(".eml"))
        return "250 2.0.0 kept"

    def open_for(self, folder: Path) -> None:
        """Put what comes from now on into another folder."""
        self._folder = folder

    async def _listen(self) -> asyncio.Server:
        return await self._loop.create_server(
            lambda: SMTP(self, hostname="localhost", loop=self._loop), host="127.0.0.1", port=0
        )

    async def _close(self) -> None:
        self._server.close()
        await self._server.wait_closed()
        pending = asyncio.all_tasks() - {asyncio.current_task()}
        for task in pending:
            task.cancel()
        await asyncio.gather(*pending, return_exceptions=True)
