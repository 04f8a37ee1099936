"""The form of the choices: every field checked by itself, and whatever is sent answered with words."""

from __future__ import annotations

import pytest
from starlette.datastructures import FormData
from starlette.testclient import TestClient

from digest.rank.topics import parse
from digest.subscribers.preferences import zones
from digest.subscribers.subscriber import Frequency, Profile, Schedule
from digest.web.form_views import FormViews
from digest.web.forms import FIELDS_MAX, Choices, address_error, choices, shown
from digest.web.views import FormView
from tests.factories import TOPICS
from tests.web.readers import errors

TOPIC_IDS = frozenset({"kites", "baking"})
VIEWS = FormViews(parse(TOPICS))


def read(
    *pairs: tuple[str, str], profile: Profile | None = None, schedule: Schedule | None = None
) -> Choices:
    return choices(
        FormData(list(pairs)),
        topic_ids=TOPIC_IDS,
        profile=profile or Profile(),
        schedule=schedule or Schedule(),
    )


def test_nothing_sent_means_what_stands() -> None:
    """Fields that were not sent keep the value that stands, but for topics, of which no box was ticked."""
    stood = Profile(topics=("kites",), interests=("string",), include=("bridle",), exclude=("boat",), cap=3)
    when = Schedule(frequency=Frequency.WEEKLY, weekday=4, zone="Asia/Tokyo", hour=21)
    found = read(profile=stood, schedule=when)
    assert found.profile == Profile(interests=("string",), include=("bridle",), exclude=("boat",), cap=3)
    assert (found.schedule, found.errors, found.sent) == (when, {}, {})


def test_everything_sent() -> None:
    """Each field lands in its place; a line of a text area is one value, whatever ends it."""
    found = read(
        ("topics", "baking"),
        ("topics", "kites"),
        ("interests", "sparse attention\r\n\r\nlong documents\rmaps\n"),
        ("include", "author:Ada Example\nbridle"),
        ("exclude", "boat"),
        ("frequency", "weekly"),
        ("weekday", "fri"),
        ("hour", "21"),
        ("zone", "Asia/Tokyo"),
        ("cap", "3"),
        ("unknown", "passed over"),
    )
    assert found.errors == {}
    assert found.profile == Profile(
        topics=("baking", "kites"),
        interests=("sparse attention", "long documents", "maps"),
        include=("author:Ada Example", "bridle"),
        exclude=("boat",),
        cap=3,
    )
    assert found.schedule == Schedule(frequency=Frequency.WEEKLY, weekday=4, zone="Asia/Tokyo", hour=21)


def test_all_errors_at_once_and_one_for_each_field() -> None:
    """Every field that cannot be is named with its own reason; the others are taken."""
    found = read(
        ("topics", "kites"),
        ("topics", "nothing of ours"),
        ("interests", "x" * 201),
        ("include", "\n".join(f"rule {n}" for n in range(21))),
        ("exclude", "author:"),
        ("frequency", "hourly"),
        ("weekday", "someday"),
        ("hour", "24"),
        ("zone", "Mars/Olympus"),
        ("cap", "0"),
    )
    assert list(found.errors) == [
        "topics", "interests", "include", "exclude", "cap", "frequency", "weekday", "hour", "zone"
    ]  # fmt: skip
    assert all(text[:1].isupper() or text[:1] in "'0123456789" for text in found.errors.values())
    assert (found.profile, found.schedule) == (Profile(), Schedule())


@pytest.mark.parametrize(
    "field", ["interests", "include", "exclude", "topics", "zone", "hour", "cap", "frequency", "weekday"]
)
@pytest.mark.parametrize("odd", ["a\0b", "a\ud800b", "a\u202eb", "a\u2066b", "\ufffd", "a\x1bb"], ids=ascii)
def test_odd_characters_are_an_error_beside_the_field(field: str, odd: str) -> None:
    """NUL, lone surrogates and characters that turn writing are refused by name, and can be shown again."""
    found = read((field, odd))
    assert list(found.errors) == [field]
    view = VIEWS.sent(found, address=odd)
    for text in (view.address, view.interests, view.include, view.exclude, view.cap, *view.errors.values()):
        text.encode()
        assert not set(text) & {"\0", "\u202e", "\u2066", "\x1b"}


