"""Mail in files: each mailbox is read whole, and afterwards is as its kind says."""

from __future__ import annotations

import fcntl
import io
import mailbox
from pathlib import Path

import pytest

from digest.errors import MailboxError, UsageError
from digest.sources.letter import Letter
from digest.sources.mailbox import open_mail

CAP = 1_000
MAIL = b"Subject: a\n\nx\n"


def read(*paths: Path | str, stdin: bytes = b"") -> list[Letter]:
    return list(open_mail([str(path) for path in paths], cap_bytes=CAP, stdin=io.BytesIO(stdin)))


def tree(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


@pytest.fixture
def maildir(tmp_path: Path) -> Path:
    folder = tmp_path / "box"
    for part in ("new", "cur", "tmp"):
        (folder / part).mkdir(parents=True)
    (folder / "new" / "2").write_bytes(MAIL)
    (folder / "new" / "1").write_bytes(b"x" * (CAP + 1))
    (folder / "new" / ".hidden").write_bytes(MAIL)
    (folder / "cur" / "3:2,F").write_bytes(MAIL)
    (folder / "cur" / "4:2,S").write_bytes(MAIL)
    (folder / "tmp" / "5").write_bytes(MAIL)
    return folder


def test_a_maildir(maildir: Path) -> None:
    """What is unseen is given, new or not, without what is still being written; settled, it is seen, and given no more."""
    letters = read(maildir)
    assert [(Path(each.name).name, each.data) for each in letters] == [
        ("1", None),
        ("2", MAIL),
        ("3:2,F", MAIL),
    ]
    assert letters[0].reason == "it is larger than 1,000 bytes"
    for each in letters:
        each.settle()
        each.settle()  # gone from there: nothing is to be done
    assert tree(maildir) == ["cur/1:2,S", "cur/2:2,S", "cur/3:2,FS", "cur/4:2,S", "new/.hidden", "tmp/5"]
    assert read(maildir) == []


def test_a_maildir_is_left_as_it_was(maildir: Path) -> None:
    """What is not ours is left in place."""
    before = tree(maildir)
    for each in read(maildir):
        each.leave()
    assert tree(maildir) == before


def test_a_maildir_that_others_read(maildir: Path) -> None:
    """A mail that another program moves away meanwhile is passed over."""
    letters = open_mail([str(maildir)], cap_bytes=CAP, stdin=io.BytesIO())
    next(letters)
    (maildir / "new" / "2").unlink()
    assert [Path(each.name).name for each in letters] == ["3:2,F"]


def test_an_mbox(tmp_path: Path) -> None:
    """Its mails come in order, and the file stays as it was, byte by byte."""
    path = tmp_path / "mbox"
    box = mailbox.mbox(path)
    for data in (MAIL, b"Subject: b\n\n>From me\n", b"Subject: c\n\n" + b"x" * CAP):
        box.add(data)
    box.close()
    before = path.read_bytes()
    letters = read(path)
    for each in letters:
        each.settle()
        each.leave()
    assert [each.data for each in letters[:2]] == [MAIL, b"Subject: b\n\n>From me\n"]
    assert letters[2].data is None
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_an_mbox_under_a_lock(tmp_path: Path) -> None:
    """While another program writes to it, nothing is read."""
    path = tmp_path / "mbox"
    path.write_bytes(b"From x\n" + MAIL)
    (tmp_path / "mbox.lock").write_bytes(b"")
    with pytest.raises(MailboxError, match="holds its lock"):
        read(path)
    (tmp_path / "mbox.lock").unlink()
    assert len(read(path)) == 1
    with path.open("rb") as held:
        fcntl.flock(held, fcntl.LOCK_SH)  # who only reads holds nobody up
        assert len(read(path)) == 1


def test_a_single_mail_and_standard_input(tmp_path: Path) -> None:
    """A file is one mail, and so is what a pipe gives; over the cap it is read to its end all the same."""
    (tmp_path / "one.eml").write_bytes(MAIL)
    (tmp_path / "empty.eml").write_bytes(b"")
    assert [each.data for each in read(tmp_path / "one.eml", tmp_path / "empty.eml", "-", stdin=MAIL)] == [
        MAIL,
        b"",
        MAIL,
    ]
    stdin = io.BytesIO(b"x" * (CAP * 3))
    (letter,) = open_mail(["-"], cap_bytes=CAP, stdin=stdin)
    assert (letter.data, stdin.read()) == (None, b"")


def test_what_is_not_there(tmp_path: Path) -> None:
    """A path without a mailbox is told before anything is read."""
    (tmp_path / "one.eml").write_bytes(MAIL)
    with pytest.raises(UsageError, match="no such file"):
        open_mail([str(tmp_path / "one.eml"), str(tmp_path / "two")], cap_bytes=CAP, stdin=io.BytesIO())
    with pytest.raises(UsageError, match="is a Maildir, with new/ and cur/"):
        read(tmp_path)


def test_what_cannot_be_read(maildir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that the system does not let us read is told by name; a folder or an mbox ends the look."""

    def refused(*_given: object, **_named: object) -> None:
        raise PermissionError(13, "Permission denied")

    with monkeypatch.context() as patched:
        patched.setattr(Path, "open", refused)
        assert {(each.data, each.reason) for each in read(maildir)} == {(None, "Permission denied")}
        with pytest.raises(MailboxError, match="Permission denied"):
            read(maildir / "new" / "1")
    with monkeypatch.context() as patched:
        patched.setattr(Path, "iterdir", refused)
        with pytest.raises(MailboxError, match="Permission denied"):
            read(maildir)
