"""A running `digest serve` with a folder, a mailbox and a clock of its own."""

from __future__ import annotations

import datetime as dt
import http.client
import os
import re
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlencode, urlsplit

from tests.browser import moved_clock, papers
from tests.browser.mailbox import PATIENCE_S, Mail, Mailbox
from tests.smtp_server import wait_until

_ROOT = Path(__file__).parents[2]
#: A Monday in a year in which no file of a test was written: the folder is watched by the kernel's times. In every
#: zone it is the same date, and an hour that `hour_to_come` names is still to come.
START = dt.datetime(2031, 3, 3, 10, 10, tzinfo=dt.UTC)
_SETTINGS = """
data_dir = "{folder}"
base_url = "{url}"
sender = "Digest of the Example Lab <digest@example.org>"
mail.name = "Digest"
mail.postal_address = "Example Lab, 1 Example Street, 12345 Sampletown"
relay.url = "{relay}"
relay.connections = 2
dumps.watch_s = 0.25
delivery.tick_s = 0.25
web.signups_per_hour = 300
web.posts_per_minute = 1000
web.api_per_minute = 1000
"""

#: Rows of every table, each as it is shown by SQLite, sorted.
Tables = dict[str, list[str]]


class Answer(NamedTuple):
    """What came back."""

    status: int
    headers: http.client.HTTPMessage
    body: bytes


class Service:
    """`digest serve`, by its process.

    Attributes:
        url: Where it answers, and what links in its mails begin with.
        mailbox: The relay that it hands its mail to.
    """

    def __init__(self, folder: Path, mailbox: Mailbox) -> None:
        self.folder, self.mailbox = folder, mailbox
        self.port = _free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._ahead = START - dt.datetime.now(dt.UTC)
        self._set_clock()
        settings = _SETTINGS.format(folder=folder, url=self.url, relay=mailbox.url)
        (folder / "digest.toml").write_text(settings, encoding="utf-8")
        (folder / "dumps").mkdir()

    @contextmanager
    def serving(self) -> Iterator[None]:
        """Run it while the block runs; it must end by itself, and well, when asked to."""
        environment = {name: value for name, value in os.environ.items() if not name.startswith("DIGEST_")}
        with (self.folder / "serve.log").open("ab") as log:
            process = subprocess.Popen(
                [
                    sys.executable, moved_clock.__file__, self.folder / "clock",
                    "serve", "--config", self.folder / "digest.toml", "--port", str(self.port),
                ],
                cwd=self.folder, env=environment | {"PYTHONPATH": str(_ROOT)}, stdout=log, stderr=log,
            )  # fmt: skip
        try:
            wait_until(lambda: process.poll() is not None or self._is_up(), timeout_s=PATIENCE_S)
            assert process.poll() is None, self.log()
            yield
        finally:
            process.terminate()
            code = process.wait(PATIENCE_S)
        assert code == 0, self.log()

    def now(self) -> dt.datetime:
        """The time by its clock."""
        return dt.datetime.now(dt.UTC) + self._ahead

    def advance(self, **units: float) -> None:
        """Put its clock forward by `timedelta(**units)`."""
        self._ahead += dt.timedelta(**units)
        self._set_clock()

    def publish(self, day: int) -> str:
        """Let the edition of today come out, with the papers of the day of that number; returns its path."""
        return self.publish_dump(papers.dump(day, self.now().date()))

    def publish_dump(self, dump: bytes) -> str:
        """Put a dump into the folder that is watched, and wait until its edition has a page; returns its path."""
        today = self.now().date().isoformat()
        draft = self.folder / "dumps" / f"{today}.part"
        draft.write_bytes(dump)
        draft.rename(draft.with_suffix(".json"))
        path = f"/editions/{today}"
        wait_until(lambda: self.get(path).status == 200, timeout_s=PATIENCE_S)
        return path

    def get(self, path: str, *, method: str = "GET", headers: dict[str, str] | None = None) -> Answer:
        """Ask for a path without a browser."""
        return self._ask(method, path, None, headers or {})

    def post(self, path: str, body: bytes = b"") -> Answer:
        """Post these bytes as a form, without cookie or Origin; redirects are not followed."""
        return self._ask("POST", path, body, {"Content-Type": "application/x-www-form-urlencoded"})

    def submit(self, path: str, **fields: str | list[str]) -> Answer:
        """Post a form of these fields."""
        return self.post(path, urlencode(fields, doseq=True).encode())

    def join(self, address: str, **fields: str | list[str]) -> str:
        """Subscribe and confirm without a browser; returns the path of the preferences."""
        asked = self.submit("/subscribe", address=address, **fields)
        assert asked.status == 303, asked
        return self.confirm(self.mailbox.next(address))

    def confirm(self, mail: Mail) -> str:
        """Press the button behind the link of a confirmation; returns the path of the preferences."""
        confirmed = self.post(path_of(mail.link("/c/")))
        assert confirmed.status == 303, confirmed
        return confirmed.headers["Location"].partition("?")[0]

    def rows(self, query: str, *values: object) -> list[tuple[object, ...]]:
        """What a query of the database gives, asked from outside."""
        path = self.folder / "digest.db"
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=PATIENCE_S)) as connection:
            return connection.execute(query, values).fetchall()

    def tables(self) -> Tables:
        """Every row of every table."""
        names = [str(name) for (name,) in self.rows("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return {name: sorted(map(repr, self.rows(f'SELECT * FROM "{name}"'))) for name in names}

    def log(self) -> str:
        """What it has said so far."""
        return (self.folder / "serve.log").read_text(encoding="utf-8", errors="replace")

    def settled(self) -> bool:
        """Whether no mail is under way."""
        open_still = "SELECT count(*) FROM deliveries WHERE status IN ('planned', 'claimed', 'deferred')"
        return self.rows(open_still) == [(0,)]

    def _ask(self, method: str, path: str, body: bytes | None, headers: dict[str, str]) -> Answer:
        with closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_S)) as connection:
            connection.request(method, path, body=body, headers=headers)
            answer = connection.getresponse()
            return Answer(answer.status, answer.headers, answer.read())

    def _is_up(self) -> bool:
        try:
            return self.get("/healthz").status == 200
        except OSError:
            return False

    def _set_clock(self) -> None:
        draft = self.folder / "clock.part"
        draft.write_text(str(self._ahead.total_seconds()))
        draft.rename(self.folder / "clock")


@contextmanager
def running(folder: Path) -> Iterator[Service]:
    """A service and its mailbox, in a folder that is empty."""
    with Mailbox() as mailbox:
        service = Service(folder, mailbox)
        with service.serving():
            yield service


def path_of(url: str) -> str:
    """What is asked of the server for a link."""
    return urlsplit(url).path


def uri_in(header: bytes) -> str:
    """The https URI of a List-Unsubscribe header, taken from its bytes."""
    found = re.match(rb"<(https?://[^>]+)>", header)
    assert found, header
    return found[1].decode("ascii")


def _free_port() -> int:
    """A port that the system has just given and taken back: the links in mails have to name it beforehand."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port
