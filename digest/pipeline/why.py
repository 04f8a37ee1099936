"""Why a reader got what they got: the funnel of one date, and the stage at which one paper left it."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from dataclasses import dataclass, replace

from sqlalchemy.engine import Connection

from digest.deliver.delivery import Skip, Status
from digest.pipeline.shelf import Rankers, Shelf
from digest.rank.selection import Pick, Placement, Stage
from digest.store import bounces, editions, ledger, papers, subscribers
from digest.store.bounces import Kept
from digest.store.database import Database
from digest.store.ledger import Entry
from digest.store.papers import Paper
from digest.store.subscribers import Standing
from digest.subscribers.due import local_date
from digest.subscribers.subscriber import State, Subscriber


@dataclass(frozen=True, slots=True, kw_only=True)
class Funnel:
    """One reader's date, step by step; each count is what was left at that step."""

    date: dt.date
    outcome: str  #: the delivery's status, or why there is none
    reason: str | None
    reply: str | None  #: the relay's last words
    bounces: tuple[Kept, ...]  #: what came back for it
    fetched: int  #: rows in the dumps behind these editions
    new: int  #: papers in these editions
    matched: int
    already_sent: int  #: of those matched
    below_bar: int  #: of those matched
    mailed: int  #: 0 while nothing is planned; the stages then say what would be
    placements: tuple[Placement, ...]


def why(
    database: Database,
    rankers: Rankers,
    subscriber: Subscriber,
    *,
    now: dt.datetime,
    on: dt.date | None = None,
) -> Funnel:
    """Explain one date of a reader; today by their own calendar if `on` is None.

    What was mailed is told as it was frozen; the rest by the choices that the reader has now.
    """
    date = on or local_date(now, subscriber.schedule.zone)
    with database.read() as conn:
        found = ledger.of(conn, subscriber.id, local_date=date)
        entry = found[0] if found else None
        standing = subscribers.standing(conn, subscriber.id)
        shelf = Shelf(conn, rankers, now=now, since=date - dt.timedelta(days=9))
        span = _span(shelf, standing, entry, date)
        placements = _placements(shelf, span, subscriber, entry)
        outcome, reason = _outcome(entry, standing, date, span)
        return _funnel(conn, date, span, placements, outcome, reason, entry)


def stage_of(database: Database, funnel: Funnel, paper_id: int) -> tuple[Paper | None, str, Placement | None]:
    """The paper, where it left the way, and its place in the funnel if it came so far.

    Where it left is a stage of the funnel, or what kept the paper out of these editions. Any of its names will do.
    """
    with database.read() as conn:
        paper = papers.get(conn, paper_id)
        known_as = papers.names(conn, [paper_id])
        held = editions.holding(conn, known_as)
        dates = {edition.id: edition.date for edition in editions.every(conn)}
    for placement in funnel.placements:
        if placement.paper.paper_id in known_as:
            return paper, str(placement.stage), placement
    if paper is None:
        return None, "unknown", None
    if held:
        return paper, f"in the edition of {dates[max(held.values())]}", None
    return paper, "background" if paper.background else "not published yet", None


def _span(shelf: Shelf, standing: Standing, entry: Entry | None, date: dt.date) -> tuple[int, ...]:
    if entry is None or entry.edition_id is None:
        # Nothing was planned, or nothing could be: look at what stood there on that date.
        return shelf.upto(date)
    return shelf.between(
        standing.subscriber.schedule.frequency, entry.cursor_edition_id, entry.edition_id, date
    )


def _placements(
    shelf: Shelf, span: tuple[int, ...], subscriber: Subscriber, entry: Entry | None
) -> tuple[Placement, ...]:
    if not span:
        return ()
    frozen = {} if entry is None else {(pick.edition_id, pick.paper_id): pick for pick in entry.picks}
    mailed = shelf.mailed(span, [subscriber.id])[0] - {paper_id for _edition, paper_id in frozen}
    placed = shelf.ranker(span).place(subscriber.profile, mailed=mailed)
    return tuple(_as_frozen(placement, frozen, planned=entry is not None) for placement in placed)


def _as_frozen(placement: Placement, frozen: dict[tuple[int, int], Pick], *, planned: bool) -> Placement:
    pick = frozen.get((placement.paper.edition_id, placement.paper.paper_id))
    if pick is not None:
        return replace(placement, stage=Stage.MAILED, score=pick.score, reasons=pick.reasons)
    if planned and placement.stage is Stage.MAILED:  # only the choices of today would bring it in
        return replace(placement, stage=Stage.BELOW_BAR)
    return placement


def _outcome(
    entry: Entry | None, standing: Standing, date: dt.date, span: tuple[int, ...]
) -> tuple[str, str | None]:
    if entry is not None:
        return str(entry.status), entry.reason
    if standing.waits_for == date:
        return "waiting", standing.waits_reason
    state = standing.subscriber.state
    if state is not State.ACTIVE:
        return "nothing planned", str(state)
    if not span:
        return "nothing planned", str(Skip.NOTHING_NEW)
    due_at = standing.due_at
    return "not planned yet", f"due {due_at:%Y-%m-%d %H:%M} UTC" if due_at else None


def _funnel(
    conn: Connection,
    date: dt.date,
    span: tuple[int, ...],
    placements: tuple[Placement, ...],
    outcome: str,
    reason: str | None,
    entry: Entry | None,
) -> Funnel:
    stages = Counter(placement.stage for placement in placements)
    mailed = stages[Stage.MAILED] if entry is not None and entry.status is not Status.SKIPPED else 0
    return Funnel(
        date=date,
        outcome=outcome,
        reason=reason,
        reply=entry.reply if entry else None,
        bounces=tuple(bounces.of_delivery(conn, entry.id)) if entry else (),
        fetched=editions.fetched(conn, span),
        new=len(placements),
        matched=stages[Stage.ALREADY_SENT] + stages[Stage.BELOW_BAR] + stages[Stage.MAILED],
        already_sent=stages[Stage.ALREADY_SENT],
        below_bar=stages[Stage.BELOW_BAR],
        mailed=mailed,
        placements=placements,
    )
