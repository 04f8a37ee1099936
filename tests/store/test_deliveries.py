"""Deliveries: each is planned once, claimed by one sender, begun, settled, or withdrawn."""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Sequence
from dataclasses import replace

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from digest.deliver.delivery import Delivery, Kind, Status
from digest.rank.selection import Pick, Reason, ReasonKind
from digest.store import deliveries, ledger, subscribers
from digest.store.database import Database, DatabaseError
from digest.store.deliveries import Result
from digest.store.ledger import Balance
from digest.subscribers.subscriber import State
from tests.factories import (
    DAY,
    HOUR,
    NOW,
    STAMP,
    TODAY,
    add_subscriber,
    pick,
    plan_for,
    planned,
    publish_edition,
)

LEASE = NOW + HOUR
SECOND = dt.timedelta(seconds=1)
ACCEPTED = "250 taken"
HASH = "ab" * 32


def claim(
    conn: Connection, claimant: str = "me", *, now: dt.datetime = NOW, limit: int = 99, **values: object
) -> list[int]:
    return [delivery.id for delivery in claimed(conn, claimant, now=now, limit=limit, **values)]


def claimed(conn: Connection, claimant: str = "me", **values: object) -> list[Delivery]:
    given = {"now": NOW, "lease_until": LEASE, "limit": 99, **values}
    return deliveries.claim(conn, claimant=claimant, **given)  # type: ignore[arg-type] # as claim() checks


def statuses(conn: Connection) -> list[str]:
    """The statuses in the order of planning."""
    return list(conn.exec_driver_sql("SELECT status FROM deliveries ORDER BY id").scalars())


def column(conn: Connection, name: str) -> list[object]:
    return list(conn.exec_driver_sql(f"SELECT {name} FROM deliveries ORDER BY id").scalars())


def result(delivery_id: int, status: Status, **values: object) -> Result:
    given = Result(delivery_id=delivery_id, status=status, reply=ACCEPTED)
    return replace(given, **values)  # type: ignore[arg-type] # checked by the dataclass


# -- planning ------------------------------------------------------------------------------------------


def test_one_mail_a_date_and_kind(database: Database) -> None:
    """Whoever plans, however often: one mail of a kind for one reader and date, and each row counted once."""
    with database.write() as conn:
        ada, bo = add_subscriber(conn), add_subscriber(conn)
        rows = [planned(ada), planned(bo), planned(ada, day=TODAY + DAY), planned(ada, kind=Kind.GOODBYE)]
        assert deliveries.plan(conn, rows[:2], now=NOW) == 2
        assert deliveries.plan(conn, rows, now=NOW) == 2
        assert deliveries.plan(conn, rows, now=NOW) == 0
        assert deliveries.plan(conn, [], now=NOW) == 0
        assert ledger.balance(conn) == Balance(
            eligible=4, statuses={status: 4 if status is Status.PLANNED else 0 for status in Status}
        )


def test_balance_shows_what_is_missing(database: Database) -> None:
    """A row that vanishes shows as a difference: eligible were counted apart from the rows."""
    with database.write() as conn:
        plan_for(conn, add_subscriber(conn), add_subscriber(conn))
        conn.exec_driver_sql("DELETE FROM deliveries WHERE id = (SELECT max(id) FROM deliveries)")
        assert ledger.balance(conn).eligible == 2
        assert ledger.balance(conn).difference == 1


