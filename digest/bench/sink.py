"""Postfix's smtp-sink as a child process: a relay that takes everything and keeps nothing."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager

from digest.errors import DigestError

HOST = "127.0.0.1"
_PATH = os.pathsep.join(("/usr/sbin", "/usr/local/sbin", os.environ.get("PATH", os.defpath)))
_START_S = 10.0
_STOP_S = 5.0
_BACKLOG = "256"


class BenchError(DigestError):
    """The bench cannot run here, or what it measured does not add up."""


def program(name: str) -> str | None:
    """Where one of Postfix's test programs is; Debian puts them where users have no path."""
    return shutil.which(name, path=_PATH)


@contextmanager
def sink() -> Iterator[int]:
    """Run smtp-sink while the block runs; gives its port on 127.0.0.1.

    Raises:
        BenchError: It is not installed, or does not start.
    """
    found = program("smtp-sink")
    if found is None:
        raise BenchError("smtp-sink is not installed: it is in the Debian package postfix")
    with socket.create_server((HOST, 0)) as free:
        port = int(free.getsockname()[1])
    # As root it wants to be told whom to become; as anyone else it may become nobody else.
    become = ["-u", "nobody"] if os.geteuid() == 0 else []
    with tempfile.TemporaryFile() as words:
        process = subprocess.Popen([found, *become, f"{HOST}:{port}", _BACKLOG], stderr=words)  # noqa: S603 - found on a fixed path
        try:
            if not _listens(port, process):
                words.seek(0)
                raise BenchError(f"smtp-sink does not start: {words.read().decode(errors='replace').strip()}")
            yield port
        finally:
            _stop(process)


def _listens(port: int, process: subprocess.Popen[bytes]) -> bool:
    until = time.monotonic() + _START_S
    while process.poll() is None and time.monotonic() < until:
        with socket.socket() as probe:
            if probe.connect_ex((HOST, port)) == 0:
                return True
        time.sleep(0.01)
    return False


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(_STOP_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
