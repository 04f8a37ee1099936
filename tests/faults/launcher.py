"""Starts `digest` so that it dies at a point, in processes forked from one that has everything imported.

A life of `digest send` begins in a few milliseconds rather than in more than a second, so that a run may be ended at
each of its points in turn.
"""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
import traceback
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, NoReturn, Self

from digest import cli
from digest.store import database, migrate
from tests.faults.failpoints import Points, Tally
from tests.faults.installation import SEND, Installation

#: All kinds at which a sender is killed: a statement that is not committed is undone, and so is no state of its own.
OUTSIDE = ("commit", "connect", "send", "receive", "sync", "create", "rename", "unlink")


@dataclass(frozen=True, slots=True, kw_only=True)
class Life:
    """How a process ended."""

    code: int  #: negative: the signal that killed it
    died_at: str | None  #: name of the point
    points: dict[str, int]  #: passed, by name
    out: str
    err: str

    @property
    def document(self) -> dict[str, Any]:
        """What it printed with --json."""
        printed: dict[str, Any] = json.loads(self.out)
        return printed


class Launcher:
    """A process that forks `digest` again and again."""

    def __init__(self, folder: Path) -> None:
        self._out, self._err = folder / "out", folder / "err"
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.launcher"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=Path(__file__).parents[2],
            text=True,
        )

    def run(
        self,
        installation: Installation,
        *arguments: str,
        at: int = 0,
        kinds: Collection[str] = OUTSIDE,
        migrations: Path | None = None,
        lock_timeout_s: float | None = None,
    ) -> Life:
        """Run `digest send --json`, or another command, to its end.

        Args:
            at: Number of the point at which it dies; 0 for none.
            kinds: Of the points that count.
            migrations: Folder of migrations to use instead of the program's own.
            lock_timeout_s: How long to wait for a lock, other than usual.
        """
        request = {
            "arguments": arguments or SEND,
            "environment": installation.environment(),
            "folder": str(installation.folder),
            "at": at,
            "kinds": list(kinds),
            "migrations": migrations and str(migrations),
            "lock_timeout_s": lock_timeout_s,
            "out": str(self._out),
            "err": str(self._err),
        }
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        answer = json.loads(self._process.stdout.readline())
        return Life(**answer, out=self._out.read_text(), err=self._err.read_text())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.communicate(timeout=10)


# -- in the process that forks ------------------------------------------------------------------------


def serve() -> None:
    """Fork one life for each line of standard input."""
    for command in (
        "db",
        "send",
    ):  # whose modules are imported when they are called: here rather than in each life
        importlib.import_module(f"digest.cli.{command}")
    for line in sys.stdin:
        request = json.loads(line)
        tally = Tally()
        child = os.fork()
        if child == 0:
            _live(request, tally)
        _, status = os.waitpid(child, 0)
        answer = {
            "code": os.waitstatus_to_exitcode(status),
            "died_at": tally.died_at(),
            "points": tally.counts(),
        }
        print(json.dumps(answer), flush=True)  # noqa: T201 - this program's output


def _live(request: dict[str, Any], tally: Tally) -> NoReturn:
    code: int | str | None = 70
    try:
        _become(request)
        Points(tally, request["kinds"], at=request["at"]).install()
        cli.main()
        code = 0
    except SystemExit as end:
        code = end.code
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code if isinstance(code, int) else int(code is not None))


def _become(request: dict[str, Any]) -> None:
    """Take the place of a process that was started so."""
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    for name, descriptor in (("out", 1), ("err", 2)):
        os.dup2(os.open(request[name], os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), descriptor)
    os.environ.clear()
    os.environ.update(request["environment"])
    os.chdir(request["folder"])
    sys.argv[:] = ["digest", *request["arguments"]]
    if request["migrations"]:
        config = migrate._config()
        config.set_main_option("script_location", request["migrations"])
        migrate._config = lambda: config
    if request["lock_timeout_s"]:
        database.LOCK_TIMEOUT_S = request["lock_timeout_s"]


if __name__ == "__main__":
    serve()
