"""What only a look at the whole shows: which blocks are titles, what stands before them, whether these are papers.

Read from the beginning of a document, up to `_WINDOW` bytes.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise

from digest.errors import DumpError
from digest.ingest.formats.rendering.blocks import (
    Block,
    blocks,
)
from digest.ingest.formats.rendering.furniture import Kind, Piece
from digest.ingest.formats.rendering.marks import references, rows
from digest.ingest.formats.rendering.sections import Habits, Section, Title, leading, pieces_of
from digest.ingest.formats.rendering.titles import sections
from digest.ingest.formats.rendering.verdict import judge, score

_WINDOW = 1 << 18


@dataclass(frozen=True, slots=True, kw_only=True)
class Survey:
    """What a look at the beginning tells."""

    habits: Habits
    head: Section
    partial: bool  #: the document is longer than what was looked at


def survey(data: bytes) -> Survey:
    """Look at the beginning of a document.

    Raises:
        DumpError: It is of another kind.
    """
    partial = len(data) > _WINDOW
    window = data[: data.rfind(b"\n", 0, _WINDOW) + 1 or _WINDOW] if partial else data
    width, compact = _lines(window)
    stream = list(blocks(rows(window, references(data)), width=width, compact=compact))
    best: tuple[float, Habits, list[Section]] | None = None
    for habits in _choices(stream, Habits(width=width, compact=compact)):
        found = list(sections(stream, habits))
        points = score(found, habits)
        if best is None or points > best[0]:
            best = (points, habits, found)
    if best is None or not best[0]:
        raise DumpError("a document of another kind: nothing in it looks like the card of a paper", line=1)
    _, habits, found = best
    judge(found, habits)
    return Survey(habits=_learnt(habits, found, partial=partial), head=found[0], partial=partial)


def _choices(stream: list[Block], habits: Habits) -> Iterator[Habits]:
    """What may make a title here; of equals the first is taken."""
    levels = Counter(block.heading for block in stream if block.heading)
    for level in sorted(levels, reverse=True):
        yield replace(habits, title=Title.HEADING, level=level)
    for title in (Title.LINK, Title.BOLD, Title.PLAIN):
        yield replace(habits, title=title)


#: Fewer lines say nothing of a width.
_FEW = 3
_WRAPPED_SHARE = 0.6


def _lines(window: bytes) -> tuple[int | None, bool]:
    """Tell at which width a crawler wrapped its lines, if at any, and whether it left out blank lines."""
    lines = [_QUOTED.sub("", line.rstrip()) for line in window.decode(errors="replace").splitlines()]
    texts = [(one, other) for one, other in pairwise([*lines, ""]) if one.count(" ") >= 4]
    inner = [(one, other) for one, other in texts if other.count(" ") >= 4 and len(one) <= 200]
    width = max((len(one) for one, _ in inner), default=0)
    full = sum(not _has_room(one, other, width) for one, other in inner)
    long = sum(len(one) > 200 for one, _ in texts)
    wrapped = full >= _FEW and full >= _WRAPPED_SHARE * len(inner) and long <= 0.1 * len(texts)
    ends = [other for one, other in texts if not (wrapped and other and not _has_room(one, other, width))]
    return width if wrapped else None, sum(bool(other) for other in ends) > 0.5 * len(ends)


_QUOTED = re.compile(r"^(?:\s*>)+\s?")


def _has_room(line: str, following: str, width: int) -> bool:
    return len(line) + 1 + len(following.split(maxsplit=1)[0]) <= width


def _learnt(habits: Habits, found: list[Section], *, partial: bool) -> Habits:
    """Learn where things stand from the first card, which nothing stands before, and the last, which nothing follows."""
    cards = [section for section in found[1:] if section.title]
    parts = [section.pieces() for section in found]
    head = parts[0]
    lead = head[leading(head) :]
    last = [] if partial or any(piece.kind is Kind.CUT for piece in parts[-1]) else parts[-1]
    behind = [piece for pieces in parts[1:-1] for piece in _behind(pieces)] + _behind(
        [*last, Piece(Kind.DATE)]
    )
    between = [pieces[leading(pieces) :] for pieces in parts[1:-1]]
    votes_before = _before({Kind.VOTES, Kind.COUNT}, lead, behind)
    if votes_before is None and head and len(parts) > 3 and _always(between) and not _jumps(cards):
        votes_before = False
    texts = [_first(pieces, {Kind.PROSE}) for pieces in parts[1:]]
    tails = [_first(pieces, {Kind.AUTHORS, Kind.DATE, Kind.NAMES}) for pieces in parts[1:]]
    late = [text > tail for text, tail in zip(texts, tails, strict=True) if text >= 0 and tail >= 0]
    proses = [piece for pieces in parts[1:-1] for piece in pieces if piece.kind is Kind.PROSE]
    return replace(
        habits,
        votes_before=votes_before,
        votes_always=bool(votes_before) and _always(between),
        submitter_before=_before({Kind.SUBMITTED}, lead, behind),
        late=sum(late) * 2 > len(late),
        abstracts=len(parts) > 2 and all(text >= 0 for text in texts[:-1]),
        tails=len(parts) > 2 and all(tail >= 0 for tail in tails[:-1]),
        linked_texts=bool(proses) and _linked(cards[:-1]),
    )


def _always(between: list[list[Piece]]) -> bool:
    """Tell whether votes stand before each title but the first."""
    return all(
        any(piece.kind in (Kind.VOTES, Kind.COUNT, Kind.UPVOTE) for piece in pieces) for pieces in between
    )


def _jumps(cards: list[Section]) -> bool:
    return any(section.title and section.title.jumps for section in cards[:1])


def _behind(pieces: list[Piece]) -> list[Piece]:
    """What surely stands behind a title, for something of the same card follows it."""
    found: list[Piece] = []
    counted = False
    for piece in pieces[: leading(pieces)]:
        if piece.kind is not Kind.COUNT or not counted:
            found.append(piece)
        counted = counted or piece.kind in (Kind.AUTHORS, Kind.DATE, Kind.DOT)
    return found


def _before(kinds: set[Kind], lead: list[Piece], behind: list[Piece]) -> bool | None:
    """Tell whether something stands before its title; None where nothing proves it."""
    if any(piece.kind in kinds for piece in lead):
        return True
    return False if any(piece.kind in kinds for piece in behind) else None


def _first(pieces: list[Piece], kinds: set[Kind]) -> int:
    return next((number for number, piece in enumerate(pieces) if piece.kind in kinds), -1)


def _linked(cards: list[Section]) -> bool:
    """Tell whether abstracts are links as a rule."""
    linked = [
        any(segment.link for segment in block.segments)
        for section in cards
        for block in section.body
        if pieces_of(block)[:1] and pieces_of(block)[0].kind is Kind.PROSE
    ]
    return sum(linked) * 2 > len(linked)
