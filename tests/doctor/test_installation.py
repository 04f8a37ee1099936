"""Settings and database, looked at."""

from __future__ import annotations

import shutil
import sqlite3
from collections import namedtuple
from contextlib import closing
from pathlib import Path

import pytest

from digest.doctor import installation
from digest.settings import DatabaseSettings, MailSettings, RelaySettings
from digest.store import generations
from digest.store.database import Database
from digest.wiring import App
from tests.factories import make_settings

Usage = namedtuple("Usage", "total used free")


def reading(database: Database, folder: Path) -> App:
    url = database.url.render_as_string(hide_password=False)
    return App(make_settings(folder, database=DatabaseSettings(url=url)), read_only=True)


def test_settings(tmp_path: Path) -> None:
    """What keeps mail from going out has failed; what an admin would miss later is a warning."""
    bare = make_settings(tmp_path, base_url="", sender="", relay=RelaySettings(url=""))
    assert [(each.check, each.state) for each in installation.settings(bare)] == [
        ("base_url", "failed"),
        ("sender", "failed"),
        ("relay.url", "failed"),
        ("admin", "warning"),
        ("mail.postal_address", "warning"),
    ]
    full = make_settings(
        tmp_path,
        admin="admin@example.org",
        mail=MailSettings(postal_address="1 Example Street"),
        relay=RelaySettings(url="smtps://me@mail.example.org"),
    )
    found = list(installation.settings(full))
    assert {each.state for each in found} == {"ok"}
    assert not any("me@" in each.says for each in found)


def test_a_sound_database(database: Database, tmp_path: Path) -> None:
    """A migrated database is at its schema, whole, and takes writes."""
    app = reading(database, tmp_path)
    found = list(installation.database(app))
    app.database.close()
    assert [each.check for each in found] == ["schema", "integrity", "writing", "disk"]
    assert {each.state for each in found if each.check != "disk"} == {"ok"}


def test_an_older_copy(database: Database, tmp_path: Path) -> None:
    """Of a restored backup nothing is mailed until somebody says so: the command is named."""
    with database.write() as conn:
        generations.mark(conn, generations.Copy())
    app = reading(database, tmp_path)
    found = {each.check: each for each in installation.database(app)}
    app.database.close()
    assert (found["ledger"].state, found["ledger"].todo) == ("failed", "see `digest db accept`")


def test_no_database(tmp_path: Path) -> None:
    """Where there is none the command is named that makes it, and none is made."""
    app = App(make_settings(tmp_path, data_dir=tmp_path / "data"), read_only=True)
    (found,) = installation.database(app)
    assert (found.check, found.state) == ("schema", "failed")
    assert "run `digest ingest`" in found.says
    assert not (tmp_path / "data").exists()


def test_an_empty_database(tmp_path: Path) -> None:
    """One without tables is refused with its command."""
    (tmp_path / "digest.db").touch()
    (found,) = installation.database(App(make_settings(tmp_path), read_only=True))
    assert "run `digest db upgrade`" in found.says


def test_a_broken_file(sqlite_database: Database, tmp_path: Path) -> None:
    """A page that was overwritten is found."""
    path = Path(str(sqlite_database.url.database))
    with sqlite_database.write() as conn:
        for number in range(500):
            conn.exec_driver_sql("INSERT INTO facts VALUES (?, ?)", (f"{number}", "words " * 100))
    sqlite_database.close()
    data = bytearray(path.read_bytes())
    data[-20 * 4096 :] = b"\xff" * (20 * 4096)
    path.write_bytes(data)
    app = reading(sqlite_database, tmp_path)
    found = {each.check: each for each in installation.database(app)}
    app.database.close()
    assert found["integrity"].state == "failed"
    assert "put back the last backup" in found["integrity"].todo


def test_a_database_that_takes_no_writes(
    sqlite_database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where another keeps all writers out, that is told in the database's words."""
    app = reading(sqlite_database, tmp_path)
    monkeypatch.setattr("digest.store.database.LOCK_TIMEOUT_S", 0.05)
    with closing(sqlite3.connect(str(sqlite_database.url.database), isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        found = {each.check: each for each in installation.database(app)}
    app.database.close()
    assert (found["writing"].state, found["integrity"].state) == ("failed", "ok")
    assert "database is locked" in found["writing"].says


@pytest.mark.parametrize(("free", "state"), [(50 << 20, "failed"), (500 << 20, "warning"), (5 << 30, "ok")])
def test_room(
    sqlite_database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free: int, state: str
) -> None:
    """A disk that is nearly full is told of before it is."""
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: Usage(1 << 40, 0, free))
    app = reading(sqlite_database, tmp_path)
    found = {each.check: each for each in installation.database(app)}
    app.database.close()
    assert found["disk"].state == state
    assert str(tmp_path) in found["disk"].says
