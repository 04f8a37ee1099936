"""Papers, their revisions, and the sightings that tell of them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row

from digest.ingest.paper import CleanRecord, Current, Names, Sighting, current, is_revision
from digest.ingest.record import Details
from digest.store import engines
from digest.store.details import details_of
from digest.store.joins import Join, joins, merge, split, unmerge
from digest.store.schema import dumps, edition_papers, papers, revisions, sightings
from digest.store.types import unpaired

__all__ = ["Join", "Paper", "joins", "merge", "split", "unmerge"]

#: Values in one IN list: well under SQLite's limit of 32,766 variables.
_CHUNK = 5_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Paper:
    """A paper as it stands now."""

    id: int
    title: str
    abstract: str
    authors: tuple[str, ...]
    arxiv_id: str | None
    url: str | None
    code_urls: tuple[str, ...]
    votes: int | None
    comments: int | None
    stars: int | None  #: of its repository
    doi: str | None
    details: Details
    first_seen: dt.date
    last_seen: dt.date
    edition_id: int | None  #: None while no edition holds it
    background: bool  #: known before, and never mailed as new


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What one batch of records did."""

    new: int
    revised: int
    seen: int
    touched: frozenset[int]  #: papers whose current text must be decided again


def record(conn: Connection, dump_id: int, batch: Sequence[CleanRecord]) -> Change:
    """Store sightings of one dump; nobody sees them until `show`."""
    revision_ids = _revisions(conn, batch)
    names = _names(conn, batch)
    placed = [names.place(arxiv_id=r.record.arxiv_id, title_key=r.title_key) for r in batch]
    made = _create(conn, names, placed, batch)
    ids = [made.get(paper, paper) for paper in placed]
    change = _change(conn, batch, ids, frozenset(made.values()))
    rows = [
        _sighting(dump_id, clean, paper, revision_ids[clean.text_hash])
        for clean, paper in zip(batch, ids, strict=True)
    ]
    conn.execute(sa.insert(sightings), rows)
    moved = _resettle(conn, names, made, batch)
    return Change(new=change.new, revised=change.revised, seen=change.seen, touched=frozenset(ids) | moved)


def show(conn: Connection, paper_ids: Iterable[int]) -> None:
    """Decide the current text of these papers from all their sightings."""
    for chunk in _chunks(sorted(paper_ids)):
        known = _sightings_of(conn, chunk)
        if not known:  # all of them were merged away
            continue
        conn.execute(
            sa.update(papers).where(papers.c.id == sa.bindparam("paper")),
            [{"paper": paper, **_facts(current(seen))} for paper, seen in known.items()],
        )
        keys = sa.select(revisions.c.title_key).where(revisions.c.id == papers.c.revision_id)
        conn.execute(
            sa.update(papers)
            .where(papers.c.id.in_(chunk), papers.c.revision_id.is_not(None))
            .values(title_key=keys.scalar_subquery())
        )


def forget(conn: Connection, dump_id: int) -> frozenset[int]:
    """Take back the sightings of one dump, for a replay; returns the papers it had listed."""
    listed = sa.select(sightings.c.paper_id).where(sightings.c.dump_id == dump_id).distinct()
    touched = frozenset(conn.scalars(listed))
    conn.execute(sa.delete(sightings).where(sightings.c.dump_id == dump_id))
    return touched


def show_listed(conn: Connection, paper_ids: Iterable[int]) -> None:
    """Decide again those of these papers that some dump still lists."""
    for chunk in _chunks(sorted(paper_ids)):
        listed = sa.select(sightings.c.paper_id).where(sightings.c.paper_id.in_(chunk)).distinct()
        show(conn, list(conn.scalars(listed)))


def hide_unseen(conn: Connection) -> None:
    """Hide the papers that no dump lists any more; their ids stay, for what was mailed under them."""
    unseen = ~sa.exists().where(sightings.c.paper_id == papers.c.id)
    conn.execute(sa.update(papers).where(unseen).values(revision_id=None, arxiv_id=None))


