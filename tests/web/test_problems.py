"""Error pages and problem documents: calm, alike where they must be, and silent about what was sent."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import pytest
import structlog
from fastapi import FastAPI, Query
from starlette.exceptions import HTTPException
from starlette.testclient import TestClient

from digest.errors import ExpiredTokenError, TokenError
from digest.store.database import Database, DatabaseError
from digest.web.application import create
from digest.web.problems import LinkGone, Problem
from tests.factories import make_app

ADDRESS = "ada.lovelace@example.org"
ERRORS: dict[str, Exception] = {
    "forged": TokenError("this link does not work"),
    "late": ExpiredTokenError(7),
    "gone": LinkGone(),
    "down": DatabaseError("database: the server went away"),
    "slower": Problem(429, headers={"Retry-After": "7"}),
    "own": Problem(409, "Not now", "Another <b>text</b>."),
    "library": HTTPException(415),
    "nameless": HTTPException(418),
    "bug": KeyError(ADDRESS),
}


@pytest.fixture(scope="module")
def browser(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """A client of pages that raise these errors, as pages and under /api."""
    folder = tmp_path_factory.mktemp("web")
    shutil.copyfile(sqlite_template, folder / "digest.db")
    database = Database(f"sqlite:///{folder / 'digest.db'}")
    web = create(make_app(database, folder))
    raising(web, "/raise/{name}")
    raising(web, "/api/raise/{name}")
    with TestClient(web, base_url="https://digest.example.org", follow_redirects=False) as client:
        yield client
    database.close()


def raising(web: FastAPI, path: str) -> None:
    @web.get(path)
    def fail(name: str, number: Annotated[int, Query()] = 1) -> None:
        raise ERRORS[name]


@pytest.mark.parametrize(
    ("name", "status", "more"),
    [
        ("forged", 404, {}),
        ("late", 404, {}),
        ("gone", 410, {}),
        ("down", 503, {"retry-after": "30"}),
        ("slower", 429, {"retry-after": "7"}),
        ("own", 409, {}),
        ("library", 415, {}),
        ("nameless", 418, {}),
        ("bug", 500, {}),
    ],
)
def test_each_error_has_its_answer(browser: TestClient, name: str, status: int, more: dict[str, str]) -> None:
    """A page for people, problem+json under /api, each with its status and headers."""
    page, call = browser.get(f"/raise/{name}"), browser.get(f"/api/raise/{name}")
    assert (page.status_code, call.status_code) == (status, status)
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert call.headers["content-type"] == "application/problem+json"
    for answer in (page, call):
        assert {key: answer.headers[key] for key in more} == more
        assert ADDRESS not in answer.text
    document = call.json()
    assert (document["type"], document["status"]) == ("about:blank", status)
    assert document["title"] and document["detail"]
    assert page.text.count("<h1") == 1


def test_a_text_is_escaped(browser: TestClient) -> None:
    """What a problem says is text, and stays text on the page."""
    page = browser.get("/raise/own").text
    assert "Another &lt;b&gt;text&lt;/b&gt;." in page
    assert "<b>text" not in page


def test_bad_links_look_alike(browser: TestClient) -> None:
    """Forged, of another purpose, cut, and a page that never was: the same bytes, so that nothing can be learned."""
    answers = [
        browser.get(path)
        for path in [
            "/raise/forged",
            "/nowhere",
            "/c/1.0.1.x",
            "/p/1.0.x",
            "/u/1.x",
            "/x/1.0.1.x",
            "/e/1.0.1.x",
        ]
    ]
    assert {answer.status_code for answer in answers} == {404}
    assert len({answer.content for answer in answers}) == 1


@pytest.mark.parametrize(
    ("path", "allow"),
    [("/healthz", "GET, HEAD"), ("/subscribe", "GET, HEAD, POST"), ("/u/token/data", "POST")],
)
def test_a_wrong_method(browser: TestClient, path: str, allow: str) -> None:
    """405 names all methods that the path takes, HEAD among them where GET is."""
    answer = browser.delete(path)
    assert (answer.status_code, answer.headers["allow"]) == (405, allow)
    assert answer.headers["content-type"] == "text/html; charset=utf-8"


def test_a_path_of_two_routes(browser: TestClient) -> None:
    """Where GET and POST are routes of their own, 405 names both."""
    assert browser.put("/p/1.0.x").headers["allow"] == "GET, HEAD, POST"
    assert browser.put("/u/1.x").headers["allow"] == "GET, HEAD, POST"


def test_a_slash_more(browser: TestClient) -> None:
    """Nothing redirects by itself: there is no address in a Location that a Host could have chosen."""
    for path in ("/healthz/", "/editions/", "/..//evil.example/", "/p//"):
        answer = browser.get(path)
        assert (answer.status_code, "location" in answer.headers) == (404, False)


def test_what_does_not_validate(browser: TestClient) -> None:
    """422 says which field is wrong and how, and repeats nothing of what was sent."""
    page = browser.get("/raise/own", params={"number": ADDRESS})
    call = browser.get("/api/raise/own", params={"number": ADDRESS})
    assert (page.status_code, call.status_code) == (422, 422)
    assert ADDRESS not in page.text + call.text
    (wrong,) = call.json()["errors"]
    assert wrong["field"] == "number"
    assert "valid integer" in wrong["reason"]


def test_what_is_logged(browser: TestClient) -> None:
    """A database that does not answer is an error of ours; a bad link is nothing to wake anyone for."""
    with structlog.testing.capture_logs() as logged:
        browser.get("/raise/down")
        browser.get("/raise/forged")
        browser.get("/raise/slower")
    errors: list[Any] = [event for event in logged if event["log_level"] == "error"]
    assert [(event["event"], event["error"]) for event in errors] == [
        ("database failed", "database: the server went away")
    ]
