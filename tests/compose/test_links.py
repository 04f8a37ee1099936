"""Signed links: what they say, who can make them, and that all wrong ones look alike."""

from __future__ import annotations

import base64
import datetime as dt
import inspect
from collections.abc import Callable
from itertools import permutations

import pytest

from digest.compose.links import CONFIRM_AGE, DATA_AGE, DeadLinks, Links, MailLinks, OneUse
from digest.errors import ExpiredTokenError, TokenError
from tests.compose.samples import DAY, KEY, LINKS

NEW_KEY = b"another key, also of 32 bytes..."
AT = dt.datetime(2026, 11, 20, 12, 0, tzinfo=dt.UTC)
A_SECOND = dt.timedelta(seconds=1)
ASKED = OneUse(subscriber_id=4711, epoch=3, asked_s=int(AT.timestamp()))

Read = Callable[[Links, str], object]
#: Every purpose of a token: who makes it, who reads it, and what it says.
MADE: dict[str, Callable[[Links], str]] = {
    "leave": lambda links: links.leave(4711),
    "preferences": lambda links: links.preferences(4711, 3),
    "confirm": lambda links: links.confirm(4711, 3, AT),
    "export": lambda links: links.export(4711, 3, AT),
    "erase": lambda links: links.erase(4711, 3, AT),
}
READ: dict[str, Read] = {
    "leave": lambda links, given: links.read_leave(given),
    "preferences": lambda links, given: links.read_preferences(given),
    "confirm": lambda links, given: links.read_confirm(given, AT),
    "export": lambda links, given: links.read_export(given, AT),
    "erase": lambda links, given: links.read_erase(given, AT),
}
SAYS = {"leave": 4711, "preferences": (4711, 3), "confirm": (4711, 3), "export": ASKED, "erase": ASKED}


def token(url: str) -> str:
    return url.rpartition("/")[2]


def refused(purpose: str, given: str, links: Links = LINKS) -> None:
    """The one error for all that does not verify: of one type, with one text and nothing else in it."""
    with pytest.raises(TokenError) as caught:
        READ[purpose](links, given)
    assert type(caught.value) is TokenError
    assert caught.value.args == ("this link does not work",)


@pytest.mark.parametrize("purpose", MADE)
def test_round_trip(purpose: str) -> None:
    """Each token gives back what it was made of."""
    assert READ[purpose](LINKS, token(MADE[purpose](LINKS))) == SAYS[purpose]


def test_return_path() -> None:
    """A return path gives back its delivery."""
    assert LINKS.read_return_path(LINKS.return_path(99, "example.org")) == 99


def test_form() -> None:
    """Links stand below the base URL, and a leave link is short enough for one header line."""
    links = Links("https://digest.example.org/", [KEY])
    assert links.leave(4711) == f"https://digest.example.org/u/{links.leave_token(4711)}"
    assert links.preferences(1, 2).startswith("https://digest.example.org/p/1.2.")
    assert links.confirm(1, 2, AT).startswith(f"https://digest.example.org/c/1.2.{int(AT.timestamp())}.")
    assert links.export(1, 2, AT).startswith(f"https://digest.example.org/x/1.2.{int(AT.timestamp())}.")
    assert links.erase(1, 2, AT).startswith(f"https://digest.example.org/e/1.2.{int(AT.timestamp())}.")
    assert links.edition(DAY) == "https://digest.example.org/editions/2026-11-20"
    assert links.return_path(7, "example.org").startswith("bounce+7-")
    assert len(links.leave(9_999_999)) <= 64


@pytest.mark.parametrize("purpose", MADE)
def test_deterministic(purpose: str) -> None:
    """The same arguments give the same links, also from another object with the same keys."""
    again = Links("https://digest.example.org", [KEY])
    assert MADE[purpose](LINKS) == MADE[purpose](again)
    assert LINKS.return_path(1, "example.org") == again.return_path(1, "example.org")


@pytest.mark.parametrize("purpose", MADE)
def test_strength(purpose: str) -> None:
    """A signature has 144 bits, in as many characters as they need: there is no spelling to spare."""
    mac = token(MADE[purpose](LINKS)).rpartition(".")[2]
    assert 8 * len(base64.urlsafe_b64decode(mac)) == 144 >= 128
    assert len(mac) * 6 == 144


def test_leave_outlives_epochs() -> None:
    """A leave link says nothing of the epoch, so that raising it cannot revoke it."""
    assert list(inspect.signature(LINKS.leave).parameters) == ["subscriber_id"]


@pytest.mark.parametrize("purpose", MADE)
def test_rotation(purpose: str) -> None:
    """The newest key signs, and the links of older ones still work."""
    make, read = MADE[purpose], READ[purpose]
    base_url = "https://a.example"
    old, new, both = Links(base_url, [KEY]), Links(base_url, [NEW_KEY]), Links(base_url, [KEY, NEW_KEY])
    assert read(both, token(make(old))) == read(both, token(make(new))) == SAYS[purpose]
    assert make(both) == make(new) != make(old)
    refused(purpose, token(make(both)), old)
    third = Links(base_url, [KEY, NEW_KEY, b"a third key, 32 bytes as well..."])
    assert read(third, token(make(old))) == read(third, token(make(both))) == SAYS[purpose]


def test_rotation_of_return_paths() -> None:
    """So it is with return paths."""
    old, both = Links("https://a.example", [KEY]), Links("https://a.example", [KEY, NEW_KEY])
    assert both.read_return_path(old.return_path(5, "example.org")) == 5
    assert both.return_path(5, "x") == Links("https://a.example", [NEW_KEY]).return_path(5, "x")


