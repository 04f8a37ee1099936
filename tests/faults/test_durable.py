"""Whatever somebody is told has happened is on the disk by then: claims, results, confirmations, farewells (R3)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from digest.deliver.delivery import Status
from digest.settings import RelaySettings
from digest.store import subscribers
from digest.store.database import Database
from digest.store.schema import deliveries
from digest.subscribers.address import address_key
from digest.wiring import App
from tests.factories import NOW, add_subscriber, clean_records, list_records, make_settings
from tests.faults import report
from tests.signup.lives import ADDRESS, WEB, request
from tests.smtp_server import SmtpServer

COMMITS = report.section(
    "R3",
    "Durable before the reply",
    ("engine", "step", "transactions that wrote", "durable", "took the lock first"),
    about="""\
Every transaction of a sign-up, a send and a farewell that wrote something: *durable* are those whose own connection said,
at its commit, that the commit returns from the disk (`synchronous` FULL and a WAL; `synchronous_commit` on). On SQLite
each has to begin with `BEGIN IMMEDIATE`.""",
)

_WRITES = re.compile(
    r"\s*(INSERT|UPDATE|DELETE|WITH\b.*\b(INSERT|UPDATE|DELETE))\b", re.IGNORECASE | re.DOTALL
)
_TABLE = re.compile(r"\b(?:INSERT INTO|UPDATE|DELETE FROM) (\w+)", re.IGNORECASE)


@dataclass
class Transaction:
    """What one connection said from a begin to its commit."""

    statements: list[str] = field(default_factory=list)
    durable: bool = False

    @property
    def tables(self) -> set[str]:
        """That it wrote to."""
        return {table for text in self.statements if _WRITES.match(text) for table in _TABLE.findall(text)}

    @property
    def locks_first(self) -> bool:
        return self.statements[:1] == ["BEGIN IMMEDIATE"]


@contextmanager
def watched(database: Database) -> Iterator[list[Transaction]]:
    """Notes the transactions that are committed meanwhile, in order."""
    running: dict[int, Transaction] = {}
    committed: list[Transaction] = []

    def said(conn: Connection, _cursor: object, text: str, *_: object) -> None:
        # A transaction begins with a statement of its own on SQLite, and unsaid on PostgreSQL.
        if text.startswith("BEGIN"):
            running.pop(id(conn), None)
        running.setdefault(id(conn), Transaction()).statements.append(text)

    def commits(conn: Connection) -> None:
        done = running.pop(id(conn), Transaction())
        done.durable = _is_durable(conn)
        committed.append(done)

    def undone(conn: Connection) -> None:
        running.pop(id(conn), None)

    listeners: dict[str, Any] = {"before_cursor_execute": said, "commit": commits, "rollback": undone}
    for name, listener in listeners.items():
        sa.event.listen(database.engine, name, listener)
    try:
        yield committed
    finally:
        for name, listener in listeners.items():
            sa.event.remove(database.engine, name, listener)


def _is_durable(conn: Connection) -> bool:
    driver: Any = conn.connection.driver_connection
    if conn.dialect.name == "sqlite":
        asked = [driver.execute(f"PRAGMA {name}").fetchone()[0] for name in ("synchronous", "journal_mode")]
        return asked == [2, "wal"]
    return bool(driver.execute("SHOW synchronous_commit").fetchone()[0] == "on")


class Ledger:
    """What another connection sees of the ledger while a relay answers.

    Attributes:
        unclaimed: Messages that were not durably begun when their last byte was there.
        most: Messages that were begun and not settled, at most at any such moment.
    """

    def __init__(self, database: Database) -> None:
        self._database = Database(database.url.render_as_string(hide_password=False), read_only=True)
        self.unclaimed: list[str] = []
        self.most = 0

    def look(self, recipient: str) -> None:
        query = sa.select(deliveries.c.recipient, deliveries.c.body_hash).where(
            deliveries.c.status == Status.CLAIMED, deliveries.c.begun_at.is_not(None)
        )
        with self._database.read() as conn:
            begun = {row.recipient: row.body_hash for row in conn.execute(query)}
        self.most = max(self.most, len(begun))
        if not begun.get(recipient):
            self.unclaimed.append(recipient)

    def close(self) -> None:
        self._database.close()


def app_over(database: Database, folder: Path, relay: SmtpServer) -> App:
    app = App(make_settings(folder, relay=RelaySettings(url=relay.url, connections=3)), clock=lambda: NOW)
    vars(app)["database"] = database
    return app


def check(step: str, database: Database, seen: list[Transaction], *tables: str) -> None:
    """All that wrote were durable, and some wrote to these tables."""
    wrote = [transaction for transaction in seen if transaction.tables]
    assert {table for transaction in wrote for table in transaction.tables} >= set(tables)
    engine = "sqlite" if database.is_sqlite else "postgresql"
    durable = sum(transaction.durable for transaction in wrote)
    first = sum(transaction.locks_first for transaction in wrote)
    COMMITS.add(engine, step, len(wrote), durable, first if database.is_sqlite else "")
    assert durable == len(wrote) > 0
    assert not database.is_sqlite or first == len(wrote)


def test_every_commit_is_durable(database: Database, tmp_path: Path) -> None:
    """A sign-up, a confirmation, claims, results and a farewell: each commit returns from the disk."""
    ledger = Ledger(database)

    def dot(recipient: str) -> None:
        ledger.look(recipient)

    with SmtpServer(answers={"dot": dot}) as relay:
        app = app_over(database, tmp_path, relay)
        with database.write() as conn:
            list_records(conn, clean_records("On Kites", "On Bread"))
            readers = [add_subscriber(conn, now=NOW) for _ in range(20)]
        with watched(database) as seen:
            request(app.signup)
        check("ask", database, seen, "subscribers", "deliveries")
        with database.read() as conn:
            asked = subscribers.find(conn, address_key(ADDRESS))
        assert asked is not None
        with watched(database) as seen:
            app.signup.confirm(asked.id, epoch=asked.epoch, evidence=WEB, now=NOW)
        check("confirm", database, seen, "subscribers", "consents")
        with watched(database) as seen:
            app.publish(early=True)
            app.plan()
        check("publish and plan", database, seen, "editions", "deliveries")
        with watched(database) as seen:
            sent = app.deliver().results
        check("deliver", database, seen, "deliveries")
        assert sum("deliveries" in transaction.tables for transaction in seen) >= len(relay.accepted) / 3
        with watched(database) as seen:
            assert app.signup.leave(readers[0], evidence=WEB, now=NOW)
        check("leave", database, seen, "subscribers", "consents")
    ledger.close()
    assert sent[Status.SENT] == len(relay.accepted) >= 20
    assert ledger.unclaimed == []
    assert 1 <= ledger.most <= 3, "one message for each connection has no result yet"


@pytest.mark.parametrize(("pragma", "value"), [("synchronous", "NORMAL"), ("journal_mode", "DELETE")])
def test_a_commit_that_is_not(sqlite_database: Database, pragma: str, value: str) -> None:
    """The test can fail: a connection with another setting is found."""
    with sqlite_database.engine.connect() as conn:
        conn.connection.driver_connection.execute(f"PRAGMA {pragma}={value}")  # type: ignore[union-attr] # it is open
        assert not _is_durable(conn)
