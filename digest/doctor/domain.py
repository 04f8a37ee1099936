"""What the DNS says of the sender's domain, and of the machines that mail comes from."""

from __future__ import annotations

import base64
import ipaddress
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from digest.compose.dkim import DkimKey, record_name
from digest.deliver import dkim_record, dmarc, spf
from digest.deliver.dns import Address, Dns
from digest.deliver.finding import Finding, failed, ok, warning
from digest.errors import DnsError
from digest.relay.url import RelayUrl

_SILENT = "see that the name servers work, or name others in dns.servers; then look again"
_PRIVATE = [
    ipaddress.ip_network(text)
    for text in (
        *("10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.168.0.0/16"),
        *("::1/128", "fc00::/7", "fe80::/10"),
    )
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Senders:
    """The addresses that mail comes from, as far as they can be told from here."""

    addresses: tuple[Address, ...]
    own: bool  #: whether they are this machine's; else they are the relay's door, which may send by another


def senders(dns: Dns, relays: Sequence[RelayUrl], hello: str | None) -> Senders:
    """Where mail comes from: the relay, or where that is on this machine or network, the name that it goes by.

    Raises:
        DnsError: Nobody answers.
    """
    found = [address for relay in relays for address in _addresses(dns, relay.host)]
    outside = tuple(dict.fromkeys(address for address in found if not _is_private(address)))
    if outside:
        return Senders(addresses=outside, own=False)
    named = _addresses(dns, hello) if hello else []
    return Senders(addresses=tuple(one for one in named if not _is_private(one)), own=True)


def _addresses(dns: Dns, host: str) -> list[Address]:
    try:
        return [ipaddress.ip_address(host.strip("[]"))]
    except ValueError:
        return [] if host == "localhost" else dns.addresses(host)


def _is_private(address: Address) -> bool:
    return any(address in network for network in _PRIVATE)


def asked(check: str, question: Callable[[], Iterator[Finding] | list[Finding]]) -> list[Finding]:
    """What a question finds; where nobody answers, that is the finding."""
    try:
        return list(question())
    except DnsError as error:
        return [failed(check, str(error), _SILENT)]


def look(
    dns: Dns,
    domain: str,
    *,
    bounces_to: str,
    relays: Sequence[RelayUrl],
    hello: str | None,
    signed_here: bool,
) -> Iterator[Finding]:
    """SPF, DMARC, where bounces go, and the names of the senders.

    Args:
        domain: Of From.
        bounces_to: Of return paths.
    """
    machines = Senders(addresses=(), own=False)
    try:
        machines = senders(dns, relays, hello)
    except DnsError as error:
        yield failed("sending address", str(error), _SILENT)
    else:
        yield from asked("PTR", lambda: _reverse(dns, machines, any_relay=bool(relays)))
    yield from asked("SPF", lambda: spf.judge(dns, bounces_to, machines.addresses, own=machines.own))
    yield from asked(
        "DMARC", lambda: [dmarc.judge(dns, domain, bounces_to=bounces_to, signed_here=signed_here)]
    )
    yield from asked("MX", lambda: [_bounces(dns, bounces_to)])


def _reverse(dns: Dns, machines: Senders, *, any_relay: bool) -> Iterator[Finding]:
    if any_relay and not machines.addresses:
        yield warning(
            "sending address",
            "not known: the relay is on this machine or network, so SPF and PTR of what it sends from cannot be looked at",
            "set relay.hello to the public name of the machine that mail leaves by",
        )
    for address in machines.addresses:
        yield _named(dns, address, own=machines.own)


def _named(dns: Dns, address: Address, *, own: bool) -> Finding:
    check = f"PTR of {address}"
    names = dns.names(address)
    for name in names:
        if address in dns.addresses(name):
            return ok(check, f"{name}, and back again")
    says = f"its name {names[0]} does not lead back to it" if names else "it has no name"
    todo = "ask who gave you the address to let its PTR record and its name point at each other"
    if own:
        return failed(check, f"{says}: large receivers refuse its mail", todo)
    return warning(
        check, f"{says}; it is where the relay takes mail, which may leave by another address", todo
    )


def _bounces(dns: Dns, domain: str) -> Finding:
    hosts = dns.mail_hosts(domain)
    todo = f"put an MX record at {domain}, to a host that takes mail for bounce+…@{domain}"
    if hosts == [""]:
        return failed(
            "MX", f"{domain} takes no mail (null MX): bounces are lost, and some receivers refuse it", todo
        )
    if not hosts:
        if dns.addresses(domain):
            return warning("MX", f"{domain} has no MX record; bounces go to the address of its name", todo)
        return failed("MX", f"{domain} has neither MX record nor address: bounces have nowhere to go", todo)
    dead = [host for host in hosts if not dns.addresses(host)]
    if dead:
        return warning("MX", f"{', '.join(dead)} has no address", "take it away, or give it one")
    return ok("MX", f"bounces to {domain} go to {', '.join(hosts)}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A key to look for in the DNS, and what for."""

    key: DkimKey
    signs: bool  #: mail planned from now on
    waited_for: bool  #: by mail that is still to go out


def published(dns: Dns, domain: str, wanted: Wanted) -> list[Finding]:
    """Whether verifiers find a key."""
    check = f"DKIM {wanted.key.selector}"
    return asked(check, lambda: [_published(dns, check, record_name(wanted.key.selector, domain), wanted)])


def _published(dns: Dns, check: str, name: str, wanted: Wanted) -> Finding:
    key = wanted.key
    texts = dns.texts(name)
    key_type = key.algorithm.partition("-")[0]
    wrong = dkim_record.wrong_with(texts, key_type=key_type, public=base64.b64encode(key.public).decode())
    todo = f"put what `digest dkim record {key.selector}` prints into the DNS"
    if wanted.signs or wanted.waited_for:
        use = "signs" if wanted.signs else "signs mail that is still to go out"
        if wrong is not None:
            return failed(check, f"{use}, and at {name} {wrong}", todo)
        if dkim_record.is_testing(texts[0]):
            return warning(
                check, f"{use}; its record says t=y, testing: signatures count for nothing", "take t=y out"
            )
        return ok(
            check, f"{use}, {key.algorithm} of {key.bits} bits; the record at {name} is that of the key"
        )
    if wrong is None:
        return ok(check, "does not sign; its record is there, so it can be set")
    return ok(check, f"does not sign; at {name} {wrong}")
