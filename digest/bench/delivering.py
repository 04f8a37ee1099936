"""A delivering process: `python -m digest.bench.delivering` reads what to deliver, is told to begin, prints what it took.

It lives for one delivery, so that its peak of memory and its rate are those of a process that only delivers.
"""

from __future__ import annotations

import json
import sys
import time
from importlib import import_module
from typing import IO, Any

from digest import log
from digest.bench import sites
from digest.bench.peak import peak_bytes
from digest.deliver.delivery import Status
from digest.settings import Settings


def main() -> None:
    """Serve the process that started this one."""
    log.configure(level="warning", json=False)
    serve(sys.stdin, sys.stdout)


def serve(asked: IO[str], told: IO[str]) -> None:
    """Open the installation of the first line, deliver at the second, and say what it took.

    The first line is `{"settings", "plan"}`; with `plan` the readers who are due are planned first, outside the time, and
    all is loaded that the command loads: then its memory is that of `digest send`. It answers `{"ready": true}`, and after the second `{"sent", "took_s", "peak_rss_bytes"}`.
    """
    wanted = json.loads(asked.readline())
    site = sites.opened(Settings(**wanted["settings"]))
    if wanted["plan"]:
        import_module("digest.cli")
        site.app.plan()
    _say(told, {"ready": True})
    if asked.readline():  # else whoever asked is gone
        began = time.perf_counter()
        report = site.deliver()
        took_s = time.perf_counter() - began
        sent = report.results.get(Status.SENT, 0)
        _say(told, {"sent": sent, "took_s": took_s, "peak_rss_bytes": peak_bytes()})
    site.app.database.close()


def _say(told: IO[str], document: dict[str, Any]) -> None:
    told.write(json.dumps(document) + "\n")
    told.flush()


if __name__ == "__main__":
    main()
