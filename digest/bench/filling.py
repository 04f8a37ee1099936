"""A store full of invented papers, so that ingest can be measured beside a million of them."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice

import sqlalchemy as sa

from digest.ingest.alike import opening
from digest.store import dumps
from digest.store.database import Database
from digest.store.dumps import Dump, DumpStatus
from digest.store.schema import papers, revisions, sightings

#: Papers in one transaction, and in one dump.
_BATCH, _DUMP = 5_000, 500
_SEEN = dt.date(2025, 6, 1)
_AT = dt.datetime(2025, 6, 1, 12, tzinfo=dt.UTC)
_WORDS = (
    "kite", "loom", "oven", "bread", "sail", "rope", "wind", "string", "paper", "garden", "river", "stone",
    "copper", "lamp", "ladder", "wheel", "basket", "needle", "thread", "harvest", "orchard", "meadow", "anvil",
    "bellows", "candle", "drum", "ferry", "goose", "hammer", "island", "jar", "kettle",
)  # fmt: skip
#: Bytes of an abstract, as in the daily papers.
_ABSTRACT = 1_200

Row = Mapping[str, object]


def fill(database: Database, papers_wanted: int) -> None:
    """Store so many invented papers, half of them without arXiv id, each listed once in a dump of a year ago.

    Written as rows, past the way of a dump, which would take an hour; what each holds is what that way stores.

    Args:
        database: Migrated, without papers.
        papers_wanted: How many; of one number they are the same on every machine.
    """
    numbers = iter(range(1, papers_wanted + 1))
    while batch := list(islice(numbers, _BATCH)):
        with database.write() as conn:
            if database.is_sqlite:
                conn.exec_driver_sql("PRAGMA cache_size=-200000")  # random keys into indexes that have grown
            for start in range(0, len(batch), _DUMP):
                _dump(conn, batch[start : start + _DUMP])
    if not database.is_sqlite:
        with database.write() as conn:
            for table in (revisions, papers):
                last = sa.select(sa.func.max(table.c.id)).scalar_subquery()
                conn.execute(
                    sa.select(sa.func.setval(sa.func.pg_get_serial_sequence(table.name, "id"), last))
                )
            conn.exec_driver_sql("ANALYZE")


def _dump(conn: sa.Connection, numbers: Sequence[int]) -> None:
    sha256 = hashlib.sha256(f"filled {numbers[0]}".encode()).hexdigest()
    dump_id = dumps.add(
        conn,
        Dump(
            sha256=sha256, name=f"filled-{numbers[0]}.json", source="folder", size_bytes=0, received_at=_AT,
            modified_at=_AT, status=DumpStatus.STORED, format="daily-papers-json", dated=_SEEN, dated_by="dump",
            background=True, records=len(numbers),
        ),
        None,
    )  # fmt: skip
    dumps.arrive(conn, dump_id, source="folder", name=f"filled-{numbers[0]}.json", at=_AT, dated=_SEEN)
    rows = [_rows(number, dump_id, place) for place, number in enumerate(numbers, 1)]
    for table, of_table in zip((revisions, papers, sightings), zip(*rows, strict=True), strict=True):
        _write(conn, table, of_table)


def _write(conn: sa.Connection, table: sa.Table, rows: Sequence[Row]) -> None:
    if conn.dialect.name == "sqlite":
        conn.execute(sa.insert(table), list(rows))
        return
    # Row by row a million papers take PostgreSQL an hour.
    columns = ", ".join(rows[0])
    packed = [name for name in rows[0] if isinstance(table.c[name].type, sa.JSON)]
    cursor = conn.connection.cursor()
    with cursor.copy(f"COPY {table.name} ({columns}) FROM STDIN") as copy:
        for row in rows:
            copy.write_row(list({**row, **{name: json.dumps(row[name]) for name in packed}}.values()))


def _rows(number: int, dump_id: int, position: int) -> tuple[Row, Row, Row]:
    title, abstract = _title(number), _abstract(number)
    key = title.lower()
    arxiv_id = (
        f"{10 + number // 600_000 % 15:02d}{number // 50_000 % 12 + 1:02d}.{number % 50_000 + 50_000:05d}"
    )
    shared: Row = {
        "authors": ["Ada Example", "Bo Sample", "Cy Invented"],
        "url": f"https://papers.example.org/{number}",
        "code_url": None,
        "votes": number % 97,
        "comments": None,
        "stars": None,
        "doi": None,
        "details": {},
        "revision_id": number,
        "title_key": key,
        "arxiv_id": arxiv_id if number % 2 else None,
    }
    revision = {
        "id": number,
        "hash": hashlib.sha256(f"{title}\0{abstract}".encode()).hexdigest(),
        "title_raw": title,
        "abstract_raw": abstract,
        "title": title,
        "abstract": abstract,
        "title_key": key,
        "opening": opening(abstract),
        "code_urls": [],
    }
    seen = {"first_seen": _SEEN, "last_seen": _SEEN, "background": True, "brought_by": dump_id}
    sighting = {"dump_id": dump_id, "position": position, "paper_id": number, "published_at": None}
    return revision, {"id": number, **shared, **seen}, {**sighting, **shared}


def _title(number: int) -> str:
    # Words by the digits of a scrambled number: neighbours share no beginning, as in real titles.
    scrambled = number * 2_654_435_761 % 2**32
    words = [_WORDS[scrambled >> shift & 31] for shift in range(0, 32, 5)]
    return f"{' '.join(words)} filled {number}".capitalize()


def _abstract(number: int) -> str:
    return "".join(_sentences(number))[:_ABSTRACT]


def _sentences(number: int) -> Iterator[str]:
    for line in range(_ABSTRACT // 60):
        yield f"{_title(number + line * 7_919)} is held beside the last one. "
