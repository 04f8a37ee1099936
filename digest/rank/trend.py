"""How much a paper trends on the day of its edition, from what the dumps show of it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from math import log2, log10

#: Trends are rounded to this many decimals: far finer than they mean, and coarser than what two C
#: libraries make of the same logarithm.
DECIMALS = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """One sighting, as far as the trend looks at it."""

    day: dt.date
    position: int  #: place in its dump, from 1
    votes: int | None = None  #: None where the dump gives none


@dataclass(frozen=True, slots=True, kw_only=True)
class Weights:
    """What each part of the trend counts; `trend` says how they join."""

    position: float = 1.0  #: of the first place of a dump of today
    votes: float = 0.25  #: per tenfold of votes
    gain: float = 1.0  #: per tenfold of votes gained in a day
    half_life_days: float = 1.0  #: positive


_DEFAULTS = Weights()


def trend(sightings: Sequence[Seen], *, day: dt.date, weights: Weights = _DEFAULTS) -> float:
    """Score how much a paper trends: high in the dumps, again and again, and gaining votes.

    With ``decay(d) = 2 ** -(days from d to day / half_life_days)``::

        trend = position * sum over the days seen of decay(d) / log2(1 + best position of d)
              + decay(last day with votes) * (votes * log10(1 + last votes)
                                              + gain * log10(1 + votes gained a day))

    A paper at the top every day nears 2; 50 votes add 0.43 and 40 votes gained in a day 1.61, so that
    what rises stands above what is merely big: at any one position, 40 votes gained in a day outrank
    any stale count below 100 million. Most papers lie between 0.2 and 3.

    Several dumps of one day count once, by their best position. The first votes are the fewest of the
    first day that knows any, the last votes the most of the last such day; lost votes are no gain. A
    sighting dated after `day` (a dump of a zone ahead of ours) counts as one of `day`. Where no dump
    gives votes, position and days alone speak. The order of the sightings does not matter, and one
    given twice counts once.

    Worked example, defaults, the edition of the 5th:

    ======  ===================================================  ==============================  ========
    paper   sightings (day: position, votes)                     sum                             trend
    ======  ===================================================  ==============================  ========
    rising  4th: 9, 10 votes; 5th: 3, 50 votes                   0.6505 + 0.4269 + 1.6128        2.690191
    stale   4th: 2, 200 votes; 5th: 2, 200 votes                 0.9464 + 0.5758 + 0             1.522194
    new     5th: 1, 12 votes                                     1 + 0.2785 + 0                  1.278486
    gone    4th: 1, 31 votes                                     0.5 + 0.1881 + 0                0.688144
    text    5th: 7, votes unknown                                0.3333                          0.333333
    ======  ===================================================  ==============================  ========

    Args:
        sightings: All that is known of one paper, any order; may be empty.
        day: Date of the edition.
        weights: What each part counts.

    Returns:
        0 (never seen) and up, rounded to six decimals.

    Raises:
        ValueError: A position is below 1, or the half-life is not positive.

    Source:
        The discount by position is that of DCG (Järvelin & Kekäläinen, "Cumulated gain-based evaluation
        of IR techniques", ACM TOIS 2002); each day's weight is the exponential decay of Cormode et al.,
        "Forward Decay", ICDE 2009. Votes count by their logarithm, as story ranks on news sites do.
    """
    if weights.half_life_days <= 0 or any(seen.position < 1 for seen in sightings):
        raise ValueError("positions start at 1 and half-lives above 0")
    best: dict[dt.date, int] = {}
    for seen in sightings:
        date = min(seen.day, day)
        best[date] = min(seen.position, best.get(date, seen.position))
    places = (_decay(date, day, weights) / log2(1 + position) for date, position in sorted(best.items()))
    return round(weights.position * sum(places) + _popularity(sightings, day, weights), DECIMALS)


def _popularity(sightings: Sequence[Seen], day: dt.date, weights: Weights) -> float:
    """The votes' part of the trend; 0 where no dump gives votes."""
    known = [(min(seen.day, day), max(seen.votes, 0)) for seen in sightings if seen.votes is not None]
    if not known:
        return 0.0
    first, last = min(date for date, _ in known), max(date for date, _ in known)
    before = min(votes for date, votes in known if date == first)
    after = max(votes for date, votes in known if date == last)
    gain_per_day = max(after - before, 0) / max((last - first).days, 1)
    votes = weights.votes * log10(1 + after) + weights.gain * log10(1 + gain_per_day)
    return _decay(last, day, weights) * votes


def _decay(date: dt.date, day: dt.date, weights: Weights) -> float:
    return float(2.0 ** (-(day - date).days / weights.half_life_days))
