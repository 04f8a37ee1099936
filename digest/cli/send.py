"""digest send, and its dry run."""

from __future__ import annotations

import datetime as dt
import re
import signal
import threading
from collections import Counter
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from sqlalchemy.engine import Connection

from digest.cli.app import EXIT_FAILED, EXIT_PART, Json, find_subscriber, parse_moment, session
from digest.cli.output import emit, errors, moment, plain, plural, table
from digest.compose.preview import html_part
from digest.deliver.delivery import Status
from digest.errors import UsageError
from digest.pipeline.forecast import Expected, Forecast, forecast
from digest.pipeline.publish import due
from digest.pipeline.restored import told as told_of_copy
from digest.pipeline.shelf import STALE
from digest.pipeline.why import why
from digest.rank.selection import Reason, ReasonKind
from digest.relays import is_dry
from digest.settings import Settings
from digest.store import dumps, editions, ledger, subscribers
from digest.subscribers.subscriber import Subscriber
from digest.wiring import App


def register(app: typer.Typer) -> None:
    app.command("send")(run)


def run(
    context: typer.Context,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Write nothing, connect nowhere; say who gets what.")
    ] = False,
    as_of: Annotated[
        dt.datetime | None,
        typer.Option(
            "--as-of", parser=parse_moment, metavar="MOMENT", help="Look at another moment; with --dry-run."
        ),
    ] = None,
    to: Annotated[
        list[str] | None,
        typer.Option("--to", metavar="ADDRESS", help="These readers only, whatever their hour."),
    ] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Hand over, or show, this many at most.")] = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder for one .eml and .html per reader; with --dry-run.")
    ] = None,
    json: Json = False,
) -> None:
    """Publish if due, plan who is due, deliver. Run it again at will: nobody gets anything twice."""
    if not dry_run and (as_of or out):
        raise UsageError("--as-of and --out go with --dry-run")
    if dry_run:
        wired = session(context).app(read_only=True, now=as_of)
        _dry_run(wired, to, limit, out, json)
    else:
        _send(session(context).app(), to, limit, json)


# -- for real ---------------------------------------------------------------------------------------


def _send(wired: App, to: list[str] | None, limit: int | None, json: bool) -> None:
    _ = wired.relay  # where sending is off, say so before anything is planned
    wired.check_signing()
    wired.check_rehearsal()
    if is_dry(wired.settings):
        errors("relay.url is dry: this is a rehearsal, and nobody is mailed")
    named = None if to is None else [find_subscriber(wired, address) for address in to]
    only = None if named is None else [subscriber.id for subscriber in named]
    started = wired.clock()
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    wired.publish()
    planned = wired.plan(only)
    report = wired.deliver(only=only, limit=limit, stop=stop)
    with wired.database.read() as conn:
        counts = ledger.settled_since(conn, started, only=only)
        balance = ledger.balance(conn).difference
        words = ledger.words_since(conn, started, only=only)
    document = _counted(counts, balance) | {"waiting": planned.waiting}
    emit(json, document, lambda console: _print_sent(console, document))
    if report.paused:
        errors(f"the run was paused, the relay refuses: {report.paused}")
    elif report.trouble:
        errors(f"the relay took nothing: {report.trouble}; it is tried again by the next run")
    for subscriber in named or ():
        _tell_outcome(wired, subscriber, nothing_sent=not document["sent"])
    for status, said, times in words:
        errors(f"{times:,} {status}: {said}")
    _tell_what_waits(wired, document)
    if report.paused or report.trouble or balance:
        raise typer.Exit(EXIT_FAILED)
    if document["failed"]:
        raise typer.Exit(EXIT_PART)


def _tell_what_waits(wired: App, document: dict[str, Any]) -> None:
    """Say on standard error why mail that is due stays planned."""
    today = wired.warm_up_today()
    if document["planned"] and today is not None and today.room == 0:
        errors(
            f"{document['planned']:,} planned: the warm-up lets {today.most:,} go on its day {today.day_number}, and they"
            " went; the others go after midnight in UTC, or expire"
        )
    elif document["planned"] and _has_rates(wired.settings):
        errors(f"{document['planned']:,} planned: they wait for a rate, and go with the next run")


def _has_rates(settings: Settings) -> bool:
    own = [table.rate for table in settings.relay_tables.values()]
    return any((settings.limits.rate, settings.limits.domain_rate, *own))


