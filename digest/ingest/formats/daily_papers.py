"""`daily-papers-json`: answers of `GET /api/daily_papers`, older and newer fields alike.

Rows are decoded one at a time from a sliding window: `json.loads` of a 100 MB answer would hold ten times
that. The list is walked twice, because the date of the dump is the newest of its rows.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator, Mapping
from typing import Any

from digest.errors import DumpError
from digest.ingest.arxiv import arxiv_id
from digest.ingest.formats.values import count, sound, text, time
from digest.ingest.record import DumpDate, Reading, Record, Reject

_FORMAT = "daily-papers-json"
_BLANK = " \t\n\r"
_WINDOW = 1 << 18
#: Bytes; a row is 3 kB as a rule, and abstracts of 10 MB are refused further on.
_LONGEST_ROW = 1 << 25


def read(data: bytes) -> Reading:
    """Read the answer.

    Raises:
        DumpError: Not JSON, not a list of papers, or an empty list.
    """
    return Reading(format=_FORMAT, date=_newest(data), items=_items(data))


def _newest(data: bytes) -> DumpDate | None:
    """The newest day of submission, else of publication; walks the whole list, so finds all that is broken."""
    submitted, published, found = "", "", False
    for row in _rows(data):
        if isinstance(row, dict) and isinstance(paper := row.get("paper"), dict):
            found = True
            submitted = max(submitted, _day(paper.get("submittedOnDailyAt")))
            published = max(published, _day(row.get("publishedAt")))
    if not found:
        raise DumpError("no papers in it")
    newest = submitted or published
    if not newest:
        return None
    day = dt.date.fromisoformat(newest)
    return DumpDate(month=day.month, day=day.day, year=day.year)


def _items(data: bytes) -> Iterator[Record | Reject]:
    position = 0
    for number, row in enumerate(_rows(data), start=1):
        item = _item(row, number, position + 1)
        position += isinstance(item, Record)
        yield item


def _item(row: object, number: int, position: int) -> Record | Reject:
    paper = row.get("paper") if isinstance(row, dict) else None
    if not isinstance(row, dict) or not isinstance(paper, dict):
        return Reject(line=number, reason="a row without a paper")
    title, identifier = paper.get("title"), paper.get("id")
    if not isinstance(title, str) or not title.strip():
        return Reject(line=number, reason="a paper without a title")
    if not isinstance(identifier, str) or not identifier.strip():
        return Reject(line=number, reason="a paper without an id")
    identifier = sound(identifier.strip())
    return Record(
        position=position,
        line=number,
        title=sound(title),
        abstract=text(paper.get("summary")),
        arxiv_id=arxiv_id(identifier),
        authors=_authors(paper.get("authors")),
        votes=count(paper.get("upvotes")),
        comments=count(row.get("numComments")),
        published_at=time(paper.get("publishedAt")),
        url=f"https://huggingface.co/papers/{identifier}",
        code_url=text(paper.get("githubRepo")) or None,
    )


def _authors(value: object) -> tuple[str, ...]:
    rows = value if isinstance(value, list) else []
    named = (row for row in rows if isinstance(row, dict) and row.get("hidden") is not True)
    return tuple(name for row in named if (name := text(row.get("name")).strip()))


def _day(value: object) -> str:
    moment = time(value)
    return moment.date().isoformat() if moment else ""


def _rows(data: bytes) -> Iterator[object]:
    """Decode the rows of the list, holding one window of text at a time.

    Raises:
        DumpError: Not JSON, cut, nested too deep, or not a list.
    """
    window = _Window(data)
    if window.next_sign() != "[":
        raise DumpError(_what_else(window.value()), line=1)
    window.skip()
    if window.next_sign() == "]":
        raise DumpError("no papers in it")
    while True:
        yield window.value()
        sign = window.next_sign()
        window.skip()
        if sign == "]":
            break
        if sign != ",":
            raise DumpError("cut, or broken, between two rows", line=window.line)
    if window.next_sign():
        raise DumpError("text after the end of the list", line=window.line)


def _what_else(value: object) -> str:
    if isinstance(value, Mapping) and isinstance(value.get("error"), str):
        return f"the answer is an error: {sound(value['error'])[:200]}"
    return "JSON, but not a list of papers"


class _Window:
    """The text of a long document, decoded piece by piece; `at` moves forward only."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._end = 0  # bytes decoded so far
        self._decode = json.JSONDecoder().raw_decode
        self._text = ""
        self._at = 0
        self.line = 1

    def next_sign(self) -> str:
        """The next character that is not white space; empty at the end."""
        while True:
            while self._at < len(self._text):
                sign = self._text[self._at]
                if sign not in _BLANK:
                    return sign
                self.line += sign == "\n"
                self._at += 1
            if not self._more(_WINDOW):
                return ""

    def skip(self) -> None:
        """Go past the sign just seen."""
        self._at += 1

    def value(self) -> Any:
        """Decode one value, taking in more text while it is incomplete."""
        self.next_sign()
        wanted = _WINDOW
        while True:
            try:
                value, end = self._decode(self._text, self._at)
            except RecursionError as error:
                raise DumpError("nested too deep", line=self.line) from error
            except ValueError as error:
                if len(self._text) - self._at > _LONGEST_ROW:
                    raise DumpError("a row that does not end", line=self.line) from error
                if not self._more(wanted):
                    raise DumpError(self._broken(error), line=self._line_of(error)) from error
                wanted *= 2
            else:
                self.line += self._text.count("\n", self._at, end)
                self._at = end
                return value

    def _more(self, wanted: int) -> bool:
        """Take in more text; a character is never cut in two."""
        if self._end >= len(self._data):
            return False
        end = min(self._end + wanted, len(self._data))
        while end < len(self._data) and self._data[end] & 0xC0 == 0x80:
            end += 1
        self._text = self._text[self._at :] + self._data[self._end : end].decode()
        self._at, self._end = 0, end
        return True

    def _broken(self, error: ValueError) -> str:
        return f"not JSON, or cut: {error.msg}" if isinstance(error, json.JSONDecodeError) else "not JSON"

    def _line_of(self, error: ValueError) -> int:
        if isinstance(error, json.JSONDecodeError):
            return self.line + self._text.count("\n", self._at, error.pos)
        return self.line
