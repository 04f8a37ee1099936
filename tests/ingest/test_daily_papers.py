"""Answers of the daily-papers API."""

from __future__ import annotations

import datetime as dt
import json
import time
from typing import Any

import pytest

from digest.errors import DumpError
from digest.ingest.formats import daily_papers, read
from digest.ingest.record import Details, DumpDate, Record, Reject


def row(**paper: Any) -> dict[str, Any]:
    """A row of the older kind, of an invented paper."""
    return {
        "paper": {
            "id": "2408.01234",
            "title": "Slow\n  Bread",
            "summary": " Dough\nrises. ",
            "upvotes": 7,
            "publishedAt": "2024-08-28T05:41:52.000Z",
            "authors": [
                {"name": "Ada Lind"},
                {"name": "H. Idden", "hidden": True},
                {"name": "Bo Ek", "hidden": False},
            ],
        }
        | paper,
        "publishedAt": "2024-09-02T23:30:00.000Z",
        "numComments": 2,
    }


def items(*rows: object) -> list[Record | Reject]:
    """Read rows as an answer."""
    return list(read(json.dumps(rows).encode()).items)


def test_a_row_becomes_a_record() -> None:
    """Text as it stands, names that are shown, counts, and the page of the paper."""
    assert items(row(githubRepo="https://github.com/e/bread", doi="x")) == [
        Record(
            position=1,
            line=1,
            title="Slow\n  Bread",
            abstract=" Dough\nrises. ",
            arxiv_id="2408.01234",
            authors=("Ada Lind", "Bo Ek"),
            votes=7,
            comments=2,
            published_at=dt.datetime(2024, 8, 28, 5, 41, 52, tzinfo=dt.UTC),
            url="https://huggingface.co/papers/2408.01234",
            code_url="https://github.com/e/bread",
        )
    ]


def test_what_is_missing_or_of_another_type_is_left_out() -> None:
    """A title and an id are enough."""
    sparse = {"paper": {"id": " own-1 ", "title": "T", "authors": ["x", {"name": 5}, {"name": " "}], "summary": None,
                        "upvotes": True, "publishedAt": "soon", "githubRepo": ""}, "numComments": -1}  # fmt: skip
    bare = {"paper": {"id": "2408.01234", "title": "T", "authors": "x", "upvotes": 2**31, "publishedAt": 5}}
    assert items(sparse, bare) == [
        Record(position=1, line=1, title="T", abstract="", url="https://huggingface.co/papers/own-1"),
        Record(position=2, line=2, title="T", abstract="", arxiv_id="2408.01234",
               url="https://huggingface.co/papers/2408.01234"),
    ]  # fmt: skip
    counts = items(row(upvotes=0), row(upvotes=2**31 - 1))
    assert [item.votes for item in counts if isinstance(item, Record)] == [0, 2**31 - 1]
    nobody = items(row(authors=5), row(authors=None))
    assert [item.authors for item in nobody if isinstance(item, Record)] == [(), ()]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("2024-08-28T05:41:52", dt.datetime(2024, 8, 28, 5, 41, 52, tzinfo=dt.UTC)),
        ("2024-08-28T05:41:52+02:00", dt.datetime(2024, 8, 28, 3, 41, 52, tzinfo=dt.UTC)),
        ("0001-01-01T00:00:00+02:00", None),
    ],
)
def test_times_are_utc(given: str, expected: dt.datetime | None) -> None:
    """A zone is honoured, its absence means UTC, and a time before all calendars is none."""
    record = items(row(publishedAt=given))[0]
    assert isinstance(record, Record)
    assert record.published_at == expected
    assert expected is None or (record.published_at and record.published_at.tzinfo is dt.UTC)


def test_no_zone_means_utc_wherever_the_machine_stands(monkeypatch: pytest.MonkeyPatch) -> None:
    """The zone of the machine plays no part."""
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    try:
        record = items(row(publishedAt="2024-08-28T05:41:52"))[0]
    finally:
        monkeypatch.undo()
        time.tzset()
    assert isinstance(record, Record)
    assert record.published_at == dt.datetime(2024, 8, 28, 5, 41, 52, tzinfo=dt.UTC)


def test_json_of_another_kind_is_refused() -> None:
    """A number is no list."""
    with pytest.raises(DumpError, match="JSON, but not a list of papers"):
        daily_papers.read(b" 5")