@pytest.mark.parametrize("odd", ["a\0b", "a\ud800b", "a\u202eb"], ids=ascii)
def test_odd_characters_of_an_address(odd: str) -> None:
    """They make an address one that cannot be mailed, wherever they stand."""
    for address in (f"{odd}@example.org", f"ada@{odd}.example.org"):
        found = address_error(address)
        assert found is not None
        found.encode()


@pytest.mark.parametrize("address", ["ada@example.org", "  ada@example.org ", "ada@bücher.example.org"])
def test_addresses_that_can_be_mailed(address: str) -> None:
    """Blanks around an address and an international domain are no error."""
    assert address_error(address) is None


def test_what_is_shown_keeps_line_ends() -> None:
    """Only what no page can hold is replaced: a text area keeps its lines and its tabs."""
    assert shown("a\r\nb\tc <b>&") == "a\r\nb\tc <b>&"
    assert shown("a\0\ud800\u202eb") == "a\ufffd\ufffd\ufffdb"


def picked(view: FormView) -> dict[str, list[str]]:
    lists = {
        "frequency": view.frequencies,
        "weekday": view.weekdays,
        "hour": view.hours,
        "zone": [option for _, zones in view.zones for option in zones],
    }
    return {name: [option.value for option in options if option.chosen] for name, options in lists.items()}


def test_the_form_as_it_stands() -> None:
    """Every choice is where the reader left it; each list has one that is chosen."""
    view = VIEWS.standing(
        Profile(topics=("baking",), interests=("a", "b"), include=("c",), exclude=("d",), cap=7),
        Schedule(frequency=Frequency.WEEKDAYS, weekday=2, zone="Europe/Berlin", hour=9),
    )
    assert picked(view) == {
        "frequency": ["weekdays"], "weekday": ["wed"], "hour": ["9"], "zone": ["Europe/Berlin"]
    }  # fmt: skip
    assert [topic.id for group in view.groups for topic in group.topics if topic.chosen] == ["baking"]
    assert (view.interests, view.include, view.exclude, view.cap) == ("a\nb", "c", "d", "7")
    assert [option.label for option in view.weekdays][:2] == ["Monday", "Tuesday"]
    assert [option.label for option in view.hours][7] == "07:00"


def test_one_reader_does_not_show_in_the_form_of_another() -> None:
    """What is shared between forms holds no reader's choices."""
    VIEWS.standing(Profile(topics=("kites", "baking")), Schedule(zone="US/Pacific"))
    view = VIEWS.standing(Profile(), Schedule())
    assert not any(topic.chosen for group in view.groups for topic in group.topics)
    assert picked(view)["zone"] == ["UTC"]


def test_zones_to_choose_from() -> None:
    """Zones stand by region under today's names, UTC among them, and the chosen one whatever it is called."""
    listed = {
        option.value for _, options in VIEWS.standing(Profile(), Schedule()).zones for option in options
    }
    assert {"UTC", "Europe/Berlin", "America/Argentina/Buenos_Aires", "Asia/Kolkata"} <= listed <= zones()
    assert 400 < len(listed) < 450
    assert not [name for name in listed if name.startswith(("Etc/", "US/")) or name == "Asia/Calcutta"]
    for name in sorted(zones()):
        assert picked(VIEWS.standing(Profile(), Schedule(zone=name)))["zone"] == [name]


def test_what_was_sent_is_shown_again() -> None:
    """A field with an error keeps what was typed; a list goes back to what stood before."""
    found = read(("interests", " a  b \n\n" + "x" * 300), ("cap", "many"), ("zone", "Mars"), ("hour", "5"))
    view = VIEWS.sent(found, address=" not an address ", errors={"address": "Look again."})
    assert (view.interests, view.cap, view.address) == (" a  b \n\n" + "x" * 300, "many", " not an address ")
    assert picked(view)["zone"] == ["UTC"]
    assert picked(view)["hour"] == ["5"]
    assert list(view.errors) == ["address", "interests", "cap", "zone"]
    assert not view.guess_zone, "what was chosen is not guessed at again"


