"""A database that is locked, full or gone in the middle of a send: no success without a commit, no mail without a claim.

Afterwards all goes on by itself, or by the next `digest send` (R18).
"""

from __future__ import annotations

import signal
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from digest.deliver.delivery import Status
from tests.conftest import MakeUrl
from tests.faults import report
from tests.faults.installation import Installation, install
from tests.faults.launcher import Launcher
from tests.faults.test_points import unclaimed
from tests.faults.troubles import FullDisk, Lock, Trouble, postgresql_of_its_own, small_disk
from tests.smtp_server import SmtpServer, wait_until

TROUBLES = report.section(
    "R18",
    "A database in trouble",
    (
        "trouble", "engine", "command", "taken before", "success reported", "without a claim", "lost", "repeated",
        "bound", "changed", "unsound", "balance",
    ),
    about="""\
In the middle of a send another process held the write lock for longer than a sender waits for it (30 s; less in short
runs), or filled the disk of 16 MB, or stopped the database server at once, with `pg_ctl -m immediate`, and started it
again. *Success reported*: a command that ended well though it could not write. After the trouble the next `digest send`
did the rest, and a service went on by itself. Messages that the relay took *without a claim* have no durable row that
names their bytes.""",
)  # fmt: skip

_CONNECTIONS = 4
_READERS = 80
#: The message in which the trouble begins.
_NTH = 12


class Meeting:
    """Lets a trouble begin when the relay has the n-th message before it."""

    def __init__(self, trouble: Trouble) -> None:
        self.trouble = trouble
        self.begun = threading.Event()
        self.taken = 0
        self._lock = threading.Lock()

    def dot(self, _recipient: str) -> None:
        with self._lock:
            self.taken += 1
            if self.taken == _NTH:
                self.trouble.begin()
                self.begun.set()


@dataclass(frozen=True, kw_only=True)
class Scene:
    """An installation whose database will be in trouble, and the relay that sees it."""

    trouble: Trouble
    relay: SmtpServer
    meeting: Meeting
    installation: Installation


@pytest.fixture(params=["sqlite-lock", "postgresql-lock", "full-disk", "postgresql-restart"])
def scene(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[str, Scene]]:
    """Each trouble, with its name."""
    with ExitStack() as stack:
        folder, url = tmp_path / "data", None
        if request.param == "full-disk":
            folder = stack.enter_context(small_disk(folder))
            trouble: Trouble = FullDisk(folder)
        elif request.param == "postgresql-restart":
            restart = stack.enter_context(postgresql_of_its_own())
            trouble, url = restart, restart.url
        else:
            if request.param == "postgresql-lock":
                make: MakeUrl = request.getfixturevalue("make_postgresql_url")
                url = make()
            trouble = Lock(url or f"sqlite:///{folder / 'digest.db'}")
        meeting = Meeting(trouble)
        relay = stack.enter_context(SmtpServer(answers={"dot": meeting.dot}))
        made = install(folder, relay, readers=_READERS, connections=_CONNECTIONS, url=url)
        yield request.param, Scene(trouble=trouble, relay=relay, meeting=meeting, installation=made)


def count(name: str, command: str, scene: Scene, *, taken: int, success: bool, without: int) -> None:
    """Add a row, and hold it against the bars."""
    mine = scene.installation
    copies: dict[str, set[str]] = {}
    numbers = Counter(message.recipient for message in scene.relay.accepted)
    for message in scene.relay.accepted:
        copies.setdefault(message.recipient, set()).add(message.sha256)
    lost, repeated = _READERS - len(numbers), numbers.total() - len(numbers)
    changed = sum(len(same) > 1 for same in copies.values())
    balance = mine.balance()
    engine, sound = mine.url.partition(":")[0].partition("+")[0], mine.is_sound()
    TROUBLES.add(
        name, engine, command, taken, int(success), without, lost, repeated, _CONNECTIONS, changed,
        int(not sound), balance.difference,
    )  # fmt: skip
    assert (success, without, lost, changed) == (False, 0, 0, 0)
    assert repeated <= _CONNECTIONS
    assert balance.statuses[Status.SENT] == _READERS
    assert (balance.difference, sound) == (0, True)


