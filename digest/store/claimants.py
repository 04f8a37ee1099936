"""Who may still hold a claim. A sender holds a lock on a file of its own while it lives, and no longer.

The kernel lets go of the lock when the process dies, however it dies, so that the next sender on this machine takes
over at once instead of waiting for the lease. Senders on other machines are known dead by their lease alone.
"""

from __future__ import annotations

import fcntl
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def claimant(folder: Path) -> Iterator[str]:
    """Be a claimant while the block runs; gives the name to claim under.

    A block that raises leaves the file behind, unlocked: what it had begun is then taken over as a dead sender's.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with _locked(folder) as path:
        yield path.name
        path.unlink(missing_ok=True)


@contextmanager
def _locked(folder: Path) -> Iterator[Path]:
    """A new file, locked first and seen then: between the two it would be taken for a dead sender's."""
    while True:
        name = secrets.token_hex(8)
        path, draft = folder / name, folder / f".{name}"
        with draft.open("x") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            try:
                draft.rename(path)
            except FileNotFoundError:  # swept away before it was locked
                continue
            yield path
            return


def dead(folder: Path) -> list[str]:
    """Claimants of this machine whose process is gone."""
    if not folder.is_dir():
        return []
    names = [path for path in sorted(folder.iterdir()) if not path.name.startswith(".")]
    return [path.name for path in names if _is_free(path)]


def bury(folder: Path, names: list[str]) -> None:
    """Forget dead claimants, once nothing is claimed under their names; and those that died before they had one."""
    drafts = [path for path in folder.glob(".*") if _is_free(path)]
    for path in (*(folder / name for name in names), *drafts):
        path.unlink(missing_ok=True)


def _is_free(path: Path) -> bool:
    try:
        descriptor = os.open(path, os.O_RDWR)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    finally:
        os.close(descriptor)
    return True
