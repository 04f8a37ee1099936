"""Alarms on their way to the operator: the promises of the outbox hold for them as for all else."""

from __future__ import annotations

import datetime as dt
import re
from pathlib import Path

import pytest
import sqlalchemy as sa

from digest.deliver.alarm import Alarm, AlarmName
from digest.deliver.delivery import OPERATOR, Kind, Status
from digest.deliver.reply import Reply, Step
from digest.pipeline import alarms
from digest.relay.memory import MemoryRelay, in_turn
from digest.store import deliveries, ledger, subscribers
from digest.store.database import Database
from digest.store.schema import deliveries as deliveries_table
from digest.wiring import App
from tests.factories import DAY, HOUR, NOW, TODAY, Clock, add_subscriber, make_app
from tests.wire import assert_wire

ADDRESS = "ops@example.org"
SPIKE = Alarm(name=AlarmName.SIGNUP_SPIKE, text="300 addresses were signed up in the last hour.")
FIELDS = Alarm(name=AlarmName.SOURCE_FIELDS, about="api", text="No votes any more.")
LATER = Reply(step=Step.DOT, code=451, text="4.3.0 try again later")


class Post:
    """A program that mails alarms, and how they fare."""

    def __init__(self, database: Database, folder: Path) -> None:
        self.database = database
        self.clock = Clock()
        self.relay = MemoryRelay()
        self.app: App = make_app(database, folder, clock=self.clock, admin=ADDRESS)
        self.relay_answers()

    def relay_answers(self, *replies: Reply | None) -> None:
        self.relay = MemoryRelay(in_turn(list(replies)))
        vars(self.app)["relay"] = self.relay

    def settle(self, *wanted: Alarm, day: dt.date = TODAY) -> list[Alarm]:
        return alarms.settle(
            self.database,
            wanted,
            over=lambda _alarm: True,
            day=day,
            now=self.clock(),
            operator=self.app.operator,
        )

    def rows(self) -> list[sa.Row[tuple[object, ...]]]:
        with self.database.read() as conn:
            return list(conn.execute(sa.select(deliveries_table).order_by(deliveries_table.c.id)))

    def statuses(self) -> dict[str, int]:
        with self.database.read() as conn:
            found = ledger.balance(conn)
        assert found.difference == 0
        return {str(status): number for status, number in found.statuses.items() if number}


@pytest.fixture
def post(database: Database, tmp_path: Path) -> Post:
    return Post(database, tmp_path)


def test_the_mail(post: Post) -> None:
    """Alarms of one moment are one mail to the operator's address, under no subscriber, with what it says frozen."""
    assert post.settle(SPIKE, FIELDS) == [SPIKE, FIELDS]
    (row,) = post.rows()
    assert (row.subscriber_id, row.kind, row.recipient, row.local_date) == (None, "alarm", ADDRESS, TODAY)
    assert post.statuses() == {"planned": 1}
    post.app.deliver()
    assert post.statuses() == {"sent": 1}
    (message,) = post.relay.accepted
    assert message.recipient == ADDRESS
    wire = assert_wire(message.data, bulk=False)
    assert wire.headers["subject"] == "digest: A source leaves out what it used to give, and 1 more alarm"
    assert wire.headers["message-id"] == row.message_id
    assert "300 addresses" in wire.text
    assert "No votes any more." in wire.text


def test_once_a_day(post: Post) -> None:
    """What stands is neither told nor mailed again on its day, whoever looks; a new one beside it is mailed alone."""
    post.settle(SPIKE)
    assert post.settle(SPIKE) == []
    assert post.settle(SPIKE, FIELDS) == [FIELDS]
    assert post.settle() == []
    assert post.settle(SPIKE) == []  # it came back
    assert len(post.rows()) == 2
    assert post.settle(SPIKE, day=TODAY + DAY) == [SPIKE]
    assert len({row.message_id for row in post.rows()}) == 3


