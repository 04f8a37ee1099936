"""The command, run in this process as a shell would run it, in a folder of its own."""

from __future__ import annotations

import datetime as dt
import io
import json
import os
import signal
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import structlog

from digest.cli import main
from tests.factories import TOPICS, daily_papers

SETTINGS = """
base_url = "https://digest.example.org"
sender = "Digest <digest@example.org>"
mail.topics = "topics.toml"
relay.url = "folder:outbox"
relay.connections = 1
edition.hour = 0
"""


@dataclass(frozen=True)
class Done:
    """How a call ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The one document on standard output."""
        return json.loads(self.out)


#: From arguments, and standard input, to how the call ended.
Run = Callable[..., Done]


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder with settings, which is the working folder; no variable of the machine's own counts."""
    for name in [name for name in os.environ if name.startswith("DIGEST_")]:
        monkeypatch.delenv(name)
    monkeypatch.delenv("COLUMNS", raising=False)  # a test runner's own width would wrap what is compared
    monkeypatch.chdir(tmp_path)
    (tmp_path / "digest.toml").write_text(SETTINGS)
    (tmp_path / "topics.toml").write_text(TOPICS)
    return tmp_path


@pytest.fixture
def run(site: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Run]:
    """Calls `digest` with these arguments."""
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def call(*arguments: str, stdin: bytes = b"") -> Done:
        monkeypatch.setattr("sys.argv", ["digest", *arguments])
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        capsys.readouterr()
        try:
            main()
            code = 0
        except SystemExit as ended:
            code = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
        sys.stdout.flush()
        told = capsys.readouterr()
        return Done(code, told.out, told.err)

    yield call
    for number, handler in handlers.items():
        signal.signal(number, handler)
    structlog.reset_defaults()  # the log would go to the standard error of a test that is over


@pytest.fixture
def filled(run: Run, site: Path) -> Path:
    """A site with two papers of today and two readers, one of whom asked for bread."""
    write_dump(site, "A Kite for All", "On Bread")
    assert run("ingest", "dump.json").code == 0
    for arguments in (
        ("ada@example.org", "--hour", "0"),
        ("bea@example.org", "--topic", "baking", "--hour", "0"),
    ):
        assert run("subscribers", "add", *arguments, "--confirmed").code == 0
    return site


def write_dump(folder: Path, *rows: dict[str, object] | str, name: str = "dump.json") -> Path:
    """Put a dump of the API, dated today by the machine's own clock, into a folder."""
    path = folder / name
    path.write_bytes(daily_papers(rows, day=dt.datetime.now(dt.UTC).date()))
    return path
