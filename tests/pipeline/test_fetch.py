"""Sources are asked when they are due, and what they give is ingested; what fails is tried later, and stops no other."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
import structlog
from sqlalchemy.engine import Connection

from digest.errors import UsageError
from digest.pipeline.fetch import Fetching, chosen, due, fetch
from digest.pipeline.ingest import DumpReport, IngestOptions
from digest.sources.http import Limits, Web
from digest.sources.network import Surroundings
from digest.sources.source import FOLDER, Source, SourceKind
from digest.store import database as store_database
from digest.store import papers, sources
from digest.store.database import Database, DatabaseError
from digest.store.sources import SourceState
from tests.factories import DAY, HOUR, NOW, TODAY, Clock, daily_papers
from tests.web_server import Asked, Page, Raw, WebServer, head

CAP_BYTES = 100_000
MINUTE = dt.timedelta(minutes=1)


@pytest.fixture
def server() -> Iterator[WebServer]:
    """A server whose routes the test sets."""
    with WebServer() as running:
        yield running


class Stage:
    """Sources over a database, on a clock of the test's own in which no wait takes time."""

    def __init__(self, database: Database, clock: Clock | None = None) -> None:
        self.database, self.clock = database, clock or Clock()
        self.told_to_end = False
        self.waits: list[float] = []

    def fetch(self, *named: Source, as_new: bool = False) -> list[DumpReport]:
        return list(self.begin(*named, as_new=as_new))

    def begin(
        self,
        *named: Source,
        as_new: bool = False,
        on_records: Callable[[int], None] = lambda _count: None,
    ) -> Iterator[DumpReport]:
        surroundings = Surroundings(monotonic=lambda: 0.0, wait=self._wait)
        fetching = Fetching(
            database=self.database,
            web=Web(
                limits=Limits(cap_bytes=CAP_BYTES),
                agent="digest",
                clock=self.clock,
                surroundings=surroundings,
            ),
            clock=self.clock,
            cap_bytes=CAP_BYTES,
            options=IngestOptions(as_new=as_new),
            on_records=on_records,
        )
        return fetch(fetching, named)

    def _wait(self, seconds: float) -> bool:
        self.waits += [seconds] if seconds else []
        return self.told_to_end

    def state(self, name: str = "kites") -> SourceState:
        with self.database.read() as conn:
            return sources.get(conn, name)

    def arrivals(self) -> list[tuple[str, str]]:
        """Source and day of each, in order."""
        query = "SELECT source, dated FROM arrivals ORDER BY id"
        with self.database.read() as conn:
            return [(row.source, str(row.dated)) for row in conn.exec_driver_sql(query)]

    def papers(self) -> int:
        with self.database.read() as conn:
            return papers.total(conn)


@pytest.fixture
def stage(database: Database) -> Stage:
    return Stage(database)


def feed(server: WebServer, path: str = "/feed", *, name: str = "kites", **values: object) -> Source:
    """A source at a path of the server."""
    given = {"kind": SourceKind.PAGE, "url": server.url(path), "allow_private": True, **values}
    return Source(name=name, **given)  # type: ignore[arg-type] # checked by the dataclass


def told(reports: Sequence[DumpReport]) -> list[tuple[str, str, int]]:
    return [(report.source, report.status, report.new) for report in reports]


# -- what comes -----------------------------------------------------------------------------------------


def test_a_dump_is_ingested(stage: Stage, server: WebServer) -> None:
    """A document becomes papers under the name of its source, and the look is put down as a success."""
    server.routes["/feed"] = Page(daily_papers(["On Kites", "On Bread"]))
    (report,) = stage.fetch(feed(server))
    assert (report.source, report.status, report.new, report.dated) == ("kites", "stored", 2, TODAY)
    assert report.name == server.url("/feed")
    assert stage.arrivals() == [("kites", str(TODAY))]
    assert stage.state() == SourceState(name="kites", tried_at=NOW, succeeded_at=NOW, next_at=NOW + HOUR)


