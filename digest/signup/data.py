"""All that is kept about a reader, as one document."""

from __future__ import annotations

import datetime as dt
from typing import Any

from sqlalchemy.engine import Connection

from digest.rank.selection import Pick
from digest.store import bounces, consents, editions, ledger, subscribers

#: Which address was asked to take a subscription over is that address's own affair until it says yes: whoever could
#: read here whether it was put down, and as which row, would know whether it was subscribed.
_UNTOLD = ("replaces", "moves_to")

#: Papers of an edition, by (edition, paper): title and address.
_Papers = dict[tuple[int, int], tuple[str, str | None]]


def document(conn: Connection, subscriber_id: int) -> dict[str, Any]:
    """What is kept about a subscriber, ready for JSON: choices, consent, and every mail with its papers."""
    found = subscribers.fields(conn, subscriber_id)
    return {
        "subscription": {name: _plain(value) for name, value in found.items() if name not in _UNTOLD},
        "consent": [
            {
                "at": _plain(line.at),
                "event": str(line.event),
                "method": line.evidence.method,
                "ip": line.evidence.ip,
                "text_version": line.evidence.text_version,
            }
            for line in consents.of(conn, subscriber_id)
        ],
        "mails": _mails(conn, subscriber_id),
        "bounces": [kept.document() for kept in bounces.of(conn, subscriber_id)],
    }


def _mails(conn: Connection, subscriber_id: int) -> list[dict[str, Any]]:
    entries = ledger.history(conn, subscriber_id)
    spans = {pick.edition_id for entry in entries for pick in entry.picks}
    papers = {
        (paper.edition_id, paper.paper_id): (paper.title, paper.url)
        for paper in editions.contents(conn, spans)
    }
    return [
        {
            "date": entry.local_date.isoformat(),
            "kind": str(entry.kind),
            "status": str(entry.status),
            "reason": entry.reason,
            "planned_at": _plain(entry.planned_at),
            "papers": [_paper(papers, pick) for pick in entry.picks],
        }
        for entry in entries
    ]


def _paper(papers: _Papers, pick: Pick) -> dict[str, Any]:
    title, url = papers[pick.edition_id, pick.paper_id]
    why = [reason.label or str(reason.kind) for reason in pick.reasons]
    return {"title": title, "url": url, "why": why}


def _plain(value: object) -> object:
    return value.isoformat() if isinstance(value, dt.date) else value
