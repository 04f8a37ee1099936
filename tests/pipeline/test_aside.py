"""Relays in trouble are told of: at once to who asks, and as an alarm where it lasts."""

from __future__ import annotations

import datetime as dt

from structlog.testing import capture_logs

from digest.pipeline.alarms import Operator
from digest.pipeline.aside import note_aside
from digest.relay.place import Aside
from digest.store import alarms, relays
from digest.store.database import Database
from digest.store.relays import LeftAside
from tests.factories import NOW, STAMP, TODAY

OPERATOR = Operator(address="admin@example.org", stamp=STAMP)


def note(database: Database, *aside: Aside) -> None:
    note_aside(database, aside, day=TODAY, now=NOW, operator=OPERATOR)


def standing(database: Database) -> list[tuple[str, str]]:
    with database.read() as conn:
        return [(each.alarm.name, each.alarm.about) for each in alarms.standing(conn)]


def test_a_lasting_trouble_is_an_alarm_until_it_is_over(database: Database) -> None:
    """Twice in a row is a line of the status, three times an alarm, and the first success ends both."""
    brief = Aside(name="relays.b", left_s=120.0, times=2, said="connect closed")
    note(database, brief)
    with database.read() as conn:
        until = NOW + dt.timedelta(seconds=120)
        assert relays.aside(conn, now=NOW) == [LeftAside(name="relays.b", until=until, said="connect closed")]
    assert standing(database) == []
    note(database, Aside(name="relays.b", left_s=240.0, times=3, said="connect closed"))
    assert standing(database) == [("relay-aside", "relays.b")]
    note(database)
    assert standing(database) == []
    with database.read() as conn:
        assert relays.aside(conn, now=NOW) == []


def test_a_database_that_cannot_be_written_stops_no_mail(sqlite_database: Database) -> None:
    """It is logged, without the words of the error."""
    reading = Database(sqlite_database.url.render_as_string(hide_password=False), read_only=True)
    with capture_logs() as logged:
        note(reading, Aside(name="relay", left_s=60.0, times=1, said="connect closed"))
    reading.close()
    assert [event["event"] for event in logged] == ["relays not written down"]