def test_what_is_unchanged(stage: Stage, server: WebServer) -> None:
    """304 stands for the last bytes: nothing is new, and on another day they are an arrival again."""
    server.routes["/feed"] = Page(daily_papers(["On Kites"]), etag='"1"')
    kites = feed(server)
    stage.fetch(kites)
    stage.clock.advance(days=1)
    (report,) = stage.fetch(kites)
    assert (report.status, report.new, report.seen) == ("known", 0, 1)
    assert [asked.headers.get("if-none-match") for asked in server.asked] == [None, '"1"']
    assert stage.arrivals() == [("kites", str(TODAY)), ("kites", str(TODAY + DAY))]
    assert stage.state().succeeded_at == NOW + DAY
    server.routes["/feed"] = Page(daily_papers(["On Kites", "On Bread"]), etag='"2"')
    assert told(stage.fetch(kites)) == [("kites", "stored", 1)]
    server.routes["/feed"] = Page(daily_papers(["On Kites"]))
    stage.fetch(kites)
    assert stage.state().validators == {}


@pytest.mark.parametrize("form", ["more", "less", "another"])
def test_what_another_release_put_down(stage: Stage, server: WebServer, form: str) -> None:
    """Validators of a form that is not ours are no reason to fail: the source is asked for a whole answer."""
    server.routes["/feed"] = Page(daily_papers(["On Kites"]), etag='"1"')
    kites = feed(server)
    stage.fetch(kites)
    ((key, known),) = stage.state().validators.items()
    forms = {"more": {**known, "digest": "sha-512"}, "less": {"etag": '"1"'}, "another": '"1"'}
    with stage.database.write() as conn:
        sources.save(conn, replace(stage.state(), validators={key: forms[form]}))  # type: ignore[dict-item]
    assert told(stage.fetch(kites)) == [("kites", "known", 0)]
    assert "if-none-match" not in server.asked[-1].headers
    assert stage.state().validators == {key: known}


def test_another_address_is_another_answer(stage: Stage, server: WebServer) -> None:
    """What an answer was known by belongs to its address, query and all; that of others is forgotten."""
    server.routes["/feed"] = Page(daily_papers(["On Kites"]), etag='"1"')
    stage.fetch(feed(server, "/feed?list=a"))
    before = stage.state().validators
    stage.fetch(feed(server, "/feed?list=b"))
    assert "if-none-match" not in server.asked[1].headers
    assert len(before) == len(stage.state().validators) == 1
    assert stage.state().validators != before


def test_bytes_that_are_gone_are_asked_for(stage: Stage, server: WebServer) -> None:
    """Where the last bytes are not kept any more, the question is put without a condition."""
    server.routes["/feed"] = Page(daily_papers(["On Kites"]), etag='"1"')
    kites = feed(server)
    stage.fetch(kites)
    (key,) = stage.state().validators
    for lost in ("ef" * 32, refuse(stage.database)):
        with stage.database.write() as conn:
            known = {key: {"etag": '"1"', "last_modified": None, "sha256": lost}}
            sources.save(conn, replace(stage.state(), validators=known))
        assert told(stage.fetch(kites)) == [("kites", "known", 0)]
        assert "if-none-match" not in server.asked[-1].headers


def refuse(database: Database) -> str:
    """A dump of which only the hash is kept; returns that."""
    sha256 = "aa" * 32
    with database.write() as conn:
        conn.exec_driver_sql(
            "INSERT INTO dumps (sha256, name, source, size_bytes, background, status, fields, received_at, modified_at)"
            f" VALUES ('{sha256}', 'x', 'kites', 1, false, 'refused', '{{}}', '{NOW:%F %T}', '{NOW:%F %T}')"
        )
    return sha256


def test_daily_papers(stage: Stage, server: WebServer) -> None:
    """Each of the last days is a dump of its own, dated by the day asked for; what is not there yet is nothing."""

    def day(asked: Asked) -> Page:
        days = {"2026-11-18": daily_papers(["On Kites"]), "2026-11-19": daily_papers(["On Bread"])}
        found = days.get(asked.query["date"])
        return Page(found, etag=f'"{asked.query["date"]}"') if found else Page(b'{"error": "no"}', status=404)

    server.routes["/api"] = day
    hub = feed(server, "/api", kind=SourceKind.DAILY_PAPERS, days=3)
    assert told(stage.fetch(hub)) == [("kites", "stored", 1), ("kites", "stored", 1), ("kites", "nothing", 0)]
    assert stage.state().failures == 0
    assert len(stage.state().validators) == 2
    stage.clock.advance(days=1)
    assert told(stage.fetch(hub))[0] == ("kites", "known", 0)
    assert [asked.query["date"] for asked in server.asked][3:] == ["2026-11-19", "2026-11-20"]
    assert [asked.headers.get("if-none-match") for asked in server.asked][3:] == ['"2026-11-19"', None]
    assert stage.state().reason == "127.0.0.1: answered 404 Not Found"  # of a working day that is past


