"""Dumps as received, and when they arrived."""

from __future__ import annotations

import datetime as dt
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row

from digest.store.schema import arrivals, dumps, rejects


class DumpStatus(StrEnum):
    READING = "reading"  #: its rows are staged, and shown to nobody
    STORED = "stored"  #: its papers are shown
    QUARANTINED = "quarantined"  #: kept whole, nothing of it stored
    REFUSED = "refused"  #: over the cap: name, size and hash only


#: What a person should look at; what is being read only takes its time.
UNREAD = frozenset({DumpStatus.QUARANTINED, DumpStatus.REFUSED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Dump:
    id: int = 0  #: 0 until kept
    sha256: str  #: of the decompressed bytes
    name: str
    source: str  #: which brought it first
    size_bytes: int
    status: DumpStatus
    received_at: dt.datetime
    modified_at: dt.datetime
    seen_on: dt.date | None = None
    format: str | None = None  #: these three are known once it was read
    dated: dt.date | None = None
    dated_by: str | None = None
    background: bool = False
    reason: str | None = None
    line: int | None = None
    records: int = 0
    fields: Mapping[str, int] = field(default_factory=dict)  #: how many records give each


_COLUMNS = [column for column in dumps.c if column.name != "body"]


def packed(body: bytes) -> bytes:
    """The bytes of a dump as they are kept; packed outside of transactions, because 64 MiB take seconds."""
    return zlib.compress(body, 6)


def find(conn: Connection, sha256: str) -> Dump | None:
    """The dump of these bytes, if they were ever received."""
    row = conn.execute(sa.select(*_COLUMNS).where(dumps.c.sha256 == sha256)).one_or_none()
    return _dump(row) if row else None


def add(conn: Connection, dump: Dump, body: bytes | None) -> int:
    """Keep a dump under a new id (`dump.id` is not read), its bytes packed; returns the id."""
    values = {column.name: getattr(dump, column.name) for column in _COLUMNS if column.name != "id"}
    values["body"] = body
    return int(conn.execute(sa.insert(dumps).values(**values).returning(dumps.c.id)).scalar_one())


def fill(conn: Connection, dump_id: int, body: bytes, *, size_bytes: int, modified_at: dt.datetime) -> None:
    """Keep the bytes, packed, of a dump that was refused for its size before, under the cap of that day."""
    values = {"body": body, "size_bytes": size_bytes, "modified_at": modified_at}
    conn.execute(sa.update(dumps).where(dumps.c.id == dump_id).values(values))


def settle(conn: Connection, dump_id: int, **values: object) -> None:
    """Set what reading the dump has shown: format, status, reason, line, records…"""
    conn.execute(sa.update(dumps).where(dumps.c.id == dump_id).values(**values))


def arrive(
    conn: Connection, dump_id: int, *, name: str, at: dt.datetime, dated: dt.date, source: str
) -> None:
    """Log that these bytes came, be it for the first time or again; once a day under one name."""
    same = sa.select(arrivals.c.id).where(
        arrivals.c.dump_id == dump_id, arrivals.c.name == name, arrivals.c.dated == dated
    )
    if conn.scalar(same.limit(1)) is not None:
        return  # a restart looks into the same folder again
    conn.execute(sa.insert(arrivals).values(dump_id=dump_id, source=source, name=name, at=at, dated=dated))


def reject(conn: Connection, dump_id: int, rows: list[tuple[int, str]]) -> None:
    """Keep the rows that were no papers, as (line, reason), in place of those kept before."""
    conn.execute(sa.delete(rejects).where(rejects.c.dump_id == dump_id))
    if rows:
        conn.execute(
            sa.insert(rejects), [{"dump_id": dump_id, "line": line, "reason": why} for line, why in rows]
        )


def rejected(conn: Connection, dump_id: int) -> list[tuple[int, str]]:
    """The rejected rows of a dump as (line, reason), by line."""
    query = sa.select(rejects.c.line, rejects.c.reason).where(rejects.c.dump_id == dump_id)
    return [(row.line, row.reason) for row in conn.execute(query.order_by(rejects.c.line, rejects.c.id))]


def body(conn: Connection, dump_id: int) -> bytes | None:
    """The bytes of a dump as received; None where it was refused for its size."""
    packed = conn.execute(sa.select(dumps.c.body).where(dumps.c.id == dump_id)).scalar_one()
    return None if packed is None else zlib.decompress(packed)


def every(conn: Connection, *, status: DumpStatus | None = None) -> Iterator[Dump]:
    """All dumps, oldest first."""
    query = sa.select(*_COLUMNS).order_by(dumps.c.id)
    if status is not None:
        query = query.where(dumps.c.status == status)
    return (_dump(row) for row in conn.execute(query))


def of_day(conn: Connection, day: dt.date) -> frozenset[int]:
    """The dumps that stand for a day: dated so, or come again on it."""
    dated = sa.select(dumps.c.id).where(dumps.c.dated == day)
    came = sa.select(arrivals.c.dump_id).where(arrivals.c.dated == day)
    return frozenset(conn.scalars(dated.union(came)))


def _dump(row: Row[tuple[object, ...]]) -> Dump:
    values = dict(row._mapping)
    return Dump(**{**values, "status": DumpStatus(values["status"])})
