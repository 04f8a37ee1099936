"""digest bench: each command stands in a module of its own."""

from __future__ import annotations

import typer

from digest.cli import bench_delivery, bench_ingest, bench_planning, bench_web

group = typer.Typer(
    name="bench", no_args_is_help=True, help="Ratios side by side in one run, to size a machine by."
)


@group.callback()
def bench_group() -> None:
    """Ratios side by side in one run, to size a machine by."""


group.command("delivery")(bench_delivery.delivery)
group.command("planning")(bench_planning.planning)
group.command("web")(bench_web.web)
group.command("ingest")(bench_ingest.ingest)