def test_all_that_bytes_depend_on_is_frozen(database: Database) -> None:
    """A claim gives every field back as it was planned, picks and their reasons in order."""
    picks = (
        Pick(
            edition_id=4,
            paper_id=7,
            score=0.612993,
            reasons=(
                Reason(kind=ReasonKind.TOPIC, label="Kites & strings", words=("kite", "Kites")),
                Reason(kind=ReasonKind.AUTHOR, label="Ada É. Example"),
            ),
        ),
        pick(3, edition_id=4, score=0.1),
    )
    with database.write() as conn:
        ada = add_subscriber(conn)
        (made,) = plan_for(conn, ada, picks=picks, leftover=12, epoch=3, signed_by="2026a 2026e")
        (found,) = claimed(conn)
        assert found == Delivery(
            id=made,
            subscriber_id=ada.id,
            kind=Kind.DIGEST,
            local_date=TODAY,
            recipient=ada.address,
            epoch=3,
            picks=picks,
            leftover=12,
            message_id=STAMP.message_id(Kind.DIGEST, TODAY, ada.id),
            planned_at=NOW,
            expires_at=NOW + DAY,
            template="t1",
            attempts=0,
            body_hash=None,
            lease_until=LEASE,
            signed_by="2026a 2026e",
        )
        assert ledger.planned_on(conn, ada.id, TODAY) == found
        assert ledger.planned_on(conn, ada.id, TODAY + DAY) is None


def test_keys_that_are_wanted(database: Database) -> None:
    """The keys of all open mail are known, or of what is due, each set once; those of settled mail are not asked for."""
    with database.write() as conn:
        ada, bea, cem = (add_subscriber(conn) for _ in range(3))
        assert deliveries.signers(conn) == set()
        plan_for(conn, ada, signed_by="2026a 2026e")
        plan_for(conn, bea, signed_by="2026a 2026e")
        plan_for(conn, cem, signed_by="2026b", planned_at=NOW + HOUR)
        plan_for(conn, cem, day=TODAY + DAY, signed_by="2026c", status=Status.SKIPPED)
        assert deliveries.signers(conn, due_by=NOW) == {"2026a 2026e"}
        assert (
            deliveries.signers(conn, due_by=NOW + HOUR)
            == deliveries.signers(conn)
            == {"2026a 2026e", "2026b"}
        )
        assert len(claimed(conn)) == 2
        assert deliveries.signers(conn) == {"2026a 2026e", "2026b"}


def test_a_skip_is_settled_when_planned(database: Database) -> None:
    """A skip stands in the ledger with its reason, is settled, and is never claimed."""
    with database.write() as conn:
        ada = add_subscriber(conn)
        plan_for(conn, ada, status=Status.SKIPPED, reason="nothing_new")
        assert claim(conn) == []
        assert ledger.settled_since(conn, NOW) == {(Status.SKIPPED, "nothing_new"): 1}
        assert ledger.settled_since(conn, NOW + SECOND) == {}
        assert ledger.planned_on(conn, ada.id, TODAY) is None


# -- claiming ------------------------------------------------------------------------------------------


def test_the_order_of_claims(database: Database) -> None:
    """Planned before deferred, each oldest due first; what is not due yet, or expired, is left."""
    with database.write() as conn:
        readers = [add_subscriber(conn) for _ in range(6)]
        late, early, next_, soon, gone, again = (
            plan_for(conn, reader, planned_at=NOW + hours * HOUR, expires_at=NOW + expires * HOUR)[0]
            for reader, hours, expires in zip(
                readers, (-1, -2, 0, 1, -1, -3), (9, 9, 9, 9, 0, 9), strict=True
            )
        )
        conn.exec_driver_sql(f"UPDATE deliveries SET status = 'deferred' WHERE id = {again}")
        assert claim(conn, limit=1) == [early]
        assert claim(conn) == [late, next_, again]
        assert claim(conn) == []
        assert statuses(conn) == ["claimed", "claimed", "claimed", "planned", "planned", "claimed"]
        assert claim(conn, now=NOW + HOUR) == [soon]
        assert gone not in claim(conn, now=NOW + HOUR)


def test_claims_for_some(database: Database) -> None:
    """A claim may be kept to some readers; a limit of nothing claims nothing."""
    with database.write() as conn:
        ada, bo = add_subscriber(conn), add_subscriber(conn)
        _first, second = plan_for(conn, ada, bo)
        assert claim(conn, limit=0) == []
        assert claim(conn, only=[]) == []
        assert claim(conn, only={bo.id}) == [second]


