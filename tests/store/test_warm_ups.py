"""What was handed over each day, what senders hold, and which relays are left aside."""

from __future__ import annotations

import sqlalchemy as sa

from digest.deliver.delivery import Kind, Status
from digest.store import deliveries, relays, warm_ups
from digest.store.database import Database
from digest.store.relays import LeftAside
from digest.store.schema import deliveries as ledger
from tests.factories import DAY, HOUR, NOW, TODAY, add_subscriber, plan_for, planned


def test_mails_are_counted_by_day(database: Database) -> None:
    """Each transaction adds to its day; days are kept apart."""
    with database.write() as conn:
        assert warm_ups.by_day(conn) == {}
        warm_ups.add(conn, TODAY, 3)
        warm_ups.add(conn, TODAY, 4)
        warm_ups.add(conn, TODAY + DAY, 1)
        assert warm_ups.by_day(conn) == {TODAY: 7, TODAY + DAY: 1}


def test_digests_that_senders_hold(database: Database) -> None:
    """Those of all senders, and no other mail."""
    with database.write() as conn:
        one, two, three = (add_subscriber(conn) for _ in range(3))
        plan_for(conn, one, two, three)
        for name in ("a", "b"):
            deliveries.claim(conn, claimant=name, now=NOW, lease_until=NOW + HOUR, limit=1)
        assert warm_ups.claimed(conn) == 2


def test_relays_left_aside(database: Database) -> None:
    """Who is left aside is written anew each time, and forgotten when its time is over."""
    with database.write() as conn:
        a = LeftAside(name="a", until=NOW + HOUR, said="connect closed")
        b = LeftAside(name="b", until=NOW + 2 * HOUR, said="auth 535")
        relays.put(conn, [b, a])
        assert relays.aside(conn, now=NOW) == [a, b]
        assert relays.aside(conn, now=NOW + HOUR) == [b]
        relays.put(conn, [])
        assert relays.aside(conn, now=NOW) == []


def test_claims_leave_out_domains(database: Database) -> None:
    """Mail to a domain that is left out is passed over, whatever stands in its name, and others' is not."""
    with database.write() as conn:
        names = ["a@slow.org", "b@slow.org", "c@slow.org.example.org", "d@very-slow.org", "e@s_ow.org"]
        who = [add_subscriber(conn, name) for name in names]
        plan_for(conn, *who)
        claimed = deliveries.claim(
            conn, claimant="x", now=NOW, lease_until=NOW + HOUR, limit=9, without=["slow.org", "s_ow.org"]
        )
        assert [each.recipient for each in claimed] == names[2:4]


def test_claims_without_digests(database: Database) -> None:
    """Where no digest may go, other mail does."""
    with database.write() as conn:
        one, two = add_subscriber(conn), add_subscriber(conn)
        plan_for(conn, one)
        deliveries.plan(conn, [planned(two, kind=Kind.LOGIN)], now=NOW)
        claimed = deliveries.claim(
            conn, claimant="x", now=NOW, lease_until=NOW + HOUR, limit=9, digests=False
        )
        assert [each.recipient for each in claimed] == [two.address]


def test_a_claim_is_given_up(database: Database) -> None:
    """As if it had never been made; what was begun, or is another's, stays."""
    with database.write() as conn:
        who = [add_subscriber(conn) for _ in range(3)]
        ids = plan_for(conn, *who)
        for name, limit in (("x", 2), ("y", 1)):
            deliveries.claim(conn, claimant=name, now=NOW, lease_until=NOW + HOUR, limit=limit)
        deliveries.begin(conn, {ids[0]: "hash"}, claimant="x", now=NOW)
        deliveries.unclaim(conn, [], claimant="x")
        deliveries.unclaim(conn, ids, claimant="x")
        again = deliveries.claim(conn, claimant="z", now=NOW, lease_until=NOW + HOUR, limit=9)
        assert [each.id for each in again] == [ids[1]]


def test_a_domain_is_put_aside(database: Database) -> None:
    """What is due to it and not begun waits, no try counted; what is begun, another's or another domain's does not."""
    with database.write() as conn:
        who = [add_subscriber(conn, name) for name in ("a@d.org", "b@d.org", "c@d.org", "d@d.org", "e@e.org")]
        begun, mine, theirs, planned, other = plan_for(conn, *who)
        deliveries.claim(conn, claimant="x", now=NOW, lease_until=NOW + HOUR, limit=2)
        deliveries.claim(conn, claimant="y", now=NOW, lease_until=NOW + HOUR, limit=1)
        deliveries.begin(conn, {begun: "hash"}, claimant="x", now=NOW)
        deliveries.put_aside(conn, "d.org", claimant="x", now=NOW, until=NOW + HOUR, reply="waits")
        rows = {
            row.id: (row.status, row.due_at, row.attempts, row.reply, row.claimant)
            for row in conn.execute(sa.select(ledger))
        }
        aside = (Status.DEFERRED, NOW + HOUR, 0, "waits", None)
        assert rows[mine] == rows[planned] == aside
        assert (rows[begun][0], rows[theirs][0], rows[other][0]) == ("claimed", "claimed", "planned")
