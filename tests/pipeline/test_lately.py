"""The look back: which editions a digest would have drawn on, what it would have held, and that nothing is kept."""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Sequence

import pytest

from digest.deliver.delivery import Status
from digest.pipeline import lately as lookback
from digest.pipeline.lately import Lately, Recent, lately
from digest.rank.ranker import Ranker
from digest.rank.selection import EditionPaper, ReasonKind
from digest.rank.topics import Taxonomy, parse
from digest.store import deliveries, editions
from digest.store.database import Database
from digest.subscribers.subscriber import Frequency, Profile, Schedule
from tests.factories import (
    DAY,
    HOUR,
    NOW,
    TODAY,
    TOPICS,
    add_subscriber,
    clean_record,
    list_records,
    pick,
    planned,
    publish_edition,
)

TAXONOMY = parse(TOPICS)
WEEK = range(-6, 1)  # Saturday to Friday, which is today


def look(
    database: Database,
    profile: Profile | None = None,
    frequency: Frequency = Frequency.DAILY,
    *,
    now: dt.datetime = NOW,
    zone: str = "UTC",
) -> Lately:
    schedule = Schedule(frequency=frequency, zone=zone)
    return lately(database, Recent(TAXONOMY), profile or Profile(), schedule, now=now)


def titles(seen: Lately) -> list[tuple[int, list[str]]]:
    """Each digest as (days from today, titles)."""
    return [((past.date - TODAY).days, [paper.title for paper, _ in past.picks]) for past in seen.digests]


@pytest.fixture
def week(database: Database) -> Database:
    """An edition on each of the last nine days, with a kite and a bread."""
    for n in (-8, -7, *WEEK):
        publish_edition(database, f"A Kite {n}", f"Some Bread {n}", day=TODAY + n * DAY)
    return database


def test_an_empty_database(database: Database) -> None:
    """Before the first edition there is nothing to look back at."""
    for frequency in Frequency:
        assert look(database, frequency=frequency) == Lately(digests=(), editions=0)


def test_daily_has_one_digest_for_each_edition(week: Database) -> None:
    """Seven editions of seven days make seven digests, newest first, and older ones are not looked at."""
    seen = look(week, Profile(topics=("kites",)))
    assert titles(seen) == [(n, [f"A Kite {n}"]) for n in reversed(WEEK)]
    assert seen.editions == 7
    assert not any(past.upcoming for past in seen.digests)


def test_weekdays_bring_the_weekend_on_monday(week: Database) -> None:
    """Saturday's and Sunday's editions go with Monday's; the other days stand alone."""
    seen = look(week, Profile(topics=("kites",)), Frequency.WEEKDAYS)
    assert titles(seen) == [
        (0, ["A Kite 0"]),
        (-1, ["A Kite -1"]),
        (-2, ["A Kite -2"]),
        (-3, ["A Kite -3"]),
        (-4, ["A Kite -4", "A Kite -5", "A Kite -6"]),
    ]


def test_a_weekend_waits_for_a_monday_to_come(database: Database) -> None:
    """On a Sunday, the weekend's editions stand under the Monday that is not there yet."""
    for n in (0, 1, 2):
        publish_edition(database, f"A Kite {n}", day=TODAY + n * DAY)
    seen = look(database, frequency=Frequency.WEEKDAYS, now=NOW + 2 * DAY)
    assert titles(seen) == [(3, ["A Kite 2", "A Kite 1"]), (0, ["A Kite 0"])]
    assert [past.upcoming for past in seen.digests] == [True, False]


def test_weekly_is_one_digest_of_all(week: Database) -> None:
    """All editions of the week make one, dated as the newest; what is over the cap is counted."""
    seen = look(week, Profile(cap=3), Frequency.WEEKLY)
    assert [((past.date - TODAY).days, len(past.picks), past.leftover) for past in seen.digests] == [
        (0, 3, 11)
    ]
    assert seen.editions == 7


@pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "Pacific/Pago_Pago", "UTC"])
@pytest.mark.parametrize("hours", [-1, 0, 9, 21])
def test_seven_days_whatever_the_zone(week: Database, zone: str, hours: int) -> None:
    """Seven editions are looked at wherever the reader is, and at whatever hour."""
    assert look(week, zone=zone, now=NOW + hours * HOUR).editions == 7


