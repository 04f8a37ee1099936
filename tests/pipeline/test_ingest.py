"""Ingest: a dump whole or not at all, the same dump once, and the same content in whatever order they come."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import random
import shutil
from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations
from pathlib import Path

import pytest
import sqlalchemy as sa

from digest.ingest.formats import read
from digest.pipeline.ingest import BATCH, DumpReport, IngestOptions, ingest, replay
from digest.sources.dump import Opened, Oversize, RawDump, Unreadable
from digest.store import dumps, editions, papers
from digest.store.database import Database
from digest.store.dumps import DumpStatus
from digest.store.papers import Paper
from digest.store.schema import arrivals, revisions, sightings
from tests.factories import DAY, HOUR, NOW, TODAY, daily_papers, raw_dump

LONG_ABSTRACT = (
    "We fly kites of many shapes and weigh what each of them lifts. In three winds, two of them strong, the box "
    "kite lifts most, and the sled least. We release the kites, the scales and all of the measurements, so that "
    "whoever has a free afternoon can repeat what we did, and we say which of the results surprised us, and why."
)


def take(database: Database, *found: Opened, now: dt.datetime = NOW, **options: object) -> list[DumpReport]:
    return list(ingest(database, found, now=now, options=IngestOptions(**options)))  # type: ignore[arg-type] # checked by the dataclass


def stored(database: Database) -> list[Paper]:
    with database.read() as conn:
        return list(papers.every(conn))


def rows(database: Database, table: sa.Table) -> int:
    with database.read() as conn:
        return int(conn.scalar(sa.select(sa.func.count()).select_from(table)) or 0)


def test_the_same_dump_twice(database: Database) -> None:
    """The same bytes again, under another name, change no paper and no row but the log of arrivals."""
    dump = raw_dump(["A Kite", "A Bread"])
    [first] = take(database, dump)
    before = stored(database)
    [again] = take(database, raw_dump(dump.data, name="copy.json"), now=NOW + HOUR)
    assert (first.status, first.records, first.new, first.revised, first.seen) == ("stored", 2, 2, 0, 0)
    assert (again.status, again.records, again.new, again.revised, again.seen) == ("known", 2, 0, 0, 2)
    assert first.whole
    assert again.whole
    assert (again.name, again.format, again.dated) == ("copy.json", first.format, first.dated)
    assert stored(database) == before
    assert (rows(database, sightings), rows(database, arrivals)) == (2, 2)


def test_the_same_bytes_on_another_day(database: Database) -> None:
    """Bytes that come again tomorrow are a sighting of tomorrow, which the trend of a new paper sees."""
    dump = raw_dump(["A Kite"])
    take(database, dump)
    take(database, raw_dump(dump.data, modified_at=NOW + DAY), now=NOW + DAY)
    with database.read() as conn:
        [paper] = editions.new_papers(conn)
    assert [seen.day for seen in paper.seen] == [TODAY, TODAY + DAY]


BROKEN = daily_papers(["A Kite", "A Bread", "A Boat"])[:-40]


def test_a_broken_dump_is_quarantined_whole(database: Database) -> None:
    """Of a dump that breaks off, nothing is stored; it is kept, listed with its reason and line, and not whole."""
    [report] = take(database, raw_dump(BROKEN, name="cut.json"))
    assert (report.status, report.records, report.new) == ("quarantined", 0, 0)
    assert report.reason
    assert not report.whole
    assert stored(database) == []
    assert rows(database, sightings) == rows(database, revisions) == 0
    with database.read() as conn:
        [kept] = dumps.every(conn, status=DumpStatus.QUARANTINED)
        assert dumps.body(conn, kept.id) == BROKEN
    assert kept.name == "cut.json"
    assert kept.reason
    assert kept.records == 0


def test_a_dump_that_breaks_in_its_last_batch(database: Database) -> None:
    """Batches that were staged before the break are rolled back with it."""
    lines = [
        f"Kite Number {n} and What It Lifts\n\n{LONG_ABSTRACT} This was run {n}.\n" for n in range(BATCH + 20)
    ]
    whole = "\n".join(lines).encode()
    cut = whole + b"\nA Last Title That Lost Its Abstract\n"
    [report] = take(database, raw_dump(cut, name="cut.txt"))
    assert report.status == "quarantined"
    assert rows(database, sightings) == rows(database, revisions) == 0
    assert stored(database) == []
    [report] = take(database, raw_dump(whole, name="whole.txt"))
    assert (report.status, report.new) == ("stored", BATCH + 20)


def test_other_dumps_go_on(database: Database) -> None:
    """One bad dump among good ones stops none of them."""
    reports = take(
        database,
        raw_dump(["A Kite"], name="a.json"),
        raw_dump(b"\0", name="b.json"),
        Unreadable(name="c.gz", reason="damaged gzip data"),
        raw_dump(["A Bread"], name="d.json"),
    )
    assert [(r.name, r.status) for r in reports] == [
        ("a.json", "stored"),
        ("b.json", "quarantined"),
        ("c.gz", "unreadable"),
        ("d.json", "stored"),
    ]
    assert [paper.title for paper in stored(database)] == ["A Kite", "A Bread"]


def test_a_quarantined_dump_is_stored_once_it_can_be_read(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a later reader understands, a replay stores; till then a replay leaves it where it is."""
    take(database, raw_dump(BROKEN, name="cut.json"))
    assert [report.status for report in replay(database)] == ["quarantined"]
    whole = daily_papers(["A Kite", "A Bread", "A Boat"])
    monkeypatch.setattr("digest.pipeline.intake.read", lambda _data: read(whole))
    assert [report.status for report in replay(database)] == ["stored"]
    assert [paper.title for paper in stored(database)] == ["A Kite", "A Bread", "A Boat"]
    with database.read() as conn:
        [kept] = dumps.every(conn)
    assert (kept.status, kept.reason, kept.line, kept.records) == (DumpStatus.STORED, None, None, 3)