def test_rows_that_are_no_papers_are_rejected_with_their_number() -> None:
    """The others keep their place in the list of papers."""
    found = items(
        row(), 5, {"paper": []}, row(title=None), row(title=" "), row(id=7), row(id=""), row(title="Last")
    )
    assert found[1:-1] == [
        Reject(line=2, reason="a row without a paper"),
        Reject(line=3, reason="a row without a paper"),
        Reject(line=4, reason="a paper without a title"),
        Reject(line=5, reason="a paper without a title"),
        Reject(line=6, reason="a paper without an id"),
        Reject(line=7, reason="a paper without an id"),
    ]
    last = found[-1]
    assert isinstance(last, Record)
    assert (last.title, last.position, last.line) == ("Last", 2, 8)


def test_lone_surrogates_and_nul_become_replacement_characters() -> None:
    """No string of a record can fail to be encoded, or to be stored."""
    record = items(row(title="a\ud800b\u0000", summary="\udfff", authors=[{"name": "\ud83d\ude00 \ud83d"}]))[
        0
    ]
    assert isinstance(record, Record)
    assert (record.title, record.abstract, record.authors) == (
        "a\ufffdb\ufffd",
        "\ufffd",
        ("\U0001f600 \ufffd",),
    )


def test_the_newest_day_dates_the_dump() -> None:
    """Of submission where rows give it, else of publication on the page; none where neither is given."""
    newer = row(submittedOnDailyAt="2026-01-09T01:16:50.715Z")
    newest = row(submittedOnDailyAt="2026-01-10T23:59:59.000Z")
    assert read(json.dumps([newest, row(), newer]).encode()).date == DumpDate(year=2026, month=1, day=10)
    assert read(json.dumps([row()]).encode()).date == DumpDate(year=2024, month=9, day=2)
    undated = {"paper": {"id": "x", "title": "T"}}
    assert read(json.dumps([undated]).encode()).date is None


def wide_row(**paper: Any) -> dict[str, Any]:
    """A row of the newer kind, of an invented paper."""
    newer = {
        "submittedOnDailyAt": "2026-01-09T01:16:50.715Z",
        "submittedOnDailyBy": {"user": "bo-ek", "fullname": "Bo Ek"},
        "organization": {"name": "slow-lab", "fullname": "The Slow Lab"},
        "projectPage": "https://bread.example/",
        "githubRepo": "https://github.com/e/bread",
        "githubStars": 4059,
        "ai_summary": "A glove feels dough.",
        "ai_keywords": ["dough", " gloves\n", 5, ""],
    }
    return row(**newer | paper) | {
        "thumbnail": "https://pictures.example/2408.01234.png",
        "submittedBy": {"name": "other"},
    }


def details(one: dict[str, Any]) -> Details:
    """The details of a single row."""
    (record,) = items(one)
    assert isinstance(record, Record)
    return record.details


def test_newer_fields_are_kept() -> None:
    """Submission, organisation, pages, picture, and what a machine wrote."""
    (record,) = items(wide_row())
    assert isinstance(record, Record)
    assert (record.stars, record.code_url) == (4059, "https://github.com/e/bread")
    assert record.details == Details(
        summary="A glove feels dough.",
        submitter="bo-ek",
        organisation="The Slow Lab",
        keywords=("dough", "gloves"),
        project_url="https://bread.example/",
        thumbnail_url="https://pictures.example/2408.01234.png",
        submitted_at=dt.datetime(2026, 1, 9, 1, 16, 50, 715000, tzinfo=dt.UTC),
    )


def test_details_stand_in_more_places_than_one() -> None:
    """The paper's own word goes first; an account is known by one of two names."""
    bare = dict.fromkeys(("submittedOnDailyBy", "organization", "submittedOnDailyAt"))
    assert details(wide_row(**bare)).submitter == "other"
    assert details(wide_row(**bare) | {"submittedBy": {"user": "eve", "name": "Eve"}}).submitter == "eve"
    assert details(wide_row(**bare) | {"organization": {"name": "lab"}}).organisation == "lab"
    assert details(wide_row(organization={"name": "lab", "fullname": ""})).organisation == "lab"
    inner = row(thumbnail="https://pictures.example/x.png")
    assert details(inner).thumbnail_url == "https://pictures.example/x.png"


def test_details_of_another_type_or_without_measure_are_left_out() -> None:
    """Nothing of them is guessed."""
    odd = wide_row(
        submittedOnDailyBy="bo", organization=["x"], projectPage="javascript:1", githubRepo="bread", githubStars="9",
        ai_summary="x" * 5001, ai_keywords=["x"] * 101, submittedOnDailyAt=5,
    ) | {"thumbnail": "/x.png", "submittedBy": {"name": "x" * 201}}  # fmt: skip
    (record,) = items(odd)
    assert isinstance(record, Record)
    assert (record.stars, record.code_url, record.details) == (None, None, Details())
    assert details(row(ai_keywords="dough")).keywords == ()
    assert details(row(ai_summary="x" * 5000)).summary == "x" * 5000
    assert len(details(row(ai_keywords=["x"] * 100)).keywords) == 100


