"""A sender that is killed with -9 loses nothing, and repeats at most one message per open connection (R1).

One that is told to stop repeats nothing at all (R12).
"""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Literal

import pytest

from tests.conftest import MakeUrl
from tests.faults import report
from tests.faults.installation import SEND, install
from tests.faults.killing import Aftermath, finished, moments, send_with_kills
from tests.smtp_server import ServerProcess

KILLS = report.section(
    "R1",
    "Senders killed with -9",
    (
        "seed", "engine", "connections", "in doubt", "DKIM", "kills", "sent", "lost", "under way (at most)",
        "repeated", "by one kill", "bound", "stray", "changed", "parked", "balance",
    ),
    about="""\
`digest send` was killed at random moments of one send: a tenth of them at its start, a tenth within the last eight
messages, the rest between. It was started again each time, and nothing else was done. The relay is a process of its own,
which writes each message down and syncs before it acknowledges.

*Under way* are messages without a result after each kill, by the ledger: they alone may be repeated, and each kill may
leave as many as there are connections. *By one kill*: the most repeats that the messages of one process had, by the
relay's log alone; the *bound* on all is kills times connections. *Stray* repeats are those of messages that were not
under way, *changed* those with another Message-ID or other bytes.""",
)  # fmt: skip
STOPS = report.section(
    "R12",
    "Told to stop",
    ("command", "seed", "stops", "sent", "lost", "repeated", "left begun", "balance", "longest end, s"),
    about="SIGTERM at random moments of one send, chosen as above; *left begun* are messages without a result then.",
)

#: Commands that deliver until they are told to stop.
SERVICES = {"serve": ("serve", "--port", "0"), "scheduler": ("scheduler",)}

_READERS = 10_000
#: Of one full-size send, planned and at least: at its end a sender may be faster than who kills it.
_KILLS_A_SEND, _KILLS_AT_LEAST = 34, 30


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
    command: tuple[str, ...] = SEND,
    signs: bool = False,
) -> Aftermath:
    """One send of so many readers, with so many kills, to a relay that outlives them."""
    folder.mkdir()
    with ServerProcess(folder) as relay:
        installation = install(
            folder / "data",
            relay,
            readers=readers,
            connections=connections,
            url=url,
            ambiguous=ambiguous,
            signs=signs,
        )
        plan = moments(seed, kills=kills, readers=readers)
        return send_with_kills(installation, relay, plan, readers, by=by, command=command)


def check(after: Aftermath, *, connections: int) -> None:
    """Everything that holds however often a sender was killed."""
    assert after.lost == 0
    assert max(after.begun, default=0) <= connections  # and so many may be repeated, for each kill
    assert after.most <= connections
    assert after.unexplained == 0
    assert after.changed == 0
    assert after.sent + after.parked == after.readers
    assert after.difference == 0
    assert after.sound
    assert after.document["balance"] == 0


def check_stopped(after: Aftermath, *, connections: int = 8) -> None:
    """Everything that holds however often one was told to stop."""
    check(after, connections=connections)
    assert (sum(after.begun), after.repeats, after.parked) == (0, 0, 0)


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest) -> str | None:
    """An empty database of each engine; None is a file in the data folder, as nobody has to set."""
    if request.param == "sqlite":
        return None
    make: MakeUrl = request.getfixturevalue("make_postgresql_url")
    return make()


@pytest.mark.timeout(120)
def test_killed_senders_lose_nothing(tmp_path: Path, url: str | None) -> None:
    """Killed three times in one send, and started again by nobody but us: all is sent, repeats are bounded.

    Signed with DKIM, they have the same bytes all the same.
    """
    after = run(tmp_path / "run", seed=1, kills=3, readers=200, url=url, signs=True)
    check(after, connections=8)
    assert after.signed == 200 + after.repeats
    assert after.kills >= 1  # on a busy machine a sender may be faster than who kills it
    assert after.parked == 0


@pytest.mark.timeout(120)
def test_parked_instead_of_repeated(tmp_path: Path) -> None:
    """Where doubt is to be parked, kills repeat nothing: what was under way is counted as ambiguous."""
    after = run(tmp_path / "run", seed=2, kills=3, readers=120, ambiguous="park")
    check(after, connections=8)
    assert after.repeats == 0
    assert after.parked == after.doubtful


@pytest.mark.timeout(120)
def test_told_to_stop(tmp_path: Path) -> None:
    """SIGTERM drains: what is under way is settled, nothing is left begun, repeated or lost, and it ends in time."""
    after = run(tmp_path / "run", seed=3, kills=3, readers=300, by=signal.SIGTERM)
    check_stopped(after)
    assert after.kills >= 1  # on a busy machine a sender may be faster than who kills it


