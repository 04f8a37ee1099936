"""Which addresses of the network a source may be at.

A name is looked up once, every address that it has is checked, and a checked one is connected to: a name that
answers differently at its second look-up gains nothing.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Callable, Sequence
from typing import Any

#: As `socket.getaddrinfo`, called with host, port and `type=`.
Resolve = Callable[..., Sequence[tuple[Any, ...]]]

_Address = ipaddress.IPv4Address | ipaddress.IPv6Address

# RFC 6598; not "private" to the standard library, which calls it neither that nor global.
_SHARED = ipaddress.ip_network("100.64.0.0/10")
# RFC 6890 gives it to protocols, not to pages; clouds answer within it, and releases of the standard library
# before 3.11.9 call most of it global. So they do what RFC 9637 and 3879 gave to documents and to sites.
_PROTOCOLS = ipaddress.ip_network("192.0.0.0/24")
_DOCUMENTS = ipaddress.ip_network("3fff::/20")
_SITES = ipaddress.ip_network("fec0::/10")
# Where clouds tell their machines secrets, beside 169.254.169.254: Alibaba, Amazon, Azure, Google, Oracle.
_CLOUDS = tuple(
    ipaddress.ip_network(address)
    for address in ("100.100.100.200", "fd00:ec2::254", "168.63.129.16", "fd20:ce::254", "192.0.0.192")
)
# RFC 6052 and 8215: these reach IPv4 addresses that a look at the first bits does not show.
_NAT64 = (ipaddress.ip_network("64:ff9b::/96"), ipaddress.ip_network("64:ff9b:1::/48"))
# RFC 2765: so do these.
_TRANSLATED = ipaddress.ip_network("::ffff:0:0:0/96")
# RFC 4291: and so did the addresses "compatible" with IPv4.
_COMPATIBLE = ipaddress.ip_network("::/96")
# RFC 3056 and 4380: so do 6to4 and Teredo, which do not write it at the end.
_TUNNELS = (ipaddress.ip_network("2002::/16"), ipaddress.ip_network("2001::/32"), _COMPATIBLE)


class ForbiddenError(Exception):
    """A host has an address at which no source may be; the words name it and say why."""


def resolved(host: str, port: int, *, resolve: Resolve, allow_private: bool) -> list[str]:
    """The addresses of a host, all of them checked, in the order of the look-up.

    Args:
        host: A name, or an address in any spelling that the system's look-up knows (`127.1`, `0x7f000001`).
        allow_private: Whether it may be on this machine or in a private network.

    Raises:
        ForbiddenError: One of them is not to be asked, whatever the others.
        OSError: The look-up failed.
    """
    try:
        rows = resolve(host, port, type=socket.SOCK_STREAM)
    except UnicodeError as error:  # a label that is empty, or longer than 63 characters
        raise OSError("no name of a host") from error
    addresses = list(dict.fromkeys(str(row[4][0]) for row in rows))
    for address in addresses:
        if reason := objection(address, allow_private=allow_private):
            raise ForbiddenError(f"{address} is {reason}")
    return addresses


def objection(address: str, *, allow_private: bool) -> str:
    """Why an address is not asked, in words; "" where it is.

    Link-local addresses are refused whatever is allowed, in whatever clothes: behind 169.254.169.254 the
    machines of a cloud are told their secrets, and no source is there.
    """
    found = ipaddress.ip_address(address)
    for reason, applies in _NEVER:
        if applies(found):
            return reason
    for reason, applies in _PRIVATE:
        if not allow_private and applies(found):
            return f"{reason} (allow_private = true lets it)"
    return "" if allow_private or found.is_global else "not an address of the public network"


def _mapped(address: _Address) -> bool:
    return isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None


def _within(*networks: ipaddress.IPv4Network | ipaddress.IPv6Network) -> Callable[[_Address], bool]:
    return lambda address: any(address in network for network in networks)


def _inner(address: _Address) -> list[_Address]:
    """The address, and those of IPv4 that it may stand for."""
    if isinstance(address, ipaddress.IPv4Address):
        return [address]
    last = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    written = [last] if address.ipv4_mapped or _WRITTEN_LAST(address) else []
    tunnelled = [found for found in (address.sixtofour, *(address.teredo or ())) if found]
    return [address, *written, *tunnelled]


_WRITTEN_LAST = _within(_TRANSLATED, _COMPATIBLE, *_NAT64)


def _anywhere(applies: Callable[[_Address], bool]) -> Callable[[_Address], bool]:
    return lambda address: any(map(applies, _inner(address)))


_NEVER: tuple[tuple[str, Callable[[_Address], bool]], ...] = (
    ("a link-local address", _anywhere(lambda address: address.is_link_local)),
    ("where a cloud tells its secrets", _anywhere(_within(*_CLOUDS))),
    ("a multicast address", _anywhere(lambda address: address.is_multicast)),
    ("the unspecified address", _anywhere(lambda address: address.is_unspecified)),
)
_PRIVATE: tuple[tuple[str, Callable[[_Address], bool]], ...] = (
    ("an IPv4 address in the clothes of IPv6", _mapped),
    ("a loopback address", lambda address: address.is_loopback),
    ("a shared address of a provider", _within(_SHARED)),
    ("an address behind NAT64", _within(*_NAT64)),
    ("an address of a tunnel", _within(*_TUNNELS)),
    ("a private address", lambda address: address.is_private),
    ("a private address", _within(_PROTOCOLS, _SITES)),
    ("an address of documents", _within(_DOCUMENTS)),
    ("a reserved address", lambda address: address.is_reserved),
)
