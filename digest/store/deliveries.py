"""Deliveries on their way: planned, claimed, begun, settled or withdrawn. What they came to is read in `ledger`."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row
from sqlalchemy.sql.dml import ReturningUpdate

from digest.deliver.bounce import Bounce, Door
from digest.deliver.delivery import OPEN, OPERATOR, Delivery, Kind, Status
from digest.rank.selection import Pick
from digest.store import bounces
from digest.store.bounces import Came, Taken
from digest.store.engines import INSERTS, insert
from digest.store.rows import DELIVERY, delivery, packed
from digest.store.schema import deliveries, plans, subscribers
from digest.store.subscribers import give_back, hold_those
from digest.store.types import Instant
from digest.subscribers.subscriber import State


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """One row to be added to the ledger: a mail with its frozen picks, or a skip with its reason."""

    subscriber_id: int  #: `OPERATOR` for alarms, which stand under none in the table
    kind: Kind
    local_date: dt.date
    status: Status
    reason: str | None = None
    recipient: str
    epoch: int
    picks: tuple[Pick, ...] = ()
    note: str | None = None  #: of an alarm
    leftover: int = 0
    cursor_edition_id: int | None = None
    edition_id: int | None = None
    message_id: str
    template: str
    signed_by: str = ""  #: selectors, see `Delivery.signed_by`
    planned_at: dt.datetime
    expires_at: dt.datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What one try did to a delivery."""

    delivery_id: int
    status: Status
    retry_at: dt.datetime | None = None  #: for deferred
    counts_attempt: bool = True
    reply: str  #: the relay's words, without addresses
    bounce: Bounce | None = None  #: what they say of the reader


def plan(conn: Connection, rows: Sequence[Plan], *, now: dt.datetime) -> int:
    """Add rows that are not there yet; returns how many were. All are counted as eligible (R4)."""
    if not rows:
        return 0
    statement = insert(conn, deliveries).on_conflict_do_nothing(
        index_elements=["subscriber_id", "local_date", "kind"]
    )
    # Without the option PostgreSQL, which is given many rows in one statement, is not asked how many it took.
    counted = {"preserve_rowcount": True}
    added = int(
        conn.execute(statement, [_values(row, now) for row in rows], execution_options=counted).rowcount
    )
    if added:
        conn.execute(sa.insert(plans).values(at=now, eligible=added))
    return added


def post(conn: Connection, row: Plan, *, now: dt.datetime) -> bool:
    """Put one mail into the outbox, or back into it where it was withdrawn unsent; False where the day had its own.

    The same statements whatever is there: what a sign-up costs does not tell whether its address is known.
    """
    added = conn.execute(_POST[conn.dialect.name], _values(row, now)).first() is not None
    conn.execute(_COUNT_ONE, {"moment": now, "holds": added})
    return _reopen_withdrawn(conn, row) or added


_POST = {
    engine: put(deliveries)
    .on_conflict_do_nothing(index_elements=["subscriber_id", "local_date", "kind"])
    .returning(deliveries.c.id)
    for engine, put in INSERTS.items()
}
_COUNT_ONE = sa.insert(plans).from_select(
    ["at", "eligible"],
    sa.select(sa.bindparam("moment", type_=Instant), sa.literal(1)).where(
        sa.bindparam("holds", type_=sa.Boolean)
    ),
)


def _reopen_withdrawn(conn: Connection, row: Plan) -> bool:
    which = {"reader": row.subscriber_id, "date": row.local_date, "what": row.kind}
    how = {"epoch_is": row.epoch, "to": row.recipient, "moment": row.planned_at, "until": row.expires_at}
    how |= {"signers": row.signed_by}
    return int(conn.execute(_REOPEN_WITHDRAWN, {**which, **how}).rowcount) > 0


