"""Mails as readers get them: both parts alike, the same bytes each time, under the budget."""

from __future__ import annotations

import dataclasses
import datetime as dt
import os
import re
from pathlib import Path

import pytest

from digest.compose.composer import Composer
from digest.compose.letters import HEADINGS
from digest.compose.links import CONFIRM_AGE, DATA_AGE, DeadLinks, Links
from digest.compose.preview import html_part, text_part
from digest.compose.templates import Templates
from digest.deliver.alarm import Alarm, AlarmName, note_of
from digest.deliver.delivery import Kind
from digest.errors import AddressError, DigestError, ExpiredTokenError, SettingsError
from tests.compose.samples import (
    ALARM,
    DAY,
    FIVE,
    KEY,
    LINKS,
    PAPERS,
    SENDER,
    TEMPLATES,
    TOPIC,
    TRENDING,
    by_key,
    composer,
    delivery,
    paper,
    picks,
)
from tests.wire import Wire, assert_wire

GOLDEN = Path(__file__).parent / "golden"
MAILS = {
    "digest": FIVE,
    "confirm": delivery(kind=Kind.CONFIRM, epoch=0),
    "goodbye": delivery(kind=Kind.GOODBYE),
    "login": delivery(kind=Kind.LOGIN),
    "data": delivery(kind=Kind.DATA),
    "moved": delivery(kind=Kind.MOVED),
    "alarm": ALARM,
}
LETTERS = [kind for kind in Kind if kind is not Kind.DIGEST]


def read(wire: Wire) -> dict[str, str]:
    """The two parts by name, blanks collapsed."""
    return {"text": " ".join(wire.text.split()), "html": " ".join(wire.html.split())}


@pytest.mark.parametrize("name", MAILS)
def test_golden(name: str) -> None:
    """The mails are those that a person has opened and found good.

    `DIGEST_REWRITE_GOLDEN=1` writes them anew; look at them before they are committed.
    """
    message = composer().message(MAILS[name], by_key(PAPERS))
    eml, page = GOLDEN / f"{name}.eml", GOLDEN / f"{name}.html"
    if os.environ.get("DIGEST_REWRITE_GOLDEN"):
        eml.write_bytes(message.data)
        page.write_text(html_part(message), encoding="utf-8", newline="\n")
    assert message.data == eml.read_bytes()
    assert html_part(message) == page.read_text(encoding="utf-8")


def test_wire() -> None:
    """A digest keeps every rule of the wire, and its headers say what they should."""
    message = composer().message(FIVE, by_key(PAPERS))
    wire = assert_wire(message.data)
    assert wire.headers["from"] == "Digest of the Example Lab <digest@example.org>"
    assert wire.headers["to"] == message.recipient == FIVE.recipient
    assert wire.headers["subject"].startswith("5 papers for you: Looking Twice: Vision Transformers")
    assert wire.headers["message-id"] == FIVE.message_id
    assert dt.datetime.strptime(wire.headers["date"], "%a, %d %b %Y %H:%M:%S %z") == FIVE.planned_at
    assert wire.headers["list-id"] == "Digest <digest.example.org>"
    assert wire.leave_url == LINKS.leave(FIVE.subscriber_id)
    assert f"<mailto:digest@example.org?subject=leave%20{LINKS.leave_token(4711)}>".encode() in message.data
    assert message.sender == LINKS.return_path(FIVE.id, "example.org")


def test_longest_header() -> None:
    """The longest base URL, sender and reader that can be still give a List-Unsubscribe of one sound line."""
    links = Links("https://" + "b" * 192, [KEY])
    sender = dataclasses.replace(SENDER, address=f"{'?' * 64}@{'d' * 253}")
    widest = dataclasses.replace(FIVE, subscriber_id=2**63 - 1)
    data = Composer(Templates.load(TEMPLATES), links, sender).message(widest, by_key(PAPERS)).data
    assert_wire(data)
    (line,) = (line for line in data.split(b"\r\n") if line.startswith(b"List-Unsubscribe:"))
    assert len(line) == 785


def test_mailto_of_a_strange_sender() -> None:
    """What means something in a mailto URI is escaped there: an address may hold it."""
    sender = dataclasses.replace(SENDER, address="a?b&c=d%e+f@example.org")
    data = Composer(Templates.load(TEMPLATES), LINKS, sender).message(FIVE, by_key(PAPERS)).data
    assert b">, <mailto:a%3Fb%26c%3Dd%25e+f@example.org?subject=leave%20" in data