@pytest.mark.parametrize("keys", [[], [b"short"], [KEY, b"x" * 15]])
def test_weak_keys(keys: list[bytes]) -> None:
    """Without keys, or with short ones, there are no links."""
    with pytest.raises(ValueError, match="16 bytes"):
        Links("https://a.example", keys)


def forged(purpose: str) -> list[str]:
    good = token(MADE[purpose](LINKS))
    body, _, mac = good.rpartition(".")
    first, dot, rest = body.partition(".")
    standard = good.replace("-", "+").replace("_", "/")
    return [
        "",
        "x",
        body,
        f"{body}.",
        f".{mac}",
        mac,
        f"{body}.{mac[:-1]}",
        f"{body}.{mac}A",
        f"{body}.{mac}=",
        f"{body}.{mac[:-1]}{'A' if mac[-1] != 'A' else 'B'}",
        f"{body}.{mac[:-1]}!{mac[-1]}",
        f"{body}.{mac.swapcase()}",
        *([standard] if standard != good else []),
        f"{body}..{mac}",
        f"{body}.0.{mac}",
        f"{int(first) + 1}{dot}{rest}.{mac}",
        f"0{good}",
        f"+{good}",
        f" {good}",
        f"{good}\n",
        f"{good}/",
        f"{good}%00",
        good.replace(".", "%2E"),
        f"٤{good[1:]}",
        "\ud800",
        "A" * 10_000,
        "9" * 5_000 + "." + mac,
        token(MADE[purpose](Links("https://a.example", [NEW_KEY]))),
        "dry-run",
    ]


@pytest.mark.parametrize("purpose", MADE)
def test_forged_alike(purpose: str) -> None:
    """A forged token, one spelled another way and one of another key give the very same error."""
    for bad in forged(purpose):
        refused(purpose, bad)


@pytest.mark.parametrize("purpose", MADE)
def test_every_bit(purpose: str) -> None:
    """No bit of a token can be turned over: neither in what it says, nor in its signature."""
    good = token(MADE[purpose](LINKS)).encode()
    for place in range(8 * len(good)):
        flipped = bytearray(good)
        flipped[place // 8] ^= 1 << place % 8
        refused(purpose, flipped.decode("latin-1"))


@pytest.mark.parametrize(("made", "read"), list(permutations(MADE, 2)))
def test_purposes_apart(made: str, read: str) -> None:
    """No token opens what another is for, and the error does not tell that it is a token of ours."""
    refused(read, token(MADE[made](LINKS)))


@pytest.mark.parametrize("purpose", ["confirm", "export", "erase"])
def test_age_of_forged(purpose: str) -> None:
    """A forged link is not told to have expired, however old it says it is."""
    body, _, mac = token(MADE[purpose](LINKS)).rpartition(".")
    read = getattr(LINKS, f"read_{purpose}")
    for bad in (f"{body}.{mac[::-1]}", token(MADE["leave"](LINKS))):
        with pytest.raises(TokenError) as caught:
            read(bad, AT + dt.timedelta(days=900))
        assert type(caught.value) is TokenError


@pytest.mark.parametrize(("purpose", "days"), [("confirm", 3), ("export", 1), ("erase", 1)])
def test_age(purpose: str, days: int) -> None:
    """A request is confirmed within three days, data links open within one, to the second; then they say whose."""
    age = dt.timedelta(days=days)
    assert age == (CONFIRM_AGE if purpose == "confirm" else DATA_AGE)
    given, read = token(MADE[purpose](LINKS)), getattr(LINKS, f"read_{purpose}")
    for after in (dt.timedelta(0), A_SECOND, age):
        assert read(given, AT + after) == SAYS[purpose]
    with pytest.raises(ExpiredTokenError, match="expired") as caught:
        read(given, AT + age + A_SECOND)
    assert caught.value.subscriber_id == 4711


@pytest.mark.parametrize("purpose", ["leave", "preferences"])
def test_ageless(purpose: str) -> None:
    """Leave links never expire, and neither does the way to one's choices: no time stands in them."""
    assert str(int(AT.timestamp())) not in MADE[purpose](LINKS)
    read = getattr(LINKS, f"read_{purpose}")
    assert list(inspect.signature(read).parameters) == ["token"]


def test_return_path_case() -> None:
    """A return path is read also where a server has folded its case."""
    address = LINKS.return_path(99, "example.org")
    assert LINKS.read_return_path(address.upper()) == 99
    assert len(address.partition("@")[0]) <= 64


@pytest.mark.parametrize(
    "address",
    [
        "",
        "bounce@example.org",
        "bounce+99@example.org",
        "bounce+99-0000000000000000@example.org",
        LINKS.return_path(99, "example.org").replace("+99-", "+98-"),
        DeadLinks("https://a.example").return_path(99, "example.org"),
    ],
)
def test_return_path_forged(address: str) -> None:
    """A made-up return path tells of no delivery."""
    with pytest.raises(TokenError, match="does not work"):
        LINKS.read_return_path(address)


def test_dead_links() -> None:
    """Links of a dry run have the form of live ones and hold nothing of the reader."""
    dead: MailLinks = DeadLinks("https://digest.example.org/")
    assert dead.leave(4711) == "https://digest.example.org/u/dry-run"
    assert dead.leave_token(4711) == "dry-run"
    assert dead.preferences(4711, 3) == "https://digest.example.org/p/dry-run"
    assert dead.confirm(4711, 3, AT) == "https://digest.example.org/c/dry-run"
    assert dead.export(4711, 3, AT) == "https://digest.example.org/x/dry-run"
    assert dead.erase(4711, 3, AT) == "https://digest.example.org/e/dry-run"
    assert dead.return_path(99, "example.org") == "bounce+dry-run@example.org"
    assert dead.edition(DAY) == LINKS.edition(DAY)
