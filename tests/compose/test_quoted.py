"""Pieces of quoted-printable: in any order, together, they decode to their texts together."""

from __future__ import annotations

import quopri

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digest.compose.quoted import quoted, quoted_html

AWKWARD = [
    "",
    ".",
    "...",
    "." * 200,
    "=",
    "=0E",
    "\x0e",
    "x" * 75,
    "x" * 76,
    "x" * 77,
    "end ",
    "tab\t",
    "é" * 40,
]
AWKWARD += [
    "a\n",
    "\n",
    "\n\n",
    ".\n.",
    "a \nb\t\n",
    "From here",
    "--=_boundary",
    "=\n",
    "word " * 40,
    "😀" * 30,
]


def check(pieces: list[str]) -> None:
    encoded = [quoted(piece) for piece in pieces]
    for one in encoded:
        assert one.endswith(b"\r\n") or one == b""
    data = b"".join(encoded)
    lines = data.split(b"\r\n")
    assert all(len(line) <= 76 and line.isascii() and not line.startswith(b".") for line in lines)
    assert b"\n" not in data.replace(b"\r\n", b"")
    assert b"\r" not in data.replace(b"\r\n", b"")
    assert quopri.decodestring(data) == "".join(pieces).replace("\n", "\r\n").encode()


@pytest.mark.parametrize("text", AWKWARD)
def test_alone_and_followed(text: str) -> None:
    """An awkward piece decodes to itself, alone and with others before and after it."""
    check([text])
    check([text, text])
    check(["a", text, ".b", text, "\n"])


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r"), max_size=200)))
def test_any_pieces(pieces: list[str]) -> None:
    """Whatever the texts, the lines keep 76 bytes, end in CRLF and start with no dot."""
    check(pieces)


def test_html() -> None:
    """A value that no template escaped is escaped on its way."""
    assert quopri.decodestring(quoted_html('<a href="x">\'&')) == b"&lt;a href=&#34;x&#34;&gt;&#39;&amp;"
