"""How the words of a paper meet a phrase: the one rule behind topics, interests and keyword rules.

A phrase meets a text where its words stand there whole and in sequence. Case, plural
and "-isation" for "-ization" do not count, and a hyphen parts words, so "vision-language model" meets
"Vision Language Models". Two forms differ:

* a word of at most four characters with two capitals (LLM, GAN, ViT, SAM2) is an acronym and meets only that
  spelling and its plural: "SAM" is a model, "Sam" a person, and "RAG" is not a "rag";
* a phrase that ends in `*` meets every word that starts so: "quantiz*" meets "quantization" and "quantizers".
"""

from __future__ import annotations

import re
import unicodedata
from array import array
from collections.abc import Hashable, Iterable, Iterator
from dataclasses import dataclass
from enum import Enum, auto
from functools import lru_cache
from typing import Generic, NamedTuple, TypeVar

K = TypeVar("K", bound=Hashable)

#: Letters and digits of any script; C++ and C# keep their sign, or they would meet every lone "C".
_WORD = re.compile(r"[^\W\d_](?:\+\+|#)|[^\W_]+")
_ACRONYM_LENGTH = 4
#: The one difference of British and American spelling that this field meets every day.
_BRITISH, _AMERICAN = "isation", "ization"
#: A shorter stem before `*` would meet half the dictionary; it is also the key of the index.
_PREFIX_LENGTH = 3


class Word(NamedTuple):
    written: str  #: as in the text, NFKC
    lower: str  #: case folded
    stem: str  #: case folded, singular, and "-ization" for "-isation"


@lru_cache(maxsize=1 << 16)  # a day's papers share most of their words: a look-up instead of a fold
def _word(written: str) -> Word:
    lower = written.casefold()
    return Word(written, lower, _singular(lower).replace(_BRITISH, _AMERICAN))


def _singular(word: str) -> str:
    """Fold a plural in -s, -es or -ies; both sides are folded, so "bias" may become "bia" without harm."""
    if len(word) < 4 or not word.endswith("s") or word.endswith(("ss", "us", "is")):
        return word
    if word.endswith("ies"):
        return word[:-3] + "y"
    return word[:-2] if word.endswith(("sses", "shes", "tches", "xes")) else word[:-1]


@dataclass(frozen=True, slots=True)
class Section:
    """A title or an abstract, split once."""

    source: str  #: NFKC
    words: tuple[Word, ...]
    #: Where each word begins in `source`, and ends. As pairs of a tuple 200 papers would take 5 MB, not 0.7.
    begins: array[int]
    ends: array[int]

    @classmethod
    def of(cls, text: str) -> Section:
        source = unicodedata.normalize("NFKC", text)
        found = list(_WORD.finditer(source))
        words = tuple(_word(m[0]) for m in found)
        return cls(
            source, words, array("l", [m.start() for m in found]), array("l", [m.end() for m in found])
        )

    def written(self, start: int, stop: int) -> str:
        """Return the words from `start` up to `stop` as they stand, on one line."""
        return " ".join(self.source[self.begins[start] : self.ends[stop - 1]].split())

    def one_mention(self, end: int, start: int) -> bool:
        """Tell whether what starts at `start` overlaps what ended before `end`, or glosses it in brackets."""
        gap = self.source[self.ends[end - 1] : self.begins[start]]
        return start < end or (start == end and "(" in gap)


@dataclass(frozen=True, slots=True)
class Text:
    """The words of one paper, to be met by any number of matchers."""

    title: Section
    abstract: Section

    @classmethod
    def of(cls, title: str, abstract: str = "") -> Text:
        return cls(Section.of(title), Section.of(abstract))


class _Kind(Enum):
    PLAIN = auto()
    ACRONYM = auto()
    PREFIX = auto()


class _Part(NamedTuple):
    kind: _Kind
    text: str

    def meets(self, word: Word) -> bool:
        if self.kind is _Kind.PLAIN:
            return word.stem == self.text
        if self.kind is _Kind.PREFIX:
            return word.lower.startswith(self.text)
        return word.written in (self.text, self.text + "s")


def is_acronym(word: str) -> bool:
    """Tell whether a word of a phrase is to be met in that spelling only: LLM, RL, ViT, T2I; not 3D."""
    return len(word) <= _ACRONYM_LENGTH and sum(c.isupper() for c in word) >= 2


def _part(word: Word) -> _Part:
    return _Part(_Kind.ACRONYM, word.written) if is_acronym(word.written) else _Part(_Kind.PLAIN, word.stem)