def test_concurrent_claims(postgresql_database: Database) -> None:
    """On PostgreSQL two senders that claim at once wait for nobody, and no delivery is given to both."""
    with postgresql_database.write() as conn:
        plan_for(conn, *(add_subscriber(conn) for _ in range(20)))
    with postgresql_database.write() as one, postgresql_database.write() as other:
        first, second = claim(one, "one", limit=12), claim(other, "other", limit=12)
    assert len(first) == 12
    assert len(second) == 8
    assert not set(first) & set(second)


def test_many_senders(database: Database) -> None:
    """Four senders that claim in a race take every delivery once, never more than the limit at a time."""
    with database.write() as conn:
        everything = plan_for(conn, *(add_subscriber(conn) for _ in range(60)))
    taken: list[list[int]] = []
    start = threading.Barrier(4)

    def sender(name: str) -> None:
        start.wait()
        while True:
            with database.write() as conn:
                batch = claim(conn, name, limit=7)
            taken.append(batch)
            if not batch:
                return

    run(*(lambda n=n: sender(f"sender {n}") for n in range(4)))
    assert sorted(delivery for batch in taken for delivery in batch) == everything
    assert max(map(len, taken)) == 7


def test_two_planners(database: Database) -> None:
    """Two planners that plan the same readers in a race add each row once and count it once."""
    with database.write() as conn:
        readers = [add_subscriber(conn) for _ in range(30)]
    added: list[int] = []
    start = threading.Barrier(3)

    def planner() -> None:
        start.wait()
        with database.write() as conn:
            added.append(deliveries.plan(conn, [planned(reader) for reader in readers], now=NOW))

    run(planner, planner, planner)
    assert sorted(added) == [0, 0, 30]
    with database.read() as conn:
        assert ledger.balance(conn).difference == 0


def run(*targets: object) -> None:
    """Run these at once; whatever one raises is raised here."""
    errors: list[BaseException] = []

    def guarded(target: object) -> None:
        try:
            assert callable(target)
            target()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=guarded, args=(target,)) for target in targets]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []


# -- beginning and settling ----------------------------------------------------------------------------


def test_beginning(database: Database) -> None:
    """Begun is what is claimed by who begins it; others' claims, unclaimed and unknown rows are not."""
    with database.write() as conn:
        mine, theirs, nobodys = plan_for(conn, *(add_subscriber(conn) for _ in range(3)))
        claim(conn, limit=1)
        claim(conn, "them", limit=1)
        everything = [mine, theirs, nobodys, 999]
        assert deliveries.begin(conn, dict.fromkeys(everything, HASH), claimant="me", now=NOW) == {mine}
        assert deliveries.begin(conn, {}, claimant="me", now=NOW) == set()
        assert [at is not None for at in column(conn, "begun_at")] == [True, False, False]


@pytest.mark.parametrize(("late", "may"), [(-SECOND, True), (0 * SECOND, False), (SECOND, False)])
def test_a_lapsed_lease_begins_nothing(database: Database, late: dt.timedelta, may: bool) -> None:
    """A claim may begin until its lease ends, and not at that moment."""
    with database.write() as conn:
        (made,) = plan_for(conn, add_subscriber(conn))
        claim(conn)
        assert deliveries.begin(conn, {made: HASH}, claimant="me", now=LEASE + late) == (
            {made} if may else set()
        )


