"""What a reader's choices would have brought in the last days: a look back that writes nothing."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy.engine import Connection

from digest.pipeline.shelf import SPAN_DAYS, Rankers, Shelf
from digest.rank.selection import EditionPaper, Pick
from digest.store import editions
from digest.store.database import Database
from digest.store.editions import Edition
from digest.subscribers.due import local_date
from digest.subscribers.subscriber import Frequency, Profile, Schedule

_DAY = dt.timedelta(days=1)
_SATURDAY = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """One digest as it would have been."""

    date: dt.date  #: of its newest edition; for weekdays, of its mail
    upcoming: bool  #: a weekend's editions that wait for a Monday to come
    picks: tuple[tuple[EditionPaper, Pick], ...]  #: best first; none where nothing matched
    leftover: int  #: matched, and over the cap


@dataclass(frozen=True, slots=True, kw_only=True)
class Lately:
    digests: tuple[Past, ...]  #: newest first, those that would not have been sent among them
    editions: int  #: that they drew on


def lately(
    database: Database,
    rankers: Rankers,
    profile: Profile,
    schedule: Schedule,
    *,
    now: dt.datetime,
    days: int = SPAN_DAYS,
) -> Lately:
    """Choose from the editions of the last days as these choices would have been mailed.

    What was mailed already is not left out: it shows what the choices bring, not what is new.

    Args:
        rankers: Of a page's own, not the planner's: what others plan with must not change meanwhile.
        days: How far back an edition was published at most, by the clock and not by dates: so a zone
            ahead of ours or behind it brings neither six editions nor eight.
    """
    with database.read() as conn:
        held = _held(conn, since=now - days * _DAY)
        shelf = Shelf(conn, rankers, now=now, since=held[0].date if held else None)
        read = [(day, shelf.papers(span)) for day, span in _spans(held, schedule.frequency)]
    today = local_date(now, schedule.zone)
    weekdays = schedule.frequency is Frequency.WEEKDAYS
    return Lately(
        digests=tuple(
            _past(rankers, papers, profile, date=day, upcoming=weekdays and day > today)
            for day, papers in read
        ),
        editions=len(held),
    )


def _held(conn: Connection, *, since: dt.datetime) -> list[Edition]:
    """The editions published after a moment, oldest first."""
    found = editions.every(conn, since=since.date() - _DAY)  # its zone may be behind ours
    return [edition for edition in found if edition.published_at > since]


def _spans(held: Sequence[Edition], frequency: Frequency) -> list[tuple[dt.date, tuple[int, ...]]]:
    """The editions of each digest, newest first, and its date."""
    spans: dict[dt.date, tuple[int, ...]] = {}
    for edition in reversed(held):
        day = held[-1].date if frequency is Frequency.WEEKLY else _mailed_on(edition.date, frequency)
        spans[day] = (*spans.get(day, ()), edition.id)
    return list(spans.items())


def _mailed_on(day: dt.date, frequency: Frequency) -> dt.date:
    """The date on which an edition is mailed: on weekdays, a weekend's on the Monday after."""
    if frequency is Frequency.WEEKDAYS and day.weekday() >= _SATURDAY:
        return day + _DAY * (7 - day.weekday())
    return day


def _past(
    rankers: Rankers, papers: Sequence[EditionPaper], profile: Profile, *, date: dt.date, upcoming: bool
) -> Past:
    # A fork: whoever tries out choices would else leave every word of them in memory.
    (selection,) = rankers.of(papers).fork().select([profile], mailed=[()])
    found = {(paper.edition_id, paper.paper_id): paper for paper in papers}
    return Past(
        date=date,
        upcoming=upcoming,
        picks=tuple((found[pick.edition_id, pick.paper_id], pick) for pick in selection.picks),
        leftover=selection.leftover,
    )
