"""Bounces in the store: kept once, and in one transaction with what follows from them."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from digest.deliver.bounce import Bounce, BounceKind, BouncePolicy, Door
from digest.deliver.delivery import OPERATOR, Kind, Status
from digest.store import bounces, consents, deliveries, ledger, subscribers
from digest.store.bounces import Came, Share, Taken
from digest.store.database import Database
from digest.store.deliveries import Result
from digest.store.schema import deliveries as deliveries_table
from digest.subscribers.consent import Event
from digest.subscribers.subscriber import State, Subscriber
from tests.factories import DAY, HOUR, NOW, TODAY, add_subscriber, pick, plan_for, planned, publish_edition

POLICY = BouncePolicy()
SECOND = dt.timedelta(seconds=1)


def bounce(kind: BounceKind, status: str | None = None, detail: str = "as the server said") -> Bounce:
    return Bounce(kind=kind, status=status, detail=detail)


HARD = bounce(BounceKind.HARD, "5.1.1")
SOFT = bounce(BounceKind.SOFT, "4.2.2")
COMPLAINT = bounce(BounceKind.COMPLAINT)
BLOCKED = bounce(BounceKind.BLOCKED, "5.6.0")


def came(delivery_id: int, what: Bounce = HARD, door: Door = Door.DSN) -> Came:
    return Came(delivery_id=delivery_id, bounce=what, door=door)


def state(conn: Connection, who: Subscriber) -> State:
    found = subscribers.get(conn, who.id)
    assert found is not None
    return found.state


def barred(conn: Connection, who: Subscriber) -> str | None:
    return consents.suppressed(conn, consents.address_hash(conn, who.address))


def sent(conn: Connection, who: Subscriber, days_ago: int, status: Status = Status.SENT) -> int:
    """A digest of some days ago, and what became of it; returns its id."""
    day = TODAY - days_ago * DAY
    deliveries.plan(conn, [planned(who, day=day, now=NOW - days_ago * DAY)], now=NOW)
    row = deliveries_table.c
    mine = sa.and_(row.subscriber_id == who.id, row.local_date == day)
    conn.execute(sa.update(deliveries_table).where(mine).values(status=status, settled_at=NOW))
    return int(conn.scalar(sa.select(row.id).where(mine)) or 0)


def of_long_ago(conn: Connection) -> Subscriber:
    return add_subscriber(conn, now=NOW - 60 * DAY)


def confirm(conn: Connection, who: Subscriber, at: dt.datetime) -> None:
    subscribers.change(conn, who.id, state=State.ACTIVE, confirmed_at=at)


# -- hard bounces and complaints ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("what", "reason", "event"),
    [(HARD, "bounced", Event.BOUNCED), (COMPLAINT, "complained", Event.COMPLAINED)],
)
@pytest.mark.parametrize("before", [State.ACTIVE, State.PAUSED])
def test_one_is_enough(database: Database, what: Bounce, reason: str, event: Event, before: State) -> None:
    """It suppresses reader and address, with a line in the consent record, and withdraws what is open."""
    with database.write() as conn:
        ada = add_subscriber(conn, state=before)
        (old,) = plan_for(conn, ada)
        (open_one,) = plan_for(conn, ada, day=TODAY + DAY)
        given = deliveries.bounced(conn, [came(old, what)], now=NOW)
        assert given == Taken(new=1, unknown=0, suppressed=(ada.id,))
        assert (state(conn, ada), barred(conn, ada)) == (State.SUPPRESSED, reason)
        (line,) = consents.of(conn, ada.id)
        assert (line.event, line.evidence.method, line.at) == (event, "dsn", NOW)
        by_id = {entry.id: entry for entry in ledger.of(conn, ada.id)}
        assert (by_id[open_one].status, by_id[open_one].reason) == (Status.SUPPRESSED, "suppressed")
        (kept,) = bounces.of(conn, ada.id)
        assert (kept.bounce, kept.door, kept.local_date, kept.at) == (what, Door.DSN, TODAY, NOW)
        assert bounces.of_delivery(conn, old) == [kept]
        assert bounces.of_delivery(conn, open_one) == []
    with database.read() as conn:
        assert ledger.balance(conn).difference == 0


def test_the_same_report_twice(database: Database) -> None:
    """What is known already changes nothing: who has come back meanwhile stays."""
    with database.write() as conn:
        ada = add_subscriber(conn)
        (one,) = plan_for(conn, ada)
        deliveries.bounced(conn, [came(one)], now=NOW)
        confirm(conn, ada, NOW - HOUR)
        given = deliveries.bounced(conn, [came(one), came(one)], now=NOW + HOUR)
        assert given == Taken(new=0, unknown=0, suppressed=())
        assert state(conn, ada) is State.ACTIVE
        assert len(bounces.of(conn, ada.id)) == 1


def test_who_confirmed_since_is_spared(database: Database) -> None:
    """A hard bounce of a mail from before the owner's own yes is kept, and suppresses nobody; a complaint does."""
    with database.write() as conn:
        ada = add_subscriber(conn)
        (one,) = plan_for(conn, ada)
        confirm(conn, ada, NOW + SECOND)
        assert deliveries.bounced(conn, [came(one)], now=NOW + DAY).suppressed == ()
        assert state(conn, ada) is State.ACTIVE
        assert deliveries.bounced(conn, [came(one, COMPLAINT)], now=NOW + DAY).suppressed == (ada.id,)


