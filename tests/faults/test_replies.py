"""What a relay may answer, and how slowly, through whole runs: nothing lost, nothing twice (R5, R6, R7)."""

from __future__ import annotations

import datetime as dt
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from digest.deliver.delivery import Status
from digest.deliver.policy import RetryPolicy
from digest.deliver.reply import Reply, Step
from digest.pipeline.ingest import IngestOptions
from digest.relay.memory import MemoryRelay
from digest.relay.smtp import SmtpRelay
from digest.relay.url import parse_url
from digest.relay.wire import Deadlines
from digest.store import ledger
from digest.store.database import Database
from digest.subscribers.subscriber import Frequency, Profile, Schedule
from digest.wiring import App
from tests.factories import DAY, HOUR, NOW, Clock, add_subscriber, make_app, raw_dump
from tests.faults.replies import ANSWERS, STEPS, cell, is_right, plan_apart
from tests.faults.report import section
from tests.pipeline.outbox import Outbox, addresses, recipients
from tests.relay.conftest import Tls
from tests.smtp_server import HANG, Answer, Hold, SmtpServer

CELLS = section(
    "R5",
    "Every answer at every step",
    ("step", "engine", "cells", "wrong", "lost", "repeated", "retried after 2xx or 5xx"),
    about="At each step 4xx, 5xx, 421, closed, silent, a byte at a time, and no SMTP at all; with pipelining and without, "
    "and at the final dot with doubt resent and parked. *Wrong* counts cells whose statuses, tries, suppressions, pause "
    "or open claims are other than promised; then the relay is mended and a second run sends what is open.",
)
WAITS = section(
    "R6",
    "Back-off on a moved clock",
    (
        "trouble",
        "engine",
        "readers",
        "lost",
        "repeated",
        "tries a reader",
        "first retry, s",
        "waits of different lengths",
    ),
    about="The service's ticks, ten seconds apart, against a real SMTP server.",
)
SLOW = section(
    "R7",
    "Slow servers",
    ("server", "engine", "messages", "sent", "lost", "repeated", "connections still held"),
    about="On a moved clock or scaled deadlines.",
)


@pytest.fixture
def outbox(database: Database, tmp_path: Path, clock: Clock) -> Outbox:
    return Outbox(database, tmp_path, clock=clock)


@pytest.fixture
def sqlite_outbox(sqlite_database: Database, tmp_path: Path, clock: Clock) -> Outbox:
    return Outbox(sqlite_database, tmp_path, clock=clock)


def engine(outbox: Outbox) -> str:
    return outbox.database.url.get_backend_name()


# -- R5 ------------------------------------------------------------------------------------------------

#: One answer at each step, and each answer at two.
FEW = [
    *zip(STEPS, (*ANSWERS, "4xx", "5xx", "garbage"), strict=True),
    ("rcpt", "5xx"), ("auth", "5xx"), ("dot", "close"), ("data", "hang"), ("starttls", "421"),
]  # fmt: skip


@pytest.mark.parametrize(("step", "kind"), FEW)
def test_an_answer(sqlite_outbox: Outbox, tls: Tls, step: str, kind: str) -> None:
    """Its reader's status, tries, suppression and the run's pause are right, and a mended relay gets what is open, once."""
    found = cell(sqlite_outbox, tls, step, kind)
    assert is_right(found, step, kind), found


@pytest.mark.faults
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("step", STEPS)
def test_every_answer(outbox: Outbox, tls: Tls, step: str) -> None:
    """The same of all cells of a step."""
    found = [
        (kind, cell(outbox, tls, step, kind, pipelining=pipelining, park=park))
        for kind in ANSWERS
        for pipelining in (True, False)
        for park in ((False, True) if step == "dot" else (False,))
    ]
    wrong = [(kind, each) for kind, each in found if not is_right(each, step, kind)]
    sums = [sum(getattr(each, name) for _, each in found) for name in ("lost", "repeats", "retried")]
    CELLS.add(step, engine(outbox), len(found), len(wrong), *sums)
    assert wrong == []


# -- R6 ------------------------------------------------------------------------------------------------


class Counter451:
    """A server's word on each try of each reader.

    Attributes:
        tries: By reader, when they were tried.
    """

    def __init__(self, clock: Clock, accepts: Callable[[list[dt.datetime], dt.datetime], bool]) -> None:
        self.clock = clock
        self.accepts = accepts
        self.tries: dict[str, list[dt.datetime]] = {}

    def __call__(self, argument: str) -> Answer | None:
        tries = self.tries.setdefault(argument, [])
        tries.append(self.clock.now)
        return None if self.accepts(tries, self.clock.now) else "451 4.7.1 later"

    def waits(self) -> list[list[int]]:
        """By reader, seconds from try to try."""
        return [[int((b - a).total_seconds()) for a, b in pairwise(each)] for each in self.tries.values()]


