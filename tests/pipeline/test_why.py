"""Why: the funnel of a reader's date adds up, and each paper has one stage at which it left the way."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from digest.pipeline.ingest import IngestOptions
from digest.pipeline.why import Funnel, stage_of, why
from digest.rank.selection import Stage
from digest.store import papers, subscribers
from digest.store.database import Database
from digest.subscribers.subscriber import Frequency, Profile, Schedule, State, Subscriber
from digest.wiring import App
from tests.factories import DAY, NOW, TODAY, Clock, add_subscriber, make_app, raw_dump

CHOICES = Profile(topics=("kites",), exclude=("paper kite",), cap=2)


@pytest.fixture
def app(database: Database, tmp_path: Path, clock: Clock) -> App:
    return make_app(database, tmp_path, clock=clock)


def reader(app: App, profile: Profile = CHOICES, **values: object) -> Subscriber:
    with app.database.write() as conn:
        return add_subscriber(conn, profile=profile, now=app.clock(), **values)  # type: ignore[arg-type] # checked there


def feed(app: App, *rows: dict[str, object] | str, day: dt.date = TODAY) -> None:
    app.ingest([raw_dump(rows, name=f"{day}-{rows}", day=day, modified_at=app.clock())], IngestOptions())


def ask(app: App, who: Subscriber, on: dt.date | None = None) -> Funnel:
    with app.database.read() as conn:
        found = subscribers.get(conn, who.id)
    assert found is not None
    return why(app.database, app.rankers, found, now=app.clock(), on=on)


def paper_id(app: App, title: str) -> int:
    with app.database.read() as conn:
        return next(paper.id for paper in papers.every(conn) if paper.title == title)


def stages(app: App, funnel: Funnel, *titles: str) -> list[str]:
    return [stage_of(app.database, funnel, paper_id(app, title))[1] for title in titles]


EDITION = ("Kite One", "Kite Two", "Kite Three", "A Paper Kite", "On Bread", "A Boat")


def test_the_funnel_of_a_mailed_date(app: App) -> None:
    """Fetched, new, matched, below the bar and mailed are counted; each paper has its stage and reasons."""
    feed(app, *EDITION)
    who = reader(app)
    app.publish()
    app.plan()
    app.deliver()
    funnel = ask(app, who)
    assert (funnel.date, funnel.outcome, funnel.reason) == (TODAY, "sent", None)
    assert funnel.reply == "dot 250 2.0.0 remembered"
    counts = (
        funnel.fetched,
        funnel.new,
        funnel.matched,
        funnel.already_sent,
        funnel.below_bar,
        funnel.mailed,
    )
    assert counts == (6, 6, 3, 0, 1, 2)
    by_stage = [placement.stage for placement in funnel.placements]
    assert by_stage == [Stage.MAILED] * 2 + [Stage.BELOW_BAR] + [Stage.NOT_MATCHED] * 2 + [Stage.EXCLUDED]
    assert stages(app, funnel, "On Bread", "A Boat", "A Paper Kite") == [
        "not_matched",
        "not_matched",
        "excluded",
    ]
    assert all(p.reasons for p in funnel.placements if p.stage in (Stage.MAILED, Stage.EXCLUDED))


def test_before_and_without_a_plan(app: App, clock: Clock) -> None:
    """What would be mailed is shown as such, and counted as not mailed; the outcome says what is missing."""
    feed(app, *EDITION)
    who = reader(app, schedule=Schedule(hour=9))
    funnel = ask(app, who)
    assert (funnel.outcome, funnel.reason, funnel.new) == ("nothing planned", "nothing_new", 0)
    app.publish()
    funnel = ask(app, who)
    assert (funnel.outcome, funnel.reason) == ("not planned yet", "due 2026-11-20 09:00 UTC")
    assert (funnel.matched, funnel.mailed) == (3, 0)
    assert funnel.placements[0].stage is Stage.MAILED


@pytest.mark.parametrize(
    ("state", "outcome", "reason"),
    [
        (State.PAUSED, "skipped", "paused"),
        (State.SUPPRESSED, "skipped", "suppressed"),
        (State.PENDING, "nothing planned", "pending"),
        (State.LEFT, "nothing planned", "left"),
    ],
)
def test_who_is_not_mailed(app: App, state: State, outcome: str, reason: str) -> None:
    """A skip, and whoever is never planned, is told by reason; nothing counts as mailed."""
    feed(app, *EDITION)
    who = reader(app, state=state, due_at=NOW)
    app.publish()
    app.plan()
    funnel = ask(app, who)
    assert (funnel.outcome, funnel.reason, funnel.mailed) == (outcome, reason, 0)


def test_waiting(app: App, clock: Clock) -> None:
    """Due with nothing to send is told as waiting, until midnight makes it a skip."""
    feed(app, "On Bread")
    who = reader(app)
    app.publish()
    app.plan()
    funnel = ask(app, who)
    assert (funnel.outcome, funnel.reason, funnel.matched) == ("waiting", "nothing_matched", 0)
    clock.advance(hours=16)
    app.plan()
    funnel = ask(app, who, TODAY)
    assert (funnel.outcome, funnel.reason, funnel.new) == ("skipped", "nothing_matched", 1)


def test_the_mail_is_told_as_it_was_frozen(app: App) -> None:
    """New choices change nothing of what was mailed: it stays mailed, and nothing else becomes so."""
    feed(app, *EDITION)
    who = reader(app)
    app.publish()
    app.plan()
    mailed = [p.paper.title for p in ask(app, who).placements if p.stage is Stage.MAILED]
    app.signup.change(who, profile=Profile(topics=("baking",)), schedule=who.schedule, now=NOW)
    funnel = ask(app, who)
    assert sorted(p.paper.title for p in funnel.placements if p.stage is Stage.MAILED) == sorted(mailed)
    assert funnel.mailed == 2
    assert stages(app, funnel, "On Bread") == ["below_bar"]


def test_a_date_gone_by(app: App, clock: Clock) -> None:
    """An earlier date is told by its own edition, not by today's."""
    feed(app, "Kite One")
    who = reader(app)
    app.publish()
    app.plan()
    clock.advance(days=1)
    feed(app, "Kite Two", day=TODAY + DAY)
    app.publish()
    app.plan()
    assert [p.paper.title for p in ask(app, who, TODAY).placements] == ["Kite One"]
    today = ask(app, who)
    assert today.date == TODAY + DAY
    assert [p.paper.title for p in today.placements] == ["Kite Two"]
    assert (ask(app, who, TODAY).fetched, today.fetched) == (1, 1)


