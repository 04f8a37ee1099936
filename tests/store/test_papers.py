"""Papers: which records are one paper, what is shown of it, and what stays when a dump is read again."""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Sequence
from itertools import pairwise, permutations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.engine import Connection

from digest.ingest.paper import CleanRecord
from digest.ingest.record import NO_DETAILS
from digest.store import dumps, editions, engines, intake, papers, placing, showing, sightings
from digest.store.database import Database
from digest.store.dumps import DumpStatus
from digest.store.papers import Paper
from tests.factories import (
    DAY,
    TODAY,
    clean_record,
    clean_records,
    keep_dump,
    list_records,
    publish_edition,
    take_in,
)

KITE, BREAD, LOOM = "On Kites", "On Bread", "On Looms"
LOW, HIGH = "2601.00001", "2611.00009"

#: What tells papers apart but for their ids: arXiv id, title, and the (dump, position) of each sighting.
Content = set[tuple[str | None, str, frozenset[tuple[str, int]]]]


def content(conn: Connection) -> Content:
    """All shown papers, as what they hold."""
    listed: dict[int, set[tuple[str, int]]] = {}
    query = "SELECT paper_id, name, position FROM sightings JOIN dumps ON dumps.id = dump_id"
    for paper, name, position in conn.exec_driver_sql(query):
        listed.setdefault(paper, set()).add((name, position))
    return {(p.arxiv_id, p.title, frozenset(listed.pop(p.id))) for p in papers.every(conn)} | {
        ("not shown", str(paper), frozenset(seen)) for paper, seen in listed.items()
    }


def only(conn: Connection) -> Paper:
    (paper,) = papers.every(conn)
    return paper


@pytest.mark.parametrize(
    ("records", "expected"),
    [
        pytest.param([(None, KITE), (None, KITE)], {(None, 2)}, id="one title is one paper"),
        pytest.param([(None, KITE), (None, "ON: kites!")], {(None, 2)}, id="case and signs do not count"),
        pytest.param([(None, KITE), (None, BREAD)], {(None, 1)}, id="two titles are two papers"),
        pytest.param([(LOW, KITE), (LOW, BREAD)], {(LOW, 2)}, id="one arXiv id is one paper"),
        pytest.param([(LOW, KITE), (HIGH, KITE)], {(LOW, 1), (HIGH, 1)}, id="two arXiv ids are two papers"),
        pytest.param([(None, KITE), (LOW, KITE)], {(LOW, 2)}, id="an id joins those of its title"),
        pytest.param(
            [(None, KITE), (LOW, KITE), (HIGH, KITE)], {(LOW, 2), (HIGH, 1)}, id="of two ids the smaller"
        ),
        pytest.param(
            [(None, KITE), (None, BREAD), (LOW, KITE), (LOW, BREAD)],
            {(LOW, 4)},
            id="an id bridges two titles",
        ),
        pytest.param(
            [(None, KITE), (HIGH, KITE), (HIGH, BREAD), (LOW, BREAD), (None, BREAD)],
            {(HIGH, 3), (LOW, 2)},
            id="two ids share one of three names",
        ),
    ],
)
def test_identity_in_any_order(
    database: Database, records: Sequence[tuple[str | None, str]], expected: set[tuple[str | None, int]]
) -> None:
    """Which records are one paper does not depend on the order in which their dumps arrive."""
    listings = [
        (f"dump {number}", clean_record(title, arxiv_id=arxiv))
        for number, (arxiv, title) in enumerate(records)
    ]
    found: list[Content] = []
    for order in list(permutations(listings))[:: 1 if len(listings) < 5 else 7]:
        with database.engine.connect() as conn:  # rolled back: one database serves every order
            for name, listing in order:
                list_records(conn, [listing], name)
            found.append(content(conn))
    assert {(arxiv, len(seen)) for arxiv, _title, seen in found[0]} == expected
    assert all(other == found[0] for other in found)


_records = st.tuples(
    st.sampled_from([None, "2601.00001", "2602.00002", "2603.00003"]), st.sampled_from("ABC")
)