_REOPEN_WITHDRAWN = (
    sa.update(deliveries)
    .where(
        deliveries.c.subscriber_id == sa.bindparam("reader"),
        deliveries.c.local_date == sa.bindparam("date"),
        deliveries.c.kind == sa.bindparam("what"),
        deliveries.c.status == Status.SUPPRESSED,
        deliveries.c.body_hash.is_(None),
    )
    .values(
        status=Status.PLANNED,
        epoch=sa.bindparam("epoch_is"),
        recipient=sa.bindparam("to"),
        signed_by=sa.bindparam("signers"),
        planned_at=sa.bindparam("moment"),
        due_at=sa.bindparam("moment"),
        expires_at=sa.bindparam("until"),
        reason=None,
        settled_at=None,
    )
)


def release(conn: Connection, claimant: str, *, unstarted: Collection[int] = ()) -> None:
    """Give up the claims of a sender that stops: what it has not begun is as if never claimed.

    Args:
        unstarted: Begun, and nothing of them left: they go back as well.
    """
    mine = sa.and_(deliveries.c.status == Status.CLAIMED, deliveries.c.claimant == claimant)
    _reopen(
        conn, sa.and_(mine, sa.or_(deliveries.c.begun_at.is_(None), deliveries.c.id.in_(list(unstarted))))
    )


def lapse(conn: Connection, *, now: dt.datetime, dead: Collection[str], park: bool) -> int:
    """Take back the claims whose sender is dead, or silent past its lease; returns how many were begun.

    What had not been begun goes back as it was. What had may be in the reader's hands: it is parked as ambiguous,
    or sent again with the same bytes, as the operator has set.
    """
    lapsed = sa.and_(
        deliveries.c.status == Status.CLAIMED,
        sa.or_(deliveries.c.lease_until <= now, deliveries.c.claimant.in_(list(dead))),
    )
    _reopen(conn, sa.and_(lapsed, deliveries.c.begun_at.is_(None)))
    fate: dict[str, Any] = {"claimant": None, "lease_until": None, "begun_at": None, "reply": "sender died"}
    if park:
        fate |= {"status": Status.AMBIGUOUS, "settled_at": now}
    else:
        fate |= {"status": Status.DEFERRED, "attempts": deliveries.c.attempts + 1, "due_at": now}
    return int(conn.execute(sa.update(deliveries).where(lapsed).values(**fate)).rowcount)


def _reopen(conn: Connection, rows: sa.ColumnElement[bool]) -> None:
    before = sa.case((deliveries.c.attempts > 0, Status.DEFERRED.value), else_=Status.PLANNED.value)
    conn.execute(sa.update(deliveries).where(rows).values(status=before, body_hash=_SHOWN, **_FREED))


def expire(conn: Connection, *, now: dt.datetime) -> int:
    """Settle what was not sent in time, and give its span of editions back; returns how many."""
    late = sa.and_(deliveries.c.status.in_([Status.PLANNED, Status.DEFERRED]), deliveries.c.expires_at <= now)
    hold_those(conn, sa.select(deliveries.c.subscriber_id).where(late))
    rows = conn.execute(
        sa.update(deliveries)
        .where(late)
        .values(status=Status.EXPIRED, settled_at=now)
        .returning(deliveries.c.subscriber_id, deliveries.c.cursor_edition_id, deliveries.c.edition_id)
    ).all()
    give_back(conn, [tuple(row) for row in rows if row.edition_id is not None])
    return len(rows)


def claim(
    conn: Connection,
    *,
    claimant: str,
    now: dt.datetime,
    lease_until: dt.datetime,
    limit: int,
    only: Collection[int] | None = None,
    without: Collection[str] = (),
    digests: bool = True,
) -> list[Delivery]:
    """Take up to `limit` due deliveries under a lease, oldest due first.

    Args:
        only: Subscribers to serve; everyone's deliveries if None.
        without: Domains to leave out.
        digests: Whether digests are taken, and not only other mail.
    """
    plain = only is None and not without and digests
    statements = _CLAIM if plain else _claims(*_chosen(only, without, digests=digests))
    given = {"now": now, "claimant_is": claimant, "lease": lease_until}
    taken: list[Row[Any]] = []
    for statement in statements:
        rows = conn.execute(statement, {**given, "most": limit - len(taken)})
        taken.extend(sorted(rows, key=_DUE))
    return [delivery(row) for row in taken]


