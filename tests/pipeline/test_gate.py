"""The gate: what may be claimed and begun now, and what is written beside the results."""

from __future__ import annotations

import datetime as dt
import math
from collections import deque

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from digest.compose.message import Message
from digest.deliver.delivery import Delivery, Kind, Status
from digest.deliver.pace import Rate
from digest.deliver.reply import Reply, Silence, Step
from digest.deliver.throttle import Limits, Throttle
from digest.deliver.warm_up import WarmUp
from digest.pipeline.gate import Gate
from digest.pipeline.senders import Built
from digest.relay.memory import MemoryRelay
from digest.store import deliveries, warm_ups
from digest.store.database import Database
from digest.store.deliveries import Result
from digest.store.schema import deliveries as ledger
from tests.factories import DAY, HOUR, NOW, TODAY, add_subscriber, plan_for, planned

TAKEN = Reply(step=Step.DOT, code=250, text="2.0.0 ok")
SILENT = Reply(step=Step.RCPT, code=None, text="", silence=Silence.TIMEOUT)


class Seconds:
    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def seconds() -> Seconds:
    return Seconds()


class Narrow(MemoryRelay):
    """A relay with limits of its own."""

    def __init__(self, room: int, wait_s: float) -> None:
        super().__init__()
        self.left, self.soon_s = room, wait_s

    def room(self) -> int:
        return self.left

    def wait_s(self) -> float:
        return self.soon_s


def plan(conn: Connection, *domains: str) -> list[str]:
    """Plan a digest to a reader of each of these domains; returns their addresses."""
    who = [add_subscriber(conn, f"reader{number}@{domain}") for number, domain in enumerate(domains)]
    plan_for(conn, *who)
    return [one.address for one in who]


def claim(gate: Gate, conn: Connection, limit: int = 99, now: dt.datetime = NOW) -> list[Delivery]:
    claimed = gate.claim(conn, claimant="x", now=now, lease_until=now + HOUR, limit=limit, only=None)
    deliveries.unclaim(conn, gate.excess, claimant="x")
    return claimed


def built(found: list[Delivery]) -> deque[Built]:
    message = Message(sender="", recipient="", data=b"")
    return deque(Built(each, message, "hash") for each in found)


def statuses(conn: Connection) -> dict[str, str]:
    return {row.recipient: row.status for row in conn.execute(sa.select(ledger))}


def test_one_domain_takes_a_share_and_others_pass(database: Database, seconds: Seconds) -> None:
    """Of what is ready the first to a new domain goes; what stands behind it is held, and goes first later."""
    gate = Gate(Throttle(Limits(), connections=8), MemoryRelay(), clock=seconds)
    with database.write() as conn:
        a1, a2, b1, a3 = plan(conn, "a.org", "a.org", "b.org", "a.org")
        ready = built(claim(gate, conn))
    chosen = gate.choose(ready, 8)
    assert [one.delivery.recipient for one in chosen] == [a1, b1]
    assert (list(ready), gate.holds, gate.wait_s(ready)) == ([], 2, math.inf)
    gate.end(chosen[0].delivery, TAKEN)
    assert [one.delivery.recipient for one in gate.choose(ready, 1)] == [a2]
    assert [one.delivery.recipient for one in gate.choose(ready, 1)] == [a3]
    assert not gate.holds


def test_one_that_is_not_handed_over_makes_room(database: Database, seconds: Seconds) -> None:
    """A message that was chosen and then dropped is on its way no more; one that is not built waits no more."""
    throttle = Throttle(Limits(), connections=8)
    gate = Gate(throttle, MemoryRelay(), clock=seconds)
    with database.write() as conn:
        plan(conn, *["a.org"] * 3)
        first, second, third = claim(gate, conn)
    gate.give_up(third)
    ready = built([first, second])
    (one,) = gate.choose(ready, 8)
    assert gate.choose(ready, 8) == []
    gate.drop(one)
    assert [each.delivery for each in gate.choose(ready, 8)] == [second]


def test_one_that_did_not_start_in_time_goes_first(database: Database, seconds: Seconds) -> None:
    """It is chosen before all that waits, and knows how often it was late."""
    gate = Gate(Throttle(Limits(), connections=1), MemoryRelay(), clock=seconds)
    with database.write() as conn:
        plan(conn, *["a.org"] * 3)
        ready = built(claim(gate, conn))
    (one,) = gate.choose(ready, 1)
    assert gate.choose(ready, 1) == []
    gate.begin_anew(one)
    assert gate.holds == 3
    (again,) = gate.choose(ready, 1)
    assert (again.delivery, again.late) == (one.delivery, 1)


