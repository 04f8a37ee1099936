"""A bad day upstream: the edition waits for a source that is short, six hours at most, and the operator is told."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from digest.pipeline import hold, troubles
from digest.pipeline.health import SourceHealth, examine
from digest.settings import EditionSettings
from digest.sources.source import FOLDER, Source, SourceKind
from digest.store import dumps, editions, sources
from digest.store.database import Database
from digest.store.sources import SourceState
from tests.factories import DAY, HOUR, NOW, TODAY
from tests.pipeline.sources import DUMP_HOUR, EDITION_HOUR, USUAL, Installation

FRIDAY, SUNDAY = TODAY, TODAY + 2 * DAY
HELD = ("edition-held", "")
SHORT = ("source-short", FOLDER)
WENT_OUT = ("edition-short", "")


@pytest.fixture
def place(database: Database, tmp_path: Path) -> Installation:
    """Four weeks old, on a Friday at the hour of the dump."""
    made = Installation(database, tmp_path, zone="Europe/Berlin")
    made.lived(FRIDAY, weeks=4)
    made.at(FRIDAY, DUMP_HOUR)
    return made


def health(place: Installation) -> SourceHealth:
    return place.app.look_out().health[0]


# -- holding -------------------------------------------------------------------------------------------


def test_a_dump_a_tenth_of_the_usual_holds_the_edition(database: Database, tmp_path: Path) -> None:
    """After nine weeks 90 % fewer papers hold the edition, with one mail however often it is looked, until they come."""
    place = Installation(database, tmp_path, zone="Europe/Berlin")
    place.lived(FRIDAY, weeks=9)
    place.at(FRIDAY, DUMP_HOUR)
    place.take_in(USUAL // 10)
    place.at(FRIDAY, EDITION_HOUR)
    assert place.tick() is None
    assert place.standing() == [HELD, SHORT]
    assert place.mails() == ["The edition waits for a source, and 1 more alarm"]
    place.at(FRIDAY, EDITION_HOUR + 3)
    assert place.tick() is None
    place.take_in(USUAL, name="again.json")
    made = place.tick()
    assert made is not None
    assert made.date == FRIDAY
    assert made.papers == USUAL
    assert place.standing() == []
    assert len(place.mails()) == 1


def test_a_usual_day_is_not_held(place: Installation) -> None:
    """A fifth of the usual is enough, and nobody is told anything."""
    place.take_in(USUAL // 5)
    place.at(FRIDAY, EDITION_HOUR)
    assert place.tick() is not None
    assert place.standing() == []
    assert place.mails() == []


@pytest.mark.parametrize("bad", [b"[]", b"[{]", None], ids=["empty", "broken", "none"])
def test_after_six_hours_it_goes_out(place: Installation, bad: bytes | None) -> None:
    """An empty dump, a broken one or none holds what else is new, until the window ends; the operator is told of both."""
    place.something_new()
    if bad is not None:
        place.take_in(0, data=bad)
    place.at(FRIDAY, EDITION_HOUR)
    with structlog.testing.capture_logs() as logged:
        assert place.tick() is None
    assert [(event["alarm"], event["about"]) for event in logged] == [
        ("edition-held", None),
        ("source-short", FOLDER),
    ]
    place.at(FRIDAY, EDITION_HOUR + 5, 59)
    assert place.tick() is None
    assert place.mails() == ["The edition waits for a source, and 1 more alarm"]
    place.at(FRIDAY, EDITION_HOUR + 6)
    with structlog.testing.capture_logs() as logged:
        made = place.tick()
    assert made is not None
    assert (made.date, made.papers) == (FRIDAY, 1)
    assert [event["short"] for event in logged if event["event"] == "edition published"] == [[FOLDER]]
    assert place.standing() == [WENT_OUT, SHORT]
    assert place.mails() == ["The edition waits for a source, and 1 more alarm", "The edition went out short"]
    told = place.relay.accepted[-1].data.decode().replace("=\r\n", "").replace("\r\n", " ")
    assert "went out with 1 new paper, though folder lists 0 papers where 10 are usual" in told


def test_nothing_new_is_no_edition_and_an_alarm(place: Installation) -> None:
    """A day without anything new stays without edition, and a source that is short is told all the same."""
    for hour in (EDITION_HOUR, EDITION_HOUR + 7):
        place.at(FRIDAY, hour)
        assert place.tick() is None
        assert place.standing() == [SHORT]
    assert place.mails() == ["A source lists too few papers"]


def test_what_comes_after_the_window_waits_no_more(place: Installation) -> None:
    """Past the six hours a new paper is published at once."""
    place.at(FRIDAY, EDITION_HOUR + 8)
    place.something_new()
    made = place.tick()
    assert made is not None
    assert place.standing() == [WENT_OUT, SHORT]


def test_a_sunday_without_anything_is_a_usual_one(place: Installation) -> None:
    """A source that never gave anything on a Sunday is not waited for on one."""
    place.take_in(USUAL)
    place.at(SUNDAY, EDITION_HOUR)
    place.something_new()
    assert health(place).normal == 0
    assert place.tick() is not None
    assert place.standing() == []


def test_a_person_does_not_wait(place: Installation) -> None:
    """Asked by a person, the edition goes out whatever a source lists, and waits no more."""
    place.something_new()
    place.at(FRIDAY, EDITION_HOUR)
    assert place.tick() is None
    assert place.standing() == [HELD, SHORT]
    assert place.app.publish(early=True) is not None
    assert place.standing() == [SHORT]


def test_the_next_full_edition_ends_it(place: Installation) -> None:
    """A short edition stands among the alarms until one goes out for which all sources are well."""
    place.something_new()
    place.at(FRIDAY, EDITION_HOUR + 6)
    assert place.tick() is not None
    place.at(FRIDAY + 3 * DAY, DUMP_HOUR)
    place.take_in(USUAL)
    place.app.watch_sources()
    assert place.standing() == [WENT_OUT]
    place.at(FRIDAY + 3 * DAY, EDITION_HOUR)
    assert place.tick() is not None
    assert place.standing() == []


def test_day_after_day(place: Installation) -> None:
    """A source that stays silent is told of once on each of its days."""
    for back in range(4):  # Friday to Monday
        place.at(FRIDAY + back * DAY, EDITION_HOUR)
        place.app.watch_sources()
        place.app.watch_sources()
        mails = place.mails()
    assert place.standing() == [SHORT]
    assert mails == ["A source lists too few papers"] * 2


def test_an_alarm_stays_until_it_is_known_better(place: Installation) -> None:
    """At midnight nobody knows yet whether a short source is well again: it stands until it is judged."""
    place.at(FRIDAY, EDITION_HOUR)
    place.app.watch_sources()
    place.at(FRIDAY + 3 * DAY, 0, 30)
    place.app.watch_sources()
    assert place.standing() == [SHORT]
    place.at(FRIDAY + 3 * DAY, DUMP_HOUR)
    place.take_in(USUAL)
    place.app.watch_sources()
    assert place.standing() == []


def test_a_young_installation_holds_nothing(database: Database, tmp_path: Path) -> None:
    """With two weeks behind it nobody knows what is usual; nor is what a person hands over ever waited for."""
    place = Installation(database, tmp_path)
    place.lived(FRIDAY, weeks=2)
    place.at(FRIDAY, EDITION_HOUR)
    place.something_new()
    assert health(place).words == ("learning",)
    assert place.tick() is not None
    assert place.standing() == []


def test_the_operator_says_what_is_usual(database: Database, tmp_path: Path) -> None:
    """Where a source's volume is not known yet, the setting stands in on working days; so the first day can be held."""
    table = {"kind": "page", "url": "https://papers.example.org/", "expected": 40}
    place = Installation(database, tmp_path, sources={"page": table})
    place.at(FRIDAY, EDITION_HOUR)
    place.something_new()
    place.take_in(7, source="page")
    assert place.tick() is None
    assert place.standing() == [HELD, ("source-short", "page")]
    place.at(SUNDAY, EDITION_HOUR)
    assert place.tick() is not None


