"""digest serve and digest scheduler."""

from __future__ import annotations

import typer

from digest.cli.app import session
from digest.scheduler import run_until_stopped


def register(app: typer.Typer) -> None:
    app.command("serve")(serve)
    app.command("scheduler")(scheduler)


def serve(context: typer.Context) -> None:
    """Do the whole day, every day: watch the dump folder, publish, plan, deliver. Ends on SIGTERM."""
    run_until_stopped(session(context).app(chatty=True))


def scheduler(context: typer.Context) -> None:
    """The scheduler alone; the same as serve, as long as no pages are served."""
    run_until_stopped(session(context).app(chatty=True))
