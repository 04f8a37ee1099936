"""What a person has said of identity: it stands above the rules, and is applied again by every replay."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from enum import StrEnum

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from digest.store.schema import joins as table


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
    raise NotImplementedError


def unmerge(conn: Connection, paper_id: int) -> None:
    """Take a merge back: the paper is shown under its own id again.

    Raises:
        ValueError: No person has merged this paper.
    """
    raise NotImplementedError


def split(conn: Connection, paper_id: int, revision_hash: str, *, at: dt.datetime) -> int:
    """Give what is listed without arXiv id under a text to a paper of its own; returns that paper's id.

    Raises:
        ValueError: The paper has no such text without arXiv id, or nothing else.
    """
    raise NotImplementedError
