"""Subscribers, and where each stands on the way of the editions."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row

from digest.store.engines import INSERTS, Insert
from digest.store.schema import subscribers
from digest.subscribers.subscriber import SUBSCRIBED, Frequency, Profile, Schedule, State, Subscriber


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """A subscriber, and what planning needs to know of them."""

    subscriber: Subscriber
    cursor_edition_id: int | None  #: the last edition planned from; None means the newest only
    last_date: dt.date | None  #: local date last served or skipped
    last_mailed_at: dt.datetime | None
    due_at: dt.datetime | None
    waits_for: dt.date | None  #: due on this date, with nothing to send so far
    waits_until: dt.datetime | None  #: its local midnight
    waits_reason: str | None
    checked_edition_id: int | None  #: the newest edition when that was found


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How planning takes one subscriber on; written only if nobody took them on meanwhile."""

    subscriber_id: int
    last_date_was: dt.date | None
    cursor_edition_id: int | None
    last_date: dt.date | None
    last_mailed_at: dt.datetime | None
    due_at: dt.datetime | None
    waits_for: dt.date | None = None
    waits_until: dt.datetime | None = None
    waits_reason: str | None = None
    checked_edition_id: int | None = None


# Built once, as in `consents`: for a save too the building took most of the time.
_ONE = sa.select(subscribers).where(subscribers.c.id == sa.bindparam("wanted"))
_HOLD = (
    sa.select(subscribers)
    .where(subscribers.c.id.in_(sa.bindparam("wanted", expanding=True)))
    .order_by(subscribers.c.id)
    .with_for_update()
)
_HOLD_ADDRESS = (
    sa.select(subscribers).where(subscribers.c.address_key == sa.bindparam("wanted")).with_for_update()
)
_RESERVE = sa.select(
    sa.func.pg_advisory_xact_lock(sa.func.hashtextextended(sa.bindparam("wanted", type_=sa.Text), 0))
)
_CHANGE = sa.update(subscribers).where(subscribers.c.id == sa.bindparam("wanted"))
# Of the erased, of sign-ups that nobody confirmed, and of addresses that were moved to, a row without one is left.
_KNOWN = subscribers.c.address != ""


def add(
    conn: Connection,
    *,
    address: str,
    address_key: str,
    state: State,
    profile: Profile,
    schedule: Schedule,
    now: dt.datetime,
    due_at: dt.datetime | None,
) -> int:
    """Insert a subscriber whose address is new; returns the id."""
    values = {
        "address": address,
        "address_key": address_key,
        "state": state,
        "created_at": now,
        "asked_at": now if state is State.PENDING else None,
        "confirmed_at": now if state is State.ACTIVE else None,
        "due_at": due_at,
        **_profile_values(profile),
        **_schedule_values(schedule),
    }
    return int(conn.execute(sa.insert(subscribers).values(values).returning(subscribers.c.id)).scalar_one())


def enter(
    conn: Connection,
    *,
    address: str,
    address_key: str,
    profile: Profile,
    schedule: Schedule,
    now: dt.datetime,
    replaces: int | None = None,
) -> Subscriber | None:
    """Put an address down as pending, anew or once more, in one statement; None where it is subscribed.

    Args:
        replaces: The subscription that it is to take over with its yes, if it asks for none of its own.
    """
    values = {
        "address": address,
        "address_key": address_key,
        "created_at": now,
        "state": State.PENDING,
        "asked_at": now,
        "replaces": replaces,
        **_profile_values(profile),
        **_schedule_values(schedule),
    }
    row = conn.execute(_ENTER[conn.dialect.name], values).one_or_none()
    return _subscriber(row) if row else None


#: What nobody brings along who asks once more: they start as someone new does.
_AFRESH: dict[str, None] = dict.fromkeys(
    (
        "confirmed_at",
        "paused_until",
        "moves_to",
        "cursor_edition_id",
        "due_at",
        "waits_for",
        "waits_until",
        "waits_reason",
        "checked_edition_id",
    )
)


