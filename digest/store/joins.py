"""What a person has said of identity: it stands above the rules, and is applied again by every replay."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from digest.store import names
from digest.store.engines import new_ids
from digest.store.overlay import relink
from digest.store.placing import begin, switch
from digest.store.schema import joins as table
from digest.store.schema import papers, revisions, sightings
from digest.store.showing import show
from digest.store.sightings import Forgotten


class JoinKind(StrEnum):
    MERGE = "merge"  #: the paper is another
    SPLIT = "split"  #: a text is a paper of its own, whatever its names


@dataclass(frozen=True, slots=True, kw_only=True)
class Join:
    """One word of a person."""

    id: int
    at: dt.datetime
    kind: JoinKind
    paper_id: int  #: merged into another, or made by the split
    into_id: int | None  #: of a merge
    revision_hash: str | None  #: of a split: the text that was taken out


def joins(conn: Connection) -> list[Join]:
    """All that stands, oldest first."""
    rows = conn.execute(sa.select(table).order_by(table.c.id))
    return [Join(**{**row._mapping, "kind": JoinKind(row.kind)}) for row in rows]


def merge(conn: Connection, paper_id: int, into_id: int, *, at: dt.datetime) -> None:
    """Make a paper another: its sightings stay where the rules put them, and are shown under the other's id.

    Raises:
        ValueError: One of them is not shown, or they are one paper already.
    """
    paper, into = _shown_as(conn, paper_id), _shown_as(conn, into_id)
    if paper == into:
        raise ValueError(f"{paper_id} and {into_id} are one paper already")
    row = {"at": at, "kind": JoinKind.MERGE, "paper_id": paper, "into_id": into}
    conn.execute(sa.insert(table).values(row))
    show(conn, relink(conn))


def unmerge(conn: Connection, paper_id: int) -> None:
    """Take a merge back: the paper is shown under its own id again.

    Raises:
        ValueError: No person has merged this paper.
    """
    said = sa.and_(table.c.kind == JoinKind.MERGE, table.c.paper_id == paper_id)
    others = set(conn.scalars(sa.select(table.c.into_id).where(said)))
    if not others:
        raise ValueError(f"nobody has merged {paper_id} into another paper")
    conn.execute(sa.delete(table).where(said))
    show(conn, relink(conn, also={paper_id, *others}))


def split(conn: Connection, paper_id: int, revision_hash: str, *, at: dt.datetime) -> int:
    """Give what is listed without arXiv id under a text to a paper of its own; returns that paper's id.

    Raises:
        ValueError: The paper has no such text without arXiv id, or nothing else.
    """
    text = conn.execute(sa.select(revisions).where(revisions.c.hash == revision_hash)).one_or_none()
    family = _family(conn, _shown_as(conn, paper_id))
    stray = sa.and_(sightings.c.revision_id == (text.id if text else 0), sightings.c.arxiv_id.is_(None))
    mine = sightings.c.paper_id.in_(family)
    if text is None or conn.scalar(sa.select(sightings.c.id).where(stray, mine).limit(1)) is None:
        raise ValueError(f"{paper_id} has no such text that is listed without arXiv id")
    if conn.scalar(sa.select(sightings.c.id).where(mine, ~stray).limit(1)) is None:
        raise ValueError(f"{paper_id} has nothing but this text")
    return _take_out(conn, text, stray, family, at)


def _take_out(
    conn: Connection,
    text: sa.Row[Any],
    stray: sa.ColumnElement[bool],
    family: Collection[int],
    at: dt.datetime,
) -> int:
    dois = conn.scalars(sa.select(sightings.c.doi).where(stray, sightings.c.doi.is_not(None)).distinct())
    key = {"title_key": text.title_key}
    before = names.web(
        conn, titles=_titles(conn, stray), dois=set(dois), texts={text.id}, splits=names.split_papers(conn)
    )
    (made,) = new_ids(conn, papers, 1)
    conn.execute(sa.insert(papers).values(id=made, authors=[], details={}, **key))
    row = {"at": at, "kind": JoinKind.SPLIT, "paper_id": made, "revision_hash": text.hash}
    conn.execute(sa.insert(table).values(row))
    conn.execute(sa.update(sightings).where(stray).values(paper_id=made))
    # What met by this text alone meets no more.
    change = begin(
        conn, None, Forgotten(papers=frozenset(family), titles=frozenset(before.holders), by_text={})
    )
    switch(conn, change, also=[made])
    return made


def _titles(conn: Connection, stray: sa.ColumnElement[bool]) -> set[str]:
    return set(conn.scalars(sa.select(sightings.c.title_key).where(stray).distinct()))


def _shown_as(conn: Connection, paper_id: int) -> int:
    """The paper that an id stands for now."""
    wanted = papers.c.id == sa.literal(paper_id, sa.BigInteger)
    shown = conn.scalar(sa.select(sa.func.coalesce(papers.c.merged_into, papers.c.id)).where(wanted))
    if shown is None or conn.scalar(sa.select(papers.c.revision_id).where(papers.c.id == shown)) is None:
        raise ValueError(f"there is no paper {paper_id}")
    return int(shown)


def _family(conn: Connection, shown: int) -> set[int]:
    return {shown, *conn.scalars(sa.select(papers.c.id).where(papers.c.merged_into == shown))}
