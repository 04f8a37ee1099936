"""Sections of a rendering: a title and what stands up to the next, and how a document lays them out."""

from __future__ import annotations

import re
from collections.abc import Iterable
from copy import copy
from dataclasses import dataclass, field
from enum import StrEnum

from digest.ingest.formats.rendering.blocks import (
    Block,
    read_pieces,
)
from digest.ingest.formats.rendering.furniture import Kind, Piece


class Title(StrEnum):
    """What makes a block a title."""

    HEADING = "heading"
    BOLD = "bold"
    LINK = "link"  #: all of it is linked to a paper, or the address of one follows
    PLAIN = "plain"  #: nothing but its place


@dataclass(frozen=True, slots=True, kw_only=True)
class Habits:
    """How a document is laid out."""

    title: Title = Title.HEADING
    level: int = 0
    width: int | None = None  #: characters, where the crawler wrapped its lines
    compact: bool = False  #: few blank lines
    votes_before: bool | None = None  #: the title; None where nothing proves it
    votes_always: bool = False  #: no card lacks them, so that a count at their place is theirs
    submitter_before: bool | None = None
    late: bool = False  #: abstracts stand behind authors and dates
    abstracts: bool = False  #: all cards have some text
    tails: bool = False  #: all cards have something behind the text
    linked_texts: bool = False  #: abstracts are links


@dataclass(slots=True)
class Section:
    """A title and all blocks up to the next; the head has no title."""

    title: Block | None
    body: list[Block] = field(default_factory=list)
    size: int = 0  #: characters held
    joined: list[Piece] | None = None

    def pieces(self) -> list[Piece]:
        """All pieces of its blocks, in order, joined where one says what another is."""
        if self.joined is not None:
            return self.joined
        found = []
        for number, block in enumerate(self.body):
            for piece in pieces_of(block):
                piece.block = number
            found += block.pieces
        self.joined = joined(found)
        return self.joined


def joined(pieces: Iterable[Piece]) -> list[Piece]:
    """Put together what crawlers take apart: a button and its count, a word and its date, a text and its address."""
    found: list[Piece] = []
    for piece in pieces:
        last = found[-1] if found else None
        if last is None or piece.jumps or not _join(last, piece):
            found.append(copy(piece))
    return found


def _join(last: Piece, piece: Piece) -> bool:
    """Take a piece into the one before it, where it only tells more of that one."""
    kinds = (last.kind, piece.kind)
    if kinds == (Kind.UPVOTE, Kind.COUNT):
        last.kind, last.number, last.target = Kind.VOTES, piece.number, last.target or piece.target
    elif kinds == (Kind.COUNT, Kind.UPVOTE):
        last.kind = Kind.VOTES
    elif kinds == (Kind.PUBLISHED, Kind.DATE):
        last.kind, last.date, last.text = Kind.DATE, piece.date, "published"
    elif last.kind is Kind.SUBMITTED and not last.text and piece.kind in (Kind.WORDS, Kind.NAMES):
        last.text = piece.text
    elif last.kind is Kind.SUBMITTED and last.date is None and piece.kind is Kind.DATE and piece.text == "on":
        last.date = piece.date
    elif piece.kind in (Kind.NOTHING, Kind.PAPER, Kind.CODE) and piece.target and not last.target:
        return _take_address(last, piece)
    else:
        return (
            last.kind is Kind.SUBMITTED and not last.text and piece.kind is Kind.NOTHING and not piece.jumps
        )
    return True


def _take_address(last: Piece, piece: Piece) -> bool:
    """A bare address belongs to the words before it, and tells what a bare count is."""
    if piece.text and piece.text not in ("votes", "comments"):
        return False
    if last.kind is Kind.COUNT and piece.text in ("votes", "comments"):
        last.kind = Kind.VOTES if piece.text == "votes" else Kind.COMMENTS
    elif last.kind is Kind.DOT or last.kind is Kind.NOTHING:
        return False
    last.target = piece.target
    return True


_NOTICE = re.compile(
    r"\b(?:your (?:e-?mail )?inbox|we use cookies|uses? cookies|our newsletter|please subscribe|sign (?:up|in) (?:to|for|with)|"
    r"log ?in to|all rights reserved|our privacy policy|terms of (?:use|service)|enable javascript|"
    r"and the research community|you agree to)\b|©",
    re.IGNORECASE,
)
_LABEL = re.compile(
    r"(?:(?:hugging ?face\W+)?(?:daily|trending|weekly|monthly|top|hot|new|latest|today'?s?|search) papers\b.{0,60}|"
    r"papers(?: of the (?:day|week|month))?|hugging ?face|web source|source|markdown content|extracted text|page content|"
    r"by\W*ak\b.{0,40}|search by .{0,40}|submit a paper|powered by .{0,40}|navigation|menu|footer|references|"
    r"table of contents|abstract|summary|authors?|links?|tl;?dr|comments?|upvotes?|details|paper|code|resources|company|"
    r"website|community|solutions|models|datasets|spaces|docs|pricing|about|blog|previous|next|tos|privacy|jobs|"
    r"terms|new|daily|weekly|monthly|subscribe|log ?in|sign ?up|what is papers with code\?)\W*",
    re.IGNORECASE,
)


def is_page(text: str) -> bool:
    """Tell whether a line is of the page around the cards: a greeting, a notice, a part of a menu."""
    return len(text) < 300 and bool(_LABEL.fullmatch(text) or _NOTICE.search(text))


def pieces_of(block: Block) -> list[Piece]:
    """Take a block apart, once."""
    if not block.pieces:
        block.pieces = read_pieces(block)
    return block.pieces


#: What may stand before a title and belong to it.
LEADING = {Kind.VOTES, Kind.UPVOTE, Kind.COUNT, Kind.SUBMITTED, Kind.NOTHING, Kind.PAPER}


def leading(pieces: list[Piece]) -> int:
    """Count from which piece on all may belong to the title that follows; a count beside a date does not."""
    start = len(pieces)
    while start and pieces[start - 1].kind in LEADING:
        before = pieces[start - 2] if start > 1 else None
        beside = before is not None and before.kind is Kind.DATE and before.row == pieces[start - 1].row
        if beside and pieces[start - 1].kind is Kind.COUNT:
            break
        start -= 1
    return start
