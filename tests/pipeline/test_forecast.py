"""The dry run: what it foretells is what then happens, and it leaves no trace in a database that it cannot write."""

from __future__ import annotations

import datetime as dt
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from digest.deliver.delivery import Status
from digest.pipeline.forecast import Forecast, forecast
from digest.pipeline.ingest import IngestOptions
from digest.store import editions, ledger
from digest.store.database import Database, DatabaseError
from digest.store.schema import metadata
from digest.subscribers.subscriber import Frequency, Profile, Schedule, State
from digest.wiring import App
from tests.factories import (
    DAY,
    NOW,
    TODAY,
    Clock,
    add_subscriber,
    make_app,
    publish_edition,
    raw_dump,
)


def dump_of(database: Database) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of every table."""
    with database.read() as conn:
        return {
            table.name: sorted(map(tuple, conn.execute(sa.select(table))), key=repr)
            for table in metadata.sorted_tables
        }


def look(app: App, database: Database, **values: Any) -> Forecast:
    return forecast(database, app.rankers, app.stamp, app.publish_policy, now=app.clock(), **values)


@contextmanager
def read_only(database: Database) -> Iterator[Database]:
    """The same database over a connection that cannot write."""
    opened = Database(database.url.render_as_string(hide_password=False), read_only=True)
    yield opened
    opened.close()


PEOPLE: tuple[tuple[State, Profile, Schedule], ...] = (
    (State.ACTIVE, Profile(topics=("kites",)), Schedule()),
    (State.ACTIVE, Profile(topics=("baking",), cap=1), Schedule(frequency=Frequency.WEEKLY, weekday=4)),
    (State.ACTIVE, Profile(exclude=("kite",)), Schedule(frequency=Frequency.WEEKDAYS)),
    (State.ACTIVE, Profile(), Schedule(zone="Pacific/Apia", hour=0)),
    (State.ACTIVE, Profile(), Schedule(hour=23)),
    (State.ACTIVE, Profile(include=("zeppelin",)), Schedule()),
    (State.PAUSED, Profile(), Schedule()),
    (State.SUPPRESSED, Profile(), Schedule()),
    (State.PENDING, Profile(), Schedule()),
)


@pytest.fixture
def app(database: Database, tmp_path: Path, clock: Clock) -> App:
    """Readers of all kinds who had yesterday's edition; today's is not published yet."""
    app = make_app(database, tmp_path, clock=clock)
    publish_edition(database, "Yesterday's Kite", "Yesterday's Bread", day=TODAY - DAY)
    clock.now = NOW - DAY
    with database.write() as conn:
        for state, profile, schedule in PEOPLE:
            add_subscriber(conn, state=state, profile=profile, schedule=schedule, now=clock.now)
    app.plan()
    clock.now = NOW
    app.ingest([raw_dump(["Kite and Bread", "One Kite", "One Bread", "A Boat"])], IngestOptions())
    return app


def picks_of(database: Database, day: dt.date) -> dict[int, tuple[object, ...]]:
    """What is planned for each reader on one UTC day."""
    with database.read() as conn:
        rows = [
            entry
            for who in range(1, len(PEOPLE) + 1)
            for entry in ledger.of(conn, who)
            if entry.status is Status.PLANNED and entry.planned_at.date() == day
        ]
    return {row.subscriber_id: (row.local_date, row.picks, row.leftover, row.message_id) for row in rows}


@pytest.mark.parametrize("hours", [-2, 0, 3, 15])
@pytest.mark.parametrize("published", [False, True])
def test_what_is_foretold_happens(app: App, clock: Clock, hours: int, published: bool) -> None:
    """The digests foretold, before publication or after, are those that publish and plan then freeze."""
    clock.advance(hours=hours)
    if published:
        app.publish(early=True)
    database = app.database
    before = dump_of(database)
    with read_only(database) as closed:
        seen = look(app, closed)
    assert dump_of(database) == before, "nothing was written"
    app.publish()
    report = app.plan()
    happened = picks_of(database, clock.now.date())
    foretold = {
        d.subscriber.id: (d.delivery.local_date, d.delivery.picks, d.delivery.leftover, d.delivery.message_id)
        for d in seen.digests
    }
    assert foretold == happened
    assert report.planned == len(foretold)
    skipped = {who.id: reason for who, reason in seen.skipped}
    assert set(skipped) | set(foretold) == set(range(1, len(PEOPLE) + 1)), "everyone is accounted for"
    with database.read() as conn:
        newest = editions.newest(conn)
    assert seen.edition is not None
    assert newest is not None
    assert (seen.edition.id, seen.edition.date, seen.edition.papers) == (
        newest.id,
        newest.date,
        newest.papers,
    )
    assert seen.drafted is (not published and hours >= -2)
    assert [[p.title for p in d.papers] for d in seen.digests]


def test_the_reasons_of_who_gets_nothing(app: App) -> None:
    """Each of those who get nothing is named with a reason."""
    seen = look(app, app.database)
    assert {who.id: reason for who, reason in seen.skipped} == {
        5: "not_due until 2026-11-20T23:00+00:00",
        6: "nothing_matched",
        7: "paused",
        8: "suppressed",
        9: "pending",
    }
    assert seen.before is not None
    assert (seen.before.date, seen.before.papers) == (TODAY - DAY, 2)


def test_named_readers(app: App) -> None:
    """Named readers are looked at whatever their hour, and nobody else; served ones stay served."""
    seen = look(app, app.database, only=[5, 9])
    assert [digest.subscriber.id for digest in seen.digests] == [5]
    assert [(who.id, reason) for who, reason in seen.skipped] == [(9, "pending")]
    app.publish()
    app.plan([5])
    seen = look(app, app.database, only=[5])
    assert [(who.id, reason) for who, reason in seen.skipped] == [(5, "served")]


def test_before_the_hour_of_publication(app: App, clock: Clock) -> None:
    """Before the hour there is no draft: the edition is yesterday's."""
    clock.now = NOW.replace(hour=5)
    seen = look(app, app.database)
    assert seen.edition is not None
    assert (seen.drafted, seen.edition.date) == (False, TODAY - DAY)


