"""Where a source may be: judged by every address that its name has."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digest.sources.addresses import ForbiddenError, objection, resolved

PUBLIC = ["93.184.215.14", "1.1.1.1", "2606:4700:4700::1111"]
#: Let by `allow_private`.
PRIVATE = [
    "127.0.0.1",
    "127.255.255.254",
    "10.0.0.1",
    "172.16.0.1",
    "172.31.255.255",
    "192.168.1.1",
    "100.64.0.1",
    "100.127.255.255",
    "192.0.2.1",
    "198.18.0.1",
    "240.0.0.1",
    "255.255.255.255",
    "::1",
    "fc00::1",
    "fd12:3456:789a::1",
    "2001:db8::1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "::ffff:93.184.215.14",
    "::127.0.0.1",
    "64:ff9b::7f00:1",
    "64:ff9b::5db8:d70e",
    "64:ff9b:1::a00:1",
    "2002:7f00:1::",
    "2001:0:7f00:1::",
    "::ffff:0:127.0.0.1",
    "192.0.0.9",
    "fec0::1",
    "fec0::1%lo",
    "3fff::1",
]
NEVER = [
    "169.254.169.254",
    "169.254.0.1",
    "fe80::1",
    "fe80::1%lo",
    "::ffff:169.254.169.254",
    "::ffff:0:169.254.169.254",
    "::169.254.169.254",
    "64:ff9b::169.254.169.254",
    "64:ff9b:1::169.254.169.254",
    "2002:a9fe:a9fe::1",
    "2001:0:a9fe:a9fe::1",
    "2001:0:101:101::5601:5601",
    "100.100.100.200",
    "168.63.129.16",
    "192.0.0.192",
    "fd00:ec2::254",
    "fd20:ce::254",
    "224.0.0.1",
    "ff02::1",
    "0.0.0.0",
    "::",
    "::ffff:0.0.0.0",
]


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses(address: str) -> None:
    """An address of the public network is asked, whatever is allowed beside."""
    assert objection(address, allow_private=False) == ""
    assert objection(address, allow_private=True) == ""


@pytest.mark.parametrize("address", PRIVATE)
def test_private_addresses(address: str) -> None:
    """This machine, private networks, and whatever reaches IPv4 in disguise, take the operator's word."""
    assert "allow_private" in objection(address, allow_private=False)
    assert objection(address, allow_private=True) == ""


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("127.0.0.1", "a loopback address"),
        ("10.0.0.1", "a private address"),
        ("100.64.0.1", "a shared address of a provider"),
        ("240.0.0.1", "a private address"),
        ("::ffff:10.0.0.1", "an IPv4 address in the clothes of IPv6"),
        ("64:ff9b::7f00:1", "an address behind NAT64"),
        ("64:ff9b:1::a00:1", "an address behind NAT64"),
        ("2002:7f00:1::", "an address of a tunnel"),
        ("3fff::1", "an address of documents"),
        ("fec0::1", "a private address"),
        ("169.254.169.254", "a link-local address"),
        ("64:ff9b::a9fe:a9fe", "a link-local address"),
        ("168.63.129.16", "where a cloud tells its secrets"),
        ("224.0.0.1", "a multicast address"),
        ("0.0.0.0", "the unspecified address"),
    ],
)
def test_the_words_for_it(address: str, words: str) -> None:
    """The operator is told what kind of address was refused."""
    assert objection(address, allow_private=False).startswith(words)


@pytest.mark.parametrize("address", NEVER)
def test_addresses_of_no_source(address: str) -> None:
    """Link-local addresses, where clouds tell secrets, and those of nobody are refused even so."""
    assert objection(address, allow_private=False)
    assert objection(address, allow_private=True)


@given(st.ip_addresses())
def test_what_is_not_global_is_refused(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> None:
    """Whatever the standard library does not call global is refused, and so is all that is written within IPv6."""
    if not address.is_global:
        assert objection(str(address), allow_private=False)
    if isinstance(address, ipaddress.IPv4Address):
        for inside in (f"::ffff:{address}", f"::{address}", f"64:ff9b::{address}"):
            assert objection(inside, allow_private=False)


def answering(*addresses: str) -> Any:
    """A look-up that gives these addresses for every name."""

    def resolve(host: str, port: int, **_kind: object) -> Sequence[tuple[Any, ...]]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in addresses]

    return resolve


def test_every_address_counts() -> None:
    """One private address among public ones refuses the name; else they come in order, each once."""
    found = resolved("x", 1, resolve=answering("1.1.1.1", "1.0.0.1", "1.1.1.1"), allow_private=False)
    assert found == ["1.1.1.1", "1.0.0.1"]
    for mixed in (("1.1.1.1", "127.0.0.1"), ("127.0.0.1", "1.1.1.1")):
        with pytest.raises(ForbiddenError, match=r"127\.0\.0\.1 is a loopback address"):
            resolved("x", 1, resolve=answering(*mixed), allow_private=False)


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "127.1", "2130706433", "0x7f000001", "0x7f.1", "0177.0.0.1", "::1", "localhost"]
)
def test_spellings_of_this_machine(host: str) -> None:
    """The system's own look-up reads every spelling of an address, and what it reads is judged."""
    with pytest.raises(ForbiddenError, match="loopback"):
        resolved(host, 443, resolve=socket.getaddrinfo, allow_private=False)


@pytest.mark.parametrize("host", ["a" * 64, "a..b", ".", ""])
def test_names_that_are_none(host: str) -> None:
    """A name that cannot be looked up is an error of the network, or nothing that is asked."""
    with pytest.raises((OSError, ForbiddenError)):
        resolved(host, 443, resolve=socket.getaddrinfo, allow_private=False)
