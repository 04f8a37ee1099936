"""Frames with slots."""

from __future__ import annotations

import quopri

import pytest

from digest.compose.frame import Frame
from digest.compose.quoted import quoted


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
