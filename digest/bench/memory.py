"""The peak of memory of a process that plans and delivers, as `digest send` does, at two numbers of readers."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from digest.bench import sites
from digest.bench.deliverer import Delivered, deliver


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryMeasured:
    """What a delivery to few readers took, and one to many."""

    readers: tuple[int, int]
    peaks: tuple[int, int]  #: bytes

    @property
    def more_bytes(self) -> int:
        """What the many take beyond the few."""
        return self.peaks[1] - self.peaks[0]


def measure(
    folder: Path,
    *,
    port: int,
    readers: tuple[int, int],
    connections: int,
    on_step: Callable[[str], None],
) -> MemoryMeasured:
    """Plan and deliver once for each number of readers, each in a process and an installation of its own.

    Raises:
        BenchError: Not all were planned, or not all were sent.
    """
    few, many = (_peak(folder, port, count, connections, on_step) for count in readers)
    return MemoryMeasured(readers=readers, peaks=(few, many))


def _peak(folder: Path, port: int, readers: int, connections: int, on_step: Callable[[str], None]) -> int:
    with tempfile.TemporaryDirectory(dir=folder) as own:
        site = sites.build(Path(own), port=port, readers=readers, connections=connections, due=True)
        site.app.database.close()
        done: Delivered = deliver(site.app.settings, messages=readers, plan=True)
    on_step(f"memory: {readers:,} readers: {done.peak_rss_bytes / 1e6:,.0f} MB, {done.rate:,.0f} messages/s")
    return done.peak_rss_bytes