@pytest.mark.parametrize("kind", LETTERS)
def test_wire_of_letters(kind: Kind) -> None:
    """Mails that answer a step are no list mail, and keep the other rules."""
    message = composer().message(delivery(kind=kind), {})
    wire = assert_wire(message.data, bulk=False)
    for part in read(wire).values():
        assert re.search(r"You get this mail because (the data of )?grace.reader@example.org was ", part)
        assert "1 Example Street, 12345 Sampletown" in part
    assert message.sender == LINKS.return_path(99, "example.org")
    assert wire.headers["to"] == "grace.reader@example.org"


@pytest.mark.parametrize("kind", LETTERS)
def test_letters_escape(kind: Kind) -> None:
    """An address whose signs mean something in HTML stands there as text, and in the text part as it is."""
    odd = "o'neil&copy+{{7*7}}@example.org"
    wire = assert_wire(composer().message(delivery(kind=kind, recipient=odd), {}).data, bulk=False)
    assert odd in wire.text
    assert "o&#39;neil&amp;copy+{{7*7}}@example.org" in wire.html
    assert odd not in wire.html


def letter(kind: Kind, *links: str) -> dict[str, str]:
    """The two parts of a letter that holds these links in both, each on a line of its own, and no other tokens."""
    wire = assert_wire(composer().message(delivery(kind=kind), {}).data, bulk=False)
    signed = tuple(url for url in wire.links if url != LINKS.base_url)
    assert signed == links
    assert tuple(line for line in wire.text.splitlines() if line.startswith("https://")) == (
        *links,
        *([LINKS.base_url] if kind is Kind.GOODBYE else []),
    )
    assert max(len(line) for line in wire.text.splitlines() if "://" not in line) <= 72
    assert "\r\n\r\n\r\n\r\n" not in wire.text
    return read(wire)


def test_alarm() -> None:
    """An alarm says what is wrong, the gravest first, to the operator, and has nothing to leave by."""
    wire = assert_wire(composer().message(ALARM, {}).data, bulk=False)
    assert wire.headers["subject"] == "Digest: The edition waits for a source, and 2 more alarms"
    assert wire.links == (LINKS.base_url,)
    for part in read(wire).values():
        told = [part.index(each) for each in ("The edition waits", "A source lists too", "A dump could not")]
        assert told == sorted(told)
        assert "Friday, 20 November 2026" in part
        assert "/u/" not in part
    assert max(len(line) for line in wire.text.splitlines() if "://" not in line) <= 72


def test_one_alarm_has_its_own_subject() -> None:
    """An alarm alone is the subject, and no heading repeats it; its source stands in the text part."""
    one = Alarm(name=AlarmName.SOURCE_FAILING, about="arxiv", text="Three looks failed.")
    wire = assert_wire(
        composer().message(dataclasses.replace(ALARM, note=note_of([one])), {}).data, bulk=False
    )
    assert wire.headers["subject"] == "Digest: A source fails"
    assert "<h2" not in wire.html
    assert "A source fails: arxiv" in wire.text


def test_every_alarm_has_a_heading() -> None:
    """No alarm fails to be composed, whichever it is."""
    assert HEADINGS.keys() == set(AlarmName)


def test_confirm() -> None:
    """The confirm mail has the link of the moment it was planned, and says how long it works.

    It fits a first subscription as well as a change of address.
    """
    for part in letter(Kind.CONFIRM, LINKS.confirm(4711, 3, FIVE.planned_at)).values():
        assert "asked for mail about new papers to grace.reader@example.org" in part
        assert "The link works for 3 days, until 23 November 2026, 07:00 UTC." in part
        assert "If it was not you, do nothing" in part


def test_goodbye() -> None:
    """The goodbye has nothing to press but the way back."""
    for part in letter(Kind.GOODBYE).values():
        assert "this is the last mail" in part


def test_login() -> None:
    """Who subscribed once more is told that nothing was changed, and gets the link to their choices."""
    for part in letter(Kind.LOGIN, LINKS.preferences(4711, 3)).values():
        assert "asked to subscribe grace.reader@example.org once more" in part
        assert "It is subscribed already, and nothing was changed." in part
        assert "If it was not you who asked, do nothing." in part


def test_data() -> None:
    """The data mail has a link to export and one to erase, of the moment it was planned, and says how long."""
    asked = (4711, 3, FIVE.planned_at)
    for part in letter(Kind.DATA, LINKS.export(*asked), LINKS.erase(*asked)).values():
        assert "Each link works once, within 24 hours: until 21 November 2026, 07:00 UTC." in part
        assert "If it was not you who asked, do nothing" in part


