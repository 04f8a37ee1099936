"""Settings: `digest.toml`, then `DIGEST_*` from the environment, then secret files. Unknown keys are errors."""

from __future__ import annotations

import datetime as dt
import ipaddress
import os
import re
from collections.abc import Iterable
from email.utils import parseaddr
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar
from zoneinfo import ZoneInfo

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)
from pydantic_settings import (
    SettingsError as SourceError,
)

from digest.compose.dkim import is_selector
from digest.compose.links import CONFIRM_AGE
from digest.compose.sender import is_domain
from digest.deliver.pace import Rate
from digest.errors import AddressError, PreferenceError, SettingsError
from digest.sources.kinds import KINDS
from digest.sources.request import is_address, shown
from digest.sources.source import COMMAND, FOLDER, Source, SourceKind
from digest.subscribers.address import normalise
from digest.subscribers.preferences import schedule

T = TypeVar("T")

PREFIX = "DIGEST_"
#: Sections of tables that the operator names.
_TABLES = ("relays", "sources")
Hour = Annotated[int, Field(ge=0, le=23)]
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
#: NAME, or NAME:PORT, as a browser writes it into Host; an IPv6 address stands in brackets.
_HOST = re.compile(r"(?:[a-z0-9_-]+(?:\.[a-z0-9_-]+)*|\[[0-9a-f:.]+\])(?::[0-9]{1,5})?")
#: A feed's address; what stands before the host or behind the path may be secret, and is never repeated.
_WEB_URL = re.compile(r"https?://[^\s/?#]+(?:[/?#]\S*)?")
_NAME = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
_CATEGORY = re.compile(r"[a-z]+(?:-[a-z]+)*(?:\.(?:[A-Za-z]+(?:-[A-Za-z]+)*|\*))?")
#: An IPv4 address, or one of IPv6 in brackets, and perhaps a port behind it.
_NAME_SERVER = re.compile(r"(?:\[(.+)\]|([0-9.]+))(?::([0-9]{1,5}))?")
_LIMITS_URLS = ("memory://", "redis://", "rediss://", "valkey://", "valkeys://")


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class DatabaseSettings(_Section):
    url: str | None = Field(
        None, description="sqlite:///PATH or postgresql://…; a SQLite file in data_dir if not set"
    )


class DumpSettings(_Section):
    folder: Path | None = Field(
        None, description="watched by serve and scheduler; dumps/ in data_dir if not set"
    )
    watch_s: float = Field(30.0, gt=0, description="seconds between two looks into the folder")
    cap_bytes: int = Field(64 * 1024 * 1024, gt=0, description="largest dump taken, in bytes, unpacked")


class EditionSettings(_Section):
    hour: Hour = Field(6, description="local hour from which the day's edition is published")
    search_url: str = Field(
        "https://arxiv.org/search/?searchtype=title&query={title}",
        description="page of a paper that came without one; {title} is replaced",
    )

    @field_validator("search_url")
    @classmethod
    def _web(cls, value: str) -> str:
        if not value.startswith(("https://", "http://")):
            raise ValueError("has to start with https://")
        return value


class MailSettings(_Section):
    name: str = Field("digest", description="name of the service in mails")
    postal_address: str = Field("", description="shown in the foot of every mail, as many laws ask")
    hour: Hour = Field(7, description="local hour of subscribers who chose none")
    topics: Path | None = Field(None, description="your own topics.toml; ours if not set")
    templates: Path | None = Field(None, description="your own templates/email; ours if not set")


def _rate(value: str) -> str:
    Rate.parse(value)
    return value


RateText = Annotated[str, AfterValidator(_rate)]


class RelaySettings(_Section):
    url: str = Field(
        "", description="smtp://host:port, smtp+starttls://user@host, smtps://user@host, folder:PATH or dry:"
    )
    password_file: Path | None = Field(None, description="file that holds the relay's password, on one line")
    ca_file: Path | None = Field(None, description="certificates to trust beside the system's, PEM")
    hello: str | None = Field(None, description="name given with EHLO; the machine's if not set")
    weight: int = Field(1, ge=1, le=1000, description="its share of the mail, against those of relays.NAME")
    rate: RateText | None = Field(
        None, description="most mails handed to it: 14/s, 600/min or 2000/h; no limit if not set"
    )
    connections: int = Field(8, ge=1, le=256, description="connections at once")
    messages_per_connection: int = Field(50, ge=1, description="messages before a connection is made anew")
    step_timeout_s: float = Field(60.0, gt=0, description="longest wait for one answer, in seconds")
    dot_timeout_s: float = Field(600.0, gt=0, description="longest wait for the answer to a whole message")

    def password(self, *, key: str = "relay") -> str | None:
        """The relay's password, read from its secret file.

        Args:
            key: The table that this is, for errors.

        Raises:
            SettingsError: The file cannot be read, or is empty.
        """
        return None if self.password_file is None else _secret(self.password_file, f"{key}.password_file")


