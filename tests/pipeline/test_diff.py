"""What a replay would change is told exactly, and telling it changes nothing."""

from __future__ import annotations

import datetime as dt
import zlib
from collections.abc import Iterable
from pathlib import Path

import pytest
import sqlalchemy as sa

from digest.pipeline import joins
from digest.pipeline.diff import Changed, Diff, diff
from digest.pipeline.ingest import IngestOptions, ingest, replay
from digest.sources.dump import RawDump
from digest.store import papers
from digest.store.database import Database
from digest.store.dumps import DumpStatus
from digest.store.schema import dumps as dump_table
from digest.store.schema import metadata, revisions, sightings
from digest.store.schema import papers as paper_table
from tests.factories import DAY, NOW, TODAY, daily_papers, raw_dump
from tests.ingest.sample import CARDS, layout_b

NOTHING = Diff(appearing=(), vanishing=(), changing=(), dumps=())


def take(database: Database, *found: RawDump) -> None:
    list(ingest(database, found, now=NOW, options=IngestOptions(as_new=True)))


@pytest.fixture
def filled(database: Database) -> Database:
    """Two days of papers, and a dump that could not be read."""
    kite = {"title": "A Kite", "summary": "We fly it, and it lifts.", "githubStars": 7}
    take(
        database,
        raw_dump([kite, "A Bread"], name="1.json"),
        raw_dump(["A Loom", "A Boat"], name="2.json", day=TODAY + DAY),
        raw_dump(daily_papers(["A Well"])[:-9], name="cut.json"),
    )
    return database


def rows(database: Database) -> dict[str, list[str]]:
    """All that is stored."""
    with database.read() as conn:
        return {
            name: sorted(map(str, conn.execute(sa.select(table)))) for name, table in metadata.tables.items()
        }


def told(found: Diff) -> dict[str, dict[str, tuple[object, object]]]:
    """The changes of fields, by title."""
    return {one.paper.title: _fields(one.changed) for one in found.changing}


def _fields(changed: Iterable[Changed]) -> dict[str, tuple[object, object]]:
    return {one.field: (one.was, one.will_be) for one in changed}


def test_a_fresh_store_would_not_change(filled: Database) -> None:
    """Nor would one that a person has said something of, nor one without a dump."""
    assert diff(filled) == NOTHING
    assert not diff(filled)
    joins.merge(filled, 3, 1, now=NOW)
    assert diff(filled) == NOTHING


def test_an_empty_store_would_not_change(database: Database) -> None:
    """There is nothing to replay."""
    assert diff(database) == NOTHING


def worsen(database: Database, table: sa.Table, paper_id: int, **values: object) -> None:
    """Leave what an older reader would have left of a paper's text, its sightings, or its row."""
    keys = {
        revisions: revisions.c.id.in_(
            sa.select(sightings.c.revision_id).where(sightings.c.paper_id == paper_id)
        ),
        sightings: sightings.c.paper_id == paper_id,
        paper_table: paper_table.c.id == paper_id,
    }
    with database.write() as conn:
        conn.execute(sa.update(table).where(keys[table]).values(values))


def test_a_field_that_an_older_reader_lost(filled: Database) -> None:
    """A title cut, stars and authors missing, another count of votes: exactly these are told."""
    worsen(filled, revisions, 1, title="A Ki")
    worsen(filled, paper_table, 1, stars=None)
    worsen(filled, paper_table, 2, votes=99, authors=[])
    found = diff(filled)
    assert told(found) == {
        "A Ki": {"title": ("A Ki", "A Kite"), "stars": (None, 7)},
        "A Bread": {"votes": (99, 2), "authors": ((), ("Ada Example",))},
    }
    assert (found.appearing, found.vanishing, found.dumps) == ((), (), ())


def test_a_detail_that_an_older_reader_lost(filled: Database) -> None:
    """Details are told one by one."""
    worsen(filled, paper_table, 1, details={"summary": "Old."})
    midnight = dt.datetime.combine(TODAY, dt.time(), dt.UTC)
    assert told(diff(filled)) == {"A Kite": {"summary": ("Old.", ""), "submitted_at": (None, midnight)}}