def test_room_of_the_relay(database: Database, seconds: Seconds) -> None:
    """No more is begun than the relay has room for, and its time is waited for."""
    relay = Narrow(1, 7.0)
    gate = Gate(Throttle(Limits(), connections=8), relay, clock=seconds)
    with database.write() as conn:
        plan(conn, "a.org", "b.org")
        ready = built(claim(gate, conn))
    assert len(gate.choose(ready, 8)) == 1
    relay.left = 0
    assert gate.choose(ready, 8) == []
    assert (len(ready), gate.wait_s(ready)) == (1, 7.0)


def test_no_more_is_claimed_than_may_go_soon(database: Database, seconds: Seconds) -> None:
    """Under a rate, a minute's worth; of a domain that cannot go, 32, and then others are claimed past it."""
    slow = Gate(Throttle(Limits(rate=Rate(2, 60.0)), connections=8), MemoryRelay(), clock=seconds)
    with database.write() as conn:
        plan(conn, *["a.org"] * 5)
        assert len(claim(slow, conn)) == 2
        deliveries.release(conn, "x")
    gate = Gate(Throttle(Limits(), connections=8), MemoryRelay(), clock=seconds)
    with database.write() as conn:
        conn.execute(sa.delete(ledger))
        a = [add_subscriber(conn, f"more{number}@a.org") for number in range(60)]
        b = [add_subscriber(conn, f"more{number}@b.org") for number in range(3)]
        plan_for(conn, *a, *b)
        ready = built(claim(gate, conn, limit=1))
        assert len(gate.choose(ready, 1)) == 1
        assert len(claim(gate, conn, limit=40)) == 32
        assert gate.turns_away
        # The eight beyond them were given back, and are passed over.
        assert [each.recipient for each in claim(gate, conn)] == [one.address for one in b]
        assert sum(status == "planned" for status in statuses(conn).values()) == 27


def test_a_domain_without_an_answer_is_put_aside(database: Database, seconds: Seconds) -> None:
    """Once one is given up, what waits for its domain goes back to the ledger until the first retry; others go on."""
    gate = Gate(Throttle(Limits(aside_s=60.0), connections=8), MemoryRelay(), clock=seconds)
    with database.write() as conn:
        hung, held, other, late = plan(conn, "a.org", "a.org", "b.org", "a.org")
        ready = built(claim(gate, conn, limit=3))
        first, _ = gate.choose(ready, 8)
        deliveries.begin(conn, {first.delivery.id: "hash"}, claimant="x", now=NOW)
        gate.end(first.delivery, SILENT)
        assert (gate.choose(ready, 8), gate.holds, gate.has_to_write) == ([], 0, True)
        gate.write(conn, [], claimant="x", now=NOW)
        assert (gate.has_to_write, gate.choose(ready, 8)) == (False, [])
        assert statuses(conn) == {hung: "claimed", held: "deferred", other: "claimed", late: "deferred"}
        due = conn.execute(
            sa.select(ledger.c.due_at, ledger.c.attempts).where(ledger.c.recipient == late)
        ).one()
        assert tuple(due) == (NOW + dt.timedelta(seconds=60), 0)


# -- what follows over a connection -------------------------------------------------------------------


def test_one_of_the_same_domain_takes_over_the_place(database: Database, seconds: Seconds) -> None:
    """It needs none of its own, but not before that is left; it may be taken back, and is then the first that waits."""
    gate = Gate(Throttle(Limits(), connections=8), MemoryRelay(), clock=seconds)
    with database.write() as conn:
        plan(conn, *["a.org"] * 4)
        ready = built(claim(gate, conn))
    (first,) = gate.choose(ready, 1)
    (second,) = gate.follow(ready, [first])
    assert second is not None
    assert not gate.promote(second, first)
    assert gate.holds == 1
    assert gate.follow(ready, [first]) == [second]
    gate.end(first.delivery, TAKEN)
    assert gate.promote(second, first)
    (third,) = gate.follow(ready, [second])
    assert third is not None
    gate.take_back(third, second)
    assert gate.choose(ready, 8) == [third]


def test_one_of_another_domain_is_promised_a_place(database: Database, seconds: Seconds) -> None:
    """Nobody else gets it until it goes, or is taken back."""
    gate = Gate(Throttle(Limits(), connections=8), MemoryRelay(), clock=seconds)
    with database.write() as conn:
        plan(conn, "a.org", "b.org", "b.org", "b.org")
        ready = built(claim(gate, conn))
    (first,) = gate.choose(ready, 1)
    (second,) = gate.follow(ready, [first])
    assert second is not None
    assert second.delivery.recipient.endswith("@b.org")
    assert gate.choose(ready, 8) == []
    gate.take_back(second, first)
    assert gate.choose(ready, 8) == [second]
    gate.end(second.delivery, TAKEN)
    gate.end(first.delivery, TAKEN)
    third, fourth = gate.choose(ready, 8)
    assert {third.delivery.recipient, fourth.delivery.recipient} == {"reader2@b.org", "reader3@b.org"}


