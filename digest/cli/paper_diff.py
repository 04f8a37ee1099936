"""How `digest papers diff` tells what a replay would change: for people, and as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rapidfuzz.distance import Prefix
from rich.console import Console

from digest.cli.output import plain, plural
from digest.pipeline.diff import Changed, Diff

#: Characters of a value that people are shown: from a little before where it differs.
_SHOWN, _BEFORE = 60, 15


def document(found: Diff) -> dict[str, Any]:
    """The answer of `papers diff --json`."""
    return {
        "appearing": [
            {"title": paper.title, "arxiv_id": paper.arxiv_id, "first_seen": paper.first_seen}
            for paper in found.appearing
        ],
        "vanishing": [
            {"id": one.paper.id, "title": one.paper.title, "into": one.into_id} for one in found.vanishing
        ],
        "changing": [
            {"id": one.paper.id, "title": one.paper.title, "changes": _changes(one.changed)}
            for one in found.changing
        ],
        "dumps": [
            {"id": one.dump.id, "name": one.dump.name, "changes": _changes(one.changed)}
            for one in found.dumps
        ],
    }


def show(console: Console, found: Diff) -> None:
    """Print what would change, one line a field."""
    if not found:
        console.print("A replay would change nothing.")
        return
    for one in found.dumps:
        console.print(f"dump {one.dump.id} ({plain(one.dump.name)})")
        _print(console, one.changed)
    for paper in found.appearing:
        console.print(f"appears: {plain(paper.title)}")
    for gone in found.vanishing:
        into = f" into paper {gone.into_id}" if gone.into_id else ""
        console.print(f"vanishes{into}: paper {gone.paper.id}: {plain(gone.paper.title)}")
    for change in found.changing:
        console.print(f"changes: paper {change.paper.id}: {plain(change.paper.title)}")
        _print(console, change.changed)
    console.print(
        f"{plural(len(found.appearing), 'paper')} would appear, {len(found.vanishing)} vanish, "
        f"{len(found.changing)} change; {plural(len(found.dumps), 'dump')} would be read otherwise."
    )


def _changes(changed: Sequence[Changed]) -> list[dict[str, object]]:
    return [{"field": one.field, "was": one.was, "will_be": one.will_be} for one in changed]


def _print(console: Console, changed: Sequence[Changed]) -> None:
    for one in changed:
        was, will_be = _line(one.was), _line(one.will_be)
        start = max(Prefix.similarity(was, will_be) - _BEFORE, 0)
        if max(len(was), len(will_be)) <= _SHOWN:
            start = 0
        console.print(f"  {one.field}: {_clip(was, start)} -> {_clip(will_be, start)}")


def _line(value: object) -> str:
    text = ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)
    return text if value not in (None, "", ()) else "nothing"


def _clip(text: str, start: int) -> str:
    shown = text[start : start + _SHOWN]
    return plain(f"{'…' if start else ''}{shown}{'…' if start + _SHOWN < len(text) else ''}")
