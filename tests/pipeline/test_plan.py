"""Plan: who is due gets a row with frozen picks, or a skip; cursors move, and come back when nothing went out."""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa

from digest.compose.message import Message
from digest.deliver.delivery import Kind, Status
from digest.deliver.reply import Reply, Step
from digest.pipeline.plan import PlanReport, plan
from digest.pipeline.shelf import Rankers
from digest.rank.selection import ReasonKind
from digest.rank.topics import parse
from digest.relay.memory import MemoryRelay
from digest.signup import Signup
from digest.store import deliveries, editions, ledger, subscribers
from digest.store.database import Database
from digest.store.deliveries import Result
from digest.store.ledger import Entry
from digest.store.schema import deliveries as deliveries_table
from digest.store.schema import plans
from digest.store.subscribers import Standing
from digest.subscribers.consent import Evidence
from digest.subscribers.subscriber import Frequency, Profile, Schedule, State, Subscriber
from digest.wiring import App
from tests.factories import (
    DAY,
    HOUR,
    NOW,
    STAMP,
    TODAY,
    TOPICS,
    Clock,
    add_subscriber,
    clean_record,
    list_records,
    make_app,
    publish_edition,
)

TAXONOMY = parse(TOPICS)
WEEKLY = Schedule(frequency=Frequency.WEEKLY, weekday=4)  # NOW is a Friday


def reader(database: Database, *, state: State = State.ACTIVE, **values: object) -> Subscriber:
    """A subscriber who is due now: confirmed at NOW, an hour after theirs."""
    with database.write() as conn:
        return add_subscriber(conn, state=state, due_at=NOW, **values)  # type: ignore[arg-type] # checked there


def look(database: Database, now: dt.datetime = NOW, *, only: list[int] | None = None) -> PlanReport:
    return plan(database, Rankers(TAXONOMY), STAMP, now=now, only=only)


def entries(database: Database, who: Subscriber) -> list[Entry]:
    """A reader's rows, oldest first."""
    with database.read() as conn:
        return ledger.of(conn, who.id)[::-1]


def take(database: Database) -> None:
    """The relay takes all that is planned."""
    waiting = deliveries_table.c.status == Status.PLANNED
    with database.write() as conn:
        conn.execute(sa.update(deliveries_table).where(waiting).values(status=Status.SENT, settled_at=NOW))


def standing(database: Database, who: Subscriber) -> Standing:
    with database.read() as conn:
        return subscribers.standing(conn, who.id)


def counted(database: Database) -> tuple[int, int]:
    """The eligible as they were counted, and what the ledger lacks of them."""
    with database.read() as conn:
        found = ledger.balance(conn)
        assert found.eligible == (conn.scalar(sa.select(sa.func.sum(plans.c.eligible))) or 0)
    return found.eligible, found.difference


def test_what_a_plan_freezes(database: Database) -> None:
    """A row holds date, address, picks with their reasons, the span, and until when it is worth sending."""
    edition = publish_edition(database, "A Kite for All", "On Bread", "A Boat")
    who = reader(database, profile=Profile(topics=("kites",)))
    assert look(database) == PlanReport(planned=1)
    [row] = entries(database, who)
    assert (row.kind, row.status, row.local_date, row.reason) == (Kind.DIGEST, Status.PLANNED, TODAY, None)
    assert (row.cursor_edition_id, row.edition_id, row.leftover) == (None, edition, 0)
    assert row.message_id == STAMP.message_id(Kind.DIGEST, TODAY, who.id)
    [pick] = row.picks
    [reason] = pick.reasons
    assert (reason.kind, reason.label, reason.words) == (ReasonKind.TOPIC, "Kites", ("Kite",))
    with database.read() as conn:
        frozen = ledger.planned_on(conn, who.id, TODAY)
    assert frozen is not None
    assert (frozen.recipient, frozen.template) == (who.address, STAMP.template)
    assert frozen.expires_at == NOW + 23 * HOUR, "the hour of the next one"
    assert counted(database) == (1, 0)


