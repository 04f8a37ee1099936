"""`digest ingest --source`: sources are asked by name, and what fails is told with its host."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.conftest import SETTINGS, Run
from tests.factories import daily_papers
from tests.web_server import Page, WebServer


@pytest.fixture
def server(site: Path) -> Iterator[WebServer]:
    """A server, and settings that name three sources there, one of which has nothing to give."""
    today = dt.datetime.now(dt.UTC).date()
    with WebServer({"/feed": Page(daily_papers(["A Kite", "A Bun"], day=today), etag='"1"')}) as running:
        tables = "".join(
            f'[sources.{name}]\nkind = "{kind}"\nurl = "{running.url(path)}"\nallow_private = true\n'
            for name, kind, path in [
                ("kites", "page", "/feed?token=hush"),
                ("gone", "feed", "/gone?token=hush"),
                ("hub", "daily-papers", "/api?token=hush"),
            ]
        )
        (site / "digest.toml").write_text(f"{SETTINGS}\n{tables}days = 1\n")
        yield running


def test_a_source_by_name(run: Run, server: WebServer) -> None:
    """Asked by name, a source is asked at once, each time; what it has not changed is known."""
    (first,) = run("ingest", "--source", "kites", "--json").json["dumps"]
    assert (first["source"], first["status"], first["new"]) == ("kites", "stored", 2)
    assert first["name"] == server.url("/feed")
    again = run("ingest", "--source", "kites", "--json")
    assert (again.code, again.err) == (0, "")
    assert [(dump["status"], dump["new"], dump["seen"]) for dump in again.json["dumps"]] == [("known", 0, 2)]
    assert server.asked[1].headers["if-none-match"] == '"1"'
    assert server.asked[1].headers["user-agent"].endswith(" (+https://digest.example.org)")
    assert "2 papers in the store." in run("ingest", "--source", "kites").out


def test_sources_that_fail(run: Run, server: WebServer) -> None:
    """One that fails is told on standard error, with host and reason and nothing secret; the others are taken in."""
    done = run("ingest", "--source", "gone", "--source", "kites", "--json")
    assert done.code == 3
    assert [(dump["source"], dump["status"]) for dump in done.json["dumps"]] == [
        ("gone", "unreadable"),
        ("kites", "stored"),
    ]
    assert done.err == f"digest: {server.url('/gone')}: unreadable: 127.0.0.1: answered 404 Not Found\n"
    assert "hush" not in done.out


def test_a_source_that_has_nothing(run: Run, server: WebServer) -> None:
    """That there is nothing yet is an answer, not a failure."""
    done = run("ingest", "--source", "hub", "--json")
    assert (done.code, done.err) == (0, "")
    assert [dump["status"] for dump in done.json["dumps"]] == ["nothing"]
    assert "nothing" in run("ingest", "--source", "hub").out


def test_the_folder_by_name(run: Run, server: WebServer) -> None:
    """The watched folder can be named like any other source; where nothing lies in it, nothing comes."""
    done = run("ingest", "--source", "folder", "--json")
    assert (done.code, done.json["dumps"]) == (0, [])


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("ingest", "name what to read: PATH…, or --source NAME"),
        ("ingest dump.json --source kites", "either PATH… or --source NAME, not both"),
        ("ingest --source bread", "bread: no such source; there are folder, gone, hub, kites"),
        ("ingest --source kites --seen-on 2026-11-20", "--seen-on is for files"),
    ],
)
def test_what_cannot_be(run: Run, server: WebServer, arguments: str, said: str) -> None:
    """What names nothing, or both, or a source that is none, is an error of usage, and asks nobody."""
    done = run(*arguments.split())
    assert done.code == 2
    assert said in done.err
    assert server.asked == []
