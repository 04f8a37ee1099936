"""What mails that come in are, in the shapes that MTAs, providers and people write."""

from __future__ import annotations

import email
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from digest.deliver.bounce import BounceKind, Door
from digest.deliver.envelope import CAP_BYTES
from digest.deliver.incoming import Incoming, Sort, read
from tests.deliver.reports import (
    COMPLAINTS,
    DSNS,
    MESSAGE_ID,
    ODD,
    ORIGINAL,
    OTHER,
    READER,
    RETURN_PATH,
    TOKEN,
    dsn,
    feedback,
)

#: All of the corpus, by name.
CORPUS = {
    **{name: mail for name, (mail, _kind, _status) in (DSNS | ODD).items()},
    **{name: mail for name, (mail, _sort) in OTHER.items()},
    **{name: mail for name, (mail, _is_there) in COMPLAINTS.items()},
}


@pytest.mark.parametrize("name", [*DSNS, *ODD])
@pytest.mark.parametrize("ends", ["\n", "\r\n"])
def test_a_bounce(name: str, ends: str) -> None:
    """Each has its kind, its code, and the return path of the mail that bounced; no address is kept of it."""
    mail, kind, status = (DSNS | ODD)[name]
    found = read(mail.replace("\n", ends).encode())
    assert (found.sort, found.door) == (Sort.BOUNCE, Door.DSN)
    assert found.bounce is not None
    assert (str(found.bounce.kind), found.bounce.status) == (kind, status)
    assert found.return_paths == (RETURN_PATH,)
    assert "@" not in found.bounce.detail


@pytest.mark.parametrize("name", OTHER)
def test_no_bounce(name: str) -> None:
    """Delays, successes, answers of programs and mail of people bounce on nobody."""
    mail, sort = OTHER[name]
    assert read(mail.encode()) == Incoming(sort=Sort(sort))


@pytest.mark.parametrize("name", COMPLAINTS)
def test_a_complaint(name: str) -> None:
    """It names the mail complained about by return path, leave link or Message-ID, whichever was left in."""
    mail, has_return_path = COMPLAINTS[name]
    found = read(mail.encode())
    assert (found.sort, found.door) == (Sort.BOUNCE, Door.ARF)
    assert found.bounce is not None
    assert (found.bounce.kind, found.bounce.status) == (BounceKind.COMPLAINT, None)
    assert found.return_paths == ((RETURN_PATH,) if has_return_path else ())
    assert found.tokens == (TOKEN,)
    assert found.message_ids == (MESSAGE_ID,)


@pytest.mark.parametrize("kind", ["auth-failure", "virus", "other", "not-spam"])
def test_feedback_that_is_no_complaint(kind: str) -> None:
    """Other types of feedback suppress nobody."""
    assert read(feedback(kind).encode()) == Incoming(sort=Sort.AUTOMATIC)


def test_feedback_without_a_type() -> None:
    """A report that does not say what it complains of is none."""
    assert read(feedback().replace("Feedback-Type: abuse\n", "").encode()).sort is Sort.AUTOMATIC


def test_feedback_in_an_encoded_part() -> None:
    """A part that is no block of fields, since it is encoded, is none either."""
    mail = feedback().replace(
        "message/feedback-report\n", "message/feedback-report\nContent-Transfer-Encoding: base64\n"
    )
    assert read(mail.encode()).sort in (Sort.BOUNCE, Sort.AUTOMATIC)


@pytest.mark.parametrize(
    ("subject", "leaves"),
    [
        (f"leave {TOKEN}", True),
        (f"  Leave   {TOKEN} ", True),
        (f"=?utf-8?q?leave_{TOKEN}?=", True),
        (f"=?utf-8?b?bGVhdmUg?= {TOKEN}", True),
        (f"=?klingon?q?leave_{TOKEN}?=", True),
        (f"Re: leave {TOKEN}", False),
        (f"leave {TOKEN}A", False),
        ("leave", False),
        ("=?utf-8?b?a?=", False),
    ],
)
def test_who_leaves_by_mail(subject: str, leaves: bool) -> None:
    """The subject of the mailto link is a wish to leave, and only the whole of it."""
    found = read(f"To: digest@example.org\nSubject: {subject}\n\n".encode())
    expected = Incoming(sort=Sort.LEAVE, tokens=(TOKEN,)) if leaves else Incoming(sort=Sort.UNRELATED)
    assert found == expected


