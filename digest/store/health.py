"""What a watcher asks of the store: whether it answers, and how many have signed up lately."""

from __future__ import annotations

import datetime as dt

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from digest.store.schema import consents
from digest.subscribers.consent import Event, Method

#: How strangers ask; what the operator adds or imports is no sign-up.
_PUBLIC: tuple[Method, ...] = ("web", "api")


def answer(conn: Connection) -> None:
    """Return if the database answers, or let its error through."""
    conn.execute(sa.text("SELECT 1"))


def asked_since(conn: Connection, since: dt.datetime) -> int:
    """How many addresses were signed up by strangers at or after this moment, confirmed meanwhile or not."""
    asked = sa.and_(
        consents.c.at >= since, consents.c.event == Event.ASKED.value, consents.c.method.in_(_PUBLIC)
    )
    query = sa.select(sa.func.count(consents.c.subscriber_id.distinct())).where(asked)
    return int(conn.execute(query).scalar_one())
