"""Bounces: what came back for deliveries, and whom it suppresses."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row

from digest.deliver.bounce import Bounce, BounceKind, BouncePolicy, Door, Fate, is_tired
from digest.deliver.delivery import OPEN, Status
from digest.store import consents
from digest.store.engines import insert, pieces
from digest.store.schema import bounces, deliveries, subscribers
from digest.store.subscribers import hold_those
from digest.store.types import unpaired
from digest.subscribers.address import address_key
from digest.subscribers.consent import Event, Evidence
from digest.subscribers.subscriber import SUBSCRIBED, State

#: Of these one is enough.
_DEADLY = {BounceKind.HARD: Event.BOUNCED, BounceKind.COMPLAINT: Event.COMPLAINED}
#: What a delivery came to, where its reader may have it or is known not to.
_SETTLED = (Status.SENT, Status.FAILED, Status.EXPIRED, Status.AMBIGUOUS)
#: What a relay has no time for now is a bounce only if the mail was never taken.
_COUNTS = sa.or_(
    bounces.c.door != Door.SMTP, deliveries.c.status.not_in([*OPEN, Status.SENT, Status.AMBIGUOUS])
)
#: What someone waited for with nothing to send counts no more.
_NOT_WAITING: dict[str, None] = dict.fromkeys(
    ("waits_for", "waits_until", "waits_reason", "checked_edition_id", "paused_until")
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Came:
    """A bounce of a delivery, as it comes in."""

    delivery_id: int
    bounce: Bounce
    door: Door


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """What became of bounces that came in."""

    new: int  #: were not known before
    unknown: int  #: of no delivery that there is
    suppressed: tuple[int, ...]  #: subscribers; the caller withdraws what is open for them


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """A bounce as it was kept."""

    at: dt.datetime
    local_date: dt.date  #: of its delivery
    bounce: Bounce
    door: Door

    def document(self) -> dict[str, object]:
        """All of it, ready for JSON."""
        return {
            "at": self.at.isoformat(),
            "date": self.local_date.isoformat(),
            "kind": str(self.bounce.kind),
            "status": self.bounce.status,
            "detail": self.bounce.detail,
            "door": str(self.door),
        }

    def told(self) -> str:
        """The same in a line."""
        return f"bounced, {self.bounce.kind} (by {self.door}): {self.bounce.detail}, the mail of {self.local_date}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """How many of an edition's mails bounced."""

    mails: int  #: handed over, or refused for good
    bounced: int


def hold_of(conn: Connection, came: Sequence[Came]) -> None:
    """Hold the readers whom these suppress, before their mail is touched (see `subscribers.hold`)."""
    deadly = [each.delivery_id for each in came if each.bounce.kind in _DEADLY]
    for piece in pieces(deadly):
        hold_those(conn, sa.select(deliveries.c.subscriber_id).where(deliveries.c.id.in_(piece)))


def take(conn: Connection, came: Sequence[Came], *, now: dt.datetime) -> Taken:
    """Keep what is not known yet, and suppress who bounced hard or complained; see `deliveries.bounced`.

    An address that its reader has moved away from since, or that its owner confirmed after the mail was planned,
    is spared: the bounce is about what was.
    """
    rows = {row.id: row for row in _rows(conn, {each.delivery_id for each in came})}
    known = [each for each in came if each.delivery_id in rows]
    new = [each for each in known if _keep(conn, each, rows[each.delivery_id].subscriber_id, now)]
    gone: dict[int, None] = {}
    for each in new:
        row = rows[each.delivery_id]
        if each.bounce.kind in _DEADLY and _concerns(row, each.bounce.kind):
            _suppress(conn, row, _DEADLY[each.bounce.kind], Evidence(method=each.door.value), now)
            gone[row.subscriber_id] = None
    return Taken(new=len(new), unknown=len(came) - len(known), suppressed=tuple(gone))


