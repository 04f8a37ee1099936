"""The API: what it takes, what it gives, and what it never tells."""

from __future__ import annotations

import json
import sys
import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from httpx2 import Response
from pydantic import TypeAdapter, ValidationError
from starlette.testclient import TestClient

from digest.deliver.delivery import Kind
from digest.errors import PreferenceError
from digest.ingest.record import Details
from digest.settings import MailSettings, WebSettings
from digest.store import consents, papers
from digest.store.database import Database
from digest.subscribers.consent import consent_version
from digest.subscribers.preferences import profile
from digest.subscribers.subscriber import Frequency, Profile, Schedule, State
from digest.web.api_models import ID_MAX, OneText
from tests.cli.test_contract import PAPER
from tests.factories import DAY, TODAY, Clock, clean_record, clean_records, list_records, publish_edition
from tests.web.readers import Desk, make_desk, told

ADDRESS = "ada@example.org"
SUBSCRIPTIONS = "/api/v1/subscriptions"
#: Text of a title that means something to a page, a template, a terminal or a header.
HOSTILE = (
    '<script>alert(1)</script> "><img src=x onerror=1> {{7*7}} =?UTF-8?Q?x=0D=0ABcc:_evil@x.y?= \u202ekites'
)

#: Choices that cannot be, and the field that is named.
REFUSED_CHOICES: list[tuple[dict[str, object], str]] = [
    ({"address": ""}, "address"),
    ({"address": "a" * 243 + "@example.org"}, "address"),
    ({"address": None}, "address"),
    ({"address": ["ada@example.org"]}, "address"),
    ({"address": "ada@example.org\r\nBcc: eve@example.org"}, "address"),
    ({"address": "ada@example.org,eve@example.org"}, "address"),
    ({"address": "ada@example.org\0"}, "address"),
    ({"topics": "kites"}, "topics"),
    ({"topics": ["kites"] * 101}, "topics"),
    ({"topics": [["kites"]]}, "topics.0"),
    ({"interests": ["one; two"]}, "interests.0"),
    ({"interests": ["a", "b" * 201]}, "interests.1"),
    ({"include": ["word"] * 21}, "include"),
    ({"include": ["null \0 byte"]}, "include.0"),
    ({"exclude": ["turned \u202e about"]}, "exclude.0"),
    ({"frequency": "hourly"}, "frequency"),
    ({"frequency": "Daily"}, "frequency"),
    ({"weekday": 1}, "weekday"),
    ({"hour": 24}, "hour"),
    ({"hour": "7"}, "hour"),
    ({"hour": True}, "hour"),
    ({"hour": 7.5}, "hour"),
    ({"hour": 1e300}, "hour"),
    ({"zone": ""}, "zone"),
    ({"cap": 0}, "cap"),
    ({"cap": 51}, "cap"),
    ({"cap": {}}, "cap"),
    ({"website": "https://example.org"}, "website"),
    ({"id": 1}, "id"),
]

#: Bodies, with the status and the first field named.
REFUSED_BODIES: list[tuple[bytes, int, str | None]] = [
    (b"", 422, ""),
    (b"{", 422, ""),
    (b"null", 422, ""),
    (b"[]", 422, ""),
    (b'"ada@example.org"', 422, ""),
    (b'{"address": "\\ud800@example.org"}', 422, "address"),
    (b'{"address": "ada@example.org", "\\ud800": 1}', 422, ""),
    (b'{"address": "ada@example.org", "hour": NaN}', 422, "hour"),
    (b'{"address": "ada@example.org", "hour": 1e999}', 422, "hour"),
    (b'{"address": "ada@example.org", "interests": ["\\ud800"]}', 422, "interests.0"),
    (b'{"address": "ada@example.org", "hour": ' + b"9" * 5000 + b"}", 400, None),
    (b"\xff\xff", 400, None),
    (b"[" * 60_000, 400, None),
    (b" " * 70_000, 413, None),
]

