"""Settings -> App: the only place that builds things."""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from digest import keyring
from digest.compose.composer import Composer
from digest.compose.dkim import ED25519, RSA, Dkim, DkimKey, dead_key
from digest.compose.links import DeadLinks, Links, MailLinks
from digest.compose.message_ids import message_id
from digest.compose.rotation import NOTICE, Composers, Key
from digest.compose.sender import Sender
from digest.compose.templates import Templates
from digest.deliver.alarm import Alarm, AlarmName
from digest.deliver.delivery import Kind
from digest.deliver.policy import RetryPolicy
from digest.deliver.throttle import Throttle
from digest.deliver.warm_up import Today, stand
from digest.errors import DigestError, SettingsError, TaxonomyError
from digest.pipeline import troubles
from digest.pipeline.alarms import Operator, settle, tell
from digest.pipeline.aside import note_aside
from digest.pipeline.deliver import DeliverPolicy, DeliverReport, deliver
from digest.pipeline.gate import Gate
from digest.pipeline.ingest import DumpReport, IngestOptions, ingest
from digest.pipeline.plan import PlanReport, Stamp, plan
from digest.pipeline.ports import Relay
from digest.pipeline.publish import Outlook, PublishPolicy, look_out, publish
from digest.pipeline.rehearsal import keep_apart
from digest.pipeline.restored import Lookout
from digest.pipeline.shelf import Rankers
from digest.rank.topics import Taxonomy, parse
from digest.relay.place import Aside
from digest.relay.pool import RelayPool
from digest.relays import connections, hand_over_s, is_dry, limits_of, relay_of, warm_up_of
from digest.settings import Settings, packaged
from digest.signing import SigningProcess
from digest.signup import Signup
from digest.sources.dump import Opened
from digest.sources.source import FOLDER, Source, SourceKind
from digest.store import deliveries, facts, migrate, warm_ups
from digest.store.database import Database
from digest.store.editions import Edition

if TYPE_CHECKING:
    from digest.mailroom import Mailroom

#: Names of the keys that a database keeps for its own mail.
_LINK_KEY, _MESSAGE_KEY = "links", "message-ids"
#: Stands for addresses and URLs in a dry run before they are set; nothing is mailed with them.
_UNSET_URL, _UNSET_SENDER = "https://digest.invalid", "digest@digest.invalid"


def utc_now() -> dt.datetime:
    """The clock of every command and process; tests bring their own."""
    return dt.datetime.now(dt.UTC)