def test_a_source_of_a_later_hour(database: Database, tmp_path: Path) -> None:
    """A source that usually comes after the hour of publication is missed half an hour after its own, not at that one."""
    place = Installation(database, tmp_path)
    for week in range(8, 0, -1):
        place.at(FRIDAY - week * 7 * DAY, 9)
        place.take_in(USUAL)
    place.app.publish(early=True)
    place.at(FRIDAY, EDITION_HOUR)
    place.something_new()
    assert health(place).words == ("waiting",)
    assert place.tick() is not None
    place.at(FRIDAY, 9, 31)
    place.app.watch_sources()
    assert place.standing() == [SHORT]


def test_a_source_that_comes_a_little_later_each_day(database: Database, tmp_path: Path) -> None:
    """A source asked once a day is asked some seconds later each time: between its usual minute and that nobody is woken."""
    place = Installation(database, tmp_path)
    for back in range(28, 0, -1):
        place.at(FRIDAY - back * DAY, 9, 28 - back)
        place.take_in(USUAL)
    for minute in range(28):
        place.at(FRIDAY, 9, minute)
        place.app.watch_sources()
    assert place.standing() == []
    assert place.mails() == []


# -- the window and the clock ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("zone", "day", "hour", "ends"),
    [
        ("UTC", dt.date(2026, 11, 20), 6, "2026-11-20 12:00"),
        ("Europe/Berlin", dt.date(2026, 3, 29), 0, "2026-03-29 05:00"),  # 07:00, six hours after midnight
        ("Europe/Berlin", dt.date(2026, 3, 29), 2, "2026-03-29 07:00"),  # 02:00 is skipped: from 03:00 on
        ("Europe/Berlin", dt.date(2026, 10, 25), 0, "2026-10-25 04:00"),  # 05:00
        ("Europe/Berlin", dt.date(2026, 10, 25), 2, "2026-10-25 06:00"),  # the first of two
        ("Europe/Berlin", dt.date(2026, 11, 20), 23, "2026-11-20 22:30"),
        ("Europe/Berlin", dt.date(2026, 11, 20), 18, "2026-11-20 22:30"),
        (
            "Australia/Lord_Howe",
            dt.date(2026, 10, 4),
            0,
            "2026-10-03 19:30",
        ),  # the clock goes on by half an hour
        ("America/Santiago", dt.date(2026, 9, 6), 0, "2026-09-06 10:00"),  # midnight is skipped
    ],
)
def test_the_window_is_of_hours_that_pass(zone: str, day: dt.date, hour: int, ends: str) -> None:
    """Six hours after the hour of publication as time passes, half an hour before midnight at the latest."""
    found = hold.ends_at(day, hour=hour, zone=ZoneInfo(zone))
    assert f"{found:%Y-%m-%d %H:%M}" == ends


