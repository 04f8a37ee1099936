"""digest bounces ingest."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain
from typing import Annotated

import typer

from digest.cli.app import EXIT_PART, Json, session
from digest.cli.output import emit, errors, plural
from digest.deliver.envelope import CAP_BYTES
from digest.errors import DigestError, UsageError
from digest.log import outline
from digest.mailroom import Mailroom, on_server, watched
from digest.pipeline.bounces import Became, Report
from digest.sources.letter import Letter
from digest.sources.mailbox import STDIN, open_mail

#: EX_TEMPFAIL of sysexits.h: an MTA keeps the mail, and tries its pipe again.
EXIT_AGAIN = 75

group = typer.Typer(name="bounces", no_args_is_help=True, help="What comes back: bounces and complaints.")


@group.command()
def ingest(
    context: typer.Context,
    paths: Annotated[
        list[str] | None,
        typer.Argument(metavar="[PATH]...", help="Maildirs, mbox files, single mails; - is one from a pipe."),
    ] = None,
    imap: Annotated[
        str | None, typer.Option(metavar="URL", help="A mailbox: imaps://USER@HOST/FOLDER, imap+starttls://…")
    ] = None,
    json: Json = False,
) -> None:
    """Take in bounces, complaints, and mails of who wants to leave; bounces.mailbox when nothing is named."""
    given = paths or []
    if given == [STDIN] and imap is None:
        with _from_a_pipe():
            _show(_read(session(context).app().mailroom, given, imap), json)
        return
    report = _read(session(context).app().mailroom, given, imap)
    _show(report, json)
    for name, reason in report.refused:
        errors(f"{name}: not read: {reason}")
    if report.refused:
        raise typer.Exit(EXIT_PART)


def _read(room: Mailroom, paths: list[str], imap: str | None) -> Report:
    found: list[Iterator[Letter]] = []
    if paths:
        found.append(open_mail(paths, cap_bytes=CAP_BYTES, stdin=sys.stdin.buffer))
    if imap is not None:
        found.append(on_server(room.settings.bounces, imap, key="--imap"))
    if not found:
        if not room.settings.bounces.mailbox:
            raise UsageError("name a Maildir, an mbox file, - or --imap URL, or set bounces.mailbox")
        found.append(watched(room.settings.bounces))
    return room.take_letters(chain.from_iterable(found))


@contextmanager
def _from_a_pipe() -> Iterator[None]:
    """Have the MTA keep the mail and try again, whatever went wrong: on any other code it would send it back."""
    try:
        yield
    except DigestError as error:
        errors(str(error))
        raise typer.Exit(EXIT_AGAIN) from error
    except Exception as error:
        errors(outline(error))
        raise typer.Exit(EXIT_AGAIN) from error


def _show(report: Report, json: bool) -> None:
    document = report.document()
    told = ", ".join(f"{document[each]:,} {each}" for each in Became if document[each]) or "nothing new"
    text = f"{plural(document['messages'], 'message')}: {told}. {plural(report.suppressed, 'reader')} suppressed."
    emit(json, document, lambda console: console.print(text))
