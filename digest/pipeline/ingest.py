"""Step one: dumps become papers. A dump is stored whole or not at all; the same dump again changes nothing.

One dump at a time is taken in, in short transactions, so that mail and pages are not held up by a large one: first
its bytes are kept, then its records are staged, then placed with their papers, all unseen, and the last transaction
shows them. A process that dies before that leaves a dump that is being read: whoever comes next takes back what was
staged, and reads it again.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any

from sqlalchemy.engine import Connection

from digest.errors import DumpError
from digest.ingest.arxiv import paper_url
from digest.ingest.clean import clean
from digest.ingest.codelinks import links_of_clean
from digest.ingest.dates import resolve
from digest.ingest.formats import read
from digest.ingest.paper import CleanRecord
from digest.ingest.record import Reading, Record, Reject
from digest.ingest.titles import key_of_clean
from digest.log import logger
from digest.sources.dump import Oversize, RawDump, Unreadable
from digest.sources.source import COMMAND
from digest.store import dumps, intake, papers, placing, sightings
from digest.store.database import Database
from digest.store.dumps import Dump, DumpStatus
from digest.store.sightings import Forgotten

#: Records in one transaction.
BATCH = 500
#: SQLite has one writer: a page that writes waits for such a batch, 50 ms at most.
SQLITE_BATCH = 100
#: Clean characters, and names: beyond them a row is no paper. Abstracts of 10 MB made ranking take minutes.
LONGEST_TITLE, LONGEST_ABSTRACT, MOST_AUTHORS = 2_000, 50_000, 5_000
#: Raw text may be so many times longer than clean text; beyond that it is not even cleaned.
_RAW = 10
#: Keys longer than this are told apart by a hash: an index entry holds 2,700 bytes at most.
_LONGEST_KEY = 400
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
        read_again = _Intake(lambda: nullcontext(conn), dump, BATCH, forgotten=forgotten)
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
) -> _Intake:
    return _Intake(database.write, dump, SQLITE_BATCH if database.is_sqlite else BATCH, on_records)


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


@dataclass(slots=True)
class _Intake:
    """One kept dump on its way into the store."""

    write: Callable[[], AbstractContextManager[Connection]]  #: a transaction
    dump: Dump
    batch: int  #: records in one transaction
    on_records: Callable[[int], None] = lambda _count: None
    forgotten: Forgotten | None = None  #: what it had told, where it is read again
    rejects: list[tuple[int, str]] = field(default_factory=list)
    fields: Counter[str] = field(default_factory=Counter)

    def run(
        self,
        data: bytes,
        options: IngestOptions,
        *,
        name: str | None = None,
        at: dt.datetime | None = None,
        day: dt.date | None = None,
        tried: bool = False,
    ) -> DumpReport:
        """Read it into papers; what cannot be read whole is quarantined whole.

        Args:
            data: Its bytes.
            options: What was said of it when it came.
            name: What it is called by this arrival; None for no arrival.
            at: When it arrived.
            day: The day that it stands for if it says nothing itself.
            tried: Whether a process died of it.
        """
        name = name or self.dump.name
        try:
            reading = read(data)
            facts = self._dated(reading, options)
            self._begin(data, name=name, reason="read again" if tried else None, **facts)
            for batch in self._batches(reading.items):
                with self.write() as conn:
                    sightings.stage(conn, self.dump.id, batch)
                self.on_records(len(batch))
        except DumpError as error:
            if not self.dump.id:
                self._begin(data, name=name)
            self.take_back(reason=error.reason, line=error.line)
            if at is not None:
                self._arrive(name, at, day, options)
            return DumpReport(name=name, source=options.source, status="quarantined", reason=str(error))
        change = self._place()
        return self._switch(change, name, at, facts, options)

    def _dated(self, reading: Reading, options: IngestOptions) -> dict[str, Any]:
        """Format and date, and whether it is history; a replay keeps what was decided when the dump came."""
        dump = self.dump
        file_day = dump.dated or dump.modified_at.astimezone(options.zone).date()
        dated, dated_by = resolve(reading.date, seen_on=options.seen_on, file_time=file_day)
        arrived = dump.received_at.astimezone(options.zone).date()
        old = arrived - dated > BACKGROUND_AGE and not options.as_new
        return {
            "format": reading.format,
            "dated": dated,
            "dated_by": dated_by,
            "background": dump.background if dump.dated else old,
            "seen_on": options.seen_on,
        }

    def _begin(self, data: bytes, *, reason: str | None = None, **values: Any) -> None:
        """Keep its bytes, and what is known of it before the first record; from now on it is being read."""
        values |= {"reason": reason, "status": DumpStatus.STORED if self.forgotten else DumpStatus.READING}
        body = None if self.dump.id else dumps.packed(data)
        with self.write() as conn:
            if body is None:
                dumps.settle(conn, self.dump.id, line=None, **values)
            else:
                kept = replace(self.dump, **values)
                self.dump = replace(kept, id=dumps.add(conn, kept, body))

    def _place(self) -> placing.Change:
        with self.write() as conn:
            change = placing.begin(conn, self.dump.id, self.forgotten)
        placed = self.batch
        while placed == self.batch:
            with self.write() as conn:
                placed = placing.place(conn, change, limit=self.batch)
        return change

    def _switch(
        self,
        change: placing.Change,
        name: str,
        at: dt.datetime | None,
        facts: Mapping[str, Any],
        options: IngestOptions,
    ) -> DumpReport:
        records = change.new + change.revised + change.seen
        with self.write() as conn:
            placing.switch(conn, change)
            dumps.reject(conn, self.dump.id, self.rejects)
            dumps.settle(
                conn, self.dump.id, status=DumpStatus.STORED, reason=None, line=None, records=records,
                fields=dict(self.fields),
            )  # fmt: skip
            if at is not None:
                arrived = {"name": name, "at": at, "dated": facts["dated"], "source": options.source}
                dumps.arrive(conn, self.dump.id, **arrived)
        return DumpReport(
            name=name,
            source=options.source,
            records=records,
            new=change.new,
            revised=change.revised,
            seen=change.seen,
            rejected=tuple(self.rejects),
            **{name: value for name, value in facts.items() if name != "seen_on"},
        )

    def _arrive(self, name: str, at: dt.datetime, day: dt.date | None, options: IngestOptions) -> None:
        dated = day or at.astimezone(options.zone).date()
        with self.write() as conn:
            dumps.arrive(conn, self.dump.id, source=options.source, name=name, at=at, dated=dated)

    def take_back(self, *, reason: str, line: int | None = None) -> None:
        """Undo what was staged, and put the dump where an admin finds it."""
        more = True
        while more:
            with self.write() as conn:
                more = sightings.take_back(conn, self.dump.id, limit=self.batch)
        with self.write() as conn:
            if self.forgotten:
                placing.switch(conn, placing.begin(conn, None, self.forgotten))
            dumps.settle(
                conn,
                self.dump.id,
                status=DumpStatus.QUARANTINED,
                reason=reason,
                line=line,
                records=0,
                fields={},
            )

    def _batches(self, items: Iterator[Record | Reject]) -> Iterator[list[CleanRecord]]:
        """Clean the records and hand them on batch by batch; rejects are put aside."""
        stream = self._records(items)
        while batch := list(islice(stream, self.batch)):
            yield batch

    def _records(self, items: Iterator[Record | Reject]) -> Iterator[CleanRecord]:
        for item in items:
            result = item if isinstance(item, Reject) else checked(item)
            if isinstance(result, Reject):
                self.rejects.append((result.line, result.reason))
            else:
                self.fields.update(given(result.record))
                yield result


def checked(record: Record) -> CleanRecord | Reject:
    """A record cleaned, unless it is longer than anything that a person wrote."""
    for name, text, longest in (
        ("title", record.title, LONGEST_TITLE),
        ("abstract", record.abstract, LONGEST_ABSTRACT),
    ):
        if len(text) > _RAW * longest:
            return _too_long(record, name, len(text), longest)
    if len(record.authors) > MOST_AUTHORS:
        reason = f"{len(record.authors):,} authors, over the limit of {MOST_AUTHORS:,}"
        return Reject(line=record.line, reason=reason)
    clean_one = cleaned(record)
    if len(clean_one.title) > LONGEST_TITLE:
        return _too_long(record, "title", len(clean_one.title), LONGEST_TITLE)
    if len(clean_one.abstract) > LONGEST_ABSTRACT:
        return _too_long(record, "abstract", len(clean_one.abstract), LONGEST_ABSTRACT)
    return clean_one


def _too_long(record: Record, name: str, length: int, longest: int) -> Reject:
    limit = f"over the limit of {longest:,}"
    article = "an" if name == "abstract" else "a"
    return Reject(line=record.line, reason=f"{article} {name} of {length:,} characters, {limit}")


def given(record: Record) -> Iterator[str]:
    """The fields that a record gives, by the names under which a dump's are counted."""
    details = record.details
    for name, value in (
        ("abstract", record.abstract),
        ("authors", record.authors),
        ("arxiv_id", record.arxiv_id),
        ("doi", record.doi),
        ("code_url", record.code_url),
        ("published_at", record.published_at),
        ("summary", details.summary),
        ("thumbnail_url", details.thumbnail_url),
        ("submitter", details.submitter),
        ("organisation", details.organisation),
        ("keywords", details.keywords),
    ):
        if value:
            yield name
    for name, count in (("votes", record.votes), ("comments", record.comments), ("stars", record.stars)):
        if count is not None:
            yield name


def cleaned(record: Record) -> CleanRecord:
    """A record with its text cleaned and its keys drawn; its page is the one of its arXiv id if it names none."""
    if record.url is None and record.arxiv_id:
        record = replace(record, url=paper_url(record.arxiv_id))
    title, abstract = clean(record.title), clean(record.abstract)
    return CleanRecord(
        record=record,
        title=title,
        abstract=abstract,
        title_key=_key(key_of_clean(title) or title),  # a title of signs alone names its paper by them
        code_urls=links_of_clean(abstract),
    )


def _key(text: str) -> str:
    if len(text) <= _LONGEST_KEY:
        return text
    return f"{text[:_LONGEST_KEY]} {hashlib.sha256(text.encode('utf-8', 'replace')).hexdigest()}"
