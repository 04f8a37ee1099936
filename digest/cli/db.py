"""digest db upgrade|check|backup|restore|accept."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from digest.cli.app import Json, session
from digest.cli.output import emit, moment, plain, plural
from digest.deliver.alarm import AlarmName
from digest.errors import UsageError
from digest.pipeline import restored
from digest.pipeline.restored import Doubt
from digest.store import migrate
from digest.store.backup import back_up
from digest.store.backup import restore as put_back
from digest.store.database import Database
from digest.store.generations import Copy

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
    migrate.check(_there(url))
    emit(
        json,
        {"schema": migrate.head()},
        lambda console: console.print(f"The schema is {migrate.head()}, as it should be."),
    )


@group.command()
def backup(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="Where to; it must not be there.", show_default=False)],
    json: Json = False,
) -> None:
    """Copy the SQLite database, also while it is in use; what is restored from it mails nothing by itself."""
    wired = session(context).app()
    back_up(_there(wired.settings.database_url), file, now=wired.clock())
    size = file.stat().st_size
    emit(
        json,
        {"file": str(file), "size_bytes": size},
        lambda console: console.print(f"{plain(file)}: {size:,} bytes, synced to disk."),
    )


@group.command()
def restore(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="A backup of the SQLite database.", show_default=False)],
    json: Json = False,
) -> None:
    """Put a backup in the database's place, which nothing may use; then nothing is mailed until `digest db accept`."""
    wired = session(context).app()
    kept = put_back(Database(wired.settings.database_url), file, now=wired.clock())
    beside = f" What stood there is {plain(kept)}." if kept else ""
    text = f"Restored.{beside} Nothing is mailed until you say so: see `digest db accept`."
    emit(
        json,
        {"restored": str(file), "kept": None if kept is None else str(kept)},
        lambda console: console.print(text),
    )


@group.command()
def accept(
    context: typer.Context,
    skip: Annotated[
        bool, typer.Option("--skip", help="Count what may have been mailed as mailed, then go on.")
    ] = False,
    send: Annotated[
        bool, typer.Option("--send", help="Nothing was mailed since the backup: go on as if nothing were.")
    ] = False,
    anyway: Annotated[
        bool, typer.Option("--anyway", help="Also where nothing shows that the database is a copy.")
    ] = False,
    json: Json = False,
) -> None:
    """Take a restored database into use; without --skip or --send, say what is in doubt and change nothing."""
    if skip and send:
        raise UsageError("choose one of --skip and --send")
    wired = session(context).app()
    found = wired.lookout.found()
    if found is None and anyway:
        found = Copy(until=wired.clock())
    if found is None:
        raise UsageError("the database is no older copy, as far as this machine can tell; see --anyway")
    doubt = restored.look_into(wired.database, found)
    done = restored.settle(wired.database, wired.stamp, found, now=wired.clock()) if skip else None
    if skip or send:
        restored.accept(wired.database, wired.settings.generations, now=wired.clock())
        wired.settle_alarm(AlarmName.LEDGER_RESTORED, None)
    document = _told(doubt) | {
        "choice": "skip" if skip else "send" if send else None,
        "done": {name: getattr(done, name) for name in restored.Accepted.__slots__} if done else None,
    }
    emit(json, document, lambda console: _print(console, document))


def _told(doubt: Doubt) -> dict[str, Any]:
    return {
        "made_at": doubt.copy.made_at,
        "until": doubt.copy.until,
        "open": [{"date": date, "kind": kind, "mails": mails} for date, kind, mails in doubt.open_mail],
        "readers_due": doubt.due,
        "new_papers": doubt.new_papers,
    }


def _print(console: Console, document: dict[str, Any]) -> None:
    made = f"made {moment(document['made_at'])}" if document["made_at"] else "of unknown age"
    console.print(
        f"The database is a copy, {made}; mail may have been sent until {moment(document['until'])}."
    )
    for each in document["open"]:
        console.print(f"  {plural(each['mails'], each['kind'])} of {each['date']} waiting")
    console.print(f"  {plural(document['readers_due'], 'reader')} who may have been served since")
    console.print(f"  {plural(document['new_papers'], 'paper')} that may have been in an edition since")
    console.print("Who left, signed up or changed their choices after the copy was made is as before it.")
    done = document["done"]
    if done:
        console.print(
            f"Counted as mailed: {plural(done['ambiguous'], 'mail')}, the date of {plural(done['skipped'], 'reader')},"
            f" {plural(done['passed_over'], 'paper')}. The next edition is the first that is mailed."
        )
    elif document["choice"]:
        console.print("All of it is sent by the next run.")
    else:
        console.print(
            "--skip counts all of it as mailed: nobody gets anything twice, some may miss something."
        )
        console.print("--send mails it: right if nothing was mailed after the copy was made.")


def _there(url: str) -> Database:
    """The database, which has to be there, to be read."""
    database = Database(url, read_only=True)
    if database.is_sqlite and not Path(str(database.url.database)).is_file():
        raise UsageError(f"there is no database at {database.url.database}")
    return database