#: Paths under /api/v1, and the field named.
REFUSED_VALUES = {
    "papers?q=a%00b": "q",
    "papers?q=a%0ab": "q",
    "papers?q=" + "a" * 201: "q",
    "papers?limit=0": "limit",
    "papers?limit=101": "limit",
    "papers?limit=1_0": "limit",
    "papers?limit=%2B5": "limit",
    "papers?limit=5.0": "limit",
    "papers?limit=": "limit",
    "papers?limit=%D9%A5": "limit",
    "papers?after=-1": "after",
    f"papers?after={ID_MAX + 1}": "after",
    "papers?after=" + "9" * 5000: "after",
    "papers?offset=5": "offset",
    "papers/0": "id",
    "papers/01": "id",
    "papers/-1": "id",
    "papers/kite": "id",
    f"papers/{ID_MAX + 1}": "id",
    "papers/1%00": "id",
    "editions?before=1700000000": "before",
    "editions?before=2026-02-30": "before",
    "editions?before=0000-01-01": "before",
    "editions?before=2026-11-20T00:00:00": "before",
    "editions?limit=1e1": "limit",
    "editions/newest": "date",
    "editions/20261120": "date",
    "editions/2026-11-20%00": "date",
}

#: Paths under /api/v1, and the status.
EDGES = {
    f"papers?after={ID_MAX}": 200,
    f"papers/{ID_MAX}": 404,
    f"papers/{2**31}": 404,
    "papers?q=%ED%A0%80": 200,
    "papers?q=%FF": 200,
    "papers?q=%F0%9F%AA%81": 200,
    "papers?q=" + "%25" * 66: 200,
    "papers?q=" + "+".join("abcdefghijklmnopqrstuvwxyz") * 3: 200,
    "papers?q=%5C%27%22%2F_%25": 200,
    "editions?before=0001-01-01": 200,
    "editions?before=9999-12-31": 200,
    "editions/0001-01-01": 404,
    "nothing": 404,
}

Make = Callable[..., Desk]


@pytest.fixture
def desk(database: Database, tmp_path: Path, clock: Clock, browse: Callable[[Any], TestClient]) -> Desk:
    return make_desk(database, tmp_path, clock, browse)


@pytest.fixture
def make(
    sqlite_database: Database, tmp_path: Path, clock: Clock, browse: Callable[[Any], TestClient]
) -> Make:
    """Makes a site with settings of the test's own."""
    return lambda **sections: make_desk(sqlite_database, tmp_path, clock, browse, **sections)


def subscribe(desk: Desk, address: object = ADDRESS, **choices: object) -> Response:
    return desk.client.post(SUBSCRIPTIONS, json={"address": address, **choices})


def raw(desk: Desk, body: bytes | str, **headers: str) -> Response:
    given = {"Content-Type": "application/json"} | {
        name.replace("_", "-"): text for name, text in headers.items()
    }
    return desk.client.post(SUBSCRIPTIONS, content=body, headers=given)


def problem(answer: Response) -> dict[str, Any]:
    """The document of an answer that is a problem, with what every one of them has."""
    assert answer.headers["content-type"] == "application/problem+json"
    found: dict[str, Any] = answer.json()
    assert found.keys() - {"errors"} == {"type", "title", "status", "detail"}
    assert found["status"] == answer.status_code
    return found


def wrong(answer: Response) -> dict[str, str]:
    """The errors of a 422, by field; each has its reason."""
    assert answer.status_code == 422
    found = problem(answer)["errors"]
    assert all(error.keys() == {"field", "reason"} and error["reason"] for error in found)
    return {error["field"]: error["reason"] for error in found}


# -- subscribing ---------------------------------------------------------------------------------------


def test_an_address_is_enough(make: Make) -> None:
    """What is left out, or null, is what the settings and the product say; nobody is subscribed before they confirm."""
    desk = make(zone="Asia/Tokyo", mail=MailSettings(hour=5))
    assert subscribe(desk, cap=None, topics=[]).status_code == 202
    found = desk.find(ADDRESS)
    assert found is not None
    assert (found.state, found.profile) == (State.PENDING, Profile())
    assert found.schedule == Schedule(zone="Asia/Tokyo", hour=5)
    assert desk.kinds(found.id) == [Kind.CONFIRM]


def test_choices_come_with_it(desk: Desk) -> None:
    """Every choice of the form may be made here, by the names that the command's `--json` has."""
    choices: dict[str, Any] = {
        "topics": ["baking", "kites"],
        "interests": ["kites, at night"],
        "include": ["author:Ada Example"],
        "exclude": ["benchmark"],
        "cap": 4.0,  # JSON knows one kind of number
    }
    answer = subscribe(desk, frequency="weekly", weekday="tue", hour=18, zone="Europe/Berlin", **choices)
    assert (answer.status_code, answer.json()) == (202, {"status": "check your inbox"})
    found = desk.find(ADDRESS)
    assert found is not None
    assert found.profile == Profile(
        topics=("baking", "kites"),
        interests=("kites, at night",),
        include=("author:Ada Example",),
        exclude=("benchmark",),
        cap=4,
    )
    assert found.schedule == Schedule(frequency=Frequency.WEEKLY, weekday=1, zone="Europe/Berlin", hour=18)


