"""Clocks, zones, outages and backups at full size (R13, R14); short forms stand in tests/pipeline/test_year.py and test_restored.py."""

from __future__ import annotations

import datetime as dt
import re
from collections import Counter
from itertools import cycle
from zoneinfo import available_timezones

import pytest

from digest.compose.message import Message
from digest.errors import RestoredError
from digest.pipeline import restored
from digest.pipeline.ingest import IngestOptions
from digest.store import ledger
from digest.store.database import Database
from digest.subscribers.subscriber import Frequency, Profile, Schedule, Subscriber
from digest.wiring import App
from tests.factories import DAY, HOUR, NOW, add_subscriber, raw_dump
from tests.faults.report import section
from tests.pipeline.test_restored import Machine, MakeCopy
from tests.pipeline.test_year import START, Walk, served

YEAR = section(
    "R13",
    "Clock and zones",
    (
        "what",
        "readers",
        "zones",
        "days",
        "mails",
        "dates with two",
        "dates missed",
        "dates with nothing new",
        "papers twice",
    ),
    about="The whole program under a frozen clock, an hour at a time. A year: each zone that Python knows has a daily reader. "
    "Jumps: one a day, at another hour each day; one of 25 hours skips dates, which are then not missed but over.",
)
OUTAGES = section(
    "R14",
    "Outages and restored backups",
    (
        "what",
        "engine",
        "readers",
        "mailed while guarded",
        "mails",
        "second mails for a date",
        "papers twice",
        "most in the first day back",
    ),
    about="Down for three days while editions came out. Or a database put back as it was 30 hours before, at several hours of "
    "the day: hours of looks in which nothing may be mailed, then `accept --skip`, then eight days.",
)
ZONES = sorted(available_timezones() - {"localtime", "Factory"})


def dates(walk: Walk, readers: list[Subscriber]) -> tuple[int, int, int, int]:
    """Of all readers: second mails for a date, dates without any row, dates skipped, papers mailed twice."""
    second = missed = skipped = twice = 0
    for reader in readers:
        sent = walk.sent(reader)
        second += len(sent) - len(set(sent))
        gone = set(served(reader.schedule, START, walk.now)) - set(sent)
        told = {date for date, reason in walk.rows(reader) if reason == "nothing_new"}
        missed += len(gone - told)
        skipped += len(gone & told)
        papers = [
            pick.paper_id for entry in walk.ledger(reader) if entry.status == "sent" for pick in entry.picks
        ]
        twice += len(papers) - len(set(papers))
    return second, missed, skipped, twice


@pytest.mark.faults
@pytest.mark.timeout(3600)
def test_a_year_over_all_zones(walk: Walk) -> None:
    """One digest for each reader and local date of a year, in every zone, at every hour."""
    walk.delivers_every_h = 6
    readers = [walk.reader(zone, hour) for zone, hour in zip(ZONES, cycle(range(24)), strict=False)]
    walk.tick()
    while walk.now < START + 365 * DAY:
        walk.go(walk.now + DAY)
    walk.app.deliver()
    found = dates(walk, readers)
    YEAR.add("a year", len(readers), len(ZONES), 365, len(walk.relay.accepted), *found)
    # At summer time's beginning in the zone and at the hour where an edition is mailed the moment it comes out, the
    # next date ends before the next edition does come out.
    second, missed, skipped, twice = found
    assert (second, missed, twice) == (0, 0, 0)
    assert skipped <= 2
    assert walk.balance() == 0


@pytest.mark.faults
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("hours", [-1, 1, 25])
def test_jumps_over_many_zones(walk: Walk, hours: int) -> None:
    """A clock that jumps each day, at every hour once: no date gets two mails, and an hour's jump loses none."""
    zones = ZONES[::10]
    readers = [walk.reader(zone, hour) for zone in zones for hour in (0, 7, 23)]
    walk.tick()
    for at in range(24):
        walk.go(walk.now + HOUR * ((at - walk.now.hour) % 24 + 24))
        walk.to(walk.now + HOUR * hours)
        if walk.now.hour == 5 and hours > 0:  # at which the day's dump would have come
            walk.feed()
        walk.tick()
    walk.go(walk.now + DAY + HOUR * ((12 - walk.now.hour) % 24))
    second, missed, skipped, twice = dates(walk, readers)
    over = "" if abs(hours) == 1 else "n/a"
    YEAR.add(
        f"24 jumps of {hours:+d} h",
        len(readers),
        len(zones),
        (walk.now - START).days,
        len(walk.relay.accepted),
        second,
        over or missed,
        skipped,
        twice,
    )
    assert (second, twice) == (0, 0)
    if not over:
        assert (missed, skipped) == (0, 0)
    assert walk.balance() == 0


