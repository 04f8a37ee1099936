"""The query API of arXiv: the newest submissions of some categories, page by page."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

from digest.sources.request import Kind, Request, never, shown, with_query
from digest.sources.source import Source

#: Papers on a page. Larger ones were answered slowly, or with nothing.
PAGE = 200
#: Pages of one look: the announcements of a Monday in the four busiest categories fit.
PAGES_MAX = 5


def requests(source: Source, day: dt.date) -> Iterator[Request]:
    """The pages, newest papers first.

    Source:
        arXiv API User's Manual, "Query Interface": `search_query`, `start`, `max_results`, `sortBy`.
    """
    query = " OR ".join(f"cat:{category}" for category in source.categories)
    for start in range(0, PAGE * PAGES_MAX, PAGE):
        url = with_query(
            source.url,
            search_query=query,
            sortBy="submittedDate",
            sortOrder="descending",
            start=start,
            max_results=PAGE,
        )
        name = f"{shown(source.url)}?search_query={query.replace(' ', '+')}&start={start}"
        # A first page without papers is a fault, of arXiv or in a category's name; a later one is the end.
        blank = _lists_nothing if start else never
        yield Request(url=url, name=name, seen_on=day, goes_on=True, blank=blank)


def _lists_nothing(data: bytes) -> bool:
    return b"<entry" not in data


#: Once a day is enough, for papers are announced once a day; three seconds between two requests, and one
#: connection at a time, are asked for by the Terms of Use for arXiv APIs, "Rate limits".
KIND = Kind(
    requests=requests,
    takes=frozenset({"categories"}),
    needs=frozenset({"categories"}),
    url="https://export.arxiv.org/api/query",
    every=dt.timedelta(days=1),
    pause=dt.timedelta(seconds=3),
    least_pause=dt.timedelta(seconds=3),
)
