"""Whether the sections of a rendering are cards of papers: what speaks for each, and the judgement of the whole."""

from __future__ import annotations

import re
from dataclasses import dataclass

from digest.errors import DumpError
from digest.ingest.formats.rendering.blocks import (
    is_prose,
    restored,
    title_target,
)
from digest.ingest.formats.rendering.furniture import Kind, Piece, paper_of
from digest.ingest.formats.rendering.sections import Habits, Section, is_page

_SCHOLARLY = re.compile(
    r"\b(?:we (?:\w+ly )?(?:propose|introduce|present|show|study|demonstrate|find|develop|evaluate|describe|investigate|"
    r"release|train|report|prove|address|argue|explore|design|build|provide|conduct|analy[sz]e|identify|formulate)|"
    r"(?:this|our) (?:paper|work|study|report|survey)|in this (?:paper|work)|"
    r"our (?:methods?|models?|approach|results?|experiments?|framework|code|findings|analysis|benchmark)|"
    r"state-of-the-art|outperforms?|experiments?|benchmarks?|datasets?)\b",
    re.IGNORECASE,
)
_ELSEWHERE = re.compile(
    r"[$€£]\s?\d|\b(?:add to cart|points? by|min(?:utes?)? read|in stock|reviews?|free shipping|r/\w+|u/\w+|downloads?)\b",
    re.IGNORECASE,
)
_COMMENT = re.compile(
    r"\W*(?:why (?:it|this) matters|key (?:takeaways?|points?|ideas?|insights?|findings)|tl;?dr|takeaways?|our take|"
    r"my (?:take|thoughts?|notes?)|what(?:'s| is) new|in (?:short|brief|plain words)|the (?:gist|idea|catch|upshot)|"
    r"verdict|commentary|notes?|analysis|how it works|impact|implications?|bottom line|highlights?)\b\W*[:*—–-]",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class _Evidence:
    """What speaks for a section being the card of a paper."""

    sure: bool  #: it counts authors, or links to a paper
    scholarly: bool  #: its text reads as an abstract
    asked: bool  #: it shows votes, stars, or who submitted it
    shown: bool  #: it shows anything else that cards do
    foreign: bool  #: it holds what no card does
    crowded: bool  #: it holds more than one card
    kinds: int  #: of furniture
    told: bool  #: it has some text

    @property
    def is_card(self) -> bool:
        """Weigh it: what is not surely of a paper must read as an abstract, and be voted for."""
        if self.sure:
            return self.asked or self.shown or (self.scholarly and not self.foreign)
        return self.scholarly and self.asked and not self.foreign

    @property
    def is_rich(self) -> bool:
        """Tell whether it shows what few other pages show together."""
        return self.asked and self.kinds > 1

    @property
    def fits(self) -> bool:
        """Tell whether it looks like a card among cards that are sure ones."""
        return self.asked or self.shown or (self.told and not self.foreign)


_ASKED = {Kind.VOTES, Kind.SUBMITTED, Kind.STARS, Kind.UPVOTE}
_SHOWN = {Kind.AUTHORS, Kind.NAMES, Kind.DATE, Kind.COMMENTS, Kind.COUNT}


def _evidence(section: Section, habits: Habits) -> _Evidence:
    pieces = section.pieces()
    kinds = {piece.kind for piece in pieces if piece.kind is not Kind.STARS or piece.number is not None}
    text = next((piece.text for piece in pieces if piece.kind is Kind.PROSE and not is_page(piece.text)), "")
    targets = [title_target(section.title) if section.title else "", *(piece.target for piece in pieces[:12])]
    listed = any(block.rows[0].mark and is_prose(restored(block)) for block in section.body)
    headed = sum(bool(block.heading) and block.heading > habits.level > 0 for block in section.body) > 2
    comments = any(_COMMENT.match(block.text[:40]) for block in section.body)
    elsewhere = any(piece.kind is Kind.WORDS and _ELSEWHERE.search(piece.text) for piece in pieces)
    runs = _runs_of_text(pieces)
    return _Evidence(
        sure=Kind.AUTHORS in kinds or any(paper_of(target) for target in targets if target),
        scholarly=len(text) >= _SCHOLARLY_LENGTH and bool(_SCHOLARLY.search(text)),
        asked=bool(kinds & _ASKED),
        shown=bool(kinds & _SHOWN),
        foreign=comments or listed or headed or elsewhere or runs > 1,
        crowded=runs > 1,
        kinds=len(kinds & (_ASKED | _SHOWN)),
        told=bool(text),
    )


def _runs_of_text(pieces: list[Piece]) -> int:
    """Count texts that furniture parts."""
    runs, parted = 0, True
    for piece in pieces:
        if piece.kind is Kind.PROSE and is_prose(piece.text, strict=True) and not is_page(piece.text):
            runs, parted = runs + parted, False
        elif piece.kind in _ASKED or piece.kind in _SHOWN:
            parted = True
    return runs


_SCHOLARLY_LENGTH = 200
_CARD_SHARE = 0.6
_SURE_SHARE = 0.3
_FOREIGN_SHARE = 0.3


def score(found: list[Section], habits: Habits) -> float:
    """Count the sections that look like cards."""
    evidence = [one for section in found[1:] if not (one := _evidence(section, habits)).crowded]
    sure = sum(one.is_card for one in evidence)
    return sure + 0.5 * sum(one.fits and not one.is_card for one in evidence) if sure else 0


def judge(found: list[Section], habits: Habits) -> None:
    """Raise where most sections are no cards, or are cards with somebody's words about them."""
    judged = [section for section in found[1:] if _counts(section)]
    evidence = [_evidence(section, habits) for section in judged]
    if len(judged) > 1 and not evidence[-1].is_card:  # it may be cut
        judged, evidence = judged[:-1], evidence[:-1]
    sure = sum(one.sure for one in evidence)
    among_sure = sure >= _SURE_SHARE * len(judged)
    fitting = [one.is_card or (one.fits if among_sure else bool(sure) and one.is_rich) for one in evidence]
    if sum(fitting) < _CARD_SHARE * len(judged):
        where = judged[fitting.index(False)]
        raise DumpError(
            f"a document of another kind: only {sum(fitting)} of {len(judged)} headings look like cards of papers",
            line=where.title.line if where.title else 1,
        )
    foreign = [section for section, one in zip(judged, evidence, strict=True) if one.foreign]
    if len(foreign) > _FOREIGN_SHARE * len(judged):
        raise DumpError(
            "a document of another kind: it tells about papers, where a list of them is wanted",
            line=foreign[0].title.line if foreign[0].title else 1,
        )


def _counts(section: Section) -> bool:
    """A short heading without anything is of a menu or a foot, and says nothing of a document."""
    return len(section.title.text if section.title else "") > 40 or any(
        piece.kind is not Kind.NOTHING for piece in section.pieces()
    )
