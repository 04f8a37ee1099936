"""What the readers of an edition wish for, and which of its papers meet each wish."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Sequence
from copy import copy
from itertools import chain
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from digest.rank.asked import Asked
from digest.rank.interests import InterestIndex
from digest.rank.phrases import Text
from digest.rank.rules import RuleIndex, author_name
from digest.rank.scores import strength
from digest.rank.selection import EditionPaper, Reason, ReasonKind
from digest.rank.topics import Taxonomy
from digest.subscribers.subscriber import Profile

_NO_COLUMNS = np.array([], dtype=np.int64)
_NO_STRENGTHS = np.array([], dtype=np.float64)
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
        self._topics: dict[str, int] = {}
        self._by_interest: dict[str, int] = {}
        self._by_rule: dict[str, int] = {}
        self._lock = threading.Lock()
        self._add_topics(papers, taxonomy)

    def fork(self) -> Wishes:
        """The same wishes; those that are added to it are its own."""
        forked = copy(self)
        with self._lock:  # half of a wish would give its number to another one
            forked._interests = self._interests.fork()
            forked._met, forked._columns = list(self._met), list(self._columns)
            forked._strengths = list(self._strengths)
            forked._by_interest, forked._by_rule = dict(self._by_interest), dict(self._by_rule)
        forked._lock = threading.Lock()
        return forked

    def of(self, profiles: Sequence[Profile]) -> list[Wants]:
        """Return what each reader wants.

        A topic that the taxonomy does not know is dropped; who chose nothing else wants nothing.
        """
        with self._lock:
            self._add_rules(profiles)
            return [self._wants(profile) for profile in profiles]

    def meeting(self, wishes: Sequence[int], column: int) -> tuple[int, ...]:
        """Return those of some wishes that a paper meets, in their order."""
        met = self._met
        return tuple([wish for wish in wishes if column in met[wish]])  # a list: half a generator's time

    def strength(self, wishes: Sequence[int], column: int) -> int:
        """Return what one paper's matches of some wishes add up to: a cell of `Asked.totals`, met or not."""
        return sum(strength(self._met[wish][column].score) for wish in self.meeting(wishes, column))

    def reasons(self, wishes: Sequence[int], column: int) -> tuple[Reason, ...]:
        """Return why a paper meets some wishes, strongest first; it must meet them all."""
        met = sorted(
            (self._met[wish][column] for wish in wishes),
            key=lambda each: (-each.score, _TELLING.index(each.reason.kind)),
        )
        return tuple(each.reason for each in met)

    def asked(self, readers: Sequence[Sequence[int]]) -> Asked:
        """Lay the wishes of some readers side by side, to add up and to name what the papers meet of them.

        Args:
            readers: The wishes of each.
        """
        counts = np.fromiter(map(len, readers), dtype=np.int64, count=len(readers))
        numbers = np.fromiter(chain.from_iterable(readers), dtype=np.int64, count=int(counts.sum()))
        used, at = np.unique(numbers, return_inverse=True)
        return Asked(
            counts=counts,
            numbers=numbers,
            at=at,
            sizes=np.array([len(self._met[wish]) for wish in used], dtype=np.int64),
            columns=np.concatenate([_NO_COLUMNS, *(self._columns[wish] for wish in used)]),
            strengths=np.concatenate([_NO_STRENGTHS, *(self._strengths[wish] for wish in used)]),
            width=self._width,
        )

    def _wants(self, profile: Profile) -> Wants:
        topics, rules = self._topics, self._by_rule
        wanted = [topics[topic] for topic in profile.topics if topic in topics]
        if profile.interests:
            wanted += [self._interest(interest) for interest in profile.interests]
        if profile.include:
            wanted += [rules[rule] for rule in profile.include]
        return Wants(
            tuple(dict.fromkeys(wanted)),
            tuple(dict.fromkeys([rules[rule] for rule in profile.exclude])) if profile.exclude else (),
            not wanted and not (profile.topics or profile.interests or profile.include),
        )

    def _add(self, met: dict[int, Met]) -> int:
        self._met.append(met)
        self._columns.append(np.array(list(met), dtype=np.int64))
        self._strengths.append(np.array([strength(each.score) for each in met.values()], dtype=np.float64))
        return len(self._met) - 1

    def _add_topics(self, papers: Sequence[EditionPaper], taxonomy: Taxonomy) -> None:
        labels = {topic.id: topic.label for topic in taxonomy.topics}
        met: dict[str, dict[int, Met]] = defaultdict(dict)
        for column, paper in enumerate(papers):
            for match in taxonomy.match(paper.title, paper.abstract):
                reason = Reason(kind=ReasonKind.TOPIC, label=labels[match.topic_id], words=match.words)
                met[match.topic_id][column] = Met(match.score, reason)
        for topic in labels:
            self._topics[topic] = self._add(met[topic])

    def _interest(self, interest: str) -> int:
        number = self._by_interest.get(interest)
        if number is None:
            met = {
                column: Met(match.score, Reason(kind=ReasonKind.INTEREST, label=interest, words=match.words))
                for column, match in self._interests.match(interest).items()
            }
            number = self._by_interest[interest] = self._add(met)
        return number

    def _add_rules(self, profiles: Sequence[Profile]) -> None:
        """Work out the rules that are new, all in one pass over the papers."""
        asked = dict.fromkeys(
            rule
            for profile in profiles
            if profile.include or profile.exclude
            for rule in (*profile.include, *profile.exclude)
        )
        new = [rule for rule in asked if rule not in self._by_rule]
        for rule, written in self._rules.meet(new).items():
            name = author_name(rule)
            kind = ReasonKind.KEYWORD if name is None else ReasonKind.AUTHOR
            label = rule if name is None else name
            self._by_rule[rule] = self._add(
                {
                    column: Met(1.0, Reason(kind=kind, label=label, words=(words,)))
                    for column, words in written.items()
                }
            )
