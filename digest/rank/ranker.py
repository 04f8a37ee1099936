"""The papers of an edition, ranked for any number of readers at once, and explained for one."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from copy import copy
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from digest.rank.meetings import Meetings
from digest.rank.scores import MILLION, millionths
from digest.rank.selection import EditionPaper, Pick, Placement, Reason, ReasonKind, Selection, Stage
from digest.rank.topics import Taxonomy
from digest.rank.wishes import Wants, Wishes
from digest.subscribers.subscriber import Profile

#: Readers scored together. With 200 papers they take 12 MB, and 4,096 took 32 MB for a tenth less time.
_CHUNK = 1024
_REASONS = 3
_TRENDING = (Reason(kind=ReasonKind.TRENDING, label=""),)
_STAGES = (Stage.MAILED, Stage.BELOW_BAR, Stage.ALREADY_SENT, Stage.NOT_MATCHED, Stage.EXCLUDED)

_Keys = NDArray[np.signedinteger[Any]]


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
        # Half the bytes sort in half the time.
        self._key_type = np.int32 if (MILLION + 1) * len(columns) < 2**31 else np.int64
        self._meetings = Meetings(len(self._papers))
        #: Picks are few: what a paper meets decides its score and its reasons, whoever the reader is.
        self._picks: dict[int, Pick] = {}

    def fork(self) -> Ranker:
        """Return a ranker of the same papers that may be asked for a while and dropped with what it learned.

        A ranker keeps every wish that it meets. That suits readers, whose wishes come again each day; what
        anyone may try out on a page would fill the memory. It takes microseconds: the papers are shared.
        """
        forked = copy(self)
        # Picks are named by meetings and these by wishes: what another thread adds in between gives no name twice.
        forked._picks = dict(self._picks)
        forked._meetings = self._meetings.fork()
        forked._wishes = self._wishes.fork()
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
        if len(profiles) != len(mailed):
            raise ValueError(f"{len(profiles)} profiles, and {len(mailed)} collections of mailed papers")
        # Readers who want the same are not looked for: few do, and to tell took longer than to rank them again.
        return [
            selection
            for start in range(0, len(profiles), _CHUNK)
            for selection in self._choose(profiles[start : start + _CHUNK], mailed[start : start + _CHUNK])
        ]

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

    def _choose(self, profiles: Sequence[Profile], mailed: Sequence[Collection[int]]) -> list[Selection]:
        wants = self._wishes.of(profiles)
        asked = self._wishes.asked([each.wanted for each in wants])
        totals = asked.totals()
        matched = self._matched(totals, wants, mailed)
        counts = np.count_nonzero(matched, axis=1)
        taken = np.minimum(counts, [profile.cap for profile in profiles])
        best = _best(self._keys(totals, matched), int(taken.max()))
        keys = best[np.arange(best.shape[1]) < taken[:, None]]
        columns = len(self._papers) - 1 - keys % len(self._papers)
        numbers = asked.meetings(np.repeat(np.arange(len(wants)), taken), columns, self._meetings)
        picks = self._picks_of(numbers.tolist(), keys)
        ends, leftover = np.cumsum(taken), counts - taken
        return [
            Selection(picks=tuple(picks[end - count : end]), leftover=left)
            for end, count, left in zip(ends.tolist(), taken.tolist(), leftover.tolist(), strict=True)
        ]

    def _matched(
        self, totals: NDArray[np.float64], wants: Sequence[Wants], mailed: Sequence[Collection[int]]
    ) -> NDArray[np.bool_]:
        """Tell which papers each reader may be mailed, shape ``(readers, papers)``."""
        matched = totals > 0
        matched[[each.anything for each in wants]] = True
        excluding = [row for row, each in enumerate(wants) if each.unwanted]
        if excluding:
            matched[excluding] &= self._wishes.asked([wants[row].unwanted for row in excluding]).totals() == 0
        for row, papers in enumerate(mailed):
            if papers:
                matched[row, [self._columns[paper] for paper in self._ids.intersection(papers)]] = False
        return matched

    def _keys(self, totals: NDArray[np.float64], matched: NDArray[np.bool_]) -> _Keys:
        """Give each paper of each reader one number that sorts as it ranks; -1 where it is not for them.

        Returns:
            Score in millionths, then the papers that stand after it, shape ``(readers, papers)``.
        """
        cells = np.flatnonzero(matched)  # a tenth: to score these alone takes a third of the time
        columns = cells % len(self._papers)
        scores = millionths(totals.ravel()[cells], self._trends[columns])
        keys = np.full(matched.shape, -1, dtype=self._key_type)
        keys.ravel()[cells] = scores * len(self._papers) + (len(self._papers) - 1 - columns)
        return keys

    def _picks_of(self, numbers: list[int], keys: _Keys) -> list[Pick]:
        """The picks of these meetings, by their keys; each is built once."""
        known = self._picks
        new = {number: at for at, number in enumerate(numbers) if number not in known}
        for number, at in new.items():
            known[number] = self._pick(number, int(keys[at]) // len(self._papers) / MILLION)
        return list(map(known.__getitem__, numbers))

    def _pick(self, number: int, score: float) -> Pick:
        column, meeting = self._meetings.of(number)
        paper = self._papers[column]
        return Pick(
            edition_id=paper.edition_id,
            paper_id=paper.paper_id,
            score=score,
            reasons=self._reasons(meeting, column),
        )


def _best(keys: _Keys, count: int) -> _Keys:
    """The greatest numbers of each row, greatest first."""
    least = keys.shape[1] - count
    if least and count:  # to part them first takes a quarter of the time of sorting all
        keys = np.partition(keys, least, axis=1)[:, least:]
    return np.sort(keys, axis=1)[:, ::-1][:, :count]


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
