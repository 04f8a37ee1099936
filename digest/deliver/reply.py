"""What a relay answered, and at which step."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Step(StrEnum):
    """The steps of handing one message over, in order."""

    CONNECT = "connect"
    EHLO = "ehlo"
    STARTTLS = "starttls"
    AUTH = "auth"
    MAIL = "mail"
    RCPT = "rcpt"
    DATA = "data"  #: the command; the answer to wait for is 354
    BODY = "body"  #: the message's bytes, before the final dot has left
    DOT = "dot"  #: the final dot has left: from here on the relay may have the message


#: Up to MAIL nothing has been said about a reader, and no destination was named: what goes wrong there is the site's.
UP_TO_MAIL: Final = frozenset({Step.CONNECT, Step.EHLO, Step.STARTTLS, Step.AUTH, Step.MAIL})


class Silence(StrEnum):
    """Why there is no reply code."""

    CLOSED = "closed"  #: the connection broke
    TIMEOUT = "timeout"  #: the deadline of the step, or of the message, went by
    GARBAGE = "garbage"  #: something that is no SMTP reply
    UNTRUSTED = "untrusted"  #: TLS was asked for and is missing, expired or of another host
    LATE = "late"  #: ours: the way was open too late for this message, of which nothing has left


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """The last word of a relay about one message."""

    step: Step
    code: int | None  #: three digits; None where `silence` says why there is none
    text: str  #: the reply's own words, one line, at most 500 characters, printable
    silence: Silence | None = None

    @property
    def accepted(self) -> bool:
        """Whether the relay took the message over: a 2xx to the final dot."""
        return self.step is Step.DOT and self.code is not None and 200 <= self.code < 300
