"""Links that open once."""

from __future__ import annotations

from digest.store import uses
from digest.store.database import Database
from tests.factories import HOUR, NOW, add_subscriber


def test_a_link_is_used_once(database: Database) -> None:
    """A link is that of a purpose, a reader and a moment; each is taken once."""
    with database.write() as conn:
        ada, bo = add_subscriber(conn).id, add_subscriber(conn).id
        links = [("export", ada, 1), ("erase", ada, 1), ("export", bo, 1), ("export", ada, 2**40)]
        for link in links:
            assert not uses.taken(conn, *link)
            assert uses.take(conn, *link, at=NOW)
        for link in links:
            assert uses.taken(conn, *link)
            assert not uses.take(conn, *link, at=NOW)


def test_forgetting(database: Database) -> None:
    """Old uses are forgotten, and those of who is erased."""
    with database.write() as conn:
        ada, bo = add_subscriber(conn).id, add_subscriber(conn).id
        for who, asked_s in ((ada, 1), (ada, 2), (bo, 3)):
            uses.take(conn, "export", who, asked_s, at=NOW + asked_s * HOUR)
        uses.forget(conn, before=NOW + 2 * HOUR)
        assert [uses.taken(conn, "export", who, n) for who, n in ((ada, 1), (ada, 2), (bo, 3))] == [
            False,
            True,
            True,
        ]
        uses.forget_of(conn, ada)
        assert [uses.taken(conn, "export", who, n) for who, n in ((ada, 2), (bo, 3))] == [False, True]
