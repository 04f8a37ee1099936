"""When a digest is due, walked hour by hour and asked at random."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from digest.subscribers.due import REST, day_end, due_date, hour_instant, local_date, next_due
from digest.subscribers.subscriber import Frequency, Schedule

HALF_HOUR = dt.timedelta(minutes=30)
SECOND = dt.timedelta(seconds=1)
DAY = dt.timedelta(days=1)
ZONES = (
    "Europe/Berlin",
    "America/New_York",
    "Australia/Lord_Howe",  # half an hour of summer time
    "Asia/Kathmandu",  # 5:45
    "Pacific/Apia",
    "Pacific/Kiritimati",  # 14 hours ahead
    "America/St_Johns",
    "Africa/Casablanca",  # back an hour for Ramadan
    "America/Nuuk",  # jumps from 23:00 to midnight
    "Antarctica/Troll",  # jumps two hours
    "Africa/Cairo",  # jumps from midnight to 1:00
    "Atlantic/Azores",  # midnight comes twice
    "Pacific/Pago_Pago",  # 11 hours behind
)
Mail = tuple[dt.datetime, dt.date]


def utc(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text).replace(tzinfo=dt.UTC)


def day(text: str) -> dt.date:
    return dt.date.fromisoformat(text)


def walk(
    schedule_at: Callable[[dt.datetime], Schedule],
    start: dt.datetime,
    days: int,
    step: dt.timedelta = HALF_HOUR,
    down: tuple[dt.datetime, dt.datetime] | None = None,
) -> Iterator[Mail]:
    """Ask at every step, mail whenever a digest is due; nobody asks while the service is down."""
    now, last_date, last_mailed_at = start, None, None
    while now < start + dt.timedelta(days=days):
        if down is None or not down[0] <= now < down[1]:
            schedule = schedule_at(now)
            due = due_date(
                schedule,
                last_date=last_date,
                last_mailed_at=last_mailed_at,
                confirmed_on=start.date(),
                now=now,
            )
            if due is not None:
                last_date, last_mailed_at = due, now
                yield now, due
        now += step


def gaps_h(mails: list[Mail]) -> list[float]:
    return [(b - a).total_seconds() / 3600 for (a, _), (b, _) in pairwise(mails)]


@pytest.mark.parametrize("hour", [0, 2, 3, 7, 22, 23])
@pytest.mark.parametrize("zone", ZONES)
def test_year_has_one_digest_for_each_local_date(zone: str, hour: int) -> None:
    """A year of half-hours, both changes of the clock in it, serves every local date once, near the hour."""
    chosen = Schedule(zone=zone, hour=hour)
    start = dt.datetime(2025, 1, 10, 5, 15, tzinfo=ZoneInfo(zone)).astimezone(dt.UTC).replace(minute=0)

    mails = list(walk(lambda _: chosen, start, 366))

    dates = [date for _, date in mails]
    assert dates == [dates[0] + DAY * n for n in range(len(dates))]
    assert 365 <= len(dates) <= 367
    assert all(local_date(at, zone) == date for at, date in mails)
    assert all(22 <= gap <= 26 for gap in gaps_h(mails[1:]))


@pytest.mark.parametrize(
    ("zone", "date", "hour", "instant"),
    [
        ("UTC", "2026-03-01", 7, "2026-03-01T07:00"),
        ("Asia/Kathmandu", "2026-03-01", 7, "2026-03-01T01:15"),
        ("Europe/Berlin", "2026-03-29", 1, "2026-03-29T00:00"),
        ("Europe/Berlin", "2026-03-29", 2, "2026-03-29T01:00"),  # 2:00 to 3:00 is missing
        ("Europe/Berlin", "2026-03-29", 3, "2026-03-29T01:00"),
        ("Europe/Berlin", "2026-10-25", 2, "2026-10-25T00:00"),  # comes twice: the first
        ("Europe/Berlin", "2026-10-25", 3, "2026-10-25T02:00"),
        ("Australia/Lord_Howe", "2026-10-04", 2, "2026-10-03T15:30"),  # to 2:30
        ("Antarctica/Troll", "2026-03-29", 2, "2026-03-29T01:00"),  # 1:00 to 3:00: not 4:00
        ("Africa/Cairo", "2026-04-24", 0, "2026-04-23T22:00"),  # the day begins at 1:00
        ("America/Nuuk", "2026-03-28", 23, "2026-03-29T00:00"),  # 23:00 is missing: 22:00
        ("America/Nuuk", "2026-03-29", 0, "2026-03-29T01:00"),
        ("Pacific/Apia", "2011-12-30", 7, "2011-12-30T10:00"),  # a date that never was: where the next begins
        ("Pacific/Apia", "2011-12-31", 7, "2011-12-30T17:00"),
    ],
)
def test_hour_comes_at(zone: str, date: str, hour: int, instant: str) -> None:
    """The local hour's moment, where the clock jumps, repeats or skips a day."""
    assert hour_instant(day(date), Schedule(zone=zone, hour=hour)) == utc(instant)
    assert hour_instant(day(date), Schedule(zone=zone, hour=hour)).tzinfo is dt.UTC


