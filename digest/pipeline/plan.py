"""Step three: whoever's hour has come gets a delivery with frozen picks, or a skip with its reason."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from sqlalchemy.engine import Connection

from digest.deliver.delivery import Kind, Skip, Status
from digest.log import logger
from digest.pipeline.shelf import Rankers, Shelf
from digest.rank.selection import EditionPaper, Selection
from digest.store import deliveries, subscribers
from digest.store.database import Database
from digest.store.deliveries import Plan
from digest.store.subscribers import Progress, Standing
from digest.subscribers.due import day_end, due_date, local_date, next_due
from digest.subscribers.subscriber import State

#: Readers planned in one transaction, which holds SQLite's lock for 20 ms of processor time. With 4,096 it was 265 ms, and
#: 22 MB more, to save a tenth of the time in all.
CHUNK = 512

_log = logger("plan")


@dataclass(frozen=True, slots=True, kw_only=True)
class Stamp:
    """What a planned mail carries besides its picks."""

    message_id: Callable[[Kind, dt.date, int], str]  #: of (kind, local date, subscriber)
    template: str  #: version of the digest's template
    signed_by: str = ""  #: selectors of the DKIM keys that sign it; "" where the relay signs


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What planning makes of one subscriber at one moment."""

    standing: Standing
    progress: Progress
    rows: tuple[Plan, ...] = ()  #: for the ledger: at most a skip for a date gone by, and a row for today
    date: dt.date | None = None  #: the local date that is due; None where none is
    span: tuple[int, ...] = ()  #: the editions drawn on, newest first
    selection: Selection | None = None  #: None where nobody looked, since a skip was sure
    skip: Skip | None = None  #: why nothing is mailed now, where a date is due


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanReport:
    planned: int = 0
    skipped: dict[str, int] = field(default_factory=dict)  #: reason -> rows
    waiting: int = 0  #: due with nothing to send so far; settled at their midnight


def plan(
    database: Database,
    rankers: Rankers,
    stamp: Stamp,
    *,
    now: dt.datetime,
    only: Sequence[int] | None = None,
) -> PlanReport:
    """Plan every subscriber who is due, 512 in one transaction.

    Args:
        only: Plan these subscribers whatever the hour; the date is theirs once all the same.
    """
    planned, waiting, skipped = 0, 0, Counter[str]()
    after = 0
    _expire(database, now)
    while True:
        with database.read() as conn:
            shelf = Shelf(conn, rankers, now=now)
            standings = _next_chunk(conn, shelf, now, only, after)
            decisions = decide(shelf, stamp, standings, now=now, any_hour=only is not None)
        if not standings:
            break
        after = standings[-1].subscriber.id
        rows = _write(database, decisions, now)
        planned += sum(row.status is Status.PLANNED for row in rows)
        skipped.update(row.reason for row in rows if row.status is Status.SKIPPED and row.reason)
        waiting += sum(decision.skip is not None and not decision.rows for decision in decisions)
    if planned or skipped:
        _log.info("digests planned", planned=planned, skipped=dict(skipped), waiting=waiting)
    return PlanReport(planned=planned, skipped=dict(skipped), waiting=waiting)


def _expire(database: Database, now: dt.datetime) -> None:
    """Before anyone is planned: what comes too late gives its span back, and its papers were not mailed.

    A digest expires when the next is due. Left to delivery, which rests while the relay is down, the next would be
    planned first, without those papers, and move the cursor past them.
    """
    with database.write() as conn:
        expired = deliveries.expire(conn, now=now)
    if expired:
        _log.info("deliveries expired", expired=expired)


def _write(database: Database, decisions: Sequence[Decision], now: dt.datetime) -> list[Plan]:
    """Add the rows and advance the subscribers, in one transaction; returns the rows."""
    with database.write() as conn:
        # Advanced first, which holds them: whoever was erased since they were read must not be written down again, and
        # who has another address since then is mailed there.
        subscribers.advance(conn, [decision.progress for decision in decisions])
        reached = subscribers.reached(conn, [decision.progress.subscriber_id for decision in decisions])
        found = [row for each in decisions for row in each.rows if row.subscriber_id in reached]
        rows = [_addressed(row, *reached[row.subscriber_id]) for row in found]
        deliveries.plan(conn, rows, now=now)
    return rows


def _addressed(row: Plan, address: str, epoch: int) -> Plan:
    return (
        row
        if (row.recipient, row.epoch) == (address, epoch)
        else replace(row, recipient=address, epoch=epoch)
    )