def test_a_plan_outlives_its_cause(database: Database) -> None:
    """New choices and a new text change nothing of what is planned."""
    publish_edition(database, "A Kite", "On Bread")
    who = reader(database, profile=Profile(topics=("kites",)))
    look(database)
    before = entries(database, who)
    with database.write() as conn:
        subscribers.change(conn, who.id, profile=Profile(topics=("baking",)))
        list_records(conn, [clean_record("A Kite", abstract="Quite another text.")], "revised")
    look(database, NOW + HOUR)
    assert entries(database, who) == before


def test_the_cursor_moves(database: Database) -> None:
    """Planning moves the cursor to the newest edition, the date on, and the next look to the next hour."""
    edition = publish_edition(database, "A Kite")
    who = reader(database)
    look(database)
    now = standing(database, who)
    assert (now.cursor_edition_id, now.last_date, now.last_mailed_at) == (edition, TODAY, NOW)
    assert now.due_at == NOW + 23 * HOUR
    assert look(database) == PlanReport()


def test_the_cap_and_what_is_left_over(database: Database) -> None:
    """Matched papers over the cap are counted, and do not come tomorrow."""
    publish_edition(database, *(f"Kite {n}" for n in range(5)))
    who = reader(database, profile=Profile(cap=2))
    look(database)
    second = publish_edition(database, "A Late Kite", day=TODAY + DAY)
    look(database, NOW + DAY)
    rows = entries(database, who)
    assert [(len(row.picks), row.leftover) for row in rows] == [(2, 3), (1, 0)]
    assert {pick.edition_id for pick in rows[1].picks} == {second}


@pytest.mark.parametrize(
    ("frequency", "drawn"),
    [(Frequency.DAILY, [5]), (Frequency.WEEKDAYS, [5, 4, 3, 2]), (Frequency.WEEKLY, [5, 4, 3, 2])],
)
def test_spans_by_frequency(database: Database, frequency: Frequency, drawn: list[int]) -> None:
    """Daily draws on the newest edition; weekdays and weekly on all since the last one; the first is the newest."""
    schedule = replace(WEEKLY, frequency=frequency)
    who = reader(database, schedule=schedule, profile=Profile(cap=50))
    numbers = {publish_edition(database, "Kite 1", "Kite 0"): 1}
    look(database)
    take(database)
    for number in range(2, 6):
        day = TODAY + (number + 2) * DAY
        numbers[publish_edition(database, f"Kite {number}", day=day)] = number
    look(database, NOW + 7 * DAY)
    first, second = entries(database, who)
    assert {numbers[pick.edition_id] for pick in first.picks} == {1}
    assert sorted((numbers[pick.edition_id] for pick in second.picks), reverse=True) == drawn
    assert look(database, NOW + 7 * DAY + HOUR).planned == 0


@pytest.mark.parametrize(("state", "reason"), [(State.PAUSED, "paused"), (State.SUPPRESSED, "suppressed")])
def test_final_skips(database: Database, state: State, reason: str) -> None:
    """Paused and suppressed make a row at the due hour, and give up the cursor; the date is theirs once."""
    publish_edition(database, "A Kite")
    who = reader(database, state=state)
    assert look(database) == PlanReport(skipped={reason: 1})
    [row] = entries(database, who)
    assert (row.status, row.reason, row.local_date, row.picks) == (Status.SKIPPED, reason, TODAY, ())
    assert standing(database, who).cursor_edition_id is None
    assert look(database, NOW + HOUR) == PlanReport()
    assert counted(database) == (1, 0)


@pytest.mark.parametrize("state", [State.PENDING, State.LEFT])
@pytest.mark.parametrize("named", [False, True])
def test_never_planned(database: Database, state: State, named: bool) -> None:
    """Who has not confirmed, or has left, makes no row, even when named, and is not looked at again."""
    publish_edition(database, "A Kite")
    who = reader(database, state=state)
    assert look(database, only=[who.id] if named else None) == PlanReport()
    assert entries(database, who) == []
    assert standing(database, who).due_at is None
    assert counted(database) == (0, 0)


