"""Readers at a sign-up, and a look at what is stored of them, for the tests of a subscriber's life."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy as sa

from digest.deliver.delivery import Status
from digest.signup import Outcome, Signup
from digest.store import consents, deliveries, ledger, subscribers
from digest.store.database import Database
from digest.store.schema import metadata
from digest.store.subscribers import Standing
from digest.subscribers.address import address_key
from digest.subscribers.consent import Consent, Evidence
from digest.subscribers.subscriber import Profile, Schedule, Subscriber
from tests.factories import HOUR, NOW, planned

ADDRESS = "Ada@example.org"
OTHER = "ada@work.example.org"
PROFILE = Profile(topics=("kites",), cap=5)
BERLIN = Schedule(zone="Europe/Berlin", hour=7)
WEB = Evidence(method="web", ip="192.0.2.7", text_version="t")
MAIL = Evidence(method="mail")
COMMAND = Evidence(method="command")


def ask(
    signup: Signup,
    address: str = ADDRESS,
    *,
    confirmed: bool = False,
    now: dt.datetime = NOW,
    profile: Profile = PROFILE,
    schedule: Schedule = BERLIN,
    evidence: Evidence = COMMAND,
    confirmed_at: dt.datetime | None = None,
) -> tuple[Outcome, Subscriber]:
    """Subscribe by the operator's hand."""
    return signup.ask(
        address,
        profile=profile,
        schedule=schedule,
        confirmed=confirmed,
        evidence=evidence,
        now=now,
        confirmed_at=confirmed_at,
    )


def request(
    signup: Signup,
    address: str = ADDRESS,
    *,
    now: dt.datetime = NOW,
    profile: Profile = PROFILE,
    schedule: Schedule = BERLIN,
    evidence: Evidence = WEB,
) -> None:
    """Knock at the public door."""
    signup.request(address, profile=profile, schedule=schedule, evidence=evidence, now=now)


def active(signup: Signup, address: str = ADDRESS) -> Subscriber:
    """Someone who subscribed."""
    return ask(signup, address, confirmed=True)[1]


def stored(signup: Signup, subscriber: Subscriber | int) -> Subscriber:
    """A subscriber as they stand in the database."""
    key = subscriber if isinstance(subscriber, int) else subscriber.id
    with signup.database.read() as conn:
        found = subscribers.get(conn, key)
    assert found is not None
    return found


def found(signup: Signup, address: str = ADDRESS) -> Subscriber | None:
    """Who has an address."""
    with signup.database.read() as conn:
        return subscribers.find(conn, address_key(address))


def known(signup: Signup, address: str = ADDRESS) -> Subscriber:
    """The same, of an address that someone has."""
    subscriber = found(signup, address)
    assert subscriber is not None
    return subscriber


def standing(signup: Signup, subscriber: Subscriber) -> Standing:
    """Where a subscriber stands on the way of the editions."""
    with signup.database.read() as conn:
        return subscribers.standing(conn, subscriber.id)


def record(signup: Signup, subscriber: Subscriber) -> list[Consent]:
    """The consent record of a subscriber."""
    with signup.database.read() as conn:
        return consents.of(conn, subscriber.id)


def events(signup: Signup, subscriber: Subscriber) -> list[str]:
    """The same, its events alone."""
    return [line.event.value for line in record(signup, subscriber)]


def mails(signup: Signup) -> list[tuple[str, str, str]]:
    """All mail of the ledger as (kind, status, recipient), in the order of planning."""
    with signup.database.read() as conn:
        assert ledger.balance(conn).difference == 0
        rows = conn.exec_driver_sql("SELECT kind, status, recipient FROM deliveries ORDER BY id")
        return [tuple(row) for row in rows]


def plan_digest(signup: Signup, subscriber: Subscriber, **values: object) -> None:
    """Put a digest of today into the outbox."""
    with signup.database.write() as conn:
        deliveries.plan(conn, [planned(subscriber, **values)], now=NOW)  # type: ignore[arg-type] # checked by the dataclass


def hand_over(signup: Signup) -> None:
    """Let the relay take all that is open: it is past recall."""
    with signup.database.write() as conn:
        taken = deliveries.claim(conn, claimant="me", now=NOW, lease_until=NOW + HOUR, limit=99)
        hashes = dict.fromkeys([mail.id for mail in taken], "ab" * 32)
        begun = deliveries.begin(conn, hashes, claimant="me", now=NOW)
        results = [
            deliveries.Result(delivery_id=key, status=Status.SENT, reply="250") for key in sorted(begun)
        ]
        deliveries.settle(conn, results, claimant="me", now=NOW)


def everything(signup: Signup) -> dict[str, list[str]]:
    """All rows of all tables that readers stand in, as text."""
    names = ("subscribers", "deliveries", "consents", "suppressions", "facts", "uses")
    with signup.database.read() as conn:
        return {
            name: sorted(str(tuple(row)) for row in conn.execute(sa.select(metadata.tables[name])))
            for name in names
        }


@contextmanager
def counted(database: Database) -> Iterator[list[str]]:
    """The statements that run while the block does, one word each, and the commits and roll-backs among them."""
    ran: list[str] = []

    def note(_conn: object, _cursor: object, sql: str, *_rest: object) -> None:
        if not sql.startswith(("BEGIN", "COMMIT")):
            ran.append(" ".join(sql.split())[:60])

    def commit(_conn: object) -> None:
        ran.append("COMMIT")

    def rollback(_conn: object) -> None:
        ran.append("ROLLBACK")

    listeners = (("before_cursor_execute", note), ("commit", commit), ("rollback", rollback))
    for name, listener in listeners:
        sa.event.listen(database.engine, name, listener)
    try:
        yield ran
    finally:
        for name, listener in listeners:
            sa.event.remove(database.engine, name, listener)
