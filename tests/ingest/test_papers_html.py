"""The papers page as HTML."""

from __future__ import annotations

import datetime as dt
import html
import json
import re
import tracemalloc
from dataclasses import replace
from pathlib import Path

import pytest

from digest.errors import DumpError
from digest.ingest.formats import papers_html, read
from digest.ingest.record import NO_DETAILS, DumpDate, Record, Reject
from tests.ingest.pages import card, page, props, rows
from tests.ingest.sample import CARDS


def items(data: bytes) -> list[Record | Reject]:
    """Read a page."""
    return list(papers_html.read(data).items)


def papers(data: bytes) -> list[Record]:
    """Read a page that holds nothing but papers."""
    found = items(data)
    records = [item for item in found if isinstance(item, Record)]
    assert len(records) == len(found)
    return records


def refused(data: bytes) -> tuple[str, int]:
    """Read a page that is refused: why, and where."""
    with pytest.raises(DumpError) as refusal:
        items(data)
    return refusal.value.reason, refusal.value.line


def test_the_embedded_rows_are_those_of_the_api() -> None:
    """Each record equals that of the same rows as JSON; the page names its day."""
    data = page(
        props({"isWide": False}, "MainHeader"),
        props({"dailyPapers": rows(), "date": "2024-08-01T00:00:00.000Z"}),
    )
    reading = read(data)
    assert (reading.format, reading.date) == ("papers-page-html", DumpDate(year=2024, month=8, day=1))
    assert list(reading.items) == list(read(json.dumps(rows()).encode()).items)


def test_cards_beside_the_embedded_rows_are_not_read() -> None:
    """They show the same papers, with less of them."""
    data = page(props({"dailyPapers": rows()}), card(1), card(2), card(9))
    assert [record.abstract for record in papers(data)] == [abstract for _, abstract in CARDS[:3]]


@pytest.mark.parametrize(
    "element",
    [
        "<section data-props='{}' data-target=\"Other\"></section>",
        "<section\n\tdata-props = '{}'></section>",
        "<x-list id=1 title='a > b' data-props='{}' /></x-list>",
        '<p title="data-props=5" data-old-data-props="5" data-props=\'{}\'>',
    ],
)
def test_the_rows_are_found_wherever_they_are(element: str) -> None:
    """By what the attribute holds, whatever the element, its quotes and the name of the list."""
    value = html.escape(json.dumps({"trending": rows()})).replace("&quot;", '"')
    assert len(papers(page(element.replace("{}", value)))) == 3
    bare = html.escape(json.dumps(rows()), quote=False).replace("'", "&#39;")
    assert len(papers(page(element.replace("{}", bare)))) == 3
    numeric = "&#x7B;" + value[1:]
    assert len(papers(page(element.replace("{}", "&#123;" + numeric[6:])))) == 3


def test_two_lists_on_one_page_are_both_read() -> None:
    """In one object or in two, numbered through."""
    found = rows(4)
    for data in (
        page(props({"dailyPapers": found[:1], "searchResults": found[1:]})),
        page(props({"dailyPapers": found[:1]}), props({"papers": found[1:]}, "Trending")),
    ):
        assert [(item.position, item.title) for item in papers(data)] == list(
            enumerate((t for t, _ in CARDS[:4]), 1)
        )


def test_a_paper_that_a_component_draws_is_no_list() -> None:
    """Such as the button to vote for it."""
    assert refused(page(props(rows()[0], "Vote"))) == ("an HTML or XML page that lists no papers", 1)


def test_the_page_dates_what_its_rows_do_not() -> None:
    """By the first time that stands outside its cards."""
    undated = rows()
    for row in undated:
        del row["publishedAt"]
    time = '<time datetime="2024-08-03T00:00:00.000Z">3</time><time datetime="2024-08-04">4</time>'
    day = DumpDate(year=2024, month=8, day=3)
    assert papers_html.read(page(time, props({"dailyPapers": undated}))).date == day
    assert papers_html.read(page(card(more='<time datetime="2024-05-05">'), time, card(2))).date == day
    for none in (
        "<time>3</time>",
        "<time datetime=soon>",
        f"<time datetime='2024-08-03{' ' * 40}'>",
        "</time>",
    ):
        assert papers_html.read(page(none, card())).date is None


