"""A record's keys, and what its sightings make of a paper: the same text and facts, in whatever order they come."""

from __future__ import annotations

import datetime as dt
import hashlib
from dataclasses import replace
from itertools import permutations

import pytest

from digest.ingest.paper import CleanRecord, Current, Sighting, current, is_revision
from digest.ingest.record import NO_DETAILS, Announced, Details, Record

# -- a record and its keys ----------------------------------------------------------------------------


def cleaned(title: str, abstract: str, code_url: str | None = None, *found: str) -> CleanRecord:
    record = Record(position=1, line=1, title=title, abstract=abstract, code_url=code_url)
    return CleanRecord(record=record, title="T", abstract="A", title_key="t", code_urls=found)


def test_text_is_known_by_its_raw_hash() -> None:
    """Title and abstract as given, a NUL between them; what UTF-8 cannot hold counts as a question mark."""
    assert cleaned("Kites", "They fly.").text_hash == hashlib.sha256(b"Kites\0They fly.").hexdigest()
    assert cleaned("Käse", "\ud800").text_hash == hashlib.sha256("Käse\0?".encode()).hexdigest()
    assert cleaned("a", "bc").text_hash != cleaned("ab", "c").text_hash


def test_a_repository_named_by_the_dump_goes_first() -> None:
    """Then the first link of the abstract; else there is none."""
    assert (
        cleaned("T", "A", "https://example.org/1", "https://example.org/2").code_url
        == "https://example.org/1"
    )
    assert (
        cleaned("T", "A", None, "https://example.org/2", "https://example.org/3").code_url
        == "https://example.org/2"
    )
    assert cleaned("T", "A").code_url is None


# -- which sighting gives the current text ------------------------------------------------------------

DAY = dt.date(2026, 3, 10)


def sighting(revision: int, day: int = 0, abstract: str = "Kites fly.", **facts: object) -> Sighting:
    """A sighting, `day` days after the tenth of March."""
    seen = Sighting(
        dated=DAY + dt.timedelta(days=day),
        dump_hash="b",
        position=5,
        revision_id=revision,
        title_key="kites",
        abstract=abstract,
    )
    return replace(seen, **facts)  # type: ignore[arg-type]  # fields by name


def test_one_sighting_tells_all_it_has() -> None:
    """Each fact, and its day as the first and the last."""
    details = Details(summary="In short.", version=2)
    facts = {
        "authors": ("Ada Lind",), "url": "https://example.org/p", "code_url": "https://example.org/c", "votes": 9,
        "comments": 2, "stars": 70, "doi": "10.1000/1", "details": details, "background": True,
    }  # fmt: skip
    seen = {"title_key": "kites", "first_seen": DAY, "last_seen": DAY}
    assert current([sighting(3, **facts)]) == Current(revision_id=3, **seen, **facts)  # type: ignore[arg-type] # by name
    nothing = dict.fromkeys(("url", "code_url", "votes", "comments", "stars", "doi"))
    bare = {"authors": (), **nothing, "details": NO_DETAILS, "background": False}
    assert current([sighting(3)]) == Current(revision_id=3, **seen, **bare)  # type: ignore[arg-type] # by name


def test_each_fact_is_the_newest_given() -> None:
    """What a later dump leaves out stays; nought votes are votes; one dump of history makes it known before."""
    seen = [
        sighting(
            1,
            0,
            authors=("Old",),
            url="old",
            code_url="old",
            doi="old",
            votes=5,
            comments=4,
            stars=3,
            background=True,
        ),
        sighting(
            2,
            1,
            "Other.",
            authors=("New",),
            url="new",
            code_url="new",
            doi="new",
            votes=0,
            comments=0,
            stars=0,
        ),
        sighting(3, 2, "Third."),
    ]
    for order in permutations(seen):
        assert current(order) == Current(
            revision_id=3, title_key="kites", authors=("New",), url="new", code_url="new", votes=0, comments=0,
            stars=0, doi="new", details=NO_DETAILS, first_seen=DAY, last_seen=DAY + dt.timedelta(days=2),
            background=True,
        )  # fmt: skip


def test_details_come_one_by_one() -> None:
    """Each from the greatest sighting that gives it; what none gives is not guessed."""
    moment = dt.datetime(2026, 3, 9, tzinfo=dt.UTC)
    seen = [
        sighting(1, 0, details=Details(summary="Old.", version=1, keywords=("wind",), submitted_at=moment)),
        sighting(2, 1, details=Details(summary="New.", organisation="Kite Lab")),
        sighting(3, 2),
    ]
    for order in permutations(seen):
        assert current(order).details == Details(
            summary="New.", organisation="Kite Lab", version=1, keywords=("wind",), submitted_at=moment
        )


