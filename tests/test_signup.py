"""A subscriber's life: ask, confirm, change, pause, resume, leave, erase."""

from __future__ import annotations

import datetime as dt
import threading
from dataclasses import replace

import pytest

from digest.deliver.delivery import Kind, Status
from digest.errors import AddressError
from digest.signup import Outcome, Signup
from digest.store import deliveries, subscribers
from digest.store.database import Database
from digest.store.subscribers import Standing
from digest.subscribers.subscriber import Frequency, Profile, Schedule, State, Subscriber
from tests.factories import DAY, HOUR, NOW, STAMP, TODAY, add_subscriber, planned, publish_edition

ADDRESS = "Ada@example.org"
PROFILE = Profile(topics=("kites",), cap=5)
BERLIN = Schedule(zone="Europe/Berlin", hour=7)
#: Seven in Berlin on the day after, and on this day, in UTC.
TOMORROW_7 = dt.datetime(2026, 11, 21, 6, 0, tzinfo=dt.UTC)


@pytest.fixture
def signup(database: Database) -> Signup:
    return Signup(database=database, stamp=STAMP)


def ask(
    signup: Signup,
    address: str = ADDRESS,
    *,
    confirmed: bool = False,
    now: dt.datetime = NOW,
    profile: Profile = PROFILE,
    schedule: Schedule = BERLIN,
    method: str = "command",
) -> tuple[Outcome, Subscriber]:
    return signup.ask(
        address, profile=profile, schedule=schedule, confirmed=confirmed, method=method, now=now
    )


def active(signup: Signup, address: str = ADDRESS) -> Subscriber:
    return ask(signup, address, confirmed=True)[1]


def stored(signup: Signup, subscriber: Subscriber) -> Subscriber:
    with signup.database.read() as conn:
        found = subscribers.get(conn, subscriber.id)
    assert found is not None
    return found


def standing(signup: Signup, subscriber: Subscriber) -> Standing:
    with signup.database.read() as conn:
        return subscribers.standing(conn, subscriber.id)


def events(signup: Signup, subscriber: Subscriber) -> list[str]:
    with signup.database.read() as conn:
        return [event for _at, event, _method in subscribers.consented(conn, subscriber.id)]


def mails(signup: Signup) -> list[tuple[str, str, str]]:
    """All mail of the ledger as (kind, status, recipient), in the order of planning."""
    with signup.database.read() as conn:
        assert deliveries.balance(conn).difference == 0
        rows = conn.exec_driver_sql("SELECT kind, status, recipient FROM deliveries ORDER BY id")
        return [tuple(row) for row in rows]


def plan_digest(signup: Signup, subscriber: Subscriber) -> None:
    with signup.database.write() as conn:
        deliveries.plan(conn, [planned(subscriber)], now=NOW)


# -- asking and confirming -----------------------------------------------------------------------------


def test_asking(signup: Signup) -> None:
    """Who asks is pending, with nothing due, and gets one mail to confirm, good for two days."""
    outcome, ada = ask(signup)
    assert outcome is Outcome.ASKED
    assert stored(signup, ada) == ada
    assert (ada.address, ada.state, ada.profile, ada.schedule) == (ADDRESS, State.PENDING, PROFILE, BERLIN)
    assert standing(signup, ada).due_at is None
    assert events(signup, ada) == ["asked"]
    with signup.database.write() as conn:
        (mail,) = deliveries.claim(conn, claimant="me", now=NOW, lease_until=NOW + HOUR, limit=9)
    assert (mail.kind, mail.recipient, mail.epoch) == (Kind.CONFIRM, ADDRESS, 0)
    assert (mail.local_date, mail.expires_at, mail.template) == (TODAY, NOW + 2 * DAY, "t1")
    assert mail.message_id == STAMP.message_id(Kind.CONFIRM, TODAY, ada.id)


def test_one_confirmation_a_day(signup: Signup) -> None:
    """However often an address asks, in whatever case: one mail to confirm on a day of its zone, another the next."""
    _outcome, ada = ask(signup)
    for address in (ADDRESS, "ADA@EXAMPLE.ORG", " ada@example.org "):
        outcome, again = ask(signup, address, profile=Profile(cap=9))
        assert (outcome, again.id, again.profile.cap) == (Outcome.ASKED_BEFORE, ada.id, 9)
    assert stored(signup, ada).profile.cap == 9
    midnight = dt.datetime(2026, 11, 20, 23, 0, tzinfo=dt.UTC)
    assert ask(signup, now=midnight - HOUR / 3600)[0] is Outcome.ASKED_BEFORE
    assert ask(signup, now=midnight)[0] is Outcome.ASKED
    assert mails(signup) == [("confirm", "planned", ADDRESS)] * 2


