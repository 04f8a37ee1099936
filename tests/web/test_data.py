"""The links to one's data: each opens once, within a day."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from digest.compose.links import DATA_AGE
from digest.store import subscribers
from digest.store.database import Database
from digest.subscribers.subscriber import Profile, State
from digest.wiring import App
from tests.factories import Clock
from tests.web.readers import Desk, make_desk

ADDRESS = "ada@example.org"


@pytest.fixture
def desk(database: Database, tmp_path: Path, clock: Clock, browse: Callable[[App], TestClient]) -> Desk:
    return make_desk(database, tmp_path, clock, browse)


def test_export(desk: Desk) -> None:
    """The page has a button; that gives a JSON file with all that is stored, once, and is kept by nobody between."""
    who = desk.add(profile=Profile(topics=("kites",), interests=("naïve 漢字",)))
    link = desk.export(who)
    page = desk.client.get(link)
    assert page.status_code == 200
    assert ADDRESS in page.text
    answer = desk.client.post(link)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["content-disposition"] == 'attachment; filename="digest-export.json"'
    assert answer.headers["cache-control"] == "no-store"
    found = json.loads(answer.text)
    assert found["subscription"]["address"] == ADDRESS
    assert found["subscription"]["interests"] == ["naïve 漢字"]
    assert "漢字" in answer.text
    assert desk.subscriber(who.id).state is State.ACTIVE


def test_erase(desk: Desk) -> None:
    """The page has a button; after it nothing of them is left to read, and no link of theirs opens anything."""
    who = desk.add(profile=Profile(interests=("a secret interest",)))
    preferences, export, erase = desk.preferences(who), desk.export(who), desk.erase(who)
    assert ADDRESS in desk.client.get(erase).text
    assert desk.subscriber(who.id).address == ADDRESS
    answer = desk.client.post(erase)
    assert answer.status_code == 200
    assert "Everything is erased" in answer.text
    left = repr(desk.rows())
    assert ADDRESS not in left
    assert "a secret interest" not in left
    assert desk.client.get(preferences).status_code == 404
    assert [desk.client.get(export).status_code, desk.client.post(export).status_code] == [410, 410]


@pytest.mark.parametrize("kind", ["export", "erase"])
def test_a_link_opens_once(desk: Desk, kind: str) -> None:
    """Used, a link is gone for page and button alike, and changes nothing; looking at the page does not use it up."""
    link = getattr(desk, kind)(desk.add())
    assert [desk.client.get(link).status_code for _ in range(3)] == [200] * 3
    assert desk.client.post(link).status_code == 200
    after = desk.rows()
    for answer in (desk.client.get(link), desk.client.post(link)):
        assert answer.status_code == 410
        assert ADDRESS not in answer.text
    assert desk.rows() == after


@pytest.mark.parametrize("kind", ["export", "erase"])
def test_a_link_opens_within_a_day(desk: Desk, kind: str) -> None:
    """After a day a link is too old: 410 with words, and nothing happens."""
    link = getattr(desk, kind)(desk.add())
    desk.clock.now += DATA_AGE
    assert desk.client.get(link).status_code == 200
    desk.clock.advance(seconds=1)
    before = desk.rows()
    for answer in (desk.client.get(link), desk.client.post(link)):
        assert answer.status_code == 410
        assert "expired" in answer.text
        assert ADDRESS not in answer.text
    assert desk.rows() == before


@pytest.mark.parametrize("kind", ["export", "erase"])
def test_a_link_outlives_leaving(desk: Desk, kind: str) -> None:
    """Whoever asks for their data and then leaves still gets it, or has it erased, once."""
    who = desk.add()
    link = getattr(desk, kind)(who)
    desk.client.post(desk.leave(who))
    assert [desk.client.get(link).status_code, desk.client.post(link).status_code] == [200, 200]
    assert [desk.client.get(link).status_code, desk.client.post(link).status_code] == [410, 410]


@pytest.mark.parametrize("kind", ["export", "erase"])
def test_a_link_dies_with_the_epoch(desk: Desk, kind: str) -> None:
    """Who left and asks to subscribe anew has a subscription that older links open no more; nor do they after a move."""
    who = desk.add()
    old = getattr(desk, kind)(who)
    with desk.database.write() as conn:
        subscribers.change(conn, who.id, epoch=who.epoch + 1)
    assert [desk.client.get(old).status_code, desk.client.post(old).status_code] == [410, 410]
    assert "It has been used, or you left" in desk.client.get(old).text  # nobody has used it
    assert desk.subscriber(who.id).address == ADDRESS
    with desk.database.write() as conn:
        subscribers.change(conn, who.id, state=State.LEFT, epoch=who.epoch + 2)
    assert [desk.client.get(old).status_code, desk.client.post(old).status_code] == [410, 410]
    fresh = getattr(desk, kind)(desk.subscriber(who.id))
    assert [desk.client.get(fresh).status_code, desk.client.post(fresh).status_code] == [200, 200]


def test_two_links_of_two_days_open_once_each(desk: Desk) -> None:
    """Using one link does not use another up."""
    who = desk.add()
    first = desk.export(who)
    desk.clock.advance(hours=1)
    second = desk.export(who)
    statuses = [desk.client.post(link).status_code for link in (first, second, first, second)]
    assert statuses == [200, 200, 410, 410]
