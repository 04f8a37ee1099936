"""The `digest` command by a clock that stands in a file, so that a test can let a day go by.

    python tests/browser/moved_clock.py FILE serve --config digest.toml --port 8000

`FILE` holds the seconds by which the clock is ahead. Nothing else differs from `python -m digest`, but that
`serve` looks for what is due every few tenths of a second, as a day takes no longer than that here.
"""

from __future__ import annotations

import datetime as dt
import sys
from dataclasses import replace
from pathlib import Path

from digest import scheduler
from digest.cli import main
from digest.cli.app import Session
from digest.wiring import App

_EVERY_S = 0.25


def run() -> None:
    """Read the clock's file, and run the command with the other arguments."""
    ahead = Path(sys.argv.pop(1))

    def clock() -> dt.datetime:
        return dt.datetime.now(dt.UTC) + dt.timedelta(seconds=float(ahead.read_text()))

    wired = Session.app

    def with_clock(session: Session, *, chatty: bool = False) -> App:
        return replace(wired(session, chatty=chatty), clock=clock)

    scheduler.PLAN_S = _EVERY_S
    Session.app = with_clock  # type: ignore[assignment,method-assign] # `serve` asks for no more than this
    main()


if __name__ == "__main__":
    run()
