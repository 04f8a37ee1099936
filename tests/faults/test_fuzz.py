"""Damaged documents of every format: papers, rejects or a refusal come out, and never anything else (R16, R17)."""

from __future__ import annotations

import datetime as dt
import fcntl
import json
import os
import platform
import resource
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from digest.ingest.formats import FORMATS
from tests.faults.fuzzing import Campaign, judge
from tests.faults.originals import donors, originals
from tests.ingest.documents import DOCUMENTS

_REPORT = Path(__file__).with_name("FUZZ.md")
#: Of each format; eleven of them at the ten minutes of a report are two hours, too long for every run of the faults.
_SECONDS = int(os.environ.get("DIGEST_FUZZ_S", "60"))
_ENGINE = os.environ.get("DIGEST_FUZZ_ENGINE", "plain")
_SEED = int(os.environ.get("DIGEST_FUZZ_SEED", "1"))
#: A shorter run is a try-out and goes into no report.
_REPORTED_S = 600
#: MB that the memory of the process may grow by over a run; inputs have 128 kB at most.
_GROWTH_MB = 300

Row = tuple[str, str, int, int, int, int, int]


def test_a_campaign_finds_what_breaks_and_keeps_it(tmp_path: Path) -> None:
    """A reader that fails at one rare mark is found by that mark; the same seed finds the same input."""

    def fragile(data: bytes) -> str:
        if b"[[" in data:
            raise ValueError("two brackets")
        return judge(data)

    found = []
    for name in ("one", "two"):
        folder = tmp_path / name
        folder.mkdir()
        campaign = Campaign(
            "json", [DOCUMENTS["daily-papers-json"]], [], seed=5, folder=folder, judge=fragile
        )
        with pytest.raises(AssertionError, match="two brackets") as broken:
            campaign.run(goes_on=lambda count: count < 3_000)
        assert isinstance(broken.value.__cause__, ValueError)
        (kept,) = folder.iterdir()
        found.append((kept.name, kept.read_bytes()))
    assert found[0] == found[1]
    assert b"[[" in found[0][1]


@pytest.mark.parametrize("name", FORMATS)
def test_a_campaign_starts_from_good_documents(name: str) -> None:
    """Each is read as its format, the real ones included where they are there."""
    assert [judge(data).split(":")[0] for data in originals(name)] == [name] * len(originals(name))


@pytest.mark.parametrize("name", FORMATS)
def test_a_short_campaign_breaks_nothing(name: str, tmp_path: Path) -> None:
    """A hundred inputs of each format; good ones among them are read, and damaged ones refused."""
    campaign = Campaign(name, [DOCUMENTS[name]], donors(name), seed=2, folder=tmp_path)
    campaign.run(goes_on=lambda count: count < 100)
    assert campaign.executions == 100
    assert 0 < campaign.refused < 100
    assert len(campaign.ends) > 2


@pytest.mark.faults
@pytest.mark.timeout(_SECONDS + 600)
@pytest.mark.parametrize("name", FORMATS)
def test_fuzz(name: str, tmp_path: Path) -> None:
    """As long as `DIGEST_FUZZ_S` says: nothing but a `DumpError` comes out, and memory stays where it is."""
    print(f"{name}: seed {_SEED}, engine {_ENGINE}, inputs that break something in {tmp_path}")  # noqa: T201  (for whoever watches)
    run = {"plain": _plain, "atheris": _guided}[_ENGINE]
    ends, grown_mb = run(name, tmp_path)
    refused = sum(count for end, count in ends.items() if end.startswith("refused"))
    if _SECONDS >= _REPORTED_S:
        _report((name, _ENGINE, _SECONDS, ends.total(), ends.total() - refused, refused, len(ends)))
    assert ends.total() > _SECONDS
    assert grown_mb < _GROWTH_MB


def _plain(name: str, folder: Path) -> tuple[Counter[str], int]:
    """In this process, guided by outcomes."""
    campaign = Campaign(name, originals(name), donors(name), seed=_SEED, folder=folder)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    until = time.monotonic() + _SECONDS
    campaign.run(goes_on=lambda _: time.monotonic() < until)
    grown_mb = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024
    rate = campaign.executions / _SECONDS
    told = f"{rate:.0f}/s, slowest {campaign.slowest_s:.2f} s, grown by {grown_mb} MB"
    print(f"{name}: {told}, {campaign.ends}")  # noqa: T201
    return campaign.ends, grown_mb


def _guided(name: str, folder: Path) -> tuple[Counter[str], int]:
    """In a process of its own, guided by the lines that an input reaches; it watches its memory itself."""
    pytest.importorskip("atheris", reason="needs atheris for coverage guidance")
    command = [sys.executable, "-m", "tests.faults.guided", name, str(_SECONDS), str(_SEED), str(folder)]
    ended = subprocess.run(
        command, capture_output=True, text=True, check=False, cwd=Path(__file__).parents[2]
    )
    assert ended.returncode == 0, ended.stderr[-3000:] + ended.stdout[-1000:]
    return Counter(json.loads((folder / "ends.json").read_text(encoding="utf-8"))), 0


def _report(row: Row) -> None:
    """Add a row to the section of this day and seed, which is the last one; runs beside this one may do so, too."""
    section = f"## {dt.datetime.now(tz=dt.UTC).date()}, Python {platform.python_version()}, seed {_SEED}\n"
    cells = " | ".join(f"{cell:,}" if isinstance(cell, int) else cell for cell in row)
    with _REPORT.open("a+", encoding="utf-8") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.seek(0)
        before = file.read()
        file.write("" if before else "# Damaged documents\n")
        file.write("" if section in before else f"\n{section}{_SECTION}")
        file.write(f"| {cells} | 0 |\n")


_SECTION = """
Good documents, swapped, cut, repeated, spliced and flipped; each was read, its records cleaned and checked. *Ends* are
distinct outcomes: a format with its number of papers and rejects, or a reason of refusal. *Exceptions* are all that
came out and was no `DumpError`: one ends the run, so a row in this table has none.

| format | engine | seconds | inputs | with papers | refused | ends | exceptions |
|---|---|---|---|---|---|---|---|
"""
