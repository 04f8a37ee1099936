"""The fifty real days of API answers, every field of every record against the JSON as the library reads it."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from typing import Any

import pytest

from digest.errors import DumpError
from digest.ingest.formats import read
from digest.ingest.record import Details, DumpDate, Record

DAYS = 50
ROWS = 743


def moment(given: str | None) -> dt.datetime | None:
    """A time of the answer."""
    return None if given is None else dt.datetime.fromisoformat(given)


def expected(row: dict[str, Any], number: int) -> Record:
    """The record of a row; where these answers lack a field, so does the record."""
    paper = row["paper"]
    organisation = paper.get("organization", {})
    return Record(
        position=number,
        line=number,
        title=paper["title"],
        abstract=paper["summary"],
        arxiv_id=paper["id"],
        authors=tuple(one["name"] for one in paper["authors"] if not one["hidden"]),
        votes=paper["upvotes"],
        comments=row["numComments"],
        stars=paper.get("githubStars"),
        published_at=moment(paper["publishedAt"]),
        url=f"https://huggingface.co/papers/{paper['id']}",
        code_url=paper.get("githubRepo"),
        details=Details(
            summary=paper.get("ai_summary", ""),
            submitter=paper.get("submittedOnDailyBy", {}).get("user") or row["submittedBy"]["name"],
            organisation=organisation.get("fullname"),
            keywords=tuple(paper.get("ai_keywords", ())),
            project_url=paper.get("projectPage"),
            thumbnail_url=row["thumbnail"],
            submitted_at=moment(paper.get("submittedOnDailyAt")),
        ),
    )


@pytest.fixture(scope="module")
def days(shared_data: Path) -> dict[str, bytes]:
    """The answers, by day."""
    return {path.stem: path.read_bytes() for path in sorted((shared_data / "hf_api").glob("*.json"))}


def test_every_record_is_its_row(days: dict[str, bytes]) -> None:
    """743 rows of 50 days: raw text, ids, counts, links and details, with nothing rejected."""
    count = 0
    for day, data in days.items():
        reading = read(data)
        rows = json.loads(data)
        assert list(reading.items) == [expected(row, number) for number, row in enumerate(rows, start=1)]
        assert reading.format == "daily-papers-json"
        date = dt.date.fromisoformat(day)
        assert reading.date == DumpDate(year=date.year, month=date.month, day=date.day)
        count += len(rows)
    assert (len(days), count) == (DAYS, ROWS)


def test_the_days_hold_what_they_are_known_for(days: dict[str, bytes]) -> None:
    """Wrapped titles, two days for one paper, and fields that only the newer answers have."""
    records = [record for data in days.values() for record in read(data).items if isinstance(record, Record)]
    rows = [row for data in days.values() for row in json.loads(data)]
    assert (
        sum("\n" in record.title for record in records)
        == sum("\n" in row["paper"]["title"] for row in rows)
        > 300
    )
    assert sum(row["publishedAt"] != row["paper"]["publishedAt"] for row in rows) == ROWS
    found = [
        (
            record.stars,
            record.code_url,
            record.details.project_url,
            record.details.summary,
            record.details.organisation,
        )
        for record in records
    ]
    assert [sum(one[index] not in (None, "") for one in found) for index in range(5)] == [33, 34, 29, 63, 39]


def test_a_day_cut_anywhere_gives_nothing(days: dict[str, bytes]) -> None:
    """Older and newer answers, at 200 offsets each."""
    for day in ("2024-09-02", "2026-01-09"):
        data = days[day].rstrip()
        for number in range(200):
            with pytest.raises(DumpError):
                read(data[: number * len(data) // 200])
