"""The whole examination, part by part, in the order in which a person would mend things."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice

from digest import keyring
from digest.deliver.dns import Dns
from digest.deliver.finding import Finding, failed, ok, warning
from digest.doctor import domain, installation, pages, relay
from digest.doctor.domain import Wanted
from digest.doctor.resolver import Resolver
from digest.errors import DigestError, DnsError, SettingsError
from digest.mailroom import watched
from digest.relay.url import RelayUrl, Scheme, parse_url
from digest.relays import server_of
from digest.settings import Settings
from digest.store import deliveries
from digest.wiring import App

#: For one answer of the relay: an examination has somebody who waits for it.
_STEP_S = 20.0
#: For all its answers together.
_ALL_S = 120.0
_SERVERS = (Scheme.SMTP, Scheme.STARTTLS, Scheme.SMTPS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Findings that belong together."""

    name: str
    findings: tuple[Finding, ...]


def examine(app: App) -> Iterator[Part]:
    """Look at one part after the other; a part is given as soon as it is done.

    Args:
        app: For reading alone.
    """
    yield _part("settings", installation.settings(app.settings))
    yield _part("database", installation.database(app))
    yield _part("relay", _relay(app))
    yield _part("bounces", _bounces(app))
    yield _part("domain", _domain(app))
    yield _part("pages", _pages(app))


def _part(name: str, findings: Iterator[Finding]) -> Part:
    return Part(name=name, findings=tuple(findings))


def _relay(app: App) -> Iterator[Finding]:
    if not app.settings.relay.url:
        return  # told among the settings
    sender = f"bounce+doctor@{app.sender.bounces_to}"
    for key, table in app.settings.relay_tables.items():
        try:
            url = parse_url(table.url, key=key)
            if url.scheme not in _SERVERS:
                yield warning(
                    key, f"{table.url}: nothing leaves this machine", "name a server once mail should"
                )
                continue
            step_s = min(_STEP_S, table.step_timeout_s)
            patient = table.model_copy(update={"step_timeout_s": step_s, "dot_timeout_s": _ALL_S})
            server = server_of(key, url, patient)
        except SettingsError as error:
            yield failed(key, str(error), "mend the setting")
            continue
        yield from relay.look(key, server, sender=sender, now=app.clock())


def _bounces(app: App) -> Iterator[Finding]:
    """Open the mailbox that they come into, if one is set, and look at one mail; it stays as it is."""
    check, place = "bounces.mailbox", app.settings.bounces.mailbox
    if not place:
        return
    try:
        for _letter in islice(watched(app.settings.bounces), 1):
            pass
    except DigestError as error:
        yield failed(check, str(error), "mend it: until then nobody whose address is dead is left out")
    else:
        yield ok(check, f"{place.rpartition('@')[2]} can be read")


def _domain(app: App) -> Iterator[Finding]:
    settings = app.settings
    if not settings.sender:
        return
    try:
        dns = Resolver(settings.dns.addresses, timeout_s=settings.dns.timeout_s)
    except DnsError as error:
        yield failed("DNS", str(error), "set dns.servers")
        return
    yield from _keys(app, dns)
    signed_here = settings.dkim.selector is not None
    yield from domain.look(
        dns,
        settings.sender_domain,
        bounces_to=app.sender.bounces_to.lower(),
        relays=_urls(settings),
        hello=settings.relay.hello,
        signed_here=signed_here,
    )


def _urls(settings: Settings) -> list[RelayUrl]:
    found = []
    for key, table in settings.relay_tables.items():
        with suppress(SettingsError):  # told where the relay is looked at
            found.append(parse_url(table.url, key=key))
    return [url for url in found if url.scheme in _SERVERS]


def _keys(app: App, dns: Dns) -> Iterator[Finding]:
    """Every key that signs, that mail waits for, or that lies in the folder."""
    settings = app.settings
    signing, waiting = settings.dkim.signed_by.split(), _waited_for(app)
    if not signing:
        yield ok(
            "DKIM",
            "dkim.selector is not set: the relay signs. Whether it does shows in a mail to yourself, as dkim=pass",
        )
    folder = settings.dkim_folder
    for selector in dict.fromkeys([*signing, *waiting, *keyring.selectors(folder)]):
        try:
            key = app.dkim_key(selector)
        except SettingsError as error:
            yield _unread(selector, str(error), wanted=selector in (*signing, *waiting))
            continue
        words = keyring.exposed(keyring.path_of(folder, selector))
        if words is not None:
            yield warning(f"DKIM {selector}", words, "then nobody else on this machine can sign as you")
        wanted = Wanted(key=key, signs=selector in signing, waited_for=selector in waiting)
        yield from domain.published(dns, settings.sender_domain, wanted)


def _unread(selector: str, says: str, *, wanted: bool) -> Finding:
    if wanted:
        return failed(f"DKIM {selector}", says, "put the key back; until then nothing is sent")
    return warning(f"DKIM {selector}", says, "take the file away: no mail waits for it")


def _waited_for(app: App) -> list[str]:
    """The selectors of mail that is still to go out."""
    try:
        with app.database.read() as conn:
            found = deliveries.signers(conn)
    except DigestError:
        return []  # told where the database is looked at
    return sorted({name for names in found for name in names.split()})


def _pages(app: App) -> Iterator[Finding]:
    if not app.settings.base_url:
        return
    try:
        keys = app.link_keys()
    except DigestError:
        return  # told where the database is looked at
    yield pages.look(app.settings.base_url, keys)