def test_the_consent_is_recorded(desk: Desk) -> None:
    """The record says when, from where, that it was the API, and which words the caller stands for."""
    subscribe(desk)
    found = desk.find(ADDRESS)
    assert found is not None
    with desk.database.read() as conn:
        (line,) = consents.of(conn, found.id)
    evidence = line.evidence
    assert (line.at, evidence.method, evidence.ip) == (desk.clock.now, "api", "192.0.2.7")
    assert evidence.text_version == consent_version()


def test_no_answer_tells_who_is_known(desk: Desk) -> None:
    """New, pending, active, paused, left, suppressed and erased get the same status, headers and bytes; the mail differs."""
    for state in State:
        desk.add(f"{state}@example.org", state=state)
    desk.client.post(desk.erase(desk.add("erased@example.org")))
    names = (*State, "erased", "new")
    answers = [told(subscribe(desk, f"{name}@example.org")) for name in names]
    assert answers[0][0] == 202
    assert all(answer == answers[0] for answer in answers)
    mails = {name: desk.kinds(who.id)[-1] for name in names if (who := desk.find(f"{name}@example.org"))}
    assert {name for name, kind in mails.items() if kind is Kind.LOGIN} == {"active", "paused"}
    assert {name for name, kind in mails.items() if kind is Kind.CONFIRM} == set(names) - {"active", "paused"}


def test_one_confirmation_for_an_address_and_day(desk: Desk) -> None:
    """However often one asks, here or on the page, one confirmation leaves on a day; the answers are the same."""
    answers = {told(subscribe(desk, address))[2] for address in (ADDRESS, ADDRESS.upper(), ADDRESS)}
    desk.client.post("/subscribe", data={"address": ADDRESS})
    found = desk.find(ADDRESS)
    assert found is not None
    assert desk.kinds(found.id) == [Kind.CONFIRM]
    assert len(answers) == 1


def test_every_error_at_once_and_nothing_stored(desk: Desk) -> None:
    """All that is wrong is named, field by field, in words for a person, and no row is written."""
    before = desk.rows()
    answer = subscribe(
        desk, "ada@@example.org", topics=["kite"], include=["author:"], zone="Mars/Olympus", exclude=["x"]
    )
    found = wrong(answer)
    assert set(found) == {"address", "topics", "include", "zone"}
    assert "did you mean kites" in found["topics"]
    assert desk.rows() == before


def test_choices_refused(make: Make) -> None:
    """A value of another type or size, and a key that is not known, is refused by its name; nothing is stored."""
    desk = make(web=WebSettings(signups_per_hour=1000))
    before = desk.rows()
    for given, field in REFUSED_CHOICES:
        answer = desk.client.post(SUBSCRIPTIONS, json={"address": ADDRESS} | given)
        assert list(wrong(answer)) == [field], given
    assert desk.rows() == before


def test_the_document_refuses_what_the_choices_refuse() -> None:
    """No text that the document allows is refused later, and none that may be chosen is refused by it."""
    text = TypeAdapter(OneText)
    strange = [chr(code) for code in range(sys.maxunicode + 1) if unicodedata.category(chr(code)) in _STRANGE]
    assert len(strange) > 2000
    for character in strange:
        by_document = _refused(text.validate_python, f"a{character}b")
        by_choices = _refused(lambda one: profile(known_topics=(), interests=[one]), f"a{character}b")
        # Blanks are folded, and a semicolon parts two texts: neither is one line of a list.
        assert by_document == (
            by_choices or (character.isspace() and unicodedata.category(character) == "Cc")
        )
    assert _refused(text.validate_python, "one; two")


#: Categories of Unicode: controls, formats, surrogates, separators and other symbols, U+FFFD among them.
_STRANGE = {"Cc", "Cf", "Cs", "Zl", "Zp", "Zs", "So"}


def _refused(check: Callable[[str], object], text: str) -> bool:
    try:
        check(text)
    except (ValidationError, PreferenceError):
        return True
    return False


def test_bodies_refused(make: Make) -> None:
    """What is no JSON, or no document of ours, ends in a calm answer, whatever it is."""
    desk = make(web=WebSettings(signups_per_hour=1000))
    for body, status, field in REFUSED_BODIES:
        answer = raw(desk, body)
        assert answer.status_code == status, body[:80]
        errors = problem(answer).get("errors", ())
        assert [error["field"] for error in errors][:1] == ([] if field is None else [field]), body[:80]


