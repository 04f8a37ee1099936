"""Runs over a real server in which the envelope of the next message goes behind the content of the one before."""

from __future__ import annotations

import threading
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa

from digest.deliver.delivery import Status
from digest.relay.smtp import SmtpRelay
from digest.relay.url import parse_url
from digest.store.database import Database
from digest.store.schema import deliveries, subscribers
from digest.subscribers.subscriber import State, Subscriber
from tests.factories import Clock, add_subscriber, plan_for
from tests.pipeline.outbox import Outbox, addresses
from tests.smtp_server import Accepted, Answer, Hold, SmtpServer

pytestmark = pytest.mark.timeout(60)

CONNECTIONS = 4


@pytest.fixture
def outbox(database: Database, tmp_path: Path, clock: Clock) -> Outbox:
    made = Outbox(database, tmp_path, clock=clock)
    made.policy = replace(made.policy, connections=CONNECTIONS)
    return made


def plan_to(outbox: Outbox, *domains: str) -> list[Subscriber]:
    with outbox.database.write() as conn:
        who = [add_subscriber(conn, f"reader{number}@{domain}") for number, domain in enumerate(domains)]
        plan_for(conn, *who)
    return who


def relay_to(server: SmtpServer) -> SmtpRelay:
    return SmtpRelay(parse_url(server.url))


class Watching(SmtpServer):
    """Looks into the ledger whenever it takes a message.

    Attributes:
        begun: How many were begun each time.
    """

    def __init__(self, database: Database) -> None:
        super().__init__()
        self.database = database
        self.begun: list[int] = []

    def take(self, message: Accepted) -> None:
        with self.database.read() as conn:
            begun = conn.scalar(sa.select(sa.func.count()).where(deliveries.c.begun_at.is_not(None)))
        self.begun.append(begun or 0)
        super().take(message)


def test_no_more_is_begun_than_there_are_connections(outbox: Outbox) -> None:
    """Whenever a message is taken: what is ahead is not begun, so that a kill repeats no more than before."""
    who = plan_to(outbox, *["example.org"] * 120)
    with Watching(outbox.database) as server:
        assert outbox.deliver(relay=relay_to(server)).results == {Status.SENT: 120}
        first = [line for number, line in server.lines if number == 1]
    assert max(server.begun) <= CONNECTIONS
    assert sorted(taken.recipient for taken in server.accepted) == addresses(who)
    assert first.count(b"DATA") == sum(taken.connection == 1 for taken in server.accepted)
    assert outbox.open_claims() == 0
    assert outbox.balances()


def test_who_leaves_before_the_content_gets_none(outbox: Outbox) -> None:
    """An envelope that has left is no mail: readers who leave meanwhile are not written to, and the others all are."""
    who = plan_to(outbox, *["example.org"] * 60)
    left = {one.address for one in who[36:]}
    begun: set[str] = set()  # of those who left, when that was durable

    class Leaving(SmtpServer):
        def take(self, message: Accepted) -> None:
            super().take(message)
            if len(self.accepted) != 30:
                return
            with outbox.database.write() as conn:
                conn.execute(
                    sa.update(subscribers).where(subscribers.c.address.in_(left)).values(state=State.LEFT)
                )
            time.sleep(0.05)  # a statement that is older than that commit may still begin some
            rows = outbox.rows().items()
            begun.update(address for address, row in rows if row.begun_at or row.status == Status.SENT)

    with Leaving() as server:
        outbox.deliver(relay=relay_to(server))
    taken = {each.recipient for each in server.accepted}
    assert len(taken) == len(server.accepted)
    assert taken >= set(addresses(who)) - left
    assert taken & left <= begun
    assert not left <= taken


@pytest.mark.parametrize("domain", ["example.org", "slow.example.org"])
def test_nobody_waits_behind_one_that_hangs(outbox: Outbox, domain: str) -> None:
    """Of a message that hangs after its dot the next is taken away and goes over another connection."""
    domains = ["example.org"] * 60
    domains[25] = domain
    who = plan_to(outbox, *domains)
    others_taken = threading.Event()

    class Hanging(SmtpServer):
        def take(self, message: Accepted) -> None:
            super().take(message)
            if len(self.accepted) == 59:
                others_taken.set()

    def say(recipient: str) -> Answer | None:
        return Hold(others_taken) if recipient == who[25].address else None

    with Hanging(answers={"dot": say}) as server:
        assert outbox.deliver(relay=relay_to(server)).results == {Status.SENT: 60}
    assert server.accepted[-1].recipient == who[25].address
    assert Counter(taken.recipient for taken in server.accepted) == Counter(addresses(who))


def test_a_relay_that_takes_no_envelope_ahead(outbox: Outbox) -> None:
    """Each connection finds out at most once, and all get theirs."""
    who = plan_to(outbox, *["example.org"] * 60)

    class Deaf(SmtpServer):
        """Says 503 to the third MAIL of a connection."""

        def __init__(self) -> None:
            self.mails: Counter[int] = Counter()
            super().__init__(answers={"mail": self.say})

        def say(self, _argument: str) -> Answer | None:
            number = self.lines[-1][0]
            self.mails[number] += 1
            return "503 5.5.0 improper use of pipelining" if self.mails[number] == 3 else None

    with Deaf() as server:
        relay = relay_to(server)
        assert outbox.deliver(relay=relay).results[Status.SENT] >= CONNECTIONS
        assert not relay.hears_ahead
    assert len({taken.recipient for taken in server.accepted}) == len(server.accepted)
    assert {taken.recipient for taken in server.accepted} <= set(addresses(who))
