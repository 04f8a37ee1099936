"""The page of a reader's own choices."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable
from html import unescape
from pathlib import Path

import pytest
from httpx2 import Response
from starlette.testclient import TestClient

from digest.deliver.delivery import Kind
from digest.settings import WebSettings
from digest.signup import Signup
from digest.store import subscribers
from digest.store.database import Database
from digest.subscribers.subscriber import Frequency, Profile, Schedule, State, Subscriber
from digest.wiring import App
from tests.factories import DAY, TODAY, Clock, publish_edition
from tests.web.readers import Desk, chosen, errors, make_desk

KITES = Profile(topics=("kites",), interests=("long strings",), include=("bridle",), exclude=("boat",), cap=7)
#: All fields as a browser sends them.
SENT: dict[str, str | list[str]] = {
    "topics": ["baking"], "interests": "sour dough\r\nrye", "include": "author:Ada Example", "exclude": "",
    "frequency": "weekly", "weekday": "fri", "hour": "18", "zone": "Asia/Tokyo", "cap": "3",
}  # fmt: skip


@pytest.fixture
def desk(database: Database, tmp_path: Path, clock: Clock, browse: Callable[[App], TestClient]) -> Desk:
    return make_desk(database, tmp_path, clock, browse)


def week(desk: Desk) -> None:
    for n in range(-6, 1):
        publish_edition(desk.database, f"A Kite {n}", f"Some Bread {n}", day=TODAY + n * DAY)


def notice(answer: Response) -> str | None:
    found = re.search(r'<p class="notice" role="status">(.*?)</p>', answer.text)
    return unescape(found[1]) if found else None


def previewed(answer: Response) -> list[str]:
    """Dates and titles of the preview, in their order."""
    panel = re.search(r'<section id="preview".*', answer.text, re.DOTALL)
    assert panel is not None
    found = re.findall(r"<h3[^>]*>([^<]+)</h3>|<h4>(?:<a[^>]*>)?([^<]+)", panel[0].partition('id="pause"')[0])
    return [date or title for date, title in found]


def test_the_choices_as_they_stand(desk: Desk) -> None:
    """The page shows every choice, when the next mail is due by the reader's clock, and no notice."""
    when = Schedule(frequency=Frequency.WEEKLY, weekday=2, zone="America/New_York", hour=18)
    who = desk.add(profile=KITES, schedule=when)
    page = desk.client.get(desk.preferences(who))
    assert page.status_code == 200
    assert "ada@example.org" in page.text
    assert {
        name: chosen(page, name)
        for name in (
            "topics",
            "interests",
            "include",
            "exclude",
            "frequency",
            "weekday",
            "hour",
            "zone",
            "cap",
        )
    } == {
        "topics": ["kites"],
        "interests": ["long strings"],
        "include": ["bridle"],
        "exclude": ["boat"],
        "frequency": ["weekly"],
        "weekday": ["wed"],
        "hour": ["18"],
        "zone": ["America/New_York"],
        "cap": ["7"],
    }
    assert "Wednesday, 25 November 2026, 18:00 (America/New York)" in page.text
    assert notice(page) is None
    assert f'href="{desk.leave(who)}"' in page.text


def test_save(desk: Desk) -> None:
    """Saving stores all fields, and leads back to the page, which says so; loaded again it says it once more only if asked."""
    who = desk.add(profile=KITES)
    link = desk.preferences(who)
    answer = desk.client.post(link, data=SENT)
    assert (answer.status_code, answer.headers["location"]) == (303, f"{link}?done=saved")
    now = desk.subscriber(who.id)
    assert now.profile == Profile(
        topics=("baking",), interests=("sour dough", "rye"), include=("author:Ada Example",), cap=3
    )
    assert now.schedule == Schedule(frequency=Frequency.WEEKLY, weekday=4, zone="Asia/Tokyo", hour=18)
    page = desk.client.get(answer.headers["location"])
    assert notice(page) == "Your choices are saved. They count from the next mail on."
    assert chosen(page, "topics") == ["baking"]
    assert "Friday, 20 November 2026, 18:00" in page.text or "Friday, 27 November 2026, 18:00" in page.text


def test_every_error_at_once_and_nothing_saved(desk: Desk) -> None:
    """With errors nothing is saved: each stands beside its field, and all fields are as they were sent."""
    who = desk.add(profile=KITES)
    before = desk.rows()
    sent = {**SENT, "interests": "x" * 201, "cap": "99", "topics": ["baking", "swimming"]}
    answer = desk.client.post(desk.preferences(who), data=sent)
    assert answer.status_code == 422
    assert list(errors(answer)) == ["topics", "interests", "cap"]
    assert (chosen(answer, "interests"), chosen(answer, "cap")) == (["x" * 201], ["99"])
    assert (chosen(answer, "hour"), chosen(answer, "zone")) == (["18"], ["Asia/Tokyo"])
    assert desk.rows() == before


