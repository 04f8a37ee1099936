"""digest serve, digest web and digest scheduler, as calls and as processes."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
import structlog

from digest.cli import serve
from digest.cli.app import Session
from digest.compose.message import Message
from digest.relay.memory import MemoryRelay
from digest.settings import DeliverySettings
from digest.store.database import Database
from digest.wiring import App
from tests.cli.conftest import Run
from tests.factories import NOW, Clock, add_subscriber, clean_records, list_records, make_app
from tests.smtp_server import wait_until

PATIENCE_S = 60.0
BOTH = [signal.SIGTERM, signal.SIGINT]

#: Lets `digest` run over a program that the test has made.
Wire = Callable[[App], None]


@pytest.fixture
def wire(monkeypatch: pytest.MonkeyPatch) -> Wire:
    def over(app: App) -> None:
        monkeypatch.setattr(Session, "app", lambda _session, *, chatty=False: app)

    return over


def mailing(database: Database, folder: Path, relay: MemoryRelay) -> App:
    """The program with one reader who is due, and a paper for them."""
    app = make_app(database, folder, relay=relay, clock=Clock(), delivery=DeliverySettings(tick_s=0.05))
    with database.write() as conn:
        list_records(conn, clean_records("On Kites"))
        add_subscriber(conn, "ada@example.org", now=NOW)
    return app


@pytest.mark.parametrize("number", BOTH)
@pytest.mark.parametrize(
    ("command", "opened"),
    [(("serve", "--port", "0"), True), (("scheduler",), False)],
    ids=["serve", "scheduler"],
)
def test_told_to_stop(
    run: Run,
    wire: Wire,
    sqlite_database: Database,
    tmp_path: Path,
    command: tuple[str, ...],
    opened: bool,
    number: signal.Signals,
) -> None:
    """SIGTERM and SIGINT end the service after the message in flight was settled; the pages close with it."""

    def stopping(message: Message) -> None:
        os.kill(os.getpid(), number)

    relay = MemoryRelay(stopping)
    wire(mailing(sqlite_database, tmp_path, relay))
    with structlog.testing.capture_logs() as logged:
        assert run(*command).code == 0
    names = [event["event"] for event in logged if event["step"] in ("serve", "web")]
    pages = ["pages opened"] if opened else []
    assert names == ["starting", *pages, *(["pages closed"] if opened else []), "stopped"]
    with sqlite_database.read() as conn:
        assert conn.exec_driver_sql("SELECT status FROM deliveries").scalars().all() == ["sent"]
    assert len(relay.accepted) == 1


@pytest.mark.parametrize("command", ["serve", "scheduler"])
def test_a_service_that_cannot_send(run: Run, site: Path, command: str) -> None:
    """Without a relay it does not start, and says so at once."""
    (site / "digest.toml").write_text(
        'base_url = "https://digest.example.org"\nsender = "digest@example.org"\n'
    )
    done = run(command)
    assert (done.code, done.err) == (2, "digest: relay.url is not set: sending is off until it is\n")


@pytest.mark.parametrize("command", ["serve", "web", "scheduler"])
def test_another_schema_is_refused(run: Run, site: Path, command: str) -> None:
    """A service does not start on a database of another version, rather than fail at every turn."""
    assert run("db", "upgrade").code == 0
    database = Database(f"sqlite:///{site / 'digest-data' / 'digest.db'}")
    with database.write() as conn:
        conn.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    database.close()
    done = run(command)
    assert (done.code, "9999" in done.err) == (1, True)


@pytest.mark.parametrize("command", ["serve", "web"])
def test_a_port_in_use(run: Run, site: Path, monkeypatch: pytest.MonkeyPatch, command: str) -> None:
    """It is told by its number, before anything was looked for, planned or mailed."""
    monkeypatch.setattr("digest.cli.serve.running", lambda app: pytest.fail("the day was begun"))
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = run(command, "--port", str(port))
    assert done.code == 1
    assert (
        done.err.splitlines()[-1] == f"digest: cannot serve on 127.0.0.1, port {port}: Address already in use"
    )


def test_ports_that_are_none(run: Run, site: Path) -> None:
    """A port out of range is a mistake of usage."""
    assert run("web", "--port", "65536").code == 2
    assert run("serve", "--port", "-1").code == 2


def test_where_the_settings_say(run: Run, site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """web.host and web.port hold unless the command says otherwise."""
    asked: list[dict[str, Any]] = []

    @contextmanager
    def serving(app: App, **where: Any) -> Iterator[str]:
        asked.append(where)
        os.kill(os.getpid(), signal.SIGTERM)
        yield ""

    monkeypatch.setattr("digest.web.server.serving", serving)
    with (site / "digest.toml").open("a") as settings:
        settings.write('web.host = "127.0.0.9"\nweb.port = 8123\n')
    for arguments in ((), ("--host", "::1"), ("--port", "0")):
        assert run("web", *arguments).code == 0
    assert asked == [
        {"host": "127.0.0.9", "port": 8123},
        {"host": "::1", "port": 8123},
        {"host": "127.0.0.9", "port": 0},
    ]


@pytest.mark.usefixtures("run")  # puts the handlers back
def test_a_signal_that_comes_unseen(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that wakes another thread than the one that waits, as it may on a busy machine, is found all the same."""
    monkeypatch.setattr(serve, "_LOOK_S", 0.05)
    unseen = threading.Timer(0.1, lambda: signal.pthread_kill(threading.get_ident(), signal.SIGTERM))
    rescue = threading.Timer(PATIENCE_S, lambda: os.kill(os.getpid(), signal.SIGINT))
    with serve._told_to_stop() as told:
        unseen.start()
        rescue.start()
        assert told() == signal.SIGTERM
    rescue.cancel()


