"""The relays that the settings name: one, or several as one."""

from __future__ import annotations

from digest.deliver.pace import Rate
from digest.deliver.throttle import Limits
from digest.deliver.warm_up import WarmUp
from digest.errors import SettingsError
from digest.pipeline.ports import Relay
from digest.relay.dry import DryRelay
from digest.relay.folder import FolderRelay
from digest.relay.place import Member
from digest.relay.pool import RelayPool
from digest.relay.smtp import SmtpRelay
from digest.relay.url import RelayUrl, Scheme, parse_url
from digest.relay.wire import Deadlines
from digest.settings import RelaySettings, Settings


def relay_of(settings: Settings) -> Relay:
    """Make where mail goes.

    Raises:
        SettingsError: A URL, password or certificate will not do, or several relays are not all spoken to by SMTP.
    """
    tables = settings.relay_tables
    urls = {key: parse_url(table.url, key=key) for key, table in tables.items()}
    if len(tables) == 1 and settings.relay.rate is None:
        return _single(urls["relay"], settings.relay)
    return RelayPool([_member(key, urls[key], table) for key, table in tables.items()])


def connections(settings: Settings) -> int:
    """How many senders keep all relays busy, and none beyond its share.

    With more, a relay whose connections are all in use would leave its turns to the others, against their weights.
    """
    tables = settings.relay_tables.values()
    weights = sum(table.weight for table in tables)
    return max(1, min(table.connections * weights // table.weight for table in tables))


def hand_over_s(settings: Settings) -> float:
    """The longest that one message may take, whichever relays it tries."""
    return max(_hand_over_s(table) for table in settings.relay_tables.values())


def is_dry(settings: Settings) -> bool:
    """Whether mail goes nowhere."""
    return settings.relay.url.strip().startswith(f"{Scheme.DRY}:")


def limits_of(settings: Settings) -> Limits:
    """What delivery keeps to, whichever relays it uses."""
    limits = settings.limits
    return Limits(
        rate=_rate(limits.rate),
        domain_rate=_rate(limits.domain_rate),
        domain_connections=limits.domain_connections,
        stall_s=limits.stall_s,
        aside_s=settings.delivery.first_retry_s,
    )


def warm_up_of(settings: Settings) -> WarmUp | None:
    """The warm-up, where there is one."""
    limits = settings.limits
    if limits.warm_up_first is None:
        return None
    return WarmUp(first=limits.warm_up_first, growth=limits.warm_up_growth, until=limits.warm_up_until)


def _rate(text: str | None) -> Rate | None:
    return None if text is None else Rate.parse(text)


def _single(url: RelayUrl, table: RelaySettings) -> Relay:
    if url.scheme is Scheme.FOLDER:
        assert url.path is not None
        return FolderRelay(url.path)
    return DryRelay() if url.scheme is Scheme.DRY else server_of("relay", url, table)


def _member(key: str, url: RelayUrl, table: RelaySettings) -> Member:
    if url.scheme in (Scheme.FOLDER, Scheme.DRY):
        raise SettingsError(
            f"{key}.url: a relay with a rate, or one of several, has to be a server: smtp://, smtp+starttls:// or smtps://"
        )
    return Member(
        name=key,
        relay=server_of(key, url, table),
        weight=table.weight,
        connections=table.connections,
        rate=_rate(table.rate),
    )


def server_of(key: str, url: RelayUrl, table: RelaySettings) -> SmtpRelay:
    """One server by itself.

    Raises:
        SettingsError: Its password or certificates will not do.
    """
    return SmtpRelay(
        url,
        password=table.password(key=key),
        ca_file=table.ca_file,
        hello=table.hello,
        deadlines=Deadlines(
            step_s=table.step_timeout_s, dot_s=table.dot_timeout_s, message_s=_hand_over_s(table)
        ),
        recycle_after=table.messages_per_connection,
        key=key,
    )


def _hand_over_s(table: RelaySettings) -> float:
    return table.step_timeout_s + table.dot_timeout_s
