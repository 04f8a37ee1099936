"""What is kept about a reader: taken along by a link that opens once, or erased."""

from __future__ import annotations

import datetime as dt
import json

import pytest

from digest.deliver.delivery import Status
from digest.signup import Outcome, Signup
from digest.store import deliveries, ledger, subscribers
from digest.subscribers.subscriber import State, Subscriber
from tests.factories import DAY, HOUR, NOW, TODAY, pick, publish_edition
from tests.signup.lives import (
    ADDRESS,
    COMMAND,
    MAIL,
    OTHER,
    active,
    ask,
    events,
    everything,
    found,
    hand_over,
    known,
    mails,
    plan_digest,
    request,
    stored,
)
from tests.signup.test_door import STATES, at_once

ASKED_S = int(NOW.timestamp())


def export(signup: Signup, reader: Subscriber, *, epoch: int = 0, asked_s: int = ASKED_S) -> object:
    return signup.export(reader.id, epoch=epoch, asked_s=asked_s, now=NOW)


def erase(signup: Signup, reader: Subscriber, *, epoch: int = 0, asked_s: int = ASKED_S) -> bool:
    return signup.erase_by_link(reader.id, epoch=epoch, asked_s=asked_s, evidence=MAIL, now=NOW)


# -- links ---------------------------------------------------------------------------------------------


def test_links_by_mail(signup: Signup) -> None:
    """The links to export and erase are mailed once a day, to who has left too, and to nobody who is forgotten."""
    ada = active(signup)
    for _ in range(2):
        signup.mail_data_links(ada, now=NOW)
    with signup.database.write() as conn:
        (mail,) = deliveries.claim(conn, claimant="me", now=NOW, lease_until=NOW + HOUR, limit=9)
    assert (mail.recipient, mail.epoch, mail.local_date) == (ADDRESS, 0, TODAY)
    assert mail.expires_at == NOW + DAY / 2  # the links open for a day from when they were asked for
    signup.leave(ada, evidence=MAIL, now=NOW, goodbye=False)
    signup.mail_data_links(ada, now=NOW + DAY)
    assert [kind for kind, _status, _to in mails(signup)] == ["data", "data"]
    signup.erase(ada, evidence=MAIL, now=NOW + 2 * DAY)
    signup.mail_data_links(ada, now=NOW + 3 * DAY)
    signup.mail_data_links(Subscriber(id=999, address=ADDRESS, state=State.ACTIVE), now=NOW)
    assert len(mails(signup)) == 2


def test_a_link_opens_once(signup: Signup) -> None:
    """The same link a second time opens nothing; the one of another day, and another reader's, still do."""
    ada, bo = active(signup), active(signup, "bo@example.org")
    assert export(signup, ada) is not None
    assert export(signup, ada) is None
    assert export(signup, ada, asked_s=ASKED_S + 1) is not None
    assert export(signup, bo) is not None
    assert len(everything(signup)["uses"]) == 3


def test_a_link_opened_at_once(signup: Signup) -> None:
    """Of several who open a link in one moment, one gets the data."""
    ada = active(signup)
    given = at_once(*[lambda: export(signup, ada)] * 4)
    assert [each for each in given if isinstance(each, BaseException)] == []
    assert len([each for each in given if each is not None]) == 1


def test_old_links(signup: Signup) -> None:
    """A link of an older epoch opens nothing, and is not used up by trying; nor does one of nobody."""
    ada = active(signup)
    signup.leave(ada, evidence=MAIL, now=NOW)
    request(signup)
    before = everything(signup)
    assert export(signup, ada) is None
    assert not erase(signup, ada)
    assert signup.export(999, epoch=0, asked_s=ASKED_S, now=NOW) is None
    assert not signup.erase_by_link(999, epoch=0, asked_s=ASKED_S, evidence=MAIL, now=NOW)
    assert everything(signup) == before
    assert export(signup, ada, epoch=1) is not None
    assert erase(signup, ada, epoch=1)


