"""A digest as it reaches a mail server: how its reader leaves it, read from the very bytes."""

from __future__ import annotations

import re
from email import message_from_bytes
from email.policy import default
from pathlib import Path

import pytest

from digest.compose.links import Links
from digest.relay.smtp import SmtpRelay
from digest.relay.url import parse_url
from digest.store.database import Database
from tests.factories import NOW, add_subscriber, make_app, publish_edition
from tests.smtp_server import SmtpServer

#: A run that waits for itself fails rather than hangs.
pytestmark = pytest.mark.timeout(60)


def test_leaving_from_the_bytes(sqlite_database: Database, tmp_path: Path) -> None:
    """List-Unsubscribe is one physical line, https first, then mailto; both parts show the reader that same link.

    With a base URL and a sender of ordinary length it has 147 characters for the first reader, and two more for each
    further digit of their number; the https URI ends at the 75th.
    """
    publish_edition(sqlite_database, "A Kite for All")
    with sqlite_database.write() as conn:
        who = add_subscriber(conn, due_at=NOW)
    with SmtpServer() as server:
        app = make_app(sqlite_database, tmp_path, relay=SmtpRelay(parse_url(server.url)))
        app.plan()
        app.deliver()
    (received,) = server.accepted
    head, _, _ = received.data.partition(b"\r\n\r\n")
    lines = head.split(b"\r\n")
    (at,) = (number for number, line in enumerate(lines) if line.lower().startswith(b"list-unsubscribe:"))
    line = lines[at].decode("ascii")
    assert not lines[at + 1].startswith((b" ", b"\t"))  # nothing of it was folded away
    found = re.fullmatch(
        r"List-Unsubscribe: <(https://[!-;=?-~]+)>, <(mailto:digest@example\.org\?subject=leave%20([!-;=?-~]+))>",
        line,
    )
    assert found, line
    assert "=?" not in line
    digits = len(str(who.id))
    assert (len(line), line.index(">") + 1) == (145 + 2 * digits, 74 + digits)
    url, _mailto, token = found.groups()
    assert isinstance(app.links, Links)
    assert url == app.links.leave(who.id) == f"https://digest.example.org/u/{token}"
    assert app.links.read_leave(token) == who.id
    assert b"List-Unsubscribe-Post: List-Unsubscribe=One-Click" in lines
    parsed = message_from_bytes(received.data, policy=default)
    text, html = (parsed.get_body((kind,)) for kind in ("plain", "html"))
    assert text is not None
    assert html is not None
    assert re.findall(r"https://\S+/u/\S+", text.get_content()) == [url]
    assert re.findall(r'href="([^"]+/u/[^"]+)"', html.get_content()) == [url]
