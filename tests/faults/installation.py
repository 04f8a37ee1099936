"""An installation with readers who are due, a relay beside it, and `digest send` as a process that may be killed."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Literal

import sqlalchemy as sa

from digest import keyring
from digest.deliver.delivery import OPEN, Status
from digest.pipeline.ingest import IngestOptions
from digest.settings import DatabaseSettings
from digest.sources.dump import RawDump
from digest.store import ledger
from digest.store.database import Database
from digest.store.schema import deliveries
from digest.subscribers.subscriber import Schedule
from digest.wiring import App, utc_now
from tests.factories import add_subscriber, daily_papers, make_settings
from tests.smtp_server import ServerProcess, SmtpServer

#: The command that ends when all is sent.
SEND = ("send", "--json")

_SELECTOR = "2026a"
#: A program whose patience is set by its first argument.
_SHORT = """\
import sys
from digest.store import database
database.LOCK_TIMEOUT_S = float(sys.argv.pop(1))
from digest.cli import main
main()
"""
_ROOT = Path(__file__).parents[2]
_TITLES = tuple(f"On {what} and the {other}" for what in ("Kites", "Bread") for other in "abcdefgh")
_ABSTRACT = "What flies on a string, and what comes out of an oven, is told here at some length. " * 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Installation:
    """One that may be killed: nothing of it lives in this process.

    Attributes:
        folder: Data folder, with the senders' locks.
        url: Of the database.
        signs: Whether mail is signed with DKIM, by a key of its own.
    """

    folder: Path
    url: str
    relay_port: int
    connections: int
    ambiguous: Literal["resend", "park"] = "resend"
    signs: bool = False

    def environment(self) -> dict[str, str]:
        """What a process of this installation is given: its settings, and nothing of ours."""
        settings = {
            "DATA_DIR": self.folder,
            "DATABASE__URL": self.url,
            "BASE_URL": "https://digest.example.org",
            "SENDER": "Digest <digest@example.org>",
            "MAIL__TOPICS": self.folder / "topics.toml",
            "RELAY__URL": f"smtp://127.0.0.1:{self.relay_port}",
            "RELAY__CONNECTIONS": self.connections,
            "DELIVERY__AMBIGUOUS": self.ambiguous,
            "DELIVERY__TICK_S": 0.2,
        }
        if self.signs:
            settings["DKIM__SELECTOR"] = _SELECTOR
        mine = {name: value for name, value in os.environ.items() if not name.startswith("DIGEST_")}
        mine |= {f"DIGEST_{name}": str(value) for name, value in settings.items()}
        return mine | {"PYTHONPATH": str(_ROOT)}

    def start(
        self, *arguments: str, log: IO[str] | int = subprocess.PIPE, lock_timeout_s: float | None = None
    ) -> subprocess.Popen[str]:
        """Begin `digest send --json`, or another command.

        Args:
            log: Where standard error goes.
            lock_timeout_s: How long to wait for a lock, other than usual.
        """
        started = ["-m", "digest"] if lock_timeout_s is None else ["-c", _SHORT, str(lock_timeout_s)]
        return subprocess.Popen(
            [sys.executable, *started, *(arguments or SEND)],
            cwd=self.folder,  # no digest.toml of this checkout may be read
            env=self.environment(),
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )

    def begun(self) -> dict[str, str]:
        """Who may have a mail whose result is not known: address -> Message-ID."""
        query = sa.select(deliveries.c.recipient, deliveries.c.message_id)
        rows = self.read(
            query.where(deliveries.c.status == Status.CLAIMED, deliveries.c.begun_at.is_not(None))
        )
        return {row.recipient: row.message_id for row in rows}

    def waits(self, readers: int) -> bool:
        """Whether any of so many readers is still to be planned for, or a mail to be sent."""
        balance = self.balance()
        return balance.eligible < readers or any(balance.statuses.get(status) for status in OPEN)

    def of_status(self, status: Status) -> set[str]:
        """Addresses of the deliveries of this status."""
        return {
            row.recipient
            for row in self.read(sa.select(deliveries.c.recipient).where(deliveries.c.status == status))
        }

    def balance(self) -> ledger.Balance:
        """The ledger's own sum."""
        database = Database(self.url, read_only=True)
        with database.read() as conn:
            found = ledger.balance(conn)
        database.close()
        return found

    def is_sound(self) -> bool:
        """Whether SQLite finds its file in order; PostgreSQL's word is taken for it."""
        if not self.url.startswith("sqlite"):
            return True
        return [str(row[0]) for row in self.read(sa.text("PRAGMA integrity_check"))] == ["ok"]

    def read(self, query: sa.Executable) -> list[sa.Row[tuple[object, ...]]]:
        """Ask the database something."""
        # Read-only: to close the last ordinary connection would tidy SQLite's log away, and spare the next
        # sender the recovery that is under test.
        database = Database(self.url, read_only=True)
        with database.read() as conn:
            rows = list(conn.execute(query).all())
        database.close()
        return rows


def install(
    folder: Path,
    relay: ServerProcess | SmtpServer,
    *,
    readers: int,
    connections: int,
    url: str | None = None,
    ambiguous: Literal["resend", "park"] = "resend",
    signs: bool = False,
) -> Installation:
    """Make a database with an edition of today and readers who are due; nothing is planned yet.

    Args:
        folder: Empty.
        url: Of an empty database; a SQLite file in `folder` if None.
    """
    folder.mkdir(exist_ok=True)
    if signs:
        keyring.make(folder / "dkim", _SELECTOR, bits=2048)
    app = App(make_settings(folder, database=DatabaseSettings(url=url)))
    now = utc_now()
    rows = [{"title": title, "summary": _ABSTRACT} for title in _TITLES]
    dump = RawDump(name="papers.json", data=daily_papers(rows, day=now.date()), modified_at=now)
    app.ingest([dump], IngestOptions())
    app.publish(early=True)
    with app.database.write() as conn:
        for number in range(readers):
            # At any hour of the day this runs in, their hour has come.
            add_subscriber(
                conn, f"reader{number}@example.org", schedule=Schedule(hour=0), now=now, due_at=now
            )
    app.database.close()
    return Installation(
        folder=folder,
        url=app.settings.database_url,
        relay_port=relay.port,
        connections=connections,
        ambiguous=ambiguous,
        signs=signs,
    )
