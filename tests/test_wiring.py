"""The wired program: what is built from the settings, and what is refused."""

from __future__ import annotations

import datetime as dt
import re
from pathlib import Path

import pytest
from pydantic import ValidationError

from digest.compose.links import CONFIRM_AGE, DeadLinks, Links
from digest.compose.preview import text_part
from digest.compose.rotation import NOTICE
from digest.deliver.delivery import Kind
from digest.deliver.reply import Reply, Step
from digest.errors import SchemaError, SettingsError, TaxonomyError
from digest.relay.folder import FolderRelay
from digest.relay.memory import MemoryRelay, in_turn
from digest.relay.smtp import SmtpRelay
from digest.settings import (
    DatabaseSettings,
    DeliverySettings,
    EditionSettings,
    MailSettings,
    RelaySettings,
    WebSettings,
)
from digest.store import facts, migrate
from digest.store.database import Database
from digest.subscribers.consent import Evidence
from digest.subscribers.subscriber import Profile, Schedule
from digest.wiring import App, utc_now
from tests.factories import NOW, TODAY, Clock, make_app, make_settings


def reading(app: App) -> App:
    return App(app.settings, read_only=True, clock=app.clock)


# -- the database --------------------------------------------------------------------------------------


def test_a_database_is_made(tmp_path: Path) -> None:
    """Who writes makes the data folder and a database at this schema, where there is none."""
    app = App(make_settings(tmp_path, data_dir=tmp_path / "some" / "folder"))
    with app.database.read() as conn:
        assert migrate.current(conn) == migrate.head()
    assert (tmp_path / "some" / "folder" / "digest.db").is_file()
    app.database.close()


def test_reading_makes_no_database(tmp_path: Path) -> None:
    """Who only reads makes nothing, and says which command does."""
    app = App(make_settings(tmp_path, data_dir=tmp_path / "data"), read_only=True)
    with pytest.raises(SettingsError, match=r"no database at .*digest\.db yet: run `digest ingest`"):
        _ = app.database
    assert not (tmp_path / "data").exists()


def test_reading_an_empty_database(tmp_path: Path, empty_url: str) -> None:
    """A database without tables is refused to who only reads, and made ready for who writes."""
    if empty_url.startswith("sqlite"):
        Path(empty_url.removeprefix("sqlite:///")).touch()
    settings = make_settings(tmp_path, database=DatabaseSettings(url=empty_url))
    with pytest.raises(SchemaError, match="run `digest db upgrade`"):
        _ = App(settings, read_only=True).database
    writing = App(settings)
    writing.database.close()
    App(settings, read_only=True).database.close()


def test_reading_writes_no_key(database: Database, tmp_path: Path) -> None:
    """Who only reads has a key of zeros where none was made, and dead links always."""
    app = App(
        make_settings(tmp_path, database=DatabaseSettings(url=database.url.render_as_string(False))),
        read_only=True,
    )
    before = app.stamp.message_id(Kind.DIGEST, TODAY, 7)
    assert isinstance(app.links, DeadLinks)
    with database.read() as conn:
        assert facts.get(conn, "message-ids") is None
    writing = make_app(database, tmp_path)
    made = writing.stamp.message_id(Kind.DIGEST, TODAY, 7)
    assert made != before
    again = reading(app)
    assert again.stamp.message_id(Kind.DIGEST, TODAY, 7) == made
    for each in (app, again):
        each.database.close()


# -- what is built -------------------------------------------------------------------------------------


def test_message_ids(sqlite_database: Database, tmp_path: Path) -> None:
    """A Message-ID is the same at every start, another for each kind, date and reader, at the sender's domain."""
    stamp, again = (make_app(sqlite_database, tmp_path).stamp for _ in range(2))
    named = stamp.message_id(Kind.DIGEST, TODAY, 7)
    assert named == again.message_id(Kind.DIGEST, TODAY, 7)
    assert named.endswith("@example.org>")
    others = {
        stamp.message_id(Kind.GOODBYE, TODAY, 7),
        stamp.message_id(Kind.DIGEST, TODAY + dt.timedelta(days=1), 7),
        stamp.message_id(Kind.DIGEST, TODAY, 8),
        named,
    }
    assert len(others) == 4
    assert stamp.template == make_app(sqlite_database, tmp_path).templates.version


