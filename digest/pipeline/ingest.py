"""Step one: dumps become papers. A dump is stored whole or not at all; the same dump again changes nothing.

One dump at a time is taken in, in short transactions, so that mail and pages are not held up by a large one: first
its bytes are kept, then its records are staged, then placed with their papers, all unseen, and the last transaction
shows them. A process that dies before that leaves a dump that is being read: whoever comes next takes back what was
staged, and reads it again.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import nullcontext
from dataclasses import replace
from functools import partial

from digest.ingest.checks import cleaned
from digest.log import logger
from digest.pipeline.intake import DumpReport, IngestOptions, Intake
from digest.sources.dump import Oversize, RawDump, Unreadable
from digest.store import dumps, intake, papers, sightings
from digest.store.database import Database
from digest.store.dumps import Dump, DumpStatus

__all__ = ["BATCH", "DumpReport", "IngestOptions", "cleaned", "ingest", "replay"]

#: Records in one transaction.
BATCH = 500
#: SQLite has one writer: a page that writes waits for such a batch, 50 ms at most.
SQLITE_BATCH = 100
_log = logger("ingest")


def ingest(
    database: Database,
    found: Iterable[RawDump | Oversize | Unreadable],
    *,
    now: dt.datetime,
    options: IngestOptions | None = None,
    on_records: Callable[[int], None] = lambda _count: None,
) -> Iterator[DumpReport]:
    """Store each dump, one after another, and tell what it brought.

    Args:
        database: Where to.
        found: Dumps as a source opened them.
        now: The moment of arrival.
        options: What the operator says of them.
        on_records: Called with the number of records of each batch, for a progress bar.
    """
    options = options or IngestOptions()
    for dump in found:
        report = _one(database, dump, now, options, on_records)
        _tell(report)
        yield report


def replay(
    database: Database, day: dt.date | None = None, *, on_dump: Callable[[str], None] = lambda _name: None
) -> list[DumpReport]:
    """Rebuild every paper from the kept dumps with this program's readers, one dump after another.

    Paper ids stay, whatever the readers have learned; a quarantined dump that can now be read is stored.

    Args:
        database: Where they are kept.
        day: Only the dumps that stand for this day.
        on_dump: Called with the name of each.
    """
    with intake.alone(database):
        _finish(database)
        with database.read() as conn:
            kept = list(dumps.every(conn))
            if day is not None:
                wanted = dumps.of_day(conn, day)
                kept = [dump for dump in kept if dump.id in wanted]
        reports = [report for dump in kept if (report := _replay_one(database, dump, on_dump))]
        with database.write() as conn:
            papers.hide_unseen(conn)
    return reports


def _replay_one(database: Database, dump: Dump, on_dump: Callable[[str], None]) -> DumpReport | None:
    """In one transaction: nobody sees a day without the papers that it had before and has again."""
    with database.write() as conn:
        body = dumps.body(conn, dump.id)
        if body is None:
            return None
        on_dump(dump.name)
        forgotten = sightings.forget(conn, dump.id)
        read_again = Intake(
            lambda: nullcontext(conn), lambda: nullcontext(conn), dump, BATCH, forgotten=forgotten
        )
        return read_again.run(body, IngestOptions(source=dump.source, seen_on=dump.seen_on))


def _one(
    database: Database,
    found: RawDump | Oversize | Unreadable,
    now: dt.datetime,
    options: IngestOptions,
    on_records: Callable[[int], None],
) -> DumpReport:
    if isinstance(found, Unreadable):
        return DumpReport(name=found.name, source=options.source, status="unreadable", reason=found.reason)
    if isinstance(found, Oversize):
        with intake.alone(database):
            return _refuse(database, found, now, options)
    # A clock that is ahead, or whatever a server says of its file: it came now at the latest.
    found = replace(found, modified_at=min(found.modified_at, now))
    if found.seen_on is not None:
        options = replace(options, seen_on=found.seen_on)
    sha256 = hashlib.sha256(found.data).hexdigest()
    with intake.alone(database):
        _finish(database, but=sha256)
        with database.read() as conn:
            known = dumps.find(conn, sha256)
        if known is not None and known.status is DumpStatus.STORED:
            return _again(database, known, found, now, options)
        dump = _kept(database, known, _dump(found, sha256, now, options), found.data)
        return _intake(database, dump, on_records).run(
            found.data, options, name=found.name, at=now, day=_day(found, options)
        )


def _intake(
    database: Database, dump: Dump, on_records: Callable[[int], None] = lambda _count: None
) -> Intake:
    batch = SQLITE_BATCH if database.is_sqlite else BATCH
    return Intake(database.read, partial(intake.writing, database), dump, batch, on_records)


def _finish(database: Database, *, but: str = "") -> None:
    """Read again what a process was reading when it died; `but` the dump of this hash is only taken back."""
    with database.read() as conn:
        unfinished = list(dumps.every(conn, status=DumpStatus.READING))
    for dump in unfinished:
        intake_of = _intake(database, dump)
        intake_of.take_back(reason="the program ended while it was reading this")
        # Whatever ends the program twice would end it for ever: it is kept, and left to a replay.
        if dump.sha256 == but or dump.reason:
            continue
        with database.read() as conn:
            body = dumps.body(conn, dump.id)
        assert body is not None, "what is being read is kept"
        options = IngestOptions(source=dump.source, seen_on=dump.seen_on)
        _tell(intake_of.run(body, options, name=dump.name, at=dump.received_at, day=dump.dated, tried=True))


def _kept(database: Database, known: Dump | None, dump: Dump, data: bytes) -> Dump:
    """The dump as it is kept already, its bytes with it; else as it is to be kept with the first step."""
    if known is not None and known.status is DumpStatus.REFUSED:
        body = dumps.packed(data)
        with database.write() as conn:
            dumps.fill(conn, known.id, body, size_bytes=len(data), modified_at=dump.modified_at)
        known = replace(known, modified_at=dump.modified_at)
    return known or dump


def _dump(found: RawDump, sha256: str, now: dt.datetime, options: IngestOptions) -> Dump:
    return Dump(
        sha256=sha256,
        name=found.name,
        source=options.source,
        size_bytes=len(found.data),
        status=DumpStatus.QUARANTINED,  # until it has been read whole
        received_at=now,
        seen_on=options.seen_on,
        modified_at=found.modified_at,
    )


def _again(
    database: Database, known: Dump, found: RawDump, now: dt.datetime, options: IngestOptions
) -> DumpReport:
    """The same bytes: no paper changes, but they are an arrival, and a sighting of that day."""
    day = _day(found, options)
    with database.write() as conn:
        dumps.arrive(conn, known.id, source=options.source, name=found.name, at=now, dated=day)
    return DumpReport(
        name=found.name,
        source=options.source,
        format=known.format,
        records=known.records,
        seen=known.records,
        status="known",
        dated=known.dated,
        dated_by=known.dated_by,
        background=known.background,
    )


def _day(found: RawDump, options: IngestOptions) -> dt.date:
    return options.seen_on or found.modified_at.astimezone(options.zone).date()


def _refuse(database: Database, found: Oversize, now: dt.datetime, options: IngestOptions) -> DumpReport:
    reason = f"{found.size_bytes:,} bytes, over the cap"
    with database.write() as conn:
        if dumps.find(conn, found.sha256) is None:
            refused = Dump(
                sha256=found.sha256,
                name=found.name,
                source=options.source,
                size_bytes=found.size_bytes,
                status=DumpStatus.REFUSED,
                reason=reason,
                received_at=now,
                modified_at=now,
            )
            dumps.add(conn, refused, None)
    return DumpReport(name=found.name, source=options.source, status="refused", reason=reason)


def _tell(report: DumpReport) -> None:
    _log.info(
        "dump ingested",
        dump=report.name,
        source=report.source,
        status=report.status,
        new=report.new,
        revised=report.revised,
        seen=report.seen,
        rejected=len(report.rejected),
        reason=report.reason,
    )