def test_json_alone(make: Make) -> None:
    """A form of another site's page may send other types without asking: they are refused, and nothing is stored."""
    desk = make()
    before = desk.rows()
    body = json.dumps({"address": ADDRESS})
    for kind in ("", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "text/json"):
        answer = raw(desk, body, Content_Type=kind)
        assert answer.status_code == 415, kind
        problem(answer)
    assert raw(desk, body, Content_Type="application/merge-patch+json").status_code == 415
    assert desk.rows() == before
    assert raw(desk, body, Content_Type="Application/JSON; charset=utf-8").status_code == 202


def test_the_guards_stand_before_it(make: Make) -> None:
    """A call from another site's page is refused, and so is one to another host; both as problems."""
    desk = make()
    body = json.dumps({"address": ADDRESS})
    for headers, status in (
        ({"Sec_Fetch_Site": "cross-site"}, 403),
        ({"Origin": "https://evil.example"}, 403),
        ({"Host": "evil.example"}, 400),
    ):
        answer = raw(desk, body, **headers)
        assert answer.status_code == status
        problem(answer)
    assert desk.find(ADDRESS) is None


def test_sign_ups_are_counted_with_those_of_the_form(make: Make) -> None:
    """One client has one allowance, whichever way it takes; beyond it the answer is 429, with the time to wait."""
    desk = make(web=WebSettings(signups_per_hour=2))
    assert subscribe(desk, "a@example.org").status_code == 202
    assert desk.client.post("/subscribe", data={"address": "b@example.org"}).status_code == 303
    answer = subscribe(desk, "c@example.org")
    assert answer.status_code == 429
    assert 1 <= int(answer.headers["retry-after"]) <= 3600
    problem(answer)
    assert desk.find("c@example.org") is None


@pytest.mark.parametrize("wrong", [{"address": "nobody"}, {"hour": 99}, {"address": 7}, {"more": "x"}])
def test_sign_ups_that_cannot_be_are_counted_too(make: Make, wrong: dict[str, Any]) -> None:
    """What is wrong with a sign-up does not matter: so it is with the form."""
    desk = make(web=WebSettings(signups_per_hour=2))
    sent = {"address": "a@example.org"} | wrong
    answers = [desk.client.post("/api/v1/subscriptions", json=sent).status_code for _ in range(3)]
    assert answers == [422, 422, 429]


# -- topics and editions -------------------------------------------------------------------------------


def test_topics(make: Make) -> None:
    """Groups and topics come in the order of the taxonomy, with the keys of `topics list --json`."""
    assert make().client.get("/api/v1/topics").json() == {
        "groups": [{"id": "pastimes", "label": "Pastimes"}],
        "topics": [
            {"id": "kites", "group": "pastimes", "label": "Kites", "about": "What flies on a string."},
            {"id": "baking", "group": "pastimes", "label": "Baking", "about": "What comes out of an oven."},
        ],
    }


def test_editions_by_pages(desk: Desk) -> None:
    """Pages go back from the newest edition, and together hold each once, also while one is published."""
    for back in range(5):
        publish_edition(desk.database, f"On Day {back}", day=TODAY - back * DAY)
    found: list[str] = []
    page = desk.client.get("/api/v1/editions?limit=2").json()
    publish_edition(desk.database, "On Tomorrow", "And More", day=TODAY + DAY)
    while True:
        found += [edition["date"] for edition in page["editions"]]
        if page["next_before"] is None:
            break
        assert len(page["editions"]) == 2
        page = desk.client.get(f"/api/v1/editions?limit=2&before={page['next_before']}").json()
    assert found == [(TODAY - back * DAY).isoformat() for back in range(5)]
    (newest,) = desk.client.get("/api/v1/editions?limit=1").json()["editions"]
    assert newest == {
        "id": 6,
        "date": "2026-11-21",
        "published_at": "2026-11-21T06:00:00Z",
        "papers": 2,
    }