def _claims(*conditions: sa.ColumnElement[bool]) -> tuple[ReturningUpdate[Any], ...]:
    """One status at a time: only so does the index give the rows in order, without sorting all that wait."""
    return tuple(_claim_statement(status, *conditions) for status in (Status.PLANNED, Status.DEFERRED))


def _claim_statement(status: Status, *conditions: sa.ColumnElement[bool]) -> ReturningUpdate[Any]:
    now = sa.bindparam("now", type_=Instant)
    waiting = (
        sa.select(deliveries.c.id)
        .where(deliveries.c.status == status, deliveries.c.due_at <= now, deliveries.c.expires_at > now)
        .where(*conditions)
        .order_by(deliveries.c.due_at, deliveries.c.id)
        .limit(sa.bindparam("most"))
        .with_for_update(skip_locked=True)  # PostgreSQL: two claimants never wait for one another
    )
    # A CTE that locks is run once; PostgreSQL may run a subquery again for each row, and claim past the limit.
    chosen = waiting.cte("chosen")
    return (
        sa.update(deliveries)
        .where(deliveries.c.id.in_(sa.select(chosen.c.id)))
        .values(
            status=Status.CLAIMED, claimant=sa.bindparam("claimant_is"), lease_until=sa.bindparam("lease")
        )
        .returning(*DELIVERY, deliveries.c.due_at)
    )


# Built once: built for each batch, they cost a quarter of what claiming takes.
_CLAIM = _claims()
_DUE = attrgetter("due_at", "id")


def _chosen(
    only: Collection[int] | None, without: Collection[str], *, digests: bool
) -> Iterator[sa.ColumnElement[bool]]:
    if only is not None:
        yield deliveries.c.subscriber_id.in_(list(only))
    if not digests:
        yield deliveries.c.kind != Kind.DIGEST
    for domain in sorted(without):
        yield sa.not_(_of_domain(domain))


def _of_domain(domain: str) -> sa.ColumnElement[bool]:
    return deliveries.c.recipient.endswith(f"@{domain}", autoescape=True)


def unclaim(conn: Connection, delivery_ids: Collection[int], *, claimant: str) -> None:
    """Give these claims up: they are as if never claimed."""
    if delivery_ids:
        held = deliveries.c.id.in_(list(delivery_ids)), deliveries.c.claimant == claimant
        _reopen(conn, sa.and_(*held, deliveries.c.begun_at.is_(None)))


def put_aside(
    conn: Connection, domain: str, *, claimant: str, now: dt.datetime, until: dt.datetime, reply: str
) -> None:
    """Let what is due to a domain that hangs, and not begun, wait: no try is counted."""
    due = sa.and_(deliveries.c.status.in_([Status.PLANNED, Status.DEFERRED]), deliveries.c.due_at <= now)
    mine = sa.and_(deliveries.c.claimant == claimant, deliveries.c.begun_at.is_(None))
    values = {
        "status": Status.DEFERRED,
        "due_at": until,
        "reply": reply,
        "claimant": None,
        "lease_until": None,
    }
    conn.execute(sa.update(deliveries).where(sa.or_(due, mine), _of_domain(domain)).values(**values))


def signers(conn: Connection, *, due_by: dt.datetime | None = None) -> set[str]:
    """What signs the mails that are open, each as `Delivery.signed_by` has it; of all, or of those due by a moment."""
    query = sa.select(deliveries.c.signed_by).distinct().where(deliveries.c.status.in_(OPEN))
    return set(conn.scalars(query if due_by is None else query.where(deliveries.c.due_at <= due_by)))


