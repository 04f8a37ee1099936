"""Names of authors, out of the one text that feeds put them in."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from digest.ingest.formats.feed.prose import plain

_ADDRESS = re.compile(r"^<?[^\s@<>()]+@[^\s@<>()]+>?")
_INITIALS = re.compile(r"[^\W\d_](?:\.|(?=[\s-]|\Z))(?:[\s-]?[^\W\d_]\.?)*")
_AND = re.compile(r"\s+(?:and|&)\s+")
_BY = re.compile(r"\A(?:by|authors?:)\s+", re.IGNORECASE)


def listed(texts: Sequence[str]) -> tuple[str, ...]:
    """Read arXiv's authors: one each, or `Ada One (Some Institute, Rome), Ben Two` in one text."""
    return _named(_outside(plain(texts[0]), ",") if len(texts) == 1 else texts)


def names(texts: Sequence[str]) -> tuple[str, ...]:
    """Read the author elements of an entry: one name each, or one text of all of them.

    Understood: `Ada One, Ben Two and Cid Three`, `One, Ada; Two, Ben`, `One, A., Two, B. C.`, `One, Ada`, and
    RSS's `ada@example.org (Ada One)`. An address is nobody's name.
    """
    if len(texts) == 1:
        return _named(_split(_person(texts[0])))
    return _named(_turned(_person(text)) for text in texts)


def _person(text: str) -> str:
    """Drop what stands before a name; in RSS that is an address, and the name is in brackets."""
    text = _BY.sub("", plain(text).replace("\n", " "), count=1)
    address = _ADDRESS.match(text)
    return text[address.end() :].strip().removeprefix("(").removesuffix(")") if address else text


def _split(text: str) -> Iterable[str]:
    if ";" in text:
        return (_turned(part) for part in _outside(text, ";"))
    parts = list(_outside(text, ","))
    if len(parts) % 2 == 0 and all(_INITIALS.fullmatch(part) for part in parts[1::2]):
        return (f"{initials} {last}" for last, initials in zip(parts[::2], parts[1::2], strict=True))
    if len(parts) == 2 and not any(" " in part for part in parts):
        return (f"{parts[1]} {parts[0]}",)
    return (name for part in parts for name in _AND.split(part.removeprefix("and ")))


def _turned(name: str) -> str:
    """Give `One, Ada` as `Ada One`."""
    last, comma, first = name.partition(",")
    return f"{first.strip()} {last.strip()}" if comma and "," not in first and "(" not in name else name


def _outside(text: str, mark: str) -> Iterator[str]:
    """Split at marks that stand in no brackets; one that never closes holds nothing."""
    depth, start = 0, 0
    deep = text.count("(") == text.count(")")
    for match in re.finditer(rf"[(){mark}]", text):
        if match[0] == mark:
            if depth <= 0:
                yield text[start : match.start()].strip()
                start = match.end()
        elif deep:
            depth += 1 if match[0] == "(" else -1
    yield text[start:].strip()


def _named(parts: Iterable[str]) -> tuple[str, ...]:
    """Drop affiliations and blanks, and whoever is named twice."""
    found = (part.partition("(")[0].strip(" ,;\n") for part in parts)
    return tuple(dict.fromkeys(name for name in found if name))
