"""A change of address: the new one says yes before the old one stops."""

from __future__ import annotations

from dataclasses import replace

import pytest

from digest.deliver.delivery import Kind, Status
from digest.errors import AddressError
from digest.signup import Signup
from digest.store import deliveries, subscribers
from digest.subscribers.consent import Consent, Event
from digest.subscribers.subscriber import Profile, State, Subscriber
from tests.factories import DAY, HOUR, NOW, TODAY, publish_edition
from tests.signup.lives import (
    ADDRESS,
    BERLIN,
    MAIL,
    OTHER,
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
    plan_digest,
    record,
    request,
    standing,
    stored,
)
from tests.signup.test_door import STATES, at_once, replace_address

THIRD = "ada@home.example.org"


def move(signup: Signup, subscriber: Subscriber, address: str = OTHER) -> Subscriber | None:
    """Ask an address to take over; gives who has it then."""
    assert signup.move(subscriber, address, evidence=WEB, now=NOW) is None  # type: ignore[func-returns-value] # that is the point
    return found(signup, address)


def confirm(signup: Signup, asked: Subscriber | None) -> Subscriber | None:
    assert asked is not None
    return signup.confirm(asked.id, epoch=asked.epoch, evidence=MAIL, now=NOW + HOUR)


def moved(signup: Signup, subscriber: Subscriber, address: str = OTHER) -> Subscriber:
    """Who has moved."""
    there = confirm(signup, move(signup, subscriber, address))
    assert there is not None
    return there


def test_asking_the_new_address(signup: Signup) -> None:
    """Until the new address says yes, all stays as it was: one mail goes there, and digests to the old one."""
    ada = active(signup)
    asked = move(signup, ada)
    assert asked is not None
    assert (asked.address, asked.state, asked.replaces, asked.asked_at) == (OTHER, State.PENDING, ada.id, NOW)
    assert asked.profile == Profile()  # what ada wants is not told to an address that may be another's
    assert stored(signup, ada) == replace(ada, moves_to=asked.id)
    assert mails(signup) == [("confirm", "planned", OTHER)]
    assert record(signup, ada)[-1] == Consent(at=NOW, event=Event.ASKED, evidence=WEB)
    plan_digest(signup, ada)
    assert mails(signup)[-1] == ("digest", "planned", ADDRESS)


def test_the_new_address_says_yes(signup: Signup) -> None:
    """The subscription goes over with all that belongs to it; the old address is told, and is free again."""
    edition = publish_edition(signup.database, "On Kites")
    ada = active(signup)
    with signup.database.write() as conn:
        values = {"cursor_edition_id": edition, "last_date": TODAY, "last_mailed_at": NOW}
        subscribers.change(conn, ada.id, **values)
    before = standing(signup, ada)
    asked = move(signup, ada)
    hand_over(signup)
    there = confirm(signup, asked)
    assert there is not None
    assert there == replace(ada, address=OTHER, epoch=1, moves_to=there.moves_to)
    after = standing(signup, ada)
    assert after == replace(before, subscriber=there)
    assert found(signup, ADDRESS) is None
    assert known(signup, OTHER) == there
    assert mails(signup) == [("confirm", "sent", ""), ("moved", "planned", ADDRESS)]
    assert events(signup, ada) == ["confirmed", "asked", "moved"]
    assert record(signup, ada)[-1] == Consent(at=NOW + HOUR, event=Event.MOVED, evidence=MAIL)


def test_whoever_takes_over_learns_no_ip(signup: Signup) -> None:
    """A forwarded mail is enough to move a subscription away: its record goes along, without the addresses of requests."""
    request(signup)
    ada = confirm(signup, known(signup))
    assert ada is not None
    signup.pause(ada, evidence=WEB, now=NOW)
    there = moved(signup, ada)
    assert events(signup, there) == ["asked", "confirmed", "paused", "asked", "moved"]
    assert [line.evidence.ip for line in record(signup, there)] == [None] * 5