def test_cards_are_read_where_nothing_is_embedded() -> None:
    """What a card shows is kept, what it does not show is absent."""
    more = '<ul><li title="bo"><img src="/avatars/1.svg"></li><li>· <b>3 authors</b></li></ul>'
    reading = papers_html.read(page(card(1, more=more), card(2, votes=None), card(3, comments=None)))
    assert reading.format == "papers-cards-html"
    first, second, third = reading.items
    assert first == Record(
        position=1,
        line=6,
        title=CARDS[0][0],
        abstract="",
        arxiv_id="2408.00001",
        votes=94,
        comments=5,
        url="https://huggingface.co/papers/2408.00001",
        details=replace(NO_DETAILS, author_count=3, thumbnail_url="https://pictures.example/1.png"),
    )
    assert isinstance(second, Record)
    assert isinstance(third, Record)
    assert (second.votes, second.comments, second.line) == (None, 5, 12)
    assert (third.votes, third.comments, third.position) == (94, None, 3)


def test_a_card_that_stands_twice_is_given_once() -> None:
    """As pages print it for wide and for narrow windows; one that says more is given again."""
    data = page(card(1), card(2), card(1), card(1, votes="95"))
    assert [(item.arxiv_id, item.votes, item.position) for item in papers(data)] == [
        ("2408.00001", 94, 1), ("2408.00002", 94, 2), ("2408.00001", 95, 3),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "said", [{"date": "2020-01-01"}, {"dateString": "2020-01-01"}, {"periodType": "month"}]
)
def test_another_object_dates_no_papers(said: dict[str, str]) -> None:
    """A date that stands elsewhere in the page is not that of its list: a day's papers would pass for old ones."""
    listed, other = props({"dailyPapers": rows(1), "dateString": "2024-08-02"}), props(said, "Other")
    for parts in ((listed, other), (other, listed), (other, listed, other)):
        assert read(page(*parts)).date == DumpDate(month=8, day=2, year=2024)


def test_cards_given_are_let_go() -> None:
    """What tells a doubled card is short, so that a page of small cards takes no multiple of its size."""
    data = page(*(card(number % 3 + 1, title=f"Bread {number} {'rye ' * 4_000}") for number in range(300)))
    tracemalloc.start()
    count = sum(1 for _ in read(data).items)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert count == 300
    assert peak < 3_500_000


def test_articles_about_something_else_are_passed_over() -> None:
    """As long as most are cards."""
    other = '<article><h3><a href="/models/x">A model</a></h3></article>'
    assert len(papers(page(card(1), other, card(2)))) == 2
    assert refused(page(other, card(1), other)) == (
        "a page about something else: 2 articles are no papers",
        6,
    )
    long = card(1).replace("<svg>", "<svg>" + " " * (1 << 18))
    assert len(papers(page(card(2), long))) == 1
    assert len(papers(page(f"<article>{card(1)}{card(2)}</article>"))) == 2
    assert len(papers(page("</article>", card(1)))) == 1


BLOG = page("<article><h1>Ten papers</h1>" + "".join(
    f'<h3><a href="/papers/2408.0000{number}">{title}</a></h3><p>{text}</p>' for number, (title, text) in enumerate(CARDS[:9])
) + "</article>")  # fmt: skip


@pytest.mark.parametrize(
    ("data", "reason", "line"),
    [
        (BLOG, "no papers in it", 6),
        (page("<h1>429</h1><p>Too many requests</p>"), "an HTML or XML page that lists no papers", 1),
        (page('<form action="/login"><input name="user"><input type="password"></form>'),
         "an HTML or XML page that lists no papers", 1),
        (page("<article><h3>Our harbour</h3><p>A ferry came.</p></article>"), "an HTML or XML page that lists no papers", 1),
        (page(props({"dailyPapers": []})), "no papers in it", 0),
        (page(props({"dailyPapers": []}), card()), "no papers in it", 0),
        (page(props({"models": [{"id": "a/b"}]})), "an HTML or XML page that lists no papers", 1),
        (b"<p>hello", "an HTML or XML page that lists no papers", 1),
        (b"<?xml version='1.0'?><rss/>", "an HTML or XML page that lists no papers", 1),
        (page(card()).replace(b"</html>\n", b""), "the page is cut: <html> does not end", 13),
        (page(card()).replace(b"</article></div>", b""), "the page is cut: <article> does not end", 14),
        (page(card()) + b"<!-- saved", "the page is cut: a comment does not end", 14),
        (page(card()) + b"<script> x", "the page is cut: a script or style does not end", 14),
        (page(card()) + b"<p class='", "the page is cut: a tag does not end", 14),
        (page(card()) + b"</p", "the page is cut: a tag does not end", 14),
        (page("<p>", props({"dailyPapers": rows()}).replace("}]", "}")),
         "not JSON, or cut: Expecting ',' delimiter", 7),
        (page("<b data-props='{}'></b>" * 1001), "more than 1000 objects in a page", 0),
    ],
)  # fmt: skip
def test_other_pages_are_refused(data: bytes, reason: str, line: int) -> None:
    """A text about papers, an error, a form, an empty list, a cut page."""
    assert refused(data) == (reason, line)


