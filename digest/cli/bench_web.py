"""digest bench web."""

from __future__ import annotations

import statistics
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from digest import log
from digest.bench import web as bench
from digest.bench.beside import Beside
from digest.bench.web import COMMITS, FIXED, NO_ENGINE, SAVES, SIGN_UPS, UNSTORED, Measured, Options
from digest.cli.app import Json
from digest.cli.output import emit, table

_NAMES = {
    FIXED: "the floor: a fixed page",
    UNSTORED: "the same form, nothing kept",
    COMMITS: "the floor: rows, one a commit",
    SIGN_UPS: "sign-ups",
    SAVES: "saved preferences",
}
_DEFAULTS = Options()


def web(
    count: Annotated[
        int, typer.Option(min=1, help="Sign-ups in all rounds together, and as many saves; on each engine.")
    ] = _DEFAULTS.count,
    rounds: Annotated[int, typer.Option(min=1, help="Each measures all of them in turn.")] = _DEFAULTS.rounds,
    connections: Annotated[
        int, typer.Option(min=1, max=256, help="To the pages, kept alive.")
    ] = _DEFAULTS.connections,
    digests: Annotated[
        int, typer.Option(min=0, help="Delivered while others sign up, on SQLite; 0 leaves that out.")
    ] = _DEFAULTS.digests,
    folder: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Where databases are made: its disk is measured.")
    ] = None,
    postgresql: Annotated[
        str | None,
        typer.Option(metavar="URL", help="An empty PostgreSQL database, to measure beside SQLite."),
    ] = None,
    json: Json = False,
) -> None:
    """Sign-ups and saved preferences per second of one process, what they are made of, and that none is lost."""
    log.configure(level="warning", json=False)
    options = Options(
        count=count,
        rounds=rounds,
        connections=connections,
        digests=digests,
        folder=folder,
        postgresql_url=postgresql,
    )
    measured = bench.measure(options, on_rate=_tell)
    emit(json, _document(options, measured), lambda console: _print(console, options, measured))


def _tell(round_number: int, engine: str, name: str, rate: float) -> None:
    where = "" if engine == NO_ENGINE else f"{engine}: "
    sys.stderr.write(f"round {round_number}: {where}{_NAMES[name]}: {rate:,.0f}/s\n")


def _document(options: Options, measured: Measured) -> dict[str, Any]:
    return {
        "rounds": options.rounds,
        "count": options.count,
        "connections": options.connections,
        "fixed": _spread(measured.rates[NO_ENGINE, FIXED]),
        "engines": {
            engine: {
                "rates": {
                    name: _spread(rates) for (where, name), rates in measured.rates.items() if where == engine
                },
                "ratios": _ratios(measured, engine),
                "answers": {str(status): number for status, number in kept.answers.items()},
                "pending": kept.pending,
                "mails": kept.mails,
            }
            for engine, kept in measured.kept.items()
        },
        "beside_delivery": _beside_document(measured.beside) if measured.beside else None,
    }


def _ratios(measured: Measured, engine: str) -> dict[str, float]:
    return {
        f"{name}_vs_{floor}": measured.ratio(engine, name, floor)
        for name in (SIGN_UPS, SAVES)
        for floor in (FIXED, UNSTORED, COMMITS)
    }


def _beside_document(beside: Beside) -> dict[str, float]:
    waits_s = beside.load.waits_s
    return {
        "digests": beside.digests,
        "digests_per_s": beside.digests / beside.load.took_s,
        "signups": len(waits_s),
        "signups_per_s": beside.load.rate,
        "median_wait_s": statistics.median(waits_s),
        "longest_wait_s": waits_s[-1],
    }


def _spread(rates: list[float]) -> list[float]:
    return [min(rates), statistics.median(rates), max(rates)]


def _print(console: Console, options: Options, measured: Measured) -> None:
    rows = [
        (
            "" if engine == NO_ENGINE else engine,
            _NAMES[name],
            *(f"{rate:,.0f}" for rate in _spread(rates)),
        )
        for (engine, name), rates in measured.rates.items()
    ]
    console.print(table("per second", ("engine", "what", "lowest", "median", "highest"), rows))
    console.print()
    for engine, kept in measured.kept.items():
        ratios = _ratios(measured, engine)
        console.print(
            f"{engine}: sign-ups are {ratios['signups_vs_fixed']:.2f} of the fixed page and "
            f"{ratios['signups_vs_commits']:.2f} of bare commits, saves {ratios['saves_vs_fixed']:.2f} and "
            f"{ratios['saves_vs_commits']:.2f}."
        )
        console.print(
            f"{engine}: {options.count:,} sign-ups, {kept.pending:,} pending, {kept.mails:,} mails; every reader "
            f"has what they saved last; no form was refused."
        )
    if measured.beside:
        _print_beside(console, measured.beside)
    console.print(f"{options.connections} connections, {options.rounds} rounds.")


def _print_beside(console: Console, beside: Beside) -> None:
    found = _beside_document(beside)
    console.print(
        f"While {beside.digests:,} digests were delivered on SQLite, {found['digests_per_s']:,.0f} a second, "
        f"{found['signups']:,} signed up, {found['signups_per_s']:,.0f} a second; nothing was lost. Half of them "
        f"waited {found['median_wait_s'] * 1000:,.0f} ms at most, the longest {found['longest_wait_s'] * 1000:,.0f} ms."
    )