def test_an_empty_database(database: Database, tmp_path: Path) -> None:
    """Without dumps and readers there is nothing to tell, and that is no error."""
    seen = look(make_app(database, tmp_path), database)
    assert seen == Forecast(edition=None, drafted=False, before=None, digests=(), skipped=())


def test_a_read_only_connection_refuses_to_write(app: App) -> None:
    """The connection itself holds what the dry run promises."""
    refused = pytest.raises((DatabaseError, sa.exc.DBAPIError))
    with read_only(app.database) as closed, refused, closed.write() as conn:
        conn.execute(sa.text("INSERT INTO facts (name, value) VALUES ('a', 'b')"))


# -- the command, kept from the network and from the disk ----------------------------------------------

#: Runs the command with a hook that ends the process at the first socket that connects, binds or looks up a name.
GUARDED = """
import os, sys
def watch(event, args):
    if event in ("socket.connect", "socket.bind", "socket.getaddrinfo", "socket.gethostbyname", "socket.sendto"):
        os.write(2, f"{event} {args}".encode())
        os._exit(99)
sys.addaudithook(watch)
sys.argv[0] = "digest"
from digest.cli import main
main()
"""


@pytest.fixture
def folder(sqlite_database: Database, tmp_path: Path, clock: Clock) -> Path:
    """A site in a folder of its own: settings, a database of its own with a reader who is due."""
    app = make_app(sqlite_database, tmp_path, clock=clock)
    with sqlite_database.write() as conn:
        add_subscriber(conn, "ada@example.org")
    app.ingest([raw_dump(["A Kite"])], IngestOptions())
    _ = app.stamp, app.links
    sqlite_database.close()
    site = tmp_path / "site"
    site.mkdir()
    shutil.copyfile(tmp_path / "digest.db", site / "digest.db")
    (site / "digest.toml").write_text(
        'data_dir = "."\nbase_url = "https://digest.example.org"\nsender = "digest@example.org"\n'
        'relay.url = "smtp://relay.example.org:25"\n'
    )
    return site


def dry_run(folder: Path, *before: str, out: Path) -> subprocess.CompletedProcess[str]:
    """`digest send --dry-run` at NOW in a process of its own, under whatever comes `before` it."""
    command = [
        *before, sys.executable, "-c", GUARDED, "send", "--dry-run", "--json",
        "--as-of", NOW.isoformat(), "--out", str(out),
    ]  # fmt: skip
    environment = {name: value for name, value in os.environ.items() if not name.startswith("DIGEST_")}
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=120, check=False
    )


def test_the_hook_sees_a_socket(folder: Path) -> None:
    """The hook that the tests below rely on ends a process that connects."""
    connects = "import socket; socket.socket().connect(('127.0.0.1', 9))"
    script = GUARDED.replace("from digest.cli import main\nmain()", connects)
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, timeout=60, check=False)
    assert done.returncode == 99


def test_it_opens_no_socket(folder: Path, tmp_path: Path) -> None:
    """A dry run of a site with a relay connects nowhere, binds nothing and looks up no name; it writes its files."""
    before = (folder / "digest.db").read_bytes()
    done = dry_run(folder, out=tmp_path / "out")
    assert done.returncode == 0, done.stderr
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "ada@example.org.eml",
        "ada@example.org.html",
    ]
    assert (folder / "digest.db").read_bytes() == before
    # A reader of a WAL file leaves the two files by which it would have seen a writer; the log is empty.
    left = {
        path.name: path.stat().st_size for path in folder.iterdir() if not path.name.startswith("digest.toml")
    }
    assert left.keys() <= {"digest.db", "digest.db-wal", "digest.db-shm"}
    assert left.get("digest.db-wal", 0) == 0


def test_it_runs_without_a_network(folder: Path, tmp_path: Path) -> None:
    """In a network namespace without interfaces, on a read-only file in a read-only folder, it does the same."""
    if not can_unshare():
        pytest.skip("this user may not make a network namespace (unshare -n)")
    (folder / "digest.db").chmod(0o444)
    before = (folder / "digest.db").read_bytes()
    script = 'mount --bind "$1" "$1" && mount -o remount,ro,bind "$1" && cd "$1" && ! touch x 2>/dev/null && shift && exec "$@"'
    done = dry_run(folder, "unshare", "-n", "-m", "sh", "-c", script, "sh", str(folder), out=tmp_path / "out")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "out" / "ada@example.org.eml").is_file()
    assert (folder / "digest.db").read_bytes() == before


def can_unshare() -> bool:
    """Whether a namespace of its own, network and mounts, may be made here."""
    if shutil.which("unshare") is None:
        return False
    probe = ["unshare", "-n", "-m", "true"]
    return subprocess.run(probe, capture_output=True, timeout=20, check=False).returncode == 0
