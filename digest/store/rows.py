"""Rows of the ledger as values: a delivery, and its picks, which stand in one short JSON list."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import Any

from sqlalchemy.engine import Row

from digest.deliver.delivery import OPERATOR, Delivery, Kind
from digest.rank.selection import Pick, Reason, ReasonKind


def packed(picks: Iterable[Pick]) -> list[object]:
    """Picks as short lists: a table of them would cost ten rows a mail, and be read by reader anyway."""
    return [_packed(pick) for pick in picks]


def unpacked(stored: Iterable[Any]) -> tuple[Pick, ...]:
    """The picks that were packed."""
    return tuple(
        Pick(
            edition_id=edition_id,
            paper_id=paper_id,
            score=score,
            reasons=tuple([_reason(kind, label, *words) for kind, label, words in reasons]),
        )
        for edition_id, paper_id, score, reasons in stored
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


def _packed(pick: Pick) -> list[object]:
    reasons = [[reason.kind, reason.label, list(reason.words)] for reason in pick.reasons]
    return [pick.edition_id, pick.paper_id, pick.score, reasons]


@lru_cache(maxsize=8192)
def _reason(kind: str, label: str, *words: str) -> Reason:
    # Readers share their reasons: kept, a claim of 128 mails takes half the time.
    return Reason(kind=ReasonKind(kind), label=label, words=words)
