"""A subscriber's life: confirm, change, pause, resume, leave, come back, be erased."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import pytest

from digest.signup import Outcome, Signup
from digest.store import subscribers
from digest.subscribers.consent import Consent, Event
from digest.subscribers.subscriber import Frequency, Profile, Schedule, State
from tests.factories import DAY, HOUR, NOW, TODAY, add_subscriber, publish_edition
from tests.signup.lives import (
    ADDRESS,
    BERLIN,
    COMMAND,
    MAIL,
    PROFILE,
    WEB,
    active,
    ask,
    events,
    everything,
    hand_over,
    known,
    mails,
    plan_digest,
    record,
    request,
    standing,
    stored,
)

#: Seven in Berlin on the day after, in UTC.
TOMORROW_7 = dt.datetime(2026, 11, 21, 6, 0, tzinfo=dt.UTC)

# -- confirming ----------------------------------------------------------------------------------------


def test_confirming(signup: Signup) -> None:
    """A yes makes active, and the record says when it came; the next digest is due at the next hour chosen."""
    request(signup)
    ada = known(signup)
    later = NOW + HOUR
    assert signup.confirm(ada.id, epoch=1, evidence=MAIL, now=later) is None
    assert signup.confirm(999, epoch=0, evidence=MAIL, now=later) is None
    assert stored(signup, ada).state is State.PENDING
    confirmed = replace(ada, state=State.ACTIVE, confirmed_at=later)
    assert signup.confirm(ada.id, epoch=0, evidence=MAIL, now=later) == confirmed
    assert stored(signup, ada) == confirmed
    assert standing(signup, ada).due_at == later  # at ten in the morning, for seven: now
    assert record(signup, ada) == [
        Consent(at=NOW, event=Event.ASKED, evidence=WEB),
        Consent(at=later, event=Event.CONFIRMED, evidence=MAIL),
    ]


def test_confirming_again(signup: Signup) -> None:
    """The same yes once more, active or paused, gives the same subscriber and changes nothing."""
    request(signup)
    ada = known(signup)
    first = signup.confirm(ada.id, epoch=0, evidence=MAIL, now=NOW)
    assert first is not None
    before = everything(signup)
    assert signup.confirm(ada.id, epoch=0, evidence=MAIL, now=NOW + HOUR) == first
    assert everything(signup) == before
    signup.pause(first, evidence=MAIL, now=NOW)
    before = everything(signup)
    assert signup.confirm(ada.id, epoch=0, evidence=MAIL, now=NOW + HOUR) == stored(signup, ada)
    assert everything(signup) == before


def test_a_yes_replayed_after_leaving(signup: Signup) -> None:
    """A link of before they left brings nobody back, whether they asked again since or not, nor once erased."""
    request(signup)
    ada = known(signup)
    assert signup.confirm(ada.id, epoch=0, evidence=MAIL, now=NOW)
    signup.leave(ada, evidence=MAIL, now=NOW)
    assert signup.confirm(ada.id, epoch=0, evidence=MAIL, now=NOW) is None
    assert signup.confirm(ada.id, epoch=1, evidence=MAIL, now=NOW) is None
    request(signup)
    assert signup.confirm(ada.id, epoch=0, evidence=MAIL, now=NOW) is None
    assert stored(signup, ada).state is State.PENDING
    signup.erase(ada, evidence=MAIL, now=NOW)
    for epoch in range(5):
        assert signup.confirm(ada.id, epoch=epoch, evidence=MAIL, now=NOW) is None


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
def test_when_the_first_digest_is_due(signup: Signup, schedule: Schedule, due_at: dt.datetime) -> None:
    """Who says yes is due as they chose, at once where today's hour has gone by."""
    request(signup, schedule=schedule)
    ada = known(signup)
    assert signup.confirm(ada.id, epoch=0, evidence=MAIL, now=NOW)
    assert standing(signup, ada).due_at == due_at