@pytest.mark.parametrize(
    ("details", "expected"),
    [
        (Details(announced=Announced.NEW), False),
        (Details(announced=Announced.CROSS), False),
        (Details(announced=Announced.REPLACE), True),
        (Details(announced=Announced.REPLACE_CROSS), True),
        (Details(withdrawn=True), True),
    ],
)
def test_what_is_no_news(details: Details, expected: bool) -> None:
    """A new version of an old paper and a withdrawn one are known before, whatever else lists them."""
    assert current([sighting(1, details=details)]).background is expected
    assert current([sighting(1, details=details), sighting(2, 1)]).background is expected


@pytest.mark.parametrize(
    ("older", "newer"),
    [
        ({"day": 0, "dump_hash": "c", "position": 9}, {"day": 1, "dump_hash": "a", "position": 1}),
        (
            {"day": 0, "format_rank": 4, "dump_hash": "c", "position": 9},
            {"day": 1, "format_rank": 0, "dump_hash": "a", "position": 1},
        ),
        (
            {"format_rank": 0, "dump_hash": "c", "position": 9},
            {"format_rank": 1, "dump_hash": "a", "position": 1},
        ),
        ({"dump_hash": "a", "position": 9}, {"dump_hash": "b", "position": 1}),
        ({"position": 1}, {"position": 2}),
        ({"position": 9}, {"position": 10}),
    ],
)
def test_later_wins_then_the_format_then_the_hash_then_the_place(
    older: dict[str, int], newer: dict[str, int]
) -> None:
    """So every installation that holds the same dumps shows the same text, with equal text as well."""
    for texts in (("Kites fly.", "Looms weave."), ("Kites fly.", "Kites fly.")):
        seen = [
            sighting(1, abstract=texts[0], votes=1, **older),
            sighting(2, abstract=texts[1], votes=2, **newer),
        ]
        for order in permutations(seen):
            assert (current(order).revision_id, current(order).votes) == (2, 2)


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        pytest.param([("kites", "Kites fly."), ("kites", "Kites")], 0, id="a cut one keeps the longer"),
        pytest.param([("kites", "Kites fly."), ("kites", "")], 0, id="an empty one keeps the longer"),
        pytest.param([("kites", "Kites fly."), ("looms", "")], 0, id="an empty one under whatever title"),
        pytest.param([("kites", "Kites fly."), ("looms", "Kites")], 1, id="another title is no cut"),
        pytest.param([("kites", "Kites fly."), ("kites", "fly.")], 1, id="an end is no cut"),
        pytest.param([("kites", "Kites"), ("kites", "Kites fly.")], 1, id="a longer one is newer"),
        pytest.param([("kites", "Kites fly."), ("kites", "Looms weave.")], 1, id="another text is newer"),
        pytest.param(
            [("kites", "Kites fly high."), ("kites", "Kites fly."), ("kites", "Kites fly")],
            0,
            id="the longest",
        ),
        pytest.param(
            [("kites", "Kites fly low"), ("kites", "Kites fly off"), ("kites", "Kites")],
            1,
            id="of equals the later",
        ),
        pytest.param(
            [("kites", "Kites fly."), ("kites", "Looms weave."), ("kites", "Kites")],
            0,
            id="an older one it begins",
        ),
        pytest.param(
            [("looms", "Long, long ago."), ("kites", "Kites fly."), ("kites", "")],
            0,
            id="of all, where empty",
        ),
    ],
)
def test_a_cut_text_replaces_nothing(texts: list[tuple[str, str]], expected: int) -> None:
    """Texts day by day, and which of them shows; in any order of arrival."""
    seen = [sighting(number, number, text, title_key=key) for number, (key, text) in enumerate(texts)]
    for order in permutations(seen):
        assert current(order).revision_id == expected
        assert current(order).last_seen == DAY + dt.timedelta(days=len(texts) - 1)


@pytest.mark.parametrize(
    ("key", "abstract", "known", "expected"),
    [
        ("kites", "They fly.", [], True),
        ("kites", "They fly.", [("kites", "They fly.")], False),
        ("kites", "They", [("kites", "They fly.")], False),
        ("kites", "fly.", [("kites", "They fly.")], True),
        ("kites", "They fly. High.", [("kites", "They fly.")], True),
        ("looms", "They fly.", [("kites", "They fly.")], True),
        ("looms", "", [("kites", "They fly.")], False),
        ("kites", "", [("kites", "")], False),
        ("kites", "", [], True),
        ("kites", "They", [("looms", "They weave."), ("kites", "They fly.")], False),
        ("kites", "They", [("looms", "They weave."), ("kites", "Others.")], True),
    ],
)
def test_a_revision_says_something_new(
    key: str, abstract: str, known: list[tuple[str, str]], expected: bool
) -> None:
    """A text that begins a known one of the same title was cut; without any text, the title tells nothing."""
    assert is_revision(key, abstract, known) is expected
