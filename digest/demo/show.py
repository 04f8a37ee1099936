"""The demo."""

from __future__ import annotations

from pathlib import Path


def show(out: Path) -> None:
    """Run it."""
    raise SystemExit(f"not here yet: {out}")
