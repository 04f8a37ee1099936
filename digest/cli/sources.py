"""digest sources list|status."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from typing import Any

import typer
from rich.console import Console

from digest.cli.app import Json, session
from digest.cli.output import emit, moment, plain, table
from digest.pipeline.health import SourceHealth
from digest.sources.request import shown
from digest.sources.source import Source, SourceKind
from digest.store import alarms
from digest.store.alarms import Raised

group = typer.Typer(name="sources", no_args_is_help=True, help="Where dumps come from, and how they are.")


@group.command("list")
def list_(context: typer.Context, json: Json = False) -> None:
    """The sources of the settings, the watched folder among them."""
    found = session(context).app(read_only=True).sources
    rows = [(each.name, each.kind, _place(each), _every(each), each.expected) for each in found]
    emit(
        json,
        {"sources": [_named(each) for each in found]},
        lambda console: console.print(table("", ("name", "kind", "place", "asked", "expected"), rows)),
    )


@group.command()
def status(context: typer.Context, json: Json = False) -> None:
    """How each source is: what it listed today against its usual day, its last success, and what is wrong."""
    wired = session(context).app(read_only=True)
    seen = wired.look_out()
    with wired.database.read() as conn:
        standing = alarms.standing(conn)
    document = {
        "sources": [_document(each, standing) for each in seen.health],
        "held_until": seen.held_until,
    }
    emit(json, document, lambda console: _print(console, seen.health, seen.held_until))


def _named(source: Source) -> dict[str, Any]:
    return {
        "name": source.name,
        "kind": str(source.kind),
        "place": _place(source),
        "every_minutes": None if source.kind is SourceKind.FOLDER else source.every / dt.timedelta(minutes=1),
        "expected": source.expected,
    }


def _place(source: Source) -> str:
    """Its folder or address, without what may be secret in it."""
    return str(source.path) if source.kind is SourceKind.FOLDER else shown(source.url)


def _every(source: Source) -> str:
    if source.kind is SourceKind.FOLDER:
        return "watched"
    return f"every {source.every / dt.timedelta(minutes=1):g} min"


def _document(health: SourceHealth, standing: Iterable[Raised]) -> dict[str, Any]:
    return {
        "name": health.name,
        "kind": str(health.kind),
        "state": list(health.words),
        "last_success_at": health.last_success_at,
        "last_try_at": health.last_try_at,
        "next_at": health.next_at,
        "failures": health.failures,
        "reason": health.reason,
        "papers": health.papers,
        "normal": health.normal,
        "short": health.short,
        "missing_fields": list(health.missing_fields),
        "quarantined": [{"name": d.name, "line": d.line, "reason": d.reason} for d in health.unread],
        "alarms": [str(each.alarm.name) for each in standing if each.alarm.about == health.name],
    }


def _print(console: Console, found: Iterable[SourceHealth], held_until: dt.datetime | None) -> None:
    rows = [
        (
            each.name,
            ", ".join(each.words),
            f"{each.papers:,} of {'?' if each.normal is None else f'{each.normal:,.0f}'}",
            moment(each.last_success_at),
            _next(each),
        )
        for each in found
    ]
    console.print(table("", ("source", "state", "today, of usual", "last success", "next look"), rows))
    for each in found:
        for note in _notes(each):
            console.print(f"{plain(each.name)}: {plain(note)}")
    if held_until is not None:
        console.print(f"Today's edition waits until {moment(held_until)}.")


def _next(health: SourceHealth) -> str:
    if health.kind is SourceKind.FOLDER:
        return "watched"
    return moment(health.next_at) if health.next_at else "due"


def _notes(health: SourceHealth) -> Iterable[str]:
    """What the table has no room for."""
    if health.failures:
        failed = "the last look" if health.failures == 1 else f"the last {health.failures:,} looks"
        yield f"{failed} failed: {health.reason or 'no reason given'}"
    if health.missing_fields:
        yield f"no longer gives {', '.join(health.missing_fields)}"
    for dump in health.unread:
        yield f"could not be read: {dump.name}: {f'line {dump.line}: ' if dump.line else ''}{dump.reason}"