def test_waiting_is_looked_at_once_per_edition(database: Database) -> None:
    """Due with nothing to send: not asked again until an edition comes, or midnight, which makes the row."""
    who = reader(database, profile=Profile(topics=("kites",)))
    publish_edition(database, "On Bread")
    assert look(database) == PlanReport(waiting=1)
    assert look(database, NOW + HOUR) == PlanReport(), "nothing has changed"
    assert entries(database, who) == []
    midnight = dt.datetime(2026, 11, 21, tzinfo=dt.UTC)
    second = publish_edition(database, "On More Bread", day=TODAY + DAY, at=midnight - 3 * HOUR)
    assert look(database, midnight - 2 * HOUR) == PlanReport(waiting=1)
    assert look(database, midnight) == PlanReport(skipped={"nothing_matched": 1})
    assert [(row.local_date, row.reason) for row in entries(database, who)] == [(TODAY, "nothing_matched")]
    assert standing(database, who).cursor_edition_id == second, "it was looked at and does not come again"
    assert counted(database) == (1, 0)


def test_a_wait_and_the_next_date_in_one_look(database: Database) -> None:
    """A look that comes after midnight settles the wait, and plans the new date if its hour has come."""
    who = reader(database)
    look(database)
    edition = publish_edition(database, "A Kite", day=TODAY + DAY)
    assert look(database, NOW + DAY) == PlanReport(planned=1, skipped={"nothing_new": 1})
    skipped, mailed = entries(database, who)
    assert (skipped.local_date, skipped.reason) == (TODAY, "nothing_new")
    assert (mailed.local_date, mailed.edition_id) == (TODAY + DAY, edition)
    assert counted(database) == (2, 0)


def test_named_readers_at_any_hour(database: Database) -> None:
    """`only` leaves the hour out of account, and everyone else; never that a date is theirs once."""
    publish_edition(database, "A Kite")
    late = Schedule(hour=22)
    named, other = reader(database, schedule=late), reader(database, schedule=late)
    assert look(database) == PlanReport()
    assert look(database, only=[named.id]) == PlanReport(planned=1)
    assert look(database, only=[named.id]) == PlanReport()
    assert look(database, NOW + 14 * HOUR) == PlanReport(planned=1)
    assert [len(entries(database, who)) for who in (named, other)] == [1, 1]
    assert look(database, only=[]) == PlanReport()


def test_a_look_too_soon(database: Database) -> None:
    """Whoever is looked at before their hour is put to it, and gets no row."""
    publish_edition(database, "A Kite")
    who = reader(database, schedule=Schedule(hour=9))
    assert look(database) == PlanReport()
    assert standing(database, who).due_at == NOW + HOUR


def test_a_paper_mailed_under_another_name(database: Database) -> None:
    """Two papers that turn out to be one after the first was mailed: the second is not mailed to that reader."""
    with database.write() as conn:
        first, second = (add_subscriber(conn, due_at=NOW) for _ in range(2))
    publish_edition(database, "A Kite Without an Id", "Filler")
    look(database, only=[first.id])
    take(database)
    with database.write() as conn:
        list_records(conn, [clean_record("The Kite Renamed", arxiv_id="2611.00001")], "two", dated=TODAY)
    publish_edition(database, "More Filler", day=TODAY + DAY, at=NOW + 20 * HOUR)
    with database.write() as conn:  # this one says that both are one
        list_records(
            conn, [clean_record("A Kite Without an Id", arxiv_id="2611.00001")], "three", dated=TODAY
        )
    look(database, NOW + DAY)
    titles = {}
    with database.read() as conn:
        held = {p.paper_id: p.title for e in editions.every(conn) for p in editions.contents(conn, [e.id])}
    for who in (first, second):
        titles[who.id] = [{held[pick.paper_id] for pick in row.picks} for row in entries(database, who)]
    assert titles[first.id] == [{"A Kite Without an Id", "Filler"}, {"More Filler"}]
    assert titles[second.id] == [{"The Kite Renamed", "More Filler"}]


