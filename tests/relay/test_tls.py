"""TLS means TLS, and a password is only said where it is safe."""

from __future__ import annotations

import pytest

from digest.deliver.reply import Reply, Silence, Step
from digest.relay.wire import Deadlines
from tests.relay.conftest import Tls
from tests.relay.test_smtp import OK, SHORT_S, connect, message, silent
from tests.smtp_server import HANG, Answer, Raw, SmtpServer

AUTH = ("me", "secret")
PASSWORD_WORDS = (b"secret", b"AG1lAHNlY3JldA==", b"c2VjcmV0", b"bWU=")  # in clear, and as AUTH says them


@pytest.mark.parametrize("methods", ["PLAIN", "LOGIN", "PLAIN LOGIN", "XOAUTH2 PLAIN"])
def test_starttls_and_auth(methods: str, tls: Tls) -> None:
    """STARTTLS comes first, EHLO is said again, then AUTH, then mail."""
    with SmtpServer(starttls=tls.good, auth=AUTH, methods=methods) as server:
        connection = connect(server, tls)
        assert [connection.hand_over(message(name)) for name in ("ada", "bob")] == [OK, OK]
        connection.close()
    assert [word for word in server.commands if word in ("EHLO", "STARTTLS", "AUTH", "MAIL")] == [
        "EHLO",
        "STARTTLS",
        "EHLO",
        "AUTH",
        "MAIL",
        "MAIL",
    ]
    assert len(server.accepted) == 2


def test_tls_from_the_first_byte(tls: Tls) -> None:
    """smtps:// speaks TLS before the greeting, and a long message arrives whole."""
    long = message(text="x" * 70 + "\r\n" + ("y" * 70 + "\r\n") * 10_000)
    with SmtpServer(implicit_tls=tls.good, auth=AUTH) as server:
        connection = connect(server, tls)
        assert connection.hand_over(long) == OK
        connection.close()
    assert server.accepted[0].data == long.data


@pytest.mark.parametrize("how", ["starttls", "implicit_tls"])
@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("expired", "certificate has expired"),
        ("wrong_host", "IP address mismatch, certificate is not valid for '127.0.0.1'."),
        ("stranger", "unable to get local issuer certificate"),
    ],
)
def test_a_bad_certificate(how: str, fault: str, words: str, tls: Tls) -> None:
    """With a certificate that does not verify not a byte of AUTH or MAIL is said."""
    with SmtpServer(**{how: getattr(tls, fault)}, auth=AUTH) as server:
        connection = connect(server, tls)
        step = Step.STARTTLS if how == "starttls" else Step.CONNECT
        assert connection.hand_over(message()) == silent(step, Silence.UNTRUSTED, words)
        connection.close()
    assert server.commands == (["EHLO", "STARTTLS"] if how == "starttls" else [])
    assert server.accepted == []


@pytest.mark.parametrize(
    ("answers", "reply", "commands"),
    [
        (
            {"ehlo": "250-test.example.org\r\n250-PIPELINING\r\n250 AUTH PLAIN"},
            silent(Step.STARTTLS, Silence.UNTRUSTED, "the relay offers no STARTTLS"),
            ["EHLO"],
        ),
        (
            {"starttls": Raw(b"220 ready\r\n250 AUTH PLAIN\r\n")},
            silent(Step.STARTTLS, Silence.UNTRUSTED, "more than one reply"),
            ["EHLO", "STARTTLS"],
        ),
        (
            {"starttls": "454 4.7.0 no TLS today"},
            Reply(step=Step.STARTTLS, code=454, text="4.7.0 no TLS today"),
            ["EHLO", "STARTTLS"],
        ),
        (
            {"starttls": Raw(b"220 ready\r\n", close=True)},
            silent(Step.STARTTLS, Silence.CLOSED),
            ["EHLO", "STARTTLS"],
        ),
    ],
    ids=["stripped", "injected", "refused", "closed"],
)
def test_starttls_taken_away(answers: dict[str, Answer], reply: Reply, commands: list[str], tls: Tls) -> None:
    """Where TLS is asked for and cannot be had, not a byte of AUTH or MAIL is said."""
    with SmtpServer(answers=answers, starttls=tls.good, auth=AUTH) as server:
        given = connect(server, tls).hand_over(message())
    assert (given.step, given.code, given.silence) == (reply.step, reply.code, reply.silence)
    if reply.silence is not Silence.CLOSED:  # there the system's words follow
        assert given.text == reply.text
    assert server.commands == commands
    assert not any(word in line for _, line in server.lines for word in PASSWORD_WORDS)


def test_tls_with_a_server_that_has_none(tls: Tls) -> None:
    """smtps:// to a port that speaks plain SMTP is no relay to trust."""
    with SmtpServer() as server:
        server.implicit_tls = tls.good  # only for the URL: this listener greets in clear
        connection = connect(server, tls)
        server.implicit_tls = None
        reply = connection.hand_over(message())
    assert reply == silent(Step.CONNECT, Silence.UNTRUSTED, "WRONG_VERSION_NUMBER")


def test_a_handshake_without_end(tls: Tls) -> None:
    """A relay that never answers the handshake is given up at the deadline of the step."""
    with SmtpServer(answers={"connect": HANG}) as server:
        server.implicit_tls = tls.good  # only for the URL
        connection = connect(server, tls, deadlines=Deadlines(step_s=SHORT_S))
        server.implicit_tls = None
        assert connection.hand_over(message()) == silent(Step.CONNECT, Silence.TIMEOUT)


@pytest.mark.parametrize(
    ("methods", "answers", "reply"),
    [
        ("PLAIN", {}, Reply(step=Step.AUTH, code=535, text="5.7.8 wrong")),
        (
            "XOAUTH2",
            {},
            Reply(step=Step.AUTH, code=504, text="5.5.4 the relay offers no way to log in that we know"),
        ),
        (
            "CRAM-MD5",
            {"auth": "334 abcde"},
            silent(Step.AUTH, Silence.GARBAGE, "Incorrect padding"),
        ),
        ("PLAIN", {"auth": "250 fine"}, silent(Step.AUTH, Silence.GARBAGE, "unexpected 250")),
    ],
)
def test_auth_that_fails(methods: str, answers: dict[str, Answer], reply: Reply, tls: Tls) -> None:
    """Without a log-in nothing is sent."""
    with SmtpServer(starttls=tls.good, auth=AUTH, methods=methods, answers=answers) as server:
        connection = connect(server, tls, password="wrong")
        given = connection.hand_over(message())
        connection.close()
    assert (given.step, given.code, given.silence) == (reply.step, reply.code, reply.silence)
    assert "MAIL" not in server.commands


def test_auth_in_clear_stays_on_this_machine() -> None:
    """Over loopback a password may be said without TLS."""
    with SmtpServer(auth=AUTH) as server:
        connection = connect(server)
        assert connection.hand_over(message()) == OK
        connection.close()
    assert "AUTH" in server.commands
