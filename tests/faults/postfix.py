"""Debian's Postfix as a relay on a loopback port: real queues, real TLS, real AUTH by Dovecot, real limits.

Everything of it lies in one folder: `main.cf`, `master.cf`, queue, log, Dovecot's configuration. Nothing of the
system's own configuration is read, changed or started. Postfix and Dovecot change their users, so they have to be
started by root; `Postfix.missing()` says what is not there.

What it took in is delivered to `discard`, and counted in its own log: each message by its queue id, from the
Message-ID that `cleanup` saw to the `status=sent` of its recipient.
"""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import trustme

from tests.smtp_server import wait_until

_MASTER_PROGRAM = Path("/usr/lib/postfix/sbin/master")
_DOVECOT = shutil.which("dovecot", path="/usr/sbin:/usr/bin:/sbin:/bin")
#: Whoever kills the tests leaves no server behind for longer.
_LONGEST_S = 3600
USER, PASSWORD = "digest", "a secret of this test"

_QUEUES = ("active", "bounce", "corrupt", "defer", "deferred", "flush", "hold", "incoming", "maildrop")
_MORE_QUEUES = ("private", "public", "saved", "trace")

_MAIN = """\
compatibility_level = 3.6
queue_directory = {folder}/queue
data_directory = {folder}/data
mail_owner = postfix
maillog_file = {folder}/log
maillog_file_prefixes = {folder}
myhostname = relay.example.org
mydestination =
mynetworks =
alias_maps =
alias_database =
inet_interfaces = loopback-only
inet_protocols = ipv4
enable_long_queue_ids = yes
default_transport = discard:
local_transport = discard:
append_dot_mydomain = no
notify_classes =
strict_rfc821_envelopes = yes
smtpd_helo_required = yes
smtpd_tls_security_level = encrypt
smtpd_tls_chain_files = {folder}/server.pem
smtpd_sasl_auth_enable = yes
smtpd_sasl_type = dovecot
smtpd_sasl_path = {folder}/dovecot/login-for-postfix
smtpd_relay_restrictions = permit_sasl_authenticated, reject
smtpd_data_restrictions = reject_unauth_pipelining
"""

_SERVICES = """\
127.0.0.1:{port} inet n - n - - smtpd
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
proxymap unix - - n - - proxymap
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
anvil unix - - n - 1 anvil
postlog unix-dgram n - n - 1 postlogd
"""

_AUTH = """\
base_dir = {folder}/dovecot
state_dir = {folder}/dovecot
log_path = {folder}/dovecot.log
protocols =
ssl = no
auth_mechanisms = plain login
passdb {{
  driver = passwd-file
  args = {folder}/users
}}
service auth {{
  unix_listener login-for-postfix {{
    mode = 0600
    user = postfix
  }}
}}
"""

_MESSAGE_ID = re.compile(r"postfix/cleanup\[\d+\]: (\w+): message-id=(<\S*>)")
_SENT = re.compile(r"postfix/discard\[\d+\]: (\w+): to=<([^>]*)>, .*status=sent")


@dataclass(frozen=True, slots=True)
class Sent:
    """A message that the relay took in and passed on."""

    message_id: str
    recipient: str


class Postfix:
    """A relay that wants STARTTLS and AUTH.

    Attributes:
        port: On 127.0.0.1.
        ca_file: The authority that signed its certificate.
    """

    def __init__(self, **settings: object) -> None:
        """Write its configuration.

        Args:
            settings: Of `main.cf`, added to ours.
        """
        # Not below pytest's folders: Postfix runs as a user of its own, who has to get there.
        self.folder = Path(tempfile.mkdtemp(prefix="digest-postfix-"))
        self.folder.chmod(0o755)
        self.ca_file = self.folder / "ca.pem"
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port: int = free.getsockname()[1]
        self._running: list[subprocess.Popen[bytes]] = []
        self._write_settings(settings)
        self._make_queues()
        self._make_certificate()

    @staticmethod
    def missing() -> str | None:
        """Say what this machine lacks, as the reason of a skip; None where nothing is."""
        if not _MASTER_PROGRAM.is_file():
            return "needs Postfix (Debian package postfix)"
        if _DOVECOT is None:
            return "needs Dovecot (Debian package dovecot-imapd)"
        return None if os.geteuid() == 0 else "needs root: Postfix and Dovecot change their users"

    @property
    def url(self) -> str:
        """As `relay.url` wants it."""
        return f"smtp+starttls://{USER}@127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        assert _DOVECOT is not None
        try:
            self._start(_DOVECOT, "-F", "-c", str(self.folder / "dovecot.conf"))
            wait_until((self.folder / "dovecot" / "login-for-postfix").exists)
            self._start_postfix()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """End both servers, with the processes that they started, and remove all that they wrote."""
        for process in reversed(self._running):
            self._end(process)
        shutil.rmtree(self.folder)

    def sent(self) -> list[Sent]:
        """What was passed on so far, in order."""
        log = self.log()
        ids = dict(_MESSAGE_ID.findall(log))
        return [Sent(ids[queue_id], recipient) for queue_id, recipient in _SENT.findall(log)]

    def is_empty(self) -> bool:
        """Whether all that it took in was passed on."""
        queues = (self.folder / "queue" / name for name in ("incoming", "active", "deferred"))
        return not any(path.is_file() for queue in queues for path in queue.rglob("*"))

    def restart(self, **settings: object) -> None:
        """End Postfix and start it again with other settings; queue and log stay.

        Not told to read them again (SIGHUP): its log daemon and its master then wait for each other, now and then.
        """
        self._end(self._running.pop())
        # Its children outlive it by a moment, and hold the port: the next one would not start, and yet seem to listen.
        wait_until(lambda: not self._listens())
        self._write_settings(settings)
        self._start_postfix()

    def log(self) -> str:
        """All that it logged so far."""
        return (self.folder / "log").read_text(encoding="utf-8")

    def _write_settings(self, settings: Mapping[str, object]) -> None:
        more = "".join(f"{name} = {value}\n" for name, value in settings.items())
        (self.folder / "main.cf").write_text(_MAIN.format(folder=self.folder) + more, encoding="utf-8")
        (self.folder / "master.cf").write_text(_SERVICES.format(port=self.port), encoding="utf-8")
        (self.folder / "dovecot.conf").write_text(_AUTH.format(folder=self.folder), encoding="utf-8")
        (self.folder / "users").write_text(f"{USER}:{{PLAIN}}{PASSWORD}::::::\n", encoding="utf-8")

    def _make_queues(self) -> None:
        (self.folder / "queue" / "pid").mkdir(parents=True)
        for path in (
            self.folder / "data",
            *(self.folder / "queue" / name for name in (*_QUEUES, *_MORE_QUEUES)),
        ):
            path.mkdir(mode=0o700)
            shutil.chown(path, "postfix")

    def _make_certificate(self) -> None:
        authority = trustme.CA()
        authority.cert_pem.write_to_path(self.ca_file)
        issued = authority.issue_cert("127.0.0.1")
        issued.private_key_and_cert_chain_pem.write_to_path(self.folder / "server.pem")

    def _start(self, *command: str) -> None:
        self._running.append(subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL))

    def _start_postfix(self) -> None:
        self._start(str(_MASTER_PROGRAM), "-c", str(self.folder), "-e", str(_LONGEST_S))
        wait_until(self._listens)

    def _end(self, process: subprocess.Popen[bytes]) -> None:
        process.terminate()
        process.wait(20)

    def _listens(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0