def test_who_was_looked_up_before_the_move(signup: Signup) -> None:
    """A form that the old link opened, and that waited while the subscription moved, changes nothing any more."""
    ada = active(signup)
    there = moved(signup, ada)
    assert not signup.change(ada, profile=Profile(cap=50), schedule=BERLIN, now=NOW)
    assert not signup.pause(ada, evidence=MAIL, now=NOW)
    assert stored(signup, ada) == there
    assert signup.pause(there, evidence=MAIL, now=NOW)
    assert not signup.resume(ada, evidence=MAIL, now=NOW)
    assert stored(signup, ada).state is State.PAUSED
    assert signup.leave(ada, evidence=MAIL, now=NOW)  # leaving works for ever


def test_the_notice_opens_nothing(signup: Signup) -> None:
    """The notice to the old address carries the old epoch, so that no link in it opens the new one's choices."""
    moved(signup, active(signup))
    with signup.database.write() as conn:
        taken = deliveries.claim(conn, claimant="me", now=NOW + HOUR, lease_until=NOW + DAY, limit=9)
    assert [(mail.kind, mail.recipient, mail.epoch) for mail in taken] == [(Kind.MOVED, ADDRESS, 0)]


def test_saying_yes_again(signup: Signup) -> None:
    """The same yes once more gives the same subscription, until it moves on or ends."""
    ada = active(signup)
    asked = move(signup, ada)
    there = confirm(signup, asked)
    before = everything(signup)
    assert confirm(signup, asked) == there
    assert everything(signup) == before
    assert there is not None
    signup.pause(there, evidence=MAIL, now=NOW)
    assert confirm(signup, asked) == stored(signup, ada)
    further = move(signup, stored(signup, ada), THIRD)
    assert confirm(signup, asked) is None
    assert confirm(signup, further) is not None
    assert confirm(signup, asked) is None
    signup.leave(there, evidence=MAIL, now=NOW)
    assert confirm(signup, further) is None
    assert stored(signup, ada).state is State.LEFT


def test_a_paused_subscription_moves(signup: Signup) -> None:
    """Who pauses may move, and pauses on."""
    ada, until = active(signup), TODAY + 3 * DAY
    signup.pause(ada, until=until, evidence=MAIL, now=NOW)
    there = moved(signup, ada)
    assert (there.state, there.paused_until, there.address) == (State.PAUSED, until, OTHER)
    assert stored(signup, ada) == there


@pytest.mark.parametrize("address", [ADDRESS, "ADA@example.org"])
def test_to_ones_own_address(signup: Signup, address: str) -> None:
    """To move to where one is changes nothing and mails nothing; a change that was asked before is off."""
    ada = active(signup)
    asked = move(signup, ada)
    hand_over(signup)
    assert move(signup, ada, address) == ada
    assert mails(signup) == [("confirm", "sent", OTHER)]
    assert confirm(signup, asked) is None
    assert stored(signup, ada) == ada


@pytest.mark.parametrize("pause", [False, True])
def test_to_an_address_that_is_subscribed(signup: Signup, pause: bool) -> None:
    """Another's subscription stays as it is; they get a link to their choices, and the asker sees no difference."""
    ada, bo = active(signup), active(signup, OTHER)
    if pause:
        signup.pause(bo, evidence=MAIL, now=NOW)
    before = stored(signup, bo)
    assert move(signup, ada) == before
    move(signup, ada)
    assert mails(signup) == [("login", "planned", OTHER)]
    assert (stored(signup, ada), stored(signup, bo)) == (ada, before)
    assert events(signup, ada) == ["confirmed", "asked", "asked"]
    assert confirm(signup, before) == before  # their own yes is still their own
    assert stored(signup, ada) == ada


def test_the_work_done_tells_nothing(signup: Signup) -> None:
    """Asking any address but one's own to take over runs the same statements, whatever that address is to us."""
    work = {}
    for number, (name, (prepare, _kind)) in enumerate(STATES.items()):
        fresh = replace_address(signup, number)
        prepare(fresh)
        reader = active(fresh, f"reader{number}@example.org")
        with counted(fresh.database) as ran:
            move(fresh, reader, ADDRESS)
        work[name] = ran
    assert work["new"].count("COMMIT") == 1
    assert {tuple(ran) for ran in work.values()} == {tuple(work["new"])}


