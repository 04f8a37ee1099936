"""What a reader's choices would have brought in the last days: a look back that writes nothing."""

from __future__ import annotations

import datetime as dt
import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy.engine import Connection

from digest.compose.memo import Memo
from digest.pipeline.shelf import SPAN_DAYS
from digest.rank.ranker import Ranker
from digest.rank.selection import EditionPaper, Pick
from digest.rank.topics import Taxonomy
from digest.store import editions, papers
from digest.store.database import Database
from digest.store.editions import Edition
from digest.subscribers.due import local_date
from digest.subscribers.subscriber import Frequency, Profile, Schedule

_DAY = dt.timedelta(days=1)
_SATURDAY = 5

Span = tuple[int, ...]  #: ids of editions, newest first
Papers = Mapping[tuple[int, int], EditionPaper]  #: by edition and paper
Picks = tuple[tuple[EditionPaper, Pick], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """One digest as it would have been."""

    date: dt.date  #: of its newest edition; for weekdays, of its mail
    upcoming: bool  #: a weekend's editions that wait for a Monday to come
    picks: Picks  #: best first; none where nothing matched
    leftover: int  #: matched, and over the cap


@dataclass(frozen=True, slots=True, kw_only=True)
class Lately:
    digests: tuple[Past, ...]  #: newest first, those that would not have been sent among them
    editions: int  #: that they drew on


class Recent:
    """The papers of recent editions, read and ranked once for all who look back. Safe to share between threads.

    Reading a week of 420 papers takes 8 ms, matching it against every topic 0.3 s, and against one reader's rules
    0.04 s. All that is kept is of a bounded size, and forgotten by age: rankers, which learn nothing of what anybody
    tries out, and the last choices, so that a page loaded again costs little.

    Args:
        kept: Spans of editions; a day has seven for daily, five for weekdays and one for weekly readers.
        choices: Of one profile and span each.
    """

    def __init__(self, taxonomy: Taxonomy, *, kept: int = 24, choices: int = 1024) -> None:
        self._taxonomy = taxonomy
        self._kept = kept
        self._rankers: OrderedDict[Span, tuple[Papers, Ranker]] = OrderedDict()
        self._choices: Memo[tuple[Span, Profile], tuple[Picks, int]] = Memo(choices)
        self._lock = threading.Lock()  # held while a ranker is made: who waits for it wants that one

    def choose(self, conn: Connection, span: Span, profile: Profile) -> tuple[Picks, int]:
        """What one profile is given of a span, best first, and how much is left over."""
        return self._choices.get((span, profile), lambda: _choose(*self._ranked(conn, span), profile))

    def _ranked(self, conn: Connection, span: Span) -> tuple[Papers, Ranker]:
        with self._lock:
            found = self._rankers.pop(span, None) or _rank(conn, span, self._taxonomy)
            self._rankers[span] = found
            if len(self._rankers) > self._kept:
                self._rankers.popitem(last=False)
            return found


def lately(
    database: Database,
    recent: Recent,
    profile: Profile,
    schedule: Schedule,
    *,
    now: dt.datetime,
) -> Lately:
    """Choose from the editions of the last days as these choices would have been mailed.

    What was mailed already is not left out: it shows what the choices bring, not what is new. How far back an
    edition was published counts by the clock and not by dates: so a zone ahead of ours or behind it brings neither
    six editions nor eight.
    """
    today = local_date(now, schedule.zone)
    with database.read() as conn:
        held = _held(conn, since=now - SPAN_DAYS * _DAY)
        digests = []
        for day, span in _spans(held, schedule.frequency):
            picks, leftover = recent.choose(conn, span, profile)
            upcoming = schedule.frequency is Frequency.WEEKDAYS and day > today
            digests.append(Past(date=day, upcoming=upcoming, picks=picks, leftover=leftover))
    return Lately(digests=tuple(digests), editions=len(held))


def _held(conn: Connection, *, since: dt.datetime) -> list[Edition]:
    """The editions published after a moment, oldest first."""
    found = editions.every(conn, since=since.date() - _DAY)  # its zone may be behind ours
    return [edition for edition in found if edition.published_at > since]


def _spans(held: Sequence[Edition], frequency: Frequency) -> list[tuple[dt.date, Span]]:
    """The date and the editions of each digest, newest first."""
    spans: dict[dt.date, Span] = {}
    for edition in reversed(held):
        day = held[-1].date if frequency is Frequency.WEEKLY else _mailed_on(edition.date, frequency)
        spans[day] = (*spans.get(day, ()), edition.id)
    return list(spans.items())


def _mailed_on(day: dt.date, frequency: Frequency) -> dt.date:
    """The date on which an edition is mailed: on weekdays, a weekend's on the Monday after."""
    if frequency is Frequency.WEEKDAYS and day.weekday() >= _SATURDAY:
        return day + _DAY * (7 - day.weekday())
    return day


def _rank(conn: Connection, span: Span, taxonomy: Taxonomy) -> tuple[Papers, Ranker]:
    """The papers of a span, and their ranker; one that stands in two editions under two names counts once."""
    held = editions.contents(conn, span)
    names = papers.names(conn, [paper.paper_id for paper in held])
    distinct: dict[int, EditionPaper] = {}
    for paper in held:
        distinct.setdefault(names[paper.paper_id], paper)
    by_key = {(paper.edition_id, paper.paper_id): paper for paper in distinct.values()}
    return by_key, Ranker(list(distinct.values()), taxonomy)


def _choose(held: Papers, ranker: Ranker, profile: Profile) -> tuple[Picks, int]:
    # A fork: whoever tries out choices would else leave every word of them in memory.
    (selection,) = ranker.fork().select([profile], mailed=[()])
    return tuple((held[pick.edition_id, pick.paper_id], pick) for pick in selection.picks), selection.leftover
