"""A restored database, settled so that nobody is mailed what they may have: what is in doubt counts as mailed."""

from __future__ import annotations

import datetime as dt

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from digest.deliver.delivery import OPEN, Status
from digest.store import editions, showing
from digest.store.engines import pieces
from digest.store.schema import deliveries, dumps, papers, sightings, subscribers
from digest.subscribers.subscriber import State

#: Why a mail is ambiguous, or a date was skipped.
RESTORED = "restored"


def open_mail(conn: Connection, *, until: dt.datetime) -> list[tuple[dt.date, str, int]]:
    """Mail that waits and may have been sent by `until`: (local date, kind, how many)."""
    query = (
        sa.select(deliveries.c.local_date, deliveries.c.kind, sa.func.count())
        .where(_in_doubt(until))
        .group_by(deliveries.c.local_date, deliveries.c.kind)
        .order_by(deliveries.c.local_date, deliveries.c.kind)
    )
    return [(row[0], row[1], int(row[2])) for row in conn.execute(query)]


def settle_open(conn: Connection, *, until: dt.datetime, now: dt.datetime) -> int:
    """Settle that mail as ambiguous; its papers count as mailed. Returns how many."""
    values = {"claimant": None, "lease_until": None, "begun_at": None, "settled_at": now}
    settled = (
        sa.update(deliveries)
        .where(_in_doubt(until))
        .values(status=Status.AMBIGUOUS, reason=RESTORED, **values)
    )
    return int(conn.execute(settled).rowcount)


def _in_doubt(until: dt.datetime) -> sa.ColumnElement[bool]:
    # What was planned later, such as the confirmation of a sign-up while nothing was mailed, was certainly not sent.
    return sa.and_(deliveries.c.status.in_(OPEN), deliveries.c.planned_at <= until)


def pass_over(conn: Connection) -> int:
    """Take the papers that no edition holds for known, and never for news; the caller is alone. Returns how many.

    It is the dumps that are marked, as ingest marks old ones, so that a replay comes to the same.
    """
    new = [paper.paper_id for paper in editions.new_papers(conn)]
    for piece in pieces(new):
        family = sa.select(papers.c.id).where(sa.or_(papers.c.id.in_(piece), papers.c.merged_into.in_(piece)))
        listing = sa.select(sightings.c.dump_id).where(sightings.c.paper_id.in_(family))
        conn.execute(sa.update(dumps).where(dumps.c.id.in_(listing)).values(background=True))
    marked = sa.select(dumps.c.id).where(dumps.c.background.is_(True))
    shown = sa.select(sightings.c.paper_id).where(sightings.c.dump_id.in_(marked)).distinct()
    showing.show(conn, list(conn.scalars(shown)) if new else [])
    return len(new)


def move_on(conn: Connection) -> int:
    """Move the cursors of all who are subscribed past the newest edition; returns how many."""
    newest = editions.newest(conn)
    if newest is None:
        return 0
    behind = sa.func.coalesce(subscribers.c.cursor_edition_id, 0) < newest.id
    moved = (
        sa.update(subscribers)
        .where(subscribers.c.state == State.ACTIVE, behind)
        .values(cursor_edition_id=newest.id)
    )
    return int(conn.execute(moved).rowcount)
