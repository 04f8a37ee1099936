"""Deliver: what is planned reaches the relay once, whatever the relay, the database or another sender does."""

from __future__ import annotations

import datetime as dt
import gc
import hashlib
import re
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from selectors import EVENT_WRITE
from socket import socketpair

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Connection as SqlConnection

from digest.compose.message import Message
from digest.deliver.delivery import Status
from digest.deliver.policy import RetryPolicy
from digest.deliver.reply import Reply, Silence, Step
from digest.deliver.throttle import Limits, Throttle
from digest.pipeline import clerk as module
from digest.pipeline import crew
from digest.pipeline.gate import Gate
from digest.relay.memory import ACCEPTED, MemoryConnection, MemoryRelay, in_turn
from digest.relay.smtp import SmtpRelay
from digest.relay.url import parse_url
from digest.signup import Signup
from digest.store import bounces, deliveries, subscribers
from digest.store.database import Database, DatabaseError
from digest.store.schema import deliveries as ledger
from digest.subscribers.consent import Evidence
from digest.subscribers.subscriber import State
from tests.factories import (
    DAY,
    HOUR,
    NOW,
    STAMP,
    Clock,
    add_subscriber,
    make_app,
    pick,
    plan_for,
    publish_edition,
)
from tests.pipeline.outbox import Outbox, addresses, message_id, recipients
from tests.smtp_server import SmtpServer

#: A run that waits for itself fails rather than hangs.
pytestmark = pytest.mark.timeout(60)

BUSY = Reply(step=Step.RCPT, code=451, text="4.7.1 greylisted")
NO_SUCH_USER = Reply(step=Step.RCPT, code=550, text="5.1.1 no such user")
WRONG_PASSWORD = Reply(step=Step.AUTH, code=535, text="5.7.8 wrong")
WRONG_SENDER = Reply(step=Step.MAIL, code=550, text="5.7.1 who are you")
CUT_OFF = Reply(step=Step.DOT, code=None, text="", silence=Silence.CLOSED)
NOBODY_THERE = Reply(step=Step.CONNECT, code=None, text="", silence=Silence.CLOSED)


@pytest.fixture
def outbox(database: Database, tmp_path: Path, clock: Clock) -> Outbox:
    return Outbox(database, tmp_path, clock=clock)


@pytest.fixture(params=["", "s1"], ids=["unsigned", "signed"])
def sealed(request: pytest.FixtureRequest, outbox: Outbox) -> Outbox:
    """An outbox whose mails are not signed, and one whose mails are."""
    outbox.signed_by = request.param
    return outbox


def to(address: str, reply: Reply) -> Callable[[Message], Reply | None]:
    """A script that gives one address this reply and takes what is for the others."""
    return lambda message: reply if message.recipient == address else None


def hashed(data: bytes) -> str:
    """The hash that the ledger keeps: of the head and the body's hash, which a signature takes as well."""
    head, end, body = data.partition(b"\r\n\r\n")
    return hashlib.sha256(head + end + hashlib.sha256(body).digest()).hexdigest()


# -- all that is planned, once -------------------------------------------------------------------------


def test_the_whole_way(database: Database, tmp_path: Path) -> None:
    """Real messages over real SMTP: each reader gets one, its bytes are the ledger's; a second run sends none."""
    publish_edition(database, "A Kite for All", "On Bread")
    with database.write() as conn:
        who = [add_subscriber(conn, due_at=NOW) for _ in range(30)]
    with SmtpServer() as server:
        app = make_app(database, tmp_path, relay=SmtpRelay(parse_url(server.url), recycle_after=7))
        assert app.plan().planned == 30
        report = app.deliver()
        again = app.deliver()
    assert (report.results, report.expired, report.paused) == ({Status.SENT: 30}, 0, None)
    assert (again.results, again.expired, again.paused) == ({}, 0, None)
    assert sorted(message.recipient for message in server.accepted) == addresses(who)
    with database.read() as conn:
        rows = {row.recipient: row for row in conn.execute(sa.select(ledger))}
    for message in server.accepted:
        row = rows[message.recipient]
        assert (row.status, row.message_id) == (Status.SENT, message.message_id)
        assert row.body_hash == hashed(message.data)
    assert list((tmp_path / "claims").iterdir()) == []


def test_more_than_one_batch(sealed: Outbox) -> None:
    """A run goes on until nothing is due, however small its batches and however few its readers."""
    sealed.policy = replace(sealed.policy, connections=3, batch=4)
    who = sealed.plan(41)
    assert sealed.deliver().results == {Status.SENT: 41}
    assert recipients(sealed.relay.accepted) == addresses(who)
    assert sealed.statuses() == {"sent": 41}
    assert sealed.balances()