def test_a_link_that_dies_while_it_is_opened(signup: Signup, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who is erased while their data is gathered gets none of it by that link, and it is not used up."""
    ada = active(signup)
    gather = ledger.history

    def erase_meanwhile(conn: object, key: int) -> object:
        signup.erase(ada, evidence=MAIL, now=NOW)
        return gather(conn, key)  # type: ignore[arg-type] # as it was given

    monkeypatch.setattr(ledger, "history", erase_meanwhile)
    assert export(signup, ada) is None
    assert everything(signup)["uses"] == []


def test_a_link_asked_for_before_leaving(signup: Signup) -> None:
    """It opens after leaving too, once, and none that is older than that."""
    ada = active(signup)
    with signup.database.write() as conn:
        subscribers.change(conn, ada.id, epoch=1)  # as a move does
    signup.leave(ada, evidence=MAIL, now=NOW)
    assert export(signup, ada, epoch=0) is None
    assert export(signup, ada, epoch=1) is not None
    assert export(signup, ada, epoch=1) is None
    assert not erase(signup, ada, epoch=0)
    assert erase(signup, ada, epoch=1)


# -- export --------------------------------------------------------------------------------------------


def test_what_is_exported(signup: Signup) -> None:
    """All that is kept, and nothing of anybody else: choices, consent with its texts, each mail with its papers."""
    edition = publish_edition(signup.database, "On Kites", "On Bread")
    request(signup)
    ada = known(signup)
    signup.confirm(ada.id, epoch=0, evidence=MAIL, now=NOW)
    active(signup, "bo@example.org")
    plan_digest(signup, ada, picks=(pick(1, edition_id=edition),), edition_id=edition)
    signup.move(stored(signup, ada), OTHER, evidence=MAIL, now=NOW)
    document = signup.export(ada.id, epoch=0, asked_s=ASKED_S, now=NOW)
    assert document is not None
    document = json.loads(json.dumps(document))
    assert "bo@" not in str(document)
    subscription = document["subscription"]
    assert "address_key" not in subscription
    assert (subscription["address"], subscription["state"], subscription["topics"]) == (
        ADDRESS,
        "active",
        ["kites"],
    )
    assert (subscription["zone"], subscription["confirmed_at"]) == ("Europe/Berlin", NOW.isoformat())
    assert document["consent"][0] == {
        "at": NOW.isoformat(),
        "event": "asked",
        "method": "web",
        "ip": "192.0.2.7",
        "text_version": "t",
    }
    assert [mail["kind"] for mail in document["mails"]] == ["confirm", "digest"]
    digest = document["mails"][1]
    assert (digest["date"], digest["status"]) == (TODAY.isoformat(), "planned")
    assert [(paper["title"], paper["why"]) for paper in digest["papers"]] == [("On Kites", ["trending"])]


@pytest.mark.parametrize("state", list(STATES))
def test_a_move_tells_nothing_of_the_other_address(signup: Signup, state: str) -> None:
    """Who asked another address to take over reads in no export whether that one is known here, nor how."""
    STATES[state][0](signup)
    reader = active(signup, "eve@example.org")
    before = signup.export(reader.id, epoch=0, asked_s=ASKED_S, now=NOW)
    signup.move(reader, ADDRESS.upper(), evidence=MAIL, now=NOW)
    document = signup.export(reader.id, epoch=0, asked_s=ASKED_S + 1, now=NOW)
    assert before is not None and document is not None
    assert [line["event"] for line in document["consent"]] == ["confirmed", "asked"]
    assert document | {"consent": None} == before | {"consent": None}


# -- erasing -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("left_before", [False, True])
def test_erasing(signup: Signup, left_before: bool) -> None:
    """Of who is erased neither address, wishes nor IP stay anywhere; open mail is withdrawn, the ledger balances."""
    edition = publish_edition(signup.database, "On Kites")
    request(signup)
    ada, bo = known(signup), active(signup, "bo@example.org")
    signup.confirm(ada.id, epoch=0, evidence=MAIL, now=NOW)
    hand_over(signup)
    plan_digest(signup, ada, picks=(pick(1, edition_id=edition),), edition_id=edition)
    assert export(signup, ada) is not None
    signup.move(stored(signup, ada), OTHER, evidence=MAIL, now=NOW - DAY)
    if left_before:
        signup.leave(ada, evidence=MAIL, now=NOW)
    signup.erase(ada, evidence=COMMAND, now=NOW)
    kept = everything(signup)
    assert "ada@" not in str(kept).lower()
    assert "bo@example.org" in str(kept)
    for trace in ("kites", "Berlin", "192.0.2.7"):
        assert trace not in str([row for row in kept["subscribers"] if "bo@" not in row] + kept["consents"])
    assert kept["uses"] == []
    assert len(kept["suppressions"]) == 1
    assert {status for kind, status, _to in mails(signup) if kind == "digest"} == {"suppressed"}
    assert {to for _kind, _status, to in mails(signup)} == {""}
    assert events(signup, ada) == ["asked", "confirmed", "asked", "left", "erased"]
    assert stored(signup, bo) == bo
    signup.erase(ada, evidence=COMMAND, now=NOW)
    assert everything(signup) == kept


def test_erasing_who_asked_another_address_today(signup: Signup) -> None:
    """That address gets one mail on the day, however many ask it and are erased, and is forgotten with the day."""
    for number in range(3):
        eve = active(signup, f"eve{number}@example.org")
        signup.move(eve, OTHER, evidence=MAIL, now=NOW)
        hand_over(signup)
        signup.erase(eve, evidence=MAIL, now=NOW + HOUR)
    assert [(kind, status) for kind, status, _to in mails(signup)] == [("confirm", "sent")]
    asked = known(signup, OTHER)
    assert signup.confirm(asked.id, epoch=0, evidence=MAIL, now=NOW + HOUR) is None
    midnight = dt.datetime.combine(TODAY + DAY, dt.time(), dt.UTC)
    signup.tidy(midnight)
    assert found(signup, OTHER) == asked
    signup.tidy(midnight + dt.timedelta(seconds=1))
    assert found(signup, OTHER) is None
    assert "ada@" not in str(everything(signup)).lower()


def test_an_address_that_signs_up_after_who_asked_it_was_erased(signup: Signup) -> None:
    """Its mail of the day is for its own subscription then, and it is kept as any sign-up is."""
    eve = active(signup, "eve@example.org")
    signup.move(eve, OTHER, evidence=MAIL, now=NOW)
    signup.erase(eve, evidence=MAIL, now=NOW)
    assert [status for _kind, status, _to in mails(signup)] == ["suppressed"]
    request(signup, OTHER)
    assert mails(signup) == [("confirm", "planned", OTHER)]
    signup.tidy(NOW + DAY)
    asked = known(signup, OTHER)
    assert signup.confirm(asked.id, epoch=0, evidence=MAIL, now=NOW + DAY) is not None


def test_erasing_by_link(signup: Signup) -> None:
    """The link erases once; then it, and every other link of that reader, opens nothing."""
    ada = active(signup)
    signup.leave(ada, evidence=MAIL, now=NOW, goodbye=False)
    assert erase(signup, ada, epoch=1)
    before = everything(signup)
    for epoch in range(4):
        assert not erase(signup, ada, epoch=epoch)
        assert export(signup, ada, epoch=epoch) is None
        assert signup.confirm(ada.id, epoch=epoch, evidence=MAIL, now=NOW) is None
    assert everything(signup) == before
    assert found(signup) is None


def test_mail_in_mid_air_when_erased(signup: Signup) -> None:
    """A mail that was begun, and is to be tried again, is not: there is no address any more."""
    ada = active(signup)
    signup.mail_data_links(ada, now=NOW)
    hashes = "ab" * 32
    with signup.database.write() as conn:
        (mail,) = deliveries.claim(conn, claimant="me", now=NOW, lease_until=NOW + HOUR, limit=9)
        deliveries.begin(conn, {mail.id: hashes}, claimant="me", now=NOW)
    signup.erase(ada, evidence=MAIL, now=NOW)
    later = deliveries.Result(delivery_id=mail.id, status=Status.DEFERRED, retry_at=NOW, reply="451")
    with signup.database.write() as conn:
        deliveries.settle(conn, [later], claimant="me", now=NOW)
        (again,) = deliveries.claim(conn, claimant="me", now=NOW, lease_until=NOW + HOUR, limit=9)
        assert deliveries.begin(conn, {again.id: hashes}, claimant="me", now=NOW) == set()
        deliveries.drop(conn, [again.id], claimant="me", now=NOW)
    assert mails(signup) == [("data", "suppressed", "")]


def test_erased_for_good(signup: Signup) -> None:
    """No import brings an erased address back, whatever its case; its owner's confirmation does, as someone new."""
    ada = active(signup)
    signup.erase(ada, evidence=MAIL, now=NOW)
    outcome, nobody = ask(signup, "ADA@example.org", confirmed=True)
    assert (outcome, nobody.id, nobody.state) == (Outcome.REFUSED, 0, State.LEFT)
    assert "ada@" not in str(everything(signup)).lower()
    outcome, again = ask(signup)
    assert outcome is Outcome.ASKED
    assert again.id != ada.id
    assert ask(signup, confirmed=True)[0] is Outcome.REFUSED
    assert signup.confirm(again.id, epoch=0, evidence=MAIL, now=NOW)
    assert stored(signup, again).state is State.ACTIVE
    signup.leave(again, evidence=MAIL, now=NOW, goodbye=False)
    assert ask(signup, confirmed=True)[0] is Outcome.REFUSED


def test_erasing_while_moving(signup: Signup) -> None:
    """Erased and confirmed at its new address in one moment: gone the day after, whichever came first."""
    ada = active(signup)
    signup.move(ada, OTHER, evidence=MAIL, now=NOW)
    asked = known(signup, OTHER)

    def confirm() -> object:
        return signup.confirm(asked.id, epoch=0, evidence=MAIL, now=NOW)

    def forget() -> object:
        return signup.erase(ada, evidence=COMMAND, now=NOW)  # type: ignore[func-returns-value] # for `at_once`

    given = at_once(confirm, forget, confirm)
    assert [each for each in given if isinstance(each, BaseException)] == []
    with signup.database.read() as conn:
        assert subscribers.counts(conn)[State.ACTIVE] == 0
    signup.tidy(NOW + DAY)  # an address that was asked today is forgotten when the day is over
    assert "ada@" not in str(everything(signup)).lower()


def test_dates_are_text(signup: Signup) -> None:
    """Dates come out as ISO 8601, so that the document is one that any program reads."""
    ada = active(signup)
    until = dt.date(2026, 12, 1)
    signup.pause(ada, until=until, evidence=MAIL, now=NOW)
    document = signup.export(ada.id, epoch=0, asked_s=ASKED_S, now=NOW)
    assert document is not None
    assert document["subscription"]["paused_until"] == "2026-12-01"