@pytest.mark.parametrize(
    ("zone", "date", "instant"),
    [
        ("UTC", "2026-12-31", "2027-01-01T00:00"),
        ("Europe/Berlin", "2026-03-29", "2026-03-29T22:00"),
        ("Africa/Cairo", "2026-04-23", "2026-04-23T22:00"),
        ("Atlantic/Azores", "2026-10-24", "2026-10-25T00:00"),  # the first of two midnights
        ("America/Nuuk", "2026-03-28", "2026-03-29T01:00"),
    ],
)
def test_day_ends_at(zone: str, date: str, instant: str) -> None:
    """A local date is over at the first moment of the next, be that midnight or not."""
    assert day_end(day(date), zone) == utc(instant)


def test_local_date_is_that_of_the_zone() -> None:
    """At one moment it is yesterday in one zone and tomorrow in another."""
    now = utc("2026-03-01T10:30")
    assert local_date(now, "Pacific/Pago_Pago") == day("2026-02-28")
    assert local_date(now, "Pacific/Kiritimati") == day("2026-03-02")


DUE = [
    # frequency, last date, last mailed, confirmed, now, due
    ("daily", None, None, "2026-03-04", "2026-03-04T12:00", "2026-03-04"),  # confirmed at noon: due now
    ("daily", None, None, "2026-03-04", "2026-03-04T07:00:00", "2026-03-04"),
    ("daily", None, None, "2026-03-04", "2026-03-04T06:59:59", None),
    ("daily", "2026-03-04", "2026-03-04T07:00", "2026-03-04", "2026-03-04T23:59", None),
    ("daily", "2026-03-04", "2026-03-04T07:00", "2026-03-04", "2026-03-05T07:00", "2026-03-05"),
    ("daily", "2026-03-04", "2026-03-04T11:00", "2026-03-04", "2026-03-05T06:59:59", None),
    ("daily", "2026-03-04", "2026-03-04T11:30", "2026-03-04", "2026-03-05T07:29:59", None),
    ("daily", "2026-03-04", "2026-03-04T11:30", "2026-03-04", "2026-03-05T07:30", "2026-03-05"),
    ("daily", "2026-03-04", None, "2026-03-01", "2026-03-05T07:00", "2026-03-05"),  # skipped yesterday
    ("daily", "2026-03-05", None, "2026-03-01", "2026-03-05T07:00", None),  # skipped today
    ("daily", "2026-03-06", None, "2026-03-01", "2026-03-05T07:00", None),  # came from a zone ahead
    ("daily", "2026-02-01", "2026-02-01T07:00", "2026-01-01", "2026-03-05T07:00", "2026-03-05"),
    ("weekdays", None, None, "2026-03-06", "2026-03-06T07:00", "2026-03-06"),  # Friday
    ("weekdays", None, None, "2026-03-06", "2026-03-07T07:00", None),
    ("weekdays", "2026-03-05", None, "2026-03-01", "2026-03-08T23:00", None),  # Sunday, Friday missed
    ("weekdays", "2026-03-06", None, "2026-03-01", "2026-03-09T07:00", "2026-03-09"),
    ("weekly", None, None, "2026-03-02", "2026-03-02T07:00", "2026-03-02"),  # confirmed on its Monday
    ("weekly", None, None, "2026-03-03", "2026-03-08T23:00", None),  # confirmed on Tuesday
    ("weekly", None, None, "2026-03-03", "2026-03-09T07:00", "2026-03-09"),
    ("weekly", None, None, "2026-03-02", "2026-03-05T07:00", "2026-03-05"),  # its Monday was missed
    ("weekly", "2026-03-02", "2026-03-02T07:00", "2026-01-01", "2026-03-08T23:00", None),
    ("weekly", "2026-03-02", "2026-03-02T07:00", "2026-01-01", "2026-03-09T06:59", None),
    ("weekly", "2026-03-02", "2026-03-02T07:00", "2026-01-01", "2026-03-09T07:00", "2026-03-09"),
    ("weekly", "2026-03-02", "2026-03-02T07:00", "2026-01-01", "2026-03-10T07:00", "2026-03-10"),
    ("weekly", "2026-03-10", "2026-03-10T07:00", "2026-01-01", "2026-03-15T23:00", None),
    ("weekly", "2026-03-10", "2026-03-10T07:00", "2026-01-01", "2026-03-16T07:00", "2026-03-16"),
    ("weekly", "2026-03-15", "2026-03-15T12:00", "2026-01-01", "2026-03-16T07:59", None),  # Sunday noon
    ("weekly", "2026-03-15", "2026-03-15T12:00", "2026-01-01", "2026-03-16T08:00", "2026-03-16"),
    ("weekly", "2026-01-05", None, "2026-03-03", "2026-03-05T07:00", None),  # confirmed anew since
]


