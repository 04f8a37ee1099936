"""Which module holds each command. One is imported when it is asked for: what delivers loads no pages, nor the bench."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Any, cast

import typer
from typer.core import TyperGroup

#: Command -> module, in the order of `digest --help`. A module has a `group` of commands, or registers single ones.
_MODULES = {
    **{name: name for name in ("ingest", "send", "preview", "why", "status", "doctor", "config", "demo")},
    **dict.fromkeys(("serve", "web", "scheduler"), "serve"),
    **{name: name for name in ("dumps", "edition", "papers", "sources", "subscribers", "topics", "links")},
    **{name: name for name in ("bounces", "dkim", "db", "bench")},
}
#: Of every Typer of ours: `add_completion` and the others are taken from the one that a command hangs on.
PLAIN: Mapping[str, Any] = {
    "add_completion": False,
    "pretty_exceptions_enable": False,
    "rich_markup_mode": None,
}


class _Commands(Mapping[str, Any]):
    """The commands by name; to look at one imports its module."""

    def __getitem__(self, name: str) -> Any:
        module = import_module(f"digest.cli.{_MODULES[name]}")
        part = typer.Typer(**PLAIN)
        if hasattr(module, "group"):
            part.add_typer(module.group)
        else:
            module.register(part)
        return typer.main.get_group(part).commands[name]

    def __iter__(self) -> Iterator[str]:
        return iter(_MODULES)

    def __len__(self) -> int:
        return len(_MODULES)


class Root(TyperGroup):
    """The root command: its commands are found when they are asked for."""

    def __init__(self, **given: Any) -> None:
        super().__init__(**given)
        self.commands = cast(Any, _Commands())
