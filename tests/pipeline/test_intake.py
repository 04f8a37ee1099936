"""Taking dumps in beside others, and after a process was killed: nothing half, nothing twice, nothing lost."""

from __future__ import annotations

import multiprocessing
import os
import random
import shutil
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from itertools import count
from pathlib import Path

import pytest
import sqlalchemy as sa

from digest.errors import DumpError
from digest.ingest.formats import read
from digest.ingest.record import Record
from digest.pipeline import ingest as pipeline
from digest.pipeline.ingest import DumpReport, ingest, replay
from digest.sources.dump import RawDump
from digest.store import dumps, editions, papers
from digest.store.database import Database
from digest.store.dumps import DumpStatus
from digest.store.schema import arrivals, near, revisions, sightings
from digest.store.schema import dumps as dumps_table
from digest.store.schema import papers as papers_table
from tests.conftest import Postgresql
from tests.factories import NOW, daily_papers, raw_dump

LOW = "2601.00001"
TITLES = [f"Kite Number {n} over the Meadow" for n in range(13)]


def document(*rows: object, name: str) -> RawDump:
    return raw_dump(daily_papers(rows), name=name)  # type: ignore[arg-type] # titles and mappings


#: What is stored before: some papers have no arXiv id, so that the next dump finds them one.
FIRST = document(
    *({"title": title, "id": f"own-{n}"} for n, title in enumerate(TITLES[:6])), name="first.json"
)
#: Known papers, some of which gain an id, new votes or a new text, and new ones.
SECOND = document(
    *({"title": title, "upvotes": 50} for title in TITLES[3:9]),
    {"title": TITLES[0], "id": "own-0", "summary": "Another text."},
    {"title": TITLES[1], "id": LOW},
    *TITLES[9:],
    name="second.json",
)
THIRD = document("A Loom", TITLES[12], name="third.json")


def take(database: Database, *found: RawDump) -> list[DumpReport]:
    return list(ingest(database, found, now=NOW))


def content(database: Database) -> list[tuple[object, ...]]:
    """All that is shown, apart from ids."""
    with database.read() as conn:
        return sorted(
            (p.title, p.abstract, p.arxiv_id or "", p.votes, p.first_seen, p.background)
            for p in papers.every(conn)
        )


def news(database: Database) -> set[str]:
    with database.read() as conn:
        return {paper.title for paper in editions.new_papers(conn)}


def rows(database: Database) -> dict[str, int]:
    tables = (dumps_table, arrivals, revisions, papers_table, sightings, near)
    with database.read() as conn:
        return {t.name: int(conn.scalar(sa.select(sa.func.count()).select_from(t)) or 0) for t in tables}


# -- killed --------------------------------------------------------------------------------------------


def _dies(url: str, at: int, dump: RawDump) -> None:
    """Take a dump in, and be killed by the n-th commit."""
    pipeline.BATCH = pipeline.SQLITE_BATCH = 4
    database = Database(url)
    commits = count(1)

    def commit(_conn: sa.Connection) -> None:
        if next(commits) == at:
            os.kill(os.getpid(), signal.SIGKILL)

    sa.event.listen(database.engine, "commit", commit)
    take(database, dump)
    os._exit(0)


def killed(url: str, at: int, dump: RawDump) -> bool:
    """Whether a process that takes a dump in has got as far as the n-th commit, where it is killed."""
    process = multiprocessing.get_context("fork").Process(target=_dies, args=(url, at, dump))
    process.start()
    process.join()
    assert process.exitcode in (0, -signal.SIGKILL)
    return process.exitcode != 0


def check_killed(url: str, at: int, wanted: Callable[[Database], object]) -> bool:
    """Kill a process at its n-th commit, and see that nobody sees half a dump, and that the next one finishes it."""
    database = Database(url)
    try:
        take(database, FIRST)
        before, new = content(database), news(database)
        if not killed(database.url.render_as_string(hide_password=False), at, SECOND):
            return False
        assert (content(database), news(database)) == (before, new)
        take(database, THIRD)
        with database.read() as conn:
            assert {dump.status for dump in dumps.every(conn)} == {DumpStatus.STORED}
        assert wanted(database) == (content(database), news(database), rows(database)), f"commit {at}"
        return True
    finally:
        database.close()


@pytest.fixture
def wanted(sqlite_template: Path, tmp_path: Path) -> Iterator[Callable[[Database], object]]:
    """What stands when nobody was killed; a process that died before it kept the dump leaves nothing of it."""
    made: dict[bool, object] = {}
    for both in (True, False):
        path = tmp_path / f"wanted{both}.db"
        shutil.copyfile(sqlite_template, path)
        whole = Database(f"sqlite:///{path}")
        take(whole, FIRST, *([SECOND] if both else []), THIRD)
        made[both] = (content(whole), news(whole), rows(whole))
        whole.close()

    def of(database: Database) -> object:
        with database.read() as conn:
            return made[len(list(dumps.every(conn))) == 3]

    yield of


