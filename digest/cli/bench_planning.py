"""digest bench planning."""

from __future__ import annotations

import statistics
import sys
from typing import Annotated, Any

import typer
from rich.console import Console

from digest import log
from digest.bench import planning as bench
from digest.bench.planning import NAIVE, SCORING, SELECT, Measured, Options
from digest.cli.app import Json
from digest.cli.output import emit, table

_NAMES = {
    SCORING: "NumPy scoring alone",
    SELECT: "ours, picks with reasons",
    NAIVE: "a plain loop, counted up",
}
_DEFAULTS = Options()


def planning(
    readers: Annotated[
        int, typer.Option(min=1, help="Invented readers of three topics.")
    ] = _DEFAULTS.readers,
    papers: Annotated[int, typer.Option(min=1, help="Invented papers of one edition.")] = _DEFAULTS.papers,
    rounds: Annotated[int, typer.Option(min=1, help="Each measures both in turn.")] = _DEFAULTS.rounds,
    sample: Annotated[
        int, typer.Option(min=1, help="Readers whose papers a plain loop chooses too; all must be equal.")
    ] = _DEFAULTS.sample,
    json: Json = False,
) -> None:
    """Processor time of choosing everyone's papers, beside the arithmetic alone and beside a plain loop."""
    log.configure(level="warning", json=False)
    options = Options(readers=readers, papers=papers, rounds=rounds, sample=sample)
    measured = bench.measure(options, on_seconds=_tell)
    emit(json, _document(options, measured), lambda console: _print(console, options, measured))


def _tell(round_number: int, name: str, seconds: float) -> None:
    sys.stderr.write(f"round {round_number}: {_NAMES[name]}: {seconds:.3f} s\n")


def _document(options: Options, measured: Measured) -> dict[str, Any]:
    return {
        "rounds": options.rounds,
        "readers": options.readers,
        "papers": options.papers,
        "picks": measured.picks,
        "compared": measured.compared,
        "seconds": {
            name: [min(found), statistics.median(found), max(found)]
            for name, found in measured.seconds.items()
        },
        "ratios": {
            "select_vs_scoring": measured.ratio(SELECT, SCORING),
            "naive_vs_select": measured.ratio(NAIVE, SELECT),
        },
    }


def _print(console: Console, options: Options, measured: Measured) -> None:
    document = _document(options, measured)
    rows = [
        (_NAMES[name], *(f"{seconds:,.3f}" for seconds in found))
        for name, found in document["seconds"].items()
    ]
    console.print(table("seconds of processor time", ("what", "lowest", "median", "highest"), rows))
    console.print()
    ratios = document["ratios"]
    console.print(
        f"{ratios['select_vs_scoring']:.2f} times the scoring alone; a plain loop takes "
        f"{ratios['naive_vs_select']:.0f} times as long as ours."
    )
    console.print(
        f"{options.readers:,} readers x {options.papers:,} papers, {measured.picks:,} picks, {options.rounds} "
        f"rounds; for {measured.compared:,} readers the plain loop gave the same papers and scores."
    )