@pytest.mark.parametrize("state", list(State))
@pytest.mark.parametrize("kind", list(Kind))
def test_who_may_be_mailed(database: Database, state: State, kind: Kind) -> None:
    """Right before the mail: a digest goes to the active alone, other mail to everyone; the rest is dropped."""
    with database.write() as conn:
        ada = add_subscriber(conn)
        deliveries.plan(conn, [planned(ada, kind=kind)], now=NOW)
        (made,) = claim(conn)
        subscribers.change(conn, ada.id, state=state)
        begun = deliveries.begin(conn, {made: HASH}, claimant="me", now=NOW)
        deliveries.drop(conn, [made], claimant="me", now=NOW)
        mailable = state is State.ACTIVE or kind is not Kind.DIGEST
        assert begun == ({made} if mailable else set())
        assert statuses(conn) == ["claimed" if mailable else "suppressed"]
        assert column(conn, "reason") == [None if mailable else "left"]


def test_only_own_claims_are_dropped(database: Database) -> None:
    """Another sender's claim is not dropped, nor is anything where nothing is named."""
    with database.write() as conn:
        ada = add_subscriber(conn)
        (made,) = plan_for(conn, ada)
        claim(conn, "them")
        subscribers.change(conn, ada.id, state=State.LEFT)
        deliveries.drop(conn, [made], claimant="me", now=NOW)
        deliveries.drop(conn, [], claimant="them", now=NOW)
        assert statuses(conn) == ["claimed"]


@pytest.mark.parametrize("status", [Status.SENT, Status.FAILED, Status.EXPIRED, Status.AMBIGUOUS])
def test_settling_for_good(database: Database, status: Status) -> None:
    """A result settles the claim and frees it, and keeps the relay's words; the ledger balances."""
    with database.write() as conn:
        ada = add_subscriber(conn)
        (made,) = plan_for(conn, ada)
        claim(conn)
        deliveries.begin(conn, {made: HASH}, claimant="me", now=NOW)
        deliveries.settle(conn, [result(made, status)], claimant="me", now=NOW + SECOND)
        (entry,) = ledger.of(conn, ada.id)
        assert (entry.status, entry.reply, entry.attempts) == (status, ACCEPTED, 1)
        for name in ("claimant", "lease_until", "begun_at"):
            assert column(conn, name) == [None]
        assert ledger.settled_since(conn, NOW + SECOND) == {(status, None): 1}
        assert ledger.settled_since(conn, NOW + 2 * SECOND) == {}
        assert claim(conn, now=NOW + HOUR) == []
        assert ledger.balance(conn).difference == 0


def test_deferring(database: Database) -> None:
    """A deferred delivery comes back when its time has come, with its attempts and its hash."""
    with database.write() as conn:
        (made,) = plan_for(conn, add_subscriber(conn))
        claim(conn)
        deliveries.begin(conn, {made: HASH}, claimant="me", now=NOW)
        deferred = result(made, Status.DEFERRED, retry_at=NOW + HOUR)
        deliveries.settle(conn, [deferred], claimant="me", now=NOW)
        assert claim(conn, now=NOW + HOUR - SECOND) == []
        (again,) = claimed(conn, now=NOW + HOUR, lease_until=NOW + 2 * HOUR)
        assert (again.attempts, again.body_hash, again.lease_until) == (1, HASH, NOW + 2 * HOUR)
        uncounted = result(made, Status.DEFERRED, retry_at=NOW + HOUR, counts_attempt=False)
        deliveries.settle(conn, [uncounted], claimant="me", now=NOW)
        assert claimed(conn, now=NOW + HOUR)[0].attempts == 1
        assert ledger.settled_since(conn, NOW + DAY) == {(Status.CLAIMED, None): 1}


def test_a_zombie_settles_nothing(database: Database) -> None:
    """The result of a sender whose claim went to another changes neither the delivery nor the reader's cursor."""
    edition = publish_edition(database, "On Kites")
    with database.write() as conn:
        ada = add_subscriber(conn)
        subscribers.change(conn, ada.id, cursor_edition_id=edition)
        (made,) = plan_for(conn, ada, edition_id=edition)
        claim(conn, "zombie", lease_until=NOW)
        assert deliveries.lapse(conn, now=NOW, dead=[], park=False) == 0
        claim(conn, "me")
        deliveries.settle(conn, [result(made, Status.FAILED)], claimant="zombie", now=NOW)
        assert statuses(conn) == ["claimed"]
        assert subscribers.standing(conn, ada.id).cursor_edition_id == edition
        deliveries.settle(conn, [], claimant="me", now=NOW)


