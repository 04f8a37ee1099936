"""Which records are one paper, through the real store: any dumps, batches, orders, replays and words of a person."""

from __future__ import annotations

import datetime as dt
import hashlib
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from sqlalchemy.engine import Connection

from digest.ingest.alike import Text, alike, opening
from digest.ingest.identity import Name
from digest.ingest.paper import CleanRecord, Sighting, current
from digest.store import dumps, papers, placing, revisions, sightings
from digest.store.database import Database
from digest.store.schema import papers as papers_table
from digest.store.schema import sightings as sightings_table
from tests.factories import DAY, NOW, TODAY, clean_record, list_records, publish_edition, take_in
from tests.ingest.naming import partition

LOW, MID, HIGH = "2601.00001", "2606.00006", "2611.00009"
#: The first three are near-equal, and so are the last two.
TITLES = (
    "Modelling Colours of Kites", "Modeling Colors of Kites", "Modeling Colors of Kite", "Weaving Looms",
    "Weaving Loom",
)  # fmt: skip
LONG = " ".join(f"The {n}th kite was flown over the {n + 3}th meadow and weighed." for n in range(20))
ABSTRACTS = (LONG, f"{LONG} We release the scales.", f"Otherwise than before: {LONG}", "Too short.")

#: Title, abstract, arXiv id, DOI.
Row = tuple[str, str, str | None, str | None]
_rows = st.tuples(
    st.sampled_from(TITLES),
    st.sampled_from(ABSTRACTS),
    st.sampled_from([None, None, None, LOW, MID, HIGH]),
    st.sampled_from([None, None, None, "10.1/x", "10.1/y"]),
)


@dataclass(frozen=True, slots=True)
class Listed:
    """A record of one of the dumps."""

    dump: int
    record: CleanRecord


def listings(rows: Sequence[Row], dump_of: Sequence[int]) -> list[Listed]:
    return [
        Listed(dump, clean_record(title, position=n, abstract=abstract, arxiv_id=arxiv_id, doi=doi))
        for n, ((title, abstract, arxiv_id, doi), dump) in enumerate(zip(rows, dump_of, strict=True), 1)
    ]


def day_of(dump: int) -> dt.date:
    return TODAY + (dump % 2) * DAY


def of_dump(listed: Iterable[Listed], dump: int) -> list[CleanRecord]:
    return [one.record for one in listed if one.dump == dump]


def expected(
    listed: Sequence[Listed], splits: Iterable[str] = (), merges: Iterable[tuple[int, int]] = ()
) -> dict[frozenset[int], str]:
    """The text of each paper, by the positions of its records; as the rules and then a person name them."""
    texts = sorted({one.record.text_hash for one in listed})
    number = {text: n for n, text in enumerate(texts, 1)}
    split = set(splits)
    taken_out = [one for one in listed if one.record.text_hash in split and not one.record.record.arxiv_id]
    others = [one for one in listed if one not in taken_out]
    groups = {
        frozenset(others[n].record.record.position for n in group)
        for group in partition([_name(one.record, number) for one in others], _near(listed, number))
    }
    for text in split:
        mine = frozenset(o.record.record.position for o in taken_out if o.record.text_hash == text)
        groups |= {mine} - {frozenset()}
    for one, other in merges:
        together = {group for group in groups if one in group or other in group}
        groups = groups - together | {frozenset().union(*together)}
    return {group: _text(listed, group, number) for group in groups}


def _name(record: CleanRecord, number: Mapping[str, int]) -> Name:
    given_one = record.record
    return Name(
        title_key=record.title_key,
        arxiv_id=given_one.arxiv_id,
        doi=given_one.doi,
        text=number[record.text_hash],
    )


def _near(listed: Sequence[Listed], number: Mapping[str, int]) -> set[tuple[int, int]]:
    texts = {number[one.record.text_hash]: one.record for one in listed}
    return {
        (one, other)
        for one, other in combinations(sorted(texts), 2)
        if texts[one].title_key != texts[other].title_key
        and opening(texts[one].abstract) == opening(texts[other].abstract) is not None
        and alike(*(Text(texts[n].title, texts[n].abstract) for n in (one, other)))
    }


def _text(listed: Sequence[Listed], group: frozenset[int], number: Mapping[str, int]) -> str:
    seen = {number[one.record.text_hash]: one.record for one in listed if one.record.record.position in group}
    state = current(
        [
            Sighting(
                dated=day_of(one.dump),
                dump_hash=_hash(one.dump),
                position=one.record.record.position,
                revision_id=number[one.record.text_hash],
                title_key=one.record.title_key,
                abstract=one.record.abstract,
            )
            for one in listed
            if one.record.record.position in group
        ]
    )
    shown = seen[state.revision_id]
    return f"{shown.title}: {shown.abstract}"


