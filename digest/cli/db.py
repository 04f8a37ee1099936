"""digest db upgrade|check."""

from __future__ import annotations

from pathlib import Path

import typer

from digest.cli.app import Json, session
from digest.cli.output import emit
from digest.errors import UsageError
from digest.store import migrate
from digest.store.database import Database

group = typer.Typer(name="db", no_args_is_help=True, help="The database and its schema.")


@group.command()
def upgrade(context: typer.Context, json: Json = False) -> None:
    """Bring the database to this program's schema; make its tables where it has none."""
    database = Database(session(context).settings().database_url)
    if database.is_sqlite:
        Path(str(database.url.database)).parent.mkdir(parents=True, exist_ok=True)
    before, after = migrate.upgrade(database)
    text = (
        f"The schema is {after} already."
        if before == after
        else f"Migrated from {before or 'nothing'} to {after}."
    )
    emit(json, {"before": before, "after": after}, lambda console: console.print(text))


@group.command()
def check(context: typer.Context, json: Json = False) -> None:
    """Whether the database has this program's schema."""
    url = session(context).settings().database_url
    database = Database(url, read_only=True)
    if database.is_sqlite and not Path(str(database.url.database)).is_file():
        raise UsageError(f"there is no database at {database.url.database}")
    migrate.check(database)
    emit(
        json,
        {"schema": migrate.head()},
        lambda console: console.print(f"The schema is {migrate.head()}, as it should be."),
    )
