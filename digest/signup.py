"""A subscriber's life: ask, confirm, change, pause, resume, leave, erase. Each step is one transaction."""

from __future__ import annotations

import datetime as dt
import hashlib
import hmac
from dataclasses import dataclass, replace
from enum import StrEnum

from sqlalchemy.engine import Connection

from digest.deliver.delivery import Kind, Status
from digest.pipeline.plan import Stamp
from digest.store import deliveries, facts, subscribers
from digest.store.database import Database
from digest.store.deliveries import Plan
from digest.subscribers.address import address_key, normalise
from digest.subscribers.due import local_date, next_due
from digest.subscribers.subscriber import Profile, Schedule, State, Subscriber

#: How long a mail of this kind may wait for a relay that is down.
_PATIENCE = {Kind.CONFIRM: dt.timedelta(hours=48), Kind.GOODBYE: dt.timedelta(hours=48)}
_MAILABLE = (State.ACTIVE, State.PAUSED)


class Outcome(StrEnum):
    """What asking for a subscription did."""

    ADDED = "added"  #: active now, consent recorded
    ASKED = "asked"  #: pending; a confirmation is on its way
    ASKED_BEFORE = "asked_before"  #: pending; today's confirmation was sent already
    KNOWN = "known"  #: subscribed already: nothing changed
    REFUSED = "refused"  #: left, erased or suppressed: only a confirmation by its owner brings it back


