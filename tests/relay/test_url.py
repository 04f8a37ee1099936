"""The relay's URL."""

from __future__ import annotations

from pathlib import Path

import pytest

from digest.errors import SettingsError
from digest.relay.url import RelayUrl, Scheme, parse_url


@pytest.mark.parametrize(
    ("url", "parsed"),
    [
        ("smtp://mail.example.org", RelayUrl(scheme=Scheme.SMTP, host="mail.example.org", port=25)),
        (" smtp://127.0.0.1:2525/ ", RelayUrl(scheme=Scheme.SMTP, host="127.0.0.1", port=2525)),
        ("smtp://[::1]:2525", RelayUrl(scheme=Scheme.SMTP, host="::1", port=2525)),
        (
            "smtp+starttls://me@mail.example.org",
            RelayUrl(scheme=Scheme.STARTTLS, host="mail.example.org", port=587, user="me"),
        ),
        (
            "smtps://me@example.org@mail.example.org:4650",
            RelayUrl(scheme=Scheme.SMTPS, host="mail.example.org", port=4650, user="me@example.org"),
        ),
        (
            "smtps://me%40example.org@mail.example.org",
            RelayUrl(scheme=Scheme.SMTPS, host="mail.example.org", port=465, user="me@example.org"),
        ),
        ("smtp://me@localhost", RelayUrl(scheme=Scheme.SMTP, host="localhost", port=25, user="me")),
        ("smtp://me@127.0.0.9", RelayUrl(scheme=Scheme.SMTP, host="127.0.0.9", port=25, user="me")),
        ("folder:out/mail", RelayUrl(scheme=Scheme.FOLDER, path=Path("out/mail"))),
        ("dry:", RelayUrl(scheme=Scheme.DRY)),
        ("folder:/var/mail/digest", RelayUrl(scheme=Scheme.FOLDER, path=Path("/var/mail/digest"))),
    ],
)
def test_urls(url: str, parsed: RelayUrl) -> None:
    """Each form is taken apart, with its default port."""
    assert parse_url(url) == parsed


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("", "has to be smtp://"),
        ("smtp", "has to be smtp://"),
        ("mail.example.org:25", "has to be smtp://"),
        ("http://mail.example.org", "has to be smtp://"),
        ("smtp://", "has to be smtp://"),
        ("smtp://:25", "has to be smtp://"),
        ("smtp://host/path", "has to be smtp://"),
        ("smtp://host?x=1", "has to be smtp://"),
        ("smtp://host#x", "has to be smtp://"),
        ("smtp://a..b", "has to be smtp://"),
        ("smtp://a b", "has to be smtp://"),
        ("smtp://host:port", "cannot be read"),
        ("smtp://host:70000", "cannot be read"),
        ("smtp://[::1", "cannot be read"),
        ("folder:", "names no folder"),
        ("smtps://me:secret@host", "relay.password"),
        ("smtp://me@mail.example.org", "in clear"),
    ],
)
def test_refused(url: str, words: str) -> None:
    """What cannot be a relay is refused with what it has to be."""
    with pytest.raises(SettingsError, match=words):
        parse_url(url)


@pytest.mark.parametrize(
    "url",
    [
        "smtps://me:secret@host",
        "http://me:secret@host",
        "smtp:/me:secret@host",
        "smtps://me:secret/x@host",
        "smtps://me:secret@host/path",
    ],
)
def test_a_password_is_not_repeated(url: str) -> None:
    """An error never shows a password that was put into the URL."""
    with pytest.raises(SettingsError) as caught:
        parse_url(url)
    assert "secret" not in str(caught.value)
