"""Header lines: ASCII, folded, never more of them than asked for."""

from __future__ import annotations

from email import message_from_bytes
from email.policy import default

import pytest

from digest.compose.headers import mailbox_header, plain_address, text_header
from digest.errors import AddressError

EVIL = "paper =?UTF-8?Q?x=0D=0ABcc:_evil@x.y?= end"


def read(header: bytes, name: str) -> str:
    parsed = message_from_bytes(header + b"\r\n", policy=default)
    assert parsed.keys() == [name]
    assert not parsed.defects
    return str(parsed[name])


@pytest.mark.parametrize(
    "text",
    [
        "3 papers for you: A title",
        "words " * 30 + "end",
        "naïve" * 40,
        "多言語" * 30,
        "😀" * 40,
        "x" * 500,
        EVIL,
        "=?utf-8?b?QmNj?=",
        "_under=score?",
        "quotes \" ' and, commas; <brackets> (comments)",
        "",
    ],
)
def test_text(text: str) -> None:
    """Any line comes back as it was, in lines of 76 bytes at most, as one header."""
    header = text_header("Subject", text)
    assert header.isascii()
    assert header.endswith(b"\r\n")
    for line in header.removesuffix(b"\r\n").split(b"\r\n"):
        assert len(line) <= 76
        assert line.strip()
    assert read(header, "Subject") == text


def test_plain_stays_plain() -> None:
    """ASCII is left for people to read."""
    assert text_header("Subject", "A title, plain") == b"Subject: A title, plain\r\n"


def test_fold_boundary() -> None:
    """A line of 76 is not folded, one of 77 is; a word that fits no line is encoded."""
    assert text_header("Subject", "a " + "x" * 65) == b"Subject: a " + b"x" * 65 + b"\r\n"
    assert text_header("Subject", "aa " + "x" * 65) == b"Subject: aa\r\n " + b"x" * 65 + b"\r\n"
    assert text_header("Subject", "x" * 66).startswith(b"Subject: x")
    assert text_header("Subject", "x" * 67).startswith(b"Subject: =?utf-8?q?")


def test_words_end_between_characters() -> None:
    """Each encoded word decodes by itself: no character is cut in two."""
    header = text_header("Subject", "é多😀" * 30)
    for word in header.split()[1:]:
        assert len(word) <= 75
        raw = word.removeprefix(b"=?utf-8?q?").removesuffix(b"?=")
        assert bytes.fromhex(raw.replace(b"=", b"").decode()).decode()


@pytest.mark.parametrize(
    ("label", "raw"),
    [
        ("Digest of the Lab", b"From: Digest of the Lab <a@example.org>\r\n"),
        ('The "Lab", Inc.', b'From: "The \\"Lab\\", Inc." <a@example.org>\r\n'),
        ("back\\slash", b'From: "back\\\\slash" <a@example.org>\r\n'),
        ("Müller", b"From: =?utf-8?q?M=C3=BCller?= <a@example.org>\r\n"),
        ("=?utf-8?q?x?=", b"From: =?utf-8?q?=3D=3Futf-8=3Fq=3Fx=3F=3D?= <a@example.org>\r\n"),
        ("", b'From: "" <a@example.org>\r\n'),
    ],
)
def test_mailbox(label: str, raw: bytes) -> None:
    """A name is an atom, quoted or encoded, as it needs; the address stands as it is."""
    assert mailbox_header("From", label, "a@example.org") == raw
    parsed = message_from_bytes(raw + b"\r\n", policy=default)["From"].addresses[0]
    assert (parsed.display_name, parsed.addr_spec) == (label, "a@example.org")


@pytest.mark.parametrize(
    "address",
    [
        "",
        "a",
        "a@",
        "@b",
        "a@b@c",
        "a b@c",
        "a@b\r\nBcc: c@d",
        "a,b@c",
        "<a@b>",
        'a"b@c',
        "ü@b.org",
        "a@b\0",
        "a@b\n",
    ],
)
def test_address_refused(address: str) -> None:
    """An address that would not stand in a header as it is goes into none."""
    with pytest.raises(AddressError, match="no plain ASCII address"):
        plain_address(address)


def test_address_kept() -> None:
    """A usual address is given back unchanged."""
    assert plain_address("o'neil+papers@mail.example.org") == "o'neil+papers@mail.example.org"
