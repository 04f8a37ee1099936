"""What is asked of the DNS, and the tag lists that DKIM and DMARC write there."""

from __future__ import annotations

import ipaddress
import re
from typing import Protocol

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_TAG = re.compile(r"\s*([A-Za-z][A-Za-z0-9_]*)\s*=\s*(.*?)\s*", re.DOTALL)


class Dns(Protocol):
    """A resolver. What is not there is an empty list.

    Each method raises `DnsError` where nobody answers, or the answer is that of a broken server.
    """

    def texts(self, name: str) -> list[str]:
        """The TXT records of a name, the strings of each joined."""
        ...

    def addresses(self, name: str) -> list[Address]:
        """Its IPv4 and IPv6 addresses."""
        ...

    def mail_hosts(self, name: str) -> list[str]:
        """The hosts of its MX records, best first; "" for a null MX (RFC 7505)."""
        ...

    def names(self, address: Address) -> list[str]:
        """The names of its PTR records."""
        ...


def tags(text: str) -> dict[str, str]:
    """A tag list, `v=DKIM1; k=rsa`, names in lower case (RFC 6376 section 3.2).

    Raises:
        ValueError: It is none, or a tag stands there twice.
    """
    found: dict[str, str] = {}
    for part in text.split(";"):
        if not part.strip():
            continue
        match = _TAG.fullmatch(part)
        if match is None:
            raise ValueError(f"{part.strip()!r} is no tag=value")
        name = match[1].lower()
        if name in found:
            raise ValueError(f"the tag {name} stands there twice")
        found[name] = match[2]
    return found