def by_definition(records: Sequence[tuple[str | None, str]]) -> set[frozenset[int]]:
    """The rule as it stands in the rules: which records, by number, are one paper."""
    groups: dict[str, set[int]] = {}
    for number, (arxiv, title) in enumerate(records):
        carried = [other for other, its_title in records if other and its_title == title]
        groups.setdefault(arxiv or min(carried, default=f"title {title}"), set()).add(number)
    return {frozenset(group) for group in groups.values()}


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.differing_executors],
)
@given(
    listed=st.lists(_records, min_size=1, max_size=7).flatmap(
        lambda some: st.tuples(st.just(some), st.permutations(range(len(some))))
    ),
    cuts=st.sets(st.integers(1, 6)),
    batch=st.integers(1, 4),
)
def test_identity_by_its_definition(
    sqlite_database: Database,
    listed: tuple[list[tuple[str | None, str]], list[int]],
    cuts: set[int],
    batch: int,
) -> None:
    """In any order, cut into any dumps, batched any way, the same records give the same papers."""
    check_definition(sqlite_database, listed, cuts, batch)


@settings(
    max_examples=15,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.differing_executors],
)
@given(
    listed=st.lists(_records, min_size=4, max_size=7).flatmap(
        lambda some: st.tuples(st.just(some), st.permutations(range(len(some))))
    ),
    cuts=st.sets(st.integers(1, 6)),
    batch=st.integers(1, 4),
)
def test_identity_by_its_definition_on_postgresql(
    postgresql_database: Database,
    listed: tuple[list[tuple[str | None, str]], list[int]],
    cuts: set[int],
    batch: int,
) -> None:
    """The same holds on PostgreSQL."""
    check_definition(postgresql_database, listed, cuts, batch)


def check_definition(
    database: Database, listed: tuple[list[tuple[str | None, str]], list[int]], cuts: set[int], batch: int
) -> None:
    records, order = listed
    cleaned: dict[int, CleanRecord] = {
        number: clean_record(f"On {records[number][1]}", position=number + 1, arxiv_id=records[number][0])
        for number in order
    }
    edges = [0, *sorted(cut for cut in cuts if cut < len(order)), len(order)]
    with database.engine.connect() as conn:
        for start, end in pairwise(edges):
            list_records(conn, [cleaned[number] for number in order[start:end]], f"from {start}", batch=batch)
        groups = {frozenset(position - 1 for _name, position in seen) for _id, _title, seen in content(conn)}
        ids = {paper.arxiv_id for paper in papers.every(conn)} - {None}
    assert groups == by_definition(records)
    assert ids == {arxiv for arxiv, _title in records} - {None}


def test_what_a_batch_did(database: Database) -> None:
    """A record is new, a revision, or a mere sighting of a known text; a cut text is no revision."""
    long, cut, other = "Strings hold kites, and kites hold air.", "Strings hold kites", "Wind does it all."
    with database.write() as conn:
        first = list_records(conn, [clean_record(KITE, abstract=long), clean_record(BREAD, position=2)], "1")
        again = list_records(
            conn,
            [
                clean_record(KITE, abstract=long),
                clean_record(KITE, position=2, abstract=cut),
                clean_record(KITE, position=3, abstract=""),
                clean_record(KITE, position=4, abstract=other),
                clean_record(LOOM, position=5),
                clean_record(LOOM, position=6),
            ],
            "2",
        )
    assert (first.new, first.revised, first.seen) == (2, 0, 0)
    assert (again.new, again.revised, again.seen) == (1, 1, 4)
    (kite, bread), (loom,) = sorted(first.made), again.made
    assert again.touched - {loom} == {kite}
    assert bread not in again.touched