def test_who_confirmed_in_the_same_second(database: Database) -> None:
    """A mail is planned to the second, and one of the very second of the yes came after it."""
    with database.write() as conn:
        ada = add_subscriber(conn)
        (one,) = plan_for(conn, ada)
        confirm(conn, ada, NOW + dt.timedelta(milliseconds=900))
        assert deliveries.bounced(conn, [came(one)], now=NOW + DAY).suppressed == (ada.id,)


@pytest.mark.parametrize("what", [HARD, COMPLAINT])
def test_who_moved_is_spared(database: Database, what: Bounce) -> None:
    """A bounce of the old address says nothing of the new one; in capitals it is the same address."""
    with database.write() as conn:
        moved, same = add_subscriber(conn), add_subscriber(conn, "Bo@example.org")
        (one,) = plan_for(conn, moved)
        (other,) = plan_for(conn, same, recipient="bo@EXAMPLE.org")
        subscribers.change(conn, moved.id, address="new@example.org", address_key="new@example.org")
        given = deliveries.bounced(conn, [came(one, what), came(other, what)], now=NOW)
        assert given == Taken(new=2, unknown=0, suppressed=(same.id,))
        assert state(conn, moved) is State.ACTIVE


def test_who_has_left_or_was_erased(database: Database) -> None:
    """Who left stays as they are; of the erased not even a hash of nothing is kept."""
    with database.write() as conn:
        left, erased = add_subscriber(conn, state=State.LEFT), add_subscriber(conn)
        ids = [*plan_for(conn, left), *plan_for(conn, erased)]
        subscribers.remove(conn, [erased.id])
        deliveries.blank(conn, [erased.id])
        deliveries.bounced(conn, [came(one) for one in ids], now=NOW)
        assert (state(conn, left), state(conn, erased)) == (State.LEFT, State.LEFT)
        assert consents.suppressed(conn, consents.address_hash(conn, "")) is None
        assert [consents.of(conn, who.id) for who in (left, erased)] == [[], []]


def test_who_is_still_asked(database: Database) -> None:
    """An unconfirmed sign-up stays pending, to be forgotten as all are; its address no import brings in."""
    with database.write() as conn:
        ada = add_subscriber(conn, state=State.PENDING)
        (one,) = plan_for(conn, ada)
        deliveries.bounced(conn, [came(one)], now=NOW)
        assert (state(conn, ada), barred(conn, ada)) == (State.PENDING, "bounced")
        assert consents.of(conn, ada.id) == []


def test_the_operators_mail(database: Database) -> None:
    """An alarm that bounces is kept, and suppresses nobody."""
    with database.write() as conn:
        ada = add_subscriber(conn)
        row = replace(planned(ada), subscriber_id=OPERATOR, kind=Kind.ALARM)
        assert deliveries.post(conn, row, now=NOW)
        one = int(conn.scalar(sa.select(deliveries_table.c.id)) or 0)
        assert deliveries.bounced(conn, [came(one)], now=NOW) == Taken(new=1, unknown=0, suppressed=())
        assert len(bounces.of_delivery(conn, one)) == 1