def test_attributes_that_hold_no_json_are_passed_over() -> None:
    """Other sites use the name for other things."""
    data = page(
        "<b data-props=wide></b><b data-props></b><b data-props='a {'></b></b data-props='{'>", card()
    )
    assert len(papers(data)) == 1


def test_a_page_without_a_frame_is_read() -> None:
    """What a person saved of it may be the list only."""
    assert len(papers(card(1).encode())) == 1
    assert len(papers(props({"dailyPapers": rows()}).encode())) == 3


def test_a_page_cut_anywhere_is_refused() -> None:
    """With its JSON or with cards: never half a page."""
    for data in (page(props({"dailyPapers": rows()})), page(card(1), card(2))):
        whole = data.rstrip()
        for end in range(len(whole)):
            refused(whole[:end])


@pytest.mark.parametrize(
    "inside",
    ["<div>" * 100_000, "<article>" * 50_000, "<b data-props='" + "[" * 100_000 + "'>", "<" * 300_000, "<a " * 100_000,
     "<!--" * 100_000, "<article><h3><a href=/papers/2408.00001>" + "<div>" * 40_000 + "</article>"],
)  # fmt: skip
def test_no_depth_of_markup_harms(inside: str) -> None:
    """Elements in elements, brackets in brackets, and what never ends."""
    refused(page(inside))


def test_the_real_page_gives_its_papers(shared_data: Path) -> None:
    """13, each field as the JSON in the page has it; and 13 by the cards alone."""
    data = (shared_data / "dumps" / "hf_papers_page_2024-08-01.html").read_bytes()
    found = re.search(r'data-target="DailyPapers" data-props="([^"]*)"', data.decode())
    assert found
    given = json.loads(html.unescape(found[1]))["dailyPapers"]
    reading = read(data)
    records = [item for item in reading.items if isinstance(item, Record)]
    assert (reading.format, reading.date) == ("papers-page-html", DumpDate(year=2024, month=8, day=1))
    assert len(records) == len(given) == 13
    for record, row in zip(records, given, strict=True):
        paper = row["paper"]
        assert (record.title, record.abstract) == (paper["title"], paper["summary"])
        assert (record.arxiv_id, record.votes, record.comments) == (
            paper["id"],
            paper["upvotes"],
            row["numComments"],
        )
        assert record.authors == tuple(one["name"] for one in paper["authors"] if not one["hidden"])
        assert record.published_at == dt.datetime.fromisoformat(paper["publishedAt"])
        assert record.details == replace(
            NO_DETAILS, submitter=row["submittedBy"]["name"], thumbnail_url=row["thumbnail"]
        )

    stripped = re.sub(rb'data-props="[^"]*"', b'data-props=""', data)
    reading = read(stripped)
    cards = [item for item in reading.items if isinstance(item, Record)]
    assert (reading.format, reading.date) == ("papers-cards-html", DumpDate(year=2024, month=8, day=1))
    assert len(cards) == 13
    for card_, record, row in zip(cards, records, given, strict=True):
        picture = card_.details.thumbnail_url
        assert picture in (None, record.details.thumbnail_url)
        assert card_ == replace(
            record,
            line=card_.line,
            title=" ".join(record.title.split()),
            abstract="",
            authors=(),
            published_at=None,
            details=replace(record.details, author_count=len(row["paper"]["authors"]), thumbnail_url=picture),
        )
    # One of them shows a film.
    assert sum(card_.details.thumbnail_url is None for card_ in cards) == 1


def test_the_real_page_cut_anywhere_is_refused(shared_data: Path) -> None:
    """At 200 offsets, with its JSON and without."""
    data = (shared_data / "dumps" / "hf_papers_page_2024-08-01.html").read_bytes().rstrip()
    for whole in (data, re.sub(rb'data-props="[^"]*"', b'data-props=""', data)):
        for number in range(200):
            with pytest.raises(DumpError):
                list(read(whole[: number * len(whole) // 200]).items)
