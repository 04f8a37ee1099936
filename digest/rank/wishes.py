"""What the readers of an edition wish for, and which of its papers meet each wish."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Iterator, Sequence
from copy import copy
from itertools import chain
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from digest.rank.interests import InterestIndex
from digest.rank.phrases import Text
from digest.rank.rules import RuleIndex, author_name
from digest.rank.scores import strength
from digest.rank.selection import EditionPaper, Reason, ReasonKind
from digest.rank.topics import Taxonomy
from digest.subscribers.subscriber import Profile

_NO_COLUMNS = np.array([], dtype=np.int64)
_NO_STRENGTHS = np.array([], dtype=np.float64)
_RULE = "rule"
#: Among matches of one strength, the reason that says most about the reader comes first.
_TELLING = (ReasonKind.AUTHOR, ReasonKind.KEYWORD, ReasonKind.INTEREST, ReasonKind.TOPIC)


class Met(NamedTuple):
    """How well one paper meets one wish."""

    score: float  #: in (0, 1]
    reason: Reason


class Wants(NamedTuple):
    """What one reader wants, by the numbers of the wishes."""

    wanted: tuple[int, ...]
    unwanted: tuple[int, ...]
    anything: bool  #: nothing was chosen, so what trends is wanted


class Wishes:
    """The wishes of readers, each worked out once for all papers; a column is a paper, in the order given.

    Safe to share between threads: wishes are only ever added, and one thread at a time adds.
    """

    def __init__(self, papers: Sequence[EditionPaper], taxonomy: Taxonomy) -> None:
        texts = [Text.of(paper.title, paper.abstract) for paper in papers]
        self._rules = RuleIndex(texts, [paper.authors for paper in papers])
        self._interests = InterestIndex(texts)
        self._width = len(papers)
        # By a wish's number: its papers, as a look-up and as arrays.
        self._met: list[dict[int, Met]] = []
        self._columns: list[NDArray[np.int64]] = []
        self._strengths: list[NDArray[np.float64]] = []
        self._numbers: dict[tuple[str, str], int] = {}
        self._lock = threading.Lock()
        self._add_topics(papers, taxonomy)

    def fork(self) -> Wishes:
        """The same wishes; those that are added to it are its own."""
        forked = copy(self)
        with self._lock:  # half of a wish would give its number to another one
            forked._interests = self._interests.fork()
            forked._met, forked._columns = list(self._met), list(self._columns)
            forked._strengths, forked._numbers = list(self._strengths), dict(self._numbers)
        forked._lock = threading.Lock()
        return forked

    def of(self, profiles: Sequence[Profile]) -> list[Wants]:
        """Return what each reader wants.

        A topic that the taxonomy does not know is dropped; who chose nothing else wants nothing.
        """
        with self._lock:
            self._add_rules(profiles)
            return [
                Wants(
                    wanted=tuple(dict.fromkeys(self._wanted(profile))),
                    unwanted=tuple(dict.fromkeys(self._numbers[_RULE, rule] for rule in profile.exclude)),
                    anything=not (profile.topics or profile.interests or profile.include),
                )
                for profile in profiles
            ]

    def meeting(self, wishes: Sequence[int], column: int) -> tuple[int, ...]:
        """Return those of some wishes that a paper meets, in their order."""
        met = self._met
        return tuple([wish for wish in wishes if column in met[wish]])  # a list: half a generator's time

    def strength(self, wishes: Sequence[int], column: int) -> int:
        """Return what one paper's matches of some wishes add up to: a cell of `strengths`, met or not."""
        return sum(strength(self._met[wish][column].score) for wish in self.meeting(wishes, column))

    def reasons(self, wishes: Sequence[int], column: int) -> tuple[Reason, ...]:
        """Return why a paper meets some wishes, strongest first; it must meet them all."""
        met = sorted(
            (self._met[wish][column] for wish in wishes),
            key=lambda each: (-each.score, _TELLING.index(each.reason.kind)),
        )
        return tuple(each.reason for each in met)

    def strengths(self, readers: Sequence[Sequence[int]]) -> NDArray[np.float64]:
        """Add up, for each reader and paper, the strengths of the reader's wishes that the paper meets.

        A topic meets a tenth of the papers and an interest fewer, so only what is met is added: as one
        sum over (reader, paper) cells this takes half the time of a dense matrix product, and
        interests that each belong to one reader do not make the matrix wide.

        Args:
            readers: The wishes of each.

        Returns:
            Sums of `scores.strength`, shape ``(readers, papers)``.
        """
        counts = np.fromiter(map(len, readers), dtype=np.int64, count=len(readers))
        numbers = np.fromiter(chain.from_iterable(readers), dtype=np.int64)
        used, at = np.unique(numbers, return_inverse=True)
        columns = np.concatenate([_NO_COLUMNS, *(self._columns[wish] for wish in used)])
        values = np.concatenate([_NO_STRENGTHS, *(self._strengths[wish] for wish in used)])
        sizes = np.array([len(self._met[wish]) for wish in used], dtype=np.int64)
        lengths = sizes[at]
        # Each wish of each reader becomes the run of its cells: where its run begins, less where it stands.
        begins = (np.cumsum(sizes) - sizes)[at] - (np.cumsum(lengths) - lengths)
        cells = np.repeat(begins, lengths) + np.arange(lengths.sum())
        rows = np.repeat(np.repeat(np.arange(len(readers)) * self._width, counts), lengths)
        total = np.bincount(rows + columns[cells], values[cells], len(readers) * self._width)
        return total.astype(np.float64, copy=False).reshape(len(readers), self._width)

    def _wanted(self, profile: Profile) -> Iterator[int]:
        topics = (self._numbers.get((ReasonKind.TOPIC, topic)) for topic in profile.topics)
        yield from (topic for topic in topics if topic is not None)
        yield from (self._interest(interest) for interest in profile.interests)
        yield from (self._numbers[_RULE, rule] for rule in profile.include)

    def _add(self, name: tuple[str, str], met: dict[int, Met]) -> int:
        self._numbers[name] = len(self._met)
        self._met.append(met)
        self._columns.append(np.array(list(met), dtype=np.int64))
        self._strengths.append(np.array([strength(each.score) for each in met.values()], dtype=np.float64))
        return self._numbers[name]

    def _add_topics(self, papers: Sequence[EditionPaper], taxonomy: Taxonomy) -> None:
        labels = {topic.id: topic.label for topic in taxonomy.topics}
        met: dict[str, dict[int, Met]] = defaultdict(dict)
        for column, paper in enumerate(papers):
            for match in taxonomy.match(paper.title, paper.abstract):
                reason = Reason(kind=ReasonKind.TOPIC, label=labels[match.topic_id], words=match.words)
                met[match.topic_id][column] = Met(match.score, reason)
        for topic in labels:
            self._add((ReasonKind.TOPIC, topic), met[topic])

    def _interest(self, interest: str) -> int:
        name = (ReasonKind.INTEREST, interest)
        if name in self._numbers:
            return self._numbers[name]
        met = {
            column: Met(match.score, Reason(kind=ReasonKind.INTEREST, label=interest, words=match.words))
            for column, match in self._interests.match(interest).items()
        }
        return self._add(name, met)

    def _add_rules(self, profiles: Sequence[Profile]) -> None:
        """Work out the rules that are new, all in one pass over the papers."""
        asked = dict.fromkeys(
            rule for profile in profiles for rules in (profile.include, profile.exclude) for rule in rules
        )
        new = [rule for rule in asked if (_RULE, rule) not in self._numbers]
        for rule, written in self._rules.meet(new).items():
            name = author_name(rule)
            kind = ReasonKind.KEYWORD if name is None else ReasonKind.AUTHOR
            label = rule if name is None else name
            self._add(
                (_RULE, rule),
                {
                    column: Met(1.0, Reason(kind=kind, label=label, words=(words,)))
                    for column, words in written.items()
                },
            )