def total(conn: Connection) -> int:
    """How many papers are shown."""
    return int(conn.scalar(sa.select(sa.func.count()).where(papers.c.revision_id.is_not(None))) or 0)


def every(conn: Connection) -> Iterator[Paper]:
    """All shown papers, by id."""
    return (_paper(row) for row in conn.execute(_shown().order_by(papers.c.id)))


def get(conn: Connection, paper_id: int) -> Paper | None:
    """A paper by its id, or by the id of one that was merged into it."""
    wanted = sa.literal(paper_id, sa.BigInteger)
    merged = conn.scalar(sa.select(papers.c.merged_into).where(papers.c.id == wanted))
    row = conn.execute(_shown().where(papers.c.id == (merged or wanted))).one_or_none()
    return _paper(row) if row else None


def search(conn: Connection, words: str, *, after: int = 0, limit: int | None = None) -> Iterator[Paper]:
    """Shown papers whose title or abstract holds each of the words, by id; without words, all of them.

    Args:
        conn: Open for reading.
        words: Between blanks; case does not count.
        after: The id that the page before ended with. A page by key costs the same however far down it is, and
            papers that come in meanwhile shift no row from one page to the next, as they do under OFFSET.
        limit: Papers at most.
    """
    # BigInteger: ids come from outside, and a larger one than the column holds is no paper, and no error.
    query = _shown().where(papers.c.id > sa.literal(after, sa.BigInteger)).order_by(papers.c.id).limit(limit)
    for word in dict.fromkeys(words.split()):
        query = query.where(
            sa.or_(
                revisions.c.title.icontains(word, autoescape=True),
                revisions.c.abstract.icontains(word, autoescape=True),
            )
        )
    return (_paper(row) for row in conn.execute(query))


def names(conn: Connection, paper_ids: Iterable[int]) -> dict[int, int]:
    """Every name that these papers go by: paper id -> the id they are all known under now."""
    wanted = sorted(paper_ids)
    found: dict[int, int] = {}
    for chunk in _chunks(wanted):
        query = sa.select(papers.c.id, papers.c.merged_into).where(papers.c.id.in_(chunk))
        found.update({row.id: row.merged_into or row.id for row in conn.execute(query)})
    for chunk in _chunks(sorted(set(found.values()))):
        query = sa.select(papers.c.id, papers.c.merged_into).where(papers.c.merged_into.in_(chunk))
        found.update({row.id: row.merged_into for row in conn.execute(query)})
        found.update({paper: paper for paper in chunk})
    return found


def _shown() -> sa.Select[Any]:
    return (
        sa.select(
            papers,
            revisions.c.title,
            revisions.c.abstract,
            revisions.c.code_urls,
            edition_papers.c.edition_id,
        )
        .join(revisions, revisions.c.id == papers.c.revision_id)
        .outerjoin(edition_papers, edition_papers.c.paper_id == papers.c.id)
    )


def _paper(row: Row[Any]) -> Paper:
    code = dict.fromkeys([*([row.code_url] if row.code_url else []), *row.code_urls])
    return Paper(
        id=row.id,
        title=row.title,
        abstract=row.abstract,
        authors=tuple(row.authors),
        arxiv_id=row.arxiv_id,
        url=row.url,
        code_urls=tuple(code),
        votes=row.votes,
        comments=row.comments,
        stars=row.stars,
        doi=row.doi,
        details=details_of(row.details),
        first_seen=row.first_seen,
        last_seen=row.last_seen,
        edition_id=row.edition_id,
        background=row.background,
    )


def _revisions(conn: Connection, batch: Sequence[CleanRecord]) -> dict[str, int]:
    """Store the texts that are new; returns every text's revision id by its hash."""
    rows = {
        clean.text_hash: {
            "hash": clean.text_hash,
            "title_raw": unpaired(clean.record.title),
            "abstract_raw": unpaired(clean.record.abstract),
            "title": clean.title,
            "abstract": clean.abstract,
            "title_key": clean.title_key,
            "code_urls": list(clean.code_urls),
        }
        for clean in batch
    }
    # Cleaned again on conflict: a replay with a newer cleaner must change the text and keep the revision.
    insert = engines.insert(conn, revisions)
    upsert = insert.on_conflict_do_update(
        index_elements=["hash"],
        set_={name: insert.excluded[name] for name in ("title", "abstract", "title_key", "code_urls")},
    )
    conn.execute(upsert, list(rows.values()))
    query = sa.select(revisions.c.hash, revisions.c.id).where(revisions.c.hash.in_(rows))
    return {row.hash: row.id for row in conn.execute(query)}