# -- bodies, by way of the sign-up -----------------------------------------------------------------------


def test_multipart_is_read_as_well(client: TestClient) -> None:
    """A form sent as multipart says the same as one sent urlencoded."""
    answers = [
        client.post("/subscribe", data={"address": "nobody", "cap": "0"}),
        client.post("/subscribe", files={"address": (None, "nobody"), "cap": (None, "0")}),
    ]
    assert [sorted(errors(answer)) for answer in answers] == [["address", "cap"]] * 2
    assert answers[0].content == answers[1].content


def multipart(*parts: bytes, boundary: bytes = b"b") -> bytes:
    return (
        b"".join(b"--" + boundary + b"\r\n" + part + b"\r\n" for part in parts) + b"--" + boundary + b"--\r\n"
    )


ADDRESS = b'Content-Disposition: form-data; name="address"\r\n\r\nada@example.org'
FILE = b'Content-Disposition: form-data; name="a"; filename="f"\r\nContent-Type: text/plain\r\n\r\nx'


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("multipart/form-data", multipart(ADDRESS)),
        ("multipart/form-data; boundary=other", multipart(ADDRESS)),
        ("multipart/form-data; boundary=b", multipart(FILE)),
        ("multipart/form-data; boundary=b", multipart(b"Content-Disposition: form-data\r\n\r\nx")),
        ("multipart/form-data; boundary=b; charset=undefined", multipart(ADDRESS)),
        ("multipart/form-data; boundary=b; charset=Punycode", multipart(ADDRESS)),
        ('multipart/form-data; boundary=b; charset="idna"', multipart(ADDRESS)),
        ("multipart/form-data; boundary=b; charset=utf-7", multipart(ADDRESS)),
        ("multipart/form-data; boundary=b", multipart(*[ADDRESS] * (FIELDS_MAX + 1))),
        ("application/x-www-form-urlencoded", b"&".join([b"a=b"] * (FIELDS_MAX + 1))),
    ],
    ids=[
        "no boundary",
        "wrong boundary",
        "file",
        "no name",
        "undefined",
        "punycode",
        "idna",
        "utf-7",
        "many parts",
        "many fields",
    ],
)
def test_a_broken_body_is_400(client: TestClient, kind: str, body: bytes) -> None:
    """What cannot be read, holds a file or too many fields ends in a page that says so."""
    answer = client.post("/subscribe", content=body, headers={"Content-Type": kind})
    assert answer.status_code == 400
    assert "could not be read" in answer.text


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("application/x-www-form-urlencoded", b"address=ada%00@example.org&interests=%ED%A0%80"),
        ("application/x-www-form-urlencoded", b"address=%ff%fe&interests=%E2%80%AE&zone=%00"),
        ("multipart/form-data; boundary=b; charset=UTF-8", multipart(ADDRESS.replace(b"ada", b"\xff"))),
        ("multipart/form-data; boundary=b", multipart(ADDRESS.replace(b"ada", b"\xff\x00"))),
        ("application/json", b'{"address": "ada@example.org"}'),
        ("text/plain", b"address=ada@example.org"),
        ("", b""),
        ("application/x-www-form-urlencoded", b"%%%&&&===;;;\xff\x00"),
    ],
    ids=["nul", "turned", "utf-8", "latin", "json", "text", "none", "noise"],
)
def test_odd_bodies_show_the_form_again(client: TestClient, kind: str, body: bytes) -> None:
    """Bytes that are no text, and bodies of other kinds, are answered by the form with the error beside a field."""
    answer = client.post("/subscribe", content=body, headers={"Content-Type": kind} if kind else {})
    assert answer.status_code == 422
    assert "address" in errors(answer)
