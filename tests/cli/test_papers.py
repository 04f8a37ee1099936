"""What `digest papers` tells of a paper, and what a person may say of it."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest
import sqlalchemy as sa

from digest.store.database import Database
from digest.store.schema import papers as table
from tests.cli.conftest import Run
from tests.factories import daily_papers
from tests.ingest.sample import CARDS, layout_b

TODAY = dt.datetime.now(dt.UTC).date()
YESTERDAY = TODAY - dt.timedelta(days=1)
KITE: dict[str, object] = {"title": "A Kite for All", "id": "2611.00001", "summary": "We fly it."}


def ingest(run: Run, site: Path, day: dt.date, *rows: dict[str, object] | str, name: str) -> None:
    (site / name).write_bytes(daily_papers(rows, day=day))
    assert run("ingest", name).code == 0


@pytest.fixture
def two_days(run: Run, site: Path) -> Path:
    """A paper of yesterday that gained votes, code and another abstract today, and one that came today."""
    ingest(run, site, YESTERDAY, {**KITE, "upvotes": 10}, name="1.json")
    later = {
        "upvotes": 34,
        "summary": "We fly it higher.",
        "githubRepo": "https://github.com/example/kite",
        "githubStars": 5,
    }
    ingest(run, site, TODAY, {**KITE, **later}, "On Bread", name="2.json")
    return site


def stored(site: Path) -> Database:
    return Database(f"sqlite:///{site / 'digest-data' / 'digest.db'}")


def test_a_paper_with_its_history(run: Run, two_days: Path) -> None:
    """Its counts by day, what it gained, what happened, its texts, and the dump that each field comes from."""
    told = run("papers", "show", "1", "--json").json
    assert told["names"] == [1]
    assert told["series"] == [
        {"day": f"{YESTERDAY}", "votes": 10, "comments": 0, "stars": None},
        {"day": f"{TODAY}", "votes": 34, "comments": 0, "stars": 5},
    ]
    assert told["gain_per_day"] == {"votes": 24.0, "comments": 0.0, "stars": 0.0}
    assert [(event["day"], event["kind"]) for event in told["events"]] == [
        (f"{YESTERDAY}", "seen"),
        (f"{TODAY}", "code"),
        (f"{TODAY}", "revised"),
    ]
    assert [(text["first_seen"], text["dumps"], text["without_arxiv_id"]) for text in told["texts"]] == [
        (f"{YESTERDAY}", 1, 0),
        (f"{TODAY}", 1, 0),
    ]
    assert told["events"][2]["text"] == told["texts"][1]["hash"]
    assert told["origins"]["votes"] == {"source": "command", "dated": f"{TODAY}", "dump": 2}
    assert (told["abstract"], told["stars"], told["details"]["submitted_at"][:10]) == (
        "We fly it higher.",
        5,
        f"{TODAY}",
    )


def test_a_paper_with_its_history_for_people(run: Run, two_days: Path) -> None:
    """The same in tables, each field with its source and its dump's date."""
    assert run("edition", "publish").code == 0
    shown = run("papers", "show", "1").out
    assert f"votes: 34  (command, {TODAY})" in shown
    assert "gain a day" in shown
    happened = [line.split()[:3] for line in shown.splitlines() if line.startswith(f"{TODAY}")]
    assert [f"{TODAY}", "code", "https://github.com/example/kite"] in happened
    assert [f"{TODAY}", "edition"] in happened
    text = run("papers", "show", "1", "--json").json["texts"][1]["hash"]
    assert shown.count(text[:12]) == 2
    assert text not in shown


def test_what_was_never_counted_has_no_counts(run: Run, site: Path) -> None:
    """A paper of a text dump has no row of blanks for each day that it was listed, and no gain."""
    (site / "page.txt").write_text(layout_b(CARDS), encoding="utf-8")
    assert run("ingest", "page.txt", "--seen-on", f"{TODAY}").code == 0
    shown = run("papers", "show", "1")
    assert "Counts" not in shown.out
    assert "gain a day" not in shown.out
    assert "What happened" in shown.out


def test_merging_and_taking_it_back(run: Run, two_days: Path) -> None:
    """The other name leads to the paper, which lists it; what was said is listed, and gone once it is taken back."""
    assert run("papers", "merge", "2", "1").out.startswith("Paper 1: ")
    assert run("papers", "show", "2", "--json").json["names"] == [1, 2]
    assert "also known as: 2" in run("papers", "show", "1").out
    [join] = run("papers", "joins", "--json").json["joins"]
    assert (join["kind"], join["paper"], join["into"], join["text"]) == ("merge", 2, 1, None)
    assert "merge" in run("papers", "joins").out
    assert run("papers", "merge", "1", "2").code == 2
    assert run("papers", "split", "2").out == "Paper 2: On Bread\n"
    assert run("papers", "joins", "--json").json == {"joins": []}
    assert [paper["id"] for paper in run("papers", "list", "--json").json["papers"]] == [1, 2]


