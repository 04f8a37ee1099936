"""Cards of a rendering: what stands between two titles, given to the one that it is proven to belong to.

A text of sentences behind a title is its abstract, or a line or two that a machine wrote in place of one, which
goes to `Details.summary`. They are told apart by length: of the 1,198 abstracts of the seeds and the API one is
shorter than `_SHORTEST_ABSTRACT`, the next has 405 characters, and the longest of the 63 summaries that the API
gives has 297. A doubtful one is a summary: both are shown.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from itertools import pairwise, zip_longest

from digest.errors import DumpError
from digest.ingest.arxiv import arxiv_id
from digest.ingest.dates import resolve
from digest.ingest.formats.rendering.blocks import plain, restored, title_target
from digest.ingest.formats.rendering.furniture import Kind, Piece, author_names, paper_of
from digest.ingest.formats.rendering.survey import Habits, Section, is_page, leading
from digest.ingest.formats.values import name, web_url
from digest.ingest.record import Details, DumpDate, Record, Reject

#: Characters.
_SHORTEST_ABSTRACT = 400
_LONG_SENTENCES = 3


def items(stream: Iterable[Section], habits: Habits, date: DumpDate | None) -> Iterator[Record | Reject]:
    """Give the cards with their positions, a doubled one once.

    Raises:
        DumpError: At the end, where no card was found or most were none.
    """
    tally = _Tally()
    for item in _undoubled(_cards(stream, habits, date)):
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


#: Cards printed again further on are known for so long.
_REMEMBERED = 20_000


def _undoubled(found: Iterable[Record | Reject]) -> Iterator[Record | Reject]:
    """Give a card printed twice once; what only one of two neighbours shows is kept."""
    seen: dict[bytes, None] = {}
    held: Record | None = None
    for item in found:
        if held and isinstance(item, Record) and _is_same(held, item):
            held = _merged(held, item)
            continue
        if held:
            yield held
            held = None
        if isinstance(item, Reject):
            yield item
            continue
        key = hashlib.blake2b(
            f"{item.title}\0{item.abstract}\0{item.details.summary}".encode(), digest_size=12
        )
        if key.digest() in seen:
            continue
        seen[key.digest()] = None
        if len(seen) > _REMEMBERED:
            del seen[next(iter(seen))]
        held = item
    if held:
        yield held


def _is_same(one: Record, other: Record) -> bool:
    if one.title.casefold() != other.title.casefold():
        return False
    if one.arxiv_id and other.arxiv_id:
        return one.arxiv_id == other.arxiv_id
    texts = {one.abstract or one.details.summary, other.abstract or other.details.summary} - {""}
    return len(texts) <= 1


def _merged(one: Record, other: Record) -> Record:
    """Fill what a card does not show from its double."""
    fields = (
        "arxiv_id",
        "authors",
        "votes",
        "comments",
        "stars",
        "published_at",
        "url",
        "code_url",
        "abstract",
    )
    known = {key: getattr(other, key) for key in fields if getattr(one, key) in (None, (), "")}
    details = (
        "summary",
        "author_count",
        "submitter",
        "organisation",
        "project_url",
        "thumbnail_url",
        "submitted_at",
    )
    more = {key: getattr(other.details, key) for key in details if getattr(one.details, key) in (None, "")}
    return replace(one, **known, details=replace(one.details, **more))


@dataclass(slots=True)
class _Card:
    """A title, what belongs to it before and behind, and whether the document is cut in it."""

    title: str
    line: int
    target: str
    lead: list[Piece]
    tail: list[Piece] = field(default_factory=list)


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


def _has_tail(card: _Card) -> bool:
    return any(piece.kind in (Kind.AUTHORS, Kind.DATE, Kind.NAMES, Kind.DOT) for piece in card.tail)


def _is_short(card: _Card, habits: Habits, *, said: bool) -> bool:
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
) -> tuple[_Card, list[Piece]]:
    """Share what stands between two titles: what is proven of neither goes to nobody."""
    title = section.title
    assert title is not None
    pieces = section.pieces()
    card = _Card(plain(restored(title)), title.line, title_target(title), lead)
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


def _item(card: _Card, habits: Habits, date: DumpDate | None) -> Iterator[Record | Reject]:
    shown = [
        piece for piece in card.lead + card.tail if piece.kind not in (Kind.NOTHING, Kind.WORDS, Kind.DOT)
    ]
    if not shown and not paper_of(card.target):
        if len(card.title) > 40:
            yield Reject(line=card.line, reason="a heading with nothing that a card of a paper shows")
    else:
        yield _record(card, habits, date)


def _record(card: _Card, habits: Habits, date: DumpDate | None) -> Record:
    texts = _texts(card, habits)
    text = "\n\n".join(texts)
    short = len(text) < _SHORTEST_ABSTRACT and text.count(". ") < _LONG_SENTENCES
    identifier = _identifier(card)
    dated = _dated(card.tail)
    return Record(
        position=0,
        line=card.line,
        title=card.title,
        abstract="" if short else text,
        arxiv_id=identifier,
        authors=_authors(card),
        votes=_votes(card, habits, identifier),
        comments=_comments(card, habits),
        stars=next((p.number for p in card.tail if p.kind is Kind.STARS and p.number is not None), None),
        published_at=_time(dated, date),
        url=_page(card.target, identifier),
        code_url=_code(card),
        details=_details(card, text if short else "", date),
    )


def _texts(card: _Card, habits: Habits) -> list[str]:
    """The first text behind the title, with what follows it without anything between."""
    texts: list[str] = []
    for piece in card.tail:
        if piece.kind is Kind.PROSE and not is_page(piece.text):
            texts.append(piece.text)
        elif texts or (piece.kind in (Kind.AUTHORS, Kind.DATE, Kind.STARS) and not habits.late):
            break
    return texts


def _identifier(card: _Card) -> str | None:
    """The arXiv id that the title is linked to, else the one that all other links agree on."""
    own = paper_of(card.target)
    if own:
        return own
    found = {paper_of(piece.target) for piece in card.tail if piece.target} | {
        arxiv_id(piece.text) for piece in card.tail if piece.kind is Kind.PAPER
    }
    found -= {None}
    return found.pop() if len(found) == 1 else None


def _page(target: str, identifier: str | None) -> str | None:
    if target.startswith("/papers/") and identifier:
        return f"https://huggingface.co/papers/{identifier}"
    return web_url(target)


def _authors(card: _Card) -> tuple[str, ...]:
    """Names, unless a count says that they are not all."""
    names = [author for p in card.tail if p.kind is Kind.NAMES for author in author_names(p.text)]
    count = _author_count(card)
    return tuple(names) if names and count in (None, len(names)) else ()


def _author_count(card: _Card) -> int | None:
    return next((piece.number for piece in card.tail if piece.kind is Kind.AUTHORS), None)


def _votes(card: _Card, habits: Habits, identifier: str | None) -> int | None:
    """The count that is said to be votes, or stands where this document has them; the dash is none."""
    said = [piece for piece in card.lead + card.tail if piece.kind is Kind.VOTES]
    for piece in said:
        if paper_of(piece.target) in (None, identifier):
            return piece.number
    counts = [piece for piece in card.lead if piece.kind is Kind.COUNT]
    if counts:
        return counts[-1].number
    if habits.votes_before:
        return None
    for piece in card.tail:
        if piece.kind is Kind.COUNT:
            return piece.number
        if piece.kind in (Kind.AUTHORS, Kind.DATE, Kind.DOT, Kind.STARS):
            return None
    return None


def _comments(card: _Card, habits: Habits) -> int | None:
    """The count that is said to be comments, stands beside the date, or behind it where votes stand elsewhere."""
    for piece in card.tail:
        if piece.kind is Kind.COMMENTS:
            return piece.number
    behind = False
    for number, (before, piece) in enumerate(pairwise(card.tail), 2):
        behind = behind or before.kind in (Kind.DATE, Kind.AUTHORS)
        if piece.kind is Kind.COUNT and behind:
            beside = before.kind is Kind.DATE and before.row == piece.row
            voted = habits.votes_before or any(p.kind is Kind.VOTES for p in card.lead + card.tail)
            return piece.number if beside or (voted and not _opens_text(card.tail[number:])) else None
    return None


def _opens_text(pieces: list[Piece]) -> bool:
    """Tell whether some text comes next: a title that was not known as one, and what stood before it is of it."""
    return any(
        piece.kind in (Kind.WORDS, Kind.NAMES, Kind.PROSE) and not is_page(piece.text) for piece in pieces[:1]
    )


def _dated(pieces: list[Piece]) -> DumpDate | None:
    dates = [piece for piece in pieces if piece.kind is Kind.DATE and piece.text != "on"]
    said = [piece for piece in dates if piece.text in ("published", "posted")]
    return (said or dates or [Piece(Kind.DATE)])[0].date


def _time(day: DumpDate | None, seen: DumpDate | None) -> dt.datetime | None:
    """A day of a card; without a year it is the latest up to the dump's, and absent where that has no year."""
    if day is None or (day.year is None and (seen is None or seen.year is None)):
        return None
    known = dt.date(seen.year, seen.month, seen.day) if seen and seen.year else dt.date.min
    try:
        found, _ = resolve(day, seen_on=known, file_time=known)
    except ValueError:
        return None
    return dt.datetime(found.year, found.month, found.day, tzinfo=dt.UTC)


