"""One timed ingest, run as a process: `python -m digest.bench.ingesting URL RECORDS FIRST` prints what it took.

The dumps are daily-papers answers of 500 papers, none of them stored yet; laying them out is not timed.
"""

from __future__ import annotations

import datetime as dt
import json
import sys
import time
from collections.abc import Iterator

from digest import log
from digest.bench.documents import document
from digest.bench.peak import peak_bytes
from digest.bench.sink import BenchError
from digest.pipeline.ingest import ingest
from digest.sources.dump import RawDump
from digest.store.database import Database

_FORMAT = "daily-papers-json"
_DUMP = 500
_NOW = dt.datetime(2026, 3, 2, 12, tzinfo=dt.UTC)


def main() -> None:
    """Ingest, and print records, bytes, seconds, and the peak of memory as JSON."""
    url, records, first = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    log.configure(level="warning", json=False)
    found = list(_dumps(records, first))
    database = Database(url)
    began = time.perf_counter()
    reports = list(ingest(database, found, now=_NOW))
    took_s = time.perf_counter() - began
    database.close()
    new = sum(report.new for report in reports)
    if new != records:
        raise BenchError(f"{new} of {records} papers were new: {reports[0]}")
    done = {
        "records": records,
        "size_bytes": sum(len(dump.data) for dump in found),
        "took_s": took_s,
        "peak_rss_bytes": peak_bytes(),
    }
    sys.stdout.write(json.dumps(done))


def _dumps(records: int, first: int) -> Iterator[RawDump]:
    for start in range(first, first + records, _DUMP):
        data = document(_FORMAT, papers=min(_DUMP, first + records - start), first=start)
        yield RawDump(name=f"{start}.json", data=data, modified_at=_NOW)


if __name__ == "__main__":
    main()
