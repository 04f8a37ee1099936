"""The RFC 5322 bytes of one mail, and what they are made of."""

from __future__ import annotations

import datetime as dt
import hashlib
from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """Bytes that are ready for the wire: CRLF, no line over 998, no line that starts with a dot."""

    sender: str  #: envelope sender (VERP return path)
    recipient: str  #: envelope recipient
    data: bytes
    #: Put together of pieces that were each held to that. Else the relay looks through all of it: 21 µs for 54 KB.
    sound: bool = False


class Signing(Protocol):
    """Gives the signatures of a mail as headers that go in front of its own."""

    def __call__(self, signed_by: str, headers: bytes, body_hash: bytes, at: dt.datetime) -> bytes: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A mail that is composed and not signed yet.

    Signing takes ten times as long as composing, and lets go of the interpreter: it is left to another thread.
    """

    sender: str
    recipient: str
    headers: bytes  #: the block, each field ending in CRLF
    body: bytes
    sound: bool = False
    signed_by: str = ""  #: selectors; none of a mail that is not signed
    planned_at: dt.datetime
    signing: Signing = field(repr=False)

    def sealed(self) -> tuple[Message, str]:
        """Sign the mail; returns it with a hash of its bytes, by which a later try is compared.

        The body, which is most of it, is hashed once for both.

        Raises:
            SettingsError: A key that signs this mail cannot be had.
        """
        body_hash = hashlib.sha256(self.body).digest()
        signatures = self.signing(self.signed_by, self.headers, body_hash, self.planned_at)
        head = b"%b%b\r\n" % (signatures, self.headers)
        message = Message(
            sender=self.sender, recipient=self.recipient, data=head + self.body, sound=self.sound
        )
        return message, hashlib.sha256(head + body_hash).hexdigest()
