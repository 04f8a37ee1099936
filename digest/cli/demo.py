"""digest demo."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from digest.demo.show import show


def register(app: typer.Typer) -> None:
    app.command("demo")(run)


def run(
    out: Annotated[Path, typer.Option(help="Folder for the mails, as files to open.")] = Path("digest-demo"),
) -> None:
    """Three invented days for three readers, the whole way over real SMTP on this machine; ends by itself."""
    show(out)
