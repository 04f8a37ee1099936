"""Papers as they stand now, under all their names."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row

from digest.ingest.record import Details
from digest.store.details import details_of
from digest.store.engines import pieces
from digest.store.joins import Join, joins, merge, split, unmerge
from digest.store.schema import dumps, edition_papers, papers, revisions, sightings

__all__ = ["Join", "Paper", "joins", "merge", "split", "unmerge"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Paper:
    """A paper as it stands now."""

    id: int
    title: str
    abstract: str
    authors: tuple[str, ...]
    arxiv_id: str | None
    url: str | None
    code_urls: tuple[str, ...]
    votes: int | None
    comments: int | None
    stars: int | None  #: of its repository
    doi: str | None
    details: Details
    first_seen: dt.date
    last_seen: dt.date
    edition_id: int | None  #: None while no edition holds it
    background: bool  #: known before, and never mailed as new


def hide_unseen(conn: Connection) -> None:
    """Hide the papers that no dump lists any more; their ids stay, for what was mailed under them."""
    other = papers.alias()
    shown_as = sa.or_(other.c.id == papers.c.id, other.c.merged_into == papers.c.id)
    unseen = ~sa.exists().where(sightings.c.paper_id == papers.c.id)
    merged = sa.exists().where(shown_as, sightings.c.paper_id == other.c.id)
    conn.execute(sa.update(papers).where(unseen).values(arxiv_id=None))
    conn.execute(sa.update(papers).where(unseen, ~merged).values(revision_id=None))


def total(conn: Connection) -> int:
    """How many papers are shown."""
    return int(conn.scalar(sa.select(sa.func.count()).where(shown())) or 0)


def every(conn: Connection) -> Iterator[Paper]:
    """All shown papers, by id."""
    return (_paper(row) for row in conn.execute(_shown().order_by(papers.c.id)))


def get(conn: Connection, paper_id: int) -> Paper | None:
    """A paper by its id, or by the id of one that was merged into it."""
    wanted = sa.literal(paper_id, sa.BigInteger)
    merged = conn.scalar(sa.select(papers.c.merged_into).where(papers.c.id == wanted))
    row = conn.execute(_shown().where(papers.c.id == (merged or wanted))).one_or_none()
    return _paper(row) if row else None


def search(conn: Connection, words: str, *, after: int = 0, limit: int | None = None) -> Iterator[Paper]:
    """Shown papers whose title or abstract holds each of the words, by id; without words, all of them.

    Args:
        conn: Open for reading.
        words: Between blanks; case does not count.
        after: The id that the page before ended with. A page by key costs the same however far down it is, and
            papers that come in meanwhile shift no row from one page to the next, as they do under OFFSET.
        limit: Papers at most.
    """
    # BigInteger: ids come from outside, and a larger one than the column holds is no paper, and no error.
    query = _shown().where(papers.c.id > sa.literal(after, sa.BigInteger)).order_by(papers.c.id).limit(limit)
    for word in dict.fromkeys(words.split()):
        query = query.where(
            sa.or_(
                revisions.c.title.icontains(word, autoescape=True),
                revisions.c.abstract.icontains(word, autoescape=True),
            )
        )
    return (_paper(row) for row in conn.execute(query))


def names(conn: Connection, paper_ids: Iterable[int]) -> dict[int, int]:
    """Every name that these papers go by: paper id -> the id they are all known under now."""
    wanted = sorted(paper_ids)
    found: dict[int, int] = {}
    for chunk in pieces(wanted):
        query = sa.select(papers.c.id, papers.c.merged_into).where(papers.c.id.in_(chunk))
        found.update({row.id: row.merged_into or row.id for row in conn.execute(query)})
    for chunk in pieces(sorted(set(found.values()))):
        query = sa.select(papers.c.id, papers.c.merged_into).where(papers.c.merged_into.in_(chunk))
        found.update({row.id: row.merged_into for row in conn.execute(query)})
        found.update({paper: paper for paper in chunk})
    return found


def shown() -> sa.ColumnElement[bool]:
    """Whether a paper is shown: some dump lists it that was read whole."""
    reading = sa.select(dumps.c.id).where(dumps.c.status == sa.literal_column("'reading'"))
    read = sa.or_(papers.c.brought_by.is_(None), papers.c.brought_by.not_in(reading))
    return sa.and_(papers.c.revision_id.is_not(None), read)


def _shown() -> sa.Select[Any]:
    return (
        sa.select(
            papers,
            revisions.c.title,
            revisions.c.abstract,
            revisions.c.code_urls,
            edition_papers.c.edition_id,
        )
        .join(revisions, revisions.c.id == papers.c.revision_id)
        .outerjoin(edition_papers, edition_papers.c.paper_id == papers.c.id)
        .where(shown())
    )


def _paper(row: Row[Any]) -> Paper:
    code = dict.fromkeys([*([row.code_url] if row.code_url else []), *row.code_urls])
    return Paper(
        id=row.id,
        title=row.title,
        abstract=row.abstract,
        authors=tuple(row.authors),
        arxiv_id=row.arxiv_id,
        url=row.url,
        code_urls=tuple(code),
        votes=row.votes,
        comments=row.comments,
        stars=row.stars,
        doi=row.doi,
        details=details_of(row.details),
        first_seen=row.first_seen,
        last_seen=row.last_seen,
        edition_id=row.edition_id,
        background=row.background,
    )
