"""digest config."""

from __future__ import annotations

import json as json_library
import re
from typing import Any

import typer
from rich.console import Console

from digest.cli.app import Json, session
from digest.cli.output import emit, plain
from digest.store.database import parse_url

#: Whatever stands between the user's name and the last @ of a URL.
_PASSWORD = re.compile(r"(://[^:/]*:).*@")


def register(app: typer.Typer) -> None:
    app.command("config")(run)


def run(context: typer.Context, json: Json = False) -> None:
    """The settings in force, from the file and the environment; passwords are never shown."""
    settings = session(context).settings()
    document = settings.model_dump(mode="json")
    document["database"]["url"] = parse_url(settings.database_url).render_as_string(hide_password=True)
    document["web"]["limits_url"] = _PASSWORD.sub(r"\1***@", settings.web.limits_url)
    document["dumps"]["folder"] = str(settings.dump_folder)
    # None of these may hold one, but this is where somebody looks who wrote it there.
    document["bounces"]["mailbox"] = _PASSWORD.sub(r"\1***@", settings.bounces.mailbox)
    for relay in (document["relay"], *document["relays"].values()):
        relay["url"] = _PASSWORD.sub(r"\1***@", relay["url"])
    for name, table in settings.sources.items():
        document["sources"][name]["url"] = table.shown_url
    emit(json, document, lambda console: _print(console, document))


def _print(console: Console, document: dict[str, Any]) -> None:
    top = {name: value for name, value in document.items() if not isinstance(value, dict)}
    sections = {name: values for name, values in document.items() if isinstance(values, dict)}
    tables = {
        f"{section}.{name}": values
        for section in ("relays", "sources")
        for name, values in sections.pop(section).items()
    }
    for section, values in {"": top, **sections, **tables}.items():
        if section:
            console.print(f"\n\\[{section}]")
        for name, value in values.items():
            console.print(f"{name} = {plain(_toml(value))}")


def _toml(value: Any) -> str:
    if value is None:
        return '""  # not set'
    if isinstance(value, bool):
        return str(value).lower()
    # A list of strings is written alike in TOML and JSON.
    if isinstance(value, list):
        return json_library.dumps(value)
    return f'"{value}"' if isinstance(value, str) else str(value)
