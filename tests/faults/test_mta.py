"""A real MTA with tight limits: Postfix, with STARTTLS and AUTH, takes in everyone's digest once, whatever it refuses.

It starts with a full disk (452 at MAIL); it takes fewer connections than there are (421 as greeting) and fewer
messages a second (450 at MAIL), fewer messages over one session (452 at RCPT), and hangs up at the end of some (421).
"""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from digest.pipeline.ingest import IngestOptions
from digest.settings import RelaySettings
from digest.store import ledger
from digest.wiring import App
from tests.factories import NOW, Clock, add_subscriber, make_settings, raw_dump
from tests.faults.postfix import PASSWORD, Postfix
from tests.faults.quota import Quota
from tests.faults.report import section
from tests.smtp_server import wait_until

_CONNECTIONS = 8
_TITLES = [f"On {what} and the {other}" for what in ("Kites", "Bread") for other in "abcdefgh"]
_ABSTRACT = "What flies on a string, and what comes out of an oven, is told here at some length. " * 20
#: What Postfix writes down when it meets one of its limits.
_LIMITS = {
    "452, disk full": r"reject: MAIL from \S+: 452 4\.3\.1 Insufficient system storage",
    "421, connections": r"warning: Connection concurrency limit exceeded",
    "450, rate": r"warning: Message delivery request rate limit exceeded",
    "452, session": r"reject: RCPT from \S+: 452 4\.5\.3 ",
    "421, at the end": r"reject: END-OF-MESSAGE from \S+: 421 4\.3\.2 ",
}
_TABLE = section(
    "MTA",
    "Postfix with STARTTLS, AUTH and tight limits",
    ("readers", "taken in", "distinct", "lost", "repeated", *_LIMITS, "runs", "messages/s"),
    about=(
        f"Digests of ten papers over {_CONNECTIONS} connections to Debian's Postfix, counted in its own log; what "
        "follows *repeated* is how often it met each of its limits. A run ends when the relay refuses too much; "
        "the next one is a minute and a half later on a clock that is moved."
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How tight the relay is."""

    connections: int
    a_second: int  #: messages
    a_session: int  #: messages
    interrupt_each: int


@pytest.fixture
def readers_clock() -> Clock:
    """Stands at the hour at which everyone is due."""
    return Clock()


def _settings(limits: Limits) -> dict[str, object]:
    asked = "check_policy_service unix:quota"
    return {
        "smtpd_client_connection_count_limit": limits.connections,
        "smtpd_client_message_rate_limit": limits.a_second,
        "anvil_rate_time_unit": "1s",
        "smtpd_delay_reject": "no",
        "smtpd_client_restrictions": asked,
        "smtpd_recipient_restrictions": asked,
        "smtpd_end_of_data_restrictions": asked,
    }


def _install(folder: Path, relay: Postfix, clock: Clock, *, readers: int) -> App:
    password_file = folder / "relay-password"
    password_file.write_text(PASSWORD, encoding="utf-8")
    settings = RelaySettings(
        url=relay.url, password_file=password_file, ca_file=relay.ca_file, connections=_CONNECTIONS
    )
    app = App(make_settings(folder, relay=settings), clock=clock)
    rows = [{"title": title, "summary": _ABSTRACT} for title in _TITLES]
    app.ingest([raw_dump(rows)], IngestOptions())
    app.publish()
    with app.database.write() as conn:
        for number in range(readers):
            add_subscriber(conn, f"reader{number}@example.org", due_at=NOW)
    return app


def _runs(app: App, relay: Postfix, settings: dict[str, object], clock: Clock) -> Iterator[int]:
    """Deliver until all is sent, a minute and a half apart; the relay's disk has room after the first run."""
    first = app.deliver()
    assert set(first.results) == {"deferred"}
    assert first.paused is not None
    relay.restart(**settings)
    for number in range(2, 600):
        clock.advance(seconds=90)
        report = app.deliver()
        yield number
        if not report.results:
            return
        if report.paused is not None:
            time.sleep(1.0)  # Postfix counts messages by its own clock, and runs come faster than its seconds
    raise AssertionError("it does not end")


def _check(folder: Path, clock: Clock, *, readers: int, limits: Limits, at_least: int) -> None:
    reason = Postfix.missing()
    if reason:
        pytest.skip(reason)
    settings = _settings(limits)
    with Postfix(**settings, queue_minfree=10**15) as relay:  # bytes, more than any disk has
        options = {"per_session": limits.a_session, "interrupt_each": limits.interrupt_each}
        with Quota(relay.folder / "queue" / "quota", **options):
            app = _install(folder, relay, clock, readers=readers)
            app.plan()
            began = time.monotonic()
            runs = list(_runs(app, relay, settings, clock))[-1]
            took_s = time.monotonic() - began
            wait_until(relay.is_empty, timeout_s=60)
        taken, log = relay.sent(), relay.log()
    met = {name: len(re.findall(pattern, log)) for name, pattern in _LIMITS.items()}
    distinct = len({one.message_id for one in taken})
    _TABLE.add(
        readers,
        len(taken),
        distinct,
        readers - distinct,
        len(taken) - distinct,
        *met.values(),
        runs,
        round(readers / took_s),
    )
    assert Counter(one.recipient for one in taken) == Counter(
        f"reader{n}@example.org" for n in range(readers)
    )
    assert distinct == len(taken) == readers
    assert met.pop("452, disk full") > 0  # in the first run alone, which soon ends
    if readers < 1_000:
        del met["450, rate"]  # a busy machine may be slower than the limit
    assert min(met.values()) >= at_least, met
    with app.database.read() as conn:
        balance = ledger.balance(conn)
    assert balance.statuses["sent"] == balance.eligible == readers  # type: ignore[index] # a StrEnum
    app.database.close()


@pytest.mark.timeout(120)
def test_a_real_relay(tmp_path: Path, readers_clock: Clock) -> None:
    """300 digests reach Postfix once each, over STARTTLS and AUTH, through each of its limits."""
    limits = Limits(connections=7, a_second=120, a_session=6, interrupt_each=50)
    _check(tmp_path, readers_clock, readers=300, limits=limits, at_least=3)


@pytest.mark.faults
@pytest.mark.timeout(1800)
def test_a_real_relay_at_full_size(tmp_path: Path, readers_clock: Clock) -> None:
    """20,000 digests, likewise."""
    limits = Limits(connections=7, a_second=300, a_session=40, interrupt_each=200)
    _check(tmp_path, readers_clock, readers=20_000, limits=limits, at_least=20)
