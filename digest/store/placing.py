"""Placing the sightings of a dump: which paper each is of, decided unseen, and shown by one switch.

What is staged touches nothing that anybody sees: new papers are hidden by the dump that brings them, and what happens
to known ones (an arXiv id found, sightings that go to another paper, other facts) is put aside until the switch.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from digest.ingest.identity import Owner
from digest.ingest.paper import is_revision
from digest.store import names, showing
from digest.store.engines import new_ids, pieces
from digest.store.overlay import relink
from digest.store.schema import papers, revisions, sightings
from digest.store.sightings import Forgotten

#: Columns by name; their number differs by query.
_Row = Any
_STRAY = sightings.c.arxiv_id.is_(None)


@dataclass(slots=True)
class Change:
    """What placing the sightings of a dump comes to; kept in memory until the switch."""

    dump_id: int | None  #: None where a person's word is applied, and no dump
    new: int = 0
    revised: int = 0
    seen: int = 0
    made: set[int] = field(default_factory=set)  #: papers, hidden while the dump is being read
    fresh: set[int] = field(default_factory=set)  #: of these the ones of the last batch
    claimed: set[int] = field(default_factory=set)  #: papers whose names are settled
    touched: set[int] = field(default_factory=set)  #: known papers that must be decided again
    adopted: dict[str, int] = field(default_factory=dict)  #: arXiv id -> known paper that gains it
    strays: dict[str, int] = field(default_factory=dict)  #: title -> paper of its records without arXiv id
    moves: list[tuple[str, int]] = field(
        default_factory=list
    )  #: stored records of a title that go to a paper
    left: dict[int, int] = field(default_factory=dict)  #: paper -> where its records without arXiv id went
    at: int = 0  #: position reached
    #: Papers of texts that a replay has taken back, to know them again under another title.
    by_text: Mapping[int, int] = field(default_factory=dict)


def begin(conn: Connection, dump_id: int | None, forgotten: Forgotten | None = None) -> Change:
    """Begin to place what is staged of a dump: all of it by now.

    Args:
        conn: A transaction.
        dump_id: None where there is only something forgotten to be settled.
        forgotten: What the dump had told when it was read before.
    """
    change = Change(dump_id)
    if forgotten:
        change.by_text = forgotten.by_text
        change.touched |= forgotten.papers
        settle(conn, change, [], titles=forgotten.titles)
    return change


def place(conn: Connection, change: Change, *, limit: int) -> int:
    """Place the next sightings of a dump; returns how many, 0 at its end."""
    s = sightings.c
    columns = (s.id, s.position, s.paper_id, s.arxiv_id, s.doi, s.title_key, s.revision_id)
    query = sa.select(*columns).where(s.dump_id == change.dump_id, s.position > change.at)
    rows = conn.execute(query.order_by(s.position).limit(limit)).all()
    if not rows:
        return 0
    named = [row for row in rows if row.paper_id is None]  # the others a person has placed
    change.fresh.clear()
    found = settle(conn, change, named)
    of = {row.id: row.paper_id or found.get(row.arxiv_id) or change.strays[row.title_key] for row in rows}
    update = (
        sa.update(sightings).where(s.id == sa.bindparam("sighting")).values(paper_id=sa.bindparam("paper"))
    )
    if named:
        conn.execute(update, [{"sighting": row.id, "paper": of[row.id]} for row in named])
    _count(conn, change, rows, of)
    mine = set(of.values())
    change.touched |= mine - change.made
    showing.show(conn, mine & change.made)
    change.at = rows[-1].position
    return len(rows)


def settle(
    conn: Connection, change: Change, rows: Sequence[_Row], *, titles: Collection[str] = ()
) -> dict[str, int]:
    """Find or make the papers of these records, and of all that they are connected with; returns those of the ids.

    Args:
        conn: A transaction.
        change: What has been settled so far; it grows.
        rows: Staged sightings, in the order of the dump.
        titles: More of them, of records without arXiv id.
    """
    web = names.web(
        conn,
        titles={title for title in (*titles, *(row.title_key for row in rows)) if title not in change.strays},
        dois={row.doi for row in rows if row.doi},
        texts={row.revision_id for row in rows},
        splits=names.split_papers(conn),
    )
    owners = {title: owner for title, owner in web.owners().items() if title not in change.strays}
    of = _Labels(conn, change, rows, owners, web).find()
    for title, owner in owners.items():
        paper = change.strays[title] = of[owner]
        gone = web.holders[title] - {paper}
        if gone:
            change.moves.append((title, paper))
            change.left.update(dict.fromkeys(gone, paper))
            change.touched |= gone | {paper}
    return {owner.arxiv_id: paper for owner, paper in of.items() if owner.arxiv_id}


class _Labels:
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
        owners = list(self._titles)
        found = self._by_id([owner.arxiv_id for owner in owners if owner.arxiv_id])
        missing = [owner for owner in owners if owner not in found]
        free, taken = self._free(missing), self._change.claimed
        # Titles may have become those of a paper that is shown as one with them: texts are surer.
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
            rows = self._conn.execute(
                sa.select(papers.c.id, papers.c.arxiv_id).where(papers.c.arxiv_id.in_(piece))
            )
            found.update({Owner(row.arxiv_id): row.id for row in rows})
        return found

    def _free(self, owners: Iterable[Owner]) -> set[int]:
        """Of the papers that hold their records, those without an arXiv id; and those that a replay has emptied."""
        held = {paper for owner in owners for paper in self._held.get(owner, ())}
        free: set[int] = set()
        for piece in pieces(held):
            free.update(
                self._conn.scalars(
                    sa.select(papers.c.id).where(papers.c.id.in_(piece), papers.c.arxiv_id.is_(None))
                )
            )
        self._find_emptied(owners)
        return free

    def _find_emptied(self, owners: Iterable[Owner]) -> None:
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


def _count(conn: Connection, change: Change, rows: Sequence[_Row], of: Mapping[int, int]) -> None:
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


def switch(conn: Connection, change: Change, *, also: Iterable[int] = ()) -> None:
    """Do what was put aside: from here on everybody sees what the dump has told.

    Args:
        conn: A transaction that ends with the dump being stored.
        change: What its placing came to.
        also: Papers to be decided again whatever the dump told of them.
    """
    if change.adopted:
        gains = sa.update(papers).where(papers.c.id == sa.bindparam("paper"))
        conn.execute(
            gains.values(arxiv_id=sa.bindparam("its")),
            [{"paper": paper, "its": its} for its, paper in change.adopted.items()],
        )
    if change.moves:
        _move(conn, change)
    relinked = relink(conn)
    showing.show(conn, change.touched | relinked | set(also))


def _move(conn: Connection, change: Change) -> None:
    s = sightings.c
    goes = sa.update(sightings).where(
        _STRAY,
        s.title_key == sa.bindparam("title"),
        s.paper_id != sa.bindparam("to"),
        s.paper_id.not_in(names.SPLIT),
    )
    conn.execute(
        goes.values(paper_id=sa.bindparam("to")),
        [{"title": title, "to": paper} for title, paper in change.moves],
    )
    for piece in pieces(change.left):
        emptied = sa.select(papers.c.id).where(
            papers.c.id.in_(piece),
            ~sa.exists().where(s.paper_id == papers.c.id),
        )
        for paper in list(conn.scalars(emptied)):
            # Under these names the owner may have been mailed before.
            into = {"ruled_into": change.left[paper], "merged_into": change.left[paper]}
            mine = sa.or_(papers.c.id == paper, papers.c.ruled_into == paper)
            conn.execute(sa.update(papers).where(mine).values(revision_id=None, arxiv_id=None, **into))
