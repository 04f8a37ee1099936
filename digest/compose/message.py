"""The RFC 5322 bytes of one mail, and what they are made of."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """Bytes that are ready for the wire: CRLF, no line over 998, no line that starts with a dot."""

    sender: str  #: envelope sender (VERP return path)
    recipient: str  #: envelope recipient
    data: bytes
    #: Put together of pieces that were each held to that. Else the relay looks through all of it: 21 µs for 54 KB.
    sound: bool = False


class Unsigned(NamedTuple):
    """What signatures are made of."""

    signed_by: str  #: selectors; none of a mail that is not signed
    headers: bytes  #: the block, each field ending in CRLF
    body_hash: bytes  #: SHA-256 of the body
    at: dt.datetime  #: when the mail was planned


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A mail that is composed and not signed yet: signing takes ten times as long, and can be done elsewhere."""

    sender: str
    recipient: str
    unsigned: Unsigned
    body: bytes
    sound: bool = False
    sign: Callable[[Unsigned], bytes] = field(repr=False)  #: gives the signatures, as header lines

    def sealed(self, signatures: bytes | None = None) -> tuple[Message, str]:
        """Put the signatures in front; returns the mail with a hash of its bytes, by which a later try is compared.

        The body, which is most of it, is hashed once for both.

        Args:
            signatures: As `sign` gives them; it is asked here where there are none.

        Raises:
            SettingsError: A key that signs this mail cannot be had.
        """
        if signatures is None:
            signatures = self.sign(self.unsigned)
        head = b"%b%b\r\n" % (signatures, self.unsigned.headers)
        message = Message(
            sender=self.sender, recipient=self.recipient, data=head + self.body, sound=self.sound
        )
        return message, hashlib.sha256(head + self.unsigned.body_hash).hexdigest()
