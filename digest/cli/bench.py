"""digest bench delivery."""

from __future__ import annotations

import typer

group = typer.Typer(
    name="bench", no_args_is_help=True, help="Ratios side by side in one run, to size a machine by."
)