@dataclass(frozen=True)
class App:
    """Everything that a command or process needs, built when first asked for."""

    settings: Settings
    read_only: bool = False
    clock: Callable[[], dt.datetime] = field(default=utc_now)

    @cached_property
    def database(self) -> Database:
        """The database, at the schema of this program; made where there is none, unless read-only."""
        database = Database(self.settings.database_url, read_only=self.read_only)
        try:
            self._prepare(database)
        except DigestError:
            database.close()
            raise
        return database

    @cached_property
    def taxonomy(self) -> Taxonomy:
        path = self.settings.mail.topics or packaged("config") / "topics.toml"
        try:
            return parse(path.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError) as error:
            raise SettingsError(f"mail.topics: cannot read {path}: {error}") from error
        except TaxonomyError as error:
            raise TaxonomyError(f"{path}: {error}") from error

    @cached_property
    def rankers(self) -> Rankers:
        return Rankers(self.taxonomy)

    @cached_property
    def topic_ids(self) -> frozenset[str]:
        return frozenset(topic.id for topic in self.taxonomy.topics)

    @cached_property
    def templates(self) -> Templates:
        return Templates.load(self.settings.mail.templates or packaged("templates") / "email")

    @cached_property
    def sender(self) -> Sender:
        address = self.settings.sender_address or _UNSET_SENDER
        return Sender(
            name=self.settings.sender_name,
            address=address,
            list_id=f"digest.{address.rpartition('@')[2].lower()}",
            product=self.settings.mail.name,
            postal_address=self.settings.mail.postal_address,
            zone=self.settings.zone,
            return_domain=self.settings.bounces.domain,
        )

    @cached_property
    def stamp(self) -> Stamp:
        key, domain = self._message_key, self.sender.domain

        def identify(kind: Kind, day: dt.date, subscriber_id: int) -> str:
            return message_id(kind=kind, local_date=day, subscriber_id=subscriber_id, key=key, domain=domain)

        signed_by = self.settings.dkim.signed_by
        return Stamp(message_id=identify, template=self.templates.version, signed_by=signed_by)

    @cached_property
    def composer(self) -> Composer:
        return Composer(self.templates, self.links, self.sender, dkim=self.dkim)

    @cached_property
    def composers(self) -> Composers:
        """Compose what is mailed, each with the key of its time."""

        def make(secret: bytes) -> Composer:
            links = Links(self.links.base_url, [secret])
            return Composer(self.templates, links, self.sender, dkim=self.dkim)

        return Composers(self._read_link_keys, make, self.clock)

    @cached_property
    def dkim(self) -> Dkim:
        """Signs mail; where nothing may be sent, by keys of which no signature verifies, and no file is asked for."""
        if self.read_only:
            second = self.settings.dkim.ed25519_selector
            return Dkim(self.sender.domain, lambda name: dead_key(name, ED25519 if name == second else RSA))
        return Dkim(self.sender.domain, self.dkim_key)

    def dkim_key(self, selector: str) -> DkimKey:
        """The private key of a selector, from its file.

        Raises:
            SettingsError: It cannot be read, or it is not of the kind that the settings take it for.
        """
        if (known := self._dkim_keys.get(selector)) is not None:
            return known
        key = keyring.read(self.settings.dkim_folder, selector)
        for name, algorithm in (("selector", RSA), ("ed25519_selector", ED25519)):
            if selector == getattr(self.settings.dkim, name) and key.algorithm != algorithm:
                path = keyring.path_of(self.settings.dkim_folder, selector)
                raise SettingsError(
                    f"dkim.{name}: {path} holds a key for {key.algorithm}, not for {algorithm}"
                )
        self._dkim_keys[selector] = key
        return key

    @cached_property
    def _dkim_keys(self) -> dict[str, DkimKey]:
        """Those read: a key never changes, and checking its numbers takes 25 ms."""
        return {}

    @cached_property
    def links(self) -> MailLinks:
        """Signed links, by the keys that stood when they were first asked for; dead ones where nothing may be sent."""
        base_url = self.settings.base_url or _UNSET_URL
        return DeadLinks(base_url) if self.read_only else Links(base_url, self.link_keys())

    def link_keys(self) -> list[bytes]:
        """The secrets of links as they stand now, oldest first: the last one signs, all of them verify."""
        return [key.secret for key in self._read_link_keys()]

    def rotate_link_keys(self) -> list[Key]:
        """Add a secret that signs links, and keep the others; returns all, oldest first."""
        with self.database.write() as conn:
            return facts.rotate(conn, _LINK_KEY, since=self.clock() + NOTICE)

    @cached_property
    def signup(self) -> Signup:
        web = self.settings.web
        return Signup(
            database=self.database,
            stamp=self.stamp,
            pending_for=dt.timedelta(days=web.pending_days),
            keep_ip_for=dt.timedelta(days=web.keep_ip_days),
        )

    @property
    def mailroom(self) -> Mailroom:
        """Takes in what comes back, by the keys that stand now."""
        # Here, because who only delivers reads no mail.
        from digest.mailroom import Mailroom  # noqa: PLC0415

        return Mailroom(
            settings=self.settings,
            signup=self.signup,
            links=Links(self.links.base_url, self.link_keys()),
            message_key=self._message_key,
            clock=self.clock,
        )

    @cached_property
    def publish_policy(self) -> PublishPolicy:
        edition = self.settings.edition
        return PublishPolicy(
            zone=self.settings.tzinfo,
            hour=edition.hour,
            search_url=edition.search_url,
            sources=self.sources,
        )

    @property
    def operator(self) -> Operator | None:
        """Who alarms are mailed to; None for nobody."""
        return Operator(address=self.settings.admin, stamp=self.stamp) if self.settings.admin else None

    @property
    def lookout(self) -> Lookout:
        """Looks whether the database is an older copy, of which nothing may be mailed; one for each run."""
        return Lookout(self.database, self.settings.generations, self.clock)

    @cached_property
    def relay(self) -> Relay:
        """Where mail goes.

        Raises:
            SettingsError: Sending is off: the relay, the sender or the base URL is not set.
        """
        settings = self.settings
        for name in ("base_url", "sender"):
            if not getattr(settings, name):
                raise SettingsError(f"{name} is not set: sending is off until it is")
        if not settings.relay.url:
            raise SettingsError("relay.url is not set: sending is off until it is")
        relay = relay_of(settings)
        if isinstance(relay, RelayPool):
            relay.observer = self._note_aside
        return relay

    def _note_aside(self, aside: Sequence[Aside]) -> None:
        now = self.clock()
        day = now.astimezone(self.settings.tzinfo).date()
        note_aside(self.database, aside, day=day, now=now, operator=self.operator)

    def check_rehearsal(self) -> None:
        """Whether this database may be used with this relay.

        Raises:
            SettingsError: Its mail is real and the relay dry, or the other way round.
        """
        keep_apart(self.database, dry=is_dry(self.settings))

    def check_signing(self, *, due_by: dt.datetime | None = None) -> None:
        """Whether every mail that is open, or due by a moment, and every one planned from now on can be signed.

        A process that looks at all of them when it starts has read all the keys that it will ever want.

        Raises:
            SettingsError: A key is missing, or cannot sign: no mail is sent unsigned for that, and none is given up.
        """
        with self.database.read() as conn:
            wanted = {self.settings.dkim.signed_by, *deliveries.signers(conn, due_by=due_by)}
        for selector in sorted({name for names in wanted for name in names.split()}):
            self.dkim_key(selector)

    @cached_property
    def throttle(self) -> Throttle:
        """What this process knows of destinations, and keeps to, over all its runs."""
        return Throttle(limits_of(self.settings), connections=connections(self.settings))

    def warm_up_today(self) -> Today | None:
        """How far the warm-up is; None where there is none."""
        warm_up = warm_up_of(self.settings)
        if warm_up is None:
            return None
        with self.database.read() as conn:
            return stand(warm_up, warm_ups.by_day(conn), self.clock().astimezone(dt.UTC).date())

    @property
    def deliver_policy(self) -> DeliverPolicy:
        retry = RetryPolicy(
            first=dt.timedelta(seconds=self.settings.delivery.first_retry_s),
            ambiguous=self.settings.delivery.ambiguous,
        )
        policy = DeliverPolicy(connections=connections(self.settings), retry=retry)
        lease = replace(policy.lease, hand_over=dt.timedelta(seconds=hand_over_s(self.settings)))
        # Under long time-outs no message would fit into the usual lease, and none would ever be begun.
        length = max(lease.length, 2 * (lease.hand_over + lease.margin))
        return replace(policy, lease=replace(lease, length=length))

    @cached_property
    def sources(self) -> tuple[Source, ...]:
        """Where dumps come from by themselves: the watched folder, then what the operator named, by name."""
        folder = Source(name=FOLDER, kind=SourceKind.FOLDER, path=self.settings.dump_folder)
        named = sorted(self.settings.sources.items())
        return (folder, *(table.source(name) for name, table in named))

    # -- the four steps, with everything they need filled in ---------------------------------------

    def ingest(self, found: Iterable[Opened], options: IngestOptions) -> list[DumpReport]:
        return list(ingest(self.database, found, now=self.clock(), options=options))

    def fetch(
        self,
        names: Sequence[str] | None = None,
        *,
        as_new: bool = False,
        on_records: Callable[[int], None] = lambda _count: None,
        stop: threading.Event | None = None,
    ) -> list[DumpReport]:
        """Look at the sources named now, or without names at those over the network that are due.

        Raises:
            UsageError: There is no source of a name.
        """
        # Here, for the HTTP client takes 3 MB and 30 ms to start: most processes ask nobody.
        from digest.pipeline.fetch import Fetching, chosen, due, fetch  # noqa: PLC0415
        from digest.sources.http import Limits, Web  # noqa: PLC0415
        from digest.sources.network import Surroundings  # noqa: PLC0415

        database, clock, settings = self.database, self.clock, self.settings
        named = due(database, self.sources, clock()) if names is None else chosen(self.sources, names)
        if not named:
            return []
        limits = Limits(cap_bytes=settings.dumps.cap_bytes)
        surroundings = Surroundings(wait=(stop or threading.Event()).wait)
        fetching = Fetching(
            database=database,
            web=Web(limits=limits, agent=self._agent, clock=clock, surroundings=surroundings),
            clock=clock,
            cap_bytes=limits.cap_bytes,
            options=IngestOptions(zone=settings.tzinfo, as_new=as_new),
            on_records=on_records,
        )
        return list(fetch(fetching, named))

    @property
    def _agent(self) -> str:
        """How we name ourselves to those we ask, so that they know whom to write to."""
        base_url = self.settings.base_url
        return f"digest/{version('digest')}" + (f" (+{base_url})" if base_url else "")

    def publish(self, *, early: bool = False) -> Edition | None:
        """Publish today's edition if it is time.

        Raises:
            RestoredError: The database is an older copy, as for `plan` and `deliver`.
        """
        self.lookout.refuse()
        policy, now = self.publish_policy, self.clock()
        return publish(self.database, policy, now=now, early=early, operator=self.operator)

    def look_out(self) -> Outlook:
        """How the sources are, and whether the edition of the day waits for one."""
        with self.database.read() as conn:
            return look_out(conn, self.publish_policy, now=self.clock())

    def watch_sources(self) -> None:
        """Raise what is wrong with sources, and end what is over."""
        now = self.clock()
        day = now.astimezone(self.settings.tzinfo).date()
        health = self.look_out().health
        wanted, over = troubles.of(health, day=day), partial(troubles.over, health=health)
        tell(settle(self.database, wanted, over=over, day=day, now=now, operator=self.operator))

    def settle_alarm(self, name: AlarmName, text: str | None, *, by_mail: bool = True) -> None:
        """Raise an alarm that is about no source, or end it where there is no text; the caller logs it."""
        now = self.clock()
        day = now.astimezone(self.settings.tzinfo).date()
        wanted = [Alarm(name=name, text=text)] if text else []

        def over(alarm: Alarm) -> bool:
            return alarm.name is name

        operator = self.operator if by_mail else None
        settle(self.database, wanted, over=over, day=day, now=now, operator=operator)

    def plan(self, only: Sequence[int] | None = None) -> PlanReport:
        self.lookout.refuse()
        return plan(self.database, self.rankers, self.stamp, now=self.clock(), only=only)

    def deliver(
        self,
        *,
        only: Collection[int] | None = None,
        limit: int | None = None,
        stop: threading.Event | None = None,
    ) -> DeliverReport:
        self.check_signing(due_by=self.clock())
        self.check_rehearsal()
        self.lookout.refuse()
        return deliver(
            self.database,
            self.relay,
            self.composers.draft,
            self.deliver_policy,
            clock=self.clock,
            claims=self.settings.data_dir / "claims",
            only=only,
            limit=limit,
            stop=stop,
            lookout=self.lookout,
            gate=Gate(self.throttle, self.relay, warm_up=warm_up_of(self.settings)),
            signing=self.start_signing,
        )

    def start_signing(self) -> SigningProcess:
        """Start a process that signs, with the keys that were read and are still there; with others this one signs."""
        paths = {name: keyring.path_of(self.settings.dkim_folder, name) for name in self._dkim_keys}
        keys = {name: path.read_bytes() for name, path in paths.items() if path.is_file()}
        return SigningProcess(self.sender.domain, keys)

    @cached_property
    def _message_key(self) -> bytes:
        return self._key(_MESSAGE_KEY)

    def _key(self, name: str) -> bytes:
        """A key of this database; one of zeros where it has none yet and nothing may be written."""
        if not self.read_only:
            with self.database.write() as conn:
                return facts.key(conn, name)
        with self.database.read() as conn:
            stored = facts.get(conn, name)
        return bytes.fromhex(stored) if stored else bytes(32)

    def _read_link_keys(self) -> list[Key]:
        with self.database.read() as conn:
            found = facts.keys(conn, _LINK_KEY)
        if found or self.read_only:
            return found
        with self.database.write() as conn:
            facts.key(conn, _LINK_KEY)
            return facts.keys(conn, _LINK_KEY)

    def _prepare(self, database: Database) -> None:
        path = Path(str(database.url.database))
        if not self.read_only:
            if database.is_sqlite:
                path.parent.mkdir(parents=True, exist_ok=True)
            migrate.ready(database)
            return
        if database.is_sqlite and not path.is_file():
            raise SettingsError(f"there is no database at {path} yet: run `digest ingest` first")
        migrate.check(database)