@pytest.mark.parametrize(
    ("status", "given_back"),
    [
        (Status.SENT, False),
        (Status.DEFERRED, False),
        (Status.AMBIGUOUS, False),
        (Status.FAILED, True),
        (Status.EXPIRED, True),
    ],
)
def test_a_failure_gives_its_span_back(database: Database, status: Status, given_back: bool) -> None:
    """What failed for good gives its editions back to the reader's next digest."""
    first, second = (publish_edition(database, f"On {day}", day=TODAY + day * DAY) for day in (0, 1))
    with database.write() as conn:
        ada = add_subscriber(conn)
        subscribers.change(conn, ada.id, cursor_edition_id=second)
        (made,) = plan_for(conn, ada, cursor_edition_id=first, edition_id=second)
        claim(conn)
        deliveries.settle(conn, [result(made, status)], claimant="me", now=NOW)
        assert subscribers.standing(conn, ada.id).cursor_edition_id == (first if given_back else second)


def test_mail_without_a_span_gives_none_back(database: Database) -> None:
    """A goodbye that failed, or a digest that expired without an edition, leaves cursors alone."""
    edition = publish_edition(database, "On Kites")
    with database.write() as conn:
        ada = add_subscriber(conn)
        subscribers.change(conn, ada.id, cursor_edition_id=edition)
        deliveries.plan(conn, [planned(ada, kind=Kind.GOODBYE), planned(ada, expires_at=NOW)], now=NOW)
        (goodbye,) = claim(conn)
        deliveries.settle(conn, [result(goodbye, Status.FAILED)], claimant="me", now=NOW)
        assert deliveries.expire(conn, now=NOW) == 1
        assert subscribers.standing(conn, ada.id).cursor_edition_id == edition


# -- what is taken back --------------------------------------------------------------------------------


def two_claims(conn: Connection) -> tuple[int, int]:
    """Two claims of "me", of which the first is begun."""
    begun, unbegun = plan_for(conn, add_subscriber(conn), add_subscriber(conn))
    claim(conn)
    deliveries.begin(conn, {begun: HASH}, claimant="me", now=NOW)
    return begun, unbegun


def test_releasing(database: Database) -> None:
    """A sender that stops gives up what it has not begun, as if never claimed; other senders keep theirs."""
    with database.write() as conn:
        two_claims(conn)
        (theirs,) = plan_for(conn, add_subscriber(conn))
        claim(conn, "them")
        deliveries.release(conn, "me")
        assert statuses(conn) == ["claimed", "planned", "claimed"]
        assert column(conn, "claimant") == ["me", None, "them"]
        deliveries.settle(conn, [result(theirs, Status.DEFERRED, retry_at=NOW)], claimant="them", now=NOW)
        claim(conn, "them")
        deliveries.release(conn, "them")
        assert statuses(conn) == ["claimed", "planned", "deferred"]


def test_releasing_what_never_started(database: Database) -> None:
    """Of what was begun those go back of which nothing left, and no others."""
    with database.write() as conn:
        begun, _unbegun = two_claims(conn)
        deliveries.release(conn, "me", unstarted=[begun + 99])
        assert statuses(conn) == ["claimed", "planned"]
        deliveries.release(conn, "me", unstarted=[begun])
        assert statuses(conn) == ["planned", "planned"]
        assert column(conn, "begun_at") == [None, None]


