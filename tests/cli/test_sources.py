"""digest sources, and what `digest status` says of them and of alarms."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import Path

import pytest
from freezegun import freeze_time

from digest.pipeline.ingest import IngestOptions
from digest.settings import load
from digest.sources.source import FOLDER
from digest.store import sources
from digest.store.sources import SourceState
from digest.wiring import App
from tests.cli.conftest import Run
from tests.factories import HOUR, NOW, TODAY, daily_papers, raw_dump

TABLE = """
admin = "ops@example.org"
[sources.page]
kind = "page"
url = "https://papers.example.org/trending?key=secret"
expected = 40
"""


@pytest.fixture
def friday(site: Path) -> Iterator[Path]:
    """A site with a page that gives 40 papers on a working day, on a Friday at eight."""
    path = site / "digest.toml"
    path.write_text(path.read_text().replace("edition.hour = 0\n", "edition.hour = 6\n") + TABLE)
    with freeze_time(NOW):
        yield site


@pytest.fixture
def held(run: Run, friday: Path) -> Path:
    """The same, with something new by hand, a look at the page that failed, and a broken file in the folder."""
    (friday / "dump.json").write_bytes(daily_papers(["A Kite"], day=TODAY))
    assert run("ingest", "dump.json").code == 0
    app = App(load())
    app.ingest([raw_dump(b"[{]", name="today.json")], IngestOptions(source=FOLDER))
    state = SourceState(
        name="page", tried_at=NOW, failures=1, reason="HTTP 503", next_at=NOW + dt.timedelta(minutes=5)
    )
    with app.database.write() as conn:
        sources.save(conn, state)
    app.publish()
    app.database.close()
    return friday


def test_list(run: Run, friday: Path) -> None:
    """Every source of the settings with its place; what may be secret in an address is not shown."""
    done = run("sources", "list")
    assert (done.code, done.err) == (0, "")
    assert "https://papers.example.org/trending" in done.out
    assert "secret" not in done.out
    assert [
        (each["name"], each["expected"]) for each in run("sources", "list", "--json").json["sources"]
    ] == [
        ("folder", None),
        ("page", 40),
    ]


def test_a_bad_day(run: Run, held: Path) -> None:
    """The table says how each source is, and below it stands what is wrong with it, and that the edition waits."""
    done = run("sources", "status")
    assert (done.code, done.err) == (0, "")
    assert "page short 0 of 40 never 2026-11-20 08:05 UTC" in " ".join(done.out.split())
    assert "page: the last look failed: HTTP 503\n" in done.out
    assert "today.json: line 1: not JSON" in done.out
    assert "Today's edition waits until 2026-11-20 12:00 UTC.\n" in done.out
    document = run("sources", "status", "--json").json
    folder, page = document["sources"]
    assert document["held_until"] == "2026-11-20T12:00:00+00:00"
    assert folder["state"] == ["quarantine"]
    assert [each["line"] for each in folder["quarantined"]] == [1]
    assert (page["papers"], page["normal"], page["short"], page["failures"]) == (0, 40, True, 1)
    assert page["alarms"] == ["source-short"]


def test_status(run: Run, held: Path) -> None:
    """Status names the sources, the alarms that stand and those of today that are over, and until when it waits."""
    done = run("status")
    assert done.code == 0
    assert (
        "edition      none yet\n             today's waits for a source until 2026-11-20 12:00 UTC\n"
        in done.out
    )
    assert "sources      folder quarantine, page short\n" in done.out
    assert "alarms       edition-held, since 2026-11-20 08:00 UTC\n" in done.out
    assert "             source-short (page), since 2026-11-20 08:00 UTC\n" in done.out
    document = run("status", "--json").json
    assert document["held_until"] == "2026-11-20T12:00:00+00:00"
    assert [(each["name"], each["about"], each["ended_at"]) for each in document["alarms"]] == [
        ("edition-held", "", None),
        ("source-short", "page", None),
    ]
    with freeze_time(NOW + HOUR):
        assert run("edition", "publish").code == 0
        done = run("status")
    assert "alarms       edition-held, over\n" in done.out
    assert "waits" not in done.out


def test_a_send_waits_and_a_dry_run_says_so(run: Run, held: Path) -> None:
    """`digest send` publishes nothing meanwhile; a dry run shows the edition that would be, and warns that it waits."""
    assert run("send").code == 0
    assert run("edition", "list", "--json").json == {"editions": []}
    document = run("send", "--dry-run", "--json").json
    assert document["edition"] == "2026-11-20"
    assert [each for each in document["warnings"] if "waits" in each] == [
        "the edition waits for a source until 2026-11-20 12:00 UTC: see `digest sources status`"
    ]


def test_a_quiet_day(run: Run, site: Path) -> None:
    """Where nothing is wrong there is nothing to say."""
    assert run("db", "upgrade").code == 0
    done = run("status")
    assert "sources      folder nothing yet\n" in done.out
    assert "alarms       none\n" in done.out
    assert run("sources", "status").out.count("\n") == 2
