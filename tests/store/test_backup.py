"""Backups of a SQLite file in use, and what stands in the way of putting one back."""

from __future__ import annotations

import shutil
import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy as sa

from digest.errors import DigestError, SchemaError, UsageError
from digest.store import generations
from digest.store.backup import BackupError, back_up, restore
from digest.store.database import Database
from digest.store.generations import Copy
from digest.store.schema import facts
from tests.factories import HOUR, NOW, add_subscriber


def addresses(path: Path) -> list[str]:
    with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as conn:
        return [row[0] for row in conn.execute("SELECT address FROM subscribers ORDER BY id")]


def subscribe(database: Database, address: str) -> None:
    with database.write() as conn:
        add_subscriber(conn, address)


def ids(path: Path) -> list[int]:
    with closing(sqlite3.connect(path)) as conn:
        return [row[0] for row in conn.execute("SELECT id FROM subscribers ORDER BY id")]


def copy_of(path: Path) -> Copy | None:
    with closing(Database(f"sqlite:///{path}", read_only=True)) as database, database.read() as conn:
        return generations.copy(conn)


@pytest.fixture
def path(sqlite_database: Database) -> Path:
    return Path(str(sqlite_database.url.database))


@pytest.fixture
def made(sqlite_database: Database, tmp_path: Path) -> Path:
    """A backup of a database with one reader, who is joined by another after it."""
    target = tmp_path / "backup.db"
    subscribe(sqlite_database, "ada@example.org")
    back_up(sqlite_database, target, now=NOW)
    subscribe(sqlite_database, "bea@example.org")
    return target


def test_a_backup(sqlite_database: Database, made: Path, path: Path) -> None:
    """It is one whole file of its moment, knows that it is a copy, and leaves the database as it was."""
    assert addresses(made) == ["ada@example.org"]
    assert copy_of(made) == Copy(made_at=NOW)
    assert copy_of(path) is None
    assert [each.name for each in made.parent.glob("*backup*")] == ["backup.db"]


def test_a_backup_while_others_write(sqlite_database: Database, tmp_path: Path) -> None:
    """Writers go on beside it, and it holds no half of a transaction: both facts of a pair, or neither."""
    begun, stop = threading.Event(), threading.Event()

    def write() -> None:
        number = 0
        while not stop.is_set():
            with sqlite_database.write() as conn:
                rows = [{"name": f"{side}{number}", "value": "x" * 2_000} for side in ("left", "right")]
                conn.execute(sa.insert(facts), rows)
            begun.set()
            number += 1

    writer = threading.Thread(target=write)
    writer.start()
    assert begun.wait(30)
    for number in range(5):
        back_up(sqlite_database, tmp_path / f"{number}.db", now=NOW)
    stop.set()
    writer.join(30)
    for number in range(5):
        with closing(sqlite3.connect(tmp_path / f"{number}.db")) as conn:
            assert conn.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
            names = {row[0] for row in conn.execute("SELECT name FROM facts")}
        left = {name[4:] for name in names if name.startswith("left")}
        assert left == {name[5:] for name in names if name.startswith("right")}
        assert left


def test_a_backup_overwrites_nothing(sqlite_database: Database, made: Path, tmp_path: Path) -> None:
    """Where a file is, it is left alone; where no folder is, nothing is made."""
    before = made.read_bytes()
    with pytest.raises(UsageError, match="never overwritten"):
        back_up(sqlite_database, made, now=NOW)
    assert made.read_bytes() == before
    with pytest.raises(BackupError, match=r"No such file|unable to open"):
        back_up(sqlite_database, tmp_path / "nowhere" / "backup.db", now=NOW)


