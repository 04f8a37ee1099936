"""Cards of a rendering: what stands between two titles, given to the one that it is proven to belong to."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from digest.errors import DumpError
from digest.ingest.formats.rendering.blocks import plain, restored, title_target
from digest.ingest.formats.rendering.card import Card, record
from digest.ingest.formats.rendering.doubles import undoubled
from digest.ingest.formats.rendering.furniture import Kind, Piece, paper_of
from digest.ingest.formats.rendering.sections import Habits, Section, leading
from digest.ingest.record import DumpDate, Record, Reject


def items(stream: Iterable[Section], habits: Habits, date: DumpDate | None) -> Iterator[Record | Reject]:
    """Give the cards with their positions, a doubled one once.

    Raises:
        DumpError: At the end, where no card was found or most were none.
    """
    tally = _Tally()
    for item in undoubled(_cards(stream, habits, date)):
        tally.add(item)
        yield replace(item, position=tally.records) if isinstance(item, Record) else item
    tally.judge()


@dataclass(slots=True)
class _Tally:
    """What was given so far, to judge the document by at its end."""

    records: int = 0
    rejects: int = 0
    first: Reject | None = None

    def add(self, item: Record | Reject) -> None:
        if isinstance(item, Record):
            self.records += 1
        else:
            self.rejects += 1
            self.first = self.first or item

    def judge(self) -> None:
        if not self.records:
            raise DumpError("no papers in it", line=self.first.line if self.first else 0)
        if self.first and self.rejects > max(2, self.records // 3):
            raise DumpError(
                f"a document of another kind: {self.rejects} headings are no papers", line=self.first.line
            )


def _cards(stream: Iterable[Section], habits: Habits, date: DumpDate | None) -> Iterator[Record | Reject]:
    lead: list[Piece] = []
    held: Section | None = None
    for section in stream:
        if held is None:
            pieces = section.pieces()
            lead = pieces[leading(pieces) :]
        elif held.title:
            card, lead = _shared(held, section, lead, habits)
            yield from _item(card, habits, date)
        held = section
        if section.title and section.title.jumps:
            lead = []
    if held and held.title:
        yield from _last(held, lead, habits, date)


def _last(
    section: Section, lead: list[Piece], habits: Habits, date: DumpDate | None
) -> Iterator[Record | Reject]:
    """The last card: cut where the document says so, or where it lacks what all others have."""
    pieces = section.pieces()
    where = next((number for number, piece in enumerate(pieces) if piece.kind is Kind.CUT), None)
    card, _ = _shared(section, None, lead, habits)
    open_end = habits.linked_texts and bool(section.body) and section.body[-1].rows[-1].link_open
    if where is not None:
        card.tail = card.tail[:where]
    if _is_short(card, habits, said=where is not None) or (open_end and not _has_tail(card)):
        yield Reject(line=card.line, reason="the document is cut in this card")
        return
    yield from _item(card, habits, date)
    if where is not None:
        yield Reject(line=pieces[where].row, reason="the document says that it is cut here")


def _has_tail(card: Card) -> bool:
    return any(piece.kind in (Kind.AUTHORS, Kind.DATE, Kind.NAMES, Kind.DOT) for piece in card.tail)


def _is_short(card: Card, habits: Habits, *, said: bool) -> bool:
    """Tell whether a card lacks what shows that it is whole."""
    text = next((piece.text for piece in card.tail if piece.kind is Kind.PROSE), "")
    if habits.abstracts and not text:
        return True
    whole = text.rstrip("\"'”’)]}*").endswith((".", "!", "?", "。")) or not text
    if said:
        return (habits.tails and not _has_tail(card)) or not whole
    cut = text.endswith(("…", "...")) and not _has_tail(card)
    return cut or (habits.tails and not _has_tail(card) and not whole)


def _shared(
    section: Section, following: Section | None, lead: list[Piece], habits: Habits
) -> tuple[Card, list[Piece]]:
    """Share what stands between two titles: what is proven of neither goes to nobody."""
    title = section.title
    assert title is not None
    pieces = section.pieces()
    card = Card(plain(restored(title)), title.line, title_target(title), lead)
    jumps = [number for number, piece in enumerate(pieces) if piece.jumps]
    first, last = (jumps[0], jumps[-1]) if jumps else (len(pieces), 0)
    if following is None or following.title is None:
        card.tail = pieces[:first]
        return card, []
    start = leading(pieces)
    mine, theirs = _parted(
        pieces[start:], habits, paper_of(card.target), paper_of(title_target(following.title))
    )
    places = {id(piece): number for number, piece in enumerate(pieces)}
    card.tail = [piece for piece in pieces[:start] + mine if places[id(piece)] < first]
    return card, [piece for piece in theirs if places[id(piece)] >= last]


_COUNTS = {Kind.VOTES, Kind.COUNT}


def _parted(
    pieces: list[Piece], habits: Habits, this: str | None, following: str | None
) -> tuple[list[Piece], list[Piece]]:
    """Part what stands right before a title between the card before it and its own."""
    named = [paper_of(piece.target) for piece in pieces]
    start = len(pieces)
    for number, piece in enumerate(pieces):
        if named[number] and named[number] == following != this:
            start = number
            break
        if piece.kind is Kind.SUBMITTED and habits.submitter_before and (not this or named[number] != this):
            start = number
            break
    mine, rest = pieces[:start], pieces[start:]
    if habits.submitter_before is None:
        mine = [piece for piece in mine if piece.kind is not Kind.SUBMITTED]
    if rest:
        return mine, rest
    if this and named and named[-1] == this != following:
        return mine, []
    counts = [piece for piece in mine if piece.kind in _COUNTS]
    if not counts or habits.votes_before is False:
        return mine, []
    if habits.votes_before is None:
        return [piece for piece in mine if piece.kind not in _COUNTS], []
    last = counts[-1]
    proven = last.kind is Kind.VOTES or len(counts) > 1 or habits.votes_always
    before = [piece for piece in mine if piece is not last]
    return before, [last] if proven else []


def _item(card: Card, habits: Habits, date: DumpDate | None) -> Iterator[Record | Reject]:
    shown = [
        piece for piece in card.lead + card.tail if piece.kind not in (Kind.NOTHING, Kind.WORDS, Kind.DOT)
    ]
    if not shown and not paper_of(card.target):
        if len(card.title) > 40:
            yield Reject(line=card.line, reason="a heading with nothing that a card of a paper shows")
    else:
        yield record(card, habits, date)
