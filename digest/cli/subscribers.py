"""digest subscribers add|list|show|import|export|pause|resume|remove|erase."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from digest.cli.app import EXIT_FAILED, EXIT_PART, Json, find_subscriber, session
from digest.cli.output import emit, errors, moment, plain, plural, table
from digest.errors import UsageError
from digest.settings import Settings
from digest.signup import Outcome
from digest.store import bounces, consents, ledger, subscribers
from digest.subscribers.consent import Consent, Evidence
from digest.subscribers.importing import BadRow, Row, read_csv, write_csv
from digest.subscribers.preferences import WEEKDAYS, profile, schedule
from digest.subscribers.subscriber import Schedule, State, Subscriber
from digest.wiring import App

group = typer.Typer(name="subscribers", no_args_is_help=True, help="Who gets the digest.")

Address = Annotated[str, typer.Argument(metavar="ADDRESS")]

_COMMAND = Evidence(method="command")

_TOLD = {
    Outcome.ADDED: "subscribed",
    Outcome.ASKED: "pending: a confirmation is in the outbox",
    Outcome.ASKED_BEFORE: "pending: today's confirmation was queued before",
    Outcome.KNOWN: "subscribed already; nothing was changed",
    Outcome.REFUSED: "left before, or is suppressed: only a confirmation by its owner brings it back",
}


@group.command()
def add(
    context: typer.Context,
    address: Address,
    topic: Annotated[
        list[str] | None, typer.Option(metavar="ID", help="A topic; see `digest topics list`.")
    ] = None,
    interest: Annotated[
        list[str] | None, typer.Option(metavar="TEXT", help="An interest in your own words.")
    ] = None,
    include: Annotated[
        list[str] | None,
        typer.Option(metavar="WORDS", help="Bring papers with these words, or author:NAME, in."),
    ] = None,
    exclude: Annotated[
        list[str] | None,
        typer.Option(metavar="WORDS", help="Keep papers with these words, or author:NAME, out."),
    ] = None,
    cap: Annotated[
        str | None, typer.Option(metavar="N", help="Papers in one digest at most, 1 to 50; 10.")
    ] = None,
    frequency: Annotated[str | None, typer.Option(help="daily, weekdays or weekly; daily.")] = None,
    weekday: Annotated[str | None, typer.Option(help="For weekly: mon to sun; mon.")] = None,
    zone: Annotated[str | None, typer.Option(help="IANA time zone; the setting zone.")] = None,
    hour: Annotated[str | None, typer.Option(help="Local hour, 0 to 23; the setting mail.hour.")] = None,
    confirmed: Annotated[
        bool, typer.Option("--confirmed", help="Its owner agreed elsewhere: ask for no confirmation.")
    ] = False,
    json: Json = False,
) -> None:
    """Subscribe an address: pending until its owner confirms by mail, unless --confirmed."""
    wired = session(context).app()
    outcome, subscriber = wired.signup.ask(
        address,
        profile=profile(
            known_topics=wired.topic_ids,
            topics=topic or (),
            interests=interest or (),
            include=include or (),
            exclude=exclude or (),
            cap=cap,
        ),
        schedule=_schedule(wired.settings, frequency, weekday, zone, hour),
        confirmed=confirmed,
        evidence=_COMMAND,
        now=wired.clock(),
    )
    document = _document(subscriber) | {"outcome": str(outcome)}
    emit(json, document, lambda console: console.print(f"{plain(subscriber.address)}: {_TOLD[outcome]}."))
    if outcome is Outcome.REFUSED:
        raise typer.Exit(EXIT_FAILED)


@group.command("list")
def list_(context: typer.Context, json: Json = False) -> None:
    """All subscribers, by address."""
    wired = session(context).app(read_only=True)
    with wired.database.read() as conn:
        found = list(subscribers.every(conn))

    def human(console: Console) -> None:
        rows = [(s.address, s.state, _when(s.schedule), s.profile.cap, ", ".join(_wants(s))) for s in found]
        console.print(table("", ("address", "state", "when", "cap", "wants"), rows))
        console.print(f"{plural(len(found), 'subscriber')}.")

    emit(json, {"subscribers": [_document(subscriber) for subscriber in found]}, human)


@group.command()
def show(context: typer.Context, address: Address, json: Json = False) -> None:
    """One subscriber: choices, consent, and the last digests."""
    wired = session(context).app(read_only=True)
    subscriber = find_subscriber(wired, address)
    with wired.database.read() as conn:
        record = consents.of(conn, subscriber.id)
        standing = subscribers.standing(conn, subscriber.id)
        mails = ledger.of(conn, subscriber.id)[:10]
        came = bounces.of(conn, subscriber.id)[-10:]
    due_at = standing.due_at if subscriber.state is State.ACTIVE else None
    document = _document(subscriber) | {
        "due_at": due_at,
        "consent": [_line(line) for line in record],
        "deliveries": [
            {"date": m.local_date, "status": str(m.status), "reason": m.reason, "papers": len(m.picks)}
            for m in mails
        ],
        "bounces": [kept.document() for kept in came],
    }

    def human(console: Console) -> None:
        console.print(f"{plain(subscriber.address)}: {subscriber.state}, {plain(_when(subscriber.schedule))}")
        console.print(
            f"wants: {plain(', '.join(_wants(subscriber)) or 'what trends')}; at most {subscriber.profile.cap}"
        )
        active = subscriber.state is State.ACTIVE
        console.print(f"next due: {moment(due_at) if active else f'none while {subscriber.state}'}")
        for line in record:
            console.print(plain(_told_line(line)))
        rows = [(m.local_date, m.status, m.reason, len(m.picks), m.reply) for m in mails]
        console.print(table("", ("date", "status", "reason", "papers", "reply"), rows))
        for kept in came:
            console.print(plain(kept.told()))

    emit(json, document, human)


@group.command("import")
def import_(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="CSV with a header; - is standard input.")],
    confirmed: Annotated[
        bool, typer.Option("--confirmed", help="All of them agreed elsewhere: record that, ask nobody.")
    ] = False,
    ask: Annotated[bool, typer.Option("--ask", help="Ask each of them by mail to confirm.")] = False,
    json: Json = False,
) -> None:
    """Subscribe the addresses of a CSV file; each bad line is reported, the others are taken."""
    if confirmed == ask:
        raise UsageError("say how they agreed: --confirmed (elsewhere) or --ask (by a mail to each)")
    wired = session(context).app()
    unset = _schedule(wired.settings, None, None, None, None)
    rows = read_csv(_read(file), wired.topic_ids, unset=unset)
    results = [_import_row(wired, row, confirmed) for row in rows]
    bad = [row for row in results if isinstance(row, BadRow)]
    good = [outcome for outcome in results if isinstance(outcome, Outcome)]
    counts = {str(outcome): good.count(outcome) for outcome in Outcome if outcome in good}
    document = counts | {"bad": [{"line": row.line, "reason": row.reason} for row in bad]}
    told = (
        ", ".join(f"{number:,} {name.replace('_', ' ')}" for name, number in counts.items()) or "nobody added"
    )
    emit(json, document, lambda console: console.print(f"{told}; {plural(len(bad), 'bad line')}."))
    for row in bad:
        errors(f"{file}:{row.line}: {row.reason}")
    if bad:
        raise typer.Exit(EXIT_PART)


def _import_row(wired: App, row: Row | BadRow, confirmed: bool) -> Outcome | BadRow:
    if isinstance(row, BadRow):
        return row
    if row.state not in (None, State.ACTIVE):
        return BadRow(line=row.line, reason=f"{row.address}: not imported, its state is {row.state}")
    now = wired.clock()
    if row.confirmed_at is not None and row.confirmed_at > now:
        return BadRow(line=row.line, reason=f"{row.address}: not imported, its confirmed_at is yet to come")
    outcome, _subscriber = wired.signup.ask(
        row.address,
        profile=row.profile,
        schedule=row.schedule,
        confirmed=confirmed,
        evidence=Evidence(method="import"),
        now=now,
        confirmed_at=row.confirmed_at,
    )
    if outcome is Outcome.REFUSED:
        return BadRow(line=row.line, reason=f"{row.address}: {_TOLD[outcome]}")
    return outcome


@group.command()
def export(context: typer.Context) -> None:
    """All subscribers who have not left as CSV, safe to open in a spreadsheet."""
    wired = session(context).app(read_only=True)
    with wired.database.read() as conn:
        found = [subscriber for subscriber in subscribers.every(conn) if subscriber.state is not State.LEFT]
    for line in write_csv(found):
        sys.stdout.write(line)


@group.command()
def pause(context: typer.Context, address: Address, json: Json = False) -> None:
    """Mail nothing until resumed."""
    wired = session(context).app()
    found = find_subscriber(wired, address)
    done = wired.signup.pause(found, evidence=_COMMAND, now=wired.clock())
    _told(json, address, "paused" if done else f"not paused: its state is {found.state}", done)


@group.command()
def resume(context: typer.Context, address: Address, json: Json = False) -> None:
    """Mail again, from the newest edition on."""
    wired = session(context).app()
    found = find_subscriber(wired, address)
    done = wired.signup.resume(found, evidence=_COMMAND, now=wired.clock())
    _told(json, address, "resumed" if done else f"not resumed: its state is {found.state}", done)


@group.command()
def remove(context: typer.Context, address: Address, json: Json = False) -> None:
    """Unsubscribe: a goodbye goes out, the choices are kept in case its owner comes back."""
    wired = session(context).app()
    done = wired.signup.leave(find_subscriber(wired, address), evidence=_COMMAND, now=wired.clock())
    _told(json, address, "unsubscribed" if done else "had left before", done)


@group.command()
def erase(context: typer.Context, address: Address, json: Json = False) -> None:
    """Forget an address and all it chose; a keyed hash stays, so that no import brings it back."""
    wired = session(context).app()
    wired.signup.erase(find_subscriber(wired, address), evidence=_COMMAND, now=wired.clock())
    _told(json, address, "erased", True)


def _told(json: bool, address: str, what: str, done: bool) -> None:
    emit(
        json,
        {"subscriber": address, "done": done, "detail": what},
        lambda c: c.print(f"{plain(address)}: {what}."),
    )
    if not done:
        raise typer.Exit(EXIT_FAILED)


def _line(line: Consent) -> dict[str, Any]:
    evidence = line.evidence
    return {
        "at": line.at,
        "event": str(line.event),
        "method": evidence.method,
        "ip": evidence.ip,
        "text_version": evidence.text_version,
    }


def _told_line(line: Consent) -> str:
    evidence = line.evidence
    source = f" from {evidence.ip}" if evidence.ip else ""
    text = f", text {evidence.text_version}" if evidence.text_version else ""
    return f"{moment(line.at)} {line.event} by {evidence.method}{source}{text}"


def _schedule(
    settings: Settings, frequency: str | None, weekday: str | None, zone: str | None, hour: str | None
) -> Schedule:
    return schedule(
        frequency=frequency,
        weekday=weekday,
        zone=settings.zone if zone is None else zone,
        hour=settings.mail.hour if hour is None else hour,
    )


def _read(file: Path) -> str:
    try:
        data = sys.stdin.buffer.read() if str(file) == "-" else file.read_bytes()
        return data.decode("utf-8-sig")
    except OSError as error:
        raise UsageError(f"{file}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{file}: not UTF-8, at byte {error.start:,}") from error


def _wants(subscriber: Subscriber) -> list[str]:
    chosen = subscriber.profile
    return [
        *chosen.topics,
        *chosen.interests,
        *(f"+{rule}" for rule in chosen.include),
        *(f"-{rule}" for rule in chosen.exclude),
    ]


def _when(schedule: Schedule) -> str:
    day = f" on {WEEKDAYS[schedule.weekday]}" if schedule.frequency == "weekly" else ""
    return f"{schedule.frequency}{day} at {schedule.hour}:00 {schedule.zone}"


def _document(subscriber: Subscriber) -> dict[str, Any]:
    chosen, when = subscriber.profile, subscriber.schedule
    return {
        "id": subscriber.id,
        "address": subscriber.address,
        "state": str(subscriber.state),
        "topics": list(chosen.topics),
        "interests": list(chosen.interests),
        "include": list(chosen.include),
        "exclude": list(chosen.exclude),
        "cap": chosen.cap,
        "frequency": str(when.frequency),
        "weekday": WEEKDAYS[when.weekday],
        "zone": when.zone,
        "hour": when.hour,
        "confirmed_at": subscriber.confirmed_at,
        "paused_until": subscriber.paused_until,
    }
