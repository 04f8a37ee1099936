"""Every answer at every step, through a whole delivery run: what the ledger says, and what a mended relay then gets."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from digest.deliver.delivery import Status
from digest.deliver.policy import RetryPolicy
from digest.pipeline.deliver import DeliverReport
from digest.relay.smtp import SmtpRelay
from digest.relay.url import parse_url
from digest.relay.wire import Deadlines
from digest.store import subscribers
from digest.subscribers.subscriber import State, Subscriber
from tests.factories import NOW, add_subscriber, plan_for
from tests.pipeline.outbox import Outbox
from tests.relay.conftest import Tls
from tests.smtp_server import CLOSE, GARBAGE, HANG, Answer, Script, Slow, SmtpServer

#: Up to MAIL nothing was said of a reader.
SITE_STEPS = ("connect", "ehlo", "starttls", "auth", "mail")
STEPS = (*SITE_STEPS, "rcpt", "data", "body", "dot", "quit")
ANSWERS: dict[str, Answer] = {
    "4xx": "451 4.3.0 try later",
    "5xx": "550 5.1.1 no such user",
    "421": "421 4.3.2 closing",
    "close": CLOSE,
    "hang": HANG,
    "slow": Slow(pause_s=0.02),
    "garbage": GARBAGE,
}
#: Answers to the final dot after which the relay may have the message.
_UNKNOWN = ("close", "hang", "slow", "garbage")
#: A refusal beyond RCPT is of what a message holds, and says nothing of the reader.
_OF_CONTENT = "554 5.6.0 not in this form"
#: Scaled where one is to be met; else a busy machine meets one that nobody meant.
_SHORT_S, _LONG_S = 0.3, 30.0
_READERS = 5
#: Two connections, one message under way on each.
_CONNECTIONS = 2
#: More than the buffers of two sockets hold, so that an answer in mid-body finds the rest still here.
_LONG = ("x" * 70 + "\r\n") * 120_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """What one answer at one step came to, and what was to come of it."""

    statuses: dict[str, int]  #: after the first run
    expected: dict[str, int]
    attempts: dict[int, int]  #: counted tries -> readers, after the first run
    attempts_expected: dict[int, int]
    paused: bool
    suppressed: int
    lost: int  #: neither taken nor refused for good nor parked, after the relay was mended
    repeats: int  #: messages beyond one a reader
    retried: int  #: tries of what was taken or refused for good
    held: int  #: deliveries that some sender still holds


def cell(
    outbox: Outbox, tls: Tls, step: str, kind: str, *, pipelining: bool = True, park: bool = False
) -> Cell:
    """Run into this answer, mend the relay, and run again.

    Before RCPT every session meets it; from RCPT on the first message alone.
    """
    outbox.clock.now = NOW
    outbox.policy = replace(
        outbox.policy, connections=_CONNECTIONS, retry=RetryPolicy(ambiguous="park" if park else "resend")
    )
    outbox.text = _LONG if step == "body" else "words"
    who = plan_apart(outbox, _READERS)
    answer = _OF_CONTENT if kind == "5xx" and step in ("data", "body", "dot") else ANSWERS[kind]
    wanted: Script = answer if step in (*SITE_STEPS, "quit") else [answer]
    with SmtpServer(
        answers={step: wanted},
        pipelining=pipelining,
        starttls=tls.good if step == "starttls" else None,
        auth=("me", "secret") if step in ("starttls", "auth") else None,
    ) as server:
        relay = _relay(server, tls, _deadlines(step, kind))
        first = outbox.deliver(relay=relay)
        after_first = outbox.rows()
        settled = {
            one.address for one in who if after_first[one.address].status in (Status.SENT, Status.FAILED)
        }
        seen = len(server.lines)
        server.answers.clear()
        outbox.clock.advance(hours=1)
        outbox.deliver(relay=relay)
        later = server.lines[seen:]
    return _counted(outbox, who, first, after_first, server, settled, later, step=step, kind=kind, park=park)


def plan_apart(outbox: Outbox, count: int) -> list[Subscriber]:
    """Plan for readers of a domain each: of one domain, a destination that hangs has all others wait as well."""
    with outbox.database.write() as conn:
        who = [add_subscriber(conn, f"reader@d{next(_numbers)}.example.org") for _ in range(count)]
        plan_for(conn, *who)
    return who


_numbers = itertools.count(1)


def _deadlines(step: str, kind: str) -> Deadlines:
    """60 s for a step and 600 s for the dot in use."""
    short = kind in ("hang", "slow")
    if step == "body" and not short:
        # A refusal in mid-body is read once nothing more can be written.
        return Deadlines(step_s=3.0, dot_s=_LONG_S, message_s=2 * _LONG_S)
    return Deadlines(
        step_s=_SHORT_S if short and step != "dot" else _LONG_S,
        dot_s=_SHORT_S if short and step == "dot" else _LONG_S,
        message_s=2 * _LONG_S,
    )


def _relay(server: SmtpServer, tls: Tls, deadlines: Deadlines) -> SmtpRelay:
    scheme = "smtp+starttls" if server.starttls else "smtp"
    user = "me@" if server.auth else ""
    url = parse_url(f"{scheme}://{user}127.0.0.1:{server.port}")
    return SmtpRelay(
        url,
        password="secret" if user else None,
        ca_file=tls.ca_file if server.starttls else None,
        deadlines=deadlines,
    )


def _counted(
    outbox: Outbox,
    who: list[Subscriber],
    first: DeliverReport,
    after_first: Mapping[str, Any],
    server: SmtpServer,
    settled: set[str],
    later: list[tuple[int, bytes]],
    *,
    step: str,
    kind: str,
    park: bool,
) -> Cell:
    mine = {one.address for one in who}
    rows = [row for address, row in after_first.items() if address in mine]
    statuses = dict(Counter(str(row.status) for row in rows))
    copies = Counter(message.recipient for message in server.accepted)
    now = outbox.rows()
    done = (Status.FAILED, Status.AMBIGUOUS)
    lost = [one for one in who if not copies[one.address] and now[one.address].status not in done]
    retried = [
        line for _, line in later if line.startswith(b"RCPT") and any(one.encode() in line for one in settled)
    ]
    with outbox.database.read() as conn:
        people = [subscribers.get(conn, one.id) for one in who]
    expected, attempts = _expected(step, kind, park=park, tried=len(who) - statuses.get("planned", 0))
    return Cell(
        statuses=statuses,
        expected=expected,
        attempts=dict(Counter(row.attempts for row in rows)),
        attempts_expected=attempts,
        paused=first.paused is not None,
        suppressed=sum(one is not None and one.state is State.SUPPRESSED for one in people),
        lost=len(lost),
        repeats=copies.total() - len(copies),
        retried=len(retried),
        held=outbox.open_claims(),
    )


def _expected(step: str, kind: str, *, park: bool, tried: int) -> tuple[dict[str, int], dict[int, int]]:
    """Statuses and counted tries after the first run, by the promise."""
    if step == "quit":
        return {"sent": _READERS}, {1: _READERS}
    if step in SITE_STEPS:
        waiting = {"planned": _READERS - tried} if tried < _READERS else {}
        return {"deferred": tried, **waiting}, {0: _READERS}
    if kind == "5xx":
        status = "failed"
    else:
        status = "ambiguous" if park and step == "dot" and kind in _UNKNOWN else "deferred"
    return {"sent": _READERS - 1, status: 1}, {1: _READERS}


def is_right(found: Cell, step: str, kind: str) -> bool:
    """Whether all of it is as it has to be."""
    pauses = step in SITE_STEPS and kind == "5xx"
    tried = found.statuses.get("deferred", 0)
    return (
        (found.statuses, found.attempts) == (found.expected, found.attempts_expected)
        and found.paused == pauses
        and (not pauses or 1 <= tried <= _CONNECTIONS)
        and found.suppressed == ((step, kind) == ("rcpt", "5xx"))
        and (found.lost, found.repeats, found.retried, found.held) == (0, 0, 0, 0)
    )
