"""Delivery under limits, past destinations that hang, and over several relays: counted in the ledger and at servers."""

from __future__ import annotations

import math
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.engine import Connection

from digest.compose.message import Message
from digest.deliver.delivery import Delivery, Status
from digest.deliver.pace import Rate
from digest.deliver.reply import Reply, Silence, Step
from digest.deliver.throttle import Limits, Throttle
from digest.deliver.warm_up import WarmUp
from digest.pipeline.gate import Gate
from digest.pipeline.senders import Desk, Sender
from digest.relay.memory import MemoryConnection, MemoryRelay
from digest.relay.place import Member
from digest.relay.pool import RelayPool
from digest.relay.smtp import SmtpRelay
from digest.relay.url import parse_url
from digest.store.database import Database
from tests.factories import DAY, NOW, Clock, add_subscriber, plan_for
from tests.pipeline.outbox import Outbox, addresses, recipients
from tests.smtp_server import CLOSE, Answer, SmtpServer

pytestmark = pytest.mark.timeout(60)

SILENT = Reply(step=Step.RCPT, code=None, text="", silence=Silence.TIMEOUT)


@pytest.fixture
def outbox(database: Database, tmp_path: Path, clock: Clock) -> Outbox:
    return Outbox(database, tmp_path, clock=clock)


def plan_to(outbox: Outbox, *domains: str) -> list[str]:
    """Plan a digest to a reader of each domain; returns their addresses."""
    with outbox.database.write() as conn:
        who = [add_subscriber(conn, f"reader{number}@{domain}") for number, domain in enumerate(domains)]
        plan_for(conn, *who)
    return [one.address for one in who]


class Hanging(MemoryRelay):
    """A relay that says nothing about readers at bad.org until it has taken so many others."""

    def __init__(self, others: int) -> None:
        super().__init__()
        self.others, self.hung = others, 0
        self.all_taken = threading.Event()

    def connect(self) -> MemoryConnection:
        return HangingConnection(self)


class HangingConnection(MemoryConnection):
    def __init__(self, relay: Hanging) -> None:
        super().__init__(relay)
        self.hanging = relay

    def hand_over(self, message: Message) -> Reply:
        relay = self.hanging
        if message.recipient.endswith("@bad.org"):
            relay.hung += 1
            assert relay.all_taken.wait(30)
            return SILENT
        reply = super().hand_over(message)
        if len(relay.accepted) == relay.others:
            relay.all_taken.set()
        return reply


def test_one_bad_destination_stalls_nobody(outbox: Outbox) -> None:
    """R8, short: a fifth of 200 readers is at a domain that hangs until all others have theirs; it holds one connection."""
    outbox.policy = replace(outbox.policy, connections=8, batch=32)
    who = plan_to(outbox, *["bad.org" if number % 5 == 0 else "good.org" for number in range(200)])
    good = [address for address in who if address.endswith("@good.org")]
    relay = outbox.relay = Hanging(len(good))
    # Were more connections given to it than its share, the others would not all go, and nobody would end it.
    assert outbox.deliver().results == {Status.SENT: 160, Status.DEFERRED: 1}
    assert recipients(relay.accepted) == sorted(good)
    assert relay.hung == 1
    rows = [row for address, row in outbox.rows().items() if address.endswith("@bad.org")]
    assert Counter((row.status, row.attempts) for row in rows) == {("deferred", 0): 39, ("deferred", 1): 1}
    assert outbox.open_claims() == 0
    assert outbox.balances()


def test_they_are_tried_again_and_all_go_once_it_answers(outbox: Outbox) -> None:
    """After the first retry's wait what was put aside goes with its next tries, each once."""
    outbox.policy = replace(outbox.policy, connections=8, batch=8)
    who = plan_to(outbox, *["bad.org"] * 40)
    outbox.script(lambda message: SILENT if len(outbox.relay.tried) == 1 else None)
    assert outbox.deliver().results == {Status.DEFERRED: 1}
    assert outbox.statuses() == {"deferred": 40}
    assert outbox.deliver().results == {}
    outbox.clock.advance(seconds=90)
    assert outbox.deliver().results == {Status.SENT: 40}
    assert recipients(outbox.relay.accepted) == sorted(who)


def test_one_domain_alone_goes_as_fast_as_it_can(outbox: Outbox) -> None:
    """Where all readers are at one domain, nobody is left behind by its small share at first."""
    outbox.policy = replace(outbox.policy, connections=8, batch=128)
    who = plan_to(outbox, *["good.org"] * 300)
    assert outbox.deliver().results == {Status.SENT: 300}
    assert recipients(outbox.relay.accepted) == sorted(who)


