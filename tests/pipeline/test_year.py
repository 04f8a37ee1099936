"""A year of hours over many zones: one digest per reader and local date, whatever the clocks do.

`App.publish`, `App.plan` and `App.deliver` are what the scheduler's ticks call; freezegun holds the clock that
every process reads (`wiring.utc_now`), so nothing here hands a time in behind the program's back.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from freezegun import freeze_time
from freezegun.api import FrozenDateTimeFactory
from sqlalchemy import event

from digest.deliver.delivery import Status
from digest.pipeline.ingest import IngestOptions
from digest.pipeline.plan import PlanReport
from digest.relay.memory import MemoryRelay
from digest.store import ledger, subscribers
from digest.store.database import Database
from digest.store.ledger import Entry
from digest.subscribers.consent import Evidence
from digest.subscribers.subscriber import Frequency, Profile, Schedule, Subscriber
from digest.wiring import App, utc_now
from tests.factories import DAY, HOUR, add_subscriber, make_app, raw_dump

#: Just after an edition, so that everyone's first mail goes out at the first tick.
START = dt.datetime(2026, 1, 1, 12, 0, tzinfo=dt.UTC)

ZONES = (
    "Europe/Berlin",
    "America/New_York",
    "Australia/Lord_Howe",  # half an hour of summer time
    "Asia/Kathmandu",  # +05:45
    "Pacific/Apia",  # +13
    "America/St_Johns",  # -03:30, and summer time
    "Africa/Casablanca",  # winter time in Ramadan only
    "UTC",
)


@dataclass
class Walk:
    """The whole program under a frozen clock: what the scheduler's ticks do, at the moments a test says."""

    app: App
    relay: MemoryRelay
    frozen: FrozenDateTimeFactory
    delivers_every_h: int = 1

    @property
    def now(self) -> dt.datetime:
        return self.app.clock()

    def reader(
        self, zone: str = "UTC", hour: int = 7, frequency: str = "daily", weekday: int = 0, *topics: str
    ) -> Subscriber:
        """Subscribe someone who confirms now, with room in each mail for whatever comes."""
        schedule = Schedule(zone=zone, hour=hour, frequency=Frequency(frequency), weekday=weekday)
        profile = Profile(cap=50, topics=topics)
        with self.app.database.write() as conn:
            return add_subscriber(conn, schedule=schedule, profile=profile, now=self.now)

    def feed(self, *titles: str) -> None:
        """Take in a dump of today: a paper on kites and one on bread, unless titles are given."""
        day = self.now.date()
        rows = titles or (f"A Kite of {day:%A %d %B}", f"The Bread of {day:%A %d %B}")
        self.app.ingest([raw_dump(rows, day=day, modified_at=self.now)], IngestOptions())

    def tick(self) -> PlanReport:
        """One look of the scheduler: publish, plan, and deliver what there is."""
        self.app.publish()
        report = self.app.plan()
        if self.now.hour % self.delivers_every_h == 0:
            self.app.deliver()
        return report

    def go(self, until: dt.datetime, *, feeding: bool = True) -> None:
        """Tick every hour up to and with a moment; a dump comes at five each day."""
        while self.now < until:
            self.to(min(self.now + HOUR, until))
            if feeding and self.now.hour == 5:
                self.feed()
            self.tick()

    def to(self, moment: dt.datetime) -> None:
        """Set the clock, forward or back."""
        self.frozen.move_to(moment)

    def ledger(self, reader: Subscriber) -> list[Entry]:
        """A reader's rows, oldest first."""
        with self.app.database.read() as conn:
            return ledger.of(conn, reader.id)[::-1]

    def rows(self, reader: Subscriber) -> list[tuple[dt.date, str]]:
        """A reader's rows as (local date, status or reason of the skip)."""
        return [(e.local_date, str(e.reason or e.status)) for e in self.ledger(reader)]

    def sent(self, reader: Subscriber) -> list[dt.date]:
        """The local dates for which mails were handed over, as the relay saw them."""
        rows = [e for e in self.ledger(reader) if e.status is Status.SENT]
        received = sum(message.recipient == reader.address for message in self.relay.accepted)
        assert received == len(rows), "the relay saw as many mails as the ledger tells of"
        return [entry.local_date for entry in rows]

    def editions(self, reader: Subscriber) -> list[list[int]]:
        """The editions that each mail drew on; no paper came twice."""
        mails = [entry.picks for entry in self.ledger(reader) if entry.status is Status.SENT]
        papers = [pick.paper_id for picks in mails for pick in picks]
        assert len(papers) == len(set(papers))
        return [sorted({pick.edition_id for pick in picks}) for picks in mails]

    def balance(self) -> int:
        with self.app.database.read() as conn:
            return ledger.balance(conn).difference