@dataclass(frozen=True, slots=True, kw_only=True)
class Signup:
    """Subscribers' lives over one database."""

    database: Database
    stamp: Stamp

    def ask(
        self,
        address: str,
        *,
        profile: Profile,
        schedule: Schedule,
        confirmed: bool,
        method: str,
        now: dt.datetime,
    ) -> tuple[Outcome, Subscriber]:
        """Subscribe an address.

        Args:
            address: As given; normalised here.
            confirmed: Its owner agreed elsewhere, and whoever calls can show it; else a confirmation goes out.
            method: How it was asked for, for the consent record: command or import.

        Raises:
            AddressError: It cannot be mailed.
        """
        stored = normalise(address)
        with self.database.write() as conn:
            subscribers.reserve(conn, address_key(stored))
            known = subscribers.find(conn, address_key(stored))
            barred = known is not None and known.state in (State.LEFT, State.SUPPRESSED)
            barred = barred or subscribers.suppressed(conn, self._hash(conn, stored)) is not None
            if known is not None and known.state in _MAILABLE:
                return Outcome.KNOWN, known
            if barred and confirmed:
                return Outcome.REFUSED, known or _nobody(stored, profile, schedule)
            if barred and known is not None:
                # Pending would hide that they had left: no import may activate them until they confirm.
                subscribers.suppress(conn, self._hash(conn, stored), reason=known.state, at=now)
            subscriber = self._enter(conn, known, stored, profile, schedule, now)
            if confirmed:
                self._activate(conn, subscriber, method, now)
                return Outcome.ADDED, replace(subscriber, state=State.ACTIVE, confirmed_at=now)
            asked = self._mail(conn, subscriber, Kind.CONFIRM, now)
            subscribers.consent(conn, subscriber.id, at=now, event="asked", method=method)
            return (Outcome.ASKED if asked else Outcome.ASKED_BEFORE), subscriber

    def confirm(self, subscriber_id: int, *, epoch: int, method: str, now: dt.datetime) -> bool:
        """Take a pending subscriber's yes; False where it is not pending, or the link is an old one."""
        with self.database.write() as conn:
            subscriber = subscribers.hold(conn, subscriber_id)
            if subscriber is None or subscriber.state is not State.PENDING or subscriber.epoch != epoch:
                return False
            subscribers.allow(conn, self._hash(conn, subscriber.address))
            self._activate(conn, subscriber, method, now)
            return True

    def change(
        self, subscriber: Subscriber, *, profile: Profile, schedule: Schedule, now: dt.datetime
    ) -> None:
        """Change what a subscriber wants, and when; the next digest is worked out anew. Nothing once they left."""
        with self.database.write() as conn:
            current = subscribers.hold(conn, subscriber.id)
            if current is None or current.state is State.LEFT:
                return
            subscribers.change(conn, current.id, profile=profile, schedule=schedule, **_NOT_WAITING)
            if current.state in _MAILABLE:
                self._schedule(conn, subscriber.id, now)

    def pause(self, subscriber: Subscriber, *, method: str, now: dt.datetime) -> bool:
        """Mail nothing until resumed; what is planned is withdrawn. False where it is not active."""
        with self.database.write() as conn:
            if not _is(conn, subscriber, State.ACTIVE):
                return False
            subscribers.change(conn, subscriber.id, state=State.PAUSED, **_NOT_WAITING)
            deliveries.withdraw(conn, subscriber.id, now=now, reason="paused")
            subscribers.consent(conn, subscriber.id, at=now, event="paused", method=method)
        return True

    def resume(self, subscriber: Subscriber, *, method: str, now: dt.datetime) -> bool:
        """Mail again, from the newest edition on. False where it is not paused."""
        with self.database.write() as conn:
            if not _is(conn, subscriber, State.PAUSED):
                return False
            subscribers.change(conn, subscriber.id, state=State.ACTIVE, cursor_edition_id=None)
            self._schedule(conn, subscriber.id, now)
            subscribers.consent(conn, subscriber.id, at=now, event="resumed", method=method)
        return True

    def leave(self, subscriber: Subscriber, *, method: str, now: dt.datetime, goodbye: bool = True) -> bool:
        """Stop for good: nothing not yet begun is mailed any more. False where they left before."""
        with self.database.write() as conn:
            current = subscribers.hold(conn, subscriber.id)
            if current is None or current.state is State.LEFT:
                return False
            self._leave(conn, current, method, now)
            if goodbye and current.state in _MAILABLE:
                self._mail(conn, current, Kind.GOODBYE, now)
        return True

    def erase(self, subscriber: Subscriber, *, method: str, now: dt.datetime) -> None:
        """Forget who they were. A keyed hash of the address stays, so that no import brings it back."""
        with self.database.write() as conn:
            current = subscribers.hold(conn, subscriber.id)
            if current is None or not current.address:
                return
            if current.state is not State.LEFT:
                self._leave(conn, current, method, now)
            subscribers.suppress(conn, self._hash(conn, current.address), reason="erased", at=now)
            subscribers.remove(conn, current.id)
            # A goodbye may still be open: without its address it must not be tried.
            deliveries.withdraw(conn, current.id, now=now, reason="erased")
            deliveries.blank(conn, current.id)
            subscribers.consent(conn, current.id, at=now, event="erased", method=method)

    def _leave(self, conn: Connection, current: Subscriber, method: str, now: dt.datetime) -> None:
        subscribers.change(conn, current.id, state=State.LEFT, due_at=None, epoch=current.epoch + 1)
        deliveries.withdraw(conn, current.id, now=now, reason="left")
        subscribers.consent(conn, current.id, at=now, event="left", method=method)

    def _enter(
        self,
        conn: Connection,
        known: Subscriber | None,
        address: str,
        profile: Profile,
        schedule: Schedule,
        now: dt.datetime,
    ) -> Subscriber:
        """Put a pending subscriber down, anew or once more."""
        if known is not None:
            subscribers.change(
                conn,
                known.id,
                state=State.PENDING,
                profile=profile,
                schedule=schedule,
                cursor_edition_id=None,
                **_NOT_WAITING,
            )
            return replace(known, state=State.PENDING, profile=profile, schedule=schedule)
        added = subscribers.add(
            conn,
            address=address,
            address_key=address_key(address),
            state=State.PENDING,
            profile=profile,
            schedule=schedule,
            now=now,
            due_at=None,
        )
        return Subscriber(id=added, address=address, state=State.PENDING, profile=profile, schedule=schedule)

    def _activate(self, conn: Connection, subscriber: Subscriber, method: str, now: dt.datetime) -> None:
        subscribers.change(conn, subscriber.id, state=State.ACTIVE, confirmed_at=now)
        self._schedule(conn, subscriber.id, now)
        subscribers.consent(conn, subscriber.id, at=now, event="confirmed", method=method)

    def _schedule(self, conn: Connection, subscriber_id: int, now: dt.datetime) -> None:
        standing = subscribers.standing(conn, subscriber_id)
        schedule = standing.subscriber.schedule
        due_at = next_due(
            schedule,
            last_date=standing.last_date,
            last_mailed_at=standing.last_mailed_at,
            confirmed_on=local_date(standing.subscriber.confirmed_at or now, schedule.zone),
            now=now,
        )
        subscribers.change(conn, subscriber_id, due_at=due_at)

    def _mail(self, conn: Connection, subscriber: Subscriber, kind: Kind, now: dt.datetime) -> bool:
        """Put a mail into the outbox, one of a kind per address and day; False where today's was sent."""
        day = local_date(now, subscriber.schedule.zone)
        row = Plan(
            subscriber_id=subscriber.id,
            kind=kind,
            local_date=day,
            status=Status.PLANNED,
            recipient=subscriber.address,
            epoch=subscriber.epoch,
            message_id=self.stamp.message_id(kind, day, subscriber.id),
            template=self.stamp.template,
            planned_at=now.replace(microsecond=0),
            expires_at=now + _PATIENCE[kind],
        )
        return deliveries.plan(conn, [row], now=now) > 0 or deliveries.reopen(conn, row)

    def _hash(self, conn: Connection, address: str) -> str:
        key = facts.key(conn, "suppressions")
        return hmac.new(key, address_key(address).encode(), hashlib.sha256).hexdigest()


_NOT_WAITING = {"waits_for": None, "waits_until": None, "waits_reason": None, "checked_edition_id": None}


def _is(conn: Connection, subscriber: Subscriber, state: State) -> bool:
    """Whether a subscriber is in this state now: who holds an older value must not undo that they left."""
    current = subscribers.hold(conn, subscriber.id)
    return current is not None and current.state is state


def _nobody(address: str, profile: Profile, schedule: Schedule) -> Subscriber:
    """The answer for an erased address: nothing is stored of it."""
    return Subscriber(id=0, address=address, state=State.LEFT, profile=profile, schedule=schedule)