def test_pages_of_arxiv(stage: Stage, server: WebServer) -> None:
    """Pages are asked for until one has no entries, and each is a dump of its own."""
    server.routes["/api"] = lambda asked: Page(
        daily_papers([f"A Kite of {asked.query['start']} <entry"])
        if int(asked.query["start"]) < 400
        else b"<feed/>"
    )
    arxiv = feed(server, "/api", kind=SourceKind.ARXIV, categories=("cs.LG",))
    assert told(stage.fetch(arxiv)) == [("kites", "stored", 1)] * 2 + [("kites", "nothing", 0)]


def test_the_options_of_a_person(stage: Stage, server: WebServer) -> None:
    """What a person says of the dumps at hand counts for those of sources as well."""
    old = daily_papers(["On Kites"], day=TODAY - 9 * DAY)
    server.routes |= {"/feed": Page(old), "/other": Page(old + b" ")}
    assert [report.background for report in stage.fetch(feed(server))] == [True]
    assert [report.background for report in stage.fetch(feed(server, "/other"), as_new=True)] == [False]


def test_the_folder_is_a_source(stage: Stage, tmp_path: Path) -> None:
    """The watched folder is read by its name as well, but for what is still being written."""
    folder = Source(name=FOLDER, kind=SourceKind.FOLDER, path=tmp_path / "dumps")
    path = tmp_path / "dumps" / "one.json"
    path.parent.mkdir()
    path.write_bytes(daily_papers(["On Kites"]))
    written_at = dt.datetime.fromtimestamp(path.stat().st_ctime, dt.UTC)
    stage.clock.now = written_at
    assert stage.fetch(folder) == []
    stage.clock.now = written_at + MINUTE
    assert told(stage.fetch(folder)) == [(FOLDER, "stored", 1)]
    assert told(stage.fetch(folder)) == [(FOLDER, "known", 0)]


# -- what fails -----------------------------------------------------------------------------------------


def test_a_failure_stops_no_other(stage: Stage, server: WebServer) -> None:
    """A source that fails is told with host and reason, and the next one is asked."""
    server.routes |= {"/feed": Page(b"hush", status=500), "/other": Page(daily_papers(["On Bread"]))}
    failed, stored = stage.fetch(feed(server, "/feed?token=hush"), feed(server, "/other", name="bread"))
    assert (failed.source, failed.status) == ("kites", "unreadable")
    assert failed.reason == "127.0.0.1: answered 500 Internal Server Error"
    assert not failed.whole
    assert (stored.source, stored.status) == ("bread", "stored")
    state = stage.state()
    assert (state.failures, state.reason, state.succeeded_at) == (1, failed.reason, None)
    assert "hush" not in repr(state) + repr(failed)


def test_failures_in_a_row(stage: Stage, server: WebServer) -> None:
    """Each failure is counted and waits longer; a success ends the count, and what was known before is kept."""
    good = Page(daily_papers(["On Kites"]), etag='"1"')
    server.routes["/feed"] = good
    kites = feed(server)
    stage.fetch(kites)
    server.routes["/feed"] = Page(status=503)
    waits = []
    for _ in range(3):
        stage.clock.advance(hours=2)
        stage.fetch(kites)
        state = stage.state()
        assert state.next_at
        waits.append(state.next_at - stage.clock())
    assert waits == [5 * MINUTE, 10 * MINUTE, 20 * MINUTE]
    assert (stage.state().failures, stage.state().succeeded_at) == (3, NOW)
    server.routes["/feed"] = good
    assert told(stage.fetch(kites)) == [("kites", "known", 0)]
    assert server.asked[-1].headers["if-none-match"] == '"1"'
    assert (stage.state().failures, stage.state().reason) == (0, None)


