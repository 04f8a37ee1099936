"""JSON read from a sliding window, and HTML text resolved in pieces."""

from __future__ import annotations

import html
import json
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digest.errors import DumpError
from digest.ingest.formats import window
from digest.ingest.formats.window import Window, pieces, unescaped

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**9), 10**9) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=12,
)


def cut(text: str, size: int) -> Iterator[str]:
    """A text in pieces."""
    return (text[start : start + size] for start in range(0, len(text), size))


@given(st.text(), st.integers(1, 9))
def test_pieces_put_together_are_the_text(text: str, size: int) -> None:
    """No character is cut, wherever pieces end."""
    data = text.encode()
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(window, "PIECE", size)
        assert "".join(pieces(data)) == text
        assert "".join(pieces(data, len(data))) == ""


def test_a_part_of_a_document_is_decoded() -> None:
    """From one offset to the other."""
    assert "".join(pieces("aébcd".encode(), 1, 4)) == "éb"


@given(st.text(alphabet='&;#x3"quotamplt9 é', max_size=60), st.integers(1, 70))
def test_entities_are_resolved_wherever_pieces_end(text: str, size: int) -> None:
    """As the library resolves them in one piece."""
    assert "".join(unescaped(cut(text, size))) == html.unescape(text)


def test_a_mark_put_in_starts_no_entity() -> None:
    """`&amp;quot;` is `&quot;`, and an `&` at the end stays."""
    assert list(unescaped(iter(["&amp;quot; a&", "lt", "; &"]))) == ["&quot; a", "< ", "&"]


@given(st.lists(VALUES, max_size=6), st.integers(1, 9), st.booleans())
def test_rows_are_those_of_the_library(values: list[object], size: int, wide: bool) -> None:
    """Wherever pieces end, a number included."""
    text = json.dumps(values, indent=2 if wide else None)
    opened = Window(cut(text, size))
    opened.next_sign()
    assert list(opened.rows()) == values
    opened.end()
    assert opened.line == text.count("\n") + 1


@given(st.dictionaries(st.text(max_size=5), VALUES, max_size=6), st.integers(1, 9))
def test_members_are_those_of_the_library(values: dict[str, object], size: int) -> None:
    """Each key, then its value."""
    opened = Window(cut(json.dumps(values), size))
    opened.next_sign()
    assert {key: opened.value() for key in opened.members()} == values
    opened.end()


def test_a_value_without_end_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is taken in by doubling, up to the longest: 40 characters are held in vain, 41 are too many."""
    monkeypatch.setattr(window, "_LONGEST", 40)
    for length, reason in (
        (40, "not JSON, or cut: Unterminated string starting at"),
        (41, "a value that does not end"),
    ):
        with pytest.raises(DumpError) as refusal:
            Window(cut('"' + "x" * (length - 1), 1)).value()
        assert refusal.value.reason == reason
    assert Window(cut(json.dumps("x" * 39), 1)).value() == "x" * 39


@pytest.mark.parametrize("sign", ["{}", "[]"])
def test_a_value_of_too_many_parts_is_refused(sign: str) -> None:
    """Objects and lists take a hundred times their length, so they are counted before they are made."""
    for number, refused in ((99_999, False), (100_000, True)):
        opened = Window(cut(f"[{','.join([sign] * number)}]", 1 << 17))
        if refused:
            with pytest.raises(DumpError, match="a value of too many parts"):
                opened.value()
        else:
            assert len(opened.value()) == number


def test_values_read_before_do_not_count_towards_the_longest(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only what is held of the value itself does."""
    monkeypatch.setattr(window, "_LONGEST", 40)
    opened = Window(cut(json.dumps(["x" * 30] * 20), 7))
    opened.next_sign()
    assert len(list(opened.rows())) == 20
    assert opened.passed == len(json.dumps(["x" * 30] * 20))
