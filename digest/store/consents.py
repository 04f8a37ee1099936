"""What subscribers agreed to or took back, and the addresses that are never mailed whoever adds them."""

from __future__ import annotations

import datetime as dt
import hashlib
import hmac
from collections.abc import Sequence

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from digest.store import facts
from digest.store.engines import INSERTS
from digest.store.schema import consents, suppressions
from digest.store.types import Instant
from digest.subscribers.address import address_key
from digest.subscribers.consent import Consent, Event, Evidence

# Built once, as in `deliveries`: of what a sign-up costs, most was the building of its statements.
_HOLDS = sa.bindparam("holds", type_=sa.Boolean)
_RECORD = sa.insert(consents).from_select(
    ["subscriber_id", "at", "event", "method", "ip", "text_version"],
    sa.select(
        sa.bindparam("of", type_=sa.Integer),
        sa.bindparam("moment", type_=Instant),
        sa.bindparam("what", type_=sa.Text),
        sa.bindparam("by", type_=sa.Text),
        sa.bindparam("from_ip", type_=sa.Text),
        sa.bindparam("to_text", type_=sa.Text),
    ).where(_HOLDS),
)
_SUPPRESSED = sa.select(
    sa.bindparam("hash", type_=sa.Text),
    sa.bindparam("why", type_=sa.Text),
    sa.bindparam("moment", type_=Instant),
).where(_HOLDS)
_SUPPRESS = {
    engine: put(suppressions)
    .from_select(["address_hash", "reason", "at"], _SUPPRESSED)
    .on_conflict_do_nothing()
    for engine, put in INSERTS.items()
}


def record(
    conn: Connection,
    subscriber_id: int,
    event: Event,
    evidence: Evidence,
    *,
    at: dt.datetime,
    holds: bool = True,
) -> None:
    """Write down a step of a subscriber: when it was taken, and how it was asked for.

    Args:
        holds: Else nothing is written, by the same one statement: what it costs tells nothing.
    """
    given = {"of": subscriber_id, "moment": at, "what": event, "holds": holds}
    how = {"by": evidence.method, "from_ip": evidence.ip, "to_text": evidence.text_version}
    conn.execute(_RECORD, {**given, **how})


def of(conn: Connection, subscriber_id: int) -> list[Consent]:
    """The consent record of one subscriber, oldest first."""
    query = sa.select(consents).where(consents.c.subscriber_id == subscriber_id).order_by(consents.c.id)
    return [
        Consent(
            at=row.at,
            event=Event(row.event),
            evidence=Evidence(method=row.method, ip=row.ip, text_version=row.text_version),
        )
        for row in conn.execute(query)
    ]


def with_ip(conn: Connection, *, before: dt.datetime) -> list[int]:
    """Lines older than a moment that still tell from where they were asked for, by id."""
    query = sa.select(consents.c.id).where(consents.c.ip.is_not(None), consents.c.at < before)
    return list(conn.scalars(query.order_by(consents.c.id)))


def forget_ips(conn: Connection, consent_ids: Sequence[int]) -> None:
    """Forget from where these lines were asked for."""
    conn.execute(sa.update(consents).where(consents.c.id.in_(consent_ids)).values(ip=None))


def forget_ips_of(conn: Connection, subscriber_ids: Sequence[int]) -> None:
    """Forget from where these subscribers asked for anything."""
    conn.execute(sa.update(consents).where(consents.c.subscriber_id.in_(subscriber_ids)).values(ip=None))


def address_hash(conn: Connection, address: str) -> str:
    """What stays of an address that is never to be mailed again; without the key it says nothing."""
    key = facts.key(conn, "suppressions")
    return hmac.new(key, address_key(address).encode(), hashlib.sha256).hexdigest()


def suppress(conn: Connection, hashed: str, *, reason: str, at: dt.datetime, holds: bool = True) -> None:
    """Never mail an address again, whoever adds it; the first reason stays.

    Args:
        holds: Else nothing is written, by the same one statement.
    """
    given = {"hash": hashed, "why": reason, "moment": at, "holds": holds}
    conn.execute(_SUPPRESS[conn.dialect.name], given)


def suppressed(conn: Connection, hashed: str) -> str | None:
    """Why an address is never mailed, if it is not."""
    query = sa.select(suppressions.c.reason).where(suppressions.c.address_hash == hashed)
    reason: str | None = conn.scalar(query)
    return reason


def allow(conn: Connection, hashed: str) -> None:
    """Lift a suppression: the owner of the address asked for mail again and confirmed it."""
    conn.execute(sa.delete(suppressions).where(suppressions.c.address_hash == hashed))
