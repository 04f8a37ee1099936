"""Readers of every form of address and the nastiest papers, the whole way to a mail server: every message is sound.

Dumps are ingested, published, planned, signed and delivered over real SMTP. What the server received is held to the
rules of the wire, read by Python's `email`, verified by dkimpy and opendkim, and judged by SpamAssassin.
"""

from __future__ import annotations

import datetime as dt
import re
from collections import Counter
from dataclasses import dataclass
from email import message_from_bytes
from email.policy import default
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from digest import keyring
from digest.pipeline.ingest import IngestOptions
from digest.settings import DkimSettings, RelaySettings
from digest.wiring import App
from tests.factories import add_subscriber, make_settings, raw_dump
from tests.faults import nasty
from tests.faults.report import section
from tests.smtp_server import Accepted, SmtpServer
from tests.spam import Spam, spam_of
from tests.verifiers import dkimpy_verifies, opendkim_verifies
from tests.wire import Wire, assert_wire

#: Before any clock of a machine that runs this: verifiers refuse what was signed in the future.
_AT = dt.datetime(2024, 1, 5, 8, 0, tzinfo=dt.UTC)
_SELECTOR = "2024a"
_POSTAL = "Example Lab, 1 Example Street"
_HOSTS = {"digest.example.org", "doi.org", "huggingface.co", "papers.example.org"}
_NUMBER = re.compile(r"Kites no\. (\d+):")
_SPAM_BAR = 2.0
_TABLE = section(
    "Content",
    "Nasty papers, odd readers",
    (
        "readers",
        "papers",
        "messages",
        "sound",
        "dkimpy",
        "opendkim",
        "largest HTML",
        "SpamAssassin",
        "its rules",
    ),
    about=(
        "Every message that a mail server received over SMTP: those that keep the rules of the wire and are read by "
        "Python's email without a defect, those that each verifier finds signed, the bytes of the largest HTML part, "
        "the most points that SpamAssassin gave, without network, and the rules that gave some, with the number of "
        "messages."
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """What came of it."""

    readers: tuple[str, ...]
    papers: int
    messages: list[Accepted]
    records: dict[str, str]  #: of the DNS


def deliver(folder: Path, *, readers: int) -> Received:
    """Take the papers in and mail them to so many readers."""
    addresses = nasty.addresses(readers)
    key = keyring.make(folder / "keys", _SELECTOR, bits=2048)
    with SmtpServer() as server:
        settings = make_settings(
            folder,
            relay=RelaySettings(url=server.url),
            dkim=DkimSettings(selector=_SELECTOR, keys=folder / "keys"),
        )
        mail = settings.mail.model_copy(update={"postal_address": _POSTAL})
        app = App(settings.model_copy(update={"mail": mail}), clock=lambda: _AT)
        dumps = [nasty.as_api(_AT.date()), nasty.as_feed(_AT.date())]
        for number, data in enumerate(dumps):
            (report,) = app.ingest([raw_dump(data, name=f"{number}", modified_at=_AT)], IngestOptions())
            assert report.status == "stored"
            assert len(report.rejected) == (number == 0)  # the abstract of ten megabytes
        edition = app.publish(early=True)
        assert edition is not None
        with app.database.write() as conn:
            for address, profile in zip(addresses, nasty.profiles(readers), strict=True):
                add_subscriber(conn, address, profile=profile, now=_AT, due_at=_AT)
        app.plan()
        results = app.deliver().results
        app.database.close()
    assert results == {"sent": len(server.accepted)}
    records = {f"{_SELECTOR}._domainkey.example.org": key.record}
    return Received(
        readers=tuple(addresses), papers=edition.papers, messages=server.accepted, records=records
    )


def assert_sound(message: Accepted) -> Wire:
    """Everything that can be said of one message by itself."""
    wire = assert_wire(message.data)
    assert wire.headers["to"] == message.recipient
    parsed = message_from_bytes(message.data, policy=default)
    assert [value.defects for value in parsed.values() if value.defects] == []
    assert {urlsplit(link).hostname for link in wire.links} <= _HOSTS
    assert wire.html.count("<!--") == 3  # the frame's own, for Outlook
    assert wire.html.rstrip().endswith("</html>")
    shown = [_NUMBER.findall(part) for part in (wire.text, re.sub(r' aria-label="[^"]*"', "", wire.html))]
    # The preview of the HTML part names up to three of them once more.
    assert shown[0]
    assert shown[1][-len(shown[0]) :] == shown[0]
    assert wire.html.count("<h2") == len(shown[0])
    for part in (wire.text, wire.html):
        assert not set(part) & nasty.HIDDEN
        assert "1337" not in part
        assert _POSTAL in part
    return wire


def check(received: Received, *, scored: list[Spam]) -> None:
    """Everything that holds for all of them; counted in the report first."""
    messages = received.messages
    wires = [assert_sound(message) for message in messages]
    by_dkimpy = [dkimpy_verifies(message.data, received.records) for message in messages]
    by_opendkim = [
        held
        for start in range(0, len(messages), 100)
        for held in opendkim_verifies([one.data for one in messages[start : start + 100]], received.records)
    ]
    rules = Counter(rule for one in scored for rule in one.rules)
    worst = max(scored, key=lambda one: one.points)
    _TABLE.add(
        len(received.readers),
        received.papers,
        len(messages),
        len(wires),
        sum(by_dkimpy),
        sum(by_opendkim),
        max(len(wire.html.encode()) for wire in wires),
        f"{worst.points} of {len(scored)}",
        ", ".join(f"{rule} {count}" for rule, count in rules.most_common()),
    )
    assert Counter(message.recipient for message in messages) == Counter(received.readers)
    assert len({message.message_id for message in messages}) == len(messages)
    assert all(by_dkimpy)
    assert all(by_opendkim)
    assert len(by_opendkim) == len(messages)
    assert worst.points < _SPAM_BAR, worst
    shown = {int(number) for wire in wires for number in _NUMBER.findall(wire.text)}
    assert shown >= nasty.numbers()
    # Somebody's fifty were too much, and their foot stands there all the same.
    assert max(len(wire.html.encode()) for wire in wires) > 85_000


@pytest.mark.timeout(120)
def test_nasty_papers(tmp_path: Path) -> None:
    """40 readers: each gets one message, which is sound, signed and no spam; ten of them are scored."""
    received = deliver(tmp_path, readers=40)
    check(received, scored=spam_of([message.data for message in received.messages[:10]]))


@pytest.mark.faults
@pytest.mark.timeout(1800)
def test_nasty_papers_at_full_size(tmp_path: Path) -> None:
    """1,000 readers: likewise, and all of them are scored."""
    received = deliver(tmp_path, readers=1_000)
    check(received, scored=spam_of([message.data for message in received.messages]))
