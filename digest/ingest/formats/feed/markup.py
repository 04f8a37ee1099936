"""XML of any length: each element right below the root or the channel is given once it ends, then forgotten.

The bytes are UTF-8 whatever their declaration says, as the dispatcher has checked. What needs a document
type, so entities of its own, is refused before the parser sees a byte of it: feeds have none.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from html.entities import html5
from typing import cast
from xml.sax.saxutils import escape

from lxml import etree

from digest.errors import DumpError

_PIECE = 1 << 16
#: What a feed is a list of.
_ENTRIES = ("item", "entry")
#: Elements in an entry, or between two. The papers of 5,000 authors have 15,000.
_MOST_ELEMENTS = 50_000
_PROLOG = re.compile(rb"\s+|<\?.*?\?>|<!--.*?-->", re.DOTALL)
_ROOT = re.compile(rb"<(?:[\w.-]+:)?([\w.-]+)")
_DOCTYPE = re.compile(rb"<!DOCTYPE\s+(?:[\w.-]+:)?([\w.-]+)", re.IGNORECASE)
#: Different names of elements and attributes; libxml2 keeps each as long as the process lives.
_MOST_NAMES = 5_000
#: Bytes of one tag: with its attributes a longer one takes more memory than a whole dump may. Not less,
#: as pictures stand in attributes at times, and HTML in CDATA looks the same here.
_LONGEST_TAG = 2_000_000
_LONG_RUN = re.compile(rb"<[A-Za-z_][^<]{%d}" % _LONGEST_TAG)
_TAG = re.compile(rb"""<(?:[^<>"']++|"[^"<]*+"|'[^'<]*+')*+>""")
#: HTML's entities but the five of XML, which feeds use without declaring any; and characters by their numbers.
_ENTITY = re.compile(
    rb"&(?:(?!(?:amp|lt|gt|quot|apos);)(?P<name>[A-Za-z][A-Za-z0-9]{1,31})"
    rb"|#(?:[xX](?P<hex>[0-9A-Fa-f]{1,32})|(?P<number>[0-9]{1,32})));"
)
#: The longest of their names, its ampersand and its semicolon.
_LONGEST_ENTITY = 40
#: No XML may hold these, but abstracts do at times, and a day's feed is not refused for one.
_WHITE = {9, 10, 13}
_CONTROLS = bytes(32 if byte < 32 and byte not in b"\0\t\n\r" else byte for byte in range(256))


def root_name(data: bytes) -> str | None:
    """Name the root element, without prefix, as it or its document type says; None where no XML starts."""
    start = _root_at(data)
    match = _ROOT.match(data, start) or _DOCTYPE.match(data, start)
    return match[1].decode() if match else None


def parts(data: bytes) -> Iterator[etree._Element]:
    """Give each finished element; it is emptied when the next is asked for.

    Raises:
        DumpError: The document declares a type, is cut, is not well-formed, is nested deeper than 256, or has
            a text of more than 10 MB.
    """
    start = _root_at(data)
    if data.startswith(b"<!", start):
        raise DumpError("XML that declares a document type or entities", line=data.count(b"\n", 0, start) + 1)
    _check_tags(data)
    parser = _parser()
    try:
        tops = _Tops()
        for piece in _pieces(data):
            parser.feed(piece)
            for _, finished in parser.read_events():
                element = cast("etree._Element", finished)
                if tops.finished(element):
                    yield element
                    _forget(element)
        parser.close()
    except etree.XMLSyntaxError as error:
        raise _broken(parser, error) from error


def is_entry(element: etree._Element) -> bool:
    """Tell an `item` or `entry`, in whatever namespace."""
    return str(element.tag).rpartition("}")[2] in _ENTRIES


def line_of(element: etree._Element) -> int:
    """Give the line where an element starts; beyond 65,535 libxml2 knows it by a line or two only."""
    return cast("int | None", element.sourceline) or 0


def _parser() -> etree.XMLPullParser:
    return etree.XMLPullParser(
        events=("end",),
        encoding="utf-8",
        resolve_entities=False,
        load_dtd=False,
        no_network=True,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
    )


def _check_tags(data: bytes) -> None:
    """Refuse a tag that does not end; a long text behind a tag is none."""
    at = 0
    while run := _LONG_RUN.search(data, at):
        tag = _TAG.match(data, run.start())
        if tag is None or len(tag[0]) > _LONGEST_TAG:
            raise DumpError("a tag that does not end", line=data.count(b"\n", 0, run.start()) + 1)
        at = tag.end()


def _root_at(data: bytes) -> int:
    """Where the declaration, comments and style sheets end."""
    at = 0
    while match := _PROLOG.match(data, at):
        at = match.end()
    return at


def _pieces(data: bytes) -> Iterator[bytes]:
    start = 0
    while start < len(data):
        end = start + _PIECE
        if end < len(data):
            # No entity is cut in two.
            ampersand = data.rfind(b"&", end - _LONGEST_ENTITY, end)
            end = ampersand if ampersand > start else end
        yield _ENTITY.sub(_resolved, data[start:end].translate(_CONTROLS))
        start = end


@cache
def _characters() -> dict[bytes, bytes]:
    """The characters of HTML's entities, as they may stand in XML."""
    return {name[:-1].encode(): escape(text).encode() for name, text in html5.items() if name.endswith(";")}


def _resolved(match: re.Match[bytes]) -> bytes:
    """What XML takes in place of an entity; for a number that stands for nothing, as controls do above."""
    if name := match["name"]:
        return _characters().get(name, match[0])
    number = int(match["hex"], 16) if match["hex"] else int(match["number"])
    if number in _WHITE or 0x20 <= number < 0xD800 or 0xE000 <= number < 0xFFFE or 0xFFFF < number < 0x110000:
        return b"&#%d;" % number  # XML knows no `&#X41;`
    return b" " if number < 0x20 else "\ufffd".encode()


class _Tops:
    """Tells which elements stand right below the root or the channel, and counts all that are no entries."""

    def __init__(self) -> None:
        self._root: etree._Element | None = None
        self._channel: etree._Element | None = None
        self._passed = 0
        self._names: set[object] = set()

    def finished(self, element: etree._Element) -> bool:
        """Whether the element that just ended is to be read."""
        self._names.add(element.tag)
        self._names.update(element.keys())
        if len(self._names) > _MOST_NAMES:
            raise DumpError("elements of too many kinds", line=line_of(element))
        parent = element.getparent()
        top = parent is not None and self._holds(parent)
        if top and is_entry(element):
            self._passed = 0
            return True
        self._passed += 1
        if self._passed > _MOST_ELEMENTS:
            raise DumpError("an entry of too many elements, or too many between two", line=line_of(element))
        return top

    def _holds(self, parent: etree._Element) -> bool:
        if parent is self._channel or parent is self._root:
            return True
        above = parent.getparent()
        if above is None:
            self._root = parent
        elif above.getparent() is None and str(parent.tag).endswith("channel"):
            self._channel = parent
        else:
            return False
        return True


def _forget(element: etree._Element) -> None:
    """Empty an element and drop those before it; the parser may still add to this one's tail."""
    element.clear()
    parent = element.getparent()
    while (before := element.getprevious()) is not None:
        parent.remove(before)  # type: ignore[union-attr]  # none without a parent was given


def _broken(parser: etree.XMLPullParser, error: etree.XMLSyntaxError) -> DumpError:
    """Say what went wrong first; at the end lxml tells at times only that there is no document."""
    found = [(str(entry.message), int(entry.line)) for entry in parser.feed_error_log]
    reason, line = next(iter(found), (str(error.msg), 0))
    return DumpError(f"not well-formed XML, or cut: {reason.strip()}", line=line)
