"""Whether a document may be a rendering at all: marks of Markdown, or lines that only a papers page shows."""

from __future__ import annotations

import re

#: Bytes that are looked at.
_WINDOW = 1 << 18
#: Of a line, from its start. That most lines of a text have none of these first bytes keeps this cheap.
_STARTS = frozenset(b" \t>#*+-0123456789`~=[]!\xc2\xe2hHuUsSgGaApP")
_MARKED = re.compile(
    rb"[ \t>]*(?:#{1,6}[ \t]|[*+-][ \t]+\S|\*\*\S|\d{1,3}\.[ \t]+\[|```|~~~|[=-]{4,}\s*$|\[[ \t\r]*$|!\["
    rb"|\](?!\([^()\s]{1,500}+\)|\[\d{1,7}\])[\[(]|https?://\S{1,2000}+[ \t\r]*$)"
)
#: Wherever in a line.
_LINKED = re.compile(rb"\](?:\([^()\s]{1,500}+\)|\[\d{1,7}\])")
#: Bytes; no line that only a page shows is longer.
_LONGEST_SHOWN = 300
_SHOWN = re.compile(
    rb"[ \t>*+-]*(?:[\xc2\xb7\xe2\x80\xa2 ]*\d[\d,]*[ \t]+authors?|(?:\d[\d.,]*k?[ \t]+)?up-?votes?(?:[ \t:]+[\d.,k-]+)?"
    rb"|submitted by\b.{0,80}|\xe2\x96\xb2 ?[\d-]+|\xc2\xb7|(?:github|\xe2\xad\x90|\xe2\x98\x85)[ \t:]*[\d.]+k?|arxiv page"
    rb"|published on .{5,30}|[\d,]+[ \t]+comments?)[ \t\r]*$",
    re.IGNORECASE,
)
_MARKED_SHARE = 0.02
_SHOWN_SHARE = 0.015


def recognises(data: bytes) -> bool:
    """Tell whether a document is rather a rendering than lines of text; `read` may still refuse it."""
    window = data[:_WINDOW]
    marked = len(_LINKED.findall(window))
    count = shown = 0
    for line in window.split(b"\n"):
        if not line or line.isspace():
            continue
        count += 1
        if line[0] in _STARTS:
            marked += bool(_MARKED.match(line))
            shown += len(line) < _LONGEST_SHOWN and bool(_SHOWN.match(line))
    return count > 0 and (marked > _MARKED_SHARE * count or (shown >= 2 and shown > _SHOWN_SHARE * count))