#: What counts as they say it this time.
_SAID = (
    "state",
    "asked_at",
    "replaces",
    "topics",
    "interests",
    "include",
    "exclude",
    "cap",
    "frequency",
    "weekday",
    "zone",
    "hour",
)


def _enter(insert: Insert) -> sa.Executable:
    return insert.on_conflict_do_update(
        index_elements=["address_key"],
        set_={**{name: insert.excluded[name] for name in _SAID}, **_AFRESH},
        where=subscribers.c.state.not_in(SUBSCRIBED),
    ).returning(subscribers)


#: By engine; built once, for building it took longer than running it.
_ENTER = {engine: _enter(insert(subscribers)) for engine, insert in INSERTS.items()}


def find(conn: Connection, address_key: str) -> Subscriber | None:
    """The subscriber of an address, by its key."""
    row = conn.execute(sa.select(subscribers).where(subscribers.c.address_key == address_key)).one_or_none()
    return _subscriber(row) if row else None


def get(conn: Connection, subscriber_id: int) -> Subscriber | None:
    row = conn.execute(_ONE, {"wanted": subscriber_id}).one_or_none()
    return _subscriber(row) if row else None


# On PostgreSQL two transactions that lock the same things in two orders stop each other. So everyone locks in this one:
# first the address, by `reserve` or `hold_address`, one in a transaction; then subscribers, by id; then their mail.


def hold(conn: Connection, subscriber_id: int) -> Subscriber | None:
    """The subscriber as they stand now, and will until this transaction ends: no other changes them meanwhile."""
    return hold_all(conn, [subscriber_id]).get(subscriber_id)


def hold_all(conn: Connection, subscriber_ids: Collection[int]) -> dict[int, Subscriber]:
    """The same for several, by id; who is not there is left out."""
    rows = conn.execute(_HOLD, {"wanted": list(subscriber_ids)})
    return {row.id: _subscriber(row) for row in rows}


def hold_those(conn: Connection, whose: sa.Select[tuple[int]]) -> None:
    """Hold the subscribers whom a query names, before their mail is locked: without it two could stop each other."""
    if conn.dialect.name == "postgresql":  # SQLite has one writer anyway
        query = sa.select(subscribers.c.id).where(subscribers.c.id.in_(whose)).order_by(subscribers.c.id)
        conn.execute(query.with_for_update())


def reserve(conn: Connection, address_key: str) -> None:
    """Hold back who else would add this address, until this transaction ends."""
    if conn.dialect.name == "postgresql":  # SQLite has one writer anyway
        conn.execute(_RESERVE, {"wanted": address_key})


def hold_address(conn: Connection, address_key: str) -> Subscriber | None:
    """Reserve an address, and hold whoever has it; None where nobody does, nor will by another's hand."""
    reserve(conn, address_key)
    row = conn.execute(_HOLD_ADDRESS, {"wanted": address_key}).one_or_none()
    return _subscriber(row) if row else None


def every(conn: Connection, *, state: State | None = None) -> Iterator[Subscriber]:
    """All subscribers, by address; the rows that the ledger keeps of who was forgotten are nobody's."""
    query = sa.select(subscribers).where(_KNOWN).order_by(subscribers.c.address_key)
    if state is not None:
        query = query.where(subscribers.c.state == state)
    return (_subscriber(row) for row in conn.execute(query))


def counts(conn: Connection) -> dict[State, int]:
    """How many subscribers are in each state; none of them was forgotten."""
    query = sa.select(subscribers.c.state, sa.func.count()).where(_KNOWN).group_by(subscribers.c.state)
    found = {State(state): int(number) for state, number in conn.execute(query)}
    return {state: found.get(state, 0) for state in State}


def change(conn: Connection, subscriber_id: int, **values: object) -> None:
    """Set columns of one subscriber; `profile` and `schedule` stand for all of theirs."""
    profile, schedule = values.pop("profile", None), values.pop("schedule", None)
    if isinstance(profile, Profile):
        values.update(_profile_values(profile))
    if isinstance(schedule, Schedule):
        values.update(_schedule_values(schedule))
    conn.execute(_CHANGE, {"wanted": subscriber_id, **values})


