"""What a send would do at some moment: the same decisions as the plan's, over a connection that cannot write."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy.engine import Connection

from digest.deliver.delivery import Delivery, Kind, Status
from digest.pipeline.plan import Decision, Stamp, chosen_papers, decide
from digest.pipeline.publish import PublishPolicy, draw_up, due
from digest.pipeline.shelf import Rankers, Shelf
from digest.rank.selection import EditionPaper
from digest.store import editions, subscribers
from digest.store.database import Database
from digest.store.deliveries import Plan
from digest.store.editions import Edition
from digest.subscribers.subscriber import State, Subscriber


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """One digest that would go out."""

    subscriber: Subscriber
    delivery: Delivery  #: as it would be claimed; its id is 0
    papers: tuple[EditionPaper, ...]  #: of the picks, in their order

    @property
    def by_id(self) -> dict[tuple[int, int], EditionPaper]:
        """The papers as composing asks for them."""
        return {(paper.edition_id, paper.paper_id): paper for paper in self.papers}


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """Who would get what, and who nothing and why."""

    edition: Edition | None  #: the newest, or the one that would be published
    drafted: bool  #: whether it would be published now
    before: Edition | None  #: the one before it
    digests: tuple[Expected, ...]
    skipped: tuple[tuple[Subscriber, str], ...]  #: with the reason, or `not_due`, `served` or `pending`


def forecast(
    database: Database,
    rankers: Rankers,
    stamp: Stamp,
    policy: PublishPolicy,
    *,
    now: dt.datetime,
    only: Sequence[int] | None = None,
) -> Forecast:
    """Look ahead, writing nothing.

    Args:
        now: The moment to look at.
        only: Look at these subscribers, whatever their hour; at all who have not left if None.
    """
    with database.read() as conn:
        draft = _draft(conn, policy, now)
        shelf = Shelf(conn, rankers, now=now, draft=draft)
        before = editions.newest(conn) if draft else _before(conn, shelf.newest)
        standings = subscribers.standings(conn, only)
        decisions = decide(shelf, stamp, standings, now=now, any_hour=only is not None)
        return Forecast(
            edition=shelf.newest,
            drafted=draft is not None,
            before=before,
            digests=tuple(_expected(shelf, d) for d in decisions if _row(d) is not None),
            skipped=tuple(
                (d.standing.subscriber, _reason(d, any_hour=only is not None))
                for d in decisions
                if _row(d) is None
            ),
        )


def as_delivery(row: Plan, *, delivery_id: int = 0) -> Delivery:
    """A planned row as a sender would claim it."""
    return Delivery(
        id=delivery_id,
        subscriber_id=row.subscriber_id,
        kind=Kind(row.kind),
        local_date=row.local_date,
        recipient=row.recipient,
        epoch=row.epoch,
        picks=row.picks,
        leftover=row.leftover,
        message_id=row.message_id,
        planned_at=row.planned_at,
        expires_at=row.expires_at,
        template=row.template,
        attempts=0,
        body_hash=None,
        lease_until=row.expires_at,
        note=row.note,
        signed_by=row.signed_by,
    )


def _draft(
    conn: Connection, policy: PublishPolicy, now: dt.datetime
) -> tuple[Edition, list[EditionPaper]] | None:
    """The edition that would be published, under the id that it might get."""
    day = now.astimezone(policy.zone).date()
    if not due(policy, now) or editions.on(conn, day):
        return None
    newest = editions.newest(conn)
    next_id = newest.id + 1 if newest else 1
    drawn = draw_up(conn, policy, day=day, edition_id=next_id)
    if not drawn:
        return None
    return Edition(id=next_id, date=day, published_at=now, papers=len(drawn)), drawn


def _before(conn: Connection, newest: Edition | None) -> Edition | None:
    if newest is None:
        return None
    earlier = [edition for edition in editions.every(conn) if edition.id < newest.id]
    return earlier[-1] if earlier else None


def _row(decision: Decision) -> Plan | None:
    return next((row for row in decision.rows if row.status is Status.PLANNED), None)


def _expected(shelf: Shelf, decision: Decision) -> Expected:
    row = _row(decision)
    assert row is not None, "asked only for decisions that plan a digest"
    return Expected(
        subscriber=decision.standing.subscriber,
        delivery=as_delivery(row),
        papers=tuple(chosen_papers(shelf, decision)),
    )


def _reason(decision: Decision, *, any_hour: bool) -> str:
    if decision.skip is not None:
        return str(decision.skip)
    if decision.standing.subscriber.state in (State.PENDING, State.LEFT):
        return str(decision.standing.subscriber.state)
    if any_hour:
        return "served"
    due_at = decision.progress.due_at
    return "not_due" if due_at is None else f"not_due until {due_at.isoformat(timespec='minutes')}"