@pytest.mark.parametrize(("kind", "age"), [(Kind.CONFIRM, CONFIRM_AGE), (Kind.DATA, DATA_AGE)])
def test_time_told(kind: Kind, age: dt.timedelta) -> None:
    """The moment that stands in a mail, in UTC whatever the zone, is one at which its links still open."""
    planned_at = dt.datetime(2026, 12, 31, 0, 30, 59, tzinfo=dt.timezone(dt.timedelta(hours=5, minutes=45)))
    wire = assert_wire(composer().message(delivery(kind=kind, planned_at=planned_at), {}).data, bulk=False)
    told = re.findall(r"until (\d+ \w+ \d+, \d\d:\d\d) UTC", " ".join(wire.text.split()))
    assert len(told) == 1
    until = dt.datetime.strptime(told[0], "%d %B %Y, %H:%M").replace(tzinfo=dt.UTC)
    assert dt.timedelta(0) <= planned_at + age - until < dt.timedelta(minutes=1)
    token = wire.links[0].rpartition("/")[2]
    reads = LINKS.read_confirm if kind is Kind.CONFIRM else LINKS.read_export
    assert reads(token, until)
    with pytest.raises(ExpiredTokenError):
        reads(token, until + dt.timedelta(minutes=1))


def test_moved() -> None:
    """The old address learns that the digest goes elsewhere, not where, and can stop it."""
    for part in letter(Kind.MOVED, LINKS.leave(4711)).values():
        assert "goes to another address from now on" in part
        assert "No more of it comes to grace.reader@example.org." in part
        assert "tell us by answering this mail" in part
        assert set(re.findall(r"[\w.]+@[\w.]+\w", part)) == {"grace.reader@example.org"}


def test_parts_alike() -> None:
    """Both parts hold the same papers in the same order, with the same reasons and links."""
    wire = assert_wire(composer().message(FIVE, by_key(PAPERS)).data)
    parts = read(wire)
    parts["html"] = parts["html"].partition("<h1")[2].replace("<b ", "<b>").replace("&amp;", "&")
    for part in parts.values():
        places = [part.index(one.title) for one in PAPERS]
        assert places == sorted(places)
    in_text = [word for line in wire.text.splitlines() for word in line.split() if "://" in word]
    assert set(wire.links) == set(in_text)
    assert all(paper.url in in_text for paper in PAPERS if paper.url)
    assert all(paper.code_url in in_text for paper in PAPERS if paper.code_url)


def test_both_say() -> None:
    """Both parts say why, where to choose, pause and leave, from whom, of what day."""
    wire = assert_wire(composer().message(FIVE, by_key(PAPERS)).data)
    preferences = LINKS.preferences(4711, 3)
    for part in read(wire).values():
        for said in (
            "5 papers for you",
            "Friday, 20 November 2026",
            "Mira Okonkwo, Tomás Rivera-Lindqvist, Ada Lovelace and 3 more",
            "Ingrid Solheim, Kofi Mensah",
            ": transformer, ViT",
            "“robots that fold laundry”",
            "Trending today",
            "12 more matched your choices: ",
            "see the whole edition on the web",
            LINKS.edition(DAY),
            "You get this mail because grace.reader@example.org subscribed at",
            preferences,
            f"{preferences}#pause",
            LINKS.leave(4711),
            "Example Lab",
            "1 Example Street, 12345 Sampletown",
            "Edition of 20 November 2026 (Europe/Berlin)",
        ):
            assert said in part, said


def test_text_columns() -> None:
    """The text part has 72 columns, and a URL is never broken."""
    long = "https://papers.example.org/" + "a" * 200
    shown = [*PAPERS, paper(6, "A title of words " * 9, "An abstract of words. " * 9, url=long)]
    wire = assert_wire(composer().message(delivery(picks(shown)), by_key(shown)).data)
    for line in wire.text.splitlines():
        assert len(line) <= 72 or "://" in line
    assert f"Paper: {long}" in wire.text.splitlines()


def test_singular() -> None:
    """One paper is a paper, and one leftover is 1."""
    one = delivery(picks(PAPERS[:1]), leftover=1)
    wire = assert_wire(composer().message(one, by_key(PAPERS)).data)
    assert wire.headers["subject"].startswith("1 paper for you: Looking Twice")
    for part in read(wire).values():
        assert "1 paper for you" in part
        assert "1 more matched your choices: " in part


