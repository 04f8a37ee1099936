"""Which paper each owner of records is: ids stay, whatever a dump, a replay or a newer reader changes."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from digest.ingest.identity import Owner
from digest.store import names
from digest.store.change import Change
from digest.store.engines import new_ids, pieces
from digest.store.schema import papers, sightings

#: Columns by name; their number differs by query.
_Row = Any


class Labels:
    """Which paper each owner is: the one that it was, else one that has nothing else, else a new one."""

    def __init__(
        self,
        conn: Connection,
        change: Change,
        rows: Sequence[_Row],
        owners: Mapping[str, Owner],
        web: names.Web,
    ) -> None:
        self._conn = conn
        self._change = change
        self._web = web
        self._titles: dict[Owner, set[str]] = {}  # in the order of the dump, so that ids are
        self._texts: dict[Owner, set[int]] = {}
        self._held: dict[Owner, set[int]] = {}
        for row in rows:
            owner = Owner(row.arxiv_id) if row.arxiv_id else owners.get(row.title_key)
            if owner is not None:
                self._titles.setdefault(owner, set()).add(row.title_key)
                self._texts.setdefault(owner, set()).add(row.revision_id)
        for title, owner in owners.items():
            self._titles.setdefault(owner, set()).add(title)
            self._held.setdefault(owner, set()).update(web.holders[title])

    def find(self) -> dict[Owner, int]:
        """The paper of each; those that had none are made."""
        owners = list(self._titles)
        found = self._by_id([owner.arxiv_id for owner in owners if owner.arxiv_id])
        missing = [owner for owner in owners if owner not in found]
        free, taken = self._free(missing), self._change.claimed
        self._find_emptied(missing)
        # What reads titles otherwise than before may give one that another paper had: texts are surer.
        for owner in sorted(missing, key=lambda owner: not self._told(owner)):
            candidates = sorted(self._held.get(owner, set()) & free) or sorted(self._emptied(owner))
            paper = next((paper for paper in candidates if paper not in taken), None)
            if paper is None:
                continue
            taken.add(paper)
            found[owner] = paper
            self._change.touched.add(paper)
            if owner.arxiv_id:
                self._change.adopted[owner.arxiv_id] = paper
        made = self._make([owner for owner in missing if owner not in found])
        taken.update(made.values())
        return found | made

    def _by_id(self, ids: Collection[str]) -> dict[Owner, int]:
        found = {Owner(its): paper for its in ids if (paper := self._change.adopted.get(its))}
        for piece in pieces(ids):
            query = sa.select(papers.c.id, papers.c.arxiv_id).where(papers.c.arxiv_id.in_(piece))
            found.update({Owner(row.arxiv_id): row.id for row in self._conn.execute(query)})
        return found

    def _free(self, owners: Iterable[Owner]) -> set[int]:
        """Of the papers that hold their records, those without an arXiv id."""
        held = {paper for owner in owners for paper in self._held.get(owner, ())}
        free: set[int] = set()
        for piece in pieces(held):
            query = sa.select(papers.c.id).where(papers.c.id.in_(piece), papers.c.arxiv_id.is_(None))
            free.update(self._conn.scalars(query))
        return free

    def _find_emptied(self, owners: Iterable[Owner]) -> None:
        """Papers that a replay has emptied, by the titles and texts that they had."""
        self._by_title: dict[str, set[int]] = {}
        titles = {title for owner in owners for title in self._titles[owner]}
        for row in self._hidden(papers.c.title_key, titles):
            self._by_title.setdefault(row.title_key, set()).add(row.id)
        told = set(self._change.by_text.values())
        self._by_text: set[int] = {row.id for row in self._hidden(papers.c.id, told)}

    def _hidden(self, column: sa.Column[Any], values: Collection[Any]) -> Iterator[_Row]:
        """Papers that nothing lists, no rule has merged, and that have no arXiv id."""
        unseen = ~sa.exists().where(sightings.c.paper_id == papers.c.id)
        columns = (papers.c.id, papers.c.title_key, papers.c.arxiv_id, papers.c.ruled_into)
        for piece in pieces(values):
            query = sa.select(*columns).where(papers.c.revision_id.is_(None), column.in_(piece), unseen)
            for row in self._conn.execute(query):
                # Asked for here, not there: "IS NULL" sends SQLite's planner through a million of them.
                if row.arxiv_id is None and row.ruled_into is None and row.id not in self._web.splits:
                    yield row

    def _emptied(self, owner: Owner) -> set[int]:
        by_title = {paper for title in self._titles[owner] for paper in self._by_title.get(title, ())}
        return self._told(owner) or by_title

    def _told(self, owner: Owner) -> set[int]:
        """Papers that a replay has emptied of the very texts of this owner."""
        return {self._change.by_text.get(text, 0) for text in self._texts.get(owner, ())} & self._by_text

    def _make(self, owners: Sequence[Owner]) -> dict[Owner, int]:
        if not owners:
            return {}
        made = dict(zip(owners, new_ids(self._conn, papers, len(owners)), strict=True))
        rows: list[dict[str, object]] = [
            {
                "id": paper,
                "arxiv_id": owner.arxiv_id,
                "title_key": min(self._titles[owner]),
                "authors": [],
                "details": {},
                "brought_by": self._change.dump_id,
            }
            for owner, paper in made.items()
        ]
        self._conn.execute(sa.insert(papers), rows)
        self._change.made.update(made.values())
        self._change.fresh.update(made.values())
        return made