def test_splitting_a_text(run: Run, site: Path) -> None:
    """A text that the rules took for another's is a paper of its own, by the hash that `show` prints."""
    cards = [CARDS[3], (CARDS[3][0], CARDS[4][1]), CARDS[1]]
    (site / "page.txt").write_text(layout_b(cards))
    assert run("ingest", "page.txt").code == 0
    texts = run("papers", "show", "1", "--json").json["texts"]
    assert [text["without_arxiv_id"] for text in texts] == [1, 1]
    done = run("papers", "split", "1", "--text", texts[0]["hash"][:12], "--json")
    assert (done.code, done.json["id"], done.json["title"]) == (0, 3, CARDS[3][0])
    assert len(run("papers", "show", "1", "--json").json["texts"]) == 1
    assert texts[0]["hash"][:12] in run("papers", "joins").out
    assert run("dumps", "replay").code == 0
    assert len(run("papers", "list", "--json").json["papers"]) == 3


def test_what_a_replay_would_change(run: Run, two_days: Path) -> None:
    """Each field as it is and as it would be; with nothing to change it says so, and writes nothing either way."""
    assert run("papers", "diff").out == "A replay would change nothing.\n"
    with (database := stored(two_days)).write() as conn:
        conn.execute(
            sa.update(table).where(table.c.id == 1).values(votes=7, authors=["Ada Example", "x" * 99])
        )
    database.close()
    assert run("papers", "diff", "--json").json == {
        "appearing": [],
        "vanishing": [],
        "changing": [
            {
                "id": 1,
                "title": "A Kite for All",
                "changes": [
                    {"field": "authors", "was": ["Ada Example", "x" * 99], "will_be": ["Ada Example"]},
                    {"field": "votes", "was": 7, "will_be": 34},
                ],
            }
        ],
        "dumps": [],
    }
    shown = run("papers", "diff").out
    assert "  votes: 7 -> 34\n" in shown
    assert "  authors: Ada Example, xxxx" in shown
    assert f"{'x' * 47}… -> Ada Example\n" in shown
    assert shown.endswith("0 papers would appear, 0 vanish, 1 change; 0 dumps would be read otherwise.\n")
    assert (
        run("papers", "diff", "--day", f"{YESTERDAY - dt.timedelta(days=9)}").out
        == "A replay would change nothing.\n"
    )
    assert run("papers", "show", "1", "--json").json["votes"] == 7


def test_papers_that_would_come_and_go(run: Run, two_days: Path) -> None:
    """By title, with the dump that would be read otherwise, and with the paper that another would go into."""
    with (database := stored(two_days)).write() as conn:
        for statement in (
            "UPDATE dumps SET status = 'quarantined', records = 0, reason = 'an older reader' WHERE id = 2",
            "DELETE FROM sightings WHERE dump_id = 2",
            "UPDATE papers SET revision_id = NULL WHERE id = 2",
            """INSERT INTO papers (id, revision_id, title_key, authors, details, first_seen, last_seen, background)
               SELECT 9, revision_id, 'odd', '[]', '{}', first_seen, last_seen, 0 FROM papers WHERE id = 1""",
        ):
            conn.exec_driver_sql(statement)
    database.close()
    shown = run("papers", "diff").out
    assert "dump 2 (2.json)\n  status: quarantined -> stored\n  reason: an older reader -> nothing\n" in shown
    assert "appears: On Bread\n" in shown
    assert "vanishes: paper 9: " in shown


def test_a_replay_of_one_day(run: Run, two_days: Path) -> None:
    """Only the dumps of that day are read again."""
    done = run("dumps", "replay", "--day", f"{TODAY}", "--json")
    assert [dump["name"] for dump in done.json["dumps"]] == ["2.json"]
    assert run("dumps", "replay", "--day", "2020-01-01").out == "0 dumps read again: 2 papers.\n"


def test_what_a_dump_gives_is_listed(run: Run, two_days: Path) -> None:
    """Its source, and how many of its records give each field."""
    first, second = run("dumps", "list", "--json").json["dumps"]
    assert (first["source"], first["fields"]["abstract"], second["fields"]["stars"]) == ("command", 1, 1)
