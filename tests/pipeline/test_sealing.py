"""Closing drafts by a process beside this one: what is taken from it, and when."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence

import pytest

from digest.compose.message import Draft, Unsigned
from digest.deliver.delivery import Delivery
from digest.pipeline import ports, sealing
from digest.pipeline.sealing import Sealer
from digest.pipeline.senders import Built, Desk
from digest.store import deliveries
from digest.store.database import Database
from tests.factories import HOUR, NOW, add_subscriber, plan_for


class Process:
    """Signs as many of what it was asked for as it is told to."""

    def __init__(self) -> None:
        self.asked: deque[list[bytes]] = deque()
        self.done = 0
        self.gone = False

    def fileno(self) -> int:
        return 0

    def submit(self, unsigned: Sequence[Unsigned]) -> None:
        self.asked.append([f"Sig: {each.headers.decode()}\r\n".encode() for each in unsigned])

    def has_signed(self) -> bool:
        return self.done > 0 or self.gone

    def receive(self) -> list[bytes]:
        if not self.done:
            raise EOFError
        self.done -= 1
        return self.asked.popleft()

    def close(self) -> None:
        self.gone = True


@pytest.fixture
def desk(monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    made = Desk()
    monkeypatch.setattr(made, "listen", lambda _descriptor: None)
    monkeypatch.setattr(made, "listen_no_more", lambda _descriptor: None)
    yield made
    made.close()


def drafted(database: Database, count: int) -> list[tuple[Delivery, Draft]]:
    with database.write() as conn:
        plan_for(conn, *[add_subscriber(conn) for _ in range(count)])
        claimed = deliveries.claim(conn, claimant="x", now=NOW, lease_until=NOW + HOUR, limit=count)
    return [
        (
            each,
            Draft(
                sender="",
                recipient=each.recipient,
                unsigned=Unsigned("2026a", str(number).encode(), b"", NOW),
                body=b"",
                sign=lambda mail: b"here %b\r\n" % mail.headers,
            ),
        )
        for number, each in enumerate(claimed)
    ]


def seal(delivery: Delivery, draft: ports.Draft, signatures: bytes | None) -> Built:
    return Built(delivery, *draft.sealed(signatures))


def signatures(found: Sequence[object]) -> list[str]:
    return [one.message.data.decode().partition("\r\n")[0] for one in found if isinstance(one, Built)]


def test_all_that_is_signed_is_taken_at_once(sqlite_database: Database, desk: Desk) -> None:
    """In its order, and no more than is there; once the process is gone the rest is signed here."""
    process = Process()
    sealer = Sealer(lambda: process, seal, desk)
    sealer.expect_many()
    found = drafted(sqlite_database, 40)
    assert sealer.close(found) == []
    assert (len(process.asked), sealer.pending) == (3, 40)
    process.done = 2
    assert signatures(sealer.received()) == [f"Sig: {number}" for number in range(32)]
    assert (sealer.received(), sealer.pending) == ([], 8)
    process.gone = True
    assert signatures(sealer.received()) == [f"here {number}" for number in range(32, 40)]
    assert (sealer.received(), sealer.pending) == ([], 0)


def test_a_process_that_is_silent(
    sqlite_database: Database, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it has signed is taken still; for the rest it is not waited any longer."""
    process = Process()
    sealer = Sealer(lambda: process, seal, desk)
    sealer.expect_many()
    sealer.close(drafted(sqlite_database, 20))
    waited_for = sealer.is_silent
    monkeypatch.setattr(sealing, "_SILENT_S", -1.0)
    assert (waited_for, sealer.is_silent) == (False, True)
    process.done = 1
    assert signatures(sealer.received()) == [f"Sig: {number}" for number in range(16)]
    assert signatures(sealer.received()) == [f"here {number}" for number in range(16, 20)]
    assert (process.gone, sealer.pending, sealer.is_silent) == (True, 0, False)


def test_a_process_that_dies_with_nothing_to_do(sqlite_database: Database, desk: Desk) -> None:
    """It is ended as soon as it is heard of, or its end would be heard again and again; what comes later is signed here."""
    process = Process()
    sealer = Sealer(lambda: process, seal, desk)
    sealer.expect_many()
    process.gone = True
    assert sealer.received() == []
    assert signatures(sealer.close(drafted(sqlite_database, 2))) == ["here 0", "here 1"]


def test_the_process_dies_behind_what_it_signed(sqlite_database: Database, desk: Desk) -> None:
    """What it has signed counts, and what it has not is signed here, in one go."""
    process = Process()
    sealer = Sealer(lambda: process, seal, desk)
    sealer.expect_many()
    sealer.close(drafted(sqlite_database, 20))
    process.done, process.gone = 1, True
    assert signatures(sealer.received()) == [
        *(f"Sig: {number}" for number in range(16)),
        *(f"here {number}" for number in range(16, 20)),
    ]
