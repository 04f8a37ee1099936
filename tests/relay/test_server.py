"""The scriptable server itself, as the process that tests of kills talk to."""

from __future__ import annotations

import hashlib
import time
from pathlib import Path

from digest.relay.smtp import SmtpRelay
from digest.relay.url import parse_url
from tests.relay.test_smtp import OK, message
from tests.smtp_server import ServerProcess


def test_as_a_process(tmp_path: Path) -> None:
    """Every message is a line of the log by the time its 250 arrives; SIGTERM ends the process."""
    with ServerProcess(tmp_path) as server:
        connection = SmtpRelay(parse_url(f"smtp://127.0.0.1:{server.port}")).connect()
        for n in range(1, 4):
            assert connection.hand_over(message(f"r{n}")) == OK
            assert len(server.accepted()) == n
        connection.close()
        assert server.stop() == 0
        first = server.accepted()[0]
        assert 0 < first.pop("opened_s") < time.monotonic()
        assert first == {
            "message_id": "<r1@example.org>",
            "recipient": "r1@example.org",
            "sha256": hashlib.sha256(message("r1").data).hexdigest(),
            "size_bytes": len(message("r1").data),
            "connection": 1,
            "signed": False,
        }
