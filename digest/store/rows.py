"""Rows of the ledger as values: a delivery, and its picks, which stand one a line, each as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterable
from functools import lru_cache
from typing import Any

from sqlalchemy.engine import Row

from digest.deliver.delivery import OPERATOR, Delivery, Kind
from digest.rank.selection import Pick, Reason, ReasonKind
from digest.store.schema import deliveries


def packed(picks: Iterable[Pick]) -> str:
    """Picks as text, one a line: a table of them would cost ten rows a mail, and be read by reader anyway."""
    return "\n".join([_packed(pick) for pick in picks])


def unpacked(stored: str) -> tuple[Pick, ...]:
    """The picks that were packed."""
    return tuple([_unpacked(line) for line in stored.split("\n")]) if stored else ()


#: What `delivery` reads of a row.
DELIVERY = (
    deliveries.c.id,
    deliveries.c.subscriber_id,
    deliveries.c.kind,
    deliveries.c.local_date,
    deliveries.c.recipient,
    deliveries.c.epoch,
    deliveries.c.picks,
    deliveries.c.leftover,
    deliveries.c.message_id,
    deliveries.c.planned_at,
    deliveries.c.expires_at,
    deliveries.c.template,
    deliveries.c.attempts,
    deliveries.c.body_hash,
    deliveries.c.lease_until,
    deliveries.c.note,
    deliveries.c.signed_by,
)


def delivery(row: Row[Any]) -> Delivery:
    """All that a row says of a mail and its way."""
    return Delivery(
        id=row.id,
        subscriber_id=row.subscriber_id or OPERATOR,
        kind=Kind(row.kind),
        local_date=row.local_date,
        recipient=row.recipient,
        epoch=row.epoch,
        picks=unpacked(row.picks),
        leftover=row.leftover,
        message_id=row.message_id,
        planned_at=row.planned_at,
        expires_at=row.expires_at,
        template=row.template,
        attempts=row.attempts,
        body_hash=row.body_hash,
        lease_until=row.lease_until or row.expires_at,
        note=row.note,
        signed_by=row.signed_by,
    )


# Readers share their picks: kept, packing ten takes a fifth of the time and reading them a tenth, and what is the same
# is one value, which the composer knows again.
@lru_cache(maxsize=8192)
def _packed(pick: Pick) -> str:
    reasons = [[reason.kind, reason.label, list(reason.words)] for reason in pick.reasons]
    return json.dumps([pick.edition_id, pick.paper_id, pick.score, reasons])


@lru_cache(maxsize=8192)
def _unpacked(line: str) -> Pick:
    edition_id, paper_id, score, reasons = json.loads(line)
    found = (Reason(kind=ReasonKind(kind), label=label, words=tuple(words)) for kind, label, words in reasons)
    return Pick(edition_id=edition_id, paper_id=paper_id, score=score, reasons=tuple(found))
