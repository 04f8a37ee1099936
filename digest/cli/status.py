"""digest status."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import typer
from rich.console import Console

from digest.cli.app import EXIT_FAILED, Json, session
from digest.cli.output import emit, errors, moment, plain, plural
from digest.errors import SettingsError
from digest.pipeline.rehearsal import refuse_mix
from digest.relays import is_dry
from digest.scheduler import SPIKE
from digest.store import alarms, bounces, dumps, editions, health, ledger, papers, relays, subscribers
from digest.store.alarms import Raised
from digest.store.dumps import DumpStatus
from digest.wiring import App


def register(app: typer.Typer) -> None:
    app.command("status")(run)


def run(context: typer.Context, json: Json = False) -> None:
    """What stands in the store, and whether the ledger balances."""
    wired = session(context).app(read_only=True)
    document = _look(wired)
    emit(json, document, lambda console: _print(console, document))
    if document["ledger"]["balance"]:
        errors(f"the ledger is off by {document['ledger']['balance']}: rows were added or removed behind it")
        raise typer.Exit(EXIT_FAILED)


def _look(wired: App) -> dict[str, Any]:
    with wired.database.read() as conn:
        kept = list(dumps.every(conn))
        newest = editions.newest(conn)
        balance = ledger.balance(conn)
        people = subscribers.counts(conn)
        total = papers.total(conn)
        signups = health.asked_since(conn, wired.clock() - SPIKE)
        came = bounces.counts(conn, since=wired.clock() - dt.timedelta(days=1))
        told = {each.id: each for each in (*alarms.standing(conn), *alarms.since(conn, _today(wired)))}
        aside = relays.aside(conn, now=wired.clock())
    seen, warm_up = wired.look_out(), wired.warm_up_today()
    usual = wired.settings.web.signup_alarm
    missing = [name for name in ("base_url", "sender") if not getattr(wired.settings, name)]
    missing += [] if wired.settings.relay.url else ["relay.url"]
    return {
        "dumps": {str(status): sum(d.status is status for d in kept) for status in DumpStatus},
        "last_dump_at": max((dump.received_at for dump in kept), default=None),
        "papers": total,
        "edition": {"date": newest.date, "papers": newest.papers} if newest else None,
        "held_until": seen.held_until,
        "sources": {each.name: list(each.words) for each in seen.health},
        "alarms": [_document(each) for _, each in sorted(told.items())],
        "subscribers": {str(state): number for state, number in people.items()},
        "signups": {"last_hour": signups, "usual_at_most": usual, "spike": signups > usual},
        "bounces": {"last_day": {str(kind): number for kind, number in came.items()}},
        "ledger": {
            "eligible": balance.eligible,
            **{str(status): number for status, number in balance.statuses.items()},
            "balance": balance.difference,
        },
        "signing": wired.settings.dkim.signed_by.split(),
        "relays_aside": [{"name": each.name, "until": each.until, "said": each.said} for each in aside],
        "warm_up": None if warm_up is None else asdict(warm_up),
        "sending": _sending(wired, missing),
    }


def _sending(wired: App, missing: Sequence[str]) -> str:
    if missing:
        return f"off: {', '.join(missing)} not set"
    if wired.lookout.found() is not None:
        return "off: the database is an older copy, see `digest db accept`"
    dry = is_dry(wired.settings)
    try:
        _ = wired.relay  # which opens nothing
        wired.check_signing()
        with wired.database.read() as conn:
            refuse_mix(conn, dry=dry)
    except SettingsError as error:
        return f"off: {error}"
    return "rehearsal: relay.url is dry, and nobody is mailed" if dry else "on"


def _today(wired: App) -> dt.date:
    return wired.clock().astimezone(wired.settings.tzinfo).date()


def _document(raised: Raised) -> dict[str, Any]:
    return {
        "name": str(raised.alarm.name),
        "about": raised.alarm.about,
        "day": raised.day,
        "raised_at": raised.raised_at,
        "ended_at": raised.ended_at,
        "text": raised.alarm.text,
    }


def _print(console: Console, document: dict[str, Any]) -> None:
    edition = document["edition"]
    console.print(f"dumps        {_counts(document['dumps'])}; last {moment(document['last_dump_at'])}")
    console.print(f"papers       {document['papers']:,}")
    console.print(
        f"edition      {edition['date']}, {plural(edition['papers'], 'paper')}"
        if edition
        else "edition      none yet"
    )
    if document["held_until"]:
        console.print(f"             today's waits for a source until {moment(document['held_until'])}")
    states = [f"{plain(name)} {' and '.join(words)}" for name, words in document["sources"].items()]
    console.print(f"sources      {', '.join(states)}")
    told = [_alarm(alarm) for alarm in document["alarms"]] or ["none"]
    console.print(f"alarms       {told[0]}")
    for alarm in told[1:]:
        console.print(f"             {alarm}")
    console.print(f"subscribers  {_counts(document['subscribers'])}")
    console.print(f"sign-ups     {_signups(document['signups'])}")
    console.print(f"bounces      {_counts(document['bounces']['last_day'])} in the last day")
    console.print(f"ledger       {_counts(document['ledger'])}")
    signing = f"DKIM by {' and '.join(document['signing'])}" if document["signing"] else "left to the relay"
    console.print(f"signing      {signing}")
    console.print(f"sending      {document['sending']}")
    for relay in document["relays_aside"]:
        console.print(
            f"             {relay['name']} left aside until {moment(relay['until'])}: {plain(relay['said'])}"
        )
    if document["warm_up"]:
        console.print(f"warm-up      {warmth(document['warm_up'])}")


def warmth(warm_up: dict[str, Any]) -> str:
    """How far a warm-up is, in words."""
    if warm_up["most"] is None:
        return "over"
    return f"day {warm_up['day_number']}: {warm_up['handed_over']:,} of {warm_up['most']:,} handed over"


def _alarm(alarm: dict[str, Any]) -> str:
    about = f" ({plain(alarm['about'])})" if alarm["about"] else ""
    since = f", since {moment(alarm['raised_at'])}" if alarm["ended_at"] is None else ", over"
    return f"{alarm['name']}{about}{since}"


def _signups(signups: dict[str, Any]) -> str:
    spike = (
        f": a spike, more than web.signup_alarm = {signups['usual_at_most']:,}" if signups["spike"] else ""
    )
    return f"{signups['last_hour']:,} in the last hour{spike}"


def _counts(counts: dict[str, int]) -> str:
    return (
        ", ".join(f"{number:,} {name}" for name, number in counts.items() if number or name == "balance")
        or "none"
    )
