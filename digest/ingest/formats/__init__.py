"""Which format a dump is, by its content, and the records in it."""

from __future__ import annotations

import codecs
import re
from types import MappingProxyType

from digest.errors import DumpError
from digest.ingest.formats import daily_papers, feed, papers_html, rendering, text
from digest.ingest.record import Reading

#: Formats, and which gives the better text where several list a paper on one day: the greater number.
#: By format and not by source: the same bytes may come from two sources, in any order.
FORMATS = MappingProxyType(
    {
        "text-a": 0,
        "text-b": 0,
        "rendering": 1,
        "papers-cards-html": 2,
        "rss": 3,
        "atom": 3,
        "json-feed": 3,
        "papers-page-html": 4,
        "daily-papers-json": 4,
        "arxiv-rss": 5,
        "arxiv-atom": 5,
    }
)
#: Not `<https://…>`, by which a rendering may start.
_MARKUP = re.compile(rb"<(?!https?:|mailto:)[!?a-zA-Z]")
#: Not `[[A logo] A name][1]`, and not `[](https://…)`, by which one may start as well.
_JSON = re.compile(rb"""\[\s*(?:[{"]|\](?!\s*[(\[:])|\[\s*(?:[\[\]{"]|\Z)|\Z)|\{\s*(?:["}]|\Z)""")
#: Checked and dropped in pieces of this many bytes, so that no second copy of a large dump is held.
_PIECE = 1 << 20


def read(data: bytes) -> Reading:
    """Recognise a dump and start to read it.

    Args:
        data: The document, decompressed, UTF-8 with or without a byte order mark.

    Returns:
        What reads the rows lazily; it may still raise `DumpError` at any row.

    Raises:
        DumpError: The bytes are empty, hold a NUL, are not UTF-8, or fit no known layout.
    """
    data = data.removeprefix(codecs.BOM_UTF8)
    first = _first_visible(data)
    start = data[first : first + 64].lstrip()
    if not start:
        raise DumpError("the dump is empty")
    _check_bytes(data)
    if _JSON.match(start):
        # A feed may not be preceded by anything; what is cut off is missing from its numbers of lines.
        shown = data[first:]
        return feed.read_json(shown) if feed.recognises_json(shown) else daily_papers.read(data)
    if _MARKUP.match(start):
        shown = data[first:]
        return feed.read(shown) if feed.recognises(shown) else papers_html.read(data)
    return _read_lines(data)


def _read_lines(data: bytes) -> Reading:
    if data.find(b"\n") < 0:
        # Lines may end as they did on old Macintoshes; a mix is left to whoever reads it.
        data = data.replace(b"\r", b"\n")
    return rendering.read(data) if rendering.recognises(data) else text.read(data)


def _first_visible(data: bytes) -> int:
    match = re.search(rb"[^\s\x1c-\x1f]", data)
    return match.start() if match else len(data)


def _check_bytes(data: bytes) -> None:
    nul = data.find(b"\0")
    if nul >= 0:
        raise DumpError("a NUL byte, so not text", line=line_at(data, nul))
    start = 0
    while start < len(data):
        end = start + _PIECE
        while end < len(data) and data[end] & 0xC0 == 0x80 and end - start < _PIECE + 4:
            end += 1
        piece = data[start:end]
        try:
            if not piece.isascii():
                piece.decode()
        except UnicodeDecodeError as error:
            raise DumpError("not UTF-8", line=line_at(data, start + error.start)) from error
        start = end


def line_at(data: bytes, offset: int) -> int:
    """Count the line, from 1, that an offset lies in."""
    return data.count(b"\n", 0, offset) + 1
