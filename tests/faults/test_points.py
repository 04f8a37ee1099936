"""A sender killed at each of its points in turn: the next one needs no help, and nothing is lost (R2)."""

from __future__ import annotations

import hashlib
import os
import shutil
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import pytest
import sqlalchemy as sa

from digest.deliver.delivery import Status
from digest.store.schema import deliveries
from tests.conftest import Postgresql
from tests.faults import report
from tests.faults.installation import SEND, Installation, install
from tests.faults.launcher import OUTSIDE, Launcher, Life
from tests.smtp_server import SmtpServer, wait_until

POINTS = report.section(
    "R2",
    "A sender killed at each point",
    (
        "engine", "readers", "connections", "in doubt", "points by kind", "kills", "lost", "repeated", "bound",
        "stray", "changed", "parked", "without a claim", "unsound", "balance",
    ),
    about="""\
`digest send` was killed with -9 at its n-th point, for n = 1 … until it ended by itself: before and after each commit,
connect, receive, and making, renaming and removing of a file, and before, half-way through and after each send; or as
it entered a system call of a commit. Each time it began with a fresh copy of the same database, and one more
`digest send` did the rest. Counted over all kills:
*repeated* messages, at most as many as there are connections at each kill; *stray*, those of them that were not under
way by the ledger; messages that the relay took *without a claim* that names their bytes and is durable; databases whose
integrity check failed.""",
)  # fmt: skip

#: Kinds that every send has; a run that passes none of one was not wrapped there.
_ALWAYS = {"commit", "connect", "send", "receive", "create", "rename", "unlink"}
#: So many lives in a row that end by themselves end the search: what threads do in turn varies a little.
_CLEAN = 5


@dataclass(kw_only=True)
class Found:
    """What the kills of one search came to."""

    kills: Counter[str] = field(default_factory=Counter)  #: by the kind of the point
    lost: int = 0
    repeated: int = 0
    most: int = 0  #: repeats after one kill
    stray: int = 0
    changed: int = 0
    parked: int = 0
    unclaimed: int = 0
    unsound: int = 0
    difference: int = 0


@dataclass(frozen=True, kw_only=True)
class Searched:
    """One installation, as it is before each life."""

    original: Installation
    readers: int
    copy: Callable[[Installation], Installation]

    def at_point(self, launcher: Launcher, at: int, kinds: Collection[str], found: Found) -> Life:
        """Kill a sender at its n-th point, let another do the rest, and count; returns the first one's end."""
        return self.after(lambda mine: launcher.run(mine, at=at, kinds=kinds), launcher, found)

    def after(self, live: Callable[[Installation], Life], launcher: Launcher, found: Found) -> Life:
        """The same, of a sender that dies in a way of its own."""
        with SmtpServer() as relay:
            mine = replace(self.copy(self.original), relay_port=relay.port)
            first = live(mine)
            if first.died_at is None:
                assert first.code == 0, first.err
                return first
            # What had left the process arrives though it is dead.
            wait_until(lambda: relay.idle)
            begun = mine.begun()
            found.kills[first.died_at.partition(" ")[0]] += 1
            found.unclaimed += unclaimed(mine, relay)
            found.unsound += not mine.is_sound()
            second = launcher.run(mine)
            assert second.code == 0, second.err
            self._count(mine, relay, begun, found)
        return first

    def _count(self, mine: Installation, relay: SmtpServer, begun: Collection[str], found: Found) -> None:
        copies: dict[str, list[bytes]] = {}
        for message in relay.accepted:
            copies.setdefault(message.recipient, []).append(message.data)
        parked = mine.of_status(Status.AMBIGUOUS)
        again = {who: len(same) - 1 for who, same in copies.items() if len(same) > 1}
        found.lost += self.readers - len(set(copies) | parked)
        found.repeated += sum(again.values())
        found.most = max(found.most, sum(again.values()))
        found.stray += sum(times - (who in begun) for who, times in again.items())
        found.changed += sum(len(set(same)) > 1 for same in copies.values())
        found.parked += len(parked)
        found.unsound += not mine.is_sound()
        found.difference += abs(mine.balance().difference)
        assert len(mine.of_status(Status.SENT) | parked) == self.readers
        assert list((mine.folder / "claims").iterdir()) == []


def unclaimed(installation: Installation, relay: SmtpServer) -> int:
    """Messages that the relay took, and of which the ledger does not hold the very bytes as begun."""
    rows = installation.read(sa.select(deliveries.c.recipient, deliveries.c.status, deliveries.c.body_hash))
    known = {row.recipient: (row.status, row.body_hash) for row in rows}
    told = {Status.CLAIMED, Status.SENT, Status.DEFERRED, Status.AMBIGUOUS}
    return sum(
        _ledgers_hash(message.data) != known[message.recipient][1] or known[message.recipient][0] not in told
        for message in relay.accepted
    )


def _ledgers_hash(data: bytes) -> str:
    """What the ledger keeps of a message: a hash of its head and of a hash of its body, which DKIM wants too."""
    head, end, body = data.partition(b"\r\n\r\n")
    return hashlib.sha256(head + end + hashlib.sha256(body).digest()).hexdigest()


