"""`digest bench ingest`: how fast each format is read and cleaned, and how fast dumps go into a store, small or large.

Each rate of a format stands beside that of `bytes.splitlines` over the same bytes, and the rate into the large store
beside that into the small one, measured in turn. Each ingest is a process of its own, so that its peak of memory is its
own too.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from digest.bench.documents import LAYOUTS, sized
from digest.bench.filling import fill
from digest.bench.sink import BenchError
from digest.ingest.formats import read
from digest.ingest.record import Record
from digest.pipeline.ingest import cleaned
from digest.store import migrate
from digest.store.database import Database

#: What is measured of a format, by the names that rates have.
LINES = "splitlines"  #: the floor: the bytes split at their ends of line
READ = "read"  #: raw records
CLEAN = "clean"  #: records with clean text and their keys


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What to measure, and how much of it."""

    megabytes: float = 8.0  #: of each format's document
    rounds: int = 5
    records: int = 5_000  #: ingested in each round, into each store; 0 leaves the stores out
    stored: tuple[int, int] = (10_000, 1_000_000)  #: papers in the small store and in the large one
    folder: Path | None = None  #: where databases are made; the system's temporary folder if None
    postgresql_url: str | None = None  #: an empty database, to measure beside SQLite


@dataclass(frozen=True, slots=True, kw_only=True)
class Ingested:
    """One ingest into one store."""

    records: int
    size_bytes: int
    took_s: float
    peak_rss_bytes: int  #: of its process


@dataclass(slots=True, kw_only=True)
class Measured:
    """What a run found."""

    #: by format and name, in MB/s, a round each
    formats: dict[tuple[str, str], list[float]] = field(default_factory=dict)
    records_per_mb: dict[str, float] = field(default_factory=dict)  #: by format
    #: by engine and papers stored, a round each
    stores: dict[tuple[str, int], list[Ingested]] = field(default_factory=dict)

    def ratio(self, format_name: str, name: str) -> float:
        """What share of the rate of `splitlines` a format is read or cleaned at, by their medians."""
        return statistics.median(self.formats[format_name, name]) / statistics.median(
            self.formats[format_name, LINES]
        )

    def kept(self, engine: str) -> float:
        """What share of its rate the ingest keeps in the large store, by the medians."""
        small, large = sorted(stored for where, stored in self.stores if where == engine)
        return self.records_per_s(engine, large) / self.records_per_s(engine, small)

    def records_per_s(self, engine: str, stored: int) -> float:
        return statistics.median(each.records / each.took_s for each in self.stores[engine, stored])


OnRate = Callable[[str], None]


def measure(options: Options, *, on_rate: OnRate = lambda _line: None) -> Measured:
    """Measure round by round, so that whatever else the machine does meets all of them alike.

    Args:
        on_rate: Called with a line in words after each.

    Raises:
        BenchError: A document was not read as what it is, or a dump was not stored whole.
    """
    measured = Measured()
    for name in LAYOUTS:
        _measure_format(name, options, measured, on_rate)
    if options.records:
        with tempfile.TemporaryDirectory(prefix="digest-bench-", dir=options.folder) as folder:
            _measure_stores(_stores(Path(folder), options, on_rate), options, measured, on_rate)
    return measured


def _measure_format(name: str, options: Options, measured: Measured, on_rate: OnRate) -> None:
    data, papers = sized(name, size_bytes=int(options.megabytes * 1e6))
    size_mb = len(data) / 1e6
    measured.records_per_mb[name] = papers / size_mb
    for _ in range(options.rounds):
        for step, took_s in _format_times(name, data, papers):
            measured.formats.setdefault((name, step), []).append(size_mb / took_s)
    medians = {step: statistics.median(measured.formats[name, step]) for step in (LINES, READ, CLEAN)}
    on_rate(f"{name}: " + ", ".join(f"{step} {rate:,.1f} MB/s" for step, rate in medians.items()))


def _format_times(name: str, data: bytes, papers: int) -> Iterator[tuple[str, float]]:
    began = time.perf_counter()
    deque(data.splitlines(), maxlen=0)
    yield LINES, time.perf_counter() - began
    began = time.perf_counter()
    reading = read(data)
    found = sum(isinstance(item, Record) for item in reading.items)
    took_s = time.perf_counter() - began
    if reading.format != name or found != papers:
        raise BenchError(f"{name}: {found} of {papers} papers found, read as {reading.format}")
    yield READ, took_s
    began = time.perf_counter()
    deque((cleaned(item) for item in read(data).items if isinstance(item, Record)), maxlen=0)
    yield CLEAN, time.perf_counter() - began


def _stores(folder: Path, options: Options, on_rate: OnRate) -> Mapping[tuple[str, int], str]:
    """Make and fill the stores; gives the URL of each by engine and papers stored."""
    urls = {}
    for stored in options.stored:
        urls["sqlite", stored] = f"sqlite:///{folder / f'{stored}.db'}"
        if options.postgresql_url:
            urls["postgresql", stored] = _schema(options.postgresql_url, f"stored_{stored}")
    for (engine, stored), url in urls.items():
        database = Database(url)
        migrate.upgrade(database)
        began = time.perf_counter()
        fill(database, stored)
        database.close()
        on_rate(f"{engine}: {stored:,} papers filled in, {time.perf_counter() - began:,.0f} s")
    return urls


def _schema(url: str, name: str) -> str:
    """A store of its own within one PostgreSQL database; gives its URL."""
    database = Database(url)
    with database.write() as conn:
        conn.exec_driver_sql(f"CREATE SCHEMA {name}")
    database.close()
    return f"{url}{'&' if '?' in url else '?'}options=-csearch_path%3D{name}"


def _measure_stores(
    urls: Mapping[tuple[str, int], str], options: Options, measured: Measured, on_rate: OnRate
) -> None:
    for number in range(options.rounds):
        for (engine, stored), url in urls.items():
            done = _ingested(url, records=options.records, first=number * options.records)
            measured.stores.setdefault((engine, stored), []).append(done)
            on_rate(
                f"round {number + 1}: {engine}, {stored:,} stored: {done.records / done.took_s:,.0f} records/s, "
                f"{done.size_bytes / done.took_s / 1e6:,.1f} MB/s"
            )


def _ingested(url: str, *, records: int, first: int) -> Ingested:
    command = [sys.executable, "-m", "digest.bench.ingesting", url, str(records), str(first)]
    run = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our own module
    if run.returncode:
        raise BenchError(f"the ingest failed: {run.stderr.strip()[-500:]}")
    return Ingested(**json.loads(run.stdout))