@pytest.mark.parametrize("odd", ["a\0b", "\ud7ff\ufffd", "a\u202eb", "a\u2066b"], ids=ascii)
@pytest.mark.parametrize("field", ["interests", "include", "exclude", "topics", "zone", "cap", "until"])
def test_odd_characters_are_never_a_500(
    client: TestClient, site_app: App, clock: Clock, field: str, odd: str
) -> None:
    """NUL and characters that turn writing are an error beside their field."""
    desk = Desk(app=site_app, client=client, clock=clock)
    link = desk.preferences(desk.add())
    where = f"{link}/pause" if field == "until" else link
    answer = client.post(where, data={field: odd})
    assert answer.status_code == 422
    assert list(errors(answer)) == [field]
    if field not in ("topics", "until"):
        assert client.post(f"{link}/preview", data={field: odd}).status_code == 422
        fragment = client.post(f"{link}/preview", data={field: odd}, headers={"X-Fragment": "preview"})
        assert fragment.status_code == 200


def test_two_tabs(desk: Desk) -> None:
    """Of two tabs that save, the later one counts as a whole."""
    who = desk.add(profile=KITES)
    link = desk.preferences(who)
    desk.client.post(link, data=SENT)
    desk.client.post(link, data={**SENT, "topics": ["kites"], "interests": "", "include": "", "cap": "9"})
    assert desk.subscriber(who.id).profile == Profile(topics=("kites",), cap=9)


def test_a_save_after_leaving_changes_nothing(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who left in another tab is told so; who leaves while the save is under way too, and nothing is stored."""
    who = desk.add(profile=KITES)
    link = desk.preferences(who)
    change = Signup.change

    def leaving_first(self: Signup, subscriber: Subscriber, **values: object) -> bool:
        desk.client.post(desk.leave(who))
        return change(self, subscriber, **values)  # type: ignore[arg-type]  # passed on as they came

    monkeypatch.setattr(Signup, "change", leaving_first)
    answer = desk.client.post(link, data=SENT)
    assert answer.status_code == 410
    assert "nothing was saved" in answer.text
    left = desk.rows()
    assert desk.subscriber(who.id).profile == KITES
    assert desk.client.post(link, data=SENT).status_code == 404
    assert desk.rows() == left


# -- the preview -----------------------------------------------------------------------------------------


def test_the_preview_of_saved_choices(desk: Desk) -> None:
    """The page shows what the last seven days would have brought, newest first, and why."""
    week(desk)
    page = desk.client.get(desk.preferences(desk.add(profile=Profile(topics=("kites",)))))
    assert previewed(page)[:4] == [
        "Friday, 20 November 2026", "A Kite 0", "Thursday, 19 November 2026", "A Kite -1"
    ]  # fmt: skip
    assert len(previewed(page)) == 14
    assert "Because you follow <b>Kites</b>" in page.text
    assert "7 papers in 7 mails" in page.text


@pytest.mark.parametrize("fragment", [False, True])
def test_the_preview_of_unsaved_choices(desk: Desk, fragment: bool) -> None:
    """Trying out shows the preview of what was sent and saves nothing: as a whole page, or for a script its panel alone."""
    week(desk)
    who = desk.add(profile=Profile(topics=("kites",)))
    before = desk.rows()
    headers = {"X-Fragment": "preview"} if fragment else {}
    answer = desk.client.post(
        desk.preferences(who) + "/preview", data={**SENT, "include": "kite -3", "topics": []}, headers=headers
    )
    assert answer.status_code == 200
    assert previewed(answer) == ["Friday, 20 November 2026", "A Kite -3"]
    assert "Matches your rule <b>“kite -3”</b>" in answer.text
    assert ("<html" in answer.text) is not fragment
    if fragment:
        assert answer.text.lstrip().startswith('<section id="preview"')
    else:
        assert chosen(answer, "include") == ["kite -3"], "the form keeps what is not saved"
    assert desk.rows() == before


def test_a_preview_with_errors(desk: Desk) -> None:
    """What cannot be is named, and the preview goes by the rest."""
    week(desk)
    who = desk.add(profile=Profile(topics=("kites",)))
    answer = desk.client.post(
        desk.preferences(who) + "/preview", data={"topics": ["baking"], "cap": "0", "exclude": "x" * 201}
    )
    assert answer.status_code == 422
    assert list(errors(answer)) == ["exclude", "cap"]
    assert previewed(answer)[:2] == ["Friday, 20 November 2026", "Some Bread 0"]


def test_a_weekend_to_come(desk: Desk) -> None:
    """On a Sunday, a reader on weekdays sees the weekend's papers under the Monday to come."""
    week(desk)
    publish_edition(desk.database, "A Weekend Kite", day=TODAY + DAY)
    desk.clock.now += 2 * DAY
    who = desk.add(
        profile=Profile(topics=("kites",)), schedule=Schedule(frequency=Frequency.WEEKDAYS, zone="Asia/Tokyo")
    )
    page = desk.client.get(desk.preferences(who))
    assert previewed(page)[:2] == ["Next Monday, 23 November 2026", "A Weekend Kite"]


# -- pause, move, data -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("until", "day"), [("", None), ("7", dt.date(2026, 11, 28)), ("14", dt.date(2026, 12, 5)), ("30", dt.date(2026, 12, 21))]
)  # fmt: skip
def test_pause_and_resume(desk: Desk, until: str, day: dt.date | None) -> None:
    """A pause lasts until a date by the reader's own calendar, or until it is ended; the page says which."""
    desk.clock.now = desk.clock.now.replace(hour=16)  # the 21st in Tokyo
    who = desk.add(schedule=Schedule(zone="Asia/Tokyo"))
    link = desk.preferences(who)
    answer = desk.client.post(f"{link}/pause", data={"until": until})
    assert (answer.status_code, answer.headers["location"]) == (303, f"{link}?done=paused")
    now = desk.subscriber(who.id)
    assert (now.state, now.paused_until) == (State.PAUSED, day)
    page = desk.client.get(answer.headers["location"])
    assert notice(page) == "You are paused. Your choices are kept."
    assert "Your next mail" not in page.text
    if day is not None:
        assert f"until {day.day} {day:%B %Y}" in page.text
    answer = desk.client.post(f"{link}/resume")
    assert answer.headers["location"] == f"{link}?done=resumed"
    assert desk.subscriber(who.id).state is State.ACTIVE
    assert "Your next mail" in desk.client.get(answer.headers["location"]).text


