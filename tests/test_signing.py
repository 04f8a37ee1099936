"""The wired program signs what it was planned to sign, by the key of that time, or sends nothing."""

from __future__ import annotations

import datetime as dt
import re
from pathlib import Path

import pytest

from digest import keyring
from digest.compose.message import Message
from digest.deliver.reply import Reply, Step
from digest.errors import SettingsError
from digest.relay.memory import MemoryRelay, in_turn
from digest.settings import DkimSettings
from digest.store.database import Database
from digest.subscribers.consent import Evidence
from digest.subscribers.subscriber import Profile, Schedule
from digest.wiring import App
from tests.factories import Clock, make_app
from tests.verifiers import dkimpy_verifies
from tests.wire import assert_wire

#: Verifiers refuse what was signed in the future.
LONG_AGO = dt.datetime(2024, 1, 5, 7, 0, tzinfo=dt.UTC)
LATER = Reply(step=Step.DOT, code=451, text="later")
BOTH = DkimSettings(selector="2026a", ed25519_selector="2026e")
NEXT = DkimSettings(selector="2026b")


@pytest.fixture
def clock() -> Clock:
    return Clock(LONG_AGO)


@pytest.fixture
def records(tmp_path: Path) -> dict[str, str]:
    """Three keys in the folder of the site, and their records in the DNS."""
    made = [
        keyring.make(tmp_path / "dkim", name, bits=bits)
        for name, bits in (("2026a", 2048), ("2026b", 2048), ("2026e", None))
    ]
    return {f"{key.selector}._domainkey.example.org": key.record for key in made}


def ask(app: App, address: str) -> None:
    """Put a confirmation into the outbox."""
    choices = {"profile": Profile(), "schedule": Schedule(), "evidence": Evidence(method="web")}
    app.signup.request(address, now=app.clock(), **choices)  # type: ignore[arg-type] # a table has no types


def selectors(mail: Message) -> list[str]:
    assert_wire(mail.data, bulk=False)
    return re.findall(r" s=([a-z0-9]+);", mail.data.decode())


def test_a_retry_over_a_rotation(
    database: Database, tmp_path: Path, clock: Clock, records: dict[str, str]
) -> None:
    """A mail deferred before the selector changed has the same bytes after it, in another process; what is planned then
    has the new key's signature."""
    relay = MemoryRelay(in_turn([LATER]))
    app = make_app(database, tmp_path, relay=relay, clock=clock, dkim=BOTH)
    ask(app, "ada@example.org")
    app.deliver()
    assert (len(relay.tried), relay.accepted) == (1, [])
    clock.advance(minutes=20)
    app = make_app(database, tmp_path, relay=relay, clock=clock, dkim=NEXT)
    ask(app, "bea@example.org")
    app.deliver()
    first, second = sorted(relay.accepted, key=lambda mail: mail.recipient)
    assert first == relay.tried[0]
    assert selectors(first) == ["2026a", "2026e"]
    assert selectors(second) == ["2026b"]
    assert dkimpy_verifies(first.data, records)
    assert dkimpy_verifies(first.data, records, index=1)
    assert dkimpy_verifies(second.data, records)


@pytest.mark.usefixtures("records")
def test_an_old_key_that_is_gone(database: Database, tmp_path: Path, clock: Clock) -> None:
    """As long as a mail waits for a key that is gone nothing is sent, and nothing given up; back again, all goes out."""
    relay = MemoryRelay(in_turn([LATER]))
    app = make_app(database, tmp_path, relay=relay, clock=clock, dkim=DkimSettings(selector="2026a"))
    ask(app, "ada@example.org")
    app.deliver()
    clock.advance(minutes=20)
    path = keyring.path_of(tmp_path / "dkim", "2026a")
    hidden = path.rename(tmp_path / "hidden.pem")
    app = make_app(database, tmp_path, relay=relay, clock=clock, dkim=NEXT)
    ask(app, "bea@example.org")
    with pytest.raises(SettingsError, match=r"cannot read .*2026a\.pem.*`digest dkim keygen 2026a`"):
        app.deliver()
    assert (len(relay.tried), relay.accepted) == (1, [])
    hidden.rename(path)
    app.deliver()
    assert sorted(mail.recipient for mail in relay.accepted) == ["ada@example.org", "bea@example.org"]