def _code(card: _Card) -> str | None:
    for piece in card.tail:
        if piece.kind in (Kind.STARS, Kind.CODE) and (url := web_url(piece.target)):
            return url
    return None


def _details(card: _Card, summary: str, date: DumpDate | None) -> Details:
    submitted = next((p for p in card.lead + card.tail if p.kind is Kind.SUBMITTED and p.text), None)
    return Details(
        summary=summary,
        author_count=_author_count(card) if not _authors(card) else None,
        submitter=name(submitted.text) if submitted else None,
        organisation=_organisation(card.tail),
        project_url=next(
            (url for p in card.tail if p.kind is Kind.PROJECT and (url := web_url(p.target))), None
        ),
        thumbnail_url=_thumbnail(card),
        submitted_at=_time(submitted.date, date) if submitted else None,
    )


def _thumbnail(card: _Card) -> str | None:
    for piece in card.lead + card.tail:
        for image in piece.images:
            if "thumb" in image and (url := web_url(image)):
                return url
    return None


def _organisation(pieces: list[Piece]) -> str | None:
    """Words in a link with a logo, or right before the dot that parts them from the date."""
    for piece, after in zip_longest(pieces, pieces[1:], fillvalue=Piece(Kind.NOTHING)):
        words = piece.kind is Kind.WORDS and len(piece.text) <= 120 and not piece.text[0].isdigit()
        if words and (
            piece.has_logo or (after.kind is Kind.DOT and not any(sign.isdigit() for sign in piece.text))
        ):
            return name(piece.text)
    return None
