"""The line in which the writers of this process wait for a SQLite file, first come, first served.

SQLite has one writer, and settles who is next by letting everyone sleep and look again, for up to 100 ms: whoever asks
most often wins. Of 33 threads that commit one row after another some got in once in five seconds. In a line none waits
longer than those before it take, and only processes meet at the file's own lock.

Nobody goes ahead of others: a batch that has had its turn stands behind all who came meanwhile, so a page waits for
the one batch that is under way, and readers who sign up without end cannot keep deliveries from being settled.
"""

from __future__ import annotations

import threading
import weakref
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path


class LateError(Exception):
    """The turn has not come in time."""


@dataclass(frozen=True, slots=True, eq=False)
class _Place:
    """A thread's place in the line, and the gate that is opened when its turn has come."""

    thread: int = field(default_factory=threading.get_ident)
    gate: threading.Lock = field(default_factory=threading.Lock)


class Writers:
    """The line of one file; the first in it writes."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._line: deque[_Place] = deque()

    @contextmanager
    def turn(self, timeout_s: float) -> Iterator[None]:
        """Write while the block runs, and nobody else of this process.

        Raises:
            LateError: The turn has not come in time.
            RuntimeError: This thread writes already. Its second transaction would wait for its first: a bug.
        """
        place = _Place()
        place.gate.acquire()
        self._join(place)
        try:
            if not place.gate.acquire(timeout=timeout_s):
                raise LateError
            yield
        finally:
            self._go(place)

    def _join(self, place: _Place) -> None:
        with self._guard:
            if self._line and self._line[0].thread == place.thread:
                raise RuntimeError("a write inside a write of the same thread")
            self._line.append(place)
            if self._line[0] is place:
                place.gate.release()

    def _go(self, place: _Place) -> None:
        """Leave the line, from wherever in it; who is first then has its turn."""
        with self._guard:
            was_first = self._line[0] is place
            self._line.remove(place)
            if was_first and self._line:
                self._line[0].gate.release()


_lines: weakref.WeakValueDictionary[Path, Writers] = weakref.WeakValueDictionary()
_lines_guard = threading.Lock()


def of(path: Path) -> Writers:
    """The line of a file: one for all who have it open in this process, by whatever path."""
    with _lines_guard:
        return _lines.setdefault(path.resolve(), Writers())
