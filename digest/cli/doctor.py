"""digest doctor."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import typer
from rich.console import Console

from digest.cli.app import EXIT_FAILED, Json, session
from digest.cli.output import console, emit, plain, plural
from digest.deliver.finding import Finding, State

if TYPE_CHECKING:
    from digest.doctor.examination import Part

_COLOURS = {State.OK: "green", State.WARNING: "yellow", State.FAILED: "bold red"}
_INDENT = " " * 10


def register(app: typer.Typer) -> None:
    app.command("doctor")(run)


def run(context: typer.Context, json: Json = False) -> None:
    """What stands between this installation and the mailbox, and what to do about it. Changes nothing, mails nothing."""
    # Here, for it loads the DNS: 1.5 MB that no other command needs.
    from digest.doctor.examination import examine  # noqa: PLC0415

    parts = []
    shown = None if json else console()
    for part in examine(session(context).app(read_only=True)):
        parts.append(part)
        if shown is not None:
            _print(shown, part)
    counts = Counter(finding.state for part in parts for finding in part.findings)
    emit(json, _document(parts, counts), lambda console: _close(console, counts))
    if counts[State.FAILED]:
        raise typer.Exit(EXIT_FAILED)


def _document(parts: list[Part], counts: Counter[State]) -> dict[str, Any]:
    return {
        "checks": [
            {
                "part": part.name,
                "check": finding.check,
                "state": str(finding.state),
                "says": finding.says,
                "todo": finding.todo or None,
            }
            for part in parts
            for finding in part.findings
        ],
        **{str(state): counts[state] for state in State},
    }


def _print(console: Console, part: Part) -> None:
    if part.findings:
        console.print(f"\n[bold]{part.name}[/bold]")
    told = ""
    for finding in part.findings:
        # Of five checks that nobody answers, the first says what to do.
        _print_one(console, finding, finding.todo if finding.todo != told else "")
        told = finding.todo or told


def _print_one(console: Console, finding: Finding, todo: str) -> None:
    colour = _COLOURS[finding.state]
    text = f"  [{colour}]{finding.state:<8}[/{colour}]{plain(finding.check)}: {plain(finding.says)}"
    # Whole lines: what is to be copied, such as a record, must not be broken.
    console.print(text, soft_wrap=True)
    if todo:
        console.print(f"{_INDENT}-> {plain(todo)}", soft_wrap=True)


def _close(console: Console, counts: Counter[State]) -> None:
    warned, broken = counts[State.WARNING], counts[State.FAILED]
    console.print()
    if not warned and not broken:
        console.print(f"All is well: {plural(counts[State.OK], 'check')}.")
        return
    first = "To be mended" if broken else "Mail goes out, and could fare better"
    console.print(f"{first}: {broken:,} failed, {plural(warned, 'warning')}, {counts[State.OK]:,} ok.")
