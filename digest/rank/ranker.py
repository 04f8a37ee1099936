"""The papers of an edition, ranked for any number of readers at once, and explained for one."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from copy import copy
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from digest.rank.scores import MILLION, millionths
from digest.rank.selection import EditionPaper, Pick, Placement, Reason, ReasonKind, Selection, Stage
from digest.rank.topics import Taxonomy
from digest.rank.wishes import Wants, Wishes
from digest.subscribers.subscriber import Profile

#: Readers scored together: few enough that the arrays of 200 papers stay near the processor's cache.
_CHUNK = 4096
_REASONS = 3
_TRENDING = (Reason(kind=ReasonKind.TRENDING, label=""),)
_STAGES = (Stage.MAILED, Stage.BELOW_BAR, Stage.ALREADY_SENT, Stage.NOT_MATCHED, Stage.EXCLUDED)


class _Reader(NamedTuple):
    """All that a selection depends on; readers who are equal here get the same one."""

    wants: Wants
    cap: int
    sent: frozenset[int]  #: papers of the edition that were mailed before


class Ranker:
    """The papers that a run may mail, and what is known of them for its readers.

    Every topic, interest and rule is matched against every paper once, whoever asks for it. Papers rank by
    score, then by the newer edition, the place in it and the paper's id; one that stands in two editions
    counts in the one that comes first so.
    """

    def __init__(self, papers: Sequence[EditionPaper], taxonomy: Taxonomy) -> None:
        """Take papers of one edition or several, in any order."""
        newest = sorted(papers, key=lambda p: (-p.edition_date.toordinal(), p.place, p.paper_id))
        columns: dict[int, EditionPaper] = {}
        for paper in newest:
            columns.setdefault(paper.paper_id, paper)
        self._papers = tuple(columns.values())
        self._ids = frozenset(columns)
        self._columns = {paper_id: column for column, paper_id in enumerate(columns)}
        self._trends = np.array([paper.trend for paper in self._papers], dtype=np.float64)
        self._wishes = Wishes(self._papers, taxonomy)
        #: Picks are few: what a paper meets decides its score and its reasons, whoever the reader is.
        self._picks: dict[tuple[int, tuple[int, ...]], Pick] = {}

    def fork(self) -> Ranker:
        """Return a ranker of the same papers that may be asked for a while and dropped with what it learned.

        A ranker keeps every wish that it meets. That suits readers, whose wishes come again each day; what
        anyone may try out on a page would fill the memory. It takes microseconds: the papers are shared.
        """
        forked = copy(self)
        forked._wishes, forked._picks = self._wishes.fork(), dict(self._picks)
        return forked

    def select(self, profiles: Sequence[Profile], *, mailed: Sequence[Collection[int]]) -> list[Selection]:
        """Choose each reader's papers; `place` says the same of one reader, paper by paper.

        Args:
            profiles: What each reader wants.
            mailed: Ids of papers that each was mailed before, one collection per profile; sets are fastest.

        Returns:
            One selection per profile, in their order.

        Raises:
            ValueError: `profiles` and `mailed` differ in length.
        """
        readers = [
            _Reader(wants, profile.cap, self._ids.intersection(sent))
            for wants, profile, sent in zip(self._wishes.of(profiles), profiles, mailed, strict=True)
        ]
        distinct = list(dict.fromkeys(readers))
        selections: dict[_Reader, Selection] = {}
        for start in range(0, len(distinct), _CHUNK):
            chunk = distinct[start : start + _CHUNK]
            selections.update(zip(chunk, self._choose(chunk), strict=True))
        return [selections[reader] for reader in readers]

    def place(self, profile: Profile, *, mailed: Collection[int] = ()) -> list[Placement]:
        """Tell how far each paper comes for one reader: the plain form of `select`, paper by paper.

        Returns:
            Every paper: those mailed as they rank, then those below the bar, already sent, not matched and
            excluded, each group by score. Reasons are at most three; a paper that is not matched has none.
        """
        (wants,) = self._wishes.of([profile])
        columns = range(len(self._papers))
        totals = [self._wishes.strength(wants.wanted, column) for column in columns]
        scores = millionths(np.array(totals, dtype=np.float64), self._trends).tolist()
        placements = [self._placement(column, scores[column] / MILLION, wants, mailed) for column in columns]
        placements.sort(key=lambda placement: -placement.score)
        free = profile.cap
        for at, placement in enumerate(placements):
            if placement.stage is Stage.MAILED:
                free -= 1
                placements[at] = placement if free >= 0 else replace(placement, stage=Stage.BELOW_BAR)
        return sorted(placements, key=lambda placement: _STAGES.index(placement.stage))

    def _placement(self, column: int, score: float, wants: Wants, mailed: Collection[int]) -> Placement:
        """Place one paper as if there were no cap."""
        paper = self._papers[column]
        wanted = self._wishes.meeting(wants.wanted, column)
        unwanted = self._wishes.meeting(wants.unwanted, column)
        if unwanted:
            stage, reasons = Stage.EXCLUDED, self._wishes.reasons(unwanted, column)[:_REASONS]
        elif not wanted and not wants.anything:
            stage, reasons = Stage.NOT_MATCHED, ()
        else:
            stage = Stage.ALREADY_SENT if paper.paper_id in mailed else Stage.MAILED
            reasons = self._reasons(wanted, column)
        return Placement(paper=paper, stage=stage, score=score, reasons=reasons)

    def _reasons(self, wishes: tuple[int, ...], column: int) -> tuple[Reason, ...]:
        return self._wishes.reasons(wishes, column)[:_REASONS] or _TRENDING

    def _choose(self, readers: Sequence[_Reader]) -> list[Selection]:
        keys = self._keys(readers)
        matched = (keys >= 0).sum(axis=1).tolist()
        best = -np.sort(-keys, axis=1)[:, : max(reader.cap for reader in readers)]
        return [
            Selection(
                picks=tuple([self._pick(key, reader.wants.wanted) for key in row[: min(reader.cap, count)]]),
                leftover=max(count - reader.cap, 0),
            )
            for reader, row, count in zip(readers, best.tolist(), matched, strict=True)
        ]

    def _keys(self, readers: Sequence[_Reader]) -> NDArray[np.int64]:
        """Give each paper of each reader one number that sorts as it ranks; -1 where it is not for them.

        Returns:
            Score in millionths, then the papers that stand after it, shape ``(readers, papers)``.
        """
        wanted = self._wishes.strengths([reader.wants.wanted for reader in readers])
        hidden = self._wishes.strengths([reader.wants.unwanted for reader in readers]) > 0
        for row, reader in enumerate(readers):
            if reader.sent:
                hidden[row, [self._columns[paper] for paper in reader.sent]] = True
        anything = np.array([reader.wants.anything for reader in readers])
        matched = ((wanted > 0) | anything[:, None]) & ~hidden
        width = len(self._papers)
        keys = millionths(wanted, self._trends) * width + np.arange(width)[::-1]
        return np.where(matched, keys, -1)

    def _pick(self, key: int, wishes: tuple[int, ...]) -> Pick:
        score, after = divmod(key, len(self._papers))
        column = len(self._papers) - 1 - after
        meeting = self._wishes.meeting(wishes, column)
        pick = self._picks.get((column, meeting))
        if pick is None:
            paper = self._papers[column]
            pick = self._picks[column, meeting] = Pick(
                edition_id=paper.edition_id,
                paper_id=paper.paper_id,
                score=score / MILLION,
                reasons=self._reasons(meeting, column),
            )
        return pick


def select(
    papers: Sequence[EditionPaper],
    profiles: Sequence[Profile],
    taxonomy: Taxonomy,
    *,
    mailed: Sequence[Collection[int]],
) -> list[Selection]:
    """Choose the papers of readers who are all met at once; see `Ranker.select`."""
    return Ranker(papers, taxonomy).select(profiles, mailed=mailed)


def place(
    papers: Sequence[EditionPaper], profile: Profile, taxonomy: Taxonomy, *, mailed: Collection[int] = ()
) -> list[Placement]:
    """Tell how far each paper comes for one reader; see `Ranker.place`."""
    return Ranker(papers, taxonomy).place(profile, mailed=mailed)