@pytest.mark.parametrize(
    ("identifier", "page"),
    [
        ("2408.01234", "https://huggingface.co/papers/2408.01234"),
        ("cs/0112017", "https://huggingface.co/papers/cs/0112017"),
        ("own-paper", "https://huggingface.co/papers/own-paper"),
        ("../join", None),
        ("a/../../join", None),
        ("a?next=//example.org", None),
        ("@example.org", None),
        ("a b", None),
        ("", None),
    ],
)
def test_an_id_leads_to_a_page_of_papers_or_nowhere(identifier: str, page: str | None) -> None:
    """Whatever else stands in its place leads to no other page of the site."""
    for item in items(row(id=identifier)):
        assert page == (item.url if isinstance(item, Record) else None)


def test_names_are_names() -> None:
    """In one line; one that is longer than any is left out."""
    (item,) = items(row(authors=[{"name": " Ada\n Lind"}, {"name": "x" * 201}, {"name": 7}]))
    assert isinstance(item, Record)
    assert item.authors == ("Ada Lind",)


@pytest.mark.parametrize(
    "around",
    [
        {"menu": {"items": ["a"]}},
        {"note": {"version": "https://jsonfeed.org/version/1"}},
        {"version": "https://example.org", "menu": {"items": []}},
        {"other": [1, 2], "menu": {"items": []}},
    ],
)
def test_a_list_wrapped_in_more_is_no_feed(around: dict[str, object]) -> None:
    """Items, or a version, of an object further in do not make it one; nor do items that are rows of ours."""
    for answer in ({"papers": [row()]} | around, around | {"papers": [row()]}, {"items": [row()]} | around):
        assert read(json.dumps(answer).encode()).format == "daily-papers-json"


def test_the_day_of_the_page_is_no_day_of_the_paper() -> None:
    """The outer time of a row is never a paper's."""
    (record,) = items(row(publishedAt=None))
    assert isinstance(record, Record)
    assert (record.published_at, record.details.submitted_at) == (None, None)


def test_the_list_may_come_wrapped() -> None:
    """Under any name if its rows are papers; other lists beside it are no papers; rows are numbered through."""
    others = {"models": [{"id": "a/b"}], "nothing": [], "deep": {"papers": [1]}, "authors": [5]}
    answer = others | {"papers": [row(), 5], "found": [{"id": "2409.00001", "title": "Own", "summary": "S"}]}
    found = list(read(json.dumps(answer).encode()).items)
    assert [item.title if isinstance(item, Record) else item.reason for item in found] == [
        "Slow\n  Bread", "a row without a paper", "Own",
    ]  # fmt: skip
    assert [item.line for item in found] == [1, 2, 3]


def test_one_paper_may_come_alone() -> None:
    """As itself, with its authors and numbers, or as one row."""
    alone = list(read(json.dumps(row()["paper"]).encode()).items)
    listed = items(row() | {"numComments": None})
    assert alone == listed
    assert list(read(json.dumps(row()).encode()).items) == items(row())
    (bare,) = read(b'{"id": "2401.01234", "title": "T", "upvotes": 3}').items
    assert isinstance(bare, Record)
    assert (bare.title, bare.votes) == ("T", 3)


@pytest.mark.parametrize(
    ("said", "day"),
    [
        ({"date": "2024-08-01T00:00:00.000Z"}, 1),
        ({"dateString": "2024-08-03", "periodType": "day"}, 3),
        ({"dateString": "2024-08-03", "periodType": "week"}, 2),
        ({"dateString": "2024-W31", "periodType": "day"}, 2),
        ({"dateString": "2024-08"}, 2),
        ({"date": 5}, 2),
    ],
)
def test_a_wrapped_list_may_name_its_day(said: dict[str, object], day: int) -> None:
    """Wherever it stands; a week or a month is no day, and then the newest row dates the dump."""
    for answer in (said | {"papers": [row()]}, {"papers": [row()]} | said):
        date = read(json.dumps(answer).encode()).date
        assert date is not None
        assert (date.month, date.day) == ((9, 2) if day == 2 else (8, day))


