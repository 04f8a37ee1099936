"""What a domain asks receivers to do with mail that is not its own (RFC 7489)."""

from __future__ import annotations

from collections.abc import Iterator

from digest.deliver.dns import Dns, tags
from digest.deliver.finding import Finding, failed, ok, warning

_POLICIES = {
    "none": "p=none: receivers report what they see, and let all of it in",
    "quarantine": "p=quarantine: what is not yours is put aside",
    "reject": "p=reject: what is not yours is refused",
}
#: Where we do not sign, passing hangs on what the relay signs for.
_RELAY_SIGNS = "look into a mail to yourself for dkim=pass with header.d of your domain; or let digest sign: `digest dkim keygen`"


def judge(dns: Dns, domain: str, *, bounces_to: str, signed_here: bool) -> Finding:
    """Look at the DMARC record of the sender's domain, or at that of a domain above it.

    Args:
        bounces_to: The domain of return paths, which SPF is asked about.
        signed_here: Whether we sign, for this very domain; else the relay does, for a domain that is not known.

    Raises:
        DnsError: Nobody answers.
    """
    for name in _names(domain):
        found = [text for text in dns.texts(name) if text.replace(" ", "").startswith("v=DMARC1")]
        if found:
            above = name != f"_dmarc.{domain}"
            return _judged(name, found, domain, above=above, bounces_to=bounces_to, signed_here=signed_here)
    return failed(
        "DMARC",
        f"there is no record at _dmarc.{domain}: large receivers ask every sender for one",
        f'put a TXT record at _dmarc.{domain}: "v=DMARC1; p=none; rua=mailto:ADDRESS", with where reports are to go',
    )


def _names(domain: str) -> Iterator[str]:
    """Where a record may stand: at the domain, else above it, as far up as two labels."""
    labels = domain.split(".")
    for start in range(max(1, len(labels) - 1)):
        yield f"_dmarc.{'.'.join(labels[start:])}"


def _judged(
    name: str, found: list[str], domain: str, *, above: bool, bounces_to: str, signed_here: bool
) -> Finding:
    if len(found) > 1:
        return failed(
            "DMARC",
            f"{name} has {len(found)} records, so none counts",
            "leave one of them, take the others away",
        )
    try:
        said = tags(found[0])
    except ValueError as error:
        return failed("DMARC", f"{name} cannot be read: {error}", 'write it as "v=DMARC1; p=none"')
    policy = (said.get("sp") if above else None) or said.get("p", "")
    if policy.lower() not in _POLICIES:
        return failed(
            "DMARC", f"{name} says p={policy}, which is no policy", "let p be none, quarantine or reject"
        )
    words = f"{name}: {_POLICIES[policy.lower()]}"
    if signed_here:
        return ok("DMARC", f"{words}. Our mail passes: it is signed for the very domain of From")
    if said.get("adkim", "r").lower() == "s":
        return warning(
            "DMARC",
            f"{words}. It wants signatures for the very domain of From (adkim=s), and the relay signs",
            _RELAY_SIGNS,
        )
    if not _aligned(domain, bounces_to, strict=said.get("aspf", "r").lower() == "s"):
        return warning(
            "DMARC",
            f"{words}. SPF is asked about {bounces_to}, which does not count for {domain}, and the relay signs",
            _RELAY_SIGNS,
        )
    return ok(
        "DMARC", f"{words}. It passes by SPF, or by the relay's signature where that is for your domain"
    )


def _aligned(domain: str, other: str, *, strict: bool) -> bool:
    """Whether one stands for the other; two below a third, which may be one owner's, are not taken for that."""
    if strict:
        return domain == other
    return f".{domain}".endswith(f".{other}") or f".{other}".endswith(f".{domain}")
