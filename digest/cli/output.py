"""Printing: one JSON document, or tables for people."""

from __future__ import annotations

import datetime as dt
import json
import os
import sys
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table


def emit(as_json: bool, document: Any, human: Callable[[Console], None]) -> None:
    """Print a result: the document with `--json`, else what `human` prints."""
    if as_json:
        # Where the terminal is not UTF-8, escapes keep the document what it is.
        ascii_only = sys.stdout.encoding.lower().replace("-", "") != "utf8"
        json.dump(document, sys.stdout, ensure_ascii=ascii_only, indent=1, default=_plain)
        sys.stdout.write("\n")
    else:
        human(console())


def console() -> Console:
    """Standard output; as wide as its content asks when it is no terminal, so that pipes see whole lines."""
    width = None if sys.stdout.isatty() or "COLUMNS" in os.environ else 160
    return Console(width=width, highlight=False, soft_wrap=False)


def errors(text: str) -> None:
    """Tell an error, line by line, on standard error."""
    for line in text.splitlines():
        sys.stderr.write(f"digest: {_inert(line)}\n")


def table(title: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> Table:
    """A table whose cells are plain text, whatever they hold."""
    made = Table(title=title, title_justify="left", show_edge=False, pad_edge=False, box=None)
    for column in columns:
        made.add_column(column, overflow="fold", justify="right" if column in _NUMBERS else "left")
    for row in rows:
        made.add_row(*(plain(cell) for cell in row))
    return made


def plain(value: object) -> str:
    """A value as text that neither rich nor a terminal takes for instructions."""
    text = "" if value is None else str(value)
    return escape(_inert(text))


def _inert(text: str) -> str:
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)


def moment(at: dt.datetime | None) -> str:
    """A moment for people, to the minute in UTC: `2026-11-20 07:00 UTC`, or `never`."""
    return f"{at.astimezone(dt.UTC):%Y-%m-%d %H:%M} UTC" if at else "never"


def plural(number: int, noun: str) -> str:
    """`1 paper`, `2 papers`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


_NUMBERS = frozenset(
    {
        "id",
        "records",
        "new",
        "revised",
        "seen",
        "rejected",
        "papers",
        "votes",
        "bytes",
        "cap",
        "line",
        "share",
        "score",
    }
)


def _plain(value: object) -> object:
    if isinstance(value, dt.datetime | dt.date):
        return value.isoformat()
    if isinstance(value, set | frozenset | tuple):
        return list(value)
    return str(value)
