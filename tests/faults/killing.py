"""Kill or stop a sender again and again until all is sent, and count what that did."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import time
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Self

from digest.deliver.delivery import Status
from tests.faults.installation import SEND, Installation
from tests.smtp_server import ServerProcess, wait_until

#: A sender needs one to three seconds before its first message: some kills fall into that time.
_START_UP_S = 1.5
_JITTER_S = 0.01
_GIVE_UP_S = 120.0
#: What a sender that is told to stop may take to end (R12); one that is killed ends at once.
_DRAIN_S = 30.0
#: Messages of a send that count as its end.
_LAST = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """When to kill."""

    messages: int | None  #: once so many were taken in the whole send; None: at start-up, before the first
    wait_s: float  #: after that, or after the start


def moments(seed: int, *, kills: int, readers: int) -> list[Moment]:
    """Moments of one send, the same for the same seed: some at start-up, some at the end, most in between."""
    chance = random.Random(seed)
    if not kills:
        return []
    some = max(kills // 10, 1)
    between = sorted(chance.randrange(1, readers - _LAST) for _ in range(kills - 2 * some))
    found = [Moment(messages=k, wait_s=chance.uniform(0, _JITTER_S)) for k in between]
    # The sender goes on while it is waited for: at the end it must not get through meanwhile.
    ends = sorted(chance.randrange(readers - _LAST, readers - 1) for _ in range(some))
    found += [Moment(messages=k, wait_s=0.0) for k in ends]
    # One in the very first start, which plans.
    for place in (0, *(chance.randrange(len(found)) for _ in range(some - 1))):
        found.insert(place, Moment(messages=None, wait_s=chance.uniform(0, _START_UP_S)))
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Aftermath:
    """What one send with so many kills, or orders to stop, came to."""

    readers: int
    kills: int
    begun: tuple[int, ...]  #: messages without a result, after each kill
    doubtful: int  #: messages that were one of these; one that was killed at its start leaves those of the kill before
    lost: int  #: readers without a mail, who are not parked either
    repeats: int  #: messages beyond one a reader
    most: int  #: repeats of messages of one and the same process; by the relay's log alone
    unexplained: int  #: repeats of messages that were not under way at a kill
    changed: int  #: readers whose copies differ in Message-ID or bytes
    signed: int  #: copies that a DKIM signature stands on
    parked: int
    difference: int  #: of the ledger
    sent: int  #: by the ledger
    sound: bool  #: the database file is in order
    longest_s: float  #: from a signal to the end of its process
    document: dict[str, Any]  #: what the last `digest send --json` printed

    @property
    def under_way(self) -> str:
        """All that were, and the most at one kill."""
        return f"{sum(self.begun)} ({max(self.begun, default=0)})"


def send_with_kills(
    installation: Installation,
    relay: ServerProcess,
    plan: list[Moment],
    readers: int,
    *,
    by: signal.Signals = signal.SIGKILL,
    command: tuple[str, ...] = SEND,
) -> Aftermath:
    """Start a sender, kill it at each moment, start it again, and let the last one finish; nothing else is done."""
    lives = Lives(installation, relay, command)
    for moment in plan:
        # A service that has nothing left to send does not end by itself, and is not waited for.
        if command != SEND and not installation.waits(readers):
            break
        lives.end(moment, by)
    return _count(lives, lives.last(readers), readers)


def finished(process: subprocess.Popen[str]) -> dict[str, Any]:
    """Wait for a sender that nobody kills; returns the document that it printed."""
    out, errors = process.communicate(timeout=_GIVE_UP_S)
    assert process.returncode == 0, errors
    document: dict[str, Any] = json.loads(out)
    return document


class Lives:
    """The processes of one send, one after the other.

    Attributes:
        begun: Who had a message under way at each kill.
        started_s: When each process was started.
    """

    def __init__(self, installation: Installation, relay: ServerProcess, command: tuple[str, ...]) -> None:
        self.installation, self.relay = installation, relay
        self.begun: list[dict[str, str]] = []
        self.started_s: list[float] = []
        self.longest_s = 0.0
        self._command = command

    def end(self, moment: Moment, by: signal.Signals) -> None:
        """Run a sender until the moment and kill it; nothing is noted where it was faster."""
        with Lines(self.relay.log) as lines:
            wanted = max(moment.messages or 0, lines.count() + 1)
            process = self._start()
            patience_s = _GIVE_UP_S if moment.messages is not None else moment.wait_s
            until = time.monotonic() + patience_s
            while lines.count() < wanted and process.poll() is None and time.monotonic() < until:
                time.sleep(0.001)
            if moment.messages is not None:
                assert time.monotonic() < until, "the sender neither sends nor ends"
                time.sleep(moment.wait_s)
        in_time = process.poll() is None
        self._signal(process, by)
        # Whoever is told to stop before it listens dies of it, as anything would; it has not begun by then.
        assert process.returncode in (0, -by)
        if in_time:
            self.begun.append(self.installation.begun())

    def last(self, readers: int) -> dict[str, Any]:
        """Run a process that nobody kills until all is sent; returns what it printed, if it ends by itself."""
        if self._command == SEND:
            return finished(self._start())
        if self.installation.waits(readers):
            process = self._start()
            wait_until(lambda: not self.installation.waits(readers), timeout_s=_GIVE_UP_S)
            self._signal(process, signal.SIGTERM)
            assert process.returncode == 0
        return {"balance": self.installation.balance().difference}

    def _start(self) -> subprocess.Popen[str]:
        self.started_s.append(time.monotonic())
        return self.installation.start(*self._command)

    def _signal(self, process: subprocess.Popen[str], by: signal.Signals) -> None:
        began_s = time.monotonic()
        process.send_signal(by)
        process.communicate(timeout=_DRAIN_S)
        self.longest_s = max(self.longest_s, time.monotonic() - began_s)

    def of(self, line: dict[str, Any]) -> int:
        """Which process a message came from, by when its connection was opened."""
        return bisect_right(self.started_s, line["opened_s"]) - 1


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


def _count(lives: Lives, document: dict[str, Any], readers: int) -> Aftermath:
    installation = lives.installation
    accepted = lives.relay.accepted()
    copies: dict[str, list[tuple[str, str]]] = {}
    for line in accepted:
        copies.setdefault(line["recipient"], []).append((line["message_id"], line["sha256"]))
    # Each kill may repeat each message that was under way, once.
    allowed = Counter(recipient for under_way in lives.begun for recipient in under_way)
    parked = installation.of_status(Status.AMBIGUOUS)
    balance = installation.balance()
    everyone = {f"reader{number}@example.org" for number in range(readers)}
    return Aftermath(
        readers=readers,
        kills=len(lives.begun),
        begun=tuple(len(under_way) for under_way in lives.begun),
        doubtful=len(set().union(*lives.begun)),
        lost=len(everyone - set(copies) - parked),
        repeats=sum(len(same) - 1 for same in copies.values()),
        most=max(
            _repeated_later((line["recipient"], lives.of(line)) for line in accepted).values(), default=0
        ),
        unexplained=sum(max(len(same) - 1 - allowed[who], 0) for who, same in copies.items()),
        changed=sum(len(set(same)) > 1 for same in copies.values()),
        signed=sum(line["signed"] for line in accepted),
        parked=len(parked),
        difference=balance.difference,
        sent=balance.statuses[Status.SENT],
        sound=installation.is_sound(),
        longest_s=lives.longest_s,
        document=document,
    )


def _repeated_later(taken: Iterable[tuple[str, int]]) -> Counter[int]:
    """How many messages of each process were sent again, by a later one or by itself."""
    lives: dict[str, list[int]] = {}
    for recipient, life in taken:
        lives.setdefault(recipient, []).append(life)
    return Counter(earlier for same in lives.values() for earlier, _ in pairwise(sorted(same)))
