"""Whether two spellings of a name may be one author's."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

#: Letters that Unicode does not take apart into a base letter and an accent, and the other hyphens.
_PLAIN = str.maketrans(
    {"ø": "o", "ł": "l", "đ": "d", "ð": "d", "ı": "i", "æ": "ae", "œ": "oe", "þ": "th", "‐": "-", "‑": "-"}
)
_DROPPED = re.compile(r"['’ʼ`]")
_APART = re.compile(r"[^\w,-]+|_")  # commas and hyphens are kept: they tell the parts of a name
_SUFFIX = re.compile(r"[\s,]+(?:jr|sr|ii|iii|iv)\s*$")
#: They belong to the surname: "Jan van der Berg" is no "Berg". Not "al" and "el": more often given names.
_PARTICLES = frozenset(
    ["da", "de", "del", "della", "den", "der", "di", "dos", "du", "la", "le", "ten", "ter", "van", "von"]
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Name:
    """An author's name, folded: no case, no accents, given names first, parted at spaces and hyphens."""

    words: tuple[str, ...]  #: given names, then surname; empty where the text holds no letter
    surname_words: int  #: how many of `words`, from the end, are the surname
    sure: bool  #: a comma or a hyphen told so; else it is the last word with its particles

    @property
    def key(self) -> str:
        """What equal surnames share, to find candidates by: the last word."""
        return self.words[-1] if self.words else ""


def read(name: str) -> Name:
    """Fold a name, written "Ada Lovelace", "A. Lovelace" or "Lovelace, Ada"."""
    folded = unicodedata.normalize("NFKD", name.casefold()).translate(_PLAIN)
    folded = "".join(c for c in folded if not unicodedata.combining(c))
    folded = _SUFFIX.sub("", _APART.sub(" ", _DROPPED.sub("", folded)))
    family, _, given = folded.partition(",")
    surname, first = _words(family), _words(given)
    if surname and first:
        return Name(words=(*first, *surname), surname_words=len(surname), sure=True)
    return _without_comma(family if surname else given)


def _words(text: str) -> tuple[str, ...]:
    return tuple(re.findall(r"[^\s,-]+", text))


def _without_comma(text: str) -> Name:
    words = _words(text)
    last = max(1, len(_words(text.rsplit(maxsplit=1)[-1]))) if words else 1
    return Name(words=words, surname_words=_with_particles(words, last), sure=last > 1)


def _with_particles(words: tuple[str, ...], count: int) -> int:
    """Add to a surname of `count` words the particles before it; the first word stays a given name."""
    while count < len(words) - 1 and words[-count - 1] in _PARTICLES:
        count += 1
    return count


def same(wanted: Name, author: Name) -> bool:
    """Tell whether an author may be the one that is wanted.

    Surnames must be equal. Given names must agree one by one as far as both go, an initial with any name
    that starts so; thus "A. Lovelace" may be "Ada King Lovelace". A wanted surname alone means anyone of
    that name; an author without given names is met by that only.
    """
    if not wanted.words or not author.words:
        return False
    own, other = _surname_words(wanted, author), _surname_words(author, wanted)
    surname = author.words[-other:]
    if wanted.words == surname and not wanted.sure:
        return True
    names, others = wanted.words[:-own], author.words[:-other]
    met = wanted.words[-own:] == surname and all(map(_agree, names, others))
    return met and (bool(others) or not names)


def _surname_words(name: Name, other: Name) -> int:
    """Count the words of a surname; the other name may tell that two words are one surname."""
    if name.sure or not other.sure:
        return name.surname_words
    return max(name.surname_words, other.surname_words)


def _agree(one: str, two: str) -> bool:
    return one == two or (1 in (len(one), len(two)) and one[0] == two[0])
