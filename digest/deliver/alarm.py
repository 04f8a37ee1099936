"""An alarm: what the operator is told of, and how it stands in the mail that tells it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum


class AlarmName(StrEnum):
    """What can be wrong, the gravest first: so they stand in a mail."""

    LEDGER_RESTORED = "ledger-restored"  #: the database is an older copy; told by log and status alone
    DELIVERY_PAUSED = "delivery-paused"  #: the relay refuses us, or its site is in trouble
    RELAY_ASIDE = "relay-aside"  #: one of several relays is in trouble; its mail goes over the others
    BOUNCES = "bounces"  #: an unusual share of an edition's mails came back
    BOUNCES_UNREAD = "bounces-unread"  #: the mailbox that they come into cannot be read
    EDITION_SHORT = "edition-short"  #: it went out while a source listed too little
    EDITION_HELD = "edition-held"  #: it waits for a source
    SOURCE_SHORT = "source-short"  #: it lists under a fifth of what is usual on such a day
    SOURCE_FAILING = "source-failing"  #: looks at it fail: no answer, or none that can be read
    SOURCE_FIELDS = "source-fields"  #: it leaves out what it used to give
    DUMP_QUARANTINED = "dump-quarantined"  #: a dump could not be read
    SIGNUP_SPIKE = "signup-spike"  #: more sign up than is usual


_ORDER = {name: place for place, name in enumerate(AlarmName)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Alarm:
    """One thing that is wrong."""

    name: AlarmName
    about: str = ""  #: a source, or empty
    text: str  #: for the operator, a few sentences; may repeat what a dump or a server said

    @property
    def key(self) -> tuple[str, str]:
        """What makes it the same alarm, whatever its words."""
        return self.name, self.about


def by_gravity(alarms: Sequence[Alarm]) -> list[Alarm]:
    """The gravest first."""
    return sorted(alarms, key=lambda alarm: (_ORDER[alarm.name], alarm.about))


def note_of(alarms: Sequence[Alarm]) -> str:
    """Alarms as the ledger freezes them beside the mail that tells them."""
    return json.dumps([asdict(alarm) for alarm in by_gravity(alarms)])


def alarms_of(note: str) -> tuple[Alarm, ...]:
    """The alarms of such a note."""
    return tuple(
        Alarm(name=AlarmName(each["name"]), about=each["about"], text=each["text"])
        for each in json.loads(note)
    )
