"""The commands and their modules: what one of them does not need is not loaded for it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import digest.cli
from digest.cli.commands import _MODULES
from tests.cli.conftest import Run

LOADED = "import sys\nimport digest.cli.{module}\nprint(*sys.modules)"
#: Packages of the pages, of the client that asks sources, and of the scheduler.
HEAVY = {
    "fastapi",
    "starlette",
    "uvicorn",
    "httpx2",
    "httpcore2",
    "apscheduler",
    "aiosmtpd",
    "sklearn",
    "digest.bench",
}


@pytest.mark.parametrize(
    ("module", "needed"), [("send", set()), ("subscribers", set()), ("serve", {"apscheduler"})]
)
def test_a_command_loads_what_it_needs(module: str, needed: set[str]) -> None:
    """What delivers loads neither pages nor bench nor HTTP client; the service loads the pages once it serves them."""
    done = subprocess.run(
        [sys.executable, "-c", LOADED.format(module=module)],
        capture_output=True, text=True, timeout=120, check=True,
    )  # fmt: skip
    assert HEAVY & set(done.stdout.split()) == needed


def test_each_module_of_commands_is_found() -> None:
    """Every module of the command that holds commands stands in the table."""
    folder = Path(digest.cli.__file__).parent
    sources = {path.stem: path.read_text(encoding="utf-8") for path in folder.glob("*.py")}
    holding = {
        name
        for name, text in sources.items()
        if "\ndef register(app" in text or "\ngroup = typer.Typer(" in text
    }
    assert set(_MODULES.values()) == holding


def test_an_unknown_command(run: Run) -> None:
    """A command that is not there is a mistake in usage, and is named."""
    done = run("sned")
    assert done.code == 2
    assert "sned" in done.err
