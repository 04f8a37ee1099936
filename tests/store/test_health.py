"""What a watcher asks of the store."""

from __future__ import annotations

import datetime as dt

import pytest

from digest.store import health
from digest.store.database import Database, DatabaseError
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


def test_sign_ups_are_counted_from_a_moment_on(database: Database) -> None:
    """Counted is who asked at or after the moment; who was added active by the command never asked."""
    with database.write() as conn:
        for minutes in (0, 30, 60, 61, 120):
            add_subscriber(conn, state=State.PENDING, now=NOW - dt.timedelta(minutes=minutes))
        add_subscriber(conn, state=State.ACTIVE, now=NOW)
    with database.read() as conn:
        assert health.asked_since(conn, NOW - HOUR) == 3
        assert health.asked_since(conn, NOW + HOUR) == 0