@pytest.mark.parametrize("form", ["7200", "Fri, 20 Nov 2026 10:00:00 GMT"])
def test_retry_after_over_runs(stage: Stage, server: WebServer, form: str) -> None:
    """A server that asks to be left alone is, by whatever run and whoever asks, until the moment has come."""
    server.routes["/feed"] = [
        Page(status=429, headers={"Retry-After": form}),
        Page(daily_papers(["On Kites"])),
    ]
    kites = feed(server)
    stage.fetch(kites)
    assert stage.state().next_at == stage.state().wait_until == NOW + 2 * HOUR
    stage.clock.advance(minutes=119)
    (held,) = Stage(stage.database, stage.clock).fetch(kites)
    assert held.reason == (
        "asked to be left alone until 2026-11-20 10:00 UTC (127.0.0.1: answered 429 Too Many Requests)"
    )
    assert len(server.asked) == 1
    assert stage.state().failures == 1
    stage.clock.advance(minutes=1)
    assert told(stage.fetch(kites)) == [("kites", "stored", 1)]


def test_a_page_that_is_no_dump(stage: Stage, server: WebServer) -> None:
    """An error page that says 200 is quarantined, and so a failure of its source; unchanged, it is one again."""
    server.routes["/feed"] = Page(b"<!doctype html><h1>We are down</h1><p>Come back later.", etag='"1"')
    kites = feed(server)
    for failures in (1, 2):
        (report,) = stage.fetch(kites)
        assert report.status == "quarantined"
        assert stage.state().failures == failures
        assert str(stage.state().reason).startswith("quarantined: ")
    assert server.asked[1].headers["if-none-match"] == '"1"'
    assert stage.papers() == 0


def test_a_document_over_the_cap(stage: Stage, server: WebServer) -> None:
    """A document that is too large is refused, which is a failure, and nothing is asked by it next time."""
    server.routes["/feed"] = Page(b" " * (CAP_BYTES + 1), etag='"1"')
    (report,) = stage.fetch(feed(server))
    assert (report.status, report.reason) == ("refused", "100,001 bytes, over the cap")
    assert (stage.state().failures, stage.state().validators) == (1, {})


def test_a_document_that_is_cut(stage: Stage, server: WebServer) -> None:
    """Of an answer that breaks off nothing is stored."""
    body = daily_papers(["On Kites"])
    server.routes["/feed"] = Raw(head(200, {"Content-Length": str(len(body) + 1)}) + body)
    assert told(stage.fetch(feed(server))) == [("kites", "unreadable", 0)]
    assert stage.arrivals() == []


def test_a_fault_of_ours(stage: Stage, server: WebServer) -> None:
    """An error of our own fails its source, is told in the log without its words, and stops no other."""
    server.routes |= {
        "/feed": Page(daily_papers(["On Kites", "On Nets"])),
        "/other": Page(daily_papers(["On Bread"])),
    }
    words = "of " + "somebody"

    def on_records(count: int) -> None:
        if count == 2:
            raise KeyError(words)

    with structlog.testing.capture_logs() as logged:
        reports = list(stage.begin(feed(server), feed(server, "/other", name="bread"), on_records=on_records))
    assert [(report.source, report.reason) for report in reports] == [
        ("kites", "a fault of ours, told in the log: KeyError"),
        ("bread", None),
    ]
    assert stage.state().failures == 1
    (event,) = [event for event in logged if event["event"] == "look failed"]
    assert event["error"].endswith("KeyError")
    assert words not in event["error"]


