"""Telling of relays that are left aside: mail goes over the others, so nothing else would."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from digest.deliver.alarm import Alarm, AlarmName
from digest.errors import DigestError
from digest.log import logger, outline
from digest.pipeline.alarms import Operator, settle, tell
from digest.relay.place import Aside
from digest.store import relays
from digest.store.database import Database
from digest.store.relays import LeftAside

#: So often in a row a relay fails, over three minutes, before the operator is told.
LASTING = 3

_log = logger("relays")


def note_aside(
    database: Database,
    aside: Sequence[Aside],
    *,
    day: dt.date,
    now: dt.datetime,
    operator: Operator | None,
) -> None:
    """Write down who is in trouble, and raise or end an alarm for each whose trouble lasts.

    Called while mail is on its way: where the database cannot be written, that is logged, and mail goes on.

    Args:
        aside: All relays in trouble.
        day: Today, in the zone of the installation.
        now: Aware.
        operator: Who is mailed; None for nobody.
    """
    try:
        with database.write() as conn:
            relays.put(conn, [_row(each, now) for each in aside])
        lasting = [_alarm(each) for each in aside if each.times >= LASTING]
        names = {each.name for each in aside}

        def over(alarm: Alarm) -> bool:
            return alarm.name is AlarmName.RELAY_ASIDE and alarm.about not in names

        tell(settle(database, lasting, over=over, day=day, now=now, operator=operator))
    except DigestError as error:
        _log.warning("relays not written down", error=outline(error))


def _row(relay: Aside, now: dt.datetime) -> LeftAside:
    until = now + dt.timedelta(seconds=relay.left_s)
    return LeftAside(name=relay.name, until=until, said=relay.said)


def _alarm(relay: Aside) -> Alarm:
    text = (
        f"{relay.name} failed {relay.times} times in a row and takes no mail: {relay.said}. Nothing is lost: its mail goes"
        " over the other relays, and it is tried again every quarter of an hour."
    )
    return Alarm(name=AlarmName.RELAY_ASIDE, about=relay.name, text=text)
