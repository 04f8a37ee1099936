"""R8 at full size: a fifth of 2,000 readers is at a domain of which the relay never says a word."""

from __future__ import annotations

import shutil
import time
from dataclasses import replace
from pathlib import Path

import pytest

from digest.deliver.delivery import Status
from digest.relay.smtp import SmtpRelay
from digest.relay.url import parse_url
from digest.relay.wire import Deadlines
from digest.store.database import Database
from tests.factories import Clock, add_subscriber, plan_for
from tests.faults.report import section
from tests.pipeline.outbox import Outbox
from tests.smtp_server import HANG, Accepted, Answer, SmtpServer

READERS, ROUNDS, MOST = 2000, 4, 1.2

HOLE = section(
    "R8",
    "One bad destination",
    (
        "answers after",
        "connections",
        "readers",
        "black-holed",
        "rest alone, s",
        "rest beside it, s",
        "ratio",
        "bound",
    ),
    about="A real server that says nothing to RCPT for one domain. The rest is timed from the start of the run to the"
    " last of them that was taken, without the black hole and beside it in turn, four times; the shortest of each,"
    " as other tests run beside it.",
)


class Timed(SmtpServer):
    """Answers RCPT after a while, at one domain never; remembers when it took the last message."""

    def __init__(self, answer_s: float) -> None:
        super().__init__(answers={"rcpt": self.say})
        self.answer_s, self.last_s = answer_s, 0.0

    def say(self, argument: str) -> Answer | None:
        if "@hole.example.org" in argument:
            return HANG
        # No more than a slow relay: what is measured is a ratio of two runs that both wait for it.
        time.sleep(self.answer_s)
        return None

    def take(self, message: Accepted) -> None:
        super().take(message)
        self.last_s = time.monotonic()


def rest_s(folder: Path, template: Path, *, answer_s: float, connections: int, holed: int) -> float:
    """How long the rest of the readers takes, in seconds, with so many in the black hole."""
    folder.mkdir()
    shutil.copyfile(template, folder / "digest.db")
    database = Database(f"sqlite:///{folder / 'digest.db'}")
    outbox = Outbox(database, folder, clock=Clock())
    outbox.policy = replace(outbox.policy, connections=connections)
    rest = READERS * 4 // 5
    with database.write() as conn:
        every = (rest + holed) // holed if holed else 0
        who = [
            add_subscriber(conn, f"r{n}@{'hole.' if every and n % every == 0 else ''}example.org")
            for n in range(rest + holed)
        ]
        plan_for(conn, *who)
    with Timed(answer_s) as server:
        # What hangs is given up when the rest is through, however slow the machine, or the rest would gain by it.
        relay = SmtpRelay(parse_url(server.url), deadlines=Deadlines(step_s=20.0))
        started_s = time.monotonic()
        report = outbox.deliver(relay=relay)
        taken = [one.recipient for one in server.accepted]
        took_s = server.last_s - started_s
    assert len(taken) == len(set(taken)) == rest
    assert report.results.get(Status.SENT) == rest
    assert report.results.get(Status.DEFERRED, 0) <= max(1, connections // 8)
    assert outbox.balances()
    database.close()
    return took_s


@pytest.mark.faults
@pytest.mark.timeout(900)
@pytest.mark.parametrize(("answer_s", "connections"), [(0.0, 8), (0.01, 8), (0.01, 32)])
def test_the_rest_takes_a_fifth_longer_at_most(
    tmp_path: Path, sqlite_template: Path, answer_s: float, connections: int
) -> None:
    """400 of 2,000 readers are black-holed: the other 1,600 take at most 1.2 x their time alone, each gets one."""
    holed = READERS // 5
    alone: list[float] = []
    beside: list[float] = []
    for turn in range(ROUNDS):
        for times, count in ((alone, 0), (beside, holed)):
            folder = tmp_path / f"{turn}-{count}"
            times.append(
                rest_s(folder, sqlite_template, answer_s=answer_s, connections=connections, holed=count)
            )
    ratio = min(beside) / min(alone)
    HOLE.add(
        f"{answer_s * 1000:g} ms",
        connections,
        READERS,
        holed,
        f"{min(alone):.2f}",
        f"{min(beside):.2f}",
        f"{ratio:.2f}",
        MOST,
    )
    print(f"alone {alone}, beside {beside}: {ratio:.3f}")  # noqa: T201 - for whoever runs it with -s
    assert ratio <= MOST