def _rows(conn: Connection, delivery_ids: Collection[int]) -> Iterator[Row[Any]]:
    joined = deliveries.outerjoin(subscribers, subscribers.c.id == deliveries.c.subscriber_id)
    query: sa.Select[Any] = sa.select(
        deliveries.c.id,
        deliveries.c.subscriber_id,
        deliveries.c.recipient,
        deliveries.c.planned_at,
        subscribers.c.address,
        subscribers.c.state,
        subscribers.c.confirmed_at,
    ).select_from(joined)
    for piece in pieces(delivery_ids):
        yield from conn.execute(query.where(deliveries.c.id.in_(piece)))


def _keep(conn: Connection, came: Came, subscriber_id: int | None, now: dt.datetime) -> bool:
    statement = (
        insert(conn, bounces)
        .values(
            delivery_id=came.delivery_id,
            subscriber_id=subscriber_id,
            at=now,
            kind=came.bounce.kind,
            status=came.bounce.status,
            detail=unpaired(came.bounce.detail).replace("\0", "\N{REPLACEMENT CHARACTER}"),
            door=came.door,
        )
        .on_conflict_do_nothing(index_elements=["delivery_id", "kind", "door"])
        .returning(bounces.c.id)
    )
    return conn.scalar(statement) is not None


def _concerns(row: Row[Any], kind: BounceKind) -> bool:
    if row.state is None or address_key(row.recipient) != address_key(row.address) or not row.address:
        return False
    if kind is BounceKind.COMPLAINT or row.confirmed_at is None:
        return True
    # Planned to the second; and who says yes in the second of a plan has said it first.
    return bool(row.planned_at >= row.confirmed_at.replace(microsecond=0))


def _suppress(conn: Connection, row: Row[Any], event: Event, evidence: Evidence, now: dt.datetime) -> None:
    """Never mail an address again, unless its owner confirms it once more.

    Who has not said yes yet stays pending, and is forgotten as all are who never do; the hash keeps imports out.
    """
    consents.suppress(conn, consents.address_hash(conn, row.address), reason=event, at=now)
    changed = conn.execute(
        sa.update(subscribers)
        .where(subscribers.c.id == row.subscriber_id, subscribers.c.state.in_(SUBSCRIBED))
        .values(state=State.SUPPRESSED, **_NOT_WAITING)
    )
    if changed.rowcount:
        consents.record(conn, row.subscriber_id, event, evidence, at=now)


def often(conn: Connection, policy: BouncePolicy, *, now: dt.datetime) -> list[int]:
    """Subscribers, by id, with as many soft bounces lately as suppress; whether in a row is for `weigh` to say."""
    query = (
        sa.select(bounces.c.subscriber_id)
        .join(subscribers, subscribers.c.id == bounces.c.subscriber_id)
        .where(
            bounces.c.at > now - dt.timedelta(days=policy.soft_days),
            bounces.c.kind == BounceKind.SOFT,
            subscribers.c.state.in_(SUBSCRIBED),
        )
        .group_by(bounces.c.subscriber_id)
        .having(sa.func.count() >= policy.soft_limit)
        .order_by(bounces.c.subscriber_id)
    )
    return list(conn.scalars(query))


def weigh(
    conn: Connection, subscriber_ids: Sequence[int], policy: BouncePolicy, *, now: dt.datetime
) -> list[int]:
    """Suppress those of these whose last mails bounced softly, too many in a row; returns who they are."""
    hold_those(conn, sa.select(subscribers.c.id).where(subscribers.c.id.in_(subscriber_ids)))
    lately: dict[int, list[Row[Any]]] = {}
    for row in conn.execute(_history(subscriber_ids, now - dt.timedelta(days=policy.soft_days))):
        lately.setdefault(row.subscriber_id, []).append(row)
    tired = [rows for rows in lately.values() if is_tired([_fate(row) for row in rows], policy)]
    for rows in tired:
        bounced = next(row for row in rows if row.kind is not None)
        _suppress(conn, rows[0], Event.BOUNCED, Evidence(method=Door(bounced.door).value), now)
    return sorted(rows[0].subscriber_id for rows in tired)