def test_text_and_facts_of_a_paper(database: Database) -> None:
    """The dump with the latest date gives text and votes, whenever it came; what it lacks comes from the others."""
    late = clean_record(KITE, arxiv_id=LOW, abstract="Second thoughts.", votes=9)
    early = clean_record(
        KITE,
        arxiv_id=LOW,
        abstract="First thoughts, see https://github.com/example/kites .",
        votes=3,
        authors=("Ada Example", "Bo Sample"),
        url="https://example.org/kites",
        code_url="https://example.org/code",
    )
    with database.write() as conn:
        list_records(conn, [late], "late", dated=TODAY)
        list_records(conn, [early], "early", dated=TODAY - 2 * DAY)
        assert only(conn) == Paper(
            id=only(conn).id,
            title=KITE,
            abstract="Second thoughts.",
            authors=("Ada Example", "Bo Sample"),
            arxiv_id=LOW,
            # The page of the arXiv id stands in for a record that names none.
            url="https://arxiv.org/abs/2601.00001",
            code_urls=("https://example.org/code",),
            votes=9,
            comments=None,
            stars=None,
            doi=None,
            details=NO_DETAILS,
            first_seen=TODAY - 2 * DAY,
            last_seen=TODAY,
            edition_id=None,
            background=False,
        )


def test_a_cut_text_does_not_replace_the_whole(database: Database) -> None:
    """A later listing whose abstract is the beginning of a known one leaves the longer one in place."""
    with database.write() as conn:
        list_records(conn, [clean_record(KITE, abstract="All of it, and more.")], "1", dated=TODAY - DAY)
        list_records(conn, [clean_record(KITE, abstract="All of it")], "2", dated=TODAY)
        assert only(conn).abstract == "All of it, and more."
        assert only(conn).last_seen == TODAY


def test_background_sticks(database: Database) -> None:
    """A paper that some old dump lists is history, also where a new dump lists it."""
    with database.write() as conn:
        list_records(conn, clean_records(KITE), "old", dated=TODAY - 30 * DAY, background=True)
        list_records(conn, clean_records(KITE), "new")
        assert only(conn).background


def test_staged_papers_are_seen_by_nobody(database: Database) -> None:
    """What is recorded but not yet shown appears in no list, count or search."""
    with database.write() as conn:
        dump = keep_dump(conn)
        dumps.settle(conn, dump, status=DumpStatus.READING)
        sightings.stage(conn, dump, clean_records(KITE))
        change = placing.begin(conn, dump)
        placing.place(conn, change, limit=9)
        placing.switch(conn, change)
        (staged,) = change.made
        assert papers.total(conn) == 0
        assert list(papers.every(conn)) == list(papers.search(conn, "kites")) == []
        assert papers.get(conn, staged) is None
        assert editions.new_papers(conn) == []
        dumps.settle(conn, dump, status=DumpStatus.STORED)
        assert papers.total(conn) == 1
        assert papers.get(conn, staged) == only(conn)


def test_search(database: Database) -> None:
    """Each word has to stand in the title or the abstract; case does not count, and % is a character like others."""
    with database.write() as conn:
        list_records(
            conn,
            [
                clean_record("Kites at Night", abstract="They need 34% less wind."),
                clean_record("Bread", position=2, abstract="Rises at night."),
                clean_record("Percent", position=3, abstract="340 of them."),
            ],
        )

        def found(words: str) -> list[str]:
            return [paper.title for paper in papers.search(conn, words)]

        assert found("NIGHT") == ["Kites at Night", "Bread"]
        assert found("night kites") == ["Kites at Night"]
        assert found("night percent") == []
        assert found("34%") == ["Kites at Night"]
        assert found("") == ["Kites at Night", "Bread", "Percent"]


def test_pages_while_papers_come_in(database: Database) -> None:
    """Pages by key together hold each paper once that was there from the start, whatever comes in meanwhile."""
    with database.write() as conn:
        list_records(conn, clean_records(*(f"On {n} Kites" for n in range(7)), KITE, BREAD), "1")
        stood = [paper.id for paper in papers.search(conn, "kites")]
    paged: list[int] = []
    for turn in range(1, 99):
        with database.read() as conn:
            page = list(papers.search(conn, "KITES kites", after=max(paged, default=0), limit=3))
        if not page:
            break
        assert len(page) <= 3
        paged += [paper.id for paper in page]
        if turn < 4:
            with database.write() as conn:
                list_records(conn, clean_records(f"Later Kites {turn}", f"Bread {turn}"), f"later {turn}")
    assert len(stood) == 8
    assert paged[: len(stood)] == stood
    assert len(paged) == len(set(paged)) == 8 + 3


