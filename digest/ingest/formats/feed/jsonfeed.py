"""JSON Feed, versions 1 and 1.1, read row by row."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator

from digest.errors import DumpError
from digest.ingest.formats import values
from digest.ingest.formats.feed import papers
from digest.ingest.formats.feed.entry import Entry, Text, newest_day
from digest.ingest.formats.window import Window, pieces
from digest.ingest.record import DumpDate, Reading

_FORMAT = "json-feed"
_MAY_BE = re.compile(rb'"version"\s*:\s*"https?:\\?/\\?/(?:www\.)?jsonfeed\.org\b|"items"\s*:\s*\[')
_VERSION = re.compile(r"https?://(?:www\.)?jsonfeed\.org\b")


def recognises(data: bytes) -> bool:
    """Tell an object that names the version of JSON Feed, or has items that are no rows of the daily papers.

    What an object further in has says nothing: the papers page wraps its list in more and more.
    """
    if not data[:64].lstrip().startswith(b"{") or not _MAY_BE.search(data):
        return False
    window = Window(pieces(data))
    window.next_sign()
    try:
        return any(_is_mark(key, window) for key in window.members())
    except DumpError:
        return False


def _is_mark(key: str, window: Window) -> bool:
    """Tell by one member, and read it."""
    if window.next_sign() != "[":
        value = window.value()
        return key == "version" and _VERSION.match(values.text(value)) is not None
    rows = window.rows()
    first = next(rows, None)
    if key == "items":
        return not (isinstance(first, dict) and isinstance(first.get("paper"), dict))
    deque(rows, maxlen=0)
    return False


def read(data: bytes) -> Reading:
    """Read a JSON Feed. Its head names no date, so the newest of its items dates it; the rows are read twice.

    Raises:
        DumpError: Not JSON, no list of items, or an empty one.

    Source:
        https://www.jsonfeed.org/version/1.1/
    """
    return Reading(format=_FORMAT, date=_newest(data), items=papers.items(_entries(data), of_arxiv=False))


def _newest(data: bytes) -> DumpDate | None:
    newest: DumpDate | None = None
    found = False
    for row in _rows(data):
        found = True
        if isinstance(row, dict):
            days = (newest_day([values.text(row.get(key))]) for key in ("date_modified", "date_published"))
            newest = max(filter(None, (newest, *days)), key=_order, default=None)
    if not found:
        raise DumpError("no papers in it")
    return newest


def _order(date: DumpDate) -> tuple[int, int, int]:
    return date.year or 0, date.month, date.day


def _rows(data: bytes) -> Iterator[object]:
    window = Window(pieces(data))
    if window.next_sign() != "{":
        raise DumpError("JSON, but not a feed", line=1)
    listed = False
    for key in window.members():
        if key == "items" and window.next_sign() == "[":
            listed = True
            yield from window.rows()
        else:
            window.value()
    window.end()
    if not listed:
        raise DumpError("JSON, but not a feed: it lists no items", line=1)


def _entries(data: bytes) -> Iterator[Entry]:
    for number, row in enumerate(_rows(data), start=1):
        yield _entry(row if isinstance(row, dict) else {}, number)


def _entry(row: dict[str, object], number: int) -> Entry:
    text = {key: values.text(value) for key, value in row.items()}
    links = [text.get(key, "") for key in ("external_url", "url", "id")]
    texts = (("summary", False), ("content_text", False), ("content_html", True))
    return Entry(
        line=number,
        title=Text(raw=text.get("title", ""), is_html=False),
        texts=tuple(Text(raw=text[key], is_html=is_html) for key, is_html in texts if text.get(key)),
        names=tuple(link for link in links if link),
        links=tuple(dict.fromkeys(url for link in links if (url := values.web_url(link)))),
        authors=_authors(row),
        published=text.get("date_published", ""),
        updated=text.get("date_modified", ""),
        tags=tuple(dict.fromkeys(tag for tag in _texts(row.get("tags")) if tag)),
        image=text.get("image") or text.get("banner_image", ""),
    )


def _authors(row: dict[str, object]) -> tuple[str, ...]:
    """Version 1 has one author, 1.1 a list of them, which counts first."""
    listed = row.get("authors")
    people = listed if isinstance(listed, list) else [row.get("author")]
    return tuple(
        name for one in people if isinstance(one, dict) and (name := values.text(one.get("name")).strip())
    )


def _texts(value: object) -> list[str]:
    return [" ".join(values.text(one).split()) for one in value] if isinstance(value, list) else []
