"""The wired program signs what it was planned to sign, by the key of that time, or sends nothing."""

from __future__ import annotations

import datetime as dt
import os
import re
import signal
import threading
from collections.abc import Sequence
from pathlib import Path

import pytest
import sqlalchemy as sa

from digest import keyring, signing
from digest.compose.dkim import Dkim, private_key
from digest.compose.message import Message, Unsigned
from digest.deliver.delivery import Status
from digest.deliver.reply import Reply, Step
from digest.errors import SettingsError
from digest.pipeline import sealing
from digest.relay.memory import MemoryRelay, in_turn
from digest.settings import DkimSettings
from digest.signing import SigningProcess
from digest.store.database import Database
from digest.store.schema import deliveries
from digest.subscribers.consent import Evidence
from digest.subscribers.subscriber import Profile, Schedule
from digest.wiring import App
from tests.factories import Clock, add_subscriber, make_app, publish_edition
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
    given = Unsigned(app.stamp.signed_by, b"From: digest@example.org\r\n", bytes(32), LONG_AGO)
    dead = reading.dkim.headers(given)
    for name, bits in (("2026a", 2048), ("2026e", None)):
        keyring.make(tmp_path / "dkim", name, bits=bits)
    alive = app.dkim.headers(given)
    assert len(dead) == len(alive)
    assert dead != alive
    assert {*re.findall(rb"(?<= b=)[A-Za-z0-9+/=\r\n ]{80}", dead)} == {b"A" * 74 + b"\r\n " + b"A" * 3}


# -- many at once ----------------------------------------------------------------------------------------


class Dying:
    """A signing process that is killed, or stopped, while it has the second of what it was asked for."""

    def __init__(self, process: SigningProcess, number: int) -> None:
        self._process = process
        self._number = number
        self.submitted = 0

    def fileno(self) -> int:
        return self._process.fileno()

    def submit(self, unsigned: Sequence[Unsigned]) -> None:
        self.submitted += 1
        if self.submitted == 2:
            os.kill(self._process.pid, self._number)
        self._process.submit(unsigned)

    def has_signed(self) -> bool:
        return self._process.has_signed()

    def receive(self) -> list[bytes]:
        return self._process.receive()

    def close(self) -> None:
        self._process.close()


def many(app: App, count: int) -> None:
    """An edition, and so many readers who are due."""
    publish_edition(app.database, "A Kite for All", "On Bread", day=LONG_AGO.date())
    with app.database.write() as conn:
        for _ in range(count):
            add_subscriber(conn, now=LONG_AGO, due_at=LONG_AGO)
    assert app.plan().planned == count


def test_many_are_signed_by_a_process_of_its_own(
    database: Database,
    tmp_path: Path,
    clock: Clock,
    records: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """From a full batch on another process signs, with the signatures that this one makes of the same mails."""
    started: list[SigningProcess] = []
    start = App.start_signing

    def counted(app: App) -> SigningProcess:
        started.append(start(app))
        return started[-1]

    monkeypatch.setattr(App, "start_signing", counted)
    relay = MemoryRelay()
    app = make_app(database, tmp_path, relay=relay, clock=clock, dkim=BOTH)
    many(app, app.deliver_policy.batch - 1)
    app.deliver()
    assert (len(relay.accepted), started) == (127, [])
    with database.write() as conn:
        for _ in range(300):
            add_subscriber(conn, now=LONG_AGO, due_at=LONG_AGO)
    assert app.plan().planned == 300
    app.deliver()
    assert len(started) == 1
    mails = relay.accepted[127:]
    assert len({mail.recipient for mail in mails}) == len(mails) == 300
    assert all(len(re.findall(rb" s=(2026[ae]);", mail.data)) == 2 for mail in mails)
    for mail in mails[:: len(mails) // 7]:
        assert dkimpy_verifies(mail.data, records)
        assert dkimpy_verifies(mail.data, records, index=1)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP])
