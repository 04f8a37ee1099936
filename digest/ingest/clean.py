"""Clean text: white space, invisible characters, mojibake, TeX and doubled links.

`clean` is idempotent, and never makes up words: see `tex` for what it leaves alone.
"""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Callable

from ftfy import fix_encoding
from ftfy.badness import is_bad

from digest.ingest import tex

#: Stands for a link or a path while the rules run; a noncharacter, so never in a text that was stripped.
_HELD = "\ufdd0"

# Removed: C0 and C1 controls, soft hyphen, zero-width and bidi controls, noncharacters, tags.
_INVISIBLE = re.compile(
    "[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\u00ad\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f"
    "\ufdd0-\ufdef\ufeff\ufff9-\ufffb\ufffe\uffff\U000e0000-\U000e007f]"
)
_SURROGATE = re.compile("[\ud800-\udfff]")
_LIGATURE = re.compile("[ﬀ-ﬆ]")
# UTF-8 read as Latin-1 or Windows-1252 leaves two such characters in a row, or one before a lost NBSP.
_MOJIBAKE = re.compile("[^\x00-\x7f](?:[^\x00-\x7f]|(?<=[ÂÃâ]) )")
_ENTITY = re.compile(r"&(?:[A-Za-z]{2,8}|#\d{1,7}|#[xX][0-9A-Fa-f]{1,6});")
_SIGNS = ("\\", "^", "~", "$", "{", "[http", "``")
_COMPARED = (" leq ", " geq ", " neq ")
_HOLDS = ("{{", "{%", "${", ":\\", "\\\\")

# The bound on a link's length keeps hostile text from costing the square of its size.
_URL = r"https?://[^\s{}\[\]<>\"“”|\\^`]{0,300}[^\s{}\[\]<>\"“”|\\^`.,;:!?')]"
_URL_ESCAPED = re.compile(r"https?://[^\s{}\[\]<>\\]{1,300}\\[^\s{}\[\]<>]{1,300}")
_URL_DOUBLED = re.compile(rf"https?://[^\s{{}}]{{1,300}}\{{({_URL})\}}")
_URL_WRAPPED = re.compile(rf"(?<!\\url)\{{({_URL})\}}|(?<!\])\[({_URL})\](?!\()")
_LINK = re.compile(_URL)
# Links, template tags and Windows paths are not TeX, whatever they look like.
_NOT_TEX = re.compile(
    rf"{_URL}|\{{\{{[^{{}}]*\}}\}}|\{{%[^{{}}]*%\}}|\$\{{[^{{}}]*\}}|(?<![^\s(\"'])(?:[A-Za-z]:\\|\\\\(?=\w))\S*"
)
_HELD_SIGN = re.compile(_HELD)

#: Nested markup is unwrapped a level a round; deeper than this is hostile, and stays as it is.
_ROUNDS = 12


def clean(text: str) -> str:
    """Give text as a person would have typed it: one line, no invisible characters, no mark-up.

    Idempotent. A macro that is not known, `{{ user }}`, two prices in a sentence: all stay.
    """
    text = _folded(text)
    if not _is_plain(text):
        text = _settled(_mended, text)
    return _settled(_typed, text) if _has_markup(text) else text


def _is_plain(text: str) -> bool:
    """Tell whether nothing of a folded text can need mending: 90 % of abstracts are ASCII without entities."""
    return text.isascii() and "&" not in text


def _has_markup(text: str) -> bool:
    for sign in _SIGNS:  # half the time of `any` with a generator, and every text comes by
        if sign in text:
            return True
    return ("eq " in text and any(sign in text for sign in _COMPARED)) or tex.lost_markup(text)


def _settled(rules: Callable[[str], str], text: str) -> str:
    """Repeat until nothing changes, as mark-up is unwrapped from the inside; what never settles stays."""
    settled = text
    for _ in range(_ROUNDS):
        before, settled = settled, rules(settled)
        if settled == before:
            return settled
    return text


def _folded(text: str) -> str:
    """One line without what cannot be seen; a lone surrogate becomes U+FFFD. Cheap where nothing is to do."""
    if not text.isprintable() or "  " in text:
        text = " ".join(text.split())
    if text.isprintable():  # so the only white space is the space
        return text.strip(" ")
    if _SURROGATE.search(text):
        text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return " ".join(_INVISIBLE.sub("", text).split())


def _mended(text: str) -> str:
    """Undo HTML's entities, mojibake, ligatures and decomposed accents, one layer of each."""
    if _is_plain(text):
        return _folded(text)
    text = _ENTITY.sub(lambda match: html.unescape(match[0]), text)
    # ftfy's fix_text lost: it uncurls quotes, and most texts need only the first of these tests.
    if _MOJIBAKE.search(text) and is_bad(text):
        text = fix_encoding(text)
    text = _LIGATURE.sub(lambda match: unicodedata.normalize("NFKC", match[0]), text)
    return _folded(unicodedata.normalize("NFC", text))


def _typed(text: str) -> str:
    """One round of the rules for links and TeX."""
    if "://" in text:
        text = _unwrapped(text)
    held_sign = _NOT_TEX if any(sign in text for sign in _HOLDS) else _LINK if "://" in text else None
    if held_sign is None:
        return _mended(tex.plain(text))
    held: list[str] = []

    def hold(match: re.Match[str]) -> str:
        held.append(match[0])
        return _HELD

    text = held_sign.sub(hold, text)
    parts = iter(held)
    return _mended(_HELD_SIGN.sub(lambda _: next(parts), tex.plain(text)))


def _unwrapped(text: str) -> str:
    """Links without TeX's escapes, not doubled and not in brackets."""
    if "\\" in text:
        text = _URL_ESCAPED.sub(lambda match: re.sub(r"\\([_%&#~])", r"\1", match[0]), text)
    if "{http" in text:
        text = _URL_DOUBLED.sub(r"\1", text)
    if "{http" in text or "[http" in text:
        text = _URL_WRAPPED.sub(lambda match: match[1] or match[2], text)
    return text
