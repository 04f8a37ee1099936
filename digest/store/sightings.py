"""Sightings: what one dump says of the papers in it, staged unseen and taken back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from digest.ingest.paper import CleanRecord
from digest.store import names, revisions
from digest.store.details import details_json
from digest.store.engines import pieces
from digest.store.schema import edition_papers, near, papers, sightings
from digest.store.schema import revisions as texts
from digest.store.types import unpaired


def stage(conn: Connection, dump_id: int, batch: Sequence[CleanRecord]) -> None:
    """Store sightings of a dump; which papers they are of is settled when all of them are there."""
    text_ids = revisions.keep(conn, batch)
    split = names.split_texts(conn)
    rows = []
    for record in batch:
        text_hash = record.text_hash
        taken_out = None if record.record.arxiv_id else split.get(text_hash)
        rows.append(_row(dump_id, record, text_ids[text_hash], taken_out))
    conn.execute(sa.insert(sightings), rows)


def _row(dump_id: int, clean: CleanRecord, revision_id: int, paper_id: int | None) -> dict[str, object]:
    seen = clean.record
    return {
        "dump_id": dump_id,
        "position": seen.position,
        "paper_id": paper_id,
        "revision_id": revision_id,
        "arxiv_id": seen.arxiv_id,
        "doi": seen.doi,
        "title_key": clean.title_key,
        "authors": [unpaired(author) for author in seen.authors],
        "votes": seen.votes,
        "comments": seen.comments,
        "stars": seen.stars,
        "published_at": seen.published_at,
        "url": seen.url,
        "code_url": clean.code_url,
        "details": details_json(seen.details),
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class Forgotten:
    """What a dump had told of, and must be settled again without it."""

    papers: frozenset[int]
    titles: frozenset[str]  #: of records without arXiv id that these may have led to their paper
    by_text: dict[int, int]  #: which paper had a text


def forget(conn: Connection, dump_id: int) -> Forgotten:
    """Take back the sightings of a dump, for a replay."""
    mine = sightings.c.dump_id == dump_id
    columns = (
        sightings.c.paper_id, sightings.c.title_key, sightings.c.doi, sightings.c.revision_id, sightings.c.arxiv_id,
    )  # fmt: skip
    rows = conn.execute(sa.select(*columns).where(mine)).all()
    web = names.web(
        conn,
        titles={row.title_key for row in rows},
        dois={row.doi for row in rows if row.doi},
        texts={row.revision_id for row in rows},
        splits=names.split_papers(conn),
    )
    conn.execute(sa.delete(sightings).where(mine))
    listed = frozenset(row.paper_id for row in rows if row.paper_id is not None)
    unseen = ~sa.exists().where(sightings.c.paper_id == papers.c.id)
    # Known again by what it listed itself: it may have shown the text of a paper that a person merged into it.
    titles = {row.paper_id: row.title_key for row in rows if row.paper_id is not None}
    if titles:
        emptied = sa.update(papers).where(papers.c.id == sa.bindparam("paper"), unseen)
        conn.execute(
            emptied.values(revision_id=None, title_key=sa.bindparam("title")),
            [{"paper": paper, "title": title} for paper, title in titles.items()],
        )
    return Forgotten(
        papers=listed,
        titles=frozenset(web.holders),
        by_text={row.revision_id: row.paper_id for row in rows if row.paper_id and not row.arxiv_id},
    )


def take_back(conn: Connection, dump_id: int, *, limit: int) -> bool:
    """Take back some of what was staged of a dump that was never shown; True while there is more.

    Papers and texts that it brought go with it: nobody has seen them.
    """
    query = sa.select(sightings.c.id, sightings.c.paper_id, sightings.c.revision_id)
    rows = conn.execute(query.where(sightings.c.dump_id == dump_id).limit(limit)).all()
    for piece in pieces([row.id for row in rows]):
        conn.execute(sa.delete(sightings).where(sightings.c.id.in_(piece)))
    for piece in pieces({row.paper_id for row in rows} - {None}):
        listed = sa.exists().where(sightings.c.paper_id == papers.c.id)
        conn.execute(sa.delete(papers).where(papers.c.id.in_(piece), papers.c.brought_by == dump_id, ~listed))
    for piece in pieces({row.revision_id for row in rows}):
        _drop_unused(conn, piece)
    return bool(rows)


def _drop_unused(conn: Connection, revision_ids: Sequence[int]) -> None:
    used = sa.or_(
        *(
            sa.exists().where(table.c.revision_id == texts.c.id)
            for table in (sightings, papers, edition_papers)
        )
    )
    unused = sa.select(texts.c.id).where(texts.c.id.in_(revision_ids), ~used)
    gone = list(conn.scalars(unused))
    for column in (near.c.one_id, near.c.other_id):
        conn.execute(sa.delete(near).where(column.in_(gone)))
    conn.execute(sa.delete(texts).where(texts.c.id.in_(gone)))