def test_no_such_delivery(database: Database) -> None:
    """A bounce of nothing that there is changes nothing, and is counted."""
    with database.write() as conn:
        assert deliveries.bounced(conn, [came(77), came(78)], now=NOW) == Taken(
            new=0, unknown=2, suppressed=()
        )
        assert deliveries.bounced(conn, [], now=NOW) == Taken(new=0, unknown=0, suppressed=())


def test_odd_words(database: Database) -> None:
    """Words that neither engine stores are kept without what is odd in them."""
    with database.write() as conn:
        ada = add_subscriber(conn)
        (one,) = plan_for(conn, ada)
        deliveries.bounced(conn, [came(one, bounce(BounceKind.BLOCKED, detail="a\0b\ud800"))], now=NOW)
        assert bounces.of(conn, ada.id)[0].bounce.detail == "a\ufffdb?"


# -- with the result of a try --------------------------------------------------------------------------------


def claimed(conn: Connection, count: int) -> tuple[list[Subscriber], list[int]]:
    who = [add_subscriber(conn) for _ in range(count)]
    plan_for(conn, *who)
    taken = deliveries.claim(conn, claimant="me", now=NOW, lease_until=NOW + HOUR, limit=count)
    return who, [each.id for each in taken]


def test_settled_together(database: Database) -> None:
    """The result of a hard refusal and the suppression are one transaction: rolled back, neither is there."""
    with database.write() as conn:
        (ada, bo, cy), ids = claimed(conn, 3)
    refused = Result(delivery_id=ids[0], status=Status.FAILED, reply="rcpt 550", bounce=HARD)
    full = Result(
        delivery_id=ids[1], status=Status.DEFERRED, reply="rcpt 452", bounce=SOFT, retry_at=NOW + HOUR
    )
    taken = Result(delivery_id=ids[2], status=Status.SENT, reply="dot 250")
    with database.engine.connect() as conn:
        deliveries.settle(conn, [refused, full, taken], claimant="me", now=NOW)
        assert state(conn, ada) is State.SUPPRESSED
        conn.rollback()
    with database.write() as conn:
        assert (state(conn, ada), bounces.of(conn, ada.id)) == (State.ACTIVE, [])
        deliveries.settle(conn, [refused, full, taken], claimant="me", now=NOW)
        assert [state(conn, who) for who in (ada, bo, cy)] == [State.SUPPRESSED, State.ACTIVE, State.ACTIVE]
        assert [entry.status for entry in ledger.of(conn, ada.id)] == [Status.FAILED]
        assert [len(bounces.of(conn, who.id)) for who in (ada, bo, cy)] == [1, 1, 0]
        assert bounces.of(conn, ada.id)[0].door is Door.SMTP


# -- soft ones -------------------------------------------------------------------------------------------------


def tired(conn: Connection, policy: BouncePolicy = POLICY) -> list[int]:
    return bounces.weigh(conn, bounces.often(conn, policy, now=NOW), policy, now=NOW)


def test_five_soft_ones_in_a_row(database: Database) -> None:
    """Four dates leave a reader in peace, the fifth suppresses, and says through which door the last one came."""
    with database.write() as conn:
        ada = of_long_ago(conn)
        for days_ago in (9, 7, 5, 3):
            deliveries.bounced(conn, [came(sent(conn, ada, days_ago), SOFT)], now=NOW)
        assert tired(conn) == []
        deliveries.bounced(conn, [came(sent(conn, ada, 1), SOFT, Door.WEBHOOK)], now=NOW)
        assert tired(conn) == [ada.id]
        assert (state(conn, ada), barred(conn, ada)) == (State.SUPPRESSED, "bounced")
        assert [line.evidence.method for line in consents.of(conn, ada.id)] == ["webhook"]
        assert tired(conn) == []


def test_a_mail_that_arrived_between(database: Database) -> None:
    """What was taken and did not come back begins the row anew; what is newer than all of them does not."""
    with database.write() as conn:
        ada, bo = of_long_ago(conn), of_long_ago(conn)
        for days_ago in range(10, 0, -1):
            one, other = sent(conn, ada, days_ago), sent(conn, bo, days_ago)
            if days_ago != 5:
                deliveries.bounced(conn, [came(one, SOFT)], now=NOW)
            if days_ago > 4:
                deliveries.bounced(conn, [came(other, SOFT)], now=NOW)
        assert tired(conn) == [bo.id]


