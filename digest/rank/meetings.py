"""A number for each paper and what it meets of a reader's wishes: what is equal in it gives the same pick."""

from __future__ import annotations

import threading
from copy import copy

import numpy as np
from numpy.typing import NDArray


class Meetings:
    """Numbers of (paper, wishes that it meets, in order); a column is a paper.

    A paper that meets nothing has the number of its column, one that meets a single wish a number that is
    worked out from both; what meets several, a fifth of the picks, is numbered below 0 as it comes.
    Safe to share between threads.
    """

    def __init__(self, width: int) -> None:
        self._width = width
        self._numbers: dict[tuple[int, int], int] = {}  # (number, one more wish) -> number
        self._several: list[tuple[int, tuple[int, ...]]] = []
        self._lock = threading.Lock()

    def fork(self) -> Meetings:
        """The same numbers; those that are added to it are its own."""
        forked = copy(self)
        with self._lock:
            forked._numbers, forked._several = dict(self._numbers), list(self._several)
        forked._lock = threading.Lock()
        return forked

    def further(self, numbers: NDArray[np.int64], wishes: NDArray[np.int64]) -> NDArray[np.int64]:
        """The numbers of what meets one more wish each."""
        found = numbers + (wishes + 1) * self._width
        again = np.flatnonzero((numbers < 0) | (numbers >= self._width))
        if len(again):
            pairs = list(zip(numbers[again].tolist(), wishes[again].tolist(), strict=True))
            with self._lock:
                known = self._numbers
                found[again] = [known.get(pair) or self._add(*pair) for pair in pairs]
        return found

    def of(self, number: int) -> tuple[int, tuple[int, ...]]:
        """The column, and the wishes met, that a number stands for."""
        if number < 0:
            return self._several[-1 - number]
        above, column = divmod(number, self._width)
        return column, (above - 1,) if above else ()

    def _add(self, number: int, wish: int) -> int:
        column, wishes = self.of(number)
        self._several.append((column, (*wishes, wish)))
        self._numbers[number, wish] = found = -len(self._several)
        return found
