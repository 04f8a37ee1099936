"""The same campaign, guided by coverage: python -m tests.faults.guided FORMAT SECONDS SEED FOLDER.

Needs atheris, which is no dependency of the project: it is a 33 MB wheel for one test. It ends the process
itself, so counts are kept in a file while it runs.
"""

from __future__ import annotations

import importlib
import json
import random
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any


def main(name: str, seconds: int, seed: int, folder: Path) -> None:
    """Run until the time is over, or until something breaks: then the exit code is not 0."""
    atheris: Any = importlib.import_module("atheris")
    with atheris.instrument_imports(include=["digest.ingest"]):
        from tests.faults.fuzzing import damaged, family, judge
    from tests.faults.originals import donors, originals

    kind, corpus, others = family(name), originals(name), donors(name)
    kept = folder / "corpus"
    kept.mkdir(exist_ok=True)
    for number, data in enumerate(corpus):
        (kept / f"original-{number}").write_bytes(data)
    ends: Counter[str] = Counter()
    saved_at = 0.0

    def test(data: bytes) -> None:
        nonlocal saved_at
        ends[judge(data)] += 1
        if time.monotonic() - saved_at > 1:
            saved_at = time.monotonic()
            (folder / "ends.json").write_text(json.dumps(ends), encoding="utf-8")

    def mutated(data: bytes, longest: int, chance: int) -> bytes:
        return damaged(random.Random(chance), kind, data, own=corpus, others=others)[:longest]

    options = [
        f"-max_total_time={seconds}",
        f"-seed={seed}",
        "-max_len=131072",
        "-timeout=60",
        "-rss_limit_mb=1500",
        "-verbosity=0",
    ]
    atheris.Setup(
        [sys.argv[0], *options, f"-artifact_prefix={folder}/broken-", str(kept)], test, custom_mutator=mutated
    )
    atheris.Fuzz()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), Path(sys.argv[4]))
