"""How much memory a process took at its most."""

from __future__ import annotations

import resource
from pathlib import Path

_STATUS = Path("/proc/self/status")


def peak_bytes() -> int:
    """The peak of this process alone; what getrusage tells begins with that of the process that started it."""
    if not _STATUS.is_file():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    (peak,) = (line.split()[1] for line in _STATUS.read_text().splitlines() if line.startswith("VmHWM:"))
    return int(peak) * 1024