def test_the_envelope_comes_first() -> None:
    """Whom the envelope named goes before what stands in the report; each address once, twenty at most."""
    other = RETURN_PATH.replace("+7-", "+8-")
    many = "\n".join(RETURN_PATH.replace("+7-", f"+{number}-") for number in range(100, 200))
    found = read(dsn(status="5.1.1", diagnosis=None, to=other, words=many).encode())
    assert found.return_paths[0] == other
    assert len(found.return_paths) == 20


def test_capitals() -> None:
    """An MTA may write our address in capitals."""
    found = read(dsn(status="5.1.1", diagnosis=None, to=RETURN_PATH.upper(), original="").encode())
    assert found.return_paths == (RETURN_PATH,)


def test_an_encoded_part() -> None:
    """A return path within a part in quoted-printable, cut by a soft line end, is found."""
    words = RETURN_PATH.replace("89ab", "89=\nab").replace("org", "o=72g")
    mail = dsn(status="5.1.1", diagnosis=None, to="x@example.org", original="", words=words)
    mail = mail.replace("charset=us-ascii", "charset=us-ascii\nContent-Transfer-Encoding: quoted-printable")
    assert read(mail.encode()).return_paths == (RETURN_PATH,)


def test_several_blocks() -> None:
    """Of several blocks the one that failed counts, whatever else was delivered or delayed."""
    more = f"\nFinal-Recipient: rfc822; a{READER}\nAction: delayed\nStatus: 4.4.1\n"
    found = read(dsn(status="5.1.1", diagnosis=None, more=more).encode())
    assert found.bounce is not None
    assert found.bounce.status == "5.1.1"


def test_a_report_about_nobody() -> None:
    """A report whose blocks tell of no recipient says nothing, and is looked at as any mail."""
    mail = dsn(status="2.0.0", diagnosis=None, action=None, subject="Hello")
    assert read(mail.encode()).sort is Sort.AUTOMATIC
    assert read(dsn(status="5.1.1", diagnosis=None, action="").encode()).sort is Sort.AUTOMATIC


def test_a_report_whose_fields_are_encoded() -> None:
    """Fields that the parser leaves as a text are read from it."""
    mail = dsn(status="5.1.1", diagnosis=None).replace(
        "Content-Type: message/delivery-status\n",
        "Content-Type: message/delivery-status\nContent-Transfer-Encoding: 7bit\n",
    )
    assert read(mail.encode()).sort is Sort.BOUNCE


# -- hostile ---------------------------------------------------------------------------------------------------


def nested(depth: int, kind: str = "multipart") -> bytes:
    """A mail of parts within parts."""
    if kind == "message":
        return b"Content-Type: message/rfc822\n\n" * depth + b"Subject: x\n\nx\n"
    parts = [f'Content-Type: multipart/mixed; boundary="b{n}"\n\n--b{n}\n' for n in range(depth)]
    return "".join(parts).encode() + b"Content-Type: text/plain\n\nx\n"