def test_to_an_address_that_is_pending(signup: Signup) -> None:
    """One mail a day goes there all the same, and its yes is for the newest that was asked of it."""
    request(signup, OTHER)
    ada = active(signup)
    asked = move(signup, ada)
    assert mails(signup) == [("confirm", "planned", OTHER)]
    there = confirm(signup, asked)
    assert there is not None
    assert (there.id, there.address) == (ada.id, OTHER)


def test_an_address_that_signs_up_for_itself(signup: Signup) -> None:
    """Who is asked to take over, and signs up instead, has a subscription of their own; the old one stays."""
    ada = active(signup)
    move(signup, ada)
    request(signup, OTHER, profile=Profile(cap=3))
    own = confirm(signup, known(signup, OTHER))
    assert own is not None
    assert (own.profile.cap, own.id != ada.id) == (3, True)
    assert stored(signup, ada).address == ADDRESS


def test_an_address_that_is_added_by_hand(signup: Signup) -> None:
    """Nor is a yes to a move one to anything else: added by an import, the address has its own subscription."""
    ada = active(signup)
    asked = move(signup, ada)
    own = ask(signup, OTHER, confirmed=True)[1]
    assert confirm(signup, asked) == own
    assert own.replaces is None
    assert stored(signup, ada).address == ADDRESS


@pytest.mark.parametrize("how", ["left", "suppressed", "erased"])
def test_to_an_address_that_is_barred(signup: Signup, how: str) -> None:
    """An address that had left, bounced or was erased comes back by its owner's yes, and by nothing before it."""
    gone = active(signup, OTHER)
    if how == "left":
        signup.leave(gone, evidence=MAIL, now=NOW, goodbye=False)
    elif how == "erased":
        signup.erase(gone, evidence=MAIL, now=NOW)
    else:
        with signup.database.write() as conn:
            subscribers.change(conn, gone.id, state=State.SUPPRESSED)
    ada = active(signup)
    asked = move(signup, ada)
    assert str(ask(signup, OTHER, confirmed=True)[0]) == "refused"
    there = confirm(signup, asked)
    assert there is not None
    assert (there.id, there.address, there.state) == (ada.id, OTHER, State.ACTIVE)
    assert everything(signup)["suppressions"] == []


@pytest.mark.parametrize("how", ["leaves", "is erased", "is suppressed"])
def test_a_subscription_that_ends_before_the_yes(signup: Signup, how: str) -> None:
    """A yes to a subscription that ended brings nothing about; nobody is subscribed by it."""
    ada = active(signup)
    asked = move(signup, ada)
    assert asked is not None
    if how == "leaves":
        signup.leave(ada, evidence=MAIL, now=NOW)
    elif how == "is erased":
        signup.erase(ada, evidence=MAIL, now=NOW)
    else:
        with signup.database.write() as conn:
            subscribers.change(conn, ada.id, state=State.SUPPRESSED)
    assert confirm(signup, asked) is None
    with signup.database.read() as conn:
        assert subscribers.counts(conn)[State.ACTIVE] == 0
    count = len(mails(signup))
    signup.renew(asked.id, evidence=MAIL, now=NOW + DAY)
    assert len(mails(signup)) == count


def test_two_moves_in_a_row(signup: Signup) -> None:
    """The newer counts: the first address's yes brings nothing about, unless it is asked once more."""
    ada = active(signup)
    first, second = move(signup, ada), move(signup, ada, THIRD)
    hand_over(signup)
    assert confirm(signup, first) is None
    assert stored(signup, ada).address == ADDRESS
    move(signup, ada)
    assert confirm(signup, second) is None
    assert [(kind, to) for kind, _status, to in mails(signup)] == [("confirm", OTHER), ("confirm", THIRD)]
    there = confirm(signup, first)
    assert there is not None
    assert there.address == OTHER


