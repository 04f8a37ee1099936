"""What each source has brought: papers by day, arrivals, fields, and what could not be read.

All but the two ends of a source's arrivals is bounded by the window asked for, whatever the store holds, and those ends
are found by an index.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from digest.ingest.volume import Fields
from digest.store.dumps import UNREAD, DumpStatus
from digest.store.schema import arrivals, dumps, sightings


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """What a source listed on one local date."""

    papers: int  #: distinct, of all its dumps that were read
    first_at: dt.datetime  #: when the first of them came


@dataclass(frozen=True, slots=True, kw_only=True)
class Ends:
    """A source's first and last arrivals, of any dump."""

    first_at: dt.datetime
    last_at: dt.datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Unread:
    """A dump that arrived and could not be read."""

    name: str
    reason: str
    line: int | None


def midnight(day: dt.date, zone: ZoneInfo) -> dt.datetime:
    """The moment at which a local date begins, in UTC."""
    return dt.datetime.combine(day, dt.time.min, zone).astimezone(dt.UTC)


def ends(conn: Connection, sources: Collection[str]) -> dict[str, Ends]:
    """The ends of these sources' arrivals; a source without any is not there."""
    found = {}
    for name in sources:
        # Each end apart, so that the index is sought there: both at once go through all of it.
        first, last = (
            sa.select(end(arrivals.c.at)).where(arrivals.c.source == name).scalar_subquery()
            for end in (sa.func.min, sa.func.max)
        )
        row = conn.execute(sa.select(first.label("first_at"), last.label("last_at"))).one()
        if row.first_at is not None:
            found[name] = Ends(first_at=row.first_at, last_at=row.last_at)
    return found


def listed(
    conn: Connection, sources: Collection[str], *, since: dt.date, zone: ZoneInfo
) -> dict[str, dict[dt.date, Listed]]:
    """The distinct papers that these sources listed, by source and by the local date on which the dumps arrived.

    A dump counts on the day on which the first one of its own date came: where yesterday's list is asked for again, and
    brings new votes, it must not stand for today's, which may be missing.

    Args:
        since: The first date looked at.
        zone: Whose dates.
    """
    came = _came(sources, midnight(since, zone), DumpStatus.STORED)
    days: dict[tuple[str, dt.date], dict[int, dt.datetime]] = defaultdict(dict)
    first_days: dict[tuple[str, dt.date], dt.date] = {}
    for row in conn.execute(came.add_columns(arrivals.c.dated)):
        day = first_days.setdefault((row.source, row.dated), row.at.astimezone(zone).date())
        days[row.source, day].setdefault(row.dump_id, row.at)
    keys = list(days)
    counted = dict(_count(conn, ((place, dump) for place, key in enumerate(keys) for dump in days[key])))
    found: dict[str, dict[dt.date, Listed]] = defaultdict(dict)
    for place, (source, day) in enumerate(keys):
        if place in counted:  # a day of empty dumps alone listed nothing
            papers, first_at = counted[place], min(days[source, day].values())
            found[source][day] = Listed(papers=papers, first_at=first_at)
    return dict(found)


def last_read(conn: Connection, sources: Collection[str], *, since: dt.datetime) -> dict[str, dt.datetime]:
    """When a dump that could be read last arrived from each of these, at or after a moment."""
    came = _came(sources, since, DumpStatus.STORED).subquery()
    query = sa.select(came.c.source, sa.func.max(came.c.at).label("at")).group_by(came.c.source)
    return {row.source: row.at for row in conn.execute(query)}


def fields(
    conn: Connection, sources: Collection[str], *, since: dt.date, zone: ZoneInfo
) -> dict[str, tuple[dict[dt.date, Fields], Fields]]:
    """How many records gave each field: of each local date as a whole, and of the newest dump that has any."""
    came = _came(sources, midnight(since, zone), DumpStatus.STORED).where(dumps.c.records > 0)
    rows = conn.execute(came.add_columns(dumps.c.records, dumps.c.fields)).all()
    dated: dict[str, dict[dt.date, dict[int, Fields]]] = defaultdict(lambda: defaultdict(dict))
    newest: dict[str, Fields] = {}
    for row in rows:
        day, of = row.at.astimezone(zone).date(), Fields(records=row.records, given=row.fields)
        dated[row.source][day][row.dump_id] = of
        newest[row.source] = of
    return {
        source: ({day: _together(each.values()) for day, each in days.items()}, newest[source])
        for source, days in dated.items()
    }


def unread(
    conn: Connection, sources: Collection[str], *, since: dt.datetime
) -> dict[str, tuple[Unread, ...]]:
    """The dumps that arrived from these at or after a moment, and cannot be read to this hour; each once."""
    query = _came(sources, since, *UNREAD).add_columns(dumps.c.name, dumps.c.reason, dumps.c.line)
    found: dict[str, dict[int, Unread]] = defaultdict(dict)
    for row in conn.execute(query):
        found[row.source][row.dump_id] = Unread(name=row.name, reason=row.reason or "", line=row.line)
    return {source: tuple(each.values()) for source, each in found.items()}


def _came(sources: Collection[str], since: dt.datetime, *statuses: DumpStatus) -> sa.Select[Any]:
    """Arrivals of dumps of these statuses, oldest first."""
    return (
        sa.select(arrivals.c.source, arrivals.c.at, arrivals.c.dump_id)
        .join(dumps, dumps.c.id == arrivals.c.dump_id)
        .where(arrivals.c.source.in_(list(sources)), arrivals.c.at >= since, dumps.c.status.in_(statuses))
        .order_by(arrivals.c.at, arrivals.c.id)
    )


def _count(conn: Connection, pairs: Iterable[tuple[int, int]]) -> Iterable[tuple[int, int]]:
    """Distinct papers by group, of pairs of (group, dump): given in one go, whatever their number."""
    rows = conn.execute(_COUNT[conn.dialect.name], {"given": list(pairs)})
    return [(int(row[0]), int(row[1])) for row in rows]


def _counting(given: sa.TableValuedAlias) -> sa.Select[Any]:
    group = given.c.value[0].as_integer()
    return (
        sa.select(group, sa.func.count(sightings.c.paper_id.distinct()))
        .join_from(given, sightings, sightings.c.dump_id == given.c.value[1].as_integer())
        .group_by(group)
    )


_GIVEN = sa.bindparam("given", type_=sa.JSON)
_VALUE = sa.column("value", sa.JSON)
#: For each engine, as in `deliveries`: the pairs come as one JSON list.
_COUNT = {
    "sqlite": _counting(sa.func.json_each(_GIVEN).table_valued(_VALUE, name="given")),
    "postgresql": _counting(sa.func.json_array_elements(_GIVEN).table_valued(_VALUE, name="given")),
}


def _together(each: Iterable[Fields]) -> Fields:
    records, given = 0, dict[str, int]()
    for one in each:
        records += one.records
        for name, number in one.given.items():
            given[name] = given.get(name, 0) + number
    return Fields(records=records, given=given)
