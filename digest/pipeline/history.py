"""All that the store can tell of one paper."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy.engine import Connection

from digest.ingest.history import Day, Event, Gain, events, gain_per_day, series
from digest.ingest.origins import origins
from digest.store import history as stored
from digest.store import papers
from digest.store.history import SeenIn, Text
from digest.store.papers import Paper


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Where a field of a paper comes from."""

    source: str
    dated: dt.date  #: of the dump
    dump_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    paper: Paper
    names: tuple[int, ...]  #: all ids that it goes by, its own first
    origins: Mapping[str, Origin]  #: by field
    days: tuple[Day, ...]
    gain_per_day: Gain
    events: tuple[Event, ...]
    texts: tuple[Text, ...]


def history(conn: Connection, paper_id: int) -> History | None:
    """Tell all of a paper, by any of its names; None where there is no such paper."""
    paper = papers.get(conn, paper_id)
    if paper is None:
        return None
    others = sorted(set(papers.names(conn, [paper.id])) - {paper.id})
    listed = stored.listings(conn, [paper.id]).get(paper.id, [])
    days = series(listed)
    return History(
        paper=paper,
        names=(paper.id, *others),
        origins=_origins(paper, stored.seen_in(conn, paper.id)),
        days=days,
        gain_per_day=gain_per_day(days),
        events=events(listed, stored.entered(conn, [paper.id, *others])),
        texts=tuple(stored.texts(conn, paper.id)),
    )


def _origins(paper: Paper, seen: list[SeenIn]) -> dict[str, Origin]:
    by_place = {(one.sighting.dump_hash, one.sighting.position): one for one in seen}
    found = {
        name: by_place[sighting.dump_hash, sighting.position]
        for name, sighting in origins([one.sighting for one in seen]).items()
    }
    naming = [one for one in seen if one.arxiv_id and one.arxiv_id == paper.arxiv_id]
    found |= {"arxiv_id": naming[0]} if naming else {}
    return {
        name: Origin(source=one.source, dated=one.sighting.dated, dump_id=one.dump_id)
        for name, one in found.items()
    }