@pytest.fixture
def walk(sqlite_database: Database, tmp_path: Path) -> Iterator[Walk]:
    """The program on the first of January, noon, with an edition just out; every process's own clock is frozen."""
    # pytest keeps its own time: a test that lasted a year would look slow.
    # Nobody pulls the plug: without a sync at each commit the year takes two thirds of the time.
    event.listen(sqlite_database.engine, "connect", lambda conn, _: conn.execute("PRAGMA synchronous=OFF"))
    with freeze_time(START, ignore=["_pytest"]) as frozen:
        assert isinstance(frozen, FrozenDateTimeFactory)
        relay = MemoryRelay()
        app = make_app(sqlite_database, tmp_path, relay=relay, clock=utc_now)
        started = Walk(app=app, relay=relay, frozen=frozen)
        started.feed()
        app.publish()
        yield started


def served(schedule: Schedule, start: dt.datetime, end: dt.datetime) -> list[dt.date]:
    """The local dates that a walk from `start` to `end` has to serve, told from the calendar alone."""
    zone = ZoneInfo(schedule.zone)
    first, last = start.astimezone(zone).date(), end.astimezone(zone)
    days = last.date().toordinal() - first.toordinal() + (last.hour >= schedule.hour)
    wanted = {
        Frequency.DAILY: range(7),
        Frequency.WEEKDAYS: range(5),
        Frequency.WEEKLY: (schedule.weekday,),
    }[schedule.frequency]
    every = (first + DAY * number for number in range(days))
    return [day for day in every if day.weekday() in wanted]


#: Fourteen readers: every zone, hour and frequency that differ in kind.
READERS = (
    ("Europe/Berlin", 2, "daily", 0),  # the hour that spring skips and autumn repeats
    ("Europe/Berlin", 3, "weekdays", 0),
    ("Europe/Berlin", 7, "weekly", 6),  # both changes fall on a Sunday
    ("America/New_York", 2, "daily", 0),
    ("America/New_York", 23, "weekdays", 0),
    ("Australia/Lord_Howe", 2, "daily", 0),
    ("Australia/Lord_Howe", 0, "weekly", 3),
    ("Asia/Kathmandu", 7, "daily", 0),
    ("Pacific/Apia", 0, "daily", 0),
    ("Pacific/Apia", 23, "weekly", 0),
    ("America/St_Johns", 0, "daily", 0),
    ("Africa/Casablanca", 2, "daily", 0),
    ("UTC", 7, "daily", 0),
    ("UTC", 3, "weekly", 2),  # before the edition of the day is out
)


def test_a_year_of_hours(walk: Walk) -> None:
    """In each zone, at each hour and frequency: one digest for each local date that is due, and none twice.

    Every hour of the year is walked, not the due moments alone: it is the program that has to know those. Mail is
    handed over every fourth hour, which nothing here depends on, since half of the time goes into that.
    """
    walk.delivers_every_h = 4
    readers = [walk.reader(*chosen) for chosen in READERS]
    walk.tick()
    while walk.now < START + 370 * DAY:
        walk.go(walk.now + DAY)
        assert walk.balance() == 0, walk.now
    for reader in readers:
        assert walk.sent(reader) == served(reader.schedule, START, walk.now), reader.schedule
        assert len(walk.rows(reader)) == len(walk.sent(reader)), "nobody was skipped"
        drawn = [edition for mail in walk.editions(reader) for edition in mail]
        if reader.schedule.frequency is not Frequency.DAILY:
            assert drawn == [*range(drawn[0], drawn[-1] + 1)], "no edition is left out between two mails"


@pytest.mark.parametrize("hours", [-1, 1, 25])
@pytest.mark.parametrize("at", [1, 5, 6, 7, 8, 12, 22, 23, 0])
def test_the_clock_jumps(walk: Walk, at: int, hours: int) -> None:
    """However the clock jumps, and at whatever hour: no local date gets two mails, and a small jump loses none."""
    readers = [
        walk.reader(zone, hour) for zone in ("UTC", "Europe/Berlin", "Pacific/Apia") for hour in (0, 7, 23)
    ]
    walk.tick()
    for _ in range(4):
        walk.go(walk.now + HOUR * ((at - walk.now.hour) % 24 or 24))
        walk.to(walk.now + HOUR * hours)
        walk.tick()
    walk.go(walk.now + DAY + HOUR * ((12 - walk.now.hour) % 24))
    for reader in readers:
        sent = walk.sent(reader)
        assert sent == sorted(set(sent)), reader.schedule
        assert len(walk.editions(reader)) == len(sent)
        if abs(hours) == 1:
            assert sent == served(reader.schedule, START, walk.now), reader.schedule
    assert walk.balance() == 0