def test_asking_again_on_the_day_one_left(signup: Signup) -> None:
    """A confirmation that was withdrawn unsent goes out after all, with links of the new epoch."""
    _outcome, ada = ask(signup)
    assert signup.leave(ada, method="command", now=NOW)
    outcome, again = ask(signup)
    assert (outcome, again.id) == (Outcome.ASKED, ada.id)
    with signup.database.write() as conn:
        (mail,) = deliveries.claim(conn, claimant="me", now=NOW, lease_until=NOW + HOUR, limit=9)
    assert (mail.kind, mail.epoch) == (Kind.CONFIRM, 1)


def test_confirming(signup: Signup) -> None:
    """A yes makes active, once; the next digest is due at the next hour that was chosen."""
    _outcome, ada = ask(signup)
    later = NOW + HOUR
    assert not signup.confirm(ada.id, epoch=1, method="link", now=later)
    assert not signup.confirm(999, epoch=0, method="link", now=later)
    assert stored(signup, ada).state is State.PENDING
    assert signup.confirm(ada.id, epoch=0, method="link", now=later)
    assert not signup.confirm(ada.id, epoch=0, method="link", now=later)
    assert stored(signup, ada) == replace(ada, state=State.ACTIVE, confirmed_at=later)
    assert standing(signup, ada).due_at == later  # at ten in the morning, for seven: now
    with signup.database.read() as conn:
        assert subscribers.consented(conn, ada.id) == [
            (NOW, "asked", "command"),
            (later, "confirmed", "link"),
        ]


@pytest.mark.parametrize(
    ("schedule", "due_at"),
    [
        pytest.param(BERLIN, NOW, id="the hour has gone: now"),
        pytest.param(Schedule(hour=9), NOW + HOUR, id="the hour comes"),
        pytest.param(Schedule(zone="Asia/Tokyo", hour=7), NOW, id="of the same date elsewhere"),
        pytest.param(
            Schedule(frequency=Frequency.WEEKLY, weekday=0, hour=7), NOW + 3 * DAY - HOUR, id="next Monday"
        ),
    ],
)
def test_added_by_who_can_show_consent(signup: Signup, schedule: Schedule, due_at: dt.datetime) -> None:
    """Who agreed elsewhere is active at once, without mail, and due as chosen."""
    outcome, ada = ask(signup, confirmed=True, schedule=schedule, method="import")
    assert outcome is Outcome.ADDED
    assert stored(signup, ada) == ada
    assert (ada.state, ada.confirmed_at) == (State.ACTIVE, NOW)
    assert standing(signup, ada).due_at == due_at
    assert mails(signup) == []
    with signup.database.read() as conn:
        assert subscribers.consented(conn, ada.id) == [(NOW, "confirmed", "import")]


def test_a_pending_address_added_by_import(signup: Signup) -> None:
    """Who has asked, and is then added by someone who can show consent, is active."""
    _outcome, ada = ask(signup)
    outcome, added = ask(signup, confirmed=True)
    assert (outcome, added.id, added.state) == (Outcome.ADDED, ada.id, State.ACTIVE)
    assert stored(signup, ada).state is State.ACTIVE


@pytest.mark.parametrize("confirmed", [False, True])
@pytest.mark.parametrize("pause", [False, True])
def test_known_addresses(signup: Signup, confirmed: bool, pause: bool) -> None:
    """Asking again changes nothing for who is subscribed, paused or not, and mails nothing."""
    ada = active(signup)
    if pause:
        signup.pause(ada, method="command", now=NOW)
    before = stored(signup, ada)
    outcome, found = ask(signup, "ada@Example.org", confirmed=confirmed, profile=Profile(), now=NOW + DAY)
    assert (outcome, found) == (Outcome.KNOWN, before)
    assert stored(signup, ada) == before
    assert mails(signup) == []


@pytest.mark.parametrize("address", ["", "ada", "ada@localhost", "ada@example.org,bo@example.org"])
def test_addresses_that_cannot_be_mailed(signup: Signup, address: str) -> None:
    """An address that cannot be mailed is an error, and leaves nothing behind."""
    with pytest.raises(AddressError):
        ask(signup, address)
    with signup.database.read() as conn:
        assert sum(subscribers.counts(conn).values()) == 0