def test_renewing(signup: Signup) -> None:
    """Who followed a link that was too old gets another one, one a day, while they are pending and no longer."""
    request(signup)
    ada = known(signup)
    hand_over(signup)
    for _ in range(2):
        signup.renew(ada.id, evidence=MAIL, now=NOW + 4 * DAY)
    assert [kind for kind, _status, _to in mails(signup)] == ["confirm", "confirm"]
    assert stored(signup, ada).asked_at == NOW + 4 * DAY
    assert events(signup, ada) == ["asked", "asked", "asked"]
    signup.confirm(ada.id, epoch=0, evidence=MAIL, now=NOW + 5 * DAY)
    signup.renew(ada.id, evidence=MAIL, now=NOW + 6 * DAY)
    signup.renew(999, evidence=MAIL, now=NOW + 6 * DAY)
    assert len(mails(signup)) == 2


# -- changing, pausing, resuming -----------------------------------------------------------------------


def test_changing(signup: Signup) -> None:
    """A change is kept, and the next digest is worked out anew, with no wait left over."""
    ada = active(signup)
    with signup.database.write() as conn:
        subscribers.change(conn, ada.id, waits_for=TODAY, waits_until=NOW + DAY, waits_reason="nothing_new")
    wanted = Profile(interests=("bread",))
    evening = Schedule(zone="Europe/Berlin", hour=20)
    assert signup.change(ada, profile=wanted, schedule=evening, now=NOW)
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
    assert signup.change(ada, profile=Profile(), schedule=Schedule(), now=NOW)
    assert stored(signup, ada) == replace(ada, profile=Profile(), schedule=Schedule())
    assert standing(signup, ada).due_at is None


def test_pausing(signup: Signup) -> None:
    """A pause withdraws what is planned and stays until resumed; then the newest edition is next."""
    edition = publish_edition(signup.database, "On Kites")
    ada = active(signup)
    with signup.database.write() as conn:
        subscribers.change(conn, ada.id, cursor_edition_id=edition, last_date=TODAY, last_mailed_at=NOW)
    plan_digest(signup, ada)
    assert not signup.resume(ada, evidence=COMMAND, now=NOW)
    assert signup.pause(ada, evidence=COMMAND, now=NOW)
    assert not signup.pause(ada, evidence=COMMAND, now=NOW)
    assert stored(signup, ada).state is State.PAUSED
    assert mails(signup) == [("digest", "suppressed", ADDRESS)]
    assert signup.resume(ada, evidence=COMMAND, now=NOW + HOUR)
    assert not signup.resume(ada, evidence=COMMAND, now=NOW + HOUR)
    after = standing(signup, ada)
    assert (after.subscriber.state, after.cursor_edition_id, after.due_at) == (State.ACTIVE, None, TOMORROW_7)
    assert events(signup, ada) == ["confirmed", "paused", "resumed"]


def test_pausing_until_a_day(signup: Signup) -> None:
    """A pause may name the day on which it ends, and another day later on; resuming or leaving forgets it."""
    ada, until = active(signup), TODAY + 9 * DAY
    assert signup.pause(ada, until=until, evidence=MAIL, now=NOW)
    assert stored(signup, ada) == replace(ada, state=State.PAUSED, paused_until=until)
    assert not signup.pause(ada, until=until, evidence=MAIL, now=NOW)
    assert signup.pause(ada, evidence=MAIL, now=NOW)
    assert stored(signup, ada).paused_until is None
    assert signup.pause(ada, until=until, evidence=MAIL, now=NOW)
    assert signup.resume(ada, evidence=MAIL, now=NOW)
    assert stored(signup, ada) == ada
    signup.pause(ada, until=until, evidence=MAIL, now=NOW)
    signup.leave(ada, evidence=MAIL, now=NOW)
    assert stored(signup, ada).paused_until is None
    assert events(signup, ada) == ["confirmed", "paused", "paused", "paused", "resumed", "paused", "left"]


# -- leaving and coming back ---------------------------------------------------------------------------


