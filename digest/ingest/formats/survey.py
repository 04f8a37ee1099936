"""The first look at a text dump: how it lays out its lines, its date, and whether there is anything to weigh.

One pass for all of it, because a document may have 100 MB.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from digest.errors import DumpError
from digest.ingest.dates import parse_head_date
from digest.ingest.formats.decode import Habits
from digest.ingest.formats.lines import LONG, Line, lines
from digest.ingest.formats.regular import span
from digest.ingest.record import DumpDate

#: A head is shorter than this many lines.
_HEAD = 40
_FOREIGN_SHARE = 0.15
#: Fewer titles of two lines say nothing of a habit.
_PAIRS = 3
#: Marks that Markdown, HTML, JSON, tables and lists put before a line.
_FOREIGN = ("#", "<", "{", "}", '"', "* ", "- ", "| ", "> ", "    ", "[", "](")


@dataclass(frozen=True, slots=True, kw_only=True)
class Survey:
    """What only the whole of a document shows."""

    habits: Habits
    date: DumpDate | None
    regular: range | None  #: line numbers of its cards, where there is nothing to weigh


def survey(data: bytes) -> Survey:
    """Go over all lines once.

    Raises:
        DumpError: There are none, or the document is of another kind.
    """
    counts = _Counts()
    found = counts.over(lines(data))
    regular = span(found)
    deque(found, maxlen=0)  # the rest of a document that is not
    return Survey(habits=counts.habits(), date=counts.date, regular=regular)


@dataclass(slots=True)
class _Counts:
    """What is counted while lines go by."""

    count: int = 0
    blanks: int = 0
    marked: int = 0
    singles: int = 0  #: times that one short line stands between two long ones
    pairs: int = 0  #: times that two do
    widest_title: int = 0
    date: DumpDate | None = None

    def over(self, found: Iterable[Line]) -> Iterator[Line]:
        """Hand the lines on; the counts hold when all went by."""
        shorts, seen_long = 0, False
        for line in found:
            text = line.text
            self.count += 1
            self.blanks += line.after_blank
            self.marked += text.startswith(_FOREIGN)
            if self.count <= _HEAD and self.date is None:
                self.date = parse_head_date(text)
            if len(text) >= LONG:
                self.singles += shorts == 1
                self.pairs += shorts == 2
                shorts, seen_long = 0, True
            else:
                if seen_long and not shorts:
                    self.widest_title = max(self.widest_title, len(text))
                shorts += 1
            yield line

    def habits(self) -> Habits:
        """How the document lays out its lines.

        Raises:
            DumpError: There are none, or it is no text.
        """
        if not self.count:
            raise DumpError("the dump is empty")
        if self.marked > _FOREIGN_SHARE * self.count:
            raise DumpError("a document of another kind: its lines start with the marks of one", line=1)
        return Habits(
            blank_share=self.blanks / self.count,
            pair_share=self.pairs / (self.singles + self.pairs) if self.pairs >= _PAIRS else 0,
            widest_title=self.widest_title,
        )
