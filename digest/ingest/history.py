"""A paper's history: its counts day by day, what it gained, and what happened to it.

All of it is a function of the set of listings. The order in which dumps arrive makes no difference, and a dump that
arrives again is a listing of that day as well.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import groupby
from operator import attrgetter

from digest.ingest.paper import REPLACED
from digest.ingest.record import NO_DETAILS, Details


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """One paper in one dump, on a day for which the dump stood."""

    day: dt.date
    dump_hash: str
    position: int  #: place in the dump, from 1
    revision_hash: str  #: of its text
    title_key: str
    abstract: str  #: clean
    source: str = ""  #: which brought the dump that day
    votes: int | None = None
    comments: int | None = None
    stars: int | None = None
    code_url: str | None = None
    details: Details = NO_DETAILS


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """The fewest and the most that a day's dumps give of one count."""

    least: int
    most: int  #: what the day counts as: counts rise, and a dump of the evening stands beside one of the morning


@dataclass(frozen=True, slots=True, kw_only=True)
class Day:
    """What the dumps of one day give; None where none of them gives it."""

    day: dt.date
    votes: Span | None = None
    comments: Span | None = None
    stars: Span | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Gain:
    """What was gained of each count, never below 0; None where no dump gives it."""

    votes: float | None = None
    comments: float | None = None
    stars: float | None = None