def test_a_slow_rate_leaves_the_rest_planned(outbox: Outbox) -> None:
    """One an hour: one goes, the run ends, and so it does at once the next time, as long as the process lives."""
    throttle = Throttle(Limits(rate=Rate(1, 3600.0)), connections=2)
    plan_to(outbox, *["good.org"] * 3)
    assert outbox.deliver(gate=Gate(throttle, outbox.relay)).results == {Status.SENT: 1}
    assert outbox.statuses() == {"sent": 1, "planned": 2}
    assert outbox.deliver(gate=Gate(throttle, outbox.relay)).results == {}
    assert outbox.open_claims() == 0


def test_a_fast_rate_is_waited_for(outbox: Outbox) -> None:
    """A hundred a second: the run goes on until all are sent, one after the other."""
    plan_to(outbox, *["good.org"] * 20)
    gate = Gate(Throttle(Limits(rate=Rate(100, 1.0)), connections=2), outbox.relay)
    assert outbox.deliver(gate=gate).results == {Status.SENT: 20}


class Waiting(MemoryRelay):
    """Answers nobody at one domain before somebody else was mailed."""

    def __init__(self) -> None:
        super().__init__()
        self.hangs, self.mailed = threading.Event(), threading.Event()

    def answer(self, message: Message) -> Reply:
        if message.recipient.endswith("@black.hole"):
            self.hangs.set()
            assert self.mailed.wait(20), "what fell due meanwhile waits for it"
        else:
            self.mailed.set()
        return super().answer(message)


def test_what_falls_due_while_one_hangs(outbox: Outbox) -> None:
    """One message that has no answer for minutes holds up nobody whose hour comes meanwhile."""
    relay = Waiting()
    plan_to(outbox, "black.hole")
    with ThreadPoolExecutor(1) as threads:
        run = threads.submit(outbox.deliver, relay=relay)
        assert relay.hangs.wait(20)
        plan_to(outbox, "good.org")
        assert run.result(40).results == {Status.SENT: 2}


class Full(Gate):
    """A gate that turns the second claim away, as a domain does of which enough wait, until a message is over."""

    claims = 0
    full = False

    def claim(self, conn: Connection, **how: Any) -> list[Delivery]:
        self.claims += 1
        self.full = self.claims == 2
        return [] if self.full else super().claim(conn, **how)

    @property
    def turns_away(self) -> bool:
        return self.full

    def end(self, delivery: Delivery, reply: Reply) -> None:
        self.full = False
        super().end(delivery, reply)


def test_what_was_turned_away_is_claimed_later(outbox: Outbox) -> None:
    """A claim that was turned away is made again, though nothing would be turned away any more: the run goes on."""
    outbox.policy = replace(outbox.policy, batch=2, connections=2)
    who = outbox.plan(12)
    gate = Full(Throttle(Limits(), connections=2), outbox.relay)
    assert outbox.deliver(gate=gate).results == {Status.SENT: 12}
    assert gate.claims > 2
    assert recipients(outbox.relay.accepted) == addresses(who)