@contextmanager
def search(
    folder: Path, postgresql: Postgresql | None, *, readers: int, connections: int = 2, park: bool = False
) -> Iterator[Searched]:
    """Make an installation of which each life is given a copy; PostgreSQL's if there is a server, else SQLite's."""
    copies = 0

    def of_files(original: Installation) -> Installation:
        nonlocal copies
        copies += 1
        copy = folder / f"copy{copies}"
        shutil.copytree(original.folder, copy)
        shutil.rmtree(folder / f"copy{copies - 1}", ignore_errors=True)
        return replace(original, folder=copy, url=f"sqlite:///{copy / 'digest.db'}")

    def of_databases(original: Installation) -> Installation:
        assert postgresql is not None
        copy = of_files(original)
        name = sa.make_url(original.url).database
        assert name is not None
        url = postgresql.create(template=name, name=f"{name}copy{copies}")
        if copies > 1:
            postgresql.drop(str(url).replace(f"copy{copies}", f"copy{copies - 1}"))
        return replace(copy, url=url)

    url = postgresql.create(template="template0") if postgresql else None
    with SmtpServer() as nobody:
        original = install(
            folder / "original",
            nobody,
            readers=readers,
            connections=connections,
            url=url,
            ambiguous="park" if park else "resend",
        )
    yield Searched(original=original, readers=readers, copy=of_databases if postgresql else of_files)


def check(found: Found, *, connections: int = 2) -> None:
    """Everything that holds after a kill at any point."""
    assert (found.lost, found.stray, found.changed, found.unclaimed) == (0, 0, 0, 0)
    assert found.most <= connections
    assert (found.unsound, found.difference) == (0, 0)


def note(engine: str, readers: int, found: Found, *, park: bool = False) -> int:
    """Add a row; returns how many kills there were."""
    kills = found.kills.total()
    by_kind = ", ".join(f"{kind} {count}" for kind, count in sorted(found.kills.items()))
    POINTS.add(
        engine,
        readers,
        2,
        "park" if park else "resend",
        by_kind,
        kills,
        found.lost,
        found.repeated,
        2 * kills,
        found.stray,
        found.changed,
        found.parked,
        found.unclaimed,
        found.unsound,
        found.difference,
    )
    return kills


@pytest.mark.timeout(240)
def test_killed_at_each_commit(tmp_path: Path, launcher: Launcher) -> None:
    """Killed before or after any commit, and at one point in nine of the others: the next sender does the rest."""
    found = Found()
    with search(tmp_path, None, readers=2) as searched:
        points = searched.at_point(launcher, 0, OUTSIDE, found).points
        commits = sum(points[f"commit {moment}"] for moment in ("before", "after"))
        for at in range(1, commits + 1):
            searched.at_point(launcher, at, ("commit",), found)
        for at in range(1, sum(points.values()), 9):
            searched.at_point(launcher, at, OUTSIDE, found)
    assert {name.partition(" ")[0] for name in points} >= _ALWAYS
    assert found.kills["commit"] >= commits - 2 > 10
    assert found.repeated > 0
    check(found)


# -- the full size -------------------------------------------------------------------------------------


@pytest.mark.faults
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("engine", ["sqlite", "postgresql"])
@pytest.mark.parametrize("park", [False, True], ids=["resend", "park"])
def test_killed_at_each_point(
    tmp_path: Path, request: pytest.FixtureRequest, launcher: Launcher, engine: str, park: bool
) -> None:
    """Killed at every point of a send; where doubt is to be parked, at every commit and send."""
    server: Postgresql | None = request.getfixturevalue("postgresql") if engine == "postgresql" else None
    found, at, clean, ended, readers = Found(), 0, 0, 0, 12
    kinds = ("commit", "send") if park else OUTSIDE
    with search(tmp_path, server, readers=readers, park=park) as searched:
        while clean < _CLEAN:
            at += 1
            died = searched.at_point(launcher, at, kinds, found).died_at is not None
            clean, ended = (0, ended) if died else (clean + 1, ended + 1)
    kills = note(engine, readers, found, park=park)
    assert set(found.kills) >= (set(kinds) if park else _ALWAYS)
    assert kills == at - ended
    assert (found.repeated if park else found.parked) == 0
    check(found)


#: System calls of a commit, by engine, and how many of them are taken: one in so many.
_CALLS = {
    "sqlite": {"pwrite64": 1, "fdatasync": 1, "ftruncate": 1, "unlink": 1, "rename": 1},
    "postgresql": {"sendto": 4, "recvfrom": 6},
}


@pytest.mark.faults
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("engine", _CALLS)
def test_killed_inside_a_commit(
    tmp_path: Path, request: pytest.FixtureRequest, launcher: Launcher, engine: str
) -> None:
    """Killed as it enters a system call of the database's own code, in the middle of a commit: the same holds."""
    tried = ["strace", "-o", os.devnull, "true"]
    if not shutil.which("strace") or subprocess.run(tried, check=False).returncode:
        pytest.skip("needs strace, and leave to trace")
    server: Postgresql | None = request.getfixturevalue("postgresql") if engine == "postgresql" else None
    found, readers = Found(), 3
    with search(tmp_path, server, readers=readers) as searched:
        for call, step in _CALLS[engine].items():
            at = 1
            while searched.after(partial(killed_in, call, at), launcher, found).died_at:
                at += step
    note(f"{engine}, system calls", readers, found)
    assert set(found.kills) == set(_CALLS[engine])
    check(found)


def killed_in(call: str, at: int, installation: Installation) -> Life:
    """A sender that is killed as one of its threads enters a system call for the n-th time."""
    kill = ["-e", f"trace={call}", "-e", f"inject={call}:signal=SIGKILL:when={at}"]
    sender = [sys.executable, "-m", "digest", *SEND]
    done = subprocess.run(
        ["strace", "-f", "-qq", "-o", os.devnull, *kill, *sender],
        cwd=installation.folder,
        env=installation.environment() | {"PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    died_at = f"{call} before" if done.returncode == -signal.SIGKILL else None
    return Life(code=done.returncode, died_at=died_at, points={}, out=done.stdout, err=done.stderr)
