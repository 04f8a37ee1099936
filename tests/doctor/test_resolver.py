"""The resolver against a real DNS server, with every fault that it can have."""

from __future__ import annotations

import ipaddress

import pytest

from digest.doctor.resolver import Resolver
from digest.errors import DnsError
from tests.dns_server import SERVFAIL, SILENCE, DnsServer


def test_records(server: DnsServer, dns: Resolver) -> None:
    """Texts are joined of their strings, mail hosts come best first, addresses of both kinds, names without a dot."""
    server.zone = {
        ("example.org", "TXT"): ["x" * 600, 'with "quotes" and \\'],
        ("example.org", "MX"): ["20 b.example.org.", "10 A.example.org."],
        ("a.example.org", "A"): ["203.0.113.7"],
        ("a.example.org", "AAAA"): ["2001:db8::7"],
        ("null.example.org", "MX"): ["0 ."],
        ("7.113.0.203.in-addr.arpa", "PTR"): ["A.example.org."],
    }
    assert sorted(dns.texts("example.org")) == ['with "quotes" and \\', "x" * 600]
    assert dns.mail_hosts("example.org") == ["a.example.org", "b.example.org"]
    assert dns.mail_hosts("null.example.org") == [""]
    assert list(map(str, dns.addresses("a.example.org"))) == ["203.0.113.7", "2001:db8::7"]
    assert dns.names(ipaddress.ip_address("203.0.113.7")) == ["a.example.org"]


def test_aliases(server: DnsServer, dns: Resolver) -> None:
    """A CNAME is followed to the records of its target."""
    server.zone = {
        ("s._domainkey.example.org", "CNAME"): ["s.keys.example.net"],
        ("s.keys.example.net", "TXT"): ["p=QUJD"],
    }
    assert dns.texts("s._domainkey.example.org") == ["p=QUJD"]
    assert dns.texts("example.net") == []


def test_what_is_not_there(server: DnsServer, dns: Resolver) -> None:
    """No such name, and no such record of a name that is there, are both an empty list."""
    server.zone = {("example.org", "A"): ["203.0.113.7"]}
    assert dns.texts("example.org") == dns.texts("gone.example.org") == []


def test_asked_once(server: DnsServer, dns: Resolver) -> None:
    """What was answered is remembered, whatever the letters and the dot at the end."""
    server.zone = {("example.org", "TXT"): ["words"]}
    assert dns.texts("example.org") == dns.texts("EXAMPLE.org.") == ["words"]
    assert dns.texts("gone.example.org") == dns.texts("gone.example.org") == []
    assert len(server.asked) == 2


def test_a_broken_server(server: DnsServer, dns: Resolver) -> None:
    """SERVFAIL is no answer, and not taken for "there is none"."""
    server.zone = {("example.org", "TXT"): SERVFAIL}
    with pytest.raises(DnsError, match=r"example\.org TXT: the name servers fail \(SERVFAIL\)"):
        dns.texts("example.org")


def test_silence(server: DnsServer) -> None:
    """A server that does not answer is waited for, three times at most; then no other question takes time."""
    dns = Resolver([("127.0.0.1", server.port)], timeout_s=0.05)
    names = [f"{number}.example.org" for number in range(5)]
    server.zone = {(name, "TXT"): SILENCE for name in names}
    for name in names[:3]:
        with pytest.raises(DnsError, match=rf"{name} TXT: no answer within 0\.05 s"):
            dns.texts(name)
    for name in names[3:]:
        with pytest.raises(DnsError, match="no name server answers"):
            dns.texts(name)
    assert {name for name, _ in server.asked} == set(names[:3])


@pytest.mark.parametrize("name", ["a..b", "x" * 64 + ".example.org", ".".join(["x" * 60] * 5)])
def test_names_that_cannot_be(dns: Resolver, name: str) -> None:
    """What is no name is told, not asked for."""
    with pytest.raises(DnsError, match="cannot be asked for"):
        dns.texts(name)


def test_the_machines_own() -> None:
    """Without servers in the settings the machine's are taken, or told to be missing."""
    try:
        resolver = Resolver([], timeout_s=1)
    except DnsError as error:
        assert "set dns.servers" in str(error)
    else:
        assert resolver._resolver.nameservers
