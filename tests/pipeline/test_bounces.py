"""What comes back: who is suppressed by it, who never is, and that nothing counts twice."""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from digest.compose.links import Links
from digest.deliver.alarm import AlarmName
from digest.deliver.bounce import Bounce, BounceKind
from digest.deliver.delivery import Kind
from digest.pipeline.bounces import Became, Event, Report, unusual
from digest.settings import BounceSettings
from digest.sources.letter import Letter
from digest.store import alarms, bounces, consents, editions, ledger, subscribers
from digest.store.database import Database, DatabaseError
from digest.store.schema import metadata
from digest.subscribers.consent import Evidence
from digest.subscribers.subscriber import State, Subscriber
from digest.wiring import App
from tests.deliver.reports import COMPLAINTS, DSNS, MESSAGE_ID, ODD, OTHER, RETURN_PATH, TOKEN, dsn, feedback
from tests.factories import DAY, NOW, Clock, add_subscriber, make_app, publish_edition

BY_WEB = Evidence(method="web")
HARD = DSNS["postfix, no such user"][0]
FULL = DSNS["postfix, local mailbox full"][0]


class Room:
    """An installation that has mailed one digest to each of some readers."""

    def __init__(self, database: Database, folder: Path, clock: Clock, readers: int = 1) -> None:
        self.clock = clock
        self.app: App = make_app(database, folder, clock=clock)
        publish_edition(database, "A Kite for All")
        with database.write() as conn:
            self.readers = [
                add_subscriber(conn, f"jo{n}@reader.example", due_at=NOW, now=NOW - 60 * DAY)
                for n in range(1, readers + 1)
            ]
        self.app.plan()
        self.app.deliver()
        self.marked: list[str] = []

    @property
    def jo(self) -> Subscriber:
        return self.readers[0]

    def links(self) -> Links:
        return Links(self.app.links.base_url, self.app.link_keys())

    def delivery(self, who: Subscriber | None = None) -> int:
        with self.app.database.read() as conn:
            return ledger.of(conn, (who or self.jo).id)[0].id

    def message_id(self, who: Subscriber | None = None) -> str:
        with self.app.database.read() as conn:
            return ledger.of(conn, (who or self.jo).id)[0].message_id

    def addressed(self, mail: str, who: Subscriber | None = None) -> bytes:
        """A mail of the corpus, about the newest mail to a reader."""
        reader = who or self.jo
        return (
            mail.replace(RETURN_PATH, self.links().return_path(self.delivery(reader), "digest.example.org"))
            .replace(TOKEN, self.links().leave_token(reader.id))
            .replace(MESSAGE_ID, self.message_id(reader))
            .encode()
        )

    def letter(self, data: bytes | None, name: str = "one") -> Letter:
        return Letter(
            name=name,
            data=data,
            reason="too large" if data is None else "",
            settle=lambda: self.marked.append("settled"),
            leave=lambda: self.marked.append("left"),
        )

    def take(self, *mails: bytes | None) -> Report:
        return self.app.mailroom.take_letters([self.letter(mail) for mail in mails])

    def became(self, *mails: bytes | None) -> dict[str, int]:
        return {str(became): number for became, number in self.take(*mails).became.items()}

    def state(self, who: Subscriber | None = None) -> State:
        with self.app.database.read() as conn:
            found = subscribers.get(conn, (who or self.jo).id)
        assert found is not None
        return found.state

    def rows(self) -> dict[str, list[str]]:
        with self.app.database.read() as conn:
            return {
                table: sorted(str(tuple(row)) for row in conn.exec_driver_sql(f"SELECT * FROM {table}"))
                for table in metadata.tables
            }


@pytest.fixture
def room(database: Database, tmp_path: Path, clock: Clock) -> Room:
    return Room(database, tmp_path, clock)


@pytest.fixture
def sqlite_room(sqlite_database: Database, tmp_path: Path, clock: Clock) -> Room:
    return Room(sqlite_database, tmp_path, clock)


# -- what counts ---------------------------------------------------------------------------------------------


