"""The steps of a subscriber's life over one database, each a transaction of its own."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, replace
from typing import Any

from digest.deliver.delivery import Kind
from digest.pipeline.plan import Stamp
from digest.signup import data, door, moves, steps
from digest.signup.door import Outcome
from digest.signup.tidy import Tidied, tidy
from digest.store import consents, deliveries, subscribers, uses
from digest.store.database import Database
from digest.subscribers.address import address_key, normalise
from digest.subscribers.consent import Event, Evidence
from digest.subscribers.subscriber import SUBSCRIBED, Profile, Schedule, State, Subscriber


@dataclass(frozen=True, slots=True, kw_only=True)
class Signup:
    """Subscribers' lives over one database."""

    database: Database
    stamp: Stamp
    pending_for: dt.timedelta = dt.timedelta(days=7)  #: who has not confirmed by then is forgotten
    keep_ip_for: dt.timedelta = dt.timedelta(days=30)  #: how long the record tells from where was asked

    def request(
        self, address: str, *, profile: Profile, schedule: Schedule, evidence: Evidence, now: dt.datetime
    ) -> None:
        """Take what anybody posts at the public door; nothing comes back, so that no answer tells who is known.

        Who is not subscribed becomes pending and gets a mail to confirm; for who is, nothing changes but that they
        get a link to their choices. The statements run are the same for all, and so is the one commit.

        Args:
            address: As given; normalised here.
            profile: Of several requests before the confirmation, the newest counts.

        Raises:
            AddressError: It cannot be mailed.
        """
        stored = normalise(address)
        with self.database.write() as conn:
            door.request(
                conn, self.stamp, stored, profile=profile, schedule=schedule, evidence=evidence, now=now
            )

    def ask(
        self,
        address: str,
        *,
        profile: Profile,
        schedule: Schedule,
        confirmed: bool,
        evidence: Evidence,
        now: dt.datetime,
        confirmed_at: dt.datetime | None = None,
    ) -> tuple[Outcome, Subscriber]:
        """Subscribe an address by the operator's hand.

        Args:
            address: As given; normalised here.
            confirmed: Its owner agreed elsewhere, and whoever calls can show it; else a confirmation goes out.
            confirmed_at: When they did, where that is known; it is what the record says. Now if None.

        Raises:
            AddressError: It cannot be mailed.
        """
        stored = normalise(address)
        with self.database.write() as conn:
            return door.ask(
                conn,
                self.stamp,
                stored,
                profile=profile,
                schedule=schedule,
                confirmed=confirmed,
                evidence=evidence,
                confirmed_at=confirmed_at or now,
                now=now,
            )

    def confirm(
        self, subscriber_id: int, *, epoch: int, evidence: Evidence, now: dt.datetime
    ) -> Subscriber | None:
        """Take a yes: of who asked to subscribe, or of an address that a subscription moves to.

        Returns:
            Who is subscribed by it, also where it was taken before; None where nobody waits for it: they left
            since, were forgotten, or asked anew.
        """
        with self.database.write() as conn:
            seen = subscribers.get(conn, subscriber_id)
            if seen is None:
                return None
            subscribers.reserve(conn, address_key(seen.address))
            held = subscribers.hold_all(conn, {seen.id, seen.replaces or seen.id})
            current = held[seen.id]
            # Another's hand in this very moment changed what is asked: whoever comes again is answered rightly.
            if current.epoch != epoch or current.replaces != seen.replaces:
                return None
            if current.replaces is not None:
                replaced = held[current.replaces]
                return moves.take_over(conn, self.stamp, current, replaced, evidence=evidence, now=now)
            if current.state is not State.PENDING:
                return current if current.state in SUBSCRIBED else None
            consents.allow(conn, consents.address_hash(conn, current.address))
            steps.activate(conn, current.id, evidence, confirmed_at=now, now=now)
            return replace(current, state=State.ACTIVE, confirmed_at=now)

    def renew(self, subscriber_id: int, *, evidence: Evidence, now: dt.datetime) -> None:
        """Ask once more who is still pending: the link that they followed was too old."""
        with self.database.write() as conn:
            current = subscribers.hold(conn, subscriber_id)
            if current is None or current.state is not State.PENDING:
                return
            replaced = None if current.replaces is None else subscribers.get(conn, current.replaces)
            if replaced is not None and not moves.waits(replaced, current):
                return
            subscribers.change(conn, current.id, asked_at=now)
            consents.record(conn, current.id, Event.ASKED, evidence, at=now)
            steps.mail(conn, self.stamp, current, Kind.CONFIRM, now)

    def change(
        self, subscriber: Subscriber, *, profile: Profile, schedule: Schedule, now: dt.datetime
    ) -> bool:
        """Change what a subscriber wants, and when; the next digest is worked out anew. False once they left."""
        with self.database.write() as conn:
            current = steps.hold_same(conn, subscriber)
            if current is None or current.state is State.LEFT:
                return False
            subscribers.change(conn, current.id, profile=profile, schedule=schedule, **steps.NOT_WAITING)
            if current.state in SUBSCRIBED:
                steps.schedule(conn, current.id, now)
        return True

    def move(self, subscriber: Subscriber, address: str, *, evidence: Evidence, now: dt.datetime) -> None:
        """Ask another address to take a subscription over; until it says yes, all goes to the one that is.

        Nothing comes back, as from `request`: what stands at the other address is none of the subscriber's business.
        Of two changes the newer counts.

        Raises:
            AddressError: It cannot be mailed.
        """
        stored = normalise(address)
        with self.database.write() as conn:
            moves.ask(conn, self.stamp, subscriber, stored, evidence=evidence, now=now)

    def pause(
        self, subscriber: Subscriber, *, until: dt.date | None = None, evidence: Evidence, now: dt.datetime
    ) -> bool:
        """Mail nothing until a local date, or until resumed; what is planned is withdrawn.

        Returns:
            False where they are not subscribed, or pause until then already.
        """
        with self.database.write() as conn:
            current = steps.hold_same(conn, subscriber)
            if current is None or current.state not in SUBSCRIBED:
                return False
            if current.state is State.PAUSED and current.paused_until == until:
                return False
            values = {"state": State.PAUSED, "paused_until": until}
            subscribers.change(conn, current.id, **values, **steps.NOT_WAITING)
            deliveries.withdraw(conn, [current.id], now=now, reason="paused")
            consents.record(conn, current.id, Event.PAUSED, evidence, at=now)
        return True

    def resume(self, subscriber: Subscriber, *, evidence: Evidence, now: dt.datetime) -> bool:
        """Mail again, from the newest edition on. False where it is not paused."""
        with self.database.write() as conn:
            current = steps.hold_same(conn, subscriber)
            if current is None or current.state is not State.PAUSED:
                return False
            steps.resume(conn, current.id, evidence, now)
        return True

    def leave(
        self, subscriber: Subscriber, *, evidence: Evidence, now: dt.datetime, goodbye: bool = True
    ) -> bool:
        """Stop for good: nothing not yet begun is mailed any more. False where they left before."""
        with self.database.write() as conn:
            current = subscribers.hold(conn, subscriber.id)
            if current is None or current.state is State.LEFT:
                return False
            steps.leave(conn, current, evidence, now)
            if goodbye and current.state in SUBSCRIBED:
                steps.mail(conn, self.stamp, current, Kind.GOODBYE, now)
        return True

    def mail_data_links(self, subscriber: Subscriber, *, now: dt.datetime) -> None:
        """Mail the links to export and to erase, once a day; to who has left too, for their data is still here."""
        with self.database.write() as conn:
            current = subscribers.hold(conn, subscriber.id)
            if current is not None and current.address:
                steps.mail(conn, self.stamp, current, Kind.DATA, now)

    def export(
        self, subscriber_id: int, *, epoch: int, asked_s: int, now: dt.datetime
    ) -> dict[str, Any] | None:
        """All that is kept about a reader, ready for JSON; None where the link was used before, or is an old one."""
        with self.database.read() as conn:
            if not steps.opens(subscribers.get(conn, subscriber_id), epoch):
                return None
            document = data.document(conn, subscriber_id)
        # Used up last: a link is not lost to what went wrong before there was anything to hand out.
        with self.database.write() as conn:
            if not steps.opens(subscribers.hold(conn, subscriber_id), epoch):
                return None
            taken = uses.take(conn, "export", subscriber_id, asked_s, at=now)
        return document if taken else None

    def erase(self, subscriber: Subscriber, *, evidence: Evidence, now: dt.datetime) -> None:
        """Forget who they were. A keyed hash of the address stays, so that no import brings it back."""
        self._erase(subscriber.id, epoch=None, evidence=evidence, now=now)

    def erase_by_link(
        self, subscriber_id: int, *, epoch: int, asked_s: int, evidence: Evidence, now: dt.datetime
    ) -> bool:
        """The same, by a link from a mail; False where it was used before, or is an old one.

        Erasing raises the epoch, which uses up this link and all others: `asked_s` need not be kept.
        """
        return self._erase(subscriber_id, epoch=epoch, evidence=evidence, now=now)

    def _erase(self, subscriber_id: int, *, epoch: int | None, evidence: Evidence, now: dt.datetime) -> bool:
        with self.database.write() as conn:
            seen = subscribers.get(conn, subscriber_id)
            held = subscribers.hold_all(conn, {subscriber_id, (seen and seen.moves_to) or subscriber_id})
            current = held.get(subscriber_id)
            if current is None or not steps.opens(current, current.epoch if epoch is None else epoch):
                return False
            steps.erase(conn, current, evidence, now)
            # An address that was asked to take over, and has not answered, is part of what is known of them.
            asked = [each for each in held.values() if each.replaces == current.id and each.address]
            steps.forget_asked(conn, asked, pending_for=self.pending_for, now=now)
        return True

    def tidy(self, now: dt.datetime) -> Tidied:
        """Forget who never confirmed and from where was asked long ago, and end the pauses whose day has come."""
        return tidy(self.database, pending_for=self.pending_for, keep_ip_for=self.keep_ip_for, now=now)