@dataclass(frozen=True, slots=True)
class Phrase:
    """A phrase, read. Two phrases that meet the same texts have equal `parts`."""

    text: str  #: as it was given
    parts: tuple[_Part, ...]

    @classmethod
    def of(cls, text: str) -> Phrase:
        """Read a phrase.

        Raises:
            ValueError: It holds no word, a `*` that is not at its end, or fewer than three letters before it.
        """
        stem = text.rstrip().removesuffix("*")
        words = Section.of(stem).words
        if not words:
            raise ValueError(f"{text!r} holds no word")
        if "*" in stem:
            raise ValueError(f"{text!r}: a * may only stand at the end")
        parts = tuple(_part(word) for word in words)
        if stem == text.rstrip():
            return cls(text, parts)
        if len(words[-1].lower) < _PREFIX_LENGTH:
            raise ValueError(f"{text!r}: at least {_PREFIX_LENGTH} letters must stand before the *")
        return cls(text, (*parts[:-1], _Part(_Kind.PREFIX, words[-1].lower)))

    def stands_at(self, start: int, words: tuple[Word, ...]) -> bool:
        """Tell whether the phrase meets the words that begin at `start`."""
        here = words[start : start + len(self.parts)]
        return len(here) == len(self.parts) and all(map(_Part.meets, self.parts, here))


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit(Generic[K]):
    """One phrase of one key, met in a text."""

    key: K
    phrase: str  #: as it was given to the matcher
    written: str  #: as the text has it, where it stands first
    title: int  #: times in the title
    abstract: int  #: times in the abstract

    @property
    def in_title(self) -> bool:
        return self.title > 0

    @property
    def count(self) -> int:
        return self.title + self.abstract


class Matcher(Generic[K]):
    """Many phrases, each under a key, found in one pass over a text.

    Occurrences under one key do not overlap: the leftmost is taken, then the longest; and one in brackets
    right behind another adds nothing. So with "language model", "large language model" and "LLM" under one
    key, "large language models (LLMs)" counts once, as it is one mention. Keys do not disturb each other.
    """

    def __init__(self, pairs: Iterable[tuple[K, str]]) -> None:
        """Compile pairs of key and phrase.

        Raises:
            ValueError: A phrase that `Phrase.of` refuses.
        """
        self._by_stem: dict[str, list[tuple[K, Phrase]]] = {}
        self._by_prefix: dict[str, list[tuple[K, Phrase]]] = {}
        for key, text in pairs:
            self._add(key, Phrase.of(text))

    def _add(self, key: K, phrase: Phrase) -> None:
        first = phrase.parts[0]
        if first.kind is _Kind.PREFIX:
            self._by_prefix.setdefault(first.text[:_PREFIX_LENGTH], []).append((key, phrase))
            return
        # "LMs" is too short to be folded and "GPUs" looks like a "-us": an acronym stands under both stems.
        for stem in {_word(first.text).stem, _word(first.text + "s").stem}:
            self._by_stem.setdefault(stem, []).append((key, phrase))

    def find(self, text: Text) -> tuple[Hit[K], ...]:
        """Return each phrase that the text meets, once, in the order in which they first stand there."""
        tally: dict[tuple[K, str], tuple[str, int, int]] = {}
        for section, in_title in ((text.title, True), (text.abstract, False)):
            for key, phrase, written in self._occurrences(section):
                first, title, abstract = tally.get((key, phrase), (written, 0, 0))
                tally[key, phrase] = (first, title + in_title, abstract + (not in_title))
        return tuple(
            Hit(key=key, phrase=phrase, written=written, title=title, abstract=abstract)
            for (key, phrase), (written, title, abstract) in tally.items()
        )

    def _occurrences(self, section: Section) -> Iterator[tuple[K, str, str]]:
        ends: dict[K, int] = {}
        for start in range(len(section.words)):
            for key, phrase in self._standing_at(start, section.words):
                if key not in ends or not section.one_mention(ends[key], start):
                    ends[key] = start + len(phrase.parts)
                    yield key, phrase.text, section.written(start, ends[key])

    def _standing_at(self, start: int, words: tuple[Word, ...]) -> list[tuple[K, Phrase]]:
        """Return what meets the words at `start`, longest first."""
        word = words[start]
        candidates = self._by_stem.get(word.stem, [])
        candidates = candidates + self._by_prefix.get(word.lower[:_PREFIX_LENGTH], [])
        found = [(key, phrase) for key, phrase in candidates if phrase.stands_at(start, words)]
        return sorted(found, key=lambda pair: -len(pair[1].parts))