def test_every_pick_says_why(week: Database) -> None:
    """Topics, rules and what trends each leave their reason."""
    (first, *_) = look(week, Profile(topics=("kites",), include=("bread",))).digests
    reasons = {paper.title: [(r.kind, r.label) for r in pick.reasons] for paper, pick in first.picks}
    assert reasons == {
        "A Kite 0": [(ReasonKind.TOPIC, "Kites")],
        "Some Bread 0": [(ReasonKind.KEYWORD, "bread")],
    }
    (trending, *_) = look(week).digests
    assert {r.kind for _, pick in trending.picks for r in pick.reasons} == {ReasonKind.TRENDING}


def test_a_day_that_brings_nothing_stands_empty(week: Database) -> None:
    """A digest that would not have been sent is there, without papers, to be counted."""
    seen = look(week, Profile(include=("kite -3",)))
    assert titles(seen) == [(n, [f"A Kite {n}"] if n == -3 else []) for n in reversed(WEEK)]


def test_what_was_mailed_is_shown(week: Database) -> None:
    """It shows what the choices bring: a paper that every reader was mailed is not left out."""
    before = look(week)
    with week.write() as conn:
        newest = editions.every(conn)[-1].id
        sent = tuple(pick(paper.paper_id, edition_id=newest) for paper in editions.contents(conn, [newest]))
        row = planned(add_subscriber(conn), status=Status.SENT, picks=sent, edition_id=newest)
        deliveries.plan(conn, [row], now=NOW)
    assert look(week) == before


def test_a_paper_under_two_names_comes_once(database: Database) -> None:
    """A paper that stands in two editions under two names stands once in the digest that spans both."""
    publish_edition(database, "A Kite", day=TODAY - DAY)
    publish_edition(database, "One Kite", day=TODAY)
    same = [clean_record(title, arxiv_id="2611.00001") for title in ("A Kite", "One Kite")]
    for record in same:
        with database.write() as conn:
            list_records(conn, [record], f"names of {record.record.title}", dated=TODAY)
    assert titles(look(database, frequency=Frequency.WEEKLY)) == [(0, ["One Kite"])]


def test_what_is_tried_out_is_not_kept(week: Database) -> None:
    """Wishes leave nothing in the rankers, and of the choices the last few are kept: no number of them fills the memory."""
    recent = Recent(TAXONOMY, kept=7, choices=10)
    lately(week, recent, Profile(), Schedule(), now=NOW)
    rankers = [ranker for _, ranker in recent._rankers.values()]
    known = [(len(r._wishes._met), len(r._wishes._interests._holders), len(r._picks)) for r in rankers]
    for n in range(5):
        tried = Profile(interests=(f"a kite of {n}",), include=(f"rule {n}",), exclude=(f"other {n}",))
        lately(week, recent, tried, Schedule(), now=NOW)
    assert [
        (len(r._wishes._met), len(r._wishes._interests._holders), len(r._picks)) for r in rankers
    ] == known
    assert [ranker for _, ranker in recent._rankers.values()] == rankers, "each was made once"
    assert len(recent._choices) == 10


def test_what_is_kept_is_what_would_be_found(week: Database) -> None:
    """Asked again, after others asked other things, the answer is that of a first look."""
    recent = Recent(TAXONOMY, kept=2)
    kites = Profile(topics=("kites",))
    first = lately(week, recent, kites, Schedule(), now=NOW)
    for frequency in Frequency:
        for profile in (Profile(topics=("baking",), cap=1), Profile()):
            lately(week, recent, profile, Schedule(frequency=frequency), now=NOW)
    assert lately(week, recent, kites, Schedule(), now=NOW) == first == look(week, kites)
    assert len(recent._rankers) == 2
    publish_edition(week, "A Kite of Tomorrow", day=TODAY + DAY)
    assert titles(lately(week, recent, kites, Schedule(), now=NOW + DAY))[0] == (1, ["A Kite of Tomorrow"])


def test_threads_that_look_at_once(week: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two that look back at the same papers at once have them ranked once, and see the same."""
    recent = Recent(TAXONOMY)
    made: list[Ranker] = []
    seen: list[Lately] = []

    def see() -> None:
        seen.append(lately(week, recent, Profile(), Schedule(frequency=Frequency.WEEKLY), now=NOW))

    other = threading.Thread(target=see)

    def make(papers: Sequence[EditionPaper], taxonomy: Taxonomy) -> Ranker:
        if other.ident is None:
            other.start()
            other.join(0.2)  # more than the other takes, if nothing holds it up
        made.append(Ranker(papers, taxonomy))
        return made[-1]

    monkeypatch.setattr(lookback, "Ranker", make)
    see()
    other.join(30)
    assert len(made) == 1
    assert seen[0] == seen[1]