#: Name -> whether a try is taken: of all at an hour's end, or of each reader five minutes after the first.
TROUBLES: dict[str, Callable[[list[dt.datetime], dt.datetime], bool]] = {
    "451 for an hour": lambda tries, now: now >= NOW + HOUR,
    "greylisting": lambda tries, now: now >= tries[0] + dt.timedelta(minutes=5),
}


def back_off(outbox: Outbox, trouble: str, readers: int) -> None:
    """Tick through the trouble, and hold what it came to against the promise."""
    outbox.policy = replace(outbox.policy, connections=8)
    who = outbox.plan(readers)
    script = Counter451(outbox.clock, TROUBLES[trouble])
    with SmtpServer(answers={"rcpt": script}) as server:
        relay = SmtpRelay(parse_url(server.url))
        while outbox.clock.now < NOW + 3 * HOUR:
            outbox.deliver(relay=relay)
            outbox.clock.advance(seconds=10)
        taken = Counter(message.recipient for message in server.accepted)
    waits = script.waits()
    lost, repeated = len(set(addresses(who)) - set(taken)), taken.total() - len(taken)
    firsts = [each[0] for each in waits]
    tries = sorted(len(each) + 1 for each in waits)
    row = f"{tries[0]} to {tries[-1]}", f"{min(firsts)} to {max(firsts)}"
    WAITS.add(
        trouble, engine(outbox), readers, lost, repeated, *row, len({wait for each in waits for wait in each})
    )
    assert (lost, repeated) == (0, 0)
    assert outbox.statuses(who) == {"sent": readers}
    for each in waits:
        for number, wait in enumerate(each):
            # A tick may come ten seconds after the retry is due.
            assert 60 * 2**number <= wait <= min(60 * 2**number * 1.2, 3600) + 10
    assert len({wait for each in waits for wait in each[:3]}) > 3, "jitter"


@pytest.mark.parametrize("trouble", TROUBLES)
def test_back_off(sqlite_outbox: Outbox, trouble: str) -> None:
    """A minute or more before the first retry, then twice as long with jitter; all arrive, once."""
    back_off(sqlite_outbox, trouble, 12)


@pytest.mark.faults
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("trouble", TROUBLES)
def test_back_off_of_a_thousand(outbox: Outbox, trouble: str) -> None:
    """The same of a thousand readers."""
    back_off(outbox, trouble, 1_000)


def test_a_digest_expires_when_the_next_is_due(database: Database, tmp_path: Path, clock: Clock) -> None:
    """Through a day of 451: what waits expires and is counted; weekdays readers get the papers of both days with the next, once."""
    busy = Reply(step=Step.RCPT, code=451, text="4.3.2 later")
    relay = MemoryRelay(lambda message: busy if NOW - DAY <= clock.now < NOW + 4 * DAY else None)
    clock.now = NOW - 2 * DAY  # a Wednesday
    app = make_app(database, tmp_path, relay=relay, clock=clock)
    with database.write() as conn:
        who = {
            frequency: add_subscriber(
                conn, schedule=Schedule(frequency=frequency), profile=Profile(cap=50), now=clock.now
            )
            for frequency in (Frequency.DAILY, Frequency.WEEKDAYS)
        }
    for title in ("On Nets", "On Kites", "On Bread"):  # of Wednesday, which is taken, Thursday and Friday
        feed(app, title)
        for _ in range(24):
            tick(app)
            clock.advance(hours=1)
    while clock.now < NOW + 4 * DAY:
        tick(app)
        clock.advance(hours=1)
    feed(app, "On Looms")  # of Tuesday
    tick(app)
    clock.advance(hours=3)
    tick(app)
    with database.read() as conn:
        rows = {name: ledger.of(conn, one.id) for name, one in who.items()}
        balance = ledger.balance(conn)
    assert balance.difference == 0
    assert balance.statuses[Status.EXPIRED] == sum(
        row.status is Status.EXPIRED for each in rows.values() for row in each
    )
    for each in rows.values():
        assert Counter(row.status for row in each)[Status.SENT] == 2
        assert Counter(row.status for row in each)[Status.EXPIRED] >= 2
    papers = {
        name: [len(row.picks) for row in each if row.status is Status.SENT] for name, each in rows.items()
    }
    assert papers == {Frequency.DAILY: [1, 1], Frequency.WEEKDAYS: [2, 1]}
    assert recipients(relay.accepted) == sorted(2 * addresses(who.values()))


