"""Which machines may send for a domain: its SPF record, read and followed as a receiver does.

Source:
    RFC 7208. Macros are counted and not followed, nor is `ptr`, which RFC 7208 itself advises against.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network

from digest.deliver.dns import Address, Dns
from digest.deliver.finding import Finding, failed, ok, warning

#: RFC 7208 section 4.6.4: a record that needs more look-ups than that counts as broken.
MOST_LOOKUPS = 10
_LOOKING = frozenset({"include", "a", "mx", "ptr", "exists"})
_NETWORK = re.compile(r"([+?~-]?)(ip4|ip6):(\S+)", re.IGNORECASE)
_TERM = re.compile(
    r"([+?~-]?)(all|include|a|mx|ptr|exists)(?::([^/]+))?(?:/([0-9]{1,3}))?(?://([0-9]{1,3}))?", re.IGNORECASE
)
_MODIFIER = re.compile(r"([A-Za-z][A-Za-z0-9._-]*)=(.*)")
_RESULTS = {"+": "pass", "-": "fail", "~": "softfail", "?": "neutral"}


class SpfError(ValueError):
    """The record, or one that it names, counts as broken: receivers then act as if anybody might send."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Term:
    """One mechanism."""

    qualifier: str  #: one of + - ~ ?
    name: str
    domain: str  #: what it asks about
    network: IPv4Network | IPv6Network | None = None  #: of ip4 and ip6
    v4: int = 32  #: length of the prefix that has to be alike, of `a` and `mx`
    v6: int = 128


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """A record with all that it names."""

    terms: tuple[Term, ...]
    included: Mapping[str, Policy] = field(default_factory=dict)
    redirect: Policy | None = None
    lookups: int  #: of the whole, had no term matched

    @property
    def default(self) -> str:
        """What becomes of machines that nothing names: one of + - ~ ?"""
        for term in self.terms:
            if term.name == "all":
                return term.qualifier
        return "?" if self.redirect is None else self.redirect.default


def records(texts: Sequence[str]) -> list[str]:
    """Those of the TXT records that are SPF's."""
    return [text for text in texts if text.lower() == "v=spf1" or text.lower().startswith("v=spf1 ")]


def read(dns: Dns, domain: str) -> Policy:
    """The policy of a domain.

    Raises:
        SpfError: It, or one that it includes, is not there, is there twice or cannot be read; or it needs too many
            look-ups.
        DnsError: Nobody answers.
    """
    return _Reader(dns).policy(domain)


class _Reader:
    """Reads a record and all that it names, and counts the look-ups."""

    def __init__(self, dns: Dns) -> None:
        self._dns = dns
        self._lookups = 0

    def policy(self, domain: str) -> Policy:
        found = records(self._dns.texts(domain))
        if len(found) != 1:
            raise SpfError(f"{domain} has {len(found) or 'no'} SPF record{'s' if len(found) > 1 else ''}")
        before = self._lookups
        terms, target = parse(found[0], domain)
        included = {}
        for term in terms:
            if term.name in _LOOKING:
                self._count()
            if term.name == "include" and "%" not in term.domain:
                included[term.domain] = self.policy(term.domain)
        redirect = None
        # RFC 7208 section 6.1: beside an `all` it is not looked at.
        if target is not None and all(term.name != "all" for term in terms):
            self._count()
            redirect = self.policy(target) if "%" not in target else None
        return Policy(terms=terms, included=included, redirect=redirect, lookups=self._lookups - before)

    def _count(self) -> None:
        self._lookups += 1
        if self._lookups > MOST_LOOKUPS:
            raise SpfError(f"it needs more than {MOST_LOOKUPS} look-ups")


def parse(record: str, domain: str) -> tuple[tuple[Term, ...], str | None]:
    """The terms of a record, and where it redirects to.

    Raises:
        SpfError: A term is none.
    """
    terms: list[Term] = []
    redirect: str | None = None
    for word in record.split()[1:]:
        modifier = _MODIFIER.fullmatch(word)
        if modifier is None:
            terms.append(_term(word, domain))
        elif modifier[1].lower() == "redirect":
            if redirect is not None or not modifier[2]:
                raise SpfError(f"{word!r} cannot be read")
            redirect = modifier[2].lower()
    return tuple(terms), redirect