def remove(conn: Connection, subscriber_ids: Sequence[int], *, taken_over: bool = False) -> None:
    """Blank what names these persons, keep the rows that the ledger counts; no link of theirs opens any more.

    Args:
        taken_over: They live on in the subscription that theirs replaced: the link that said so still does.
    """
    blank: dict[str, object] = {
        "address": "",
        "address_key": sa.literal("erased:") + sa.cast(subscribers.c.id, sa.Text),
        "state": State.LEFT,
        "due_at": None,
        "paused_until": None,
        "moves_to": None,
        **_profile_values(Profile()),
        **_schedule_values(Schedule()),
    }
    if not taken_over:
        blank |= {"replaces": None, "epoch": subscribers.c.epoch + 1}
    conn.execute(sa.update(subscribers).where(subscribers.c.id.in_(subscriber_ids)).values(blank))


def unconfirmed(conn: Connection, *, asked_before: dt.datetime) -> list[int]:
    """Who was last asked before a moment and has not said yes, by id."""
    query = sa.select(subscribers.c.id).where(_unconfirmed(asked_before)).order_by(subscribers.c.id)
    return list(conn.scalars(query))


def hold_unconfirmed(
    conn: Connection, subscriber_ids: Collection[int], *, asked_before: dt.datetime
) -> list[int]:
    """Those of these who still have not said yes, held until this transaction ends."""
    query = sa.select(subscribers.c.id).where(
        subscribers.c.id.in_(subscriber_ids), _unconfirmed(asked_before)
    )
    return list(conn.scalars(query.order_by(subscribers.c.id).with_for_update()))


def _unconfirmed(asked_before: dt.datetime) -> sa.ColumnElement[bool]:
    asked_at = sa.func.coalesce(subscribers.c.asked_at, subscribers.c.created_at)
    return sa.and_(subscribers.c.state == State.PENDING, asked_at < asked_before)


def paused_until(conn: Connection, date: dt.date) -> list[Subscriber]:
    """Whose pause ends on a date or before, by id; whether that date has come is for their own zone to say."""
    query = sa.select(subscribers).where(
        subscribers.c.state == State.PAUSED, subscribers.c.paused_until <= date
    )
    return [_subscriber(row) for row in conn.execute(query.order_by(subscribers.c.id))]


def standing(conn: Connection, subscriber_id: int) -> Standing:
    return _standing(conn.execute(_ONE, {"wanted": subscriber_id}).one())


def due(
    conn: Connection, *, now: dt.datetime, newest_edition_id: int, after_id: int, limit: int
) -> list[Standing]:
    """Subscribers to plan now, by id: their hour has come, and there is something they were not asked before.

    Whoever waits with nothing to send comes up again with the next edition, or at their midnight.
    """
    asked = sa.and_(
        subscribers.c.waits_for.is_not(None),
        subscribers.c.checked_edition_id >= newest_edition_id,
        subscribers.c.waits_until > now,
    )
    query = (
        sa.select(subscribers)
        .where(subscribers.c.id > after_id, subscribers.c.due_at <= now, ~sa.func.coalesce(asked, sa.false()))
        .order_by(subscribers.c.id)
        .limit(limit)
    )
    return [_standing(row) for row in conn.execute(query)]


def standings(conn: Connection, subscriber_ids: Sequence[int] | None = None) -> list[Standing]:
    """Where these subscribers stand, or all who have not left, by id."""
    query = sa.select(subscribers).order_by(subscribers.c.id)
    if subscriber_ids is None:
        query = query.where(subscribers.c.state != State.LEFT)
    else:
        query = query.where(subscribers.c.id.in_(list(subscriber_ids)))
    return [_standing(row) for row in conn.execute(query)]


def fields(conn: Connection, subscriber_id: int) -> dict[str, Any]:
    """All that the row of a subscriber says, by column, but for the key that is drawn from the address."""
    row = conn.execute(_ONE, {"wanted": subscriber_id}).one()
    return {name: value for name, value in row._mapping.items() if name != "address_key"}