def test_begun_and_not_started(database: Database) -> None:
    """What is begun no more is as before it was: who leaves has it withdrawn, and its claim can begin it again."""
    with database.write() as conn:
        ada, bob = add_subscriber(conn), add_subscriber(conn)
        first, second = plan_for(conn, ada, bob)
        claim(conn)
        deliveries.begin(conn, {first: HASH, second: HASH}, claimant="me", now=NOW)
        deliveries.unbegin(conn, [], claimant="me")
        deliveries.unbegin(conn, [first, second], claimant="them")
        assert deliveries.withdraw(conn, [ada.id], now=NOW, reason="left") == 0
        deliveries.unbegin(conn, [first, second], claimant="me")
        assert column(conn, "body_hash") == [None, None]
        assert deliveries.withdraw(conn, [ada.id], now=NOW, reason="left") == 1
        assert deliveries.begin(conn, {first: HASH, second: HASH}, claimant="me", now=NOW) == {second}
        assert statuses(conn) == ["suppressed", "claimed"]


def test_bytes_of_an_earlier_try_stay(database: Database) -> None:
    """A try that counted may have shown bytes to somebody: a later one that does not start forgets nothing of them."""
    with database.write() as conn:
        (one,) = plan_for(conn, add_subscriber(conn))
        claim(conn)
        deliveries.begin(conn, {one: HASH}, claimant="me", now=NOW)
        deliveries.settle(conn, [result(one, Status.DEFERRED, retry_at=NOW)], claimant="me", now=NOW)
        claim(conn)
        deliveries.begin(conn, {one: HASH}, claimant="me", now=NOW)
        deliveries.unbegin(conn, [one], claimant="me")
        assert (column(conn, "body_hash"), column(conn, "begun_at")) == ([HASH], [None])


@pytest.mark.parametrize(
    ("now", "dead", "lapses"),
    [
        pytest.param(LEASE - SECOND, (), False, id="the lease holds"),
        pytest.param(LEASE, (), True, id="the lease has ended"),
        pytest.param(NOW, ("me",), True, id="the sender is dead"),
        pytest.param(NOW, ("them",), False, id="another sender is dead"),
    ],
)
@pytest.mark.parametrize("park", [False, True])
def test_lapsed_claims(
    database: Database, now: dt.datetime, dead: Sequence[str], lapses: bool, park: bool
) -> None:
    """Of a dead or silent sender, what was not begun goes back; what was is sent again, or parked."""
    with database.write() as conn:
        begun, _unbegun = two_claims(conn)
        assert deliveries.lapse(conn, now=now, dead=dead, park=park) == int(lapses)
        if not lapses:
            assert statuses(conn) == ["claimed", "claimed"]
            return
        assert statuses(conn) == ["ambiguous" if park else "deferred", "planned"]
        assert column(conn, "reply") == ["sender died", None]
        for name in ("claimant", "lease_until", "begun_at"):
            assert column(conn, name) == [None, None]
        again = claimed(conn, now=now, lease_until=now + HOUR)
        assert [delivery.attempts for delivery in again if delivery.id == begun] == ([] if park else [1])
        assert len(again) == (1 if park else 2)
        assert ledger.balance(conn).difference == 0
        assert deliveries.lapse(conn, now=now, dead=dead, park=park) == 0


@pytest.mark.parametrize(
    ("status", "expires"),
    [
        (Status.PLANNED, True),
        (Status.DEFERRED, True),
        (Status.CLAIMED, False),
        (Status.SENT, False),
        (Status.FAILED, False),
        (Status.SUPPRESSED, False),
    ],
)
def test_expiring(database: Database, status: Status, expires: bool) -> None:
    """What waits past its time is expired, at that moment, and its span given back; what is claimed is not."""
    first, second = (publish_edition(database, f"On {day}", day=TODAY + day * DAY) for day in (0, 1))
    with database.write() as conn:
        ada = add_subscriber(conn)
        subscribers.change(conn, ada.id, cursor_edition_id=second)
        plan_for(conn, ada, cursor_edition_id=first, edition_id=second)
        conn.execute(sa.text("UPDATE deliveries SET status = :status"), {"status": status.value})
        assert deliveries.expire(conn, now=NOW + DAY - SECOND) == 0
        assert deliveries.expire(conn, now=NOW + DAY) == int(expires)
        assert statuses(conn) == ["expired" if expires else status]
        assert subscribers.standing(conn, ada.id).cursor_edition_id == (first if expires else second)