def test_one_that_came_meanwhile(
    sqlite_database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that appears at its place while the backup is made is not overwritten either."""
    target = tmp_path / "backup.db"
    monkeypatch.setattr("digest.store.backup._sync", lambda _path: target.write_text("another's"))
    with pytest.raises(UsageError, match="never overwritten"):
        back_up(sqlite_database, target, now=NOW)
    assert target.read_text() == "another's"
    assert not list(tmp_path.glob(".*"))


def test_restored(sqlite_database: Database, made: Path, path: Path) -> None:
    """The copy stands in the database's place and says so; what stood there is kept, whole, in one file."""
    sqlite_database.close()
    kept = restore(sqlite_database, made, now=NOW + HOUR)
    assert addresses(path) == ["ada@example.org"]
    assert copy_of(path) == Copy(made_at=NOW, until=NOW + HOUR)
    assert kept is not None
    assert kept.name == "digest.db.replaced-20261120T090000Z"
    assert addresses(kept) == ["ada@example.org", "bea@example.org"]
    assert copy_of(made) == Copy(made_at=NOW), "the backup is as it was"
    assert not list(path.parent.glob("*-wal"))
    subscribe(sqlite_database, "cy@example.org")
    assert addresses(path) == ["ada@example.org", "cy@example.org"]
    assert ids(path)[1] > ids(kept)[1], "links mailed to bea do not open what is cy's"


def test_restored_where_none_was(sqlite_database: Database, made: Path, tmp_path: Path) -> None:
    """On a new machine the folder is made, and nothing is kept."""
    new = Database(f"sqlite:///{tmp_path / 'new' / 'digest.db'}")
    assert restore(new, made, now=NOW) is None
    assert addresses(tmp_path / "new" / "digest.db") == ["ada@example.org"]


def test_a_foreign_backup(sqlite_database: Database, path: Path, tmp_path: Path) -> None:
    """A file that another program copied is taken too; when that was is not known."""
    subscribe(sqlite_database, "ada@example.org")
    sqlite_database.close()
    shutil.copyfile(path, tmp_path / "cp.db")
    restore(sqlite_database, tmp_path / "cp.db", now=NOW)
    assert copy_of(path) == Copy(until=NOW)


def test_not_while_it_is_used(sqlite_database: Database, made: Path, path: Path) -> None:
    """While any process has the database open, it is left as it is."""
    with sqlite_database.read() as conn:
        conn.execute(sa.select(facts)).all()
        with pytest.raises(BackupError, match="in use"):
            restore(Database(f"sqlite:///{path}"), made, now=NOW)
    assert addresses(path) == ["ada@example.org", "bea@example.org"]
    assert copy_of(path) is None
    assert [each.name for each in path.parent.glob("*replaced*")] == []


def test_a_damaged_database_can_be_replaced(sqlite_database: Database, made: Path, path: Path) -> None:
    """What stands there may be damaged, which is why: it is kept as it is, log and all."""
    sqlite_database.close()
    path.write_bytes(b"no database" * 1_000)
    path.with_name(path.name + "-wal").write_bytes(b"a stale log")
    kept = restore(sqlite_database, made, now=NOW)
    assert kept is not None
    assert kept.read_bytes().startswith(b"no database")
    assert addresses(path) == ["ada@example.org"]
    assert not path.with_name(path.name + "-wal").exists()


def test_what_is_refused(sqlite_database: Database, made: Path, path: Path, tmp_path: Path) -> None:
    """No file, a damaged one and one of another schema are told apart, and change nothing."""
    sqlite_database.close()
    with pytest.raises(UsageError, match="no such file"):
        restore(sqlite_database, tmp_path / "none.db", now=NOW)
    for name, data in (("text.db", b"text" * 5_000), ("torn.db", made.read_bytes()[:100_000])):
        (tmp_path / name).write_bytes(data)
        with pytest.raises(DigestError, match=r"not a database|malformed|damaged"):
            restore(sqlite_database, tmp_path / name, now=NOW)
    with closing(sqlite3.connect(made)) as conn:
        conn.execute("UPDATE alembic_version SET version_num = '0000'")
        conn.commit()
    with pytest.raises(SchemaError):
        restore(sqlite_database, made, now=NOW)
    assert addresses(path) == ["ada@example.org", "bea@example.org"]
    assert not list(path.parent.glob("*replaced*")) + list(path.parent.glob(".*"))


def test_postgresql_has_its_own(postgresql_database: Database, tmp_path: Path) -> None:
    """Of PostgreSQL neither is done here; the program that does it is named."""
    with pytest.raises(UsageError, match="pg_dump"):
        back_up(postgresql_database, tmp_path / "x", now=NOW)
    with pytest.raises(UsageError, match="pg_restore"):
        restore(postgresql_database, tmp_path / "x", now=NOW)
