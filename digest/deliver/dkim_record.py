"""Whether what the DNS says of a DKIM key is that key (RFC 6376 section 3.6.1, RFC 8463)."""

from __future__ import annotations

import re
from collections.abc import Sequence

from digest.deliver.dns import tags


def wrong_with(texts: Sequence[str], *, key_type: str, public: str) -> str | None:
    """What is wrong with the TXT records at a selector; None where verifiers find the key.

    Args:
        key_type: `rsa` or `ed25519`.
        public: The public key, as `p=` has it.
    """
    if not texts:
        return "there is no such record"
    if len(texts) > 1:
        return f"there are {len(texts)} TXT records where one has to be, and which of them counts is left to chance"
    try:
        found = tags(texts[0])
    except ValueError as error:
        return f"it cannot be read: {error}"
    if found.get("v", "DKIM1") != "DKIM1" or "p" not in found:
        return "it is no DKIM record"
    published = re.sub(r"\s", "", found["p"])
    if not published:
        return "its key is revoked (p= is empty)"
    if found.get("k", "rsa") != key_type:
        return f"it says k={found.get('k', 'rsa')}, and the key is {key_type}"
    if published != public:
        return "it holds another key: the private key does not fit to it"
    if "sha256" not in [name.strip() for name in found.get("h", "sha256").split(":")]:
        return f"it allows h={found['h']} alone, and mails are signed with sha256"
    if not {"*", "email"} & {name.strip() for name in found.get("s", "*").split(":")}:
        return f"it is for s={found['s']}, not for mail"
    return None


def is_testing(text: str) -> bool:
    """Whether a record asks verifiers to make nothing of a bad signature, nor of a good one."""
    return "y" in [flag.strip() for flag in tags(text).get("t", "").split(":")]
