"""Consent: what a subscriber agreed to or took back, and how each step was asked for."""

from __future__ import annotations

import datetime as dt
import hashlib
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from typing import Literal

#: The sentence beside the button of the sign-up form. Whoever changes it makes a new version of it.
CONSENT = (
    "I want this digest by e-mail at the address above, with the papers and at the times I chose. "
    "I can leave with one click from any mail, and have all that is kept about me sent to me or erased."
)


class Event(StrEnum):
    """A step of a subscriber's life that the record keeps."""

    ASKED = "asked"
    CONFIRMED = "confirmed"
    PAUSED = "paused"
    RESUMED = "resumed"
    MOVED = "moved"  #: to another address, which had said yes
    LEFT = "left"
    ERASED = "erased"
    BOUNCED = "bounced"  #: the address takes no mail: none is sent to it
    COMPLAINED = "complained"  #: its owner called a mail junk


#: Through which door: a page, the API, a link of a mail, the command, an import, the demo; `date` for what a day
#: brought by itself; and those that a bounce comes through (`deliver.bounce.Door`).
Method = Literal["web", "api", "mail", "command", "import", "demo", "date", "smtp", "dsn", "arf", "webhook"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """How a step was asked for."""

    method: Method
    ip: str | None = None  #: of the request, kept for a limited time
    text_version: str | None = None  #: of the sentence agreed to


@dataclass(frozen=True, slots=True, kw_only=True)
class Consent:
    """One line of the consent record."""

    at: dt.datetime
    event: Event
    evidence: Evidence


@cache
def consent_version() -> str:
    """A short name of the sentence as it stands; two that differ in one letter have two."""
    return hashlib.sha256(CONSENT.encode()).hexdigest()[:12]
