"""Alarms in the store: once a day, until they are over."""

from __future__ import annotations

import datetime as dt

import pytest

from digest.deliver.alarm import Alarm, AlarmName
from digest.store import alarms
from digest.store.database import Database
from tests.factories import DAY, HOUR, NOW, TODAY

SHORT = Alarm(name=AlarmName.SOURCE_SHORT, about="api", text="3 papers")


def raised(
    database: Database, alarm: Alarm = SHORT, *, day: dt.date = TODAY, at: dt.datetime = NOW
) -> int | None:
    with database.write() as conn:
        return alarms.raise_(conn, alarm, day=day, at=at)


def keys(database: Database) -> list[tuple[tuple[str, str], dt.date]]:
    with database.read() as conn:
        return [(found.alarm.key, found.day) for found in alarms.standing(conn)]


def test_once_a_day(database: Database) -> None:
    """The same name about the same source is raised once a day; the first words stay."""
    assert raised(database) is not None
    assert raised(database, Alarm(name=SHORT.name, about="api", text="4 papers")) is None
    assert raised(database, Alarm(name=SHORT.name, about="page", text="")) is not None
    assert raised(database, Alarm(name=AlarmName.SOURCE_FAILING, about="api", text="")) is not None
    with database.read() as conn:
        assert [found.alarm.text for found in alarms.standing(conn)] == ["3 papers", "", ""]


def test_over_and_back(database: Database) -> None:
    """An alarm that is over stands no more; come back on its day it stands again, and is no new one."""
    alarm_id = raised(database)
    assert alarm_id is not None
    for _ in range(2):
        with database.write() as conn:
            alarms.end(conn, [alarm_id], at=NOW + HOUR)
    assert keys(database) == []
    with database.read() as conn:
        (found,) = alarms.since(conn, TODAY)
    assert (found.id, found.alarm, found.raised_at, found.ended_at) == (alarm_id, SHORT, NOW, NOW + HOUR)
    assert raised(database, at=NOW + 2 * HOUR) is None
    assert keys(database) == [(SHORT.key, TODAY)]


def test_the_next_day(database: Database) -> None:
    """Trouble that lasts is told again the next day, and stands once."""
    raised(database)
    assert raised(database, day=TODAY + DAY, at=NOW + DAY) is not None
    assert keys(database) == [(SHORT.key, TODAY + DAY)]
    with database.read() as conn:
        assert [found.ended_at for found in alarms.since(conn, TODAY)] == [NOW + DAY, None]
        assert [found.day for found in alarms.since(conn, TODAY + DAY)] == [TODAY + DAY]


@pytest.mark.parametrize("text", ["a\0b", "a\ud800b"])
def test_words_that_no_engine_keeps(database: Database, text: str) -> None:
    """The name of a file or a server's answer may hold anything; the alarm is raised all the same."""
    raised(database, Alarm(name=AlarmName.DUMP_QUARANTINED, about="folder", text=text))
    with database.read() as conn:
        (found,) = alarms.standing(conn)
    assert found.alarm.text in ("a\N{REPLACEMENT CHARACTER}b", "a?b")