ZONES = (
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    "Australia/Lord_Howe",
    "America/Santiago",
    "Asia/Kathmandu",
)


@given(
    st.sampled_from(ZONES),
    st.dates(min_value=dt.date(2026, 1, 1), max_value=dt.date(2027, 12, 31)),
    st.integers(0, 23),
)
def test_the_window_ends_on_its_day(zone: str, day: dt.date, hour: int) -> None:
    """At the end of the window it is still the edition's day, and its hour has come: no day is left out for a hold."""
    found = hold.ends_at(day, hour=hour, zone=ZoneInfo(zone))
    local = found.astimezone(ZoneInfo(zone))
    assert local.date() == day
    assert local.hour >= hour


@pytest.mark.parametrize("day", [dt.date(2026, 3, 29), dt.date(2026, 10, 25)])
def test_a_hold_over_the_change_of_the_clock(database: Database, tmp_path: Path, day: dt.date) -> None:
    """In the nights of 23 and of 25 hours the edition waits for six hours, and goes out on its day."""
    place = Installation(database, tmp_path, zone="Europe/Berlin", edition=EditionSettings(hour=1))
    for week in range(3, 0, -1):
        place.at(day - week * 7 * DAY, 0, 30)
        place.take_in(USUAL)
    place.app.publish(early=True)
    place.at(day, 1)
    place.something_new()
    assert place.tick() is None
    place.clock.advance(hours=5, minutes=59)
    assert place.tick() is None
    place.clock.advance(minutes=1)
    made = place.tick()
    assert made is not None
    assert made.date == day
    with place.database.read() as conn:
        assert editions.on(conn, day) is not None


# -- examining -----------------------------------------------------------------------------------------

API = Source(name="api", kind=SourceKind.DAILY_PAPERS)


def examined(database: Database, *states: SourceState, source: Source = API) -> SourceHealth:
    with database.write() as conn:
        for state in states:
            sources.save(conn, state)
    with database.read() as conn:
        (found,) = examine(conn, [source], now=NOW, zone=ZoneInfo("UTC"), hour=6)
    return found


