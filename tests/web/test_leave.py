"""Leaving: one click in a mail program, one button on a page, for ever and again."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from digest.deliver.delivery import Kind
from digest.settings import WebSettings
from digest.store import consents
from digest.store.database import Database
from digest.subscribers.subscriber import State
from digest.wiring import App
from tests.factories import Clock
from tests.web.readers import Desk, make_desk, told

ADDRESS = "ada@example.org"
ONE_CLICK = b"List-Unsubscribe=One-Click"
MULTIPART = b'--b\r\nContent-Disposition: form-data; name="List-Unsubscribe"\r\n\r\nOne-Click\r\n--b--\r\n'


@pytest.fixture
def desk(database: Database, tmp_path: Path, clock: Clock, browse: Callable[[App], TestClient]) -> Desk:
    return make_desk(database, tmp_path, clock, browse)


def test_a_button_leaves(desk: Desk) -> None:
    """The page names no address, as old mailboxes hold its link too, and changes nothing; its button ends the subscription, and a goodbye follows."""
    who = desk.add()
    link = desk.leave(who)
    page = desk.client.get(link)
    assert page.status_code == 200
    assert ADDRESS not in page.text
    assert f'action="{link}"' in page.text
    assert desk.subscriber(who.id).state is State.ACTIVE
    answer = desk.client.post(link)
    assert answer.status_code == 200
    assert "You have left" in answer.text
    assert desk.subscriber(who.id).state is State.LEFT
    assert desk.kinds(who.id) == [Kind.GOODBYE]
    with desk.database.read() as conn:
        (line,) = consents.of(conn, who.id)
    assert (str(line.event), line.evidence.method, line.evidence.ip) == ("left", "mail", "192.0.2.7")


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("application/x-www-form-urlencoded", ONE_CLICK),
        ("multipart/form-data; boundary=b", MULTIPART),
        ("multipart/form-data; boundary=other", MULTIPART),
        ("multipart/form-data", b"\xff\x00"),
        ("application/json", b"{"),
        ("text/plain; charset=nonsense", ONE_CLICK),
        ("nonsense", b"\xff" * 1000),
        ("", ONE_CLICK),
        ("", b""),
    ],
)
def test_one_click(desk: Desk, kind: str, body: bytes) -> None:
    """A post from anywhere, without cookie, with any body of any kind or none, is 200 without a redirect, and ends it."""
    who = desk.add()
    headers = {"Content-Type": kind} if kind else {}
    sent = {**headers, "Origin": "https://mail.example.com", "Sec-Fetch-Site": "cross-site"}
    answer = desk.client.post(desk.leave(who), content=body, headers=sent)
    assert answer.status_code == 200
    assert "set-cookie" not in answer.headers
    assert desk.subscriber(who.id).state is State.LEFT


def test_again_and_again(desk: Desk) -> None:
    """The second post is answered as the first, the page then says that they left, and nothing more is written."""
    who = desk.add()
    link = desk.leave(who)
    first = told(desk.client.post(link, content=ONE_CLICK))
    after = desk.rows()
    assert [told(desk.client.post(link, content=ONE_CLICK)) for _ in range(3)] == [first] * 3
    assert told(desk.client.get(link)) == first
    assert desk.rows() == after


@pytest.mark.parametrize("state", list(State))
def test_whoever_they_are(desk: Desk, state: State) -> None:
    """Leaving works in every state, and ends in the same one."""
    who = desk.add(state=state)
    assert desk.client.post(desk.leave(who)).status_code == 200
    assert desk.subscriber(who.id).state is State.LEFT


def test_years_later(desk: Desk) -> None:
    """A leave link does not expire, and outlives coming back."""
    who = desk.add()
    link = desk.leave(who)
    desk.client.post(link)
    desk.client.post("/subscribe", data={"address": ADDRESS})
    desk.client.post(desk.confirm(desk.subscriber(who.id)))
    desk.clock.advance(days=3650)
    assert desk.subscriber(who.id).state is State.ACTIVE
    assert desk.client.post(link).status_code == 200
    assert desk.subscriber(who.id).state is State.LEFT


def test_after_erasing(desk: Desk) -> None:
    """The link of someone erased still says that they left, names no address and offers no data."""
    who = desk.add()
    desk.client.post(desk.erase(who))
    erased = desk.rows()
    for answer in (
        desk.client.get(desk.leave(who)),
        desk.client.post(desk.leave(who)),
        desk.client.post(desk.leave(who) + "/data"),
    ):
        assert answer.status_code == 200
        assert "You have left" in answer.text
        assert "@example.org" not in answer.text
        assert "/data" not in answer.text
    assert desk.rows() == erased


def test_who_is_not_there_any_more(desk: Desk) -> None:
    """A good link to a row that is gone is no error: who follows it wanted to be gone."""
    link = desk.leave(desk.add())
    nobody = desk.app.links.leave(10**6).removeprefix("https://digest.example.org")
    assert link != nobody
    assert "You have left" in desk.client.get(nobody).text
    assert desk.client.post(nobody).status_code == 200


def test_data_of_who_left(desk: Desk) -> None:
    """Who left may still ask for the links to their data: one mail a day, and the page says it is on its way."""
    who = desk.add()
    desk.client.post(desk.leave(who))
    for _ in range(2):
        answer = desk.client.post(desk.leave(who) + "/data")
        assert answer.status_code == 200
        assert "on their way" in answer.text
    assert desk.kinds(who.id) == [Kind.GOODBYE, Kind.DATA]


def test_leaving_is_never_limited(
    sqlite_database: Database, tmp_path: Path, clock: Clock, browse: Callable[[App], TestClient]
) -> None:
    """A mail service posts for many readers from one address: none of them is told to wait."""
    desk = make_desk(sqlite_database, tmp_path, clock, browse, web=WebSettings(posts_per_minute=1))
    people = [desk.add(f"reader{n}@example.org") for n in range(5)]
    assert [desk.client.post(desk.leave(who)).status_code for who in people] == [200] * 5
    preferences = [desk.client.post(desk.preferences(who)).status_code for who in people]
    assert preferences == [404, 429, 429, 429, 429], "the limit is there, and counts other posts"
