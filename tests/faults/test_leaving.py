"""Who leaves in mid-run is not mailed any more (R20): by calls of the store, and by one click on a running service."""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from digest.deliver.delivery import OPEN, Kind, Status
from digest.pipeline.ingest import IngestOptions
from digest.relay.smtp import SmtpRelay
from digest.relay.url import parse_url
from digest.settings import DatabaseSettings
from digest.signup import Signup
from digest.store.database import Database
from digest.store.schema import deliveries
from digest.subscribers.consent import Evidence
from digest.subscribers.subscriber import Schedule, Subscriber
from digest.wiring import App, utc_now
from tests.factories import DAY, NOW, STAMP, Clock, add_subscriber, make_settings, raw_dump
from tests.faults.report import section
from tests.pipeline.outbox import Outbox
from tests.smtp_server import Accepted, Answer, SmtpServer, wait_until

LEAVING = section(
    "R20",
    "Leaving in mid-run",
    (
        "how",
        "engine",
        "readers",
        "connections",
        "left",
        "mailed all the same",
        "of them begun before",
        "begun after they left",
        "not mailed",
    ),
    about="While a message waits for its 250, a reader who has none yet leaves; the others go on meanwhile. What was begun, "
    "at most a message for each connection, is past recall; a message that begins after the leave was committed is forbidden.",
)


class Leavers:
    """Has every so many messages one of the last readers leave, while the message waits for its answer.

    Attributes:
        left: Addresses, in order.
    """

    def __init__(self, who: list[Subscriber], leave: Callable[[Subscriber], None], *, every: int) -> None:
        self.left: list[str] = []
        self._waiting = list(who)
        self._leave = leave
        self._every = every
        self._guard = threading.Lock()
        self._seen = 0
        self._mailed: set[str] = set()

    def __call__(self, recipient: str) -> Answer | None:
        with self._guard:
            self._seen += 1
            self._mailed.add(recipient)
            if self._seen % self._every:
                return None
            who = self._next()
        if who is not None:
            self._leave(who)
        return None

    def _next(self) -> Subscriber | None:
        """Whoever is to be mailed last, of those who are left."""
        while self._waiting:
            who = self._waiting.pop()
            if who.address not in self._mailed:
                self.left.append(who.address)
                return who
        return None


def check(
    how: str,
    database: Database,
    accepted: list[Accepted],
    leavers: Leavers,
    *,
    readers: int,
    connections: int,
) -> None:
    """Hold what arrived against the ledger, which withdrew in the leave's own commit what had not begun."""
    with database.read() as conn:
        rows = conn.execute(sa.select(deliveries).where(deliveries.c.kind == Kind.DIGEST)).all()
    by_id = {row.message_id: row for row in rows}
    arrived = [by_id[message.message_id].id for message in accepted if message.message_id in by_id]
    theirs = [row for row in rows if row.recipient in leavers.left]
    mailed = [row for row in theirs if row.id in arrived]
    forbidden = [row for row in mailed if row.status == Status.SUPPRESSED]
    spared = [row for row in theirs if row.status == Status.SUPPRESSED and row.id not in arrived]
    engine = database.url.get_backend_name()
    begun = len(mailed) - len(forbidden)
    LEAVING.add(
        how, engine, readers, connections, len(theirs), len(mailed), begun, len(forbidden), len(spared)
    )
    assert len(theirs) == len(leavers.left) >= readers // 40
    assert forbidden == []
    assert len(spared) > len(theirs) // 2
    assert len(arrived) == len(set(arrived)) == readers - len(spared)
    assert {row.status for row in rows} <= {Status.SENT, Status.SUPPRESSED}


# -- by calls ------------------------------------------------------------------------------------------