def test_no_address_is_mailed_twice_a_day_for_moves(signup: Signup) -> None:
    """Whoever moves to and fro, or with many subscriptions: an address gets one mail to confirm on a day."""
    readers = [active(signup, f"reader{number}@example.org") for number in range(3)]
    for reader in readers * 2:
        for address in (OTHER, THIRD):
            move(signup, reader, address)
            hand_over(signup)
    assert sorted(to for _kind, _status, to in mails(signup)) == [THIRD, OTHER]


def test_of_two_who_move_to_one_address(signup: Signup) -> None:
    """It takes over who asked last; the other stays."""
    ada, bo = active(signup), active(signup, "bo@example.org")
    move(signup, ada)
    there = moved(signup, bo)
    assert (there.id, there.address) == (bo.id, OTHER)
    assert stored(signup, ada).address == ADDRESS


def test_the_new_address_leaves_instead(signup: Signup) -> None:
    """The leave link in the mail that asks ends the asking, and not the subscription."""
    ada = active(signup)
    asked = move(signup, ada)
    assert asked is not None
    assert signup.leave(asked, evidence=MAIL, now=NOW)
    assert confirm(signup, asked) is None
    assert confirm(signup, stored(signup, asked)) is None
    assert stored(signup, ada).state is State.ACTIVE


def test_a_bounce_at_the_new_address(signup: Signup) -> None:
    """An address that bounced before its yes takes nothing over by it."""
    ada = active(signup)
    asked = move(signup, ada)
    assert asked is not None
    with signup.database.write() as conn:
        subscribers.change(conn, asked.id, state=State.SUPPRESSED)
    assert confirm(signup, asked) is None
    assert stored(signup, ada).address == ADDRESS


def test_a_forgotten_request_to_move(signup: Signup) -> None:
    """A new address that never answered is forgotten; its link then opens nothing, least of all the old one."""
    ada = active(signup)
    asked = move(signup, ada)
    assert signup.tidy(NOW + 8 * DAY).purged == 1
    assert confirm(signup, asked) is None
    assert OTHER not in str(everything(signup))
    assert stored(signup, ada).address == ADDRESS
    assert moved(signup, stored(signup, ada)).address == OTHER


def test_who_may_not_move(signup: Signup) -> None:
    """Who is pending, has left, or holds a value of before the last move asks nobody."""
    request(signup)
    ada = known(signup)
    assert move(signup, ada) is None
    assert move(signup, replace(ada, id=999)) is None
    confirm(signup, ada)
    there = moved(signup, ada, THIRD)
    assert move(signup, ada) is None
    signup.leave(there, evidence=MAIL, now=NOW)
    assert move(signup, replace(there, epoch=2)) is None


def test_an_address_that_cannot_be_mailed(signup: Signup) -> None:
    """It is an error, and changes nothing."""
    ada = active(signup)
    before = everything(signup)
    with pytest.raises(AddressError):
        move(signup, ada, "ada@localhost")
    assert everything(signup) == before


# -- mail on its way -----------------------------------------------------------------------------------


def rows(signup: Signup) -> list[tuple[str | int, ...]]:
    """All mail but that of the move itself: kind, status, recipient and epoch."""
    with signup.database.read() as conn:
        found = conn.exec_driver_sql("SELECT kind, status, recipient, epoch FROM deliveries ORDER BY id")
        return [tuple(row) for row in found if row[0] not in ("confirm", "moved")]


@pytest.mark.parametrize("claimed", [False, True])
def test_a_digest_that_waits(signup: Signup, claimed: bool) -> None:
    """A digest that was not begun goes to the new address; a sender that holds it may not begin it any more."""
    ada = active(signup)
    asked = move(signup, ada)
    hand_over(signup)
    plan_digest(signup, ada)
    with signup.database.write() as conn:
        if claimed:
            (mail,) = deliveries.claim(conn, claimant="me", now=NOW, lease_until=NOW + DAY, limit=9)
    confirm(signup, asked)
    assert rows(signup) == [("digest", "planned", OTHER, 1)]
    with signup.database.write() as conn:
        if claimed:
            assert deliveries.begin(conn, {mail.id: "ab" * 32}, claimant="me", now=NOW) == set()
        again = deliveries.claim(conn, claimant="them", now=NOW + HOUR, lease_until=NOW + DAY, limit=9)
    assert {(mail.kind, mail.recipient) for mail in again} == {(Kind.DIGEST, OTHER), (Kind.MOVED, ADDRESS)}