def test_a_hard_bounce(room: Room) -> None:
    """It suppresses its reader, is kept in the server's words without the address, and counts once."""
    mail = room.addressed(HARD)
    report = room.take(mail)
    assert report.document() | {"messages": 1, "hard": 1, "suppressed": 1} == report.document()
    assert room.state() is State.SUPPRESSED
    with room.app.database.read() as conn:
        (kept,) = bounces.of(conn, room.jo.id)
    assert kept.bounce == Bounce(
        kind=BounceKind.HARD,
        status="5.1.1",
        detail="550 5.1.1 …: Recipient address rejected: User unknown",
    )
    before = room.rows()
    assert room.became(mail, mail) == {"known": 2}
    assert room.rows() == before
    assert room.marked == ["settled"] * 3


@pytest.mark.parametrize("name", [*DSNS, *ODD])
def test_the_corpus(sqlite_room: Room, name: str) -> None:
    """Whatever MTA told it: a hard bounce suppresses, a soft or blocked one alone does not."""
    mail, kind, _status = (DSNS | ODD)[name]
    assert sqlite_room.became(sqlite_room.addressed(mail)) == {kind: 1}
    assert sqlite_room.state() is (State.SUPPRESSED if kind == "hard" else State.ACTIVE)


@pytest.mark.parametrize("name", COMPLAINTS)
def test_complaints(sqlite_room: Room, name: str) -> None:
    """A complaint suppresses at once, also where it was redacted down to a leave link and a Message-ID."""
    assert sqlite_room.became(sqlite_room.addressed(COMPLAINTS[name][0])) == {"complaint": 1}
    assert sqlite_room.state() is State.SUPPRESSED
    with sqlite_room.app.database.read() as conn:
        record = consents.of(conn, sqlite_room.jo.id)
    assert (str(record[-1].event), record[-1].evidence.method) == ("complained", "arf")


def test_a_complaint_by_its_leave_link_alone(sqlite_room: Room) -> None:
    """Where only the leave link was left in, the last mail of its reader is meant."""
    mail = COMPLAINTS["redacted"][0].replace(MESSAGE_ID, "<gone@example.org>")
    assert sqlite_room.became(sqlite_room.addressed(mail)) == {"complaint": 1}
    assert sqlite_room.state() is State.SUPPRESSED


def test_a_complaint_of_a_mail_that_is_gone(sqlite_room: Room) -> None:
    """A Message-ID of ours that the ledger does not hold leads on to the leave link; nothing at all to nobody."""
    stamp = sqlite_room.app.stamp
    unknown = stamp.message_id(Kind.LOGIN, NOW.date(), sqlite_room.jo.id)
    mail = COMPLAINTS["redacted"][0].replace(MESSAGE_ID, unknown)
    assert sqlite_room.became(sqlite_room.addressed(mail)) == {"complaint": 1}
    nothing = mail.replace(TOKEN, "7.x").encode()
    assert sqlite_room.became(nothing) == {"forged": 1}


@pytest.mark.parametrize("name", OTHER)
def test_what_is_no_bounce(sqlite_room: Room, name: str) -> None:
    """Delays, automatic answers and mail of people change nothing; what is not ours is left as it came."""
    mail, sort = OTHER[name]
    data, before = sqlite_room.addressed(mail), sqlite_room.rows()
    assert sqlite_room.became(data) == {sort: 1}
    assert sqlite_room.rows() == before
    assert sqlite_room.marked == ["left" if sort == "unrelated" else "settled"]


def forged(room: Room) -> Iterator[bytes]:
    good = room.links().return_path(room.delivery(), "digest.example.org")
    number, _, rest = good.partition("-")
    mac, _, domain = rest.partition("@")
    stranger = Links("https://digest.example.org", [b"x" * 32])
    for path in (
        f"{number}-{'0' * 16}@{domain}",
        f"{number}-{mac[:-1]}{'0' if mac[-1] != '0' else '1'}@{domain}",
        f"bounce+{room.delivery() + 1}-{mac}@{domain}",
        stranger.return_path(room.delivery(), domain),
        "digest@example.org",
    ):
        for mail in (HARD, ODD["qmail"][0], ODD["old exim"][0], feedback()):
            yield mail.replace(RETURN_PATH, path).replace("jo@reader.example", room.jo.address).encode()


