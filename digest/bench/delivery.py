"""`digest bench delivery`: ours beside a floor, plain pipelines and load generators, in turn, round by round, in one run.

All of them hand digests of the same size to the same smtp-sink. What is planned, built beforehand or checked
afterwards is outside the clock; the ledger of ours is inside. Apart from the rounds stand a relay that is slow to answer,
the memory of a delivering process, and what planning costs: each can be left out.
"""

from __future__ import annotations

import statistics
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from digest.bench import contenders, memory, planning, sites, slow
from digest.bench.contenders import CONTENDERS, Stand
from digest.bench.memory import MemoryMeasured
from digest.bench.sink import sink
from digest.bench.slow import SlowMeasured

#: What is measured apart from the rounds, by the names that `only` and `skip` have.
SLOW, MEMORY, PLANNING = "slow", "memory", "planning"
PARTS = (*CONTENDERS, SLOW, MEMORY, PLANNING)


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What to measure, and how much of it."""

    parts: frozenset[str] = frozenset(PARTS)
    readers: int = 20_000
    rounds: int = 5
    connections: int = 64
    pipeline_mails: int = 200  #: of each plain pipeline, in each round
    slow_mails: int = 9_600  #: to the slow relay, in each round
    slow_connections: int = 64
    memory_readers: tuple[int, int] = (10_000, 100_000)
    planning_readers: int = 100_000
    node_modules: Path | None = None  #: a folder with nodemailer and juice
    folder: Path | None = None  #: where databases are made; the system's temporary folder if None
    database_url: str | None = None  #: an empty database for the rounds to use instead
    seeds: Path | None = None  #: dumps to mail papers of; invented ones if None


@dataclass(slots=True, kw_only=True)
class Measured:
    """What a run found; None, or absent, is what was left out."""

    rates: dict[str, list[float]]  #: messages per second, in the order of the rounds
    missing: dict[str, str]  #: what could not be measured here, and why
    message_bytes: int | None = None  #: median
    floor_connections: dict[str, int] | None = None  #: by name of the floor
    peak_rss_bytes: int | None = None  #: of all processes that delivered to smtp-sink, the highest
    slow: SlowMeasured | None = None
    memory: MemoryMeasured | None = None
    planning: planning.Measured | None = None

    def ratio(self, name: str, other: str) -> float | None:
        """How many times as fast one is as the other, by their medians; None where one was not measured."""
        if name not in self.rates or other not in self.rates:
            return None
        return statistics.median(self.rates[name]) / statistics.median(self.rates[other])


OnStep = Callable[[str], None]


def measure(options: Options, *, on_step: OnStep = lambda _line: None) -> Measured:
    """Measure all that is wanted.

    Args:
        on_step: Called with a line in words after each.

    Raises:
        BenchError: smtp-sink is not there, or not every digest was sent.
    """
    missing = {
        name: why for name, why in contenders.missing(options.node_modules).items() if name in options.parts
    }
    measured = Measured(rates={}, missing=missing)
    with tempfile.TemporaryDirectory(prefix="digest-bench-", dir=options.folder) as made:
        folder = Path(made)
        _measure_rounds(folder, options, measured, on_step)
        if SLOW in options.parts:
            measured.slow = _measure_slow(folder, options, on_step)
        if MEMORY in options.parts:
            measured.memory = _measure_memory(folder, options, on_step)
            measured.peak_rss_bytes = max(measured.peak_rss_bytes or 0, *measured.memory.peaks)
    if PLANNING in options.parts:
        measured.planning = _measure_planning(options, on_step)
    return measured


def _measure_rounds(folder: Path, options: Options, measured: Measured, on_step: OnStep) -> None:
    """Measure the contenders in turn, so that whatever else the machine does meets all of them alike."""
    wanted = [name for name in CONTENDERS if name in options.parts and name not in measured.missing]
    if not wanted:
        return
    with sink() as port:
        site = sites.build(
            folder / "rounds",
            port=port,
            readers=options.readers,
            connections=options.connections,
            database_url=options.database_url,
            seeds=options.seeds,
        )
        stand = Stand(
            site,
            port=port,
            folder=folder,
            pipeline_mails=options.pipeline_mails,
            node_modules=options.node_modules,
        )
        stand.settle(wanted)
        for number in range(1, options.rounds + 1):
            for name in wanted:
                rate = stand.rate(name)
                measured.rates.setdefault(name, []).append(rate)
                on_step(f"round {number}: {CONTENDERS[name]}: {rate:,.0f} messages/s")
        stand.close()
    measured.message_bytes = stand.message_bytes
    measured.floor_connections = stand.floor_connections
    measured.peak_rss_bytes = stand.peak_rss_bytes


def _measure_slow(folder: Path, options: Options, on_step: OnStep) -> SlowMeasured:
    return slow.measure(
        folder / "slow",
        mails=options.slow_mails,
        connections=options.slow_connections,
        rounds=options.rounds,
        on_rate=lambda number, name, rate: on_step(
            f"round {number}: slow relay, {name}: {rate:,.0f} messages/s"
        ),
    )


def _measure_memory(folder: Path, options: Options, on_step: OnStep) -> MemoryMeasured:
    with sink() as port:
        return memory.measure(
            folder,
            port=port,
            readers=options.memory_readers,
            connections=options.connections,
            on_step=on_step,
        )


def _measure_planning(options: Options, on_step: OnStep) -> planning.Measured:
    return planning.measure(
        planning.Options(readers=options.planning_readers, rounds=options.rounds),
        on_seconds=lambda number, name, seconds: on_step(
            f"round {number}: planning, {name}: {seconds:.2f} s"
        ),
    )
