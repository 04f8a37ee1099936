"""The page behind a confirmation mail: its button subscribes, once and again, and no old link brings anyone back."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from digest.compose.links import CONFIRM_AGE
from digest.deliver.delivery import Kind
from digest.store import consents
from digest.store.database import Database
from digest.subscribers.subscriber import State, Subscriber
from digest.wiring import App
from tests.factories import DAY, Clock
from tests.web.readers import Desk, make_desk, told

ADDRESS = "ada@example.org"


@pytest.fixture
def desk(database: Database, tmp_path: Path, clock: Clock, browse: Callable[[App], TestClient]) -> Desk:
    return make_desk(database, tmp_path, clock, browse)


def asked(desk: Desk, address: str = ADDRESS) -> Subscriber:
    """Someone who signed up and has not confirmed."""
    desk.client.post("/subscribe", data={"address": address})
    found = desk.find(address)
    assert found is not None
    return found


def test_a_button_confirms(desk: Desk) -> None:
    """The page names the address and changes nothing; its button subscribes, and leads to the choices."""
    who = asked(desk)
    link = desk.confirm(who)
    page = desk.client.get(link)
    assert page.status_code == 200
    assert ADDRESS in page.text
    assert f'<form method="post" action="{link}">' in page.text
    assert desk.subscriber(who.id).state is State.PENDING
    answer = desk.client.post(link)
    assert answer.status_code == 303
    assert answer.headers["location"] == desk.preferences(who) + "?done=confirmed"
    assert "your subscription is confirmed" in desk.client.get(answer.headers["location"]).text
    assert desk.subscriber(who.id).state is State.ACTIVE
    with desk.database.read() as conn:
        lines = consents.of(conn, who.id)
    assert [(str(line.event), line.evidence.method, line.evidence.ip) for line in lines] == [
        ("asked", "web", "192.0.2.7"),
        ("confirmed", "mail", "192.0.2.7"),
    ]


def test_again_leads_to_the_same(desk: Desk) -> None:
    """A button pressed twice, or a link opened again, is no error and changes nothing more."""
    who = asked(desk)
    link = desk.confirm(who)
    first = told(desk.client.post(link))
    after = desk.rows()
    assert desk.client.get(link).status_code == 200
    assert told(desk.client.post(link)) == first
    assert desk.rows() == after


def test_after_leaving_it_brings_nobody_back(desk: Desk) -> None:
    """A confirmation opened or posted again after leaving is gone, and nothing is changed by it."""
    who = asked(desk)
    link = desk.confirm(who)
    desk.client.post(link)
    desk.client.post(desk.leave(who))
    left = desk.rows()
    for answer in (desk.client.get(link), desk.client.post(link)):
        assert answer.status_code == 410
        assert "<h1>" in answer.text
        assert ADDRESS not in answer.text
    assert desk.rows() == left
    assert desk.subscriber(who.id).state is State.LEFT


def test_after_erasing_it_brings_nobody_back(desk: Desk) -> None:
    """The same after erasing; nothing is known any more."""
    who = asked(desk)
    link = desk.confirm(who)
    desk.client.post(link)
    desk.client.post(desk.erase(who))
    erased = desk.rows()
    assert [desk.client.get(link).status_code, desk.client.post(link).status_code] == [410, 410]
    assert desk.rows() == erased


def test_coming_back_needs_a_fresh_confirmation(desk: Desk) -> None:
    """Who left and signs up anew is pending: the old link does not confirm it, the new one does."""
    who = asked(desk)
    old = desk.confirm(who)
    desk.client.post(old)
    desk.client.post(desk.leave(who))
    desk.clock.now += DAY
    back = asked(desk)
    assert (back.id, back.state) == (who.id, State.PENDING)
    assert [desk.client.get(old).status_code, desk.client.post(old).status_code] == [410, 410]
    assert desk.subscriber(who.id).state is State.PENDING
    assert desk.client.post(desk.confirm(back)).status_code == 303
    assert desk.subscriber(who.id).state is State.ACTIVE


@pytest.mark.parametrize("state", list(State))
def test_an_expired_link_offers_a_new_one(desk: Desk, state: State) -> None:
    """A link older than three days is 410 with an offer, the same whoever they are by now, and confirms nothing."""
    who = desk.add(state=state)
    link = desk.confirm(who)
    desk.clock.now += CONFIRM_AGE
    assert desk.client.get(link).status_code != 404, "three days to the second it works"
    desk.clock.now += dt.timedelta(seconds=1)
    before = desk.rows()
    for answer in (desk.client.get(link), desk.client.post(link)):
        assert answer.status_code == 410
        assert f'action="{link}/again"' in answer.text
        assert ADDRESS not in answer.text
    assert desk.rows() == before


@pytest.mark.parametrize("state", list(State))
def test_the_offer_mails_who_still_waits(desk: Desk, state: State) -> None:
    """The offer answers the same to all; who is still pending gets one new mail, everybody else none."""
    who = desk.add(state=state)
    link = desk.confirm(who)
    other = desk.confirm(desk.add("other@example.org", state=State.PENDING))
    desk.clock.now += CONFIRM_AGE + DAY
    answers = [told(desk.client.post(f"{each}/again")) for each in (link, link, other)]
    assert answers[0][0] == 200
    assert answers[0] == answers[1] == answers[2]
    assert desk.kinds(who.id) == ([Kind.CONFIRM] if state is State.PENDING else [])
    assert desk.subscriber(who.id).state is state


def test_moving_asks_for_the_new_address(desk: Desk) -> None:
    """A change of address has a page of its own; its button moves the subscription, and pressed again does no harm."""
    who = desk.add()
    desk.client.post(desk.preferences(who) + "/move", data={"address": "new@example.org"})
    asked_one = desk.find("new@example.org")
    assert asked_one is not None
    link = desk.confirm(asked_one)
    page = desk.client.get(link)
    assert page.status_code == 200
    assert "new@example.org" in page.text
    assert "Use this address" in page.text
    assert desk.subscriber(who.id).address == ADDRESS
    answer = desk.client.post(link)
    moved = desk.subscriber(who.id)
    assert moved.address == "new@example.org"
    assert answer.headers["location"] == desk.preferences(moved) + "?done=moved"
    assert "come to this address" in desk.client.get(answer.headers["location"]).text
    assert desk.client.get(desk.preferences(who)).status_code == 404, "the old links are dead"
    after = desk.rows()
    assert "new@example.org" in desk.client.get(link).text
    assert told(desk.client.post(link)) == told(answer)
    assert desk.rows() == after


def test_a_change_that_nobody_waits_for_is_gone(desk: Desk) -> None:
    """Of two changes of address the newer counts: the link of the first is gone, before any button is shown."""
    who = desk.add()
    for address in ("first@example.org", "second@example.org"):
        desk.client.post(desk.preferences(who) + "/move", data={"address": address})
    first, second = desk.find("first@example.org"), desk.find("second@example.org")
    assert first is not None
    assert second is not None
    assert desk.client.get(desk.confirm(first)).status_code == 410
    assert desk.client.post(desk.confirm(first)).status_code == 410
    assert desk.client.get(desk.confirm(second)).status_code == 200
    desk.client.post(desk.leave(who))
    assert desk.client.get(desk.confirm(second)).status_code == 410