def test_forged_reports(sqlite_room: Room) -> None:
    """Without a signature that verifies nothing changes, whomever the report names, and it is counted."""
    mails, before = list(forged(sqlite_room)), sqlite_room.rows()
    assert sqlite_room.became(*mails) == {"forged": 20}
    assert sqlite_room.rows() == before


def test_every_key_that_ever_signed(sqlite_room: Room) -> None:
    """A report of a mail from before the keys were rotated, twice and a year ago, counts."""
    mail = sqlite_room.addressed(HARD)
    sqlite_room.app.rotate_link_keys()
    sqlite_room.app.rotate_link_keys()
    sqlite_room.clock.advance(days=365)
    assert sqlite_room.became(mail) == {"hard": 1}
    assert sqlite_room.state() is State.SUPPRESSED


def test_a_mail_that_the_ledger_does_not_hold(sqlite_room: Room) -> None:
    """A signature of ours for a delivery that there is not, as after a restored backup, is counted by itself."""
    path = sqlite_room.links().return_path(987_654, "digest.example.org")
    assert sqlite_room.became(HARD.replace(RETURN_PATH, path).encode()) == {"unknown": 1}


def test_who_moved(sqlite_room: Room) -> None:
    """A late bounce of the old address is kept, and leaves the new one alone."""
    mail = sqlite_room.addressed(HARD)
    with sqlite_room.app.database.write() as conn:
        subscribers.change(
            conn, sqlite_room.jo.id, address="new@reader.example", address_key="new@reader.example"
        )
    assert sqlite_room.became(mail) == {"hard": 1}
    assert sqlite_room.state() is State.ACTIVE


def test_who_comes_back(sqlite_room: Room) -> None:
    """A suppressed reader who asks and confirms is mailed again, and the old report changes nothing any more."""
    mail = sqlite_room.addressed(HARD)
    sqlite_room.take(mail)
    sqlite_room.clock.advance(days=1)
    app = sqlite_room.app
    with app.database.read() as conn:
        known = subscribers.get(conn, sqlite_room.jo.id)
    assert known is not None
    app.signup.request(
        known.address, profile=known.profile, schedule=known.schedule, evidence=BY_WEB, now=app.clock()
    )
    with app.database.read() as conn:
        asked = subscribers.get(conn, sqlite_room.jo.id)
    assert asked is not None
    app.signup.confirm(asked.id, epoch=asked.epoch, evidence=BY_WEB, now=app.clock())
    assert sqlite_room.state() is State.ACTIVE
    assert sqlite_room.became(mail, sqlite_room.addressed(ODD["qmail"][0])) == {"known": 2}
    assert sqlite_room.state() is State.ACTIVE
    with app.database.write() as conn:
        assert consents.suppressed(conn, consents.address_hash(conn, asked.address)) is None


def test_who_is_erased(sqlite_room: Room) -> None:
    """Of an erased reader no server's words are kept, which may name them; that a mail came back still counts."""
    sqlite_room.take(sqlite_room.addressed(HARD))
    sqlite_room.app.signup.erase(sqlite_room.jo, evidence=BY_WEB, now=NOW)
    with sqlite_room.app.database.read() as conn:
        (kept,) = bounces.of(conn, sqlite_room.jo.id)
        assert bounces.counts(conn)[BounceKind.HARD] == 1
    assert (kept.bounce.detail, kept.bounce.status) == ("", "5.1.1")


def test_soft_bounces_add_up(database: Database, tmp_path: Path, clock: Clock) -> None:
    """Five days of a full mailbox suppress with the fifth report; four do not."""
    room = Room(database, tmp_path, clock)
    for day in range(5):
        if day:
            clock.advance(days=1)
            publish_edition(
                database, f"Kite {day}", day=clock.now.date(), at=clock.now - dt.timedelta(hours=2)
            )
            room.app.plan()
            room.app.deliver()
        assert room.state() is State.ACTIVE
        report = room.take(room.addressed(FULL))
        assert (report.became, report.suppressed) == ({Became.SOFT: 1}, int(day == 4))
    assert room.state() is State.SUPPRESSED


