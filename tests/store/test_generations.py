"""How far the ledger has come: raised by every claim, the same in no two histories."""

from __future__ import annotations

import datetime as dt
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from digest.store import generations, migrate
from digest.store.database import Database
from digest.store.generations import Copy, Generation
from tests.factories import DAY, HOUR, NOW

BASE = Generation(era=1, count=5, nonce="aa", at=NOW)


@pytest.mark.parametrize(
    ("other", "before"),
    [
        (BASE, False),
        (replace(BASE, at=NOW + HOUR), False),
        (replace(BASE, nonce="bb"), True),  # another history
        (replace(BASE, count=6), True),
        (replace(BASE, count=4, nonce="bb"), False),
        (replace(BASE, era=2, count=0), True),
        (replace(BASE, era=0, count=9, nonce="bb"), False),
    ],
)
def test_order(other: Generation, before: bool) -> None:
    """A later number, or the same number of another history, is ahead; what this one left behind is not."""
    assert BASE.is_before(other) == before


def test_raised(database: Database) -> None:
    """Each raise gives the next number, with a nonce of its own, and it is what stands in the database."""
    found = []
    for _ in range(3):
        with database.write() as conn:
            found.append(generations.raise_(conn, at=NOW))
    assert [each.count for each in found] == [1, 2, 3]
    assert len({each.nonce for each in found}) == 3
    with database.read() as conn:
        assert generations.current(conn) == found[-1]


def test_raised_at_once(database: Database) -> None:
    """Claims of several senders at once are raised one after another: no number is given twice."""
    together = threading.Barrier(4)

    def work(_: int) -> list[int]:
        together.wait()
        mine = []
        for _ in range(10):
            with database.write() as conn:
                mine.append(generations.raise_(conn, at=NOW).count)
        return mine

    with ThreadPoolExecutor(4) as pool:
        numbers = [number for mine in pool.map(work, range(4)) for number in mine]
    assert sorted(numbers) == list(range(1, 41))


def test_a_database_has_one_identity(database: Database, empty_url: str) -> None:
    """It is made with the tables and kept by every migration; another database has another."""
    other = Database(empty_url)
    migrate.upgrade(other)
    with database.read() as conn, other.read() as its:
        before = generations.identity(conn), generations.current(conn)
        assert generations.identity(its) != before[0]
    migrate.upgrade(database)
    with database.read() as conn:
        assert (generations.identity(conn), generations.current(conn)) == before
    other.close()


def test_marked(database: Database) -> None:
    """A copy is known as one until the mark is taken away; what is not known of it stays unknown."""
    for copy in (Copy(made_at=NOW), Copy(until=NOW + DAY), Copy(made_at=NOW, until=NOW + DAY), Copy()):
        with database.write() as conn:
            generations.mark(conn, copy)
            assert generations.copy(conn) == copy
            generations.unmark(conn)
            assert generations.copy(conn) is None


def test_a_new_era(database: Database) -> None:
    """It is above the database, and above what the machine had seen of a later one."""
    with database.write() as conn:
        generations.raise_(conn, at=NOW)
        first = generations.begin_era(conn, after=None, at=NOW)
        assert (first.era, first.count) == (1, 0)
        assert generations.begin_era(conn, after=replace(BASE, era=7), at=NOW).era == 8
        assert generations.begin_era(conn, after=BASE, at=NOW).era == 9


def test_kept(tmp_path: Path) -> None:
    """A machine reads back what it put down last, of each database apart, and no draft is left."""
    folder = tmp_path / "generations"
    assert generations.seen(folder, "one") is None
    generations.keep(folder, "one", BASE)
    generations.keep(folder, "two", replace(BASE, count=9))
    generations.keep(folder, "one", replace(BASE, count=6, at=NOW + dt.timedelta(microseconds=1)))
    assert generations.seen(folder, "one") == replace(BASE, count=6, at=NOW + dt.timedelta(microseconds=1))
    assert sorted(path.name for path in folder.iterdir()) == ["one", "two"]


@pytest.mark.parametrize("text", ["", "1 2", "one 2 aa 2026-11-20T08:00:00+00:00", "1 2 aa soon", "\xff"])
def test_a_damaged_file_says_nothing(tmp_path: Path, text: str) -> None:
    """It is as if the machine had seen no generation: what it lacks is an alarm, not mail."""
    (tmp_path / "one").write_text(text, encoding="latin-1")
    assert generations.seen(tmp_path, "one") is None
