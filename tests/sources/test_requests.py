"""What one look asks for, kind by kind."""

from __future__ import annotations

import datetime as dt
from urllib.parse import parse_qs, urlsplit

import pytest

from digest.sources.kinds import KINDS
from digest.sources.request import Request, shown, with_query
from digest.sources.source import Source, SourceKind

FRIDAY, MONDAY = dt.date(2026, 11, 20), dt.date(2026, 11, 23)
SECRET = "https://me:hush@papers.example.org/feed?token=hush#hush"


def requests(kind: SourceKind, day: dt.date = FRIDAY, **values: object) -> list[Request]:
    url = values.pop("url", None) or KINDS[kind].url or SECRET
    source = Source(name="x", kind=kind, url=url, **values)  # type: ignore[arg-type] # checked by the dataclass
    return list(KINDS[kind].requests(source, day))


def query(request: Request) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(request.url).query).items()}


def test_every_kind_over_the_network_has_a_module() -> None:
    """There is a module for each kind but the folder."""
    assert set(KINDS) == set(SourceKind) - {SourceKind.FOLDER}


def test_daily_papers() -> None:
    """One document for each of the last days, the oldest first, each standing for the day that was asked for."""
    found = requests(SourceKind.DAILY_PAPERS, days=3)
    assert [request.url for request in found] == [
        f"https://huggingface.co/api/daily_papers?date=2026-11-{day}" for day in (18, 19, 20)
    ]
    assert [request.seen_on.day for request in found] == [18, 19, 20]
    assert [request.name for request in found] == [request.url for request in found]
    assert len({request.key for request in found}) == 3


def test_daily_papers_that_are_not_there() -> None:
    """Today and days of rest may be missing; a working day that is past may not, for then the address is wrong."""
    missing = {
        request.seen_on: set(request.absent) for request in requests(SourceKind.DAILY_PAPERS, MONDAY, days=4)
    }
    friday, saturday, sunday, monday = (MONDAY - dt.timedelta(days=back) for back in (3, 2, 1, 0))
    assert missing == {friday: set(), saturday: {400, 404}, sunday: {400, 404}, monday: {400, 404}}


@pytest.mark.parametrize(
    ("data", "blank"), [(b"[]", True), (b" [\n]\n", True), (b"[{}]", False), (b"", False), (b"{}", False)]
)
def test_a_day_without_papers(data: bytes, blank: bool) -> None:
    """An empty list is a day without papers; anything else is for the reader to judge."""
    assert requests(SourceKind.DAILY_PAPERS)[0].blank(data) is blank


def test_arxiv() -> None:
    """The newest papers of all categories, in pages, as the manual of its API has it; no more than five."""
    found = requests(SourceKind.ARXIV, categories=("cs.LG", "stat.ML"))
    assert [query(request) for request in found] == [
        {
            "search_query": "cat:cs.LG OR cat:stat.ML",
            "sortBy": "submittedDate",
            "sortOrder": "descending",
            "start": str(start),
            "max_results": "200",
        }
        for start in range(0, 1000, 200)
    ]
    assert found[1].name == (
        "https://export.arxiv.org/api/query?search_query=cat:cs.LG+OR+cat:stat.ML&start=200"
    )
    assert all(request.goes_on and request.seen_on == FRIDAY for request in found)


def test_where_the_pages_of_arxiv_end() -> None:
    """A later page without entries is the end; a first one is a fault, which is not passed over."""
    first, second = requests(SourceKind.ARXIV, categories=("cs.LG",))[:2]
    assert not first.blank(b"<feed></feed>")
    assert second.blank(b"<feed></feed>")
    assert not second.blank(b"<feed><entry></entry></feed>")


def test_the_rate_rules_of_arxiv() -> None:
    """Three seconds between two requests, no less by any setting, and once a day."""
    kind = KINDS[SourceKind.ARXIV]
    assert (kind.pause, kind.least_pause, kind.every) == (
        dt.timedelta(seconds=3),
        dt.timedelta(seconds=3),
        dt.timedelta(days=1),
    )


@pytest.mark.parametrize("kind", [SourceKind.FEED, SourceKind.PAGE])
def test_one_address(kind: SourceKind) -> None:
    """A feed and a page are asked for as the operator wrote them."""
    (request,) = requests(kind)
    assert (request.url, request.seen_on, request.absent) == (SECRET, FRIDAY, frozenset())
    assert not request.blank(b"[]")


@pytest.mark.parametrize("kind", list(KINDS))
def test_nothing_secret_in_a_name(kind: SourceKind) -> None:
    """Users, passwords and queries stand in no name and no key, for logs and the database hold these."""
    for request in requests(kind, url=SECRET, categories=("cs.LG",)):
        assert "hush" in request.url
        assert "hush" not in request.name + request.key


def test_shown() -> None:
    """What is shown of an address is its scheme, host and path."""
    assert shown(SECRET) == "https://papers.example.org/feed"
    assert shown("https://x.example:8443") == "https://x.example:8443"


def test_with_query() -> None:
    """Parameters of the operator stay, but for those that are ours to set."""
    url = with_query("https://x.example/a?limit=100&date=1&q=a+b&empty=#top", date="2")
    assert url == "https://x.example/a?limit=100&q=a+b&empty=&date=2"