def begin(conn: Connection, hashes: Mapping[int, str], *, claimant: str, now: dt.datetime) -> set[int]:
    """Note, before the first byte of their content, that these are being handed over; returns those that still may be.

    A delivery whose reader left, or whose lease went to another sender, is not among them.

    Args:
        hashes: By delivery, of the bytes that are handed over: every later try must match it.
    """
    if not hashes:
        return set()
    values = {"given": list(hashes.items()), "claimant_is": claimant, "now": now}
    begun = conn.execute(_BEGIN[conn.dialect.name], values).rowcount
    if begun == len(hashes):
        return set(hashes)
    query = sa.select(deliveries.c.id).where(
        deliveries.c.id.in_(list(hashes)), deliveries.c.claimant == claimant, deliveries.c.begun_at == now
    )
    return set(conn.scalars(query))


def unbegin(conn: Connection, delivery_ids: Collection[int], *, claimant: str) -> None:
    """Take back that these were begun, as nothing of them has left; their claims hold.

    From then on a reader who leaves, or moves, has them withdrawn or changed. Not to be called by a transaction that
    changes the same rows otherwise.
    """
    if delivery_ids:
        conn.execute(
            sa.update(deliveries)
            .where(deliveries.c.id.in_(list(delivery_ids)), deliveries.c.claimant == claimant)
            .values(begun_at=None, body_hash=_SHOWN)
        )


def drop(conn: Connection, delivery_ids: Sequence[int], *, claimant: str, now: dt.datetime) -> None:
    """Settle claims that may not begin because their reader left, paused or was suppressed; for others see `forward`."""
    if delivery_ids:
        moved = sa.and_(deliveries.c.kind == Kind.DIGEST, _reader(subscribers.c.state == State.ACTIVE))
        conn.execute(
            sa.update(deliveries)
            .where(
                deliveries.c.id.in_(delivery_ids),
                deliveries.c.status == Status.CLAIMED,
                deliveries.c.claimant == claimant,
                ~_mailable(),
                ~moved,
            )
            .values(status=Status.SUPPRESSED, reason="left", settled_at=now, claimant=None)
        )


def forward(conn: Connection, delivery_ids: Sequence[int], *, claimant: str, now: dt.datetime) -> None:
    """Let claims that may not begin because their reader moved, while they were begun, go where readers who move have theirs."""
    digests = sa.and_(
        deliveries.c.id.in_(delivery_ids),
        deliveries.c.status == Status.CLAIMED,
        deliveries.c.claimant == claimant,
        deliveries.c.kind == Kind.DIGEST,
        _reader(subscribers.c.epoch != deliveries.c.epoch),
    )
    whose = sa.select(deliveries.c.subscriber_id).where(digests)
    hold_those(conn, whose)
    for row in conn.execute(sa.select(subscribers).where(subscribers.c.id.in_(whose))).all():
        readdress(conn, row.id, recipient=row.address, epoch=row.epoch, now=now)


def _mailable() -> sa.ColumnElement[bool]:
    """Whether a mail may begin: what makes mail open to withdrawal, leaving or moving, raises the epoch of its reader."""
    # An address that was erased while its mail was on its way is not tried again.
    addressed = deliveries.c.recipient != ""
    same = subscribers.c.epoch == deliveries.c.epoch
    return sa.or_(
        sa.and_(deliveries.c.kind == Kind.DIGEST, _reader(same, subscribers.c.state == State.ACTIVE)),
        sa.and_(deliveries.c.kind.in_(_LAST_WORDS), addressed),
        sa.and_(deliveries.c.kind.not_in([Kind.DIGEST, *_LAST_WORDS]), addressed, _reader(same)),
    )


#: Mail to who has left, to the address that was left, and to the operator.
_LAST_WORDS = (Kind.GOODBYE, Kind.MOVED, Kind.ALARM)


def _reader(*conditions: sa.ColumnElement[bool]) -> sa.ColumnElement[bool]:
    """Whether these hold of the subscriber of a delivery."""
    return sa.exists().where(subscribers.c.id == deliveries.c.subscriber_id, *conditions)


