"""The editions that a plan may draw on, read once and ranked once."""

from __future__ import annotations

import datetime as dt
from collections import OrderedDict
from collections.abc import Iterable, Sequence

from sqlalchemy.engine import Connection

from digest.rank.ranker import Ranker
from digest.rank.selection import EditionPaper
from digest.rank.topics import Taxonomy
from digest.store import editions, ledger, papers
from digest.store.editions import Edition
from digest.store.subscribers import Standing
from digest.subscribers.subscriber import Frequency

#: The newest edition is not mailed to anyone when it is older than this.
STALE = dt.timedelta(hours=36)
#: What is planned just before that has this long to leave.
TO_LEAVE = dt.timedelta(minutes=15)
#: Weekdays and weekly digests reach back this many days at most.
SPAN_DAYS = 7


class Rankers:
    """Rankers of the papers that were last asked for: what depends on papers and topics alone is worked out once.

    A day of 60 papers takes 0.1 s to match against every topic, and the scheduler plans twice a minute.
    """

    def __init__(self, taxonomy: Taxonomy, *, kept: int = 16) -> None:
        self._taxonomy = taxonomy
        self._kept = kept
        self._rankers: OrderedDict[tuple[tuple[int, int], ...], Ranker] = OrderedDict()

    def of(self, papers: Sequence[EditionPaper]) -> Ranker:
        """The ranker of these papers; an edition's papers never change, so their ids name them."""
        key = tuple((paper.edition_id, paper.paper_id) for paper in papers)
        found = self._rankers.pop(key, None) or Ranker(papers, self._taxonomy)
        self._rankers[key] = found
        if len(self._rankers) > self._kept:
            self._rankers.popitem(last=False)
        return found

    def draft(self, papers: Sequence[EditionPaper]) -> Ranker:
        """A ranker of papers that are not frozen yet, which is not kept."""
        return Ranker(papers, self._taxonomy)


class Shelf:
    """Recent editions at one moment; a draft of the next may stand at the end of it."""

    def __init__(
        self,
        conn: Connection,
        rankers: Rankers,
        *,
        now: dt.datetime,
        draft: tuple[Edition, Sequence[EditionPaper]] | None = None,
        since: dt.date | None = None,
    ) -> None:
        self._conn = conn
        self._all_rankers = rankers
        self._draft_id = draft[0].id if draft else None
        self._now = now
        since = since or now.date() - dt.timedelta(days=SPAN_DAYS + 2)
        self._editions = editions.every(conn, since=since)
        self._papers: dict[int, list[EditionPaper]] = {}
        if draft is not None:
            self._editions.append(draft[0])
            self._papers[draft[0].id] = list(draft[1])
        self._rankers: dict[tuple[int, ...], Ranker] = {}
        self._names: dict[tuple[int, ...], dict[int, int]] = {}

    @property
    def newest(self) -> Edition | None:
        return self._editions[-1] if self._editions else None

    @property
    def newest_id(self) -> int:
        """Id of the newest edition, 0 where there is none."""
        return self._editions[-1].id if self._editions else 0

    def span(self, standing: Standing, day: dt.date) -> tuple[int, ...]:
        """The editions that a subscriber due on `day` is served from, newest first; none is nothing new.

        Daily, and after a pause or on the first day, it is the newest alone, unless it is stale. Weekdays and
        weekly digests take all since the last one, seven days at most.
        """
        newest = self.newest
        cursor = standing.cursor_edition_id
        if newest is None or (cursor is not None and newest.id <= cursor):
            return ()
        if _newest_alone(standing):
            return () if self._now - newest.published_at > STALE else (newest.id,)
        return self.between(standing.subscriber.schedule.frequency, cursor, newest.id, day)

    def fresh_until(self, standing: Standing) -> dt.datetime:
        """Until when a digest planned now may be mailed; where it is the newest edition, until that is stale."""
        newest = self.newest
        if newest is None or not _newest_alone(standing):
            return self._now + STALE
        # Planned in the last minutes of the 36 hours, a mail is given a few to leave in.
        return max(newest.published_at + STALE, self._now + TO_LEAVE)

    def between(
        self, frequency: Frequency, cursor: int | None, edition_id: int, day: dt.date
    ) -> tuple[int, ...]:
        """The editions that a digest of `day` drew on, planned from `cursor` up to `edition_id`."""
        if cursor is None or frequency is Frequency.DAILY:
            return (edition_id,)
        # The date of a week ago counts: at an hour before that day's edition was out, the digest then lacked it.
        oldest = day - dt.timedelta(days=SPAN_DAYS)
        held = reversed(self._editions)
        return tuple(e.id for e in held if cursor < e.id <= edition_id and e.date >= oldest)

    def upto(self, day: dt.date) -> tuple[int, ...]:
        """The newest edition dated `day` or earlier, if any."""
        return next(((e.id,) for e in reversed(self._editions) if e.date <= day), ())

    def papers(self, span: tuple[int, ...]) -> list[EditionPaper]:
        """The papers of a span, newest edition first; one that stands in two under two names stands once."""
        found: list[EditionPaper] = []
        met: set[int] = set()
        known = self.names(span)
        for paper in self._all(span):
            if known[paper.paper_id] not in met:
                met.add(known[paper.paper_id])
                found.append(paper)
        return found

    def ranker(self, span: tuple[int, ...]) -> Ranker:
        """The ranker of a span: what depends on papers and topics alone is worked out once."""
        if span not in self._rankers:
            make = self._all_rankers.draft if self._draft_id in span else self._all_rankers.of
            self._rankers[span] = make(self.papers(span))
        return self._rankers[span]

    def names(self, span: tuple[int, ...]) -> dict[int, int]:
        """Every name of the span's papers -> the id they are known under."""
        if span not in self._names:
            self._names[span] = papers.names(self._conn, [p.paper_id for p in self._all(span)])
        return self._names[span]

    def mailed(self, span: tuple[int, ...], subscriber_ids: Sequence[int]) -> list[set[int]]:
        """Papers of the span that each of these subscribers was, or may have been, mailed under any name."""
        known = self.names(span)
        # Only a digest that drew on an edition holding one of these papers can have carried it.
        holding = editions.holding(self._conn, known)
        if not holding:
            return [set() for _ in subscriber_ids]
        picked = ledger.mailed_since(self._conn, subscriber_ids, edition_id=min(holding.values()))
        return [self._under_span_names(known, span, picked.get(who, set())) for who in subscriber_ids]

    def _under_span_names(
        self, known: dict[int, int], span: tuple[int, ...], picked: Iterable[int]
    ) -> set[int]:
        mailed = {known[paper] for paper in picked if paper in known}
        if not mailed:
            return mailed
        return {paper.paper_id for paper in self._all(span) if known[paper.paper_id] in mailed}

    def _all(self, span: tuple[int, ...]) -> list[EditionPaper]:
        missing = [edition for edition in span if edition not in self._papers]
        for edition in missing:
            self._papers[edition] = editions.contents(self._conn, [edition])
        return [paper for edition in span for paper in self._papers[edition]]


def _newest_alone(standing: Standing) -> bool:
    """Whether the newest edition is all that a subscriber is served from."""
    return standing.cursor_edition_id is None or standing.subscriber.schedule.frequency is Frequency.DAILY