@pytest.mark.parametrize("until", ["8", "-7", "forever", "7.0"])
def test_pauses_that_are_not_offered(desk: Desk, until: str) -> None:
    """Only the periods of the list can be asked for."""
    who = desk.add()
    answer = desk.client.post(desk.preferences(who) + "/pause", data={"until": until})
    assert answer.status_code == 422
    assert list(errors(answer)) == ["until"]
    assert desk.subscriber(who.id).state is State.ACTIVE


def test_a_paused_reader_may_choose(desk: Desk) -> None:
    """Choices can be saved during a pause, which goes on."""
    who = desk.add(state=State.PAUSED)
    assert desk.client.post(desk.preferences(who), data=SENT).status_code == 303
    now = desk.subscriber(who.id)
    assert (now.state, now.profile.topics) == (State.PAUSED, ("baking",))


def test_move(desk: Desk) -> None:
    """A new address is asked first; the answer is the same whoever stands there already."""
    who = desk.add()
    taken = desk.add("taken@example.org")
    link = desk.preferences(who)
    answers = [
        desk.client.post(f"{link}/move", data={"address": address})
        for address in ("new@example.org", taken.address)
    ]
    assert [(each.status_code, each.headers["location"]) for each in answers] == [
        (303, f"{link}?done=move")
    ] * 2
    assert "new@example.org" not in desk.client.get(f"{link}?done=move").text
    assert desk.subscriber(who.id).address == "ada@example.org"
    asked = desk.find("new@example.org")
    assert asked is not None
    assert desk.kinds(asked.id) == [Kind.CONFIRM]
    assert desk.kinds(taken.id) == [Kind.LOGIN]


def test_move_to_an_address_that_cannot_be(desk: Desk) -> None:
    """The error stands beside the new address, which stays as it was typed."""
    who = desk.add()
    before = desk.rows()
    answer = desk.client.post(desk.preferences(who) + "/move", data={"address": "not an address"})
    assert answer.status_code == 422
    assert list(errors(answer)) == ["new-address"]
    assert chosen(answer, "new-address") == ["not an address"]
    assert desk.rows() == before


def test_data(desk: Desk) -> None:
    """Asking for one's data mails the links, once a day."""
    who = desk.add()
    for _ in range(2):
        answer = desk.client.post(desk.preferences(who) + "/data")
        assert answer.headers["location"] == desk.preferences(who) + "?done=data"
    assert desk.kinds(who.id) == [Kind.DATA]