def test_a_weekly_date(app: App, clock: Clock) -> None:
    """A digest of several editions is told by all of them."""
    who = reader(app, Profile(), schedule=Schedule(frequency=Frequency.WEEKLY, weekday=4))
    feed(app, "Kite One")
    app.publish()
    app.plan()
    app.deliver()
    for number in range(1, 8):
        clock.advance(days=1)
        feed(app, f"Boat {number}", day=TODAY + number * DAY)
        app.publish()
    app.plan()
    funnel = ask(app, who)
    assert (funnel.new, funnel.mailed, funnel.fetched) == (7, 7, 7)


def test_where_a_paper_is_when_no_edition_of_the_date_holds_it(app: App, clock: Clock) -> None:
    """Background, not yet published, in another edition, unknown: each is told."""
    who = reader(app, Profile())
    feed(app, "An Old Kite", day=TODAY - 30 * DAY)
    feed(app, "Yesterday's Kite", day=TODAY - DAY)
    clock.now = NOW - DAY
    app.publish()
    clock.now = NOW
    feed(app, "Today's Kite")
    app.publish()
    app.plan()
    feed(app, "A Late Kite")
    funnel = ask(app, who)
    titles = ("An Old Kite", "Yesterday's Kite", "Today's Kite", "A Late Kite")
    assert stages(app, funnel, *titles) == [
        "background",
        f"in the edition of {TODAY - DAY}",
        "mailed",
        "not published yet",
    ]
    assert stage_of(app.database, funnel, 9_999) == (None, "unknown", None)


def test_a_merged_paper(app: App, clock: Clock) -> None:
    """A paper that was mailed under another name is found by either of its ids."""
    text = (
        "A Kite Without an Id\n\n" + "We fly kites, and bake bread, in three winds and two ovens. " * 8 + "\n"
    )
    app.ingest([raw_dump(text.encode(), name="text")], IngestOptions())
    who = reader(app, Profile())
    app.publish()
    app.plan()
    old = paper_id(app, "A Kite Without an Id")
    feed(app, {"title": "The Kite Renamed", "id": "2611.00001"})
    feed(app, {"title": "A Kite Without an Id", "id": "2611.00001"}, day=TODAY + DAY)
    new = paper_id(app, "A Kite Without an Id")
    assert new != old
    funnel = ask(app, who)
    for name in (old, new):
        found, stage, placement = stage_of(app.database, funnel, name)
        assert found is not None
        assert placement is not None
        assert (found.id, stage) == (new, "mailed")
    clock.advance(days=1)
    feed(app, "A Boat", day=TODAY + DAY)
    app.publish()
    app.plan()
    funnel = ask(app, who)
    assert [stage_of(app.database, funnel, name)[1] for name in (old, new)] == [
        f"in the edition of {TODAY}"
    ] * 2


def test_already_sent(app: App, clock: Clock) -> None:
    """A paper that comes again under another name counts as matched and already sent."""
    text = (
        "A Kite Without an Id\n\n" + "We fly kites, and bake bread, in three winds and two ovens. " * 8 + "\n"
    )
    app.ingest([raw_dump(text.encode(), name="text")], IngestOptions())
    who = reader(app, Profile())
    app.publish()
    app.plan()
    app.deliver()
    feed(app, {"title": "The Kite Renamed", "id": "2611.00001"}, "A Boat")
    clock.advance(days=1)
    app.publish()
    feed(app, {"title": "A Kite Without an Id", "id": "2611.00001"}, day=TODAY + DAY)
    app.plan()
    funnel = ask(app, who)
    assert (funnel.matched, funnel.already_sent, funnel.mailed) == (2, 1, 1)