def _next_chunk(
    conn: Connection, shelf: Shelf, now: dt.datetime, only: Sequence[int] | None, after: int
) -> list[Standing]:
    if only is None:
        return subscribers.due(conn, now=now, newest_edition_id=shelf.newest_id, after_id=after, limit=CHUNK)
    wanted = sorted(who for who in only if who > after)[:CHUNK]
    return subscribers.standings(conn, wanted)


def decide(
    shelf: Shelf, stamp: Stamp, standings: Sequence[Standing], *, now: dt.datetime, any_hour: bool = False
) -> list[Decision]:
    """Decide for these subscribers at once; reads through the shelf, writes nothing.

    Args:
        any_hour: Take today as due whatever the hour, unless it was served.
    """
    opened = [_open(shelf, stamp, standing, now, any_hour) for standing in standings]
    selections = _select(shelf, opened)
    return [
        _close(shelf, stamp, decision, selections.get(decision.standing.subscriber.id), now)
        for decision in opened
    ]


def _open(shelf: Shelf, stamp: Stamp, standing: Standing, now: dt.datetime, any_hour: bool) -> Decision:
    """Settle a wait whose date is over, then see whether a date is due and what there is for it."""
    rows: tuple[Plan, ...] = ()
    was = standing.last_date
    if standing.waits_for is not None and standing.waits_until is not None and standing.waits_until <= now:
        rows = (_skip_row(stamp, standing, standing.waits_for, str(standing.waits_reason), now),)
        standing = _after_wait(standing)
    date = _today(standing, now) if any_hour else _due(standing, now)
    if standing.subscriber.state in (State.PENDING, State.LEFT):
        date = None
    span = shelf.span(standing, date) if date and standing.subscriber.state is State.ACTIVE else ()
    return Decision(standing=standing, progress=_still(standing, was), rows=rows, date=date, span=span)


def _after_wait(standing: Standing) -> Standing:
    """The date is over: what was there on it is looked at, and a weekly digest counts its week from here."""
    return replace(
        standing,
        last_date=standing.waits_for,
        cursor_edition_id=standing.checked_edition_id or standing.cursor_edition_id,
        waits_for=None,
        waits_until=None,
        waits_reason=None,
        checked_edition_id=None,
    )


def _select(shelf: Shelf, opened: Sequence[Decision]) -> dict[int, Selection]:
    """Rank for all who share a span together."""
    by_span: dict[tuple[int, ...], list[Decision]] = {}
    for decision in opened:
        if decision.span:
            by_span.setdefault(decision.span, []).append(decision)
    chosen: dict[int, Selection] = {}
    for span, group in by_span.items():
        ids = [decision.standing.subscriber.id for decision in group]
        profiles = [decision.standing.subscriber.profile for decision in group]
        selections = shelf.ranker(span).select(profiles, mailed=shelf.mailed(span, ids))
        chosen.update(zip(ids, selections, strict=True))
    return chosen


def _close(
    shelf: Shelf, stamp: Stamp, decision: Decision, selection: Selection | None, now: dt.datetime
) -> Decision:
    """Turn what was found for a subscriber into ledger rows and their progress."""
    standing, date = decision.standing, decision.date
    state = standing.subscriber.state
    if date is None:
        due_at = None if state in (State.PENDING, State.LEFT) else _next_due(standing, now)
        return replace(decision, progress=replace(decision.progress, due_at=due_at))
    if state in (State.PAUSED, State.SUPPRESSED):
        skip = Skip.PAUSED if state is State.PAUSED else Skip.SUPPRESSED
        row = _skip_row(stamp, standing, date, skip, now)
        # After a pause the newest edition alone is mailed: the cursor is given up.
        served = replace(standing, last_date=date, cursor_edition_id=None)
        progress = _served(served, decision.progress.last_date_was, _next_due(served, now))
        return replace(decision, rows=(*decision.rows, row), skip=skip, progress=progress)
    if selection is None or not selection.picks:
        skip = Skip.NOTHING_MATCHED if decision.span else Skip.NOTHING_NEW
        progress = _waiting(shelf, decision.progress, standing, date, skip, now)
        return replace(decision, selection=selection, skip=skip, progress=progress)
    return _planned(shelf, stamp, decision, selection, date, now)


