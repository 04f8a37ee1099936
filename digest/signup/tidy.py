"""What a day brings by itself: unanswered sign-ups are forgotten, pauses end, addresses of requests go."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from digest.signup.steps import forget, resume
from digest.store import consents, subscribers, uses
from digest.store.database import Database
from digest.subscribers.consent import Evidence
from digest.subscribers.due import local_date
from digest.subscribers.subscriber import State, Subscriber

#: Rows written in one go, in sets and one by one: SQLite has one writer, and whoever posts a form waits for it.
_BATCH, _FEW = 100, 10
#: Links that open once do so for a day; longer ago than this, no clock can be that wrong.
_USES_KEPT = dt.timedelta(days=7)
#: Nobody asked for it: the day came that they had named.
_BY_DATE = Evidence(method="date")


@dataclass(frozen=True, slots=True, kw_only=True)
class Tidied:
    """What was tidied up."""

    purged: int  #: sign-ups that were never confirmed
    forgotten_ips: int
    resumed: int  #: pauses that ended


def tidy(
    database: Database, *, pending_for: dt.timedelta, keep_ip_for: dt.timedelta, now: dt.datetime
) -> Tidied:
    """Do all that is due; what is to be done is looked up without holding anybody up."""
    with database.write() as conn:
        uses.forget(conn, before=now - _USES_KEPT)
    return Tidied(
        purged=_purge(database, now - pending_for, now),
        forgotten_ips=_forget_ips(database, now - keep_ip_for),
        resumed=_resume(database, now),
    )


def _purge(database: Database, asked_before: dt.datetime, now: dt.datetime) -> int:
    with database.read() as conn:
        stale = subscribers.unconfirmed(conn, asked_before=asked_before)
    purged = 0
    for chunk in _chunks(stale, _BATCH):
        with database.write() as conn:
            still = subscribers.hold_unconfirmed(conn, chunk, asked_before=asked_before)
            forget(conn, still, now)
        purged += len(still)
    return purged


def _forget_ips(database: Database, before: dt.datetime) -> int:
    with database.read() as conn:
        lines = consents.with_ip(conn, before=before)
    for chunk in _chunks(lines, _BATCH):
        with database.write() as conn:
            consents.forget_ips(conn, chunk)
    return len(lines)


def _resume(database: Database, now: dt.datetime) -> int:
    # East of Greenwich the next date may have come already.
    latest = now.astimezone(dt.UTC).date() + dt.timedelta(days=1)
    with database.read() as conn:
        ended = [each.id for each in subscribers.paused_until(conn, latest) if _over(each, now)]
    resumed = 0
    for chunk in _chunks(ended, _FEW):
        with database.write() as conn:
            still = [each for each in subscribers.hold_all(conn, chunk).values() if _over(each, now)]
            for each in still:
                resume(conn, each.id, _BY_DATE, now)
        resumed += len(still)
    return resumed


def _over(subscriber: Subscriber, now: dt.datetime) -> bool:
    until = subscriber.paused_until
    if subscriber.state is not State.PAUSED or until is None:
        return False
    return until <= local_date(now, subscriber.schedule.zone)


def _chunks(ids: Sequence[int], size: int) -> Iterator[Sequence[int]]:
    return (ids[start : start + size] for start in range(0, len(ids), size))
