"""A paper's history: series, gains and events, whatever the order of the listings."""

from __future__ import annotations

import datetime as dt
from math import log10

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digest.ingest.history import (
    Day,
    Event,
    EventKind,
    Gain,
    Listing,
    Span,
    events,
    gain_per_day,
    gain_since,
    series,
)
from digest.ingest.record import Announced, Details
from digest.rank.trend import Seen, Weights, trend

THIRD, FOURTH, FIFTH, SIXTH = (dt.date(2026, 11, day) for day in (3, 4, 5, 6))


def listing(day: dt.date = FOURTH, /, **values: object) -> Listing:
    given = {"dump_hash": "ab", "position": 1, "revision_hash": "r1", "title_key": "kites", "abstract": "Up."}
    return Listing(day=day, **{**given, **values})  # type: ignore[arg-type] # checked by the dataclass


#: The worked example of `series`.
VOTES = [
    listing(FOURTH, votes=10),
    listing(FOURTH, votes=12, dump_hash="cd"),
    listing(FIFTH),
    listing(SIXTH, votes=30),
]


def test_a_day_gives_its_fewest_and_its_most() -> None:
    """As in the worked example; a day whose dumps give no count has none."""
    assert series(VOTES) == (
        Day(day=FOURTH, votes=Span(least=10, most=12)),
        Day(day=FIFTH),
        Day(day=SIXTH, votes=Span(least=30, most=30)),
    )
    assert series([]) == ()


def test_each_count_is_a_series_of_its_own() -> None:
    """Comments and stars beside votes."""
    [day] = series([listing(votes=1, comments=2, stars=3), listing(comments=5, stars=0, dump_hash="cd")])
    assert day == Day(
        day=FOURTH, votes=Span(least=1, most=1), comments=Span(least=2, most=5), stars=Span(least=0, most=3)
    )


@pytest.mark.parametrize(
    ("listed", "gain"),
    [
        ([], None),
        ([listing()], None),
        ([listing(votes=7)], 0.0),
        ([listing(votes=10), listing(votes=12)], 2.0),
        (VOTES, 10.0),
        ([listing(FOURTH, votes=10), listing(FIFTH, votes=4)], 0.0),
        ([listing(FOURTH, votes=10), listing(FIFTH, votes=13)], 3.0),
    ],
)
def test_gain_per_day(listed: list[Listing], gain: float | None) -> None:
    """From the fewest of the first day to the most of the last; lost votes are no gain, unknown ones none at all."""
    assert gain_per_day(series(listed)) == Gain(votes=gain)


@pytest.mark.parametrize(
    ("day", "gain"),
    [(THIRD, 20.0), (FOURTH, 18.0), (FIFTH, 18.0), (SIXTH, 0.0), (SIXTH + (SIXTH - FIFTH), 0.0)],
)
def test_gain_since_a_day(day: dt.date, gain: float) -> None:
    """As in the worked example."""
    assert gain_since(series(VOTES), day) == Gain(votes=gain)


def test_gain_since_counts_each_count_apart() -> None:
    """Lost stars are no gain, comments that are not known are none."""
    days = series([listing(FOURTH, votes=1, stars=9), listing(FIFTH, votes=4, stars=3)])
    assert gain_since(days, FOURTH) == Gain(votes=3.0, stars=0.0)
    assert gain_since((), FOURTH) == Gain()


counts = st.one_of(st.none(), st.integers(0, 500))
listings = st.lists(
    st.builds(
        listing,
        st.dates(THIRD, SIXTH),
        votes=counts,
        stars=counts,
        dump_hash=st.sampled_from(["ab", "cd", "ef"]),
        position=st.integers(1, 3),
        code_url=st.sampled_from([None, "https://a.example.org", "https://b.example.org"]),
        title_key=st.sampled_from(["kites", "looms"]),
        abstract=st.sampled_from(["", "Up.", "Up. And down.", "Away."]),
        revision_hash=st.sampled_from(["r1", "r2"]),
        source=st.sampled_from(["api", "folder"]),
        details=st.builds(
            Details,
            version=st.sampled_from([None, 1, 2, 3]),
            announced=st.sampled_from([None, Announced.NEW, Announced.REPLACE]),
            withdrawn=st.booleans(),
        ),
    ),
    max_size=8,
)


@given(listings, st.randoms(use_true_random=False))
def test_the_order_of_arrival_makes_no_difference(listed: list[Listing], chance: object) -> None:
    """Neither to the series nor to the events; nor does a listing that is given twice."""
    shuffled = listed + listed[:2]
    chance.shuffle(shuffled)  # type: ignore[attr-defined] # a random.Random
    assert series(shuffled) == series(listed)
    assert events(shuffled) == events(listed)


@given(listings)
def test_the_gain_is_the_one_that_trends_weigh(listed: list[Listing]) -> None:
    """A trend of gain alone, taken on the last day with votes, is its logarithm."""
    gained = gain_per_day(series(listed)).votes
    voted = [one.day for one in listed if one.votes is not None]
    seen = [
        Seen(day=one.day, position=one.position, votes=one.votes) for one in listed if one.votes is not None
    ]
    found = trend(seen, day=max(voted, default=SIXTH), weights=Weights(position=0, votes=0, gain=1))
    assert found == pytest.approx(log10(1 + (gained or 0)), abs=1e-6)