def _history(subscriber_ids: Sequence[int], since: dt.datetime) -> sa.Select[Any]:
    """What became of the mails to these readers' present addresses, newest first, once for each bounce."""
    joined = deliveries.join(subscribers, subscribers.c.id == deliveries.c.subscriber_id).outerjoin(
        bounces, sa.and_(bounces.c.delivery_id == deliveries.c.id, _COUNTS)
    )
    return (
        sa.select(
            deliveries.c.subscriber_id,
            deliveries.c.local_date,
            deliveries.c.status,
            subscribers.c.address,
            bounces.c.kind,
            bounces.c.door,
        )
        .select_from(joined)
        .where(
            deliveries.c.subscriber_id.in_(subscriber_ids),
            deliveries.c.local_date >= since.date(),
            deliveries.c.status.in_(_SETTLED),
            subscribers.c.state.in_(SUBSCRIBED),
            sa.func.lower(deliveries.c.recipient) == subscribers.c.address_key,
            sa.or_(
                subscribers.c.confirmed_at.is_(None), deliveries.c.planned_at >= subscribers.c.confirmed_at
            ),
        )
        .order_by(deliveries.c.id.desc())
    )


def _fate(row: Row[Any]) -> Fate:
    kind = None if row.kind is None else BounceKind(row.kind)
    return Fate(local_date=row.local_date, arrived=row.status == Status.SENT and kind is None, kind=kind)


def blank(conn: Connection, subscriber_ids: Sequence[int]) -> None:
    """Forget the servers' words about readers who are erased, which may name them; what came back stays counted."""
    mine = bounces.c.subscriber_id.in_(subscriber_ids)
    conn.execute(sa.update(bounces).where(mine).values(detail=""))


def of(conn: Connection, subscriber_id: int) -> list[Kept]:
    """All that came back for one subscriber, oldest first."""
    query = (
        sa.select(bounces, deliveries.c.local_date)
        .join(deliveries, deliveries.c.id == bounces.c.delivery_id)
        .where(bounces.c.subscriber_id == subscriber_id)
        .order_by(bounces.c.id)
    )
    return [_kept(row) for row in conn.execute(query)]


def of_delivery(conn: Connection, delivery_id: int) -> list[Kept]:
    """What came back for one delivery, oldest first."""
    query = (
        sa.select(bounces, deliveries.c.local_date)
        .join(deliveries, deliveries.c.id == bounces.c.delivery_id)
        .where(bounces.c.delivery_id == delivery_id)
        .order_by(bounces.c.id)
    )
    return [_kept(row) for row in conn.execute(query)]


def counts(conn: Connection, *, since: dt.datetime | None = None) -> dict[BounceKind, int]:
    """How many bounces of each kind were kept, ever or since a moment."""
    query = sa.select(bounces.c.kind, sa.func.count()).group_by(bounces.c.kind)
    if since is not None:
        query = query.where(bounces.c.at > since)
    found = {str(kind): int(number) for kind, number in conn.execute(query)}
    return {kind: found.get(kind, 0) for kind in BounceKind}


def shares(conn: Connection, *, since: dt.datetime) -> list[Share]:
    """Of each edition of which a mail bounced since a moment: how many of its mails did so."""
    hit = (
        sa.select(deliveries.c.edition_id, sa.func.count(deliveries.c.id.distinct()).label("bounced"))
        .join(bounces, sa.and_(bounces.c.delivery_id == deliveries.c.id, _COUNTS))
        .where(bounces.c.at > since, deliveries.c.edition_id.is_not(None))
        .group_by(deliveries.c.edition_id)
    )
    bounced = {row.edition_id: int(row.bounced) for row in conn.execute(hit)}
    total = (
        sa.select(deliveries.c.edition_id, sa.func.count().label("mails"))
        .where(deliveries.c.edition_id.in_(list(bounced)), deliveries.c.status.in_(_SETTLED))
        .group_by(deliveries.c.edition_id)
    )
    return [Share(mails=int(row.mails), bounced=bounced[row.edition_id]) for row in conn.execute(total)]


def _kept(row: Row[Any]) -> Kept:
    return Kept(
        at=row.at,
        local_date=row.local_date,
        bounce=Bounce(kind=BounceKind(row.kind), status=row.status, detail=row.detail),
        door=Door(row.door),
    )
