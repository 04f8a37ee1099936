"""The ledger, read: what was planned for whom, and what became of it."""

from __future__ import annotations

import datetime as dt

import pytest
import sqlalchemy as sa

from digest.deliver.delivery import Kind, Status
from digest.store import deliveries, ledger, schema
from digest.store.database import Database
from tests.factories import DAY, NOW, TODAY, add_subscriber, pick, plan_for, planned, publish_edition


@pytest.mark.parametrize("status", list(Status))
def test_what_was_mailed(database: Database, status: Status) -> None:
    """Papers count as mailed where they were or may have been: planned to sent, and ambiguous."""
    old, edition = (publish_edition(database, f"On {day}", day=TODAY + day * DAY) for day in (0, 1))
    with database.write() as conn:
        ada, bo = add_subscriber(conn), add_subscriber(conn)
        plan_for(conn, ada, local_date=TODAY - DAY, edition_id=old, picks=(pick(9),))
        plan_for(conn, ada, bo, edition_id=edition, picks=(pick(1), pick(2)))
        conn.execute(sa.text("UPDATE deliveries SET status = :status"), {"status": status.value})
        found = ledger.mailed_since(conn, [ada.id], edition_id=edition)
        both = ledger.mailed_since(conn, [ada.id, bo.id], edition_id=old)
    may = {"planned", "claimed", "deferred", "sent", "ambiguous"}
    assert found == ({ada.id: {1, 2}} if status in may else {})
    assert both == ({ada.id: {1, 2, 9}, bo.id: {1, 2}} if status in may else {})


def test_a_readers_digests(database: Database) -> None:
    """A reader's digests are listed newest first, or the one of a date; other mail is not among them."""
    edition = publish_edition(database, "On Kites")
    with database.write() as conn:
        ada = add_subscriber(conn)
        rows = [planned(ada, day=TODAY + n * DAY, edition_id=edition, leftover=n) for n in (1, 0, 2)]
        deliveries.plan(conn, [*rows, planned(ada, kind=Kind.CONFIRM)], now=NOW)
        dates = [entry.local_date for entry in ledger.of(conn, ada.id)]
        assert dates == [TODAY + 2 * DAY, TODAY + DAY, TODAY]
        (entry,) = ledger.of(conn, ada.id, local_date=TODAY + DAY)
        assert (entry.subscriber_id, entry.kind, entry.leftover) == (ada.id, Kind.DIGEST, 1)
        assert (entry.edition_id, entry.cursor_edition_id, entry.reason) == (edition, None, None)
        assert (entry.planned_at, entry.due_at, entry.message_id) == (NOW, NOW, rows[0].message_id)
        assert ledger.of(conn, 999) == []


def test_the_relays_words_are_told_once_for_all_who_heard_them(database: Database) -> None:
    """Deferred mail is told by its words however old; failed mail only if it failed since; silence is not told."""
    with database.write() as conn:
        for status, words, settled in (
            (Status.DEFERRED, "connect closed", None),
            (Status.DEFERRED, "connect closed", None),
            (Status.DEFERRED, None, None),
            (Status.FAILED, "rcpt 550 no", NOW),
            (Status.FAILED, "rcpt 550 old", NOW - dt.timedelta(days=1)),
            (Status.SENT, "dot 250 ok", NOW),
        ):
            (row,) = plan_for(conn, add_subscriber(conn))
            values = {"status": status, "reply": words, "settled_at": settled}
            conn.execute(sa.update(schema.deliveries).where(schema.deliveries.c.id == row).values(**values))
        assert ledger.words_since(conn, NOW) == [
            (Status.DEFERRED, "connect closed", 2),
            (Status.FAILED, "rcpt 550 no", 1),
        ]
