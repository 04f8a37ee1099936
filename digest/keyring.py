"""A folder of DKIM keys, each in a file of its selector's name: `SELECTOR.pem`.

A key signs as long as a mail is open that was planned with it, so a new key is a new file, and none is ever replaced.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa

from digest.compose.dkim import DkimKey, is_selector, made_key, private_key
from digest.errors import SettingsError, UsageError
from digest.log import logger

_log = logger("keyring")


def path_of(folder: Path, selector: str) -> Path:
    """Where the key of a selector lies."""
    return folder / f"{selector}.pem"


def read(folder: Path, selector: str) -> DkimKey:
    """The key of a selector.

    Raises:
        SettingsError: It cannot be read, or cannot sign; the file is named, and the command that makes one.
    """
    path = path_of(folder, selector)
    try:
        pem = path.read_bytes()
    except OSError as error:
        raise SettingsError(
            f"DKIM key {selector!r}: cannot read {path}: {error.strerror}. Nothing is sent unsigned instead: put the file"
            f" back, or where it never was, run `digest dkim keygen {selector}`"
        ) from error
    try:
        key = private_key(selector, pem)
    except SettingsError as error:
        raise SettingsError(f"{error} ({path})") from error
    if (words := exposed(path)) is not None:
        _log.warning("key file open to others", selector=selector, reason=words)
    return key


def exposed(path: Path) -> str | None:
    """Who else may read or change a key file, with the command that ends it; None where nobody may.

    Its group may read it: that is how one key serves processes of several users.
    """
    mode = stat.S_IMODE(path.stat().st_mode)
    return f"{path} has mode {mode:04o}: run `chmod 600 {path}`" if mode & 0o137 else None


def make(folder: Path, selector: str, *, bits: int | None) -> DkimKey:
    """Make a key, and write it where only this user may read it.

    Args:
        bits: Of an RSA key; None for an Ed25519 key.

    Raises:
        UsageError: There is a file of that name, which is left as it is, or it cannot be written.
    """
    made = ed25519.Ed25519PrivateKey.generate() if bits is None else rsa.generate_private_key(65537, bits)
    key = made_key(selector, made)
    pem = made.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path = path_of(folder, selector)
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError as error:
        raise UsageError(f"{path} is there already, and is left as it is: choose another selector") from error
    except OSError as error:
        raise UsageError(f"cannot write {path}: {error.strerror}") from error
    with os.fdopen(descriptor, "wb") as file:
        file.write(pem)
        file.flush()
        os.fsync(file.fileno())
    return key


def selectors(folder: Path) -> list[str]:
    """Those that have a file, in order of name."""
    return sorted(path.stem for path in folder.glob("*.pem") if is_selector(path.stem))
