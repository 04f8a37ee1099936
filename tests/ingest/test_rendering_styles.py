"""Renderings in thousands of styles: what was written comes back, and nothing that was not."""

from __future__ import annotations

import datetime as dt
import sys
from dataclasses import replace
from types import FrameType
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, event, given, settings
from hypothesis import strategies as st

from digest.errors import DumpError
from digest.ingest.formats.rendering import read, recognises
from digest.ingest.record import Record, Reject
from tests.ingest.renderer import Paper, Rendering, Style, render, styles
from tests.ingest.test_rendering import card, page

LINKS = ("numbered", "inline", "bare", "none")
_STARS = {"476": 476, "3.29k": 3290, "1.2k": 1200, "110k": 110_000, "1,204": 1204}
_SHORTEST_ABSTRACT = 400


def expected(paper: Paper, style: Style) -> dict[str, object]:
    """What a document in a style shows of a paper."""
    addresses = style.links in ("inline", "bare") or (style.links == "numbered" and style.definitions)
    dated = style.dates != "none" and paper.published is not None
    stars = paper.stars if style.stars != "none" else None
    short = len(paper.text) < _SHORTEST_ABSTRACT
    return {
        "title": paper.title,
        "abstract": "" if short else paper.text,
        "summary": paper.text if short else "",
        "arxiv_id": paper.arxiv_id if addresses else None,
        "votes": paper.votes if style.votes != "none" else None,
        "comments": paper.comments if dated and style.comments != "none" else None,
        "authors": paper.names,
        "author_count": paper.author_count,
        "organisation": paper.organisation,
        "published": paper.published if dated else None,
        "submitter": paper.submitter if style.submitter != "none" else None,
        "stars": _STARS[stars] if stars else None,
        "code_url": paper.code_url if stars and addresses else None,
    }


def given_by(record: Record) -> dict[str, object]:
    """What the reader made of it."""
    return {
        "title": record.title,
        "abstract": record.abstract,
        "summary": record.details.summary,
        "arxiv_id": record.arxiv_id,
        "votes": record.votes,
        "comments": record.comments,
        "authors": record.authors,
        "author_count": record.details.author_count,
        "organisation": record.details.organisation,
        "published": _date(record.published_at),
        "submitter": record.details.submitter,
        "stars": record.stars,
        "code_url": record.code_url,
    }


def _date(time: dt.datetime | None) -> dt.date | None:
    return time.date() if time else None


def plainly(style: Style) -> Style:
    """A style that leaves nothing open: a head, a stamp, blank lines, addresses, every card whole."""
    return replace(
        style,
        menu=True,
        stamp="captured",
        blank=True,
        definitions=True,
        missing=0.0,
        cut="none",
        count=max(4, style.count),
    )


def read_back(rendering: Rendering) -> list[Record | Reject]:
    """Read a rendering that is recognised."""
    data = rendering.text.encode()
    assert recognises(data)
    return list(read(data).items)


_SLOW = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much]
)


@pytest.mark.parametrize("links", ["numbered", "inline", "bare"])
@_SLOW
@given(data=st.data())
def test_what_is_shown_comes_back(links: str, data: st.DataObject) -> None:
    """Field by field, in order, each paper once, whatever the wrap, marks, menus, feet and order of a card."""
    rendering = render(plainly(data.draw(styles(links))))
    found = read_back(rendering)
    assert [given_by(item) if isinstance(item, Record) else item for item in found] == [
        expected(paper, rendering.style) for paper in rendering.papers
    ]
    assert read(rendering.text.encode()).date == rendering.date


@pytest.mark.parametrize("links", LINKS)
@_SLOW
@given(data=st.data())
def test_nothing_is_made_up(links: str, data: st.DataObject) -> None:
    """In any style with blank lines, also where cards lack fields and the document is cut: a value is right or absent."""
    rendering = render(replace(data.draw(styles(links)), blank=True))
    try:
        found = [item for item in read_back(rendering) if isinstance(item, Record)]
    except DumpError as error:
        event(f"refused: {error.reason[:40]}")
        assume(False)
    by_title = {paper.title: expected(paper, rendering.style) for paper in rendering.papers}
    for record in found:
        shown = given_by(record)
        if rendering.cut and record.title == rendering.cut.title and rendering.style.cut != "marker":
            assert rendering.cut.text.startswith((record.abstract or record.details.summary)[:-10])
            continue
        known = by_title[record.title]
        assert {
            key: value for key, value in shown.items() if value not in (None, "", ()) and value != known[key]
        } == {}


