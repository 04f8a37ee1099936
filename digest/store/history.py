"""What the sightings tell of a paper over time, and which of them gave what is shown of it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from digest.ingest.formats import FORMATS
from digest.ingest.history import Listing
from digest.ingest.paper import Sighting
from digest.store.details import details_of
from digest.store.dumps import DumpStatus
from digest.store.engines import pieces
from digest.store.schema import arrivals, dumps, edition_papers, editions, papers, revisions, sightings

#: The paper that a sighting is shown under.
_SHOWN = sa.func.coalesce(papers.c.merged_into, papers.c.id)
#: Rows of a dump that is still being read are shown to nobody.
_READ = dumps.c.status == DumpStatus.STORED


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenIn:
    """A sighting, and the dump that it stands in."""

    sighting: Sighting
    arxiv_id: str | None
    dump_id: int
    source: str  #: which brought the dump first
    format: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """One text under which a paper was listed."""

    revision_id: int
    hash: str  #: what a split names it by
    title: str  #: clean
    abstract: str  #: clean
    first_seen: dt.date
    last_seen: dt.date
    listed: int  #: in so many dumps
    strays: int  #: of them without an arXiv id: what a split would take


def listings(conn: Connection, paper_ids: Iterable[int]) -> dict[int, list[Listing]]:
    """Every listing of these papers, under all of their names, one for each arrival of a dump that holds it.

    One query for 5,000 papers; a paper that nothing lists is left out.
    """
    found: dict[int, list[Listing]] = {}
    for piece in pieces(set(paper_ids)):
        for row in conn.execute(_listings(piece)):
            values = dict(row._mapping)
            values["details"] = details_of(values["details"])
            found.setdefault(values.pop("shown"), []).append(Listing(**values))
    return found


def seen_in(conn: Connection, paper_id: int) -> list[SeenIn]:
    """The sightings of one paper under all of its names, the greatest first: what its shown facts come from."""
    query = (
        sa.select(
            *(sightings.c[name] for name in _FACTS),
            sightings.c.arxiv_id,
            sightings.c.details,
            sightings.c.dump_id,
            dumps.c.dated,
            dumps.c.sha256.label("dump_hash"),
            dumps.c.background,
            dumps.c.source,
            dumps.c.format,
            revisions.c.title_key,
            revisions.c.abstract,
        )
        .join(papers, papers.c.id == sightings.c.paper_id)
        .join(dumps, dumps.c.id == sightings.c.dump_id)
        .join(revisions, revisions.c.id == sightings.c.revision_id)
        .where(_READ, _known_as([paper_id]))
    )
    found = [_seen_in(dict(row._mapping)) for row in conn.execute(query)]
    return sorted(found, key=lambda one: one.sighting.rank, reverse=True)


def texts(conn: Connection, paper_id: int) -> list[Text]:
    """The texts under which a paper was listed, the oldest first."""
    query = (
        sa.select(
            revisions.c.id.label("revision_id"),
            revisions.c.hash,
            revisions.c.title,
            revisions.c.abstract,
            sa.func.min(dumps.c.dated).label("first_seen"),
            sa.func.max(dumps.c.dated).label("last_seen"),
            sa.func.count().label("listed"),
            (sa.func.count() - sa.func.count(sightings.c.arxiv_id)).label("strays"),
        )
        .join(sightings, sightings.c.revision_id == revisions.c.id)
        .join(papers, papers.c.id == sightings.c.paper_id)
        .join(dumps, dumps.c.id == sightings.c.dump_id)
        .where(_READ, _known_as([paper_id]))
        .group_by(revisions.c.id, revisions.c.hash, revisions.c.title, revisions.c.abstract)
        .order_by(sa.func.min(dumps.c.dated), revisions.c.id)
    )
    return [Text(**row._mapping) for row in conn.execute(query)]


def entered(conn: Connection, paper_ids: Iterable[int]) -> list[dt.date]:
    """Dates of the editions that hold any of these papers, oldest first."""
    query = (
        sa.select(editions.c.date)
        .join(edition_papers, edition_papers.c.edition_id == editions.c.id)
        .where(edition_papers.c.paper_id.in_(list(paper_ids)))
        .distinct()
        .order_by(editions.c.date)
    )
    return list(conn.scalars(query))


#: Columns that a `Sighting` takes as they are.
_FACTS = ("position", "revision_id", "authors", "url", "code_url", "votes", "comments", "stars", "doi")


def _known_as(paper_ids: Sequence[int]) -> sa.ColumnElement[bool]:
    """Whether a sighting's paper is shown as one of these."""
    own = sa.and_(papers.c.id.in_(paper_ids), papers.c.merged_into.is_(None))
    return sa.or_(own, papers.c.merged_into.in_(paper_ids))


def _listings(paper_ids: Sequence[int]) -> sa.Select[Any]:
    return (
        sa.select(
            _SHOWN.label("shown"),
            arrivals.c.dated.label("day"),
            arrivals.c.source,
            dumps.c.sha256.label("dump_hash"),
            sightings.c.position,
            revisions.c.hash.label("revision_hash"),
            revisions.c.title_key,
            revisions.c.abstract,
            sightings.c.votes,
            sightings.c.comments,
            sightings.c.stars,
            sightings.c.code_url,
            sightings.c.details,
        )
        .join(papers, papers.c.id == sightings.c.paper_id)
        .join(arrivals, arrivals.c.dump_id == sightings.c.dump_id)
        .join(dumps, dumps.c.id == sightings.c.dump_id)
        .join(revisions, revisions.c.id == sightings.c.revision_id)
        .where(_READ, _known_as(paper_ids))
    )


def _seen_in(row: dict[str, Any]) -> SeenIn:
    own = {name: row.pop(name) for name in ("arxiv_id", "dump_id", "source", "format")}
    row["details"] = details_of(row["details"])
    row["authors"] = tuple(row["authors"])
    return SeenIn(sighting=Sighting(**row, format_rank=FORMATS.get(own["format"], 0)), **own)
