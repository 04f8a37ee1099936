"""XML of any length: each element right below the root or the channel is given once it ends, then forgotten.

The bytes are UTF-8 whatever their declaration says, as the dispatcher has checked. What needs a document
type, so entities of its own, is refused before the parser sees a byte of it: feeds have none.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from html.entities import html5
from typing import cast
from xml.sax.saxutils import escape

from lxml import etree

from digest.errors import DumpError

_PIECE = 1 << 16
#: Elements below one of those given. The papers of 5,000 authors have 15,000.
_MOST_ELEMENTS = 50_000
_PROLOG = re.compile(rb"\s+|<\?.*?\?>|<!--.*?-->", re.DOTALL)
_ROOT = re.compile(rb"<(?:[\w.-]+:)?([\w.-]+)")
_DOCTYPE = re.compile(rb"<!DOCTYPE\s+(?:[\w.-]+:)?([\w.-]+)", re.IGNORECASE)
#: HTML's entities but the five of XML; feeds use them without declaring any.
_NAMED = re.compile(rb"&(?!(?:amp|lt|gt|quot|apos);)([A-Za-z][A-Za-z0-9]{1,31});")
#: The longest of their names, its ampersand and its semicolon.
_LONGEST_ENTITY = 40
#: No XML may hold these, but abstracts do at times, and a day's feed is not refused for one.
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
        yield _NAMED.sub(_character, data[start:end].translate(_CONTROLS))
        start = end


def _character(match: re.Match[bytes]) -> bytes:
    character = html5.get(f"{match[1].decode()};")
    return escape(character).encode() if character else match[0]


class _Tops:
    """Tells which elements stand right below the root or the channel, and counts those below them."""

    def __init__(self) -> None:
        self._root: etree._Element | None = None
        self._channel: etree._Element | None = None
        self._below = 0

    def finished(self, element: etree._Element) -> bool:
        """Whether the element that just ended is to be read."""
        parent = element.getparent()
        if parent is not None and self._holds(parent):
            self._below = 0
            return True
        self._below += 1
        if self._below > _MOST_ELEMENTS:
            raise DumpError("an entry of too many elements", line=line_of(element))
        return False

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
    """Say the first that went wrong: at the end lxml only tells that there is no document."""
    entries = list(parser.error_log)
    if entries:
        return DumpError(f"not well-formed XML, or cut: {entries[0].message.strip()}", line=entries[0].line)
    return DumpError(f"not well-formed XML, or cut: {error.msg}", line=error.lineno or 0)