HOSTILE: dict[str, bytes] = {
    "10 MB": b"Subject: x\n\n" + b"x" * 10_000_000,
    "a byte too many": b"x" * (CAP_BYTES + 1),
    "1,000 parts within parts": nested(1_000),
    "1,000 mails within mails": nested(1_000, "message"),
    "100,000 headers": b"".join(b"X-%d: x\n" % n for n in range(100_000)) + b"\nx",
    "500 headers": b"X: x\n" * 501 + b"\nx",
    "a header of 100,000 lines": b"X: x\n" + b" x\n" * 100_000 + b"\nx",
    "a content type without end": b"Content-Type: multipart/mixed; " + b";" * 500_000 + b"\n\nx",
    "a million lines": b"Subject: x\n\n" + b"\n" * 1_000_000,
    "carriage returns alone": b"Content-Type: a/b; " + b";" * 20_000 + b"\r\rx",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_what_is_refused(name: str) -> None:
    """It is refused before it is parsed, with a reason."""
    found = read(HOSTILE[name])
    assert found.sort is Sort.REFUSED
    assert found.reason


ODD_BYTES: dict[str, bytes] = {
    "lone surrogates": "Subject: \ud800leave\n\n\udfff".encode("utf-8", "surrogatepass"),
    "latin-1 in headers": b"Subject: caf\xe9\nTo: \xff@example.org\n\n\xfe",
    "no such charset": b"Subject: =?no-such?q?x?=\nContent-Type: text/plain; charset=no-such\n\nx",
    "punycode": b"Subject: =?punycode?q?" + b"x" * 60_000 + b"?=\n\nx",
    "bad base64": b"Content-Transfer-Encoding: base64\n\n=====A=B",
    "NUL": b"Subject: \0\0\n\n\0",
    "no header": b"\n\n\n",
    "a boundary that is empty": b'Content-Type: multipart/report; boundary=""\n\n--\n--\n',
    "no boundary": b"Content-Type: multipart/report; report-type=delivery-status\n\nx",
    "a report of nothing": b"Content-Type: message/delivery-status\n\n",
    "a line without end": b"Subject: failure notice\n\nHi. This is the qmail-send program" + b" <" * 100_000,
    "a long odd one": b"Subject: failure notice\n\n" + b"Hi. This is the qmail-send, at length\n" * 9_000,
    "unix line": b"From x Fri Nov 20\nSubject: x\n\nx",
}


@pytest.mark.parametrize("name", ODD_BYTES)
def test_what_is_odd(name: str) -> None:
    """It is read as what it is, which is nothing of ours, and nothing is raised."""
    assert read(ODD_BYTES[name]).sort is Sort.UNRELATED


def test_a_parser_that_raises(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the standard library raises, while it parses or later, refuses the one mail."""

    def broken(*_given: Any) -> None:
        raise LookupError("no")

    monkeypatch.setattr("digest.deliver.incoming.read_dsn", broken)
    assert read(b"x").reason == "cannot be read: LookupError"
    monkeypatch.setattr("digest.deliver.envelope.message_from_bytes", broken)
    assert read(b"x").reason == "cannot be parsed: LookupError"


def test_a_detector_that_raises(monkeypatch: pytest.MonkeyPatch) -> None:
    """What flufl.bounce raises means that it found nothing."""

    def broken(*_given: Any) -> None:
        raise AttributeError("no")

    monkeypatch.setattr("digest.deliver.dsn.all_failures", broken)
    assert read(ODD["qmail"][0].encode()).sort is Sort.UNRELATED


def test_an_odd_one_without_a_sender() -> None:
    """One of flufl.bounce's detectors breaks on a mail without From; those behind it are asked all the same."""
    mail = ODD["qmail"][0].replace("From: MAILER-DAEMON@relay.example.net\n", "", 1)
    assert read(mail.encode()).sort is Sort.BOUNCE


def test_a_part_without_text() -> None:
    """A part that decodes to no bytes is empty."""
    mail = email.message_from_string("Content-Type: multipart/mixed\n\n")
    assert read(mail.as_bytes()).sort is Sort.UNRELATED


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    name=st.sampled_from(sorted(CORPUS)),
    cuts=st.lists(st.tuples(st.integers(0, 3_000), st.integers(0, 40), st.binary(max_size=12)), max_size=6),
)
def test_garbled_mails(name: str, cuts: list[tuple[int, int, bytes]]) -> None:
    """However a mail of the corpus is cut and overwritten, it is read as something, and never suppresses by a kind
    that no whole mail has."""
    data = CORPUS[name].encode()
    for at, length, put in cuts:
        data = data[:at] + put + data[at + length :]
    found = read(data)
    assert (found.bounce is not None) == (found.sort is Sort.BOUNCE)


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=2_000))
def test_any_bytes(data: bytes) -> None:
    """No bytes at all raise anything."""
    assert read(data).sort in Sort


def test_what_flufl_adds() -> None:
    """Of this corpus the standard library reads each report, and flufl.bounce each of the others."""
    assert ORIGINAL.count(RETURN_PATH) == 1
    assert (len(DSNS), len(ODD)) == (28, 6)
