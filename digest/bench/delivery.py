"""`digest bench delivery`: the floor, ours, the plain pipeline and smtp-source in turn, round by round, in one run.

All of them hand the same digests to the same smtp-sink. What is planned, built beforehand or checked afterwards is
outside the clock; the ledger of ours is inside.
"""

from __future__ import annotations

import datetime as dt
import resource
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from digest.bench import floor, sites
from digest.bench.plain import PlainPipeline
from digest.bench.sink import HOST, BenchError, program, sink
from digest.bench.sites import Site
from digest.compose.message import Message
from digest.deliver.delivery import Status
from digest.settings import packaged

#: What is measured, by the names that rates and ratios have.
FLOOR = "floor"  #: bytes that are ready, over as many connections
PLAIN = "plain"  #: ours, ledger included, without DKIM
PIPELINE = "a"  #: the plain pipeline, without DKIM
SOURCE = "smtp_source"  #: Postfix's smtp-source, with bytes of its own of the same number

#: Messages that the floor keeps ready and sends again and again: all of them would be a gigabyte.
READY = 256
FIRST_DAY = dt.date(2001, 1, 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What to measure, and how much of it."""

    readers: int = 20_000
    rounds: int = 5
    connections: int = 32
    pipeline_mails: int = 200  #: of the plain pipeline, in each round
    folder: Path | None = None  #: where the database is made; the system's temporary folder if None
    database_url: str | None = None  #: an empty database to use instead
    seeds: Path | None = None  #: dumps to mail papers of; invented ones if None


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What a run found."""

    message_bytes: int  #: median
    rates: dict[str, tuple[float, ...]]  #: messages per second, in the order of the rounds
    peak_rss_bytes: int  #: of this process, with all that it measured

    def ratio(self, name: str, other: str) -> float | None:
        """How many times as fast one is as the other, by their medians; None where one was not measured."""
        if name not in self.rates or other not in self.rates:
            return None
        return statistics.median(self.rates[name]) / statistics.median(self.rates[other])


def measure(
    options: Options, *, on_rate: Callable[[int, str, float], None] = lambda _round, _name, _rate: None
) -> Measured:
    """Measure round by round, so that whatever else the machine does meets all of them alike.

    Args:
        on_rate: Called with the round, the name and its messages per second, after each.

    Raises:
        BenchError: smtp-sink is not there, or the ledger does not say that every digest was sent.
    """
    rates: dict[str, list[float]] = {}
    with sink() as port, tempfile.TemporaryDirectory(prefix="digest-bench-", dir=options.folder) as folder:
        site = sites.build(
            Path(folder),
            port=port,
            readers=options.readers,
            connections=options.connections,
            database_url=options.database_url,
            seeds=options.seeds,
        )
        for number in range(1, options.rounds + 1):
            day = FIRST_DAY + dt.timedelta(days=number)
            site.plan(day)
            ready = site.ready(day, READY)
            for name, rate in _round(site, ready, day, port, options):
                if name == PLAIN:
                    check(site, planned=number * options.readers)
                rates.setdefault(name, []).append(rate)
                on_rate(number, name, rate)
        site.app.database.close()
    return Measured(
        message_bytes=_median_bytes(ready),
        rates={name: tuple(found) for name, found in rates.items()},
        peak_rss_bytes=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
    )


def _round(
    site: Site, ready: list[Message], day: dt.date, port: int, options: Options
) -> Iterator[tuple[str, float]]:
    """Measure each of them once; gives names and messages per second."""
    readers = len(site.readers)
    yield FLOOR, _rate(readers, lambda: floor.send(site.app.relay, ready, readers, options.connections))
    yield PLAIN, _rate(readers, site.deliver)
    digests = site.planned(day, options.pipeline_mails)
    pipeline = PlainPipeline(site, packaged("templates") / "email")
    yield PIPELINE, _rate(len(digests), lambda: pipeline.send(digests, host=HOST, port=port))
    source = program("smtp-source")
    if source is not None:
        size = _median_bytes(ready)
        yield (
            SOURCE,
            _rate(readers, lambda: floor.smtp_source(source, port, readers, options.connections, size)),
        )


def _rate(messages: int, send: Callable[[], object]) -> float:
    started = time.perf_counter()
    send()
    return messages / (time.perf_counter() - started)


def check(site: Site, *, planned: int) -> None:
    """A rate counts only if the ledger says that every digest of all rounds so far was sent."""
    balance = site.balance()
    sent = balance.statuses[Status.SENT]
    if balance.difference or sent != planned:
        raise BenchError(f"of {planned} digests {sent} were sent; the ledger: {balance}")


def _median_bytes(messages: list[Message]) -> int:
    return int(statistics.median(len(message.data) for message in messages))