class OtherRelaySettings(_Section):
    """One table `[relays.NAME]`. What is not set is as in `[relay]`, but for what is one relay's alone."""

    url: str = Field(description="smtp://host:port, smtp+starttls://user@host or smtps://user@host")
    password_file: Path | None = Field(None, description="file that holds its password; none if not set")
    ca_file: Path | None = Field(None, description="as relay.ca_file, which it follows if not set")
    hello: str | None = Field(None, description="as relay.hello, which it follows if not set")
    weight: int = Field(1, ge=1, le=1000, description="its share of the mail, against those of the others")
    rate: RateText | None = Field(None, description="most mails handed to it; no limit if not set")
    connections: int | None = Field(
        None, ge=1, le=256, description="as relay.connections, which it follows if not set"
    )
    messages_per_connection: int | None = Field(
        None, ge=1, description="as relay.messages_per_connection, which it follows if not set"
    )
    step_timeout_s: float | None = Field(
        None, gt=0, description="as relay.step_timeout_s, which it follows if not set"
    )
    dot_timeout_s: float | None = Field(
        None, gt=0, description="as relay.dot_timeout_s, which it follows if not set"
    )

    def beside(self, first: RelaySettings) -> RelaySettings:
        """The whole relay: where this table says nothing, as the first one."""
        shared = first.model_dump(exclude={"url", "password_file", "weight", "rate"})
        return RelaySettings(**shared | self.model_dump(exclude_none=True))


class DeliverySettings(_Section):
    ambiguous: Literal["resend", "park"] = Field(
        "resend",
        description="what to do with a mail whose sender died, or whose relay fell silent, after it was sent",
    )
    first_retry_s: float = Field(60.0, ge=1, description="wait before the first retry; it doubles each time")
    tick_s: float = Field(10.0, gt=0, description="seconds between two looks for deliveries that are due")


class LimitSettings(_Section):
    rate: RateText | None = Field(
        None, description="most mails of all: 14/s, 600/min or 2000/h; no limit if not set"
    )
    domain_rate: RateText | None = Field(
        None, description="most mails to the readers of one domain; no limit if not set"
    )
    domain_connections: int | None = Field(
        None, ge=1, description="connections at once for mails to one domain; all of them if not set"
    )
    stall_s: float = Field(5.0, gt=0, description="seconds without an answer after which a domain hangs")
    warm_up_first: int | None = Field(
        None, ge=1, description="digests on the first day of a warm-up; no warm-up if not set"
    )
    warm_up_growth: float = Field(
        1.5, gt=1, le=10, description="times as many digests on each further day of it"
    )
    warm_up_until: int = Field(10000, ge=2, description="digests a day from which on it is over")

    @model_validator(mode="after")
    def _grows(self) -> LimitSettings:
        if self.warm_up_first is not None and self.warm_up_first >= self.warm_up_until:
            raise ValueError("warm_up_first has to be below warm_up_until")
        return self


class DkimSettings(_Section):
    selector: str | None = Field(
        None, description="name of the RSA key that signs every mail; the relay signs if not set"
    )
    ed25519_selector: str | None = Field(
        None, description="name of an Ed25519 key that signs beside it; no second signature if not set"
    )
    keys: Path | None = Field(
        None, description="folder of the private keys, SELECTOR.pem each; dkim/ in data_dir if not set"
    )

    @field_validator("selector", "ed25519_selector")
    @classmethod
    def _selectors(cls, value: str | None) -> str | None:
        if value is not None and not is_selector(value):
            raise ValueError(
                f"{value!r} is not a name such as 2026a: lower-case letters, digits, hyphens, dots"
            )
        return value

    @model_validator(mode="after")
    def _both(self) -> DkimSettings:
        if self.ed25519_selector is not None and self.selector is None:
            raise ValueError("ed25519_selector needs selector: many receivers know RSA alone")
        if self.ed25519_selector is not None and self.ed25519_selector == self.selector:
            raise ValueError("ed25519_selector and selector are one name: each names a key of its own")
        return self

    @property
    def signed_by(self) -> str:
        """The selectors that sign, with a blank between; "" where the relay signs."""
        return " ".join(name for name in (self.selector, self.ed25519_selector) if name)