# -- who leaves by mail ---------------------------------------------------------------------------------------


def test_leaving_by_mail(room: Room) -> None:
    """The subject of the mailto link ends the subscription, with the goodbye that the web sends; again, nothing."""
    token = room.links().leave_token(room.jo.id)
    mail = f"From: somebody@else.example\nTo: digest@example.org\nSubject: leave {token}\n\n".encode()
    assert room.became(mail) == {"left": 1}
    assert room.state() is State.LEFT
    with room.app.database.read() as conn:
        record = consents.of(conn, room.jo.id)
        kinds = [entry.kind for entry in ledger.history(conn, room.jo.id)]
    assert (str(record[-1].event), record[-1].evidence.method) == ("left", "mail")
    assert kinds == [Kind.DIGEST, Kind.GOODBYE]
    before = room.rows()
    assert room.became(mail) == {"known": 1}
    assert room.rows() == before


@pytest.mark.parametrize("number", [1, 999])
def test_leaving_with_a_forged_token(sqlite_room: Room, number: int) -> None:
    """A token that does not verify ends nothing; nor does one of a reader that there is not."""
    stranger = Links("https://digest.example.org", [b"x" * 32])
    mail = f"Subject: leave {stranger.leave_token(sqlite_room.jo.id)}\n\n".encode()
    nobody = f"Subject: leave {sqlite_room.links().leave_token(number + 1_000)}\n\n".encode()
    assert sqlite_room.became(mail, nobody) == {"forged": 1, "known": 1}
    assert sqlite_room.state() is State.ACTIVE


# -- whole or not at all ---------------------------------------------------------------------------------------


def test_what_cannot_be_read(sqlite_room: Room) -> None:
    """A mail over the cap, or too deep, is refused with its reason, and those behind it are read."""
    deep = b"Content-Type: message/rfc822\n\n" * 1_000
    report = sqlite_room.take(None, deep, sqlite_room.addressed(HARD))
    assert report.became == {Became.REFUSED: 2, Became.HARD: 1}
    assert report.refused == [("one", "too large"), ("one", "more than 30 parts")]
    assert sqlite_room.marked == ["settled"] * 3


