"""digest bench delivery; the others stand in modules of their own."""

from __future__ import annotations

import statistics
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from digest import log
from digest.bench import delivery as bench
from digest.bench.delivery import FLOOR, PIPELINE, PLAIN, SOURCE, Measured, Options
from digest.cli import bench_ingest, bench_planning, bench_web
from digest.cli.app import Json
from digest.cli.output import emit, table

group = typer.Typer(
    name="bench", no_args_is_help=True, help="Ratios side by side in one run, to size a machine by."
)

_NAMES = {
    FLOOR: "the floor: ready bytes, no ledger",
    PLAIN: "ours, ledger included",
    PIPELINE: "the plain pipeline",
    SOURCE: "Postfix's smtp-source",
}
_DEFAULTS = Options()


@group.callback()
def bench_group() -> None:
    """Ratios side by side in one run, to size a machine by."""


group.command("web")(bench_web.web)
group.command("ingest")(bench_ingest.ingest)
group.command("planning")(bench_planning.planning)


@group.command()
def delivery(
    readers: Annotated[int, typer.Option(min=1, help="Generated readers.")] = _DEFAULTS.readers,
    rounds: Annotated[int, typer.Option(min=1, help="Each measures all of them in turn.")] = _DEFAULTS.rounds,
    connections: Annotated[
        int, typer.Option(min=1, max=256, help="To the relay at once.")
    ] = _DEFAULTS.connections,
    pipeline_mails: Annotated[
        int, typer.Option(min=1, help="Mails of the plain pipeline in each round; it is slow.")
    ] = _DEFAULTS.pipeline_mails,
    seeds: Annotated[
        Path | None, typer.Option(metavar="PATH", help="Dumps to mail papers of; else invented ones.")
    ] = None,
    folder: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Where the database is made: its disk is measured.")
    ] = None,
    database: Annotated[
        str | None, typer.Option(metavar="URL", help="An empty PostgreSQL database to use instead.")
    ] = None,
    json: Json = False,
) -> None:
    """Messages per second: the floor, ours with its ledger, the plain pipeline, smtp-source, round by round."""
    log.configure(level="warning", json=False)
    options = Options(
        readers=readers,
        rounds=rounds,
        connections=connections,
        pipeline_mails=pipeline_mails,
        folder=folder,
        database_url=database,
        seeds=seeds,
    )
    measured = bench.measure(options, on_rate=_tell)
    emit(json, _document(options, measured), lambda console: _print(console, options, measured))


def _tell(round_number: int, name: str, rate: float) -> None:
    sys.stderr.write(f"round {round_number}: {_NAMES[name]}: {rate:,.0f} messages/s\n")


def _document(options: Options, measured: Measured) -> dict[str, Any]:
    return {
        "rounds": options.rounds,
        "readers": options.readers,
        "connections": options.connections,
        "message_bytes": measured.message_bytes,
        "rates": {
            name: [min(rates), statistics.median(rates), max(rates)] for name, rates in measured.rates.items()
        },
        "ratios": _ratios(measured),
        "peak_rss_bytes": measured.peak_rss_bytes,
    }


def _ratios(measured: Measured) -> dict[str, float | None]:
    return {
        "plain_vs_floor": measured.ratio(PLAIN, FLOOR),
        "plain_vs_a": measured.ratio(PLAIN, PIPELINE),
        "plain_vs_smtp_source": measured.ratio(PLAIN, SOURCE),
        # With DKIM, which is not measured yet.
        "rsa_vs_b": None,
        "rsa_vs_floor": None,
    }


def _print(console: Console, options: Options, measured: Measured) -> None:
    rows = [
        (_NAMES[name], *(f"{rate:,.0f}" for rate in (min(rates), statistics.median(rates), max(rates))))
        for name, rates in measured.rates.items()
    ]
    console.print(table("messages per second", ("what", "lowest", "median", "highest"), rows))
    console.print()
    ratios = _ratios(measured)
    console.print(f"{ratios['plain_vs_floor']:.2f} of the floor")
    console.print(f"{ratios['plain_vs_a']:.0f} times the plain pipeline")
    if ratios["plain_vs_smtp_source"] is not None:
        console.print(f"{ratios['plain_vs_smtp_source']:.2f} of smtp-source")
    console.print(
        f"{options.readers:,} readers, messages of {measured.message_bytes:,} bytes, {options.connections} "
        f"connections, {options.rounds} rounds; the plain pipeline mailed {options.pipeline_mails:,} a round."
    )
    console.print(f"Peak memory of this process: {measured.peak_rss_bytes / 1e6:,.0f} MB.")
