"""Messages as files."""

from __future__ import annotations

import mailbox
from pathlib import Path

from digest.compose.message import Message
from digest.deliver.reply import Reply, Step
from digest.relay.folder import FolderRelay


def _message(message_id: str = "<1@example.org>", text: str = "Hello.") -> Message:
    data = f"Subject: x\r\nMessage-ID: {message_id}\r\n\r\n{text}\r\nMessage-ID: <no@example.org>\r\n"
    return Message(sender="news@example.org", recipient="ada@example.org", data=data.encode())


def test_a_maildir(tmp_path: Path) -> None:
    """A message is one file in `new`, of exactly its bytes, which Python's mailbox module reads."""
    path = tmp_path / "deep" / "mail"
    reply = FolderRelay(path).connect().hand_over(_message())
    (file,) = (path / "new").iterdir()
    assert reply == Reply(step=Step.DOT, code=250, text=f"2.0.0 new/{file.name}")
    assert file.read_bytes() == _message().data
    assert list((path / "tmp").iterdir()) == []
    box = mailbox.Maildir(path, create=False)
    assert [mail["Message-ID"] for mail in box] == ["<1@example.org>"]


def test_a_repeat_is_the_same_file(tmp_path: Path) -> None:
    """The same Message-ID twice is one file with the later bytes; another one is another."""
    connection = FolderRelay(tmp_path).connect()
    for message in (_message(), _message(text="Again."), _message("<2@example.org>")):
        assert connection.hand_over(message).accepted
    connection.close()
    texts = sorted(file.read_bytes().count(b"Again.") for file in (tmp_path / "new").iterdir())
    assert texts == [0, 1]


def test_without_message_id(tmp_path: Path) -> None:
    """A message without Message-ID is named by its bytes."""
    connection = FolderRelay(tmp_path).connect()
    for data in (b"Subject: a\r\n\r\n", b"Subject: b\r\n\r\n", b"Subject: a\r\n\r\n"):
        connection.hand_over(Message(sender="", recipient="ada@example.org", data=data))
    assert len(list((tmp_path / "new").iterdir())) == 2


def test_trouble_is_the_sites(tmp_path: Path) -> None:
    """A folder that cannot be written is a 452 at MAIL, so that no reader is blamed."""
    (tmp_path / "file").write_text("")
    reply = FolderRelay(tmp_path / "file").connect().hand_over(_message())
    assert reply == Reply(step=Step.MAIL, code=452, text="4.3.0 Not a directory")