def send_through(name: str, scene: Scene, launcher: Launcher, *, lock_timeout_s: float | None) -> None:
    """Send until the trouble ends it, and once more after it."""
    mine = scene.installation
    first = launcher.run(mine, lock_timeout_s=lock_timeout_s)
    assert scene.meeting.begun.is_set()
    wait_until(lambda: scene.relay.idle)
    scene.trouble.end()
    taken, without = len(scene.relay.accepted), unclaimed(mine, scene.relay)
    assert first.err, "it says what is the matter"
    assert "Traceback" not in first.err
    second = launcher.run(mine)
    assert second.code == 0, second.err
    success = first.code == 0 or first.out != ""
    count(name, "send", scene, taken=taken, success=success, without=without)


def serve_through(name: str, scene: Scene, command: tuple[str, ...], *, lock_timeout_s: float | None) -> None:
    """Let a service meet the trouble, and see it go on after it."""
    mine, log = scene.installation, scene.installation.folder.with_name("service.log")
    with log.open("w") as err:
        process = mine.start(*command, log=err, lock_timeout_s=lock_timeout_s)
        try:
            wait_until(
                lambda: scene.meeting.begun.is_set() and "tick failed" in log.read_text(), timeout_s=90
            )
            assert process.poll() is None
            taken = len(scene.relay.accepted)
            scene.trouble.end()
            without = unclaimed(mine, scene.relay)
            wait_until(lambda: not mine.waits(_READERS), timeout_s=90)
            process.send_signal(signal.SIGTERM)
            process.communicate(timeout=30)
        finally:
            process.kill()
            process.communicate()
    assert process.returncode == 0, log.read_text()
    count(name, command[0], scene, taken=taken, success=False, without=without)


@pytest.mark.timeout(120)
def test_a_send_in_trouble(scene: tuple[str, Scene], launcher: Launcher) -> None:
    """A send that cannot write fails and says why; what it sent had a claim, and the next one does the rest."""
    send_through(*scene, launcher, lock_timeout_s=0.3)


@pytest.mark.timeout(120)
@pytest.mark.parametrize("scene", ["sqlite-lock"], indirect=True)
def test_a_service_in_trouble(scene: tuple[str, Scene]) -> None:
    """A service that cannot write fails at its tick, and goes on by itself."""
    serve_through(*scene, ("scheduler",), lock_timeout_s=0.3)


@pytest.mark.timeout(120)
@pytest.mark.parametrize("scene", ["sqlite-lock", "postgresql-lock"], indirect=True)
def test_a_short_lock(scene: tuple[str, Scene], launcher: Launcher) -> None:
    """A lock that another gives back in time costs nothing but the wait: all is sent once, and the send succeeds."""
    _, found = scene
    taken: list[int] = []

    def release() -> None:
        found.meeting.begun.wait(60)
        threading.Event().wait(1.0)  # nobody is told that another waits for a lock
        taken.append(found.meeting.taken)
        found.trouble.end()

    other = threading.Thread(target=release)
    other.start()
    life = launcher.run(found.installation)
    other.join()
    assert life.code == 0, life.err
    assert life.document["sent"] == _READERS == len(found.relay.accepted)
    assert _NTH <= taken[0] < _NTH + _CONNECTIONS, "it waited"


# -- the full size -------------------------------------------------------------------------------------


@pytest.mark.faults
@pytest.mark.timeout(600)
@pytest.mark.parametrize("scene", ["sqlite-lock", "postgresql-lock"], indirect=True)
def test_a_lock_of_more_than_thirty_seconds(scene: tuple[str, Scene], launcher: Launcher) -> None:
    """The same with the patience that the program has."""
    name, found = scene
    send_through(f"{name}, 30 s", found, launcher, lock_timeout_s=None)


@pytest.mark.faults
@pytest.mark.timeout(600)
@pytest.mark.parametrize("command", [("scheduler",), ("serve", "--port", "0")], ids=["scheduler", "serve"])
def test_each_service_in_each_trouble(scene: tuple[str, Scene], command: tuple[str, ...]) -> None:
    """Each service goes on by itself after each trouble."""
    serve_through(*scene, command, lock_timeout_s=1.0)
