"""The shelf that keeps pieces, and frames with slots."""

from __future__ import annotations

import quopri

import pytest

from digest.compose.fragments import Shelf
from digest.compose.frame import Frame
from digest.compose.quoted import quoted


def test_shelf() -> None:
    """A thing is made once, kept, and goes when newer ones need its room."""
    made: list[int] = []

    def make(number: int) -> str:
        made.append(number)
        return f"thing {number}"

    shelf: Shelf[int, str] = Shelf(2)
    for number in (1, 2, 1, 3, 2, 1):
        assert shelf.get(number, lambda number=number: make(number)) == f"thing {number}"  # type: ignore[misc] # bound
        assert len(shelf) <= 2
    assert made == [1, 2, 3, 1]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a \x01x\x02 b\n", "a X b\r\n"),
        ("\x01x\x02\x01x\x02\n", "XX\r\n"),
        ("none\n", "none\r\n"),
        ("\x01 x\n", "\x01 x\r\n"),
    ],
)
def test_frame(text: str, expected: str) -> None:
    """Slots are filled where they stand, and what is no slot stays."""
    filled = b"".join(Frame.of(text).filled({"x": quoted("X")}))
    assert quopri.decodestring(filled) == expected.encode()
