"""A delivery: one mail to one subscriber for one local date, and its fate."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from enum import StrEnum

from digest.rank.selection import Pick


class Kind(StrEnum):
    """What is mailed; everything goes through the one ledger."""

    DIGEST = "digest"
    CONFIRM = "confirm"
    GOODBYE = "goodbye"
    LOGIN = "login"  #: a link to their choices, for who asked to subscribe once more
    DATA = "data"  #: single-use links to export and to erase
    MOVED = "moved"  #: to the old address: the digest goes to another one now
    ALARM = "alarm"  #: to the operator: something is wrong


#: Stands for the operator where a subscriber stands; no subscriber has this id.
OPERATOR = 0


class Status(StrEnum):
    """The nine fates; a date's eligible subscribers are their sum."""

    PLANNED = "planned"  #: picks frozen, not yet taken up
    CLAIMED = "claimed"  #: held under a lease by one sender
    DEFERRED = "deferred"  #: to be tried again at `due_at`
    SENT = "sent"  #: the relay took it
    FAILED = "failed"  #: refused for good, or parked
    EXPIRED = "expired"  #: its time went by
    SUPPRESSED = "suppressed"  #: the reader left or was suppressed after planning
    SKIPPED = "skipped"  #: nothing to send, with the reason
    AMBIGUOUS = "ambiguous"  #: handed over, answer unknown, and the policy is to park


#: Statuses that can still lead to a mail.
OPEN = (Status.PLANNED, Status.CLAIMED, Status.DEFERRED)


class Skip(StrEnum):
    """Why a due subscriber gets nothing."""

    NOTHING_NEW = "nothing_new"
    NOTHING_MATCHED = "nothing_matched"
    PAUSED = "paused"
    SUPPRESSED = "suppressed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """A planned mail; all that its bytes depend on is frozen here."""

    id: int
    subscriber_id: int  #: `OPERATOR` for alarms
    kind: Kind
    local_date: dt.date
    recipient: str  #: the address as it stood when planned
    epoch: int  #: of the subscriber's links, when planned
    picks: tuple[Pick, ...]
    leftover: int
    message_id: str  #: with angle brackets
    planned_at: dt.datetime  #: the Date header, aware
    expires_at: dt.datetime
    template: str  #: version of the template it was planned with
    attempts: int  #: hand-overs begun, this claim not counted
    body_hash: str | None  #: of the bytes, once built
    lease_until: dt.datetime  #: until when this claim holds
    note: str | None = None  #: what an alarm says; see `alarm.note_of`
    signed_by: str = ""  #: selectors of the DKIM keys that sign it, a blank between; "" where the relay signs