def test_asking_at_once(signup: Signup) -> None:
    """Five posts of one address at the same moment make one subscriber and one mail."""
    outcomes: list[Outcome | BaseException] = []
    start = threading.Barrier(5)

    def post() -> None:
        start.wait()
        try:
            outcomes.append(ask(signup)[0])
        except BaseException as error:
            outcomes.append(error)

    threads = [threading.Thread(target=post) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(map(str, outcomes)) == ["asked", *["asked_before"] * 4]
    assert mails(signup) == [("confirm", "planned", ADDRESS)]


# -- changing, pausing, resuming -----------------------------------------------------------------------


def test_changing(signup: Signup) -> None:
    """A change is kept, and the next digest is worked out anew, with no wait left over."""
    ada = active(signup)
    with signup.database.write() as conn:
        subscribers.change(conn, ada.id, waits_for=TODAY, waits_until=NOW + DAY, waits_reason="nothing_new")
    wanted = Profile(interests=("bread",))
    evening = Schedule(zone="Europe/Berlin", hour=20)
    signup.change(ada, profile=wanted, schedule=evening, now=NOW)
    after = standing(signup, ada)
    assert after.subscriber == replace(ada, profile=wanted, schedule=evening)
    assert (after.waits_for, after.waits_until, after.waits_reason) == (None, None, None)
    assert after.due_at == dt.datetime(2026, 11, 20, 19, 0, tzinfo=dt.UTC)


def test_a_change_of_hour_brings_no_second_mail(signup: Signup) -> None:
    """Who was mailed today is due tomorrow, whatever hour of today is chosen."""
    ada = active(signup)
    with signup.database.write() as conn:
        subscribers.change(conn, ada.id, last_date=TODAY, last_mailed_at=NOW)
    signup.change(ada, profile=PROFILE, schedule=Schedule(zone="Europe/Berlin", hour=23), now=NOW)
    assert standing(signup, ada).due_at == dt.datetime(2026, 11, 21, 22, 0, tzinfo=dt.UTC)


def test_changing_while_pending(signup: Signup) -> None:
    """A change before the confirmation is kept, and makes nothing due."""
    _outcome, ada = ask(signup)
    signup.change(ada, profile=Profile(), schedule=Schedule(), now=NOW)
    assert stored(signup, ada) == replace(ada, profile=Profile(), schedule=Schedule())
    assert standing(signup, ada).due_at is None


def test_pausing(signup: Signup) -> None:
    """A pause withdraws what is planned and stays until resumed; then the newest edition is next."""
    edition = publish_edition(signup.database, "On Kites")
    ada = active(signup)
    with signup.database.write() as conn:
        subscribers.change(conn, ada.id, cursor_edition_id=edition, last_date=TODAY, last_mailed_at=NOW)
    plan_digest(signup, ada)
    assert not signup.resume(ada, method="command", now=NOW)
    assert signup.pause(ada, method="command", now=NOW)
    assert not signup.pause(ada, method="command", now=NOW)
    assert stored(signup, ada).state is State.PAUSED
    assert mails(signup) == [("digest", "suppressed", ADDRESS)]
    assert signup.resume(ada, method="command", now=NOW + HOUR)
    assert not signup.resume(ada, method="command", now=NOW + HOUR)
    after = standing(signup, ada)
    assert (after.subscriber.state, after.cursor_edition_id, after.due_at) == (State.ACTIVE, None, TOMORROW_7)
    assert events(signup, ada) == ["confirmed", "paused", "resumed"]


# -- leaving and coming back ---------------------------------------------------------------------------


def test_leaving(signup: Signup) -> None:
    """Who leaves gets a goodbye and nothing else: what is planned is withdrawn, old links are dead."""
    ada = active(signup)
    plan_digest(signup, ada)
    assert signup.leave(ada, method="link", now=NOW)
    assert stored(signup, ada) == replace(ada, state=State.LEFT, epoch=1)
    assert standing(signup, ada).due_at is None
    assert mails(signup) == [("digest", "suppressed", ADDRESS), ("goodbye", "planned", ADDRESS)]
    assert not signup.leave(ada, method="link", now=NOW)
    assert len(mails(signup)) == 2
    assert events(signup, ada) == ["confirmed", "left"]


@pytest.mark.parametrize(
    ("state", "says_goodbye"),
    [(State.PENDING, False), (State.ACTIVE, True), (State.PAUSED, True), (State.SUPPRESSED, False)],
)
def test_who_gets_a_goodbye(signup: Signup, state: State, says_goodbye: bool) -> None:
    """A goodbye goes to who was mailed before, not to who never confirmed or whose address bounces."""
    with signup.database.write() as conn:
        ada, bo = add_subscriber(conn, state=state), add_subscriber(conn, state=state)
    assert signup.leave(ada, method="link", now=NOW)
    assert signup.leave(bo, method="link", now=NOW, goodbye=False)
    assert mails(signup) == ([("goodbye", "planned", ada.address)] if says_goodbye else [])


def test_leaving_before_confirming(signup: Signup) -> None:
    """Who leaves before confirming gets no mail to confirm any more, and its link is dead."""
    _outcome, ada = ask(signup)
    assert signup.leave(ada, method="link", now=NOW)
    assert mails(signup) == [("confirm", "suppressed", ADDRESS)]
    assert not signup.confirm(ada.id, epoch=0, method="link", now=NOW)


def test_leaving_wins(signup: Signup) -> None:
    """Who holds an older value of a subscriber who left cannot bring them back, or change them."""
    ada = active(signup)
    paused = replace(ada, state=State.PAUSED)
    signup.leave(ada, method="link", now=NOW)
    left = stored(signup, ada)
    assert not signup.pause(ada, method="command", now=NOW)
    assert not signup.resume(paused, method="command", now=NOW)
    assert not signup.confirm(ada.id, epoch=left.epoch, method="link", now=NOW)
    signup.change(ada, profile=Profile(cap=50), schedule=Schedule(), now=NOW)
    assert stored(signup, ada) == left
    assert standing(signup, ada).due_at is None


def test_coming_back(signup: Signup) -> None:
    """After leaving, no import brings an address back; its owner's fresh confirmation does."""
    ada = active(signup)
    signup.leave(ada, method="link", now=NOW)
    outcome, refused = ask(signup, confirmed=True)
    assert (outcome, refused) == (Outcome.REFUSED, stored(signup, ada))
    outcome, asked = ask(signup, profile=Profile(cap=2), now=NOW + HOUR)
    assert (outcome, asked.id, asked.epoch) == (Outcome.ASKED, ada.id, 1)
    assert ask(signup, confirmed=True)[0] is Outcome.REFUSED  # pending, but they had left
    assert not signup.confirm(ada.id, epoch=0, method="link", now=NOW + HOUR)  # a link of before
    assert signup.confirm(ada.id, epoch=1, method="link", now=NOW + HOUR)
    back = stored(signup, ada)
    assert (back.state, back.profile.cap, back.confirmed_at) == (State.ACTIVE, 2, NOW + HOUR)
    assert standing(signup, ada).cursor_edition_id is None
    assert events(signup, ada) == ["confirmed", "left", "asked", "confirmed"]
    signup.leave(back, method="link", now=NOW + DAY)
    assert ask(signup, confirmed=True)[0] is Outcome.REFUSED


def test_a_suppressed_address(signup: Signup) -> None:
    """An address that bounced is not added by an import either; a confirmation shows that it works."""
    ada = active(signup)
    with signup.database.write() as conn:
        subscribers.change(conn, ada.id, state=State.SUPPRESSED)
    assert ask(signup, confirmed=True)[0] is Outcome.REFUSED
    assert ask(signup)[0] is Outcome.ASKED
    assert signup.confirm(ada.id, epoch=0, method="link", now=NOW)
    assert stored(signup, ada).state is State.ACTIVE


# -- erasing -------------------------------------------------------------------------------------------


def everything(signup: Signup) -> str:
    """All rows of all tables, as text."""
    with signup.database.read() as conn:
        rows = [
            conn.exec_driver_sql(f"SELECT * FROM {table}").all()
            for table in ("subscribers", "deliveries", "consents", "suppressions", "facts")
        ]
    return str(rows)


@pytest.mark.parametrize("left_before", [False, True])
def test_erasing(signup: Signup, left_before: bool) -> None:
    """Of who is erased neither address nor wishes stay anywhere; open mail is withdrawn, the ledger balances."""
    ada, bo = active(signup), active(signup, "bo@example.org")
    plan_digest(signup, ada)
    if left_before:
        signup.leave(ada, method="link", now=NOW)
    signup.erase(ada, method="command", now=NOW)
    found = everything(signup).lower()
    assert "ada@" not in found
    assert "bo@" in found
    assert stored(signup, ada).profile == Profile()
    assert {status for _kind, status, _to in mails(signup)} == {Status.SUPPRESSED}
    assert events(signup, ada) == ["confirmed", "left", "erased"]
    assert stored(signup, bo) == bo
    signup.erase(ada, method="command", now=NOW)
    assert events(signup, ada) == ["confirmed", "left", "erased"]
    signup.erase(replace(ada, id=999), method="command", now=NOW)


def test_erased_for_good(signup: Signup) -> None:
    """No import brings an erased address back, whatever its case; its owner's confirmation does, as someone new."""
    ada = active(signup)
    signup.erase(ada, method="command", now=NOW)
    outcome, nobody = ask(signup, "ADA@example.org", confirmed=True)
    assert (outcome, nobody.id, nobody.state) == (Outcome.REFUSED, 0, State.LEFT)
    assert "ada@" not in everything(signup).lower()
    outcome, again = ask(signup)
    assert outcome is Outcome.ASKED
    assert again.id != ada.id
    assert ask(signup, confirmed=True)[0] is Outcome.REFUSED
    assert signup.confirm(again.id, epoch=0, method="link", now=NOW)
    assert stored(signup, again).state is State.ACTIVE
    signup.leave(again, method="link", now=NOW, goodbye=False)
    assert ask(signup, confirmed=True)[0] is Outcome.REFUSED
