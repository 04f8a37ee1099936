"""The clock that rates are taken by."""

from __future__ import annotations

import time
from collections.abc import Callable


def rate_of(messages: int, send: Callable[[], object]) -> float:
    """Messages per second, of those that a call sends."""
    began = time.perf_counter()
    send()
    return messages / (time.perf_counter() - began)
