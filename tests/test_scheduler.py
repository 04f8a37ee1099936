"""What happens by itself: dumps are taken in, editions planned, mail delivered."""

from __future__ import annotations

import datetime as dt
import logging
import os
import threading
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import structlog
from apscheduler.events import EVENT_JOB_MAX_INSTANCES, SchedulerEvent
from apscheduler.schedulers.background import BackgroundScheduler

from digest import scheduler
from digest.compose.message import Message
from digest.deliver.alarm import AlarmName
from digest.deliver.reply import Reply, Silence, Step
from digest.errors import DigestError, MailboxError
from digest.relay.memory import MemoryRelay, in_turn
from digest.scheduler import Ticks, running
from digest.settings import BounceSettings, DeliverySettings, EditionSettings, SourceSettings, WebSettings
from digest.store import alarms, dumps, editions, generations, papers, sources, subscribers
from digest.store.database import Database
from digest.store.generations import Copy
from digest.store.sources import SourceState
from digest.subscribers.consent import Evidence
from digest.subscribers.subscriber import Profile, Schedule, State
from digest.wiring import App
from tests.deliver.reports import DSNS
from tests.factories import (
    DAY,
    NOW,
    TODAY,
    Clock,
    add_subscriber,
    clean_records,
    daily_papers,
    list_records,
    make_app,
)
from tests.web_server import HANG, Asked, Page, WebServer
from tests.web_server import Answer as Said

PATIENCE_S = 60.0
DEAD = Reply(step=Step.CONNECT, code=None, text="", silence=Silence.CLOSED)
REFUSED = Reply(step=Step.MAIL, code=550, text="5.7.1 not from you")


def put(app: App, name: str, *titles: str, day: dt.date = TODAY) -> Path:
    """Put a dump of a day into the watched folder."""
    path = app.settings.dump_folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(daily_papers(titles, day=day))
    return path


def written_at(path: Path) -> dt.datetime:
    """When the kernel says that the file changed last; the tests' clocks are set by it."""
    return dt.datetime.fromtimestamp(path.stat().st_ctime, dt.UTC)


def standing(app: App) -> list[str]:
    """The names of the alarms that stand."""
    with app.database.read() as conn:
        return [str(each.alarm.name) for each in alarms.standing(conn)]


def arrivals(app: App) -> list[str]:
    with app.database.read() as conn:
        return list(conn.exec_driver_sql("SELECT name FROM arrivals ORDER BY id").scalars())


# -- watching ------------------------------------------------------------------------------------------


def test_watching(database: Database, tmp_path: Path) -> None:
    """A dump is taken in once it has come to rest, once, and again when it was written anew."""
    clock = Clock()
    app = make_app(database, tmp_path, clock=clock)
    ticks = Ticks(app)
    ticks.watch()
    assert app.settings.dump_folder.is_dir()
    path = put(app, "one.json", "On Kites")
    clock.now = written_at(path) + dt.timedelta(seconds=scheduler.QUIET_S - 1)
    ticks.watch()
    assert arrivals(app) == []
    clock.advance(seconds=2)
    for _ in range(3):
        ticks.watch()
    assert arrivals(app) == [str(path)]
    path.write_bytes(daily_papers(["On Kites", "On Bread"]))
    os.utime(path, (1, 1))
    clock.now = written_at(path) + dt.timedelta(minutes=1)
    other = put(app, "two.json", "On Looms")
    ticks.watch()
    clock.now = written_at(other) + dt.timedelta(minutes=2)
    ticks.watch()
    ticks.watch()
    assert arrivals(app) == [str(path), str(path), str(other)]
    with database.read() as conn:
        assert papers.total(conn) == 3


