"""Plain text out of HTML, as descriptions hold it.

Only HTML's own elements are mark-up here: a parser of HTML takes the `a<b` of a formula for a tag and loses
what follows, and builds hundreds of bytes for each tag of a hostile text.
"""

from __future__ import annotations

import html
import re

_BLOCKS = (
    "address|article|aside|blockquote|body|br|center|dd|details|div|dl|dt|fieldset|figcaption|figure|footer|"
    "form|h[1-6]|head|header|hr|html|jats|li|main|menu|nav|ol|p|pre|sec|section|summary|table|tbody|td|tfoot|th|"
    "thead|title|tr|ul"
)
_INLINE = (
    "a|abbr|acronym|audio|b|bdi|bdo|big|button|canvas|cite|code|data|del|dfn|em|embed|font|i|iframe|img|input|ins|"
    "italic|kbd|label|link|map|mark|math|meta|nobr|object|param|picture|q|s|samp|small|source|span|strike|strong|sub|"
    "sup|svg|time|track|tt|u|var|video|wbr"
)
# Attributes, one with a value at least: `a<b and b>c` has none. A value may hold a ">" in its quotation marks.
# Possessive: no text makes it look twice.
_REST = r"""(?=\s*/?>|[\s/][^<>]*=)(?:[^<>"']++|"[^"<]*+"|'[^'<]*+')*+[^<>]*+>"""
_UNSEEN = re.compile(
    r"<!--.*?(?:-->|\Z)|<[!?][a-zA-Z][^<>]*>|"
    r"<((?:\w{1,20}:)?(?:script|style|noscript|template|textarea))\b[^<>]*>.*?(?:</\1\s*>|\Z)",
    re.IGNORECASE | re.DOTALL,
)
_BLOCK = re.compile(rf"</?(?:\w{{1,20}}:)?(?:{_BLOCKS}){_REST}", re.IGNORECASE)
_OTHER = re.compile(rf"</?(?:\w{{1,20}}:)?(?:{_INLINE}){_REST}", re.IGNORECASE)
_ENTITY = re.compile(r"&(?:[A-Za-z][A-Za-z0-9]{1,31}|#\d{1,7}|#[xX][0-9A-Fa-f]{1,6});")
_RICH = re.compile(r"<(?:h[1-6]|ul|ol|pre|table|blockquote|img|iframe|video|figure)\b", re.IGNORECASE)


def plain(text: str) -> str:
    """Give what a reader sees: a line for each block, without mark-up, scripts, styles and comments.

    Text that is no HTML stays as it is, but for white space.
    """
    text = " ".join(text.split())
    if "<" in text:
        text = _OTHER.sub("", _BLOCK.sub("\n", _UNSEEN.sub(" ", text)))
    if "&" in text:
        text = _ENTITY.sub(lambda match: html.unescape(match[0]), text)
    return _joined(text)


def _joined(text: str) -> str:
    """Drop blank lines and doubled spaces."""
    lines = (" ".join(line.split()) for line in text.split("\n"))
    return "\n".join(line for line in lines if line)


def is_post(text: str) -> bool:
    """Tell whether a text has what posts have, and abstracts have not: headings, lists, pictures, code.

    One heading is the word "Abstract" that publishers put first.
    """
    found = _RICH.findall(text)
    return len(found) > 1 or (len(found) == 1 and not found[0].lower().startswith("<h"))
