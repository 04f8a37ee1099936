"""digest dkim keygen|record."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from rich.console import Console

from digest import keyring
from digest.cli.app import Json, session
from digest.cli.output import emit
from digest.compose.dkim import LEAST_BITS, MOST_BITS, RSA, DkimKey, is_selector, record_name, txt_strings
from digest.errors import SettingsError, UsageError
from digest.settings import Settings

group = typer.Typer(name="dkim", no_args_is_help=True, help="The keys that sign mails.")

Selector = Annotated[str, typer.Argument(metavar="SELECTOR", help="A name for the key, as in 2026a.")]


@group.command()
def keygen(
    context: typer.Context,
    selector: Selector,
    ed25519: Annotated[
        bool, typer.Option("--ed25519", help="A key for a second signature, beside the RSA one.")
    ] = False,
    bits: Annotated[
        int | None, typer.Option(min=LEAST_BITS, max=MOST_BITS, help="Of an RSA key; 2048 when not given.")
    ] = None,
    json: Json = False,
) -> None:
    """Make a private key, and say what to put into the DNS and what to do next. No key is ever replaced."""
    settings = session(context).settings()
    domain = _domain(settings)
    if ed25519 and bits is not None:
        raise UsageError("--bits is for RSA keys: an Ed25519 key has one length")
    if not is_selector(selector):
        raise UsageError(
            f"{selector!r} is not a name such as 2026a: lower-case letters, digits, hyphens, dots"
        )
    key = keyring.make(settings.dkim_folder, selector, bits=None if ed25519 else bits or LEAST_BITS)
    found = _document(settings, domain, key)
    emit(json, found, lambda console: _print_made(console, settings, key, found))


@group.command()
def record(
    context: typer.Context,
    selector: Annotated[
        str | None, typer.Argument(metavar="SELECTOR", help="Those of the settings when not given.")
    ] = None,
    json: Json = False,
) -> None:
    """The TXT record of a key, as it belongs into the DNS."""
    settings = session(context).settings()
    domain = _domain(settings)
    names = [selector] if selector else settings.dkim.signed_by.split()
    if not names:
        raise UsageError(
            "dkim.selector is not set, the relay signs: name a selector, or see `digest dkim keygen`"
        )
    keys = [keyring.read(settings.dkim_folder, name) for name in names]
    found = [_document(settings, domain, key) for key in keys]
    emit(json, {"records": found}, lambda console: _print_records(console, found))


def _domain(settings: Settings) -> str:
    if not settings.sender:
        raise SettingsError("sender is not set: its domain is the one that a key signs for")
    return settings.sender_domain


def _document(settings: Settings, domain: str, key: DkimKey) -> dict[str, Any]:
    return {
        "selector": key.selector,
        "algorithm": key.algorithm,
        "bits": key.bits,
        "file": str(keyring.path_of(settings.dkim_folder, key.selector)),
        "name": record_name(key.selector, domain),
        "type": "TXT",
        "value": key.record,
        "strings": txt_strings(key.record),
    }


def _print_made(console: Console, settings: Settings, key: DkimKey, found: dict[str, Any]) -> None:
    setting = "selector" if key.algorithm == RSA else "ed25519_selector"
    earlier = getattr(settings.dkim, setting)
    _line(
        console,
        f"The private key is {found['file']}; only this user may read it. Back it up like a password.",
    )
    _line(console, "1. Put this record into the DNS:\n")
    _print_records(console, [found])
    _line(console, "\n2. Wait until `digest doctor` finds it there.")
    _line(
        console,
        f'3. Set {setting} = "{key.selector}" in the section [dkim] of digest.toml, and restart digest.',
    )
    if earlier:
        _line(
            console,
            f"4. Keep the file and the DNS record of {earlier} for a week: mail that it signed is still on its way.",
        )


def _print_records(console: Console, found: list[dict[str, Any]]) -> None:
    for each in found:
        strings = " ".join(f'"{text}"' for text in each["strings"])
        _line(console, f"{each['name']}. IN TXT ( {strings} )")
    if any(len(each["strings"]) > 1 for each in found):
        _line(console, "\nA form that asks for one value takes it without quotes:\n")
        for each in found:
            _line(console, f"{each['name']}\n{each['value']}")


def _line(console: Console, text: str) -> None:
    """Whole lines, whatever the terminal's width: what is to be copied must not be broken."""
    console.print(text, markup=False, highlight=False, soft_wrap=True)
