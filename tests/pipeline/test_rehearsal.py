"""A database rehearses or mails: no ledger is let say of real readers what is not so."""

from __future__ import annotations

from pathlib import Path

import pytest

from digest.deliver.delivery import Status
from digest.errors import SettingsError
from digest.pipeline.rehearsal import keep_apart
from digest.relay.memory import MemoryRelay
from digest.settings import RelaySettings
from digest.store.database import Database
from digest.wiring import App
from tests.factories import NOW, Clock, add_subscriber, make_app, make_settings, publish_edition
from tests.pipeline.outbox import Outbox


def test_a_rehearsed_database_mails_nobody(database: Database) -> None:
    """From the first rehearsal on a real relay is refused, and a dry one is not."""
    keep_apart(database, dry=False)
    keep_apart(database, dry=True)
    keep_apart(database, dry=True)
    with pytest.raises(SettingsError, match="mailed to nobody"):
        keep_apart(database, dry=False)


@pytest.mark.parametrize("status", [Status.SENT, Status.AMBIGUOUS])
def test_a_ledger_that_mailed_is_never_rehearsed(
    database: Database, tmp_path: Path, clock: Clock, status: Status
) -> None:
    """Once a relay took one mail, or may have, a dry one is refused, and the next real one is not."""
    outbox = Outbox(database, tmp_path, clock=clock)
    outbox.plan(1, status=status)
    with pytest.raises(SettingsError, match="has mailed readers"):
        keep_apart(database, dry=True)
    keep_apart(database, dry=False)


def test_delivery_asks(sqlite_database: Database, tmp_path: Path) -> None:
    """A dry run of the whole program settles its own database; afterwards the same program refuses to mail."""
    publish_edition(sqlite_database, "A Kite for All")
    with sqlite_database.write() as conn:
        for _ in range(3):
            add_subscriber(conn, due_at=NOW)
    rehearsing = App(make_settings(tmp_path, relay=RelaySettings(url="dry:")), clock=lambda: NOW)
    vars(rehearsing)["database"] = sqlite_database
    assert rehearsing.plan().planned == 3
    assert rehearsing.deliver().results == {Status.SENT: 3}
    relay = MemoryRelay()
    with pytest.raises(SettingsError, match="mailed to nobody"):
        make_app(sqlite_database, tmp_path, relay=relay).deliver()
    assert relay.tried == []
