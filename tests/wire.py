"""What every mail on the wire keeps, asserted on its bytes: for composed and for captured messages.

`assert_wire(data)` raises `AssertionError` at the first broken rule, and otherwise gives the mail
back as a reader would see it, so that a test can go on from there.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from html.parser import HTMLParser
from urllib.parse import urlsplit

ONCE = ("from", "to", "subject", "date", "message-id", "mime-version", "content-type", "auto-submitted")
BULK = ("list-unsubscribe", "list-unsubscribe-post", "list-id", "precedence")
#: Anything else among the headers was injected.
SIGNATURE = "dkim-signature"
ALLOWED = {*ONCE, *BULK, SIGNATURE, "feedback-id"}

HTML_LIMIT_BYTES = 102_000  # where Gmail clips a mail

_BARE = re.compile(rb"\r(?!\n)|(?<!\r)\n")
_FIELD = re.compile(r"([!-9;-~]+): (\S.*)?")
_ENCODED_WORD = re.compile(r"=\?[^?\s]+\?[bBqQ]\?[^?\s]*\?=")
#: On one line, https first. RFC 8058 wants https; a demo on this machine has none.
_UNSUBSCRIBE = re.compile(
    r"<((?:https://|http://(?:localhost|127\.0\.0\.1)[:/])[!-;=?-~]+)>, <(mailto:[!-;=?-~]+)>"
)
_LIVELY = frozenset(
    ["script", "img", "iframe", "object", "embed", "form", "input", "link", "svg", "video", "audio", "base"]
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wire:
    """A mail as it was read back."""

    headers: dict[str, str]  #: lower-case name to value, unfolded and decoded
    text: str
    html: str
    links: tuple[str, ...]  #: every href of the HTML part, in order
    leave_url: str | None  #: of List-Unsubscribe


def assert_wire(data: bytes, *, bulk: bool = True) -> Wire:
    """Check one message and read it back.

    Args:
        data: The whole message, without dot-stuffing and without the final dot.
        bulk: Whether it is a digest, which has the list headers; mails that answer a step have none.
    """
    _assert_lines(data)
    head, _, _ = data.partition(b"\r\n\r\n")
    fields = _fields(head)
    _assert_headers(fields, bulk=bulk)
    parsed = message_from_bytes(data, policy=default)
    assert isinstance(parsed, EmailMessage)
    text, html = _assert_parts(parsed)
    links = _assert_inert(html)
    leave_url = _assert_unsubscribe(fields, text, links) if bulk else None
    headers = {name: str(parsed[name]) for name in fields}
    return Wire(headers=headers, text=text, html=html, links=links, leave_url=leave_url)


def _assert_lines(data: bytes) -> None:
    assert not _BARE.search(data), "bare CR or LF"
    assert b"\0" not in data, "NUL"
    assert data.endswith(b"\r\n"), "no CRLF at the end"
    for line in data.split(b"\r\n"):
        assert len(line) <= 998, f"line of {len(line)} bytes"
        assert not line.startswith(b"."), "a line starts with a dot"


def _fields(head: bytes) -> dict[str, str]:
    """Header name in lower case to raw value, folds kept; each name once, but for signatures by two keys."""
    found: list[tuple[str, str]] = []
    for line in head.decode("ascii").split("\r\n"):
        if line[0] in " \t":
            assert line.strip(), "a folded line of blanks ends the header for some servers"
            found[-1] = (found[-1][0], found[-1][1] + "\r\n" + line)
            continue
        match = _FIELD.fullmatch(line)
        assert match, f"no header field: {line!r}"
        found.append((match[1].lower(), match[2] or ""))
    times = Counter(name for name, _ in found)
    repeated = [name for name in times if times[name] > (2 if name == SIGNATURE else 1)]
    assert not repeated, f"repeated headers: {repeated}"
    # Above all that it covers: what stands over a signature was added later.
    assert all(name == SIGNATURE for name, _ in found[: times[SIGNATURE]])
    return dict(found)


def _assert_headers(fields: dict[str, str], *, bulk: bool) -> None:
    wanted = {*ONCE, *(BULK if bulk else ())}
    assert wanted <= fields.keys(), f"missing: {wanted - fields.keys()}"
    assert fields.keys() <= ALLOWED, f"injected: {fields.keys() - ALLOWED}"
    assert fields["mime-version"] == "1.0"
    assert fields["auto-submitted"] == "auto-generated"
    assert re.fullmatch(r"<[^<>@\s]+@[^<>@\s]+>", fields["message-id"])
    for name, value in fields.items():
        for word in _ENCODED_WORD.findall(value):
            assert len(word) <= 75, f"{name}: encoded word of {len(word)}"
    if not bulk:
        assert not fields.keys() & {*BULK}
        return
    assert fields["precedence"] == "bulk"
    assert fields["list-unsubscribe-post"] == "List-Unsubscribe=One-Click"
    assert re.fullmatch(r"(.+\s)?<[a-z0-9.-]+>", fields["list-id"])


def _assert_parts(parsed: EmailMessage) -> tuple[str, str]:
    assert parsed.get_content_type() == "multipart/alternative"
    assert not parsed.defects, parsed.defects
    parts = list(parsed.iter_parts())
    assert [part.get_content_type() for part in parts] == ["text/plain", "text/html"]
    bodies = []
    for part in parts:
        assert isinstance(part, EmailMessage)
        assert not part.defects, part.defects
        assert part["content-transfer-encoding"] == "quoted-printable"
        assert part.get_param("charset") == "utf-8"
        raw = part.get_payload()
        assert isinstance(raw, str)
        assert all(len(line) <= 76 for line in raw.splitlines()), "quoted-printable line over 76"
        payload = part.get_payload(decode=True)
        assert isinstance(payload, bytes)
        assert b"\0" not in payload
        bodies.append(payload.decode("utf-8"))
    text, html = bodies
    assert len(html.encode()) < HTML_LIMIT_BYTES
    return text, html


class _Inert(HTMLParser):
    """Collects links, and fails at anything that runs, loads or posts."""

    def __init__(self) -> None:
        super().__init__()
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag not in _LIVELY, f"<{tag}>"
        for name, value in attrs:
            assert not name.startswith("on"), f"{name} on <{tag}>"
            assert name not in {"src", "srcset", "background", "action"}, f"{name} on <{tag}>"
            assert "url(" not in (value or "").lower() or name != "style"
            if name == "href":
                assert urlsplit(value or "").scheme in {"http", "https", "mailto"}, value
                self.links.append(value or "")

    def handle_data(self, data: str) -> None:
        if self.cdata_elem == "style":
            assert "@import" not in data
            assert "url(" not in data


def _assert_inert(html: str) -> tuple[str, ...]:
    reader = _Inert()
    reader.feed(html)
    reader.close()
    return tuple(reader.links)


def _assert_unsubscribe(fields: dict[str, str], text: str, links: tuple[str, ...]) -> str:
    match = _UNSUBSCRIBE.fullmatch(fields["list-unsubscribe"])
    assert match, f"List-Unsubscribe: {fields['list-unsubscribe']!r}"
    assert match[1] in text, "the text part has no leave link"
    assert match[1] in links, "the HTML part has no leave link"
    return match[1]
