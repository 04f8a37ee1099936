"""How `digest papers show` tells a paper's history: for people, and as JSON."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from rich.console import Console

from digest.cli.output import plain, table
from digest.ingest.history import Day, Span
from digest.ingest.record import NO_DETAILS, Details
from digest.pipeline.history import History, Origin
from digest.pipeline.joins import SHORT

#: Details that stand in every paper's document.
_SHOWN = frozenset({"summary", "organisation", "keywords", "project_url"})
_COUNTS = ("votes", "comments", "stars")


def document(told: History) -> dict[str, Any]:
    """What `papers show --json` says beyond what every paper's document does."""
    gain = told.gain_per_day
    return {
        "names": list(told.names),
        "details": _details(told.paper.details),
        "origins": {name: _origin(origin) for name, origin in told.origins.items()},
        "series": [{"day": day.day} | {name: _most(day, name) for name in _COUNTS} for day in told.days],
        "gain_per_day": {name: getattr(gain, name) for name in _COUNTS},
        "events": [
            {"day": event.day, "kind": str(event.kind), "text": event.text or None} for event in told.events
        ],
        "texts": [
            {
                "hash": text.hash,
                "title": text.title,
                "first_seen": text.first_seen,
                "last_seen": text.last_seen,
                "dumps": text.listed,
                "without_arxiv_id": text.strays,
            }
            for text in told.texts
        ],
    }


def show(console: Console, shown: dict[str, Any], told: History) -> None:
    """Print a paper and its history.

    Args:
        shown: The paper's document.
        told: Its history.
    """
    console.print(f"[bold]{plain(told.paper.title)}[/bold]")
    for name, value in (shown | _details(told.paper.details)).items():
        if name not in ("title", "abstract") and value not in (None, [], ""):
            origin = told.origins.get("code_url" if name == "code_urls" else name)
            source = f"  ({plain(origin.source)}, {origin.dated})" if origin else ""
            console.print(f"{name}: {plain(_line(value))}{source}")
    if len(told.names) > 1:
        console.print(f"also known as: {_line(list(told.names[1:]))}")
    if told.paper.abstract:
        console.print()
        console.print(plain(told.paper.abstract))
    _show_tables(console, told)


def _show_tables(console: Console, told: History) -> None:
    counts = [(day.day, [_most(day, name) for name in _COUNTS]) for day in told.days]
    # Feeds and text count nothing: their days would be empty rows.
    days = [(day, *most) for day, most in counts if any(count is not None for count in most)]
    gain = [getattr(told.gain_per_day, name) for name in _COUNTS]
    gains = ("gain a day", *("" if value is None else f"{value:.1f}" for value in gain))
    happened = [(event.day, event.kind, _event(str(event.kind), event.text)) for event in told.events]
    texts = [
        (text.hash[:SHORT], text.first_seen, text.last_seen, text.listed, text.strays, text.title)
        for text in told.texts
    ]
    for title, columns, rows in (
        ("Counts, the most of each day", ("day", *_COUNTS), [*days, gains] if days else []),
        ("What happened", ("day", "what", ""), happened),
        ("Texts", ("text", "first seen", "last seen", "dumps", "without arXiv id", "title"), texts),
    ):
        if rows:
            console.print()
            console.print(table(title, columns, rows))


def _event(kind: str, text: str) -> str:
    return text[:SHORT] if kind == "revised" else text


def _details(details: Details) -> dict[str, Any]:
    """The details that are given and stand nowhere else in the document."""
    given = {
        field.name: getattr(details, field.name) for field in fields(Details) if field.name not in _SHOWN
    }
    return {
        name: list(value) if isinstance(value, tuple) else value
        for name, value in given.items()
        if value != getattr(NO_DETAILS, name)
    }


def _origin(origin: Origin) -> dict[str, object]:
    return {"source": origin.source, "dated": origin.dated, "dump": origin.dump_id}


def _most(day: Day, name: str) -> int | None:
    span: Span | None = getattr(day, name)
    return span.most if span else None


def _line(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