def reached(conn: Connection, subscriber_ids: Sequence[int]) -> dict[int, tuple[str, int]]:
    """Where those of these subscribers who have not left are reached: subscriber -> (address, epoch)."""
    query = sa.select(subscribers.c.id, subscribers.c.address, subscribers.c.epoch).where(
        subscribers.c.id.in_(subscriber_ids), subscribers.c.state != State.LEFT
    )
    return {row.id: (row.address, row.epoch) for row in conn.execute(query)}


def advance(conn: Connection, made: Sequence[Progress]) -> None:
    """Write how planning took these subscribers on."""
    if not made:
        return
    statement = (
        sa.update(subscribers)
        .where(
            subscribers.c.id == sa.bindparam("key"),
            # Null-safe, and in both engines: whoever was planned by another process stays as that one put them.
            sa.func.coalesce(subscribers.c.last_date, dt.date.min)
            == sa.func.coalesce(sa.bindparam("was", type_=sa.Date), dt.date.min),
        )
        .values({name: sa.bindparam(f"new_{name}") for name in _TAKEN_ON})
    )
    conn.execute(
        statement,
        [
            {
                "key": each.subscriber_id,
                "was": each.last_date_was,
                **{f"new_{name}": getattr(each, name) for name in _TAKEN_ON},
            }
            for each in made
        ],
    )


_TAKEN_ON = (
    "cursor_edition_id",
    "last_date",
    "last_mailed_at",
    "due_at",
    "waits_for",
    "waits_until",
    "waits_reason",
    "checked_edition_id",
)


def give_back(conn: Connection, spans: Sequence[tuple[int, int | None, int]]) -> None:
    """Return cursors, as (subscriber, cursor before, edition planned to), unless they moved since."""
    if not spans:
        return
    conn.execute(
        sa.update(subscribers)
        .where(
            subscribers.c.id == sa.bindparam("key"),
            subscribers.c.cursor_edition_id == sa.bindparam("planned"),
        )
        .values(cursor_edition_id=sa.bindparam("before")),
        # By id, as `advance` writes them: on PostgreSQL two that lock the same rows in two orders would stop each other.
        [
            {"key": key, "before": before, "planned": planned}
            for key, before, planned in sorted(spans, key=itemgetter(0))
        ],
    )


def _profile_values(profile: Profile) -> dict[str, object]:
    return {
        "topics": list(profile.topics),
        "interests": list(profile.interests),
        "include": list(profile.include),
        "exclude": list(profile.exclude),
        "cap": profile.cap,
    }


def _schedule_values(schedule: Schedule) -> dict[str, object]:
    return {
        "frequency": schedule.frequency,
        "weekday": schedule.weekday,
        "zone": schedule.zone,
        "hour": schedule.hour,
    }


def _subscriber(row: Row[Any]) -> Subscriber:
    return Subscriber(
        id=row.id,
        address=row.address,
        state=State(row.state),
        profile=Profile(
            topics=tuple(row.topics),
            interests=tuple(row.interests),
            include=tuple(row.include),
            exclude=tuple(row.exclude),
            cap=row.cap,
        ),
        schedule=Schedule(
            frequency=Frequency(row.frequency), weekday=row.weekday, zone=row.zone, hour=row.hour
        ),
        epoch=row.epoch,
        confirmed_at=row.confirmed_at,
        asked_at=row.asked_at,
        paused_until=row.paused_until,
        replaces=row.replaces,
        moves_to=row.moves_to,
    )


def _standing(row: Row[Any]) -> Standing:
    return Standing(
        subscriber=_subscriber(row),
        cursor_edition_id=row.cursor_edition_id,
        last_date=row.last_date,
        last_mailed_at=row.last_mailed_at,
        due_at=row.due_at,
        waits_for=row.waits_for,
        waits_until=row.waits_until,
        waits_reason=row.waits_reason,
        checked_edition_id=row.checked_edition_id,
    )