def test_an_edition_as_it_was_frozen(desk: Desk) -> None:
    """Its papers come by place, as they stood on its day; a day without one is 404."""
    publish_edition(desk.database, "A Kite", "On Bread")
    with desk.database.write() as conn:
        list_records(conn, [clean_record("A KITE", votes=99, abstract="Another.")], "2", dated=TODAY + DAY)
    found = desk.client.get(f"/api/v1/editions/{TODAY}").json()
    assert (found["date"], found["papers"], len(found["contents"])) == ("2026-11-20", 2, 2)
    assert found["contents"][0] == {
        "id": 1,
        "place": 1,
        "trend": 1.0,
        "title": "A Kite",
        "abstract": "We study: A Kite.",
        "authors": [],
        "url": None,
        "code_url": None,
        "votes": None,
    }
    assert found["contents"][1]["title"] == "On Bread"
    absent = desk.client.get(f"/api/v1/editions/{TODAY + DAY}")
    assert absent.status_code == 404
    assert problem(absent)["detail"] == "There is no edition of 2026-11-21."


# -- papers --------------------------------------------------------------------------------------------


def test_a_paper(desk: Desk) -> None:
    """A paper has the keys of `papers list --json`, in the list and by itself."""
    with desk.database.write() as conn:
        known = clean_record(
            "A Kite",
            authors=("Ada Example", "Bo Sample"),
            arxiv_id="2611.00001",
            url="https://example.org/kite",
            code_url="https://example.org/code",
            votes=7,
            comments=2,
            stars=30,
            doi="10.5555/kite",
            details=Details(
                summary="Kites, in a line.",
                organisation="The Kite Lab",
                keywords=("wind",),
                project_url="javascript:alert(1)",
            ),
        )
        list_records(conn, [known])
    found = desk.client.get("/api/v1/papers/1").json()
    assert found.keys() == PAPER
    assert found == {
        "id": 1,
        "title": "A Kite",
        "abstract": "We study: A Kite.",
        "summary": "Kites, in a line.",
        "authors": ["Ada Example", "Bo Sample"],
        "arxiv_id": "2611.00001",
        "doi": "10.5555/kite",
        "url": "https://example.org/kite",
        "project_url": None,
        "code_urls": ["https://example.org/code"],
        "votes": 7,
        "comments": 2,
        "stars": 30,
        "organisation": "The Kite Lab",
        "keywords": ["wind"],
        "first_seen": "2026-11-20",
        "topics": ["kites"],
    }
    assert desk.client.get("/api/v1/papers").json() == {"papers": [found], "next_after": None}


def test_papers_by_pages(desk: Desk) -> None:
    """Pages by key hold each paper once that was there from the start, while others come in."""
    with desk.database.write() as conn:
        list_records(conn, clean_records(*(f"Kites {n}" for n in range(7)), "On Bread"), "first")
        stood = {paper.id for paper in papers.search(conn, "kites")}
    found: list[int] = []
    after = 0
    for turn in range(9):
        page = desk.client.get("/api/v1/papers", params={"q": "KITES", "limit": 2, "after": after}).json()
        found += [paper["id"] for paper in page["papers"]]
        if page["next_after"] is None:
            break
        assert page["next_after"] == found[-1]
        after = page["next_after"]
        if turn < 2:
            with desk.database.write() as conn:
                list_records(conn, clean_records(f"Late Kites {turn}", f"Bread {turn}"), f"later {turn}")
    assert len(found) == len(set(found)) == 9
    assert stood < set(found)


def test_search_means_what_it_means_in_the_command(desk: Desk) -> None:
    """Each word has to stand in the title or the abstract; case does not count, and a sign is a character like others."""
    with desk.database.write() as conn:
        list_records(
            conn,
            [clean_record("Kites at Night", abstract="34% less wind."), clean_record("Bread", position=2)],
        )

    def titles(q: str) -> list[str]:
        return [
            paper["title"] for paper in desk.client.get("/api/v1/papers", params={"q": q}).json()["papers"]
        ]

    assert titles("NIGHT wind") == ["Kites at Night"]
    assert titles("34%") == ["Kites at Night"]
    assert titles("night bread") == titles("3_%") == titles("%")[1:] == []
    assert titles("") == titles("  ") == ["Kites at Night", "Bread"]


def test_a_merged_paper_answers_to_both_ids(desk: Desk) -> None:
    """Where two papers turned out to be one, each id leads to it; it is listed once."""
    with desk.database.write() as conn:
        list_records(conn, clean_records("A Kite", "On Bread"), "1")
        both = [
            clean_record(title, arxiv_id="2611.00009", position=n)
            for n, title in enumerate(("On Bread", "A Kite"), 1)
        ]
        list_records(conn, both, "2")
    kite, bread = (desk.client.get(f"/api/v1/papers/{paper}") for paper in (1, 2))
    assert kite.json() == bread.json()
    listed = desk.client.get("/api/v1/papers").json()["papers"]
    assert listed == [kite.json()]


