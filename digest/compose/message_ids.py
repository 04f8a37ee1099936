"""Message-IDs: the same at every try, nothing personal in them, and readable by who has the key.

A relay that reports a bounce by HTTP names the mail by its Message-ID. An index of all of them would cost every planned
mail a page of its own, for they are in no order; so the id itself says which mail it is, encrypted.
"""

from __future__ import annotations

import base64
import datetime as dt
import hmac
import re
import struct
from dataclasses import dataclass

from digest.errors import TokenError

#: What is signed and hidden: the date, the number of the subscriber (or of an alarm), and the kind by name.
_WHAT = struct.Struct(">IQ")
_MAC_BYTES, _KIND_BYTES = 16, 8
_ID = re.compile(r"<?([a-z2-7]{58})@[^\s<>@]{1,253}>?", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Identified:
    """The mail that a Message-ID stands for."""

    kind: str  #: value of `deliver.delivery.Kind`
    local_date: dt.date
    subscriber_id: int  #: of an alarm: its number


def message_id(*, kind: str, local_date: dt.date, subscriber_id: int, key: bytes, domain: str) -> str:
    """The Message-ID of a delivery.

    Args:
        kind: Value of `deliver.delivery.Kind`, at most eight letters.
        key: A secret; without it nobody can tell from the id whose mail it was, nor make another.
        domain: Of the sender's address.

    Source:
        The construction of SIV (RFC 5297): a MAC of what is hidden is the nonce that it is hidden by.
    """
    what = _WHAT.pack(local_date.toordinal(), subscriber_id) + kind.encode().ljust(_KIND_BYTES)
    mac = _mac(key, what)
    # Base32 rather than base64: mail servers fold the case of an id now and then.
    coded = base64.b32encode(mac + _hide(key, mac, what)).decode().rstrip("=").lower()
    return f"<{coded}@{domain}>"


def read_message_id(text: str, key: bytes) -> Identified:
    """The mail that an id stands for, with or without angle brackets.

    Raises:
        TokenError: It is none of ours.
    """
    found = _ID.fullmatch(text.strip())
    if found is None:
        raise TokenError("this Message-ID is not one of ours")
    raw = base64.b32decode(found[1].upper() + "======")
    mac, hidden = raw[:_MAC_BYTES], raw[_MAC_BYTES:]
    what = _hide(key, mac, hidden)
    if not hmac.compare_digest(mac, _mac(key, what)):
        raise TokenError("this Message-ID is not one of ours")
    day, subscriber_id = _WHAT.unpack(what[: _WHAT.size])
    kind = what[_WHAT.size :].decode().rstrip()
    return Identified(kind=kind, local_date=dt.date.fromordinal(day), subscriber_id=subscriber_id)


def _mac(key: bytes, what: bytes) -> bytes:
    return hmac.digest(key, b"message-id|" + what, "sha256")[:_MAC_BYTES]


def _hide(key: bytes, mac: bytes, what: bytes) -> bytes:
    """Encrypt, or decrypt."""
    pad = hmac.digest(key, b"message-id hidden|" + mac, "sha256")
    return bytes(one ^ other for one, other in zip(what, pad[: len(what)], strict=True))
