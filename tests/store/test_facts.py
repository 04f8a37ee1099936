"""What belongs to one database alone."""

from __future__ import annotations

from digest.store import facts
from digest.store.database import Database


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
