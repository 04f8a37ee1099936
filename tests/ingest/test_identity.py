"""Which records are one paper: by the rules, checked against a naive reading of them, in whatever order they come."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digest.ingest.identity import Name, Near, Owner, owners
from tests.ingest.naming import partition

LOW, MID, HIGH = "2601.00001", "2606.00006", "2611.00009"


def stray(title: str, doi: str | None = None, text: int = 0) -> Name:
    return Name(title_key=title, doi=doi, text=text)


def listed(arxiv_id: str, title: str, doi: str | None = None, text: int = 0) -> Name:
    return Name(title_key=title, arxiv_id=arxiv_id, doi=doi, text=text)


@pytest.mark.parametrize(
    ("names", "near", "expected"),
    [
        pytest.param([], [], {}, id="nothing"),
        pytest.param([listed(LOW, "kites")], [], {}, id="an id needs no owner"),
        pytest.param([stray("kites"), stray("kites")], [], {"kites": "kites"}, id="a title"),
        pytest.param(
            [stray("kites"), stray("looms")], [], {"kites": "kites", "looms": "looms"}, id="two titles"
        ),
        pytest.param(
            [stray("kites", "10.1/a"), stray("looms", "10.1/a")],
            [],
            {"kites": "kites", "looms": "kites"},
            id="a DOI",
        ),
        pytest.param(
            [stray("a", "10.1/a"), stray("b", "10.1/b"), stray("b", "10.1/a"), stray("c", "10.1/b")],
            [],
            {"a": "a", "b": "a", "c": "a"},
            id="a chain",
        ),
        pytest.param(
            [stray("kites"), listed(HIGH, "kites"), listed(LOW, "kites")],
            [],
            {"kites": LOW},
            id="the smallest id",
        ),
        pytest.param(
            [stray("kites", "10.1/a"), listed(HIGH, "looms", "10.1/a")],
            [],
            {"kites": HIGH},
            id="an id by DOI",
        ),
        pytest.param(
            [stray("kites", "10.1/a"), stray("looms", "10.1/a"), listed(LOW, "looms")],
            [],
            {"kites": LOW, "looms": LOW},
            id="an id for all that meet",
        ),
        pytest.param(
            [stray("kites", text=1), stray("kite", text=2)],
            [(1, 2)],
            {"kites": "kite", "kite": "kite"},
            id="near",
        ),
        pytest.param(
            [stray("kites", text=1), listed(LOW, "kite", text=2)], [(1, 2)], {"kites": LOW}, id="near an id"
        ),
        pytest.param(
            [stray("kites", text=1), listed(LOW, "kite", text=2), listed(HIGH, "kites")],
            [(1, 2)],
            {"kites": HIGH},
            id="a title before a near text",
        ),
        pytest.param(
            [stray("a", text=1), stray("b", text=2), stray("c", text=3), listed(LOW, "c")],
            [(1, 2), (2, 3)],
            {"a": LOW, "b": LOW, "c": LOW},
            id="near what is near an id",
        ),
        pytest.param(
            [stray("a", text=1), listed(HIGH, "a"), stray("b", text=2), listed(LOW, "b")],
            [(1, 2)],
            {"a": HIGH, "b": LOW},
            id="near texts join no two ids",
        ),
        pytest.param(
            [stray("a", "10.1/a", 1), stray("b", "10.1/b", 2)],
            [(1, 2)],
            {"a": "a", "b": "b"},
            id="different DOIs",
        ),
        pytest.param(
            [stray("a", "10.1/a", 1), stray("b", "10.1/b", 2), stray("c", None, 3)],
            [(1, 3), (2, 3)],
            {"a": "a", "b": "b", "c": "c"},
            id="different DOIs, and one between",
        ),
        pytest.param(
            [stray("a", "10.1/a", 1), listed(LOW, "b", "10.1/b", 2), listed(HIGH, "c", None, 3)],
            [(1, 2), (1, 3)],
            {"a": HIGH},
            id="an id of another DOI",
        ),
        pytest.param(
            [stray("a", "10.1/a", 1), stray("b", "10.1/b", 2), listed(LOW, "b")],
            [(1, 2)],
            {"a": "a", "b": LOW},
            id="a paper of another DOI",
        ),
    ],
)
def test_the_owner_of_records_without_id(
    names: Sequence[Name], near: Sequence[Near], expected: dict[str, str]
) -> None:
    """By title and DOI first, then by near texts, and never across different DOIs; in any order."""
    wanted = {
        title: Owner(owner) if owner in (LOW, MID, HIGH) else Owner(None, owner)
        for title, owner in expected.items()
    }
    for order in permutations(names):
        assert owners(order, near) == wanted
        assert owners(order, [(other, one) for one, other in near]) == wanted


_names = st.builds(
    Name,
    title_key=st.sampled_from("abcdef"),
    arxiv_id=st.sampled_from([None, None, None, LOW, MID, HIGH]),
    doi=st.sampled_from([None, None, "10.1/x", "10.1/y", "10.1/z"]),
    text=st.integers(1, 8),
)
_near = st.frozensets(
    st.tuples(st.integers(1, 8), st.integers(1, 8)).filter(lambda pair: pair[0] < pair[1]), max_size=5
)


@given(names=st.lists(_names, max_size=10), near=_near, data=st.data())
def test_owners_are_a_function_of_the_set(
    names: list[Name], near: Collection[Near], data: st.DataObject
) -> None:
    """Any order gives what a naive reading of the rules gives."""
    order = data.draw(st.permutations(names))
    found = owners(order, near)
    assert found == owners(names, near)
    groups: dict[object, set[int]] = {}
    for number, name in enumerate(names):
        key = Owner(name.arxiv_id) if name.arxiv_id else found[name.title_key]
        groups.setdefault(key, set()).add(number)
    assert {frozenset(group) for group in groups.values()} == partition(names, near)
