"""Whether a document may be a rendering at all: marks of Markdown, or lines that only a papers page shows."""

from __future__ import annotations

import re

#: Bytes that are looked at.
_WINDOW = 1 << 18
_MARKED = re.compile(
    rb"^[ \t>]*(?:#{1,6}[ \t]|[*+-][ \t]+\S|\*\*\S|\d{1,3}\.[ \t]+\[|```|~~~|[=-]{4,}\s*$|\[[ \t\r]*$|\][\[(]|!\[)"
    rb"|\]\([^()\s]{1,500}+\)|\]\[\d{1,7}\]|^[ \t>]*https?://\S{1,2000}+[ \t\r]*$",
    re.MULTILINE,
)
_SHOWN = re.compile(
    rb"^[ \t>*+-]*(?:[\xc2\xb7\xe2\x80\xa2 ]*\d[\d,]*[ \t]+authors?|(?:\d[\d.,]*k?[ \t]+)?up-?votes?(?:[ \t:]+[\d.,k-]+)?"
    rb"|submitted by\b[^\n]{0,80}|\xe2\x96\xb2 ?[\d-]+|\xc2\xb7|(?:github|\xe2\xad\x90|\xe2\x98\x85)[ \t:]*[\d.]+k?|arxiv page"
    rb"|published on [^\n]{5,30}|[\d,]+[ \t]+comments?)[ \t\r]*$",
    re.MULTILINE | re.IGNORECASE,
)
_LINE = re.compile(rb"^[^\n]*\S", re.MULTILINE)
_MARKED_SHARE = 0.02
_SHOWN_SHARE = 0.015


def recognises(data: bytes) -> bool:
    """Tell whether a document is rather a rendering than lines of text; `read` may still refuse it."""
    window = data[:_WINDOW]
    count = sum(1 for _ in _LINE.finditer(window))
    marked = sum(1 for _ in _MARKED.finditer(window))
    shown = sum(1 for _ in _SHOWN.finditer(window))
    return count > 0 and (marked > _MARKED_SHARE * count or (shown >= 2 and shown > _SHOWN_SHARE * count))
