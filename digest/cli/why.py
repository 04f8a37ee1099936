"""digest why."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Any

import typer
from rich.console import Console

from digest.cli.app import Json, find_subscriber, parse_date, session
from digest.cli.output import emit, plain, table
from digest.cli.send import told
from digest.pipeline.why import Funnel, stage_of, why
from digest.rank.selection import Placement, Stage


def register(app: typer.Typer) -> None:
    app.command("why")(run)


def run(
    context: typer.Context,
    address: Annotated[str, typer.Argument(metavar="ADDRESS")],
    on: Annotated[
        dt.date | None, typer.Option("--on", parser=parse_date, metavar="DATE", help="Today if not given.")
    ] = None,
    paper: Annotated[
        int | None, typer.Option("--paper", metavar="ID", help="Where this paper left the way.")
    ] = None,
    json: Json = False,
) -> None:
    """Why a reader got what they got, or nothing: fetched, new, matched, already sent, below the bar, mailed."""
    wired = session(context).app(read_only=True)
    subscriber = find_subscriber(wired, address)
    funnel = why(wired.database, wired.rankers, subscriber, now=wired.clock(), on=on)
    document = _document(address, funnel)
    if paper is None:
        emit(json, document, lambda console: _print(console, address, funnel))
        return
    found, stage, placed = stage_of(wired.database, funnel, paper)
    told_of: dict[str, Any] = {"id": paper, "title": found.title if found else None, "stage": stage}
    told_of["reasons"] = [told(reason) for reason in placed.reasons] if placed else []

    def human(console: Console) -> None:
        console.print(f"Paper {paper}: {plain(told_of['title'] or 'not known')}")
        console.print(f"On {funnel.date} it left the way at: {plain(stage.replace('_', ' '))}")
        for reason in placed.reasons if placed else ():
            console.print(f"  {plain(told(reason))}")

    emit(json, document | {"paper": told_of}, human)


def _document(address: str, funnel: Funnel) -> dict[str, Any]:
    return {
        "subscriber": address,
        "date": funnel.date,
        "outcome": funnel.outcome,
        "reason": funnel.reason,
        "reply": funnel.reply,
        "bounces": [kept.document() for kept in funnel.bounces],
        "funnel": {name: getattr(funnel, name) for name in _STEPS},
        "papers": [
            {
                "id": p.paper.paper_id,
                "title": p.paper.title,
                "stage": str(p.stage),
                "score": p.score,
                "reasons": [told(reason) for reason in p.reasons],
            }
            for p in funnel.placements
        ],
    }


_STEPS = ("fetched", "new", "matched", "already_sent", "below_bar", "mailed")


def _print(console: Console, address: str, funnel: Funnel) -> None:
    reason = f" ({funnel.reason.replace('_', ' ')})" if funnel.reason else ""
    console.print(f"{plain(address)}, {funnel.date}: {plain(funnel.outcome)}{plain(reason)}")
    if funnel.reply:
        console.print(f"The relay's last words: {plain(funnel.reply)}")
    for kept in funnel.bounces:
        console.print(plain(kept.told()))
    console.print("  ".join(f"{name.replace('_', ' ')} {getattr(funnel, name):,}" for name in _STEPS))
    console.print()
    rows = [_row(placement, mailed=bool(funnel.mailed)) for placement in funnel.placements]
    console.print(table("", ("id", "stage", "score", "title", "reasons"), rows))


def _row(placement: Placement, *, mailed: bool) -> tuple[object, ...]:
    reasons = "; ".join(told(reason) for reason in placement.reasons)
    stage = str(placement.stage).replace("_", " ")
    if placement.stage is Stage.MAILED and not mailed:
        stage = "would be mailed"
    return (placement.paper.paper_id, stage, f"{placement.score:.3f}", placement.paper.title, reasons)