def _hash(dump: int) -> str:
    return hashlib.sha256(f"dump {dump}".encode()).hexdigest()


def found(conn: Connection) -> dict[frozenset[int], str]:
    """The text of each shown paper, by the positions of its records."""
    shown_as = sa.func.coalesce(papers_table.c.merged_into, papers_table.c.id)
    query = sa.select(shown_as, sightings_table.c.position).join(
        papers_table, papers_table.c.id == sightings_table.c.paper_id
    )
    listed: dict[int, set[int]] = {}
    for paper, position in conn.execute(query):
        listed.setdefault(paper, set()).add(position)
    shown = {paper.id: f"{paper.title}: {paper.abstract}" for paper in papers.every(conn)}
    assert shown.keys() == listed.keys()
    return {frozenset(listed[paper]): text for paper, text in shown.items()}


def take(conn: Connection, listed: Sequence[Listed], dump: int, batch: int) -> None:
    list_records(conn, of_dump(listed, dump), f"dump {dump}", dated=day_of(dump), batch=batch)


def replay(conn: Connection, listed: Sequence[Listed], dump: int, batch: int) -> None:
    (kept,) = (one for one in dumps.every(conn) if one.name == f"dump {dump}")
    records = of_dump(listed, dump)
    take_in(conn, kept.id, records, batch=batch, forgotten=sightings.forget(conn, kept.id))


def check(
    database: Database, listed: Sequence[Listed], order: Sequence[int], replayed: Sequence[int], batch: int
) -> None:
    with database.engine.connect() as conn:
        for dump in order:
            take(conn, listed, dump, batch)
        assert found(conn) == expected(listed)
        before = {paper.id: paper for paper in papers.every(conn)}
        known = papers.names(conn, before)
        for dump in replayed:
            replay(conn, listed, dump, batch)
        papers.hide_unseen(conn)
        assert {paper.id: paper for paper in papers.every(conn)} == before
        assert papers.names(conn, before) == known


_cases = {
    "rows": st.lists(_rows, min_size=1, max_size=9),
    "dump_of": st.lists(st.integers(0, 3), min_size=9, max_size=9),
    "order": st.permutations(range(4)),
    "replayed": st.lists(st.integers(0, 3), max_size=4),
    "batch": st.integers(1, 4),
}
#: A run by hand takes a hundred times as many examples.
TIMES = int(os.environ.get("DIGEST_TEST_TIMES", "1"))
_health = [HealthCheck.function_scoped_fixture, HealthCheck.differing_executors]


@settings(max_examples=80 * TIMES, deadline=None, suppress_health_check=_health)
@given(**_cases)
def test_any_order_any_dumps_any_batches(
    sqlite_database: Database,
    rows: list[Row],
    dump_of: list[int],
    order: list[int],
    replayed: list[int],
    batch: int,
) -> None:
    """The papers and their texts are what the rules name, and a replay changes neither them nor their ids."""
    listed = listings(rows, dump_of[: len(rows)])
    check(sqlite_database, listed, order, replayed, batch)


@settings(max_examples=15 * TIMES, deadline=None, suppress_health_check=_health)
@given(**_cases)
def test_any_order_on_postgresql(
    postgresql_database: Database,
    rows: list[Row],
    dump_of: list[int],
    order: list[int],
    replayed: list[int],
    batch: int,
) -> None:
    """The same holds on PostgreSQL."""
    listed = listings(rows, dump_of[: len(rows)])
    check(postgresql_database, listed, order, replayed, batch)


def test_the_titles_are_near() -> None:
    """What the cases above are made of: near-equal titles under one long abstract, and others that are not."""
    near = [
        (one, other)
        for one, other in combinations(TITLES, 2)
        if alike(Text(one, LONG), Text(other, ABSTRACTS[1]))
    ]
    assert near == [*combinations(TITLES[:3], 2), TITLES[3:]]
    assert opening(ABSTRACTS[0]) == opening(ABSTRACTS[1]) != opening(ABSTRACTS[2])


def _paper_of(conn: Connection, position: int) -> int:
    shown_as = sa.func.coalesce(papers_table.c.merged_into, papers_table.c.id)
    query = sa.select(shown_as).join(sightings_table, sightings_table.c.paper_id == papers_table.c.id)
    return int(conn.scalars(query.where(sightings_table.c.position == position)).one())