def test_killed_at_each_commit(
    sqlite_template: Path, tmp_path: Path, wanted: Callable[[Database], object]
) -> None:
    """Wherever a process is killed, nobody sees half a dump; whoever comes next reads it again, whole and once."""
    for at in count(1):
        path = tmp_path / f"killed{at}.db"
        shutil.copyfile(sqlite_template, path)
        if not check_killed(f"sqlite:///{path}", at, wanted):
            break
    assert at > 10, "the dump is taken in by many short transactions"


@pytest.mark.parametrize("at", [1, 2, 5, 9])
def test_killed_on_postgresql(postgresql: Postgresql, wanted: Callable[[Database], object], at: int) -> None:
    """The same holds on PostgreSQL, whose lock goes with the connection."""
    url = postgresql.create(template="migrated")
    try:
        assert check_killed(url, at, wanted)
    finally:
        postgresql.drop(url)


def test_killed_and_given_again(sqlite_database: Database) -> None:
    """The same dump once more is read as if for the first time, and told so."""
    url = sqlite_database.url.render_as_string()
    assert killed(url, 5, SECOND)
    [report] = take(sqlite_database, SECOND)
    assert (report.status, report.new, report.seen) == ("stored", 12, 0)
    [report] = take(sqlite_database, SECOND)
    assert report.status == "known"


def test_what_kills_twice_is_put_aside(sqlite_database: Database) -> None:
    """A dump that ends the program each time is not read a third time by itself; a replay may."""
    url = sqlite_database.url.render_as_string()
    assert killed(url, 5, SECOND)
    assert killed(url, 9, THIRD), "while it reads what the first had begun"
    assert [report.status for report in take(sqlite_database, THIRD)] == ["stored"]
    with sqlite_database.read() as conn:
        [kept] = dumps.every(conn, status=DumpStatus.QUARANTINED)
    assert (kept.name, kept.records) == ("second.json", 0)
    assert kept.reason
    assert "ended" in kept.reason
    assert [report.status for report in replay(sqlite_database)] == ["stored", "stored"]


# -- at once, and again --------------------------------------------------------------------------------


def test_eight_at_once(database: Database) -> None:
    """Eight who take the same dumps in at the same moment store what one would, and none of them fails."""
    reports: list[DumpReport] = []
    errors: list[BaseException] = []
    start = threading.Barrier(8)
    url = database.url.render_as_string(hide_password=False)

    def run(order: Sequence[RawDump]) -> None:
        own = Database(url)
        start.wait()
        try:
            reports.extend(take(own, *order))
        except BaseException as error:
            errors.append(error)
        finally:
            own.close()

    orders = [random.Random(n).sample([FIRST, SECOND, THIRD], 3) for n in range(8)]
    threads = [threading.Thread(target=run, args=(order,)) for order in orders]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert sorted(report.status for report in reports) == ["known"] * 21 + ["stored"] * 3
    stood, held = content(database), rows(database)
    assert (len(stood), held["dumps"], held["arrivals"], held["sightings"]) == (14, 3, 3, 20)
    take(database, THIRD, SECOND, FIRST)
    assert (content(database), rows(database)) == (stood, held)


# -- garbled -------------------------------------------------------------------------------------------


def offsets(length: int, number: int) -> list[int]:
    return sorted(random.Random(length).sample(range(1, length), number))


def check_cut(database: Database, data: bytes) -> str:
    """Take a cut dump in: stored whole as far as it says anything, or quarantined with nothing of it."""
    before, stood = rows(database), content(database)
    [report] = take(database, RawDump(name="cut", data=data, modified_at=NOW))
    after = rows(database)
    try:
        listed = sum(isinstance(item, Record) for item in read(data).items)
    except DumpError:
        assert report.status == "quarantined"
        assert report.reason
        assert content(database) == stood
        kept = {"dumps": before["dumps"] + 1, "arrivals": before["arrivals"] + 1}
        assert after == {**before, **kept}
    else:
        assert (report.status, report.records) == ("stored", listed)
        assert after["sightings"] == before["sightings"] + listed
    return report.status


@pytest.mark.parametrize("number", range(5))
def test_seeds_cut_anywhere(database: Database, shared_data: Path, number: int) -> None:
    """A seed that breaks off anywhere is stored as far as it goes, or not at all: never half of what was read."""
    data = sorted((shared_data / "dumps").glob("*.txt"))[number].read_bytes()
    for offset in offsets(len(data), CUTS):
        check_cut(database, data[:offset])


def test_a_day_cut_anywhere(database: Database, shared_data: Path) -> None:
    """An answer of the API that breaks off anywhere is quarantined."""
    data = (shared_data / "hf_api" / "2024-10-30.json").read_bytes().rstrip()
    assert {check_cut(database, data[:offset]) for offset in offsets(len(data), 10 * CUTS)} == {"quarantined"}


#: Of each seed; a run by hand takes 200.
CUTS = int(os.environ.get("DIGEST_TEST_CUTS", "6"))