def test_hostile_papers(desk: Desk) -> None:
    """What a page or a terminal would take for instructions is text in JSON; links that are none, and what hides, are gone."""
    with desk.database.write() as conn:
        record = clean_record(
            HOSTILE,
            abstract="\x1b[2J" + "kites " * 400_000,
            url="javascript:alert(1)",
            authors=("A\u200bda",) * 3000,
        )
        list_records(conn, [record])
    answer = desk.client.get("/api/v1/papers/1")
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["x-content-type-options"] == "nosniff"
    found = answer.json()
    assert found["title"].startswith(
        '<script>alert(1)</script> "><img src=x onerror=1> {{7*7}} =?UTF-8?Q?x=0D=0A'
    )
    assert found["title"].endswith(" kites")
    assert (found["url"], len(found["authors"]), found["authors"][0]) == (None, 1000, "Ada")
    assert len(found["abstract"]) <= 20_000
    assert not {"\x1b", "\u202e", "\u200b"} & set(answer.text)


def test_values_refused(client: TestClient) -> None:
    """A value that is out of bounds, or that only a lenient reader would take, is refused by its name."""
    found = {path: list(wrong(client.get(f"/api/v1/{path}"))) for path in REFUSED_VALUES}
    assert found == {path: [field] for path, field in REFUSED_VALUES.items()}


def test_the_edges_of_what_is_taken(desk: Desk) -> None:
    """The largest and the strangest values that are taken are no errors on either engine."""
    publish_edition(desk.database, "A Kite", "On Bread")
    answers = {path: desk.client.get(f"/api/v1/{path}") for path in EDGES}
    assert {path: answer.status_code for path, answer in answers.items()} == EDGES
    assert all(problem(answer) for answer in answers.values() if answer.status_code == 404)


def test_methods(client: TestClient) -> None:
    """HEAD is GET without its body; any other method is 405, and told which ones there are."""
    whole = client.get("/api/v1/papers")
    head = client.head("/api/v1/papers")
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-length"] == whole.headers["content-length"]
    for method, path, allowed in (
        ("OPTIONS", "papers", {"GET", "HEAD"}),
        ("DELETE", "papers/1", {"GET", "HEAD"}),
        ("POST", "editions", {"GET", "HEAD"}),
        ("BREW", "topics", {"GET", "HEAD"}),
        ("GET", "subscriptions", {"POST"}),
        ("HEAD", "subscriptions", {"POST"}),
        ("PUT", "subscriptions", {"POST"}),
    ):
        answer = client.request(method, f"/api/v1/{path}")
        assert answer.status_code == 405, (method, path)
        assert set(answer.headers["allow"].split(", ")) == allowed, (method, path)


def test_reading_changes_no_row(desk: Desk) -> None:
    """No call but the one that subscribes writes anything."""
    publish_edition(desk.database, "A Kite", "On Bread")
    before = desk.rows()
    for path in (
        "",
        "/v1/openapi.json",
        "/v1/topics",
        "/v1/editions",
        f"/v1/editions/{TODAY}",
        "/v1/papers?q=kite",
        "/v1/papers/1",
    ):
        for method in ("GET", "HEAD"):
            assert desk.client.request(method, f"/api{path}").status_code == 200
    assert desk.rows() == before


def test_calls_are_counted(make: Make) -> None:
    """One client may make so many calls a minute, whatever it reads; then it is told to wait. Sign-ups are apart."""
    desk = make(web=WebSettings(api_per_minute=2))
    paths = ("topics", "editions", "papers", "papers/1", "editions/2026-11-20")
    answers = [desk.client.get(f"/api/v1/{path}") for path in paths]
    assert [answer.status_code for answer in answers] == [200, 200, 429, 429, 429]
    assert 1 <= int(answers[-1].headers["retry-after"]) <= 60
    problem(answers[-1])
    assert subscribe(desk).status_code == 202


def test_a_database_that_does_not_answer(make: Make) -> None:
    """Where the database fails the answer is 503, with the time to wait, and nothing of the reason."""
    desk = make()
    with desk.database.write() as conn:
        conn.exec_driver_sql("ALTER TABLE papers RENAME TO gone")
    desk.database.close()
    answer = desk.client.get("/api/v1/papers")
    assert (answer.status_code, "gone" in answer.text) == (503, False)
