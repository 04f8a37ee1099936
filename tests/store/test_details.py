"""Details of papers, as they are stored and read back."""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import fields

from digest.ingest.record import NO_DETAILS, Announced, Details
from digest.store.details import details_json, details_of

FULL = Details(
    summary="Short.",
    author_count=3,
    submitter="ada",
    organisation="Lab",
    keywords=("kites", "wind"),
    categories=("cs.LG",),
    project_url="https://example.org/p",
    thumbnail_url="https://example.org/t",
    submitted_at=dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC),
    updated_at=dt.datetime(2026, 3, 2, tzinfo=dt.timezone(dt.timedelta(hours=2))),
    version=2,
    announced=Announced.REPLACE_CROSS,
    withdrawn=True,
)


def test_all_of_them_read_back() -> None:
    """Each field, through the JSON of either engine."""
    stored = json.loads(json.dumps(details_json(FULL)))
    assert stored.keys() == {field.name for field in fields(Details)}
    assert details_of(stored) == FULL


def test_what_is_not_given_is_not_stored() -> None:
    """Most rows hold an empty object."""
    assert details_json(Details()) == details_json(NO_DETAILS) == {}
    assert details_of({}) is NO_DETAILS
    assert details_json(Details(version=1)) == {"version": 1}


def test_what_no_engine_can_hold() -> None:
    """Half a pair of surrogates becomes a mark, in lists too."""
    stored = details_json(Details(summary="a\ud800", keywords=("b\udfff",)))
    assert stored == {"summary": "a?", "keywords": ["b?"]}