def test_readers_are_held_before_their_mail_expires(postgresql_database: Database) -> None:
    """As whoever leaves holds the reader and then their mail: in the other order the two would stop each other."""
    database = postgresql_database
    with database.write() as conn:
        ada, bo = add_subscriber(conn), add_subscriber(conn)
        plan_for(conn, ada, bo)
    impatient = "SET LOCAL lock_timeout = '20ms'"
    with database.write() as leaving:
        subscribers.hold(leaving, bo.id)
        ran: list[str] = []
        sa.event.listen(
            database.engine,
            "before_cursor_execute",
            lambda _conn, _cursor, sql, *_rest: ran.append(sql),
        )
        with pytest.raises(DatabaseError, match="lock timeout"), database.write() as conn:
            conn.exec_driver_sql(impatient)
            deliveries.expire(conn, now=NOW + DAY)
        assert not [
            sql for sql in ran if sql.startswith("UPDATE")
        ]  # it stood before the reader, holding no mail


def test_withdrawing(database: Database) -> None:
    """All that is open for a reader is withdrawn but what was begun; others' mail stays."""
    with database.write() as conn:
        ada, bo = add_subscriber(conn), add_subscriber(conn)
        begun, _claimed = (plan_for(conn, ada, local_date=TODAY + n * DAY)[0] for n in (0, 1))
        claim(conn)
        deliveries.begin(conn, {begun: HASH}, claimant="me", now=NOW)
        rows = [planned(ada, day=TODAY + 2 * DAY), planned(ada, kind=Kind.CONFIRM), planned(bo)]
        deliveries.plan(conn, rows, now=NOW)
        assert deliveries.withdraw(conn, [ada.id], now=NOW, reason="left") == 3
        assert statuses(conn) == ["claimed", "suppressed", "suppressed", "suppressed", "planned"]
        assert column(conn, "reason") == [None, "left", "left", "left", None]
        assert deliveries.withdraw(conn, [ada.id], now=NOW, reason="left") == 0
        everything = dict.fromkeys([int(str(key)) for key in column(conn, "id")], HASH)
        assert deliveries.begin(conn, everything, claimant="me", now=NOW) == {begun}
        assert ledger.balance(conn).difference == 0


def test_posting(database: Database) -> None:
    """One mail of a kind and date; one that was withdrawn unsent is planned anew, and counted once."""
    with database.write() as conn:
        ada, bo = add_subscriber(conn), add_subscriber(conn)
        mail = planned(ada, kind=Kind.CONFIRM)
        assert deliveries.post(conn, mail, now=NOW)
        assert not deliveries.post(conn, mail, now=NOW)
        assert deliveries.post(conn, replace(mail, kind=Kind.LOGIN), now=NOW)
        assert deliveries.post(conn, planned(bo, kind=Kind.CONFIRM), now=NOW)
        deliveries.withdraw(conn, [ada.id], now=NOW, reason="left")
        again = replace(mail, epoch=2, recipient="new@example.org", planned_at=NOW + HOUR)
        assert deliveries.post(conn, again, now=NOW + HOUR)
        assert statuses(conn) == ["planned", "suppressed", "planned"]
        assert column(conn, "epoch")[0] == 2
        assert column(conn, "recipient")[0] == "new@example.org"
        assert (column(conn, "reason")[0], column(conn, "settled_at")[0]) == (None, None)
        assert ledger.balance(conn).eligible == 3
        claim(conn)
        deliveries.begin(conn, {1: HASH}, claimant="me", now=NOW + HOUR)
        deliveries.settle(conn, [result(1, Status.SENT)], claimant="me", now=NOW + HOUR)
        assert not deliveries.post(conn, mail, now=NOW + HOUR)
        assert [entry.kind for entry in ledger.history(conn, ada.id)] == [Kind.CONFIRM, Kind.LOGIN]


