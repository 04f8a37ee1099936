"""digest ingest."""

from __future__ import annotations

import datetime as dt
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from digest.cli.app import EXIT_PART, Json, parse_date, session
from digest.cli.output import emit, errors, plural, table
from digest.errors import UsageError
from digest.pipeline.ingest import DumpReport, IngestOptions, ingest
from digest.sources.files import open_paths
from digest.store import papers
from digest.wiring import App


def register(app: typer.Typer) -> None:
    app.command("ingest")(run)


def run(
    context: typer.Context,
    paths: Annotated[
        list[str] | None,
        typer.Argument(metavar="PATH…", help="Files, folders, archives; - is standard input."),
    ] = None,
    sources: Annotated[
        list[str] | None,
        typer.Option(
            "--source",
            metavar="NAME",
            help="Ask this source of the settings now, be it due or not; may be given again. folder is the watched one.",
        ),
    ] = None,
    seen_on: Annotated[
        dt.date | None,
        typer.Option(
            "--seen-on", parser=parse_date, metavar="DATE", help="When the page was seen, if it does not say."
        ),
    ] = None,
    as_new: Annotated[
        bool, typer.Option("--as-new", help="Mail the papers of old dumps as new, too.")
    ] = False,
    json: Json = False,
) -> None:
    """Read dumps into the store: new, revised, seen and rejected per dump. The same dump again changes nothing."""
    if paths and sources:
        raise UsageError("either PATH… or --source NAME, not both: each is read as of its own source")
    if not paths and not sources:
        raise UsageError("name what to read: PATH…, or --source NAME")
    if sources and seen_on:
        raise UsageError("--seen-on is for files: a source says itself which day it was asked for")
    wired = session(context).app()
    with _progress() as on_records:
        if sources:
            reports = wired.fetch(sources, as_new=as_new, on_records=on_records)
        else:
            options = IngestOptions(zone=wired.settings.tzinfo, seen_on=seen_on, as_new=as_new)
            reports = _read(wired, paths or [], options, on_records)
    with wired.database.read() as conn:
        total = papers.total(conn)
    emit(
        json, {"dumps": [_document(r) for r in reports], "papers": total}, lambda c: _print(c, reports, total)
    )
    for report in reports:
        _complain(report)
    if not all(report.whole for report in reports):
        raise typer.Exit(EXIT_PART)


def _read(
    wired: App, paths: list[str], options: IngestOptions, on_records: Callable[[int], None]
) -> list[DumpReport]:
    now = wired.clock()
    found = open_paths(paths, cap_bytes=wired.settings.dumps.cap_bytes, stdin=sys.stdin.buffer, now=now)
    return list(ingest(wired.database, found, now=now, options=options, on_records=on_records))


@contextmanager
def _progress() -> Iterator[Callable[[int], None]]:
    """A bar on a terminal, while the block runs; what is yielded moves it on by a number of records."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed:,} records"),
        TimeElapsedColumn(),
    )
    with Progress(
        *columns, console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty()
    ) as bar:
        task = bar.add_task("reading", total=None)
        yield lambda count: bar.advance(task, count)


def _document(report: DumpReport) -> dict[str, Any]:
    return {
        "name": report.name,
        "source": report.source,
        "format": report.format,
        "records": report.records,
        "new": report.new,
        "revised": report.revised,
        "seen": report.seen,
        "rejected": len(report.rejected),
        "status": report.status,
        "reason": report.reason,
        "dated": report.dated,
        "dated_by": report.dated_by,
        "background": report.background,
    }


def _print(console: Console, reports: list[DumpReport], total: int) -> None:
    columns = ("dump", "records", "new", "revised", "seen", "rejected", "status", "dated")
    rows = [
        (r.name, r.records, r.new, r.revised, r.seen, len(r.rejected), r.status, _dated(r)) for r in reports
    ]
    console.print(table("", columns, rows))
    background = sum(report.new for report in reports if report.background)
    console.print(f"{plural(total, 'paper')} in the store.")
    if background:
        console.print(
            f"{plural(background, 'paper')} of dumps more than three days old: known, searchable, "
            "never mailed as new (--as-new says otherwise)."
        )


def _dated(report: DumpReport) -> str:
    return f"{report.dated} (by {report.dated_by})" if report.dated else ""


def _complain(report: DumpReport) -> None:
    if report.reason:
        errors(f"{report.name}: {report.status}: {report.reason}")
    for line, reason in report.rejected:
        errors(f"{report.name}:{line}: rejected: {reason}")
