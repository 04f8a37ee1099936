"""Mail on an IMAP server, a real one: TLS or nothing, and marked only after it was dealt with."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import trustme

from digest.errors import MailboxError, SettingsError
from digest.sources import imap
from digest.sources.imap import LOOKED, ImapBox, ImapUrl, open_imap, parse_imap
from digest.sources.letter import Letter
from tests.sources import dovecot
from tests.sources.dovecot import PASSWORD, USER, Dovecot

CAP = 1_000
ONE, TWO, LARGE = b"Subject: a\n\nx\n", b"Subject: b\n\ny\n", b"Subject: c\n\n" + b"x" * CAP


@pytest.fixture(scope="module")
def server() -> Iterator[Dovecot]:
    if shutil.which(dovecot.PROGRAM) is None:
        pytest.skip("needs dovecot (Debian: dovecot-imapd)")
    with dovecot.running() as running:
        yield running


def box(server: Dovecot, folder: str, *, after: str = "seen", tls: bool = True) -> ImapBox:
    url = ImapUrl(
        host=server.host,
        port=server.tls_port if tls else server.port,
        implicit_tls=tls,
        user=USER,
        folder=folder,
    )
    return ImapBox(url=url, password=PASSWORD, ca_file=server.ca_file, after=after)


def read(of: ImapBox) -> list[Letter]:
    """All letters, each settled while its session is open."""
    letters = []
    for letter in open_imap(of, cap_bytes=CAP):
        letter.settle()
        letters.append(letter)
    return letters


def lines(letter: Letter) -> bytes | None:
    return None if letter.data is None else letter.data.replace(b"\r\n", b"\n")


@pytest.mark.parametrize("tls", [True, False], ids=["imaps", "starttls"])
def test_unseen_mail(server: Dovecot, tls: bool) -> None:
    """What is unseen is read, oldest first, and seen from then on; one over the cap is not even fetched."""
    folder = f"Seen {tls}"
    server.put(ONE, LARGE, TWO, folder=folder)
    letters = read(box(server, folder, tls=tls))
    assert [lines(each) for each in letters] == [ONE, None, TWO]
    assert letters[1].reason == "it is larger than 1,000 bytes"
    assert server.flags(folder) == [{r"\Seen"}] * 3
    assert read(box(server, folder, tls=tls)) == []


def test_mail_that_is_not_ours(server: Dovecot) -> None:
    """It stays unseen for others, and is not looked at again."""
    server.put(ONE, folder="Left")
    for letter in open_imap(box(server, "Left"), cap_bytes=CAP):
        letter.leave()
    assert server.flags("Left") == [{LOOKED}]
    assert read(box(server, "Left")) == []


def test_nothing_is_marked_before_it_was_dealt_with(server: Dovecot) -> None:
    """A look that ends after it has read a mail leaves it unseen: the next look finds it."""
    server.put(ONE, TWO, folder="Cut")
    letters = open_imap(box(server, "Cut"), cap_bytes=CAP)
    assert lines(next(letters)) == ONE
    letters.close()  # type: ignore[attr-defined] # a generator
    assert server.flags("Cut") == [set(), set()]
    assert [lines(each) for each in read(box(server, "Cut"))] == [ONE, TWO]


def test_mail_that_another_program_deletes(server: Dovecot) -> None:
    """What is gone when its turn comes is passed over, and the next one is read."""
    three = b"Subject: c\n\nz\n"
    server.put(ONE, TWO, three, folder="Gone")
    letters = open_imap(box(server, "Gone"), cap_bytes=CAP)
    assert lines(next(letters)) == ONE
    with server.session() as session:
        session.select("Gone")
        session.store("2", "+FLAGS", r"\Deleted")
        session.expunge()
    assert [lines(each) for each in letters] == [three]


def test_mail_is_deleted(server: Dovecot) -> None:
    """Where it is to be deleted, mail of others that is marked so stays for them to expunge."""
    server.put(ONE, TWO, folder="Deleted")
    with server.session() as session:
        session.select("Deleted")
        session.store("2", "+FLAGS", r"\Deleted")
    assert [lines(each) for each in read(box(server, "Deleted", after="delete"))] == [ONE]
    assert server.flags("Deleted") == [{r"\Deleted"}]


def test_mail_is_moved(server: Dovecot) -> None:
    """Where it is to be moved, it is in the other folder; one that is not there is an error, and nothing is lost."""
    server.put(ONE, folder="Moved")
    with pytest.raises(MailboxError, match="Done"):
        read(box(server, "Moved", after="move:Done"))
    assert server.flags("Moved") == [set()]
    server.put(folder="Done")
    assert len(read(box(server, "Moved", after="move:Done"))) == 1
    assert (server.flags("Moved"), server.flags("Done")) == ([], [set()])


def test_a_server_of_fewer_arts(server: Dovecot, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without MOVE it is copied and marked as deleted; without UIDPLUS it is left to be expunged by others."""
    server.put(ONE, folder="Plain")
    server.put(folder="Copied")
    real = imap._connect

    def simple(of: ImapBox) -> object:
        session = real(of)
        session.capability = lambda: ("OK", [b"IMAP4rev1"])  # type: ignore[method-assign]
        return session

    monkeypatch.setattr(imap, "_connect", simple)
    assert len(read(box(server, "Plain", after="move:Copied"))) == 1
    assert (server.flags("Plain"), server.flags("Copied")) == ([{r"\Deleted"}], [set()])