def test_what_changes_nothing_writes_nothing(post: Post) -> None:
    """While what is wrong stays the same nothing is written: the scheduler asks each minute."""
    post.settle(SPIKE)
    run: list[str] = []
    sa.event.listen(post.database.engine, "before_cursor_execute", lambda *given: run.append(str(given[2])))
    post.settle(SPIKE)
    assert run
    assert {statement.split()[0] for statement in run} <= {"SELECT", "BEGIN"}
    assert "BEGIN IMMEDIATE" not in run


def test_nobody_is_mailed_without_an_address(database: Database, tmp_path: Path) -> None:
    """Where `admin` is not set alarms stand in the store, and the outbox stays empty."""
    app = make_app(database, tmp_path)
    assert app.operator is None
    app.settle_alarm(AlarmName.SIGNUP_SPIKE, SPIKE.text)
    with database.read() as conn:
        assert conn.scalar(sa.select(sa.func.count()).select_from(deliveries_table)) == 0
        assert conn.exec_driver_sql("SELECT name FROM alarms").scalars().all() == ["signup-spike"]


def test_a_retry_carries_the_same_bytes(post: Post) -> None:
    """An alarm that the relay put off comes again with the bytes of its first try."""
    post.relay_answers(LATER)
    post.settle(FIELDS)
    post.app.deliver()
    assert post.statuses() == {"deferred": 1}
    post.clock.now = NOW + HOUR
    post.app.deliver()
    assert post.statuses() == {"sent": 1}
    first, second = (message.data for message in post.relay.tried)
    assert first == second
    assert len(re.findall(rb"^Message-ID: ", second, re.MULTILINE)) == 1


@pytest.mark.parametrize(("park", "status"), [(True, Status.AMBIGUOUS), (False, Status.DEFERRED)])
def test_a_sender_that_dies(post: Post, park: bool, status: Status) -> None:
    """An alarm that a dead sender had begun is parked or sent again, as any mail; one it had not goes back."""
    post.settle(SPIKE)
    post.settle(SPIKE, FIELDS)
    with post.database.write() as conn:
        one, other = deliveries.claim(conn, claimant="a", now=NOW, lease_until=NOW + HOUR, limit=9)
        assert (one.subscriber_id, one.kind) == (OPERATOR, Kind.ALARM)
        assert deliveries.begin(conn, {one.id: "hash"}, claimant="a", now=NOW) == {one.id}
    with post.database.write() as conn:
        assert deliveries.lapse(conn, now=NOW, dead=["a"], park=park) == 1
    assert {row.id: row.status for row in post.rows()} == {one.id: status, other.id: Status.PLANNED}
    post.statuses()


def test_too_late_is_counted(post: Post) -> None:
    """An alarm that nobody took for two days expires, and the ledger balances."""
    post.settle(FIELDS)
    post.clock.now = NOW + alarms.PATIENCE
    post.app.deliver()
    assert post.statuses() == {"expired": 1}
    assert post.relay.tried == []


def test_it_is_nobody_elses(post: Post) -> None:
    """A run for some readers leaves alarms alone, and a reader who leaves takes none of them along."""
    with post.database.write() as conn:
        reader = add_subscriber(conn, ADDRESS)
    post.settle(SPIKE)
    post.app.deliver(only=[reader.id])
    assert post.statuses() == {"planned": 1}
    with post.database.write() as conn:
        assert deliveries.withdraw(conn, [reader.id], now=NOW, reason="left") == 0
        deliveries.blank(conn, [reader.id])
        assert subscribers.get(conn, OPERATOR) is None
        assert ledger.history(conn, reader.id) == []
    post.app.deliver()
    assert post.statuses() == {"sent": 1}


def test_settled_means_settled(post: Post) -> None:
    """A refusal for good fails the alarm, and nothing is tried again."""
    post.relay_answers(Reply(step=Step.RCPT, code=550, text="5.1.1 no such user"))
    post.settle(SPIKE)
    post.app.deliver()
    assert post.statuses() == {"failed": 1}
    post.clock.now = NOW + HOUR
    post.app.deliver()
    assert len(post.relay.tried) == 1