def test_an_outage_of_three_days(walk: Walk) -> None:
    """After three days down: one mail of the newest edition for a daily reader, none for the dates gone by."""
    readers = [walk.reader("UTC", hour) for hour in (0, 7, 12, 23)]
    walk.tick()
    walk.go(dt.datetime(2026, 1, 5, 13, tzinfo=dt.UTC))
    for day in (6, 7, 8):  # somebody publishes by hand, nothing plans
        walk.to(dt.datetime(2026, 1, day, 6, tzinfo=dt.UTC))
        walk.feed()
        walk.app.publish()
    walk.to(dt.datetime(2026, 1, 8, 13, tzinfo=dt.UTC))
    before = [len(walk.sent(reader)) for reader in readers]
    walk.tick()
    after = [len(walk.sent(reader)) for reader in readers]
    assert [b - a for a, b in zip(before, after, strict=True)] == [1, 1, 1, 0]
    newest = walk.app.plan().planned
    assert newest == 0, "a second look finds nobody"
    walk.go(dt.datetime(2026, 1, 9, 23, tzinfo=dt.UTC))
    for reader in readers:
        sent = walk.sent(reader)
        assert sent == sorted(set(sent))
        assert not {dt.date(2026, 1, 6), dt.date(2026, 1, 7)} & set(sent)
        assert sent[-2:] == [dt.date(2026, 1, 8), dt.date(2026, 1, 9)]
        assert all(len(mail) == 1 for mail in walk.editions(reader))
    assert walk.balance() == 0


@pytest.mark.parametrize(
    ("up_again", "hours"),
    [(8, [8, 7, 7]), (11, [11, 7, 7]), (12, [12, 8, 7]), (15, [15, 11, 7]), (23, [23, 19, 15])],
)
def test_a_missed_hour(walk: Walk, up_again: int, hours: list[int]) -> None:
    """A missed hour is made up for once, the same day; the next mail comes 20 hours later at the soonest."""
    reader = walk.reader("UTC", 7)
    walk.tick()
    walk.go(dt.datetime(2026, 1, 10, 6, tzinfo=dt.UTC))
    walk.to(dt.datetime(2026, 1, 10, up_again, tzinfo=dt.UTC))
    walk.tick()
    walk.go(dt.datetime(2026, 1, 12, 23, tzinfo=dt.UTC))
    planned = [e.planned_at for e in walk.ledger(reader) if e.local_date >= dt.date(2026, 1, 10)]
    assert [(at.day, at.hour) for at in planned] == list(zip((10, 11, 12), hours, strict=True))


@pytest.mark.parametrize(
    ("age", "sent"), [(dt.timedelta(hours=36), 1), (dt.timedelta(hours=36, seconds=1), 0)]
)
@pytest.mark.parametrize("frequency", ["daily", "weekly"])
def test_a_stale_edition(walk: Walk, age: dt.timedelta, sent: int, frequency: str) -> None:
    """The newest edition is mailed while it is 36 hours old at most."""
    walk.to(START + age)
    reader = walk.reader("UTC", 0, frequency, walk.now.weekday())
    walk.tick()
    assert len(walk.sent(reader)) == sent


@pytest.mark.parametrize("hour", [3, 7])
def test_a_week_in_one_mail(walk: Walk, hour: int) -> None:
    """A weekly digest draws on all editions since the last one, be its hour before or after the day's edition."""
    reader = walk.reader("UTC", hour, "weekly", 0)
    walk.go(dt.datetime(2026, 1, 26, 23, tzinfo=dt.UTC))
    assert walk.sent(reader) == [dt.date(2026, 1, day) for day in (5, 12, 19, 26)]
    newest = 4 if hour == 3 else 5  # the number of the edition is that of the day in January
    assert walk.editions(reader) == [
        [newest],
        *(list(range(newest + 1 + 7 * week, newest + 8 + 7 * week)) for week in range(3)),
    ]


def test_a_week_at_most(walk: Walk) -> None:
    """A weekly digest that was missed for two weeks reaches back seven days; weekdays take up the weekend."""
    weekly = walk.reader("UTC", 7, "weekly", 0)
    weekdays = walk.reader("UTC", 7, "weekdays")
    walk.go(dt.datetime(2026, 1, 5, 23, tzinfo=dt.UTC))
    for day in range(6, 22):
        walk.to(dt.datetime(2026, 1, day, 6, tzinfo=dt.UTC))
        walk.feed()
        walk.app.publish()
    walk.go(dt.datetime(2026, 1, 26, 23, tzinfo=dt.UTC))
    assert walk.sent(weekly) == [dt.date(2026, 1, day) for day in (5, 21, 26)]
    assert walk.editions(weekly) == [[5], list(range(14, 22)), list(range(22, 27))]
    assert walk.editions(weekdays)[-3:] == [[22], [23], [24, 25, 26]]


