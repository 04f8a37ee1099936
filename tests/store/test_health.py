"""What a watcher asks of the store."""

from __future__ import annotations

import datetime as dt

import pytest

from digest.store import consents, health
from digest.store.database import Database, DatabaseError
from digest.subscribers.consent import Event, Evidence, Method
from digest.subscribers.subscriber import State
from tests.factories import HOUR, NOW, add_subscriber


def test_a_database_answers(database: Database) -> None:
    """The question is answered, read-only."""
    with database.read() as conn:
        health.answer(conn)


def test_a_database_that_does_not() -> None:
    """One that cannot be reached raises an error of ours."""
    gone = Database("postgresql://nobody@127.0.0.1:1/none")
    with pytest.raises(DatabaseError), gone.read() as conn:
        health.answer(conn)
    gone.close()


@pytest.mark.parametrize("method", ["web", "api"])
def test_sign_ups_are_counted_from_a_moment_on(database: Database, method: Method) -> None:
    """Counted is each address that was asked for on the pages or by the API, once, whatever became of it."""
    evidence = Evidence(method=method)
    with database.write() as conn:
        for minutes, state in [(0, State.PENDING), (60, State.ACTIVE), (61, State.PENDING)]:
            moment = NOW - dt.timedelta(minutes=minutes)
            subscriber = add_subscriber(conn, state=state, now=moment)
            for _ in range(2):
                consents.record(conn, subscriber.id, Event.ASKED, evidence, at=moment)
            consents.record(conn, subscriber.id, Event.CONFIRMED, evidence, at=NOW)
    with database.read() as conn:
        assert health.asked_since(conn, NOW - HOUR) == 2
        assert health.asked_since(conn, NOW - 2 * HOUR) == 3
        assert health.asked_since(conn, NOW + HOUR) == 0


@pytest.mark.parametrize("method", ["command", "import", "mail"])
def test_what_is_no_sign_up(database: Database, method: Method) -> None:
    """What the operator adds, and a reader's change of address, raise no alarm."""
    with database.write() as conn:
        subscriber = add_subscriber(conn, state=State.PENDING)
        consents.record(conn, subscriber.id, Event.ASKED, Evidence(method=method), at=NOW)
    with database.read() as conn:
        assert health.asked_since(conn, NOW - HOUR) == 0