def test_a_database_that_fails(sqlite_room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where it cannot be written the mail is not marked, and nothing of it is there; the next look takes it."""
    mail, before = sqlite_room.addressed(HARD), sqlite_room.rows()

    def locked(*_given: object, **_named: object) -> None:
        raise DatabaseError("locked")

    with monkeypatch.context() as patched:
        patched.setattr(consents, "record", locked)
        with pytest.raises(DatabaseError):
            sqlite_room.take(mail)
    assert (sqlite_room.rows(), sqlite_room.marked) == (before, [])
    assert sqlite_room.became(mail) == {"hard": 1}


def test_killed_before_the_mailbox_hears_of_it(sqlite_room: Room) -> None:
    """A commit whose mail was never marked is known at the next look."""
    mail = sqlite_room.addressed(HARD)

    def killed() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        sqlite_room.app.mailroom.take_letters([Letter(name="one", data=mail, settle=killed)])
    assert sqlite_room.state() is State.SUPPRESSED
    assert sqlite_room.became(mail) == {"known": 1}


def test_told_to_stop(sqlite_room: Room) -> None:
    """Who is told to stop finishes the mail at hand, and leaves the others for the next look."""
    letters = [sqlite_room.letter(b"x"), sqlite_room.letter(b"x")]
    report = sqlite_room.app.mailroom.take_letters(letters, stop=lambda: True)
    assert report.document()["messages"] == 1


def test_flufl_is_silent() -> None:
    """What its detectors stumble over is not logged: an address may stand in it."""
    assert not logging.getLogger("flufl.bounce").isEnabledFor(logging.ERROR)


# -- what a relay tells by HTTP --------------------------------------------------------------------------------


def event(kind: BounceKind = BounceKind.HARD, **named: str) -> Event:
    return Event(bounce=Bounce(kind=kind, status="5.1.1", detail="no"), **named)


def test_events(database: Database, tmp_path: Path, clock: Clock) -> None:
    """A mail is named by return path or Message-ID; what is forged or told before is counted; once more, all is."""
    room = Room(database, tmp_path, clock, readers=3)
    one, other, third = room.readers
    given = [
        event(return_path=room.links().return_path(room.delivery(one), "example.org")),
        event(BounceKind.COMPLAINT, message_id=room.message_id(other)),
        event(BounceKind.SOFT, message_id=room.message_id(third)),
        event(message_id="<forged@example.org>"),
        event(return_path="bounce+1-0000000000000000@example.org"),
    ]
    report = room.app.mailroom.take_events(given)
    assert report.became == {Became.HARD: 1, Became.COMPLAINT: 1, Became.SOFT: 1, Became.FORGED: 2}
    assert report.suppressed == 2
    assert [room.state(who) for who in room.readers] == [State.SUPPRESSED, State.SUPPRESSED, State.ACTIVE]
    before = room.rows()
    assert room.app.mailroom.take_events(given).became == {Became.KNOWN: 3, Became.FORGED: 2}
    assert room.rows() == before


# -- the operator is told ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(("readers", "dead", "told"), [(40, 2, False), (40, 3, True), (19, 19, False)])
def test_an_unusual_share(
    sqlite_database: Database, tmp_path: Path, clock: Clock, readers: int, dead: int, told: bool
) -> None:
    """More than 5 % of at least twenty mails of an edition raise an alarm; a day later it is over."""
    room = Room(sqlite_database, tmp_path, clock, readers=readers)
    room.take(*(room.addressed(HARD, who) for who in room.readers[:dead]))
    room.app.settle_alarm(AlarmName.BOUNCES, room.app.mailroom.unusual())
    with sqlite_database.read() as conn:
        standing = [raised.alarm for raised in alarms.standing(conn)]
    assert [alarm.name for alarm in standing] == ([AlarmName.BOUNCES] if told else [])
    if told:
        assert "3 of 40 mails of an edition bounced, more than the 5 %" in standing[0].text
        assert "3 hard" in standing[0].text
    clock.advance(hours=25)
    assert room.app.mailroom.unusual() is None


def test_the_worst_edition_counts(sqlite_database: Database, tmp_path: Path, clock: Clock) -> None:
    """Each edition is held against its own mails: one that bounces is not hidden by a larger one that does not."""
    room = Room(sqlite_database, tmp_path, clock, readers=20)
    room.take(*(room.addressed(HARD, who) for who in room.readers[:2]))
    with sqlite_database.read() as conn:
        assert unusual(conn, percent=5, now=clock()) is not None
        assert unusual(conn, percent=10, now=clock()) is None


def test_the_settings_count(sqlite_database: Database, tmp_path: Path, clock: Clock) -> None:
    """How many soft bounces suppress is set."""
    room = Room(sqlite_database, tmp_path, clock)
    app = make_app(sqlite_database, tmp_path, clock=clock, bounces=BounceSettings(soft_limit=1))
    assert app.mailroom.take_letters([Letter(name="one", data=room.addressed(FULL))]).suppressed == 1
    assert room.state() is State.SUPPRESSED


def test_a_return_path_of_ones_own_domain(sqlite_database: Database, tmp_path: Path, clock: Clock) -> None:
    """Mail goes out under the domain of the settings, and comes back by it."""
    room = Room(sqlite_database, tmp_path, clock)
    app = make_app(
        sqlite_database, tmp_path, clock=clock, bounces=BounceSettings(domain="bounces.example.org")
    )
    with sqlite_database.read() as conn:
        delivery = ledger.planned_on(conn, room.jo.id, NOW.date())
    assert delivery is not None
    with sqlite_database.read() as conn:
        held = editions.contents(conn, {pick.edition_id for pick in delivery.picks})
    papers = {(each.edition_id, each.paper_id): each for each in held}
    sender = app.composers.draft(delivery, papers).sender
    assert sender == room.links().return_path(delivery.id, "bounces.example.org")
    assert room.became(dsn(status="5.1.1", diagnosis=None, to=sender).encode()) == {"hard": 1}
