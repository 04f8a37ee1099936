"""digest demo."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import Annotated

import typer

from digest import log
from digest.cli.output import console
from digest.demo.account import Account
from digest.demo.show import show

#: Columns; beyond this the reasons stand too far from their papers.
_WIDTH = 110


def register(app: typer.Typer) -> None:
    app.command("demo")(run)


def run(
    out: Annotated[
        Path, typer.Option(help="Folder for the mails, as files to open; an earlier demo there is replaced.")
    ] = Path("digest-demo"),
) -> None:
    """Three invented days for three readers, the whole way over real SMTP on this machine; ends by itself."""
    log.configure(level="warning")
    terminal = console()
    terminal.width = min(terminal.width, _WIDTH)
    show(out, Account(terminal, command=command_here()))


def command_here() -> str:
    """How to call this program again: its path where `digest` alone would not be found."""
    return "digest" if shutil.which("digest") else _short(Path(sys.argv[0]))


def _short(program: Path) -> str:
    here = Path.cwd()
    return str(program.relative_to(here) if program.is_relative_to(here) else program)
