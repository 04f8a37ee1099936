"""Text of papers made harmless before it goes near a template or a header.

Escaping is not done here: Jinja escapes for HTML, `headers` encodes for headers. This removes what
no escaping helps against: control, bidirectional and zero-width characters, lone surrogates, links
that are not links to pages, and sheer length.
"""

from __future__ import annotations

import re
from urllib.parse import quote

#: Characters that hide or turn around their neighbours, and controls. Joiners go too: they shape
#: scripts and emoji that titles of papers hardly hold, and they hide words from a reader.
_HIDDEN = re.compile(
    "[\u0000-\u0008\u000e-\u001b\u007f-\u0084\u0086-\u009f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5"
    "\u180b-\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff9-\ufffc\ufffe\uffff"
    "\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)
#: Diacritics of no one script. Greek with all its accents has three on a letter; dozens paint over the lines around.
_STACKED = re.compile(
    "([\u0300-\u036f\u0483-\u0489\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]{4})"
    "[\u0300-\u036f\u0483-\u0489\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]+"
)
_SURROGATE = re.compile("[\ud800-\udfff]")
_SENTENCE_END = re.compile(r"[.!?][\"'”’)\]]?(?= )")
#: A page on the web, spelt in ASCII; without user name, quotes, brackets or backslash.
_WEB = re.compile(
    r"https?://[a-z0-9](?:[a-z0-9.-]{0,252}[a-z0-9])?(?::[0-9]{1,5})?(?:[/?#][a-z0-9._~:/?#@!$&()*+,;=%\[\]-]*)?",
    re.IGNORECASE,
)
_URL_LIMIT = 900  # characters; a whole line of the wire holds 998


def inert(text: str, *, limit: int) -> str:
    """One line of visible text: blanks collapsed, hidden characters and piles of marks gone, surrogates replaced.

    Args:
        text: Anything at all.
        limit: Characters that will be shown at most; the text is cut, at four times as many, before
            any other work, so that 10 MB cost no more than 10 KB.
    """
    visible = _STACKED.sub(r"\1", _HIDDEN.sub("", text[: 4 * limit]))
    return _SURROGATE.sub("\ufffd", " ".join(visible.split()))


def shorten(text: str, limit: int) -> str:
    """At most `limit` characters: up to a sentence's end in the last two fifths, else a word's.

    Args:
        text: As `inert` gives it.
        limit: Characters, the ellipsis counted; at least 2.
    """
    if len(text) <= limit:
        return text
    ends = [match.end() for match in _SENTENCE_END.finditer(text[: limit - 1])]
    if ends and ends[-1] >= limit * 3 // 5:
        return f"{text[: ends[-1]]}\u00a0…"
    word, _, _ = text[:limit].rpartition(" ")
    # A "word" longer than two fifths of the room is no word: it is cut where the room ends.
    kept = word if len(word) >= limit * 3 // 5 else text[: limit - 1]
    return f"{kept.rstrip(' ,;:-–—(')}…"


def line(text: str, limit: int) -> str:
    """`inert` and `shorten` in one: what a title, a name or a label goes through."""
    return shorten(inert(text, limit=limit), limit)


def web_url(url: str | None) -> str | None:
    """The URL if it is one of a page on the web, else None: `javascript:` and kin are no links.

    Characters outside ASCII are percent-encoded; a URL that still holds anything odd is dropped,
    not mended, as a wrong link is worse than none.
    """
    if url is None or len(url) > _URL_LIMIT:
        return None
    # A surrogate cannot be encoded; "?" in its place gives a URL that leads nowhere, and harms nobody.
    ascii_url = quote(url, safe='%:/?#[]@!$&()*+,;="<>\\^`{|} ', errors="replace")
    return ascii_url if len(ascii_url) <= _URL_LIMIT and _WEB.fullmatch(ascii_url) else None
