"""Digital object identifiers, without their resolver."""

from __future__ import annotations

import re
import string
from urllib.parse import unquote

# A prefix names its registrant by digits, four of them at least so far, at times in parts: 10.1000.10.
_NAME = re.compile(r"10\.\d{4,9}(?:\.\d+)*/\S+", re.ASCII)
_RESOLVER = re.compile(r"(?:https?://)?(?:www\.|dx\.)?doi\.org/(?:doi:)?", re.IGNORECASE)
_LABEL = re.compile(r"(?:info:|urn:|https?://)?doi(?::\s?|\s|/)", re.IGNORECASE)
_QUERY = re.compile(r"[?#].*", re.DOTALL)
#: arXiv's own names say no more than its ids do, which `arxiv_id` reads.
_ARXIV = re.compile(r"10\.48550/arxiv\.")
_STOPS = ".,;:!?'\"“”’…"
_CLOSING = {")": "(", "]": "[", "}": "{", ">": "<"}
#: The standard sets no limit, but an index does; the longest in use are around 200 characters.
_LONGEST = 512
#: Case counts for nothing in ASCII, and for what the standard does not say beyond it.
_LOWER = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)


def doi(text: str) -> str | None:
    """Normalise a DOI, or its address at a resolver; None where the text is neither.

    `10.1145/3292500.3330701`, `doi:10.1145/3292500.3330701` and `https://doi.org/10.1145/3292500.3330701`
    give `10.1145/3292500.3330701`. In an address, escapes are undone and a query is dropped. Marks that
    end the sentence around it, and a bracket that closes nothing, are no part of it. The names that arXiv
    gives its own papers are no DOIs here.

    Source:
        ANSI/NISO Z39.84-2005; DOI Handbook, "DOI name syntax", "Case insensitivity" and "Encoding rules
        for URL presentation".
    """
    if len(text) > 4 * _LONGEST:
        return None
    name = _end(_name(text.strip())).translate(_LOWER)
    sound = _NAME.fullmatch(name) and name.isprintable() and "\ufffd" not in name and len(name) <= _LONGEST
    return None if not sound or _ARXIV.match(name) else name


def _name(text: str) -> str:
    """Drop the resolver or the label; what an address says otherwise than a name is undone."""
    if address := _RESOLVER.match(text):
        return unquote(_QUERY.sub("", text[address.end() :]))
    label = _LABEL.match(text)
    return text[label.end() :].lstrip() if label else text


def _end(name: str) -> str:
    """Drop what ends a sentence; old names hold brackets of every kind, so that only odd ones go."""
    while name:
        last = name[-1]
        opening = _CLOSING.get(last)
        if last not in _STOPS and (opening is None or name.count(opening) >= name.count(last)):
            break
        name = name[:-1]
    return name