def settle(conn: Connection, results: Sequence[Result], *, claimant: str, now: dt.datetime) -> None:
    """Write what each try did; a claim that went to another sender meanwhile is not touched.

    Who bounced hard is suppressed with it: no crash comes between what the relay said and what follows.
    """
    # Whose mail fails has a span given back, and a bounce names its reader: they are held before their mail is locked.
    failed = [result.delivery_id for result in results if result.status in (Status.FAILED, Status.EXPIRED)]
    told = [*failed, *(result.delivery_id for result in results if result.bounce is not None)]
    if told:
        hold_those(conn, sa.select(deliveries.c.subscriber_id).where(deliveries.c.id.in_(told)))
    came = [
        Came(delivery_id=each.delivery_id, bounce=each.bounce, door=Door.SMTP)
        for each in results
        if each.bounce is not None
    ]
    done = [result for result in results if result.status not in OPEN]
    if done:
        rows = [(each.delivery_id, each.status, each.reply, int(each.counts_attempt)) for each in done]
        conn.execute(_SETTLE[conn.dialect.name], {"given": rows, "claimant_is": claimant, "now": now})
        _give_back_failed(conn, failed)
    for result in results:
        if result.status in OPEN:
            _defer(conn, result, claimant=claimant, now=now)
    if came:
        bounced(conn, came, now=now)


def bounced(conn: Connection, came: Sequence[Came], *, now: dt.datetime) -> Taken:
    """Keep what came back, suppress whom it tells of, and withdraw what is open for them."""
    taken = bounces.take(conn, came, now=now)
    if taken.suppressed:
        withdraw(conn, taken.suppressed, now=now, reason="suppressed")
    return taken


def _defer(conn: Connection, result: Result, *, claimant: str, now: dt.datetime) -> None:
    conn.execute(
        sa.update(deliveries)
        .where(deliveries.c.id == result.delivery_id, deliveries.c.claimant == claimant)
        .values(
            status=result.status,
            reply=result.reply,
            due_at=result.retry_at or now,
            attempts=deliveries.c.attempts + int(result.counts_attempt),
            **_FREED,
        )
    )


#: The hash of what nobody has seen is forgotten: a try that counted may have left bytes behind, which the next must match.
_SHOWN = sa.case((deliveries.c.attempts > 0, deliveries.c.body_hash))
#: What a delivery is when no sender holds it.
_FREED: dict[str, None] = {"claimant": None, "lease_until": None, "begun_at": None}


def _for_each_engine(build: Callable[[sa.TableValuedAlias], sa.Update]) -> dict[str, sa.Update]:
    """A statement about given rows, for each engine: built once, and all rows in one go.

    The rows come as one JSON list. A statement for each row, as `executemany` runs it, lets go of the interpreter
    and takes it back several times a row, and with many senders waiting for it that cost more than the update.
    """
    given = sa.bindparam("given", type_=sa.JSON)
    column = sa.column("value", sa.JSON)
    return {
        "sqlite": build(sa.func.json_each(given).table_valued(column, name="given")),
        "postgresql": build(sa.func.json_array_elements(given).table_valued(column, name="given")),
    }


_BEGIN = _for_each_engine(
    lambda given: (
        sa.update(deliveries)
        .where(
            # Only what is claimed has a claimant. Were the status asked for too, SQLite would go through all claims
            # by its index, and through the given rows for each of them.
            deliveries.c.id == given.c.value[0].as_integer(),
            deliveries.c.claimant == sa.bindparam("claimant_is"),
            deliveries.c.lease_until > sa.bindparam("now"),
            _mailable(),
        )
        .values(begun_at=sa.bindparam("now"), body_hash=given.c.value[1].as_string())
    )
)
_SETTLE = _for_each_engine(
    lambda given: (
        sa.update(deliveries)
        .where(
            deliveries.c.id == given.c.value[0].as_integer(),
            deliveries.c.claimant == sa.bindparam("claimant_is"),
        )
        .values(
            status=given.c.value[1].as_string(),
            reply=given.c.value[2].as_string(),
            attempts=deliveries.c.attempts + given.c.value[3].as_integer(),
            settled_at=sa.bindparam("now"),
            **_FREED,
        )
    )
)


