"""digest dumps list|quarantine|replay."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console

from digest.cli.app import EXIT_PART, Json, parse_date, session
from digest.cli.output import emit, errors, plural, table
from digest.pipeline.ingest import replay as rebuild
from digest.store import dumps, papers
from digest.store.dumps import Dump

group = typer.Typer(name="dumps", no_args_is_help=True, help="What was received, as it was received.")


@group.command("list")
def list_(context: typer.Context, json: Json = False) -> None:
    """All dumps, oldest first."""
    _list(context, json, quarantined=False)


@group.command()
def quarantine(context: typer.Context, json: Json = False) -> None:
    """The dumps that could not be read, or were over the cap, with the reason and the line."""
    _list(context, json, quarantined=True)


@group.command()
def replay(
    context: typer.Context,
    day: Annotated[
        str | None, typer.Option(metavar="DATE", help="Only the dumps of this date, or that came on it.")
    ] = None,
    json: Json = False,
) -> None:
    """Rebuild every paper from the kept dumps; ids, editions and deliveries stay."""
    date = None if day is None else parse_date(day)
    wired = session(context).app()
    reports = rebuild(wired.database, date)
    with wired.database.read() as conn:
        total = papers.total(conn)
    document = {
        "dumps": [{"name": r.name, "records": r.records, "status": r.status} for r in reports],
        "papers": total,
    }
    emit(
        json,
        document,
        lambda c: c.print(f"{plural(len(reports), 'dump')} read again: {plural(total, 'paper')}."),
    )
    unread = [report for report in reports if report.reason]
    for report in unread:
        errors(f"{report.name}: {report.status}: {report.reason}")
    if unread:
        raise typer.Exit(EXIT_PART)


def _list(context: typer.Context, json: bool, *, quarantined: bool) -> None:
    wired = session(context).app(read_only=True)
    with wired.database.read() as conn:
        found = [d for d in dumps.every(conn) if not quarantined or d.status in dumps.UNREAD]

    def human(console: Console) -> None:
        rows = [
            (d.id, f"{d.received_at:%Y-%m-%d %H:%M}", d.name, d.records, d.status, d.dated, _why(d))
            for d in found
        ]
        console.print(table("", ("id", "received", "name", "records", "status", "dated", "reason"), rows))

    emit(json, {"dumps": [_document(dump) for dump in found]}, human)


def _why(dump: Dump) -> str:
    return f"line {dump.line}: {dump.reason}" if dump.line else dump.reason or ""


def _document(dump: Dump) -> dict[str, object]:
    return {
        "id": dump.id,
        "name": dump.name,
        "source": dump.source,
        "sha256": dump.sha256,
        "size_bytes": dump.size_bytes,
        "format": dump.format,
        "records": dump.records,
        "fields": dict(dump.fields),
        "status": str(dump.status),
        "reason": dump.reason,
        "line": dump.line,
        "dated": dump.dated,
        "dated_by": dump.dated_by,
        "background": dump.background,
        "received_at": dump.received_at,
    }
