"""Points at which a process dies: before and after every commit and every call to the outside, by its own SIGKILL.

The calls are wrapped where Python makes them (`sqlite3`, `psycopg`, `socket.socket`, `os`, `open`), whatever program
makes them and however it is built.
"""

from __future__ import annotations

import builtins
import io
import mmap
import os
import signal
import socket
import sqlite3
import threading
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import psycopg

#: What is called: the database first, then the network, then files.
KINDS = ("commit", "statement", "connect", "send", "receive", "sync", "create", "rename", "unlink")
#: Half of the bytes of a send have left the process, or none, or all.
MOMENTS = ("before", "half", "after")

_NAMES = [f"{kind} {moment}" for kind in KINDS for moment in MOMENTS]


class Tally:
    """Counts of points in memory that a parent shares, and so outlive the process."""

    def __init__(self) -> None:
        self._cells = memoryview(mmap.mmap(-1, 4096)).cast("Q")

    def count(self, name: str) -> None:
        self._cells[_NAMES.index(name)] += 1

    def die(self, name: str) -> None:
        """Note where this process ends, and end it."""
        self._cells[len(_NAMES)] = 1 + _NAMES.index(name)
        os.kill(os.getpid(), signal.SIGKILL)
        threading.Event().wait()  # the signal comes within this call

    def counts(self) -> dict[str, int]:
        """Points by name, of those that were passed."""
        return {name: count for name, count in zip(_NAMES, self._cells, strict=False) if count}

    def died_at(self) -> str | None:
        """The name of the point that was the last; None where the process ended by itself."""
        last = self._cells[len(_NAMES)]
        return _NAMES[last - 1] if last else None


class Points:
    """Counts the points of some kinds that this process passes, and dies at one of them."""

    def __init__(self, tally: Tally, kinds: Collection[str], *, at: int) -> None:
        self._tally, self._kinds, self._at = tally, frozenset(kinds), at
        self._passed = 0
        self._lock = threading.Lock()

    def passed(self, kind: str, moment: str, *, last: Callable[[], object] | None = None) -> None:
        """Be at a point.

        Args:
            last: What is still done where this is the end.
        """
        if kind not in self._kinds:
            return
        with self._lock:
            self._passed += 1
            self._tally.count(f"{kind} {moment}")
            if self._passed == self._at:
                if last is not None:
                    with suppress(OSError):
                        last()
                self._tally.die(f"{kind} {moment}")

    @contextmanager
    def around(self, kind: str) -> Iterator[None]:
        """Two points, before and after a call that succeeds."""
        self.passed(kind, "before")
        yield
        self.passed(kind, "after")

    def install(self) -> None:
        """Wrap the calls of this process, for the rest of its life."""
        self._wrap_sqlite()
        self._wrap_psycopg()
        self._wrap_sockets()
        self._wrap_files()

    def _wrap(self, owner: object, name: str, kind: str) -> None:
        real = getattr(owner, name)

        def call(*args: Any, **kwargs: Any) -> Any:
            with self.around(kind):
                return real(*args, **kwargs)

        setattr(owner, name, call)

    def _wrap_sqlite(self) -> None:
        points, real = self, sqlite3.connect

        class Cursor(sqlite3.Cursor):
            def execute(self, sql: str, *args: Any) -> Any:
                with points.around(_kind_of(sql)):
                    return super().execute(sql, *args)

            def executemany(self, sql: str, *args: Any) -> Any:
                with points.around("statement"):
                    return super().executemany(sql, *args)

        class Connection(sqlite3.Connection):
            def cursor(self, factory: Any = Cursor) -> Any:
                return super().cursor(factory)

            def execute(self, sql: str, *args: Any) -> Any:
                with points.around(_kind_of(sql)):
                    return super().execute(sql, *args)

            def commit(self) -> None:
                with points.around("commit"):
                    super().commit()

        def connect(*args: Any, **kwargs: Any) -> sqlite3.Connection:
            return real(*args, factory=Connection, **kwargs)

        setattr(sqlite3, "connect", connect)  # noqa: B010 - mypy knows that it is no method of ours

    def _wrap_psycopg(self) -> None:
        self._wrap(psycopg.Connection, "commit", "commit")
        for name in ("execute", "executemany"):
            self._wrap(psycopg.Cursor, name, "statement")

    def _wrap_sockets(self) -> None:
        self._wrap(socket.socket, "connect", "connect")
        for name in ("recv", "recv_into"):
            self._wrap(socket.socket, name, "receive")
        for name in ("send", "sendall"):
            self._wrap_send(name)

    def _wrap_send(self, name: str) -> None:
        points, real = self, getattr(socket.socket, name)

        def call(sock: socket.socket, data: bytes, *args: Any) -> Any:
            half = memoryview(data)[: len(data) // 2]
            points.passed("send", "half", last=lambda: real(sock, half))
            with points.around("send"):
                return real(sock, data, *args)

        setattr(socket.socket, name, call)

    def _wrap_files(self) -> None:
        for name, kind in (
            ("fsync", "sync"),
            ("fdatasync", "sync"),
            ("rename", "rename"),
            ("replace", "rename"),
            ("link", "rename"),
            ("unlink", "unlink"),
            ("remove", "unlink"),
        ):
            self._wrap(os, name, kind)
        points, real = self, io.open

        def opened(file: Any, mode: str = "r", *args: Any, **kwargs: Any) -> Any:
            if not set(mode) & set("xwa+"):
                return real(file, mode, *args, **kwargs)
            with points.around("create"):
                return real(file, mode, *args, **kwargs)

        for module in (io, builtins):
            setattr(module, "open", opened)  # noqa: B010 - as above


def _kind_of(sql: str) -> str:
    return "commit" if sql.strip().upper().startswith(("COMMIT", "END")) else "statement"
