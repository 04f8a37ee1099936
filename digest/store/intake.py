"""Taking dumps in, one after another: who comes meanwhile waits, and a process that dies holds up nobody.

The way of a dump, each step in short transactions: `dumps.add` keeps it as one that is being read; `sightings.stage`
stores what it lists, with texts by `revisions`; `placing` finds the paper of each by `names`, `labels` and
`digest.ingest.identity`, counts what is new by `counting`, and lets `showing` decide what known papers are to show;
its `switch`, the last transaction, shows all of it.

Who may do what: `sightings`, `revisions`, `placing`, `joins`, `overlay`, `showing` and `papers.hide_unseen` write only
while their caller is `alone`, because what they find must stand until the switch. Pages, mail and editions take no part
in that: they read papers as the last switch left them, and write to no table of these.
"""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from digest.store.database import Database, translated

#: Of the advisory lock; any number that no other program uses in this database.
KEY = 0x64_69_67_65_73_74
#: Of SQLite's cache of pages, for the connections that take dumps in.
_CACHE_KIB = 64_000
#: After so many pages, 128 MB, the log is written back; only dumps of thousands of new rows fill it.
_LOG_PAGES = 32_000


@contextmanager
def alone(database: Database) -> Iterator[None]:
    """Take in dumps, or settle which papers are one, while nobody else of any process does.

    Across transactions, and without end: a large dump takes minutes. Whoever dies has let go: the lock is that of an
    open file beside a SQLite database, and of a connection to PostgreSQL. Mail, pages and reads are not held up.
    """
    if database.is_trial:
        yield
        return
    with _file(database) if database.is_sqlite else _advisory(database):
        yield


@contextmanager
def _file(database: Database) -> Iterator[None]:
    path = Path(str(database.url.database))
    # Left in place: whoever deleted it would let two in, one with the old file and one with a new one.
    with path.with_name(f"{path.name}-intake").open("ab") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@contextmanager
def _advisory(database: Database) -> Iterator[None]:
    with translated(), database.engine.connect() as conn:
        held = conn.execution_options(isolation_level="AUTOCOMMIT")
        held.execute(sa.text("SET lock_timeout = 0"))
        held.execute(sa.select(sa.func.pg_advisory_lock(KEY)))
        try:
            yield
        finally:
            held.execute(sa.select(sa.func.pg_advisory_unlock(KEY)))
            held.execute(sa.text("RESET lock_timeout"))


@contextmanager
def writing(database: Database) -> Iterator[Connection]:
    """A transaction of `Database.write`, with more room on SQLite than other writers need.

    Keys are random: among a million papers each new one touches other pages of its indexes, and what costs is to write
    those back. The later the log is, the more rows share a page: 10,000 new rows into a million papers had 0.82 to
    0.91 of their rate into ten thousand, and 4,000 of them 0.72 with a log of 32 MB and half the cache. The connection keeps the room.
    """
    with database.write() as conn:
        if database.is_sqlite:
            conn.exec_driver_sql(f"PRAGMA cache_size=-{_CACHE_KIB}")
            conn.exec_driver_sql(f"PRAGMA wal_autocheckpoint={_LOG_PAGES}")
        yield conn
