"""Step two: the papers that no edition holds yet become the edition of the day, ordered by trend."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from functools import partial
from urllib.parse import quote
from zoneinfo import ZoneInfo

from sqlalchemy.engine import Connection

from digest.deliver.alarm import Alarm, AlarmName
from digest.log import logger
from digest.pipeline import alarms, hold, troubles
from digest.pipeline.alarms import Operator
from digest.pipeline.health import SourceHealth, examine
from digest.rank.selection import EditionPaper
from digest.rank.trend import trend
from digest.sources.source import Source
from digest.store import editions
from digest.store.database import Database
from digest.store.editions import Edition, NewPaper

_log = logger("publish")


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishPolicy:
    zone: ZoneInfo  #: whose calendar dates the editions
    hour: int  #: local hour of publication
    search_url: str  #: page of a paper that came without one; `{title}` is replaced
    sources: tuple[Source, ...] = ()  #: for which it is held when they list too little


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlook:
    """What stands in the way of the day's edition at some moment."""

    health: tuple[SourceHealth, ...]
    held_until: (
        dt.datetime | None
    )  #: None where nothing is held: too early, published, nothing new, or all is well

    @property
    def short(self) -> tuple[SourceHealth, ...]:
        """The sources that list far too little."""
        return tuple(each for each in self.health if each.short)


def publish(
    database: Database,
    policy: PublishPolicy,
    *,
    now: dt.datetime,
    early: bool = False,
    operator: Operator | None = None,
) -> Edition | None:
    """Publish today's edition if its hour has come, nothing published it yet, and something is new.

    While a source lists far too little it waits, for six hours at most, and the operator is told; then it goes out with
    what is there, and they are told of that.

    Args:
        early: Do not wait for the hour, nor for a source: a person asks.
        operator: Who is mailed when a source is short; None for nobody.

    Returns:
        The edition that this call published, or None.
    """
    day = now.astimezone(policy.zone).date()
    if not early and not due(policy, now):
        return None
    with database.read() as conn:
        if editions.on(conn, day):
            return None
        seen = _NOT_LOOKED if early else look_out(conn, policy, now=now)
    wanted = _wanted(seen, policy, day)
    if seen.short and now < hold.ends_at(day, hour=policy.hour, zone=policy.zone):
        over = partial(_is_over, seen=seen, early=early, full=False)
        alarms.tell(alarms.settle(database, wanted, over=over, day=day, now=now, operator=operator))
        return None
    with database.write() as conn:
        if editions.on(conn, day):
            return None
        drawn = draw_up(conn, policy, day=day)
        edition_id = editions.publish(conn, date=day, at=now, drawn=drawn) if drawn else None
        if edition_id is not None and seen.short:
            wanted = [hold.went_out(seen.short, day=day, papers=len(drawn)), *wanted]
        over = partial(_is_over, seen=seen, early=early, full=edition_id is not None and not seen.short)
        told = alarms.settle_in(conn, wanted, over=over, day=day, now=now, operator=operator)
    alarms.tell(told)
    if edition_id is None:
        return None
    short = {"short": [each.name for each in seen.short]} if seen.short else {}
    _log.info("edition published", edition=edition_id, date=day.isoformat(), papers=len(drawn), **short)
    return Edition(id=edition_id, date=day, published_at=now, papers=len(drawn))


def look_out(conn: Connection, policy: PublishPolicy, *, now: dt.datetime) -> Outlook:
    """How the sources are, and whether the edition of the day waits for one of them."""
    health = examine(conn, policy.sources, now=now, zone=policy.zone, hour=policy.hour)
    day = now.astimezone(policy.zone).date()
    until = hold.ends_at(day, hour=policy.hour, zone=policy.zone)
    held = (
        any(each.short for each in health)
        and due(policy, now)
        and now < until
        and editions.on(conn, day) is None
        and bool(editions.new_papers(conn))
    )
    return Outlook(health=health, held_until=until if held else None)


_NOT_LOOKED = Outlook(health=(), held_until=None)


def _wanted(seen: Outlook, policy: PublishPolicy, day: dt.date) -> list[Alarm]:
    """What is told of sources that are short."""
    told = [alarm for alarm in troubles.of(seen.short, day=day) if alarm.name is AlarmName.SOURCE_SHORT]
    if seen.held_until is not None:
        told.insert(0, hold.waits(seen.short, day=day, until=seen.held_until, zone=policy.zone))
    return told


def _is_over(alarm: Alarm, *, seen: Outlook, early: bool, full: bool) -> bool:
    """Whether an alarm that stands ends here: `full` where an edition goes out for which no source was short."""
    if alarm.name is AlarmName.EDITION_HELD:
        return True
    if alarm.name is AlarmName.EDITION_SHORT:
        return full
    return alarm.name is AlarmName.SOURCE_SHORT and not early and troubles.over(alarm, seen.health)


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
        abstract=paper.abstract or paper.summary,
        authors=paper.authors,
        url=paper.url or policy.search_url.replace("{title}", quote(paper.title, safe="")),
        code_url=paper.code_url,
        votes=paper.votes,
        place=place,
        trend=score,
        summary=None if paper.abstract else paper.summary or None,
    )