def test_bare_paper() -> None:
    """What is not known of a paper leaves no trace: no link, no line of authors, no leftovers."""
    bare = paper(1, "\u200b", authors=("", "\u202e"))
    wire = assert_wire(composer().message(delivery(picks([bare])), by_key([bare])).data)
    assert wire.headers["subject"] == "1 paper for you: Untitled"
    assert "Paper" not in wire.text
    assert "on the web" not in wire.text
    assert 'class="by"' not in wire.html
    assert 'class="go"' not in wire.html
    assert len(wire.links) == 4
    assert "\r\n\r\n\r\n" not in wire.text


def test_preheader() -> None:
    """A mailbox previews the papers that the subject does not name, or the only one."""
    five = html_part(composer().message(FIVE, by_key(PAPERS)))
    hidden = five.partition('class="hidden"')[2].partition("</div>")[0]
    assert "FoldNet: One Robot" in hidden
    assert "Diffusion Without the Wait" in hidden
    assert "A Note on Sorting" in hidden
    assert "Looking Twice" not in hidden
    one = html_part(composer().message(delivery(picks(PAPERS[:1])), by_key(PAPERS)))
    assert "Looking Twice" in one.partition('class="hidden"')[2].partition("</div>")[0]


def test_newest_edition() -> None:
    """A weekly digest is of the newest edition in it, whatever the order."""
    old = paper(9, "Old", edition_id=3, edition_date=dt.date(2026, 11, 16))
    weekly = delivery(picks([PAPERS[0], old]), leftover=2)
    assert LINKS.edition(DAY) in text_part(composer().message(weekly, by_key([*PAPERS, old])))


def test_deterministic() -> None:
    """The same delivery gives the same bytes, from a cold and a warm composer."""
    warm = composer()
    first = warm.message(FIVE, by_key(PAPERS))
    assert warm.message(FIVE, by_key(reversed(PAPERS))) == first
    assert composer().message(FIVE, by_key(PAPERS)) == first
    later = dataclasses.replace(
        FIVE, attempts=3, body_hash="x", expires_at=FIVE.expires_at + dt.timedelta(days=1)
    )
    assert warm.message(later, by_key(PAPERS)) == first


@pytest.mark.parametrize(
    "change",
    [
        {"recipient": "other@example.org"},
        {"subscriber_id": 1},
        {"epoch": 4},
        {"leftover": 13},
        {"local_date": DAY + dt.timedelta(days=1)},
        {"message_id": "<other@example.org>"},
    ],
)
def test_readers_apart(change: dict[str, object]) -> None:
    """One composer gives each reader their own mail: nothing of one stays for the next."""
    shared = composer()
    shared.message(FIVE, by_key(PAPERS))
    other = dataclasses.replace(FIVE, **change)  # type: ignore[arg-type] # a table of changes has no types
    message = shared.message(other, by_key(PAPERS))
    assert message == composer().message(other, by_key(PAPERS))
    assert message != shared.message(FIVE, by_key(PAPERS))
    if "recipient" in change:
        assert b"grace.reader" not in message.data


def test_revision() -> None:
    """A revised paper is another piece, and so is the same paper in another edition."""
    shared = composer()
    for changed in ({"revision_id": 11}, {"edition_id": 8}):
        shared.message(delivery(picks(PAPERS[:1])), by_key(PAPERS))
        revised = dataclasses.replace(PAPERS[0], title="Revised", **changed)  # type: ignore[arg-type] # a table
        assert "Revised" in text_part(shared.message(delivery(picks([revised])), by_key([revised])))


def huge(count: int) -> dict[str, object]:
    """Papers that take more room than any real ones."""
    papers = [
        paper(
            number,
            f"Paper {number} " + "& title " * 40,
            "'Quoted' & <escaped> words. " * 60,
            authors=("A very long name " * 10,) * 9,
            url="https://papers.example.org/" + "a" * 400,
            code_url="https://code.example.org/" + "b" * 400,
        )
        for number in range(1, count + 1)
    ]
    return {"papers": by_key(papers), "picks": picks(papers, [(TOPIC, TOPIC, TRENDING)] * count)}