@pytest.mark.timeout(120)
def test_a_service_told_to_stop(tmp_path: Path) -> None:
    """So does a service, which delivers until it is told to stop."""
    after = run(tmp_path / "run", seed=4, kills=3, readers=200, by=signal.SIGTERM, command=SERVICES["serve"])
    check_stopped(after)
    assert after.kills >= 1


def test_without_a_kill(tmp_path: Path) -> None:
    """A sender that nobody kills sends each message once, and a second one sends none."""
    with ServerProcess(tmp_path) as relay:
        installation = install(tmp_path / "data", relay, readers=40, connections=8)
        assert finished(installation.start())["sent"] == 40
        assert finished(installation.start())["sent"] == 0
        assert len({line["recipient"] for line in relay.accepted()}) == len(relay.accepted()) == 40


# -- the full size -------------------------------------------------------------------------------------


def _full(
    folder: Path,
    *,
    seed: int,
    connections: int = 8,
    kills: int = _KILLS_A_SEND,
    url: str | None = None,
    ambiguous: Literal["resend", "park"] = "resend",
    signs: bool = False,
) -> Aftermath:
    after = run(
        folder / "run",
        seed=seed,
        kills=kills,
        readers=_READERS,
        connections=connections,
        url=url,
        ambiguous=ambiguous,
        signs=signs,
    )
    KILLS.add(
        seed,
        "postgresql" if url else "sqlite",
        connections,
        ambiguous,
        "yes" if after.signed else "no",
        after.kills,
        after.sent,
        after.lost,
        after.under_way,
        after.repeats,
        after.most,
        after.kills * connections,
        after.unexplained,
        after.changed,
        after.parked,
        after.difference,
    )
    check(after, connections=connections)
    assert after.kills >= (_KILLS_AT_LEAST if kills else 0)
    assert after.signed == (_READERS + after.repeats if signs else 0)
    if ambiguous == "park":
        assert after.repeats == 0
        assert after.parked == after.doubtful
    else:
        assert after.parked == 0
    return after


@pytest.mark.faults
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("connections", [8, 32])
@pytest.mark.parametrize("seed", range(1, 6))
def test_full_size(tmp_path: Path, seed: int, connections: int) -> None:
    """At least 300 kills in ten sends of 10,000 readers: nothing lost, repeats bounded kill by kill, bytes the same."""
    _full(tmp_path, seed=seed, connections=connections)


@pytest.mark.faults
@pytest.mark.timeout(1800)
def test_full_size_with_parking(tmp_path: Path) -> None:
    """What was under way at a kill is parked, all of it and nothing else, and nobody has two copies."""
    _full(tmp_path, seed=6, connections=32, ambiguous="park")


@pytest.mark.faults
@pytest.mark.timeout(1800)
def test_full_size_on_postgresql(tmp_path: Path, make_postgresql_url: MakeUrl) -> None:
    """The same on the other engine."""
    _full(tmp_path, seed=7, url=make_postgresql_url())


@pytest.mark.faults
@pytest.mark.timeout(1800)
def test_full_size_with_signatures(tmp_path: Path) -> None:
    """The same with DKIM: a repeated message has the same signature."""
    _full(tmp_path, seed=8, connections=32, signs=True)


@pytest.mark.faults
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("connections", [8, 32])
def test_full_size_without_a_kill(tmp_path: Path, connections: int) -> None:
    """Without a kill nothing is repeated."""
    after = _full(tmp_path, seed=0, connections=connections, kills=0)
    assert after.repeats == 0


def _stopped(folder: Path, command: str, seed: int, *, readers: int) -> int:
    how = SERVICES.get(command, SEND)
    after = run(folder, seed=seed, kills=11, readers=readers, by=signal.SIGTERM, command=how)
    STOPS.add(
        command,
        seed,
        after.kills,
        after.sent,
        after.lost,
        after.repeats,
        sum(after.begun),
        after.difference,
        f"{after.longest_s:.1f}",
    )
    check_stopped(after)
    return after.kills


def _stopped_often(folder: Path, command: str, times: int) -> int:
    """Seed after seed until there were so many stops: whoever has sent all before a moment is not stopped at it."""
    stops = 0
    for seed in range(1, times // 4):
        stops += _stopped(folder / f"seed{seed}", command, seed, readers=1_000)
        if stops >= times:
            break
    return stops


@pytest.mark.faults
@pytest.mark.timeout(1800)
def test_told_to_stop_a_hundred_times(tmp_path: Path) -> None:
    """SIGTERM a hundred times over some ten sends: nothing lost, nothing repeated, each end within 30 s."""
    assert _stopped_often(tmp_path, "send", 100) >= 100


@pytest.mark.faults
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("command", SERVICES)
def test_services_told_to_stop_thirty_times(tmp_path: Path, command: str) -> None:
    """So do the services, thirty times each."""
    assert _stopped_often(tmp_path, command, 30) >= 30
