"""The digest command, one module per group: parse, wire, call, print, exit code.

With `--json` one JSON document goes to standard output; all else goes to standard error.
"""

from __future__ import annotations

import io
import sys

from digest.cli.app import EXIT_FAILED, EXIT_USAGE, app
from digest.cli.output import errors
from digest.errors import AddressError, DigestError, PreferenceError, SettingsError, TaxonomyError, UsageError

__all__ = ["app", "main"]

_USAGE = (AddressError, PreferenceError, SettingsError, TaxonomyError, UsageError)


def main() -> None:
    """Run the command; the exit code is 0 done, 1 failed, 2 usage or settings, 3 done in part."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(
            stream, io.TextIOWrapper
        ):  # a title that the terminal cannot show must not end the command
            stream.reconfigure(errors="backslashreplace")
    try:
        app(args=_config_first(sys.argv[1:]), prog_name="digest")
    except _USAGE as error:
        errors(str(error))
        sys.exit(EXIT_USAGE)
    except DigestError as error:
        errors(str(error))
        sys.exit(EXIT_FAILED)
    except BrokenPipeError:
        sys.stderr.close()  # the reader of our output left: nothing more to say to anyone
        sys.exit(EXIT_FAILED)


def _config_first(args: list[str]) -> list[str]:
    """Let `--config FILE` stand anywhere, as scripts put it where they like."""
    for at, arg in enumerate(args):
        if arg == "--":
            break
        if arg == "--config" and at + 1 < len(args):
            return [*args[at : at + 2], *args[:at], *args[at + 2 :]]
        if arg.startswith("--config="):
            return [arg, *args[:at], *args[at + 1 :]]
    return args