def _give_back_failed(conn: Connection, failed: Sequence[int]) -> None:
    if not failed:
        return
    query = sa.select(
        deliveries.c.subscriber_id, deliveries.c.cursor_edition_id, deliveries.c.edition_id
    ).where(
        deliveries.c.id.in_(failed),
        deliveries.c.status.in_([Status.FAILED, Status.EXPIRED]),  # the claim may have gone to another sender
        deliveries.c.edition_id.is_not(None),
    )
    give_back(conn, [tuple(row) for row in conn.execute(query).all()])


def withdraw(conn: Connection, subscriber_ids: Sequence[int], *, now: dt.datetime, reason: str) -> int:
    """Suppress all mail that is open for readers who leave; what was begun is past recall. Returns how many."""
    values = {"status": Status.SUPPRESSED, "reason": reason, "settled_at": now, "claimant": None}
    return int(conn.execute(sa.update(deliveries).where(_recallable(subscriber_ids)).values(values)).rowcount)


def _recallable(subscriber_ids: Sequence[int]) -> sa.ColumnElement[bool]:
    return sa.and_(
        deliveries.c.subscriber_id.in_(subscriber_ids),
        deliveries.c.status.in_(OPEN),
        deliveries.c.begun_at.is_(None),
    )


def readdress(conn: Connection, subscriber_id: int, *, recipient: str, epoch: int, now: dt.datetime) -> None:
    """Let the open digests of a reader who moved go to the new address, with links that open.

    One that was tried keeps its bytes, which name the old address: it is withdrawn, and its span given back. So is
    other mail, whose links are dead, but for the notice of an earlier move, which is for the address that it left.
    One that a sender holds and has not begun is taken out of its hands: it has the old address before its eyes.
    """
    mine = sa.and_(_recallable([subscriber_id]), deliveries.c.kind != Kind.MOVED, deliveries.c.epoch != epoch)
    fresh = sa.and_(mine, deliveries.c.kind == Kind.DIGEST, deliveries.c.body_hash.is_(None))
    _reopen(conn, sa.and_(fresh, deliveries.c.status == Status.CLAIMED))
    conn.execute(sa.update(deliveries).where(fresh).values(recipient=recipient, epoch=epoch))
    stale = sa.and_(
        mine, sa.not_(sa.and_(deliveries.c.kind == Kind.DIGEST, deliveries.c.body_hash.is_(None)))
    )
    rows = conn.execute(
        sa.update(deliveries)
        .where(stale)
        .values(status=Status.SUPPRESSED, reason="moved", settled_at=now, claimant=None)
        .returning(deliveries.c.subscriber_id, deliveries.c.cursor_edition_id, deliveries.c.edition_id)
    ).all()
    give_back(conn, [tuple(row) for row in rows if row.edition_id is not None])


def blank(conn: Connection, subscriber_ids: Sequence[int]) -> None:
    """Remove the address from the ledger rows of readers who are erased; the rows stay counted."""
    mine = deliveries.c.subscriber_id.in_(subscriber_ids)
    conn.execute(sa.update(deliveries).where(mine).values(recipient="", picks=""))


def _values(row: Plan, now: dt.datetime) -> dict[str, object]:
    return {
        "subscriber_id": None if row.subscriber_id == OPERATOR else row.subscriber_id,
        "kind": row.kind,
        "local_date": row.local_date,
        "status": row.status,
        "reason": row.reason,
        "recipient": row.recipient,
        "epoch": row.epoch,
        "picks": packed(row.picks),
        "note": row.note,
        "leftover": row.leftover,
        "cursor_edition_id": row.cursor_edition_id,
        "edition_id": row.edition_id,
        "message_id": row.message_id,
        "template": row.template,
        "signed_by": row.signed_by,
        "planned_at": row.planned_at,
        "due_at": row.planned_at,
        "expires_at": row.expires_at,
        "settled_at": now if row.status is Status.SKIPPED else None,
    }
