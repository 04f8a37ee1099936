"""The DNS, asked by dnspython: of the servers in the settings, or of the machine's own."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import dns.exception
import dns.name
import dns.nameserver
import dns.resolver
import dns.reversename

from digest.errors import DnsError

if TYPE_CHECKING:
    from digest.deliver.dns import Address

#: After so many questions without an answer no other is asked: each would take its whole time.
_PATIENCE = 3
#: Taken in one datagram: the record of a long key does not fit into the 512 of old.
_UDP_BYTES = 1232


class Resolver:
    """Asks, remembers, and gives up where nobody answers; see `digest.deliver.dns.Dns`.

    Args:
        servers: HOST:PORT each, the host an address; the machine's own if there are none.
        timeout_s: For one question, whatever it takes.
    """

    def __init__(self, servers: Sequence[tuple[str, int]], *, timeout_s: float) -> None:
        self._timeout_s = timeout_s
        self._known: dict[tuple[str, str], list[Any]] = {}
        self._unanswered = 0
        try:
            self._resolver = dns.resolver.Resolver(configure=not servers)
        except dns.exception.DNSException as error:
            raise DnsError("this machine names no name servers: set dns.servers") from error
        self._resolver.use_edns(0, 0, _UDP_BYTES)
        if servers:
            self._resolver.nameservers = [dns.nameserver.Do53Nameserver(*each) for each in servers]

    def texts(self, name: str) -> list[str]:
        return [b"".join(record.strings).decode("utf-8", "replace") for record in self._ask(name, "TXT")]

    def addresses(self, name: str) -> list[Address]:
        found = [*self._ask(name, "A"), *self._ask(name, "AAAA")]
        return [ipaddress.ip_address(record.address) for record in found]

    def mail_hosts(self, name: str) -> list[str]:
        found = sorted((record.preference, _text(record.exchange)) for record in self._ask(name, "MX"))
        return [host for _, host in found]

    def names(self, address: Address) -> list[str]:
        reverse = dns.reversename.from_address(str(address)).to_text()
        return sorted(_text(record.target) for record in self._ask(reverse, "PTR"))

    def _ask(self, name: str, kind: str) -> list[Any]:
        key = name.lower().rstrip("."), kind
        if key not in self._known:
            self._known[key] = self._answer(name, kind)
        return self._known[key]

    def _answer(self, name: str, kind: str) -> list[Any]:
        if self._unanswered >= _PATIENCE:
            raise DnsError("no name server answers")
        try:
            answer = self._resolver.resolve(
                name, kind, lifetime=self._timeout_s, search=False, raise_on_no_answer=False
            )
        except dns.resolver.NXDOMAIN:
            return []
        except dns.exception.Timeout as error:
            self._unanswered += 1
            raise DnsError(f"{name} {kind}: no answer within {self._timeout_s:g} s") from error
        except dns.resolver.NoNameservers as error:
            raise DnsError(f"{name} {kind}: the name servers fail (SERVFAIL)") from error
        except (dns.exception.DNSException, ValueError) as error:
            raise DnsError(f"{name} {kind}: cannot be asked for: {error}") from error
        return list(answer.rrset or ())


def _text(name: dns.name.Name) -> str:
    return name.to_text(omit_final_dot=True).rstrip(".").lower()
