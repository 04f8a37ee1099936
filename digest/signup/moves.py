"""A change of address: the new one says yes before the old one stops.

The new address is put down as pending, with the subscription that it `replaces`; that one `moves_to` it. Each names
the other, and the newest word of either side counts: a second change, a sign-up of the new address for itself, or
leaving makes the first yes one that nobody waits for.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

from sqlalchemy.engine import Connection

from digest.deliver.delivery import Kind
from digest.pipeline.plan import Stamp
from digest.signup.steps import BARRED, mail
from digest.store import consents, deliveries, subscribers
from digest.subscribers.address import address_key
from digest.subscribers.consent import Event, Evidence
from digest.subscribers.subscriber import SUBSCRIBED, Profile, Schedule, State, Subscriber


def ask(
    conn: Connection,
    stamp: Stamp,
    subscriber: Subscriber,
    address: str,
    *,
    evidence: Evidence,
    now: dt.datetime,
) -> None:
    """Ask a normalised address whether it takes a subscription over; nothing where that one is none any more."""
    key = address_key(address)
    subscribers.reserve(conn, key)
    known = subscribers.find(conn, key)
    held = subscribers.hold_all(conn, {subscriber.id} | ({known.id} if known else set()))
    current = held.get(subscriber.id)
    if current is None or current.state not in SUBSCRIBED or current.epoch != subscriber.epoch:
        return
    asked = subscribers.enter(
        conn,
        address=address,
        address_key=key,
        profile=Profile(),
        schedule=Schedule(),
        now=now,
        replaces=current.id,
    )
    subscribers.change(conn, current.id, moves_to=asked.id if asked else None)
    # Written down whatever stands at that address: the record must not tell.
    consents.record(conn, current.id, Event.ASKED, evidence, at=now)
    other = held[known.id] if known else None
    # Nor must the work done: as at the door, the same statements whatever is known of that address.
    barred = other.state if other is not None and other.state in BARRED else None
    hashed = consents.address_hash(conn, address)
    consents.suppress(conn, hashed, reason=barred or "", at=now, holds=barred is not None)
    if asked is not None:
        mail(conn, stamp, asked, Kind.CONFIRM, now)
    elif other is not None and other.id != current.id:
        mail(conn, stamp, other, Kind.LOGIN, now)


def take_over(
    conn: Connection,
    stamp: Stamp,
    asked: Subscriber,
    subscriber: Subscriber,
    *,
    evidence: Evidence,
    now: dt.datetime,
) -> Subscriber | None:
    """Take the yes of an address to the subscription that it replaces; both are held.

    Returns:
        The subscription at its new address, also where this yes was taken before; None where nobody waits for it.
    """
    if not waits(subscriber, asked):
        return None
    if asked.state is not State.PENDING:
        return None if asked.address else subscriber
    consents.allow(conn, consents.address_hash(conn, asked.address))
    _close(conn, asked, now)
    moved = replace(subscriber, address=asked.address, epoch=subscriber.epoch + 1)
    subscribers.change(
        conn, moved.id, address=moved.address, address_key=address_key(moved.address), epoch=moved.epoch
    )
    deliveries.readdress(conn, moved.id, recipient=moved.address, epoch=moved.epoch, now=now)
    # To the old address, and with its epoch: what that mail links to must not open the choices of the new one.
    mail(conn, stamp, subscriber, Kind.MOVED, now)
    # A forwarded mail is enough to ask for a move: who takes over exports the record, and must not learn from where
    # the reader before them asked for anything.
    consents.forget_ips_of(conn, [moved.id])
    consents.record(conn, moved.id, Event.MOVED, evidence, at=now)
    return moved


def waits(subscriber: Subscriber, asked: Subscriber) -> bool:
    """Whether a subscription still waits for the yes of this address, or lives there by it."""
    return subscriber.moves_to == asked.id and subscriber.state in SUBSCRIBED


def _close(conn: Connection, asked: Subscriber, now: dt.datetime) -> None:
    """Blank the pending row: its address is about to be another's."""
    subscribers.remove(conn, [asked.id], taken_over=True)
    deliveries.withdraw(conn, [asked.id], now=now, reason="moved")
    deliveries.blank(conn, [asked.id])