def test_a_bad_dump_stops_no_other(database: Database, tmp_path: Path) -> None:
    """A dump that cannot be read is quarantined once; the one beside it is taken in."""
    clock = Clock()
    app = make_app(database, tmp_path, clock=clock)
    bad, good = put(app, "a.json"), put(app, "b.json", "On Kites")
    bad.write_bytes(b"[{]")
    clock.now = max(written_at(bad), written_at(good)) + dt.timedelta(minutes=1)
    ticks = Ticks(app)
    ticks.watch()
    ticks.watch()
    with database.read() as conn:
        assert [(dump.name, str(dump.status)) for dump in dumps.every(conn)] == [
            (str(bad), "quarantined"),
            (str(good), "stored"),
        ]
    assert len(arrivals(app)) == 2


# -- sources -------------------------------------------------------------------------------------------


def test_sources_that_are_due(database: Database, tmp_path: Path) -> None:
    """What is due is asked by itself, by the code that asks by name; what is not due is left alone."""
    with WebServer({"/feed": Page(daily_papers(["On Kites"]), etag='"1"')}) as server:
        named = SourceSettings(kind="page", url=server.url("/feed"), allow_private=True)
        clock = Clock()
        app = make_app(database, tmp_path, clock=clock, sources={"kites": named})
        ticks = Ticks(app)
        ticks.fetch()
        ticks.fetch()
        assert arrivals(app) == [server.url("/feed")]
        assert len(server.asked) == 1
        clock.advance(minutes=59)
        (by_name,) = app.fetch(["kites"])
        assert (by_name.status, by_name.source) == ("known", "kites")
        clock.advance(minutes=59)
        ticks.fetch()
        assert len(server.asked) == 2
        clock.advance(minutes=1)
        ticks.fetch()
        assert [asked.headers.get("if-none-match") for asked in server.asked] == [None, '"1"', '"1"']


def test_nothing_is_asked_that_is_not_named(database: Database, tmp_path: Path) -> None:
    """Without sources in the settings a look for those that are due brings nothing."""
    assert make_app(database, tmp_path).fetch() == []


def test_the_end_waits_for_no_source(sqlite_database: Database, tmp_path: Path) -> None:
    """A service that ends while a server is silent leaves it at once, and puts nothing down against it."""
    reached = threading.Event()

    def silent(_asked: Asked) -> Said:
        reached.set()
        return HANG

    with WebServer({"/feed": silent}) as server:
        named = SourceSettings(kind="page", url=server.url("/feed"), allow_private=True)
        app = make_app(sqlite_database, tmp_path, clock=Clock(), sources={"kites": named})
        with running(app):
            assert reached.wait(PATIENCE_S)
        assert len(server.asked) == 1
    with sqlite_database.read() as conn:
        assert sources.every(conn) == []


# -- planning and delivering ---------------------------------------------------------------------------


def mailing(database: Database, folder: Path, relay: MemoryRelay, clock: Clock, **sections: object) -> App:
    """The program with one reader who is due, and a paper for them."""
    app = make_app(database, folder, relay=relay, clock=clock, **sections)
    with database.write() as conn:
        list_records(conn, clean_records("On Kites"))
        add_subscriber(conn, "ada@example.org", now=NOW)
    return app


def test_a_day(database: Database, tmp_path: Path) -> None:
    """The edition is published at its hour, the reader planned at theirs, and mailed once."""
    relay, clock = MemoryRelay(), Clock(NOW.replace(hour=5))
    app = mailing(database, tmp_path, relay, clock)
    ticks = Ticks(app)
    ticks.plan()
    with database.read() as conn:
        assert editions.newest(conn) is None
    clock.now = NOW
    for _ in range(3):
        ticks.plan()
        ticks.deliver()
    assert [message.recipient for message in relay.accepted] == ["ada@example.org"]
    with database.read() as conn:
        assert [edition.date for edition in editions.every(conn)] == [TODAY]
    clock.now = NOW + DAY
    ticks.plan()
    ticks.deliver()
    assert len(relay.tried) == 1  # nothing new


