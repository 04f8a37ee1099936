"""What a day brings by itself: unanswered sign-ups go, addresses of requests go, pauses end."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import pytest

from digest.signup import Signup, Tidied, tidy
from digest.store import subscribers
from digest.subscribers.consent import Consent, Event, Evidence
from digest.subscribers.subscriber import Profile, Schedule, State, Subscriber
from tests.factories import DAY, HOUR, NOW, TODAY, publish_edition
from tests.signup.lives import (
    MAIL,
    OTHER,
    active,
    ask,
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

SECOND = dt.timedelta(seconds=1)
NOTHING = Tidied(purged=0, forgotten_ips=0, resumed=0)


def pauses(signup: Signup, name: str, until: dt.date | None, zone: str = "UTC") -> Subscriber:
    """Someone who pauses until a date of their zone."""
    reader = ask(signup, f"{name}@example.org", confirmed=True, schedule=Schedule(zone=zone))[1]
    signup.pause(reader, until=until, evidence=MAIL, now=NOW)
    return reader


def test_who_never_confirmed_is_forgotten(signup: Signup) -> None:
    """A sign-up that was not confirmed in seven days is blanked, as if never made; the ledger still balances."""
    request(signup)
    ada = known(signup)
    hand_over(signup)
    assert signup.tidy(NOW + 7 * DAY) == NOTHING
    assert signup.tidy(NOW + 7 * DAY + SECOND) == replace(NOTHING, purged=1)
    kept = everything(signup)
    for trace in ("ada@", "kites", "192.0.2.7"):
        assert trace not in str(kept).lower()
    assert kept["suppressions"] == []
    assert mails(signup) == [("confirm", "sent", "")]
    assert signup.confirm(ada.id, epoch=0, evidence=MAIL, now=NOW + 8 * DAY) is None
    assert signup.tidy(NOW + 8 * DAY) == NOTHING
    request(signup, now=NOW + 8 * DAY)
    assert known(signup).id != ada.id


def test_an_unsent_mail_of_who_is_forgotten(signup: Signup) -> None:
    """A mail to confirm that still waits goes no more."""
    request(signup)
    signup.tidy(NOW + 8 * DAY)
    assert mails(signup) == [("confirm", "suppressed", "")]


def test_who_asked_again_is_not(signup: Signup) -> None:
    """The days count from when they asked last."""
    request(signup)
    request(signup, now=NOW + 6 * DAY)
    assert signup.tidy(NOW + 8 * DAY) == NOTHING
    signup.renew(known(signup).id, evidence=MAIL, now=NOW + 12 * DAY)
    assert signup.tidy(NOW + 18 * DAY) == NOTHING
    assert signup.tidy(NOW + 20 * DAY).purged == 1


@pytest.mark.parametrize("state", [state for state in State if state is not State.PENDING])
def test_nobody_else_is_forgotten(signup: Signup, state: State) -> None:
    """Only who is pending is forgotten: not who is subscribed, paused, suppressed, or has left."""
    request(signup)
    ada = known(signup)
    with signup.database.write() as conn:
        subscribers.change(conn, ada.id, state=state)
    assert signup.tidy(NOW + 20 * DAY) == NOTHING
    assert found(signup) == replace(ada, state=state)


def test_who_left_and_asked_is_still_barred(signup: Signup) -> None:
    """Forgetting a sign-up of who had left opens no door to imports."""
    signup.leave(active(signup), evidence=MAIL, now=NOW)
    request(signup)
    assert signup.tidy(NOW + 8 * DAY).purged == 1
    assert str(ask(signup, confirmed=True)[0]) == "refused"


def test_periods_are_settings(signup: Signup) -> None:
    """Both periods may be others."""
    short = replace(signup, pending_for=DAY, keep_ip_for=2 * DAY)
    request(signup)
    signup.confirm(known(signup).id, epoch=0, evidence=MAIL, now=NOW)
    request(signup, OTHER)
    assert short.tidy(NOW + DAY + SECOND) == replace(NOTHING, purged=1)
    assert short.tidy(NOW + 2 * DAY + SECOND) == replace(NOTHING, forgotten_ips=1)


def test_from_where_was_asked_is_forgotten(signup: Signup) -> None:
    """After thirty days the record says no more from where; when, what and to which text stays."""
    request(signup)
    ada = known(signup)
    seen = Evidence(method="mail", ip="2001:db8::7")
    signup.confirm(ada.id, epoch=0, evidence=seen, now=NOW + DAY)
    assert signup.tidy(NOW + 30 * DAY) == NOTHING
    assert signup.tidy(NOW + 30 * DAY + SECOND) == replace(NOTHING, forgotten_ips=1)
    assert record(signup, ada) == [
        Consent(at=NOW, event=Event.ASKED, evidence=Evidence(method="web", text_version="t")),
        Consent(at=NOW + DAY, event=Event.CONFIRMED, evidence=seen),
    ]
    assert signup.tidy(NOW + 40 * DAY) == replace(NOTHING, forgotten_ips=1)
    assert signup.tidy(NOW + 40 * DAY) == NOTHING


def test_old_uses_are_forgotten(signup: Signup) -> None:
    """Which links were opened is kept for longer than they open, and no longer."""
    ada = active(signup)
    assert signup.export(ada.id, epoch=0, asked_s=1, now=NOW) is not None
    signup.tidy(NOW + 7 * DAY)
    assert len(everything(signup)["uses"]) == 1
    signup.tidy(NOW + 7 * DAY + SECOND)
    assert everything(signup)["uses"] == []


@pytest.mark.parametrize(
    ("zone", "until", "now", "ends"),
    [
        ("UTC", TODAY, NOW, True),
        ("UTC", TODAY - DAY, NOW, True),
        ("UTC", TODAY + DAY, NOW, False),
        ("UTC", None, NOW, False),
        ("Pacific/Kiritimati", TODAY + DAY, NOW + 2 * HOUR, True),
        ("Pacific/Kiritimati", TODAY + DAY, NOW + 2 * HOUR - SECOND, False),
        ("Pacific/Midway", TODAY, NOW + 3 * HOUR - SECOND, False),
        ("Pacific/Midway", TODAY, NOW + 3 * HOUR, True),
    ],
)
def test_a_pause_ends(signup: Signup, zone: str, until: dt.date | None, now: dt.datetime, ends: bool) -> None:
    """A pause ends when its day has come where the reader is, to the second, and is written down as such."""
    ada = pauses(signup, "ada", until, zone)
    assert signup.tidy(now) == replace(NOTHING, resumed=int(ends))
    after = stored(signup, ada)
    if not ends:
        assert (after.state, after.paused_until) == (State.PAUSED, until)
        return
    assert after == ada
    assert record(signup, ada)[-1] == Consent(at=now, event=Event.RESUMED, evidence=Evidence(method="date"))
    assert signup.tidy(now + DAY) == NOTHING


def test_after_a_pause_that_ended(signup: Signup) -> None:
    """The newest edition is next, at the hour chosen."""
    edition = publish_edition(signup.database, "On Kites")
    ada = pauses(signup, "ada", TODAY + DAY)
    with signup.database.write() as conn:
        subscribers.change(conn, ada.id, cursor_edition_id=edition, last_date=TODAY, last_mailed_at=NOW)
    midnight = dt.datetime(2026, 11, 21, tzinfo=dt.UTC)
    signup.tidy(midnight)
    after = standing(signup, ada)
    assert (after.cursor_edition_id, after.due_at) == (None, midnight + 7 * HOUR)


def test_batches(signup: Signup, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many there are, all are tidied up, some at a time."""
    monkeypatch.setattr(tidy, "_BATCH", 2)
    monkeypatch.setattr(tidy, "_FEW", 2)
    for number in range(5):
        request(signup, f"pending{number}@example.org", profile=Profile())
        pauses(signup, f"paused{number}", TODAY)
    assert signup.tidy(NOW + 31 * DAY) == Tidied(purged=5, forgotten_ips=0, resumed=5)
    with signup.database.read() as conn:
        counts = subscribers.counts(conn)
    assert (counts[State.PENDING], counts[State.ACTIVE]) == (0, 5)


