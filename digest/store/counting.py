"""How many records of a dump are new, how many revise a paper, and how many only list it again."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from digest.ingest.paper import is_revision
from digest.store.change import Change
from digest.store.engines import pieces
from digest.store.schema import revisions, sightings

#: Columns by name; their number differs by query.
_Row = Any


def count(conn: Connection, change: Change, rows: Sequence[_Row], of: Mapping[int, int]) -> None:
    """Count each record as new, a revision or a mere sighting, in the order of the dump."""
    texts = _texts(conn, {row.revision_id for row in rows})
    known = _known_texts(conn, change, set(of.values()) - change.fresh, rows[0].position)
    for row in rows:
        paper = of[row.id]
        before = known.setdefault(paper, [])
        text = texts[row.revision_id]
        if not before:
            kind = "new" if paper in change.made else "seen"
        else:
            kind = "revised" if is_revision(*text, before) else "seen"
        setattr(change, kind, getattr(change, kind) + 1)
        before.append(text)


def _texts(conn: Connection, revision_ids: Iterable[int]) -> dict[int, tuple[str, str]]:
    found: dict[int, tuple[str, str]] = {}
    for piece in pieces(set(revision_ids)):
        query = sa.select(revisions.c.id, revisions.c.title_key, revisions.c.abstract)
        rows = conn.execute(query.where(revisions.c.id.in_(piece)))
        found.update({row.id: (row.title_key, row.abstract) for row in rows})
    return found


def _known_texts(
    conn: Connection, change: Change, paper_ids: Collection[int], position: int
) -> dict[int, list[tuple[str, str]]]:
    """The texts that these papers had before this place of the dump."""
    known: dict[int, list[tuple[str, str]]] = {}
    s = sightings.c
    for piece in pieces(paper_ids):
        query = (
            sa.select(s.paper_id, revisions.c.title_key, revisions.c.abstract)
            .join(revisions, revisions.c.id == s.revision_id)
            .where(s.paper_id.in_(piece), sa.or_(s.dump_id != change.dump_id, s.position < position))
            .distinct()
        )
        for row in conn.execute(query):
            known.setdefault(row.paper_id, []).append((row.title_key, row.abstract))
    return known