def test_ids_from_outside(database: Database) -> None:
    """An id that no column could hold is no paper, and no error."""
    with database.write() as conn:
        list_records(conn, clean_records(KITE))
        for beyond in (2**31, 2**63 - 1):
            assert papers.get(conn, beyond) is None
            assert list(papers.search(conn, "", after=beyond)) == []


def test_a_merged_paper_keeps_its_names(database: Database) -> None:
    """Papers that turn out to be one are found under each id they ever had, also through two merges."""
    with database.write() as conn:
        list_records(conn, clean_records(KITE, BREAD, LOOM), "1")
        kite, bread, loom = (paper.id for paper in papers.every(conn))
        assert papers.names(conn, [kite, loom]) == {kite: kite, loom: loom}
        list_records(
            conn, [clean_record(BREAD, arxiv_id=HIGH), clean_record(KITE, arxiv_id=HIGH, position=2)], "2"
        )
        # Of the papers that were one title each the oldest goes on.
        assert only_id(conn, BREAD, KITE) == kite
        assert papers.names(conn, [kite]) == papers.names(conn, [bread]) == {kite: kite, bread: kite}
        assert papers.get(conn, kite) == papers.get(conn, bread)
        list_records(
            conn, [clean_record(LOOM, arxiv_id=LOW), clean_record(BREAD, arxiv_id=LOW, position=2)], "3"
        )
        # Now the records without id of "On Bread" are the smaller id's, and the first paper keeps its own.
        assert papers.names(conn, [loom]) == {loom: loom}
        assert {paper.id: paper.arxiv_id for paper in papers.every(conn)} == {kite: HIGH, loom: LOW}
        assert papers.names(conn, []) == {}
        assert papers.get(conn, 999) is None


def only_id(conn: Connection, *titles: str) -> int:
    (found,) = {paper.id for paper in papers.every(conn) if paper.title in titles}
    return found


def test_merges_are_flat(database: Database) -> None:
    """A paper merged into one that is merged itself goes by the last one's id."""
    with database.write() as conn:
        list_records(conn, clean_records(KITE), "1")
        kite = only(conn).id
        list_records(conn, [clean_record(BREAD, arxiv_id=HIGH)], "2")
        list_records(conn, [clean_record(KITE, arxiv_id=HIGH)], "3")
        bread = only(conn).id
        for dump in [dump for dump in dumps.every(conn) if dump.name != "1"]:
            sightings.forget(conn, dump.id)
        list_records(conn, [clean_record(KITE, arxiv_id=LOW)], "4")
        last = only(conn).id
        assert papers.names(conn, [kite]) == {kite: last, bread: last, last: last}
        assert len({kite, bread, last}) == 3


def test_a_replay_keeps_ids_and_content(database: Database) -> None:
    """Taking a dump back and storing it again, dump by dump, changes neither ids nor what is shown."""
    listings = {
        "a": clean_records(KITE, BREAD),
        "b": [clean_record(KITE, arxiv_id=HIGH), clean_record(LOOM, position=2)],
        "c": [clean_record(KITE, arxiv_id=LOW), clean_record(BREAD, arxiv_id=LOW, position=2)],
    }
    with database.write() as conn:
        for name, records in listings.items():
            list_records(conn, records, name)
        before, shown = content(conn), list(papers.every(conn))
        known = papers.names(conn, range(1, 9))
        for dump in list(dumps.every(conn)):
            take_in(conn, dump.id, listings[dump.name], forgotten=sightings.forget(conn, dump.id))
        papers.hide_unseen(conn)
        assert content(conn) == before
        assert list(papers.every(conn)) == shown
        assert papers.names(conn, range(1, 9)) == known


