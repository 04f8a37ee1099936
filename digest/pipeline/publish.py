"""Step two: the papers that no edition holds yet become the edition of the day, ordered by trend."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from urllib.parse import quote
from zoneinfo import ZoneInfo

from sqlalchemy.engine import Connection

from digest.log import logger
from digest.rank.selection import EditionPaper
from digest.rank.trend import trend
from digest.store import editions
from digest.store.database import Database
from digest.store.editions import Edition, NewPaper

_log = logger("publish")


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishPolicy:
    zone: ZoneInfo  #: whose calendar dates the editions
    hour: int  #: local hour of publication
    search_url: str  #: page of a paper that came without one; `{title}` is replaced


def publish(
    database: Database, policy: PublishPolicy, *, now: dt.datetime, early: bool = False
) -> Edition | None:
    """Publish today's edition if its hour has come, nothing published it yet, and something is new.

    Args:
        early: Do not wait for the hour.

    Returns:
        The edition that this call published, or None.
    """
    day = now.astimezone(policy.zone).date()
    if not early and not due(policy, now):
        return None
    with database.write() as conn:
        if editions.on(conn, day):
            return None
        drawn = draw_up(conn, policy, day=day)
        edition_id = editions.publish(conn, date=day, at=now, drawn=drawn) if drawn else None
    if edition_id is None:
        return None
    _log.info("edition published", edition=edition_id, date=day.isoformat(), papers=len(drawn))
    return Edition(id=edition_id, date=day, published_at=now, papers=len(drawn))


def due(policy: PublishPolicy, now: dt.datetime) -> bool:
    """Whether the hour of publication has come on the local day of `now`."""
    return now.astimezone(policy.zone).hour >= policy.hour


def draw_up(
    conn: Connection, policy: PublishPolicy, *, day: dt.date, edition_id: int = 0
) -> list[EditionPaper]:
    """The edition that would be published now: new papers by trend, ties by title.

    Trends are taken on the day of the edition, or on the last day that any of its papers was seen: in an edition of
    old dumps alone, decay would leave nothing to order by.
    """
    new = editions.new_papers(conn)
    day_seen = min(day, max((seen.day for paper in new for seen in paper.seen), default=day))
    scored = sorted(
        ((trend(paper.seen, day=day_seen), paper) for paper in new),
        key=lambda pair: (-pair[0], pair[1].title),
    )
    return [
        _frozen(paper, score, place, policy, day, edition_id)
        for place, (score, paper) in enumerate(scored, start=1)
    ]


def _frozen(
    paper: NewPaper, score: float, place: int, policy: PublishPolicy, day: dt.date, edition_id: int
) -> EditionPaper:
    return EditionPaper(
        edition_id=edition_id,
        edition_date=day,
        paper_id=paper.paper_id,
        revision_id=paper.revision_id,
        title=paper.title,
        abstract=paper.abstract,
        authors=paper.authors,
        url=paper.url or policy.search_url.replace("{title}", quote(paper.title, safe="")),
        code_url=paper.code_url,
        votes=paper.votes,
        place=place,
        trend=score,
    )