@pytest.mark.faults
@pytest.mark.timeout(1800)
def test_down_for_three_days(walk: Walk) -> None:
    """Back again, nobody gets more than one mail in a day, and daily readers that of the newest edition alone."""
    frequencies = cycle(Frequency)
    readers = [
        walk.reader(zone, hour, next(frequencies), hour % 7)
        for zone, hour in zip(ZONES, cycle(range(24)), strict=False)
    ]
    walk.tick()
    walk.go(START + 4 * DAY)
    for day in range(3):  # somebody publishes by hand, nothing plans
        walk.to(START + (4 + day) * DAY + 18 * HOUR)
        walk.feed()
        walk.app.publish()
    before = Counter(message.recipient for message in walk.relay.accepted)
    walk.to(START + 7 * DAY)
    walk.go(walk.now + 20 * HOUR, feeding=False)
    gained = Counter(message.recipient for message in walk.relay.accepted) - before
    walk.go(walk.now + 3 * DAY)
    second, _, _, twice = dates(walk, readers)
    most = max(gained.values())
    OUTAGES.add(
        "down three days", "sqlite", len(readers), "n/a", len(walk.relay.accepted), second, twice, most
    )
    assert (second, twice, most) == (0, 0, 1)
    for reader in readers:
        if reader.schedule.frequency is Frequency.DAILY:
            assert all(len(mail) == 1 for mail in walk.editions(reader))
    assert walk.balance() == 0


# -- a restored backup ---------------------------------------------------------------------------------

_TOKEN = re.compile(rb"Kite[0-9]{8}x")


def hour(machine: Machine, app: App) -> None:
    """One look of the scheduler, after the dump of the day at five; then an hour goes by."""
    if machine.clock.now.hour == 5:
        feed(machine, app, machine.clock.now)
    app.publish()
    app.plan()
    app.deliver()
    machine.clock.advance(hours=1)


def feed(machine: Machine, app: App, at: dt.datetime) -> None:
    """Take in the dump of a date."""
    dump = raw_dump([f"On Kite{at:%Y%m%d}x"], day=at.date(), modified_at=at)
    app.ingest([dump], IngestOptions())


def lose(
    database: Database, machine: Machine, make_copy: MakeCopy, *, readers: int, taken_at: int
) -> tuple[int, ...]:
    """Live two days, be set back by 30 hours, and live on; returns what the row says."""
    zones, frequencies = cycle(ZONES), cycle(Frequency)
    with database.write() as conn:
        for number in range(readers):
            schedule = Schedule(
                zone=next(zones), hour=number % 24, frequency=next(frequencies), weekday=number % 7
            )
            add_subscriber(conn, schedule=schedule, profile=Profile(cap=50), now=NOW - DAY)
    machine.clock.now = NOW.replace(hour=4)
    app = machine.over(database)
    for _ in range(48 + taken_at):
        hour(machine, app)
    copy = make_copy(database)
    lost = [machine.clock.now + HOUR * number for number in range(30)]
    for _ in lost:
        hour(machine, app)
    older = machine.over(copy)
    before = len(machine.relay.accepted)
    for at in lost:
        if at.hour == 5:
            feed(machine, older, at)
        for step in (older.publish, older.plan, older.deliver):
            with pytest.raises(RestoredError):
                step()
    guarded = len(machine.relay.accepted) - before
    found = older.lookout.found()
    assert found is not None
    restored.settle(copy, older.stamp, found, now=machine.clock.now)
    restored.accept(copy, older.settings.generations, now=machine.clock.now)
    for _ in range(20):
        hour(machine, older)
    first_day = Counter(message.recipient for message in machine.relay.accepted[before:])
    for _ in range(8 * 24 - 20):
        hour(machine, older)
    with copy.read() as conn:
        assert ledger.balance(conn).difference == 0
    ids = Counter(identity(message) for message in machine.relay.accepted)
    papers = Counter(
        (message.recipient, token)
        for message in machine.relay.accepted
        for token in set(_TOKEN.findall(message.data.replace(b"=\r\n", b"")))
    )
    assert len({who for who, _ in papers}) > readers * 0.9, "the titles are found"
    return (
        guarded,
        len(machine.relay.accepted),
        ids.total() - len(ids),
        papers.total() - len(papers),
        max(first_day.values(), default=0),
    )


def identity(message: Message) -> bytes:
    """The Message-ID, which is made of the reader and their local date: the same before and after."""
    found = re.search(rb"^Message-ID: (\S+)", message.data, re.MULTILINE)
    assert found is not None
    return found[1]


@pytest.mark.faults
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("taken_at", [0, 5, 11, 20])
def test_restored_from_yesterday(
    database: Database, machine: Machine, make_copy: MakeCopy, taken_at: int
) -> None:
    """Nothing is mailed until it is accepted; then no reader gets two mails for a date, nor a paper twice."""
    found = lose(database, machine, make_copy, readers=300, taken_at=taken_at)
    engine = database.url.get_backend_name()
    OUTAGES.add(f"restored, backup at {(4 + taken_at) % 24:02}:00", engine, 300, *found)
    guarded, _, second, twice, most = found
    assert (guarded, second, twice) == (0, 0, 0)
    assert most <= 1
