"""Whose address a request comes from, whatever it says itself."""

from __future__ import annotations

import ipaddress

import pytest
from starlette.requests import Request

from digest.settings import WebSettings
from digest.store.database import Database
from digest.web.clients import UNKNOWN, client, limit_key
from digest.web.site import Site
from tests.factories import make_app

PROXIES = ("10.0.0.0/8", "192.0.2.1", "2001:db8:1::/48")


@pytest.mark.parametrize(
    ("peer", "forwarded", "found"),
    [
        # Nobody in between.
        ("198.51.100.7", [], "198.51.100.7"),
        ("2001:db8::7", [], "2001:db8::7"),
        # Of a stranger nothing is believed.
        ("198.51.100.7", ["203.0.113.9"], "198.51.100.7"),
        ("198.51.100.7", ["10.0.0.1", "10.0.0.2"], "198.51.100.7"),
        # One proxy of ours, or several: the first address from the right that is none of them.
        ("10.0.0.1", ["203.0.113.9"], "203.0.113.9"),
        ("192.0.2.1", ["203.0.113.9, 10.1.2.3"], "203.0.113.9"),
        ("10.0.0.1", ["203.0.113.9", "10.1.2.3"], "203.0.113.9"),
        ("10.0.0.1", ["203.0.113.9,10.1.2.3 , 10.3.2.1"], "203.0.113.9"),
        ("2001:db8:1::1", ["2001:db8:2::9"], "2001:db8:2::9"),
        # What the client wrote before its own address is hearsay.
        ("10.0.0.1", ["127.0.0.1, 203.0.113.9"], "203.0.113.9"),
        ("10.0.0.1", ["10.0.0.9, 203.0.113.9"], "203.0.113.9"),
        ("10.0.0.1", ["198.51.100.1", "203.0.113.9"], "203.0.113.9"),
        # All are ours, or none is named: the farthest of ours.
        ("10.0.0.1", ["10.0.0.3, 10.0.0.2"], "10.0.0.3"),
        ("10.0.0.1", [], "10.0.0.1"),
        # What cannot be read ends the walk at the last good one.
        ("10.0.0.1", [""], "10.0.0.1"),
        ("10.0.0.1", ["unknown"], "10.0.0.1"),
        ("10.0.0.1", ["203.0.113.9, <script>"], "10.0.0.1"),
        ("10.0.0.1", ["203.0.113.9, _hidden, 10.0.0.2"], "10.0.0.2"),
        ("10.0.0.1", ["203.0.113.9,"], "10.0.0.1"),
        ("10.0.0.1", ["203.0.113.999"], "10.0.0.1"),
        ("10.0.0.1", ["203.0.113.9\r\n"], "203.0.113.9"),
        # IPv4 by its IPv6 name is IPv4, as client and as proxy.
        ("::ffff:198.51.100.7", [], "198.51.100.7"),
        ("::ffff:10.0.0.1", ["::ffff:203.0.113.9"], "203.0.113.9"),
        # Some proxies write ports.
        ("10.0.0.1", ["203.0.113.9:4711"], "203.0.113.9"),
        ("10.0.0.1", ["[2001:db8::9]:4711"], "2001:db8::9"),
        ("10.0.0.1", ["2001:db8::9:4711"], "2001:db8::9:4711"),
        # No peer at all, as on a UNIX socket.
        (None, [], UNKNOWN),
        ("testclient", ["203.0.113.9"], UNKNOWN),
    ],
)
def test_the_client(peer: str | None, forwarded: list[str], found: str) -> None:
    """X-Forwarded-For counts from a configured proxy alone, and from right to left as far as proxies are ours."""
    assert client(peer, forwarded, [ipaddress.ip_network(network) for network in PROXIES]) == found


@pytest.mark.parametrize(
    ("address", "key"),
    [
        ("203.0.113.9", "203.0.113.9"),
        ("2001:db8:0:7::1", "2001:db8:0:7::/64"),
        ("2001:db8:0:7:ffff:ffff:ffff:ffff", "2001:db8:0:7::/64"),
        ("2001:db8:0:8::1", "2001:db8:0:8::/64"),
        (UNKNOWN, "0.0.0.0"),
    ],
)
def test_what_is_counted_together(address: str, key: str) -> None:
    """An IPv4 address counts for itself, an IPv6 address with its whole /64."""
    assert limit_key(address) == key


@pytest.mark.parametrize(("proxies", "found"), [((), "10.0.0.1"), (("10.0.0.0/8",), "203.0.113.9")])
def test_the_settings_name_the_proxies(
    sqlite_database: Database, tmp_path_factory: pytest.TempPathFactory, proxies: tuple[str, ...], found: str
) -> None:
    """`Site` believes the proxies of web.proxies, and puts the client into the evidence."""
    app = make_app(sqlite_database, tmp_path_factory.mktemp("site"), web=WebSettings(proxies=proxies))
    headers = [(b"x-forwarded-for", b"198.51.100.1"), (b"x-forwarded-for", b"203.0.113.9")]
    request = Request({"type": "http", "client": ("10.0.0.1", 5), "headers": headers})
    site = Site.of(app)
    assert site.client(request) == found
    assert (site.evidence(request).ip, site.evidence(request, "api").method) == (found, "api")
