"""Editions: drawing up what is new, publishing it once, and reading it back as it was frozen."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row

from digest.rank.selection import EditionPaper
from digest.rank.trend import Seen
from digest.store import engines
from digest.store.details import details_of
from digest.store.papers import shown
from digest.store.schema import arrivals, dumps, edition_papers, editions, papers, revisions, sightings


@dataclass(frozen=True, slots=True, kw_only=True)
class Edition:
    id: int
    date: dt.date  #: in the publishing zone
    published_at: dt.datetime
    papers: int  #: how many it holds


@dataclass(frozen=True, slots=True, kw_only=True)
class NewPaper:
    """A paper that no edition holds yet, with all its sightings."""

    paper_id: int
    revision_id: int
    title: str
    abstract: str
    authors: tuple[str, ...]
    url: str | None
    code_url: str | None
    votes: int | None
    summary: str  #: in place of an abstract, where there is none
    seen: tuple[Seen, ...]


def newest(conn: Connection) -> Edition | None:
    """The last edition published."""
    row = conn.execute(_editions().order_by(editions.c.id.desc()).limit(1)).one_or_none()
    return Edition(**row._mapping) if row else None


def on(conn: Connection, date: dt.date) -> Edition | None:
    """The edition of one date."""
    row = conn.execute(_editions().where(editions.c.date == date)).one_or_none()
    return Edition(**row._mapping) if row else None


def every(conn: Connection, *, since: dt.date = dt.date.min) -> list[Edition]:
    """All editions dated `since` or later, oldest first."""
    query = _editions().where(editions.c.date >= since).order_by(editions.c.id)
    return [Edition(**row._mapping) for row in conn.execute(query)]


def page(conn: Connection, *, before: dt.date | None = None, limit: int) -> list[Edition]:
    """The newest editions, dated before that of the page above; newest first."""
    query = _editions().order_by(editions.c.date.desc()).limit(limit)
    if before is not None:
        query = query.where(editions.c.date < before)
    return [Edition(**row._mapping) for row in conn.execute(query)]


def after(conn: Connection, date: dt.date) -> Edition | None:
    """The next edition after a date."""
    query = _editions().where(editions.c.date > date).order_by(editions.c.date).limit(1)
    row = conn.execute(query).one_or_none()
    return Edition(**row._mapping) if row else None


def _editions() -> sa.Select[Any]:
    held = sa.select(sa.func.count()).where(edition_papers.c.edition_id == editions.c.id).scalar_subquery()
    return sa.select(editions.c.id, editions.c.date, editions.c.published_at, held.label("papers"))


def new_papers(conn: Connection) -> list[NewPaper]:
    """The shown papers that are new: in no edition under any of their names, and not history."""
    names = papers.alias("names")
    known = (
        sa.exists()
        .where(edition_papers.c.paper_id == names.c.id)
        .where(sa.or_(names.c.id == papers.c.id, names.c.merged_into == papers.c.id))
    )
    query = (
        sa.select(papers, revisions.c.title, revisions.c.abstract)
        .join(revisions, revisions.c.id == papers.c.revision_id)
        .where(papers.c.background.is_(False), ~known, shown())
        .order_by(papers.c.id)
    )
    rows = conn.execute(query).all()
    seen = _seen(conn, [row.id for row in rows])
    return [
        NewPaper(
            paper_id=row.id,
            revision_id=row.revision_id,
            title=row.title,
            abstract=row.abstract,
            authors=tuple(row.authors),
            url=row.url,
            code_url=row.code_url,
            votes=row.votes,
            summary=details_of(row.details).summary,
            seen=tuple(seen[row.id]),
        )
        for row in rows
    ]


def _seen(conn: Connection, paper_ids: Sequence[int]) -> dict[int, list[Seen]]:
    """Each arrival of a dump is a sighting of the papers in it, on the day it stood for."""
    seen: dict[int, list[Seen]] = {paper: [] for paper in paper_ids}
    for start in range(0, len(paper_ids), 5_000):
        query = (
            sa.select(sightings.c.paper_id, arrivals.c.dated, sightings.c.position, sightings.c.votes)
            .join(arrivals, arrivals.c.dump_id == sightings.c.dump_id)
            .join(dumps, dumps.c.id == sightings.c.dump_id)
            .where(sightings.c.paper_id.in_(paper_ids[start : start + 5_000]))
            .order_by(arrivals.c.dated, dumps.c.sha256, sightings.c.position)
        )
        for row in conn.execute(query):
            seen[row.paper_id].append(Seen(day=row.dated, position=row.position, votes=row.votes))
    return seen


def publish(conn: Connection, *, date: dt.date, at: dt.datetime, drawn: Sequence[EditionPaper]) -> int | None:
    """Freeze an edition; returns its id, or None where that date already has one."""
    insert = engines.insert(conn, editions)
    made = conn.execute(
        insert.values(date=date, published_at=at).on_conflict_do_nothing().returning(editions.c.id)
    ).scalar_one_or_none()
    if made is None:
        return None
    conn.execute(
        sa.insert(edition_papers),
        [
            {
                "edition_id": made,
                "paper_id": paper.paper_id,
                "revision_id": paper.revision_id,
                "authors": list(paper.authors),
                "url": paper.url,
                "code_url": paper.code_url,
                "votes": paper.votes,
                "summary": paper.summary,
                "place": paper.place,
                "trend": paper.trend,
            }
            for paper in drawn
        ],
    )
    return int(made)


def contents(conn: Connection, edition_ids: Iterable[int]) -> list[EditionPaper]:
    """The papers of these editions as they were frozen, newest edition first, by place."""
    query = (
        sa.select(edition_papers, editions.c.date, revisions.c.title, revisions.c.abstract)
        .join(editions, editions.c.id == edition_papers.c.edition_id)
        .join(revisions, revisions.c.id == edition_papers.c.revision_id)
        .where(edition_papers.c.edition_id.in_(list(edition_ids)))
        .order_by(edition_papers.c.edition_id.desc(), edition_papers.c.place)
    )
    return [_edition_paper(row) for row in conn.execute(query)]


def holding(conn: Connection, paper_ids: Iterable[int]) -> dict[int, int]:
    """Which edition holds each of these papers."""
    query = sa.select(edition_papers.c.paper_id, edition_papers.c.edition_id).where(
        edition_papers.c.paper_id.in_(list(paper_ids))
    )
    return {row.paper_id: row.edition_id for row in conn.execute(query)}


def fetched(conn: Connection, edition_ids: Sequence[int]) -> int:
    """Rows of the dumps that arrived between the edition before these and the last of them."""
    if not edition_ids:
        return 0
    published = sa.select(sa.func.max(editions.c.published_at))
    until = conn.scalar(published.where(editions.c.id == max(edition_ids)))
    after = conn.scalar(published.where(editions.c.id < min(edition_ids)))
    # Each dump once, however often the same bytes came meanwhile.
    came = sa.select(arrivals.c.dump_id).where(arrivals.c.at <= until)
    if after is not None:
        came = came.where(arrivals.c.at > after)
    query = sa.select(sa.func.coalesce(sa.func.sum(dumps.c.records), 0)).where(dumps.c.id.in_(came))
    return int(conn.scalar(query) or 0)


def _edition_paper(row: Row[Any]) -> EditionPaper:
    return EditionPaper(
        edition_id=row.edition_id,
        edition_date=row.date,
        paper_id=row.paper_id,
        revision_id=row.revision_id,
        title=row.title,
        abstract=row.abstract or row.summary or "",
        authors=tuple(row.authors),
        url=row.url,
        code_url=row.code_url,
        votes=row.votes,
        place=row.place,
        trend=row.trend,
        summary=row.summary,
    )
