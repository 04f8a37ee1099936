"""Kill or stop a sender again and again until all is sent, and count what that did."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from digest.deliver.delivery import Status
from tests.faults.installation import Installation
from tests.smtp_server import ServerProcess

#: A sender needs one to three seconds before its first message: one kill falls into that time.
_START_UP_S = 1.5
_JITTER_S = 0.01
_GIVE_UP_S = 120.0
#: What a sender that is told to stop may take to end (R12); one that is killed ends at once.
_DRAIN_S = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """When to kill."""

    messages: int | None  #: once so many were taken in the whole send; None: at start-up, before the first
    wait_s: float  #: after that, or after the start


def moments(seed: int, *, kills: int, readers: int) -> list[Moment]:
    """Moments of one send, the same for the same seed: one at start-up, one at the end, the others in between."""
    chance = random.Random(seed)
    between = sorted(chance.randrange(1, readers - 8) for _ in range(kills - 2))
    last = chance.randrange(readers - 8, readers - 1)
    # The sender goes on while it is waited for: at the end it must not get through meanwhile.
    waits = [chance.uniform(0, _JITTER_S) for _ in between] + [0.0]
    start = [Moment(messages=None, wait_s=chance.uniform(0, _START_UP_S))]
    return start + [Moment(messages=k, wait_s=s) for k, s in zip((*between, last), waits, strict=True)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Aftermath:
    """What one send with so many kills, or orders to stop, came to."""

    readers: int
    kills: int
    begun: tuple[int, ...]  #: messages without a result, after each kill
    lost: int  #: readers without a mail, who are not parked either
    repeats: int  #: messages beyond one a reader
    unexplained: int  #: repeats of messages that were not under way at a kill
    changed: int  #: readers whose copies differ in Message-ID or bytes
    parked: int
    difference: int  #: of the ledger
    sent: int  #: by the ledger
    sound: bool  #: the database file is in order
    document: dict[str, Any]  #: what the last `digest send --json` printed


def send_with_kills(
    installation: Installation,
    relay: ServerProcess,
    plan: list[Moment],
    readers: int,
    *,
    by: signal.Signals = signal.SIGKILL,
) -> Aftermath:
    """Start a sender, kill it at each moment, start it again, and let the last one finish; nothing else is done."""
    begun = [installation.begun() for moment in plan if _killed(installation, relay.log, moment, by)]
    document = finished(installation.start())
    return _count(installation, relay.accepted(), begun, document, readers)


def finished(process: subprocess.Popen[str]) -> dict[str, Any]:
    """Wait for a sender that nobody kills; returns the document that it printed."""
    out, errors = process.communicate(timeout=_GIVE_UP_S)
    assert process.returncode == 0, errors
    document: dict[str, Any] = json.loads(out)
    return document


def _killed(installation: Installation, log: Path, moment: Moment, by: signal.Signals) -> bool:
    """Run a sender until the moment and kill it; False where it was faster."""
    with Lines(log) as lines:
        wanted = max(moment.messages or 0, lines.count() + 1)
        process = installation.start()
        patience_s = _GIVE_UP_S if moment.messages is not None else moment.wait_s
        until = time.monotonic() + patience_s
        while lines.count() < wanted and process.poll() is None and time.monotonic() < until:
            time.sleep(0.0005)
        if moment.messages is not None:
            assert time.monotonic() < until, "the sender neither sends nor ends"
            time.sleep(moment.wait_s)
        in_time = process.poll() is None
        process.send_signal(by)
        _, errors = process.communicate(timeout=_DRAIN_S)
    # Whoever is told to stop before it listens dies of it, as anything would; it has not begun by then.
    assert process.returncode in (0, -by), errors
    return in_time


class Lines:
    """Counts the lines of a file that grows."""

    def __init__(self, path: Path) -> None:
        path.touch()
        self._file = path.open("rb")
        self._lines = 0

    def count(self) -> int:
        """How many there are by now."""
        self._lines += self._file.read().count(b"\n")
        return self._lines

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()


def _count(
    installation: Installation,
    accepted: list[dict[str, Any]],
    begun: list[dict[str, str]],
    document: dict[str, Any],
    readers: int,
) -> Aftermath:
    copies: dict[str, list[tuple[str, str]]] = {}
    for line in accepted:
        copies.setdefault(line["recipient"], []).append((line["message_id"], line["sha256"]))
    # Each kill may repeat each message that was under way, once.
    allowed = Counter(recipient for under_way in begun for recipient in under_way)
    parked = installation.of_status(Status.AMBIGUOUS)
    balance = installation.balance()
    everyone = {f"reader{number}@example.org" for number in range(readers)}
    return Aftermath(
        readers=readers,
        kills=len(begun),
        begun=tuple(len(under_way) for under_way in begun),
        lost=len(everyone - set(copies) - parked),
        repeats=sum(len(same) - 1 for same in copies.values()),
        unexplained=sum(max(len(same) - 1 - allowed[who], 0) for who, same in copies.items()),
        changed=sum(len(set(same)) > 1 for same in copies.values()),
        parked=len(parked),
        difference=balance.difference,
        sent=balance.statuses[Status.SENT],
        sound=installation.is_sound(),
        document=document,
    )
