"""digest bench delivery."""

from __future__ import annotations

import statistics
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from digest import log
from digest.bench import bars
from digest.bench import delivery as bench
from digest.bench.contenders import CONTENDERS
from digest.bench.delivery import PARTS, Measured, Options
from digest.bench.planning import SCORING, SELECT
from digest.bench.planning import Measured as Planning
from digest.bench.slow import DELAY_MS, SlowMeasured
from digest.cli.app import Json
from digest.cli.output import emit, plain, table
from digest.errors import UsageError

_DEFAULTS = Options()


def delivery(
    rounds: Annotated[int, typer.Option(min=1, help="Each measures all of them in turn.")] = _DEFAULTS.rounds,
    readers: Annotated[
        int, typer.Option(min=1, help="Generated readers: so many messages a round.")
    ] = _DEFAULTS.readers,
    connections: Annotated[
        int, typer.Option(min=1, max=256, help="Of ours to the relay at once.")
    ] = _DEFAULTS.connections,
    pipeline_mails: Annotated[
        int, typer.Option(min=1, help="Mails a round of a, b and nodemailer, which are slow.")
    ] = _DEFAULTS.pipeline_mails,
    slow_mails: Annotated[
        int, typer.Option(min=1, help="Mails a round to the relay that is slow to answer.")
    ] = _DEFAULTS.slow_mails,
    slow_connections: Annotated[
        int, typer.Option(min=1, max=256, help="To that relay at once.")
    ] = _DEFAULTS.slow_connections,
    memory: Annotated[
        str, typer.Option(metavar="FEW,MANY", help="Readers of the two deliveries whose memory is measured.")
    ] = ",".join(map(str, _DEFAULTS.memory_readers)),
    planning: Annotated[
        int, typer.Option(min=1, help="Readers for whom papers are chosen, to see what that costs.")
    ] = _DEFAULTS.planning_readers,
    only: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help=f"Measure this alone: {', '.join(PARTS)}.")
    ] = None,
    skip: Annotated[list[str] | None, typer.Option(metavar="NAME", help="Leave this out.")] = None,
    node_modules: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Where nodemailer and juice are; nothing is fetched.")
    ] = None,
    seeds: Annotated[
        Path | None, typer.Option(metavar="PATH", help="Dumps to mail papers of; else invented ones.")
    ] = None,
    folder: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Where databases are made: its disk is measured.")
    ] = None,
    database: Annotated[
        str | None, typer.Option(metavar="URL", help="An empty PostgreSQL database for ours, in the rounds.")
    ] = None,
    json: Json = False,
) -> None:
    """Ours beside a floor, plain pipelines and load generators; a slow relay; memory; what planning costs."""
    log.configure(level="warning", json=False)
    options = Options(
        parts=_parts(only, skip),
        readers=readers,
        rounds=rounds,
        connections=connections,
        pipeline_mails=pipeline_mails,
        slow_mails=slow_mails,
        slow_connections=slow_connections,
        memory_readers=_sizes(memory),
        planning_readers=planning,
        node_modules=node_modules,
        folder=folder,
        database_url=database,
        seeds=seeds,
    )
    measured = bench.measure(options, on_step=_tell)
    emit(json, _document(options, measured), lambda console: _print(console, options, measured))


def _tell(line: str) -> None:
    sys.stderr.write(f"{line}\n")


def _parts(only: list[str] | None, skip: list[str] | None) -> frozenset[str]:
    unknown = sorted({*(only or ()), *(skip or ())}.difference(PARTS))
    if unknown:
        raise UsageError(f"there is no {unknown[0]!r} to measure: {', '.join(PARTS)}")
    return frozenset(only or PARTS).difference(skip or ())


def _sizes(text: str) -> tuple[int, int]:
    parts = text.split(",")
    if len(parts) != 2 or not all(part.strip().isdigit() and int(part) for part in parts):
        raise UsageError(f"--memory {text}: two numbers such as 10000,100000 are wanted")
    few, many = sorted(map(int, parts))
    return few, many


def _document(options: Options, measured: Measured) -> dict[str, Any]:
    return {
        "rounds": options.rounds,
        "readers": options.readers,
        "connections": options.connections,
        "floor_connections": measured.floor_connections,
        "message_bytes": measured.message_bytes,
        "rates": {name: spread(rates) for name, rates in measured.rates.items()},
        "not_measured": measured.missing,
        "ratios": bars.ratios(measured),
        "peak_rss_bytes": measured.peak_rss_bytes,
        "slow_relay": measured.slow and _slow_document(measured.slow),
        "memory": measured.memory
        and {
            "readers": measured.memory.readers,
            "peak_rss_bytes": measured.memory.peaks,
            "more_bytes": measured.memory.more_bytes,
        },
        "planning": measured.planning and _planning_document(options, measured.planning),
    }


def _slow_document(slow: SlowMeasured) -> dict[str, Any]:
    return {
        "delay_ms": DELAY_MS,
        "connections": slow.connections,
        "mails": slow.mails,
        "rates": {name: spread(rates) for name, rates in slow.rates.items()},
    }


def _planning_document(options: Options, planning: Planning) -> dict[str, Any]:
    return {
        "readers": options.planning_readers,
        "seconds": {name: spread(seconds) for name, seconds in planning.seconds.items()},
        "ratios": {"select_vs_scoring": planning.ratio(SELECT, SCORING)},
    }


def spread(values: Sequence[float]) -> list[float]:
    """The lowest, the median and the highest."""
    return [min(values), statistics.median(values), max(values)]


def _print(console: Console, options: Options, measured: Measured) -> None:
    rates = [(CONTENDERS[name], *_shown(found)) for name, found in measured.rates.items()]
    if measured.slow is not None:
        names = {name: f"slow relay: {name.replace('_', ' ')}" for name in measured.slow.rates}
        rates += [(names[name], *_shown(found)) for name, found in measured.slow.rates.items()]
    if rates:
        console.print(table("messages per second", ("what", "lowest", "median", "highest"), rates))
        console.print()
    verdicts = {True: "met", False: "MISSED", None: ""}
    rows = [(line.words, line.found, line.bar, verdicts[line.met]) for line in bars.lines(measured)]
    if rows:
        console.print(table("beside the bars", ("what", "found", "bar", ""), rows))
        console.print()
    for name, why in measured.missing.items():
        console.print(plain(f"Not measured: {name}: {why}."))
    if measured.message_bytes is not None:
        console.print(_sizes_told(options, measured))


def _sizes_told(options: Options, measured: Measured) -> str:
    floors = ", ".join(f"{name} {count}" for name, count in (measured.floor_connections or {}).items())
    peak = measured.peak_rss_bytes
    return (
        f"Messages of {measured.message_bytes:,} bytes, {options.readers:,} a round, {options.rounds} rounds; "
        f"{options.pipeline_mails:,} of a, b and nodemailer.\n"
        f"Connections: ours {options.connections}"
        + (f", best for the floor: {floors}" if floors else "")
        + (f". Peak memory of a delivering process: {peak / 1e6:,.0f} MB." if peak else ".")
    )


def _shown(rates: list[float]) -> tuple[str, ...]:
    return tuple(f"{rate:,.0f}" for rate in spread(rates))
