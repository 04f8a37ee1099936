"""A card of a rendering as a record: which piece is which field.

A text of sentences behind a title is its abstract, or a line or two that a machine wrote in place of one, which
goes to `Details.summary`. They are told apart by length: of the 1,198 abstracts of the seeds and the API one is
shorter than `_SHORTEST_ABSTRACT`, the next has 405 characters, and the longest of the 63 summaries that the API
gives has 297. A doubtful one is a summary: both are shown.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from itertools import pairwise, zip_longest

from digest.ingest.arxiv import arxiv_id
from digest.ingest.dates import resolve
from digest.ingest.formats.rendering.furniture import Kind, Piece, author_names, paper_of
from digest.ingest.formats.rendering.sections import Habits, is_page
from digest.ingest.formats.values import name, web_url
from digest.ingest.record import Details, DumpDate, Record

#: Characters.
_SHORTEST_ABSTRACT = 400
_LONG_SENTENCES = 3


@dataclass(slots=True)
class Card:
    """A title, what belongs to it before and behind, and whether the document is cut in it."""

    title: str
    line: int
    target: str
    lead: list[Piece]
    tail: list[Piece] = field(default_factory=list)


def record(card: Card, habits: Habits, date: DumpDate | None) -> Record:
    """Make a record of a card, its position yet to come."""
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


def _texts(card: Card, habits: Habits) -> list[str]:
    """The first text behind the title, with what follows it without anything between."""
    texts: list[str] = []
    for piece in card.tail:
        if piece.kind is Kind.PROSE and not is_page(piece.text):
            texts.append(piece.text)
        elif texts or (piece.kind in (Kind.AUTHORS, Kind.DATE, Kind.STARS) and not habits.late):
            break
    return texts


def _identifier(card: Card) -> str | None:
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


def _authors(card: Card) -> tuple[str, ...]:
    """Names, unless a count says that they are not all."""
    names = [author for p in card.tail if p.kind is Kind.NAMES for author in author_names(p.text)]
    count = _author_count(card)
    return tuple(names) if names and count in (None, len(names)) else ()


def _author_count(card: Card) -> int | None:
    return next((piece.number for piece in card.tail if piece.kind is Kind.AUTHORS), None)


def _votes(card: Card, habits: Habits, identifier: str | None) -> int | None:
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


def _comments(card: Card, habits: Habits) -> int | None:
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


def _code(card: Card) -> str | None:
    for piece in card.tail:
        if piece.kind in (Kind.STARS, Kind.CODE) and (url := web_url(piece.target)):
            return url
    return None


def _details(card: Card, summary: str, date: DumpDate | None) -> Details:
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


def _thumbnail(card: Card) -> str | None:
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
