"""What papers show: decided from all their sightings, and from those of papers that are shown as them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from digest.ingest.formats import FORMATS
from digest.ingest.paper import Current, Sighting, current
from digest.store.details import details_json, details_of
from digest.store.engines import pieces
from digest.store.names import split_papers
from digest.store.schema import dumps, edition_papers, papers, revisions, sightings

#: What a paper shows, as its row holds it; by paper.
Facts = Mapping[int, Mapping[str, object]]


def show(conn: Connection, paper_ids: Iterable[int]) -> None:
    """Decide the current text and facts of these papers, and of what they are shown as."""
    put(conn, decided(conn, paper_ids))


def decided(conn: Connection, paper_ids: Iterable[int]) -> dict[int, dict[str, object]]:
    """What these papers are to show, and what they are shown as; writes nothing."""
    facts: dict[int, dict[str, object]] = {}
    splits = split_papers(conn)
    for piece in pieces(set(paper_ids)):
        families = _families(conn, piece)
        seen: dict[int, list[Sighting]] = {}
        for paper, sighting in _sightings(conn, families):
            seen.setdefault(families[paper], []).append(sighting)
        facts.update(dict.fromkeys(families, _HIDDEN))
        for paper, its in seen.items():
            facts[paper] = _facts(current(its))
            if paper in splits and _was_mailed(conn, {sighting.revision_id for sighting in its}):
                facts[paper]["background"] = True
    return facts


def put(conn: Connection, facts: Facts) -> None:
    """Write what was decided."""
    shown = [{"paper": paper, **row} for paper, row in facts.items() if row is not _HIDDEN]
    hidden = [paper for paper, row in facts.items() if row is _HIDDEN]
    if shown:
        conn.execute(sa.update(papers).where(papers.c.id == sa.bindparam("paper")), shown)
    for piece in pieces(hidden):
        conn.execute(sa.update(papers).where(papers.c.id.in_(piece)).values(_HIDDEN))


#: A paper without sightings, or shown as another.
_HIDDEN: dict[str, object] = {"revision_id": None}


def _families(conn: Connection, paper_ids: Collection[int]) -> dict[int, int]:
    """These papers and all that are shown as one with them, each with the paper it is shown as."""
    root = sa.func.coalesce(papers.c.merged_into, papers.c.id).label("root")
    found = {
        row.id: row.root
        for row in conn.execute(sa.select(papers.c.id, root).where(papers.c.id.in_(paper_ids)))
    }
    for piece in pieces(set(found.values())):
        merged = sa.select(papers.c.id, papers.c.merged_into).where(papers.c.merged_into.in_(piece))
        found.update({row.id: row.merged_into for row in conn.execute(merged)})
        found.update({paper: paper for paper in piece})
    return found


def _sightings(conn: Connection, paper_ids: Collection[int]) -> Iterable[tuple[int, Sighting]]:
    s = sightings.c
    columns = (
        s.paper_id, s.position, s.revision_id, s.authors, s.url, s.code_url, s.votes, s.comments, s.stars, s.doi,
        s.details, revisions.c.title_key, revisions.c.abstract, dumps.c.dated, dumps.c.format,
        dumps.c.sha256.label("dump_hash"), dumps.c.background,
    )  # fmt: skip
    for piece in pieces(paper_ids):
        query = (
            sa.select(*columns)
            .join(dumps, dumps.c.id == s.dump_id)
            .join(revisions, revisions.c.id == s.revision_id)
            .where(s.paper_id.in_(piece))
        )
        for row in conn.execute(query):
            yield row.paper_id, _sighting(row)


def _sighting(row: Any) -> Sighting:
    return Sighting(
        dated=row.dated,
        format_rank=FORMATS.get(row.format, 0),
        dump_hash=row.dump_hash,
        position=row.position,
        revision_id=row.revision_id,
        title_key=row.title_key,
        abstract=row.abstract,
        authors=tuple(row.authors),
        url=row.url,
        code_url=row.code_url,
        votes=row.votes,
        comments=row.comments,
        stars=row.stars,
        doi=row.doi,
        details=details_of(row.details),
        background=row.background,
    )


def _facts(state: Current) -> dict[str, object]:
    return {
        "revision_id": state.revision_id,
        "title_key": state.title_key,
        "authors": list(state.authors),
        "url": state.url,
        "code_url": state.code_url,
        "votes": state.votes,
        "comments": state.comments,
        "stars": state.stars,
        "doi": state.doi,
        "details": details_json(state.details),
        "first_seen": state.first_seen,
        "last_seen": state.last_seen,
        "background": state.background,
    }


def _was_mailed(conn: Connection, revision_ids: Collection[int]) -> bool:
    """Whether an edition showed one of these texts: who takes it out of a paper makes no news of it."""
    held = sa.select(edition_papers.c.paper_id).where(edition_papers.c.revision_id.in_(revision_ids))
    return conn.scalar(held.limit(1)) is not None
