"""Feeds of papers: each kind gives back what it was written from."""

from __future__ import annotations

import datetime as dt
import re
import string
from dataclasses import replace
from typing import Any

import feedparser  # type: ignore[import-untyped]  # it has no types
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from digest.errors import DumpError
from digest.ingest.formats import FORMATS, feed
from digest.ingest.record import Announced, Details, DumpDate, Reading, Record, Reject
from tests.ingest import feeds
from tests.ingest.feeds import ABSTRACT, DAY, KINDS, POST, Listed

LISTED = Listed(doi="10.1000/loaves")
UPDATED = dt.datetime(2026, 11, 18, 12, tzinfo=dt.UTC)


def read(data: bytes) -> Reading:
    """Read as the dispatcher does."""
    return feed.read_json(data) if feed.recognises_json(data) else feed.read(data)


def items(data: bytes) -> list[Record | Reject]:
    """Everything in a feed."""
    return list(read(data).items)


def only(data: bytes) -> Record:
    """The one paper of a feed."""
    (item,) = items(data)
    assert isinstance(item, Record), item
    return item


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_is_recognised_and_named(kind: str) -> None:
    """By its content; the name is one that the ranks know."""
    data = KINDS[kind]([LISTED])
    assert feed.recognises(data) == (kind != "json-feed")
    assert feed.recognises_json(data) == (kind == "json-feed")
    reading = read(data)
    assert reading.format == kind.partition(" ")[0]
    assert reading.format in FORMATS
    assert reading.date == DumpDate(month=11, day=19, year=2026)


@pytest.mark.parametrize(
    ("kind", "different", "details"),
    [
        ("arxiv-rss", {}, Details(categories=("cs.LG", "stat.ML"), version=1, announced=Announced.NEW)),
        (
            "arxiv-rss (RDF)",
            {"doi": None, "published_at": None},
            Details(categories=("cs.LG",), version=1, announced=Announced.NEW),
        ),
        ("arxiv-atom", {}, Details(categories=("cs.LG", "stat.ML"), version=1, announced=Announced.NEW)),
        ("arxiv-atom (API)", {}, Details(categories=("cs.LG", "stat.ML"), version=1, updated_at=UPDATED)),
        ("rss", {}, Details(keywords=("cs.LG", "stat.ML"))),
        ("rss (RDF)", {}, Details(keywords=("cs.LG", "stat.ML"))),
        (
            "atom",
            {},
            Details(keywords=("cs.LG", "stat.ML"), updated_at=dt.datetime(2026, 11, 19, 7, tzinfo=dt.UTC)),
        ),
        ("json-feed", {}, Details(keywords=("cs.LG", "stat.ML"))),
    ],
)
def test_every_field_comes_back(kind: str, different: dict[str, Any], details: Details) -> None:
    """Title, abstract, ids, authors, date and page; tags are categories of arXiv's, or keywords."""
    record = only(KINDS[kind]([LISTED]))
    expected = Record(
        position=1,
        line=record.line,
        title=LISTED.title,
        abstract=ABSTRACT,
        arxiv_id="2611.01234",
        doi="10.1000/loaves",
        authors=("Ada Lind", "Bo Ek"),
        published_at=DAY,
        url="https://arxiv.org/abs/2611.01234",
        details=details,
    )
    assert record == replace(expected, **different)


@pytest.mark.parametrize("kind", KINDS)
def test_records_are_counted_and_their_lines_known(kind: str) -> None:
    """Positions count records; an XML entry starts on its line, a JSON row is known by its number."""
    data = KINDS[kind]([LISTED, replace(LISTED, arxiv_id="2611.01235", title="Rye")])
    first, second = items(data)
    assert isinstance(first, Record)
    assert isinstance(second, Record)
    assert (first.position, second.position) == (1, 2)
    if kind == "json-feed":
        assert (first.line, second.line) == (1, 2)
        return
    lines = data.decode().split("\n")
    for record in (first, second):
        assert any(mark in lines[record.line - 1] for mark in ("<item", "<entry", "<r:item"))
    assert first.line < second.line


