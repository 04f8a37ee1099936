"""The shelf: which editions a reader is served from, and what of them they had before."""

from __future__ import annotations

import datetime as dt

import pytest

from digest.deliver.delivery import Status
from digest.pipeline.shelf import STALE, Rankers, Shelf
from digest.rank.topics import parse
from digest.store import deliveries, papers, subscribers
from digest.store.database import Database
from digest.subscribers.subscriber import Frequency, Schedule
from tests.factories import (
    DAY,
    NOW,
    TODAY,
    TOPICS,
    add_subscriber,
    clean_record,
    list_records,
    pick,
    planned,
    publish_edition,
)

RANKERS = Rankers(parse(TOPICS))


def test_an_empty_shelf(database: Database) -> None:
    """Before the first edition there is nothing to serve anyone from."""
    with database.write() as conn:
        who = add_subscriber(conn)
        shelf = Shelf(conn, RANKERS, now=NOW)
        assert (shelf.newest, shelf.newest_id) == (None, 0)
        assert shelf.span(subscribers.standing(conn, who.id), TODAY) == ()
        assert shelf.upto(TODAY) == ()
        assert shelf.papers(()) == []


@pytest.mark.parametrize(
    ("frequency", "cursor", "drawn"),
    [
        ("daily", None, [0]),
        ("daily", -8, [0]),
        ("daily", 0, []),
        ("weekdays", None, [0]),
        ("weekdays", -1, [0]),
        ("weekdays", -7, [0, -1]),
        ("weekly", None, [0]),
        ("weekly", -8, [0, -1, -7]),
        ("weekly", -9, [0, -1, -7]),
        ("weekly", 0, []),
    ],
)
def test_spans(database: Database, frequency: str, cursor: int | None, drawn: list[int]) -> None:
    """Newest first: the newest alone for daily and without a cursor, else all since it, a week back at most."""
    ids = {n: publish_edition(database, f"Kite {n}", day=TODAY + n * DAY) for n in (-9, -8, -7, -1, 0)}
    after = None if cursor is None else ids[cursor]
    with database.write() as conn:
        who = add_subscriber(conn, schedule=Schedule(frequency=Frequency(frequency)))
        subscribers.change(conn, who.id, cursor_edition_id=after)
        shelf = Shelf(conn, RANKERS, now=NOW)
        span = shelf.span(subscribers.standing(conn, who.id), TODAY)
        if drawn:
            assert shelf.between(Frequency(frequency), after, ids[0], TODAY) == span, "what `why` tells later"
    assert span == tuple(ids[n] for n in drawn)


def test_staleness(database: Database) -> None:
    """An edition is stale once it is more than 36 hours old."""
    edition = publish_edition(database, "A Kite", at=NOW)
    with database.write() as conn:
        who = subscribers.standing(conn, add_subscriber(conn).id)
        spans = [
            Shelf(conn, RANKERS, now=NOW + STALE + late).span(who, TODAY)
            for late in (dt.timedelta(0), dt.timedelta(seconds=1))
        ]
    assert spans == [(edition,), ()]


def test_upto(database: Database) -> None:
    """For a date gone by, the newest edition of that date or before."""
    first = publish_edition(database, "Kite 1", day=TODAY - 2 * DAY)
    second = publish_edition(database, "Kite 2")
    with database.read() as conn:
        shelf = Shelf(conn, RANKERS, now=NOW)
        found = [shelf.upto(TODAY + n * DAY) for n in (-3, -2, -1, 0, 1)]
    assert found == [(), (first,), (first,), (second,), (second,)]


def renamed(database: Database) -> tuple[int, int, int, int]:
    """Two editions that hold one paper under two names; returns both, and both ids of the paper."""
    first = publish_edition(database, "A Kite Without an Id", day=TODAY - DAY)
    with database.write() as conn:
        list_records(conn, [clean_record("The Kite Renamed", arxiv_id="2611.00001")], "two")
    second = publish_edition(database, "Filler")
    with database.write() as conn:
        list_records(conn, [clean_record("A Kite Without an Id", arxiv_id="2611.00001")], "three")
    with database.read() as conn:
        shelf = Shelf(conn, RANKERS, now=NOW)
        [old] = [p.paper_id for p in shelf.papers((first,))]
        [new] = [p.paper_id for p in shelf.papers((second,)) if p.title == "The Kite Renamed"]
        merged = papers.get(conn, old)
    assert merged is not None
    assert merged.id == new != old
    return first, second, old, new


def test_one_paper_under_two_names(database: Database) -> None:
    """In a span of both editions the paper stands once, as the newer one holds it."""
    first, second, old, new = renamed(database)
    with database.read() as conn:
        shelf = Shelf(conn, RANKERS, now=NOW)
        found = shelf.papers((second, first))
        assert sorted(p.title for p in found) == ["Filler", "The Kite Renamed"]
        assert shelf.names((second, first))[old] == new
        assert shelf.ranker((second, first)) is shelf.ranker((second, first))


@pytest.mark.parametrize(
    ("status", "mailed"),
    [(status, status in ("planned", "claimed", "deferred", "sent", "ambiguous")) for status in Status],
)
@pytest.mark.parametrize("under_old_name", [True, False])
def test_what_was_mailed(database: Database, status: Status, mailed: bool, under_old_name: bool) -> None:
    """What is or may be in a reader's hands counts as mailed under all its names; what failed does not."""
    first, second, old, new = renamed(database)
    with database.write() as conn:
        who, other = add_subscriber(conn), add_subscriber(conn)
        row = planned(
            who,
            status=status,
            picks=(pick(old if under_old_name else new, edition_id=first if under_old_name else second),),
            edition_id=first if under_old_name else second,
        )
        deliveries.plan(conn, [row], now=NOW)
        found = Shelf(conn, RANKERS, now=NOW).mailed((second,), [who.id, other.id])
    assert found == [{new} if mailed else set(), set()]