_words = {
    "rows": st.lists(_rows, min_size=2, max_size=8),
    "dump_of": st.lists(st.integers(0, 2), min_size=8, max_size=8),
    "taken_out": st.lists(st.integers(1, 8), max_size=3),
    "merged": st.lists(st.tuples(st.integers(1, 8), st.integers(1, 8)), max_size=3),
    "early": st.integers(0, 3),
    "batch": st.integers(1, 4),
}


@settings(max_examples=60 * TIMES, deadline=None, suppress_health_check=_health)
@given(**_words)
@example(
    # The paper shows the text of the one merged into it, and must not be known again by that one's title.
    rows=[(TITLES[0], ABSTRACTS[0], None, None), (TITLES[1], ABSTRACTS[2], None, None)],
    dump_of=[0, 0],
    taken_out=[],
    merged=[(2, 1)],
    early=0,
    batch=1,
)
def test_the_word_of_a_person(
    sqlite_database: Database,
    rows: list[Row],
    dump_of: list[int],
    taken_out: list[int],
    merged: list[tuple[int, int]],
    early: int,
    batch: int,
) -> None:
    """Splits and merges hold in later dumps and replays; without the merges all is as the rules and splits say."""
    listed = listings(rows, dump_of[: len(rows)])
    check_words(sqlite_database, listed, taken_out, merged, early, batch)


@settings(max_examples=10 * TIMES, deadline=None, suppress_health_check=_health)
@given(**_words)
def test_the_word_of_a_person_on_postgresql(
    postgresql_database: Database,
    rows: list[Row],
    dump_of: list[int],
    taken_out: list[int],
    merged: list[tuple[int, int]],
    early: int,
    batch: int,
) -> None:
    """The same holds on PostgreSQL."""
    listed = listings(rows, dump_of[: len(rows)])
    check_words(postgresql_database, listed, taken_out, merged, early, batch)


def check_words(
    database: Database,
    listed: Sequence[Listed],
    taken_out: Sequence[int],
    merged: Sequence[tuple[int, int]],
    early: int,
    batch: int,
) -> None:
    with database.engine.connect() as conn:
        for dump in range(early):
            take(conn, listed, dump, batch)
        splits = {text for position in taken_out if (text := _split(conn, listed, position))}
        for dump in range(early, 3):
            take(conn, listed, dump, batch)
        assert found(conn) == expected(listed, splits)
        merges = [pair for pair in merged if _merge(conn, listed, *pair)]
        assert found(conn) == expected(listed, splits, merges)
        shown = list(papers.every(conn))
        for dump in range(3):
            replay(conn, listed, dump, batch)
        papers.hide_unseen(conn)
        assert found(conn) == expected(listed, splits, merges)
        assert list(papers.every(conn)) == shown
        for join in papers.joins(conn):
            if join.kind == "merge":
                papers.unmerge(conn, join.paper_id)
        assert found(conn) == expected(listed, splits)


def _split(conn: Connection, listed: Sequence[Listed], position: int) -> str | None:
    """Take a record's text out of its paper, where that can be done."""
    text = next((one.record.text_hash for one in listed if one.record.record.position == position), "")
    try:
        papers.split(conn, _paper_of(conn, position), text, at=NOW)
    except (ValueError, sa.exc.NoResultFound):
        return None
    return text


def _merge(conn: Connection, listed: Sequence[Listed], one: int, other: int) -> bool:
    if max(one, other) > len(listed):
        return False
    try:
        papers.merge(conn, _paper_of(conn, one), _paper_of(conn, other), at=NOW)
    except ValueError:
        return False
    return True


def test_many_moves_beside_a_split(database: Database) -> None:
    """A dump that makes two papers of four finds what a person took out where they put it."""
    alone = ["A Kite", "A Boat", "A Loom", "A Bread"]
    split = [clean_record("A Sled", position=n, abstract=f"Text {n}.") for n in (5, 6)]
    pairs = [("A Kite", "10.1/x"), ("A Boat", "10.1/x"), ("A Loom", "10.1/y"), ("A Bread", "10.1/y")]
    with database.write() as conn:
        list_records(conn, [*(clean_record(t, position=n) for n, t in enumerate(alone, 1)), *split], "first")
        made = papers.split(conn, _paper_of(conn, 5), split[0].text_hash, at=NOW)
        more = [clean_record(title, position=n, doi=name) for n, (title, name) in enumerate(pairs, 11)]
        list_records(conn, [*more, replace(split[0], record=replace(split[0].record, position=15))], "second")
        together = set(found(conn))
        taken_out = _paper_of(conn, 15)
    assert together == {
        frozenset({1, 2, 11, 12}),
        frozenset({3, 4, 13, 14}),
        frozenset({5, 15}),
        frozenset({6}),
    }
    assert taken_out == made