def leave_by_calls(database: Database, folder: Path, clock: Clock, *, readers: int, connections: int) -> None:
    outbox = Outbox(database, folder, clock=clock)
    outbox.policy = replace(outbox.policy, connections=connections)
    who = outbox.plan(readers)
    signup = Signup(database=database, stamp=STAMP)

    def leave(one: Subscriber) -> None:
        assert signup.leave(one, evidence=Evidence(method="web"), now=NOW, goodbye=False)

    leavers = Leavers(who, leave, every=5)
    with SmtpServer(answers={"dot": leavers}) as server:
        outbox.deliver(relay=SmtpRelay(parse_url(server.url)))
        accepted = list(server.accepted)
    check("calls", database, accepted, leavers, readers=readers, connections=connections)
    assert outbox.balances()


def test_leaving_by_calls(database: Database, tmp_path: Path, clock: Clock) -> None:
    """Of forty readers every fifth message has one leave: no message begins to any of them afterwards."""
    leave_by_calls(database, tmp_path, clock, readers=40, connections=2)


@pytest.mark.faults
@pytest.mark.timeout(600)
@pytest.mark.parametrize("connections", [8, 32])
def test_leaving_by_calls_among_many(
    database: Database, tmp_path: Path, clock: Clock, connections: int
) -> None:
    """The same of 2,000 readers over more connections."""
    leave_by_calls(database, tmp_path, clock, readers=2_000, connections=connections)


# -- while a session is opened -------------------------------------------------------------------------

#: How long a relay makes wait with its greeting, as postscreen and greet_pause do: longer than who left may still be mailed.
GREETING_S = 1.2
#: After this long no message may start to who left (R20).
SOON_S = 1.0


def leave_while_a_session_opens(
    database: Database, folder: Path, clock: Clock, *, readers: int, connections: int
) -> None:
    """With each connection one reader leaves whose message is begun and has to wait for the greeting."""
    outbox = Outbox(database, folder, clock=clock)
    outbox.policy = replace(outbox.policy, connections=connections)
    who = {one.address: one for one in outbox.plan(readers)}
    signup = Signup(database=database, stamp=STAMP)
    named: dict[str, float] = {}  # when the relay heard of whom
    left: dict[str, float] = {}  # when that was durable
    guard = threading.Lock()

    def greet(_argument: str) -> None:
        with guard:
            begun = [
                a for a, row in outbox.rows().items() if row.begun_at and a not in named and a not in left
            ]
            if begun:
                assert signup.leave(who[begun[0]], evidence=Evidence(method="web"), now=NOW, goodbye=False)
                left[begun[0]] = time.monotonic()
        time.sleep(GREETING_S)

    def hear(argument: str) -> None:
        named.setdefault(argument.partition("<")[2].partition(">")[0], time.monotonic())

    with SmtpServer(answers={"connect": greet, "rcpt": hear}) as server:
        outbox.deliver(relay=SmtpRelay(parse_url(server.url), recycle_after=5))
        arrived = [message.recipient for message in server.accepted]
    mailed = set(left) & set(arrived)
    forbidden = {address for address in mailed if named[address] > left[address] + SOON_S}
    engine = database.url.get_backend_name()
    how = f"greeting after {GREETING_S} s"
    counts = len(left), len(mailed), len(mailed - forbidden), len(forbidden), len(set(left) - mailed)
    LEAVING.add(how, engine, readers, connections, *counts)
    assert len(left) >= readers // 10
    assert forbidden == set()
    assert len(mailed) < len(left) // 2
    assert sorted(arrived) == sorted(set(who) - (set(left) - mailed))
    assert outbox.statuses() == {"sent": len(arrived), "suppressed": readers - len(arrived)}
    assert outbox.open_claims() == 0
    assert outbox.balances()


def test_leaving_while_a_session_opens(database: Database, tmp_path: Path, clock: Clock) -> None:
    """Of twenty readers those leave who were to be first over a session: none of them is mailed."""
    leave_while_a_session_opens(database, tmp_path, clock, readers=20, connections=2)


@pytest.mark.faults
@pytest.mark.timeout(600)
def test_leaving_while_many_sessions_open(database: Database, tmp_path: Path, clock: Clock) -> None:
    """The same of 400 readers over eight connections, each for five messages."""
    leave_while_a_session_opens(database, tmp_path, clock, readers=400, connections=8)


# -- by one click --------------------------------------------------------------------------------------


