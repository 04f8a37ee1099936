"""All that is told of one paper holds together: what is shown, whom it comes from, and when."""

from __future__ import annotations

import pytest

from digest.ingest.history import EventKind
from digest.pipeline import joins
from digest.pipeline.history import History, history
from digest.pipeline.ingest import IngestOptions, ingest
from digest.store.database import Database
from tests.factories import DAY, NOW, TODAY, publish_edition, raw_dump
from tests.ingest.sample import CARDS, layout_b


def tell(database: Database, paper_id: int) -> History:
    with database.read() as conn:
        told = history(conn, paper_id)
    assert told is not None
    return told


@pytest.fixture
def filled(database: Database) -> Database:
    """A paper that a page lists without id or votes, and an API, the day after, with both."""
    page = raw_dump(layout_b(CARDS[:3]).encode(), name="page.txt", modified_at=NOW)
    row = {
        "title": CARDS[1][0],
        "id": "2611.00001",
        "summary": CARDS[1][1],
        "upvotes": 5,
        "ai_summary": "Moss.",
    }
    answer = raw_dump([row], name="api.json", day=TODAY + DAY)
    for source, dump in (("folder", page), ("daily-papers", answer)):
        options = IngestOptions(source=source, seen_on=TODAY, as_new=True)
        [report] = ingest(database, [dump], now=NOW, options=options)
        assert report.status == "stored"
    return database


def test_each_field_has_the_source_that_gives_it(filled: Database) -> None:
    """The arXiv id, the votes and the summary come from the API alone, the text from the newest that lists it."""
    told = tell(filled, 2)
    assert told.paper.title == CARDS[1][0]
    for name in ("arxiv_id", "votes", "summary", "url", "title", "abstract", "authors"):
        origin = told.origins[name]
        assert (origin.source, origin.dated, origin.dump_id) == ("daily-papers", TODAY + DAY, 2), name
    assert not told.origins.keys() & {"stars", "doi", "project_url"}
    assert tell(filled, 1).origins["title"].source == "folder"
    assert "arxiv_id" not in tell(filled, 1).origins


def test_series_and_events_belong_to_the_paper(filled: Database) -> None:
    """Days without votes are days all the same; text that only mark-up tells apart is not revised."""
    told = tell(filled, 2)
    # The page says Aug 12, of the year it was seen in.
    assert [(day.day > TODAY, day.votes is None) for day in told.days] == [(False, True), (True, False)]
    assert [event.kind for event in told.events] == [EventKind.SEEN]
    assert told.gain_per_day.votes == 0
    assert [(text.listed, text.strays) for text in told.texts] == [(2, 1)]


def test_names_and_editions_of_merged_papers(database: Database) -> None:
    """Whichever name is asked for, the answer is that of the paper it is shown as."""
    for number, title in enumerate(("On Kites", "On Bread")):
        publish_edition(database, title, day=TODAY + number * DAY)
    joins.merge(database, 1, 2, now=NOW)
    told = tell(database, 1)
    assert told == tell(database, 2)
    assert (told.paper.id, told.names) == (2, (2, 1))
    assert [event.day for event in told.events if event.kind is EventKind.EDITION] == [TODAY, TODAY + DAY]


def test_a_paper_that_is_not_there(database: Database) -> None:
    """There is nothing to tell."""
    with database.read() as conn:
        assert history(conn, 1) is None
