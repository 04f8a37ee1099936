"""A reader's free-text interests, met by their words."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from math import log

import numpy as np
from numpy.typing import NDArray

from digest.rank.phrases import Section, Text, Word, is_acronym

#: Share of an interest's rarity that a paper must meet. Of four words in an edition of 200, two that 100
#: papers hold weigh 0.33 and do not match, one that 50 hold weighs 0.23; one that 5 hold, 0.44, matches.
BAR = 0.4
#: What a word counts that stands in the abstract only; in the title it counts 1.
ABSTRACT = 0.6

#: Words that say nothing of what an interest is about (in the singular where they have one).
_UNTELLING = """
    a about above across after all also an and any anything approach are around as at based be been
    being better between both but by can do does each especially etc every for from good had has have
    here how i if in including interested interesting into is it like many me method more most much my
    new no non not of on one or other our out over paper particular particularly per recent related
    research result so some study such than that the their them then there these they this those through
    to topic toward under up use used using very via want was we were what when where whether which who
    why will with within without work would you your
"""
_STOP_WORDS = frozenset(_UNTELLING.split())


@dataclass(frozen=True, slots=True, kw_only=True)
class InterestMatch:
    """A paper that meets an interest."""

    score: float  #: `BAR` times `ABSTRACT` to 1
    words: tuple[str, ...]  #: the paper's own words that met it, in the interest's order


@dataclass(frozen=True, slots=True)
class _Holders:
    """The papers that hold one word."""

    written: Mapping[int, str]  #: by column: the word as it stands there first
    rarity: float
    held: NDArray[np.float64]  #: for each paper the rarity, or 0
    weighed: NDArray[np.float64]  #: the same, less in an abstract


class InterestIndex:
    """The words of an edition's papers; each column is a paper, in the order given."""

    def __init__(self, papers: Sequence[Text]) -> None:
        self._size = len(papers)
        #: Word, by stem and as written, -> column -> the word as it stands there first, its weight there.
        self._by_stem: dict[str, dict[int, tuple[str, float]]] = defaultdict(dict)
        self._as_written: dict[str, dict[int, tuple[str, float]]] = defaultdict(dict)
        self._holders: dict[str, _Holders] = {}
        places: dict[
            tuple[str, float], tuple[str, float]
        ] = {}  # each kept once: papers share most of their words
        for column, paper in enumerate(papers):
            for section, weight in ((paper.title, 1.0), (paper.abstract, ABSTRACT)):
                for word in section.words:
                    place = (word.written, weight)
                    place = places.setdefault(place, place)
                    self._by_stem[word.stem].setdefault(column, place)
                    self._as_written[word.written].setdefault(column, place)

    def fork(self) -> InterestIndex:
        """The same papers; the words that are looked up in it are its own."""
        forked = copy(self)
        forked._holders = dict(self._holders)
        return forked

    def match(self, interest: str) -> Mapping[int, InterestMatch]:
        """Return the papers that an interest meets.

        A word's rarity is ``1 + log((1 + papers) / (1 + papers that hold it))``: at least 1, so that one
        paper alone can be met. A paper's share is the rarity of the words it holds over that of all words of
        the interest; a paper matches from a share of `BAR` up. Its score weighs each word it holds by place::

            score = sum of rarity * (1 in the title, ABSTRACT elsewhere) / sum of rarity of all words

        Stop-words are dropped, plurals and case folded, and an acronym is met in its own spelling only, as
        `rank.phrases` has it. An interest of stop-words alone meets nothing.

        Returns:
            Column -> match, for the papers that match.

        Source:
            Smoothed inverse document frequency after Spärck Jones, "A statistical interpretation of term
            specificity", Journal of Documentation 1972.
        """
        words = [self._look_up(key, word) for key, word in _telling(interest).items()]
        if not words:
            return {}
        rarity = sum(word.rarity for word in words)
        # Added word by word, never by a matrix product: the order of a sum decides its last digits.
        held = sum((word.held for word in words), np.zeros(self._size)) / rarity
        weighed = sum((word.weighed for word in words), np.zeros(self._size)) / rarity
        return {
            column: InterestMatch(score=float(weighed[column]), words=_written(words, column))
            for column in np.flatnonzero(held >= BAR).tolist()
        }

    def _look_up(self, key: str, word: Word) -> _Holders:
        """Find the papers that hold a word, once for all interests."""
        if key not in self._holders:
            found = self._find(word)
            rarity = 1 + log((1 + self._size) / (1 + len(found)))
            held, weighed = np.zeros(self._size), np.zeros(self._size)
            for column, (_, weight) in found.items():
                held[column], weighed[column] = rarity, rarity * weight
            written = {column: as_written for column, (as_written, _) in found.items()}
            self._holders[key] = _Holders(written, rarity, held, weighed)
        return self._holders[key]

    def _find(self, word: Word) -> Mapping[int, tuple[str, float]]:
        if not is_acronym(word.written):
            return self._by_stem.get(word.stem, {})
        return {**self._as_written.get(word.written + "s", {}), **self._as_written.get(word.written, {})}


def _telling(interest: str) -> dict[str, Word]:
    """Return the words of an interest that tell something, by what makes two of them the same."""
    words = (word for word in Section.of(interest).words if not _STOP_WORDS & {word.lower, word.stem})
    return {word.written if is_acronym(word.written) else word.stem: word for word in words}


def _written(words: Sequence[_Holders], column: int) -> tuple[str, ...]:
    return tuple(dict.fromkeys(word.written[column] for word in words if column in word.written))
