"""Names of stored records: which records without arXiv id meet, as far as these connections reach."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from digest.ingest.identity import Name, Near, Owner, owners
from digest.store.engines import pieces
from digest.store.revisions import crowded
from digest.store.schema import joins, near, revisions, sightings

_STRAY = sightings.c.arxiv_id.is_(None)


@dataclass(slots=True)
class Web:
    """Records without arXiv id that are connected, and those with one that they may belong to."""

    splits: frozenset[int]  #: papers that a person took out: what they list has no other names
    names: set[Name] = field(default_factory=set)
    near: set[Near] = field(default_factory=set)
    #: By title: the papers that hold its records without arXiv id now.
    holders: dict[str, set[int]] = field(default_factory=dict)

    def owners(self) -> dict[str, Owner]:
        """The owner of each title's records without arXiv id."""
        return owners(self.names, self.near)


#: Papers that a person took out of others.
SPLIT = sa.select(joins.c.paper_id).where(joins.c.kind == "split")


def split_papers(conn: Connection) -> frozenset[int]:
    """Papers that a person took out of others."""
    return frozenset(conn.scalars(SPLIT))


def split_texts(conn: Connection) -> dict[str, int]:
    """The texts that a person took out, by hash, each with its paper; the last word stands."""
    rows = conn.execute(sa.select(joins).where(joins.c.kind == "split").order_by(joins.c.id))
    return {row.revision_hash: row.paper_id for row in rows}


def web(
    conn: Connection,
    *,
    titles: Iterable[str],
    dois: Iterable[str],
    texts: Iterable[int],
    splits: frozenset[int],
) -> Web:
    """Follow titles, DOIs and near-equal texts from these on, until nothing more is found."""
    found = Web(splits)
    has_near = conn.scalar(sa.select(near.c.one_id).limit(1)) is not None
    seen_titles: set[str] = set()
    seen_dois: set[str] = set()
    seen_texts: set[int] = set()
    new_titles, new_dois, new_texts = set(titles), set(dois), set(texts)
    if has_near:
        new_titles |= _disturbed(conn, new_texts, splits)
    while new_titles or new_dois or new_texts:
        seen_titles |= new_titles
        strays = list(_strays(conn, new_titles, found))
        new_dois |= {name.doi for name in strays if name.doi} - seen_dois
        new_texts |= {name.text for name in strays} - seen_texts
        met = _titles_of(conn, sightings.c.doi, new_dois, splits)
        if has_near:
            beside = _beside(conn, new_texts)
            found.near |= beside
            met |= _titles_of(
                conn, sightings.c.revision_id, {text for pair in beside for text in pair}, splits
            )
        seen_dois |= new_dois
        seen_texts |= new_texts
        new_titles, new_dois, new_texts = met - seen_titles, set(), set()
    _add_listed(conn, found)
    found.near -= _boilerplate(conn, found.near)
    return found


def _strays(conn: Connection, titles: Collection[str], into: Web) -> Iterator[Name]:
    columns = (sightings.c.title_key, sightings.c.doi, sightings.c.revision_id, sightings.c.paper_id)
    for piece in pieces(titles):
        query = sa.select(*columns).where(_STRAY, sightings.c.title_key.in_(piece)).distinct()
        for row in conn.execute(query):
            if row.paper_id in into.splits:
                continue
            name = Name(title_key=row.title_key, doi=row.doi, text=row.revision_id)
            into.names.add(name)
            holders = into.holders.setdefault(row.title_key, set())
            if row.paper_id is not None:
                holders.add(row.paper_id)
            yield name


def _titles_of(
    conn: Connection, column: sa.Column[Any], values: Collection[Any], splits: frozenset[int]
) -> set[str]:
    """Titles of the records without arXiv id that have one of these values."""
    found: set[str] = set()
    for piece in pieces(values):
        query = sa.select(sightings.c.title_key).where(_STRAY, column.in_(piece)).distinct()
        if splits:
            query = query.where(sa.or_(sightings.c.paper_id.is_(None), sightings.c.paper_id.not_in(splits)))
        found.update(conn.scalars(query))
    return found


def _beside(conn: Connection, texts: Collection[int]) -> set[Near]:
    found: set[Near] = set()
    for piece in pieces(texts):
        for column in (near.c.one_id, near.c.other_id):
            rows = conn.execute(sa.select(near.c.one_id, near.c.other_id).where(column.in_(piece)))
            found.update((row.one_id, row.other_id) for row in rows)
    return found


def _add_listed(conn: Connection, found: Web) -> None:
    """Records with an arXiv id that those without may belong to; of each title and DOI the smallest id will do."""
    stray_titles = {name.title_key for name in found.names}
    stray_dois = {name.doi for name in found.names if name.doi}
    least = sa.func.min(sightings.c.arxiv_id).label("arxiv_id")
    listed = sightings.c.arxiv_id.is_not(None)
    for piece in pieces(stray_titles):
        query = sa.select(sightings.c.title_key, least).where(listed, sightings.c.title_key.in_(piece))
        for row in conn.execute(query.group_by(sightings.c.title_key)):
            found.names.add(Name(title_key=row.title_key, arxiv_id=row.arxiv_id))
    for doi_piece in pieces(stray_dois):
        query = sa.select(sightings.c.doi, least).where(listed, sightings.c.doi.in_(doi_piece))
        for row in conn.execute(query.group_by(sightings.c.doi)):
            found.names.add(Name(title_key="", doi=row.doi, arxiv_id=row.arxiv_id))
    columns = (sightings.c.arxiv_id, sightings.c.doi, sightings.c.revision_id)
    for text_piece in pieces({text for pair in found.near for text in pair}):
        texts = sa.select(*columns).where(listed, sightings.c.revision_id.in_(text_piece)).distinct()
        for its_id, doi, text in conn.execute(texts):
            found.names.add(Name(title_key="", doi=doi, arxiv_id=its_id, text=text))


def _disturbed(conn: Connection, texts: Collection[int], splits: frozenset[int]) -> set[str]:
    """Titles that met by an opening of these texts which too many share by now: they meet no more."""
    openings: set[str] = set()
    for piece in pieces(texts):
        query = sa.select(revisions.c.opening).where(
            revisions.c.id.in_(piece), revisions.c.opening.is_not(None)
        )
        openings.update(conn.scalars(query))
    paired: set[int] = set()
    for crowd in pieces(crowded(conn, openings)):
        query = sa.select(near.c.one_id, near.c.other_id).join(revisions, revisions.c.id == near.c.one_id)
        paired.update(
            text for row in conn.execute(query.where(revisions.c.opening.in_(crowd))) for text in row
        )
    return _titles_of(conn, sightings.c.revision_id, paired, splits)


def _boilerplate(conn: Connection, pairs: Collection[Near]) -> set[Near]:
    """Pairs that met by an opening that too many texts share by now."""
    opening_of: dict[int, str] = {}
    for piece in pieces({one for one, _other in pairs}):
        query = sa.select(revisions.c.id, revisions.c.opening).where(revisions.c.id.in_(piece))
        opening_of.update({row.id: row.opening for row in conn.execute(query)})
    crowds = crowded(conn, (opening for opening in opening_of.values() if opening))
    return {pair for pair in pairs if opening_of.get(pair[0]) in crowds}
