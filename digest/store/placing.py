"""Placing the sightings of a dump: which paper each is of, decided unseen, and shown by one switch.

What is staged touches nothing that anybody sees: new papers are hidden by the dump that brings them, and what happens
to known ones (an arXiv id found, sightings that go to another paper, other facts) is put aside until the switch.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from digest.store import names, showing
from digest.store.change import Change
from digest.store.counting import count
from digest.store.engines import PIECE, pieces
from digest.store.labels import Labels
from digest.store.overlay import relink
from digest.store.schema import papers, sightings
from digest.store.sightings import Forgotten

#: Columns by name; their number differs by query.
_Row = Any
_STRAY = sightings.c.arxiv_id.is_(None)


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
    count(conn, change, rows, of)
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
    of = Labels(conn, change, rows, owners, web).find()
    for title, owner in owners.items():
        paper = change.strays[title] = of[owner]
        gone = web.holders[title] - {paper}
        if gone:
            change.moves.append((title, paper))
            change.left.update(dict.fromkeys(gone, paper))
            change.touched |= gone | {paper}
    return {owner.arxiv_id: paper for owner, paper in of.items() if owner.arxiv_id}


def prepare(conn: Connection, change: Change) -> None:
    """Decide what known papers are to show before the switch, so that it holds the writer of SQLite shortly.

    Nothing else settles papers meanwhile. What the switch itself moves is decided by it, and so is what is left of
    dumps that touch more papers than fit into memory at ease.
    """
    change.decided = showing.decided(conn, sorted(change.touched - change.moved)[:PIECE])


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
    showing.put(conn, change.decided)
    rest = (change.touched - change.decided.keys()) | change.moved | relink(conn)
    showing.show(conn, rest.union(also))


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
