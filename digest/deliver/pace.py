"""How many in how long: a rate, and the pace of what keeps to it."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Final

_UNITS: Final = {"s": 1.0, "min": 60.0, "h": 3600.0}
_FORM: Final = re.compile(r"([1-9][0-9]{0,8})/(s|min|h)")
#: What may go at once is what a rate lets pass in this time: a thousand a second in fifties, one a second one by one.
_AT_ONCE_S: Final = 0.05
#: Of a gap: clocks are rounded, and neither may one too many go for that, nor one too few.
_ROUNDING: Final = 1e-6


@dataclass(frozen=True, slots=True)
class Rate:
    """At most `count` in any `period_s`."""

    count: int  #: positive
    period_s: float

    @classmethod
    def parse(cls, text: str) -> Rate:
        """Read "14/s", "600/min" or "2000/h"; raises ValueError for all else."""
        found = _FORM.fullmatch(text)
        if found is None:
            raise ValueError(f"{text!r} is not a rate such as 14/s, 600/min or 2000/h")
        return cls(int(found[1]), _UNITS[found[2]])

    @property
    def at_once(self) -> int:
        """How many may go at the same moment."""
        return max(1, int(self.count / self.period_s * _AT_ONCE_S))


class Pace:
    """Keeps to a rate, evenly: where nothing waited, a few may go at once, and the next as soon as there is room.

    In no time as long as the rate's period do more than its count go, wherever it begins. It remembers one number,
    so a pace for each of many domains costs little.

    Source:
        The generic cell rate algorithm (ITU-T I.371), as virtual scheduling.
    """

    __slots__ = ("_due_s", "_gap_s", "_slack_s", "_taken_s", "rate")

    def __init__(self, rate: Rate) -> None:
        self.rate = rate
        self._gap_s = rate.period_s / (rate.count - rate.at_once + 1) * (1 + 2 * _ROUNDING)
        self._slack_s = (rate.at_once - 1 + _ROUNDING) * self._gap_s
        self._due_s = self._taken_s = -math.inf

    def wait_s(self, now_s: float) -> float:
        """How long until the next may go; 0 where it may go now."""
        return max(0.0, self._due_s - self._slack_s - now_s)

    def ready(self, now_s: float) -> int:
        """How many may go now."""
        if self._due_s <= now_s:
            return self.rate.at_once
        left_s = now_s - (self._due_s - self._slack_s)
        return 0 if left_s < 0 else int(left_s / self._gap_s + _ROUNDING) + 1

    def take(self, now_s: float) -> None:
        """One goes now; where none may, the ones after it wait the longer."""
        self._due_s = max(self._due_s, now_s) + self._gap_s
        self._taken_s = now_s

    def give_back(self, taken_s: float) -> None:
        """One that took its turn then did not go: another may, unless one has gone since, as a turn that is over is nobody's."""
        if taken_s == self._taken_s:
            self._due_s -= self._gap_s

    def is_rested(self, now_s: float) -> bool:
        """Whether all that went is too long ago to matter."""
        return self._due_s <= now_s