def meanwhile(monkeypatch: pytest.MonkeyPatch, act: Callable[[], object]) -> None:
    """Let something happen between the look at who is due and the deed."""
    chunks = tidy._chunks

    def interrupted(ids: Sequence[int], size: int) -> Iterator[Sequence[int]]:
        if ids:
            act()
        return chunks(ids, size)

    monkeypatch.setattr(tidy, "_chunks", interrupted)


def test_who_confirms_at_the_last_moment(signup: Signup, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who confirms after they were found to be forgotten is not."""
    request(signup, evidence=MAIL)
    ada = known(signup)
    meanwhile(monkeypatch, lambda: signup.confirm(ada.id, epoch=0, evidence=MAIL, now=NOW))
    assert signup.tidy(NOW + 8 * DAY) == NOTHING
    assert stored(signup, ada) == replace(ada, state=State.ACTIVE, confirmed_at=NOW)


def test_who_pauses_on_at_the_last_moment(signup: Signup, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who pauses for longer, or leaves, after they were found to be back is not brought back."""
    ada, bo, cy = (pauses(signup, name, TODAY) for name in ("ada", "bo", "cy"))

    def act() -> None:
        signup.pause(ada, until=TODAY + 9 * DAY, evidence=MAIL, now=NOW)
        signup.pause(bo, evidence=MAIL, now=NOW)
        signup.leave(cy, evidence=MAIL, now=NOW)

    meanwhile(monkeypatch, act)
    assert signup.tidy(NOW) == NOTHING
    assert [stored(signup, each).state for each in (ada, bo, cy)] == [State.PAUSED, State.PAUSED, State.LEFT]
