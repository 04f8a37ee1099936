"""The root command, its one global option, and the exit codes."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

import typer

from digest import log
from digest.cli.commands import PLAIN, Root
from digest.errors import UsageError
from digest.settings import Settings, load
from digest.store import subscribers
from digest.subscribers.address import address_key, normalise
from digest.subscribers.subscriber import Subscriber
from digest.wiring import App

EXIT_FAILED = 1
EXIT_USAGE = 2
EXIT_PART = 3  #: something was rejected; standard error names it

app = typer.Typer(
    cls=Root,
    no_args_is_help=True,
    help="Trending papers in your inbox, for you.",
    **PLAIN,
)

Json = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]


@dataclass(slots=True)
class Session:
    """What the root command hands to the others: where the settings are, read when first needed."""

    config: Path | None

    def settings(self) -> Settings:
        return load(self.config)

    def app(self, *, read_only: bool = False, now: dt.datetime | None = None, chatty: bool = False) -> App:
        """The wired program.

        Args:
            read_only: Nothing may be written.
            now: Stop the clock here.
            chatty: Log as the settings say; a command that prints its result logs warnings alone.
        """
        settings = self.settings()
        log.configure(level=settings.log.level if chatty else "warning", json=settings.log.json_lines)
        wired = App(settings, read_only=read_only)
        return wired if now is None else replace(wired, clock=lambda: now)


@app.callback()
def root(
    context: typer.Context,
    config: Annotated[
        Path | None,
        typer.Option(
            "--config", metavar="FILE", help="Settings; digest.toml here, if it exists, when not given."
        ),
    ] = None,
) -> None:
    """Trending papers in your inbox, for you."""
    context.obj = Session(config)


def session(context: typer.Context) -> Session:
    """The session of this call."""
    found: Session = context.obj
    return found


def find_subscriber(wired: App, address: str) -> Subscriber:
    """The subscriber of an address.

    Raises:
        UsageError: Nobody has subscribed with it.
    """
    key = address_key(normalise(address))
    with wired.database.read() as conn:
        found = subscribers.find(conn, key)
    if found is None:
        raise UsageError(f"{address}: no such subscriber")
    return found


def parse_date(text: str) -> dt.date:
    """An option's ISO date."""
    try:
        return dt.date.fromisoformat(text)
    except ValueError as error:
        raise typer.BadParameter(f"{text!r} is not a date such as 2026-11-20") from error


def parse_moment(text: str) -> dt.datetime:
    """An option's ISO moment; UTC where it names no zone."""
    try:
        moment = dt.datetime.fromisoformat(text)
    except ValueError as error:
        raise typer.BadParameter(f"{text!r} is not a moment such as 2026-11-20T07:00+01:00") from error
    return moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)
