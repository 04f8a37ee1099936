"""A sender that is killed with -9: nothing is lost, and at most one message per open connection is repeated (R1)."""

from __future__ import annotations

import datetime as dt
import platform
import signal
import time
from pathlib import Path
from typing import Literal

import pytest

from tests.conftest import MakeUrl
from tests.faults.installation import install
from tests.faults.killing import Aftermath, finished, moments, send_with_kills
from tests.smtp_server import ServerProcess

_REPORT = Path(__file__).with_name("REPORT.md")
_KILLS_A_SEND = 10


def run(
    folder: Path,
    *,
    seed: int,
    kills: int,
    readers: int,
    connections: int = 8,
    url: str | None = None,
    ambiguous: Literal["resend", "park"] = "resend",
    by: signal.Signals = signal.SIGKILL,
) -> Aftermath:
    """One send of so many readers, with so many kills, to a relay that outlives them."""
    folder.mkdir()
    with ServerProcess(folder) as relay:
        installation = install(
            folder / "data", relay, readers=readers, connections=connections, url=url, ambiguous=ambiguous
        )
        plan = moments(seed, kills=kills, readers=readers)
        return send_with_kills(installation, relay, plan, readers, by=by)


def check(after: Aftermath, *, connections: int) -> None:
    """Everything that holds however often a sender was killed."""
    assert after.lost == 0
    assert max(after.begun, default=0) <= connections  # and so many may be repeated, for each kill
    assert after.unexplained == 0
    assert after.changed == 0
    assert after.sent + after.parked == after.readers
    assert after.difference == 0
    assert after.sound
    assert after.document["balance"] == 0


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest) -> str | None:
    """An empty database of each engine; None is a file in the data folder, as nobody has to set."""
    if request.param == "sqlite":
        return None
    make: MakeUrl = request.getfixturevalue("make_postgresql_url")
    return make()


@pytest.mark.timeout(120)
def test_killed_senders_lose_nothing(tmp_path: Path, url: str | None) -> None:
    """Killed three times in one send, and started again by nobody but us: all is sent, repeats are bounded."""
    after = run(tmp_path / "run", seed=1, kills=3, readers=200, url=url)
    check(after, connections=8)
    assert after.kills >= 1  # on a busy machine a sender may be faster than who kills it
    assert after.parked == 0


@pytest.mark.timeout(120)
def test_parked_instead_of_repeated(tmp_path: Path) -> None:
    """Where doubt is to be parked, kills repeat nothing: what was under way is counted as ambiguous."""
    after = run(tmp_path / "run", seed=2, kills=3, readers=120, ambiguous="park")
    check(after, connections=8)
    assert after.repeats == 0
    assert after.parked == sum(after.begun)


@pytest.mark.timeout(120)
def test_told_to_stop(tmp_path: Path) -> None:
    """SIGTERM drains: what is under way is settled, nothing is left begun, repeated or lost, and it ends in time."""
    after = run(tmp_path / "run", seed=3, kills=3, readers=300, by=signal.SIGTERM)
    check(after, connections=8)
    assert after.kills >= 1  # on a busy machine a sender may be faster than who kills it
    assert (sum(after.begun), after.repeats, after.parked) == (0, 0, 0)


def test_without_a_kill(tmp_path: Path) -> None:
    """A sender that nobody kills sends each message once, and a second one sends none."""
    with ServerProcess(tmp_path) as relay:
        installation = install(tmp_path / "data", relay, readers=40, connections=8)
        assert finished(installation.start())["sent"] == 40
        assert finished(installation.start())["sent"] == 0
        assert len({line["recipient"] for line in relay.accepted()}) == len(relay.accepted()) == 40


# -- the full size -------------------------------------------------------------------------------------


@pytest.mark.faults
@pytest.mark.timeout(3600)
def test_full_size(tmp_path: Path) -> None:
    """Fifty kills over sends of 2,000 readers, and more with 32 connections and with parking; kept as a report."""
    began = time.monotonic()
    rows = []
    seeds = iter(range(1, 100))
    kills = 0
    while kills < 50:
        seed = next(seeds)
        rows.append(_row(tmp_path, seed, connections=8, ambiguous="resend"))
        kills += rows[-1][1].kills
    rows.append(_row(tmp_path, next(seeds), connections=32, ambiguous="resend"))
    rows.append(_row(tmp_path, next(seeds), connections=8, ambiguous="park"))
    _REPORT.write_text(_report(rows, duration_s=time.monotonic() - began), encoding="utf-8")


@pytest.mark.faults
@pytest.mark.timeout(3600)
def test_told_to_stop_a_hundred_times(tmp_path: Path) -> None:
    """SIGTERM a hundred times over ten sends: nothing lost, nothing repeated, each end within 30 s (R12)."""
    stops = 0
    for seed in range(1, 11):
        after = run(tmp_path / f"seed{seed}", seed=seed, kills=10, readers=1_000, by=signal.SIGTERM)
        check(after, connections=8)
        assert (sum(after.begun), after.repeats, after.parked) == (0, 0, 0)
        stops += after.kills
    assert stops >= 95


def _row(
    folder: Path, seed: int, *, connections: int, ambiguous: Literal["resend", "park"]
) -> tuple[str, Aftermath]:
    after = run(
        folder / f"seed{seed}",
        seed=seed,
        kills=_KILLS_A_SEND,
        readers=2_000,
        connections=connections,
        ambiguous=ambiguous,
    )
    check(after, connections=connections)
    if ambiguous == "park":
        assert after.repeats == 0
        assert after.parked == sum(after.begun)
    else:
        assert after.parked == 0
    return f"| {seed} | {connections} | {ambiguous} |", after


_HEAD = """\
# Senders killed with -9

Written by `pytest tests/faults -m faults` on {today:%Y-%m-%d}, Python {python}, SQLite, in {duration_s:.0f} s.

`digest send` was killed {killed} times over {sends} sends of 2,000 readers: in each, once at a random moment of its
start, once within the last eight messages, the rest at random between. It was started again each time, and nothing
else was done. The relay is a process of its own, which logs a message and syncs the log before it acknowledges.

*Under way* are messages without a result after each kill, by the ledger: they alone may be repeated, and each kill may
leave as many as there are connections, which is the bound. *Stray* repeats are those of other messages. *Changed* are
repeats with another Message-ID or other bytes.

| seed | connections | in doubt | kills | sent | lost | under way (at most) | repeated | bound | stray | changed | parked | balance |
|---|---|---|---|---|---|---|---|---|---|---|---|---|
"""


def _report(rows: list[tuple[str, Aftermath]], *, duration_s: float) -> str:
    text = _HEAD.format(
        today=dt.datetime.now(dt.UTC),
        python=platform.python_version(),
        duration_s=duration_s,
        killed=sum(after.kills for _, after in rows),
        sends=len(rows),
    )
    for start, after in rows:
        connections = int(start.split("|")[2])
        text += (
            f"{start} {after.kills} | {after.sent} | {after.lost} | {sum(after.begun)} ({max(after.begun)}) | "
            f"{after.repeats} | {after.kills * connections} | {after.unexplained} | {after.changed} | "
            f"{after.parked} | {after.difference} |\n"
        )
    return text
