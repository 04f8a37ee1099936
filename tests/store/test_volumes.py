"""What each source brought, by local date."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa

from digest.ingest.volume import Fields
from digest.pipeline.ingest import IngestOptions, ingest
from digest.sources.dump import RawDump
from digest.store import dumps, volumes
from digest.store.database import Database
from digest.store.dumps import DumpStatus
from digest.store.volumes import Ends, Listed, Unread
from tests.factories import DAY, HOUR, NOW, TODAY, raw_dump

BERLIN, UTC = ZoneInfo("Europe/Berlin"), ZoneInfo("UTC")


def take_in(
    database: Database,
    *titles: str,
    at: dt.datetime = NOW,
    source: str = "folder",
    name: str = "papers.json",
    data: bytes | None = None,
    day: dt.date | None = None,
) -> None:
    """One dump of a source at a moment, dated by itself: on the day of the moment, if not told otherwise."""
    found = raw_dump(titles if data is None else data, name=name, day=day or at.date(), modified_at=at)
    list(ingest(database, [found], now=at, options=IngestOptions(source=source)))


def listed(
    database: Database, *, zone: ZoneInfo = UTC, since: dt.date = TODAY - 30 * DAY
) -> dict[str, dict[dt.date, int]]:
    with database.read() as conn:
        found = volumes.listed(conn, ["folder", "api"], since=since, zone=zone)
    return {source: {day: each.papers for day, each in days.items()} for source, days in found.items()}


def test_papers_of_a_day(database: Database) -> None:
    """A day's volume is its distinct papers, however many dumps list them, new or not, apart by source."""
    take_in(database, "Kites", "Bread", at=NOW - DAY)
    take_in(database, "Kites", "Looms")
    take_in(database, "Kites", "Ropes", at=NOW + HOUR, name="two.json")
    take_in(database, "Kites", at=NOW + HOUR, source="api")
    take_in(database, *(f"Paper {number}" for number in range(9)), source="command")
    assert listed(database) == {"folder": {TODAY - DAY: 2, TODAY: 3}, "api": {TODAY: 1}}


def test_the_same_bytes_the_next_day(database: Database) -> None:
    """Bytes that are known are an arrival all the same, if their dump stands for another day."""
    dump = RawDump(name="page.json", data=raw_dump(["Kites", "Bread"]).data, modified_at=NOW)
    for at in (NOW, NOW + DAY):
        options = IngestOptions(source="api", seen_on=at.date())
        list(ingest(database, [dump], now=at, options=options))
    assert listed(database) == {"api": {TODAY: 2, TODAY + DAY: 2}}


def test_a_list_of_yesterday_does_not_stand_for_today(database: Database) -> None:
    """Yesterday's list, asked for once more, counts for yesterday: where today's is missing, today has none."""
    take_in(database, "Kites", at=NOW - DAY)
    take_in(database, "Kites", "Bread", name="later.json", day=TODAY - DAY)
    assert listed(database) == {"folder": {TODAY - DAY: 2}}


def test_the_date_is_that_of_the_zone(database: Database) -> None:
    """A dump that came at half past eleven at night in UTC came the next day in Berlin."""
    take_in(database, "Kites", at=NOW.replace(hour=23, minute=30))
    assert listed(database, zone=BERLIN) == {"folder": {TODAY + DAY: 1}}
    assert listed(database) == {"folder": {TODAY: 1}}


@pytest.mark.parametrize("day", [dt.date(2026, 3, 29), dt.date(2026, 10, 25)])
def test_days_of_23_and_of_25_hours(database: Database, day: dt.date) -> None:
    """A dump just before local midnight and one just after are of two days, also where the clock changes."""
    take_in(database, "Kites", at=volumes.midnight(day, BERLIN))
    take_in(database, "Bread", at=volumes.midnight(day + DAY, BERLIN) - dt.timedelta(seconds=1), name="b")
    midnight = volumes.midnight(day + DAY, BERLIN)
    take_in(database, "Looms", at=midnight, name="c", day=day + DAY)
    assert listed(database, zone=BERLIN, since=day) == {"folder": {day: 2, day + DAY: 1}}


