"""A database restored from a backup: nothing is mailed until an operator says so, and then nothing twice (R14)."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
import structlog

from digest.compose.message import Message
from digest.deliver.delivery import Kind, Status
from digest.deliver.reply import Reply
from digest.errors import RestoredError
from digest.pipeline import restored
from digest.pipeline.deliver import DeliverPolicy
from digest.pipeline.ingest import IngestOptions
from digest.pipeline.restored import Accepted
from digest.relay.memory import MemoryRelay
from digest.store import doubts, generations, ledger, subscribers
from digest.store.database import Database, DatabaseError
from digest.store.generations import Copy
from digest.store.schema import deliveries as ledger_table
from digest.subscribers.consent import Evidence
from digest.subscribers.subscriber import Frequency, Profile, Schedule, Subscriber
from digest.wiring import App
from tests.conftest import Postgresql
from tests.factories import DAY, HOUR, NOW, Clock, add_subscriber, make_app, plan_for, raw_dump

#: From a database to a backup of it as it stands, which may be put into use.
MakeCopy = Callable[[Database], Database]


@pytest.fixture
def make_copy(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[MakeCopy]:
    """Copies as other programs make them: nothing in them says that they are some."""
    made: list[tuple[Database, Callable[[], None]]] = []

    def make(database: Database) -> Database:
        database.close()
        if database.is_sqlite:
            path = tmp_path / f"copy{len(made)}.db"
            shutil.copyfile(str(database.url.database), path)
            made.append((Database(f"sqlite:///{path}"), lambda: None))
        else:
            server: Postgresql = request.getfixturevalue("postgresql")
            url = server.create(template=str(database.url.database))
            made.append((Database(url), lambda: server.drop(url)))
        return made[-1][0]

    yield make
    for database, drop in made:
        database.close()
        drop()


class Machine:
    """The program on one machine, over whatever database; the relay outlives all of them."""

    def __init__(self, folder: Path, clock: Clock, relay: MemoryRelay) -> None:
        self.folder, self.clock, self.relay = folder, clock, relay
        folder.mkdir()

    def over(self, database: Database) -> App:
        return make_app(database, self.folder, relay=self.relay, clock=self.clock)

    def morning(self, app: App, *titles: str) -> None:
        """Take in the dump of the day, publish, plan and deliver."""
        self.prepare(app, *titles)
        app.deliver()

    def prepare(self, app: App, *titles: str) -> int:
        """The same without delivering; returns how many mails wait."""
        self.take_in(app, *titles)
        app.publish()
        return app.plan().planned

    def take_in(self, app: App, *titles: str) -> None:
        app.ingest([raw_dump(titles, day=self.clock.now.date(), modified_at=self.clock.now)], IngestOptions())

    def mailed(self) -> Counter[str]:
        """How many mails each address got."""
        return Counter(message.recipient for message in self.relay.accepted)


@pytest.fixture
def machine(tmp_path: Path, clock: Clock) -> Machine:
    return Machine(tmp_path / "machine", clock, MemoryRelay())


def readers(database: Database) -> list[Subscriber]:
    """Three of each kind whose next mail differs: early, late, weekly."""
    kinds = (
        Schedule(hour=0),
        Schedule(hour=7),
        Schedule(hour=23),
        Schedule(hour=7, frequency=Frequency.WEEKLY, weekday=5),
    )
    with database.write() as conn:
        return [
            add_subscriber(conn, schedule=kind, profile=Profile(cap=50), now=NOW - DAY)
            for kind in kinds
            for _ in range(3)
        ]


def refused(app: App) -> None:
    for step in (app.publish, app.plan, app.deliver):
        with pytest.raises(RestoredError, match="see `digest db accept`"):
            step()


def found(app: App) -> Copy:
    copy = app.lookout.found()
    assert copy is not None
    return copy


def accept(app: App, *, skip: bool) -> Accepted | None:
    """What `digest db accept` does."""
    copy = found(app)
    done = restored.settle(app.database, app.stamp, copy, now=app.clock()) if skip else None
    restored.accept(app.database, app.settings.generations, now=app.clock())
    return done


def papers(database: Database, who: Subscriber) -> list[int]:
    """What a reader was mailed, by the ledger."""
    with database.read() as conn:
        rows = ledger.of(conn, who.id)
    return [pick.paper_id for row in rows if row.status is Status.SENT for pick in row.picks]


# -- known as a copy, or not ---------------------------------------------------------------------------


def test_restored_from_yesterday(database: Database, machine: Machine, make_copy: MakeCopy) -> None:
    """A machine that has mailed since mails nothing from the older copy, nor does any other machine from then on."""
    readers(database)
    app = machine.over(database)
    machine.morning(app, "On Kites")
    copy = make_copy(database)
    machine.clock.advance(days=1)
    machine.morning(machine.over(database), "On Bread")
    before = machine.mailed()
    machine.clock.advance(hours=1)
    older = machine.over(copy)
    refused(older)
    newcomer = Machine(machine.folder.parent / "other", machine.clock, machine.relay)
    refused(newcomer.over(copy))
    for days in range(3):
        machine.clock.advance(days=days)
        machine.take_in(older, f"On Looms {days}")  # what is no mail goes on
        older.signup.request(
            "zoe@example.org",
            profile=Profile(),
            schedule=Schedule(),
            evidence=Evidence(method="web"),
            now=machine.clock.now,
        )
        refused(older)
    assert machine.mailed() == before
    assert found(older).until == NOW + DAY
    assert machine.over(database).lookout.found() is None, "the latest is no copy"


def test_newcomers_get_ids_of_their_own(database: Database, machine: Machine, make_copy: MakeCopy) -> None:
    """Who signs up at a copy gets no id that somebody had after it was made: the links of that one's mail open nothing."""
    readers(database)
    machine.morning(machine.over(database), "On Kites")
    copies = make_copy(database), make_copy(database)
    machine.clock.advance(days=1)
    machine.morning(machine.over(database), "On Bread")
    with database.write() as conn:
        lost = add_subscriber(conn, "lost@example.org")
    ids = [lost.id]
    for copy in copies:
        refused(machine.over(copy))
        refused(machine.over(copy))
        with copy.write() as conn:
            ids += [add_subscriber(conn, f"{name}@example.org").id for name in ("zoe", "yan")]
    assert len(set(ids)) == 5
    assert ids[2] == ids[1] + 1


