"""`daily-papers-json`: answers of `GET /api/daily_papers`, older and newer fields alike.

The same rows also come wrapped in an object, one paper may come alone, and the papers page embeds them. The
rows are walked twice, because the date of the dump may stand behind them; so all that is broken is found
before the first record is given.
"""

from __future__ import annotations

import datetime as dt
import re
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

from digest.errors import DumpError
from digest.ingest.arxiv import arxiv_id
from digest.ingest.formats.values import count, keywords, name, summary, text, time, web_url
from digest.ingest.formats.window import Window, pieces
from digest.ingest.record import Details, DumpDate, Reading, Record, Reject

_FORMAT = "daily-papers-json"
#: Names that hold the list where it comes wrapped; any other does as well if its first row is a paper.
_LISTS = frozenset({"papers", "dailyPapers", "searchResults"})
#: What is kept of an object: what makes a paper that comes alone, and what is said of the list.
_PAPER = frozenset(
    {"id", "title", "summary", "authors", "upvotes", "publishedAt", "submittedOnDailyAt", "submittedOnDailyBy",
     "submittedBy", "githubRepo", "githubStars", "projectPage", "thumbnail", "organization", "ai_summary",
     "ai_keywords", "paper", "numComments"}
)  # fmt: skip
_SAID = frozenset({"date", "dateString", "periodType", "error", "message", "detail"})
#: Rows kept of a list that lists no papers: the authors of one paper.
_MOST_KEPT = 10_000
#: Characters of all that is kept of an object, as of the longest value.
_LONGEST_KEPT = 12 << 20
#: Rows that are no papers, beyond as many as there are papers: a list of something else.
_PATIENCE = 1_000
_PAGE = "https://huggingface.co/papers/"
#: An id that leads to a page of papers, and to no other page.
_NAMES_A_PAGE = re.compile(r"\w[\w.-]{0,99}(?:/\d{7})?", re.ASCII)


def read(data: bytes) -> Reading:
    """Read the answer.

    Raises:
        DumpError: Not JSON, an error in place of a list, no list of papers, or an empty one.
    """

    def opened() -> Window:
        return Window(pieces(data))

    survey = look_over([opened], alone=True)
    if problem := _problem(survey):
        raise DumpError(f"the answer is an error: {problem}", line=1)
    if not survey.papers:
        raise DumpError(_what_else(survey), line=0 if survey.listed else 1)
    return Reading(format=_FORMAT, date=survey.date(), items=items([opened], alone=True))


Opened = Callable[[], Window]


@dataclass(slots=True)
class Survey:
    """What only the whole of a document shows."""

    papers: int = 0
    listed: bool = False  #: a list is there that holds papers on other days
    said: dict[str, Any] = field(default_factory=dict)  #: of the list: its date, or an error
    submitted: str = ""  #: newest day of submission, ISO
    published: str = ""  #: newest day of publication on the page, ISO

    def add(self, row: Mapping[str, Any], paper: Mapping[str, Any]) -> None:
        """Take one row into account."""
        self.papers += 1
        self.submitted = max(self.submitted, _day(paper.get("submittedOnDailyAt")))
        self.published = max(self.published, _day(row.get("publishedAt")))

    def date(self) -> DumpDate | None:
        """Give the day that the list names, else the newest of its rows.

        A list of a week or a month names its first day, on which most of its papers were not known.
        """
        named = _day(self.said.get("date")) or _day(self.said.get("dateString"))
        of_one_day = self.said.get("periodType", "day") == "day"
        newest = (named if of_one_day else "") or self.submitted or self.published
        if not newest:
            return None
        day = dt.date.fromisoformat(newest)
        return DumpDate(month=day.month, day=day.day, year=day.year)


def look_over(documents: Iterable[Opened], *, alone: bool) -> Survey:
    """Walk documents to their ends.

    Args:
        documents: What opens each of them anew.
        alone: Whether a paper that comes alone counts, and not in lists only.

    Raises:
        DumpError: One of them is not JSON.
    """
    survey = Survey()
    for opened in documents:
        for row in _rows(opened(), survey, alone=alone):
            paper = _paper(row)
            if paper is not None:
                survey.add(row, paper)
    return survey


def items(documents: Iterable[Opened], *, alone: bool) -> Iterator[Record | Reject]:
    """Give the papers of documents that were looked over, numbered through.

    Raises:
        DumpError: Most rows are no papers.
    """
    position = number = 0
    for opened in documents:
        for row in _rows(opened(), Survey(), alone=alone):
            number += 1
            item = _item(row, number, position + 1)
            position += isinstance(item, Record)
            if number - position > position + _PATIENCE:
                raise DumpError(
                    f"JSON, but not a list of papers: {number - position} of its first {number} rows are none"
                )
            yield item


def _what_else(survey: Survey) -> str:
    return "no papers in it" if survey.listed else "JSON, but not a list of papers"


