"""Texts of papers, each kept once, and which of them are near-equal."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import combinations
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from digest.ingest.alike import Text, alike, opening
from digest.ingest.paper import CleanRecord
from digest.store.engines import new_ids, pieces
from digest.store.schema import near, revisions
from digest.store.types import unpaired

#: Columns by name; their number differs by query.
_Row = Any
#: An opening that more texts share than this is boilerplate: it tells nothing, and is compared no more.
CROWD = 64

#: What a newer cleaner may make of the same raw text.
_CLEANED = ("title", "abstract", "title_key", "opening", "code_urls")


def keep(conn: Connection, batch: Sequence[CleanRecord]) -> dict[str, int]:
    """Store the texts that are new, and compare them with the others; returns every text's id by its hash."""
    texts = {record.text_hash: record for record in batch}
    known = _known(conn, texts)
    new = [text_hash for text_hash in texts if text_hash not in known]
    ids = dict(zip(new, new_ids(conn, revisions, len(new)), strict=True)) if new else {}
    rows = {text_hash: _row(text_hash, texts[text_hash]) for text_hash in new}
    if new:
        conn.execute(sa.insert(revisions), [{"id": ids[text_hash], **row} for text_hash, row in rows.items()])
        _compare(conn, {ids[h]: str(row["opening"]) for h, row in rows.items() if row["opening"]})
    _clean_again(conn, [(row, texts[row.hash]) for row in known.values()])
    return ids | {text_hash: row.id for text_hash, row in known.items()}


def crowded(conn: Connection, openings: Iterable[str]) -> frozenset[str]:
    """Those of these openings that too many texts share."""
    return _shared(conn, openings, CROWD)


def _known(conn: Connection, hashes: Collection[str]) -> dict[str, _Row]:
    query = sa.select(
        revisions.c.id, revisions.c.hash, revisions.c.title, revisions.c.abstract, revisions.c.title_key
    )
    rows = conn.execute(query.where(revisions.c.hash.in_(hashes)))
    return {row.hash: row for row in rows}


def _row(text_hash: str, record: CleanRecord) -> dict[str, object]:
    return {
        "hash": text_hash,
        "title_raw": unpaired(record.record.title),
        "abstract_raw": unpaired(record.record.abstract),
        **_cleaned(record),
    }


def _cleaned(record: CleanRecord) -> dict[str, object]:
    return {
        "title": record.title,
        "abstract": record.abstract,
        "title_key": record.title_key,
        "opening": opening(record.abstract),
        "code_urls": list(record.code_urls),
    }


def _clean_again(conn: Connection, known: Iterable[tuple[_Row, CleanRecord]]) -> None:
    """A replay with a newer cleaner changes the words of a text, and keeps the text."""
    changed = [
        {"revision": row.id, **_cleaned(record)}
        for row, record in known
        if (row.title, row.abstract, row.title_key) != (record.title, record.abstract, record.title_key)
    ]
    if changed:
        values: dict[str, Any] = {name: sa.bindparam(name) for name in _CLEANED}
        update = sa.update(revisions).where(revisions.c.id == sa.bindparam("revision")).values(values)
        conn.execute(update, changed)


def _compare(conn: Connection, new: Mapping[int, str]) -> None:
    """Note which of the new texts are near-equal to others of their opening, under titles that are not the same."""
    shared = _shared(conn, new.values(), 1)
    blocks: dict[str, dict[int, _Row]] = {}
    columns = (
        revisions.c.id,
        revisions.c.opening,
        revisions.c.title_key,
        revisions.c.title,
        revisions.c.abstract,
    )
    for piece in pieces(shared - crowded(conn, shared)):
        for row in conn.execute(sa.select(*columns).where(revisions.c.opening.in_(piece))):
            blocks.setdefault(row.opening, {})[row.id] = row
    pairs = [
        {"one_id": one, "other_id": other}
        for block in blocks.values()
        for one, other in combinations(sorted(block), 2)
        if (one in new or other in new) and _near(block[one], block[other])
    ]
    if pairs:
        conn.execute(sa.insert(near), pairs)


def _near(one: _Row, other: _Row) -> bool:
    if one.title_key == other.title_key:  # they meet by their title anyway
        return False
    return alike(Text(one.title, one.abstract), Text(other.title, other.abstract))


def _shared(conn: Connection, openings: Iterable[str], more_than: int) -> frozenset[str]:
    found: set[str] = set()
    for piece in pieces(set(openings)):
        query = sa.select(revisions.c.opening).where(revisions.c.opening.in_(piece))
        counted = query.group_by(revisions.c.opening).having(sa.func.count() > more_than)
        found.update(conn.scalars(counted))
    return frozenset(found)
