"""The public door: one answer and one course of work for every address, and one mail a day."""

from __future__ import annotations

import datetime as dt
import inspect
import threading
from collections.abc import Callable
from dataclasses import replace

import pytest

from digest.deliver.delivery import Kind
from digest.errors import AddressError
from digest.signup import Outcome, Signup
from digest.store import deliveries, subscribers
from digest.subscribers.consent import Consent, Event, Evidence
from digest.subscribers.subscriber import Frequency, Profile, Schedule, State
from tests.factories import DAY, HOUR, NOW, STAMP, TODAY
from tests.signup.lives import (
    ADDRESS,
    BERLIN,
    COMMAND,
    MAIL,
    PROFILE,
    WEB,
    active,
    ask,
    counted,
    events,
    everything,
    found,
    hand_over,
    known,
    mails,
    record,
    request,
    standing,
    stored,
)


def nobody(_signup: Signup) -> None:
    """The address is new."""


def pending(signup: Signup) -> None:
    request(signup)


def pending_mailed(signup: Signup) -> None:
    request(signup)
    hand_over(signup)


def subscribed(signup: Signup) -> None:
    active(signup)


def subscribed_mailed(signup: Signup) -> None:
    active(signup)
    request(signup)
    hand_over(signup)


def paused(signup: Signup) -> None:
    signup.pause(active(signup), evidence=MAIL, now=NOW)


def left(signup: Signup) -> None:
    signup.leave(active(signup), evidence=MAIL, now=NOW)


def left_unconfirmed(signup: Signup) -> None:
    request(signup)
    signup.leave(known(signup), evidence=MAIL, now=NOW)


def bounced(signup: Signup) -> None:
    ada = active(signup)
    with signup.database.write() as conn:
        subscribers.change(conn, ada.id, state=State.SUPPRESSED)


def erased(signup: Signup) -> None:
    signup.erase(active(signup), evidence=MAIL, now=NOW)


def anothers_move(signup: Signup) -> None:
    bo = active(signup, "bo@example.org")
    signup.move(bo, ADDRESS, evidence=MAIL, now=NOW)


STATES: dict[str, tuple[Callable[[Signup], None], Kind]] = {
    "new": (nobody, Kind.CONFIRM),
    "pending": (pending, Kind.CONFIRM),
    "pending, its mail sent": (pending_mailed, Kind.CONFIRM),
    "active": (subscribed, Kind.LOGIN),
    "active, its mail sent": (subscribed_mailed, Kind.LOGIN),
    "paused": (paused, Kind.LOGIN),
    "left": (left, Kind.CONFIRM),
    "left before confirming": (left_unconfirmed, Kind.CONFIRM),
    "suppressed": (bounced, Kind.CONFIRM),
    "suppressed by its hash": (erased, Kind.CONFIRM),
    "asked to take another's subscription over": (anothers_move, Kind.CONFIRM),
}


