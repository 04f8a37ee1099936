"""What a person says of identity stands above the rules: through later dumps, replays, and in what is mailed."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from email import message_from_bytes
from pathlib import Path

import pytest

from digest.errors import UsageError
from digest.pipeline import joins
from digest.pipeline.ingest import IngestOptions, ingest, replay
from digest.relay.memory import MemoryRelay
from digest.sources.dump import RawDump
from digest.store import history, ledger, papers
from digest.store.database import Database
from digest.store.papers import Paper
from tests.factories import DAY, NOW, TODAY, Clock, add_subscriber, make_app, raw_dump
from tests.ingest.sample import CARDS, layout_b

MOSS, BREAD = CARDS[1], CARDS[3]
OTHER_BREAD = (BREAD[0], CARDS[4][1])


def take(database: Database, *found: RawDump, now: dt.datetime = NOW) -> None:
    arrived = max(now, *(dump.modified_at for dump in found))
    reports = list(ingest(database, found, now=arrived, options=IngestOptions(as_new=True)))
    assert [report.status for report in reports] == ["stored"] * len(found)


def text_dump(*cards: tuple[str, str], number: int = 0) -> RawDump:
    """A text dump of these cards, without arXiv ids, seen so many days from today."""
    head = ("new", "chosen byJane and friends", f"{TODAY + number * DAY:%b %d}")
    return raw_dump(layout_b(cards, head).encode(), name=f"{number}.txt", modified_at=NOW + number * DAY)


def shown(database: Database) -> dict[int, Paper]:
    with database.read() as conn:
        return {paper.id: paper for paper in papers.every(conn)}


def titles(database: Database) -> dict[int, str]:
    return {paper.id: paper.title for paper in shown(database).values()}


def hash_of(database: Database, paper_id: int, abstract: str) -> str:
    with database.read() as conn:
        [text] = [text for text in history.texts(conn, paper_id) if text.abstract.startswith(abstract[:40])]
    return text.hash


# -- merges --------------------------------------------------------------------------------------------


def test_two_papers_of_two_ids_are_one_if_a_person_says_so(database: Database) -> None:
    """Through a later dump and a replay; taken back, all is as it was, with what came meanwhile."""
    take(database, raw_dump(["A Kite", "A Bread"]))
    before = shown(database)
    kept = joins.merge(database, 2, 1, now=NOW)
    assert (kept.id, titles(database)) == (1, {1: kept.title})
    rows = [{"title": "A Bread", "summary": "We bake it again.", "upvotes": 70}]
    take(database, raw_dump(rows, day=TODAY + DAY, name="later.json"))
    after = shown(database)
    assert {paper.id: (paper.title, paper.votes) for paper in after.values()} == {1: ("A Bread", 70)}
    replay(database)
    assert shown(database) == after
    found = joins.unmerge(database, 2)
    assert (found.id, found.abstract, found.votes) == (2, "We bake it again.", 70)
    assert shown(database)[1] == before[1]
    replay(database)
    assert titles(database) == {1: "A Kite", 2: "A Bread"}


def test_a_merge_that_is_taken_back_at_once_never_was(database: Database) -> None:
    """Every paper and every field is as before."""
    take(database, raw_dump(["A Kite", "A Bread", "A Loom"]))
    before = shown(database)
    joins.merge(database, 3, 1, now=NOW)
    joins.unmerge(database, 3)
    assert shown(database) == before
    with database.read() as conn:
        assert papers.joins(conn) == []


def test_merges_follow_one_another(database: Database) -> None:
    """A paper merged into one that is merged itself is shown as the last; each merge is taken back alone."""
    take(database, raw_dump(["A Kite", "A Bread", "A Loom"]))
    joins.merge(database, 3, 2, now=NOW)
    assert joins.merge(database, 2, 1, now=NOW).id == 1
    assert list(titles(database)) == [1]
    with database.read() as conn:
        assert papers.names(conn, [3]) == {1: 1, 2: 1, 3: 1}
    joins.unmerge(database, 2)
    assert list(titles(database)) == [1, 2]
    with database.read() as conn:
        assert papers.names(conn, [3]) == {2: 2, 3: 2}


@pytest.mark.parametrize(
    ("paper", "into", "told"),
    [
        (9, 1, "there is no paper 9"),
        (1, 9, "there is no paper 9"),
        (1, 1, "paper 1 and paper 1 are one already"),
        (1, 2, "paper 1 and paper 2 are one already"),
        (2, 1, "paper 2 and paper 1 are one already"),
        (2**62, 1, "there is no paper"),
    ],
)
def test_what_cannot_be_merged(database: Database, paper: int, into: int, told: str) -> None:
    """A paper that is not there, one with itself, and in a ring; nothing is written then."""
    take(database, raw_dump(["A Kite", "A Bread"]))
    if into != paper:
        joins.merge(database, 2, 1, now=NOW)
    before = shown(database)
    with database.read() as conn:
        said = papers.joins(conn)
    with pytest.raises(UsageError, match=told):
        joins.merge(database, paper, into, now=NOW)
    with database.read() as conn:
        assert papers.joins(conn) == said
    assert shown(database) == before


@pytest.mark.parametrize(("paper", "told"), [(9, "there is no paper 9"), (1, "nobody has merged paper 1")])
def test_what_cannot_be_taken_back(database: Database, paper: int, told: str) -> None:
    """A merge that no person has said."""
    take(database, raw_dump(["A Kite", "A Bread"]))
    with pytest.raises(UsageError, match=told):
        joins.unmerge(database, paper)


# -- splits --------------------------------------------------------------------------------------------


@pytest.fixture
def one_title(database: Database) -> Database:
    """Two texts of one title, which the rules have made one paper; another paper stands beside it."""
    take(database, text_dump(BREAD, MOSS), text_dump(OTHER_BREAD, number=1))
    assert titles(database) == {1: BREAD[0], 2: MOSS[0]}
    return database


def test_a_text_is_a_paper_of_its_own_if_a_person_says_so(one_title: Database) -> None:
    """Under the same title, through a later dump and a replay."""
    text = hash_of(one_title, 1, OTHER_BREAD[1])
    made = joins.split(one_title, 1, text, now=NOW)
    assert (made.id, made.title, made.abstract[:20]) == (3, BREAD[0], OTHER_BREAD[1][:20])
    after = shown(one_title)
    assert after[1].abstract[:20] == BREAD[1][:20]
    take(one_title, text_dump(OTHER_BREAD, BREAD, number=2))
    later = shown(one_title)
    assert {paper: replace(one, last_seen=after[paper].last_seen) for paper, one in later.items()} == after
    assert [one.last_seen for one in later.values()] == [TODAY + 2 * DAY, TODAY, TODAY + 2 * DAY]
    replay(one_title)
    assert shown(one_title) == later
    with one_title.read() as conn:
        assert [(join.kind, join.paper_id, join.revision_hash) for join in papers.joins(conn)] == [
            ("split", 3, text)
        ]


def test_a_split_is_undone_by_a_merge(one_title: Database) -> None:
    """The paper that was split off is merged like any other."""
    made = joins.split(one_title, 1, hash_of(one_title, 1, OTHER_BREAD[1])[:12].upper(), now=NOW)
    joins.merge(one_title, made.id, 1, now=NOW)
    assert titles(one_title) == {1: BREAD[0], 2: MOSS[0]}
    replay(one_title)
    assert titles(one_title) == {1: BREAD[0], 2: MOSS[0]}


@pytest.mark.parametrize(
    ("paper", "text", "told"),
    [
        (9, "ab", "there is no paper 9"),
        (1, "nonsense", "paper 1 has no text whose hash begins with 'nonsense'"),
        (1, "", "more than one text"),
        (2, "", "cannot be split off"),
    ],
)
def test_what_cannot_be_split(one_title: Database, paper: int, text: str, told: str) -> None:
    """A text that the paper has not, or that its hash's beginning does not tell from the others."""
    before = shown(one_title)
    with pytest.raises(UsageError, match=told):
        joins.split(one_title, paper, text, now=NOW)
    assert shown(one_title) == before


