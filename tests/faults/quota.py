"""A policy service as operators put beside Postfix: it limits a session, and interrupts now and then.

Postfix asks it about each recipient and each finished message (SMTPD_POLICY_README), and says what it answers.
"""

from __future__ import annotations

import shutil
import socketserver
import threading
from collections import Counter
from pathlib import Path
from types import TracebackType
from typing import Self

FULL = "452 4.5.3 too many mails over this connection"
GOING_DOWN = "421 4.3.2 going down"


class Quota(socketserver.ThreadingUnixStreamServer):
    """Answers on a socket until it is left.

    Attributes:
        said: How often it gave each answer but the usual one.
    """

    daemon_threads = True

    def __init__(self, path: Path, *, per_session: int, interrupt_each: int) -> None:
        """Listen.

        Args:
            path: Of the socket, in a folder that Postfix may enter.
            per_session: Recipients taken over one connection; further ones are answered 452.
            interrupt_each: Each such message is answered 421 at its end.
        """
        super().__init__(str(path), _Talk)
        shutil.chown(path, "postfix")
        self.said: Counter[str] = Counter()
        self._per_session, self._interrupt_each = per_session, interrupt_each
        self._recipients: Counter[str] = Counter()  # by the client's port
        self._messages = 0
        self._lock = threading.Lock()
        self._thread = threading.Thread(
            target=self.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
        )

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.shutdown()
        self.server_close()

    def judge(self, asked: dict[str, str]) -> str:
        """What Postfix shall do."""
        with self._lock:
            answer = self._judge(asked["protocol_state"], asked["client_port"])
            if answer != "DUNNO":
                self.said[answer] += 1
        return answer

    def _judge(self, state: str, session: str) -> str:
        if state == "CONNECT":
            self._recipients[session] = 0  # a port comes again
        elif state == "RCPT":
            self._recipients[session] += 1
            if self._recipients[session] > self._per_session:
                return FULL
        elif state == "END-OF-MESSAGE":
            self._messages += 1
            if self._messages % self._interrupt_each == 0:
                return GOING_DOWN
        return "DUNNO"


class _Talk(socketserver.StreamRequestHandler):
    server: Quota

    def handle(self) -> None:
        asked: dict[str, str] = {}
        for line in self.rfile:
            name, equals, value = line.decode("utf-8").rstrip("\n").partition("=")
            if equals:
                asked[name] = value
                continue
            self.wfile.write(f"action={self.server.judge(asked)}\n\n".encode())
            asked = {}