@pytest.mark.parametrize(
    ("data", "reason", "line"),
    [
        ("[]", "no papers in it", 0),
        (" [ \n ] ", "no papers in it", 0),
        ("[[[1]]]", "no papers in it", 0),
        ('["a"]', "no papers in it", 0),
        ('[["a"], 1]', "no papers in it", 0),
        ('{"error": "Too many\\ud800 requests"}', "the answer is an error: Too many\ufffd requests", 1),
        ('{"error": 5}', "JSON, but not a list of papers", 1),
        ("{}", "JSON, but not a list of papers", 1),
        ('{"error": {"message": "Slow down"}}', "the answer is an error: Slow down", 1),
        ('{"statusCode": 429, "message": "Slow down"}', "the answer is an error: Slow down", 1),
        ('{"detail": "Not here"}', "the answer is an error: Not here", 1),
        (
            '{"error": "half of it", "papers": [{"id": "2401.01234", "title": "T", "upvotes": 1}]}',
            "the answer is an error: half of it",
            1,
        ),
        ('{"dailyPapers": []}', "no papers in it", 0),
        ('{"dailyPapers": [], "id": "2401.01234", "title": "T", "upvotes": 1}', "no papers in it", 0),
        ('{"models": [], "spaces": [{"id": "a/b", "title": "T"}]}', "JSON, but not a list of papers", 1),
        ('{"id": "2401.01234", "title": "T"}', "JSON, but not a list of papers", 1),
        ('{"id": "own/model", "title": "T", "upvotes": 1}', "JSON, but not a list of papers", 1),
        (
            '{"papers": [{"id": "2401.01234", "title": "T", "upvotes": 1}]',
            "cut, or broken, between two members",
            1,
        ),
        (
            '{"papers": [{"id": "2401.01234", "title": "T", "upvotes": 1}],',
            "not JSON, or cut: a key and a colon are missing",
            1,
        ),
        ('{"papers" [', "not JSON, or cut: a key and a colon are missing", 1),
        ('{"a": 1, 2: 3}', "not JSON, or cut: a key and a colon are missing", 1),
        ('{"papers": ', "not JSON, or cut: Expecting value", 1),
        ("[" * 100_000, "nested too deep", 1),
        ('[{"a": ' + "9" * 5000 + "}]", "not JSON", 1),
        ('[{"a": 1}] x', "text after the end of the list", 1),
        ('[{"a": 1}\n {', "cut, or broken, between two rows", 2),
        ('[{"a": 1}\n', "cut, or broken, between two rows", 2),
        ('[{"a":\n 1},\n{"b"', "not JSON, or cut: Expecting ':' delimiter", 3),
        ('[{"a": 1},\n{"b": 1,\n"c', "not JSON, or cut: Unterminated string starting at", 3),
        ("[", "not JSON, or cut: Expecting value", 1),
        ('[\n\n{"a": 1},\n x', "not JSON, or cut: Expecting value", 4),
        ('[{"a":\n 1},\n{"b" x\n\n\n', "not JSON, or cut: Expecting ':' delimiter", 3),
        ('{"error": "' + "no " * 70 + '"}', "the answer is an error: " + "no " * 66 + "no", 1),
    ],
)
def test_what_is_no_list_of_papers_is_refused(data: str, reason: str, line: int) -> None:
    """Cut, broken, nested or of another shape: with reason and line."""
    with pytest.raises(DumpError) as refusal:
        read(data.encode())
    assert (refusal.value.reason, refusal.value.line) == (reason, line)


@pytest.mark.parametrize("value", ['"{}"', '["{}"]', '[1, "{}"]'])
def test_what_is_kept_of_an_object_is_bounded(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A paper that comes alone is as long as one value may be, in all that is kept of it."""
    monkeypatch.setattr("digest.ingest.formats.daily_papers._LONGEST_KEPT", 1_000)
    alone = '{"id": "2401.01234", "title": "T", "upvotes": 1, "authors": %s, "other": %s}'
    fits, passed_by, over = (value.format("x" * length) for length in (700, 1_500, 1_100))
    assert len(list(read((alone % (fits, passed_by)).encode()).items)) == 1
    with pytest.raises(DumpError, match="a paper longer than any is"):
        read((alone % (over, "0")).encode())


def test_a_list_of_something_else_with_a_paper_in_it_is_refused() -> None:
    """A thousand rows that are none are as many as it takes, beyond one for each paper."""
    rows: list[object] = [row(), *[{}] * 1_001]
    assert len(items(*rows)) == 1_002
    with pytest.raises(DumpError, match="1002 of its first 1003 rows are none"):
        items(*rows, {}, {})


def test_an_answer_larger_than_the_window_is_read_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows and characters that a window cuts are put together again."""
    monkeypatch.setattr("digest.ingest.formats.window.PIECE", 7)
    rows = [row(title=f"Ünï {number}", summary="é😀" * number) for number in range(30)]
    found = items(*rows)
    assert [(item.title, item.abstract) for item in found if isinstance(item, Record)] == [
        (one["paper"]["title"], one["paper"]["summary"]) for one in rows
    ]
    raw = json.dumps(rows, ensure_ascii=False, indent=1).encode()
    assert [item.title for item in read(raw).items if isinstance(item, Record)] == [
        one["paper"]["title"] for one in rows
    ]