def test_the_database_stops_all(
    sqlite_database: Database, server: WebServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A database that does not answer is no fault of a source: the next one is not asked in vain."""
    server.routes["/feed"] = Page(daily_papers(["On Kites"]))
    monkeypatch.setattr(store_database, "LOCK_TIMEOUT_S", 0.02)
    impatient = Database(sqlite_database.url.render_as_string(hide_password=False))
    with sqlite_database.engine.begin(), pytest.raises(DatabaseError):
        Stage(impatient).fetch(feed(server), feed(server, name="bread"))
    impatient.close()
    assert len(server.asked) == 1
    assert Stage(sqlite_database).state() == SourceState(name="kites")


def test_being_told_to_end(stage: Stage, server: WebServer) -> None:
    """Told to end, a look leaves off without a word of failure, and the sources behind it are not asked."""

    def ending(_asked: Asked) -> Page:
        stage.told_to_end = True
        return Page(daily_papers(["On Kites"]))

    server.routes["/feed"] = ending
    kites = feed(server, kind=SourceKind.DAILY_PAPERS)
    stage.fetch(kites, feed(server, name="bread"))
    assert len(server.asked) == 1
    assert stage.state() == SourceState(name="kites")


# -- dying, and being two -------------------------------------------------------------------------------


def test_dying_between_two(stage: Stage, server: WebServer) -> None:
    """Who dies after a dump was stored, before it was put down, asks again and stores nothing twice."""
    server.routes["/feed"] = Page(daily_papers(["On Kites"]), etag='"1"')
    kites = feed(server)
    dying = stage.begin(kites)
    assert next(dying).status == "stored"
    del dying
    assert stage.state() == SourceState(name="kites")
    assert told(stage.fetch(kites)) == [("kites", "known", 0)]
    assert "if-none-match" not in server.asked[1].headers
    assert stage.papers() == 1


def test_no_transaction_while_asking(stage: Stage, server: WebServer) -> None:
    """While a server is waited for, nobody waits for us: every table can be had for oneself."""

    def taking(_asked: Asked) -> Page:
        with stage.database.write() as conn:
            lock(conn)
        return Page(daily_papers(["On Kites"]), etag='"1"')

    server.routes["/feed"] = taking
    assert told(stage.fetch(feed(server))) == [("kites", "stored", 1)]
    assert told(stage.fetch(feed(server))) == [("kites", "known", 0)]


def lock(conn: Connection) -> None:
    """Take what another transaction would keep from us, without waiting."""
    if conn.dialect.name == "postgresql":
        conn.exec_driver_sql("LOCK TABLE sources, dumps, arrivals IN ACCESS EXCLUSIVE MODE NOWAIT")


def test_two_at_once(stage: Stage, server: WebServer) -> None:
    """Two processes that look at one source at once both ask, and store one dump."""
    server.routes["/feed"] = Page(daily_papers(["On Kites"]), etag='"1"')
    first, second = stage.begin(feed(server)), stage.begin(feed(server))
    assert [next(first).status, next(second).status] == ["stored", "known"]
    assert list(first) == list(second) == []
    assert (stage.papers(), stage.state().failures, len(server.asked)) == (1, 0, 2)


def test_the_pause_from_one_process_to_the_next(stage: Stage, server: WebServer) -> None:
    """A look of another process, a moment later, keeps the pause that the source is owed."""
    server.routes["/feed"] = Page(daily_papers(["On Kites"]))
    kites = feed(server, pause=dt.timedelta(seconds=3))
    stage.fetch(kites)
    stage.clock.advance(seconds=1)
    other = Stage(stage.database, stage.clock)
    other.fetch(kites)
    assert (stage.waits, other.waits) == ([], [2.0])


# -- whose turn it is -----------------------------------------------------------------------------------


def test_who_is_due(stage: Stage, server: WebServer) -> None:
    """Asked by themselves are those whose time has come; never the folder, which is watched in its own way."""
    server.routes["/feed"] = Page(daily_papers(["On Kites"]))
    folder = Source(name=FOLDER, kind=SourceKind.FOLDER, path=Path("dumps"))
    hourly, daily = feed(server), feed(server, name="daily", every=DAY)
    named = [folder, hourly, daily]
    assert due(stage.database, named, NOW) == [hourly, daily]
    stage.fetch(hourly, daily)
    assert due(stage.database, named, NOW + 59 * MINUTE) == []
    assert due(stage.database, named, NOW + HOUR) == [hourly]
    assert due(stage.database, named, NOW + DAY) == [hourly, daily]
    assert due(stage.database, [folder], NOW) == []


def test_choosing_by_name(server: WebServer) -> None:
    """Names choose sources in their order, each once; a name that is none is told beside those that are."""
    one, two = feed(server, name="one"), feed(server, name="two")
    assert chosen([one, two], ["two", "one", "two"]) == [two, one]
    with pytest.raises(UsageError, match="three: no such source; there are one, two"):
        chosen([one, two], ["one", "three"])
