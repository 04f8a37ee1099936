"""Signed links: what they say, who can make them, and that all wrong ones look alike."""

from __future__ import annotations

import datetime as dt
import inspect

import pytest

from digest.compose.links import DeadLinks, Links, MailLinks
from digest.errors import ExpiredTokenError, TokenError
from tests.compose.samples import DAY, KEY, LINKS

NEW_KEY = b"another key, also of 32 bytes..."
AT = dt.datetime(2026, 11, 20, 12, 0, tzinfo=dt.UTC)
AN_HOUR = dt.timedelta(hours=1)


def token(url: str) -> str:
    return url.rpartition("/")[2]


def test_round_trip() -> None:
    """Each token gives back what it was made of."""
    assert LINKS.read_leave(token(LINKS.leave(4711))) == 4711
    assert LINKS.read_preferences(token(LINKS.preferences(4711, 3))) == (4711, 3)
    confirm = token(LINKS.confirm(4711, 3, AT))
    assert LINKS.read_confirm(confirm, AT, AN_HOUR) == (4711, 3)
    assert LINKS.read_return_path(LINKS.return_path(99, "example.org")) == 99


def test_form() -> None:
    """Links stand below the base URL, and a leave link is short enough for one header line."""
    links = Links("https://digest.example.org/", [KEY])
    assert links.leave(4711) == f"https://digest.example.org/u/{links.leave_token(4711)}"
    assert links.preferences(1, 2).startswith("https://digest.example.org/p/1.2.")
    assert links.confirm(1, 2, AT).startswith(f"https://digest.example.org/c/1.2.{int(AT.timestamp())}.")
    assert links.edition(DAY) == "https://digest.example.org/editions/2026-11-20"
    assert links.return_path(7, "example.org").startswith("bounce+7-")
    assert len(links.leave(9_999_999)) <= 64


def test_deterministic() -> None:
    """The same arguments give the same links, also from another object with the same keys."""
    again = Links("https://digest.example.org", [KEY])
    assert LINKS.leave(1) == again.leave(1)
    assert LINKS.preferences(1, 0) == again.preferences(1, 0)
    assert LINKS.confirm(1, 0, AT) == again.confirm(1, 0, AT)
    assert LINKS.return_path(1, "example.org") == again.return_path(1, "example.org")


def test_leave_outlives_epochs() -> None:
    """A leave link says nothing of the epoch, so that raising it cannot revoke it."""
    assert list(inspect.signature(LINKS.leave).parameters) == ["subscriber_id"]


def test_rotation() -> None:
    """The newest key signs, and the links of older ones still work."""
    old, both = Links("https://a.example", [KEY]), Links("https://a.example", [KEY, NEW_KEY])
    assert both.read_leave(old.leave_token(5)) == 5
    assert both.read_return_path(old.return_path(5, "example.org")) == 5
    assert both.leave_token(5) == Links("https://a.example", [NEW_KEY]).leave_token(5)
    assert both.return_path(5, "x") == Links("https://a.example", [NEW_KEY]).return_path(5, "x")
    with pytest.raises(TokenError):
        old.read_leave(both.leave_token(5))


@pytest.mark.parametrize("keys", [[], [b"short"], [KEY, b"x" * 15]])
def test_weak_keys(keys: list[bytes]) -> None:
    """Without keys, or with short ones, there are no links."""
    with pytest.raises(ValueError, match="16 bytes"):
        Links("https://a.example", keys)


def forged() -> list[str]:
    leave = LINKS.leave_token(4711)
    body, _, mac = leave.rpartition(".")
    return [
        "",
        "x",
        body,
        f"{body}.",
        f"{body}.{mac[:-1]}",
        f"{body}.{mac}A",
        f"{body}.{mac[:-1]}{'A' if mac[-1] != 'A' else 'B'}",
        f"{body}.{mac[:-1]}!{mac[-1]}",
        f"4712.{mac}",
        f"04711.{mac}",
        f"+{leave}",
        f" {leave}",
        f"{leave}\n",
        f"٤711.{mac}",
        "\ud800",
        "A" * 10_000,
        "9" * 5_000 + "." + mac,
        token(LINKS.preferences(4711, 3)),
        token(LINKS.confirm(4711, 3, AT)),
        Links("https://a.example", [NEW_KEY]).leave_token(4711),
        "dry-run",
    ]


@pytest.mark.parametrize("bad", forged())
def test_forged_alike(bad: str) -> None:
    """A forged token, one of another purpose and one of another key give the very same error."""
    with pytest.raises(TokenError) as caught:
        LINKS.read_leave(bad)
    assert type(caught.value) is TokenError
    assert str(caught.value) == "this link does not work"


def test_purposes_apart() -> None:
    """No token opens what another is for."""
    with pytest.raises(TokenError):
        LINKS.read_preferences(LINKS.leave_token(1))
    with pytest.raises(TokenError):
        LINKS.read_confirm(token(LINKS.preferences(1, 0)), AT, AN_HOUR)
    with pytest.raises(TokenError):
        LINKS.read_preferences(token(LINKS.confirm(1, 0, AT)))


@pytest.mark.parametrize(
    ("after", "works"),
    [(dt.timedelta(0), True), (AN_HOUR, True), (AN_HOUR + dt.timedelta(seconds=1), False)],
)
def test_confirm_expires(after: dt.timedelta, works: bool) -> None:
    """A confirm link works up to its age to the second, and then says whose it was."""
    confirm = token(LINKS.confirm(4711, 3, AT))
    if works:
        assert LINKS.read_confirm(confirm, AT + after, AN_HOUR) == (4711, 3)
        return
    with pytest.raises(ExpiredTokenError, match="expired") as caught:
        LINKS.read_confirm(confirm, AT + after, AN_HOUR)
    assert caught.value.subscriber_id == 4711


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
    assert dead.return_path(99, "example.org") == "bounce+dry-run@example.org"
    assert dead.edition(DAY) == LINKS.edition(DAY)
