"""DKIM keys of the tests, made once a process, and what stands of them in the DNS."""

from __future__ import annotations

from functools import cache

from cryptography.hazmat.primitives.asymmetric import ed25519, rsa

from digest.compose.dkim import Dkim, DkimKey, made_key

RSA_NAME, SECOND_NAME, LONG_NAME = "2026a", "2026a-ed25519", "2026.long"
BOTH = f"{RSA_NAME} {SECOND_NAME}"


@cache
def key(selector: str) -> DkimKey:
    """The key of a selector: Ed25519 where that says so, else RSA."""
    if selector == SECOND_NAME:
        return made_key(selector, ed25519.Ed25519PrivateKey.generate())
    return made_key(selector, rsa.generate_private_key(65537, 4096 if selector == LONG_NAME else 2048))


def dkim_of(domain: str = "example.org") -> Dkim:
    """Signs by them."""
    return Dkim(domain, key)


def records(*selectors: str, domain: str = "example.org") -> dict[str, str]:
    """The DNS records of these keys."""
    return {f"{name}._domainkey.{domain}": key(name).record for name in selectors}
