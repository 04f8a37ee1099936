"""The papers page as HTML: by the JSON that it embeds ("papers-page-html"), else by its cards ("papers-cards-html").

Today the JSON is in the `data-props` of the element that its script draws; told by what it holds, not by
the element's name. Cards show less: no authors by name, and an abstract on some pages only.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from digest.errors import DumpError
from digest.ingest.formats import daily_papers
from digest.ingest.formats.html_cards import read_card
from digest.ingest.formats.markup import Tag, attribute, tags
from digest.ingest.formats.values import time
from digest.ingest.formats.window import Window, pieces, unescaped
from digest.ingest.record import DumpDate, Reading, Record, Reject

_PROPS = b"data-props"
_NAMES = frozenset({"html", "body", "article", "time"})
_OBJECT = re.compile(rb"\s*(?:[{\[]|&#0*(?:123|91);|&lbrace;|&lbrack;)")
#: Objects in one page; there are four.
_MOST_OBJECTS = 1_000
#: Bytes; one of 500 authors has 10,000.
_LONGEST_CARD = 1 << 18


def read(data: bytes) -> Reading:
    """Read the page.

    Raises:
        DumpError: It is cut, its JSON is broken, or it lists no papers. While reading cards: they are those
            of a page about something else.
    """
    page = _look_over(data)
    if page.objects:
        opened = [_opening(data, found) for found in page.objects]
        survey = daily_papers.look_over(opened, alone=False)
        if survey.papers:
            items = daily_papers.items(opened, alone=False)
            return Reading(format="papers-page-html", date=survey.date() or page.date, items=items)
        if survey.listed:
            raise DumpError("no papers in it")
    if not page.leads_to_papers:
        raise DumpError("an HTML or XML page that lists no papers", line=1)
    return Reading(format="papers-cards-html", date=page.date, items=_cards(data))


@dataclass(frozen=True, slots=True)
class _Object:
    """JSON in an attribute."""

    start: int
    end: int
    line: int  #: of the page


@dataclass(slots=True)
class _Page:
    """What the tags of a page show."""

    objects: list[_Object] = field(default_factory=list)
    leads_to_papers: bool = False
    date: DumpDate | None = None  #: the first that stands outside the cards


def _opening(data: bytes, found: _Object) -> daily_papers.Opened:
    return lambda: Window(unescaped(pieces(data, found.start, found.end)), line=found.line)


def _look_over(data: bytes) -> _Page:
    page = _Page()
    opened = {"html": 0, "body": 0, "article": 0}
    article: Tag | None = None
    for tag in tags(data, _NAMES, (_PROPS,)):
        if tag.closes:
            if tag.name == "article" and article:
                page.leads_to_papers |= data.find(b"/papers/", article.end, tag.start) >= 0
                article = None
            opened[tag.name] = opened.get(tag.name, 0) - 1
            continue
        if tag.name in opened:
            opened[tag.name] += 1
            article = tag if tag.name == "article" else article
        elif tag.name == "time" and not article:
            page.date = page.date or _date(data, tag)
        _take_object(data, tag, page)
    for name, count in opened.items():
        # Only the last of them may be left out by a page that is whole, and ours leaves out none.
        if count > 0:
            raise DumpError(f"the page is cut: <{name}> does not end", line=data.count(b"\n") + 1)
    return page


def _take_object(data: bytes, tag: Tag, page: _Page) -> None:
    place = attribute(data, tag, _PROPS)
    if not place or not _OBJECT.match(data, *place):
        return
    if len(page.objects) == _MOST_OBJECTS:
        raise DumpError(f"more than {_MOST_OBJECTS} objects in a page")
    page.objects.append(_Object(*place, line=data.count(b"\n", 0, place[0]) + 1))


def _date(data: bytes, tag: Tag) -> DumpDate | None:
    place = attribute(data, tag, b"datetime")
    day = time(data[slice(*place)].decode()) if place and place[1] - place[0] < 40 else None
    return DumpDate(month=day.month, day=day.day, year=day.year) if day else None


def _cards(data: bytes) -> Iterator[Record | Reject]:
    """Give the cards, a doubled one once.

    Raises:
        DumpError: Most articles are no cards: a page about something else, or a text about papers.
    """
    # By their hashes: 64 MB of small cards would take 350 MB.
    seen: set[bytes] = set()
    others: list[int] = []
    for start, end, line in _articles(data):
        card = read_card(data[start:end], line=line) if end - start <= _LONGEST_CARD else None
        if card is None:
            others.append(line)
        elif (known := _hash(card)) not in seen:
            seen.add(known)
            yield replace(card, position=len(seen))
    if not seen:
        raise DumpError("no papers in it", line=others[0])
    if len(others) > len(seen):
        raise DumpError(f"a page about something else: {len(others)} articles are no papers", line=others[0])


def _hash(card: Record) -> bytes:
    """What names a card by all that it says, wherever it stands."""
    return hashlib.blake2b(repr(replace(card, line=0)).encode(), digest_size=16).digest()


def _articles(data: bytes) -> Iterator[tuple[int, int, int]]:
    """Give the innermost articles: start, end, line."""
    counted, line = 0, 1
    start: int | None = None
    for tag in tags(data, frozenset({"article"}), ()):
        if not tag.closes:
            start = tag.start
        elif start is not None:
            line += data.count(b"\n", counted, start)
            counted = start
            yield start, tag.end, line
            start = None
