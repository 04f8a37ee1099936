"""One kept dump on its way into the store: staged, placed and shown, or taken back whole."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any

from sqlalchemy.engine import Connection

from digest.errors import DumpError
from digest.ingest.checks import checked, given
from digest.ingest.dates import believed, resolve
from digest.ingest.formats import read
from digest.ingest.paper import CleanRecord
from digest.ingest.record import Reading, Record, Reject
from digest.sources.source import COMMAND
from digest.store import dumps, placing, sightings
from digest.store.change import Change
from digest.store.dumps import Dump, DumpStatus
from digest.store.sightings import Forgotten

#: Papers of dumps older than this are history: searchable and known, never mailed as new.
BACKGROUND_AGE = dt.timedelta(days=3)
#: A dump with more rows that are no papers is none: each is kept with its reason, in memory and in the store.
MOST_REJECTS = 10_000


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


@dataclass(slots=True)
class Intake:
    """One kept dump on its way into the store."""

    read: Callable[[], AbstractContextManager[Connection]]
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
        named = believed(reading.date, arrived=dump.received_at.astimezone(dt.UTC).date())
        dated, dated_by = resolve(named, seen_on=options.seen_on, file_time=file_day)
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

    def _place(self) -> Change:
        with self.write() as conn:
            change = placing.begin(conn, self.dump.id, self.forgotten)
        placed = self.batch
        while placed == self.batch:
            with self.write() as conn:
                placed = placing.place(conn, change, limit=self.batch)
        with self.read() as conn:
            placing.prepare(conn, change)
        return change

    def _switch(
        self,
        change: Change,
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
                if len(self.rejects) > MOST_REJECTS:
                    raise DumpError(f"more than {MOST_REJECTS:,} rows are no papers", line=result.line)
            else:
                self.fields.update(given(result.record))
                yield result
