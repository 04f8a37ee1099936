"""`digest bench web`: sign-ups and saved preferences per second of one process, beside what they are made of.

In each round and on each engine in turn: forms that the pages answer without keeping them, rows committed one by one,
sign-ups, saved preferences; and once a round a fixed page behind the same libraries. All forms come from another
process over loopback. Afterwards each stand is held to have kept, and to mail, exactly what was posted.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from digest.bench import load, servers, sites
from digest.bench.beside import Beside, beside_delivery
from digest.bench.counting import Counting, counting
from digest.bench.sink import BenchError
from digest.bench.stand import READERS, Stand

#: What is measured, by the names that rates and ratios have.
FIXED = "fixed"  #: a fixed page behind the same libraries
UNSTORED = "unstored"  #: the sign-up that programs fall for: all is done but to keep it
COMMITS = "commits"  #: rows, one a commit
SIGN_UPS = "signups"
SAVES = "saves"
#: The one floor that stands on no engine.
NO_ENGINE = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What to measure, and how much of it."""

    count: int = 10_000  #: sign-ups in all rounds together, and as many saves; on each engine
    rounds: int = 5
    connections: int = 32  #: to the pages, kept alive
    digests: int = 2_000  #: delivered while others sign up; 0 leaves that out
    folder: Path | None = None  #: where databases are made; the system's temporary folder if None
    postgresql_url: str | None = None  #: an empty database, to measure beside SQLite

    def __post_init__(self) -> None:
        if self.count < self.rounds:
            raise BenchError("at least one sign-up a round")

    def share(self, number: int) -> int:
        """How many of them fall to a round, the first being 1."""
        return self.count * number // self.rounds - self.count * (number - 1) // self.rounds


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """What an engine was found to hold after all rounds; equal by then, or the bench would have failed."""

    answers: Counter[int]  #: to forms, by status
    pending: int
    mails: int


@dataclass(slots=True, kw_only=True)
class Measured:
    """What a run found."""

    rates: dict[tuple[str, str], list[float]] = field(default_factory=dict)  #: by engine and name, a second
    kept: dict[str, Kept] = field(default_factory=dict)  #: by engine
    beside: Beside | None = None

    def ratio(self, engine: str, name: str, other: str) -> float:
        """How many times as fast one is as the other, by their medians."""
        floor = self.rates.get((engine, other)) or self.rates[NO_ENGINE, other]
        return statistics.median(self.rates[engine, name]) / statistics.median(floor)


OnRate = Callable[[int, str, str, float], None]


def measure(options: Options, *, on_rate: OnRate = lambda _round, _engine, _name, _rate: None) -> Measured:
    """Measure round by round, so that whatever else the machine does meets all of them alike.

    Args:
        on_rate: Called with the round, the engine, the name and how many a second, after each.

    Raises:
        BenchError: A form was not taken, something was lost, or a mail came twice or not at all.
    """
    measured = Measured()
    with ExitStack() as stack:
        folder = Path(
            stack.enter_context(tempfile.TemporaryDirectory(prefix="digest-bench-", dir=options.folder))
        )
        postbox = stack.enter_context(counting())
        stands = _stands(folder, postbox.port, options, stack)
        _rounds(stands, options, measured, on_rate)
        for engine, stand in stands.items():
            measured.kept[engine] = _kept(stand, postbox)
        if options.digests:
            measured.beside = beside_delivery(
                folder / "beside", digests=options.digests, connections=options.connections
            )
    return measured


def _stands(folder: Path, relay_port: int, options: Options, stack: ExitStack) -> dict[str, Stand]:
    urls = {"sqlite": None} | ({"postgresql": options.postgresql_url} if options.postgresql_url else {})
    stands = {}
    for engine, url in urls.items():
        site = sites.build(
            folder / engine,
            port=relay_port,
            readers=options.connections * READERS,
            connections=8,
            database_url=url,
        )
        stack.callback(site.app.database.close)
        stands[engine] = Stand(site, connections=options.connections)
    return stands


def _rounds(stands: dict[str, Stand], options: Options, measured: Measured, on_rate: OnRate) -> None:
    with ExitStack() as stack:
        fixed = stack.enter_context(servers.floor())
        ports = {
            engine: stack.enter_context(servers.pages("web", stand.site.app.settings))
            for engine, stand in stands.items()
        }
        for number in range(1, options.rounds + 1):
            count = options.share(number)
            for engine, name, rate in _round(stands, ports, fixed, count, options.connections):
                measured.rates.setdefault((engine, name), []).append(rate)
                on_rate(number, engine, name, rate)


def _round(
    stands: dict[str, Stand], ports: dict[str, int], fixed: int, count: int, connections: int
) -> Iterator[tuple[str, str, float]]:
    """Measure each of them once; gives engines, names, and how many a second."""
    yield NO_ENGINE, FIXED, _fixed(fixed, count, connections)
    for engine, stand in stands.items():
        port = ports[engine]
        yield engine, COMMITS, _commits(stand, count)
        yield engine, UNSTORED, stand.sign_up(port, count, trap=True).rate
        yield engine, SIGN_UPS, stand.sign_up(port, count).rate
        yield engine, SAVES, stand.save(port, count).rate


def _fixed(port: int, count: int, connections: int) -> float:
    request = load.form("/subscribe", {"address": "reader@example.org", "interests": "graph learning"})
    shares = [len(range(place, count, connections)) for place in range(connections)]
    return load.send(port, [[request] * share for share in shares]).rate


def _commits(stand: Stand, count: int) -> float:
    began = time.perf_counter()
    stand.commits(count)
    return count / (time.perf_counter() - began)


def _kept(stand: Stand, postbox: Counting) -> Kept:
    stand.check_kept()
    stand.check_mailed(postbox.mails)
    mails = postbox.mails.total()
    postbox.mails.clear()  # the other engine's addresses are the same
    return Kept(answers=stand.answers, pending=len(stand.addresses), mails=mails)