def _names(conn: Connection, batch: Sequence[CleanRecord]) -> Names:
    """The names that the batch's records may share with stored papers; new papers count down from -1."""
    provisional = count(-1, -1)
    names = Names(create=lambda: next(provisional))
    ids = {clean.record.arxiv_id for clean in batch if clean.record.arxiv_id}
    keys = {clean.title_key for clean in batch}
    by_id = sa.select(papers.c.id, papers.c.arxiv_id).where(papers.c.arxiv_id.in_(ids))
    names.by_arxiv.update({its_id: paper for paper, its_id in conn.execute(by_id)})
    by_title = (
        sa.select(sightings.c.title_key, papers.c.id, papers.c.arxiv_id)
        .join(papers, papers.c.id == sightings.c.paper_id)
        .where(sightings.c.title_key.in_(keys))
        .distinct()
    )
    for key, paper, its_id in conn.execute(by_title):
        names.by_title.setdefault(key, {})[paper] = its_id
    # A replay empties a paper before it fills it again: a name alone is enough to know it by.
    emptied = sa.select(papers.c.title_key, papers.c.id, papers.c.arxiv_id).where(
        papers.c.title_key.in_(keys),
        papers.c.merged_into.is_(None),
        ~sa.exists().where(sightings.c.paper_id == papers.c.id),
    )
    for key, paper, its_id in conn.execute(emptied):
        names.by_title.setdefault(key, {})[paper] = its_id
    return names


def _create(
    conn: Connection,
    names: Names,
    placed: Sequence[int],
    batch: Sequence[CleanRecord],
) -> dict[int, int]:
    """Insert the new papers; returns provisional id -> id. Ids that known papers gained are stored too."""
    new = {paper: clean for paper, clean in reversed(list(zip(placed, batch, strict=True))) if paper < 0}
    ids_of = {paper: arxiv for arxiv, paper in names.by_arxiv.items()}
    rows: list[dict[str, object]] = [
        {"arxiv_id": ids_of.get(paper), "title_key": new[paper].title_key, "authors": [], "details": {}}
        for paper in sorted(new, reverse=True)
    ]
    made: dict[int, int] = {}
    if rows:
        statement = sa.insert(papers).returning(papers.c.id, sort_by_parameter_order=True)
        made = dict(zip(sorted(new, reverse=True), conn.scalars(statement, rows), strict=True))
    adopted = [{"paper": p, "arxiv": a} for p, a in names.adopted.items() if p > 0]
    if adopted:
        conn.execute(
            sa.update(papers)
            .where(papers.c.id == sa.bindparam("paper"))
            .values(arxiv_id=sa.bindparam("arxiv")),
            adopted,
        )
    return made


def _change(
    conn: Connection, batch: Sequence[CleanRecord], ids: Sequence[int], made: frozenset[int]
) -> Change:
    """Count each record as new, a revision or a mere sighting, in the order of the dump."""
    texts = _texts_of(conn, set(ids) - made)
    counts = {"new": 0, "revised": 0, "seen": 0}
    for clean, paper in zip(batch, ids, strict=True):
        known = texts.setdefault(paper, [])
        if not known:
            kind = "new" if paper in made else "seen"
        else:
            kind = "revised" if is_revision(clean.title_key, clean.abstract, known) else "seen"
        counts[kind] += 1
        known.append((clean.title_key, clean.abstract))
    return Change(**counts, touched=frozenset())


