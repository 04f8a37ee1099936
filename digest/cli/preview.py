"""digest preview."""

from __future__ import annotations

import sys
import tempfile
import webbrowser
from pathlib import Path
from typing import Annotated

import typer

from digest.cli.app import find_subscriber, session
from digest.compose.composer import Papers
from digest.compose.preview import html_part, text_part
from digest.deliver.delivery import Delivery
from digest.errors import UsageError
from digest.pipeline.forecast import forecast
from digest.store import editions, ledger
from digest.subscribers.due import local_date
from digest.subscribers.subscriber import Subscriber
from digest.wiring import App


def register(app: typer.Typer) -> None:
    app.command("preview")(run)


def run(
    context: typer.Context,
    address: Annotated[str, typer.Argument(metavar="ADDRESS")],
    text: Annotated[bool, typer.Option("--text", help="The text part; this is the default.")] = False,
    html: Annotated[bool, typer.Option("--html", help="The HTML part.")] = False,
    eml: Annotated[bool, typer.Option("--eml", help="The message as it would be handed over.")] = False,
    open_: Annotated[bool, typer.Option("--open", help="Open the HTML part in a browser.")] = False,
) -> None:
    """Show what one reader would get now, whatever their hour. No side effects; its links are dead."""
    if text + html + eml + open_ > 1:
        raise UsageError("choose one of --text, --html, --eml and --open")
    wired = session(context).app(read_only=True)
    subscriber = find_subscriber(wired, address)
    delivery, papers = _expected(wired, subscriber)
    message = wired.composer.message(delivery, papers)
    if eml:
        sys.stdout.buffer.write(message.data)
    elif open_:
        _open(html_part(message))
    else:
        sys.stdout.write(html_part(message) if html else text_part(message))


def _expected(wired: App, subscriber: Subscriber) -> tuple[Delivery, Papers]:
    """Today's digest as it was planned, or as it would be."""
    now = wired.clock()
    with wired.database.read() as conn:
        planned = ledger.planned_on(conn, subscriber.id, local_date(now, subscriber.schedule.zone))
        if planned is not None:
            held = editions.contents(conn, {pick.edition_id for pick in planned.picks})
            return planned, {(paper.edition_id, paper.paper_id): paper for paper in held}
    seen = forecast(
        wired.database, wired.rankers, wired.stamp, wired.publish_policy, now=now, only=[subscriber.id]
    )
    if not seen.digests:
        reason = seen.skipped[0][1].replace("_", " ")
        raise UsageError(f"{subscriber.address} would get nothing: {reason}")
    return seen.digests[0].delivery, seen.digests[0].by_id


def _open(html: str) -> None:
    with tempfile.NamedTemporaryFile("w", suffix=".html", delete=False, encoding="utf-8") as page:
        page.write(html)
    webbrowser.open(Path(page.name).as_uri())
