"""The same client against servers that others wrote: Postfix's smtp-sink and aiosmtpd."""

from __future__ import annotations

import getpass
import re
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from digest.deliver.reply import Step
from digest.relay.smtp import SmtpConnection, SmtpRelay
from digest.relay.url import parse_url
from tests.relay.conftest import Tls
from tests.relay.test_smtp import message
from tests.smtp_server import wait_until

SINK = shutil.which("smtp-sink", path="/usr/sbin:/usr/bin:/sbin:/bin")


@pytest.fixture
def sink(tmp_path: Path) -> Iterator[SmtpConnection]:
    """smtp-sink in a folder of its own, where it keeps what it gets, and a connection to it."""
    if SINK is None:
        pytest.skip("smtp-sink is not installed (Debian package postfix)")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [SINK, "-u", getpass.getuser(), "-D", "%M.", f"127.0.0.1:{port}", "64"]
    with subprocess.Popen(command, cwd=tmp_path) as process:
        connection = SmtpRelay(parse_url(f"smtp://127.0.0.1:{port}")).connect()
        try:
            wait_until(lambda: _listens(port))
            yield connection
        finally:
            connection.close()
            process.terminate()


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_smtp_sink(sink: SmtpConnection, tmp_path: Path) -> None:
    """120 messages with dots at line starts arrive whole, over three sessions."""
    sent = [message(f"r{n}", text=f".\r\n..{n}\r\n.x") for n in range(120)]
    replies = [sink.hand_over(one) for one in sent]
    assert {(reply.step, reply.code) for reply in replies} == {(Step.DOT, 250)}
    dumps = b"".join(file.read_bytes() for file in sorted(tmp_path.iterdir()))
    # It stores LF, and writes what it knows of the session before each message.
    bodies = re.findall(rb"^Subject: papers\n.*?\.x\n", dumps, re.DOTALL | re.MULTILINE)
    assert sorted(bodies) == sorted(one.data.replace(b"\r\n", b"\n") for one in sent)


class _Handler:
    """Keeps what it gets; refuses one recipient."""

    def __init__(self) -> None:
        self.taken: list[Envelope] = []

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if address.startswith("nobody@"):
            return "550 5.1.1 no such user"
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 ok"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        self.taken.append(envelope)
        return "250 2.0.0 queued"


def _authenticate(
    server: SMTP, session: Session, envelope: Envelope, mechanism: str, given: object
) -> AuthResult:
    # Not "handled": then aiosmtpd says 535 itself.
    return AuthResult(success=given == LoginPassword(b"me", b"secret"), handled=False)


@pytest.mark.parametrize(
    ("scheme", "password", "answers"),
    [
        ("smtp", None, [(Step.DOT, 250), (Step.RCPT, 550), (Step.DOT, 250)]),
        ("smtp+starttls", "secret", [(Step.DOT, 250), (Step.RCPT, 550), (Step.DOT, 250)]),
        ("smtp+starttls", "wrong", [(Step.AUTH, 535)] * 3),
    ],
)
def test_aiosmtpd(scheme: str, password: str | None, answers: list[tuple[Step, int]], tls: Tls) -> None:
    """Plain, and with STARTTLS and AUTH: what is accepted arrives as it was, what is refused does not."""
    handler = _Handler()
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    options: dict[str, Any] = {}
    if password is not None:
        options = {
            "tls_context": tls.good,
            "require_starttls": True,
            "auth_required": True,
            "authenticator": _authenticate,
        }
    controller = Controller(handler, hostname="127.0.0.1", port=port, **options)
    controller.start()
    try:
        user = "" if password is None else "me@"
        url = parse_url(f"{scheme}://{user}127.0.0.1:{port}")
        connection = SmtpRelay(url, password=password, ca_file=tls.ca_file).connect()
        given = [connection.hand_over(message(name)) for name in ("ada", "nobody", "bob")]
        connection.close()
    finally:
        controller.stop()
    assert [(reply.step, reply.code) for reply in given] == answers
    expected = [message(name).data for name in ("ada", "bob")] if answers[0][1] == 250 else []
    assert [envelope.content for envelope in handler.taken] == expected