def test_the_only_text_cannot_be_split_off(one_title: Database) -> None:
    """Nothing would be left; nor can what an arXiv id names."""
    with pytest.raises(UsageError, match="cannot be split off"):
        joins.split(one_title, 2, hash_of(one_title, 2, MOSS[1]), now=NOW)
    take(one_title, raw_dump(["A Kite"]))
    with pytest.raises(UsageError, match="cannot be split off"):
        joins.split(one_title, 3, hash_of(one_title, 3, "We study"), now=NOW)


# -- mail ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("paper", "into"), [(2, 1), (1, 2)])
@pytest.mark.parametrize("published", [True, False], ids=["published before", "merged before"])
def test_a_paper_mailed_under_any_name_is_not_mailed_again(
    database: Database, tmp_path: Path, clock: Clock, paper: int, into: int, published: bool
) -> None:
    """Whichever name is kept, and whether the other stood in an edition already; what else is new is mailed."""
    relay = MemoryRelay()
    app = make_app(database, tmp_path, clock=clock, relay=relay)
    with database.write() as conn:
        add_subscriber(conn)
    for number, titles_of_day in enumerate((["On Bread"], ["On Bread and Butter", "A Kite"])):
        take(database, raw_dump(titles_of_day, day=TODAY + number * DAY, name=f"{number}"), now=clock())
        if number and not published:
            joins.merge(database, paper, into, now=clock())
        app.publish()
        if number and published:
            joins.merge(database, paper, into, now=clock())
        app.plan()
        app.deliver()
        clock.advance(days=1)
    first, second = (message_from_bytes(message.data)["Subject"] for message in relay.accepted)
    assert "On Bread" in first
    assert "A Kite" in second
    with database.read() as conn:
        picks = [[pick.paper_id for pick in entry.picks] for entry in ledger.of(conn, 1)]
    assert sorted(picks) == [[1], [3]]
