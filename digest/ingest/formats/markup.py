"""The tags of an HTML page, by their places in its bytes.

A tree of a page takes thirty times its bytes (64 MB of `<b>` more than 2 GB), and the attribute that holds
the papers is long enough to count three times over. So the page is gone over tag by tag, and only one card
at a time becomes a tree.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from digest.errors import DumpError

_ATTRIBUTES = rb"""(?:[^>=]++|=\s*+(?:"[^"]*+"|'[^']*+'|(?!["'])))*+"""
_TAG = re.compile(
    rb"<(?:"
    rb"!--(?:-?>|.*?(?:--!?>|(?P<comment>\Z)))"
    # What a script or a style holds is no markup, whatever it looks like.
    rb"|(?P<raw>script|style|textarea|title|xmp|iframe)(?=[\s/>])(?P<rawattributes>" + _ATTRIBUTES + rb")>"
    rb".*?(?:</(?P=raw)(?=[\s/>])|(?P<text>\Z))"
    rb"|(?P<close>/?)(?P<name>[a-z][^\s/>]*+)(?P<attributes>" + _ATTRIBUTES + rb")>"
    rb"|[!?/][^>]*+>"
    rb"|(?P<cut>[a-z/!?]))",
    re.IGNORECASE | re.DOTALL,
)
_ATTRIBUTE = re.compile(
    rb"""(?<![^\s"'/])(?P<name>[^\s"'>/=]++)\s*+=\s*+(?:"(?P<double>[^"]*+)"|'(?P<single>[^']*+)'|(?P<bare>[^\s"'>]++))"""
)
_UNENDED = {"comment": "a comment", "text": "a script or style", "cut": "a tag"}


@dataclass(frozen=True, slots=True)
class Tag:
    """A tag that starts or ends an element."""

    name: str  #: lower case
    closes: bool
    start: int  #: offset of its `<`
    attributes: tuple[int, int]  #: offsets where they start and end
    end: int  #: offset behind its `>`


def tags(data: bytes, names: frozenset[str], marks: tuple[bytes, ...]) -> Iterator[Tag]:
    """Give the tags of these names, and those that hold one of the marks; in order, in one pass.

    Raises:
        DumpError: The page ends within a tag, a comment or a script: it is cut.
    """
    wanted = {name.encode() for name in names}
    for match in _TAG.finditer(data):
        if match["name"] is None:
            _check(data, match)
            continue
        name = match["name"].lower()
        start, end = match.span("attributes")
        if name in wanted or (end - start > 8 and any(data.find(mark, start, end) >= 0 for mark in marks)):
            yield Tag(name.decode(), bool(match["close"]), match.start(), (start, end), match.end())


def _check(data: bytes, match: re.Match[bytes]) -> None:
    for group, what in _UNENDED.items():
        if match[group] is not None:
            line = data.count(b"\n", 0, match.start()) + 1
            raise DumpError(f"the page is cut: {what} does not end", line=line)


def attribute(data: bytes, tag: Tag, name: bytes) -> tuple[int, int] | None:
    """Find the value of an attribute: the offsets where it starts and ends, its entities unresolved."""
    for match in _ATTRIBUTE.finditer(data, *tag.attributes):
        if match["name"].lower() == name:
            return match.span(str(match.lastgroup))
    return None
