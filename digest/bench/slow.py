"""Ours and smtplib against a relay that answers each command after 20 ms, over as many connections each.

A message costs ours one wait (its content goes out with MAIL, RCPT and DATA of the next behind it) and smtplib four, so
over connections that stay open the ratio cannot pass 4.
"""

from __future__ import annotations

import datetime as dt
import smtplib
import statistics
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from digest.bench import sites
from digest.bench.clock import rate_of
from digest.bench.deliverer import deliver
from digest.bench.floor import in_threads
from digest.bench.plain import TIMEOUT_S
from digest.bench.servers import environment
from digest.bench.sink import HOST, BenchError
from digest.bench.sites import FIRST_DAY, Site
from digest.compose.message import Message

DELAY_MS = 20
#: What is measured, by the names that rates have.
OURS = "ours"  #: without DKIM, ledger included
KEPT = "smtplib"  #: a thread for each connection, which stays open
EACH = "smtplib_connection_per_mail"  #: as many threads; connect, EHLO and QUIT for each mail
ONE = "smtplib_one_connection"  #: which stays open
#: One connection sends this many mails where all of them send one each.
_ONE_SHARE = 0.8
_READY = 64


@dataclass(slots=True, kw_only=True)
class SlowMeasured:
    """What was found: messages per second by name, in the order of the rounds."""

    mails: int  #: in each round
    connections: int
    rates: dict[str, list[float]] = field(default_factory=dict)

    def ratio(self, name: str) -> float:
        """How many times as fast ours is, by the medians."""
        return statistics.median(self.rates[OURS]) / statistics.median(self.rates[name])


def measure(
    folder: Path, *, mails: int, connections: int, rounds: int, on_rate: Callable[[int, str, float], None]
) -> SlowMeasured:
    """Measure all of them in turn, round by round.

    Raises:
        BenchError: The relay does not start, or not all mails were sent.
    """
    measured = SlowMeasured(mails=mails, connections=connections)
    with slow_relay(DELAY_MS) as port:
        site = sites.build(folder, port=port, readers=mails, connections=connections)
        for number in range(1, rounds + 1):
            day = FIRST_DAY + dt.timedelta(days=number)
            site.plan(day)
            ready = site.ready(day, _READY)
            for name, rate in _round(site, ready, port, measured):
                measured.rates.setdefault(name, []).append(rate)
                on_rate(number, name, rate)
        site.app.database.close()
    return measured


def _round(
    site: Site, ready: Sequence[Message], port: int, measured: SlowMeasured
) -> Iterator[tuple[str, float]]:
    mails, connections = measured.mails, measured.connections
    yield OURS, deliver(site.app.settings, messages=mails).rate
    yield KEPT, rate_of(mails, lambda: _by_smtplib(ready, port, mails, connections, kept=True))
    yield EACH, rate_of(mails, lambda: _by_smtplib(ready, port, mails, connections, kept=False))
    few = max(1, round(mails / connections * _ONE_SHARE))
    yield ONE, rate_of(few, lambda: _by_smtplib(ready, port, few, 1, kept=True))


def _by_smtplib(ready: Sequence[Message], port: int, mails: int, connections: int, *, kept: bool) -> None:
    """Send by blocking smtplib, a thread for each connection, which stays open or is opened for each mail."""
    sent = [0] * connections

    def serve(place: int) -> None:
        mine = (ready[number % len(ready)] for number in range(place, mails, connections))
        while some := list(islice(mine, None if kept else 1)):
            with smtplib.SMTP(HOST, port, timeout=TIMEOUT_S) as server:
                for message in some:
                    server.sendmail(message.sender, [message.recipient], message.data)
                    sent[place] += 1

    in_threads(connections, serve)
    if sum(sent) != mails:
        raise BenchError(f"of {mails} mails smtplib sent {sum(sent)}")


@contextmanager
def slow_relay(delay_ms: int) -> Iterator[int]:
    """Run the slow relay while the block runs; gives its port.

    Raises:
        BenchError: It does not start.
    """
    command = [sys.executable, "-m", "digest.bench.slow_relay", str(delay_ms)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment()) as process:  # noqa: S603 - our own module
        assert process.stdout is not None
        try:
            line = process.stdout.readline()
            if not line:
                raise BenchError("the slow relay does not start")
            yield int(line)
        finally:
            process.kill()  # it keeps nothing
