"""Records before they are stored: bounds, keys, and the fields that they give."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import pytest

from digest.ingest.checks import LONGEST_ABSTRACT, LONGEST_TITLE, MOST_AUTHORS, checked, cleaned, given
from digest.ingest.paper import CleanRecord
from digest.ingest.record import Details, Record, Reject

PLAIN = Record(position=1, line=7, title="On Kites", abstract="They fly.")


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        (replace(PLAIN, title="t" * LONGEST_TITLE), None),
        (
            replace(PLAIN, title="t" * (LONGEST_TITLE + 1)),
            "a title of 2,001 characters, over the limit of 2,000",
        ),
        (replace(PLAIN, title="t" * 20_001), "a title of 20,001 characters, over the limit of 2,000"),
        (replace(PLAIN, abstract="a" * LONGEST_ABSTRACT), None),
        (replace(PLAIN, abstract="a" * 50_001), "an abstract of 50,001 characters, over the limit of 50,000"),
        (replace(PLAIN, abstract=" " * 400_000), None),
        (
            replace(PLAIN, abstract=" " * 500_001),
            "an abstract of 500,001 characters, over the limit of 50,000",
        ),
        (replace(PLAIN, authors=("Ada",) * MOST_AUTHORS), None),
        (replace(PLAIN, authors=("Ada",) * 5_001), "5,001 authors, over the limit of 5,000"),
    ],
)
def test_bounds(record: Record, reason: str | None) -> None:
    """Of the clean text, as a raw one may be longer; a raw one beyond all reason is not even cleaned."""
    result = checked(record)
    assert result == (Reject(line=7, reason=reason) if reason else cleaned(record))


def test_the_page_of_an_arxiv_id() -> None:
    """Stands in for a record that names no page."""
    assert cleaned(PLAIN).record.url is None
    assert cleaned(replace(PLAIN, arxiv_id="2401.00001")).record.url == "https://arxiv.org/abs/2401.00001"
    named = replace(PLAIN, arxiv_id="2401.00001", url="https://example.org/")
    assert cleaned(named).record.url == "https://example.org/"


def test_keys() -> None:
    """A title of signs alone names its paper by them; a long one by its beginning and a hash of all of it."""
    assert cleaned(PLAIN).title_key == "on kites"
    assert cleaned(replace(PLAIN, title="?!")).title_key == "?!"
    long, other = (cleaned(replace(PLAIN, title="a" * 400 + end)).title_key for end in ("b", "c"))
    assert long != other
    assert {len(long), len(other)} == {400 + 1 + 64}
    assert cleaned(replace(PLAIN, title="a" * 400)).title_key == "a" * 400


def test_what_a_record_gives() -> None:
    """Each field that it names; nought votes are votes, and an empty text is none."""
    assert isinstance(checked(PLAIN), CleanRecord)
    assert list(given(replace(PLAIN, abstract=""))) == []
    details = Details(
        summary="Short.",
        thumbnail_url="https://example.org/t",
        submitter="ada",
        organisation="Lab",
        keywords=("k",),
    )
    full = replace(
        PLAIN, authors=("Ada",), arxiv_id="2401.00001", doi="10.1/x", votes=0, comments=0, stars=0,
        code_url="https://example.org/c", published_at=dt.datetime(2026, 3, 1, tzinfo=dt.UTC), details=details,
    )  # fmt: skip
    assert sorted(given(full)) == [
        "abstract", "arxiv_id", "authors", "code_url", "comments", "doi", "keywords", "organisation",
        "published_at", "stars", "submitter", "summary", "thumbnail_url", "votes",
    ]  # fmt: skip