def test_a_quarantined_dump_that_comes_again(database: Database) -> None:
    """The same broken bytes again are tried again, told again, and kept once."""
    for _ in range(2):
        [report] = take(database, raw_dump(BROKEN))
        assert report.status == "quarantined"
    with database.read() as conn:
        assert len(list(dumps.every(conn))) == 1


def test_an_oversize_dump_is_refused(database: Database) -> None:
    """Of a dump over the cap its name, size and hash are kept, once, and none of its bytes."""
    big = Oversize(name="big.json", size_bytes=70_000_000, sha256="ab" * 32, whole=True)
    reports = take(database, big, big)
    assert [(r.status, r.reason, r.whole) for r in reports] == [
        ("refused", "70,000,000 bytes, over the cap", False)
    ] * 2
    with database.read() as conn:
        [kept] = dumps.every(conn)
        assert dumps.body(conn, kept.id) is None
    assert (kept.name, kept.size_bytes, kept.sha256, kept.status) == (
        "big.json",
        70_000_000,
        "ab" * 32,
        DumpStatus.REFUSED,
    )


def test_a_refused_dump_that_fits_later(database: Database) -> None:
    """Once the cap is raised, the same bytes are taken in."""
    dump = raw_dump(text_dump("What a Box Kite Lifts"), modified_at=NOW - 2 * DAY)
    sha256 = hashlib.sha256(dump.data).hexdigest()
    take(database, Oversize(name="big.json", size_bytes=len(dump.data), sha256=sha256, whole=True))
    [report] = take(database, dump)
    assert (report.status, report.new, report.dated) == ("stored", 1, TODAY - 2 * DAY)
    with database.read() as conn:
        [kept] = dumps.every(conn)
        assert dumps.body(conn, kept.id) == dump.data, "a replay must find it"
    assert (kept.status, kept.reason, kept.size_bytes) == (DumpStatus.STORED, None, len(dump.data))
    assert [r.status for r in replay(database)] == ["stored"]
    assert [paper.title for paper in stored(database)] == ["What a Box Kite Lifts"]


def test_rejected_rows_are_listed(database: Database) -> None:
    """A row that is no paper is told with its line and reason, and kept; the others are stored."""
    document = json.loads(daily_papers(["A Kite", "A Bread", "A Boat"]))
    del document[1]["paper"]["title"], document[1]["title"]
    [report] = take(database, raw_dump(json.dumps(document).encode()))
    assert (report.status, report.records, report.new) == ("stored", 2, 2)
    assert [line for line, _reason in report.rejected] == [2]
    assert not report.whole
    with database.read() as conn:
        [kept] = dumps.every(conn)
        assert dumps.rejected(conn, kept.id) == list(report.rejected)
    replay(database)
    with database.read() as conn:
        assert dumps.rejected(conn, kept.id) == list(report.rejected), "not twice"


