"""A ledger with planned mails, and a relay, for tests of delivery."""

from __future__ import annotations

import datetime as dt
import hashlib
import re
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from digest.compose.message import Draft, Message, Unsigned
from digest.deliver.delivery import Delivery, Status
from digest.deliver.reply import Reply
from digest.pipeline.deliver import DeliverPolicy, DeliverReport, deliver
from digest.pipeline.ports import Relay
from digest.rank.selection import EditionPaper
from digest.relay.memory import MemoryRelay
from digest.store import deliveries, ledger
from digest.store.database import Database
from digest.store.schema import deliveries as deliveries_table
from digest.subscribers.subscriber import Subscriber
from tests.factories import NOW, Clock, add_subscriber, planned

_MESSAGE_ID = re.compile(rb"Message-ID: (\S+)")


class Outbox:
    """One installation as delivery sees it; all of it may be changed between two runs.

    Attributes:
        relay: Remembers; `script` says what it answers.
        text: Stands in every message, as a template's words would.
        signed_by: Selector of the key that signs; none signs where it is empty.
        broken: Addresses whose messages, and ids of papers whose entries, cannot be built; selectors without a key.
    """

    def __init__(self, database: Database, folder: Path, *, clock: Clock) -> None:
        self.database = database
        self.claims = folder / "claims"
        self.clock = clock
        self.policy = DeliverPolicy(connections=2)
        self.relay = MemoryRelay()
        self.text = "words"
        self.signed_by = ""
        self.broken: set[str | int] = set()

    def script(self, answer: Callable[[Message], Reply | None] | None) -> None:
        """Give the relay another script, and let it forget."""
        self.relay = MemoryRelay(answer)

    def plan(self, count: int, **values: object) -> list[Subscriber]:
        """Plan a digest for each of so many new readers; any field of the plan may be given."""
        with self.database.write() as conn:
            who = [add_subscriber(conn) for _ in range(count)]
            rows = [replace(planned(one), **values) for one in who]  # type: ignore[arg-type] # by the dataclass
            deliveries.plan(conn, rows, now=NOW)
        return who

    def build(self, delivery: Delivery, papers: Mapping[tuple[int, int], EditionPaper]) -> Draft:
        """A short message that is the delivery's own; with `signed_by` it is signed."""
        if not self.broken.isdisjoint((delivery.recipient, *(pick.paper_id for pick in delivery.picks))):
            raise ValueError(f"no mail for {delivery.recipient}")
        head = f"Message-ID: {delivery.message_id}\r\nTo: {delivery.recipient}\r\n".encode()
        body = f"{self.text}\r\n".encode()
        return Draft(
            sender="digest@example.org",
            recipient=delivery.recipient,
            unsigned=Unsigned(self.signed_by, head, hashlib.sha256(body).digest(), delivery.planned_at),
            body=body,
            sign=self._sign,
        )

    def _sign(self, mail: Unsigned) -> bytes:
        if mail.signed_by in self.broken:
            raise ValueError(f"no key {mail.signed_by}")
        return f"DKIM-Signature: {mail.signed_by}\r\n".encode() if mail.signed_by else b""

    def deliver(
        self, *, relay: Relay | None = None, database: Database | None = None, **options: Any
    ) -> DeliverReport:
        """One run, with this outbox's relay and database unless others are given."""
        return deliver(
            database or self.database,
            relay or self.relay,
            self.build,
            self.policy,
            clock=self.clock,
            claims=self.claims,
            **options,
        )

    def rows(self) -> dict[str, sa.Row[Any]]:
        """The ledger: address -> row."""
        with self.database.read() as conn:
            return {row.recipient: row for row in conn.execute(sa.select(deliveries_table))}

    def row(self, who: Subscriber) -> sa.Row[Any]:
        return self.rows()[who.address]

    def statuses(self, who: Collection[Subscriber] | None = None) -> dict[str, int]:
        """How many rows, of these readers or of all, have which status."""
        chosen = None if who is None else {one.address for one in who}
        rows = [row for address, row in self.rows().items() if chosen is None or address in chosen]
        return dict(Counter(row.status for row in rows))

    def balances(self) -> bool:
        with self.database.read() as conn:
            return ledger.balance(conn).difference == 0

    def open_claims(self) -> int:
        """Rows that somebody still holds, or has begun."""
        held = (row.status == Status.CLAIMED or row.claimant or row.begun_at for row in self.rows().values())
        return sum(map(bool, held))

    def when(self, who: Subscriber) -> dt.timedelta:
        """How long from now until a delivery is due."""
        due: dt.datetime = self.row(who).due_at
        return due - self.clock()


def recipients(messages: list[Message]) -> list[str]:
    """Whom these went to, in order of address: each stands there as often as it was mailed."""
    return sorted(message.recipient for message in messages)


def addresses(who: Collection[Subscriber]) -> list[str]:
    """Their addresses, in order."""
    return sorted(one.address for one in who)


def message_id(message: Message) -> str:
    """The Message-ID in its bytes."""
    found = _MESSAGE_ID.search(message.data)
    assert found is not None
    return found[1].decode()
