"""Editions: what is new, published once, read back as it was frozen."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from zoneinfo import ZoneInfo

from digest.ingest.record import Announced, Details
from digest.pipeline.publish import PublishPolicy, draw_up
from digest.rank.trend import Seen
from digest.store import dumps, editions, papers, sightings
from digest.store.database import Database
from digest.store.editions import Edition
from tests.factories import (
    DAY,
    HOUR,
    NOW,
    TODAY,
    clean_record,
    clean_records,
    edition_paper,
    keep_dump,
    list_records,
    publish_edition,
)

KITE, BREAD, LOOM = "On Kites", "On Bread", "On Looms"


def new_titles(database: Database) -> list[str]:
    with database.read() as conn:
        return [paper.title for paper in editions.new_papers(conn)]


def test_what_is_new(database: Database) -> None:
    """New is what is shown, is not history, and stands in no edition; it is listed in the order of its arrival."""
    with database.write() as conn:
        list_records(conn, clean_records(KITE, BREAD), "1")
        list_records(conn, clean_records(LOOM), "old", dated=TODAY - 9 * DAY, background=True)
        sightings.stage(conn, keep_dump(conn, "staged"), clean_records("On Nets"))
    assert new_titles(database) == [KITE, BREAD]
    publish_edition(database, "On Ropes")
    assert new_titles(database) == []


def test_a_merged_paper_is_not_new_again(database: Database) -> None:
    """A paper whose edition holds it under another name is not new."""
    publish_edition(database, KITE)
    with database.write() as conn:
        list_records(conn, [clean_record(BREAD, arxiv_id="2601.00001")], "2")
    assert new_titles(database) == [BREAD]
    with database.write() as conn:
        list_records(conn, [clean_record(KITE, arxiv_id="2601.00001")], "3")
        assert papers.total(conn) == 1
    assert new_titles(database) == []


def test_sightings_of_a_new_paper(database: Database) -> None:
    """Each arrival of each dump is a sighting, on the day that it stood for, with place and votes of the dump."""
    with database.write() as conn:
        list_records(conn, [clean_record(KITE, position=3, votes=5)], "1", dated=TODAY - DAY)
        list_records(conn, [clean_record(KITE, position=1, votes=8)], "2", dated=TODAY)
        first = next(iter(dumps.every(conn)))
        dumps.arrive(conn, first.id, source="folder", name="1 again", at=NOW + DAY, dated=TODAY + DAY)
        (paper,) = editions.new_papers(conn)
    assert paper.seen == (
        Seen(day=TODAY - DAY, position=3, votes=5),
        Seen(day=TODAY, position=1, votes=8),
        Seen(day=TODAY + DAY, position=3, votes=5),
    )
    assert (paper.title, paper.abstract, paper.votes) == (KITE, f"We study: {KITE}.", 8)


def test_published_once(database: Database) -> None:
    """A date has one edition: whoever comes second gets none, and changes nothing."""
    with database.write() as conn:
        list_records(conn, clean_records(KITE, BREAD), "1")
        kite, bread = editions.new_papers(conn)
        first = editions.publish(conn, date=TODAY, at=NOW, drawn=[edition_paper(kite, place=1)])
        again = editions.publish(conn, date=TODAY, at=NOW, drawn=[edition_paper(bread, place=1)])
        assert first is not None
        assert again is None
        assert editions.on(conn, TODAY) == Edition(id=first, date=TODAY, published_at=NOW, papers=1)
        assert editions.on(conn, TODAY + DAY) is None
        assert [paper.title for paper in editions.contents(conn, [first])] == [KITE]
        assert editions.holding(conn, [kite.paper_id, bread.paper_id]) == {kite.paper_id: first}


def test_frozen_contents(database: Database) -> None:
    """An edition reads back as it was frozen, whatever its papers have become since."""
    with database.write() as conn:
        list_records(
            conn,
            [
                clean_record(KITE, votes=5, authors=("Ada Example",), code_url="https://example.org/code"),
                clean_record(BREAD, position=2),
            ],
            "1",
        )
        drawn = [edition_paper(new, place=3 - n) for n, new in enumerate(editions.new_papers(conn), 1)]
        made = editions.publish(conn, date=TODAY, at=NOW, drawn=drawn)
        assert made is not None
        changed = [clean_record(KITE, votes=50, abstract="Another text.", authors=("Bo Sample",))]
        list_records(conn, changed, "2", dated=TODAY + DAY)
        kite, _bread = drawn
        assert [(p.title, p.place) for p in editions.contents(conn, [made])] == [(BREAD, 1), (KITE, 2)]
        frozen = editions.contents(conn, [made])[1]
    assert (frozen.edition_id, frozen.edition_date) == (made, TODAY)
    for name in ("paper_id", "revision_id", "abstract", "authors", "url", "code_url", "votes", "trend"):
        assert getattr(frozen, name) == getattr(kite, name), name
    assert (frozen.authors, frozen.votes, frozen.code_url) == (
        ("Ada Example",),
        5,
        "https://example.org/code",
    )


def test_a_summary_in_place_of_an_abstract(database: Database) -> None:
    """A paper without abstract shows its summary, as its edition froze it; one with an abstract shows that."""
    policy = PublishPolicy(zone=ZoneInfo("UTC"), hour=7, search_url="https://example.org/?q={title}")
    short = Details(summary="In short.")
    with database.write() as conn:
        records = [
            clean_record(KITE, abstract="", details=short),
            clean_record(BREAD, position=2, abstract="At length.", details=short),
        ]
        list_records(conn, records, "1")
        drawn = draw_up(conn, policy, day=TODAY)
        made = editions.publish(conn, date=TODAY, at=NOW, drawn=drawn)
        assert made is not None
        later = clean_record(KITE, abstract="", details=Details(summary="Otherwise."))
        list_records(conn, [later], "2", dated=TODAY + DAY)
        frozen = editions.contents(conn, [made])
    assert {paper.title: paper.abstract for paper in frozen} == {KITE: "In short.", BREAD: "At length."}
    assert frozen == [replace(paper, edition_id=made) for paper in drawn]


def test_what_is_never_new(database: Database) -> None:
    """A withdrawn paper and a new version of an old one are known, and never new."""
    with database.write() as conn:
        records = [
            clean_record(KITE, details=Details(withdrawn=True)),
            clean_record(BREAD, position=2, details=Details(announced=Announced.REPLACE)),
            clean_record(LOOM, position=3, details=Details(announced=Announced.CROSS)),
        ]
        list_records(conn, records, "1")
        assert [paper.title for paper in editions.new_papers(conn)] == [LOOM]
        assert papers.total(conn) == 3


def test_lists_of_editions(database: Database) -> None:
    """Editions are listed oldest first, from a date on; contents come newest edition first."""
    with database.read() as conn:
        assert editions.newest(conn) is None
        assert editions.every(conn) == []
    first = publish_edition(database, KITE, BREAD, day=TODAY - DAY)
    last = publish_edition(database, LOOM, day=TODAY)
    with database.read() as conn:
        assert [(e.id, e.papers) for e in editions.every(conn)] == [(first, 2), (last, 1)]
        assert [e.id for e in editions.every(conn, since=TODAY)] == [last]
        newest = editions.newest(conn)
        assert newest is not None
        assert newest.id == last
        assert [p.title for p in editions.contents(conn, [first, last])] == [LOOM, KITE, BREAD]
        assert editions.contents(conn, []) == []
        assert editions.holding(conn, []) == {}


def test_pages_of_editions(database: Database) -> None:
    """Pages go from the newest date back, each from where the one above ended, also while an edition comes in."""
    for back in (4, 2, 1, 0):
        publish_edition(database, f"On Day {back}", day=TODAY - back * DAY)
    with database.read() as conn:
        first = editions.page(conn, limit=2)
    publish_edition(database, "On Tomorrow", day=TODAY + DAY)
    with database.read() as conn:
        second = editions.page(conn, before=first[-1].date, limit=2)
        assert [edition.date for edition in [*first, *second]] == [
            TODAY - back * DAY for back in (0, 1, 2, 4)
        ]
        assert [edition.papers for edition in second] == [1, 1]
        assert editions.page(conn, before=second[-1].date, limit=2) == []
        assert editions.page(conn, before=dt.date.min, limit=2) == []


def test_fetched(database: Database) -> None:
    """Fetched are the rows of the dumps that arrived after the edition before, up to the last one."""
    start = NOW - 3 * DAY

    def arrive(name: str, at: dt.datetime, *titles: str) -> None:
        with database.write() as conn:
            list_records(conn, clean_records(*titles), name, at=at)

    arrive("1", start, KITE, BREAD)
    first = publish_edition(database, LOOM, day=TODAY - 2 * DAY, at=start + HOUR)
    arrive("2", start + HOUR + dt.timedelta(seconds=1), "On Nets", "On Hooks", "On Lines")
    second = publish_edition(database, "On Rods", day=TODAY - DAY, at=start + DAY)
    third = publish_edition(database, "On Boats", day=TODAY, at=start + 2 * DAY)
    arrive("late", start + 3 * DAY, "On Oars")
    with database.read() as conn:
        assert editions.fetched(conn, []) == 0
        assert editions.fetched(conn, [first]) == 3
        assert editions.fetched(conn, [second]) == 4
        assert editions.fetched(conn, [third, second]) == 5
        assert editions.fetched(conn, [first, second, third]) == 8


def test_many_new_papers(database: Database) -> None:
    """More papers than one statement takes are served in pieces, each with its sightings."""
    with database.write() as conn:
        list_records(conn, clean_records(*(f"On Matter {n}" for n in range(5_001))), batch=500)
        found = editions.new_papers(conn)
    assert len(found) == 5_001
    assert all(len(paper.seen) == 1 for paper in found)
