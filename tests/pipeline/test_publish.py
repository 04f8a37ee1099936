"""Publish: what is new becomes the edition of the day, once, and stays as it was."""

from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

import pytest

from digest.pipeline.ingest import IngestOptions, ingest
from digest.pipeline.publish import PublishPolicy, draw_up, due, publish
from digest.store import editions
from digest.store.database import Database
from tests.factories import DAY, HOUR, NOW, TODAY, raw_dump

POLICY = PublishPolicy(
    zone=ZoneInfo("Europe/Berlin"), hour=6, search_url="https://search.example.org/?q={title}&x=1"
)


def feed(database: Database, *rows: dict[str, object] | str, day: dt.date = TODAY) -> None:
    list(ingest(database, [raw_dump(rows, day=day)], now=NOW, options=IngestOptions()))


@pytest.mark.parametrize(("hour", "published"), [(4, False), (5, True), (22, True)])
def test_not_before_its_hour(database: Database, hour: int, published: bool) -> None:
    """The edition comes at the hour of the publishing zone, not sooner; and late rather than never."""
    feed(database, "A Kite")
    now = NOW.replace(hour=hour, minute=0)
    assert due(POLICY, now) is published
    made = publish(database, POLICY, now=now)
    assert (made is not None) is published


def test_early_on_request(database: Database) -> None:
    """An operator need not wait for the hour."""
    feed(database, "A Kite")
    made = publish(database, POLICY, now=NOW.replace(hour=1), early=True)
    assert made is not None
    assert (made.date, made.papers) == (TODAY, 1)


def test_dated_by_its_zone(database: Database) -> None:
    """The edition bears the date of the configured zone."""
    feed(database, "A Kite")
    made = publish(database, POLICY, now=NOW.replace(hour=23, minute=30), early=True)
    assert made is not None
    assert made.date == TODAY + DAY


def test_one_a_day(database: Database) -> None:
    """What comes after the edition goes into the next one; the published one stays as it is."""
    feed(database, "A Kite")
    first = publish(database, POLICY, now=NOW)
    feed(database, "A Bread")
    assert first is not None
    assert publish(database, POLICY, now=NOW + HOUR, early=True) is None
    second = publish(database, POLICY, now=NOW + DAY)
    assert second is not None
    with database.read() as conn:
        titles = [[p.title for p in editions.contents(conn, [e.id])] for e in (first, second)]
        assert editions.every(conn) == [first, second]
    assert titles == [["A Kite"], ["A Bread"]]


def test_no_edition_of_nothing(database: Database) -> None:
    """A day without new papers has no edition, and its date stays free."""
    assert publish(database, POLICY, now=NOW) is None
    feed(database, "A Kite")
    assert publish(database, POLICY, now=NOW + HOUR) is not None
    assert publish(database, POLICY, now=NOW + DAY) is None


def test_a_revision_changes_no_edition(database: Database) -> None:
    """An edition shows the text it was published with, and a revised paper is not new again."""
    row: dict[str, object] = {"title": "A Kite", "id": "2611.00001", "summary": "It flies."}
    feed(database, row)
    made = publish(database, POLICY, now=NOW)
    feed(database, row | {"summary": "It fell down."}, day=TODAY + DAY)
    assert made is not None
    assert publish(database, POLICY, now=NOW + DAY) is None
    with database.read() as conn:
        [paper] = editions.contents(conn, [made.id])
    assert paper.abstract == "It flies."


def test_the_order_of_an_edition(database: Database) -> None:
    """Papers stand by trend, places counted from one; what is drawn up is what is published."""
    feed(
        database,
        {"title": "Second", "upvotes": 0},
        {"title": "Third", "upvotes": 1},
        {"title": "First", "upvotes": 900},
    )
    with database.read() as conn:
        drawn = draw_up(conn, POLICY, day=TODAY, edition_id=1)
    made = publish(database, POLICY, now=NOW)
    assert made is not None
    with database.read() as conn:
        held = editions.contents(conn, [made.id])
    assert [(paper.place, paper.title) for paper in held] == [(1, "First"), (2, "Second"), (3, "Third")]
    assert [paper.trend for paper in held] == sorted((paper.trend for paper in held), reverse=True)
    assert held == drawn


def test_a_paper_without_a_page(database: Database) -> None:
    """A paper whose dump gives no page leads to a search for its title, escaped."""
    text = (
        "Kites & Bread: What Lifts?\n\n"
        + "We fly kites, and bake bread, in three winds and two ovens. " * 8
        + "\n"
    )
    list(ingest(database, [raw_dump(text.encode())], now=NOW, options=IngestOptions()))
    with database.read() as conn:
        [paper] = draw_up(conn, POLICY, day=TODAY)
    assert paper.url == "https://search.example.org/?q=Kites%20%26%20Bread%3A%20What%20Lifts%3F&x=1"


def test_two_publishers_at_once(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever comes second to a date publishes nothing."""
    feed(database, "A Kite")
    with database.read() as conn:
        drawn = draw_up(conn, POLICY, day=TODAY)
    with database.write() as conn:
        assert editions.publish(conn, date=TODAY, at=NOW, drawn=drawn) is not None
    monkeypatch.setattr("digest.pipeline.publish.editions.on", lambda _conn, _day: None)  # looked before
    monkeypatch.setattr("digest.pipeline.publish.draw_up", lambda *_args, **_values: drawn)
    assert publish(database, POLICY, now=NOW) is None
