"""The processes that the bench of the pages loads: `digest web`, `digest serve`, and the floor."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any
from urllib.parse import urlsplit

from digest.bench.load import NAME
from digest.bench.sink import HOST, BenchError
from digest.settings import PREFIX, Settings

#: One client may do all of it: the bench is one.
_NO_LIMIT = 1_000_000_000
_START_S = 60.0
_STOP_S = 30.0


@contextmanager
def floor() -> Iterator[int]:
    """Run the fixed page while the block runs; gives its port."""
    command = [sys.executable, "-m", "digest.bench.fixed"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment()) as process:  # noqa: S603 - this interpreter, no shell
        assert process.stdout is not None
        try:
            line = process.stdout.readline()
            if not line:
                raise BenchError("the fixed page does not start")
            yield int(line)
        finally:
            _stop(process)


@contextmanager
def pages(verb: str, settings: Settings) -> Iterator[int]:
    """Run `digest web` or `digest serve` while the block runs; gives its port.

    Args:
        verb: web or serve.
        settings: Database and relay; a settings file with them, and the log, are put into the data folder.

    Raises:
        BenchError: It does not start, does not stop when told to, or logged an error.
    """
    config, log = settings.data_dir / "bench.toml", settings.data_dir / f"{verb}.log"
    settings.data_dir.mkdir(parents=True, exist_ok=True)  # nothing else is in it with a database on a server
    config.write_text(_toml(settings), encoding="utf-8")
    command = [sys.executable, "-m", "digest", "--config", str(config), verb, "--host", HOST, "--port", "0"]
    with log.open("wb") as words:
        process = subprocess.Popen(command, stderr=words, env=environment())  # noqa: S603 - this interpreter, no shell
        try:
            yield _port(process, log)
        finally:
            _stop(process)
    failed = [line for line in _events(log) if line["level"] in ("error", "critical")]
    if failed:
        raise BenchError(f"the pages logged {len(failed)} errors; the first: {json.dumps(failed[0])}")


def _toml(settings: Settings) -> str:
    values: dict[str, dict[str, Any]] = {
        "database": {"url": settings.database_url},
        "relay": {"url": settings.relay.url, "connections": settings.relay.connections},
        "delivery": {"tick_s": 1},
        "log": {"json_lines": True},
        "web": {
            "signups_per_hour": _NO_LIMIT,
            "posts_per_minute": _NO_LIMIT,
            "signup_alarm": _NO_LIMIT,
        },
    }
    top = {"data_dir": str(settings.data_dir), "base_url": f"https://{NAME}", "sender": settings.sender}
    sections = [f"\n[{name}]\n{_lines(section)}" for name, section in values.items()]
    return _lines(top) + "".join(sections)


def _lines(section: dict[str, Any]) -> str:
    # What JSON writes for a text, a number or a truth, TOML reads as the same.
    return "".join(f"{name} = {json.dumps(value)}\n" for name, value in section.items())


def environment() -> dict[str, str]:
    """Ours, without settings of the operator's: they would go before the file."""
    return {name: value for name, value in os.environ.items() if not name.upper().startswith(PREFIX)}


def _port(process: subprocess.Popen[bytes], log: Path) -> int:
    """Wait until the pages are open; the log says where."""
    until = time.monotonic() + _START_S
    while process.poll() is None and time.monotonic() < until:
        for line in _events(log):
            if line["event"] == "pages opened":
                return int(urlsplit(line["url"]).port or 0)
        time.sleep(0.02)
    raise BenchError(f"the pages do not open: {log.read_text(encoding='utf-8', errors='replace').strip()}")


def _events(log: Path) -> Iterator[dict[str, Any]]:
    with log.open(encoding="utf-8", errors="replace") as lines:
        yield from _parsed(lines)


def _parsed(lines: IO[str]) -> Iterator[dict[str, Any]]:
    for line in lines:
        if line.startswith("{") and line.endswith("}\n"):  # the last may be half written
            yield json.loads(line)


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(_STOP_S)
    except subprocess.TimeoutExpired as error:
        process.kill()
        process.wait()
        raise BenchError("the pages did not stop when told to") from error