def leave_by_click(url: str | None, folder: Path, *, readers: int, connections: int, every: int) -> None:
    """Run `digest serve` over readers who are due, and post as a mail program does while it delivers."""
    folder.mkdir()
    app = App(make_settings(folder, database=DatabaseSettings(url=url)))
    with closing(app.database) as database:
        dump = raw_dump(["On Kites", "On Bread"], day=utc_now().date(), modified_at=utc_now())
        app.ingest([dump], IngestOptions())
        app.publish(early=True)
        with database.write() as conn:
            who = [
                add_subscriber(conn, schedule=Schedule(hour=0), now=utc_now() - DAY) for _ in range(readers)
            ]
        port: list[int] = []

        def leave(one: Subscriber) -> None:
            path = app.links.leave(one.id).removeprefix(app.links.base_url)
            with closing(http.client.HTTPConnection("127.0.0.1", port[0], timeout=60)) as conn:
                headers = {"Host": "digest.example.org", "Content-Type": "application/x-www-form-urlencoded"}
                conn.request("POST", path, body="List-Unsubscribe=One-Click", headers=headers)
                with conn.getresponse() as answer:
                    assert answer.status == 200

        leavers = Leavers(who, leave, every=every)
        opened = threading.Event()

        def script(recipient: str) -> Answer | None:
            opened.wait(60)
            return leavers(recipient)

        with SmtpServer(answers={"dot": script}) as server:
            with Service(folder, app.settings.database_url, server.port, connections) as service:
                port.append(service.port)
                opened.set()
                wait_until(lambda: is_done(database, readers), timeout_s=120)
                assert service.stop() == 0
            accepted = list(server.accepted)
        check("one click", database, accepted, leavers, readers=readers, connections=connections)


class Service:
    """`digest serve` on a port of its own."""

    def __init__(self, folder: Path, url: str, relay_port: int, connections: int) -> None:
        settings: dict[str, Any] = {
            "DATA_DIR": folder,
            "DATABASE__URL": url,
            "BASE_URL": "https://digest.example.org",
            "SENDER": "Digest <digest@example.org>",
            "MAIL__TOPICS": folder / "topics.toml",
            "RELAY__URL": f"smtp://127.0.0.1:{relay_port}",
            "RELAY__CONNECTIONS": connections,
            "LOG__JSON_LINES": "true",
        }
        mine = {name: value for name, value in os.environ.items() if not name.startswith("DIGEST_")}
        mine |= {f"DIGEST_{name}": str(value) for name, value in settings.items()}
        self.log = folder / "service.log"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "digest", "serve", "--port", "0"],
                cwd=folder,
                env={**mine, "PYTHONPATH": str(Path(__file__).parents[2])},
                stdout=log,
                stderr=log,
            )
        wait_until(
            lambda: self.process.poll() is not None or b"pages opened" in self.log.read_bytes(), timeout_s=60
        )
        events = [json.loads(line) for line in self.log.read_text().splitlines() if line.startswith("{")]
        (opened,) = [event for event in events if event["event"] == "pages opened"]
        self.port = int(opened["url"].rpartition(":")[2])

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(60)

    def __enter__(self) -> Service:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(60)


def is_done(database: Database, readers: int) -> bool:
    """Whether every digest was planned, and came to an end."""
    with database.read() as conn:
        query = sa.select(deliveries.c.status).where(deliveries.c.kind == Kind.DIGEST)
        statuses = list(conn.scalars(query))
    return len(statuses) == readers and not set(statuses) & set(OPEN)


@pytest.mark.timeout(240)
def test_one_click(tmp_path: Path) -> None:
    """Of sixty readers some click while a running service delivers: what begins to them afterwards is nothing."""
    leave_by_click(None, tmp_path / "service", readers=60, connections=2, every=6)


@pytest.mark.faults
@pytest.mark.timeout(600)
def test_one_click_among_three_hundred(empty_url: str, tmp_path: Path) -> None:
    """The same of 300 readers over eight connections, on each engine; every fourth message has one leave."""
    leave_by_click(empty_url, tmp_path / "service", readers=300, connections=8, every=4)
