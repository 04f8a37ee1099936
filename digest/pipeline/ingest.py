"""Step one: dumps become papers. A dump is stored whole or not at all; the same dump again changes nothing."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import islice

from sqlalchemy.engine import Connection

from digest.errors import DumpError
from digest.ingest.arxiv import paper_url
from digest.ingest.clean import clean
from digest.ingest.codelinks import code_urls
from digest.ingest.dates import resolve
from digest.ingest.formats import read
from digest.ingest.paper import CleanRecord
from digest.ingest.record import Record, Reject
from digest.ingest.titles import title_key
from digest.log import logger
from digest.sources.dump import Oversize, RawDump, Unreadable
from digest.sources.source import COMMAND
from digest.store import dumps, papers
from digest.store.database import Database
from digest.store.dumps import Dump, DumpStatus

#: Records in one statement.
BATCH = 500
#: Papers of dumps older than this are history: searchable and known, never mailed as new.
BACKGROUND_AGE = dt.timedelta(days=3)

_log = logger("ingest")


@dataclass(frozen=True, slots=True, kw_only=True)
class IngestOptions:
    """What the operator says of the dumps at hand."""

    source: str = COMMAND  #: who brought them
    zone: dt.tzinfo = dt.UTC  #: whose calendar dates a file by its time
    seen_on: dt.date | None = None  #: when the page was seen, for dumps that do not say
    as_new: bool = False  #: mail the papers of old dumps as new, too


@dataclass(frozen=True, slots=True, kw_only=True)
class DumpReport:
    """What became of one dump."""

    name: str
    source: str = COMMAND  #: which brought it
    format: str | None = None
    records: int = 0
    new: int = 0
    revised: int = 0
    seen: int = 0
    rejected: tuple[tuple[int, str], ...] = ()  #: rows that are no papers, as (line, reason)
    #: stored, known (the same bytes again), nothing (a source that has no such document yet), quarantined,
    #: refused or unreadable
    status: str = "stored"
    reason: str | None = None
    dated: dt.date | None = None
    dated_by: str | None = None  #: dump, seen-on or file-time
    background: bool = False

    @property
    def whole(self) -> bool:
        """Whether all of the dump is stored."""
        return self.status in ("stored", "known", "nothing") and not self.rejected


def ingest(
    database: Database,
    found: Iterable[RawDump | Oversize | Unreadable],
    *,
    now: dt.datetime,
    options: IngestOptions | None = None,
    on_records: Callable[[int], None] = lambda _count: None,
) -> Iterator[DumpReport]:
    """Store each dump in a transaction of its own, and tell what it brought.

    Args:
        found: Dumps as a source opened them.
        now: The moment of arrival.
        options: What the operator says of them.
        on_records: Called with the number of records of each batch, for a progress bar.
    """
    options = options or IngestOptions()
    for dump in found:
        report = _one(database, dump, now, options, on_records)
        _log.info(
            "dump ingested",
            dump=report.name,
            status=report.status,
            new=report.new,
            revised=report.revised,
            seen=report.seen,
            rejected=len(report.rejected),
            reason=report.reason,
        )
        yield report


def replay(database: Database, *, on_dump: Callable[[str], None] = lambda _name: None) -> list[DumpReport]:
    """Rebuild every paper from the kept dumps with this program's readers, in one transaction.

    Paper ids stay, whatever the readers have learned; a quarantined dump that can now be read is stored.
    """
    reports = []
    with database.write() as conn:
        dumps.alone(conn)
        for dump in list(dumps.every(conn)):
            body = dumps.body(conn, dump.id)
            if body is not None:
                on_dump(dump.name)
                reports.append(_replay_one(conn, dump, body))
        papers.hide_unseen(conn)
    return reports


def _replay_one(conn: Connection, dump: Dump, body: bytes) -> DumpReport:
    emptied = papers.forget(conn, dump.id)
    report = _store(conn, dump, body, lambda _count: None)
    papers.show_listed(conn, emptied)
    return report


def _one(
    database: Database,
    found: RawDump | Oversize | Unreadable,
    now: dt.datetime,
    options: IngestOptions,
    on_records: Callable[[int], None],
) -> DumpReport:
    if isinstance(found, Unreadable):
        return DumpReport(name=found.name, status="unreadable", reason=found.reason)
    if isinstance(found, Oversize):
        return _refuse(database, found, now, options)
    with database.write() as conn:
        dumps.alone(conn)
        known = dumps.find(conn, hashlib.sha256(found.data).hexdigest())
        if known is not None and known.status is DumpStatus.STORED:
            return _again(conn, known, found, now, options)
        if known is not None and known.status is DumpStatus.REFUSED:
            dumps.fill(conn, known.id, found.data, modified_at=found.modified_at)
            known = replace(known, modified_at=found.modified_at)
        dump = known or _keep(conn, found, now, options)
        report = _store(conn, replace(dump, name=found.name), found.data, on_records, options)
        day = report.dated or _day(found, options)
        dumps.arrive(conn, dump.id, source=options.source, name=found.name, at=now, dated=day)
        return report


def _keep(conn: Connection, found: RawDump, now: dt.datetime, options: IngestOptions) -> Dump:
    dump = Dump(
        sha256=hashlib.sha256(found.data).hexdigest(),
        name=found.name,
        source=options.source,
        size_bytes=len(found.data),
        status=DumpStatus.QUARANTINED,  # until it has been read whole
        received_at=now,
        seen_on=options.seen_on,
        modified_at=found.modified_at,
    )
    return replace(dump, id=dumps.add(conn, dump, found.data))


def _again(
    conn: Connection, known: Dump, found: RawDump, now: dt.datetime, options: IngestOptions
) -> DumpReport:
    """The same bytes: no paper changes, but they are an arrival, and a sighting of that day."""
    day = _day(found, options)
    dumps.arrive(conn, known.id, source=options.source, name=found.name, at=now, dated=day)
    return DumpReport(
        name=found.name,
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
        dumps.alone(conn)
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
    return DumpReport(name=found.name, status="refused", reason=reason)


def _store(
    conn: Connection,
    dump: Dump,
    data: bytes,
    on_records: Callable[[int], None],
    options: IngestOptions | None = None,
) -> DumpReport:
    """Read a kept dump into papers; what cannot be read whole is quarantined whole."""
    options = options or IngestOptions(seen_on=dump.seen_on)
    try:
        with conn.begin_nested():
            return _read_into(conn, dump, data, on_records, options)
    except DumpError as error:
        dumps.settle(
            conn, dump.id, status=DumpStatus.QUARANTINED, reason=error.reason, line=error.line, records=0
        )
        reason = str(error)
        return DumpReport(name=dump.name, status="quarantined", reason=reason)


def _read_into(
    conn: Connection,
    dump: Dump,
    data: bytes,
    on_records: Callable[[int], None],
    options: IngestOptions,
) -> DumpReport:
    reading = read(data)
    # A replay keeps the date that was decided when the dump came: its file is no longer there to ask.
    file_day = dump.modified_at.astimezone(options.zone).date()
    dated, dated_by = resolve(reading.date, seen_on=options.seen_on, file_time=file_day)
    arrived = dump.received_at.astimezone(options.zone).date()
    background = dump.background if dump.dated else arrived - dated > BACKGROUND_AGE and not options.as_new
    dumps.settle(
        conn, dump.id, format=reading.format, dated=dated, dated_by=dated_by, background=background,
        seen_on=options.seen_on, name=dump.name,
    )  # fmt: skip
    counts = _Counts()
    for batch in _batches(reading.items, counts.rejects):
        change = papers.record(conn, dump.id, batch)
        counts.add(change)
        on_records(len(batch))
    papers.show(conn, counts.touched)
    records = counts.new + counts.revised + counts.seen
    dumps.reject(conn, dump.id, counts.rejects)
    dumps.settle(conn, dump.id, status=DumpStatus.STORED, reason=None, line=None, records=records)
    return DumpReport(
        name=dump.name,
        format=reading.format,
        records=records,
        new=counts.new,
        revised=counts.revised,
        seen=counts.seen,
        rejected=tuple(counts.rejects),
        dated=dated,
        dated_by=dated_by,
        background=background,
    )


class _Counts:
    """What the batches of one dump add up to."""

    def __init__(self) -> None:
        self.new = self.revised = self.seen = 0
        self.touched: set[int] = set()
        self.rejects: list[tuple[int, str]] = []

    def add(self, change: papers.Change) -> None:
        self.new += change.new
        self.revised += change.revised
        self.seen += change.seen
        self.touched |= change.touched


def _batches(items: Iterator[Record | Reject], rejects: list[tuple[int, str]]) -> Iterator[list[CleanRecord]]:
    """Clean the records and hand them on 500 at a time; rejects are put aside."""

    def records() -> Iterator[CleanRecord]:
        for item in items:
            if isinstance(item, Reject):
                rejects.append((item.line, item.reason))
            else:
                yield cleaned(item)

    stream = records()
    while batch := list(islice(stream, BATCH)):
        yield batch


def cleaned(record: Record) -> CleanRecord:
    """A record with its text cleaned and its keys drawn; its page is the one of its arXiv id if it names none."""
    if record.url is None and record.arxiv_id:
        record = replace(record, url=paper_url(record.arxiv_id))
    title = clean(record.title)
    return CleanRecord(
        record=record,
        title=title,
        abstract=clean(record.abstract),
        title_key=title_key(record.title) or title,  # a title of signs alone names its paper by them
        code_urls=code_urls(record.abstract),
    )
