"""Who asks: the address of a client, by the word of configured proxies alone."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Sequence

from digest.settings import Network

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

#: Stands for a client whose address is not known, as on a UNIX socket: all such share their limits.
UNKNOWN = "0.0.0.0"  # noqa: S104 - a key to count by, never an address to listen on
#: Some proxies write the client's port too: 192.0.2.7:1234, [2001:db8::7]:1234.
_WITH_PORT = re.compile(r"(?:(\d+\.\d+\.\d+\.\d+)|\[([^\]]+)\]):\d{1,5}")


def client(peer: str | None, forwarded: Sequence[str], proxies: Sequence[Network]) -> str:
    """The address of the client.

    Each proxy appends who called it, so only the right end of the list can be believed: we walk from there over
    our own proxies, and the first address that is none of them is the client. What stands left of it is hearsay.

    Args:
        peer: The other end of the connection.
        forwarded: All values of X-Forwarded-For, in their order.
        proxies: Networks of our proxies.

    Returns:
        An address; the one of the last proxy where what it says cannot be read.
    """
    found = _address(peer or "")
    if found is None:
        return UNKNOWN
    hops = ",".join(forwarded).split(",") if forwarded else []
    for hop in reversed(hops):
        if not _is_proxy(found, proxies):
            break
        said = _address(hop)
        if said is None:
            break
        found = said
    return str(found)


def limit_key(address: str) -> str:
    """What a client's requests are counted under: an IPv4 address, or the /64 that one IPv6 household has."""
    found = ipaddress.ip_address(address)
    if isinstance(found, ipaddress.IPv6Address):
        return str(ipaddress.ip_network((int(found), 64), strict=False))
    return str(found)


def _is_proxy(address: Address, proxies: Sequence[Network]) -> bool:
    return any(address in network for network in proxies)


def _address(text: str) -> Address | None:
    text = text.strip()
    with_port = _WITH_PORT.fullmatch(text)
    try:
        found = ipaddress.ip_address(with_port[1] or with_port[2] if with_port else text)
    except ValueError:
        return None
    # A dual-stack socket shows IPv4 as ::ffff:192.0.2.7; it is one client under either name.
    mapped = found.ipv4_mapped if isinstance(found, ipaddress.IPv6Address) else None
    return mapped or found
