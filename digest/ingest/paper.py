"""Knowing papers: which record is which paper, and which sighting gives its current text.

Identity is a function of the set of records, never of their order:

- records with one arXiv id are one paper, and two arXiv ids are always two;
- a record without id belongs to the paper of the smallest arXiv id that ever carried its title, and where
  no id ever did, records of one title are one paper.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from digest.ingest.record import Record


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


@dataclass(slots=True)
class Names:
    """Which names lead to which papers; grows while records are placed.

    Papers are their ids; `create` makes the next, so that a caller may hand out provisional ones.
    """

    create: Callable[[], int]
    by_arxiv: dict[str, int] = field(default_factory=dict)  #: arXiv id -> paper
    #: title key -> the papers that carry it, each with the arXiv id it has, if any
    by_title: dict[str, dict[int, str | None]] = field(default_factory=dict)
    adopted: dict[int, str] = field(default_factory=dict)  #: papers that gained an arXiv id here

    def place(self, *, arxiv_id: str | None, title_key: str) -> int:
        """Find or make the paper that a record names, and learn the record's names."""
        paper = self._by_id(arxiv_id, title_key) if arxiv_id else self.owner(title_key)
        if paper is None:
            paper = self.create()
        if arxiv_id:
            self.by_arxiv[arxiv_id] = paper
        self.by_title.setdefault(title_key, {})[paper] = arxiv_id or self._id_of(paper, title_key)
        return paper

    def owner(self, title_key: str) -> int | None:
        """The paper that records of this title without id belong to."""
        papers = self.by_title.get(title_key)
        if not papers:
            return None
        return min(papers, key=lambda paper: (papers[paper] is None, papers[paper] or "", paper))

    def _by_id(self, arxiv_id: str, title_key: str) -> int | None:
        known = self.by_arxiv.get(arxiv_id)
        if known is not None:
            return known
        for paper, its_id in self.by_title.get(title_key, {}).items():
            if its_id is None:  # known by title alone until now: this id is its own
                self.adopted[paper] = arxiv_id
                return paper
        return None

    def _id_of(self, paper: int, title_key: str) -> str | None:
        return self.by_title.get(title_key, {}).get(paper)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sighting:
    """One paper in one dump, with what deciding its current text needs."""

    dated: dt.date  #: the dump's date
    dump_hash: str
    position: int
    revision_id: int
    title_key: str
    abstract: str  #: clean
    authors: tuple[str, ...] = ()
    url: str | None = None
    code_url: str | None = None
    votes: int | None = None
    background: bool = False

    @property
    def rank(self) -> tuple[dt.date, str, int]:
        """Later dates win; the dump's hash and the place settle a tie the same way everywhere."""
        return (self.dated, self.dump_hash, self.position)


@dataclass(frozen=True, slots=True, kw_only=True)
class Current:
    """A paper as all its sightings together tell it."""

    revision_id: int
    authors: tuple[str, ...]
    url: str | None
    code_url: str | None
    votes: int | None
    first_seen: dt.date
    last_seen: dt.date
    background: bool  #: some dump that lists it is history, so it was known before


def current(sightings: Sequence[Sighting]) -> Current:
    """Decide a paper's text and facts: a function of the set, not of the order of arrival.

    Text comes from the greatest sighting by (date, dump hash, position), but a cut abstract never replaces the
    longer one that it begins. A fact comes from the greatest sighting that gives it.

    Args:
        sightings: All shown sightings of one paper, at least one, in any order.
    """
    newest_first = sorted(sightings, key=lambda sighting: sighting.rank, reverse=True)
    return Current(
        revision_id=_text(newest_first).revision_id,
        authors=next((s.authors for s in newest_first if s.authors), ()),
        url=next((s.url for s in newest_first if s.url), None),
        code_url=next((s.code_url for s in newest_first if s.code_url), None),
        votes=next((s.votes for s in newest_first if s.votes is not None), None),
        first_seen=newest_first[-1].dated,
        last_seen=newest_first[0].dated,
        background=any(s.background for s in newest_first),
    )


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