def feed(app: App, title: str) -> None:
    app.ingest([raw_dump([title], day=app.clock().date(), modified_at=app.clock())], IngestOptions())


def tick(app: App) -> None:
    app.publish()
    app.plan()
    app.deliver()


# -- R7 ------------------------------------------------------------------------------------------------


@pytest.mark.faults
def test_250_after_599_seconds_a_hundred_times(outbox: Outbox) -> None:
    """A hundred messages, each of which is answered 599 s later."""
    late_answers(outbox, 100)


def test_250_after_599_seconds(outbox: Outbox) -> None:
    """Each answer to the dot takes 599 s of the relay's clock: each message is taken once, and none is tried again."""
    late_answers(outbox, 4)


def late_answers(outbox: Outbox, readers: int) -> None:
    outbox.policy = replace(outbox.policy, connections=1)
    now_s, late = 0.0, threading.Event()
    late.set()

    def reach(recipient: str) -> Answer:
        nonlocal now_s
        now_s += 599.0
        return Hold(late)

    who = outbox.plan(readers)
    with SmtpServer(answers={"dot": reach}) as server:
        relay = SmtpRelay(parse_url(server.url), clock=lambda: now_s)
        first = outbox.deliver(relay=relay)
        outbox.clock.advance(hours=2)
        assert outbox.deliver(relay=relay).results == {}
        taken = [message.recipient for message in server.accepted]
    SLOW.add(
        "250 after 599 s",
        engine(outbox),
        readers,
        len(taken),
        readers - len(set(taken)),
        len(taken) - len(set(taken)),
        outbox.open_claims(),
    )
    assert first.results == {Status.SENT: readers}
    assert sorted(taken) == addresses(who)


@pytest.mark.parametrize("kind", ["hang", "slow"])
@pytest.mark.parametrize("policy", ["resend", "park"])
def test_a_silent_server_frees_its_connection(sqlite_outbox: Outbox, kind: str, policy: str) -> None:
    """A reader for whom the relay never ends holds a connection to its deadline, and nobody else's mail."""
    held(sqlite_outbox, kind, park=policy == "park", readers=12)


@pytest.mark.faults
@pytest.mark.timeout(600)
@pytest.mark.parametrize("kind", ["hang", "slow"])
@pytest.mark.parametrize("policy", ["resend", "park"])
def test_silence_among_a_thousand(outbox: Outbox, kind: str, policy: str) -> None:
    """The same of a thousand, of whom one in fifty is never answered for."""
    held(outbox, kind, park=policy == "park", readers=1_000)


def held(outbox: Outbox, kind: str, *, park: bool, readers: int) -> None:
    """Hand over to a relay that never ends its answer for some; then to one that is mended."""
    policy = RetryPolicy(ambiguous="park" if park else "resend")
    outbox.policy = replace(outbox.policy, connections=4, retry=policy)
    who = plan_apart(outbox, readers)
    stuck = {one.address for one in who[:: max(readers // 20, 6)]}
    silent: Answer = HANG if kind == "hang" else ANSWERS["slow"]
    with SmtpServer(answers={"dot": lambda recipient: silent if recipient in stuck else None}) as server:
        relay = SmtpRelay(parse_url(server.url), deadlines=Deadlines(step_s=5.0, dot_s=0.3, message_s=10.0))
        first = outbox.deliver(relay=relay)
        server.answers.clear()
        outbox.clock.advance(hours=1)
        outbox.deliver(relay=relay)
        copies = Counter(message.recipient for message in server.accepted)
    parked = stuck if park else set()
    lost = len({one.address for one in who} - set(copies) - parked)
    repeated = copies.total() - len(copies)
    SLOW.add(
        f"{kind} at the final dot, {'park' if park else 'resend'}",
        engine(outbox),
        readers,
        len(copies),
        lost,
        repeated,
        outbox.open_claims(),
    )
    undecided = Status.AMBIGUOUS if park else Status.DEFERRED
    assert first.results == {Status.SENT: readers - len(stuck), undecided: len(stuck)}
    assert (lost, repeated, outbox.open_claims()) == (0, 0, 0)
    assert not parked & set(copies)
