"""One of several schedulers leads: whoever lives and was there first."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from digest.store.database import Database, DatabaseError
from digest.store.lead import Lead
from tests.smtp_server import wait_until


@pytest.fixture
def other(postgresql_database: Database) -> Iterator[Database]:
    """The same PostgreSQL, as another machine has it open."""
    opened = Database(postgresql_database.url.render_as_string(hide_password=False))
    yield opened
    opened.close()


def end_sessions(database: Database) -> None:
    """End all others' sessions, as a restart of the server does."""
    with database.engine.begin() as conn:
        conn.exec_driver_sql(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE pid <> pg_backend_pid() AND datname = current_database()"
        )


def test_one_leads(postgresql_database: Database, other: Database) -> None:
    """Whoever asked first leads until it is closed; then another does."""
    first, second = Lead(postgresql_database), Lead(other)
    assert [first.taken(), second.taken(), first.taken(), second.taken()] == [True, False, True, False]
    first.close()
    assert [second.taken(), first.taken(), second.taken()] == [True, False, True]
    second.close()
    assert postgresql_database.engine.pool.checkedout() == other.engine.pool.checkedout() == 0  # type: ignore[attr-defined] # of QueuePool


def test_a_lost_connection_is_a_lost_lead(postgresql_database: Database, other: Database) -> None:
    """Whose session the server ended takes the lead anew, or finds that another has it."""
    first, second = Lead(postgresql_database), Lead(other)
    assert first.taken()
    end_sessions(other)
    wait_until(second.taken)  # the server lets go when it has ended the session, a moment later
    assert not first.taken()
    end_sessions(postgresql_database)
    wait_until(first.taken)
    assert not second.taken()
    first.close()
    second.close()


def test_on_sqlite_everyone_leads(sqlite_database: Database) -> None:
    """A file belongs to one machine, where planning twice at once costs little and changes nothing."""
    assert Lead(sqlite_database).taken()
    assert Lead(sqlite_database).taken()
    Lead(sqlite_database).close()


def test_a_server_that_is_away(postgresql_database: Database) -> None:
    """It is an error of the database, as everywhere."""
    away = Database(postgresql_database.url.set(host="/nowhere").render_as_string(hide_password=False))
    with pytest.raises(DatabaseError):
        Lead(away).taken()
    away.close()


def test_a_closed_database(other: Database, postgresql_database: Database) -> None:
    """Who closes the database lets another lead."""
    assert Lead(other).taken()
    assert not Lead(postgresql_database).taken()
    other.close()
    last = Lead(postgresql_database)
    wait_until(last.taken)  # the server notices a moment later
    last.close()