def test_links(sqlite_database: Database, tmp_path: Path) -> None:
    """Links are signed with a key that stays."""
    one, other = (make_app(sqlite_database, tmp_path).links for _ in range(2))
    assert isinstance(one, Links)
    assert one.leave(7) == other.leave(7)
    assert one.leave(7).startswith("https://digest.example.org/")


def test_keys_of_links(database: Database, tmp_path: Path) -> None:
    """The first use makes a key; a rotation adds one, old links go on working, and the next start signs anew."""
    app = make_app(database, tmp_path)
    (first,) = app.link_keys()
    assert app.link_keys() == [first]
    old = app.links
    assert isinstance(old, Links)
    made = app.rotate_link_keys()
    assert [key.secret for key in made] == app.link_keys()
    assert made[-1].since == NOW + NOTICE
    restarted = make_app(database, tmp_path).links
    assert isinstance(restarted, Links)
    assert restarted.leave(7) != old.leave(7)
    assert restarted.read_leave(old.leave_token(7)) == restarted.read_leave(restarted.leave_token(7)) == 7


def test_reading_makes_no_key_of_links(sqlite_database: Database, tmp_path: Path) -> None:
    """Who only reads finds no keys where none are, and makes none."""
    app = reading(make_app(sqlite_database, tmp_path))
    vars(app)["database"] = sqlite_database
    assert app.link_keys() == []
    with sqlite_database.read() as conn:
        assert facts.get(conn, "links") is None


def asked(app: App, address: str) -> None:
    """Put a confirmation into the outbox."""
    choices = {"profile": Profile(), "schedule": Schedule(), "evidence": Evidence(method="web")}
    app.signup.request(address, now=app.clock(), **choices)  # type: ignore[arg-type] # a table has no types


def test_mail_over_a_rotation(database: Database, tmp_path: Path, clock: Clock) -> None:
    """A mail deferred before a rotation goes out after it, as it was; one planned later is signed by the new key.

    The first is taken up by a process started since, the other by one that ran all the while.
    """
    relay = MemoryRelay(in_turn([Reply(step=Step.DOT, code=451, text="later")]))
    app = make_app(database, tmp_path, relay=relay, clock=clock)
    asked(app, "ada@example.org")
    app.deliver()
    assert (len(relay.tried), relay.accepted) == (1, [])
    app.rotate_link_keys()
    clock.advance(minutes=20)
    make_app(database, tmp_path, relay=relay, clock=clock).deliver()
    assert relay.accepted == relay.tried[:1]
    asked(app, "bea@example.org")
    app.deliver()
    assert [mail.recipient for mail in relay.accepted] == ["ada@example.org", "bea@example.org"]
    for mail, secret in zip(relay.accepted, app.link_keys(), strict=True):
        token = re.search(r"/c/(\S+)", text_part(mail))
        assert token
        assert Links("https://digest.example.org", [secret]).read_confirm(token[1], clock())


def test_the_sender(tmp_path: Path) -> None:
    """The sender of mails is told by the settings; unset, it is a name that nothing can be mailed from."""
    mail = MailSettings(name="The Lab's Digest", postal_address="1 Example Street")
    sender = App(make_settings(tmp_path, mail=mail, sender="digest@Example.org", zone="Asia/Tokyo")).sender
    assert (sender.name, sender.address) == ("The Lab's Digest", "digest@Example.org")
    assert (sender.list_id, sender.product) == ("digest.example.org", "The Lab's Digest")
    assert (sender.postal_address, sender.zone) == ("1 Example Street", "Asia/Tokyo")
    assert App(make_settings(tmp_path, sender="")).sender.address == "digest@digest.invalid"


def test_the_taxonomy(tmp_path: Path) -> None:
    """Topics are ours, or a file of the operator's; a bad one is told with its name."""
    app = App(make_settings(tmp_path))
    assert app.topic_ids == {"kites", "baking"}
    assert len(App(make_settings(tmp_path, mail=MailSettings())).topic_ids) > 2
    (tmp_path / "topics.toml").write_text("topics = 1")
    with pytest.raises(TaxonomyError, match=r"topics\.toml: "):
        _ = App(app.settings).taxonomy
    (tmp_path / "topics.toml").unlink()
    with pytest.raises(SettingsError, match=r"mail\.topics: cannot read .*topics\.toml"):
        _ = App(app.settings).taxonomy