def test_readdressing(database: Database) -> None:
    """Of a reader who moves, unbegun digests go to the new address; what is fixed, dead or begun does not."""
    with database.write() as conn:
        ada, bo = add_subscriber(conn), add_subscriber(conn)
        begun, tried, claimed_ = (plan_for(conn, ada, local_date=TODAY + n * DAY)[0] for n in range(3))
        claim(conn)
        deliveries.begin(conn, {begun: HASH, tried: HASH}, claimant="me", now=NOW)
        deliveries.settle(conn, [result(tried, Status.DEFERRED, retry_at=NOW)], claimant="me", now=NOW)
        kinds = (Kind.LOGIN, Kind.MOVED)
        deliveries.plan(conn, [planned(ada, kind=kind) for kind in kinds] + [planned(bo)], now=NOW)
        deliveries.readdress(conn, ada.id, recipient="new@example.org", epoch=7, now=NOW)
        wanted = ["claimed", "suppressed", "planned", "suppressed", "planned", "planned"]
        assert statuses(conn) == wanted
        there = [ada.address, ada.address, "new@example.org", ada.address, ada.address, bo.address]
        assert column(conn, "recipient") == there
        assert column(conn, "epoch") == [0, 0, 7, 0, 0, 0]
        assert column(conn, "claimant") == ["me", None, None, None, None, None]
        assert column(conn, "reason") == [None, "moved", None, "moved", None, None]
        assert deliveries.begin(conn, {claimed_: HASH}, claimant="me", now=NOW) == set()
        assert ledger.balance(conn).difference == 0


def test_readdressing_what_has_the_new_address_already(database: Database) -> None:
    """What was planned since the move is left alone: its links open, and it may be on its way."""
    with database.write() as conn:
        ada = add_subscriber(conn)
        rows = [planned(ada, kind=Kind.LOGIN, epoch=7), planned(ada, epoch=7)]
        deliveries.plan(conn, [*rows, planned(ada, kind=Kind.DATA)], now=NOW)
        claim(conn)
        deliveries.readdress(conn, ada.id, recipient="new@example.org", epoch=7, now=NOW)
        assert statuses(conn) == ["claimed", "claimed", "suppressed"]
        assert column(conn, "claimant") == ["me", "me", None]


def test_forwarding(database: Database) -> None:
    """Claims of readers who moved since go to their new address; those of others are left as they are."""
    with database.write() as conn:
        ada, bo, cy = (add_subscriber(conn) for _ in range(3))
        ids = plan_for(conn, ada, bo, cy)
        claim(conn)
        subscribers.change(conn, ada.id, address="new@example.org", address_key="new@example.org", epoch=1)
        subscribers.change(conn, bo.id, state=State.PAUSED)
        assert deliveries.begin(conn, dict.fromkeys(ids, HASH), claimant="me", now=NOW) == {ids[2]}
        deliveries.drop(conn, ids[:2], claimant="me", now=NOW)
        deliveries.forward(conn, ids[:2], claimant="me", now=NOW)
        assert statuses(conn) == ["planned", "suppressed", "claimed"]
        assert column(conn, "recipient") == ["new@example.org", bo.address, cy.address]
        assert ledger.balance(conn).difference == 0


def test_blanking(database: Database) -> None:
    """Of an erased reader's rows neither address nor picks stay; they are counted all the same."""
    with database.write() as conn:
        ada, bo = add_subscriber(conn), add_subscriber(conn)
        plan_for(conn, ada, bo, picks=(pick(),))
        deliveries.blank(conn, [ada.id])
        assert column(conn, "recipient") == ["", bo.address]
        assert [entry.picks for who in (ada, bo) for entry in ledger.of(conn, who.id)] == [(), (pick(),)]
        assert ledger.balance(conn).difference == 0
