"""The ledger, read: what was planned for whom, and what became of it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row

from digest.deliver.delivery import OPEN, Delivery, Kind, Status
from digest.rank.selection import Pick
from digest.store.rows import delivery, unpacked
from digest.store.schema import deliveries, editions, plans

#: Statuses under which the picks may be in the reader's hands.
_MAYBE_MAILED = (*OPEN, Status.SENT, Status.AMBIGUOUS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A ledger row for people: `why`, `status`, the dry run."""

    id: int
    subscriber_id: int
    kind: Kind
    local_date: dt.date
    status: Status
    reason: str | None
    picks: tuple[Pick, ...]
    leftover: int
    cursor_edition_id: int | None
    edition_id: int | None
    message_id: str
    planned_at: dt.datetime
    due_at: dt.datetime
    attempts: int
    reply: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Balance:
    """The sum of the ledger, against what was counted on the way in (R4)."""

    eligible: int
    statuses: dict[Status, int] = field(default_factory=dict)

    @property
    def difference(self) -> int:
        return self.eligible - sum(self.statuses.values())


def mailed_since(conn: Connection, subscriber_ids: Sequence[int], *, edition_id: int) -> dict[int, set[int]]:
    """Papers that these readers were, or may have been, mailed from `edition_id` on: subscriber -> paper ids."""
    date = conn.scalar(sa.select(editions.c.date).where(editions.c.id == edition_id))
    # No reader's date is more than a day from the edition's; said here, the index of (subscriber, date) seeks past
    # a history that grows with every day: 364 ms for 4,096 readers of 30 days without it.
    since = dt.date.min if date is None else date - dt.timedelta(days=2)
    query = sa.select(deliveries.c.subscriber_id, deliveries.c.picks).where(
        deliveries.c.edition_id >= edition_id,
        deliveries.c.local_date >= since,
        deliveries.c.subscriber_id.in_(subscriber_ids),
        deliveries.c.kind == Kind.DIGEST,
        deliveries.c.status.in_(_MAYBE_MAILED),
    )
    mailed: dict[int, set[int]] = {}
    for row in conn.execute(query):
        mailed.setdefault(row.subscriber_id, set()).update(pick.paper_id for pick in unpacked(row.picks))
    return mailed


def of(conn: Connection, subscriber_id: int, *, local_date: dt.date | None = None) -> list[Entry]:
    """A reader's digests, newest first, or the one of a date."""
    query = (
        sa.select(deliveries)
        .where(deliveries.c.subscriber_id == subscriber_id, deliveries.c.kind == Kind.DIGEST)
        .order_by(deliveries.c.local_date.desc())
    )
    if local_date is not None:
        query = query.where(deliveries.c.local_date == local_date)
    return [_entry(row) for row in conn.execute(query)]


def history(conn: Connection, subscriber_id: int) -> list[Entry]:
    """All mail to a reader, of every kind, oldest first."""
    query = sa.select(deliveries).where(deliveries.c.subscriber_id == subscriber_id).order_by(deliveries.c.id)
    return [_entry(row) for row in conn.execute(query)]


def planned_on(conn: Connection, subscriber_id: int, local_date: dt.date) -> Delivery | None:
    """A reader's digest of a date as it was planned, if anything was picked for it."""
    row = conn.execute(
        sa.select(deliveries).where(
            deliveries.c.subscriber_id == subscriber_id,
            deliveries.c.kind == Kind.DIGEST,
            deliveries.c.local_date == local_date,
        )
    ).one_or_none()
    return delivery(row) if row is not None and row.picks else None


def find(conn: Connection, subscriber_id: int, local_date: dt.date, kind: str) -> int | None:
    """The one mail of a kind to a reader for a date, by its id."""
    query = sa.select(deliveries.c.id).where(
        deliveries.c.subscriber_id == subscriber_id,
        deliveries.c.local_date == local_date,
        deliveries.c.kind == kind,
    )
    found: int | None = conn.scalar(query)
    return found


def latest(conn: Connection, subscriber_id: int) -> int | None:
    """The last mail that a reader may have, by its id."""
    query = sa.select(sa.func.max(deliveries.c.id)).where(
        deliveries.c.subscriber_id == subscriber_id,
        deliveries.c.status.in_([Status.SENT, Status.AMBIGUOUS]),
    )
    found: int | None = conn.scalar(query)
    return found


def balance(conn: Connection) -> Balance:
    """All mail by status, against the eligible as they were counted when planned."""
    query = sa.select(deliveries.c.status, sa.func.count()).group_by(deliveries.c.status)
    found = {Status(status): int(number) for status, number in conn.execute(query)}
    eligible = int(conn.scalar(sa.select(sa.func.coalesce(sa.func.sum(plans.c.eligible), 0))) or 0)
    return Balance(eligible=eligible, statuses={status: found.get(status, 0) for status in Status})


def has_mailed(conn: Connection) -> bool:
    """Whether a relay has taken, or may have taken, anything."""
    mailed = deliveries.c.status.in_([Status.SENT, Status.AMBIGUOUS])
    return conn.scalar(sa.select(sa.literal(1)).where(mailed).limit(1)) is not None


def settled_since(
    conn: Connection, since: dt.datetime, *, only: Collection[int] | None = None
) -> dict[tuple[Status, str | None], int]:
    """Mail of every kind by (status, reason) that is open, or was settled or skipped at `since` or later.

    Args:
        only: Count the mail of these subscribers; everyone's if None.
    """
    query = (
        sa.select(deliveries.c.status, deliveries.c.reason, sa.func.count())
        .where(sa.or_(deliveries.c.status.in_(OPEN), deliveries.c.settled_at >= since), _theirs(only))
        .group_by(deliveries.c.status, deliveries.c.reason)
    )
    return {(Status(status), reason): int(number) for status, reason, number in conn.execute(query)}


def _theirs(only: Collection[int] | None) -> sa.ColumnElement[bool]:
    return sa.true() if only is None else deliveries.c.subscriber_id.in_(list(only))


def words_since(
    conn: Connection, since: dt.datetime, *, only: Collection[int] | None = None
) -> list[tuple[Status, str, int]]:
    """The relay's last words on mail that is deferred, or failed at `since` or later: (status, words, how often)."""
    query = (
        sa.select(deliveries.c.status, deliveries.c.reply, sa.func.count())
        .where(
            sa.or_(
                deliveries.c.status == Status.DEFERRED,
                sa.and_(deliveries.c.status == Status.FAILED, deliveries.c.settled_at >= since),
            ),
            deliveries.c.reply.is_not(None),
            _theirs(only),
        )
        .group_by(deliveries.c.status, deliveries.c.reply)
        .order_by(sa.func.count().desc(), deliveries.c.reply)
        .limit(20)
    )
    return [(Status(status), words, int(number)) for status, words, number in conn.execute(query)]


def _entry(row: Row[Any]) -> Entry:
    return Entry(
        id=row.id,
        subscriber_id=row.subscriber_id,
        kind=Kind(row.kind),
        local_date=row.local_date,
        status=Status(row.status),
        reason=row.reason,
        picks=unpacked(row.picks),
        leftover=row.leftover,
        cursor_edition_id=row.cursor_edition_id,
        edition_id=row.edition_id,
        message_id=row.message_id,
        planned_at=row.planned_at,
        due_at=row.due_at,
        attempts=row.attempts,
        reply=row.reply,
    )