@pytest.mark.usefixtures("records")
def test_keys_of_later(sqlite_database: Database, tmp_path: Path, clock: Clock) -> None:
    """At its start a process reads the key of a mail that waits for its retry, too: it may be gone when that comes."""
    relay = MemoryRelay(in_turn([LATER]))
    app = make_app(sqlite_database, tmp_path, relay=relay, clock=clock, dkim=DkimSettings(selector="2026a"))
    ask(app, "ada@example.org")
    app.deliver()
    path = keyring.path_of(tmp_path / "dkim", "2026a")
    hidden = path.rename(tmp_path / "hidden.pem")
    app = make_app(sqlite_database, tmp_path, relay=relay, clock=clock, dkim=NEXT)
    app.check_signing(due_by=clock())
    with pytest.raises(SettingsError, match="2026a"):
        app.check_signing()
    hidden.rename(path)
    app.check_signing()
    path.unlink()
    clock.advance(minutes=20)
    app.deliver()
    assert relay.accepted == relay.tried[:1]


def test_no_key_no_mail(sqlite_database: Database, tmp_path: Path, clock: Clock) -> None:
    """Without its key a process refuses to begin, also where nothing is due yet."""
    app = make_app(sqlite_database, tmp_path, clock=clock, dkim=DkimSettings(selector="2026a"))
    with pytest.raises(SettingsError, match=r"2026a\.pem: No such file"):
        app.check_signing()
    ask(app, "ada@example.org")
    with pytest.raises(SettingsError, match=r"2026a\.pem: No such file"):
        app.deliver()


@pytest.mark.usefixtures("records")
@pytest.mark.parametrize(
    ("dkim", "says"),
    [
        (
            DkimSettings(selector="2026e"),
            r"dkim\.selector: .*2026e\.pem holds a key for ed25519-sha256, not for rsa",
        ),
        (
            DkimSettings(selector="2026a", ed25519_selector="2026b"),
            r"dkim\.ed25519_selector: .*2026b\.pem holds a key for rsa-sha256, not for ed25519",
        ),
    ],
)
def test_a_key_of_the_other_kind(
    sqlite_database: Database, tmp_path: Path, dkim: DkimSettings, says: str
) -> None:
    """Many receivers know RSA alone, so a key of one kind does not stand in for the other."""
    with pytest.raises(SettingsError, match=says):
        make_app(sqlite_database, tmp_path, dkim=dkim).check_signing()


def test_the_relay_signs(sqlite_database: Database, tmp_path: Path) -> None:
    """Without a selector no key is asked for, and no mail is signed."""
    relay = MemoryRelay()
    app = make_app(sqlite_database, tmp_path, relay=relay)
    app.check_signing()
    ask(app, "ada@example.org")
    app.deliver()
    assert [selectors(mail) for mail in relay.accepted] == [[]]


@pytest.mark.usefixtures("records")
def test_a_key_is_read_once(sqlite_database: Database, tmp_path: Path) -> None:
    """A process that has read a key goes on without its file."""
    app = make_app(sqlite_database, tmp_path, dkim=BOTH)
    app.check_signing()
    for path in (tmp_path / "dkim").iterdir():
        path.unlink()
    app.check_signing()
    ask(app, "ada@example.org")
    assert app.deliver().paused is None


def test_a_folder_of_ones_own(sqlite_database: Database, tmp_path: Path) -> None:
    """Keys lie where `dkim.keys` says."""
    made = keyring.make(tmp_path / "elsewhere", "2026a", bits=2048)
    app = make_app(
        sqlite_database, tmp_path, dkim=DkimSettings(selector="2026a", keys=tmp_path / "elsewhere")
    )
    assert app.dkim_key("2026a").record == made.record


def test_reading_needs_no_key(sqlite_database: Database, tmp_path: Path) -> None:
    """Who only reads composes with signatures that do not hold, as long as real ones, and opens no key."""
    app = make_app(sqlite_database, tmp_path, dkim=BOTH)
    assert app.stamp.signed_by == "2026a 2026e"
    reading = App(app.settings, read_only=True)
    given = (app.stamp.signed_by, b"From: digest@example.org\r\n", b"words\r\n", LONG_AGO)
    dead = reading.dkim.headers(*given)
    for name, bits in (("2026a", 2048), ("2026e", None)):
        keyring.make(tmp_path / "dkim", name, bits=bits)
    alive = app.dkim.headers(*given)
    assert len(dead) == len(alive)
    assert dead != alive
    assert {*re.findall(rb"(?<= b=)[A-Za-z0-9+/=\r\n ]{80}", dead)} == {b"A" * 74 + b"\r\n " + b"A" * 3}