CHANGES = (
    Schedule(zone="UTC", hour=23),
    Schedule(zone="UTC", hour=0),
    Schedule(zone="Pacific/Kiritimati", hour=7),  # +14
    Schedule(zone="Pacific/Niue", hour=7),  # -11
    Schedule(zone="Pacific/Niue", hour=23),
    Schedule(zone="Asia/Kathmandu", hour=0),
)


@pytest.mark.parametrize("at", [6, 8, 20])
def test_changes_of_zone_and_hour(walk: Walk, at: int) -> None:
    """A new zone or hour, once every three days, brings neither two mails for a date nor two in 20 hours, nor none."""
    reader = walk.reader("UTC", 7)
    walk.tick()
    for schedule in CHANGES:
        walk.go(walk.now + 2 * DAY + HOUR * ((at - walk.now.hour) % 24))
        walk.app.signup.change(reader, profile=reader.profile, schedule=schedule, now=walk.now)
        walk.tick()
    walk.go(walk.now + 3 * DAY)
    assert walk.sent(reader) == sorted(set(walk.sent(reader)))
    planned = [entry.planned_at for entry in walk.ledger(reader) if entry.status is Status.SENT]
    gaps = [(after - before) / HOUR for before, after in pairwise(planned)]
    assert min(gaps) >= 20
    assert max(gaps) <= 74, "the bound that `next_due` gives"
    assert walk.balance() == 0


@pytest.mark.parametrize(
    ("topics", "titles", "reason"),
    [((), None, "nothing_new"), (("kites",), ("On Bread",), "nothing_matched")],
)
def test_nothing_to_send(
    walk: Walk, topics: tuple[str, ...], titles: tuple[str, ...] | None, reason: str
) -> None:
    """Nothing new, and nothing that matched, is a row at the reader's midnight, and no sooner."""
    reader = walk.reader("Europe/Berlin", 7, "daily", 0, *topics)
    walk.tick()
    sent = walk.rows(reader)
    walk.to(dt.datetime(2026, 1, 2, 5, tzinfo=dt.UTC))
    if titles:
        walk.feed(*titles)
    walk.tick()
    midnight = dt.datetime(2026, 1, 2, 23, tzinfo=dt.UTC)
    for moment in (midnight - 16 * HOUR, midnight - dt.timedelta(seconds=1)):
        walk.to(moment)
        walk.tick()
        assert walk.rows(reader) == sent
    walk.to(midnight)
    walk.tick()
    assert walk.rows(reader) == [*sent, (dt.date(2026, 1, 2), reason)]
    assert walk.balance() == 0


@pytest.mark.parametrize("first", [(), ("On Bread",)])
def test_a_late_edition(walk: Walk, first: tuple[str, ...]) -> None:
    """Who was due with nothing to send gets an edition that comes the same day, once."""
    reader = walk.reader("UTC", 7, "daily", 0, "kites")
    walk.tick()
    walk.go(dt.datetime(2026, 1, 2, 22, tzinfo=dt.UTC), feeding=False)
    walk.feed("A Late Kite")
    walk.go(dt.datetime(2026, 1, 3, 6, tzinfo=dt.UTC), feeding=False)
    assert walk.rows(reader) == [(dt.date(2026, 1, 1), "sent"), (dt.date(2026, 1, 2), "sent")]


def test_a_pause(walk: Walk) -> None:
    """A pause makes a row for each due date at its hour; after it the newest edition alone is mailed."""
    reader = walk.reader("UTC", 7, "weekdays")
    walk.tick()
    walk.go(dt.datetime(2026, 1, 5, 12, tzinfo=dt.UTC))
    walk.app.signup.pause(reader, evidence=Evidence(method="command"), now=walk.now)
    walk.go(dt.datetime(2026, 1, 6, 6, tzinfo=dt.UTC))
    assert walk.rows(reader)[-1] == (dt.date(2026, 1, 5), "sent")
    walk.go(dt.datetime(2026, 1, 8, 12, tzinfo=dt.UTC))
    assert walk.rows(reader)[-3:] == [(dt.date(2026, 1, day), "paused") for day in (6, 7, 8)]
    with walk.app.database.read() as conn:
        paused = subscribers.get(conn, reader.id)
    assert paused is not None
    walk.app.signup.resume(paused, evidence=Evidence(method="command"), now=walk.now)
    walk.go(dt.datetime(2026, 1, 9, 12, tzinfo=dt.UTC))
    assert walk.rows(reader)[-1] == (dt.date(2026, 1, 9), "sent")
    assert walk.editions(reader)[-1] == [9]
    assert walk.balance() == 0
