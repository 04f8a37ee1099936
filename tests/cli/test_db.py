"""digest db backup, restore and accept, as an operator calls them."""

from __future__ import annotations

import gc
from pathlib import Path

import pytest

from tests.cli.conftest import Run, write_dump


@pytest.fixture
def restored(run: Run, filled: Path) -> Path:
    """A site whose backup, made with mail waiting, stands in its database's place after that was sent."""
    assert run("edition", "publish").code == 0
    made = run("db", "backup", "backup.db", "--json")
    assert (made.code, made.json["file"]) == (0, "backup.db")
    assert made.json["size_bytes"] == (filled / "backup.db").stat().st_size
    assert run("send", "--json").json["sent"] == 2
    gc.collect()  # each command here is one of this process, and what it had open is in use until then
    put = run("db", "restore", "backup.db", "--json")
    assert (put.code, put.err) == (0, "")
    assert Path(put.json["kept"]).is_file()
    return filled


def mails(site: Path) -> int:
    return len(list((site / "outbox").rglob("*.eml")))


def test_nothing_is_mailed(run: Run, restored: Path) -> None:
    """A restored database sends, plans and publishes nothing; every command that would says what to do."""
    before = mails(restored)
    write_dump(restored, "On Looms", name="more.json")
    assert run("ingest", "more.json").code == 0
    for command in (("send",), ("send", "--to", "ada@example.org"), ("edition", "publish")):
        done = run(*command)
        assert (done.code, done.out) == (1, "")
        assert "see `digest db accept`" in done.err
    assert mails(restored) == before == 2
    assert run("status", "--json").json["sending"].startswith("off: the database is an older copy")
    warnings = run("send", "--dry-run", "--json").json["warnings"]
    assert any("the database is an older copy" in warning for warning in warnings)


def test_looking_changes_nothing(run: Run, restored: Path) -> None:
    """Without a choice it is told what is in doubt, and the database goes on mailing nothing."""
    told = run("db", "accept", "--json").json
    assert (told["choice"], told["done"], told["readers_due"], told["open"]) == (None, None, 2, [])
    out = run("db", "accept").out
    assert "2 readers who may have been served since" in out
    assert "--skip" in out
    assert "--send" in out
    assert run("send").code == 1


def test_skip(run: Run, restored: Path) -> None:
    """Counted as mailed, nobody gets a second mail; what comes later is mailed."""
    before = mails(restored)
    done = run("db", "accept", "--skip", "--json")
    assert (done.code, done.err) == (0, "")
    assert done.json["done"] == {"ambiguous": 0, "skipped": 2, "moved": 2, "passed_over": 0}
    assert run("send", "--json").json["sent"] == 0
    assert mails(restored) == before
    assert run("status", "--json").json["sending"] == "on"
    assert "restored" in run("why", "ada@example.org").out


def test_send(run: Run, restored: Path) -> None:
    """Where nothing was mailed since the backup, all is mailed."""
    assert "All of it is sent by the next run." in run("db", "accept", "--send").out
    assert run("send", "--json").json["sent"] == 2


def test_accepting_what_is_no_copy(run: Run, filled: Path) -> None:
    """It is refused, unless the operator knows better: a PostgreSQL restored on a machine that never saw it."""
    assert run("edition", "publish").code == 0
    refused = run("db", "accept", "--skip")
    assert (refused.code, refused.out) == (2, "")
    assert "--anyway" in refused.err
    assert run("db", "accept", "--skip", "--send", "--anyway").code == 2
    out = run("db", "accept", "--skip", "--anyway").out
    assert "of unknown age" in out
    assert "the date of 2 readers" in out
    assert run("send", "--json").json["sent"] == 0


def test_backup_and_restore_that_cannot_be(run: Run, filled: Path) -> None:
    """Nothing is overwritten, nothing is made of nothing, and a file that is none replaces nothing."""
    assert run("db", "backup", "dump.json").code == 2
    assert run("db", "restore", "nowhere.db").code == 2
    done = run("db", "restore", "dump.json")
    assert done.code == 1
    assert "not a database" in done.err
    (filled / "elsewhere.toml").write_text('data_dir = "elsewhere"\n')
    done = run("db", "backup", "new.db", "--config", "elsewhere.toml")
    assert (done.code, done.err) == (2, "digest: there is no database at elsewhere/digest.db\n")
    assert not (filled / "new.db").exists()
