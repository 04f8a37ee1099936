"""How many soft bounces are too many."""

from __future__ import annotations

import pytest

from digest.deliver.bounce import BounceKind, BouncePolicy, Fate, is_tired
from tests.factories import DAY, TODAY

POLICY = BouncePolicy(soft_limit=3)


def fates(story: str) -> list[Fate]:
    """One letter a day, newest first: s soft, a arrived, f failed for the site's sake, b blocked; ' as the day before."""
    day, told = TODAY, []
    for letter in story:
        if letter == "'":
            day += DAY
            continue
        kind = {"s": BounceKind.SOFT, "b": BounceKind.BLOCKED}.get(letter)
        told.append(Fate(local_date=day, arrived=letter == "a", kind=kind))
        day -= DAY
    return told


@pytest.mark.parametrize(
    ("story", "tired"),
    [
        ("sss", True),
        ("ssss", True),
        ("ss", False),
        ("", False),
        ("aasss", True),
        ("ssas", False),
        ("sasss", False),
        ("sfsbs", True),
        ("ss's", False),
        ("fsss", True),
        ("bbb", False),
    ],
)
def test_a_row_of_mails(story: str, tired: bool) -> None:
    """Three dates in a row, newest first; only a mail that arrived between two breaks the row."""
    assert is_tired(fates(story), POLICY) is tired
