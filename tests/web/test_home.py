"""The first page and the sign-up: what is stored, what is mailed, and that no answer tells who is known."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from digest.deliver.delivery import Kind
from digest.settings import MailSettings, WebSettings
from digest.store import consents
from digest.store.database import Database
from digest.subscribers.consent import CONSENT, consent_version
from digest.subscribers.subscriber import Frequency, Profile, Schedule, State
from digest.wiring import App
from tests.factories import DAY, TOPICS, Clock, publish_edition
from tests.web.readers import Desk, chosen, errors, make_desk, path, told

ADDRESS = "ada@example.org"


@pytest.fixture
def desk(database: Database, tmp_path: Path, clock: Clock, browse: Callable[[App], TestClient]) -> Desk:
    return make_desk(database, tmp_path, clock, browse)


def sign_up(desk: Desk, address: str = ADDRESS, **fields: str | list[str]) -> object:
    return desk.client.post("/subscribe", data={"address": address, **fields})


def test_before_the_first_edition(desk: Desk) -> None:
    """The page is there before any paper is: with the form, and the sentence that is agreed to."""
    page = desk.client.get("/")
    assert page.status_code == 200
    assert CONSENT in page.text
    assert 'id="subscribe"' in page.text


def test_the_newest_edition_is_the_sample(desk: Desk) -> None:
    """The first four papers of the newest edition are shown by their place, with a link to the rest."""
    publish_edition(desk.database, "An Old Kite", day=dt.date(2026, 11, 19))
    publish_edition(desk.database, *(f"Kite Number {n}" for n in range(6)))
    page = desk.client.get("/").text
    assert [n for n in range(6) if f"Kite Number {n}" in page] == [0, 1, 2, 3]
    assert "An Old Kite" not in page
    assert "Friday, 20 November 2026" in page
    assert 'href="/editions/2026-11-20"' in page
    publish_edition(desk.database, "A New Kite", day=dt.date(2026, 11, 21))
    assert "A New Kite" in desk.client.get("/").text, "what is kept ready is no older than the newest"


def test_the_form_begins_with_the_settings(
    sqlite_database: Database, tmp_path: Path, clock: Clock, browse: Callable[[App], TestClient]
) -> None:
    """Zone and hour begin with those of the service, and the browser may guess the zone."""
    (tmp_path / "ours.toml").write_text(TOPICS, encoding="utf-8")
    mail = MailSettings(topics=tmp_path / "ours.toml", hour=9)
    desk = make_desk(sqlite_database, tmp_path, clock, browse, zone="Europe/Berlin", mail=mail)
    page = desk.client.get("/")
    assert (chosen(page, "zone"), chosen(page, "hour")) == (["Europe/Berlin"], ["9"])
    assert "data-guess-zone" in page.text
    sign_up(desk)
    found = desk.find(ADDRESS)
    assert found is not None
    assert found.schedule == Schedule(zone="Europe/Berlin", hour=9)


def test_an_address_is_enough(desk: Desk) -> None:
    """A sign-up without choices is pending with the defaults, and one confirmation is on its way."""
    answer = desk.client.post("/subscribe", data={"address": f" {ADDRESS} "})
    assert (answer.status_code, answer.headers["location"]) == (303, "/inbox")
    found = desk.find(ADDRESS)
    assert found is not None
    assert (found.state, found.profile, found.schedule) == (State.PENDING, Profile(), Schedule())
    assert desk.kinds(found.id) == [Kind.CONFIRM]


def test_choices_come_with_it(desk: Desk) -> None:
    """What is chosen at once is stored with the request."""
    sign_up(
        desk, topics=["kites", "baking"], interests="long strings\ntails", include="author:Ada Example",
        exclude="boat", frequency="weekly", weekday="tue", hour="18", zone="Asia/Tokyo", cap="4",
    )  # fmt: skip
    found = desk.find(ADDRESS)
    assert found is not None
    assert found.profile == Profile(
        topics=("kites", "baking"),
        interests=("long strings", "tails"),
        include=("author:Ada Example",),
        exclude=("boat",),
        cap=4,
    )
    assert found.schedule == Schedule(frequency=Frequency.WEEKLY, weekday=1, zone="Asia/Tokyo", hour=18)


def test_the_consent_is_recorded(desk: Desk) -> None:
    """The record says when, from where, by what way, and which sentence was agreed to."""
    sign_up(desk)
    found = desk.find(ADDRESS)
    assert found is not None
    with desk.database.read() as conn:
        (line,) = consents.of(conn, found.id)
    assert (line.at, str(line.event)) == (desk.clock.now, "asked")
    evidence = line.evidence
    assert (evidence.method, evidence.ip, evidence.text_version) == ("web", "192.0.2.7", consent_version())


def test_every_error_at_once_and_nothing_stored(desk: Desk) -> None:
    """All that is wrong is named beside its field, what was typed stays, and no row is written."""
    before = desk.rows()
    answer = desk.client.post(
        "/subscribe",
        data={
            "address": "not <an> address",
            "topics": ["kites", "swimming"],
            "interests": "fine\n" + "x" * 201,
            "cap": "many",
            "hour": "18",
            "zone": "Mars",
        },
    )
    assert answer.status_code == 422
    assert list(errors(answer)) == ["address", "topics", "interests", "zone", "cap"]
    assert chosen(answer, "address") == ["not <an> address"]
    assert chosen(answer, "interests") == ["fine\n" + "x" * 201]
    assert (chosen(answer, "cap"), chosen(answer, "hour")) == (["many"], ["18"])
    assert desk.rows() == before


def test_choices_that_cannot_be_are_not_dropped(desk: Desk) -> None:
    """A good address with a wrong choice is not signed up with another one: the form comes back."""
    before = desk.rows()
    answer = desk.client.post("/subscribe", data={"address": ADDRESS, "topics": "swimming"})
    assert answer.status_code == 422
    assert list(errors(answer)) == ["topics"]
    assert desk.rows() == before


@pytest.mark.parametrize(
    "address",
    ["", " ", "ada", "ada@", "ada@example", "a,b@example.org", "Ada <ada@example.org>", "ada@example.org\r\nBcc: b@c.de",
     "ada@example.org\0", "ädä@example.org", '"a b"@example.org', "a" * 250 + "@example.org"],
)  # fmt: skip
def test_addresses_refused(client: TestClient, address: str) -> None:
    """An address that cannot be mailed is an error beside the field, in a sentence."""
    answer = client.post("/subscribe", data={"address": address})
    assert answer.status_code == 422
    assert list(errors(answer)) == ["address"]
    assert errors(answer)["address"].endswith((".", "?", "!"))


def standing_of_every_kind(desk: Desk) -> dict[str, str]:
    """An address in every state, by its name."""
    for state in State:
        desk.add(f"{state}@example.org", state=state)
    erased = desk.add("erased@example.org")
    desk.client.post(desk.erase(erased))
    return {state: f"{state}@example.org" for state in (*State, "erased", "new")}


@pytest.mark.parametrize(
    "fields", [{}, {"website": "https://example.org"}, {"cap": "0"}, {"topics": "kites"}]
)
def test_no_answer_tells_who_is_known(desk: Desk, fields: dict[str, str]) -> None:
    """New, pending, active, paused, left, suppressed and erased get the same status, headers and bytes.

    The page of an error shows the address that was typed; but for that it is the same as well.
    """
    answers = {}
    for state, address in standing_of_every_kind(desk).items():
        status, headers, body = told(desk.client.post("/subscribe", data={"address": address, **fields}))
        headers = [(name, value) for name, value in headers if name != "content-length" or not body]
        answers[state] = status, headers, body.replace(address.encode(), b"ADDRESS")
    assert len(answers) == 7
    assert all(answer == answers["new"] for answer in answers.values())


def test_the_mail_differs(desk: Desk) -> None:
    """Who is subscribed gets a link to their choices, everybody else a confirmation."""
    addresses = standing_of_every_kind(desk)
    for address in addresses.values():
        sign_up(desk, address)
    mails = {state: desk.kinds(found.id) for state, at in addresses.items() if (found := desk.find(at))}
    assert mails.pop("active") == mails.pop("paused") == [Kind.LOGIN]
    assert set(mails) == {"pending", "suppressed", "left", "erased", "new"}
    assert all(kinds == [Kind.CONFIRM] for kinds in mails.values())


def test_one_confirmation_for_an_address_and_day(desk: Desk) -> None:
    """However often one asks, in whatever spelling and zone, one confirmation leaves on a day; the choices are the newest."""
    for n, zone in enumerate(["UTC", "Pacific/Kiritimati", "Pacific/Pago_Pago", "Europe/Berlin"]):
        sign_up(desk, ADDRESS.upper() if n % 2 else ADDRESS, zone=zone, cap=str(n + 1))
    found = desk.find(ADDRESS)
    assert found is not None
    assert desk.kinds(found.id) == [Kind.CONFIRM]
    assert (found.profile.cap, found.schedule.zone) == (4, "Europe/Berlin")
    desk.clock.now += DAY
    sign_up(desk)
    assert desk.kinds(found.id) == [Kind.CONFIRM] * 2


def test_the_trap(desk: Desk) -> None:
    """Who fills in the field that people cannot see gets the usual answer, and nothing is stored."""
    usual = told(desk.client.post("/subscribe", data={"address": "eve@example.org"}))
    before = desk.rows()
    assert told(desk.client.post("/subscribe", data={"address": ADDRESS, "website": "x"})) == usual
    assert desk.rows() == before
    assert 'name="website"' in desk.client.get("/").text


def test_the_inbox_page_is_the_same_for_all(desk: Desk) -> None:
    """It shows no address: it says where to look."""
    sign_up(desk)
    page = desk.client.get("/inbox")
    assert page.status_code == 200
    assert ADDRESS not in page.text


def test_the_way_back_from_the_form(client: TestClient) -> None:
    """The path that the form posts to, opened by hand, leads to the form."""
    answer = client.get("/subscribe")
    assert (answer.status_code, answer.headers["location"]) == (303, "/")


def test_sign_ups_of_one_client_are_limited(
    sqlite_database: Database, tmp_path: Path, clock: Clock, browse: Callable[[App], TestClient]
) -> None:
    """One client may sign up so many addresses an hour, then is asked to wait; errors count too, other clients do not."""
    desk = make_desk(sqlite_database, tmp_path, clock, browse, web=WebSettings(signups_per_hour=3))
    statuses = [
        desk.client.post("/subscribe", data={"address": address}).status_code
        for address in ("a@example.org", "broken", "b@example.org", "c@example.org", "d@example.org")
    ]
    assert statuses == [303, 422, 303, 429, 429]
    refused = desk.client.post("/subscribe", data={"address": "e@example.org"})
    assert 1 <= int(refused.headers["retry-after"]) <= 3600
    assert desk.find("c@example.org") is None
    with TestClient(desk.client.app, base_url="https://digest.example.org", client=("192.0.2.8", 1)) as other:
        answer = other.post("/subscribe", data={"address": "f@example.org"}, follow_redirects=False)
    assert answer.status_code == 303
    assert path(answer.headers["location"]) == "/inbox"
