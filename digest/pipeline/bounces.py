"""What comes back: bounces and complaints told by mail or by HTTP, and mails of who wants to leave."""

from __future__ import annotations

import datetime as dt
import logging
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from sqlalchemy.engine import Connection

from digest.compose.links import Links
from digest.compose.message_ids import read_message_id
from digest.deliver.bounce import Bounce, BouncePolicy, Door
from digest.deliver.incoming import Incoming, Sort, read
from digest.errors import TokenError
from digest.log import logger
from digest.sources.letter import Letter
from digest.store import bounces, deliveries, ledger
from digest.store.bounces import Came
from digest.store.database import Database

#: Subscribers weighed in one transaction: SQLite has one writer, and whoever posts a form waits for it.
_BATCH = 100
#: Of fewer mails no share is unusual.
_FEW_MAILS = 20

_log = logger("bounces")
# What its detectors stumble over is what mails hold, addresses among it.
logging.getLogger("flufl.bounce").setLevel(logging.CRITICAL)


class Became(StrEnum):
    """What became of one mail, or of one event."""

    HARD = "hard"
    SOFT = "soft"
    COMPLAINT = "complaint"
    BLOCKED = "blocked"
    LEFT = "left"
    KNOWN = "known"  #: told before, or who wants to leave has left
    FORGED = "forged"  #: its signature does not verify, or it has none
    UNKNOWN = "unknown"  #: ours, and of no mail that the ledger holds
    DELAYED = "delayed"
    DELIVERED = "delivered"
    AUTOMATIC = "automatic"
    UNRELATED = "unrelated"
    REFUSED = "refused"  #: too large or too deep to be read


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """What a relay tells by HTTP of one mail, by its return path or its Message-ID."""

    bounce: Bounce
    return_path: str | None = None
    message_id: str | None = None


@dataclass(slots=True, kw_only=True)
class Report:
    """What a look into a mailbox, or a call, came to."""

    became: Counter[Became] = field(default_factory=Counter)
    suppressed: int = 0  #: readers
    refused: list[tuple[str, str]] = field(default_factory=list)  #: (name, why)

    def document(self) -> dict[str, int]:
        """All counts, ready for JSON."""
        counts = {str(each): self.became[each] for each in Became}
        return {"messages": sum(counts.values()), **counts, "suppressed": self.suppressed}


@dataclass(frozen=True, slots=True, kw_only=True)
class Intake:
    """Takes in what comes back.

    Attributes:
        links: Read return paths and leave tokens, by every key that ever signed.
        message_key: Reads Message-IDs.
        leave: Ends a subscription as the web does, in a transaction of its own; False where it had ended.
    """

    database: Database
    links: Links
    message_key: bytes
    leave: Callable[[int], bool]
    clock: Callable[[], dt.datetime]

    def letters(self, letters: Iterable[Letter], *, stop: Callable[[], bool] = lambda: False) -> Report:
        """Take mails in, one by one, each whole or not at all.

        A mailbox hears of a mail after its commit: killed between the two, the next look finds the mail again, and
        knows it.
        """
        report = Report()
        for letter in letters:
            became = self._letter(letter, report)
            report.became[became] += 1
            (letter.leave if became is Became.UNRELATED else letter.settle)()
            if stop():
                break
        if report.became:
            counts = {name: number for name, number in report.document().items() if number}
            _log.info("mailbox read", **counts)
        return report

    def events(self, events: Sequence[Event]) -> Report:
        """Take in what a relay told, all of it in one transaction."""
        report = Report()
        with self.database.write() as conn:
            for event in events:
                paths = () if event.return_path is None else (event.return_path,)
                ids = () if event.message_id is None else (event.message_id,)
                delivery_id = self._delivery(
                    conn, Incoming(sort=Sort.BOUNCE, return_paths=paths, message_ids=ids)
                )
                report.became[self._take(conn, delivery_id, event.bounce, Door.WEBHOOK, report)] += 1
        _log.info("events taken", **{name: number for name, number in report.document().items() if number})
        return report

    def _letter(self, letter: Letter, report: Report) -> Became:
        if letter.data is None:
            return _refused(report, letter, letter.reason)
        found = read(letter.data)
        if found.sort is Sort.REFUSED:
            return _refused(report, letter, found.reason)
        if found.sort is Sort.LEAVE:
            return self._leave(found.tokens[0])
        if found.bounce is None:
            return Became(found.sort.value)
        with self.database.write() as conn:
            return self._take(conn, self._delivery(conn, found), found.bounce, found.door, report)

    def _leave(self, token: str) -> Became:
        try:
            subscriber_id = self.links.read_leave(token)
        except TokenError:
            return Became.FORGED
        return Became.LEFT if self.leave(subscriber_id) else Became.KNOWN

    def _take(
        self, conn: Connection, delivery_id: int | None, bounce: Bounce, door: Door, report: Report
    ) -> Became:
        if delivery_id is None:
            return Became.FORGED
        came = Came(delivery_id=delivery_id, bounce=bounce, door=door)
        bounces.hold_of(conn, [came])
        taken = deliveries.bounced(conn, [came], now=self.clock())
        report.suppressed += len(taken.suppressed)
        if taken.unknown:
            return Became.UNKNOWN
        return Became(bounce.kind.value) if taken.new else Became.KNOWN

    def _delivery(self, conn: Connection, found: Incoming) -> int | None:
        """The delivery that the first candidate which verifies is of; None where none does."""
        for address in found.return_paths:
            try:
                return self.links.read_return_path(address)
            except TokenError:
                continue
        for message_id in found.message_ids:
            try:
                named = read_message_id(message_id, self.message_key)
            except TokenError:
                continue
            known = ledger.find(conn, named.subscriber_id, named.local_date, named.kind)
            if known is not None:
                return known
        for token in found.tokens:
            try:
                return ledger.latest(conn, self.links.read_leave(token))
            except TokenError:
                continue
        return None


def weigh(database: Database, policy: BouncePolicy, *, now: dt.datetime) -> int:
    """Suppress who bounced softly too often in a row; returns how many."""
    with database.read() as conn:
        often = bounces.often(conn, policy, now=now)
    suppressed = 0
    for start in range(0, len(often), _BATCH):
        with database.write() as conn:
            gone = bounces.weigh(conn, often[start : start + _BATCH], policy, now=now)
            deliveries.withdraw(conn, gone, now=now, reason="suppressed")
        suppressed += len(gone)
    if suppressed:
        _log.info("suppressed for soft bounces", subscribers=suppressed)
    return suppressed


def unusual(conn: Connection, *, percent: float, now: dt.datetime) -> str | None:
    """What to tell the operator where an unusual share of an edition's mails bounced in the last day."""
    since = now - dt.timedelta(days=1)
    shares = [each for each in bounces.shares(conn, since=since) if each.mails >= _FEW_MAILS]
    worst = max(shares, key=lambda each: each.bounced / each.mails, default=None)
    if worst is None or 100 * worst.bounced <= percent * worst.mails:
        return None
    told = [f"{number:,} {kind}" for kind, number in bounces.counts(conn, since=since).items() if number]
    return (
        f"{worst.bounced:,} of {worst.mails:,} mails of an edition bounced, more than the {percent:g} % that"
        f" bounces.alarm_percent takes for usual. In the last day: {', '.join(told)}. Dead addresses were suppressed; if they"
        " are not dead, the relay refuses us in words that say they are: `digest subscribers show` has its words."
    )


def _refused(report: Report, letter: Letter, reason: str) -> Became:
    report.refused.append((letter.name, reason))
    return Became.REFUSED