def test_publishing(tmp_path: Path) -> None:
    """Editions are of the configured zone, hour and search page."""
    edition = EditionSettings(hour=4, search_url="https://example.org/?q={title}")
    policy = App(make_settings(tmp_path, zone="Asia/Tokyo", edition=edition)).publish_policy
    assert (policy.zone.key, policy.hour, policy.search_url) == (
        "Asia/Tokyo",
        4,
        "https://example.org/?q={title}",
    )


@pytest.mark.parametrize("name", ["base_url", "sender", "relay"])
def test_sending_is_off_until_it_is_set(tmp_path: Path, name: str) -> None:
    """Without base URL, sender or relay nothing can be sent, and the error names what is missing."""
    missing = RelaySettings() if name == "relay" else ""
    with pytest.raises(SettingsError, match=f"{name}.* is not set: sending is off"):
        _ = App(make_settings(tmp_path, **{name: missing})).relay


def test_relays(tmp_path: Path) -> None:
    """The relay's URL chooses a folder or a server."""
    folder = App(make_settings(tmp_path)).relay
    assert isinstance(folder, FolderRelay)
    assert folder.path == tmp_path / "outbox"
    (tmp_path / "password").write_text("secret")
    server = RelaySettings(url="smtps://digest@mail.example.org", password_file=tmp_path / "password")
    assert isinstance(App(make_settings(tmp_path, relay=server)).relay, SmtpRelay)
    with pytest.raises(SettingsError, match=r"relay\.url"):
        _ = App(make_settings(tmp_path, relay=RelaySettings(url="ftp://mail.example.org"))).relay


def test_the_policy_of_delivery(tmp_path: Path) -> None:
    """Connections, first retry and what is done with the ambiguous come from the settings."""
    policy = App(
        make_settings(
            tmp_path,
            relay=RelaySettings(connections=3),
            delivery=DeliverySettings(ambiguous="park", first_retry_s=90),
        )
    ).deliver_policy
    assert policy.connections == 3
    assert policy.retry.ambiguous == "park"
    assert policy.retry.first == dt.timedelta(seconds=90)


@pytest.mark.parametrize(
    ("step_s", "dot_s", "length"),
    [(60, 600, dt.timedelta(minutes=30)), (300, 3_300, dt.timedelta(minutes=122))],
)
def test_a_hand_over_fits_into_its_lease(
    tmp_path: Path, step_s: float, dot_s: float, length: dt.timedelta
) -> None:
    """However long the time-outs, a fresh claim leaves the time for one whole hand-over."""
    relay = RelaySettings(step_timeout_s=step_s, dot_timeout_s=dot_s)
    lease = App(make_settings(tmp_path, relay=relay)).deliver_policy.lease
    assert lease.hand_over == dt.timedelta(seconds=step_s + dot_s)
    assert lease.length == length
    assert lease.may_begin(lease.until(NOW), now=NOW + lease.length / 4)


def test_signing_up(sqlite_database: Database, tmp_path: Path) -> None:
    """Sign-ups work on the program's database, with its stamp, and forget when the settings say."""
    app = make_app(sqlite_database, tmp_path, web=WebSettings(pending_days=5, keep_ip_days=9))
    assert (app.signup.database, app.signup.stamp) == (sqlite_database, app.stamp)
    assert (app.signup.pending_for, app.signup.keep_ip_for) == (dt.timedelta(days=5), dt.timedelta(days=9))


def test_no_sign_up_is_forgotten_early() -> None:
    """A sign-up is kept at least as long as the link to confirm it works."""
    WebSettings(pending_days=CONFIRM_AGE.days)
    with pytest.raises(ValidationError, match="pending_days"):
        WebSettings(pending_days=CONFIRM_AGE.days - 1)


def test_the_clock(tmp_path: Path) -> None:
    """The program's clock tells UTC unless a test stops it."""
    assert App(make_settings(tmp_path)).clock is utc_now
    assert utc_now().tzinfo is dt.UTC
