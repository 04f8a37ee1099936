"""Recognising a dump by its content, and refusing what is none."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from digest.errors import DumpError
from digest.ingest.formats import FORMATS, read
from digest.ingest.record import Record, Reject
from tests.ingest.documents import DOCUMENTS
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
        (BLOG.encode(), "a document of another kind: nothing in it looks like the card of a paper", 1),
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
        read(b"a" + "é".encode() * 600_000 + b"\xc3")
    assert refusal.value.line == 1
    with pytest.raises(DumpError) as refusal:
        read(b"a" + b"\x80" * 1_200_000)
    assert refusal.value.reason == "not UTF-8"


@pytest.mark.parametrize("sign", ["é", "桜", "😀"])
def test_no_character_is_cut_by_checking_in_pieces(sign: str) -> None:
    """A line of any length may hold signs of any width, wherever a piece ends."""
    for shift in range(4):
        row = {"paper": {"id": "2401.01234", "title": "x" * shift + sign * (2_000_000 // len(sign.encode()))}}
        (record,) = read(json.dumps([row], ensure_ascii=False).encode()).items
        assert isinstance(record, Record)
        assert record.title == row["paper"]["title"]


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


def shown(data: bytes) -> tuple[str, list[tuple[str, str | None] | str]]:
    """What a document gives: its format, and titles and ids, or why not."""
    reading = read(data)
    return reading.format, [
        (item.title, item.arxiv_id) if isinstance(item, Record) else item.reason for item in reading.items
    ]


#: How one document may come.
WAYS: dict[str, Callable[[bytes], bytes]] = {
    "with a byte order mark": lambda data: b"\xef\xbb\xbf" + data,
    "behind white space": lambda data: b" \r\n\t" * 500 + data,
    "with a mark before white space": lambda data: b"\xef\xbb\xbf\n" + data,
    "with line ends of Windows": lambda data: data.replace(b"\n", b"\r\n"),
    "with line ends of old": lambda data: data.replace(b"\n", b"\r"),
    "without its last line end": lambda data: data.rstrip(),
}


@pytest.mark.parametrize("name", FORMATS)
def test_a_format_is_told_by_its_content(name: str) -> None:
    """No name of a file is needed; nor does it matter how the bytes came."""
    plain = shown(DOCUMENTS[name])
    assert plain[0] == name
    assert len(plain[1]) >= 4
    assert [item for item in plain[1] if isinstance(item, str)] == []
    for way, changed in WAYS.items():
        assert shown(changed(DOCUMENTS[name])) == plain, way


@pytest.mark.parametrize("name", FORMATS)
def test_bytes_that_are_no_text_refuse_the_whole(name: str) -> None:
    """In the middle and at the end, whatever the format."""
    data = DOCUMENTS[name]
    half = data[: len(data) // 2].decode(errors="ignore").encode()
    tail = data[len(half) :]
    for broken in (half + b"\0" + tail, half + b"\xff" + tail, data + b"\xc3"):
        with pytest.raises(DumpError, match=r"not text|not UTF-8"):
            list(read(broken).items)


#: Formats whose documents say where they end.
_KNOW_THEIR_END = [name for name in FORMATS if name.endswith(("json", "html", "rss", "atom", "json-feed"))]


@pytest.mark.parametrize("name", FORMATS)
def test_a_cut_document_gives_its_beginning_or_nothing(name: str) -> None:
    """At 200 offsets. Nothing at all where a document shows that it is cut; else whole papers, but for the last one."""
    data = DOCUMENTS[name].rstrip()
    whole = shown(data)[1]
    for number in range(200):
        cut = data[: number * len(data) // 200].decode(errors="ignore").encode()
        try:
            found = shown(cut)[1]
        except DumpError:
            continue
        assert name not in _KNOW_THEIR_END, number
        assert [item for item in found[:-1] if not isinstance(item, str)] == whole[: len(found) - 1], number


@pytest.mark.parametrize(
    "depth",
    ["[", '{"a":', '{"papers":[', '[{"paper":', '{"version": "https://jsonfeed.org/version/1", "items": ['],
)
def test_no_depth_of_json_harms(depth: str) -> None:
    """100,000 levels are refused, as what they are."""
    with pytest.raises(DumpError, match="nested too deep"):
        list(read(depth.encode() * 100_000).items)


@pytest.mark.parametrize("name", ["daily-papers-json", "json-feed", "papers-page-html"])
def test_half_a_surrogate_becomes_a_replacement_character(name: str) -> None:
    """In every text of JSON, so that no string of a record can fail to be stored or sent."""
    data = DOCUMENTS[name].replace(b"Slow Bread", b"Slow\\ud800 Bread").replace(b"Dough", b"\\udfffDough")
    reading = read(data)
    assert reading.format == name
    records = [item for item in reading.items if isinstance(item, Record)]
    (bread,) = (record for record in records if "Bread" in record.title)
    assert bread.title == "Slow\ufffd Bread"
    assert bread.abstract.startswith("\ufffdDough")
    for record in records:
        repr(record).encode()


def test_a_page_of_markup_never_becomes_text() -> None:
    """Titles and abstracts between tags look like a text dump, and are none."""
    cards = "".join(f"<div>\n{title}\n{abstract}\n</div>\n" for title, abstract in CARDS)
    for page in (f"<html>\n{cards}</html>\n", f"<div>\n{cards}</div>", f"<!-- a page -->\n{cards}"):
        with pytest.raises(DumpError) as refusal:
            read(page.encode())
        assert refusal.value.reason == "an HTML or XML page that lists no papers"


@pytest.mark.parametrize(
    "start",
    [
        "[[A logo] A name][1]",
        "[](https://a.example)",
        "[ ](/x)",
        "[]: x",
        "[Re] A title",
        "<https://a.example/papers>",
    ],
)
def test_marks_of_a_rendering_are_neither_json_nor_markup(start: str) -> None:
    """Links may come first in a page that a crawler wrote down."""
    with pytest.raises(DumpError) as refusal:
        list(read(f"{start}\n\nA line.\n".encode()).items)
    assert "JSON" not in refusal.value.reason
    assert "HTML" not in refusal.value.reason


_TOKENS = [b"<", b">", b'"', b"'", b"&quot;", b"&", b"{", b"}", b"[", b"]", b",", b":", b"\\", b"\\ud800", b"<article>", b"</article>",
           b"<!--", b"-->", b"<script>", b"null", b"1e999", b"-1", b"\n", b"\r", b"\t", b"\xff", b"\0", b"&#0;", b"&#xD800;", b"0" * 400]  # fmt: skip
_CHANGES = st.lists(
    st.tuples(st.sampled_from(["flip", "cut", "double", "insert", "end"]), st.floats(0, 1), st.floats(0, 1), st.sampled_from(_TOKENS)),
    min_size=1,
    max_size=6,
)  # fmt: skip


def changed(data: bytes, how: str, at: float, to: float, token: bytes) -> bytes:
    """A document with one thing wrong."""
    start, end = sorted((int(at * len(data)), int(to * len(data))))
    match how:
        case "flip":
            return (
                data[:start]
                + bytes(byte ^ 1 << int(to * 7) for byte in data[start : start + 1])
                + data[start + 1 :]
            )
        case "cut":
            return data[:start] + data[end:]
        case "double":
            return data[:end] + data[start:]
        case "insert":
            return data[:start] + token + data[start:]
        case _:
            return data[:end]


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(["daily-papers-json", "papers-page-html", "papers-cards-html"]), _CHANGES)
def test_damaged_documents_raise_nothing_but_a_dump_error(
    name: str, changes: list[tuple[str, float, float, bytes]]
) -> None:
    """Flipped, cut, doubled, or with marks put in: papers and rejects, or a refusal."""
    data = DOCUMENTS[name]
    for change in changes:
        data = changed(data, *change)
    try:
        items = list(read(data).items)
    except DumpError:
        return
    assert items
    for number, record in enumerate((item for item in items if isinstance(item, Record)), start=1):
        assert record.position == number
        assert record.title.strip()
        repr(record).encode()
    assert all(item.reason for item in items if isinstance(item, Reject))


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
