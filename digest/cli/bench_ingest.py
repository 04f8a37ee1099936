"""digest bench ingest."""

from __future__ import annotations

import statistics
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from digest import log
from digest.bench import ingest as bench
from digest.bench.documents import LAYOUTS
from digest.bench.ingest import CLEAN, LINES, READ, Ingested, Measured, Options
from digest.cli.app import Json
from digest.cli.output import emit, table
from digest.errors import UsageError

_DEFAULTS = Options()


def ingest(
    megabytes: Annotated[
        float, typer.Option(min=0.01, help="Of each format's document.")
    ] = _DEFAULTS.megabytes,
    rounds: Annotated[int, typer.Option(min=1, help="Each measures all of them in turn.")] = _DEFAULTS.rounds,
    records: Annotated[
        int, typer.Option(min=0, help="Ingested in each round, into each store; 0 leaves the stores out.")
    ] = _DEFAULTS.records,
    stored: Annotated[
        str, typer.Option(metavar="FEW,MANY", help="Papers in the small store and in the large one.")
    ] = ",".join(map(str, _DEFAULTS.stored)),
    folder: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Where databases are made: its disk is measured.")
    ] = None,
    postgresql: Annotated[
        str | None,
        typer.Option(metavar="URL", help="An empty PostgreSQL database, to measure beside SQLite."),
    ] = None,
    json: Json = False,
) -> None:
    """MB/s and records/s of each format, and of whole ingests into a small store and a large one."""
    log.configure(level="warning", json=False)
    options = Options(
        megabytes=megabytes,
        rounds=rounds,
        records=records,
        stored=_sizes(stored),
        folder=folder,
        postgresql_url=postgresql,
    )
    measured = bench.measure(options, on_rate=_tell)
    emit(json, _document(options, measured), lambda console: _print(console, options, measured))


def _tell(line: str) -> None:
    sys.stderr.write(f"{line}\n")


def _sizes(text: str) -> tuple[int, int]:
    parts = text.split(",")
    if len(parts) != 2 or not all(part.strip().isdigit() for part in parts):
        raise UsageError(f"--stored {text}: two numbers such as 10000,1000000 are wanted")
    few, many = sorted(map(int, parts))
    if few == many:
        raise UsageError(f"--stored {text}: two different numbers are wanted")
    return few, many


def _document(options: Options, measured: Measured) -> dict[str, Any]:
    engines = sorted({engine for engine, _ in measured.stores})
    return {
        "rounds": options.rounds,
        "megabytes": options.megabytes,
        "formats": {
            name: {
                **{
                    f"{step}_mb_per_s": _spread(measured.formats[name, step]) for step in (LINES, READ, CLEAN)
                },
                "records_per_s": statistics.median(measured.formats[name, CLEAN])
                * measured.records_per_mb[name],
                "ratios": {f"{step}_vs_{LINES}": measured.ratio(name, step) for step in (READ, CLEAN)},
            }
            for name in LAYOUTS
        },
        "engines": {
            engine: {
                "stores": [
                    _store_document(stored, runs)
                    for (where, stored), runs in measured.stores.items()
                    if where == engine
                ],
                "ratios": {"large_vs_small": measured.kept(engine)},
            }
            for engine in engines
        },
    }


def _store_document(stored: int, runs: list[Ingested]) -> dict[str, Any]:
    return {
        "stored": stored,
        "records": runs[0].records,
        "records_per_s": _spread([run.records / run.took_s for run in runs]),
        "mb_per_s": _spread([run.size_bytes / run.took_s / 1e6 for run in runs]),
        "peak_rss_bytes": max(run.peak_rss_bytes for run in runs),
    }


def _spread(rates: list[float]) -> list[float]:
    return [min(rates), statistics.median(rates), max(rates)]


def _print(console: Console, options: Options, measured: Measured) -> None:
    document = _document(options, measured)
    rows = [
        (
            name,
            *(f"{found[f'{step}_mb_per_s'][1]:,.1f}" for step in (LINES, READ, CLEAN)),
            f"{found['records_per_s']:,.0f}",
            *(f"{found['ratios'][f'{step}_vs_{LINES}']:.4f}" for step in (READ, CLEAN)),
        )
        for name, found in document["formats"].items()
    ]
    columns = (
        "format",
        "splitlines MB/s",
        "read MB/s",
        "clean MB/s",
        "records/s",
        "read ratio",
        "clean ratio",
    )
    console.print(table(f"{options.megabytes:g} MB of each, medians", columns, rows))
    for engine, found in document["engines"].items():
        stores = [_store_row(store) for store in found["stores"]]
        console.print(table(f"whole ingest into {engine}", _STORE_COLUMNS, stores))
        console.print(
            f"{engine}: {found['ratios']['large_vs_small']:.2f} of its rate is kept in the large store."
        )


_STORE_COLUMNS = ("papers stored", "records/s", "lowest", "highest", "MB/s", "peak memory, MB")


def _store_row(store: dict[str, Any]) -> tuple[str, ...]:
    low, median, high = store["records_per_s"]
    return (
        f"{store['stored']:,}",
        f"{median:,.0f}",
        f"{low:,.0f}",
        f"{high:,.0f}",
        f"{store['mb_per_s'][1]:,.1f}",
        f"{store['peak_rss_bytes'] / 1e6:,.0f}",
    )