@pytest.mark.parametrize("tls", [True, False], ids=["imaps", "starttls"])
def test_a_server_that_is_not_who_it_should_be(server: Dovecot, tmp_path: Path, tls: bool) -> None:
    """A certificate of another authority, or for another name, ends it before the password is said."""
    stranger = tmp_path / "other.pem"
    trustme.CA().cert_pem.write_to_path(stranger)
    good = box(server, "INBOX", tls=tls)
    for bad in (replace(good, ca_file=stranger), replace(good, url=replace(good.url, host="127.0.0.1"))):
        with pytest.raises(MailboxError, match="certificate"):
            read(bad)


def test_a_server_that_refuses(server: Dovecot) -> None:
    """A wrong password, a folder that is not there, and nobody at the port: each is told, without the password."""
    good = box(server, "INBOX")
    nobody = replace(good, url=replace(good.url, port=1))
    for bad in (replace(good, password="no-such-word"), box(server, "No such folder"), nobody):
        with pytest.raises(MailboxError, match=r"the mailbox at localhost:\d+: ") as raised:
            read(bad)
        assert bad.password not in str(raised.value)


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("imaps://jo@mail.example.org", ("mail.example.org", 993, True, "jo", "INBOX")),
        (
            "imaps://jo%40example.org@mail.example.org:1993/A%2FB/",
            ("mail.example.org", 1993, True, "jo@example.org", "A/B"),
        ),
        ("imap+starttls://jo@mail.example.org/Bounces", ("mail.example.org", 143, False, "jo", "Bounces")),
    ],
)
def test_a_url(text: str, url: tuple[str, int, bool, str, str]) -> None:
    """User, host, port and folder stand in it; the inbox where it names none."""
    found = parse_imap(text, key="k")
    assert (found.host, found.port, found.implicit_tls, found.user, found.folder) == url


@pytest.mark.parametrize(
    "text",
    [
        "imap://jo@mail.example.org",
        "imaps://mail.example.org",
        "imaps://jo:secret@mail.example.org",
        "imaps://jo@",
        "imaps://jo@h:x",
    ],
)
def test_a_url_that_will_not_do(text: str) -> None:
    """Clear text, no user, or a password in it: refused, and not repeated."""
    with pytest.raises(SettingsError, match=r"^k: ") as raised:
        parse_imap(text, key="k")
    assert "secret" not in str(raised.value)