@pytest.fixture(params=list(STATES))
def state(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_the_work_done_tells_nothing(signup: Signup) -> None:
    """The same statements in the same order, and one commit, whatever the address is to us; nothing comes back."""
    work = {}
    for number, (name, (prepare, _kind)) in enumerate(STATES.items()):
        fresh = replace_address(signup, number)
        prepare(fresh)
        with counted(signup.database) as ran:
            assert request(fresh) is None  # type: ignore[func-returns-value] # that is the point
        work[name] = ran
    assert len(work["new"]) >= 9
    assert work["new"].count("COMMIT") == 1
    assert {tuple(ran) for ran in work.values()} == {tuple(work["new"])}
    assert inspect.signature(Signup.request).return_annotation == "None"


def test_ids_tell_nothing(signup: Signup, state: str) -> None:
    """Links and return paths show ids: asked for before and after an address, they tell nothing of what it is to us."""
    STATES[state][0](signup)
    request(signup, "before@example.org")
    request(signup)
    request(signup, "after@example.org")
    before, after = known(signup, "before@example.org"), known(signup, "after@example.org")
    assert after.id - before.id == 2
    with signup.database.read() as conn:
        mails = conn.exec_driver_sql(
            f"SELECT id FROM deliveries WHERE subscriber_id IN ({before.id}, {after.id}) ORDER BY id"
        )
        first, last = mails.scalars()
    assert last - first == 2


def replace_address(signup: Signup, number: int) -> Signup:
    """The same database with the address free again: whoever had it has another one now."""
    with signup.database.write() as conn:
        conn.exec_driver_sql(
            f"UPDATE subscribers SET address = 'was{number}-' || address, address_key = 'was{number}-' || address_key"
        )
        conn.exec_driver_sql("DELETE FROM suppressions")
    return signup


def test_what_each_address_gets(signup: Signup, state: str) -> None:
    """Who is subscribed gets a link to their choices and stays as they are; all others a mail to confirm."""
    prepare, kind = STATES[state]
    prepare(signup)
    before = found(signup)
    request(signup, profile=Profile(cap=9), now=NOW + HOUR)
    after = known(signup)
    assert (str(kind), ADDRESS) in {(each, to) for each, _status, to in mails(signup)}
    if kind is Kind.LOGIN:
        assert after == before
        assert "asked" not in events(signup, after)
        return
    assert (after.state, after.profile, after.schedule) == (State.PENDING, Profile(cap=9), BERLIN)
    assert (after.asked_at, after.confirmed_at, after.replaces) == (NOW + HOUR, None, None)
    assert standing(signup, after).due_at is None
    assert record(signup, after)[-1] == Consent(at=NOW + HOUR, event=Event.ASKED, evidence=WEB)
    assert signup.confirm(after.id, epoch=after.epoch, evidence=MAIL, now=NOW + HOUR) == stored(signup, after)
    assert stored(signup, after).state is State.ACTIVE


def test_one_mail_a_day(signup: Signup, state: str) -> None:
    """However often, in whatever case and zone an address is posted: one mail of a kind on a day of UTC."""
    prepare, kind = STATES[state]
    prepare(signup)
    late = NOW.replace(hour=23, minute=59, second=59)
    posts = [
        (ADDRESS, "Pacific/Kiritimati"),
        ("ADA@EXAMPLE.ORG", "Pacific/Midway"),
        (" ada@example.org ", "UTC"),
    ]
    for now in (NOW, late):
        for address, zone in posts:
            request(signup, address, schedule=Schedule(zone=zone), now=now)
    to_ada = [(each, status) for each, status, to in mails(signup) if to == ADDRESS and each == str(kind)]
    assert len(to_ada) == 1
    hand_over(signup)
    request(signup, now=late + HOUR / 3600)
    assert [each for each, _status, to in mails(signup) if to == ADDRESS].count(str(kind)) == 2


def test_the_mail_to_confirm(signup: Signup) -> None:
    """It is good for two days, and its number is that of the day of UTC."""
    midnight = dt.datetime(2026, 11, 20, 23, 30, tzinfo=dt.UTC)  # tomorrow in Berlin
    request(signup, now=midnight)
    with signup.database.write() as conn:
        (mail,) = deliveries.claim(conn, claimant="me", now=midnight, lease_until=midnight + HOUR, limit=9)
    ada = known(signup)
    assert (mail.kind, mail.recipient, mail.epoch, mail.picks) == (Kind.CONFIRM, ADDRESS, 0, ())
    assert (mail.local_date, mail.expires_at, mail.template) == (TODAY, midnight + 2 * DAY, "t1")
    assert mail.message_id == STAMP.message_id(Kind.CONFIRM, TODAY, ada.id)


@pytest.mark.parametrize(
    "prepare", [left, left_unconfirmed, bounced, erased], ids=lambda prepare: prepare.__name__
)
def test_who_left_and_asks_is_not_imported(signup: Signup, prepare: Callable[[Signup], None]) -> None:
    """A request by anybody opens no back door: who had left is added by no import until they confirm."""
    prepare(signup)
    request(signup)
    assert ask(signup, confirmed=True)[0] is Outcome.REFUSED
    ada = known(signup)
    assert signup.confirm(ada.id, epoch=ada.epoch, evidence=MAIL, now=NOW)
    assert ask(signup, confirmed=True)[0] is Outcome.KNOWN


@pytest.mark.parametrize(
    "address",
    ["", "ada", "ada@localhost", "a@example.org,b@example.org", "a@example.org\r\nBcc: b@example.org"],
)
def test_addresses_that_cannot_be_mailed(signup: Signup, address: str) -> None:
    """An address that cannot be mailed is an error, and leaves nothing behind."""
    before = everything(signup)
    for knock in (request, ask):
        with pytest.raises(AddressError):
            knock(signup, address)
    assert everything(signup) == before
    assert not before["subscribers"]


def at_once(*calls: Callable[[], object]) -> list[object]:
    """What these calls give, begun at the same moment."""
    given: list[object] = []
    start = threading.Barrier(len(calls))

    def run(call: Callable[[], object]) -> None:
        start.wait()
        try:
            given.append(call())
        except BaseException as error:
            given.append(error)

    threads = [threading.Thread(target=run, args=(call,)) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return given


def test_asking_at_once(signup: Signup) -> None:
    """Posts of one address at the same moment, by both doors, make one subscriber and one mail."""
    given = at_once(*[lambda: request(signup)] * 4, *[lambda: ask(signup)[0]] * 2)
    assert {each for each in given if each is not None} <= {Outcome.ASKED, Outcome.ASKED_BEFORE}
    assert mails(signup) == [("confirm", "planned", ADDRESS)]
    assert len(everything(signup)["subscribers"]) == 1


def test_confirming_while_asked(signup: Signup) -> None:
    """Whichever comes first, a yes is not lost to requests of the same moment, nor taken twice."""
    request(signup)
    ada = known(signup)

    def confirm() -> object:
        return signup.confirm(ada.id, epoch=0, evidence=MAIL, now=NOW)

    given = at_once(confirm, *[lambda: request(signup)] * 3, confirm)
    assert [getattr(each, "id", each) for each in given].count(ada.id) == 2
    assert not [each for each in given if isinstance(each, BaseException)]
    assert stored(signup, ada).state is State.ACTIVE
    assert events(signup, ada).count("confirmed") == 1
    assert {kind for kind, _status, _to in mails(signup)} <= {"confirm", "login"}


# -- by the operator's hand ----------------------------------------------------------------------------


def test_asking(signup: Signup) -> None:
    """Who is asked is pending, with nothing due, and gets one mail to confirm."""
    outcome, ada = ask(signup)
    assert outcome is Outcome.ASKED
    assert stored(signup, ada) == ada
    assert (ada.address, ada.state, ada.profile, ada.schedule) == (ADDRESS, State.PENDING, PROFILE, BERLIN)
    assert standing(signup, ada).due_at is None
    assert record(signup, ada) == [Consent(at=NOW, event=Event.ASKED, evidence=COMMAND)]
    assert mails(signup) == [("confirm", "planned", ADDRESS)]
    outcome, again = ask(signup, "ADA@example.org", profile=Profile(cap=9))
    assert (outcome, again.id, again.profile.cap) == (Outcome.ASKED_BEFORE, ada.id, 9)


def test_added_by_who_can_show_consent(signup: Signup) -> None:
    """Who agreed elsewhere is active at once, without mail, and the record says when they did, not when we heard."""
    last_year, imported = NOW - 365 * DAY, Evidence(method="import")
    outcome, ada = ask(signup, confirmed=True, evidence=imported, confirmed_at=last_year)
    assert outcome is Outcome.ADDED
    assert stored(signup, ada) == ada
    assert (ada.state, ada.confirmed_at) == (State.ACTIVE, last_year)
    assert record(signup, ada) == [Consent(at=last_year, event=Event.CONFIRMED, evidence=imported)]
    assert mails(signup) == []


@pytest.mark.parametrize(
    ("frequency", "due_at"), [(Frequency.DAILY, NOW), (Frequency.WEEKLY, NOW + 3 * DAY - HOUR)]
)
def test_the_first_digest_after_an_import(signup: Signup, frequency: Frequency, due_at: dt.datetime) -> None:
    """Who agreed long ago is due as if they had today: on their weekday, not at once for the weeks gone by."""
    schedule = Schedule(frequency=frequency, weekday=0, hour=7)
    _outcome, ada = ask(signup, confirmed=True, schedule=schedule, confirmed_at=NOW - 40 * DAY)
    assert standing(signup, ada).due_at == due_at
    assert standing(signup, ada).last_date == TODAY - DAY


def test_an_import_of_who_was_mailed_today(signup: Signup) -> None:
    """Who is added again keeps the date that they were served last, and gets no second digest on it."""
    request(signup)
    ada = known(signup)
    with signup.database.write() as conn:
        subscribers.change(conn, ada.id, last_date=TODAY, last_mailed_at=NOW)
    ask(signup, confirmed=True, confirmed_at=NOW - DAY)
    assert standing(signup, ada).last_date == TODAY


def test_a_pending_address_added_by_import(signup: Signup) -> None:
    """Who has asked, and is then added by someone who can show consent, is active."""
    _outcome, ada = ask(signup)
    outcome, added = ask(signup, confirmed=True)
    assert (outcome, added.id, added.state) == (Outcome.ADDED, ada.id, State.ACTIVE)
    assert stored(signup, ada) == added


@pytest.mark.parametrize("confirmed", [False, True])
@pytest.mark.parametrize("pause", [False, True])
def test_known_addresses(signup: Signup, confirmed: bool, pause: bool) -> None:
    """Adding changes nothing for who is subscribed, paused or not, and mails nothing."""
    ada = active(signup)
    if pause:
        signup.pause(ada, evidence=COMMAND, now=NOW)
    before = stored(signup, ada)
    assert ask(signup, "ada@Example.org", confirmed=confirmed, profile=Profile(), now=NOW + DAY) == (
        Outcome.KNOWN,
        before,
    )
    assert stored(signup, ada) == before
    assert mails(signup) == []


def test_asking_again_on_the_day_one_left(signup: Signup) -> None:
    """A confirmation that was withdrawn unsent goes out after all, with links of the new epoch."""
    _outcome, ada = ask(signup)
    assert signup.leave(ada, evidence=COMMAND, now=NOW)
    outcome, again = ask(signup)
    assert (outcome, again.id) == (Outcome.ASKED, ada.id)
    with signup.database.write() as conn:
        (mail,) = deliveries.claim(conn, claimant="me", now=NOW, lease_until=NOW + HOUR, limit=9)
    assert (mail.kind, mail.epoch) == (Kind.CONFIRM, 1)
    assert stored(signup, ada) == replace(again, state=State.PENDING)