class DnsSettings(_Section):
    servers: tuple[str, ...] = Field(
        (),
        description="name servers that digest doctor asks, ADDRESS or ADDRESS:PORT; the machine's if empty",
    )
    timeout_s: float = Field(5.0, gt=0, le=60, description="longest wait for the answer to one question")

    @field_validator("servers")
    @classmethod
    def _servers(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for server in value:
            _name_server(server)
        return value

    @property
    def addresses(self) -> list[tuple[str, int]]:
        """Address and port of each."""
        return [_name_server(server) for server in self.servers]


def _name_server(text: str) -> tuple[str, int]:
    match = _NAME_SERVER.fullmatch(text)
    try:
        host, port = (match[1] or match[2], int(match[3] or 53)) if match else ("", 0)
        ipaddress.ip_address(host)
        if not 0 < port < 65536:
            raise ValueError
    except ValueError as error:
        raise ValueError(
            f"{text!r} is not an address such as 127.0.0.1, 127.0.0.1:5353 or [::1]:53"
        ) from error
    return host, port


class BounceSettings(_Section):
    domain: str = Field(
        "", description="domain of return paths, where bounces are received; that of sender if not set"
    )
    mailbox: str = Field(
        "",
        description="read by serve: imaps://user@host/FOLDER, imap+starttls://…, or a Maildir; none if not set",
    )
    password_file: Path | None = Field(
        None, description="file that holds the mailbox's password, on one line"
    )
    ca_file: Path | None = Field(None, description="certificates to trust beside the system's, PEM")
    after: str = Field(
        "seen", description="what is done with mail that was ours: seen, delete or move:FOLDER"
    )
    every_minutes: float = Field(
        5.0, ge=0.1, le=1440, description="minutes between two looks into the mailbox"
    )
    soft_limit: int = Field(
        5, ge=1, description="dates in a row whose mail bounced softly, that suppress a reader"
    )
    soft_days: int = Field(30, ge=1, le=365, description="days that a soft bounce is remembered")
    alarm_percent: float = Field(
        5.0,
        gt=0,
        le=100,
        description="share of an edition's mails that bounced, above which an alarm is raised",
    )
    webhook_secret_file: Path | None = Field(
        None, description="file of the secret that signs POST /api/hooks/bounces; no such page if not set"
    )

    @property
    def password(self) -> str:
        """The mailbox's password, read from its secret file.

        Raises:
            SettingsError: There is none, or it cannot be read.
        """
        if self.password_file is None:
            raise SettingsError("bounces.password_file is not set: an IMAP server asks for a password")
        return _secret(self.password_file, "bounces.password_file")

    @property
    def webhook_secret(self) -> bytes | None:
        """The secret of the webhook, read from its file; None where there is no webhook.

        Raises:
            SettingsError: It cannot be read, or is too short to be a secret.
        """
        if self.webhook_secret_file is None:
            return None
        secret = _secret(self.webhook_secret_file, "bounces.webhook_secret_file").encode()
        if len(secret) < 32:
            raise SettingsError(
                "bounces.webhook_secret_file: a secret has at least 32 characters, drawn at random"
            )
        return secret

    @field_validator("after")
    @classmethod
    def _after(cls, value: str) -> str:
        if not re.fullmatch(r"seen|delete|move:[ -~]*[!-~]", value):
            raise ValueError("has to be seen, delete or move:FOLDER")
        return value

    @field_validator("domain")
    @classmethod
    def _domain(cls, value: str) -> str:
        if value and not is_domain(value):
            raise ValueError("has to be a name such as bounces.example.org")
        return value.lower()


class WebSettings(_Section):
    host: str = Field("127.0.0.1", description="address that the pages are served on")
    port: int = Field(8000, ge=0, le=65535, description="port that the pages are served on; 0: any free one")
    hosts: tuple[str, ...] = Field(
        (), description="more names it answers to, beside that of base_url; NAME, or NAME:PORT"
    )
    proxies: tuple[str, ...] = Field(
        (), description="addresses or networks of your proxies: the only ones whose X-Forwarded-For counts"
    )
    limits_url: str = Field(
        "memory://", description="where requests are counted; redis://… where several processes serve"
    )
    signups_per_hour: int = Field(30, ge=1, description="sign-ups taken from one client in an hour")
    posts_per_minute: int = Field(120, ge=1, description="other forms taken from one client in a minute")
    api_per_minute: int = Field(120, ge=1, description="calls of the API taken from one client in a minute")
    signup_alarm: int = Field(
        200, ge=1, description="sign-ups of all clients in an hour, above which an alarm is logged"
    )
    body_cap_bytes: int = Field(65536, ge=1024, description="largest form or document taken, in bytes")
    # Not before the link to confirm has expired: its mail says how long that works.
    pending_days: int = Field(
        7, ge=CONFIRM_AGE.days, description="days after which an unconfirmed sign-up is forgotten"
    )
    keep_ip_days: int = Field(30, ge=1, description="days that the network address of who asked is kept")
    metrics_from: tuple[str, ...] = Field(
        ("127.0.0.1", "::1"), description="addresses or networks that GET /metrics is answered to"
    )
    templates: Path | None = Field(None, description="your own templates/web; ours if not set")

    @field_validator("hosts")
    @classmethod
    def _hosts(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for name in value:
            if not _HOST.fullmatch(name.lower()):
                raise ValueError(f"{name!r} is not a name such as digest.example.org, or [::1]:8000")
        return tuple(name.lower() for name in value)

    @field_validator("proxies", "metrics_from")
    @classmethod
    def _networks(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for network in value:
            try:
                ipaddress.ip_network(network)
            except ValueError as error:
                raise ValueError(f"{error}; give an address, or a network such as 10.0.0.0/8") from error
        return value

    @field_validator("limits_url")
    @classmethod
    def _limits(cls, value: str) -> str:
        # The URL is not repeated: a password may stand in it.
        if not value.startswith(_LIMITS_URLS):
            raise ValueError(f"has to start with {', '.join(_LIMITS_URLS[:-1])} or {_LIMITS_URLS[-1]}")
        return value

    @property
    def trusted(self) -> tuple[Network, ...]:
        """The networks of `proxies`."""
        return tuple(ipaddress.ip_network(network) for network in self.proxies)

    @property
    def watchers(self) -> tuple[Network, ...]:
        """The networks of `metrics_from`."""
        return tuple(ipaddress.ip_network(network) for network in self.metrics_from)


class SourceSettings(_Section):
    """One table `[sources.NAME]`. What is not set follows the kind."""

    kind: Literal["daily-papers", "arxiv", "feed", "page"] = Field(
        description="daily-papers, arxiv, feed (RSS, Atom, JSON Feed) or page (any address whose answer is a dump)"
    )
    url: str | None = Field(
        None, description="where it is asked; the public one of daily-papers and arxiv if not set"
    )
    categories: tuple[str, ...] = Field((), description="of arxiv alone: categories, as in cs.LG")
    every_minutes: float | None = Field(
        None, ge=1, le=10080, description="minutes between two looks; 60, of arxiv 1440 (a day), if not set"
    )
    pause_s: float | None = Field(
        None,
        ge=0,
        le=3600,
        description="seconds between two requests; 1, of arxiv 3, which is the least its terms allow, if not set",
    )
    days: int | None = Field(
        None, ge=1, le=31, description="of daily-papers alone: dates asked for at each look; 2 if not set"
    )
    expected: int | None = Field(
        None, ge=1, description="papers listed on a usual working day; learned if not set"
    )
    allow_private: bool = Field(
        False, description="whether it may be on this machine or network, and plain http://"
    )

    @field_validator("categories")
    @classmethod
    def _categories(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for category in value:
            if not _CATEGORY.fullmatch(category):
                raise ValueError(f"{category!r} is not a category such as cs.LG")
        return value

    @model_validator(mode="after")
    def _by_kind(self) -> SourceSettings:
        kind = KINDS[SourceKind(self.kind)]
        for key in ("categories", "days"):
            if getattr(self, key) and key not in kind.takes:
                raise ValueError(f"{key} means nothing to a source of kind {self.kind}")
        for key in sorted(kind.needs):
            if not getattr(self, key):
                raise ValueError(f"a source of kind {self.kind} needs {key}")
        if self.pause_s is not None and dt.timedelta(seconds=self.pause_s) < kind.least_pause:
            least_s = kind.least_pause.total_seconds()
            raise ValueError(f"pause_s: at least {least_s:g}, as the terms of use of {self.kind} ask")
        if self.url is not None:
            self._check_url(self.url)
        return self

    def _check_url(self, url: str) -> None:
        # Not repeated: a token may stand in it.
        if not _WEB_URL.fullmatch(url) or not is_address(url):
            raise ValueError("url: has to be an address such as https://papers.example.org/feed")
        if not url.startswith("https://") and not self.allow_private:
            raise ValueError("url: has to start with https:// (http:// takes allow_private = true)")

    @property
    def shown_url(self) -> str:
        """Where it is asked, without what may be secret."""
        return shown(self.url or KINDS[SourceKind(self.kind)].url)

    def source(self, name: str) -> Source:
        """The source that this table names, with what its kind fills in."""
        kind = KINDS[SourceKind(self.kind)]
        minutes, pause_s = self.every_minutes, self.pause_s
        return Source(
            name=name,
            kind=SourceKind(self.kind),
            url=self.url or kind.url,
            categories=self.categories,
            every=kind.every if minutes is None else dt.timedelta(minutes=minutes),
            pause=kind.pause if pause_s is None else dt.timedelta(seconds=pause_s),
            days=self.days or kind.days,
            expected=self.expected,
            allow_private=self.allow_private,
        )


class LogSettings(_Section):
    level: Literal["debug", "info", "warning", "error"] = Field("info", description="lowest level shown")
    json_lines: bool = Field(False, description="one JSON object a line instead of text")


class Settings(BaseSettings):
    """All settings; the descriptions here are what `config/digest.example.toml` and the README say."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_nested_delimiter="__", extra="forbid", frozen=True, case_sensitive=False
    )

    data_dir: Path = Field(
        Path("digest-data"), description="folder of the database, of claims and of watched dumps"
    )
    base_url: str = Field(
        "", description="where readers reach this service, https://digest.example.org; no mail without it"
    )
    sender: str = Field("", description="From of every mail, Digest <digest@example.org>; no mail without it")
    admin: str = Field("", description="address that alarms are mailed to; nobody's if not set")
    zone: str = Field("UTC", description="IANA zone of editions, and of subscribers who chose none")
    database: DatabaseSettings = DatabaseSettings()
    dumps: DumpSettings = DumpSettings()
    edition: EditionSettings = EditionSettings()
    mail: MailSettings = MailSettings()
    relay: RelaySettings = RelaySettings()
    delivery: DeliverySettings = DeliverySettings()
    limits: LimitSettings = LimitSettings()
    dkim: DkimSettings = DkimSettings()
    dns: DnsSettings = DnsSettings()

    bounces: BounceSettings = BounceSettings()
    web: WebSettings = WebSettings()
    log: LogSettings = LogSettings()
    relays: dict[str, OtherRelaySettings] = Field(
        {}, description="more relays beside the one of relay, one table each"
    )
    sources: dict[str, SourceSettings] = Field(
        {}, description="where dumps come from beside the folder, one table each; nothing else is asked"
    )

    @field_validator("zone")
    @classmethod
    def _zone(cls, value: str) -> str:
        try:
            return schedule(zone=value).zone
        except PreferenceError as error:
            raise ValueError(str(error)) from error

    @field_validator("sources", "relays")
    @classmethod
    def _names(cls, value: dict[str, T], info: ValidationInfo) -> dict[str, T]:
        for name in value:
            if info.field_name == "sources" and name in (FOLDER, COMMAND):
                raise ValueError(f"{name!r} is taken: it stands for what comes by the {name}")
            if not _NAME.fullmatch(name):
                raise ValueError(f"{name!r} is not a name of lower-case letters, digits and dashes")
        return value

    @field_validator("base_url")
    @classmethod
    def _base(cls, value: str) -> str:
        if value and not value.startswith(("https://", "http://")):
            raise ValueError("has to start with https:// (or http:// on a closed network)")
        value = value.rstrip("/")
        # The pages are served at the root of a host: a path, or a user's name, would lead all links astray.
        if value and not _HOST.fullmatch(value.partition("://")[2].lower()):
            raise ValueError("has to be a scheme, a host and at most a port; names beyond ASCII in punycode")
        return value

    @field_validator("sender")
    @classmethod
    def _sender(cls, value: str) -> str:
        if value:
            try:
                normalise(parseaddr(value)[1])
            except AddressError as error:
                raise ValueError(f"its address cannot be used: {error.reason}") from error
        return value

    @field_validator("admin")
    @classmethod
    def _admin(cls, value: str) -> str:
        try:
            return normalise(value) if value else ""
        except AddressError as error:
            raise ValueError(f"cannot be mailed to: {error.reason}") from error

    @property
    def database_url(self) -> str:
        return self.database.url or f"sqlite:///{self.data_dir / 'digest.db'}"

    @property
    def dump_folder(self) -> Path:
        return self.dumps.folder or self.data_dir / "dumps"

    @property
    def dkim_folder(self) -> Path:
        return self.dkim.keys or self.data_dir / "dkim"

    @property
    def generations(self) -> Path:
        """Folder of what this machine saw of its databases; see `digest.store.generations`."""
        return self.data_dir / "generations"

    @property
    def tzinfo(self) -> ZoneInfo:
        return ZoneInfo(self.zone)

    @property
    def sender_name(self) -> str:
        return parseaddr(self.sender)[0] or self.mail.name

    @property
    def sender_address(self) -> str:
        return parseaddr(self.sender)[1]

    @property
    def sender_domain(self) -> str:
        """The domain that From names, and that signs."""
        return self.sender_address.rpartition("@")[2].lower()

    @property
    def relay_tables(self) -> dict[str, RelaySettings]:
        """Every relay by its name in the settings, whole, that of `[relay]` first."""
        others = {f"relays.{name}": table.beside(self.relay) for name, table in self.relays.items()}
        return {"relay": self.relay} | others

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The environment goes before the file; a `.env` is never read behind the operator's back."""
        return (init_settings, Environment(settings_cls), TomlConfigSettingsSource(settings_cls))


class Environment(EnvSettingsSource):
    """The variables. In that of a source or a relay, `_` stands for the `-` of its name: no shell sets a name with a dash."""

    def __call__(self) -> dict[str, Any]:
        try:
            found = super().__call__()
        except SourceError as error:
            raise SourceError(f'{error}: a list is written as in JSON, ["cs.LG"]') from error
        for section in _TABLES:
            if isinstance(tables := found.get(section), dict):
                found[section] = {name.replace("_", "-"): table for name, table in tables.items()}
        return found


def load(config: Path | None = None) -> Settings:
    """Read the settings.

    Args:
        config: The file to read; `digest.toml` here, if it exists, when None.

    Raises:
        SettingsError: A key or variable is unknown or out of range, or the file cannot be read; all are named.
    """
    path = config or Path("digest.toml")
    if config is not None and not config.is_file():
        raise SettingsError(f"{config}: no such file")
    _check_environment(os.environ)

    class FromFile(Settings):
        model_config = SettingsConfigDict(toml_file=path)

    try:
        return FromFile()
    except ValidationError as error:
        raise SettingsError("\n".join(_named(detail) for detail in error.errors())) from error
    except (SourceError, ValueError, OSError) as error:
        raise SettingsError(f"{path}: {error}") from error


def _secret(path: Path, key: str) -> str:
    try:
        secret = path.read_text(encoding="utf-8").strip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{key}: cannot read {path}: {error}") from error
    if not secret:
        raise SettingsError(f"{key}: {path} is empty")
    return secret


def packaged(folder: str) -> Path:
    """A folder that travels with the program, `templates` or `config`: in the wheel, or beside a checkout."""
    inside = Path(str(files("digest"))) / "_data" / folder
    return inside if inside.is_dir() else Path(str(files("digest"))).parent / folder


def _check_environment(names: Iterable[str]) -> None:
    """pydantic-settings passes over variables of sections it does not know; a typing error must not."""
    sections = {
        name.upper(): hasattr(field.annotation, "model_fields") or name in _TABLES
        for name, field in Settings.model_fields.items()
    }
    for name in names:
        if name.upper().startswith(PREFIX):
            section, nested, _key = name.upper()[len(PREFIX) :].partition("__")
            if section not in sections or (nested and not sections[section]):
                raise SettingsError(f"{name}: unknown; sections are {', '.join(sorted(sections))}")


def _named(detail: Any) -> str:
    where = ".".join(str(part) for part in detail["loc"])
    what = _WORDS.get(detail["type"]) or detail["msg"].removeprefix("Value error, ")
    return f"{where}: {what}"


_WORDS = {
    "extra_forbidden": "unknown setting",
    "missing": "has to be set",
    "model_type": "has to be a table",
    "dict_type": "has to be a table",
}