@pytest.mark.parametrize(
    ("failures", "ago", "every", "failing"),
    [
        (0, 99 * HOUR, HOUR, False),
        (1, HOUR, HOUR, False),
        (2, 24 * HOUR, HOUR, False),
        (2, 25 * HOUR, HOUR, True),
        (2, None, HOUR, False),
        (3, HOUR, HOUR, True),
        (3, None, HOUR, True),
        (1, 47 * HOUR, DAY, False),
        (1, 49 * HOUR, DAY, True),
    ],
)
def test_failing(
    database: Database, failures: int, ago: dt.timedelta | None, every: dt.timedelta, failing: bool
) -> None:
    """Three failures in a row, or a day with failures alone, or two looks of a source that is asked daily."""
    at = None if ago is None else NOW - ago
    state = SourceState(name="api", tried_at=NOW, succeeded_at=at, failures=failures, reason="HTTP 503")
    found = examined(database, state, source=replace(API, every=every))
    assert found.failing is failing
    assert found.reason == ("HTTP 503" if failures else None)
    assert (found.last_try_at, found.last_success_at, found.failures) == (NOW, at, failures)
    assert ("failing" in found.words) is failing


@pytest.mark.parametrize(
    ("last", "said"),
    [
        (None, "none has ever succeeded. The reason given: quarantined: no card in it."),
        (NOW - 2 * DAY, "the last good one was on 18 November 2026, "),
    ],
)
def test_a_failing_source_may_have_answered(database: Database, last: dt.datetime | None, said: str) -> None:
    """The alarm says when a look last went well, not when an answer last came: one without a dump in it fails too."""
    state = SourceState(
        name="api", tried_at=NOW, succeeded_at=last, failures=4, reason="quarantined: no card in it"
    )
    (told,) = troubles.of([examined(database, state)], day=FRIDAY)
    assert told.text.startswith("The last 4 looks at api failed; ")
    assert said in told.text


def test_nothing_is_known_of_a_new_source(database: Database) -> None:
    """A source that was never asked is well: nothing is known of it."""
    found = examined(database)
    assert (found.papers, found.normal, found.short, found.failing) == (0, None, False, False)
    assert found.words == ("nothing yet",)
    with database.read() as conn:
        assert examine(conn, [], now=NOW, zone=ZoneInfo("UTC"), hour=6) == ()


def test_the_words_of_a_source_that_is_well(place: Installation) -> None:
    """Before its hour a source is waited for; with its papers it is well; with a failure between it is neither."""
    assert health(place).words == ("waiting",)
    place.take_in(USUAL)
    found = health(place)
    assert found.words == ("well",)
    assert (found.papers, found.normal) == (USUAL, USUAL)
    assert found.last_success_at == found.last_try_at == place.clock()
    with place.database.write() as conn:
        sources.save(conn, SourceState(name=FOLDER, failures=1, reason="no such folder"))
    assert health(place).words == ("failed",)


def test_fields_that_went_missing(place: Installation) -> None:
    """A dump without what the days before gave is told, with the names of the fields."""
    with place.database.write() as conn:
        for dump in dumps.every(conn):
            dumps.settle(conn, dump.id, fields={"votes": dump.records, "abstract": dump.records})
    place.take_in(USUAL)
    with place.database.write() as conn:
        *_, newest = dumps.every(conn)
        dumps.settle(conn, newest.id, fields={"abstract": newest.records})
    found = health(place)
    assert found.missing_fields == ("votes",)
    assert found.words == ("fields missing",)
    place.app.watch_sources()
    assert place.standing() == [("source-fields", FOLDER)]
    assert place.mails() == ["A source leaves out what it used to give"]


def test_a_dump_in_quarantine(place: Installation) -> None:
    """A dump that cannot be read is told on its day, with its reason; where the day is full else, nothing is held."""
    place.take_in(USUAL)
    for number in range(6):
        place.take_in(0, data=b"[{" + b"{" * number + b"]", name=f"broken{number}.json")
    found = health(place)
    assert found.quarantined == 6
    assert found.words == ("quarantine",)
    place.app.watch_sources()
    assert place.standing() == [("dump-quarantined", FOLDER)]
    assert place.mails() == ["A dump could not be read"]
    told = place.relay.accepted[0].data.decode().replace("=\r\n", "").replace("\r\n", " ")
    assert "folder brought 6 dumps today that could not be read" in told
    assert "; and 1 more." in told
    place.at(FRIDAY + DAY, 1)
    place.app.watch_sources()
    assert place.standing() == []


def test_a_source_that_is_no_more(place: Installation) -> None:
    """An alarm about a source that the operator has taken out is over."""
    state = SourceState(name="api", failures=3, reason="HTTP 503")
    with place.database.write() as conn:
        sources.save(conn, state)
    policy = place.app.publish_policy
    vars(place.app)["publish_policy"] = replace(policy, sources=(*policy.sources, API))
    place.app.watch_sources()
    assert place.standing() == [("source-failing", "api")]
    vars(place.app)["publish_policy"] = policy
    place.app.watch_sources()
    assert place.standing() == []
