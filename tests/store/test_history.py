"""What the sightings tell of a paper over time, as the store reads it."""

from __future__ import annotations

from digest.ingest.origins import origins
from digest.ingest.record import Details
from digest.store import dumps, history, papers
from digest.store.database import Database
from digest.store.dumps import DumpStatus
from tests.factories import DAY, NOW, TODAY, clean_record, clean_records, list_records, publish_edition


def test_every_arrival_is_a_listing(database: Database) -> None:
    """The same bytes tomorrow list the paper again, on the day that they stand for, by the source that brought them."""
    record = clean_record(
        votes=3, comments=1, stars=9, code_url="https://code.example.org/k", details=Details(version=2)
    )
    with database.write() as conn:
        list_records(conn, [record], "1")
        dumps.arrive(conn, 1, source="api", name="again", at=NOW + DAY, dated=TODAY + DAY)
        [listed] = history.listings(conn, [1]).values()
    assert sorted((one.day, one.source) for one in listed) == [(TODAY, "folder"), (TODAY + DAY, "api")]
    [one, _] = listed
    assert (one.votes, one.comments, one.stars, one.position) == (3, 1, 9, 1)
    assert (one.code_url, one.details) == ("https://code.example.org/k", Details(version=2))
    assert (one.title_key, one.abstract) == ("a paper on kites", record.abstract)
    assert one.revision_hash == record.text_hash


def test_a_paper_is_listed_under_all_of_its_names(database: Database) -> None:
    """Listings, texts, origins and editions are those of the papers that were merged into it, too."""
    publish_edition(database, "On Kites", day=TODAY)
    publish_edition(database, "On Bread", day=TODAY + DAY)
    with database.write() as conn:
        papers.merge(conn, 2, 1, at=NOW)
        assert [one.day for one in history.listings(conn, [1])[1]] == [TODAY, TODAY + DAY]
        assert history.listings(conn, [2]) == {}
        assert [text.title for text in history.texts(conn, 1)] == ["On Kites", "On Bread"]
        assert [one.sighting.dated for one in history.seen_in(conn, 1)] == [TODAY + DAY, TODAY]
        assert history.entered(conn, [1, 2]) == [TODAY, TODAY + DAY]


def test_what_nobody_lists_has_no_history(database: Database) -> None:
    """Neither has a paper that is not there."""
    with database.write() as conn:
        list_records(conn, clean_records("On Kites"))
        assert history.listings(conn, []) == history.listings(conn, [99]) == {}
        assert (history.texts(conn, 99), history.seen_in(conn, 99), history.entered(conn, [1])) == (
            [],
            [],
            [],
        )


def test_a_dump_that_is_being_read_is_no_history_yet(database: Database) -> None:
    """Its rows are staged, and shown to nobody."""
    with database.write() as conn:
        list_records(conn, clean_records("On Kites"))
        dumps.settle(conn, 1, status=DumpStatus.READING)
        assert (history.listings(conn, [1]), history.texts(conn, 1), history.seen_in(conn, 1)) == ({}, [], [])


def test_texts_tell_what_a_split_would_take(database: Database) -> None:
    """Each with the days that it was seen on, and how many of its listings have no arXiv id."""
    stray, named = clean_record("On Kites"), clean_record("On Kites", arxiv_id="2611.00001")
    other = clean_record("On Kites", abstract="Another.", arxiv_id="2611.00001")
    with database.write() as conn:
        for number, record in enumerate((stray, named, other)):
            list_records(conn, [record], str(number), dated=TODAY + number * DAY)
        found = history.texts(conn, 1)
    assert [(text.hash, text.listed, text.strays) for text in found] == [
        (stray.text_hash, 2, 1),
        (other.text_hash, 1, 0),
    ]
    assert (found[0].first_seen, found[0].last_seen) == (TODAY, TODAY + DAY)
    assert (found[0].title, found[0].abstract) == ("On Kites", "We study: On Kites.")


def test_sightings_tell_where_a_fact_comes_from(database: Database) -> None:
    """The greatest first, each with its dump; what they give is what the paper shows."""
    with database.write() as conn:
        list_records(conn, [clean_record("On Kites", votes=3, authors=("Ada",), arxiv_id="2611.00001")], "1")
        list_records(conn, [clean_record("On Kites", votes=5, doi="10.1/kites")], "2", dated=TODAY + DAY)
        seen = history.seen_in(conn, 1)
        paper = papers.get(conn, 1)
    assert [(one.dump_id, one.source, one.format, one.arxiv_id) for one in seen] == [
        (2, "folder", "invented", None),
        (1, "folder", "invented", "2611.00001"),
    ]
    assert paper is not None
    found = origins([one.sighting for one in seen])
    assert (found["votes"].votes, found["authors"].authors, found["doi"].doi) == (
        paper.votes,
        paper.authors,
        paper.doi,
    )
