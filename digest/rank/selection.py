"""The values that ranking gives: a paper of an edition, why it suits a reader, and what they get."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from enum import StrEnum


@dataclass(frozen=True, slots=True, kw_only=True)
class EditionPaper:
    """A paper as its edition froze it: what is ranked is what is mailed."""

    edition_id: int
    edition_date: dt.date
    paper_id: int
    revision_id: int
    title: str  #: clean
    abstract: str  #: clean; the summary where it has none, "" where neither is known
    authors: tuple[str, ...]
    url: str | None
    code_url: str | None
    votes: int | None
    place: int  #: in the edition by trend, from 1
    trend: float  #: 0 and up, as `rank.trend` gives it
    summary: str | None = None  #: what stands in place of its abstract


class ReasonKind(StrEnum):
    TOPIC = "topic"
    INTEREST = "interest"
    KEYWORD = "keyword"
    AUTHOR = "author"
    TRENDING = "trending"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """One cause for a pick, as it is shown to the reader."""

    kind: ReasonKind
    label: str  #: topic label, the interest's own text, the keyword, the author's name; "" for trending
    words: tuple[str, ...] = ()  #: the words of the paper that met it


class Stage(StrEnum):
    """Where a paper left the way to one reader; the last is the mail."""

    EXCLUDED = "excluded"  #: a rule of the reader keeps it out
    NOT_MATCHED = "not_matched"
    ALREADY_SENT = "already_sent"
    BELOW_BAR = "below_bar"  #: matched, but others ranked higher and the cap was reached
    MAILED = "mailed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pick:
    edition_id: int
    paper_id: int
    score: float
    reasons: tuple[Reason, ...]  #: strongest first, never empty

    def __hash__(self) -> int:
        """By what tells nearly all picks apart: with whole reasons it takes ten times as long."""
        return hash((self.paper_id, self.score, self.reasons[0].label))


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    picks: tuple[Pick, ...]  #: best first
    leftover: int  #: matched papers over the cap: named in the mail, not sent tomorrow


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """How far one paper came for one reader: a row of `digest why`."""

    paper: EditionPaper
    stage: Stage
    score: float
    reasons: tuple[Reason, ...]  #: for `excluded`, the rule that did it
