"""digest edition publish|list|show."""

from __future__ import annotations

import datetime as dt
from typing import Annotated

import typer
from rich.console import Console

from digest.cli.app import Json, parse_date, session
from digest.cli.output import emit, plural, table
from digest.errors import UsageError
from digest.store import editions
from digest.store.editions import Edition

group = typer.Typer(
    name="edition", no_args_is_help=True, help="The papers of a publication day, the same for everyone."
)


@group.command()
def publish(context: typer.Context, json: Json = False) -> None:
    """Publish today's edition now, whatever the hour; nothing happens if it stands or nothing is new."""
    wired = session(context).app()
    made = wired.publish(early=True)
    today = wired.clock().astimezone(wired.settings.tzinfo).date()
    with wired.database.read() as conn:
        standing = editions.on(conn, today)
    if made:
        text = f"Published the edition of {made.date}: {plural(made.papers, 'paper')}."
    elif standing:
        text = f"The edition of {today} stands already; what came since goes into the next one."
    else:
        text = "Nothing is new: no edition today."
    emit(json, {"published": _document(made) if made else None}, lambda console: console.print(text))


@group.command("list")
def list_(context: typer.Context, json: Json = False) -> None:
    """All editions, oldest first."""
    wired = session(context).app(read_only=True)
    with wired.database.read() as conn:
        found = editions.every(conn)
    rows = [(e.id, e.date, f"{e.published_at:%Y-%m-%d %H:%M} UTC", e.papers) for e in found]
    emit(
        json,
        {"editions": [_document(edition) for edition in found]},
        lambda console: console.print(table("", ("id", "date", "published", "papers"), rows)),
    )


@group.command()
def show(
    context: typer.Context,
    date: Annotated[
        dt.date | None, typer.Argument(parser=parse_date, metavar="[DATE]", help="The newest if not given.")
    ] = None,
    json: Json = False,
) -> None:
    """One edition: its papers in order, each with its trend."""
    wired = session(context).app(read_only=True)
    with wired.database.read() as conn:
        edition = editions.on(conn, date) if date else editions.newest(conn)
        if edition is None:
            raise UsageError(f"there is no edition of {date}" if date else "there is no edition yet")
        held = editions.contents(conn, [edition.id])

    def human(console: Console) -> None:
        rows = [(p.paper_id, f"{p.trend:.3f}", p.votes, p.title) for p in held]
        console.print(table(f"Edition of {edition.date}", ("id", "score", "votes", "title"), rows))

    document = _document(edition) | {
        "contents": [{"id": p.paper_id, "place": p.place, "trend": p.trend, "title": p.title} for p in held]
    }
    emit(json, document, human)


def _document(edition: Edition) -> dict[str, object]:
    return {
        "id": edition.id,
        "date": edition.date,
        "published_at": edition.published_at,
        "papers": edition.papers,
    }