def test_a_digest_that_was_tried(signup: Signup) -> None:
    """A digest whose bytes are fixed is withdrawn, and its editions come with the next one."""
    first, second = (publish_edition(signup.database, f"On {n}", day=TODAY + n * DAY) for n in (0, 1))
    ada = active(signup)
    asked = move(signup, ada)
    hand_over(signup)
    with signup.database.write() as conn:
        subscribers.change(conn, ada.id, cursor_edition_id=second)
    plan_digest(signup, ada, cursor_edition_id=first, edition_id=second)
    with signup.database.write() as conn:
        (mail,) = deliveries.claim(conn, claimant="me", now=NOW, lease_until=NOW + DAY, limit=9)
        deliveries.begin(conn, {mail.id: "ab" * 32}, claimant="me", now=NOW)
        later = deliveries.Result(
            delivery_id=mail.id, status=Status.DEFERRED, retry_at=NOW + HOUR, reply="451"
        )
        deliveries.settle(conn, [later], claimant="me", now=NOW)
    confirm(signup, asked)
    assert rows(signup) == [("digest", "suppressed", ADDRESS, 0)]
    assert standing(signup, ada).cursor_edition_id == first


def test_a_digest_in_mid_air(signup: Signup) -> None:
    """A digest that is being handed over is past recall."""
    ada = active(signup)
    asked = move(signup, ada)
    hand_over(signup)
    plan_digest(signup, ada)
    with signup.database.write() as conn:
        (mail,) = deliveries.claim(conn, claimant="me", now=NOW, lease_until=NOW + DAY, limit=9)
        deliveries.begin(conn, {mail.id: "ab" * 32}, claimant="me", now=NOW)
    confirm(signup, asked)
    assert rows(signup) == [("digest", "claimed", ADDRESS, 0)]


def test_other_mail_that_waits(signup: Signup) -> None:
    """Mail of dead links is withdrawn; the notice of an earlier move goes to whom it is about."""
    ada = moved(signup, active(signup))
    signup.mail_data_links(ada, now=NOW)
    request(signup, OTHER)
    moved(signup, ada, THIRD)
    assert rows(signup) == [("data", "suppressed", OTHER, 1), ("login", "suppressed", OTHER, 1)]
    assert [(status, to) for kind, status, to in mails(signup) if kind == "moved"] == [("planned", ADDRESS)]


# -- at once -------------------------------------------------------------------------------------------


def test_moving_at_once(signup: Signup) -> None:
    """Two subscriptions that move to each other's new address, asked and confirmed together, lose neither."""
    ada, bo = active(signup), active(signup, "bo@example.org")
    given = at_once(
        lambda: move(signup, ada),
        lambda: move(signup, bo),
        lambda: move(signup, ada, THIRD),
        lambda: move(signup, bo, THIRD),
    )
    given += at_once(
        lambda: confirm(signup, known(signup, OTHER)),
        lambda: confirm(signup, known(signup, THIRD)),
        lambda: request(signup),
        lambda: signup.leave(bo, evidence=MAIL, now=NOW),
        lambda: confirm(signup, known(signup, OTHER)),
    )
    assert not [each for each in given if isinstance(each, BaseException)]
    assert stored(signup, bo).state is State.LEFT
    after = stored(signup, ada)
    assert (after.state, after.profile, after.schedule) == (State.ACTIVE, PROFILE, BERLIN)
    assert after.address in (ADDRESS, OTHER, THIRD)
    assert known(signup, after.address).id == ada.id