def test_a_paper_that_an_older_reader_missed(filled: Database) -> None:
    """It would appear; its dump has a record more."""
    with filled.write() as conn:
        conn.execute(sa.delete(sightings).where(sightings.c.paper_id == 2))
        conn.execute(sa.delete(paper_table).where(paper_table.c.id == 2))
        conn.execute(sa.update(dump_table).where(dump_table.c.id == 1).values(records=1))
    found = diff(filled)
    assert [(paper.title, paper.first_seen) for paper in found.appearing] == [("A Bread", TODAY)]
    assert [(one.dump.name, _fields(one.changed)) for one in found.dumps] == [("1.json", {"records": (1, 2)})]
    assert (found.vanishing, found.changing) == ((), ())


def test_a_paper_that_an_older_reader_made_up(filled: Database) -> None:
    """It would vanish."""
    with filled.write() as conn:
        made = conn.execute(sa.select(paper_table).where(paper_table.c.id == 2)).one()._mapping
        conn.execute(sa.insert(paper_table).values({**made, "id": 99, "arxiv_id": None}))
        seen = conn.execute(sa.select(sightings).where(sightings.c.paper_id == 2)).one()._mapping
        conn.execute(
            sa.insert(sightings).values({**seen, "id": 99, "paper_id": 99, "position": 99, "arxiv_id": None})
        )
    [gone] = diff(filled).vanishing
    assert (gone.paper.id, gone.into_id) == (99, None)


def test_a_paper_that_an_older_reader_told_apart(filled: Database) -> None:
    """It would go into the other, which would be as before."""
    bread = layout_b([("A Bread", CARDS[3][1]), CARDS[1]]).encode()
    take(filled, raw_dump(bread, name="page.txt"))
    with filled.write() as conn:
        whole = conn.execute(sa.select(paper_table).where(paper_table.c.id == 2)).one()._mapping
        conn.execute(sa.insert(paper_table).values({**whole, "id": 99, "arxiv_id": None}))
        stray = sa.and_(sightings.c.paper_id == 2, sightings.c.arxiv_id.is_(None))
        conn.execute(sa.update(sightings).where(stray).values(paper_id=99))
    found = diff(filled)
    assert [(gone.paper.id, gone.into_id) for gone in found.vanishing] == [(99, 2)]
    assert (found.appearing, found.changing, found.dumps) == ((), (), ())


def test_a_dump_that_can_be_read_now(filled: Database) -> None:
    """Its status would change, and its papers appear."""
    whole = daily_papers(["A Well"])
    with filled.write() as conn:
        cut = dump_table.c.name == "cut.json"
        conn.execute(sa.update(dump_table).where(cut).values(body=zlib.compress(whole)))
    found = diff(filled)
    assert [paper.title for paper in found.appearing] == ["A Well"]
    [change] = found.dumps
    fields = _fields(change.changed)
    assert (change.dump.name, fields["status"]) == (
        "cut.json",
        (DumpStatus.QUARANTINED, DumpStatus.STORED),
    )
    assert fields["records"] == (0, 1)
    assert fields["reason"][1] is None


def test_one_day(filled: Database) -> None:
    """What the dumps of a day would change, and nothing else; a day without dumps changes nothing."""
    worsen(filled, paper_table, 1, votes=99)
    worsen(filled, paper_table, 3, votes=99)
    names: list[str] = []
    assert told(diff(filled, day=TODAY + DAY, on_dump=names.append)) == {"A Loom": {"votes": (99, 1)}}
    assert names == ["2.json"]
    assert diff(filled, day=dt.date(2020, 1, 1)) == NOTHING


def test_telling_changes_nothing_and_a_replay_does_what_was_told(filled: Database) -> None:
    """Every row of every table is as before; the replay then brings about each change, and nothing is left."""
    worsen(filled, revisions, 1, title="A Ki")
    worsen(filled, paper_table, 3, votes=99)
    before = rows(filled)
    found = diff(filled)
    assert rows(filled) == before
    replay(filled)
    with filled.read() as conn:
        for one in found.changing:
            after = papers.get(conn, one.paper.id)
            assert {c.field: c.will_be for c in one.changed} == {
                c.field: getattr(after, c.field) for c in one.changed
            }
    assert diff(filled) == NOTHING


def test_the_file_itself_is_not_touched(sqlite_database: Database) -> None:
    """Byte for byte, where it may only be read."""
    take(sqlite_database, raw_dump(["A Kite"]))
    worsen(sqlite_database, paper_table, 1, votes=99)
    sqlite_database.close()  # which brings the log into the file
    path = Path(str(sqlite_database.url.database))
    before = path.read_bytes()
    reader = Database(f"sqlite:///{path}", read_only=True)
    assert told(diff(reader)) == {"A Kite": {"votes": (99, 1)}}
    reader.close()
    assert path.read_bytes() == before
