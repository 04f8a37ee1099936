"""Mail on an IMAP server, by TLS alone."""

from __future__ import annotations

import imaplib
import re
import ssl
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from digest.errors import MailboxError, SettingsError
from digest.sources.letter import Letter

#: On mail that is not ours: looked at once, and left unseen for whoever else reads the mailbox.
LOOKED = "$DigestLooked"
_PORTS = {"imaps": 993, "imap+starttls": 143}
_PATIENCE_S = 30.0
_SIZE = re.compile(rb"RFC822\.SIZE (\d+)")
_CHUNK = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class ImapUrl:
    """Where a mailbox is, without its password."""

    host: str
    port: int
    implicit_tls: bool  #: else STARTTLS, without which nothing is said
    user: str
    folder: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ImapBox:
    """A mailbox, and what is done with mail that was ours."""

    url: ImapUrl
    password: str
    ca_file: Path | None = None
    after: str = "seen"  #: seen, delete, or move:FOLDER


def parse_imap(text: str, *, key: str) -> ImapUrl:
    """Read `imaps://user@host[:port][/FOLDER]`, or the same with `imap+starttls`.

    Raises:
        SettingsError: It is neither.
    """
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError as error:
        raise SettingsError(f"{key}: {error}") from error
    if parts.scheme not in _PORTS or not parts.hostname or not parts.username or parts.password is not None:
        raise SettingsError(
            f"{key}: has to be imaps://USER@HOST/FOLDER or imap+starttls://USER@HOST/FOLDER, without a password"
        )
    return ImapUrl(
        host=parts.hostname,
        port=port or _PORTS[parts.scheme],
        implicit_tls=parts.scheme == "imaps",
        user=unquote(parts.username),
        folder=unquote(parts.path.strip("/")) or "INBOX",
    )


def open_imap(box: ImapBox, *, cap_bytes: int) -> Iterator[Letter]:
    """The mails of a mailbox that nobody has seen, oldest first, one in memory at a time.

    Raises:
        MailboxError: The server does not answer, is not who it should be, or refuses.
    """
    with _errors(box.url), _session(box) as session:
        found = _answer(session.uid("SEARCH", "UNSEEN", "UNDELETED", "UNKEYWORD", LOOKED))
        uids = (found[0] or b"").split()
        for start in range(0, len(uids), _CHUNK):
            yield from _letters(session, box, uids[start : start + _CHUNK], cap_bytes)


def _letters(session: imaplib.IMAP4, box: ImapBox, uids: Sequence[bytes], cap_bytes: int) -> Iterator[Letter]:
    for uid in (each.decode() for each in uids):
        # Its size first: what is too large is not even sent.
        told = _answer(session.uid("FETCH", uid, "(RFC822.SIZE)"))
        size = _SIZE.search(b" ".join(each for each in told if isinstance(each, bytes)))
        fits = size is not None and int(size[1]) <= cap_bytes
        data = _body(session, uid) if fits else None
        if size is None or (fits and data is None):
            continue  # another program has deleted it since
        yield Letter(
            name=f"{box.url.folder}: mail {uid}",
            data=data,
            reason="" if data is not None else f"it is larger than {cap_bytes:,} bytes",
            settle=partial(_settle, session, box, uid),
            leave=partial(_pass_by, session, box, uid),
        )


def _body(session: imaplib.IMAP4, uid: str) -> bytes | None:
    # PEEK: a mail that is read, and not dealt with for a crash of ours, is unseen still.
    for each in _answer(session.uid("FETCH", uid, "(BODY.PEEK[])")):
        if isinstance(each, tuple):
            return bytes(each[1]) or None
    return None


def _settle(session: imaplib.IMAP4, box: ImapBox, uid: str) -> None:
    with _errors(box.url):
        folder = box.after.removeprefix("move:")
        if box.after == "seen":
            _flag(session, uid, r"\Seen")
        elif box.after == "delete":
            _delete(session, uid)
        elif "MOVE" in session.capabilities:
            _answer(session.uid("MOVE", uid, _quoted(folder)))
        else:
            _answer(session.uid("COPY", uid, _quoted(folder)))
            _delete(session, uid)


def _pass_by(session: imaplib.IMAP4, box: ImapBox, uid: str) -> None:
    with _errors(box.url):
        _flag(session, uid, LOOKED)


def _delete(session: imaplib.IMAP4, uid: str) -> None:
    _flag(session, uid, r"\Deleted")
    # Without UIDPLUS an EXPUNGE would take what others have marked along; theirs, or the server's, will take this.
    if "UIDPLUS" in session.capabilities:
        _answer(session.uid("EXPUNGE", uid))


def _flag(session: imaplib.IMAP4, uid: str, flag: str) -> None:
    _answer(session.uid("STORE", uid, "+FLAGS.SILENT", f"({flag})"))


@contextmanager
def _session(box: ImapBox) -> Iterator[imaplib.IMAP4]:
    session = _connect(box)
    try:
        session.login(box.url.user, box.password)
        # Asked anew: before the login a server may not say what it can.
        session.capabilities = tuple(
            _answer(session.capability())[-1].decode("ascii", "replace").upper().split()
        )
        _answer(session.select(_quoted(box.url.folder)))
        yield session
    finally:
        with suppress(OSError, imaplib.IMAP4.error):
            session.logout()


def _connect(box: ImapBox) -> imaplib.IMAP4:
    trusted = ssl.create_default_context()
    if box.ca_file is not None:
        trusted.load_verify_locations(box.ca_file)
    url = box.url
    if url.implicit_tls:
        return imaplib.IMAP4_SSL(url.host, url.port, ssl_context=trusted, timeout=_PATIENCE_S)
    session = imaplib.IMAP4(url.host, url.port, timeout=_PATIENCE_S)
    try:
        session.starttls(trusted)  # raises where the server does not offer it
    except (OSError, imaplib.IMAP4.error):
        with suppress(OSError):
            session.shutdown()
        raise
    return session


@contextmanager
def _errors(url: ImapUrl) -> Iterator[None]:
    try:
        yield
    except (OSError, imaplib.IMAP4.error) as error:
        raise MailboxError(f"the mailbox at {url.host}:{url.port}: {error}") from error


def _answer(told: tuple[str, list[Any]]) -> list[Any]:
    kind, data = told
    if kind != "OK":
        raise imaplib.IMAP4.error(
            b" ".join(each for each in data if isinstance(each, bytes)).decode("ascii", "replace")
        )
    return data


def _quoted(folder: str) -> str:
    escaped = folder.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
