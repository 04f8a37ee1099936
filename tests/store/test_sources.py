"""How the looks at each source went."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

from digest.store import sources
from digest.store.database import Database
from digest.store.sources import SourceState
from tests.factories import HOUR, NOW

STATE = SourceState(
    name="arxiv",
    tried_at=NOW,
    succeeded_at=NOW - HOUR,
    next_at=NOW + HOUR,
    wait_until=NOW + dt.timedelta(minutes=5),
    failures=3,
    reason="answered 503 Service Unavailable",
    validators={"ab": {"etag": '"1"', "last_modified": None, "sha256": "cd" * 32}},
)


def test_a_source_never_looked_at(database: Database) -> None:
    """Of a source that was never looked at nothing is known, and nothing failed."""
    with database.read() as conn:
        assert sources.get(conn, "arxiv") == SourceState(name="arxiv")
        assert sources.every(conn) == []


def test_a_state_is_kept(database: Database) -> None:
    """A state comes back as it was put down, and takes the place of the one before; no other is touched."""
    other = SourceState(name="feed", tried_at=NOW)
    with database.write() as conn:
        sources.save(conn, STATE)
        sources.save(conn, other)
    with database.read() as conn:
        assert sources.every(conn) == [STATE, other]
    mended = replace(STATE, failures=0, reason=None, wait_until=None, validators={})
    with database.write() as conn:
        sources.save(conn, mended)
    with database.read() as conn:
        assert sources.get(conn, "arxiv") == mended
        assert sources.get(conn, "feed") == other
