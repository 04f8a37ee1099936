"""What the mails that are not digests say: each answers one thing that somebody did, to one reader.

But for alarms, which answer nothing, and go to the operator.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from typing import Any

from digest.compose.inert import line
from digest.compose.links import CONFIRM_AGE, DATA_AGE, MailLinks
from digest.compose.views import plain_moment, weekday_date
from digest.deliver.alarm import AlarmName, alarms_of
from digest.deliver.delivery import Delivery, Kind

_HOUR = dt.timedelta(hours=1)
_ABOUT_LIMIT, _SAYS_LIMIT = 80, 1500  # characters

#: What an alarm is called in a mail: a subject is made of these alone, whatever a dump is named or a server answers.
HEADINGS: Mapping[AlarmName, str] = {
    AlarmName.DELIVERY_PAUSED: "Sending is paused",
    AlarmName.RELAY_ASIDE: "A relay is in trouble",
    AlarmName.BOUNCES: "Many mails bounced",
    AlarmName.BOUNCES_UNREAD: "Bounces cannot be read",
    AlarmName.EDITION_SHORT: "The edition went out short",
    AlarmName.EDITION_HELD: "The edition waits for a source",
    AlarmName.SOURCE_SHORT: "A source lists too few papers",
    AlarmName.SOURCE_FAILING: "A source fails",
    AlarmName.SOURCE_FIELDS: "A source leaves out what it used to give",
    AlarmName.DUMP_QUARANTINED: "A dump could not be read",
    AlarmName.SIGNUP_SPIKE: "More sign-ups than usual",
    AlarmName.LEDGER_RESTORED: "The database is an older copy",
}

#: Gives what its template asks for beyond every mail's.
Letter = Callable[[MailLinks, Delivery], dict[str, Any]]


def _confirm(links: MailLinks, delivery: Delivery) -> dict[str, Any]:
    """Asks whether the owner of the address wants the digest, there for the first time or from now on."""
    return {
        "confirm_url": links.confirm(delivery.subscriber_id, delivery.epoch, delivery.planned_at),
        "days": CONFIRM_AGE.days,
        "until": plain_moment(delivery.planned_at + CONFIRM_AGE),
    }


def _goodbye(_links: MailLinks, _delivery: Delivery) -> dict[str, Any]:
    """Says that no other will come."""
    return {}


def _login(links: MailLinks, delivery: Delivery) -> dict[str, Any]:
    """Brings who subscribed once more to what they chose."""
    return {"preferences_url": links.preferences(delivery.subscriber_id, delivery.epoch)}


def _data(links: MailLinks, delivery: Delivery) -> dict[str, Any]:
    """Brings the links that take a reader's data away, or have it erased."""
    of = (delivery.subscriber_id, delivery.epoch, delivery.planned_at)
    return {
        "export_url": links.export(*of),
        "erase_url": links.erase(*of),
        "hours": DATA_AGE // _HOUR,
        "until": plain_moment(delivery.planned_at + DATA_AGE),
    }


def _moved(links: MailLinks, delivery: Delivery) -> dict[str, Any]:
    """Tells the old address. Not the new one: whoever reads here now need not learn it."""
    return {"leave_url": links.leave(delivery.subscriber_id)}


def _alarm(_links: MailLinks, delivery: Delivery) -> dict[str, Any]:
    """Tells the operator what is wrong, the gravest first; the subject names that one."""
    alarms = alarms_of(delivery.note or "[]")
    # "And 2 more" alone would read as two more sources, or two more editions.
    others = len(alarms) - 1
    more = f", and {others} more {'alarm' if others == 1 else 'alarms'}" if others > 0 else ""
    return {
        "alarms": [
            {
                "heading": HEADINGS[alarm.name],
                "about": line(alarm.about, _ABOUT_LIMIT),
                "text": line(alarm.text, _SAYS_LIMIT),
            }
            for alarm in alarms
        ],
        "subject": HEADINGS[alarms[0].name] + more if alarms else "",
        "day": weekday_date(delivery.local_date),
    }


LETTERS: Mapping[Kind, Letter] = {
    Kind.CONFIRM: _confirm,
    Kind.GOODBYE: _goodbye,
    Kind.LOGIN: _login,
    Kind.DATA: _data,
    Kind.MOVED: _moved,
    Kind.ALARM: _alarm,
}
