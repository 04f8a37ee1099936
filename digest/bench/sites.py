"""A whole installation for the bench: database, papers, readers, and a ledger that is filled outside the clock."""

from __future__ import annotations

import datetime as dt
import io
from dataclasses import dataclass
from pathlib import Path

from digest import keyring
from digest.bench.papers import invented
from digest.bench.sink import HOST, BenchError
from digest.compose.composer import Composer
from digest.compose.message import Message
from digest.deliver.delivery import Delivery, Kind, Status
from digest.pipeline.deliver import DeliverReport, deliver
from digest.pipeline.ingest import IngestOptions
from digest.rank.selection import EditionPaper, Pick, Reason, ReasonKind
from digest.settings import DatabaseSettings, DkimSettings, RelaySettings, Settings
from digest.sources.files import open_paths
from digest.store import deliveries, editions, ledger, migrate, subscribers
from digest.store.database import Database
from digest.store.deliveries import Plan
from digest.store.ledger import Balance
from digest.subscribers.subscriber import Profile, Schedule, State
from digest.wiring import App

PAPERS = 10
#: By which DKIM names the key, and whose mail it is.
SELECTOR, DOMAIN = "bench", "example.org"
_WHOLE_ABSTRACT = 10_000
#: What is planned is planned for this date, and the dates after it.
FIRST_DAY = dt.date(2001, 1, 1)
#: Rows planned in one transaction.
_CHUNK = 4_096


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """An installation with readers who all have an active subscription."""

    app: App
    composer: Composer
    papers: tuple[EditionPaper, ...]  #: ten at most, best first
    readers: tuple[int, ...]  #: subscriber ids

    @property
    def key_pem(self) -> bytes:
        """The RSA key that signs."""
        return keyring.path_of(self.app.settings.dkim_folder, SELECTOR).read_bytes()

    def plan(self, day: dt.date, *, count: int | None = None, signed: bool = False) -> None:
        """Put one digest for each reader into the ledger: papers in an order, and with reasons, of their own.

        Args:
            count: Of the first readers alone.
            signed: Whether DKIM signs them.
        """
        now, readers = self.app.clock().replace(microsecond=0), self.readers[:count]
        for start in range(0, len(readers), _CHUNK):
            chunk = readers[start : start + _CHUNK]
            rows = [self._planned(reader, day, now, signed=signed) for reader in chunk]
            with self.app.database.write() as conn:
                deliveries.plan(conn, rows, now=now)

    def planned(self, day: dt.date, count: int) -> list[Delivery]:
        """The digests of the first readers, as they stand in the ledger."""
        with self.app.database.read() as conn:
            found = [ledger.planned_on(conn, reader, day) for reader in self.readers[:count]]
        return [delivery for delivery in found if delivery is not None]

    def ready(self, day: dt.date, count: int) -> list[Message]:
        """The messages of the first readers, composed beforehand."""
        papers = {(paper.edition_id, paper.paper_id): paper for paper in self.papers}
        return [self.composer.message(delivery, papers) for delivery in self.planned(day, count)]

    def deliver(self) -> DeliverReport:
        """Deliver what is planned, as `digest send` does."""
        return deliver(
            self.app.database,
            self.app.relay,
            self.composer.draft,
            self.app.deliver_policy,
            clock=self.app.clock,
            claims=self.app.settings.data_dir / "claims",
            signing=self.app.start_signing,
        )

    def balance(self) -> Balance:
        with self.app.database.read() as conn:
            return ledger.balance(conn)

    def _planned(self, reader: int, day: dt.date, now: dt.datetime, *, signed: bool) -> Plan:
        return Plan(
            subscriber_id=reader,
            kind=Kind.DIGEST,
            local_date=day,
            status=Status.PLANNED,
            recipient=_address(reader),
            epoch=0,
            picks=self._picks(reader),
            edition_id=self.papers[0].edition_id,
            message_id=self.app.stamp.message_id(Kind.DIGEST, day, reader),
            template=self.app.stamp.template,
            signed_by=SELECTOR if signed else "",
            planned_at=now,
            expires_at=now + dt.timedelta(hours=20),
        )

    def _picks(self, reader: int) -> tuple[Pick, ...]:
        topics = self.app.taxonomy.topics
        first = reader % len(self.papers)
        return tuple(
            Pick(
                edition_id=paper.edition_id,
                paper_id=paper.paper_id,
                score=1.0 / place,
                reasons=(_reason(topics[(reader * 7 + place) % len(topics)].label),),
            )
            for place, paper in enumerate((*self.papers[first:], *self.papers[:first]), start=1)
        )


