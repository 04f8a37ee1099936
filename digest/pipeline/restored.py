"""A database restored from a backup mails nothing, until an operator has said what becomes of what is in doubt.

Its ledger takes mail for unsent that was sent after the backup. It is known as a copy by a mark that `digest db backup`
and `restore` leave in it, or by a machine that has seen it further on: see `digest.store.generations`.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from contextlib import nullcontext, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Self

from sqlalchemy.engine import Connection

from digest.compose.views import plain_moment
from digest.deliver.delivery import Kind, Status
from digest.errors import RestoredError
from digest.log import logger
from digest.pipeline.plan import CHUNK, Stamp
from digest.store import deliveries, doubts, editions, generations, intake, subscribers
from digest.store.database import Database, DatabaseError
from digest.store.deliveries import Plan
from digest.store.generations import Copy, Generation
from digest.store.subscribers import Progress, Standing
from digest.subscribers.due import due_date, hour_instant, local_date, next_due
from digest.subscribers.subscriber import State

_log = logger("restored")


class Lookout:
    """Looks whether the database is an older copy, and keeps what this machine saw of it.

    As a block it is one delivery run, in which each claim raises the generation; its end does so once more, for a copy
    that was made after the last claim.
    """

    def __init__(self, database: Database, folder: Path, clock: Callable[[], dt.datetime]) -> None:
        self._database = database
        self._folder = folder
        self._clock = clock
        self._claimed = False
        self._raised: tuple[str, Generation] | None = None  # in a transaction that may still fail

    def __enter__(self) -> Self:
        self._claimed = False
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not self._claimed:
            return
        # A run that broke because the database is away has told so.
        with suppress(DatabaseError) if error else nullcontext():
            with self._database.write() as conn:
                self._raise(conn)
            self.keep()

    def found(self) -> Copy | None:
        """That the database is a copy which nobody accepted, as far as this machine can tell; writes nothing."""
        with self._database.read() as conn:
            marked = generations.copy(conn)
            stored = generations.current(conn)
            seen = generations.seen(self._folder, generations.identity(conn))
        later = seen is not None and stored.is_before(seen)
        if marked is None and not later:
            return None
        known = marked or Copy()
        ends = [at for at in (known.until, seen.at if seen and later else None) if at is not None]
        return replace(known, until=max(ends, default=self._clock()))

    def notice(self) -> Copy | None:
        """The same; and noted in the database, so that no other machine mails from it either."""
        copy = self.found()
        if copy is not None:
            with self._database.write() as conn:
                noted = generations.copy(conn)
                if noted is None or noted.until is None:  # else this was done, here or by `restore`
                    for statement in generations.leap(conn.dialect.name):
                        conn.exec_driver_sql(statement)
                if noted != copy:
                    generations.mark(conn, copy)
        return copy

    def refuse(self) -> None:
        """Let nobody mail from a copy.

        Raises:
            RestoredError: It is one.
        """
        if (copy := self.notice()) is not None:
            raise RestoredError(told(copy))

    def raise_(self, conn: Connection) -> None:
        """Raise the generation with a claim; `keep` follows the commit.

        Raises:
            RestoredError: The database became a copy since the run began.
        """
        if (copy := generations.copy(conn)) is not None:
            raise RestoredError(told(copy))
        self._raise(conn)
        self._claimed = True

    def keep(self) -> None:
        """Put down what was raised; it is durable by now. A machine killed before this has seen less, and no harm."""
        if self._raised is None:
            return
        try:
            generations.keep(self._folder, *self._raised)
        except OSError as error:  # a full disk costs an alarm that may never be needed, and no mail
            _log.warning("generation not kept", error=error.strerror)
        self._raised = None

    def _raise(self, conn: Connection) -> None:
        self._raised = generations.identity(conn), generations.raise_(conn, at=self._clock())


def told(copy: Copy) -> str:
    """What the operator is told, with what to do."""
    made = f", made on {plain_moment(copy.made_at)}" if copy.made_at else ""
    return (
        f"the database is an older copy{made}: mail that it takes for unsent may have been sent. Nothing is mailed, and"
        " no edition published, until you say what becomes of it: see `digest db accept`"
    )


# -- taking it into use --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Doubt:
    """What a copy may mail again, if nothing is done about it."""

    copy: Copy
    open_mail: Sequence[tuple[dt.date, str, int]] = ()  #: (local date, kind, how many)
    due: int = 0  #: readers who may have been served since
    new_papers: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """What taking a copy into use changed; nothing where all is to be sent."""

    ambiguous: int = 0  #: mail that waited
    skipped: int = 0  #: readers whose date counts as served
    moved: int = 0  #: readers whose cursor was moved past the newest edition
    passed_over: int = 0  #: papers that are no news any more


def look_into(database: Database, copy: Copy) -> Doubt:
    """Count what is in doubt; writes nothing."""
    until = _until(copy)
    with database.read() as conn:
        after, due = 0, 0
        while chunk := _chunk(conn, after, until):
            after = chunk[-1].subscriber.id
            due += sum(_date(standing, until) is not None for standing in chunk)
        return Doubt(
            copy=copy,
            open_mail=doubts.open_mail(conn, until=until),
            due=due,
            new_papers=len(editions.new_papers(conn)),
        )


def settle(database: Database, stamp: Stamp, copy: Copy, *, now: dt.datetime) -> Accepted:
    """Count all that may have been mailed as mailed; broken off, it is run again."""
    until = _until(copy)
    with intake.alone(database):
        with database.write() as conn:
            passed_over = doubts.pass_over(conn)
            ambiguous = doubts.settle_open(conn, until=until, now=now)
            moved = doubts.move_on(conn)
        skipped = _serve(database, stamp, until, now)
    return Accepted(ambiguous=ambiguous, skipped=skipped, moved=moved, passed_over=passed_over)


def accept(database: Database, folder: Path, *, now: dt.datetime) -> None:
    """Take the copy into use: from here on it is the ledger, and mail goes out."""
    with database.write() as conn:
        which = generations.identity(conn)
        begun = generations.begin_era(conn, after=generations.seen(folder, which), at=now)
        generations.unmark(conn)
    generations.keep(folder, which, begun)
    _log.info("restored database accepted", era=begun.era)


def _until(copy: Copy) -> dt.datetime:
    assert copy.until is not None, "a copy that was found"
    return copy.until


def _chunk(conn: Connection, after: int, until: dt.datetime) -> list[Standing]:
    """Who was due by then, also where they had been asked before with nothing to send."""
    newest = editions.newest(conn)
    return subscribers.due(
        conn, now=until, newest_edition_id=newest.id + 1 if newest else 1, after_id=after, limit=CHUNK
    )


def _serve(database: Database, stamp: Stamp, until: dt.datetime, now: dt.datetime) -> int:
    """Count the dates for which readers may have been mailed as served: no date gets two mails."""
    after, skipped = 0, 0
    while True:
        with database.write() as conn:
            chunk = _chunk(conn, after, until)
            served = [(standing, date) for standing in chunk if (date := _date(standing, until)) is not None]
            subscribers.advance(conn, [_progress(standing, date, until) for standing, date in served])
            rows = [_skip(stamp, standing, date, now) for standing, date in served]
            skipped += deliveries.plan(conn, rows, now=now)
        if not chunk:
            return skipped
        after = chunk[-1].subscriber.id


def _date(standing: Standing, until: dt.datetime) -> dt.date | None:
    """The local date for which a reader may have been mailed by then."""
    if standing.subscriber.state is not State.ACTIVE:
        return None
    return due_date(
        standing.subscriber.schedule,
        last_date=standing.last_date,
        last_mailed_at=standing.last_mailed_at,
        confirmed_on=_confirmed_on(standing, until),
        now=until,
    )


def _progress(standing: Standing, date: dt.date, until: dt.datetime) -> Progress:
    """As if they had been mailed at their hour, so that the next mail comes at it as well."""
    schedule = standing.subscriber.schedule
    mailed_at = min(until, hour_instant(date, schedule))
    due_at = next_due(
        schedule,
        last_date=date,
        last_mailed_at=mailed_at,
        confirmed_on=_confirmed_on(standing, until),
        now=until,
    )
    return Progress(
        subscriber_id=standing.subscriber.id,
        last_date_was=standing.last_date,
        cursor_edition_id=standing.cursor_edition_id,
        last_date=date,
        last_mailed_at=mailed_at,
        due_at=due_at,
    )


def _confirmed_on(standing: Standing, now: dt.datetime) -> dt.date:
    return local_date(standing.subscriber.confirmed_at or now, standing.subscriber.schedule.zone)


def _skip(stamp: Stamp, standing: Standing, date: dt.date, now: dt.datetime) -> Plan:
    subscriber = standing.subscriber
    return Plan(
        subscriber_id=subscriber.id,
        kind=Kind.DIGEST,
        local_date=date,
        status=Status.SKIPPED,
        reason=doubts.RESTORED,
        recipient=subscriber.address,
        epoch=subscriber.epoch,
        message_id=stamp.message_id(Kind.DIGEST, date, subscriber.id),
        template=stamp.template,
        planned_at=now.replace(microsecond=0),
        expires_at=now,
    )