def _texts_of(conn: Connection, paper_ids: Iterable[int]) -> dict[int, list[tuple[str, str]]]:
    texts: dict[int, list[tuple[str, str]]] = {}
    for chunk in _chunks(sorted(paper_ids)):
        query = (
            sa.select(sightings.c.paper_id, revisions.c.title_key, revisions.c.abstract)
            .join(revisions, revisions.c.id == sightings.c.revision_id)
            .where(sightings.c.paper_id.in_(chunk))
            .distinct()
        )
        for row in conn.execute(query):
            texts.setdefault(row.paper_id, []).append((row.title_key, row.abstract))
    return texts


def _sighting(dump_id: int, clean: CleanRecord, paper_id: int, revision_id: int) -> dict[str, object]:
    seen = clean.record
    return {
        "dump_id": dump_id,
        "position": seen.position,
        "paper_id": paper_id,
        "revision_id": revision_id,
        "arxiv_id": seen.arxiv_id,
        "title_key": clean.title_key,
        "authors": [unpaired(author) for author in seen.authors],
        "votes": seen.votes,
        "comments": seen.comments,
        "published_at": seen.published_at,
        "url": seen.url,
        "code_url": clean.code_url,
        "details": {},
    }


def _resettle(
    conn: Connection, names: Names, made: Mapping[int, int], batch: Sequence[CleanRecord]
) -> frozenset[int]:
    """Bring records without id to the paper that now owns their title; returns the papers that changed."""
    touched: set[int] = set()
    for key in sorted({clean.title_key for clean in batch if len(names.by_title[clean.title_key]) > 1}):
        provisional = names.owner(key)
        assert provisional is not None, "a placed title has an owner"
        owner = made.get(provisional, provisional)
        stray = sa.and_(
            sightings.c.title_key == key, sightings.c.arxiv_id.is_(None), sightings.c.paper_id != owner
        )
        sources = set(conn.scalars(sa.select(sightings.c.paper_id).where(stray).distinct()))
        if not sources:
            continue
        conn.execute(sa.update(sightings).where(stray).values(paper_id=owner))
        _merge_emptied(conn, sources, owner)
        touched |= sources | {owner}
    return frozenset(touched)


def _merge_emptied(conn: Connection, sources: Iterable[int], owner: int) -> None:
    """Remember under which names the owner may have been mailed before."""
    emptied = sa.and_(papers.c.id.in_(sources), ~sa.exists().where(sightings.c.paper_id == papers.c.id))
    merged = list(conn.scalars(sa.select(papers.c.id).where(emptied)))
    conn.execute(
        sa.update(papers)
        .where(sa.or_(papers.c.id.in_(merged), papers.c.merged_into.in_(merged)))
        .values(merged_into=owner, revision_id=None)
    )


def _sightings_of(conn: Connection, paper_ids: Sequence[int]) -> dict[int, list[Sighting]]:
    query = (
        sa.select(
            sightings.c.paper_id,
            dumps.c.dated,
            dumps.c.sha256.label("dump_hash"),
            sightings.c.position,
            sightings.c.revision_id,
            revisions.c.title_key,
            revisions.c.abstract,
            sightings.c.authors,
            sightings.c.url,
            sightings.c.code_url,
            sightings.c.votes,
            dumps.c.background,
        )
        .join(dumps, dumps.c.id == sightings.c.dump_id)
        .join(revisions, revisions.c.id == sightings.c.revision_id)
        .where(sightings.c.paper_id.in_(paper_ids))
    )
    known: dict[int, list[Sighting]] = {}
    for row in conn.execute(query):
        values = dict(row._mapping)
        paper = values.pop("paper_id")
        known.setdefault(paper, []).append(Sighting(**{**values, "authors": tuple(values["authors"])}))
    return known


def _facts(state: Current) -> dict[str, object]:
    return {
        "revision_id": state.revision_id,
        "authors": list(state.authors),
        "url": state.url,
        "code_url": state.code_url,
        "votes": state.votes,
        "first_seen": state.first_seen,
        "last_seen": state.last_seen,
        "background": state.background,
    }


def _chunks(values: Sequence[int]) -> Iterator[Sequence[int]]:
    return (values[start : start + _CHUNK] for start in range(0, len(values), _CHUNK))
