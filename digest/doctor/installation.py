"""Settings and database."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from digest.deliver.finding import Finding, failed, ok, warning
from digest.errors import DigestError
from digest.settings import Settings
from digest.store import soundness
from digest.store.database import Database
from digest.wiring import App

#: Free bytes under which a full disk is near: a day of a lab's dumps and mails takes a few MB.
_LITTLE, _TOO_LITTLE = 1 << 30, 100 << 20


def settings(found: Settings) -> Iterator[Finding]:
    """What has to be set before mail goes out, and what had better be."""
    for name, value in (
        ("base_url", found.base_url),
        ("sender", found.sender),
        ("relay.url", found.relay.url),
    ):
        if value:
            shown = value.rpartition("@")[2] if name == "relay.url" else value
            yield ok(name, shown)
        else:
            yield failed(name, "not set: sending is off until it is", f"set {name} in digest.toml")
    if found.admin:
        yield ok("admin", found.admin)
    else:
        yield warning("admin", "not set: alarms are mailed to nobody", "set admin to an address that is read")
    if not found.mail.postal_address:
        yield warning(
            "mail.postal_address",
            "not set: the law of many countries asks for one",
            "set mail.postal_address",
        )


def database(app: App) -> Iterator[Finding]:
    """Its schema, whether it holds together and takes writes, and how much room is left."""
    try:
        opened = app.database
        yield ok("schema", f"{opened.url.get_backend_name()}, at the version of this program")
        with opened.read() as conn:
            broken = soundness.faults(conn)
    except DigestError as error:
        yield failed("schema", str(error), "do what it says; no mail goes out without a database")
        return
    if broken:
        yield failed("integrity", "; ".join(broken), "stop digest, and put back the last backup")
        return
    yield ok("integrity", "no fault found")
    if app.lookout.found() is not None:
        yield failed(
            "ledger", "the database is an older copy, and nothing is mailed from it", "see `digest db accept`"
        )
    yield _writes(app.settings.database_url)
    yield _room(Path(str(opened.url.database)).parent if opened.is_sqlite else app.settings.data_dir)


def _writes(url: str) -> Finding:
    try:
        with closing(Database(url)) as writing:
            soundness.try_writing(writing)
    except DigestError as error:
        return failed("writing", str(error), "let the user that digest runs as write to it")
    return ok("writing", "takes writes")


def _room(folder: Path) -> Finding:
    there = next(path for path in (folder.absolute(), *folder.absolute().parents) if path.is_dir())
    free = shutil.disk_usage(there).free
    says = f"{free / 1e9:,.1f} GB free in {there}"
    if free < _TOO_LITTLE:
        return failed("disk", says, "make room: a full disk stops the mail, and loses none")
    return warning("disk", says, "make room before it is full") if free < _LITTLE else ok("disk", says)
