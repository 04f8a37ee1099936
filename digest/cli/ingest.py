"""digest ingest."""

from __future__ import annotations

import datetime as dt
import sys
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from digest.cli.app import EXIT_PART, Json, parse_date, session
from digest.cli.output import emit, errors, plural, table
from digest.pipeline.ingest import DumpReport, IngestOptions, ingest
from digest.sources.files import open_paths
from digest.store import papers
from digest.wiring import App


def register(app: typer.Typer) -> None:
    app.command("ingest")(run)


def run(
    context: typer.Context,
    paths: Annotated[
        list[str], typer.Argument(metavar="PATH…", help="Files, folders, archives; - is standard input.")
    ],
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
    wired = session(context).app()
    reports = _ingest(wired, paths, IngestOptions(zone=wired.settings.tzinfo, seen_on=seen_on, as_new=as_new))
    with wired.database.read() as conn:
        total = papers.total(conn)
    emit(
        json, {"dumps": [_document(r) for r in reports], "papers": total}, lambda c: _print(c, reports, total)
    )
    for report in reports:
        _complain(report)
    if not all(report.whole for report in reports):
        raise typer.Exit(EXIT_PART)


def _ingest(wired: App, paths: list[str], options: IngestOptions) -> list[DumpReport]:
    now = wired.clock()
    found = open_paths(paths, cap_bytes=wired.settings.dumps.cap_bytes, stdin=sys.stdin.buffer, now=now)
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
        reports = []
        for report in ingest(
            wired.database, found, now=now, options=options, on_records=lambda count: bar.advance(task, count)
        ):
            reports.append(report)
            bar.update(task, description=report.name)
    return reports


def _document(report: DumpReport) -> dict[str, Any]:
    return {
        "name": report.name,
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
