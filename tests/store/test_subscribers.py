"""Subscribers, and where each stands on the way of the editions."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from digest.store import schema, subscribers
from digest.store.database import Database
from digest.store.subscribers import Progress, Standing
from digest.subscribers.subscriber import Frequency, Profile, Schedule, State, Subscriber
from tests.factories import DAY, HOUR, NOW, TODAY, add_subscriber, publish_edition

PROFILE = Profile(
    topics=("kites",), interests=("strings; of all kinds",), include=("author:Ada",), exclude=("GAN",), cap=3
)
SCHEDULE = Schedule(frequency=Frequency.WEEKLY, weekday=4, zone="Asia/Kathmandu", hour=23)


def progress(standing: Standing, **values: object) -> Progress:
    """A progress that stays where the subscriber stands, but for the values given."""
    unmoved = Progress(
        subscriber_id=standing.subscriber.id,
        last_date_was=standing.last_date,
        cursor_edition_id=standing.cursor_edition_id,
        last_date=standing.last_date,
        last_mailed_at=standing.last_mailed_at,
        due_at=standing.due_at,
    )
    return replace(unmoved, **values)  # type: ignore[arg-type] # checked by the dataclass


def test_a_subscriber_comes_back_as_they_were(database: Database) -> None:
    """Every choice is kept, and found by id and by the key of the address."""
    with database.write() as conn:
        added = add_subscriber(conn, "Ada@example.org", profile=PROFILE, schedule=SCHEDULE)
        assert (added.address, added.state, added.epoch) == ("Ada@example.org", State.ACTIVE, 0)
        assert (added.profile, added.schedule, added.confirmed_at) == (PROFILE, SCHEDULE, NOW)
        assert subscribers.find(conn, "ada@example.org") == added
        assert subscribers.get(conn, added.id) == subscribers.hold(conn, added.id) == added
        assert subscribers.find(conn, "Ada@example.org") is None
        assert subscribers.get(conn, 999) is subscribers.hold(conn, 999) is None
        pending = add_subscriber(conn, "bo@example.org", state=State.PENDING)
        assert pending.confirmed_at is None
        assert subscribers.standing(conn, pending.id).due_at is None


def test_one_subscriber_an_address(database: Database) -> None:
    """No two subscribers have one address, whatever its case."""
    with pytest.raises(sa.exc.IntegrityError), database.write() as conn:
        add_subscriber(conn, "ada@example.org")
        add_subscriber(conn, "ADA@example.org")


def test_lists_and_counts(database: Database) -> None:
    """Subscribers are listed by address, all or those of one state, and each state is counted."""
    with database.write() as conn:
        for name, state in (("c", State.ACTIVE), ("a", State.PAUSED), ("b", State.ACTIVE), ("d", State.LEFT)):
            add_subscriber(conn, f"{name}@example.org", state=state)
        assert [each.address[0] for each in subscribers.every(conn)] == ["a", "b", "c", "d"]
        assert [each.address[0] for each in subscribers.every(conn, state=State.ACTIVE)] == ["b", "c"]
        assert subscribers.counts(conn) == {
            State.PENDING: 0,
            State.ACTIVE: 2,
            State.PAUSED: 1,
            State.SUPPRESSED: 0,
            State.LEFT: 1,
        }
        assert [each.subscriber.address[0] for each in subscribers.standings(conn)] == ["c", "a", "b"]
        left = subscribers.find(conn, "d@example.org")
        assert left is not None
        assert [each.subscriber for each in subscribers.standings(conn, [left.id])] == [left]
        assert subscribers.standings(conn, []) == []


def test_the_forgotten(database: Database) -> None:
    """Who was forgotten is neither listed nor counted: their row names nobody."""
    with database.write() as conn:
        gone = add_subscriber(conn, "ada@example.org")
        add_subscriber(conn, "bea@example.org")
        subscribers.remove(conn, [gone.id])
        assert [each.address for each in subscribers.every(conn)] == ["bea@example.org"]
        assert list(subscribers.every(conn, state=State.LEFT)) == []
        counts = subscribers.counts(conn)
    assert (counts[State.ACTIVE], counts[State.LEFT]) == (1, 0)


def test_changing(database: Database) -> None:
    """A change sets what it names, of one subscriber alone."""
    with database.write() as conn:
        ada, bo = add_subscriber(conn), add_subscriber(conn)
        subscribers.change(conn, ada.id, profile=PROFILE, epoch=4)
        assert subscribers.get(conn, ada.id) == replace(ada, profile=PROFILE, epoch=4)
        subscribers.change(conn, ada.id, schedule=SCHEDULE)
        assert subscribers.get(conn, ada.id) == replace(ada, profile=PROFILE, epoch=4, schedule=SCHEDULE)
        assert subscribers.get(conn, bo.id) == bo


def test_removing(database: Database) -> None:
    """Of who is removed nothing stays that names or describes them; the row stays for the ledger."""
    with database.write() as conn:
        ada, bo = add_subscriber(conn, "ada@example.org", profile=PROFILE), add_subscriber(conn)
        subscribers.change(conn, ada.id, replaces=bo.id, moves_to=bo.id, paused_until=TODAY)
        subscribers.remove(conn, [ada.id])
        gone = Subscriber(id=ada.id, address="", state=State.LEFT, epoch=1, confirmed_at=NOW)
        assert subscribers.get(conn, ada.id) == gone
        assert subscribers.find(conn, "ada@example.org") is None
        assert subscribers.standing(conn, ada.id).due_at is None
        add_subscriber(conn, "ada@example.org")


def due(
    conn: Connection, now: dt.datetime = NOW, *, newest: int = 5, after: int = 0, limit: int = 9
) -> list[int]:
    found = subscribers.due(conn, now=now, newest_edition_id=newest, after_id=after, limit=limit)
    return [standing.subscriber.id for standing in found]


def test_who_is_due(database: Database) -> None:
    """Due is whose moment has come, to the second; by id, in pieces, and nobody without a moment."""
    with database.write() as conn:
        now, soon, ago = (add_subscriber(conn, due_at=NOW + n * HOUR / 3600).id for n in (0, 1, -1))
        add_subscriber(conn, state=State.PENDING)
        assert due(conn) == [now, ago]
        assert due(conn, NOW + HOUR) == [now, soon, ago]
        assert due(conn, limit=1) == [now]
        assert due(conn, after=now) == [ago]


@pytest.mark.parametrize(
    ("waits_for", "until_h", "checked", "comes_up"),
    [
        pytest.param(None, None, None, True, id="does not wait"),
        pytest.param(TODAY, 1, 5, False, id="looked at the newest edition"),
        pytest.param(TODAY, 1, 6, False, id="looked at one that is newer still"),
        pytest.param(TODAY, 1, 4, True, id="there is a newer edition"),
        pytest.param(TODAY, 1, 0, True, id="there was no edition"),
        pytest.param(TODAY, 0, 5, True, id="midnight has come"),
        pytest.param(TODAY, -1, 5, True, id="midnight went by"),
        pytest.param(TODAY, None, None, True, id="half a wait is none"),
    ],
)
def test_who_waits(
    database: Database, waits_for: dt.date | None, until_h: int | None, checked: int | None, comes_up: bool
) -> None:
    """Who waits with nothing to send comes up again with the next edition, or at their midnight, not before."""
    with database.write() as conn:
        waiting = add_subscriber(conn, due_at=NOW)
        subscribers.change(
            conn,
            waiting.id,
            waits_for=waits_for,
            waits_until=None if until_h is None else NOW + until_h * HOUR,
            checked_edition_id=checked,
        )
        assert due(conn) == ([waiting.id] if comes_up else [])


def test_moving_on(database: Database) -> None:
    """A progress writes all that it says, of each subscriber."""
    edition = publish_edition(database, "On Kites")
    with database.write() as conn:
        ada, bo = add_subscriber(conn), add_subscriber(conn)
        one, other = (subscribers.standing(conn, each.id) for each in (ada, bo))
        moved = Progress(
            subscriber_id=ada.id,
            last_date_was=None,
            cursor_edition_id=edition,
            last_date=TODAY,
            last_mailed_at=NOW,
            due_at=NOW + DAY,
            waits_for=TODAY,
            waits_until=NOW + HOUR,
            waits_reason="nothing_new",
            checked_edition_id=edition,
        )
        subscribers.advance(conn, [moved, progress(other, due_at=NOW + 2 * DAY)])
        assert subscribers.standing(conn, ada.id) == Standing(
            subscriber=one.subscriber,
            cursor_edition_id=edition,
            last_date=TODAY,
            last_mailed_at=NOW,
            due_at=NOW + DAY,
            waits_for=TODAY,
            waits_until=NOW + HOUR,
            waits_reason="nothing_new",
            checked_edition_id=edition,
        )
        assert subscribers.standing(conn, bo.id) == replace(other, due_at=NOW + 2 * DAY)
        subscribers.advance(conn, [])


@pytest.mark.parametrize("stands_at", [None, TODAY - DAY, TODAY])
@pytest.mark.parametrize("was", [None, TODAY - DAY, TODAY])
def test_nobody_is_moved_twice(database: Database, was: dt.date | None, stands_at: dt.date | None) -> None:
    """A progress holds only for who still stands where it began: of two planners, one takes a subscriber on."""
    with database.write() as conn:
        ada = add_subscriber(conn)
        subscribers.change(conn, ada.id, last_date=stands_at)
        before = subscribers.standing(conn, ada.id)
        subscribers.advance(conn, [progress(before, last_date_was=was, last_date=TODAY + DAY, due_at=None)])
        after = subscribers.standing(conn, ada.id)
    moved = replace(before, last_date=TODAY + DAY, due_at=None)
    assert after == (moved if was == stands_at else before)


def test_giving_back(database: Database) -> None:
    """A span goes back to who still stands at its end; who has moved since stays."""
    first, second = (publish_edition(database, f"On {day}", day=TODAY + day * DAY) for day in (0, 1))
    with database.write() as conn:
        ada, bo, cy = (add_subscriber(conn).id for _ in range(3))
        for who, cursor in ((ada, first), (bo, second), (cy, second)):
            subscribers.change(conn, who, cursor_edition_id=cursor)
        subscribers.give_back(conn, [(ada, None, first), (bo, None, first), (cy, first, second)])
        subscribers.give_back(conn, [])
        cursors = [standing.cursor_edition_id for standing in subscribers.standings(conn)]
    assert cursors == [None, second, first]


def test_spans_are_given_back_in_the_order_of_ids(database: Database) -> None:
    """Rows are locked in one order by all who write many of them, or two on PostgreSQL would stop each other."""
    given: list[object] = []

    def note(_conn: object, _cursor: object, _sql: object, parameters: object, *_rest: object) -> None:
        given.append(parameters)

    sa.event.listen(database.engine, "before_cursor_execute", note)
    with database.write() as conn:
        subscribers.give_back(conn, [(3, None, 1), (1, 2, 4), (2, None, 1)])
    [rows] = [each for each in given if isinstance(each, list)]
    keys = [row["key"] if isinstance(row, dict) else row[1] for row in rows]
    assert keys == [1, 2, 3]


def test_where_readers_are_reached(database: Database) -> None:
    """Address and epoch as they stand, of who was asked about and has not left."""
    with database.write() as conn:
        people = {state: add_subscriber(conn, state=state) for state in State}
        add_subscriber(conn)
        moved = people[State.ACTIVE]
        subscribers.change(conn, moved.id, address="new@example.org", epoch=4)
        reached = subscribers.reached(conn, [each.id for each in people.values()])
        assert set(reached) == {each.id for state, each in people.items() if state is not State.LEFT}
        assert reached[moved.id] == ("new@example.org", 4)
        assert subscribers.reached(conn, []) == {}


def test_entering(database: Database) -> None:
    """Who is new, pending, has left or bounced is pending afresh, with the newest choices; who is subscribed is not."""
    edition = publish_edition(database, "On Kites")
    with database.write() as conn:
        for state in State:
            known = add_subscriber(conn, f"{state}@example.org", state=state)
            values = {"cursor_edition_id": edition, "last_date": TODAY, "epoch": 3, "paused_until": TODAY}
            subscribers.change(conn, known.id, **values, replaces=known.id, moves_to=known.id)
            before = subscribers.standing(conn, known.id)
            entered = enter(conn, known.address)
            after = subscribers.standing(conn, known.id)
            if state in (State.ACTIVE, State.PAUSED):
                assert (entered, after) == (None, before)
                continue
            assert entered == after.subscriber
            assert entered == Subscriber(
                id=known.id,
                address=known.address,
                state=State.PENDING,
                profile=PROFILE,
                schedule=SCHEDULE,
                epoch=3,
                asked_at=NOW + HOUR,
            )
            assert (after.cursor_edition_id, after.due_at, after.last_date) == (None, None, TODAY)
        new = enter(conn, "new@example.org")
        assert new is not None
        assert (new.state, new.profile, new.epoch, new.asked_at) == (State.PENDING, PROFILE, 0, NOW + HOUR)
        asked = enter(conn, "new@example.org", replaces=new.id)
        assert asked == replace(new, replaces=new.id)


def enter(conn: Connection, address: str, replaces: int | None = None) -> Subscriber | None:
    return subscribers.enter(
        conn,
        address=address,
        address_key=address,
        profile=PROFILE,
        schedule=SCHEDULE,
        now=NOW + HOUR,
        replaces=replaces,
    )


def test_holding(database: Database) -> None:
    """Several are held by id, or one by address; who is not there is left out."""
    with database.write() as conn:
        ada, bo = add_subscriber(conn, "Ada@example.org"), add_subscriber(conn)
        assert list(subscribers.hold_all(conn, {bo.id, 999, ada.id}).items()) == [(ada.id, ada), (bo.id, bo)]
        assert subscribers.hold_address(conn, "ada@example.org") == ada
        assert subscribers.hold_address(conn, "cy@example.org") is None


def test_who_has_not_confirmed(database: Database) -> None:
    """Pending and asked before a moment; who was put down without a time of asking counts from when they came."""
    with database.write() as conn:
        old = add_subscriber(conn, state=State.PENDING)
        subscribers.change(conn, old.id, asked_at=None)
        late = add_subscriber(conn, state=State.PENDING, now=NOW + HOUR)
        add_subscriber(conn)
        for before, found in ((NOW, []), (NOW + HOUR, [old.id]), (NOW + DAY, [old.id, late.id])):
            assert subscribers.unconfirmed(conn, asked_before=before) == found
        assert subscribers.hold_unconfirmed(conn, [late.id, 999], asked_before=NOW + DAY) == [late.id]


def test_whose_pause_ends(database: Database) -> None:
    """Found by the date they named, while they pause."""
    with database.write() as conn:
        for until in (TODAY, TODAY + DAY, TODAY + 2 * DAY, None):
            paused = add_subscriber(conn, state=State.PAUSED)
            subscribers.change(conn, paused.id, paused_until=until)
        active = add_subscriber(conn)
        subscribers.change(conn, active.id, paused_until=TODAY)
        found = subscribers.paused_until(conn, TODAY + DAY)
        assert [each.paused_until for each in found] == [TODAY, TODAY + DAY]


def test_all_that_a_row_says(database: Database) -> None:
    """Every column by its name, but the key that is drawn from the address."""
    with database.write() as conn:
        ada = add_subscriber(conn, "ada@example.org", profile=PROFILE)
        found = subscribers.fields(conn, ada.id)
    assert set(found) == set(schema.subscribers.c.keys()) - {"address_key"}
    assert (found["address"], found["topics"], found["state"]) == ("ada@example.org", ["kites"], "active")
