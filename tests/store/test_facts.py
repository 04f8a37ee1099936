"""What belongs to one database alone."""

from __future__ import annotations

import datetime as dt
import threading

from digest.store import facts
from digest.store.database import Database
from tests.factories import NOW

AN_HOUR = dt.timedelta(hours=1)


def test_a_key_is_made_once(database: Database) -> None:
    """A key is 32 random bytes, the same at every use, another for another name, and absent before."""
    with database.write() as conn:
        assert facts.get(conn, "links") is None
        made = facts.key(conn, "links")
        other = facts.key(conn, "message-ids")
    with database.write() as conn:
        assert facts.key(conn, "links") == made
        assert facts.get(conn, "links") == made.hex()
    assert len(made) == len(other) == 32
    assert made != other


def test_keys(database: Database) -> None:
    """A key that follows another stands behind it, with the moment from which it signs; none is lost or changed."""
    with database.write() as conn:
        assert facts.keys(conn, "links") == []
        first = facts.key(conn, "links")
        other = facts.key(conn, "links-of-another-kind")
        second = facts.rotate(conn, "links", since=NOW + AN_HOUR)
    assert [(key.secret, key.since) for key in second[:1]] == [(first, None)]
    assert [key.since for key in second] == [None, NOW + AN_HOUR]
    for number in range(3, 12):
        with database.write() as conn:
            made = facts.rotate(conn, "links", since=NOW + number * AN_HOUR)
        assert len(made) == len({key.secret for key in made}) == number
    with database.read() as conn:
        assert facts.keys(conn, "links") == made
    assert made[:2] == second
    assert other not in [key.secret for key in made]
    assert [key.since for key in made[2:]] == [NOW + number * AN_HOUR for number in range(3, 12)]
    assert {len(key.secret) for key in made} == {32}


def test_a_name_is_no_pattern(database: Database) -> None:
    """Keys of names that are alike stay apart."""
    with database.write() as conn:
        facts.rotate(conn, "a_b", since=NOW)
        facts.rotate(conn, "axb", since=NOW)
        assert len(facts.keys(conn, "a_b")) == len(facts.keys(conn, "axb")) == 2


def test_rotating_makes_the_first(database: Database) -> None:
    """Where there was no key yet, there are two: the first signs until the second does."""
    with database.write() as conn:
        assert [key.since for key in facts.rotate(conn, "links", since=NOW)] == [None, NOW]


def test_two_rotate_at_once(database: Database) -> None:
    """Who rotates while another does waits for them, and adds a key of their own."""
    with database.write() as conn:
        facts.key(conn, "links")

    def rotate() -> None:
        with database.write() as conn:
            facts.rotate(conn, "links", since=NOW)

    with database.write() as conn:
        facts.rotate(conn, "links", since=NOW)
        other = threading.Thread(target=rotate)
        other.start()
    other.join(timeout=30)
    with database.read() as conn:
        assert len(facts.keys(conn, "links")) == 3


def test_secrets_are_not_shown(database: Database) -> None:
    """What a traceback or a log shows of a key is not its secret."""
    with database.write() as conn:
        (first, _second) = facts.rotate(conn, "links", since=NOW)
    assert first.secret.hex() not in repr(first)
    assert repr(first.secret) not in repr(first)
