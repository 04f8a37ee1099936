"""A database to try things on: what is written there is gone afterwards."""

from __future__ import annotations

from pathlib import Path

import pytest
import sqlalchemy as sa

from digest.store import facts, intake, papers
from digest.store.database import Database
from digest.store.schema import metadata
from digest.store.schema import papers as table
from digest.store.trial import trial
from tests.factories import clean_records, list_records


def rows(database: Database) -> dict[str, list[str]]:
    """All that is stored."""
    with database.read() as conn:
        return {
            name: sorted(map(str, conn.execute(sa.select(each)))) for name, each in metadata.tables.items()
        }


@pytest.fixture
def filled(database: Database) -> Database:
    with database.write() as conn:
        list_records(conn, clean_records("On Kites", "On Bread"))
    return database


def test_a_trial_changes_nothing(filled: Database) -> None:
    """What it writes it reads back, in several transactions; in the database itself nothing is different."""
    before = rows(filled)
    with trial(filled) as (conn, tried):
        for title in ("Tried", "Again"):
            with tried.write() as within:
                within.execute(sa.update(table).values(url=title))
        with tried.read() as within:
            assert {paper.url for paper in papers.every(within)} == {"Again"}
        assert {paper.url for paper in papers.every(conn)} == {None}
        assert rows(filled) == before
    assert rows(filled) == before


def test_a_trial_is_of_one_moment(filled: Database) -> None:
    """What is written beside it later is neither in it nor in the snapshot."""
    with trial(filled) as (conn, tried):
        with filled.write() as other:
            list_records(other, clean_records("On Looms"), "late")
        assert papers.total(conn) == 2
        with tried.read() as within:
            assert papers.total(within) == 2


def test_a_trial_holds_up_nobody_but_who_takes_dumps_in(filled: Database) -> None:
    """Other writes go on beside it; of PostgreSQL, no dump is taken in until it is over."""
    held: list[bool] = []

    def is_held() -> bool:
        with filled.engine.connect() as conn:
            return not conn.scalar(sa.select(sa.func.pg_try_advisory_xact_lock(intake.KEY)))

    with trial(filled) as (_, tried):
        with intake.alone(tried), tried.write() as within:
            within.execute(sa.update(table).values(url="tried"))
        with filled.write() as conn:
            facts.key(conn, "links")
        if filled.is_sqlite:
            with intake.alone(filled):
                return
        held.append(is_held())
    held.append(is_held())
    assert held == [True, False]


def test_a_write_that_fails_is_undone_alone(filled: Database) -> None:
    """As in any database."""
    with trial(filled) as (_, tried):
        with tried.write() as within:
            within.execute(sa.update(table).values(url="kept"))
        with pytest.raises(ZeroDivisionError), tried.write() as within:
            within.execute(sa.update(table).values(url="undone"))
            raise ZeroDivisionError
        with tried.read() as within:
            assert {paper.url for paper in papers.every(within)} == {"kept"}


def test_a_trial_that_raises_leaves_nothing(
    filled: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither rows nor files: what is copied is as private as the database."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    beside, before = sorted(tmp_path.iterdir()), rows(filled)
    modes = set()
    with pytest.raises(ZeroDivisionError), trial(filled):
        modes = {path.stat().st_mode & 0o077 for path in tmp_path.glob("digest-trial-*")}
        raise ZeroDivisionError
    assert modes == ({0} if filled.is_sqlite else set())
    assert [
        path for path in sorted(tmp_path.iterdir()) if "wal" not in path.name and "shm" not in path.name
    ] == [path for path in beside if "wal" not in path.name and "shm" not in path.name]
    assert rows(filled) == before


def test_a_read_only_database_can_be_tried_on(filled: Database) -> None:
    """The copy takes writes although the original does not."""
    reader = Database(filled.url.render_as_string(hide_password=False), read_only=True)
    with trial(reader) as (_, tried), tried.write() as within:
        within.execute(sa.update(table).values(url="tried"))
    reader.close()
    with filled.read() as conn:
        assert {paper.url for paper in papers.every(conn)} == {None}