def test_what_does_not_count(database: Database) -> None:
    """An empty dump, one that cannot be read, one that is still being read and one before the window list nothing."""
    take_in(database, "Kites", at=NOW - 40 * DAY)
    take_in(database, data=b"[]")
    take_in(database, data=b"[{]", name="broken.json")
    take_in(database, "Bread", source="api")
    with database.write() as conn:
        (dump,) = (dump for dump in dumps.every(conn) if dump.source == "api")
        dumps.settle(conn, dump.id, status=DumpStatus.READING)
    assert listed(database) == {}


def test_when_the_first_of_a_day_came(database: Database) -> None:
    """The first dump of a day is dated to the moment."""
    take_in(database, "Kites", at=NOW + HOUR)
    take_in(database, "Bread", at=NOW + 2 * HOUR, name="b")
    with database.read() as conn:
        found = volumes.listed(conn, ["folder"], since=TODAY, zone=UTC)
    assert found == {"folder": {TODAY: Listed(papers=2, first_at=NOW + HOUR)}}


def test_ends(database: Database) -> None:
    """The first and the last arrival of a source, be it of what could be read or not."""
    take_in(database, "Kites", at=NOW - 90 * DAY)
    take_in(database, "Bread", at=NOW - DAY, name="b")
    take_in(database, data=b"[{]", name="broken.json")
    with database.read() as conn:
        assert volumes.ends(conn, ["folder", "api"]) == {"folder": Ends(first_at=NOW - 90 * DAY, last_at=NOW)}
        assert volumes.last_read(conn, ["folder", "api"], since=NOW - 9 * DAY) == {"folder": NOW - DAY}
        assert volumes.last_read(conn, ["folder"], since=NOW) == {}


def test_what_could_not_be_read(database: Database) -> None:
    """A dump in quarantine is named with its reason and line, once, by the source that brought it."""
    take_in(database, data=b"[{]", name="old.json", at=NOW - DAY)
    take_in(database, "Kites")
    take_in(database, data=b"[}", name="broken.json")
    with database.read() as conn:
        found = volumes.unread(conn, ["folder", "api"], since=NOW - HOUR)
    (one,) = found.pop("folder")
    assert not found
    assert isinstance(one, Unread)
    assert (one.name, one.line) == ("broken.json", 1)
    assert one.reason


def with_fields(
    database: Database, at: dt.datetime, records: int, given: Mapping[str, int], name: str
) -> None:
    """A dump of which it is known how many records give what."""
    take_in(database, f"Kites {name}", at=at, name=name)
    with database.write() as conn:
        (dump,) = (dump for dump in dumps.every(conn) if dump.name == name)
        dumps.settle(conn, dump.id, records=records, fields=dict(given))


def test_fields(database: Database) -> None:
    """Fields are summed by day; the newest dump that has records stands apart."""
    with_fields(database, NOW - DAY, 10, {"votes": 9}, "a")
    with_fields(database, NOW - DAY + HOUR, 20, {"votes": 1, "stars": 20}, "b")
    with_fields(database, NOW, 5, {}, "c")
    take_in(database, data=b"[]", at=NOW + HOUR)
    with database.read() as conn:
        found = volumes.fields(conn, ["folder", "api"], since=TODAY - 9 * DAY, zone=UTC)
    newest = Fields(records=5, given={})
    whole = Fields(records=30, given={"votes": 10, "stars": 20})
    assert found == {"folder": ({TODAY - DAY: whole, TODAY: newest}, newest)}


@contextmanager
def statements(database: Database) -> Iterator[list[str]]:
    """The statements that are run meanwhile."""
    run: list[str] = []

    def note(_conn: object, _cursor: object, statement: str, *_rest: object) -> None:
        run.append(statement)

    sa.event.listen(database.engine, "before_cursor_execute", note)
    try:
        yield run
    finally:
        sa.event.remove(database.engine, "before_cursor_execute", note)


def test_the_statements_do_not_grow(database: Database) -> None:
    """Weeks of dumps are counted in two statements."""
    for back in range(12):
        take_in(database, f"Kites {back}", at=NOW - back * DAY)
    with database.read() as conn, statements(database) as run:
        volumes.listed(conn, ["folder"], since=TODAY - 63 * DAY, zone=UTC)
    assert len([each for each in run if each.startswith("SELECT")]) == 2