@given(listings)
def test_gains_are_never_below_zero(listed: list[Listing]) -> None:
    """And nothing is gained since the last day."""
    days = series(listed)
    for name in ("votes", "comments", "stars"):
        known = [one for one in listed if getattr(one, name) is not None]
        gains = [
            getattr(gain, name)
            for gain in (gain_per_day(days), *(gain_since(days, d) for d in (THIRD, FIFTH)))
        ]
        assert all((gain is None) == (not known) and (gain is None or gain >= 0) for gain in gains)
        assert not getattr(gain_since(days, SIXTH), name)


# -- events -------------------------------------------------------------------------------------------------


def told(*listed: Listing, editions: tuple[dt.date, ...] = ()) -> list[tuple[int, str, str]]:
    return [(event.day.day, str(event.kind), event.text) for event in events(listed, editions)]


def test_nothing_seen_is_no_event() -> None:
    """A paper without listings has no history but its editions."""
    assert events([]) == ()
    assert events([], [FIFTH]) == (Event(day=FIFTH, kind=EventKind.EDITION),)


def test_the_first_day_tells_who_listed_it_and_no_more() -> None:
    """Each source once; code, version and text that came with the paper are no news."""
    first = listing(source="api", code_url="https://a.example.org", details=Details(version=3))
    assert told(first, listing(source="folder", dump_hash="cd", abstract="Other."), listing(FIFTH)) == [
        (4, "seen", "api, folder")
    ]


def test_a_later_link_to_code_is_an_event() -> None:
    """On the first day that has it, and once."""
    later = [listing(day, code_url="https://a.example.org", dump_hash=f"{day.day}") for day in (FIFTH, SIXTH)]
    assert told(listing(), *later)[1:] == [(5, "code", "https://a.example.org")]


def version(day: dt.date, number: int | None, announced: Announced | None = None) -> Listing:
    return listing(day, details=Details(version=number, announced=announced), dump_hash=f"{day}")


@pytest.mark.parametrize(
    ("listed", "found"),
    [
        ([version(FOURTH, 1), version(FIFTH, 2)], [(5, "v2")]),
        ([version(FOURTH, 1), version(FIFTH, 3), version(SIXTH, 2)], [(5, "v3")]),
        ([version(FOURTH, 2), version(FIFTH, 2)], []),
        ([version(FOURTH, None), version(FIFTH, 2)], []),
        ([version(FOURTH, None), version(FIFTH, 2, Announced.REPLACE)], [(5, "v2")]),
        ([version(FOURTH, None), version(FIFTH, 2, Announced.REPLACE_CROSS), version(SIXTH, 3)], [(5, "v2"), (6, "v3")]),
        ([version(FOURTH, 2, Announced.REPLACE)], []),
        ([version(FOURTH, 1), version(FIFTH, None, Announced.REPLACE)], []),
    ],
)  # fmt: skip
def test_versions(listed: list[Listing], found: list[tuple[int, str]]) -> None:
    """New where a lower one was known, or where arXiv announces that it replaces one; a number is never guessed."""
    assert [(day, text) for day, kind, text in told(*listed) if kind == "version"] == found


def test_withdrawn_is_told_once() -> None:
    """On the day it was first seen so, the first day of all included."""
    withdrawn = [listing(day, details=Details(withdrawn=True), dump_hash=f"{day}") for day in (FIFTH, SIXTH)]
    assert told(listing(), *withdrawn)[1:] == [(5, "withdrawn", "")]
    assert told(*withdrawn) == [(5, "seen", ""), (5, "withdrawn", "")]


@pytest.mark.parametrize(
    ("listed", "found"),
    [
        ([("kites", "Up."), ("kites", "Up.")], []),
        ([("kites", "Up."), ("kites", "Down.")], [(5, "r5")]),
        ([("kites", "Up."), ("looms", "Up.")], [(5, "r5")]),
        ([("kites", "Up. And away."), ("kites", "Up.")], []),
        ([("kites", "Up."), ("kites", "Up. And away.")], []),
        ([("kites", ""), ("kites", "Up."), ("kites", "Down.")], [(6, "r6")]),
        ([("kites", "Up."), ("kites", "Down."), ("kites", "Up.")], [(5, "r5")]),
        ([("kites", "Up."), ("looms", ""), ("kites", "")], [(5, "r5")]),
    ],
)
def test_texts(listed: list[tuple[str, str]], found: list[tuple[int, str]]) -> None:
    """Another title or abstract is told by its hash; a text cut, made whole or come again is not."""
    texts = [
        listing(day, title_key=key, abstract=abstract, revision_hash=f"r{day.day}")
        for day, (key, abstract) in zip((FOURTH, FIFTH, SIXTH), listed, strict=False)
    ]
    assert [(day, text) for day, kind, text in told(*texts) if kind == "revised"] == found


def test_a_text_and_what_it_was_cut_to_are_one_event() -> None:
    """On one day, whichever dump comes first."""
    whole = listing(FIFTH, abstract="Down. And away.", revision_hash="whole")
    cut = listing(FIFTH, abstract="Down.", revision_hash="cut", dump_hash="cd")
    assert told(listing(), whole, cut)[1:] == told(listing(), cut, whole)[1:] == [(5, "revised", "whole")]


def test_editions_stand_last_on_their_day() -> None:
    """A paper enters an edition after it was seen."""
    assert told(listing(), listing(FIFTH, code_url="https://a.example.org"), editions=(FIFTH, FOURTH)) == [
        (4, "seen", ""),
        (4, "edition", ""),
        (5, "code", "https://a.example.org"),
        (5, "edition", ""),
    ]