def test_budget() -> None:
    """Sixty huge papers are shortened to what Gmail shows whole; the rest is counted, the footer stays."""
    given = huge(60)
    crowded = delivery(given["picks"], leftover=5)  # type: ignore[arg-type] # built above
    composed = composer()
    wire = assert_wire(composed.message(crowded, given["papers"]).data)  # type: ignore[arg-type] # as above
    summary = composed.summary(crowded, given["papers"])  # type: ignore[arg-type] # as above
    assert 0 < summary.shown < 60
    assert summary.left_out == 60 - summary.shown
    assert 85_000 < summary.html_bytes <= 100_000
    assert summary.html_bytes == len(wire.html.replace("\r\n", "\n").encode())
    assert summary.warnings == (f"shortened to {summary.shown} papers to stay under 100 KB",)
    assert wire.headers["subject"].startswith(f"{summary.shown} papers for you: Paper 1 ")
    for part in read(wire).values():
        assert f"{65 - summary.shown} more matched your choices" in part
        assert f"Paper {summary.shown} " in part
        assert f"Paper {summary.shown + 1} " not in part
        assert LINKS.leave(4711) in part


def test_budget_of_ordinary_mail() -> None:
    """Ten papers are far below it, and nothing is said."""
    summary = composer().summary(FIVE, by_key(PAPERS))
    message = composer().message(FIVE, by_key(PAPERS))
    assert summary.shown == 5
    assert summary.left_out == 0
    assert summary.warnings == ()
    assert summary.size_bytes == len(message.data)
    assert summary.html_bytes < 15_000


def test_budget_shows_one() -> None:
    """However small the budget, one paper is shown."""
    assert composer(html_budget_bytes=1).summary(FIVE, by_key(PAPERS)).shown == 1


def test_abstract_chars() -> None:
    """The benchmark's knob shows whole abstracts; the usual mail cuts them."""
    long = paper(1, "T", "A sentence of words. " * 100)
    one = delivery(picks([long]))
    assert len(text_part(composer().message(one, by_key([long])))) < 1_400
    assert text_part(composer(abstract_chars=3_000).message(one, by_key([long]))).count("sentence") == 100


def test_memory() -> None:
    """What a composer keeps grows with papers, not with readers."""
    composed = composer()
    for reader in range(200):
        composed.message(
            dataclasses.replace(FIVE, subscriber_id=reader, recipient=f"r{reader}@example.org"),
            by_key(PAPERS),
        )
    assert len(composed._papers) == 5
    assert len(composed._reasons) == 5
    assert len(composed._frames) == 2  # the longest, made to measure, and this one
    assert len(composed._subjects) == 1


def test_missing_paper() -> None:
    """A pick without its paper stops this mail, and says which."""
    with pytest.raises(DigestError, match="delivery 99: edition 7 has no paper 2"):
        composer().message(FIVE, by_key(PAPERS[:1]))


def test_no_picks() -> None:
    """A digest of nothing is not composed."""
    with pytest.raises(DigestError, match="delivery 99 has no picks"):
        composer().message(delivery(), {})


@pytest.mark.parametrize("address", ["", "a@b\r\nBcc: c@d.example", "grüße@example.org"])
def test_bad_recipient(address: str) -> None:
    """A recipient that would break the To header is refused, whatever the ledger holds."""
    with pytest.raises(AddressError):
        composer().message(dataclasses.replace(FIVE, recipient=address), by_key(PAPERS))


@pytest.mark.parametrize(
    "message_id", ["", "x@y", "<x@y", "<x@y>\r\nBcc: z", "<a b@c>", "<é@c>", f"<{'x' * 501}>"]
)
def test_bad_message_id(message_id: str) -> None:
    """So is a Message-ID that is none."""
    with pytest.raises(DigestError, match="no Message-ID"):
        composer().message(dataclasses.replace(FIVE, message_id=message_id), by_key(PAPERS))


@pytest.mark.parametrize(
    "base_url", ["", "digest.example.org", "javascript:x", "https://a b", "https://a/" + "x" * 200]
)
def test_bad_base_url(base_url: str) -> None:
    """A base URL that would break List-Unsubscribe stops the start."""
    with pytest.raises(SettingsError, match="base URL"):
        Composer(Templates.load(TEMPLATES), Links(base_url, [KEY]), SENDER)


@pytest.mark.parametrize("chars", [79, 10_001])
def test_bad_abstract_chars(chars: int) -> None:
    """Abstracts are neither too short to cut nor too long for one to fit."""
    with pytest.raises(SettingsError, match="80 to 10,000"):
        composer(abstract_chars=chars)


def test_dry_run() -> None:
    """A mail with dead links has the form of a live one, and no token."""
    message = Composer(Templates.load(TEMPLATES), DeadLinks(LINKS.base_url), SENDER).message(
        FIVE, by_key(PAPERS)
    )
    wire = assert_wire(message.data)
    assert wire.leave_url == "https://digest.example.org/u/dry-run"
    for token in (LINKS.leave_token(4711), "4711.3."):
        assert token.encode() not in message.data
