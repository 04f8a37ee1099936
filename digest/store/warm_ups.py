"""How many mails were handed over each day, while a warm-up counts them."""

from __future__ import annotations

import datetime as dt

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from digest.deliver.delivery import Kind, Status
from digest.store.engines import INSERTS
from digest.store.schema import deliveries, handed_over


def add(conn: Connection, day: dt.date, mails: int) -> None:
    """Count mails that relays took, in the transaction that settles them."""
    conn.execute(_ADD[conn.dialect.name], {"day": day, "mails": mails})


def by_day(conn: Connection) -> dict[dt.date, int]:
    """How many were taken on each day in UTC."""
    return {row.day: row.mails for row in conn.execute(_BY_DAY)}


def claimed(conn: Connection) -> int:
    """Digests that senders hold now, of this process and others: they may be taken today, too."""
    return int(conn.scalar(_CLAIMED) or 0)


_ADD = {
    engine: (put := insert(handed_over)).on_conflict_do_update(
        index_elements=["day"], set_={"mails": handed_over.c.mails + put.excluded.mails}
    )
    for engine, insert in INSERTS.items()
}
_BY_DAY = sa.select(handed_over)
_CLAIMED = sa.select(sa.func.count()).where(
    deliveries.c.status == Status.CLAIMED, deliveries.c.kind == Kind.DIGEST
)
