"""The normalised title: what two listings of one paper have in common."""

from __future__ import annotations

import re
import unicodedata

from digest.ingest.clean import clean

#: ASCII as a key has it: lower case, anything else than a letter or digit a space.
_ASCII = "".join(chr(code).lower() if chr(code).isalnum() else " " for code in range(128))
_NEITHER_LETTER_NOR_DIGIT = re.compile(r"[\W_]+")


def title_key(title: str) -> str:
    """Give the words of a title, so that punctuation, dashes, case and TeX make no difference.

    Idempotent. `"Poincar\\'e~Maps: a 3times3 View"` gives `"poincaré maps a 3 3 view"`; the empty string
    where a title holds no letter and no digit, and such titles identify nothing.
    """
    return key_of_clean(clean(title))


def key_of_clean(title: str) -> str:
    """Give the key of a title that is clean already; cleaning is most of the work."""
    if title.isascii():
        return " ".join(title.translate(_ASCII).split())
    # NFKC after casefold as well: folding can leave a sequence that composes.
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", title).casefold())
    return _NEITHER_LETTER_NOR_DIGIT.sub(" ", folded).strip()