def test_two_planners_at_once(database: Database) -> None:
    """A planner that read before another one wrote adds no row, moves nobody, and counts nobody twice."""
    publish_edition(database, "A Kite")
    people = [reader(database) for _ in range(3)]
    between = threading.Event()

    def identify(kind: Kind, day: dt.date, who: int) -> str:
        if not between.is_set():  # the first has read and decided; now the second comes and goes
            between.set()
            look(database, NOW + HOUR)
        return STAMP.message_id(kind, day, who)

    plan(database, Rankers(TAXONOMY), replace(STAMP, message_id=identify), now=NOW)
    assert [len(entries(database, who)) for who in people] == [1, 1, 1]
    assert {standing(database, who).last_mailed_at for who in people} == {NOW + HOUR}
    assert counted(database) == (3, 0)


def test_erased_in_the_middle_of_a_plan(database: Database) -> None:
    """Whoever is erased after the planner read them, and before it writes, is not written down again."""
    publish_edition(database, "A Kite")
    erased, other = reader(database), reader(database)
    signup = Signup(database=database, stamp=STAMP)

    def identify(kind: Kind, day: dt.date, who: int) -> str:
        signup.erase(erased, evidence=Evidence(method="command"), now=NOW)
        return STAMP.message_id(kind, day, who)

    report = plan(database, Rankers(TAXONOMY), replace(STAMP, message_id=identify), now=NOW)
    assert report == PlanReport(planned=1)
    assert [len(entries(database, who)) for who in (erased, other)] == [0, 1]
    assert counted(database)[1] == 0


def test_moved_in_the_middle_of_a_plan(database: Database) -> None:
    """Whoever has another address when the planner writes is mailed there, with links that open."""
    publish_edition(database, "A Kite")
    moved, other = reader(database), reader(database)

    def identify(kind: Kind, day: dt.date, who: int) -> str:
        with database.write() as conn:
            subscribers.change(conn, moved.id, address="new@example.org", epoch=5)
        return STAMP.message_id(kind, day, who)

    plan(database, Rankers(TAXONOMY), replace(STAMP, message_id=identify), now=NOW)
    with database.write() as conn:
        mails = deliveries.claim(conn, claimant="me", now=NOW, lease_until=NOW + DAY, limit=9)
    assert {(mail.recipient, mail.epoch) for mail in mails} == {("new@example.org", 5), (other.address, 0)}


def test_many_planners_at_once(database: Database) -> None:
    """Four planners that start together make one row a reader."""
    publish_edition(database, "A Kite")
    people = [reader(database) for _ in range(20)]
    start = threading.Barrier(4)
    failed: list[BaseException] = []

    def run() -> None:
        try:
            start.wait()
            look(database)
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed
    assert [len(entries(database, who)) for who in people] == [1] * 20
    assert counted(database) == (20, 0)


# -- giving back ---------------------------------------------------------------------------------------


def refuse(_message: Message) -> Reply:
    return Reply(step=Step.RCPT, code=552, text="5.2.2 full")


def defer(_message: Message) -> Reply:
    return Reply(step=Step.RCPT, code=451, text="4.3.0 later")


def fallen(app: App, clock: Clock) -> None:
    """A reader gets nothing today: refused for good."""
    app.deliver()


def late(app: App, clock: Clock) -> None:
    """A reader gets nothing today: put off until it is too late."""
    app.deliver()
    clock.advance(hours=23)
    app.deliver()


