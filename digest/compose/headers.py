"""Header lines: ASCII, folded, and exactly as many as were asked for.

Nothing of `email` writes here. CPython 3.11 turns a title that holds an encoded word with a line
break in it into a header of its own (CVE-2024-6923), and `policy.SMTP` encodes a long
List-Unsubscribe, which breaks one-click.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from digest.errors import AddressError

_LINE = 76
#: RFC 2047 section 2: an encoded word has at most 75 characters, of which `=?utf-8?q??=` takes 12.
_WORD_ROOM = 75 - 12
#: RFC 2047 section 5 (3): what may stand for itself anywhere, also in the name of an address.
_PLAIN = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789!*+-/")
_Q = ["_" if byte == 0x20 else chr(byte) if byte in _PLAIN else f"={byte:02X}" for byte in range(256)]
_ADDRESS = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9.-]{1,253}")
_ATOMS = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~ -]+")


def text_header(name: str, value: str) -> bytes:
    """A header of free text, such as Subject.

    Args:
        value: One line, as `inert` gives it. Plain ASCII stays readable; anything else, and
            anything that looks like an encoded word, is encoded as a whole.
    """
    if value.isascii() and "=?" not in value and max(map(len, value.split(" "))) < _LINE - len(name) - 2:
        return _folded(name, value.split(" "))
    return _folded(name, list(_encoded_words(value, first_room=_WORD_ROOM - len(name) - 1)))


def mailbox_header(name: str, label: str, address: str) -> bytes:
    """A header of one address with a name to it.

    Raises:
        AddressError: The address would not stand in a header as it is.
    """
    if not label.isascii() or "=?" in label:
        words = list(_encoded_words(label, first_room=_WORD_ROOM - len(name) - 1))
    elif _ATOMS.fullmatch(label):
        words = label.split(" ")
    else:
        escaped = label.replace("\\", "\\\\").replace('"', '\\"')
        words = f'"{escaped}"'.split(" ")
    return _folded(name, [*words, f"<{plain_address(address)}>"])


def plain_address(address: str) -> str:
    """The address, unchanged.

    Raises:
        AddressError: It holds anything but what an ASCII header and an SMTP command can.
    """
    if not _ADDRESS.fullmatch(address):
        raise AddressError(address, "is no plain ASCII address")
    return address


def _encoded_words(text: str, *, first_room: int) -> Iterator[str]:
    """`=?utf-8?q?...?=`, cut between characters, never within one.

    A line that holds one has at most 76 bytes, so the first, behind the header's name, is shorter.
    """
    room, word = first_room, ""
    for character in text:
        piece = "".join([_Q[byte] for byte in character.encode()])
        if len(word) + len(piece) > room:
            yield f"=?utf-8?q?{word}?="
            room, word = _WORD_ROOM, ""
        word += piece
    yield f"=?utf-8?q?{word}?="


def _folded(name: str, words: list[str]) -> bytes:
    """Words joined by blanks, or by a fold where the line would pass 76."""
    lines, line = [], f"{name}:"
    for word in words:
        if len(line) + 1 + len(word) > _LINE and line != f"{name}:":
            lines.append(line)
            line = ""
        line += f" {word}"
    return "\r\n".join([*lines, line, ""]).encode("ascii")