def test_leaving(signup: Signup) -> None:
    """Who leaves gets a goodbye and nothing else: what is planned is withdrawn, old links are dead."""
    ada = active(signup)
    plan_digest(signup, ada)
    assert signup.leave(ada, evidence=MAIL, now=NOW)
    assert stored(signup, ada) == replace(ada, state=State.LEFT, epoch=1)
    assert standing(signup, ada).due_at is None
    assert mails(signup) == [("digest", "suppressed", ADDRESS), ("goodbye", "planned", ADDRESS)]
    assert not signup.leave(ada, evidence=MAIL, now=NOW)
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
    assert signup.leave(ada, evidence=MAIL, now=NOW)
    assert signup.leave(bo, evidence=MAIL, now=NOW, goodbye=False)
    assert mails(signup) == ([("goodbye", "planned", ada.address)] if says_goodbye else [])


def test_leaving_before_confirming(signup: Signup) -> None:
    """Who leaves before confirming gets no mail to confirm any more, and its link is dead."""
    _outcome, ada = ask(signup)
    assert signup.leave(ada, evidence=MAIL, now=NOW)
    assert mails(signup) == [("confirm", "suppressed", ADDRESS)]
    assert not signup.confirm(ada.id, epoch=0, evidence=MAIL, now=NOW)


def test_leaving_wins(signup: Signup) -> None:
    """Who holds an older value of a subscriber who left cannot bring them back, or change them."""
    ada = active(signup)
    paused = replace(ada, state=State.PAUSED)
    signup.leave(ada, evidence=MAIL, now=NOW)
    left = stored(signup, ada)
    assert not signup.pause(ada, evidence=COMMAND, now=NOW)
    assert not signup.resume(paused, evidence=COMMAND, now=NOW)
    assert not signup.confirm(ada.id, epoch=left.epoch, evidence=MAIL, now=NOW)
    assert not signup.change(ada, profile=Profile(cap=50), schedule=Schedule(), now=NOW)
    assert not signup.change(replace(ada, id=999), profile=Profile(), schedule=Schedule(), now=NOW)
    assert not signup.leave(replace(ada, id=999), evidence=MAIL, now=NOW)
    assert stored(signup, ada) == left
    assert standing(signup, ada).due_at is None


def test_coming_back(signup: Signup) -> None:
    """After leaving, no import brings an address back; its owner's fresh confirmation does."""
    ada = active(signup)
    signup.leave(ada, evidence=MAIL, now=NOW)
    outcome, refused = ask(signup, confirmed=True)
    assert (outcome, refused) == (Outcome.REFUSED, stored(signup, ada))
    outcome, asked = ask(signup, profile=Profile(cap=2), now=NOW + HOUR)
    assert (outcome, asked.id, asked.epoch) == (Outcome.ASKED, ada.id, 1)
    assert ask(signup, confirmed=True)[0] is Outcome.REFUSED  # pending, but they had left
    assert not signup.confirm(ada.id, epoch=0, evidence=MAIL, now=NOW + HOUR)  # a link of before
    assert signup.confirm(ada.id, epoch=1, evidence=MAIL, now=NOW + HOUR)
    back = stored(signup, ada)
    assert (back.state, back.profile.cap, back.confirmed_at) == (State.ACTIVE, 2, NOW + HOUR)
    assert standing(signup, ada).cursor_edition_id is None
    assert events(signup, ada) == ["confirmed", "left", "asked", "confirmed"]
    signup.leave(back, evidence=MAIL, now=NOW + DAY)
    assert ask(signup, confirmed=True)[0] is Outcome.REFUSED


def test_a_suppressed_address(signup: Signup) -> None:
    """An address that bounced is not added by an import either; a confirmation shows that it works."""
    ada = active(signup)
    with signup.database.write() as conn:
        subscribers.change(conn, ada.id, state=State.SUPPRESSED)
    assert ask(signup, confirmed=True)[0] is Outcome.REFUSED
    assert ask(signup)[0] is Outcome.ASKED
    assert signup.confirm(ada.id, epoch=0, evidence=MAIL, now=NOW)
    assert stored(signup, ada).state is State.ACTIVE
