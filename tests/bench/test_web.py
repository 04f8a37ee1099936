"""`digest bench web` at a small size: what was posted was kept and mailed. Its times are for operators, not for tests."""

from __future__ import annotations

import json
import socket
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog
from typer.testing import CliRunner

from digest.bench import load, servers, sites
from digest.bench.beside import beside_delivery
from digest.bench.counting import counting
from digest.bench.sink import HOST, BenchError, program
from digest.bench.stand import READERS, Stand
from digest.bench.web import COMMITS, FIXED, NO_ENGINE, SAVES, SIGN_UPS, UNSTORED, Options, measure
from digest.cli.app import app
from digest.settings import DatabaseSettings, Settings
from digest.store import subscribers
from digest.subscribers.consent import Evidence
from digest.subscribers.subscriber import Profile, Schedule, State
from tests.conftest import MakeUrl
from tests.factories import NOW

needs_sink = pytest.mark.skipif(
    program("smtp-sink") is None, reason="needs smtp-sink (Debian package postfix)"
)


@pytest.fixture(autouse=True)
def _log_is_put_back() -> Iterator[None]:
    """A command sends its log to its own standard error, which is closed when the command is over."""
    yield
    structlog.reset_defaults()


def test_machine_contract(make_postgresql_url: MakeUrl) -> None:
    """On both engines every form is taken, and so many sign-ups are so many pending rows, and mails."""
    size = ["--count", "25", "--rounds", "2", "--connections", "3", "--digests", "0"]
    result = CliRunner().invoke(app, ["bench", "web", *size, "--postgresql", make_postgresql_url(), "--json"])
    assert result.exit_code == 0, result.output
    document = json.loads(result.stdout)
    assert set(document) == {"rounds", "count", "connections", "fixed", "engines", "beside_delivery"}
    assert (document["rounds"], document["count"], document["connections"]) == (2, 25, 3)
    assert document["beside_delivery"] is None
    assert set(document["engines"]) == {"sqlite", "postgresql"}
    for found in document["engines"].values():
        assert (found["answers"], found["pending"], found["mails"]) == ({"303": 75}, 25, 25)
        assert set(found["rates"]) == {"commits", "unstored", "signups", "saves"}
        for low, median, high in (document["fixed"], *found["rates"].values()):
            assert 0 < low <= median <= high
        assert set(found["ratios"]) == {
            "signups_vs_fixed", "signups_vs_unstored", "signups_vs_commits",
            "saves_vs_fixed", "saves_vs_unstored", "saves_vs_commits",
        }  # fmt: skip


def test_all_are_measured_in_each_round() -> None:
    """Each round measures the fixed page, and on the engine commits, unkept forms, sign-ups and saves, in turn."""
    told: list[tuple[int, str, str]] = []
    options = Options(count=7, rounds=2, connections=2, digests=0)
    measured = measure(options, on_rate=lambda number, where, name, _rate: told.append((number, where, name)))
    turn = [(NO_ENGINE, FIXED), *(("sqlite", name) for name in (COMMITS, UNSTORED, SIGN_UPS, SAVES))]
    assert told == [(number, *each) for number in (1, 2) for each in turn]
    assert measured.kept["sqlite"].answers == {303: 21}
    assert measured.ratio("sqlite", SAVES, SAVES) == 1


@needs_sink
def test_sign_ups_beside_a_delivery(tmp_path: Path) -> None:
    """While digests are delivered every sign-up is taken, and all that was planned is mailed."""
    found = beside_delivery(tmp_path, digests=30, connections=2)
    assert found.digests == 30
    assert found.load.answers == {303: len(found.load.waits_s)}
    assert found.load.waits_s == tuple(sorted(found.load.waits_s))


@needs_sink
def test_told_to_people() -> None:
    """The table names each rate, and the lines below it what was kept."""
    size = ["--count", "6", "--rounds", "1", "--connections", "2", "--digests", "4"]
    result = CliRunner().invoke(app, ["bench", "web", *size])
    assert result.exit_code == 0, result.output
    for words in (
        "fixed page",
        "saved preferences",
        "sqlite: 6 sign-ups, 6 pending, 6 mails; every reader has what they saved last",
        "While 4 digests were delivered on SQLite",
        "2 connections, 1 rounds.",
    ):
        assert words in " ".join(result.stdout.split())  # however wide the terminal is


def test_rounds_share_the_count() -> None:
    """The rounds' shares are the whole count, and none is empty."""
    options = Options(count=11, rounds=3)
    assert [options.share(number) for number in (1, 2, 3)] == [3, 4, 4]
    with pytest.raises(BenchError, match="at least one"):
        Options(count=2, rounds=3)


# -- what is checked ---------------------------------------------------------------------------------


@pytest.fixture
def stand(tmp_path: Path) -> Iterator[Stand]:
    """A stand of one connection without pages: what they would have done is done by hand."""
    site = sites.build(tmp_path, port=1, readers=READERS, connections=1)
    yield Stand(site, connections=1)
    site.app.database.close()