class EventKind(StrEnum):
    SEEN = "seen"  #: listed for the first time
    CODE = "code"  #: a link to code that no earlier day had
    VERSION = "version"  #: a new version on arXiv
    REVISED = "revised"  #: another title or abstract
    WITHDRAWN = "withdrawn"
    EDITION = "edition"  #: entered the edition of that date


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something that happened to a paper."""

    day: dt.date
    kind: EventKind
    text: str = ""  #: the source, the link, the version, the hash of the text


def series(listings: Iterable[Listing]) -> tuple[Day, ...]:
    """Count by count, what each day that lists the paper gives, oldest first.

    Worked example, of votes:

    ====  =================  ===========
    day   dumps              span
    ====  =================  ===========
    4th   10 votes, 12       10 to 12
    5th   votes unknown      none
    6th   30 votes           30 to 30
    ====  =================  ===========
    """
    return tuple(
        Day(
            day=day,
            votes=_span(one.votes for one in listed),
            comments=_span(one.comments for one in listed),
            stars=_span(one.stars for one in listed),
        )
        for day, listed in _by_day(listings)
    )


def gain_per_day(days: Sequence[Day]) -> Gain:
    """What each count gained a day, from the fewest of the first day that knows it to the most of the last.

    The votes of the example of `series` rose from 10 to 30 in two days: 10 a day. On a single day, from 10 to 12,
    the gain is 2; lost votes are no gain. This is the gain that `digest.rank.trend` weighs.

    Args:
        days: As `series` gives them.
    """

    def per_day(known: Sequence[tuple[dt.date, Span]]) -> float:
        (first, before), (last, after) = known[0], known[-1]
        return max(after.most - before.least, 0) / max((last - first).days, 1)

    return _gain(days, per_day)


def gain_since(days: Sequence[Day], day: dt.date) -> Gain:
    """What each count gained since `day`, such as that of a reader's last mail.

    Counted from the most of the last day known by then, so that nothing is counted that the mail could show; where
    the paper was not known yet, from the fewest of its first day, as what it had before is nobody's guess. The votes
    of the example of `series` gained 18 since the 4th and since the 5th, 0 since the 6th, and 20 since the 1st.

    Args:
        days: As `series` gives them.
        day: The day that is known already.
    """

    def since(known: Sequence[tuple[dt.date, Span]]) -> float:
        by_then = [span.most for date, span in known if date <= day]
        before = by_then[-1] if by_then else known[0][1].least
        return float(max(known[-1][1].most - before, 0))

    return _gain(days, since)


def events(listings: Iterable[Listing], editions: Iterable[dt.date] = ()) -> tuple[Event, ...]:
    """What happened to a paper, oldest first.

    Of a link to code and of another text the first day is told, unless it is the first day of all: what came with
    the paper is no news. A text that another begins with was cut and is no other text, and one that comes again is
    no news either. A version is new where a lower one was known, or where arXiv says that it replaces one.

    Args:
        listings: All of one paper, under all of its names, in any order.
        editions: Dates of the editions that hold it.
    """
    known = _Known()
    told = [event for day, listed in _by_day(listings) for event in known.learn(day, listed)]
    told += [Event(day=date, kind=EventKind.EDITION) for date in sorted(editions)]
    return tuple(sorted(told, key=attrgetter("day")))  # stable: on one day in the order above


@dataclass(slots=True)
class _Known:
    """What earlier days have told; the first day tells most of it, and makes no event of that."""

    seen: bool = False
    codes: set[str] = field(default_factory=set)
    texts: list[Listing] = field(default_factory=list)  #: each as full as it was seen
    version: int = 0  #: 0 while none is known
    withdrawn: bool = False

    def learn(self, day: dt.date, listed: Sequence[Listing]) -> list[Event]:
        """Take a day's listings in; returns what is new since the days before."""
        found: list[Event] = []
        if not self.seen:
            sources = sorted({one.source for one in listed})
            found.append(Event(day=day, kind=EventKind.SEEN, text=", ".join(sources)))
        found += [Event(day=day, kind=EventKind.CODE, text=url) for url in self._codes(listed) if self.seen]
        if (version := self._version(listed)) is not None:
            found.append(Event(day=day, kind=EventKind.VERSION, text=f"v{version}"))
        found += [Event(day=day, kind=EventKind.REVISED, text=h) for h in self._texts(listed) if self.seen]
        if not self.withdrawn and any(one.details.withdrawn for one in listed):
            self.withdrawn = True
            found.append(Event(day=day, kind=EventKind.WITHDRAWN))
        self.seen = True
        return found

    def _codes(self, listed: Sequence[Listing]) -> list[str]:
        new = sorted({one.code_url for one in listed if one.code_url} - self.codes)
        self.codes.update(new)
        return new

    def _version(self, listed: Sequence[Listing]) -> int | None:
        before, now = self.version, max((one.details.version or 0 for one in listed), default=0)
        self.version = max(before, now)
        replaces = any(one.details.announced in REPLACED for one in listed)
        return now if now > before and self.seen and (before or replaces) else None

    def _texts(self, listed: Sequence[Listing]) -> list[str]:
        new = []
        for one in sorted(listed, key=lambda one: (-len(one.abstract), one.abstract, one.revision_hash)):
            same = [text for text in self.texts if _is_same(text, one)]
            if not same:
                new.append(one.revision_hash)
            if not any(text.abstract.startswith(one.abstract) for text in same):
                # The fuller text takes the place of what it was cut to, which would match any other text.
                self.texts = [text for text in self.texts if text not in same] + [one]
        return sorted(new)


def _is_same(one: Listing, other: Listing) -> bool:
    shorter, longer = sorted((one.abstract, other.abstract), key=len)
    return one.title_key == other.title_key and longer.startswith(shorter)


def _by_day(listings: Iterable[Listing]) -> Iterator[tuple[dt.date, list[Listing]]]:
    ordered = sorted(listings, key=lambda one: (one.day, one.dump_hash, one.position, one.source))
    return ((day, list(listed)) for day, listed in groupby(ordered, key=attrgetter("day")))


def _span(counts: Iterable[int | None]) -> Span | None:
    known = [count for count in counts if count is not None]
    return Span(least=min(known), most=max(known)) if known else None


def _gain(days: Sequence[Day], gained: Callable[[Sequence[tuple[dt.date, Span]]], float]) -> Gain:
    def of(name: str) -> float | None:
        known = [(one.day, span) for one in days if (span := getattr(one, name)) is not None]
        return gained(known) if known else None

    return Gain(votes=of("votes"), comments=of("comments"), stars=of("stars"))
