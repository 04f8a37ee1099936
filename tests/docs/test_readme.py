"""The README names every command and every setting."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer.core
import typer.main

from digest.cli import app
from tests.docs.test_example_settings import KEYS, LEAVES

README = Path(__file__).parents[2] / "README.md"


def commands() -> Iterator[tuple[str, ...]]:
    """Every command as the words after `digest`."""
    root = typer.main.get_command(app)
    assert isinstance(root, typer.core.TyperGroup)
    for name, command in root.commands.items():
        if isinstance(command, typer.core.TyperGroup):
            yield from ((name, inner) for inner in command.commands)
        else:
            yield (name,)


COMMANDS = sorted(commands())


@pytest.fixture(scope="module")
def readme() -> str:
    return README.read_text(encoding="utf-8")


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_every_command_is_documented(command: tuple[str, ...], readme: str) -> None:
    """`digest NAME` stands in the README as code; of a group, the line that begins with another of its names will do."""
    *group, name = command
    start = " ".join(["digest", *group])
    lines = [line for line in readme.splitlines() if f"`{start} " in line]
    assert any(re.search(rf"`(?:{start} )?{name}\b", line) for line in lines)


@pytest.mark.parametrize("path", LEAVES, ids=".".join)
def test_every_setting_is_documented(path: tuple[str, ...], readme: str) -> None:
    """Each setting stands in the README as code, by its dotted name."""
    assert f"`{'.'.join(path)}`" in readme


@pytest.mark.parametrize(("section", "key"), KEYS)
def test_every_setting_of_a_table_is_documented(section: str, key: str, readme: str) -> None:
    """What a table of a source or a relay may hold stands there, too."""
    assert f"`{section}.NAME.{key}`" in readme