def test_garbage_of_other_threads(outbox: Outbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ticks with little to do leave the collector alone; what a long run spares it is shown to it again."""
    frozen: list[int] = []
    freeze = gc.freeze

    def counted() -> None:
        frozen.append(1)
        freeze()

    monkeypatch.setattr(gc, "freeze", counted)
    outbox.policy = replace(outbox.policy, batch=4)
    outbox.plan(3)
    assert outbox.deliver().results == {Status.SENT: 3}
    assert frozen == []
    outbox.plan(9)
    assert outbox.deliver().results == {Status.SENT: 9}
    assert (frozen, gc.get_freeze_count()) == ([1], 0)


def test_nothing_is_due(outbox: Outbox) -> None:
    """A run without work opens no connection's first message and changes nothing."""
    outbox.plan(2, planned_at=NOW + HOUR)
    report = outbox.deliver()
    assert (report.results, report.expired, report.paused) == ({}, 0, None)
    assert outbox.statuses() == {"planned": 2}


class Witness(MemoryRelay):
    """A relay that looks into the ledger at each message."""

    def __init__(self, database: Database) -> None:
        super().__init__()
        self.database = database
        self.seen: list[tuple[str, str | None]] = []

    def connect(self) -> MemoryConnection:
        return WitnessConnection(self)


class WitnessConnection(MemoryConnection):
    """Notes whether this message is begun, and what stands in the ledger of the one before."""

    def __init__(self, relay: Witness) -> None:
        super().__init__(relay)
        self.witness = relay
        self.before: Message | None = None

    def hand_over(self, message: Message) -> Reply:
        begun = "begun" if self.look(message).begun_at else "not begun"
        self.witness.seen.append((begun, self.look(self.before).status if self.before else None))
        self.before = message
        return super().hand_over(message)

    def look(self, message: Message) -> sa.Row[tuple[object, ...]]:
        with self.witness.database.read() as conn:
            return conn.execute(sa.select(ledger).where(ledger.c.recipient == message.recipient)).one()


def test_durable_before_the_next(sealed: Outbox) -> None:
    """A message begins only when it is noted as begun, and the one before on its connection as sent."""
    sealed.policy = replace(sealed.policy, connections=4)
    sealed.plan(40)
    witness = Witness(sealed.database)
    sealed.deliver(relay=witness)
    assert len(witness.seen) == 40
    assert {begun for begun, _ in witness.seen} == {"begun"}
    assert {before for _, before in witness.seen} == {None, "sent"}


def test_limit_and_only(sealed: Outbox) -> None:
    """`limit` bounds what is claimed; `only` serves these readers and leaves the others as they are."""
    who = sealed.plan(9)
    assert sealed.deliver(limit=2).results == {Status.SENT: 2}
    rest = [one for one in who if sealed.row(one).status == Status.PLANNED]
    assert sealed.deliver(only=[rest[0].id, rest[3].id]).results == {Status.SENT: 2}
    assert sealed.row(rest[0]).status == sealed.row(rest[3]).status == Status.SENT
    assert sealed.statuses() == {"sent": 4, "planned": 5}
    assert sealed.deliver(limit=0).results == {}
    assert sealed.deliver(limit=99).results == {Status.SENT: 5}


# -- replies -------------------------------------------------------------------------------------------


def test_deferred_and_sent_later(outbox: Outbox) -> None:
    """4xx waits a minute at least, then doubles; the retry that is taken has the same Message-ID and bytes."""
    slow, quick = outbox.plan(2, expires_at=NOW + DAY)
    outbox.script(to(slow.address, BUSY))
    assert outbox.deliver().results == {Status.SENT: 1, Status.DEFERRED: 1}
    first = next(message for message in outbox.relay.tried if message.recipient == slow.address)
    row = outbox.row(slow)
    assert (row.status, row.attempts, row.reply) == ("deferred", 1, "rcpt 451 4.7.1 greylisted")
    assert dt.timedelta(seconds=60) <= outbox.when(slow) <= dt.timedelta(seconds=72)

    outbox.clock.now = row.due_at - dt.timedelta(seconds=1)
    assert outbox.deliver().results == {}
    outbox.clock.advance(seconds=1)
    assert outbox.deliver().results == {Status.DEFERRED: 1}
    assert dt.timedelta(seconds=120) <= outbox.when(slow) <= dt.timedelta(seconds=144)

    outbox.clock.advance(seconds=144)
    outbox.script(None)
    assert outbox.deliver().results == {Status.SENT: 1}
    assert outbox.relay.accepted == [first]
    assert message_id(first) == row.message_id
    assert outbox.row(slow).attempts == 3
    assert outbox.row(quick).attempts == 1


def test_a_refused_recipient(outbox: Outbox) -> None:
    """5xx at RCPT fails that one alone, is not tried again, and gives its span of editions back."""
    edition = publish_edition(outbox.database, "A Kite")
    who = outbox.plan(5, edition_id=edition, cursor_edition_id=None)
    with outbox.database.write() as conn:
        for one in who:
            subscribers.change(conn, one.id, cursor_edition_id=edition)
    outbox.script(to(who[2].address, NO_SUCH_USER))
    assert outbox.deliver().results == {Status.SENT: 4, Status.FAILED: 1}
    assert outbox.row(who[2]).reply == "rcpt 550 5.1.1 no such user"
    with outbox.database.read() as conn:
        cursors = {one.address: subscribers.standing(conn, one.id).cursor_edition_id for one in who}
    assert cursors == {one.address: edition for one in who} | {who[2].address: None}
    outbox.clock.advance(hours=2)
    assert outbox.deliver().results == {}
    assert outbox.balances()


@pytest.mark.parametrize("refusal", [WRONG_PASSWORD, WRONG_SENDER], ids=["auth", "mail"])
def test_the_site_is_refused(outbox: Outbox, refusal: Reply) -> None:
    """5xx at AUTH or MAIL pauses the run: nobody is failed or suppressed, and once mended all is sent."""
    who = outbox.plan(50)
    outbox.script(lambda message: refusal)
    report = outbox.deliver()
    assert report.paused is not None
    assert report.paused.startswith(f"{refusal.step} {refusal.code}")
    tried = len(outbox.relay.tried)
    assert 1 <= tried <= outbox.policy.connections
    assert outbox.statuses() == {"deferred": tried, "planned": 50 - tried}
    assert {row.attempts for row in outbox.rows().values()} == {0}
    with outbox.database.read() as conn:
        assert subscribers.counts(conn)[State.ACTIVE] == 50
    assert outbox.open_claims() == 0

    outbox.script(None)
    outbox.clock.advance(minutes=15)
    assert outbox.deliver().paused is None
    assert recipients(outbox.relay.accepted) == addresses(who)


def test_the_site_is_mended_by_a_setting(outbox: Outbox) -> None:
    """What a relay refused before it heard of the reader may be built anew, as a mended sender makes it."""
    outbox.plan(3)
    outbox.script(lambda message: WRONG_SENDER)
    outbox.deliver()
    outbox.script(None)
    outbox.text = "words from a sender who is welcome"
    outbox.clock.advance(minutes=15)
    assert outbox.deliver().results == {Status.SENT: 3}
    hashes = {hashed(message.data) for message in outbox.relay.accepted}
    assert {row.body_hash for row in outbox.rows().values()} == hashes


def test_nobody_is_there_for_a_few(outbox: Outbox) -> None:
    """Where fewer are due, a run of which the relay took nothing says so; not one in which it heard of a reader."""
    outbox.plan(3)
    outbox.script(lambda message: NOBODY_THERE)
    report = outbox.deliver()
    assert (report.paused, report.trouble) == (None, "connect closed")
    outbox.clock.advance(minutes=10)
    outbox.script(in_turn([NOBODY_THERE, NO_SUCH_USER, NOBODY_THERE]))
    assert outbox.deliver().trouble is None
    outbox.clock.advance(minutes=10)
    outbox.script(None)
    report = outbox.deliver()
    assert (report.results, report.trouble) == ({Status.SENT: 2}, None)


def test_nobody_is_there(outbox: Outbox) -> None:
    """A dead relay pauses the run after twenty tries in a row, rather than have each message tried once."""
    outbox.policy = replace(outbox.policy, connections=1)
    outbox.plan(30)
    outbox.script(lambda message: NOBODY_THERE)
    assert outbox.deliver().paused is not None
    assert outbox.statuses() == {"deferred": 20, "planned": 10}
    outbox.script(None)
    outbox.clock.advance(hours=1)
    assert outbox.deliver().results == {Status.SENT: 30}


def test_troubles_apart(outbox: Outbox) -> None:
    """Site troubles that others' mail comes between pause nothing."""
    outbox.policy = replace(outbox.policy, connections=1)
    outbox.plan(60)
    outbox.script(in_turn([NOBODY_THERE] * 19 + [None] + [NOBODY_THERE] * 19))
    report = outbox.deliver()
    assert (report.paused, report.results) == (None, {Status.DEFERRED: 38, Status.SENT: 22})


@pytest.mark.parametrize("policy", ["resend", "park"])
def test_cut_off_after_the_final_dot(outbox: Outbox, policy: str) -> None:
    """An answer that is lost after the final dot: sent again with the same bytes, or parked, as the operator set."""
    outbox.policy = replace(
        outbox.policy, retry=RetryPolicy(ambiguous="park" if policy == "park" else "resend")
    )
    (who,) = outbox.plan(1)
    outbox.script(in_turn([CUT_OFF]))
    outbox.deliver()
    outbox.clock.advance(minutes=2)
    outbox.deliver()
    if policy == "park":
        assert outbox.row(who).status == Status.AMBIGUOUS
        assert len(outbox.relay.tried) == 1
    else:
        assert outbox.row(who).status == Status.SENT
        first, second = outbox.relay.tried
        assert first == second


def test_expiry(outbox: Outbox) -> None:
    """What is too late is counted and not mailed; a retry that would be too late is not planned."""
    late = outbox.plan(2, expires_at=NOW)
    short, *others = outbox.plan(3, expires_at=NOW + dt.timedelta(seconds=60))
    outbox.script(to(short.address, BUSY))
    report = outbox.deliver()
    assert report.expired == 2
    assert report.results == {Status.SENT: 2, Status.EXPIRED: 1}
    assert recipients(outbox.relay.accepted) == addresses(others)
    assert outbox.statuses([*late, short]) == {"expired": 3}
    assert outbox.balances()


def test_fresh_mail_passes_deferred(outbox: Outbox) -> None:
    """Mail that keeps being deferred does not stand in the way of mail that was never tried."""
    stuck = outbox.plan(4)
    outbox.script(lambda message: BUSY)
    outbox.deliver()
    outbox.clock.advance(minutes=2)
    fresh = outbox.plan(4)
    outbox.script(None)
    outbox.deliver(limit=4)
    assert recipients(outbox.relay.accepted) == addresses(fresh)
    outbox.deliver(limit=4)
    assert outbox.statuses(stuck) == {"sent": 4}


# -- readers and papers --------------------------------------------------------------------------------


def test_a_reader_leaves_meanwhile(sealed: Outbox) -> None:
    """Who leaves after the claim and before their turn is not mailed; who is being mailed is."""
    sealed.policy = replace(sealed.policy, connections=1)
    who = sealed.plan(6)
    signup = Signup(database=sealed.database, stamp=STAMP)
    left: list[str] = []

    def script(message: Message) -> Reply | None:
        if not left:
            leaver = next(one for one in who if one.address != message.recipient)
            current = next(one for one in who if one.address == message.recipient)
            for one in (leaver, current):
                signup.leave(one, evidence=Evidence(method="mail"), now=NOW, goodbye=False)
            left.append(leaver.address)
        return None

    sealed.script(script)
    assert sealed.deliver().results == {Status.SENT: 5}
    assert left[0] not in recipients(sealed.relay.tried)
    row = sealed.rows()[left[0]]
    assert (row.status, row.reason, row.claimant) == ("suppressed", "left", None)
    assert sealed.balances()


class Unlocked(MemoryRelay):
    """A relay that answers one connection while another waits for its script."""

    def answer(self, message: Message) -> Reply:
        self.tried.append(message)
        assert self._script is not None
        return self._script(message) or ACCEPTED


def test_who_moves_while_a_message_waits(outbox: Outbox) -> None:
    """A claim that was taken out of this run's hands, and came back into them, is not served by the older message."""
    who = outbox.plan(4)
    tried, moved = threading.Event(), "moved@example.org"

    def script(message: Message) -> Reply | None:
        if message.recipient == who[1].address:  # by now the message of the fourth is ready
            with outbox.database.write() as conn:
                subscribers.change(conn, who[3].id, address=moved, address_key=moved, epoch=2)
                deliveries.readdress(conn, who[3].id, recipient=moved, epoch=2, now=NOW)
        elif message.recipient == who[2].address:  # holds a connection, so that it stays so
            assert tried.wait(20)
        elif message.recipient != who[0].address:
            tried.set()
        return None

    relay = Unlocked(script)
    assert outbox.deliver(relay=relay).results == {Status.SENT: 4}
    assert recipients(relay.tried) == sorted([*addresses(who[:3]), moved])


def test_left_without_a_trace_in_the_ledger(outbox: Outbox) -> None:
    """The reader is asked about again at the last moment, also where leaving withdrew nothing."""
    outbox.policy = replace(outbox.policy, connections=1)
    who = outbox.plan(4)

    def script(message: Message) -> Reply | None:
        with outbox.database.write() as conn:
            for one in who:
                subscribers.change(conn, one.id, state=State.LEFT)
        return None

    outbox.script(script)
    assert outbox.deliver().results == {Status.SENT: 1}
    assert outbox.statuses() == {"sent": 1, "suppressed": 3}
    assert outbox.open_claims() == 0


def test_a_whole_stock_that_cannot_be_signed(outbox: Outbox) -> None:
    """The run goes on behind it: each of forty is tried, though of none there is anything to hand over."""
    outbox.plan(40)
    outbox.signed_by = "lost"
    outbox.broken = {"lost"}
    assert outbox.deliver().results == {Status.DEFERRED: 40}
    assert outbox.open_claims() == 0


def test_who_can_go_is_found_behind_a_domain_that_is_left_alone(
    outbox: Outbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was claimed for it is passed over at once, and not a few at each look for what has fallen due."""
    monkeypatch.setattr(crew, "LOOK_S", 40.0)
    outbox.policy = replace(outbox.policy, connections=4, batch=200)
    with outbox.database.write() as conn:
        who = [add_subscriber(conn, f"reader{number}@big.org") for number in range(140)]
        last = add_subscriber(conn, "reader@other.org")
        plan_for(conn, *who, last)
    silent = Reply(step=Step.RCPT, code=None, text="", silence=Silence.TIMEOUT)
    outbox.script(lambda m: silent if "@big.org" in m.recipient and len(outbox.relay.tried) > 20 else None)
    results = outbox.deliver().results
    assert outbox.row(last).status == Status.SENT
    assert (results[Status.SENT], outbox.statuses(who)) == (21, {"sent": 20, "deferred": 120})


def test_who_is_due_behind_a_whole_claim_that_may_not_go(outbox: Outbox) -> None:
    """A domain that the run before left alone has more due than one claim: the others are found in the same run."""
    outbox.policy = replace(outbox.policy, batch=8)
    throttle = Throttle(Limits(), connections=2)
    with outbox.database.write() as conn:
        plan_for(conn, add_subscriber(conn, "first@big.org"))
    silent = Reply(step=Step.RCPT, code=None, text="", silence=Silence.TIMEOUT)
    outbox.script(lambda message: silent if message.recipient.endswith("@big.org") else None)
    assert outbox.deliver(gate=Gate(throttle, outbox.relay)).results == {Status.DEFERRED: 1}
    with outbox.database.write() as conn:
        who = [add_subscriber(conn, f"reader{number}@big.org") for number in range(30)]
        last = add_subscriber(conn, "reader@other.org")
        plan_for(conn, *who, last)
    assert outbox.deliver(gate=Gate(throttle, outbox.relay)).results == {Status.SENT: 1}
    assert outbox.row(last).status == Status.SENT
    assert outbox.open_claims() == 0


def test_a_poison_reader(outbox: Outbox) -> None:
    """A message that cannot be built is parked at the third try, with the reason; the others get theirs at once."""
    who = outbox.plan(8)
    poison = who[3]
    outbox.broken = {poison.address}
    assert outbox.deliver().results == {Status.SENT: 7, Status.DEFERRED: 1}
    for fate in (Status.DEFERRED, Status.FAILED):
        outbox.clock.now = outbox.row(poison).due_at
        assert outbox.deliver().results == {fate: 1}
    row = outbox.row(poison)
    assert (row.attempts, row.reply) == (3, "build ValueError: no mail for …")
    outbox.clock.advance(hours=1)
    assert outbox.deliver().results == {}
    assert len(outbox.relay.tried) == 7
    assert outbox.balances()


def test_a_poison_paper(outbox: Outbox) -> None:
    """A paper that cannot be rendered parks the mails that show it, and no others."""
    poisoned = outbox.plan(3, picks=(pick(7), pick(8)))
    others = outbox.plan(4, picks=(pick(8), pick(9)))
    outbox.broken = {7}
    assert outbox.deliver().results == {Status.SENT: 4, Status.DEFERRED: 3}
    for _ in range(2):
        outbox.clock.advance(minutes=10)
        outbox.deliver()
    assert outbox.statuses(poisoned) == {"failed": 3}
    assert recipients(outbox.relay.tried) == addresses(others)


def test_nothing_can_be_built(sealed: Outbox) -> None:
    """A broken template loses no mail: all of it waits, and is sent once the template is mended."""
    sealed.policy = replace(sealed.policy, batch=4)
    who = sealed.plan(10)
    sealed.broken = {one.address for one in who}
    assert sealed.deliver().results == {Status.DEFERRED: 10}
    assert sealed.relay.tried == []
    assert sealed.open_claims() == 0
    sealed.broken = set()
    sealed.clock.advance(minutes=2)
    assert sealed.deliver().results == {Status.SENT: 10}


def test_a_key_that_is_gone(outbox: Outbox) -> None:
    """A mail whose key cannot be had waits, and is parked at the third try; nothing is mailed unsigned for that."""
    outbox.signed_by = "s1"
    (who,) = outbox.plan(1)
    outbox.broken = {"s1"}
    for fate in (Status.DEFERRED, Status.DEFERRED, Status.FAILED):
        assert outbox.deliver().results == {fate: 1}
        outbox.clock.advance(minutes=10)
    assert (outbox.row(who).reply, outbox.relay.tried) == ("build ValueError: no key s1", [])
    assert outbox.open_claims() == 0


def test_bytes_that_differ(sealed: Outbox) -> None:
    """A retry whose bytes differ from the first try's is parked unsent: two mails with one Message-ID help nobody."""
    changed, fresh = sealed.plan(2)
    sealed.script(to(changed.address, BUSY))
    sealed.deliver(only=[changed.id])
    sealed.text = "other words"
    sealed.script(None)
    sealed.clock.advance(minutes=2)
    assert sealed.deliver().results == {Status.FAILED: 1, Status.SENT: 1}
    assert recipients(sealed.relay.tried) == [fresh.address]
    assert "the bytes differ" in sealed.row(changed).reply


def test_claimed_but_not_begun_may_change(sealed: Outbox) -> None:
    """What a drained run had claimed and built but not begun may be built anew, as an upgrade makes it."""
    sealed.policy = replace(sealed.policy, connections=1)
    sealed.plan(6)
    stop = threading.Event()
    sealed.script(lambda message: stop.set())
    assert sealed.deliver(stop=stop).results == {Status.SENT: 1}
    sealed.text = "words of the next version"
    sealed.script(None)
    assert sealed.deliver().results == {Status.SENT: 5}


# -- more than one sender ------------------------------------------------------------------------------


def test_a_zombie(outbox: Outbox) -> None:
    """A sender that was stopped for longer than its lease sends nothing that another took over, nor says its fate."""
    outbox.policy = replace(outbox.policy, connections=1)
    who = outbox.plan(5)
    other = MemoryRelay()
    reports = []

    def script(message: Message) -> Reply:
        outbox.clock.now += outbox.policy.lease.length
        reports.append(outbox.deliver(relay=other))
        return NO_SUCH_USER

    outbox.script(script)
    outbox.deliver()
    assert [report.results for report in reports] == [{Status.SENT: 5}]
    assert len(outbox.relay.tried) == 1  # it was under way when the sender stopped
    assert recipients(other.accepted) == addresses(who)
    assert outbox.statuses() == {"sent": 5}
    (repeated,) = [
        message for message in other.accepted if message.recipient == outbox.relay.tried[0].recipient
    ]
    assert repeated == outbox.relay.tried[0]


def test_a_lease_that_runs_out(outbox: Outbox) -> None:
    """With too little of the lease left for a whole hand-over nothing is begun; the next run sends it."""
    outbox.policy = replace(outbox.policy, connections=1)
    outbox.plan(5)
    lease = outbox.policy.lease
    latest = NOW + lease.length - lease.hand_over - lease.margin

    def script(message: Message) -> Reply | None:
        outbox.clock.now = latest if len(outbox.relay.tried) == 1 else latest + dt.timedelta(seconds=1)
        return None

    outbox.script(script)
    assert outbox.deliver().results == {Status.SENT: 2}
    assert outbox.statuses() == {"sent": 2, "planned": 3}
    assert outbox.open_claims() == 0
    outbox.script(None)
    assert outbox.deliver().results == {Status.SENT: 3}


def test_stopped_while_it_committed(outbox: Outbox) -> None:
    """A sender that was stopped in the commit that began a message looks at its lease once more before it sends."""
    outbox.policy = replace(outbox.policy, connections=1)
    outbox.plan(3)
    database = Faulty(outbox.database)
    hour = dt.timedelta(hours=1)

    def jump(conn: SqlConnection) -> None:
        if conn.scalar(sa.select(sa.func.count()).where(ledger.c.begun_at.is_not(None))):
            outbox.clock.now += hour

    database.before_commit = jump
    assert outbox.deliver(database=database).results == {}
    assert outbox.relay.tried == []
    assert outbox.deliver().results == {Status.SENT: 3}


@pytest.mark.parametrize("senders", [2, 4])
def test_senders_at_once(outbox: Outbox, senders: int) -> None:
    """Runs over one database at the same time send each message once between them."""
    outbox.policy = replace(outbox.policy, batch=8)
    who = outbox.plan(120)
    together = threading.Barrier(senders)

    def work(_: int) -> int:
        together.wait()
        return outbox.deliver().results.get(Status.SENT, 0)

    with ThreadPoolExecutor(senders) as pool:
        sent = list(pool.map(work, range(senders)))
    assert sum(sent) == 120
    assert recipients(outbox.relay.tried) == addresses(who)
    assert outbox.statuses() == {"sent": 120}
    assert list(outbox.claims.iterdir()) == []


def test_a_stop_drains(sealed: Outbox) -> None:
    """Told to stop, a run settles what is under way, gives the rest back as it was, and begins nothing more."""
    sealed.policy = replace(sealed.policy, connections=3)
    who = sealed.plan(40)
    stop = threading.Event()
    seen = iter(range(100))

    def script(message: Message) -> Reply | None:
        if next(seen) == 6:
            stop.set()
        return None

    sealed.script(script)
    sent = sealed.deliver(stop=stop).results[Status.SENT]
    assert 7 <= sent <= 7 + sealed.policy.connections
    assert sealed.statuses() == {"sent": sent, "planned": 40 - sent}
    assert sealed.open_claims() == 0
    assert sealed.deliver(stop=stop).results == {}
    assert sealed.deliver().results == {Status.SENT: 40 - sent}
    assert recipients(sealed.relay.accepted) == addresses(who)


# -- things that break ---------------------------------------------------------------------------------


class Faulty(Database):
    """A database of which one commit fails, or some in a row: before, in or after it.

    Attributes:
        commits: Begun so far.
        before_commit: Called with the connection at the end of each transaction.
    """

    def __init__(self, real: Database, *, at: int = 0, moment: str = "", lasts: int = 1) -> None:
        self.url, self.read_only, self.engine = real.url, real.read_only, real.engine
        self.commits = 0
        self.before_commit: Callable[[SqlConnection], None] = lambda conn: None
        self._when, self._moment = range(at, at + lasts), moment

    @contextmanager
    def write(self) -> Iterator[SqlConnection]:
        self.commits += 1
        moment = self._moment if self.commits in self._when else ""
        if moment == "before":
            raise DatabaseError("cannot be reached")
        with super().write() as conn:
            yield conn
            self.before_commit(conn)
            if moment == "in":
                raise DatabaseError("disk full")
        if moment == "after":
            raise DatabaseError("the answer was lost")


@pytest.mark.parametrize("moment", ["before", "in", "after"])
def test_every_commit_may_fail(outbox: Outbox, moment: str) -> None:
    """Whichever commit fails, the error is told, nothing counts as sent that was not, and the next run mends it.

    Repeated are at most the messages that were under way, one a connection, with the same bytes.
    """
    outbox.policy = replace(outbox.policy, batch=4)
    for at in range(1, 100):
        who = outbox.plan(9)
        outbox.script(None)
        database = Faulty(outbox.database, at=at, moment=moment)
        if database_is_clean(outbox, database):
            break
        sent = {one.address for one in who if outbox.row(one).status == Status.SENT}
        assert sent <= set(recipients(outbox.relay.accepted))
        outbox.deliver()
        copies = Counter(recipients(outbox.relay.accepted))
        assert sorted(copies) == addresses(who)
        assert copies.total() - len(copies) <= outbox.policy.connections
        assert len(set(outbox.relay.accepted)) == len(who)
        assert outbox.statuses(who) == {"sent": 9}
        assert outbox.open_claims() == 0
    assert 6 < at < 99, "a run has so many commits"
    assert outbox.balances()


@pytest.mark.parametrize("moment", ["before", "in", "after"])
def test_a_database_that_is_away(outbox: Outbox, moment: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that is away in mid-run is waited for, and what was under way written down: the next run repeats nothing."""
    monkeypatch.setattr(module, "_PAUSES_S", (0.0, 0.0, 0.0))
    who = outbox.plan(9)
    with pytest.raises(DatabaseError):
        outbox.deliver(database=Faulty(outbox.database, at=6, moment=moment, lasts=4))
    tried = len(outbox.relay.tried)
    assert outbox.statuses(who)["sent"] == tried > 0
    outbox.deliver()
    assert recipients(outbox.relay.accepted) == addresses(who)
    assert outbox.balances()


@pytest.mark.parametrize("stopped", [False, True])
def test_a_database_that_stays_away(outbox: Outbox, stopped: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is waited for so long and no longer, and not at all by who is told to stop; then it is told."""
    monkeypatch.setattr(module, "_PAUSES_S", (0.0, 0.0, 0.0))
    outbox.plan(9)
    stop = threading.Event()
    database = Faulty(outbox.database, at=6, moment="before", lasts=100)

    def script(message: Message) -> None:
        if stopped and len(outbox.relay.tried) == 2:
            stop.set()

    outbox.script(script)
    with pytest.raises(DatabaseError, match="cannot be reached"):
        outbox.deliver(database=database, stop=stop)
    assert database.commits == 6 + (1 if stopped else 4)
    outbox.deliver()
    assert set(outbox.statuses()) == {"sent"}


def database_is_clean(outbox: Outbox, database: Faulty) -> bool:
    """Run over a database that fails; False where it did."""
    try:
        outbox.deliver(database=database)
    except DatabaseError:
        return False
    return True


def test_settled_though_the_run_breaks(sealed: Outbox) -> None:
    """A commit that fails once repeats nothing: what the relay took is settled before the run gives up."""
    sealed.policy = replace(sealed.policy, batch=4)
    for at in range(2, 8):
        who = sealed.plan(9)
        sealed.script(None)
        assert not database_is_clean(sealed, Faulty(sealed.database, at=at, moment="in"))
        sealed.deliver()
        assert recipients(sealed.relay.accepted) == addresses(who), at


class Breaking(MemoryRelay):
    """A relay whose code has a bug."""

    def __init__(self, *, connects: bool, after: int = 0) -> None:
        super().__init__()
        self.connects = connects
        self.after = after

    def connect(self) -> MemoryConnection:
        if not self.connects:
            raise RuntimeError("a bug in connect")
        return super().connect()

    def answer(self, message: Message) -> Reply:
        if len(self.tried) >= self.after:
            raise RuntimeError("a bug in hand_over")
        return super().answer(message)


@pytest.mark.parametrize(("connects", "after"), [(False, 0), (True, 0), (True, 5)])
def test_every_sender_breaks(outbox: Outbox, connects: bool, after: int) -> None:
    """Senders that all break end the run with their error, however much waits for them; the next run sends the rest."""
    relay = Breaking(connects=connects, after=after)
    outbox.policy = replace(outbox.policy, batch=4)
    who = outbox.plan(50)
    with pytest.raises(RuntimeError, match="a bug in"):
        outbox.deliver(relay=relay)
    outbox.deliver()
    assert recipients(outbox.relay.accepted + relay.accepted) == addresses(who)
    assert outbox.statuses() == {"sent": 50}
    assert outbox.open_claims() == 0


class OneBreaks(MemoryRelay):
    """A relay of which one connection in two cannot be had."""

    def __init__(self) -> None:
        super().__init__()
        self.connections = iter(range(100))
        self.broken = threading.Event()

    def connect(self) -> MemoryConnection:
        if next(self.connections) == 0:
            self.broken.set()
            raise RuntimeError("a bug in connect")
        return super().connect()

    def answer(self, message: Message) -> Reply:
        self.broken.wait(10)
        return super().answer(message)


def test_one_sender_breaks(outbox: Outbox) -> None:
    """One sender's bug repeats nothing of what another had under way: that is settled first."""
    who = outbox.plan(10)
    relay = OneBreaks()
    with pytest.raises(RuntimeError):
        outbox.deliver(relay=relay)
    outbox.deliver()
    assert recipients(outbox.relay.accepted + relay.accepted) == addresses(who)


class BreaksAtAStep(MemoryConnection):
    """A connection that is taken on step by step, with a bug in one of them."""

    def __init__(self, relay: BreakingAtAStep) -> None:
        super().__init__(relay)
        self.step = relay.step
        self.event: int | None = EVENT_WRITE
        self.reply: Reply | None = None
        self.is_ahead = False
        self.ends = socketpair()

    @property
    def may_lead(self) -> bool:
        return True

    def hand_over(self, message: Message, *, may_start: Callable[[], bool] = lambda: True) -> Reply:
        return super().hand_over(message)

    def begin(self, message: Message, following: Message | None = None) -> BreaksAtAStep:
        if self.step == "begin":
            raise RuntimeError("a bug in begin")
        return self

    def fileno(self) -> int:
        return self.ends[0].fileno()

    def left_s(self) -> float:
        return 60.0

    def advance(self, *, in_time: bool = True) -> None:
        raise RuntimeError("a bug in advance")

    def close(self) -> None:
        for end in self.ends:
            end.close()


class BreakingAtAStep(MemoryRelay):
    """A relay of such connections."""

    def __init__(self, step: str) -> None:
        super().__init__()
        self.step = step

    def connect(self) -> MemoryConnection:
        return BreaksAtAStep(self)


@pytest.mark.parametrize("step", ["begin", "advance"])
def test_a_step_that_breaks(outbox: Outbox, step: str) -> None:
    """A bug in a step of a message ends the run with its error, and nobody waits for that message."""
    who = outbox.plan(10)
    # The first messages may go by the senders' own threads, and well.
    relay = BreakingAtAStep(step)
    with pytest.raises(RuntimeError, match=f"a bug in {step}"):
        outbox.deliver(relay=relay)
    outbox.deliver()
    assert recipients(relay.accepted + outbox.relay.accepted) == addresses(who)


def test_logs_name_nobody(outbox: Outbox, capsys: pytest.CaptureFixture[str]) -> None:
    """What a run logs of a poison reader and of parked bytes holds no address."""
    poison, changed = outbox.plan(2)
    outbox.script(to(changed.address, BUSY))
    outbox.deliver(only=[changed.id])
    outbox.broken, outbox.text = {poison.address}, "other words"
    outbox.clock.advance(minutes=2)
    outbox.deliver()
    said = capsys.readouterr()
    assert "message not built" in said.out + said.err
    assert not re.search(r"reader\d+@example\.org", said.out + said.err)


# -- refused, and what follows ---------------------------------------------------------------------------


FULL = Reply(step=Step.RCPT, code=552, text="5.2.2 mailbox full")
TOO_BIG = Reply(step=Step.DOT, code=552, text="5.3.4 too big")
NOT_THIS = Reply(step=Step.DOT, code=554, text="rejected")


@pytest.mark.parametrize(
    ("reply", "kind", "suppresses"),
    [(NO_SUCH_USER, "hard", True), (FULL, "soft", False), (TOO_BIG, "blocked", False)],
)
def test_a_refusal_for_good(outbox: Outbox, reply: Reply, kind: str, suppresses: bool) -> None:
    """It fails one mail and is kept as what it is; an address that is dead is suppressed, the others are mailed on."""
    who = outbox.plan(5)
    outbox.script(to(who[2].address, reply))
    assert outbox.deliver().results == {Status.SENT: 4, Status.FAILED: 1}
    with outbox.database.read() as conn:
        states = [found.state for one in who if (found := subscribers.get(conn, one.id))]
        kept = [bounces.of(conn, one.id) for one in who]
    expected = [State.ACTIVE] * 5
    expected[2] = State.SUPPRESSED if suppresses else State.ACTIVE
    assert states == expected
    assert [len(each) for each in kept] == [0, 0, 1, 0, 0]
    assert (str(kept[2][0].bounce.kind), str(kept[2][0].door)) == (kind, "smtp")
    assert outbox.balances()


@pytest.mark.parametrize("reply", [WRONG_PASSWORD, WRONG_SENDER, NOBODY_THERE, BUSY])
def test_a_refusal_of_us_suppresses_nobody(outbox: Outbox, reply: Reply) -> None:
    """What the relay says of us, or has no time for, is nobody's bounce."""
    who = outbox.plan(3)
    outbox.script(lambda message: reply)
    outbox.deliver()
    with outbox.database.read() as conn:
        assert [bounces.of(conn, one.id) for one in who] == [[], [], []]
        assert subscribers.counts(conn)[State.ACTIVE] == 3


def test_contents_refused_in_a_row_pause_the_run(outbox: Outbox) -> None:
    """A relay that refuses whatever we write costs twenty readers their mail, not all of them."""
    outbox.policy = replace(outbox.policy, connections=1)
    outbox.plan(50)
    outbox.script(lambda message: NOT_THIS)
    report = outbox.deliver()
    assert report.results == {Status.FAILED: 20}
    assert report.paused == "dot 554 rejected"
    assert outbox.statuses() == {"failed": 20, "planned": 30}
