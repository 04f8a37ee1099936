"""Who asks to subscribe: at the public door, which tells nothing, and by the operator's hand."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from enum import StrEnum

from sqlalchemy.engine import Connection

from digest.deliver.delivery import Kind
from digest.pipeline.plan import Stamp
from digest.signup.steps import BARRED, activate, mail
from digest.store import consents, subscribers
from digest.subscribers.address import address_key
from digest.subscribers.consent import Event, Evidence
from digest.subscribers.subscriber import SUBSCRIBED, Profile, Schedule, State, Subscriber


class Outcome(StrEnum):
    """What asking for a subscription did."""

    ADDED = "added"  #: active now, consent recorded
    ASKED = "asked"  #: pending; a confirmation is on its way
    ASKED_BEFORE = "asked_before"  #: pending; today's confirmation was sent already
    KNOWN = "known"  #: subscribed already: nothing changed
    REFUSED = "refused"  #: left, erased or suppressed: only a confirmation by its owner brings it back


def request(
    conn: Connection,
    stamp: Stamp,
    address: str,
    *,
    profile: Profile,
    schedule: Schedule,
    evidence: Evidence,
    now: dt.datetime,
) -> None:
    """Take a request of anybody for a normalised address.

    Straight on, without a branch that runs a statement more or less: neither the answer nor the work done tells
    whether the address is known here. A test counts the statements.
    """
    known = subscribers.hold_address(conn, address_key(address))
    barred = known.state if known is not None and known.state in BARRED else None
    # Pending would hide that they had left: no import may activate them until they confirm.
    hashed = consents.address_hash(conn, address)
    consents.suppress(conn, hashed, reason=barred or "", at=now, holds=barred is not None)
    entered = subscribers.enter(
        conn,
        address=address,
        address_key=address_key(address),
        profile=profile,
        schedule=schedule,
        now=now,
    )
    subscriber = entered or known
    assert subscriber is not None  # the address was new, or someone has it
    mail(conn, stamp, subscriber, Kind.CONFIRM if entered else Kind.LOGIN, now)
    consents.record(conn, subscriber.id, Event.ASKED, evidence, at=now, holds=entered is not None)


def ask(
    conn: Connection,
    stamp: Stamp,
    address: str,
    *,
    profile: Profile,
    schedule: Schedule,
    confirmed: bool,
    evidence: Evidence,
    confirmed_at: dt.datetime,
    now: dt.datetime,
) -> tuple[Outcome, Subscriber]:
    """Subscribe a normalised address for who may know what became of it."""
    known = subscribers.hold_address(conn, address_key(address))
    if known is not None and known.state in SUBSCRIBED:
        return Outcome.KNOWN, known
    hashed = consents.address_hash(conn, address)
    left = known is not None and known.state in BARRED
    if confirmed and (left or consents.suppressed(conn, hashed) is not None):
        return Outcome.REFUSED, known or _nobody(address, profile, schedule)
    if known is not None:
        consents.suppress(conn, hashed, reason=known.state, at=now, holds=left)  # as above
    key = address_key(address)
    entered = subscribers.enter(
        conn, address=address, address_key=key, profile=profile, schedule=schedule, now=now
    )
    assert entered is not None  # it is held, and was not subscribed
    if confirmed:
        activate(conn, entered.id, evidence, confirmed_at=confirmed_at, now=now)
        return Outcome.ADDED, replace(entered, state=State.ACTIVE, confirmed_at=confirmed_at)
    consents.record(conn, entered.id, Event.ASKED, evidence, at=now)
    asked = mail(conn, stamp, entered, Kind.CONFIRM, now)
    return (Outcome.ASKED if asked else Outcome.ASKED_BEFORE), entered


def _nobody(address: str, profile: Profile, schedule: Schedule) -> Subscriber:
    """Who would have been added: an address that was erased stays unknown."""
    return Subscriber(id=0, address=address, state=State.LEFT, profile=profile, schedule=schedule)