def test_a_refusal_pauses_delivery(database: Database, tmp_path: Path) -> None:
    """When the relay refuses us, delivery rests for the pause, goes on at its end by itself, and the operator learns."""
    relay, clock = MemoryRelay(in_turn([REFUSED])), Clock()
    app = mailing(database, tmp_path, relay, clock, admin="ops@example.org")
    pause = app.deliver_policy.retry.pause
    ticks = Ticks(app)
    ticks.plan()
    with structlog.testing.capture_logs() as logged:
        ticks.deliver()
        ticks.deliver()
    assert len(relay.tried) == 1
    (told,) = [event for event in logged if event["event"] == "delivery paused"]
    assert told["until"] == (NOW + pause).isoformat()
    assert "5.7.1" in told["reason"]
    assert standing(app) == ["delivery-paused"]
    clock.now = NOW + pause - dt.timedelta(seconds=1)
    ticks.deliver()
    assert len(relay.tried) == 1
    clock.advance(hours=2)
    ticks.deliver()
    assert {message.recipient for message in relay.accepted} == {"ada@example.org", "ops@example.org"}
    assert standing(app) == []


def test_a_dead_relay_and_few_readers(database: Database, tmp_path: Path) -> None:
    """Where too few are due to pause, the third run in a row of which the relay took nothing raises the alarm."""
    relay, clock = MemoryRelay(in_turn([DEAD] * 3)), Clock()
    app = mailing(database, tmp_path, relay, clock, admin="ops@example.org")
    ticks = Ticks(app)
    ticks.plan()
    raised = []
    for _ in range(4):
        ticks.deliver()
        raised.append(standing(app))
        clock.advance(seconds=1)
        ticks.deliver()  # a mail of the alarm at most is due, and nothing else is counted
        clock.advance(minutes=10)
    assert raised == [[], [], ["delivery-paused"], []]
    assert {message.recipient for message in relay.accepted} == {"ada@example.org", "ops@example.org"}


def test_one_of_two_schedulers_plans(database: Database, tmp_path: Path) -> None:
    """On PostgreSQL the first to come plans, until it is closed; on SQLite both may, and no reader is planned twice."""
    clock = Clock()
    app = mailing(database, tmp_path, MemoryRelay(), clock)
    first, second = Ticks(app), Ticks(app)
    for ticks in (first, second):
        ticks.plan()
    assert len(ledger(database)) == 1
    clock.advance(days=1)
    with database.write() as conn:
        list_records(conn, clean_records("On Bread"), "tomorrow's", dated=TODAY + DAY)
    second.plan()
    assert len(ledger(database)) == (2 if database.is_sqlite else 1)
    first.close()
    second.plan()
    assert len(ledger(database)) == 2
    second.close()


def test_a_restored_database(database: Database, tmp_path: Path) -> None:
    """From an older copy nothing is published, planned or mailed; one error and one alarm say so, until it is accepted."""
    relay, clock = MemoryRelay(), Clock()
    app = mailing(database, tmp_path, relay, clock, admin="ops@example.org")
    with database.write() as conn:
        generations.mark(conn, Copy(made_at=NOW - DAY))
    ticks = Ticks(app)
    with structlog.testing.capture_logs() as logged:
        for _ in range(2):
            ticks.plan()
            ticks.deliver()
            ticks.alarm()
    assert [event["event"] for event in logged] == ["database restored"]
    assert standing(app) == ["ledger-restored"]
    with database.read() as conn:
        assert editions.newest(conn) is None
        planned = conn.exec_driver_sql("SELECT count(*) FROM deliveries").scalar_one()
    assert planned == 0, "the alarm itself is not mailed: nothing is"
    with database.write() as conn:
        generations.unmark(conn)
    ticks.plan()
    ticks.deliver()
    assert [message.recipient for message in relay.accepted] == ["ada@example.org"]


@pytest.mark.parametrize(
    ("error", "shown"), [(DigestError("locked"), "locked"), (ValueError("ada@example.org"), "ValueError")]
)
def test_a_tick_that_fails(error: Exception, shown: str) -> None:
    """A tick that fails is told with its name, a bug without its words, and the next is tried as if nothing had been."""
    calls: list[int] = []

    def plan() -> None:
        calls.append(1)
        raise error

    guarded = scheduler._guarded(plan)
    with structlog.testing.capture_logs() as logged:
        guarded()
        guarded()
    assert len(calls) == 2
    assert [(event["event"], event["tick"], event["log_level"]) for event in logged] == [
        ("tick failed", "plan", "error")
    ] * 2
    assert all(event["error"].endswith(shown) and "ada@" not in str(event) for event in logged)