_WORD = st.text(string.ascii_letters + "äéøß‐0123456789-+<>&'\"$\\^{}=", min_size=1, max_size=12)
_LINE = st.lists(_WORD, min_size=1, max_size=12).map(" ".join).filter(lambda text: text[:1].isalpha())
_NAME = st.text(string.ascii_letters + "äéøß-'", min_size=1, max_size=10).map(str.capitalize)
#: `A<p>0` is a mark of HTML to whoever reads it in a feed, and no formula.
_TAG = re.compile(r"<[A-Za-z/!?][^<]*>")
_PAPERS = st.lists(
    st.builds(
        Listed,
        title=_LINE.filter(lambda text: text[-1].isalnum() and not _TAG.search(text)),
        abstract=st.lists(_LINE, min_size=1, max_size=5)
        .map(lambda lines: f"{ABSTRACT} {' '.join(lines)}.")
        .filter(lambda text: not _TAG.search(text)),
        authors=st.lists(st.tuples(_NAME, _NAME).map(" ".join), min_size=1, max_size=4, unique=True).map(
            tuple
        ),
        arxiv_id=st.integers(0, 99_999).map(lambda number: f"2611.{number:05}"),
        version=st.integers(1, 12),
        announced=st.sampled_from(["new", "cross", "replace"]),
    ),
    min_size=1,
    max_size=4,
)


@settings(deadline=None, max_examples=40)
@given(papers=_PAPERS, kind=st.sampled_from(list(KINDS)))
def test_known_papers_come_back_from_every_kind(papers: list[Listed], kind: str) -> None:
    """Whatever signs of formulas and mark-up stand in title and abstract."""
    found = items(KINDS[kind](papers))
    assert [
        (item.title, item.abstract, item.authors, item.arxiv_id) for item in found if isinstance(item, Record)
    ] == [(paper.title, paper.abstract, paper.authors, paper.arxiv_id) for paper in papers]
    if kind.startswith("arxiv"):
        versions = [item.details.version for item in found if isinstance(item, Record)]
        assert versions == [paper.version for paper in papers]


@pytest.mark.parametrize("kind", ["rss", "rss (RDF)", "atom"])
def test_feedparser_reads_the_same(kind: str) -> None:
    """Titles, links, tags and dates are those that the usual reader of XML feeds finds."""
    papers = [Listed(title=f"Loaf {number} & crumb", arxiv_id=f"2611.0000{number}") for number in range(5)]
    data = KINDS[kind](papers)
    ours = [item for item in items(data) if isinstance(item, Record)]
    theirs = feedparser.parse(data).entries
    assert [record.title for record in ours] == [entry.title.replace("&amp;", "&") for entry in theirs]
    assert [record.url for record in ours] == [entry.link for entry in theirs]
    assert [record.details.keywords for record in ours] == [
        tuple(tag.term for tag in entry.tags) for entry in theirs
    ]
    when = [(entry.get("published_parsed") or entry["updated_parsed"])[:6] for entry in theirs]
    assert [record.published_at and record.published_at.timetuple()[:6] for record in ours] == when


def test_a_feed_of_posts_is_refused() -> None:
    """Most of its entries have neither an id nor an abstract, and one that links to a paper saves none."""
    posts = [Listed(arxiv_id=None, title=f"Ferries {number}", abstract=POST) for number in range(3)]
    for data in (feeds.rss(posts), feeds.atom([*posts, LISTED]), feeds.json_feed(posts), feeds.rdf(posts)):
        with pytest.raises(
            DumpError, match=r"a feed, but not of papers: 3 of its first [34] entries are none"
        ):
            items(data)


def test_a_long_feed_of_posts_is_not_read_to_its_end() -> None:
    """A thousand posts more than papers say what it is."""
    posts = [Listed(arxiv_id=None, title=f"Ferries {number}", abstract=POST) for number in range(1_100)]
    with pytest.raises(DumpError, match=r"1002 of its first 1003 entries are none"):
        items(feeds.rss([LISTED, *posts]))


def test_a_post_among_papers_is_a_reject() -> None:
    """With its line and the reason; the papers stay."""
    post = Listed(arxiv_id=None, title="Ferries", abstract=POST)
    first, second, third = items(feeds.rss([LISTED, post, LISTED]))
    assert isinstance(first, Record)
    assert isinstance(second, Reject)
    assert second.reason == "neither an id nor an abstract"
    assert isinstance(third, Record)
    assert third.position == 2


def test_an_abstract_makes_a_paper_without_ids() -> None:
    """Journals and proceedings name none at times."""
    record = only(feeds.rss([Listed(arxiv_id=None)]))
    assert (record.arxiv_id, record.doi, record.url) == (None, None, "https://example.org/loaves")
    assert record.abstract == ABSTRACT


def test_an_empty_feed_is_no_dump() -> None:
    """Weekends and holidays of arXiv's, a query that finds nothing, a category without news."""
    for kind in KINDS:
        with pytest.raises(DumpError, match="no papers in it"):
            items(KINDS[kind]([]))