def test_a_signing_process_that_dies(
    database: Database,
    tmp_path: Path,
    clock: Clock,
    records: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
    number: signal.Signals,
) -> None:
    """Killed or stopped in mid-run it takes nothing with it: what it had is signed here, and each reader gets one mail."""
    monkeypatch.setattr(sealing, "_SILENT_S", 0.5)
    monkeypatch.setattr(signing, "END_S", 0.2)
    dying: list[Dying] = []
    start = App.start_signing

    def mortal(app: App) -> Dying:
        dying.append(Dying(start(app), number))
        return dying[-1]

    monkeypatch.setattr(App, "start_signing", mortal)
    relay = MemoryRelay()
    app = make_app(database, tmp_path, relay=relay, clock=clock, dkim=BOTH)
    many(app, 200)
    assert app.deliver().results == {Status.SENT: 200}
    assert dying[0].submitted >= 2
    assert len({mail.recipient for mail in relay.accepted}) == len(relay.accepted) == 200
    assert all(dkimpy_verifies(mail.data, records) for mail in relay.accepted[::40])


@pytest.mark.usefixtures("records")
def test_a_run_that_is_told_to_stop_awaits_no_signature(
    sqlite_database: Database, tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever became of the process: what is not signed is given back."""
    monkeypatch.setattr(signing, "END_S", 0.2)
    stop = threading.Event()
    start = App.start_signing

    class Stopping(Dying):
        def submit(self, unsigned: Sequence[Unsigned]) -> None:
            super().submit(unsigned)
            if self.submitted == 2:
                stop.set()

    monkeypatch.setattr(App, "start_signing", lambda app: Stopping(start(app), signal.SIGSTOP))
    relay = MemoryRelay()
    app = make_app(sqlite_database, tmp_path, relay=relay, clock=clock, dkim=BOTH)
    many(app, 200)
    app.deliver(stop=stop)
    with sqlite_database.read() as conn:
        statuses = list(conn.scalars(sa.select(deliveries.c.status)))
    assert statuses.count(Status.SENT) == len(relay.accepted) < 200
    assert statuses.count(Status.PLANNED) == 200 - len(relay.accepted)


def test_no_signing_process_to_be_had(
    sqlite_database: Database,
    tmp_path: Path,
    clock: Clock,
    records: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Where none can be started all is signed here: it holds up no mail."""

    def unable(_app: App) -> SigningProcess:
        raise BlockingIOError(11, "Resource temporarily unavailable")

    monkeypatch.setattr(App, "start_signing", unable)
    relay = MemoryRelay()
    app = make_app(sqlite_database, tmp_path, relay=relay, clock=clock, dkim=BOTH)
    many(app, 130)
    assert app.deliver().results == {Status.SENT: 130}
    assert dkimpy_verifies(relay.accepted[-1].data, records)


def test_a_signing_process(records: dict[str, str], tmp_path: Path) -> None:
    """It signs as this process does, in the order asked; without a key, or once it is gone, it says so."""
    keys = {name: keyring.path_of(tmp_path / "dkim", name).read_bytes() for name in ("2026a", "2026e")}
    ours = Dkim("example.org", lambda name: private_key(name, keys[name]))
    asked = [
        [Unsigned("2026a 2026e", b"Subject: %d\r\n" % each, bytes(32), LONG_AGO) for each in chunk]
        for chunk in ((1, 2), (3,))
    ]
    process = SigningProcess("example.org", keys)
    for chunk in asked:
        process.submit(chunk)
    assert [process.receive(), process.receive()] == [[ours.headers(one) for one in each] for each in asked]
    process.submit([Unsigned("2026b", b"Subject: 4\r\n", bytes(32), LONG_AGO)])
    with pytest.raises(EOFError):
        process.receive()
    with pytest.raises(OSError, match=r"pipe|reset"):
        for _ in range(2):
            process.submit(asked[0])
    process.close()


def test_a_signing_process_that_is_stuck(records: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """One that does not end when it is told to is killed."""
    monkeypatch.setattr(signing, "END_S", 0.2)
    process = SigningProcess("example.org", {})
    os.kill(process.pid, signal.SIGSTOP)
    process.close()
    with pytest.raises(ProcessLookupError):
        os.kill(process.pid, 0)