def test_a_dump_taken_back(database: Database) -> None:
    """Papers that no dump lists any more are hidden; their ids stay, and the next dump that names one shows it."""
    with database.write() as conn:
        list_records(conn, [clean_record(KITE, arxiv_id=LOW), clean_record(BREAD, position=2)], "1")
        list_records(conn, clean_records(BREAD), "2", dated=TODAY + DAY)
        kite, bread = (paper.id for paper in papers.every(conn))
        first = next(iter(dumps.every(conn)))
        forgotten = sightings.forget(conn, first.id)
        assert forgotten.papers == {kite, bread}
        take_in(conn, first.id, [], forgotten=forgotten)
        papers.hide_unseen(conn)
        assert [(paper.id, paper.first_seen) for paper in papers.every(conn)] == [(bread, TODAY + DAY)]
        assert papers.get(conn, kite) is None
        list_records(conn, clean_records(KITE), "3")
        assert [paper.id for paper in papers.every(conn)] == [kite, bread]


def test_text_is_cleaned_anew(database: Database) -> None:
    """One raw text is one revision; a newer cleaner changes the words that are shown of it, and its edition's."""
    older = clean_record(KITE, abstract="34.7\\% more")
    newer = CleanRecord(
        record=older.record, title=KITE, abstract="34.7 % more", title_key=older.title_key, code_urls=()
    )
    with database.write() as conn:
        list_records(conn, [older], "1")
        assert only(conn).abstract == "34.7% more"
        list_records(conn, [newer], "2")
        assert only(conn).abstract == "34.7 % more"
        assert conn.exec_driver_sql("SELECT count(*) FROM revisions").scalar_one() == 1


def test_what_no_engine_can_hold(database: Database) -> None:
    """Lone surrogates of a raw text and of an author's name become question marks; both engines store the same."""
    with database.write() as conn:
        list_records(conn, [clean_record("On Kites", abstract="a\ud800b", authors=("Ada \udc00",))])
        raw = conn.exec_driver_sql("SELECT abstract_raw FROM revisions").scalar_one()
        assert raw == "a?b"
        assert only(conn).authors == ("Ada ?",)


def test_the_edition_of_a_paper(database: Database) -> None:
    """A paper names the edition that holds it."""
    edition = publish_edition(database, KITE)
    with database.read() as conn:
        assert only(conn).edition_id == edition


@pytest.mark.parametrize("chunk", [1, 2, 3])
def test_many_papers(database: Database, monkeypatch: pytest.MonkeyPatch, chunk: int) -> None:
    """Lists longer than one statement takes are served in pieces, none left out."""
    monkeypatch.setattr(engines, "PIECE", chunk)
    titles = [f"On Matter {number}" for number in range(5)]
    with database.write() as conn:
        list_records(conn, clean_records(*titles), "1")
        # Merges leave emptied papers among those to show, so a piece may hold none that is listed.
        list_records(conn, [clean_record(t, position=n, arxiv_id=LOW) for n, t in enumerate(titles, 1)], "2")
        found = only(conn)
        assert papers.names(conn, [found.id]) == dict.fromkeys(range(found.id, found.id + 5), found.id)
        showing.show(conn, [found.id])
        assert only(conn) == found


def test_dates_of_sightings(database: Database) -> None:
    """The paper's own date is kept with each sighting, as the moment that it is in any zone."""
    zone = dt.timezone(dt.timedelta(hours=2))
    with database.write() as conn:
        list_records(conn, [clean_record(KITE, published_at=dt.datetime(2026, 11, 1, 1, tzinfo=zone))])
        stored = str(conn.exec_driver_sql("SELECT published_at FROM sightings").scalar_one())
    assert stored.startswith("2026-10-31 23:00:00")


def test_dumps_that_come_at_once(database: Database) -> None:
    """Dumps that are taken in at the same moment by several processes list each paper once."""
    errors: list[BaseException] = []
    start = threading.Barrier(4)

    def take_in(name: str) -> None:
        start.wait()
        try:
            with intake.alone(database), database.write() as conn:
                list_records(conn, [clean_record(KITE), clean_record(BREAD, arxiv_id=LOW, position=2)], name)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=take_in, args=(f"dump {number}",)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    with database.read() as conn:
        assert [(paper.title, paper.arxiv_id) for paper in papers.every(conn)] == [(KITE, None), (BREAD, LOW)]