@pytest.mark.parametrize("pair_first", [True, False])
@pytest.mark.parametrize(("others", "together"), [(revisions.CROWD - 2, True), (revisions.CROWD - 1, False)])
def test_a_crowded_opening(database: Database, others: int, together: bool, pair_first: bool) -> None:
    """An opening that more than 64 texts share confirms no near-equal titles, whichever of them come first."""
    pair = [clean_record(title, position=n, abstract=LONG) for n, title in enumerate(TITLES[:2], 1)]
    crowd = [
        clean_record(f"A Loom of {n} Threads", position=n, abstract=f"{LONG} We spin {n} threads.")
        for n in range(11, 11 + others)
    ]
    with database.write() as conn:
        for name, records in (("pair", pair), ("crowd", crowd))[:: 1 if pair_first else -1]:
            list_records(conn, records, name)
        assert (frozenset({1, 2}) in found(conn)) is together
        assert papers.total(conn) == len(crowd) + (1 if together else 2)


def test_a_mailed_text_taken_out_is_no_news(database: Database) -> None:
    """Who takes out the text that an edition showed makes a paper that was known before, and one that was not."""
    publish_edition(database, "A Kite")
    another = clean_record("A Kite", position=1, abstract="It flies elsewhere.")
    with database.write() as conn:
        [paper] = papers.every(conn)
        list_records(conn, [another], "later")
        made = papers.split(conn, paper.id, clean_record("A Kite").text_hash, at=NOW)
        list_records(conn, [clean_record("A Boat", abstract="Oars.")], "boats")
        list_records(conn, [clean_record("A Boat", abstract="Sails.")], "more boats")
        boat = _paper_with(conn, "A Boat")
        own = papers.split(conn, boat, clean_record("A Boat", abstract="Oars.").text_hash, at=NOW)
        known = {one.id: one.background for one in papers.every(conn)}
    assert (known[made], known[boat], known[own]) == (True, False, False)


def _paper_with(conn: Connection, title: str) -> int:
    (found_one,) = (paper.id for paper in papers.every(conn) if paper.title == title)
    return found_one


def test_words_on_papers_that_are_not_there(database: Database) -> None:
    """A person's word needs a paper that is shown, under its own id or another's."""
    with database.write() as conn:
        list_records(conn, [clean_record()])
        [paper] = papers.every(conn)
        for merged, into in ((paper.id, 99), (2**63 - 1, paper.id)):
            with pytest.raises(ValueError, match="there is no paper"):
                papers.merge(conn, merged, into, at=NOW)
        with pytest.raises(ValueError, match="are one paper already"):
            papers.merge(conn, paper.id, paper.id, at=NOW)


def test_one_paper_becomes_three(database: Database) -> None:
    """Whom a later dump gives to two other papers is shown by both, whichever of them is told of first."""
    first = [(TITLES[0], None), (TITLES[1], None), (TITLES[2], LOW)]
    later = [(TITLES[0], HIGH), (TITLES[1], MID)]
    with database.write() as conn:
        for name, rows in (("first", first), ("later", later)):
            abstract = LONG if name == "first" else "Too short."
            records = [
                clean_record(title, position=n, abstract=abstract, arxiv_id=arxiv_id)
                for n, (title, arxiv_id) in enumerate(rows, 1)
            ]
            list_records(conn, records, name, dated=TODAY if name == "first" else TODAY - DAY)
        assert {paper.arxiv_id: paper.abstract for paper in papers.every(conn)} == dict.fromkeys(
            (LOW, MID, HIGH), LONG
        )


def test_more_papers_than_are_decided_beforehand(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a dump tells of known papers is shown of all of them, those left to the switch among them."""
    monkeypatch.setattr(placing, "PIECE", 2)
    titles = ["A Kite", "A Boat", "A Loom", "A Bread", "A Sled"]
    with database.write() as conn:
        for votes in (1, 2):
            records = [clean_record(title, position=n, votes=votes) for n, title in enumerate(titles, 1)]
            list_records(conn, records, f"{votes}", dated=TODAY + votes * DAY)
            assert [paper.votes for paper in papers.every(conn)] == [votes] * len(titles)
