"""A process that works on an installation on command: one of several schedulers and senders, which may be stopped.

    Rival(folder, url=…, relay_port=…)          # starts it, ready for orders
    rival.begin("schedule deliver", now=…)      # publish and plan, then hand over, all rivals at once
    rival.end()                                 # what came of it

It takes a second to start and then serves any number of rounds, each with a clock of its own that stands still, or runs.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from digest.deliver.lease import LeasePolicy
from digest.scheduler import Ticks
from digest.settings import DatabaseSettings, RelaySettings
from digest.wiring import App, utc_now
from tests.factories import make_settings

_ROOT = Path(__file__).parents[2]
#: Thirty minutes and eleven in use.
SCALED = LeasePolicy(
    length=dt.timedelta(seconds=10), hand_over=dt.timedelta(seconds=1), margin=dt.timedelta(seconds=0.5)
)


class ScaledApp(App):
    """The program with a short lease and small batches, which no setting gives."""

    lease: LeasePolicy | None = None
    batch = 32

    @property
    def deliver_policy(self) -> Any:
        policy = super().deliver_policy
        return replace(policy, lease=self.lease or policy.lease, batch=self.batch)


def app_of(
    folder: Path,
    *,
    url: str,
    relay_port: int,
    clock: Callable[[], dt.datetime],
    lease: LeasePolicy | None = None,
    connections: int = 2,
    batch: int = 32,
) -> App:
    """The program over an installation."""
    relay = RelaySettings(url=f"smtp://127.0.0.1:{relay_port}", connections=connections)
    settings = make_settings(folder, database=DatabaseSettings(url=url), relay=relay)
    app = ScaledApp(settings, clock=clock)
    vars(app).update(lease=lease, batch=batch)
    return app


class Rival:
    """The process, as its master sees it."""

    def __init__(
        self, folder: Path, *, url: str, relay_port: int, scaled: bool = False, connections: int = 2
    ) -> None:
        folder.mkdir(exist_ok=True)
        given = [str(folder), url, str(relay_port), str(connections), *(["--scaled"] if scaled else [])]
        self.process = subprocess.Popen(
            [sys.executable, __file__, *given],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(_ROOT)},
        )

    def begin(self, work: str, *, now: dt.datetime | None = None) -> None:
        """Give an order: words of `schedule` and `deliver`, at a moment, or by the machine's clock."""
        assert self.process.stdin is not None
        order = {"work": work.split(), "now": now and now.isoformat()}
        self.process.stdin.write(json.dumps(order) + "\n")
        self.process.stdin.flush()

    def end(self) -> dict[str, Any]:
        """Wait until it is done; returns what it reports."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, "the rival died"
        report: dict[str, Any] = json.loads(line)
        return report

    def __enter__(self) -> Self:
        self.begin("")
        self.end()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.close()
        if error is not None:
            self.process.kill()
        self.process.wait(60)
        self.process.stdout.close()


def main() -> None:
    """Serve orders until standard input ends."""
    parser = argparse.ArgumentParser()
    for name, kind in (("folder", Path), ("url", str), ("relay_port", int), ("connections", int)):
        parser.add_argument(name, type=kind)
    parser.add_argument("--scaled", action="store_true")
    given = parser.parse_args()
    moment: list[dt.datetime | None] = [None]
    app = app_of(
        given.folder,
        url=given.url,
        relay_port=given.relay_port,
        clock=lambda: moment[0] or utc_now(),
        lease=SCALED if given.scaled else None,
        connections=given.connections,
    )
    output, sys.stdout = sys.stdout, sys.stderr  # the log's
    ticks = Ticks(app)
    _ = app.database, app.rankers, app.composer
    for line in sys.stdin:
        order = json.loads(line)
        moment[0] = dt.datetime.fromisoformat(order["now"]) if order["now"] else None
        report: dict[str, Any] = {}
        if "schedule" in order["work"]:
            ticks.plan()
        if "deliver" in order["work"]:
            done = app.deliver()
            report = {str(status): number for status, number in done.results.items()}
        output.write(json.dumps(report) + "\n")
        output.flush()
    ticks.close()


if __name__ == "__main__":
    main()
