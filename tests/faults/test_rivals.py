"""Several schedulers and senders over one ledger, and one that was stopped past its lease (R11); poison items (R10)."""

from __future__ import annotations

import os
import signal
import threading
from collections import Counter
from contextlib import ExitStack, closing
from dataclasses import replace
from itertools import count
from pathlib import Path

import pytest
import sqlalchemy as sa

from digest.deliver.delivery import Status
from digest.pipeline.ingest import IngestOptions
from digest.relay.smtp import SmtpRelay
from digest.relay.url import parse_url
from digest.store import editions, ledger
from digest.store.database import Database, DatabaseError
from digest.store.schema import deliveries
from digest.subscribers.subscriber import Profile, Schedule
from digest.wiring import App, utc_now
from tests.factories import DAY, HOUR, NOW, Clock, add_subscriber, pick, raw_dump
from tests.faults.report import section
from tests.faults.rival import SCALED, Rival, app_of
from tests.pipeline.outbox import Outbox, addresses
from tests.smtp_server import Answer, SmtpServer, wait_until

RIVALS = section(
    "R11",
    "Two schedulers and eight senders at once",
    (
        "engine",
        "rounds",
        "readers",
        "editions",
        "mails",
        "readers without one",
        "second mails for a date",
        "off balance",
    ),
    about="Ten processes, each started once; in every round, a day of its own, all of them begin together: two publish, "
    "plan and deliver, eight deliver, and then do so again.",
)
ZOMBIES = section(
    "R11",
    "A sender stopped past its lease",
    (
        "engine",
        "times",
        "readers",
        "connections",
        "lost",
        "repeated",
        "bound",
        "changed",
        "begun by the zombie",
        "stopped with SQLite's lock",
    ),
    about="SIGSTOP in mid-run, a lease of ten seconds runs out, another sender takes over and ends, SIGCONT. "
    "The bound is one message for each connection of the stopped one, which were under way.",
)
POISON = section(
    "R10",
    "Poison items",
    (
        "poison",
        "engine",
        "readers",
        "parked",
        "tries of each",
        "others with one mail",
        "others without",
        "second mails",
    ),
    about="Messages that cannot be built, among others that can: of one reader, and of all who are shown one paper.",
)


@pytest.fixture
def url(database: Database) -> str:
    return database.url.render_as_string(hide_password=False)


# -- at once -------------------------------------------------------------------------------------------


def contend(database: Database, url: str, folder: Path, *, rounds: int, readers: int, senders: int) -> None:
    """Let two schedulers and so many senders loose on day after day."""
    with database.write() as conn:
        who = [add_subscriber(conn, profile=Profile(cap=50), now=NOW - DAY) for _ in range(readers)]
    moment = Clock(NOW)
    second, without, published = 0, 0, 0
    with SmtpServer(keep=True) as server, ExitStack() as stack:
        mine = app_of(folder, url=url, relay_port=server.port, clock=moment)
        team = [
            stack.enter_context(Rival(folder / f"rival{number}", url=url, relay_port=server.port))
            for number in range(2 + senders)
        ]
        for _ in range(rounds):
            dump = raw_dump([f"On the {moment.now:%d %B}"], day=moment.now.date(), modified_at=moment.now)
            mine.ingest([dump], IngestOptions())
            before = len(server.accepted)
            for _ in range(2):
                for number, rival in enumerate(team):
                    rival.begin("schedule deliver" if number < 2 else "deliver", now=moment.now)
                for rival in team:
                    rival.end()
            copies = Counter(message.recipient for message in server.accepted[before:])
            second += copies.total() - len(copies)
            without += len(set(addresses(who)) - set(copies))
            with database.read() as conn:
                published += editions.on(conn, moment.now.date()) is not None
            moment.advance(days=1)
        total = len(server.accepted)
        mine.database.close()
    with database.read() as conn:
        balance = ledger.balance(conn)
        dates = editions.every(conn)
        rows = conn.execute(
            sa.select(deliveries.c.subscriber_id, deliveries.c.local_date, sa.func.count()).group_by(
                deliveries.c.subscriber_id, deliveries.c.local_date
            )
        ).all()
    engine = database.url.get_backend_name()
    RIVALS.add(engine, rounds, readers, published, total, without, second, balance.difference)
    assert (published, len(dates)) == (rounds, rounds)
    assert {row[2] for row in rows} == {1}
    assert (second, without, balance.difference) == (0, 0, 0)
    assert balance.statuses[Status.SENT] == total == rounds * readers


@pytest.mark.timeout(240)
def test_rivals(database: Database, url: str, tmp_path: Path) -> None:
    """Three days: one edition for each, one mail for each reader and date, whichever of four processes was first."""
    contend(database, url, tmp_path, rounds=3, readers=12, senders=2)


@pytest.mark.faults
@pytest.mark.timeout(3600)
def test_rivals_a_hundred_times(database: Database, url: str, tmp_path: Path) -> None:
    """The same of a hundred days."""
    contend(database, url, tmp_path, rounds=100, readers=40, senders=8)


# -- stopped -------------------------------------------------------------------------------------------


