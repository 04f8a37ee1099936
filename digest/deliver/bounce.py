"""A bounce: what came back for a delivery, and what it says of its reader."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

_ADDRESS = re.compile(r'<?(?:"[^"]*"|[^\s<>@"]*)@[^\s<>]*>?')
#: Read and kept of a server's words; the search for addresses is quadratic.
_READ_CHARACTERS, _DETAIL_CHARACTERS = 1000, 200


class BounceKind(StrEnum):
    """Which bounce it is."""

    HARD = "hard"  #: the address takes no mail, now or ever: one is enough
    SOFT = "soft"  #: its mailbox is full, its server away: several in a row are enough
    COMPLAINT = "complaint"  #: its owner called a mail junk, or had it done
    BLOCKED = "blocked"  #: refused for what it holds or for who we are: says nothing of the reader


class Door(StrEnum):
    """How we came to know of it."""

    SMTP = "smtp"  #: the relay's reply, while the message was handed over
    DSN = "dsn"  #: a report in the mailbox of the return paths (RFC 3464), or a mail that says the same
    ARF = "arf"  #: a complaint in that mailbox (RFC 5965)
    WEBHOOK = "webhook"  #: what a relay told by HTTP


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounce:
    """What came back."""

    kind: BounceKind
    status: str | None  #: enhanced status code, "5.1.1", where one was given
    detail: str  #: one line, without addresses


@dataclass(frozen=True, slots=True, kw_only=True)
class BouncePolicy:
    """How many soft bounces are too many."""

    soft_limit: int = 5  #: of this many dates, with no mail between them that did not bounce
    soft_days: int = 30  #: older ones are forgotten


@dataclass(frozen=True, slots=True, kw_only=True)
class Fate:
    """What became of one mail, for `is_tired`."""

    local_date: dt.date
    arrived: bool  #: handed over, and nothing came back
    kind: BounceKind | None  #: of what came back


def is_tired(newest_first: Sequence[Fate], policy: BouncePolicy) -> bool:
    """Whether the last mails to a reader bounced softly, on too many dates in a row.

    Mails newer than the newest bounce say nothing: they may bounce yet. What was refused for its content, or never
    taken for the site's sake, neither counts nor breaks the row.
    """
    dates: set[dt.date] = set()
    for fate in newest_first:
        if fate.kind is BounceKind.SOFT:
            dates.add(fate.local_date)
        elif fate.arrived and dates:
            break
    return len(dates) >= policy.soft_limit


def one_line(text: str) -> str:
    """A server's words in one line of at most 200 characters, without addresses, as the ledger keeps them."""
    return " ".join(_ADDRESS.sub("…", text[:_READ_CHARACTERS]).split())[:_DETAIL_CHARACTERS]
