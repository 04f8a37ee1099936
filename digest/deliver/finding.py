"""What a look at the installation found: each finding has a state, what was seen, and what to do."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    """How grave it is."""

    OK = "ok"
    WARNING = "warning"  #: mail goes out, and may be taken worse than it could
    FAILED = "failed"  #: mail does not go out, or is refused, or cannot be left


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that was looked at."""

    check: str  #: what was looked at, such as `DKIM 2026a`
    state: State
    says: str  #: what was seen
    todo: str = ""  #: what to do; "" where nothing is


def ok(check: str, says: str) -> Finding:
    """All is well."""
    return Finding(check=check, state=State.OK, says=says)


def warning(check: str, says: str, todo: str) -> Finding:
    """It works, and could be better."""
    return Finding(check=check, state=State.WARNING, says=says, todo=todo)


def failed(check: str, says: str, todo: str) -> Finding:
    """It does not work."""
    return Finding(check=check, state=State.FAILED, says=says, todo=todo)
