"""A record with its text cleaned, and which sighting gives the current text and facts of a paper."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from typing import Any

from digest.ingest.record import NO_DETAILS, Announced, Details, Record

#: What is announced so is a new version of an old paper, and no news.
REPLACED = frozenset({Announced.REPLACE, Announced.REPLACE_CROSS})
_DETAILS = tuple(field.name for field in fields(Details))


@dataclass(frozen=True, slots=True, kw_only=True)
class CleanRecord:
    """A record with its text cleaned once, and the keys that name it."""

    record: Record
    title: str
    abstract: str
    title_key: str
    code_urls: tuple[str, ...]  #: found in the abstract

    @property
    def text_hash(self) -> str:
        """SHA-256 of the raw text: equal text is one revision, whatever dumps carry it."""
        raw = f"{self.record.title}\0{self.record.abstract}"
        return hashlib.sha256(raw.encode("utf-8", "replace")).hexdigest()

    @property
    def code_url(self) -> str | None:
        """The repository that the dump names, else the first one its abstract links to."""
        return self.record.code_url or next(iter(self.code_urls), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sighting:
    """One paper in one dump, with what deciding its current text needs."""

    dated: dt.date  #: the dump's date
    format_rank: int = 0  #: of the dump's format, by `formats.FORMATS`
    dump_hash: str
    position: int
    revision_id: int
    title_key: str
    abstract: str  #: clean
    authors: tuple[str, ...] = ()
    url: str | None = None
    code_url: str | None = None
    votes: int | None = None
    comments: int | None = None
    stars: int | None = None
    doi: str | None = None
    details: Details = NO_DETAILS
    background: bool = False  #: its dump is history

    @property
    def rank(self) -> tuple[dt.date, int, str, int]:
        """Later dates win, then the better format; the dump's hash and the place settle a tie alike everywhere.

        By format and not by source: the same bytes may come from two sources, and which comes first tells nothing.
        """
        return (self.dated, self.format_rank, self.dump_hash, self.position)

    @property
    def known_before(self) -> bool:
        """Whether it tells of a paper that is no news: history, a new version of an old one, or withdrawn."""
        return self.background or self.details.announced in REPLACED or self.details.withdrawn


@dataclass(frozen=True, slots=True, kw_only=True)
class Current:
    """A paper as all its sightings together tell it."""

    revision_id: int
    title_key: str  #: of that text
    authors: tuple[str, ...]
    url: str | None
    code_url: str | None
    votes: int | None
    comments: int | None
    stars: int | None
    doi: str | None
    details: Details
    first_seen: dt.date
    last_seen: dt.date
    background: bool  #: some sighting tells that it was known before


def current(sightings: Sequence[Sighting]) -> Current:
    """Decide a paper's text and facts: a function of the set, not of the order of arrival.

    Text comes from the greatest sighting by (date, format, dump hash, position), but a cut abstract never replaces
    the longer one that it begins. A fact comes from the greatest sighting that gives it.

    Args:
        sightings: All shown sightings of one paper, at least one, in any order.
    """
    newest_first = sorted(sightings, key=lambda sighting: sighting.rank, reverse=True)
    text = _text(newest_first)
    return Current(
        revision_id=text.revision_id,
        title_key=text.title_key,
        authors=next((s.authors for s in newest_first if s.authors), ()),
        url=next((s.url for s in newest_first if s.url), None),
        code_url=next((s.code_url for s in newest_first if s.code_url), None),
        votes=next((s.votes for s in newest_first if s.votes is not None), None),
        comments=next((s.comments for s in newest_first if s.comments is not None), None),
        stars=next((s.stars for s in newest_first if s.stars is not None), None),
        doi=next((s.doi for s in newest_first if s.doi), None),
        details=_details([s.details for s in newest_first if s.details is not NO_DETAILS]),
        first_seen=newest_first[-1].dated,
        last_seen=newest_first[0].dated,
        background=any(s.known_before for s in newest_first),
    )


def _details(newest_first: Sequence[Details]) -> Details:
    """Each from the first that gives it; what is not given is what `NO_DETAILS` has."""
    if len(newest_first) < 2:
        return newest_first[0] if newest_first else NO_DETAILS
    merged: dict[str, Any] = {}
    for name in _DETAILS:
        nothing = getattr(NO_DETAILS, name)
        given = (value for details in newest_first if (value := getattr(details, name)) != nothing)
        merged[name] = next(given, nothing)
    return Details(**merged)


def is_revision(title_key: str, abstract: str, known: Iterable[tuple[str, str]]) -> bool:
    """Whether a text changes a paper whose known texts are given as (title key, abstract) pairs.

    A text that is a prefix of a known one under the same title was cut, not changed.
    """
    return not any(text.startswith(abstract) and (key == title_key or not abstract) for key, text in known)


def _text(newest_first: Sequence[Sighting]) -> Sighting:
    newest = newest_first[0]
    fuller = [s for s in newest_first if _extends(s, newest)]
    return max(fuller, key=lambda s: (len(s.abstract), s.rank))


def _extends(other: Sighting, newest: Sighting) -> bool:
    same_title = other.title_key == newest.title_key
    return other.abstract.startswith(newest.abstract) and (same_title or not newest.abstract)
