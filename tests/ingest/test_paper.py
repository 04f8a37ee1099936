"""Knowing papers: the same records and sightings give the same papers and texts, in whatever order they come."""

from __future__ import annotations

import datetime as dt
import hashlib
from dataclasses import replace
from itertools import combinations_with_replacement, count, permutations

import pytest

from digest.ingest.paper import CleanRecord, Current, Names, Sighting, current, is_revision
from digest.ingest.record import Record

LOW, HIGH = "2601.00001", "2611.00009"

#: An arXiv id, or None, and a title key.
Name = tuple[str | None, str]


def names() -> Names:
    """Nothing known yet; new papers are -1, -2, …, as the store counts its provisional ones."""
    numbers = count(-1, -1)
    return Names(create=lambda: next(numbers))


def place(known: Names, *listed: Name) -> list[int]:
    return [known.place(arxiv_id=arxiv, title_key=key) for arxiv, key in listed]


# -- which record is which paper ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("listed", "expected"),
    [
        ([(None, "kites"), (None, "kites")], [-1, -1]),
        ([(None, "kites"), (None, "looms")], [-1, -2]),
        ([(LOW, "kites"), (LOW, "looms")], [-1, -1]),
        ([(LOW, "kites"), (HIGH, "kites")], [-1, -2]),
        ([(None, "kites"), (LOW, "kites")], [-1, -1]),
        ([(None, "kites"), (LOW, "looms")], [-1, -2]),
        ([(LOW, "kites"), (None, "kites")], [-1, -1]),
        ([(LOW, "kites"), (LOW, "looms"), (None, "looms")], [-1, -1, -1]),
        ([(None, "kites"), (HIGH, "kites"), (LOW, "kites")], [-1, -1, -2]),
        ([(HIGH, "kites"), (LOW, "kites"), (None, "kites")], [-1, -2, -2]),
        ([(LOW, "kites"), (HIGH, "kites"), (None, "kites")], [-1, -2, -1]),
        ([(None, "kites"), (LOW, "looms"), (LOW, "kites"), (None, "kites")], [-1, -2, -2, -2]),
        ([(LOW, "kites"), (None, "kites"), (HIGH, "kites"), (LOW, "looms")], [-1, -1, -2, -1]),
    ],
)
def test_a_record_finds_its_paper(listed: list[Name], expected: list[int]) -> None:
    """By its id, else by a title that no id has claimed; without an id, with the smallest id of its title."""
    assert place(names(), *listed) == expected


def test_what_is_learnt_of_a_record() -> None:
    """Its id, its title with the id beside it, and which paper gained an id; a second sighting changes nothing."""
    known = names()
    place(known, (None, "kites"), (None, "looms"), (LOW, "kites"))
    learnt = ({LOW: -1}, {"kites": {-1: LOW}, "looms": {-2: None}}, {-1: LOW})
    assert (known.by_arxiv, known.by_title, known.adopted) == learnt
    place(known, (None, "kites"), (None, "looms"), (LOW, "kites"))
    assert (known.by_arxiv, known.by_title, known.adopted) == learnt


def test_a_paper_made_with_its_id_adopts_nothing() -> None:
    """Only what was known by title alone gains an id."""
    known = names()
    place(known, (LOW, "kites"), (HIGH, "kites"), (LOW, "looms"))
    assert known.adopted == {}
    assert known.by_title == {"kites": {-1: LOW, -2: HIGH}, "looms": {-1: LOW}}


def test_only_the_paper_without_id_adopts_one() -> None:
    """It is found behind those of its title that have an id of their own."""
    known = names()
    known.by_title["kites"] = {1: LOW, 2: None, 3: None}
    known.by_arxiv[LOW] = 1
    assert place(known, (HIGH, "kites")) == [2]
    assert known.adopted == {2: HIGH}
    assert known.by_title["kites"] == {1: LOW, 2: HIGH, 3: None}


@pytest.mark.parametrize(
    ("papers", "expected"),
    [
        ({}, None),
        ({7: None}, 7),
        ({7: LOW}, 7),
        ({1: HIGH, 2: LOW}, 2),
        ({2: LOW, 1: HIGH}, 2),
        ({1: None, 2: HIGH}, 2),
        ({1: None, 2: HIGH, 3: LOW}, 3),
        ({5: None, 4: None}, 4),
        ({4: None, 5: None}, 4),
        ({5: LOW, 4: LOW}, 4),
    ],
)
def test_the_owner_of_a_title(papers: dict[int, str | None], expected: int | None) -> None:
    """The paper of the smallest id, before any without one; the first made settles the rest."""
    known = names()
    known.by_title["kites"] = papers
    assert known.owner("kites") == expected
    assert known.owner("looms") is None


def test_identity_is_a_function_of_the_set() -> None:
    """Every order of four records gives the papers that the definition names, once all are known."""
    kinds: list[Name] = [(None, "a"), (None, "b"), (LOW, "a"), (HIGH, "a"), (LOW, "b")]
    for listed in combinations_with_replacement(kinds, 4):
        expected = grouped({name: by_definition(name, listed) for name in listed})
        for order in set(permutations(listed)):
            known = names()
            place(known, *order)
            assert grouped({name: settled(known, name) for name in listed}) == expected


def settled(known: Names, name: Name) -> str:
    arxiv, key = name
    return str(known.by_arxiv[arxiv] if arxiv else known.owner(key))


def by_definition(name: Name, listed: tuple[Name, ...]) -> str:
    """What a record's paper is called: its id, else the smallest id that its title carries, else the title."""
    arxiv, key = name
    return arxiv or min((other for other, its_key in listed if other and its_key == key), default=key)


def grouped(papers: dict[Name, str]) -> set[frozenset[Name]]:
    """The records of each paper, whatever the paper is called."""
    return {frozenset(name for name, its in papers.items() if its == paper) for paper in papers.values()}


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
    only = sighting(
        3, authors=("Ada Lind",), url="https://example.org/p", code_url="https://example.org/c", votes=9,
        background=True,
    )  # fmt: skip
    assert current([only]) == Current(
        revision_id=3, authors=("Ada Lind",), url="https://example.org/p", code_url="https://example.org/c",
        votes=9, first_seen=DAY, last_seen=DAY, background=True,
    )  # fmt: skip
    assert current([sighting(3)]) == Current(
        revision_id=3, authors=(), url=None, code_url=None, votes=None, first_seen=DAY, last_seen=DAY,
        background=False,
    )  # fmt: skip


def test_each_fact_is_the_newest_given() -> None:
    """What a later dump leaves out stays; nought votes are votes; one dump of history makes it known before."""
    seen = [
        sighting(1, 0, authors=("Old",), url="old", code_url="old", votes=5, background=True),
        sighting(2, 1, "Other.", authors=("New",), url="new", code_url="new", votes=0),
        sighting(3, 2, "Third."),
    ]
    for order in permutations(seen):
        assert current(order) == Current(
            revision_id=3, authors=("New",), url="new", code_url="new", votes=0,
            first_seen=DAY, last_seen=DAY + dt.timedelta(days=2), background=True,
        )  # fmt: skip


@pytest.mark.parametrize(
    ("older", "newer"),
    [
        ({"day": 0, "dump_hash": "c", "position": 9}, {"day": 1, "dump_hash": "a", "position": 1}),
        ({"dump_hash": "a", "position": 9}, {"dump_hash": "b", "position": 1}),
        ({"position": 1}, {"position": 2}),
        ({"position": 9}, {"position": 10}),
    ],
)
def test_later_wins_then_the_hash_then_the_place(older: dict[str, int], newer: dict[str, int]) -> None:
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
