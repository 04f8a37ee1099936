"""XML feeds: what the head says, and the entries behind it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import chain, islice

from lxml import etree

from digest.errors import DumpError
from digest.ingest.formats.feed import arxiv, elements, markup, papers
from digest.ingest.formats.feed.entry import Entry, newest_day
from digest.ingest.formats.values import sound
from digest.ingest.record import Reading

_ROOTS = {"rss": "rss", "RDF": "rss", "feed": "atom"}
_DATES = {"pubDate", "lastBuildDate", "updated", "modified", "date", "published"}
_ADDRESSES = {"link", "id", "channel"}
#: Entries, where the head names no date.
_LOOKED_AT = 2_000
_ERROR = re.compile(r"\s*Feed error for query\b")


def recognises(data: bytes) -> bool:
    """Tell a feed by its root, behind a declaration, comments and style sheets."""
    return markup.root_name(data) in _ROOTS


def read(data: bytes) -> Reading:
    """Read RSS, RDF or Atom.

    Raises:
        DumpError: The document is broken or declares entities, holds no entry, or is arXiv's word of an error.
    """
    family = _ROOTS.get(markup.root_name(data) or "")
    if family is None:
        raise DumpError("XML, but not a feed", line=1)
    head = _Head()
    entries = _entries(data, head)
    first = next(entries, None)
    head.check()
    if first is None:
        raise DumpError("no papers in it")
    of_arxiv = head.of_arxiv or arxiv.has_marks(first)
    return Reading(
        format=f"arxiv-{family}" if of_arxiv else family,
        date=newest_day(head.dates or _all_dates(data)),
        items=papers.items(chain([first], entries), of_arxiv=of_arxiv),
    )


class _Head:
    """What stands around the entries, as far as it was read."""

    def __init__(self) -> None:
        self.dates: list[str] = []
        self.of_arxiv = False
        self._title = ""
        self._said = ""

    def take(self, element: etree._Element) -> None:
        """Note what an element of the head says."""
        name = elements.local_name(element)
        if name in _DATES:
            self.dates.append(elements.text(element))
        elif name in _ADDRESSES:
            self.of_arxiv = self.of_arxiv or any(map(arxiv.is_arxiv, elements.addresses(element)))
        elif name == "title":
            self._title = elements.text(element)
        elif name in {"description", "subtitle"}:
            self._said = elements.text(element)

    def check(self) -> None:
        """Refuse what arXiv's feeds answer to a category that is none."""
        if _ERROR.match(self._title):
            said = " ".join(self._said[:400].split()) or " ".join(self._title[:400].split())
            raise DumpError(f"arXiv answers with an error: {sound(said)[:200]}")


def _entries(data: bytes, head: _Head) -> Iterator[Entry]:
    for element in markup.parts(data):
        if markup.is_entry(element):
            yield elements.entry(element)
        else:
            head.take(element)


def _all_dates(data: bytes) -> list[str]:
    """Read on for a date of the feed behind its entries, else take those of its first entries."""
    head = _Head()
    entries = islice(_entries(data, head), _LOOKED_AT)
    dates = [date for entry in entries for date in (entry.published, entry.updated)]
    return head.dates or dates