def _problem(survey: Survey) -> str:
    """Give the words of an error, shortened; "" where there is none."""
    said = survey.said
    error = said.get("error") or (None if survey.papers else said.get("message") or said.get("detail"))
    words = error.get("message") if isinstance(error, Mapping) else error
    return text(words)[:200]


def _rows(window: Window, survey: Survey, *, alone: bool) -> Iterator[Any]:
    """Walk a document, giving the rows of each list of papers in it; or the paper that it is itself."""
    if window.next_sign() == "[":
        survey.listed = True
        yield from window.rows()
    elif window.next_sign() == "{":
        kept: dict[str, Any] = {}
        before = survey.papers
        yield from _rows_of_object(window, survey, kept)
        # What another object of a page says of a date is not said of its papers.
        if alone or survey.papers > before:
            survey.said |= {key: value for key, value in kept.items() if key in _SAID}
        if alone and not survey.listed and _paper(kept) is not None:
            yield kept
    else:
        raise DumpError("JSON, but not a list of papers", line=window.line)
    window.end()


def _rows_of_object(window: Window, survey: Survey, kept: dict[str, Any]) -> Iterator[Any]:
    room = _LONGEST_KEPT
    for key in window.members():
        start = window.passed
        if window.next_sign() != "[":
            value = window.value()
            if key in _PAPER or key in _SAID:
                kept[key] = value
                room -= window.passed - start
        else:
            rows = window.rows()
            first = next(rows, None)
            is_list = _paper(first) is not None
            survey.listed |= is_list or key in _LISTS
            if is_list:
                yield first
                yield from rows
            elif key in _PAPER:
                kept[key] = _first_rows(chain([first], rows), window, room)
                room -= window.passed - start
            else:
                deque(rows, maxlen=0)
        if room < 0:
            raise DumpError("a paper longer than any is", line=window.line)


def _first_rows(rows: Iterator[Any], window: Window, room: int) -> list[Any]:
    """Keep as many as are looked at, and as there is room for; the others are walked past."""
    start = window.passed
    return [row for number, row in enumerate(rows) if number < _MOST_KEPT and window.passed - start <= room]


def _paper(row: object) -> Mapping[str, Any] | None:
    """Give the paper of a row: within it, or the row itself if its fields are those of a paper."""
    if not isinstance(row, Mapping):
        return None
    paper = row.get("paper")
    if isinstance(paper, Mapping):
        return paper
    identifier, title = row.get("id"), row.get("title")
    if isinstance(identifier, str) and isinstance(title, str) and arxiv_id(identifier):
        return row if isinstance(row.get("summary"), str) or "upvotes" in row else None
    return None


def _item(row: Any, number: int, position: int) -> Record | Reject:
    paper = _paper(row)
    if paper is None:
        return Reject(line=number, reason="a row without a paper")
    title, identifier = text(paper.get("title")), text(paper.get("id")).strip()
    if not title.strip():
        return Reject(line=number, reason="a paper without a title")
    if not identifier:
        return Reject(line=number, reason="a paper without an id")
    return Record(
        position=position,
        line=number,
        title=title,
        abstract=text(paper.get("summary")),
        arxiv_id=arxiv_id(identifier),
        authors=_authors(paper.get("authors")),
        votes=count(paper.get("upvotes")),
        comments=count(row.get("numComments")),
        stars=count(paper.get("githubStars")),
        # Of the paper: that of the row is another day in older answers.
        published_at=time(paper.get("publishedAt")),
        url=_PAGE + identifier if _NAMES_A_PAGE.fullmatch(identifier) else None,
        code_url=web_url(paper.get("githubRepo")),
        details=_details(row, paper),
    )


def _details(row: Mapping[str, Any], paper: Mapping[str, Any]) -> Details:
    return Details(
        summary=summary(paper.get("ai_summary")),
        submitter=_name(paper.get("submittedOnDailyBy"), "user")
        or _name(row.get("submittedBy"), "user", "name"),
        organisation=_name(paper.get("organization"), "fullname", "name")
        or _name(row.get("organization"), "fullname", "name"),
        keywords=keywords(paper.get("ai_keywords")),
        project_url=web_url(paper.get("projectPage")),
        thumbnail_url=web_url(row.get("thumbnail")) or web_url(paper.get("thumbnail")),
        submitted_at=time(paper.get("submittedOnDailyAt")),
    )


def _name(value: object, *keys: str) -> str | None:
    """Give the first name that an account has under these keys."""
    account = value if isinstance(value, Mapping) else {}
    return next((found for key in keys if (found := name(account.get(key)))), None)


def _authors(value: object) -> tuple[str, ...]:
    rows = value if isinstance(value, list) else []
    named = (row for row in rows if isinstance(row, dict) and row.get("hidden") is not True)
    return tuple(author for row in named if (author := name(row.get("name"))))


def _day(value: object) -> str:
    moment = time(value)
    return moment.date().isoformat() if moment else ""