@pytest.mark.parametrize(("frequency", "last_date", "mailed", "confirmed", "now", "due"), DUE)
def test_due_date(
    frequency: str, last_date: str | None, mailed: str | None, confirmed: str, now: str, due: str | None
) -> None:
    """Which date is due, with the hour at 7 UTC and, for weekly, on Monday."""
    found = due_date(
        Schedule(frequency=Frequency(frequency), weekday=0, hour=7),
        last_date=day(last_date) if last_date else None,
        last_mailed_at=utc(mailed) if mailed else None,
        confirmed_on=day(confirmed),
        now=utc(now),
    )
    assert found == (day(due) if due else None)


@pytest.mark.parametrize("weekday", range(7))
def test_weekly_comes_on_its_weekday(weekday: int) -> None:
    """Ten weeks bring ten digests, each on the chosen weekday."""
    chosen = Schedule(frequency=Frequency.WEEKLY, weekday=weekday)
    mails = list(walk(lambda _: chosen, utc("2026-03-02T00:00"), 70))
    assert [date.weekday() for _, date in mails] == [weekday] * 10


def test_weekdays_leave_the_weekend_out() -> None:
    """Two weeks bring ten digests, Monday to Friday by the local calendar."""
    chosen = Schedule(frequency=Frequency.WEEKDAYS, zone="Pacific/Kiritimati", hour=0)
    mails = list(walk(lambda _: chosen, utc("2026-03-01T10:00"), 14))
    assert [date.weekday() for _, date in mails] == [0, 1, 2, 3, 4] * 2
    assert mails[0] == (utc("2026-03-01T10:00"), day("2026-03-02"))


def test_outage_brings_one_weekly_late_and_the_next_in_time() -> None:
    """A Monday lost to an outage is served on Thursday, and the Monday after is served as ever."""
    chosen = Schedule(frequency=Frequency.WEEKLY, weekday=0, hour=7)
    down = (utc("2026-03-09T06:00"), utc("2026-03-12T06:00"))
    mails = list(walk(lambda _: chosen, utc("2026-03-02T00:00"), 21, down=down))
    assert [str(date) for _, date in mails] == ["2026-03-02", "2026-03-12", "2026-03-16"]


def test_outage_of_three_days_brings_one_daily() -> None:
    """The dates that went by are not made up for."""
    down = (utc("2026-03-03T06:00"), utc("2026-03-06T09:00"))
    mails = list(walk(lambda _: Schedule(hour=7), utc("2026-03-01T00:00"), 7, down=down))
    assert [str(date) for _, date in mails] == [
        "2026-03-01",
        "2026-03-02",
        "2026-03-06",
        "2026-03-07",
    ]