def test_each_behind_its_own_domain(database: Database, seconds: Seconds) -> None:
    """Whoever can take over a place does, and no domain gets more places than it has."""
    gate = Gate(Throttle(Limits(), connections=8), MemoryRelay(), clock=seconds)
    with database.write() as conn:
        plan(conn, "a.org", "b.org", "b.org", "a.org", "a.org", "b.org", "c.org")
        ready = built(claim(gate, conn))
    a, b = gate.choose(ready, 2)
    assert [each and each.delivery.recipient for each in gate.follow(ready, [a, b])] == [
        "reader3@a.org",
        "reader2@b.org",
    ]
    assert gate.follow(ready, []) == []


def test_where_each_message_is_decided_on_anew(database: Database, seconds: Seconds) -> None:
    """Under a rate, over several relays and to a domain that is left alone nothing follows."""
    with database.write() as conn:
        plan(conn, *["a.org"] * 3)
    for limits, relay in (
        (Limits(rate=Rate(9, 1.0)), MemoryRelay()),
        (Limits(domain_rate=Rate(9, 1.0)), MemoryRelay()),
        (Limits(), Narrow(9, 0.0)),
    ):
        gate = Gate(Throttle(limits, connections=8), relay, clock=seconds)
        with database.write() as conn:
            ready = built(claim(gate, conn))
            deliveries.release(conn, "x")
        (first,) = gate.choose(ready, 1)
        assert gate.follow(ready, [first]) == [None]
    gate = Gate(Throttle(Limits(), connections=16), MemoryRelay(), clock=seconds)
    with database.write() as conn:
        ready = built(claim(gate, conn))
    first, other = gate.choose(ready, 2)
    gate.end(first.delivery, SILENT)
    assert gate.follow(ready, [other]) == [None]
    assert (gate.holds, list(ready)) == (0, [])


# -- a warm-up ----------------------------------------------------------------------------------------


def settled(count: int, status: Status = Status.SENT) -> list[Result]:
    return [Result(delivery_id=0, status=status, reply="") for _ in range(count)]


def test_a_warm_up_lets_so_many_be_claimed(database: Database, seconds: Seconds) -> None:
    """What was handed over today and what senders hold counts; other mail goes whatever the room; tomorrow has more."""
    warm_up = WarmUp(first=4, growth=2.0, until=100)
    gate = Gate(Throttle(Limits(), connections=99), MemoryRelay(), warm_up=warm_up, clock=seconds)
    with database.write() as conn:
        plan(conn, *["a.org"] * 20)
        gate.write(conn, settled(1) + settled(9, Status.FAILED), claimant="x", now=NOW)
        assert warm_ups.by_day(conn) == {TODAY: 1}
        assert len(claim(gate, conn)) == 3
        assert claim(gate, conn) == []
        deliveries.plan(conn, [planned(add_subscriber(conn, "new@a.org"), kind=Kind.CONFIRM)], now=NOW)
        assert [each.kind for each in claim(gate, conn)] == [Kind.CONFIRM]
        gate.write(conn, settled(3) + settled(1, Status.AMBIGUOUS), claimant="x", now=NOW)
        conn.execute(
            sa.update(ledger).where(ledger.c.status == "claimed").values(status="sent", claimant=None)
        )
        assert claim(gate, conn) == []
        midnight = dt.datetime(2026, 11, 20, 23, 59, tzinfo=dt.UTC)
        assert claim(gate, conn, now=midnight - DAY + DAY) == []
        assert len(claim(gate, conn, now=midnight + dt.timedelta(minutes=1))) == 8
        assert warm_ups.by_day(conn) == {TODAY: 5}


def test_a_warm_up_that_is_over(database: Database, seconds: Seconds) -> None:
    """It holds nothing back."""
    warm_up = WarmUp(first=4, growth=2.0, until=8)
    gate = Gate(Throttle(Limits(), connections=8), MemoryRelay(), warm_up=warm_up, clock=seconds)
    with database.write() as conn:
        warm_ups.add(conn, TODAY - DAY, 4)
        plan(conn, *["a.org"] * 20)
        assert len(claim(gate, conn)) == 20


def test_without_one_nothing_is_counted(database: Database, seconds: Seconds) -> None:
    """The usual installation writes nothing beside its results."""
    gate = Gate(Throttle(Limits(), connections=8), MemoryRelay(), clock=seconds)
    with database.write() as conn:
        gate.write(conn, settled(5), claimant="x", now=NOW)
        assert warm_ups.by_day(conn) == {}