# -- running -------------------------------------------------------------------------------------------


class Gate:
    """A relay's script that says when the first message came, and holds it until it is opened."""

    def __init__(self) -> None:
        self.reached, self.opened = threading.Event(), threading.Event()

    def __call__(self, message: Message) -> Reply | None:
        self.reached.set()
        assert self.opened.wait(PATIENCE_S)
        return None


def ledger(database: Database) -> list[tuple[Any, ...]]:
    with database.read() as conn:
        return [
            tuple(row) for row in conn.exec_driver_sql("SELECT status, begun_at, claimant FROM deliveries")
        ]


def often(**sections: object) -> dict[str, object]:
    return {"delivery": DeliverySettings(tick_s=0.05), **sections}


def test_running_and_draining(database: Database, tmp_path: Path) -> None:
    """The ticks run in the background; at the end what is begun is settled before the block is left."""
    gate = Gate()
    relay = MemoryRelay(gate)
    app = mailing(database, tmp_path, relay, Clock(), **often())
    with running(app) as ticks:
        assert gate.reached.wait(PATIENCE_S)
        assert [status for status, *_ in ledger(database)] == ["claimed"]
        # Opened by the time that the end waits for the message in flight.
        threading.Timer(0, gate.opened.set).start()
    assert ticks.stop.is_set()
    assert ledger(database) == [("sent", None, None)]
    assert len(relay.accepted) == 1


