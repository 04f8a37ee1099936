"""What several steps of a subscriber's life have in common, inside the transaction of each."""

from __future__ import annotations

import datetime as dt

from sqlalchemy.engine import Connection

from digest.deliver.delivery import Kind, Status
from digest.pipeline.plan import Stamp
from digest.store import bounces, consents, deliveries, subscribers, uses
from digest.store.deliveries import Plan
from digest.subscribers.consent import Event, Evidence
from digest.subscribers.due import local_date, next_due
from digest.subscribers.subscriber import State, Subscriber

#: Whose address only a confirmation by its owner brings back.
BARRED = (State.LEFT, State.SUPPRESSED)
#: What someone waited for with nothing to send counts no more.
NOT_WAITING: dict[str, None] = dict.fromkeys(
    ("waits_for", "waits_until", "waits_reason", "checked_edition_id")
)

#: How long a mail may wait for a relay that is down. Links to export and erase open for a day: later they are dead.
_PATIENCE = dict.fromkeys(Kind, dt.timedelta(hours=48)) | {Kind.DATA: dt.timedelta(hours=12)}


def mail(conn: Connection, stamp: Stamp, subscriber: Subscriber, kind: Kind, now: dt.datetime) -> bool:
    """Put a mail into the outbox, one of a kind per address and day; False where the day had its own.

    The day is that of UTC: a reader's own would come twice for who posts another zone.
    """
    day = now.astimezone(dt.UTC).date()
    row = Plan(
        subscriber_id=subscriber.id,
        kind=kind,
        local_date=day,
        status=Status.PLANNED,
        recipient=subscriber.address,
        epoch=subscriber.epoch,
        message_id=stamp.message_id(kind, day, subscriber.id),
        template=stamp.template,
        signed_by=stamp.signed_by,
        planned_at=now.replace(microsecond=0),
        expires_at=now + _PATIENCE[kind],
    )
    return deliveries.post(conn, row, now=now)


def hold_same(conn: Connection, subscriber: Subscriber) -> Subscriber | None:
    """The subscriber as they stand now; None where every link that they had was revoked since they were looked up.

    A writer may wait for half a minute: in it a subscription can have gone to another address.
    """
    current = subscribers.hold(conn, subscriber.id)
    return current if current is not None and current.epoch == subscriber.epoch else None


def schedule(conn: Connection, subscriber_id: int, now: dt.datetime) -> None:
    """Work out anew when the next digest is due."""
    standing = subscribers.standing(conn, subscriber_id)
    when = standing.subscriber.schedule
    due_at = next_due(
        when,
        last_date=standing.last_date,
        last_mailed_at=standing.last_mailed_at,
        confirmed_on=local_date(standing.subscriber.confirmed_at or now, when.zone),
        now=now,
    )
    subscribers.change(conn, subscriber_id, due_at=due_at)


def activate(
    conn: Connection, subscriber_id: int, evidence: Evidence, *, confirmed_at: dt.datetime, now: dt.datetime
) -> None:
    """Take a yes, given at `confirmed_at`."""
    subscribers.change(conn, subscriber_id, state=State.ACTIVE, confirmed_at=confirmed_at)
    if confirmed_at < now:
        _start_today(conn, subscriber_id, now)
    schedule(conn, subscriber_id, now)
    consents.record(conn, subscriber_id, Event.CONFIRMED, evidence, at=confirmed_at)


def _start_today(conn: Connection, subscriber_id: int, now: dt.datetime) -> None:
    """Of the days since a yes that was given elsewhere, none is made up for: a weekly digest waits for its weekday."""
    standing = subscribers.standing(conn, subscriber_id)
    if standing.last_date is None:
        today = local_date(now, standing.subscriber.schedule.zone)
        subscribers.change(conn, subscriber_id, last_date=today - dt.timedelta(days=1))


def resume(conn: Connection, subscriber_id: int, evidence: Evidence, now: dt.datetime) -> None:
    """End a pause: the newest edition is next."""
    values = {"state": State.ACTIVE, "paused_until": None, "cursor_edition_id": None}
    subscribers.change(conn, subscriber_id, **values)
    schedule(conn, subscriber_id, now)
    consents.record(conn, subscriber_id, Event.RESUMED, evidence, at=now)


def opens(subscriber: Subscriber | None, epoch: int) -> bool:
    """Whether a link of this epoch opens the data of a subscriber.

    One that was asked for before leaving does so after it: whoever leaves may still want their data, or none kept.
    """
    if subscriber is None or not subscriber.address:
        return False
    return epoch == subscriber.epoch or (subscriber.state is State.LEFT and epoch == subscriber.epoch - 1)


def leave(conn: Connection, current: Subscriber, evidence: Evidence, now: dt.datetime) -> None:
    """End a subscription: what is not begun is withdrawn, and every link but the leave link is dead."""
    ended = dict.fromkeys(("due_at", "paused_until", "replaces"))
    subscribers.change(conn, current.id, state=State.LEFT, epoch=current.epoch + 1, **ended)
    deliveries.withdraw(conn, [current.id], now=now, reason="left")
    consents.record(conn, current.id, Event.LEFT, evidence, at=now)


def erase(conn: Connection, current: Subscriber, evidence: Evidence, now: dt.datetime) -> None:
    """Forget who someone was, but for the hash by which no import brings them back."""
    if current.state is not State.LEFT:
        leave(conn, current, evidence, now)
    consents.suppress(conn, consents.address_hash(conn, current.address), reason="erased", at=now)
    forget(conn, [current.id], now)
    uses.forget_of(conn, current.id)
    consents.record(conn, current.id, Event.ERASED, Evidence(method=evidence.method), at=now)


def forget(conn: Connection, subscriber_ids: list[int], now: dt.datetime) -> None:
    """Blank these, their mail and their record; the rows stay counted."""
    subscribers.remove(conn, subscriber_ids)
    # A goodbye may still be open: without its address it must not be tried.
    deliveries.withdraw(conn, subscriber_ids, now=now, reason="erased")
    deliveries.blank(conn, subscriber_ids)
    bounces.blank(conn, subscriber_ids)
    consents.forget_ips_of(conn, subscriber_ids)


def forget_asked(
    conn: Connection, asked: list[Subscriber], *, pending_for: dt.timedelta, now: dt.datetime
) -> None:
    """Forget who was asked to take a subscription over that is erased.

    Who was asked today is, with the first tidying of tomorrow: forgotten at once, the address would be one that had no
    mail today, and every subscription that asks it and is erased would send it another.
    """
    today = dt.datetime.combine(now.astimezone(dt.UTC), dt.time(), dt.UTC)
    recent = [each.id for each in asked if each.asked_at is not None and each.asked_at >= today]
    forget(conn, [each.id for each in asked if each.id not in recent], now)
    deliveries.withdraw(conn, recent, now=now, reason="erased")
    for key in recent:
        subscribers.change(conn, key, asked_at=today + dt.timedelta(days=1) - pending_for)
