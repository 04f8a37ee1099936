"""Rules: words or an author, against an edition."""

from __future__ import annotations

import pytest

from digest.rank.phrases import Text
from digest.rank.rules import RuleIndex, author_name

INDEX = RuleIndex(
    [
        Text.of("Sparse Mixers for Long Documents", "Mixers are cheap. Long documents are not."),
        Text.of("A Survey of Remixers", "We survey the sparse mixer and its kin."),
        Text.of("Nothing of the Kind"),
    ],
    [["Ada Lovelace", "A. K. Lovelace", "Grace Hopper"], [], ["Lovelace, Ada", "Hopper-Murray, Grace"]],
)


@pytest.mark.parametrize(
    ("rule", "met"),
    [
        ("mixer", {0: "Mixers", 1: "mixer"}),
        ("sparse mixers", {0: "Sparse Mixers", 1: "sparse mixer"}),
        ("long document", {0: "Long Documents"}),
        ("documents long", {}),
        ("survey", {1: "Survey"}),
        ("mix", {}),
        ("", {}),
        ("?!", {}),
        ("m* x", {}),
        ("author:Ada Lovelace", {0: "Ada Lovelace", 2: "Lovelace, Ada"}),
        ("author:A. King Lovelace", {0: "Ada Lovelace", 2: "Lovelace, Ada"}),
        ("author:Ann Lovelace", {0: "A. K. Lovelace"}),
        (" Author: grace hopper ", {0: "Grace Hopper"}),
        ("author:Grace Hopper Murray", {2: "Hopper-Murray, Grace"}),
        ("author:Grace Murray", {}),
        ("author:Murray Hopper, G", {}),
        ("author:Hopper Murray, G", {2: "Hopper-Murray, Grace"}),
        ("author:Nobody", {}),
        ("author:", {}),
        ("the author", {}),
    ],
)
def test_what_a_rule_meets(rule: str, met: dict[int, str]) -> None:
    """A rule meets the papers that hold its words or its author, with what stands there first."""
    assert INDEX.meet([rule]) == {rule: met}


def test_many_rules_at_once() -> None:
    """Rules asked together are answered as if asked alone, each once, in their order."""
    rules = ["mixer", "author:Grace Hopper", "mixer", "Mixer", "", "sparse mixer"]
    together = INDEX.meet(rules)
    assert list(together) == ["mixer", "author:Grace Hopper", "Mixer", "", "sparse mixer"]
    assert together == {rule: INDEX.meet([rule])[rule] for rule in rules}


def test_asking_twice() -> None:
    """An answer does not depend on what was asked before, an unknown author included."""
    assert INDEX.meet(["author:Nobody"]) == INDEX.meet(["author:Nobody"])
    assert INDEX.meet([]) == {}


@pytest.mark.parametrize(
    ("rule", "name"),
    [
        ("author:Ada Lovelace", "Ada Lovelace"),
        ("  AUTHOR :Ada", None),
        ("  AUTHOR: Ada  ", "Ada"),
        ("author:", ""),
        ("author", None),
        ("co-author:Ada", None),
        ("words", None),
        ("", None),
    ],
)
def test_the_name_of_a_rule(rule: str, name: str | None) -> None:
    """Only a rule that begins with `author:`, in any case, asks for a name."""
    assert author_name(rule) == name