def _planned(
    shelf: Shelf, stamp: Stamp, decision: Decision, selection: Selection, date: dt.date, now: dt.datetime
) -> Decision:
    standing = decision.standing
    newest = shelf.newest_id
    served = replace(standing, last_date=date, last_mailed_at=now, cursor_edition_id=newest)
    next_at = _next_due(served, now)
    row = _row(
        stamp,
        standing,
        date,
        now,
        selection=selection,
        edition_id=newest,
        expires_at=min(next_at, shelf.fresh_until(standing)),
    )
    progress = _served(served, decision.progress.last_date_was, next_at)
    return replace(decision, selection=selection, rows=(*decision.rows, row), progress=progress)


def _row(
    stamp: Stamp,
    standing: Standing,
    date: dt.date,
    now: dt.datetime,
    *,
    reason: str | None = None,
    selection: Selection | None = None,
    edition_id: int | None = None,
    expires_at: dt.datetime | None = None,
) -> Plan:
    """A row for the ledger: a digest of what was selected, or a skip. In one go: `replace` takes thrice the time."""
    subscriber = standing.subscriber
    return Plan(
        subscriber_id=subscriber.id,
        kind=Kind.DIGEST,
        local_date=date,
        status=Status.PLANNED if selection else Status.SKIPPED,
        reason=reason,
        recipient=subscriber.address,
        epoch=subscriber.epoch,
        picks=selection.picks if selection else (),
        leftover=selection.leftover if selection else 0,
        cursor_edition_id=standing.cursor_edition_id if selection else None,
        edition_id=edition_id,
        message_id=stamp.message_id(Kind.DIGEST, date, subscriber.id),
        template=stamp.template,
        signed_by=stamp.signed_by,
        planned_at=now.replace(microsecond=0),
        expires_at=expires_at or now,
    )


def _skip_row(stamp: Stamp, standing: Standing, date: dt.date, reason: str, now: dt.datetime) -> Plan:
    return _row(stamp, standing, date, now, reason=str(reason))


def _still(standing: Standing, was: dt.date | None) -> Progress:
    """The progress of who stands here; `was` is the last date that is stored, whatever was made of it."""
    return Progress(
        subscriber_id=standing.subscriber.id,
        last_date_was=was,
        cursor_edition_id=standing.cursor_edition_id,
        last_date=standing.last_date,
        last_mailed_at=standing.last_mailed_at,
        due_at=standing.due_at,
        waits_for=standing.waits_for,
        waits_until=standing.waits_until,
        waits_reason=standing.waits_reason,
        checked_edition_id=standing.checked_edition_id,
    )


def _served(standing: Standing, was: dt.date | None, due_at: dt.datetime) -> Progress:
    return Progress(
        subscriber_id=standing.subscriber.id,
        last_date_was=was,
        cursor_edition_id=standing.cursor_edition_id,
        last_date=standing.last_date,
        last_mailed_at=standing.last_mailed_at,
        due_at=due_at,
    )


def _waiting(
    shelf: Shelf, progress: Progress, standing: Standing, date: dt.date, skip: Skip, now: dt.datetime
) -> Progress:
    """Due, with nothing to send: a later edition may still come, until local midnight."""
    return replace(
        progress,
        due_at=now if standing.due_at is None else min(standing.due_at, now),
        waits_for=date,
        waits_until=day_end(date, standing.subscriber.schedule.zone),
        waits_reason=str(skip),
        checked_edition_id=shelf.newest_id,
    )


def _due(standing: Standing, now: dt.datetime) -> dt.date | None:
    return due_date(
        standing.subscriber.schedule,
        last_date=standing.last_date,
        last_mailed_at=standing.last_mailed_at,
        confirmed_on=_confirmed_on(standing, now),
        now=now,
    )


def _today(standing: Standing, now: dt.datetime) -> dt.date | None:
    today = local_date(now, standing.subscriber.schedule.zone)
    return today if standing.last_date is None or standing.last_date < today else None


def _next_due(standing: Standing, now: dt.datetime) -> dt.datetime:
    return next_due(
        standing.subscriber.schedule,
        last_date=standing.last_date,
        last_mailed_at=standing.last_mailed_at,
        confirmed_on=_confirmed_on(standing, now),
        now=now,
    )


def _confirmed_on(standing: Standing, now: dt.datetime) -> dt.date:
    return local_date(standing.subscriber.confirmed_at or now, standing.subscriber.schedule.zone)


def chosen_papers(shelf: Shelf, decision: Decision) -> list[EditionPaper]:
    """The papers of a decision's picks, in their order."""
    if decision.selection is None:
        return []
    by_id = {(paper.edition_id, paper.paper_id): paper for paper in shelf.papers(decision.span)}
    return [by_id[pick.edition_id, pick.paper_id] for pick in decision.selection.picks]