def test_another_history_of_one_length(database: Database, machine: Machine, make_copy: MakeCopy) -> None:
    """A copy that another machine has mailed from, as often as this one from the latest, is not taken for it."""
    readers(database)
    machine.morning(machine.over(database), "On Kites")
    machine.clock.advance(days=1)
    machine.prepare(machine.over(database), "On Bread")
    copy = make_copy(database)
    other = Machine(machine.folder.parent / "other", machine.clock, MemoryRelay())
    for each, where in ((machine, database), (other, copy)):
        assert each.over(where).deliver().results.keys() == {Status.SENT}
    with database.read() as conn, copy.read() as its:
        assert generations.current(conn).count == generations.current(its).count
    refused(machine.over(copy))


def test_no_false_alarm(
    database: Database, machine: Machine, make_copy: MakeCopy, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A new installation, a lost or moved folder, a machine that was off, one killed between commit and file: all mail."""
    who = readers(database)
    off = Machine(machine.folder.parent / "off", machine.clock, machine.relay)
    off.morning(off.over(database), "On Kites")
    sent = machine.mailed()
    with monkeypatch.context() as killed:
        killed.setattr(generations, "keep", lambda *_: None)
        for number in range(3):
            machine.clock.advance(days=1)
            machine.morning(machine.over(database), f"On Bread {number}")
    assert not (machine.folder / "generations").exists()
    machine.clock.advance(days=1)
    off.morning(off.over(database), "On Looms")
    shutil.rmtree(off.folder / "generations")
    machine.clock.advance(days=1)
    off.morning(off.over(database), "On Nets")
    early = {
        one.address for one in who if one.schedule.hour < 23 and one.schedule.frequency is Frequency.DAILY
    }
    assert {machine.mailed()[address] - sent[address] for address in early} == {5}
    machine.clock.advance(days=1)
    waiting = off.prepare(off.over(database), "On Oars")
    moved = make_copy(database)
    assert off.over(moved).deliver().results == {Status.SENT: waiting}
    assert waiting >= len(early)


def test_another_database_is_no_older_copy(
    database: Database, machine: Machine, sqlite_template: Path, tmp_path: Path
) -> None:
    """A fresh database under the folder of an old one has an identity of its own, and begins at nothing."""
    readers(database)
    machine.morning(machine.over(database), "On Kites")
    with database.write() as conn:
        conn.exec_driver_sql("UPDATE facts SET value = 'fedcba9876543210ff' WHERE name = 'identity'")
        conn.exec_driver_sql("DELETE FROM facts WHERE name = 'generation'")
        generations.name(conn)
    assert machine.over(database).lookout.found() is None


def test_raised_by_claims_and_at_the_end(database: Database, machine: Machine, make_copy: MakeCopy) -> None:
    """A run that claims nothing raises nothing; a copy from the middle of a run is older than the run's end."""
    readers(database)
    app = machine.over(database)
    app.deliver()
    assert not (machine.folder / "generations").exists()
    machine.prepare(app, "On Kites")
    copies: list[Database] = []

    def script(message: Message) -> None:
        if not copies and database.is_sqlite:
            copies.append(Database(f"sqlite:///{machine.folder / 'middle.db'}"))
            with database.read() as conn:
                source = conn.connection.driver_connection
                with copies[0].engine.connect() as target:
                    source.backup(target.connection.driver_connection)  # type: ignore[union-attr]

    machine.relay = MemoryRelay(script)
    machine.over(database).deliver()
    with database.read() as conn:
        assert generations.current(conn).count == 2
    for copy in copies:
        refused(machine.over(copy))
        copy.close()


def test_a_run_that_breaks(
    sqlite_database: Database, machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run that ends with an error raises it too; where the database is away as well, the run's own error is told."""
    readers(sqlite_database)
    assert machine.prepare(machine.over(sqlite_database), "On Kites") == 6

    def bug(message: Message) -> Reply:
        raise RuntimeError("a bug")

    machine.relay = MemoryRelay(bug)
    with pytest.raises(RuntimeError, match="a bug"):
        machine.over(sqlite_database).deliver()
    with sqlite_database.read() as conn:
        assert generations.current(conn).count == 2
    machine.clock.advance(hours=1)

    def away(*_: object, **__: object) -> None:
        raise DatabaseError("away")

    real, calls = generations.raise_, iter((True, False))
    monkeypatch.setattr(
        generations, "raise_", lambda conn, *, at: real(conn, at=at) if next(calls) else away()
    )
    with pytest.raises(RuntimeError, match="a bug"):
        machine.over(sqlite_database).deliver()


def test_marked_in_the_middle_of_a_run(
    database: Database, machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What another machine found out stops a run at its next claim: what is under way is settled, nothing more begins."""
    readers(database)
    assert machine.prepare(machine.over(database), "On Kites") == 6
    monkeypatch.setattr(App, "deliver_policy", DeliverPolicy(connections=1, batch=2))

    def script(message: Message) -> None:
        with database.write() as conn:
            generations.mark(conn, Copy(until=NOW))

    machine.relay = MemoryRelay(script)
    with pytest.raises(RestoredError):
        machine.over(database).deliver()
    with database.read() as conn:
        rows = conn.execute(sa.select(ledger_table.c.status, ledger_table.c.claimant)).all()
    sent = len(machine.relay.accepted)
    assert 1 <= sent <= 2, "the batch that was claimed before"
    assert Counter(row.status for row in rows) == {"sent": sent, "planned": 6 - sent}
    assert {row.claimant for row in rows} == {None}


def test_a_folder_that_cannot_be_written(sqlite_database: Database, machine: Machine) -> None:
    """All is mailed, and the log says that this machine would not know an older copy."""
    readers(sqlite_database)
    waiting = machine.prepare(machine.over(sqlite_database), "On Kites")
    (machine.folder / "generations").write_text("no folder")
    with structlog.testing.capture_logs() as logged:
        assert machine.over(sqlite_database).deliver().results == {Status.SENT: waiting}
    assert [event["error"] for event in logged if event["event"] == "generation not kept"] == [
        "File exists"
    ] * 2


# -- taken into use ------------------------------------------------------------------------------------


@pytest.fixture
def lost_day(database: Database, machine: Machine, make_copy: MakeCopy) -> tuple[App, list[Subscriber]]:
    """A copy of Friday noon, with mail waiting, restored on Saturday at nine, after all of Saturday's had gone out."""
    who = readers(database)
    app = machine.over(database)
    machine.morning(app, "On Kites", "On Nets")
    machine.clock.advance(hours=4)
    copy = make_copy(database)
    for hours in (12, 7, 1):  # midnight, seven, eight
        machine.clock.advance(hours=hours)
        if machine.clock.now.hour == 7:
            machine.take_in(app, "On Bread", "On Ovens")
        app.publish()
        app.plan()
        app.deliver()
    machine.clock.advance(hours=1)
    return machine.over(copy), who


def test_skipped(database: Database, lost_day: tuple[App, list[Subscriber]], machine: Machine) -> None:
    """What may have been mailed counts as mailed: no date gets two mails, no reader a paper twice, and one mail comes next."""
    app, who = lost_day
    refused(app)
    machine.take_in(app, "On Bread", "On Ovens")  # as the folder still has them
    before = machine.mailed()
    doubt = restored.look_into(app.database, found(app))
    done = accept(app, skip=True)
    assert done is not None
    assert (doubt.due, doubt.new_papers) == (done.skipped, done.passed_over) == (9, 2)
    assert app.lookout.found() is None
    for _ in range(2 * 24 - 2):  # until Monday, seven
        if machine.clock.now.hour == 5:
            machine.take_in(app, f"The Loom of {machine.clock.now:%A}")
        app.publish()
        app.plan()
        app.deliver()
        machine.clock.advance(hours=1)
        assert app.clock() < NOW + 3 * DAY
    after = machine.mailed()
    for one in who:
        gained = after[one.address] - before[one.address]
        mailed = papers(app.database, one)
        assert len(mailed) == len(set(mailed))
        if one.schedule.frequency is Frequency.WEEKLY:
            assert gained == 0
        else:
            assert gained == (2 if one.schedule.hour < 7 else 1), one.schedule
    with app.database.read() as conn:
        assert ledger.balance(conn).difference == 0
    texts = [message.data for message in machine.relay.accepted]
    for title in (b"On Bread", b"On Ovens"):
        per_reader = Counter(m.recipient for m in machine.relay.accepted if title in m.data)
        assert max(per_reader.values()) == 1, texts[-1]


def test_waiting_mail_is_settled(database: Database, machine: Machine, make_copy: MakeCopy) -> None:
    """Mail that waited, claimed or not, becomes ambiguous; what was planned after the restore is sent."""
    who = readers(database)
    machine.morning(machine.over(database), "On Kites")
    machine.clock.advance(days=1)
    waiting = machine.prepare(machine.over(database), "On Bread")
    copy = make_copy(database)
    machine.over(database).deliver()
    before = machine.mailed()
    app = machine.over(copy)
    machine.clock.advance(hours=1)
    refused(app)
    with app.database.write() as conn:
        plan_for(
            conn, who[5], kind=Kind.CONFIRM, planned_at=machine.clock.now, expires_at=machine.clock.now + DAY
        )
    assert restored.look_into(app.database, found(app)).open_mail == [(NOW.date() + DAY, "digest", waiting)]
    done = accept(app, skip=True)
    assert done is not None
    assert done.ambiguous == waiting
    assert app.deliver().results == {Status.SENT: 1}
    assert machine.mailed() - before == Counter({who[5].address: 1})
    with app.database.read() as conn:
        balance = ledger.balance(conn)
        rows = conn.execute(sa.select(ledger_table).where(ledger_table.c.status == Status.AMBIGUOUS)).all()
    assert balance.difference == 0
    assert {(row.reason, row.claimant, row.begun_at) for row in rows} == {(doubts.RESTORED, None, None)}


def test_sent(lost_day: tuple[App, list[Subscriber]], machine: Machine) -> None:
    """Where nothing was mailed since, all that is due is mailed as if nothing had been."""
    app, who = lost_day
    machine.relay.accepted.clear()
    accept(app, skip=False)
    machine.morning(app, "On Bread", "On Ovens")
    early = [one.address for one in who if one.schedule.hour <= 9]
    assert sorted(machine.mailed()) == sorted(early)


def test_restored_once_more(
    lost_day: tuple[App, list[Subscriber]], machine: Machine, make_copy: MakeCopy
) -> None:
    """A copy that was taken into use is the ledger: the one from before it is an older copy, and the machine knows it."""
    app, _ = lost_day
    again = make_copy(app.database)
    accept(app, skip=True)
    machine.clock.advance(days=1)
    machine.morning(app, "On Looms")
    later = machine.over(again)
    refused(later)
    accept(later, skip=True)
    machine.clock.advance(days=1)
    machine.morning(later, "On Spindles")
    assert later.lookout.found() is None
    refused(machine.over(app.database))


def test_broken_off(lost_day: tuple[App, list[Subscriber]], monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed at whichever commit, it stands guarded, and a second run comes to the same."""
    app, who = lost_day
    copy = found(app)
    restored.settle(app.database, app.stamp, copy, now=app.clock())
    assert app.lookout.found() is not None
    second = restored.settle(app.database, app.stamp, copy, now=app.clock())
    assert second == Accepted()
    with app.database.read() as conn:
        skipped = [row for one in who for row in ledger.of(conn, one.id) if row.reason == doubts.RESTORED]
        standing = [subscribers.standing(conn, one.id) for one in who]
    assert len(skipped) == len({(row.subscriber_id, row.local_date) for row in skipped}) == 9
    assert {each.last_date for each in standing} == {NOW.date() + DAY, None}


def test_moments(lost_day: tuple[App, list[Subscriber]]) -> None:
    """What the operator is told names when the copy was made, where that is known."""
    app, _ = lost_day
    assert "made on" not in restored.told(found(app))
    with app.database.write() as conn:
        generations.mark(conn, Copy(made_at=NOW))
    assert "made on 20 November 2026, 08:00 UTC" in restored.told(found(app))
    assert found(app).until == NOW + 23 * HOUR


def test_no_edition_yet(sqlite_database: Database, machine: Machine) -> None:
    """A copy from before the first edition has no cursor to move."""
    who = readers(sqlite_database)
    with sqlite_database.write() as conn:
        generations.mark(conn, Copy())
    app = machine.over(sqlite_database)
    machine.clock.advance(hours=HOUR // HOUR)
    done = accept(app, skip=True)
    assert done == Accepted(skipped=sum(one.schedule.hour <= 9 and one.schedule.weekday != 5 for one in who))