def stop_one(
    database: Database, url: str, folder: Path, *, times: int, readers: int, connections: int
) -> None:
    """Stop a sender in mid-run, let another finish, let it go on: again and again, of readers who are new each time."""
    with closing(database_of(app := app_of(folder, url=url, relay_port=1, clock=utc_now))):
        dump = raw_dump(["On Kites"], day=utc_now().date(), modified_at=utc_now())
        app.ingest([dump], IngestOptions())
        app.publish(early=True)
    found = []
    for number in range(times):
        with database.write() as conn:
            who = [
                add_subscriber(
                    conn,
                    f"reader@d{number}x{each}.example.org",
                    schedule=Schedule(hour=0),
                    now=utc_now() - 2 * DAY,
                )
                for each in range(readers)
            ]
        at = 1 + number * 7 % (readers // 2)
        found.append(
            zombie(database, url, folder / str(number), addresses(who), at=at, connections=connections)
        )
    sums = [sum(each) for each in zip(*found, strict=True)]
    ZOMBIES.add(
        database.url.get_backend_name(),
        times,
        readers,
        connections,
        *sums[:2],
        times * connections,
        *sums[2:],
    )
    for lost, repeated, changed, begun, locked in found:
        assert (lost, changed) == (0, 0)
        assert repeated <= connections
        assert locked or begun <= connections
    with database.read() as conn:
        balance = ledger.balance(conn)
    assert balance.statuses[Status.SENT] == times * readers
    assert balance.difference == 0


def database_of(app: App) -> Database:
    return app.database


def zombie(
    database: Database, url: str, folder: Path, who: list[str], *, at: int, connections: int
) -> tuple[int, int, int, int, int]:
    """One of them; returns lost, repeated, changed, what the zombie began after it went on, and whether it had the lock."""
    folder.mkdir()
    stopped = threading.Event()
    seen = count()

    def script(recipient: str) -> Answer | None:
        # The message is taken, and its 250 waits in a socket that nobody reads.
        if next(seen) == at:
            os.kill(rival.process.pid, signal.SIGSTOP)
            stopped.set()
        return None

    with SmtpServer(answers={"dot": script}) as server:
        app = app_of(folder, url=url, relay_port=server.port, clock=utc_now, lease=SCALED)
        with (
            closing(database_of(app)),
            Rival(folder, url=url, relay_port=server.port, scaled=True, connections=connections) as rival,
        ):
            assert app.plan().planned == len(who)
            rival.begin("deliver")
            assert stopped.wait(60)
            wait_until(lambda: leases_are_over(database), timeout_s=60)
            # Stopped within a commit, it has SQLite's one lock with it: nobody takes over, and nothing is repeated.
            try:
                app.deliver()
                locked = 0
            except DatabaseError:
                locked = 1
            before = len(server.lines)
            os.kill(rival.process.pid, signal.SIGCONT)
            rival.end()
            begun = sum(line.startswith(b"MAIL") for _, line in server.lines[before:])
            app.deliver()
        copies: dict[str, list[bytes]] = {}
        for message in server.accepted:
            copies.setdefault(message.recipient, []).append(message.data)
    repeated = sum(len(each) - 1 for each in copies.values())
    changed = sum(len(set(each)) > 1 for each in copies.values())
    assert not (locked and repeated)
    return len(set(who) - set(copies)), repeated, changed, begun, locked


def leases_are_over(database: Database) -> bool:
    """Whether nobody's claim holds any more."""
    with database.read() as conn:
        holding = sa.select(sa.func.count()).where(
            deliveries.c.status == Status.CLAIMED, deliveries.c.lease_until > utc_now()
        )
        return not conn.scalar(holding)


@pytest.mark.timeout(120)
def test_a_zombie(database: Database, url: str, tmp_path: Path) -> None:
    """What was under way when the sender was stopped is sent once more with the same bytes, and nothing else is."""
    stop_one(database, url, tmp_path, times=1, readers=24, connections=4)


@pytest.mark.faults
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("connections", [8, 32])
def test_zombies(database: Database, url: str, tmp_path: Path, connections: int) -> None:
    """The same ten times with 300 readers."""
    stop_one(database, url, tmp_path, times=10, readers=300, connections=connections)


# -- poison --------------------------------------------------------------------------------------------


@pytest.mark.faults
@pytest.mark.timeout(600)
@pytest.mark.parametrize("poison", ["one reader", "one paper"])
def test_poison_among_a_thousand(database: Database, tmp_path: Path, clock: Clock, poison: str) -> None:
    """What cannot be built is tried three times and parked; a thousand others get theirs over real SMTP, once.

    Its short forms stand in tests/pipeline/test_deliver.py.
    """
    outbox = Outbox(database, tmp_path, clock=clock)
    outbox.policy = replace(outbox.policy, connections=8)
    others = outbox.plan(500, picks=(pick(8), pick(9))) + outbox.plan(500, picks=(pick(9),))
    bad = outbox.plan(1 if poison == "one reader" else 200, picks=(pick(7), pick(8)))
    outbox.broken = {bad[0].address} if poison == "one reader" else {7}
    with SmtpServer() as server:
        relay = SmtpRelay(parse_url(server.url))
        while clock.now < NOW + HOUR:
            outbox.deliver(relay=relay)
            clock.advance(seconds=30)
        copies = Counter(message.recipient for message in server.accepted)
    rows = [outbox.rows()[one.address] for one in bad]
    parked = sum(row.status == Status.FAILED for row in rows)
    well, tries = set(addresses(others)), {row.attempts for row in rows}
    POISON.add(
        poison, database.url.get_backend_name(), len(others) + len(bad), parked, *sorted(tries)[-1:],
        len(well & set(copies)), len(well - set(copies)), copies.total() - len(copies),
    )  # fmt: skip
    assert (parked, tries) == (len(bad), {3})
    assert copies == Counter(dict.fromkeys(well, 1))
    assert outbox.balances()