@pytest.mark.parametrize("part", ["preview", "pause", "resume", "move", "data"])
def test_the_way_back_from_a_form(client: TestClient, site_app: App, clock: Clock, part: str) -> None:
    """The path that a form was posted to, opened by hand, leads back to the page; to no page of any other name."""
    desk = Desk(app=site_app, client=client, clock=clock)
    link = desk.preferences(desk.add())
    answer = client.get(f"{link}/{part}")
    assert (answer.status_code, answer.headers["location"]) == (303, link)
    assert client.get(f"{link}/other").status_code == 404
    assert client.get(f"{link}x/{part}").status_code == 404


# -- who may open it -------------------------------------------------------------------------------------


@pytest.mark.parametrize("state", list(State))
def test_who_may_open_the_page(desk: Desk, state: State) -> None:
    """Who is subscribed, mailed at the moment or not; to everybody else the link does not exist."""
    who = desk.add(state=state)
    open_to = state in (State.ACTIVE, State.PAUSED)
    link = desk.preferences(who)
    assert desk.client.get(link).status_code == (200 if open_to else 404)
    assert desk.client.post(link, data=SENT).status_code == (303 if open_to else 404)


def test_every_post_is_limited(
    sqlite_database: Database, tmp_path: Path, clock: Clock, browse: Callable[[App], TestClient]
) -> None:
    """Each form of the page counts: over the limit it is 429 with Retry-After, and nothing is done; looking is free."""
    desk = make_desk(sqlite_database, tmp_path, clock, browse, web=WebSettings(posts_per_minute=1))
    who = desk.add()
    link = desk.preferences(who)
    assert desk.client.post(link, data=SENT).status_code == 303
    before = desk.rows()
    confirm, export, erase = desk.confirm(who), desk.export(who), desk.erase(who)
    paths = [link, *(f"{link}/{what}" for what in ("preview", "pause", "resume", "move", "data"))]
    for path in (*paths, confirm, f"{confirm}/again", export, erase):
        answer = desk.client.post(path, data={"address": "new@example.org"})
        assert answer.status_code == 429, path
        assert int(answer.headers["retry-after"]) >= 1
    assert desk.rows() == before
    assert desk.client.get(link).status_code == 200


def test_a_move_to_where_one_is(desk: Desk) -> None:
    """One's own address, however it is spelled, is said to be that, and nothing is written."""
    link = desk.preferences(desk.add())
    before = desk.rows()
    answer = desk.client.post(f"{link}/move", data={"address": " ADA@Example.org "})
    assert answer.status_code == 422
    assert "That is your address already." in answer.text
    assert desk.rows() == before


def test_a_mail_later_than_its_hour(desk: Desk) -> None:
    """Where the next mail cannot come at the hour that was chosen, the page says why; else it says nothing of it."""
    who = desk.add(schedule=Schedule(hour=7))
    link = desk.preferences(who)
    with desk.database.write() as conn:
        subscribers.change(conn, who.id, due_at=desk.clock.now.replace(hour=7) + DAY)
    assert "07:00 (UTC)</p>" in desk.client.get(link).text
    with desk.database.write() as conn:
        subscribers.change(conn, who.id, due_at=desk.clock.now.replace(hour=14, minute=13) + DAY)
    assert "14:13 (UTC), as there are 20 hours at least between two mails" in desk.client.get(link).text


def test_a_move_counts_as_a_sign_up(
    sqlite_database: Database, tmp_path: Path, clock: Clock, browse: Callable[[App], TestClient]
) -> None:
    """It mails an address of anybody's, so it has the limit of the form that does: the two are counted together."""
    desk = make_desk(sqlite_database, tmp_path, clock, browse, web=WebSettings(signups_per_hour=2))
    link = desk.preferences(desk.add())
    assert desk.client.post("/subscribe", data={"address": "other@example.org"}).status_code == 303
    assert desk.client.post(f"{link}/move", data={"address": "new@example.org"}).status_code == 303
    answer = desk.client.post(f"{link}/move", data={"address": "third@example.org"})
    assert answer.status_code == 429
    assert desk.find("third@example.org") is None


@pytest.mark.parametrize(
    "done", ["", "other", "//evil.example", "https://evil.example", "<script>", "saved\r\nSet-Cookie: a=b", "saved&done=x"]
)  # fmt: skip
def test_only_our_own_notices(desk: Desk, done: str) -> None:
    """What `done` may say is a fixed set: anything else is passed over, and leads nowhere."""
    link = desk.preferences(desk.add())
    plain = desk.client.get(link)
    answer = desk.client.get(link, params={"done": done})
    assert answer.status_code == 200
    assert answer.content == plain.content