@pytest.mark.parametrize(
    ("first", "second", "most_h"),
    [
        (Schedule(hour=0), Schedule(hour=23), 48),
        (Schedule(hour=23), Schedule(hour=0), 48),
        (Schedule(hour=7), Schedule(hour=8), 48),
        (Schedule(zone="Pacific/Kiritimati"), Schedule(zone="Pacific/Pago_Pago"), 50),
        (Schedule(zone="Pacific/Pago_Pago"), Schedule(zone="Pacific/Kiritimati"), 50),
        (Schedule(zone="Europe/Berlin"), Schedule(zone="America/New_York"), 50),
        (Schedule(zone="America/New_York"), Schedule(zone="Asia/Kathmandu", hour=23), 74),
        (Schedule(zone="Pacific/Kiritimati", hour=0), Schedule(zone="Pacific/Pago_Pago", hour=23), 74),
    ],
)
@pytest.mark.parametrize("period_h", [24 * 20 + 5, 24 * 9 + 1, 24 * 3 + 7])
def test_changes_bring_neither_two_nor_none(
    first: Schedule, second: Schedule, most_h: int, period_h: int
) -> None:
    """A reader who moves to and fro all year: one mail a date, 20 hours apart, no long gap."""
    start = utc("2025-01-01T00:00")
    period = dt.timedelta(hours=period_h)

    mails = list(walk(lambda now: (first, second)[(now - start) // period % 2], start, 366))

    dates = [date for _, date in mails]
    assert dates == sorted(set(dates))
    assert min(gaps_h(mails)) >= 20
    assert max(gaps_h(mails)) <= most_h


def test_next_due_is_exact_at_a_gap() -> None:
    """Where 23:00 is jumped over, the index says 22:00 and not the next day."""
    moment = next_due(
        Schedule(zone="America/Nuuk", hour=23),
        last_date=day("2026-03-27"),
        last_mailed_at=None,
        confirmed_on=day("2026-01-01"),
        now=utc("2026-03-28T12:00"),
    )
    assert moment == utc("2026-03-29T00:00")


def test_next_due_passes_over_a_date_that_never_was() -> None:
    """Apia had no 30 December 2011: after the 29th comes the 31st."""
    moment = next_due(
        Schedule(zone="Pacific/Apia", hour=7),
        last_date=day("2011-12-29"),
        last_mailed_at=None,
        confirmed_on=day("2011-01-01"),
        now=utc("2011-12-29T20:00"),
    )
    assert moment == utc("2011-12-30T17:00")


def test_next_due_is_in_utc() -> None:
    """The moment is in UTC, also where `now` itself is the answer."""
    now = dt.datetime(2026, 3, 4, 12, tzinfo=ZoneInfo("Europe/Berlin"))
    moment = next_due(
        Schedule(), last_date=None, last_mailed_at=None, confirmed_on=day("2026-03-04"), now=now
    )
    assert (moment, moment.tzinfo) == (utc("2026-03-04T11:00"), dt.UTC)


SCHEDULES = st.builds(
    Schedule,
    frequency=st.sampled_from(Frequency),
    weekday=st.integers(0, 6),
    zone=st.sampled_from(ZONES),
    hour=st.integers(0, 23),
)
NOW = st.datetimes(dt.datetime(2012, 1, 1), dt.datetime(2036, 1, 1), timezones=st.just(dt.UTC))
SPAN_S = st.integers(-3 * 86400, 40 * 86400)


@settings(max_examples=400, deadline=None)
@given(SCHEDULES, NOW, st.none() | st.integers(-3, 40), st.none() | SPAN_S, st.integers(-3, 60))
def test_next_due_is_the_earliest(
    schedule: Schedule,
    now: dt.datetime,
    dated_ago: int | None,
    mailed_ago_s: int | None,
    confirmed_ago: int,
) -> None:
    """At that moment a date is due; a second before, and at every half-hour until then, none is."""
    last_date = None if dated_ago is None else now.date() - DAY * dated_ago
    last_mailed_at = None if mailed_ago_s is None else now - SECOND * mailed_ago_s
    confirmed_on = now.date() - DAY * confirmed_ago

    def due(at: dt.datetime) -> dt.date | None:
        return due_date(
            schedule, last_date=last_date, last_mailed_at=last_mailed_at, confirmed_on=confirmed_on, now=at
        )

    moment = next_due(
        schedule, last_date=last_date, last_mailed_at=last_mailed_at, confirmed_on=confirmed_on, now=now
    )

    assert moment >= now
    assert due(moment) is not None
    assert moment == now or due(moment - SECOND) is None
    between = now
    while between < moment:
        assert due(between) is None
        between += HALF_HOUR


def test_rest_is_twenty_hours() -> None:
    """The rest between two mails, of which `rules.md` speaks."""
    assert dt.timedelta(hours=20) == REST