def build(
    folder: Path,
    *,
    port: int,
    readers: int,
    connections: int,
    database_url: str | None = None,
    seeds: Path | None = None,
    due: bool = False,
) -> Site:
    """Set an installation up, in a folder of its own.

    Args:
        folder: Holds the database, unless one is given, and the senders' locks.
        port: Of the relay, on this machine.
        readers: How many to subscribe.
        connections: To the relay at once.
        database_url: An empty database, for one that is no file here.
        seeds: Dumps to mail papers of; invented papers if None.
        due: Whether `plan` of the pipeline is to find the readers due at once; else only `Site.plan` plans them.

    Raises:
        BenchError: The database is in use, or the seeds hold no paper.
    """
    if database_url is not None:
        _check_empty(database_url)
    app = App(
        Settings(
            data_dir=folder,
            base_url="https://digest.example.org",
            sender=f"Digest <digest@{DOMAIN}>",
            database=DatabaseSettings(url=database_url),
            relay=RelaySettings(url=f"smtp://{HOST}:{port}", connections=connections),
            dkim=DkimSettings(selector=SELECTOR),
        )
    )
    keyring.make(app.settings.dkim_folder, SELECTOR, bits=2048)
    _publish(app, seeds)
    return _site(app, _subscribe(app, readers, due=due))


def opened(settings: Settings) -> Site:
    """The installation that `build` made, opened by another process, which delivers and so knows no readers."""
    app = App(settings)
    app.check_signing()  # the keys are read, as they are before anything is sent
    return _site(app, readers=())


def _site(app: App, readers: tuple[int, ...]) -> Site:
    with app.database.read() as conn:
        newest = editions.newest(conn)
        papers = editions.contents(conn, [newest.id])[:PAPERS] if newest else []
    return Site(
        app=app,
        composer=Composer(
            app.templates, app.links, app.sender, abstract_chars=_WHOLE_ABSTRACT, dkim=app.dkim
        ),
        papers=tuple(papers),
        readers=readers,
    )


def _check_empty(url: str) -> None:
    database = Database(url)
    with database.read() as conn:
        used = migrate.current(conn) is not None
    database.close()
    if used:
        raise BenchError("that database is in use: the bench fills one of its own, give it an empty one")


def _publish(app: App, seeds: Path | None) -> None:
    now = app.clock()
    found = open_paths([str(seeds)], stdin=io.BytesIO(), now=now) if seeds else [invented(now)]
    app.ingest(list(found), IngestOptions(seen_on=now.date(), as_new=True))
    if app.publish(early=True) is None:
        raise BenchError(f"{seeds} holds no dump with papers: `digest ingest` says why")


def _subscribe(app: App, readers: int, *, due: bool) -> tuple[int, ...]:
    topics, now = [topic.id for topic in app.taxonomy.topics], app.clock()
    with app.database.write() as conn:
        return tuple(
            subscribers.add(
                conn,
                address=_address(number),
                address_key=_address(number),
                state=State.ACTIVE,
                profile=_profile(number, topics),
                schedule=Schedule(hour=0),
                now=now,
                due_at=now if due else None,
            )
            for number in range(1, readers + 1)
        )


def _profile(number: int, topics: list[str]) -> Profile:
    """Three topics, which differ from reader to reader, and a word that stands in every invented title."""
    chosen = {topics[(number * factor) % len(topics)] for factor in (1, 7, 31)}
    return Profile(topics=tuple(sorted(chosen)), include=("learns",))


def _address(number: int) -> str:
    return f"reader{number}@example.org"


def _reason(label: str) -> Reason:
    return Reason(kind=ReasonKind.TOPIC, label=label, words=("learns", "forget"))