@_SLOW
@given(data=st.data())
def test_a_damaged_rendering_raises_nothing_else(data: st.DataObject) -> None:
    """Whatever is cut out, doubled, swapped or put in: records, rejects or a `DumpError`."""
    text = render(data.draw(styles())).text
    for _ in range(data.draw(st.integers(1, 6))):
        start = data.draw(st.integers(0, len(text)))
        end = min(len(text), start + data.draw(st.integers(0, 300)))
        put = data.draw(
            st.sampled_from(
                ["", "[", "]", "](", "][7]", "\n\n", "**", "### ", "![", "\\", "---\n", "\0", "\ud7ff", "…"]
            )
        )
        text = text[:start] + put + text[end:] + data.draw(st.sampled_from(["", text[start:end]]))
    try:
        for item in read(text.encode(errors="replace")).items:
            assert isinstance(item, Reject) or (item.title and "\0" not in item.title + item.abstract)
    except DumpError:
        event("refused")


@_SLOW
@given(st.binary(max_size=400))
def test_bytes_raise_nothing_else(data: bytes) -> None:
    """Bytes that are no text at all."""
    recognises(data)
    try:
        list(read(data).items)
    except DumpError:
        event("refused")


HOSTILE = {
    "open": "[" * 100_000,
    "closed": "]" * 100_000,
    "nested": "[" * 50_000 + "a" + "](b)" * 50_000,
    "targets": "](" * 100_000,
    "images": "![" * 100_000,
    "headings": "### a\n" * 100_000,
    "linked headings": "### [a\n" * 50_000,
    "marks": "* " * 100_000,
    "quotes": "> " * 100_000,
    "bold": "**" * 100_000,
    "dots": "· " * 100_000,
    "escapes": "\\" * 100_000,
    "tags": "<a " * 100_000,
    "one line": "a word " * 200_000,
    "commas": "Ada Adler, " * 50_000,
    "counts": "1\n" * 100_000,
    "numbers": "".join(f"[{number}]: https://example.org/{number}\n" for number in range(50_000)),
    "spaces": "### a" + " " * 200_000 + "b\n",
    "underlines": "a\n---\n" * 50_000,
    "shown images": "![](a)" * 200_000,
}


@pytest.mark.parametrize("document", HOSTILE.values(), ids=HOSTILE.keys())
@pytest.mark.timeout(120)
def test_hostile_documents_end_soon(document: str) -> None:
    """Neither recursive nor quadratic: each is refused, or rejected, and the limit of the run is far away."""
    recognises(document.encode())
    with pytest.raises(DumpError):
        list(read(document.encode()).items)


REPEATED = [
    "·",
    "1·",
    "Ada·",
    "[a](https://example.org)",
    "[1](https://example.org)·",
    "7\n",
    "[\n",
    "Upvote\n\n",
]


@pytest.mark.parametrize("last", [True, False])
@pytest.mark.parametrize("part", REPEATED)
def test_a_crowded_card_costs_in_step_with_its_size(part: str, last: bool) -> None:
    """Twice as much between two titles, or behind the last one, takes twice the steps."""

    def document(times: int) -> bytes:
        cards = [card(number, "3 authors", "Mar 3") for number in range(3)]
        cards.insert(3 if last else 2, part * times)
        return page(*cards).encode()

    empty = steps(document(0))
    assert steps(document(600)) - empty < 2.1 * (steps(document(300)) - empty)


def steps(data: bytes) -> int:
    """Count the instructions of Python that the reading of a document takes; what it remembers is filled before."""
    list(read(data).items)
    count = 0

    def trace(frame: FrameType, event: str, _: object) -> Any:
        nonlocal count
        frame.f_trace_opcodes, frame.f_trace_lines = True, False
        count += event == "opcode"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        list(read(data).items)
    finally:
        sys.settrace(before)
    return count
