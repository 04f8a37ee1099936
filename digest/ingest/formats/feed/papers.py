"""Which entries of a feed are papers, and the records in them.

An entry with an arXiv id or a DOI is a paper. One without needs a text that reads like an abstract; most
feeds are of posts, and a missed paper is better than a post in the mail.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator
from dataclasses import replace
from urllib.parse import quote

from digest.errors import DumpError
from digest.ingest.arxiv import arxiv_id, paper_url, versioned_id
from digest.ingest.doi import doi
from digest.ingest.formats import values
from digest.ingest.formats.feed import abstracts, arxiv, people
from digest.ingest.formats.feed.entry import Entry, Text, instant
from digest.ingest.formats.values import sound, web_url
from digest.ingest.record import Announced, Details, Record, Reject

#: Characters; ids and addresses that are longer are none.
_LONGEST_NAME = 2_000
#: Characters; the papers of 5,000 authors have a tenth.
_LONGEST_AUTHORS = 1_000_000
#: Entries; a long feed is not read to its end to see what it is.
_PATIENCE = 1_000
_REPLACED = {Announced.REPLACE, Announced.REPLACE_CROSS}


def items(entries: Iterable[Entry], *, of_arxiv: bool) -> Iterator[Record | Reject]:
    """Give records and rejects.

    Raises:
        DumpError: Most entries are no papers, or the only one is an error of arXiv's.
    """
    papers = others = 0
    for entry in entries:
        item = _item(entry, papers + 1, of_arxiv=of_arxiv)
        if isinstance(item, Record):
            papers += 1
        else:
            others += 1
        yield item
        if others > papers + _PATIENCE:
            break
    if others > papers:
        raise DumpError(
            f"a feed, but not of papers: {others} of its first {papers + others} entries are none"
        )


def _item(entry: Entry, position: int, *, of_arxiv: bool) -> Record | Reject:
    if any(arxiv.is_error(name) for name in entry.names):
        raise DumpError(f"arXiv answers with an error: {_said(entry)}", line=entry.line)
    title = abstracts.shown(entry.title, of_arxiv=of_arxiv).replace("\n", " ")
    entry, title = _without_arxiv_marks(entry, title)
    if not title:
        return Reject(line=entry.line, reason="an entry without a title")
    ids = _ids(entry.names)
    if len(ids) > 1:
        return Reject(line=entry.line, reason="an entry that names two papers of arXiv")
    identifier, version = next(iter(ids.items()), (None, None))
    name = next((found for text in entry.names for part in _parts(text) if (found := doi(part))), None)
    abstract, summary = abstracts.abstract_and_summary(entry.texts, of_arxiv=of_arxiv)
    if identifier is None and name is None and not abstracts.reads_like_an_abstract(abstract, entry.texts):
        return Reject(line=entry.line, reason="neither an id nor an abstract")
    published, updated = _times(entry)
    return Record(
        position=position,
        line=entry.line,
        title=sound(title),
        abstract=sound(abstract),
        arxiv_id=identifier,
        doi=name,
        authors=_authors(entry.authors, of_arxiv=of_arxiv),
        published_at=published,
        url=_url(entry, identifier, name, of_arxiv=of_arxiv),
        details=Details(
            summary=values.summary(summary),
            keywords=() if of_arxiv else values.keywords(entry.tags),
            categories=_categories(entry) if of_arxiv else (),
            thumbnail_url=web_url(entry.image),
            updated_at=updated,
            version=version,
            announced=arxiv.announced(entry.announced),
            withdrawn=identifier is not None and arxiv.is_withdrawn(abstract, entry.comment),
        ),
    )


def _said(entry: Entry) -> str:
    return sound(" ".join(" ".join(text.raw[:400].split()) for text in entry.texts[:1]))[:200]


def _without_arxiv_marks(entry: Entry, title: str) -> tuple[Entry, str]:
    """Take what arXiv wrote around title and abstract for what it says; mirrors of its feeds keep it."""
    if older := arxiv.without_suffix(title):
        identifier, category, kind, title = older
        entry = replace(
            entry,
            names=(*entry.names, identifier),
            announced=entry.announced or kind,
            primary=entry.primary or category,
        )
    if entry.texts and (parted := arxiv.without_preamble(entry.texts[0].raw)):
        identifier, kind, abstract = parted
        entry = replace(
            entry,
            names=(*entry.names, identifier),
            announced=entry.announced or kind,
            texts=(Text(raw=abstract, is_html=False), *entry.texts[1:]),
        )
    return entry, title


def _ids(names: Iterable[str]) -> dict[str, int | None]:
    """The arXiv ids that are named, each with the version that is."""
    found: dict[str, int | None] = {}
    for name in names:
        if len(name) <= _LONGEST_NAME and (paper := versioned_id(name)):
            found[paper[0]] = found.get(paper[0]) or paper[1]
    return found


def _parts(name: str) -> list[str]:
    """A paper of several DOIs has them in one text."""
    return name.split() if " " in name[:_LONGEST_NAME] else [name]


def _times(entry: Entry) -> tuple[dt.datetime | None, dt.datetime | None]:
    """When the paper came out, and when its newest version did; arXiv dates announcements, not papers."""
    published = instant(entry.published)
    if not entry.announced:
        return published, instant(entry.updated)
    kind = arxiv.announced(entry.announced)
    return published if kind is Announced.NEW else None, published if kind in _REPLACED else None


def _authors(texts: tuple[str, ...], *, of_arxiv: bool) -> tuple[str, ...]:
    if sum(map(len, texts)) > _LONGEST_AUTHORS:
        return ()
    named = people.listed(texts) if of_arxiv else people.names(texts)
    return tuple(found for name in named if (found := values.name(name)))


def _categories(entry: Entry) -> tuple[str, ...]:
    listed = (entry.primary, *entry.tags)
    return tuple(dict.fromkeys(category for category in listed if arxiv.is_category(category)))


def _url(entry: Entry, identifier: str | None, name: str | None, *, of_arxiv: bool) -> str | None:
    """The page that the feed names, where it is the paper's own."""
    page = next(iter(entry.links), None)
    if identifier and (of_arxiv or page is None or arxiv_id(page) is None):
        return paper_url(identifier)
    return page or (f"https://doi.org/{quote(name, safe='/:;()')}" if name else None)
