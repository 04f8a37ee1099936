"""What SpamAssassin says of mails, by its rules alone: no network, nothing learned."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest

_STATUS = re.compile(
    rb"^X-Spam-Status: \w+, score=(-?[\d.]+) required=\S+\s+tests=([\w,\s]*?)\s+\w+=", re.MULTILINE
)
#: What it has learned, and who it has met, would make a second run differ from the first.
_SETTINGS = "use_bayes 0\nuse_auto_welcomelist 0\n"
_PROCESSES = 2


@dataclass(frozen=True, slots=True)
class Spam:
    """Points, more being worse, and the names of the rules that gave or took some."""

    points: float
    rules: tuple[str, ...]


def spam_of(messages: Sequence[bytes]) -> list[Spam]:
    """Judge each message, some 80 ms each; in two processes where there are many."""
    program = shutil.which("spamassassin")
    if program is None:
        pytest.skip("needs spamassassin")
    shares = (
        [messages[place::_PROCESSES] for place in range(_PROCESSES)] if len(messages) > 100 else [messages]
    )
    with ThreadPoolExecutor(len(shares)) as pool:
        found = list(pool.map(lambda share: _judged(program, share), shares))
    return [found[place % len(shares)][place // len(shares)] for place in range(len(messages))]


def _judged(program: str, messages: Sequence[bytes]) -> list[Spam]:
    with tempfile.TemporaryDirectory(prefix="digest-spam-") as name:
        folder = Path(name)
        settings = folder / "settings"
        settings.write_text(_SETTINGS, encoding="ascii")
        paths = [folder / f"{number:06d}.eml" for number in range(len(messages))]
        for path, data in zip(paths, messages, strict=True):
            path.write_bytes(data)
        said = subprocess.run(
            [program, "--local", "--prefspath", str(settings), *map(str, paths)],
            env={**os.environ, "HOME": name},
            capture_output=True,
            check=True,
        )
    found = [
        Spam(float(points), tuple(sorted(re.findall(r"\w+", rules.decode()))))
        for points, rules in _STATUS.findall(said.stdout)
    ]
    assert len(found) == len(messages), said.stderr.decode()[-500:]
    return found