def test_what_the_relay_took_in_the_end(database: Database) -> None:
    """A "later" at hand-over is a bounce where the mail expired or failed, none where it was taken after all."""
    with database.write() as conn:
        grey, full, both = (of_long_ago(conn) for _ in range(3))
        for days_ago in range(5, 0, -1):
            for who, status in ((grey, Status.SENT), (full, Status.EXPIRED), (both, Status.SENT)):
                one = sent(conn, who, days_ago, status)
                deliveries.bounced(conn, [came(one, SOFT, Door.SMTP)], now=NOW)
                if who is both:  # taken, and it came back as a report
                    deliveries.bounced(conn, [came(one, SOFT, Door.DSN)], now=NOW)
        assert tired(conn) == [full.id, both.id]


def test_old_ones_are_forgotten(database: Database) -> None:
    """Soft bounces of mails older than the days set count no more, nor do those of another address, or of one
    that was confirmed since."""
    with database.write() as conn:
        old, moved, back = (of_long_ago(conn) for _ in range(3))
        for days_ago in range(5, 0, -1):
            deliveries.bounced(conn, [came(sent(conn, old, days_ago * 8), SOFT)], now=NOW)
            deliveries.bounced(conn, [came(sent(conn, moved, days_ago), SOFT)], now=NOW)
            deliveries.bounced(conn, [came(sent(conn, back, days_ago), SOFT)], now=NOW)
        subscribers.change(conn, moved.id, address="new@example.org", address_key="new@example.org")
        confirm(conn, back, NOW - HOUR)
        assert bounces.often(conn, POLICY, now=NOW) == [old.id, moved.id, back.id]
        assert tired(conn) == []
        assert bounces.often(conn, POLICY, now=NOW + 31 * DAY) == []


def test_two_on_one_date(database: Database) -> None:
    """Two mails of one date are one date."""
    with database.write() as conn:
        ada = of_long_ago(conn)
        for days_ago in (2, 1):
            deliveries.bounced(conn, [came(sent(conn, ada, days_ago), SOFT)], now=NOW)
            deliveries.bounced(conn, [came(days_ago, SOFT, Door.WEBHOOK)], now=NOW)
        assert tired(conn, BouncePolicy(soft_limit=3)) == []
        assert tired(conn, BouncePolicy(soft_limit=2)) == [ada.id]


# -- counted ----------------------------------------------------------------------------------------------------


def test_counts(database: Database) -> None:
    """Each kind is counted, ever or since a moment."""
    with database.write() as conn:
        ids = plan_for(conn, *(add_subscriber(conn) for _ in range(4)))
        deliveries.bounced(conn, [came(ids[0]), came(ids[1], SOFT)], now=NOW - DAY)
        deliveries.bounced(conn, [came(ids[2]), came(ids[3], BLOCKED)], now=NOW)
        assert bounces.counts(conn) == {
            BounceKind.HARD: 2,
            BounceKind.SOFT: 1,
            BounceKind.COMPLAINT: 0,
            BounceKind.BLOCKED: 1,
        }
        assert bounces.counts(conn, since=NOW - HOUR)[BounceKind.HARD] == 1


def test_the_share_of_an_edition(database: Database) -> None:
    """Of each edition that bounced lately: its mails, and how many bounced, each once; greylisting is none."""
    edition = publish_edition(database, "On Kites")
    with database.write() as conn:
        assert bounces.shares(conn, since=NOW - DAY) == []
        who = [add_subscriber(conn) for _ in range(6)]
        ids = plan_for(conn, *who, edition_id=edition, picks=(pick(edition_id=edition),))
        table = deliveries_table
        conn.execute(sa.update(table).where(table.c.id.in_(ids[:5])).values(status=Status.SENT))
        deliveries.bounced(conn, [came(ids[0]), came(ids[0], COMPLAINT), came(ids[1], BLOCKED)], now=NOW)
        deliveries.bounced(conn, [came(ids[2], SOFT, Door.SMTP), came(ids[5], SOFT, Door.SMTP)], now=NOW)
        assert bounces.shares(conn, since=NOW - DAY) == [Share(mails=5, bounced=2)]
        assert bounces.shares(conn, since=NOW) == []
