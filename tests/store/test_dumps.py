"""Dumps as they were received."""

from __future__ import annotations

import pytest

from digest.store import dumps
from digest.store.database import Database
from digest.store.dumps import Dump, DumpStatus
from tests.factories import DAY, NOW, TODAY, keep_dump

GIVEN = Dump(
    sha256="ab" * 32,
    name="papers.json",
    source="folder",
    size_bytes=5_000_000_000,  # over 32 bits
    status=DumpStatus.QUARANTINED,
    received_at=NOW,
    modified_at=NOW - DAY,
    seen_on=TODAY,
    format="daily-papers-json",
    dated=TODAY,
    dated_by="dump",
    background=True,
    reason="cut",
    line=7,
    records=3,
)


def test_a_dump_comes_back_as_it_was(database: Database) -> None:
    """Every field and every byte of a dump is kept, whatever the bytes are."""
    body = bytes(range(256)) * 9
    with database.write() as conn:
        kept = dumps.add(conn, GIVEN, dumps.packed(body))
        found = dumps.find(conn, GIVEN.sha256)
        assert dumps.body(conn, kept) == body
        assert dumps.find(conn, "cd" * 32) is None
    assert found is not None
    assert found.id == kept > 0
    assert found == Dump(**{**{name: getattr(GIVEN, name) for name in Dump.__slots__}, "id": kept})


def test_a_refused_dump_has_no_body(database: Database) -> None:
    """Of a dump over the cap the bytes are not kept; empty bytes are another thing."""
    with database.write() as conn:
        refused = dumps.add(conn, GIVEN, None)
        assert dumps.body(conn, refused) is None
        assert dumps.body(conn, keep_dump(conn, "empty", body=b"")) == b""


def test_lists(database: Database) -> None:
    """Dumps are listed in the order in which they came, all or those of one status."""
    with database.write() as conn:
        first, bad, last = keep_dump(conn, "1"), dumps.add(conn, GIVEN, b""), keep_dump(conn, "2")
        assert [dump.id for dump in dumps.every(conn)] == [first, bad, last]
        assert [dump.id for dump in dumps.every(conn, status=DumpStatus.STORED)] == [first, last]
        assert [dump.id for dump in dumps.every(conn, status=DumpStatus.QUARANTINED)] == [bad]
        assert list(dumps.every(conn, status=DumpStatus.REFUSED)) == []


def test_settling(database: Database) -> None:
    """What reading has shown replaces what was assumed, in that dump alone."""
    with database.write() as conn:
        one, other = keep_dump(conn, "1"), keep_dump(conn, "2")
        dumps.settle(conn, one, status=DumpStatus.QUARANTINED, reason="cut", line=3, records=0)
        found = {dump.id: (dump.status, dump.reason, dump.line) for dump in dumps.every(conn)}
    assert found == {one: (DumpStatus.QUARANTINED, "cut", 3), other: (DumpStatus.STORED, None, None)}


@pytest.mark.parametrize("rows", [[], [(4, "no title"), (9, "no id"), (9, "again")]])
def test_rejects_are_replaced(database: Database, rows: list[tuple[int, str]]) -> None:
    """The rejected rows of the last reading are kept, by line; those of an earlier one are gone."""
    with database.write() as conn:
        one, other = keep_dump(conn, "1"), keep_dump(conn, "2")
        dumps.reject(conn, one, [(2, "an older reader's")])
        dumps.reject(conn, other, [(1, "another dump's")])
        dumps.reject(conn, one, list(reversed(rows)))
        assert sorted(dumps.rejected(conn, one)) == sorted(rows)
        assert [line for line, _reason in dumps.rejected(conn, one)] == [line for line, _reason in rows]
        assert dumps.rejected(conn, other) == [(1, "another dump's")]


def test_a_refused_dump_that_fits_later(database: Database) -> None:
    """The bytes of a dump that was over the cap are kept when they come again under a larger one."""
    with database.write() as conn:
        refused = dumps.add(conn, GIVEN, None)
        dumps.fill(conn, refused, dumps.packed(b"whole"), size_bytes=5, modified_at=NOW)
        (found,) = dumps.every(conn)
        assert (dumps.body(conn, refused), found.size_bytes, found.modified_at) == (b"whole", 5, NOW)