def test_a_stop_is_heeded_while_a_rate_is_waited_for(outbox: Outbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """Half a minute is waited for in short looks: who is told to stop meanwhile ends."""
    stop, waits, wait = threading.Event(), list[float](), Desk.wait

    def stopped(desk: Desk, enough: int, most_s: float = math.inf) -> list[Sender]:
        if 0 < most_s < math.inf:
            waits.append(most_s)
            stop.set()
            return []
        return wait(desk, enough, most_s)

    monkeypatch.setattr(Desk, "wait", stopped)
    plan_to(outbox, *["good.org"] * 2)
    gate = Gate(Throttle(Limits(rate=Rate(2, 60.0)), connections=2), outbox.relay)
    assert outbox.deliver(gate=gate, stop=stop).results == {Status.SENT: 1}
    assert waits == [1.0]
    assert outbox.statuses() == {"sent": 1, "planned": 1}


def test_a_warm_up_day_by_day(outbox: Outbox) -> None:
    """Three, then six, then all that is left; what has to wait stays planned, and the ledger balances."""
    with outbox.database.write() as conn:
        who = [add_subscriber(conn) for _ in range(30)]
        plan_for(conn, *who, expires_at=NOW + 9 * DAY)
    sent = []
    for _ in range(3):
        for _again in range(2):
            gate = Gate(
                Throttle(Limits(), connections=2), outbox.relay, warm_up=WarmUp(first=3, growth=2.0, until=10)
            )
            sent.append(outbox.deliver(gate=gate).results.get(Status.SENT, 0))
        outbox.clock.advance(days=1)
    assert sent == [3, 0, 6, 0, 21, 0]
    assert recipients(outbox.relay.accepted) == addresses(who)
    assert outbox.balances()


def test_a_claim_that_is_all_refused_is_no_end(outbox: Outbox) -> None:
    """A message that is not built makes room for the next of its domain."""
    outbox.policy = replace(outbox.policy, connections=2, batch=4)
    who = plan_to(outbox, *["good.org"] * 20)
    outbox.broken = set(who[:8])
    assert outbox.deliver().results == {Status.SENT: 12, Status.DEFERRED: 8}


# -- several relays -----------------------------------------------------------------------------------


def pool(*servers: SmtpServer, weights: tuple[int, ...]) -> RelayPool:
    return RelayPool(
        [
            Member(name=str(number), relay=SmtpRelay(parse_url(server.url)), weight=weight, connections=4)
            for number, (server, weight) in enumerate(zip(servers, weights, strict=True))
        ]
    )


def test_weights_over_a_run(outbox: Outbox) -> None:
    """400 digests over 3:1: what each relay is given is its share, and no relay is left connections of another."""
    outbox.policy = replace(outbox.policy, connections=5)
    who = plan_to(outbox, *["good.org"] * 400)
    with SmtpServer() as one, SmtpServer() as other:
        assert outbox.deliver(relay=pool(one, other, weights=(3, 1))).results == {Status.SENT: 400}
        counts = len(one.accepted), len(other.accepted)
        assert sorted(taken.recipient for server in (one, other) for taken in server.accepted) == sorted(who)
    # Who is busy when its turn comes leaves it to the other: a few of 400.
    assert sum(counts) == 400
    assert 270 <= counts[0] <= 330


@pytest.mark.parametrize("after", [0, 25])
def test_a_relay_that_dies_costs_no_message(outbox: Outbox, after: int) -> None:
    """One is dead from the start, or is gone in mid-run: every digest is taken, and settled, by the other."""
    outbox.policy = replace(outbox.policy, connections=5)
    who = plan_to(outbox, *["good.org"] * 120)
    with SmtpServer() as good:
        # The usual answers as often as that takes: four connections, and so many messages.
        mail: list[Answer | None] = [*[None] * after, *[CLOSE] * 999]
        connect: list[Answer | None] = [*[None] * (4 if after else 0), *[CLOSE] * 999]
        dying = SmtpServer(answers={"mail": mail, "connect": connect})
        try:
            report = outbox.deliver(relay=pool(dying, good, weights=(3, 1)))
        finally:
            dying.stop()
        taken = Counter(one.recipient for server in (dying, good) for one in server.accepted)
    assert report.results == {Status.SENT: 120}
    assert report.paused is None
    assert taken == dict.fromkeys(who, 1)
    assert len(dying.accepted) == after


def test_all_relays_in_trouble_pause_the_run(outbox: Outbox) -> None:
    """Then the site's refusal counts as with one relay: nothing is lost, no try counted, the operator is asked."""
    plan_to(outbox, *["good.org"] * 5)
    down = {"auth": "535 5.7.8 wrong"}
    relays = []
    with (
        SmtpServer(answers=down, auth=("me", "x")) as one,
        SmtpServer(answers=down, auth=("me", "x")) as other,
    ):
        for server in (one, other):
            relay = SmtpRelay(parse_url(f"smtp://me@127.0.0.1:{server.port}"), password="x")
            relays.append(Member(name=str(server.port), relay=relay))
        report = outbox.deliver(relay=RelayPool(relays))
    assert report.paused == "auth 535 5.7.8 wrong"
    assert {(row.status, row.attempts) for row in outbox.rows().values()} <= {("deferred", 0), ("planned", 0)}
    assert outbox.balances()


def test_the_room_of_a_pool_is_kept_to(outbox: Outbox) -> None:
    """A relay that may have one an hour is given one; the run ends and leaves the rest planned."""
    plan_to(outbox, *["good.org"] * 4)
    with SmtpServer() as server:
        relay = SmtpRelay(parse_url(server.url))
        slow = RelayPool([Member(name="slow", relay=relay, rate=Rate(1, 3600.0))])
        assert outbox.deliver(relay=slow).results == {Status.SENT: 1}
        assert outbox.deliver(relay=slow).results == {}
    assert outbox.statuses() == {"sent": 1, "planned": 3}