def test_a_tick_left_out_is_no_warning(
    sqlite_database: Database,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """While a send outlasts its tick, the next ones are left out without a word."""
    gate, left_out = Gate(), threading.Event()
    notify = BackgroundScheduler._dispatch_event

    def told(self: BackgroundScheduler, event: SchedulerEvent) -> None:
        if event.code == EVENT_JOB_MAX_INSTANCES:
            left_out.set()
        notify(self, event)

    monkeypatch.setattr(BackgroundScheduler, "_dispatch_event", told)
    app = mailing(sqlite_database, tmp_path, MemoryRelay(gate), Clock(), **often())
    with caplog.at_level(logging.WARNING), running(app):
        assert left_out.wait(PATIENCE_S)
        gate.opened.set()
    assert [record.name for record in caplog.records] == []


def test_a_run_goes_on_after_trouble(
    sqlite_database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A step that breaks on its first tick is tried again, and stops no other step."""
    delivered, failed = threading.Event(), threading.Event()

    def delivering(message: Message) -> None:
        delivered.set()

    app = mailing(sqlite_database, tmp_path, MemoryRelay(delivering), Clock(), **often())
    monkeypatch.setattr(scheduler, "PLAN_S", 0.05)
    publish = App.publish

    def once(self: App) -> Any:
        if not failed.is_set():
            failed.set()
            raise DigestError("no disk")
        return publish(self)

    monkeypatch.setattr(App, "publish", once)
    with running(app):
        assert delivered.wait(PATIENCE_S)
    assert failed.is_set()


def test_what_lay_in_the_folder_belongs_to_today(sqlite_database: Database, tmp_path: Path) -> None:
    """After a restart past the hour of publication, the folder is read before the edition is published."""
    clock = Clock()  # set by the machine's, whatever its hour
    app = make_app(sqlite_database, tmp_path, clock=clock, edition=EditionSettings(hour=0))
    with sqlite_database.write() as conn:
        list_records(conn, clean_records("A Kite Left Over"))
    today = dt.datetime.now(dt.UTC).date()  # one of long ago would be background, and mailed as new to nobody
    path = put(app, "today.json", "Kites at Dawn", "Kites at Dusk", day=today)
    clock.now = written_at(path) + dt.timedelta(minutes=1)
    with running(app) as ticks:
        ticks.plan()
    with sqlite_database.read() as conn:
        newest = editions.newest(conn)
    assert newest is not None
    assert newest.papers >= 2


def sign_up(app: App, count: int) -> None:
    """This many strangers sign up on the pages."""
    for _ in range(count):
        app.signup.request(
            f"stranger{next(_numbers)}@example.org",
            profile=Profile(),
            schedule=Schedule(),
            evidence=Evidence(method="web"),
            now=app.clock(),
        )


_numbers = count(1)


# -- tidying and the alarm -----------------------------------------------------------------------------


def test_tidying(database: Database, tmp_path: Path) -> None:
    """A sign-up that nobody confirmed goes after its days, and the log says how many went; else it is silent."""
    clock = Clock()
    app = make_app(database, tmp_path, clock=clock)
    ticks = Ticks(app)
    with database.write() as conn:
        add_subscriber(conn, state=State.PENDING, now=NOW)
    with structlog.testing.capture_logs() as logged:
        ticks.tidy()
        clock.now = NOW + 7 * DAY + dt.timedelta(seconds=1)
        ticks.tidy()
        ticks.tidy()
    assert [(event["event"], event["purged"]) for event in logged] == [("tidied", 1)]


def test_the_alarm(database: Database, tmp_path: Path) -> None:
    """More sign-ups in an hour than are usual are one error an hour, with their number, and an alarm that stands."""
    clock = Clock()
    app = make_app(database, tmp_path, clock=clock, web=WebSettings(signup_alarm=3))
    ticks = Ticks(app)

    def told(*, more: int) -> list[int]:
        sign_up(app, more)
        with structlog.testing.capture_logs() as logged:
            ticks.alarm()
        assert {(event["event"], event["log_level"]) for event in logged} <= {("sign-up spike", "error")}
        return [event["signups"] for event in logged]

    assert told(more=3) == []
    assert standing(app) == []
    assert told(more=1) == [4]
    assert standing(app) == ["signup-spike"]
    clock.advance(minutes=59)
    assert told(more=5) == []
    clock.advance(minutes=1, seconds=1)
    assert told(more=0) == [5]
    clock.advance(hours=2)
    assert told(more=3) == []
    assert standing(app) == []


def test_the_alarm_looks_at_the_sources(database: Database, tmp_path: Path) -> None:
    """A source that is in trouble is told of by the same tick."""
    app = make_app(database, tmp_path)
    with database.write() as conn:
        sources.save(conn, SourceState(name="folder", failures=3, reason="no such folder"))
    Ticks(app).alarm()
    assert standing(app) == ["source-failing"]


def test_while_the_sources_are_first_asked(sqlite_database: Database, tmp_path: Path) -> None:
    """After a start nothing is published, planned or missed before the sources were asked once; then it is."""
    app = mailing(sqlite_database, tmp_path, MemoryRelay(), Clock())
    with sqlite_database.write() as conn:
        sources.save(conn, SourceState(name="folder", failures=3, reason="no such folder"))
    ticks = Ticks(app)
    ticks.asking = True
    ticks.plan()
    ticks.alarm()
    assert (standing(app), ledger(sqlite_database)) == ([], [])
    ticks.fetch()
    ticks.plan()
    ticks.alarm()
    assert standing(app) == ["source-failing"]
    assert len(ledger(sqlite_database)) == 1


def test_both_run_by_themselves(sqlite_database: Database, tmp_path: Path) -> None:
    """The first looks are taken when the service starts."""
    app = make_app(sqlite_database, tmp_path, web=WebSettings(signup_alarm=1))
    told = threading.Event()
    sign_up(app, 2)
    with sqlite_database.write() as conn:
        add_subscriber(conn, state=State.PENDING, now=NOW - 8 * DAY)

    def listen(_logger: Any, _name: str, event: structlog.typing.EventDict) -> str:
        heard.add(event["event"])
        if heard >= {"tidied", "sign-up spike"}:
            told.set()
        return ""

    heard: set[str] = set()
    structlog.configure(processors=[listen])
    try:
        with running(app):
            assert told.wait(PATIENCE_S)
    finally:
        structlog.reset_defaults()


# -- what comes back -------------------------------------------------------------------------------------


def test_a_mailbox_is_read(sqlite_database: Database, tmp_path: Path) -> None:
    """Mail of the mailbox that is set is taken in; without one nothing is looked for; a bad one is told."""
    box = tmp_path / "box"
    for part in ("new", "cur"):
        (box / part).mkdir(parents=True)
    report = DSNS["postfix, no such user"][0]
    (box / "new" / "1").write_bytes(report.encode())
    Ticks(make_app(sqlite_database, tmp_path)).bounces()
    assert (box / "new" / "1").exists()
    Ticks(make_app(sqlite_database, tmp_path, bounces=BounceSettings(mailbox=str(box)))).bounces()
    assert [path.name for path in (box / "cur").iterdir()] == ["1:2,S"]
    with pytest.raises(MailboxError):
        Ticks(make_app(sqlite_database, tmp_path, bounces=BounceSettings(mailbox="nowhere"))).bounces()


def test_a_mailbox_that_cannot_be_read_is_told(sqlite_database: Database, tmp_path: Path) -> None:
    """At the third look in a row the operator is told, once; the alarm is over when it can be read."""
    box = tmp_path / "box"
    app = make_app(sqlite_database, tmp_path, bounces=BounceSettings(mailbox=str(box)))
    ticks = Ticks(app)

    told = []
    for _ in range(4):
        with pytest.raises(MailboxError):
            ticks.bounces()
        told.append(standing(app))
    assert told == [[], [], ["bounces-unread"], ["bounces-unread"]]
    Ticks(make_app(sqlite_database, tmp_path)).bounces()  # whose settings have no mailbox any more
    assert standing(app) == []
    for part in ("new", "cur"):
        (box / part).mkdir(parents=True)
    ticks.bounces()
    assert standing(app) == []


def test_soft_bounces_are_weighed(sqlite_database: Database, tmp_path: Path) -> None:
    """A reader whose mail expires, put off by their own server day after day, is suppressed when it is tidied up."""
    full = Reply(step=Step.RCPT, code=452, text="4.2.2 mailbox full")
    clock = Clock()
    settings = BounceSettings(soft_limit=2)
    app = make_app(
        sqlite_database, tmp_path, relay=MemoryRelay(lambda _: full), clock=clock, bounces=settings
    )
    with sqlite_database.write() as conn:
        who = add_subscriber(conn, now=NOW - 9 * DAY, due_at=NOW)
    for day in range(3):
        clock.now = NOW + day * DAY
        put_day(app, f"Kite {day}", clock)
        app.publish()
        app.plan()
        app.deliver()
        Ticks(app).tidy()
        with sqlite_database.read() as conn:
            found = subscribers.get(conn, who.id)
        assert found is not None
        assert found.state is (State.SUPPRESSED if day == 2 else State.ACTIVE)


def put_day(app: App, title: str, clock: Clock) -> None:
    """Take in a dump of one paper of the clock's day."""
    with app.database.write() as conn:
        list_records(conn, clean_records(title), title, dated=clock.now.date(), at=clock.now)


def test_an_unusual_share_is_told(sqlite_database: Database, tmp_path: Path) -> None:
    """Of twenty mails two dead addresses raise an alarm with the next look."""
    dead = Reply(step=Step.RCPT, code=550, text="5.1.1 no such user")
    with sqlite_database.write() as conn:
        who = [add_subscriber(conn, due_at=NOW) for _ in range(20)]
        list_records(conn, clean_records("A Kite"), dated=TODAY, at=NOW)
    gone = {one.address for one in who[:2]}
    relay = MemoryRelay(lambda message: dead if message.recipient in gone else None)
    app = make_app(sqlite_database, tmp_path, relay=relay)
    app.publish()
    app.plan()
    app.deliver()
    Ticks(app).alarm()
    with sqlite_database.read() as conn:
        names = {raised.alarm.name for raised in alarms.standing(conn)}
    assert AlarmName.BOUNCES in names
