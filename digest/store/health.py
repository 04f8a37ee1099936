"""What a watcher asks of the store: whether it answers, and how many have signed up lately."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.engine import Connection


def answer(conn: Connection) -> None:
    """Return if the database answers, or let its error through."""
    conn.execute(sa.text("SELECT 1"))
