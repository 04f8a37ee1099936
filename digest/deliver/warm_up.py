"""A warm-up: how many mails a day a new sender hands over, until receivers know it."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Collection
from dataclasses import dataclass

#: Whoever sent nothing for so long is new again: what receivers remember fades within a month.
_FORGOTTEN = dt.timedelta(days=30)


@dataclass(frozen=True, slots=True, kw_only=True)
class WarmUp:
    """`first` mails on the first day, each day `growth` times as many, and no limit any more from `until` on."""

    first: int
    growth: float  #: above 1
    until: int  #: above `first`

    def most(self, day_number: int) -> int | None:
        """How many may go on a day, the first being number 1; None once it is over."""
        # By logarithms: a power of years is no number.
        if (day_number - 1) * math.log(self.growth) >= math.log(self.until / self.first):
            return None
        return int(self.first * self.growth ** (day_number - 1))


@dataclass(frozen=True, slots=True, kw_only=True)
class Today:
    """How far a warm-up is."""

    day_number: int  #: from 1
    most: int | None  #: on this day; None once it is over
    handed_over: int  #: of these, so far

    @property
    def room(self) -> int | None:
        """How many more may go on this day; None where nothing is held back."""
        return None if self.most is None else max(0, self.most - self.handed_over)


def stand(warm_up: WarmUp, handed_over: dict[dt.date, int], today: dt.date) -> Today:
    """Say how far a warm-up is.

    Args:
        handed_over: Mails by day in UTC; it began with the first of them after a gap of a month.
        today: In UTC.
    """
    number = (today - began(handed_over, today)).days + 1
    return Today(day_number=number, most=warm_up.most(number), handed_over=handed_over.get(today, 0))


def began(days: Collection[dt.date], today: dt.date) -> dt.date:
    """On which day it began, of those on which mail was handed over; today where that is still to come."""
    start = today
    for day in sorted((day for day in days if day <= today), reverse=True):
        if start - day > _FORGOTTEN:
            break
        start = day
    return start
