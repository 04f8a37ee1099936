"""digest links rotate."""

from __future__ import annotations

import typer

from digest.cli.app import Json, session
from digest.cli.output import emit, moment, plural

group = typer.Typer(name="links", no_args_is_help=True, help="The links in mails.")


@group.command()
def rotate(context: typer.Context, json: Json = False) -> None:
    """Sign links with a new key; those sent before go on working, and no process needs a restart."""
    keys = session(context).app().rotate_link_keys()
    document = {"keys": len(keys), "signs_from": keys[-1].since}
    text = (
        f"{plural(len(keys), 'key')}. The new one signs the links of mail planned from {moment(keys[-1].since)} on."
        " Links sent before go on working."
    )
    emit(json, document, lambda console: console.print(text))