def _term(word: str, domain: str) -> Term:
    try:
        if match := _NETWORK.fullmatch(word):
            network = ipaddress.ip_network(match[3], strict=False)
            if f"ip{network.version}" == match[2].lower():
                return Term(qualifier=match[1] or "+", name=match[2].lower(), domain="", network=network)
        elif (match := _TERM.fullmatch(word)) and _is_whole(match):
            return Term(
                qualifier=match[1] or "+",
                name=match[2].lower(),
                domain=(match[3] or domain).lower().rstrip("."),
                v4=int(match[4] or 32),
                v6=int(match[5] or 128),
            )
    except ValueError:
        pass  # no network
    raise SpfError(f"{word!r} cannot be read")


def _is_whole(match: re.Match[str]) -> bool:
    """Whether a mechanism has what it needs, and nothing that means nothing there."""
    name, target, sized = match[2].lower(), match[3], match[4] or match[5]
    if name in ("include", "exists") and not target:
        return False
    if name == "all" and target:
        return False
    return not sized or (name in ("a", "mx") and int(match[4] or 0) <= 32 and int(match[5] or 0) <= 128)


def result(dns: Dns, policy: Policy, address: Address) -> str:
    """What becomes of a machine: pass, fail, softfail or neutral."""
    return _RESULTS[_qualifier(dns, policy, address)]


def _qualifier(dns: Dns, policy: Policy, address: Address) -> str:
    for term in policy.terms:
        if _matches(dns, policy, term, address):
            return term.qualifier
    return "?" if policy.redirect is None else _qualifier(dns, policy.redirect, address)


def _matches(dns: Dns, policy: Policy, term: Term, address: Address) -> bool:
    if term.name == "all":
        return True
    if term.network is not None:
        return address in term.network
    if "%" in term.domain or term.name == "ptr":
        return False
    if term.name == "include":
        return _qualifier(dns, policy.included[term.domain], address) == "+"
    if term.name == "exists":
        return bool(dns.addresses(term.domain))
    # RFC 7208 section 4.6.4: no more than ten hosts of an MX are looked up.
    hosts = [term.domain] if term.name == "a" else dns.mail_hosts(term.domain)[:MOST_LOOKUPS]
    length = term.v4 if address.version == 4 else term.v6
    near = ipaddress.ip_network(f"{address}/{length}", strict=False)
    return any(found in near for host in hosts if host for found in dns.addresses(host))


def judge(dns: Dns, domain: str, senders: Sequence[Address], *, own: bool) -> list[Finding]:
    """Look at the SPF record of the domain that bounces come back to: it is that one which receivers ask about.

    Args:
        senders: Addresses that mail comes from; none where they are not known.
        own: Whether these are surely the ones, rather than those of a provider's door for us.

    Raises:
        DnsError: Nobody answers.
    """
    texts = records(dns.texts(domain))
    if not texts:
        return [
            failed(
                "SPF",
                f"{domain} has no SPF record: nobody can tell who may send for it",
                f'put a TXT record at {domain}: "v=spf1 include:… -all", with what your relay names, or "v=spf1 ip4:ADDRESS -all"',
            )
        ]
    if len(texts) > 1:
        return [
            failed(
                "SPF",
                f"{domain} has {len(texts)} SPF records, so none counts",
                "join them to one: all their terms behind a single v=spf1",
            )
        ]
    try:
        policy = read(dns, domain)
    except SpfError as error:
        return [failed("SPF", f"the record of {domain} is broken: {error}", f"mend it; it says: {texts[0]}")]
    return [_default(domain, policy), *(_sender(dns, domain, policy, each, own=own) for each in senders)]


def _default(domain: str, policy: Policy) -> Finding:
    spent = f"{policy.lookups} of {MOST_LOOKUPS} look-ups"
    if policy.default == "+":
        return failed(
            "SPF", f"{domain} lets the whole world send for it (+all)", "let the record end in -all or ~all"
        )
    if policy.default == "?":
        return warning(
            "SPF",
            f"{domain} has a record, {spent}, that says nothing of machines it does not name",
            "let it end in -all or ~all",
        )
    return ok("SPF", f"{domain} has one record, {spent}, ending in {policy.default}all")


def _sender(dns: Dns, domain: str, policy: Policy, address: Address, *, own: bool) -> Finding:
    found = result(dns, policy, address)
    check = f"SPF of {address}"
    if found == "pass":
        return ok(check, f"may send for {domain}")
    says = f"may not send for {domain}: {found}"
    if own:
        return failed(check, says, f"add ip{address.version}:{address} to the record")
    return warning(
        check,
        f"{says}. It is where the relay takes mail; what it sends from may be another address",
        "ask who runs the relay which include: belongs into your record",
    )
