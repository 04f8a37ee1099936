"""Recognising a dump by its content, and refusing what is none."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from digest.errors import DumpError
from digest.ingest.formats import read
from digest.ingest.record import Record
from tests.ingest.sample import CARDS, layout_a, layout_b

BLOG = "\n\n".join(
    f"## Part {number}\n\nWe went to the harbour and {'looked at the ferries and ' * 20}went home.\n\n- a note"
    for number in range(9)
)
PROSE = "\n\n".join(
    f"It was the {number}th winter of the harbour. {'The ferry was late, and nobody minded. ' * 9}"
    for number in range(9)
)


@pytest.mark.parametrize(
    ("data", "reason", "line"),
    [
        (b"", "the dump is empty", 0),
        (b" \r\n\t\n ", "the dump is empty", 0),
        (b"\xef\xbb\xbf \n", "the dump is empty", 0),
        (b"A title\nand\0more", "a NUL byte, so not text", 2),
        (b"\n\0A title", "a NUL byte, so not text", 2),
        (b"\0A title", "a NUL byte, so not text", 1),
        (b"A title\n\0 and\n\0 more", "a NUL byte, so not text", 2),
        (b"A title\n\nb\xe9ton", "not UTF-8", 3),
        (b"\xff", "not UTF-8", 1),
        (b"  \n<!DOCTYPE html><p>hello", "an HTML or XML page that lists no papers", 1),
        (b"<?xml version='1.0'?><rss/>", "no papers in it", 0),
        (b"<?xml version='1.0'?><opml></opml>", "an HTML or XML page that lists no papers", 1),
        (b"<html>", "the page is cut: <html> does not end", 1),
        (b"hello", "no papers in it", 0),
        (b"\x1c\x1d", "the dump is empty", 0),
        (CARDS[0][0].encode(), "cut in a title, or between a title and its abstract", 1),
        (b"a,b\n1,2\n3,4\n", "no papers in it", 0),
        (BLOG.encode(), "a document of another kind: its lines start with the marks of one", 1),
        (PROSE.encode(), "no papers in it", 1),
        (b"\n".join(b"%d votes" % number for number in range(900)), "400 lines without an abstract", 1),
    ],
)
def test_what_is_no_dump_is_refused(data: bytes, reason: str, line: int) -> None:
    """With the reason and, where there is one, the line."""
    with pytest.raises(DumpError) as refusal:
        list(read(data).items)
    assert (refusal.value.reason, refusal.value.line) == (reason, line)


def test_the_bad_byte_is_found_in_a_long_dump() -> None:
    """Bytes are checked in pieces; the line is counted over all of them."""
    data = b"a line of text\n" * 150_000 + b"\xc3\n"
    with pytest.raises(DumpError) as refusal:
        read(data)
    assert refusal.value.line == 150_001
    with pytest.raises(DumpError) as refusal:
        read("é".encode() * 600_000 + b"\xc3")
    assert refusal.value.line == 1


def test_a_byte_order_mark_is_dropped() -> None:
    """The mark is no part of the first line."""
    records = list(read(b"\xef\xbb\xbf" + layout_a(CARDS, head=()).encode()).items)
    assert isinstance(records[0], Record)
    assert records[0].title == CARDS[0][0]


@pytest.mark.parametrize("blank", [b" ", b"\n", b" \r\n\t"])
def test_white_space_before_a_dump_does_not_matter(blank: bytes) -> None:
    """However much of it there is."""
    assert len(list(read(blank * 500 + layout_a(CARDS).encode()).items)) == len(CARDS)
    answer = b'[{"paper": {"title": "x", "id": "2401.01234"}}]'
    assert read(blank * 500 + answer).format == "daily-papers-json"
    assert read(b"[" + blank * 500 + answer[1:]).format == "daily-papers-json"


def test_formats_are_told_apart() -> None:
    """By blank lines, or by the first sign of JSON; a title in brackets is text."""
    assert read(layout_a(CARDS).encode()).format == "text-a"
    assert read(layout_b(CARDS).encode()).format == "text-b"
    assert read(b' [ {"paper": {"title": "x", "id": "2401.01234"}} ]').format == "daily-papers-json"
    assert (
        read(layout_a([("[Re] " + CARDS[0][0], CARDS[0][1]), *CARDS[1:]], head=()).encode()).format
        == "text-a"
    )


@settings(max_examples=300, deadline=None)
@given(
    st.binary(max_size=400)
    | st.text(max_size=400).map(lambda text: text.encode("utf-8", "replace"))
    | st.lists(
        st.sampled_from([b"\n", b"\n\n", b"[", b"]", b"{", b'"', b":", b",", b"A title", b"word. " * 60])
    ).map(b"".join)
)
def test_no_bytes_raise_anything_but_a_dump_error(data: bytes) -> None:
    """Whatever comes in, a reading or a refusal comes out."""
    try:
        items = list(read(data).items)
    except DumpError:
        return
    assert items
