"""Where each fact of a paper comes from: the sighting that `current` takes it from."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from digest.ingest.origins import origins
from digest.ingest.paper import Sighting, current
from digest.ingest.record import NO_DETAILS, Details

FOURTH, FIFTH, SIXTH = (dt.date(2026, 11, day) for day in (4, 5, 6))
OLD = Sighting(
    dated=FOURTH, dump_hash="ab", position=1, revision_id=1, title_key="kites", abstract="Up. And away.",
    authors=("Ada",), votes=0, code_url="https://code.example.org/kites", details=Details(submitter="ada"),
)  # fmt: skip
NEW = Sighting(dated=FIFTH, dump_hash="cd", position=1, revision_id=2, title_key="kites", abstract="Up.")


def test_a_fact_comes_from_the_greatest_sighting_that_gives_it() -> None:
    """No votes are a fact, no authors are none; what nobody gives has no origin."""
    newest = replace(NEW, dated=SIXTH, votes=0, authors=("Bea",), details=Details(version=2))
    found = origins([OLD, newest, NEW])
    assert {name: sighting.dated for name, sighting in found.items()} == {
        "title": FOURTH,
        "abstract": FOURTH,
        "authors": SIXTH,
        "code_url": FOURTH,
        "votes": SIXTH,
        "submitter": FOURTH,
        "version": SIXTH,
    }


def test_a_paper_without_abstract_has_none_from_anywhere() -> None:
    """Its title has an origin all the same."""
    assert origins([replace(NEW, abstract="")]).keys() == {"title"}


sightings = st.lists(
    st.builds(
        Sighting,
        dated=st.dates(FOURTH, SIXTH),
        format_rank=st.integers(0, 2),
        dump_hash=st.sampled_from(["ab", "cd"]),
        position=st.integers(1, 9),
        revision_id=st.just(0),
        title_key=st.sampled_from(["kites", "looms"]),
        abstract=st.sampled_from(["", "Up.", "Up. And away."]),
        authors=st.sampled_from([(), ("Ada",), ("Bea",)]),
        url=st.sampled_from([None, "https://example.org"]),
        code_url=st.none(),
        votes=st.one_of(st.none(), st.integers(0, 3)),
        comments=st.one_of(st.none(), st.integers(0, 3)),
        stars=st.none(),
        doi=st.sampled_from([None, "10.1/a", "10.1/b"]),
        details=st.builds(Details, summary=st.sampled_from(["", "s", "t"]), version=st.sampled_from([None, 1, 2])),
    ).map(lambda s: replace(s, revision_id=1 + ["", "Up.", "Up. And away."].index(s.abstract) * 2 + (s.title_key == "looms"))),
    min_size=1,
    max_size=6,
    unique_by=lambda sighting: (sighting.dump_hash, sighting.position),
)  # fmt: skip


@given(sightings, st.randoms(use_true_random=False))
def test_origins_are_what_is_shown(seen: list[Sighting], chance: object) -> None:
    """For any sightings in any order, each fact shown is that of its origin, and what has no origin is not shown."""
    shown, found = current(seen), origins(seen)
    assert found["title"].revision_id == shown.revision_id
    for name in ("authors", "url", "code_url", "votes", "comments", "stars", "doi"):
        assert getattr(shown, name) == (
            getattr(found[name], name) if name in found else type(getattr(shown, name))()
        )
    for name in ("summary", "version", "keywords"):
        given_there = getattr(found[name].details, name) if name in found else getattr(NO_DETAILS, name)
        assert getattr(shown.details, name) == given_there
    chance.shuffle(seen)  # type: ignore[attr-defined] # a random.Random
    assert origins(seen) == found