# -- as a process --------------------------------------------------------------------------------------


@contextmanager
def process(
    site: Path, *arguments: str, **environment: str
) -> Iterator[tuple[subprocess.Popen[bytes], Path]]:
    """`digest` with these arguments, and the file that its log goes to; killed if it is still there at the end."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("DIGEST_")}
    path = site / "service.log"
    with path.open("wb") as log:
        started = subprocess.Popen(
            [sys.executable, "-m", "digest", *arguments],
            cwd=site, env={**kept, "PYTHONPATH": str(Path(__file__).parents[2]), **environment}, stdout=log, stderr=log,
        )  # fmt: skip
    try:
        yield started, path
    finally:
        if started.poll() is None:
            started.kill()
        started.wait(PATIENCE_S)


def events(log: Path) -> list[dict[str, Any]]:
    lines = log.read_text().splitlines() if log.exists() else []
    return [json.loads(line) for line in lines if line.startswith("{") and line.endswith("}")]


@pytest.mark.parametrize("number", BOTH)
@pytest.mark.parametrize("command", ["serve", "web"])
def test_a_life(site: Path, command: str, number: signal.Signals) -> None:
    """The pages answer until the process is told to stop; then it ends well, having said so, and nothing listens."""
    with process(site, command, "--port", "0", DIGEST_LOG__JSON_LINES="true") as (service, log):
        wait_until(
            lambda: service.poll() is not None or "pages opened" in log.read_text(), timeout_s=PATIENCE_S
        )
        (opened,) = [event for event in events(log) if event["event"] == "pages opened"]
        port = int(opened["url"].rpartition(":")[2])
        conn = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE_S)
        with closing(conn):
            conn.request("GET", "/healthz", headers={"Host": "digest.example.org"})
            with conn.getresponse() as answer:
                assert (answer.status, answer.read()) == (200, b"ok\n")
            # The connection stays open and idle: it must hold nobody up.
            service.send_signal(number)
            assert service.wait(PATIENCE_S) == 0, log.read_text()
    assert [event["event"] for event in events(log)][-2:] == ["pages closed", "stopped"]
    assert [event for event in events(log) if event["level"] == "error"] == []
    with pytest.raises(OSError):
        socket.create_connection(("127.0.0.1", port), timeout=1)


def test_web_needs_no_relay(site: Path) -> None:
    """`digest web` runs on an empty configuration: nothing is mailed by it, and the log says that nothing will be."""
    (site / "digest.toml").unlink()
    with process(site, "web", "--port", "0") as (service, log):
        wait_until(
            lambda: service.poll() is not None or "sending is off" in log.read_text(), timeout_s=PATIENCE_S
        )
        service.send_signal(signal.SIGTERM)
        assert service.wait(PATIENCE_S) == 0, log.read_text()
    assert "base_url is not set" in log.read_text()