def sign_up(stand: Stand, address: str) -> None:
    stand.site.app.signup.request(
        address, profile=Profile(), schedule=Schedule(), evidence=Evidence(method="web"), now=NOW
    )


def test_a_lost_sign_up_is_found(stand: Stand) -> None:
    """A row that is missing, and one that nobody asked for, fail the bench."""
    stand.addresses = {"new0@example.org", "new1@example.org"}
    sign_up(stand, "new0@example.org")
    with pytest.raises(BenchError, match="2 signed up, 1 are pending"):
        stand.check_kept()
    sign_up(stand, "trapped1@example.org")
    with pytest.raises(BenchError, match="2 signed up, 2 are pending"):
        stand.check_kept()
    with stand.site.app.database.write() as conn:
        subscribers.change(conn, READERS + 2, address="new1@example.org")
    stand.check_kept()


def test_a_refused_form_is_found(stand: Stand) -> None:
    """One answer that is no 303 fails the bench, which tells all of them."""
    stand.answers = Counter({303: 8, 503: 1})
    with pytest.raises(BenchError, match="503: 1"):
        stand.check_kept()


def test_a_lost_save_is_found(stand: Stand) -> None:
    """A reader who does not have what they saved last fails the bench."""
    requests = list(stand._saves(0, range(READERS + 1)))
    assert requests[0].split(b" ")[1] == requests[READERS].split(b" ")[1] != requests[1].split(b" ")[1]
    last = dict(zip(stand.site.readers, (READERS, 1, 2, 3), strict=True))
    for reader, number in last.items():
        with pytest.raises(BenchError, match="do not have the preferences"):
            stand.check_kept()
        with stand.site.app.database.write() as conn:
            subscribers.change(conn, reader, interests=(f"reading number {number}",))
    stand.check_kept()


def test_mails_are_counted(tmp_path: Path) -> None:
    """Everyone who signed up is mailed once: a mail too few or too many fails the bench."""
    with counting() as postbox:
        site = sites.build(tmp_path, port=postbox.port, readers=READERS, connections=2)
        stand = Stand(site, connections=1)
        stand.addresses = {f"new{number}@example.org" for number in range(3)}
        for address in stand.addresses:
            stand.site.app.signup.request(
                address,
                profile=Profile(),
                schedule=Schedule(),
                evidence=Evidence(method="web"),
                now=site.app.clock(),
            )
        stand.check_mailed(postbox.mails)
        assert postbox.mails == dict.fromkeys(stand.addresses, 1)
        stand.addresses.add("new3@example.org")
        with pytest.raises(BenchError, match="4 signed up, 3 mails to 3 came"):
            stand.check_mailed(postbox.mails)
        stand.addresses.remove("new3@example.org")
        postbox.mails["new0@example.org"] += 1
        with pytest.raises(BenchError, match="3 signed up, 4 mails to 3 came"):
            stand.check_mailed(postbox.mails)
        site.app.database.close()


def test_what_the_trap_catches_is_not_kept(stand: Stand) -> None:
    """The form that stands for no store has an address of its own, and the field that only programs fill in."""
    (caught,) = stand._sign_ups(range(1), trap=True)
    assert b"address=trapped0%40example.org" in caught
    assert b"website=https" in caught
    assert not stand.addresses
    (kept,) = stand._sign_ups(range(1), trap=False)
    assert b"website=&" in kept or kept.endswith(b"website=")
    assert stand.addresses == {"new0@example.org"}
    with stand.site.app.database.read() as conn:
        assert subscribers.counts(conn)[State.PENDING] == 0


# -- load and processes ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (b"", "did not answer: IncompleteReadError"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort", "did not answer: IncompleteReadError"),
        (b"HTTP/1.1 200 OK\r\n\r\n", "without Content-Length"),
    ],
)
def test_pages_that_break_off(answer: bytes, reason: str) -> None:
    """An answer that does not come whole is told, rather than counted."""
    with socket.create_server((HOST, 0)) as listener:

        def serve() -> None:
            connection, _ = listener.accept()
            connection.recv(65536)
            connection.sendall(answer)
            connection.close()

        thread = threading.Thread(target=serve)
        thread.start()
        with pytest.raises(BenchError, match=reason):
            load.send(listener.getsockname()[1], [[load.form("/subscribe", {})]])
        thread.join()


def test_pages_that_do_not_open(tmp_path: Path) -> None:
    """Pages that cannot start are told with what they said; the operator's own settings are not theirs."""
    settings = Settings(data_dir=tmp_path, database=DatabaseSettings(url=f"sqlite:///{tmp_path}"))
    with (
        pytest.raises(BenchError, match=r"do not open: .*unable to open database"),
        servers.pages("web", settings),
    ):
        pytest.fail("opened without a database")


def test_settings_of_the_operator(monkeypatch: pytest.MonkeyPatch) -> None:
    """`DIGEST_*` of whoever runs the bench does not reach what it measures."""
    monkeypatch.setenv("DIGEST_LOG__LEVEL", "error")
    monkeypatch.setenv("digest_zone", "Europe/Berlin")
    assert not [name for name in servers.environment() if name.upper().startswith("DIGEST_")]
