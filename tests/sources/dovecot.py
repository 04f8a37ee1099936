"""A real IMAP server on loopback: Debian's Dovecot, with a configuration, a folder and a certificate of its own."""

from __future__ import annotations

import imaplib
import os
import pwd
import shutil
import signal
import socket
import ssl
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import trustme

USER, PASSWORD = "bounces@example.org", "correct-horse"
PROGRAM = shutil.which("dovecot") or "/usr/sbin/dovecot"

_CONFIG = """\
base_dir = {folder}/run
state_dir = {folder}/state
log_path = {folder}/log
protocols = imap
listen = 127.0.0.1
ssl = required
ssl_cert = <{folder}/cert.pem
ssl_key = <{folder}/key.pem
disable_plaintext_auth = yes
mail_location = maildir:{folder}/mail
first_valid_uid = 1
default_internal_user = {internal}
default_internal_group = {group}
default_login_user = {login}
auth_failure_delay = 0
passdb {{
  driver = static
  args = password={password}
}}
userdb {{
  driver = static
  args = uid={uid} gid={gid} home={folder}/mail
}}
service imap-login {{
  chroot =
  inet_listener imap {{
    port = {port}
  }}
  inet_listener imaps {{
    port = {tls_port}
    ssl = yes
  }}
}}
service anvil {{
  chroot =
}}
service stats {{
  chroot =
}}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dovecot:
    """A running server with one user, who may log in by TLS alone."""

    port: int  #: IMAP with STARTTLS
    tls_port: int
    ca_file: Path
    host: str = "localhost"

    @contextmanager
    def session(self) -> Iterator[imaplib.IMAP4_SSL]:
        """The user's own mail program."""
        trusted = ssl.create_default_context(cafile=str(self.ca_file))
        with imaplib.IMAP4_SSL(self.host, self.tls_port, ssl_context=trusted, timeout=30) as session:
            session.login(USER, PASSWORD)
            yield session

    def put(self, *mails: bytes, folder: str) -> None:
        """Have these mails arrive in a folder, which is made where it is not there."""
        with self.session() as session:
            session.create(f'"{folder}"')
            for mail in mails:
                kind, told = session.append(f'"{folder}"', "", "", mail.replace(b"\n", b"\r\n"))
                assert kind == "OK", told

    def flags(self, folder: str) -> list[set[str]]:
        """The flags of each mail of a folder, in order, without those that the server sets by itself."""
        with self.session() as session:
            _, count = session.select(f'"{folder}"', readonly=True)
            if count == [b"0"]:
                return []
            _, found = session.fetch("1:*", "(FLAGS)")
        lists = [imaplib.ParseFlags(line) for line in found if isinstance(line, bytes)]
        return [{flag.decode() for flag in flags} - {r"\Recent"} for flags in lists]


@contextmanager
def running() -> Iterator[Dovecot]:
    """Start one, and stop it."""
    # Not below pytest's folders: as root, the server reads mail as another user, who has to get there.
    folder = Path(tempfile.mkdtemp(prefix="digest-imap-"))
    folder.chmod(0o755)
    try:
        server = _configure(folder)
        process = subprocess.Popen(
            [PROGRAM, "-F", "-c", folder / "dovecot.conf"],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
        )  # fmt: skip
        try:
            _wait(process, server.tls_port, folder / "log")
            yield server
        finally:
            process.send_signal(signal.SIGTERM)
            _, _ = process.communicate(timeout=30)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _configure(folder: Path) -> Dovecot:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(folder / "ca.pem")
    certificate = authority.issue_cert("localhost")
    certificate.private_key_pem.write_to_path(folder / "key.pem")
    certificate.cert_chain_pems[0].write_to_path(folder / "cert.pem")
    port, tls_port = _free_ports()
    me = pwd.getpwuid(os.getuid())
    root = me.pw_uid == 0
    reader = pwd.getpwnam("mail") if root else me
    (folder / "mail").mkdir()
    os.chown(folder / "mail", reader.pw_uid, reader.pw_gid)
    values = {
        "folder": folder,
        "port": port,
        "tls_port": tls_port,
        "password": PASSWORD,
        "uid": reader.pw_uid,
        "gid": reader.pw_gid,
        "internal": "dovecot" if root else me.pw_name,
        "group": "dovecot" if root else me.pw_gid,
        "login": "dovenull" if root else me.pw_name,
    }
    (folder / "dovecot.conf").write_text(_CONFIG.format(**values), encoding="utf-8")
    return Dovecot(port=port, tls_port=tls_port, ca_file=folder / "ca.pem")


def _free_ports() -> tuple[int, int]:
    with socket.create_server(("127.0.0.1", 0)) as one, socket.create_server(("127.0.0.1", 0)) as other:
        return one.getsockname()[1], other.getsockname()[1]


def _wait(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    """Until it greets; a server that ended says why."""
    for _ in range(600):
        if process.poll() is not None:
            assert process.stderr is not None
            told = process.stderr.read() + (log.read_bytes() if log.exists() else b"")
            raise AssertionError(f"dovecot ended: {told.decode()}")
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=1):
                return
        except OSError:
            with suppress(subprocess.TimeoutExpired):
                process.wait(timeout=0.05)
    raise AssertionError("dovecot does not answer")
