"""Runs over a real server that is slow to open its sessions: what was begun for one may no longer be wanted."""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path

import pytest

from digest.compose.message import Message
from digest.deliver.delivery import Kind, Status
from digest.deliver.pace import Rate
from digest.deliver.reply import Reply
from digest.deliver.throttle import Limits, Throttle
from digest.pipeline import senders
from digest.pipeline.gate import Gate
from digest.pipeline.ports import Relay
from digest.relay.place import Member
from digest.relay.pool import RelayPool
from digest.relay.smtp import SmtpConnection, SmtpRelay
from digest.relay.url import parse_url
from digest.signup import Signup
from digest.store import deliveries, subscribers
from digest.store.database import Database
from digest.subscribers.consent import Evidence
from digest.subscribers.subscriber import State
from tests.factories import NOW, STAMP, Clock
from tests.pipeline.outbox import Outbox, addresses
from tests.smtp_server import Answer, SmtpServer

pytestmark = pytest.mark.timeout(60)


@pytest.fixture
def outbox(database: Database, tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Outbox:
    """Where whatever had to be opened first was opened too late."""
    monkeypatch.setattr(senders, "_PROMPT_S", 0.0)
    return Outbox(database, tmp_path, clock=clock)


def relay_to(server: SmtpServer, **options: int) -> SmtpRelay:
    return SmtpRelay(parse_url(server.url), **options)  # type: ignore[arg-type] # the caller's business


@pytest.mark.parametrize("pooled", [False, True])
def test_all_get_theirs_over_what_was_opened(outbox: Outbox, *, pooled: bool) -> None:
    """Each message that was late goes over the session that was opened for it: no other is opened, and no try counted."""
    who = outbox.plan(30)
    with SmtpServer() as server:
        relay = relay_to(server, recycle_after=5)
        members = [Member(name="a", relay=relay, connections=2)]
        assert outbox.deliver(relay=RelayPool(members) if pooled else relay).results == {Status.SENT: 30}
        assert sorted(taken.recipient for taken in server.accepted) == addresses(who)
        assert 6 <= server.connections <= 7
        assert server.commands.count("MAIL") == 30
    assert {row.attempts for row in outbox.rows().values()} == {1}
    assert outbox.open_claims() == 0
    assert outbox.balances()


def test_who_leaves_while_a_session_is_opened(outbox: Outbox) -> None:
    """Whoever leaves after their message was begun, and before the relay is ready for it, is not written to."""
    outbox.policy = replace(outbox.policy, connections=1)
    who = outbox.plan(3)

    def greet(_argument: str) -> Answer | None:
        (begun,) = (address for address, row in outbox.rows().items() if row.begun_at)
        assert begun == who[0].address
        with outbox.database.write() as conn:
            # What was begun is past recall for whoever leaves: the ledger has to be asked again.
            assert deliveries.withdraw(conn, [who[0].id], now=NOW, reason="left") == 0
            subscribers.change(conn, who[0].id, state=State.LEFT)
        return None

    with SmtpServer(answers={"connect": greet}) as server:
        assert outbox.deliver(relay=relay_to(server)).results == {Status.SENT: 2}
        assert sorted(taken.recipient for taken in server.accepted) == addresses(who[1:])
        assert not any(who[0].address.encode() in line for _number, line in server.lines)
    row = outbox.row(who[0])
    assert (row.status, row.reason, row.attempts) == (Status.SUPPRESSED, "left", 0)
    assert outbox.balances()


@pytest.mark.parametrize("kind", [Kind.LOGIN, Kind.CONFIRM, Kind.DATA])
def test_other_mail_to_who_leaves_while_a_session_is_opened(outbox: Outbox, kind: Kind) -> None:
    """Whatever would have been withdrawn, had it not been begun, is not sent."""
    (one,) = outbox.plan(1, kind=kind)
    signup = Signup(database=outbox.database, stamp=STAMP)

    def greet(_argument: str) -> None:
        assert signup.leave(one, evidence=Evidence(method="web"), now=NOW, goodbye=False)

    with SmtpServer(answers={"connect": greet}) as server:
        assert outbox.deliver(relay=relay_to(server)).results == {}
        assert server.commands == ["EHLO", "QUIT"]
    assert outbox.row(one).status == Status.SUPPRESSED
    assert outbox.balances()


@pytest.mark.parametrize("readers", [1, 3])
def test_who_moves_while_a_session_is_opened(outbox: Outbox, readers: int) -> None:
    """Their digest goes to the new address, with links that open, and not to the old one."""
    outbox.policy = replace(outbox.policy, connections=1)
    who = outbox.plan(readers)
    moved = "moved@example.org"

    def greet(_argument: str) -> None:
        if moved in outbox.rows():
            return
        with outbox.database.write() as conn:
            subscribers.change(conn, who[0].id, address=moved, address_key=moved, epoch=1)
            deliveries.readdress(conn, who[0].id, recipient=moved, epoch=1, now=NOW)
        assert outbox.row(who[0]).epoch == 0, "what is begun is past recall"

    with SmtpServer(answers={"connect": greet}) as server:
        # As for who moves before their message is begun: it may be due again only when nothing else keeps this run going.
        sent = [outbox.deliver(relay=relay_to(server)).results.get(Status.SENT, 0) for _ in range(2)]
        assert sum(sent) == readers
        assert sorted(taken.recipient for taken in server.accepted) == sorted([moved, *addresses(who[1:])])
    assert outbox.rows()[moved].epoch == 1
    assert outbox.balances()


@pytest.mark.parametrize("limit", ["rate", "domain_rate", "its own"])
def test_a_slow_rate_before_a_slow_relay(outbox: Outbox, limit: str) -> None:
    """Where the next turn is further away than a run waits, the session that was opened in this one is used in it."""
    who = outbox.plan(1)
    slow = Rate(50, 3600.0)
    with SmtpServer() as server:
        relay: Relay = relay_to(server)
        if limit == "its own":
            relay = RelayPool([Member(name="a", relay=relay_to(server), connections=2, rate=slow)])
        limits = Limits() if limit == "its own" else replace(Limits(), **{limit: slow})  # type: ignore[arg-type] # by name
        gate = Gate(Throttle(limits, connections=2), relay)
        assert outbox.deliver(relay=relay, gate=gate).results == {Status.SENT: 1}
        assert ([taken.recipient for taken in server.accepted], server.connections) == (addresses(who), 1)


def test_a_stop_while_a_session_is_opened(outbox: Outbox) -> None:
    """What was begun, and did not start, goes back as it was planned, with no trace of the bytes that nobody saw."""
    outbox.policy = replace(outbox.policy, connections=1)
    who = outbox.plan(2)
    stop = threading.Event()

    def greet(_argument: str) -> None:
        stop.set()

    with SmtpServer(answers={"connect": greet}) as server:
        assert outbox.deliver(relay=relay_to(server), stop=stop).results == {}
        assert server.commands == ["EHLO", "QUIT"]
    assert outbox.statuses(who) == {"planned": 2}
    assert {row.body_hash for row in outbox.rows().values()} == {None}
    assert outbox.open_claims() == 0


def test_a_run_that_breaks_while_a_session_is_opened(outbox: Outbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """The message that comes back late to a broken run is given back as well; the one in doubt stays begun."""
    who = outbox.plan(2)
    broken = threading.Event()
    hand_over = SmtpConnection.hand_over

    def breaking(self: SmtpConnection, message: Message, **options: object) -> Reply:
        if message.recipient == who[0].address:
            broken.set()
            raise RuntimeError("broken")
        return hand_over(self, message, **options)  # type: ignore[arg-type] # passed on as given

    monkeypatch.setattr(SmtpConnection, "hand_over", breaking)

    def greet(_argument: str) -> None:
        assert broken.wait(20)

    with SmtpServer(answers={"connect": greet}) as server:
        with pytest.raises(RuntimeError, match="broken"):
            outbox.deliver(relay=relay_to(server))
        assert server.accepted == []
    assert outbox.row(who[0]).begun_at is not None
    assert (outbox.row(who[1]).status, outbox.row(who[1]).begun_at) == (Status.PLANNED, None)


def test_a_relay_that_ends_what_it_was_slow_to_open(outbox: Outbox) -> None:
    """It is given the message at last, late as it is, and what it says then is what became of it."""
    outbox.policy = replace(outbox.policy, connections=1)
    (one,) = outbox.plan(1)
    with SmtpServer(answers={"mail": "421 4.3.2 going down"}) as server:
        report = outbox.deliver(relay=relay_to(server))
        assert report.results == {Status.DEFERRED: 1}
        assert "421 4.3.2 going down" in (report.trouble or "")
        assert (
            server.connections == 2 * senders._LATE_MOST + 1 or server.connections == senders._LATE_MOST + 1
        )
    assert outbox.row(one).attempts == 0
