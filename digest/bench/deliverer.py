"""Ours, as it is measured: a process of its own that delivers what the ledger holds, and ends."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from digest.bench.servers import environment
from digest.bench.sink import BenchError
from digest.settings import Settings

#: Longest that one delivery may take, in seconds; a hundred thousand readers take less than a minute.
MOST_S = 900.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivered:
    """What one process did."""

    sent: int
    took_s: float
    peak_rss_bytes: int

    @property
    def rate(self) -> float:
        """Messages per second."""
        return self.sent / self.took_s


def deliver(settings: Settings, *, messages: int, plan: bool = False) -> Delivered:
    """Deliver what is due in a process of its own, started and opened outside the time.

    Args:
        messages: That have to be sent.
        plan: Whether the process plans who is due before it delivers.

    Raises:
        BenchError: It failed, took too long, or did not send all of them.
    """
    request = {"settings": json.loads(settings.model_dump_json()), "plan": plan}
    with _running() as process:
        _ask(process, json.dumps(request))
        done = Delivered(**_ask(process, "deliver"))
    if done.sent != messages:
        raise BenchError(f"of {messages} digests {done.sent} were sent")
    return done


@contextmanager
def _running() -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "digest.bench.delivering"]
    with subprocess.Popen(  # noqa: S603 - our own module
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment()
    ) as process:
        late = threading.Timer(MOST_S, process.kill)
        late.start()
        try:
            yield process
        except BaseException:
            process.kill()
            raise
        finally:
            late.cancel()


def _ask(process: subprocess.Popen[str], line: str) -> dict[str, Any]:
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(line + "\n")
    process.stdin.flush()
    answer = process.stdout.readline()
    if not answer:
        raise BenchError(
            f"the delivering process ended, or took more than {MOST_S:.0f} s: its words are above"
        )
    document: dict[str, Any] = json.loads(answer)
    return document