def _tell_outcome(wired: App, subscriber: Subscriber, *, nothing_sent: bool) -> None:
    """Say on standard error why a reader who was named got nothing."""
    funnel = why(wired.database, wired.rankers, subscriber, now=wired.clock())
    if funnel.outcome != Status.SENT:
        reason = f" ({funnel.reason.replace('_', ' ')})" if funnel.reason else ""
        errors(f"{subscriber.address}: {funnel.outcome}{reason}")
    elif nothing_sent:
        errors(f"{subscriber.address}: has had the mail of {funnel.date}; there is one a day")


def _counted(counts: dict[tuple[Status, str | None], int], balance: int) -> dict[str, Any]:
    """What this run settled, and what is left open, by status; skips by reason."""
    statuses: Counter[Status] = Counter()
    skipped: Counter[str] = Counter()
    for (status, reason), number in counts.items():
        if status is Status.SKIPPED:
            skipped[str(reason)] += number
        else:
            statuses[status] += number
    by_name = {str(status): statuses[status] for status in Status if status is not Status.SKIPPED}
    return {**by_name, "skipped": dict(skipped), "balance": balance}


_APART = ("skipped", "balance", "waiting")


def _print_sent(console: Console, document: dict[str, Any]) -> None:
    skipped = document["skipped"]
    shown = {name: number for name, number in document.items() if name not in _APART and number}
    console.print(", ".join(f"{number:,} {name}" for name, number in shown.items()) or "Nothing was due.")
    for reason, number in skipped.items():
        console.print(f"{number:,} skipped: {reason.replace('_', ' ')}")
    if document["waiting"]:
        console.print(
            f"{document['waiting']:,} due with nothing to send so far: asked again until their midnight"
        )
    balance = document["balance"]
    console.print(f"The ledger is off by {balance:,}." if balance else "The ledger balances.")


# -- the dry run ------------------------------------------------------------------------------------


def _dry_run(wired: App, to: list[str] | None, limit: int | None, out: Path | None, json: bool) -> None:
    now = wired.clock()
    only = None if to is None else [find_subscriber(wired, address).id for address in to]
    seen = forecast(wired.database, wired.rankers, wired.stamp, wired.publish_policy, now=now, only=only)
    digests = seen.digests[:limit]
    warnings = _warnings(wired, seen)
    shown = []
    for digest in digests:
        message = wired.composer.message(digest.delivery, digest.by_id)
        notes = wired.composer.summary(digest.delivery, digest.by_id).warnings
        warnings.extend(f"{digest.subscriber.address}: {note}" for note in notes)
        shown.append((digest, len(message.data)))
        if out is not None:
            _write(out, digest, message.data, html_part(message))
    changes = _changes(wired, digests)
    document = {
        "as_of": now,
        "edition": seen.edition.date if seen.edition else None,
        "digests": [_digest(digest, size, changes) for digest, size in shown],
        "skipped": [{"subscriber": who.address, "reason": reason} for who, reason in seen.skipped],
        "warnings": warnings,
        "difference": _difference(seen),
    }
    emit(json, document, lambda console: _print_dry(console, seen, shown, changes, warnings, now))


def _digest(digest: Expected, size: int, changes: dict[int, str]) -> dict[str, Any]:
    return {
        "subscriber": digest.subscriber.address,
        "papers": [
            {
                "id": paper.paper_id,
                "title": paper.title,
                "reasons": [told(reason) for reason in pick.reasons],
                "score": pick.score,
            }
            for pick, paper in zip(digest.delivery.picks, digest.papers, strict=True)
        ],
        "leftover": digest.delivery.leftover,
        "size_bytes": size,
        "since_last": changes[digest.subscriber.id],
    }


def told(reason: Reason) -> str:
    """A reason in a few words: `topic Vision transformers (transformer)`."""
    if reason.kind is ReasonKind.TRENDING:
        return "trending"
    words = f" ({', '.join(reason.words)})" if reason.words else ""
    return f"{reason.kind} {reason.label}{words}"


def _changes(wired: App, digests: tuple[Expected, ...]) -> dict[int, str]:
    """How each digest compares with the reader's last one."""
    changes = {}
    with wired.database.read() as conn:
        for digest in digests:
            earlier = [e for e in ledger.of(conn, digest.subscriber.id) if e.picks]
            now = len(digest.delivery.picks)
            changes[digest.subscriber.id] = (
                f"{now - len(earlier[0].picks):+d} since {earlier[0].local_date}"
                if earlier
                else "first digest"
            )
    return changes


