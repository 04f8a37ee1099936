"""Who may still hold a claim: a process that lives, and no other."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from digest.store.claimants import bury, claimant, dead

SENDER = """
import sys, pathlib
from digest.store.claimants import claimant
with claimant(pathlib.Path(sys.argv[1])) as name:
    print(name, flush=True)
    sys.stdin.read()
"""


def start(folder: Path) -> tuple[subprocess.Popen[str], str]:
    """A process that is a claimant until its standard input ends."""
    process = subprocess.Popen(
        [sys.executable, "-c", SENDER, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    return process, process.stdout.readline().strip()


def test_a_killed_process_is_dead_at_once(tmp_path: Path) -> None:
    """A sender is alive while its process is, and dead when that was killed with -9; buried, it is forgotten."""
    folder = tmp_path / "claims"
    (living, its_name), (killed, name) = start(folder), start(folder)
    assert dead(folder) == []
    os.kill(killed.pid, signal.SIGKILL)
    killed.communicate()
    assert dead(folder) == [name]
    assert dead(folder) == [name]  # asking takes nothing away
    bury(folder, [name, "gone already"])
    assert dead(folder) == []
    living.communicate()
    assert its_name != name
    assert living.returncode == 0
    assert list(folder.iterdir()) == []


def test_this_process(tmp_path: Path) -> None:
    """Two senders of one process are two claimants, alive until each ends; then nothing is left."""
    with claimant(tmp_path) as one, claimant(tmp_path) as other:
        assert one != other
        assert dead(tmp_path) == []
    assert list(tmp_path.iterdir()) == []


def test_a_sender_that_breaks(tmp_path: Path) -> None:
    """A block that raises is a dead sender: what it had begun is taken over."""
    with pytest.raises(RuntimeError), claimant(tmp_path) as name:
        raise RuntimeError
    assert dead(tmp_path) == [name]


def test_one_that_is_about_to_begin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A sender is not taken for dead between making its file and locking it: it is not to be seen before."""
    seen = []

    def flock(descriptor: int, how: int) -> None:
        seen.append(sorted(path.name[0] for path in tmp_path.iterdir()))
        assert dead(tmp_path) == []

    monkeypatch.setattr(fcntl, "flock", flock)
    with claimant(tmp_path) as name:
        assert [path.name for path in tmp_path.iterdir()] == [name]
    assert seen == [["."]]


def test_one_that_died_before_it_began(tmp_path: Path) -> None:
    """What is left of a sender killed between making its file and naming it is swept away with the dead."""
    (tmp_path / ".unborn").touch()
    with claimant(tmp_path) as name:
        assert dead(tmp_path) == []
        bury(tmp_path, [])
        assert [path.name for path in tmp_path.iterdir()] == [name]


def test_swept_away_too_early(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A sender whose file was swept away before it had locked it makes another."""
    real = fcntl.flock
    swept: list[Path] = []

    def flock(descriptor: int, how: int) -> None:
        if not swept:
            monkeypatch.setattr(fcntl, "flock", real)
            swept.extend(tmp_path.iterdir())
            bury(tmp_path, [])
        real(descriptor, how)

    monkeypatch.setattr(fcntl, "flock", flock)
    with claimant(tmp_path) as name:
        assert [path.name for path in tmp_path.iterdir()] == [name]
    assert [path.name for path in swept] != [f".{name}"]


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    """Where nobody ever sent anything, nobody is dead."""
    assert dead(tmp_path / "claims") == []


def test_one_that_ends_meanwhile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A sender whose file goes while the folder is read has ended well, and is not dead."""
    (tmp_path / "ended").touch()
    listed = sorted(tmp_path.iterdir())
    (tmp_path / "ended").unlink()
    monkeypatch.setattr(Path, "iterdir", lambda _folder: iter(listed))
    assert dead(tmp_path) == []
