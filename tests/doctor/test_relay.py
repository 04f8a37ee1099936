"""The relay, looked at step by step over real sessions."""

from __future__ import annotations

import datetime as dt
import ssl
from collections.abc import Mapping
from pathlib import Path

import pytest
import trustme

from digest.deliver.finding import Finding
from digest.doctor import relay
from digest.relay.smtp import SmtpRelay
from digest.relay.url import parse_url
from digest.relay.wire import Deadlines
from tests.relay.conftest import Tls
from tests.smtp_server import CLOSE, GARBAGE, HANG, Answer, SmtpServer, wait_until

AUTH = ("me", "secret")
NOW = dt.datetime.now(dt.UTC)
SENDER = "bounce+doctor@example.org"


def look(
    server: SmtpServer,
    scheme: str,
    ca_file: Path | None = None,
    *,
    password: str | None = None,
    wait_s: float = 5,
) -> list[Finding]:
    """The findings of a server, asked by one of the schemes, with a password as the user `me`."""
    user = "me@" if password else ""
    made = SmtpRelay(
        parse_url(f"{scheme}://{user}127.0.0.1:{server.port}"),
        password=password,
        ca_file=ca_file,
        deadlines=Deadlines(step_s=wait_s, dot_s=wait_s, message_s=6 * wait_s),
    )
    return list(relay.look("relay", made, sender=SENDER, now=NOW))


def shown(found: list[Finding]) -> list[tuple[str, str]]:
    return [(each.check.removeprefix("relay "), each.state) for each in found]


def test_all_steps(tls: Tls) -> None:
    """Each step of a session that goes well is told; no recipient is named, and nothing is sent."""
    with SmtpServer(starttls=tls.good, auth=AUTH) as server:
        found = look(server, "smtp+starttls", tls.ca_file, password="secret")
        wait_until(lambda: server.idle)
    steps = ("CONNECT", "EHLO", "STARTTLS", "AUTH", "MAIL")
    assert shown(found) == [(step, "ok") for step in steps]
    assert [word for word in server.commands if word != "EHLO"] == [
        "STARTTLS",
        "AUTH",
        "MAIL",
        "RSET",
        "QUIT",
    ]
    assert "8BITMIME, ENHANCEDSTATUSCODES, PIPELINING" in found[1].says
    assert "its certificate holds until 3000-01-01" in found[2].says
    assert (found[3].says, found[4].says) == (
        "logged in as me",
        "takes mail from example.org; nothing was sent",
    )
    assert not any("secret" in each.says for each in found)


def test_tls_from_the_first_byte(tls: Tls) -> None:
    """With smtps:// the certificate is told where the connection is."""
    with SmtpServer(implicit_tls=tls.good) as server:
        found = look(server, "smtps", tls.ca_file)
    assert shown(found) == [("CONNECT", "ok"), ("EHLO", "ok"), ("MAIL", "ok")]
    assert "with TLS; its certificate holds until" in found[0].says


def test_a_certificate_that_ends_soon(tmp_path: Path) -> None:
    """One that holds for less than two weeks is told of in time."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1", not_after=NOW + dt.timedelta(days=13)).configure_cert(context)
    with SmtpServer(starttls=context) as server:
        found = look(server, "smtp+starttls", tmp_path / "ca.pem")
    (ending,) = [each for each in found if each.check == "relay STARTTLS"]
    assert (ending.state, ending.todo) == ("warning", "have it renewed")


def test_without_tls() -> None:
    """On this machine a relay needs no TLS; nothing is said of certificates."""
    with SmtpServer() as server:
        assert shown(look(server, "smtp")) == [("CONNECT", "ok"), ("EHLO", "ok"), ("MAIL", "ok")]


def test_in_clear_to_somewhere_else(monkeypatch: pytest.MonkeyPatch) -> None:
    """To another machine mail in clear is told of."""
    with SmtpServer() as server:
        monkeypatch.setattr("digest.relay.url.RelayUrl.loopback", False)
        found = look(server, "smtp")
    assert shown(found)[0] == ("CONNECT", "warning")
    assert "without TLS" in found[0].says


@pytest.mark.parametrize(
    ("answers", "step", "says"),
    [
        ({"connect": "554 5.7.1 go away"}, "CONNECT", "554 5.7.1 go away"),
        ({"connect": CLOSE}, "CONNECT", "closed"),
        ({"connect": GARBAGE}, "CONNECT", "garbage: no SMTP reply"),
        ({"connect": HANG}, "CONNECT", "timeout"),
        ({"ehlo": "550 5.7.1 who is that"}, "EHLO", "550 5.7.1 who is that"),
        ({"starttls": "454 4.7.0 no TLS today"}, "STARTTLS", "454 4.7.0 no TLS today"),
        ({"auth": "535 5.7.8 wrong"}, "AUTH", "535 5.7.8 wrong"),
        ({"mail": "550 5.7.1 not your domain"}, "MAIL", "550 5.7.1 not your domain"),
        ({"mail": CLOSE}, "MAIL", "no answer"),
        ({"mail": "421 4.3.2 going down"}, "MAIL", "421 4.3.2 going down"),
    ],
)
def test_where_it_breaks(answers: Mapping[str, Answer], step: str, says: str, tls: Tls) -> None:
    """The step at which a relay refuses, leaves or falls silent is the last, with its words and what to do."""
    with SmtpServer(starttls=tls.good, auth=AUTH, answers=answers) as server:
        found = look(
            server,
            "smtp+starttls",
            tls.ca_file,
            password="secret",
            wait_s=0.5 if HANG in answers.values() else 5,
        )
    steps = ["CONNECT", "EHLO", "STARTTLS", "AUTH", "MAIL"]
    assert shown(found) == [(name, "ok") for name in steps[: steps.index(step)]] + [(step, "failed")]
    assert says in found[-1].says
    assert found[-1].todo
    assert server.accepted == []


@pytest.mark.parametrize("fault", ["expired", "wrong_host", "stranger"])
def test_certificates(fault: str, tls: Tls) -> None:
    """A certificate that does not verify ends the look, with what to mend."""
    with SmtpServer(starttls=getattr(tls, fault)) as server:
        found = look(server, "smtp+starttls", tls.ca_file)
    assert shown(found)[-1] == ("STARTTLS", "failed")
    assert "certificate" in found[-1].todo


def test_nobody_there() -> None:
    """Where nothing listens, the first step says so."""
    with SmtpServer() as server:
        pass
    (found,) = look(server, "smtp")
    assert (found.check, found.state) == ("relay CONNECT", "failed")
    assert f"127.0.0.1:{server.port}: closed" in found.says
