"""Merges by a person, laid over what the rules make of papers."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from digest.store.schema import joins, papers


def relink(conn: Connection, *, also: Collection[int] = ()) -> frozenset[int]:
    """Point each paper that a person merged, or the rules after them, to the one it is shown as.

    Args:
        conn: A transaction.
        also: Papers whose merge was taken back.

    Returns:
        The papers to be decided again.
    """
    said = conn.execute(sa.select(joins.c.paper_id, joins.c.into_id).where(joins.c.kind == "merge")).all()
    if not said and not also:
        return frozenset()
    roots = _roots(conn, {paper for row in said for paper in row} | set(also))
    shown_as = _shown_as([(roots[row.paper_id], roots[row.into_id]) for row in said])
    for root in set(roots.values()):
        shown = shown_as.get(root, root)
        own = None if shown == root else shown
        conn.execute(sa.update(papers).where(papers.c.id == root).values(merged_into=own))
        conn.execute(sa.update(papers).where(papers.c.ruled_into == root).values(merged_into=shown))
    return frozenset(roots.values())


def _roots(conn: Connection, paper_ids: Collection[int]) -> dict[int, int]:
    """What the rules have made of these papers."""
    root = sa.func.coalesce(papers.c.ruled_into, papers.c.id).label("root")
    rows = conn.execute(sa.select(papers.c.id, root).where(papers.c.id.in_(paper_ids)))
    return {row.id: row.root for row in rows}


def _shown_as(merges: Collection[tuple[int, int]]) -> Mapping[int, int]:
    """Follow merges to their ends; in a ring, which only the rules can close, the smallest id is shown."""
    groups: dict[int, set[int]] = {}
    for one, other in merges:
        group = groups.setdefault(one, {one}) | groups.setdefault(other, {other})
        groups.update(dict.fromkeys(group, group))
    merged = {one for one, other in merges if one != other}
    return {paper: min(group - merged or group) for paper, group in groups.items()}