def test_a_dump_of_too_many_rejects(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """A dump with more rows that are no papers than are kept is quarantined whole, with the line where it was enough."""
    monkeypatch.setattr("digest.pipeline.intake.MOST_REJECTS", 2)
    rows = ["A Kite", *(f"{'Kite ' * 401}{number}" for number in range(3))]
    (report,) = take(database, raw_dump(rows))
    assert (report.status, report.reason) == ("quarantined", "line 4: more than 2 rows are no papers")
    assert stored(database) == []


@pytest.mark.parametrize(
    ("age_days", "as_new", "background"), [(3, False, False), (4, False, True), (4, True, False)]
)
def test_old_dumps_are_background(database: Database, age_days: int, as_new: bool, background: bool) -> None:
    """Papers of a dump dated more than three days back are known and never new, unless the operator says so."""
    [report] = take(database, raw_dump(["A Kite"], day=TODAY - age_days * DAY), as_new=as_new)
    assert report.background is background
    [paper] = stored(database)
    assert paper.background is background
    with database.read() as conn:
        assert len(editions.new_papers(conn)) == (not background)


def test_a_paper_of_history_is_not_new_today(database: Database) -> None:
    """A paper that some dump of history lists was known before: today's dump does not make it new."""
    take(database, raw_dump(["A Kite"], day=TODAY - 30 * DAY), raw_dump(["A Kite", "A Bread"], name="today"))
    with database.read() as conn:
        assert [paper.title for paper in editions.new_papers(conn)] == ["A Bread"]


def text_dump(*titles: str, head: str = "") -> bytes:
    cards = "\n\n".join(f"{title}\n\n{LONG_ABSTRACT} So much for {title}." for title in titles)
    return f"{head}\n\n{cards}\n".encode()


@pytest.mark.parametrize(
    ("head", "seen_on", "modified_at", "dated", "by"),
    [
        ("", None, NOW - DAY, TODAY - DAY, "file-time"),
        ("", TODAY - 2 * DAY, NOW, TODAY - 2 * DAY, "seen-on"),
        ("Nov 19", None, NOW, dt.date(2026, 11, 19), "file-time"),
        ("Dec 30", None, NOW, dt.date(2025, 12, 30), "file-time"),
        ("Nov 19", dt.date(2024, 11, 20), NOW, dt.date(2024, 11, 19), "seen-on"),
    ],
)
def test_dates_of_text_dumps(
    database: Database,
    head: str,
    seen_on: dt.date | None,
    modified_at: dt.datetime,
    dated: dt.date,
    by: str,
) -> None:
    """The dump's own date wins, its year from `--seen-on` or the file's time; the answer says which was used."""
    data = text_dump("What a Box Kite Lifts", "What a Sled Kite Lifts", head=head)
    [report] = take(database, raw_dump(data, modified_at=modified_at), seen_on=seen_on)
    assert (report.status, report.records) == ("stored", 2)
    assert (report.dated, report.dated_by) == (dated, by)
    assert {paper.first_seen for paper in stored(database)} == {dated}


def test_a_full_date_in_the_dump(database: Database) -> None:
    """A dump that gives its whole date is dated by it, whatever the file and the operator say."""
    [report] = take(database, raw_dump(["A Kite"], day=TODAY - DAY, modified_at=NOW - 9 * DAY), seen_on=TODAY)
    assert (report.dated, report.dated_by) == (TODAY - DAY, "dump")


@pytest.mark.parametrize(
    ("ahead", "seen_on", "dated", "by"),
    [
        (1, None, TODAY + DAY, "dump"),
        (2, None, TODAY, "file-time"),
        (900, TODAY - DAY, TODAY - DAY, "seen-on"),
    ],
)
def test_a_date_to_come(
    database: Database, ahead: int, seen_on: dt.date | None, dated: dt.date, by: str
) -> None:
    """More than a day ahead is no date: its text would be the newest for years. A replay says the same."""
    ahead_of_us = raw_dump(["A Kite"], day=TODAY + ahead * DAY, modified_at=NOW + 900 * DAY)
    [report] = take(database, ahead_of_us, seen_on=seen_on)
    assert (report.dated, report.dated_by) == (dated, by)
    assert [(again.dated, again.dated_by) for again in replay(database)] == [(dated, by)]


def test_one_title_with_two_abstracts(database: Database) -> None:
    """One title twice in a dump, with two abstracts, is one paper, and a revision."""
    data = (
        f"What a Box Kite Lifts\n\n{LONG_ABSTRACT}\n\nWhat a Sled Kite Lifts\n\n{LONG_ABSTRACT} Less.\n\n"
        f"What a Box Kite Lifts\n\nOn second thoughts, {LONG_ABSTRACT}\n"
    ).encode()
    [report] = take(database, raw_dump(data))
    assert (report.records, report.new, report.revised, report.seen) == (3, 2, 1, 0)
    assert [paper.title for paper in stored(database)] == ["What a Box Kite Lifts", "What a Sled Kite Lifts"]


def test_revisions_and_mere_sightings(database: Database) -> None:
    """A known paper with another text is revised and shows it; a cut text is a sighting and replaces nothing."""
    first: dict[str, object] = {
        "title": "A Kite",
        "id": "2611.00001",
        "summary": "We fly it. It lifts a lot.",
    }
    cut = first | {"summary": "We fly it."}
    changed = first | {"summary": "We fly it again. It lifts more."}
    outcomes = []
    for number, row in enumerate((first, cut, first | {"upvotes": 9}, changed)):
        [report] = take(database, raw_dump([row], name=f"{number}", day=TODAY + (number - 3) * DAY))
        outcomes.append((report.new, report.revised, report.seen))
        [paper] = stored(database)
        assert paper.abstract == (changed if number == 3 else first)["summary"]
    assert outcomes == [(1, 0, 0), (0, 0, 1), (0, 0, 1), (0, 1, 0)]


def test_what_nobody_wrote_is_rejected(database: Database) -> None:
    """Titles, abstracts and lists of authors beyond all bounds are rejected rows; the others of the dump are stored."""
    rows: list[dict[str, object]] = [
        {"title": "A Kite", "id": "2611.00001"},
        {"title": "word " * 401, "id": "2611.00002"},
        {"title": "An Abstract", "id": "2611.00003", "summary": "word " * 10_001},
        {"title": "A Megabyte", "id": "2611.00004", "summary": "x" * 1_000_000},
        {"title": "A Crowd", "id": "2611.00005", "authors": [f"Author {n}" for n in range(5_001)]},
        {"title": "w" * 2_000, "id": "2611.00006"},
    ]
    [report] = take(database, raw_dump(rows))
    assert (report.status, report.records) == ("stored", 2)
    assert [line for line, _reason in report.rejected] == [2, 3, 4, 5]
    assert [reason for _line, reason in report.rejected] == [
        "a title of 2,004 characters, over the limit of 2,000",
        "an abstract of 50,004 characters, over the limit of 50,000",
        "an abstract of 1,000,000 characters, over the limit of 50,000",
        "5,001 authors, over the limit of 5,000",
    ]


def test_long_titles_are_told_apart(database: Database) -> None:
    """Titles longer than an index entry holds are one paper when equal, and two when their ends differ."""
    long = "".join(chr(0x4E00 + n * 37 % 20_000) for n in range(1_500))
    rows: list[dict[str, object]] = [
        {"title": long + end, "id": f"own-{n}"} for n, end in enumerate(("甲", "乙", "甲"))
    ]
    [report] = take(database, raw_dump(rows))
    assert (report.status, report.new, report.seen) == ("stored", 2, 1)


def test_fields_are_counted(database: Database) -> None:
    """How many records of a dump give each field is kept with it; a field that none gives is left out."""
    rows: list[dict[str, object]] = [
        {"title": "A Kite", "id": "2611.00001", "upvotes": 0},
        {"title": "A Bread", "id": "own", "authors": (), "summary": "", "ai_summary": "In short."},
    ]
    take(database, raw_dump(rows), source="api")
    with database.read() as conn:
        [kept] = dumps.every(conn)
    wanted = {
        "abstract": 1,
        "authors": 1,
        "arxiv_id": 1,
        "votes": 2,
        "published_at": 2,
        "summary": 1,
        "comments": 2,
    }
    assert kept.fields == wanted
    assert kept.source == "api"


def test_the_day_that_a_source_was_asked_for(database: Database) -> None:
    """Dates a dump that says none itself, before what the operator said, and stays with it."""
    found = replace(raw_dump(text_dump("What a Box Kite Lifts")), seen_on=TODAY - DAY)
    [report] = take(database, found, seen_on=TODAY)
    assert (report.dated, report.dated_by, report.source) == (TODAY - DAY, "seen-on", "command")
    with database.read() as conn:
        assert [dump.seen_on for dump in dumps.every(conn)] == [TODAY - DAY]


def test_one_day_replayed(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """A replay of a day reads the dumps that stand for it, and those that came again on it, and no others."""
    again = raw_dump(["A Bread"], name="again", day=TODAY - DAY)
    take(
        database,
        raw_dump(["A Kite"], name="today"),
        again,
        raw_dump(["A Loom"], name="old", day=TODAY - 2 * DAY),
    )
    take(database, replace(again, name="come again", seen_on=TODAY))
    assert [report.name for report in replay(database, TODAY)] == ["today", "again"]
    assert [report.name for report in replay(database, TODAY - DAY)] == ["again"]
    assert [report.name for report in replay(database)] == ["today", "again", "old"]
    assert len(stored(database)) == 3


def test_a_reader_that_learns_ids(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """A replay keeps the id of a paper whose title or arXiv id a newer reader reads otherwise."""
    rows: list[dict[str, object]] = [{"title": "A Kite", "id": "own-1"}, {"title": "A Bread", "id": "own-2"}]
    take(database, raw_dump(rows))
    before = {paper.title: paper.id for paper in stored(database)}
    learned = daily_papers([rows[0] | {"id": "2611.00001"}, rows[1]])
    monkeypatch.setattr("digest.pipeline.intake.read", lambda _data: read(learned))
    replay(database)
    assert {paper.title: paper.id for paper in stored(database)} == before
    assert {paper.title: paper.arxiv_id for paper in stored(database)} == {
        "A Kite": "2611.00001",
        "A Bread": None,
    }


# -- the seeds -----------------------------------------------------------------------------------------

Content = list[tuple[object, ...]]


def seeds(shared_data: Path) -> list[RawDump]:
    """The five founding dumps and two answers of the API, each with a time of its own."""
    texts = sorted((shared_data / "dumps").glob("*.txt"))
    answers = [shared_data / "hf_api" / f"2024-10-{day}.json" for day in ("30", "31")]
    return [
        RawDump(name=path.name, data=path.read_bytes(), modified_at=dt.datetime(2024, 9, 1, tzinfo=dt.UTC))
        for path in (*texts, *answers)
    ]


def content(database: Database) -> Content:
    """Everything that a person sees of the papers, without ids."""
    return sorted(
        (
            p.title,
            p.abstract,
            p.authors,
            p.arxiv_id or "",
            p.url,
            p.code_urls,
            p.votes,
            p.first_seen,
            p.last_seen,
        )
        for p in stored(database)
    )


def filled(database: Database, found: Sequence[RawDump], *, together: bool) -> Content:
    if together:
        take(database, *found, as_new=True)
    else:
        for dump in found:
            take(database, dump, as_new=True)
    return content(database)


def test_the_seeds_are_read_whole(database: Database, shared_data: Path) -> None:
    """The founding dumps hold 492 records of 441 papers, one of them with two abstracts; none is rejected."""
    reports = take(database, *seeds(shared_data)[:5])
    assert [(r.status, r.records, len(r.rejected)) for r in reports] == [
        ("stored", records, 0) for records in (202, 67, 62, 75, 86)
    ]
    assert sum(report.new for report in reports) == len(stored(database)) == 441
    assert sum(report.revised for report in reports) == 1


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_order_of_arrival_does_not_matter(
    database: Database, shared_data: Path, sqlite_template: Path, tmp_path: Path, seed: int
) -> None:
    """In another order, one by one or in one go, on either engine: the same papers with the same content."""
    shutil.copyfile(sqlite_template, tmp_path / "other.db")
    other = Database(f"sqlite:///{tmp_path / 'other.db'}")
    found = seeds(shared_data)
    shuffled = random.Random(seed).sample(found, len(found))
    assert filled(database, shuffled, together=seed == 2) == filled(other, found, together=seed != 2)
    other.close()


def test_a_replay_changes_nothing(database: Database, shared_data: Path) -> None:
    """With the same readers a replay gives the same papers under the same ids, and editions as they were."""
    take(database, *seeds(shared_data), as_new=True)
    before = stored(database)
    replay(database)
    assert stored(database) == before
    replay(database)
    assert stored(database) == before


def test_two_papers_that_begin_alike(database: Database, shared_data: Path) -> None:
    """Two seed papers on channel pruning share nearly all of an abstract, and are two papers."""
    take(database, *seeds(shared_data), as_new=True)
    titles = [(paper, paper.title.lower()) for paper in stored(database)]
    pruning = [paper for paper, title in titles if "channel" in title and "pruning" in title]
    alike = [
        (one, other) for one, other in combinations(pruning, 2) if one.abstract[:100] == other.abstract[:100]
    ]
    assert len(alike) == 1
    assert len({paper.title for pair in alike for paper in pair}) == 2
