"""Put messages into a Maildir instead of sending them: to look at, or for another program to fetch."""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path

from digest.compose.message import Message
from digest.deliver.reply import Reply, Step

_MESSAGE_ID = re.compile(rb"^message-id:\s*(<[^>\r\n]*>)", re.IGNORECASE | re.MULTILINE)


class FolderRelay:
    """A Maildir, made where it is missing; each message is one file of exactly its bytes."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def connect(self) -> FolderConnection:
        """Return a connection; any number may write to one folder."""
        return FolderConnection(self.path)


class FolderConnection:
    """What one thread hands its messages to."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._ready = False

    def hand_over(self, message: Message) -> Reply:
        """Write one message; it is on disk before 250 is said.

        The file's name comes from the Message-ID, so a message that is handed over again is still one.
        Trouble with the folder is the site's trouble, and no reader's: it is reported at MAIL.
        """
        try:
            self._prepare()
            name = _file_name(message.data)
            self._write(name, message.data)
        except OSError as error:
            return Reply(step=Step.MAIL, code=452, text=f"4.3.0 {error.strerror}")
        return Reply(step=Step.DOT, code=250, text=f"2.0.0 new/{name}")

    def close(self) -> None:
        """Nothing is kept open."""

    def _prepare(self) -> None:
        if not self._ready:
            for part in ("tmp", "new", "cur"):
                (self._path / part).mkdir(parents=True, exist_ok=True)
            self._ready = True

    def _write(self, name: str, data: bytes) -> None:
        draft = self._path / "tmp" / f"{name}.{os.getpid()}"
        with draft.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(self._path / "new" / name)
        # The new name is durable only with the folder that holds it.
        folder = os.open(self._path / "new", os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def _file_name(data: bytes) -> str:
    header = data.partition(b"\r\n\r\n")[0]
    found = _MESSAGE_ID.search(header)
    return hashlib.sha256(found[1] if found else data).hexdigest()[:32] + ".eml"