def _difference(seen: Forecast) -> dict[str, Any]:
    return {
        "edition_before": seen.before.date if seen.before else None,
        "papers_before": seen.before.papers if seen.before else 0,
        "papers": seen.edition.papers if seen.edition else 0,
        "to_be_published": seen.drafted,
    }


def _warnings(wired: App, seen: Forecast) -> list[str]:
    settings = wired.settings
    missing = [name for name in ("base_url", "sender") if not getattr(settings, name)]
    missing += [] if settings.relay.url else ["relay.url"]
    warnings = [f"{name} is not set: sending is off until it is" for name in missing]
    if (copy := wired.lookout.found()) is not None:
        warnings.append(told_of_copy(copy))
    with wired.database.read() as conn:
        kept = [dump for dump in dumps.every(conn) if dump.status in dumps.UNREAD]
        total = sum(subscribers.counts(conn).values())
        newest = editions.newest(conn)
        new = _new_before_the_hour(wired, conn)
    if kept:
        warnings.append(f"{plural(len(kept), 'dump')} in quarantine: see `digest dumps quarantine`")
    if not total:
        warnings.append("there are no subscribers: see `digest subscribers add`")
    if new:
        policy = wired.publish_policy
        warnings.append(
            f"{plural(new, 'new paper')} to be published at {policy.hour:02}:00 ({policy.zone.key}): `--as-of` looks ahead,"
            " `digest edition publish` does not wait"
        )
    elif newest is None and seen.edition is None:
        warnings.append("there is no edition, and nothing new to publish")
    elif not seen.drafted and newest is not None and wired.clock() - newest.published_at > STALE:
        warnings.append(f"the newest edition is of {newest.date}: too old to be mailed on its own")
    held_until = wired.look_out().held_until
    if held_until is not None:
        warnings.append(
            f"the edition waits for a source until {moment(held_until)}: see `digest sources status`"
        )
    return warnings


def _new_before_the_hour(wired: App, conn: Connection) -> int:
    """How many papers wait for today's hour of publication; 0 where it has come, or the edition is out."""
    policy, now = wired.publish_policy, wired.clock()
    day = now.astimezone(policy.zone).date()
    if due(policy, now) or editions.on(conn, day):
        return 0
    return len(editions.new_papers(conn))


def _write(out: Path, digest: Expected, eml: bytes, html: str) -> None:
    name = re.sub(r"[^A-Za-z0-9@._+-]", "_", digest.subscriber.address).lstrip(".")
    try:
        out.mkdir(parents=True, exist_ok=True)
        (out / f"{name}.eml").write_bytes(eml)
        (out / f"{name}.html").write_text(html, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"--out: {error}") from error


def _print_dry(
    console: Console,
    seen: Forecast,
    shown: list[tuple[Expected, int]],
    changes: dict[int, str],
    warnings: list[str],
    now: dt.datetime,
) -> None:
    console.print(f"Dry run as of {now:%Y-%m-%d %H:%M %Z}: nothing is written, nothing is sent.")
    if seen.edition:
        state = "would be published now" if seen.drafted else "published"
        before = f"; the one before, {seen.before.date}, had {seen.before.papers}" if seen.before else ""
        console.print(
            f"Edition {seen.edition.date}, {plural(seen.edition.papers, 'paper')}, {state}{before}."
        )
    rows = [
        (
            d.subscriber.address,
            len(d.delivery.picks),
            f"{size:,}",
            changes[d.subscriber.id],
            d.papers[0].title,
        )
        for d, size in shown
    ]
    columns = ("gets a digest", "papers", "bytes", "difference", "first paper")
    if rows:
        console.print()
        console.print(table("", columns, rows))
    if len(shown) < len(seen.digests):
        console.print(f"… and {len(seen.digests) - len(shown):,} more, not shown.")
    if seen.skipped:
        told_why = [(who.address, reason.replace("_", " ")) for who, reason in seen.skipped]
        console.print()
        console.print(table("", ("gets nothing", "because"), told_why))
    console.print()
    console.print(f"{plural(len(seen.digests), 'digest')}, {len(seen.skipped):,} without.")
    for warning in warnings:
        console.print(f"[yellow]warning:[/yellow] {plain(warning)}")
