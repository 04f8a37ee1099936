"""A mail that came in, as a mailbox gives it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


def _nothing() -> None:
    """Of a mailbox that is left as it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """One mail, and what its mailbox does once it was dealt with: after the commit, never before."""

    name: str  #: for people: the file, or the number in its mailbox
    data: bytes | None  #: None where it is larger than the cap, or cannot be read
    reason: str = ""  #: why there is no data
    settle: Callable[[], None] = _nothing  #: it was ours: mark it, move it or delete it
    leave: Callable[[], None] = _nothing  #: it was not: others find it as it came
