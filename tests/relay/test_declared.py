"""What has to be declared at MAIL: bytes and addresses beyond ASCII, and only to a relay that takes them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from digest.compose.message import Message
from digest.deliver.reply import Reply, Step
from digest.relay.smtp import SmtpRelay
from digest.relay.url import parse_url
from tests.smtp_server import SmtpServer

PLAIN = Message(
    sender="news@example.org",
    recipient="ada@example.org",
    data=b"Message-ID: <a@example.org>\r\n\r\nHello.\r\n",
)
WIDE = replace(PLAIN, recipient="zoë@example.org")
EIGHT_BIT = replace(PLAIN, data="Message-ID: <a@example.org>\r\n\r\nGrüße.\r\n".encode())
ACCEPTED = Reply(step=Step.DOT, code=250, text="2.0.0 queued")


def hand_over(server: SmtpServer, *messages: Message) -> list[Reply]:
    connection = SmtpRelay(parse_url(server.url)).connect()
    replies = [connection.hand_over(message) for message in messages]
    connection.close()
    return replies


def mails(server: SmtpServer) -> list[str]:
    return [line.decode() for _, line in server.lines if line.startswith(b"MAIL")]


def test_what_we_compose_declares_nothing() -> None:
    """ASCII in ASCII envelopes is mailed without a parameter, whatever the relay offers."""
    with SmtpServer(offers=("8BITMIME", "SMTPUTF8")) as server:
        assert (
            hand_over(server, PLAIN, replace(PLAIN, sound=True), replace(PLAIN, sender="")) == [ACCEPTED] * 3
        )
    assert mails(server) == ["MAIL FROM:<news@example.org>"] * 2 + ["MAIL FROM:<>"]


@pytest.mark.parametrize("pipelining", [True, False])
def test_declared_to_who_takes_it(pipelining: bool) -> None:
    """BODY=8BITMIME for eight-bit bytes, SMTPUTF8 for an address beyond ASCII; they arrive as they were."""
    both = replace(EIGHT_BIT, recipient=WIDE.recipient)
    from_wide = replace(PLAIN, sender="søren@example.org")
    with SmtpServer(offers=("8BITMIME", "SMTPUTF8"), pipelining=pipelining) as server:
        assert hand_over(server, EIGHT_BIT, WIDE, both, from_wide) == [ACCEPTED] * 4
    assert mails(server) == [
        "MAIL FROM:<news@example.org> BODY=8BITMIME",
        "MAIL FROM:<news@example.org> SMTPUTF8",
        "MAIL FROM:<news@example.org> BODY=8BITMIME SMTPUTF8",
        "MAIL FROM:<søren@example.org> SMTPUTF8",
    ]
    assert [taken.data for taken in server.accepted] == [
        one.data for one in (EIGHT_BIT, WIDE, both, from_wide)
    ]
    assert "RCPT TO:<zoë@example.org>".encode() in [line for _, line in server.lines]


@pytest.mark.parametrize(
    ("message", "refusal"),
    [
        (
            EIGHT_BIT,
            Reply(step=Step.DATA, code=554, text="5.6.3 bytes beyond ASCII, which the relay does not take"),
        ),
        (
            WIDE,
            Reply(
                step=Step.RCPT, code=553, text="5.6.7 an address beyond ASCII, which the relay does not take"
            ),
        ),
        (
            replace(PLAIN, sender="søren@example.org"),
            Reply(
                step=Step.MAIL, code=553, text="5.6.7 an address beyond ASCII, which the relay does not take"
            ),
        ),
    ],
    ids=["bytes", "recipient", "sender"],
)
def test_refused_here_by_who_does_not(message: Message, refusal: Reply) -> None:
    """Where the relay offers neither, no byte of it leaves, and the next message goes over the same connection."""
    with SmtpServer(offers=()) as server:
        assert hand_over(server, PLAIN, message, PLAIN) == [ACCEPTED, refusal, ACCEPTED]
        assert server.connections == 1
    assert mails(server) == ["MAIL FROM:<news@example.org>"] * 2


@pytest.mark.parametrize(
    "recipient", ["a\u00a0b@example.org", "a\u0085@example.org", "a\udcff@example.org", "ü b@example.org"]
)
def test_no_blank_or_control_of_any_alphabet(recipient: str) -> None:
    """An address that no envelope holds is refused to every relay: spaces, controls and lone surrogates."""
    with SmtpServer(offers=("8BITMIME", "SMTPUTF8")) as server:
        (reply,) = hand_over(server, replace(PLAIN, recipient=recipient))
    assert (reply.step, reply.code, reply.text[:5]) == (Step.RCPT, 553, "5.1.3")
    assert mails(server) == []