@pytest.mark.parametrize(
    ("script", "run", "status"), [(refuse, fallen, Status.FAILED), (defer, late, Status.EXPIRED)]
)
def test_a_span_comes_back(
    database: Database,
    tmp_path: Path,
    clock: Clock,
    script: Callable[[Message], Reply],
    run: Callable[[App, Clock], None],
    status: Status,
) -> None:
    """A digest that failed or expired gives its editions back: the next one draws on them again."""
    replies: list[Callable[[Message], Reply]] = [script]
    relay = MemoryRelay(lambda message: replies[0](message) if replies else None)
    app = make_app(database, tmp_path, relay=relay, clock=clock)
    weekdays = replace(WEEKLY, frequency=Frequency.WEEKDAYS)
    clock.now = NOW - DAY
    first = publish_edition(database, "Kite 1", day=TODAY - DAY)
    with database.write() as conn:
        who = add_subscriber(conn, schedule=weekdays, now=clock.now, due_at=clock.now)
    app.plan()
    run(app, clock)
    [row] = entries(database, who)
    assert (row.status, row.edition_id) == (status, first)
    assert standing(database, who).cursor_edition_id is None
    replies.clear()
    second = publish_edition(database, "Kite 2")
    clock.now = NOW
    app.plan()
    app.deliver()
    assert [message.recipient for message in relay.accepted] == [who.address]
    assert {pick.edition_id for pick in entries(database, who)[1].picks} == {second}, (
        "no cursor: the newest alone"
    )
    third = publish_edition(database, "Kite 3", day=TODAY + DAY)
    fourth = publish_edition(database, "Kite 4", day=TODAY + 3 * DAY)
    clock.now = NOW + 3 * DAY
    replies.append(refuse)
    app.plan()
    app.deliver()
    assert standing(database, who).cursor_edition_id == second
    replies.clear()
    clock.advance(days=1)
    app.plan()
    assert {pick.edition_id for pick in entries(database, who)[-1].picks} == {third, fourth}
    assert counted(database)[1] == 0


def test_a_late_failure_moves_no_cursor_back(database: Database) -> None:
    """A span that fails after the next digest was planned is not given back behind its back."""
    publish_edition(database, "Kite 1")
    who = reader(database)
    look(database)
    second = publish_edition(database, "Kite 2", day=TODAY + DAY)
    with database.write() as conn:  # in a sender's hands when the next is due
        claim = {"claimant": "slow", "now": NOW, "lease_until": NOW + 2 * DAY, "limit": 1}
        [held] = deliveries.claim(conn, **claim)  # type: ignore[arg-type] # each value suits its name
    look(database, NOW + DAY)
    failed = Result(delivery_id=held.id, status=Status.FAILED, reply="dot 554 5.6.0 no")
    with database.write() as conn:
        deliveries.settle(conn, [failed], claimant="slow", now=NOW + DAY)
    assert [row.status for row in entries(database, who)] == [Status.FAILED, Status.PLANNED]
    assert standing(database, who).cursor_edition_id == second


def test_what_comes_too_late_is_given_up_before_the_next_is_planned(database: Database) -> None:
    """Delivery rests while the relay is down: the next plan draws on the lost editions by itself, sender or none."""
    publish_edition(database, "Kite 0")
    who = reader(database, schedule=replace(WEEKLY, frequency=Frequency.WEEKDAYS))
    look(database)
    take(database)
    lost = publish_edition(database, "Kite 1", day=TODAY + 3 * DAY)
    look(database, NOW + 3 * DAY)
    third = publish_edition(database, "Kite 2", day=TODAY + 4 * DAY)
    look(database, NOW + 4 * DAY)
    assert [row.status for row in entries(database, who)] == [Status.SENT, Status.EXPIRED, Status.PLANNED]
    assert {pick.edition_id for pick in entries(database, who)[-1].picks} == {lost, third}
    assert counted(database) == (3, 0)


def test_what_comes_too_late_is_planned_again_while_it_is_the_newest(database: Database) -> None:
    """On a day without an edition, yesterday's, which the relay never took, is not "nothing new"."""
    newest = publish_edition(database, "Kite 1")
    who = reader(database)
    look(database)
    assert look(database, NOW + DAY).planned == 1
    assert [(row.status, row.edition_id) for row in entries(database, who)] == [
        (Status.EXPIRED, newest),
        (Status.PLANNED, newest),
    ]
