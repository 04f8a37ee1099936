"""Where messages are handed over, as one setting."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from urllib.parse import SplitResult, unquote, urlsplit

from digest.errors import SettingsError

_FORMS = (
    "smtp://HOST[:PORT], smtp+starttls://[USER@]HOST[:PORT], smtps://[USER@]HOST[:PORT], folder:PATH or dry:"
)


class Scheme(StrEnum):
    """How messages travel."""

    SMTP = "smtp"  #: without TLS: for a relay on this machine or in its own network
    STARTTLS = "smtp+starttls"  #: TLS is required and verified; without it nothing is sent
    SMTPS = "smtps"  #: TLS from the first byte, verified
    FOLDER = "folder"
    DRY = "dry"  #: nowhere: for rehearsals


_PORTS = {Scheme.SMTP: 25, Scheme.STARTTLS: 587, Scheme.SMTPS: 465}


@dataclass(frozen=True, slots=True, kw_only=True)
class RelayUrl:
    """A relay's address, taken apart."""

    scheme: Scheme
    host: str = ""  #: name or IP address, without brackets; empty for a folder
    port: int = 0
    user: str | None = None  #: to log in as; the password comes from elsewhere
    path: Path | None = None  #: of a folder

    @property
    def loopback(self) -> bool:
        """Whether the relay is on this machine, so that a password sent in clear stays on it."""
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"


def parse_url(url: str, *, key: str = "relay") -> RelayUrl:
    """Take a relay's URL apart.

    Args:
        url: `smtp://host:port`, `smtp+starttls://user@host`, `smtps://user@host:port`, `folder:PATH` or `dry:`.
            Ports default to 25, 587 and 465; an `@` in the user may stand as it is.
        key: The table of the settings that it comes from, for errors.

    Raises:
        SettingsError: It is none of these, or holds a password, or would send one in clear.
    """
    scheme, colon, rest = url.strip().partition(":")
    if scheme not in set(Scheme) or not colon:
        raise SettingsError(f"{key}.url is {_without_password(url)!r}; it has to be {_FORMS}")
    if scheme == Scheme.FOLDER:
        if not rest:
            raise SettingsError(f"{key}.url names no folder: folder:PATH")
        return RelayUrl(scheme=Scheme.FOLDER, path=Path(rest))
    if scheme == Scheme.DRY:
        if rest:
            raise SettingsError(f"{key}.url: nothing follows dry:")
        return RelayUrl(scheme=Scheme.DRY)
    parsed = _parse_server(url.strip(), Scheme(scheme), key)
    if parsed.user is not None and parsed.scheme is Scheme.SMTP and not parsed.loopback:
        raise SettingsError(
            f"{key}.url would send a password to {parsed.host} in clear: use smtp+starttls:// or smtps://"
        )
    return parsed


def _parse_server(url: str, scheme: Scheme, key: str) -> RelayUrl:
    try:
        parts = urlsplit(url)
        port = parts.port
        password = parts.password
    except ValueError as error:
        # Its words may repeat a part of a password.
        raise SettingsError(f"{key}.url cannot be read; it has to be {_FORMS}") from error
    if password is not None:
        raise SettingsError(
            f"{key}.url holds a password: put it into a file and name that as {key}.password_file"
        )
    if not parts.hostname or not _is_bare(parts) or not _is_host(parts.hostname):
        raise SettingsError(f"{key}.url is {_without_password(url)!r}; it has to be {_FORMS}")
    return RelayUrl(
        scheme=scheme,
        host=parts.hostname,
        port=_PORTS[scheme] if port is None else port,
        user=unquote(parts.username) if parts.username else None,
    )


def _is_bare(parts: SplitResult) -> bool:
    return parts.path in ("", "/") and not parts.query and not parts.fragment


def _is_host(host: str) -> bool:
    try:
        host.encode("idna")  # as the name look-up will
    except UnicodeError:
        return False
    return " " not in host


def _without_password(url: str) -> str:
    """Return the URL as an error may show it: what stands before an `@` is left out."""
    return url.rpartition("@")[2] if "@" in url else url
