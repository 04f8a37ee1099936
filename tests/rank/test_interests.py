"""Free-text interests: which papers their words meet."""

from __future__ import annotations

from math import log

import pytest

from digest.rank.interests import ABSTRACT, BAR, InterestIndex
from digest.rank.phrases import Text

LINE = "efficient attention for long documents"


def meets(interest: str, *papers: tuple[str, str]) -> dict[int, tuple[float, tuple[str, ...]]]:
    index = InterestIndex([Text.of(title, abstract) for title, abstract in papers])
    return {column: (round(match.score, 9), match.words) for column, match in index.match(interest).items()}


@pytest.mark.parametrize(
    ("interest", "title", "abstract", "score", "words"),
    [
        ("attention", "Attention", "", 1.0, ("Attention",)),
        ("attention", "Looking", "We pay attentions.", 0.6, ("attentions",)),
        ("attention", "Attention", "More attention.", 1.0, ("Attention",)),
        ("documents attention", "Attention", "To a document", 0.8, ("document", "Attention")),
        (
            LINE,
            "Efficient Attention for Long Documents",
            "",
            1.0,
            ("Efficient", "Attention", "Long", "Documents"),
        ),
        ("Attention, attention; attentions!", "Attention", "", 1.0, ("Attention",)),
        ("Attention attentions sand", "Attention", "Sand", 0.8, ("Attention", "Sand")),
        ("papers about the use of attention", "Attention", "", 1.0, ("Attention",)),
        ("new methods of attention", "Attention", "", 1.0, ("Attention",)),
        ("RAG", "RAGs at work", "", 1.0, ("RAGs",)),
        ("RAG", "RAG and RAGs", "", 1.0, ("RAG",)),
        ("RAG rag", "RAG", "A rag.", 1.0, ("RAG",)),
        ("RAG lag", "RAG", "A lag.", 0.8, ("RAG", "lag")),
        ("long-context", "Context", "How long?", 0.8, ("long", "Context")),
    ],
)
def test_one_paper_alone(
    interest: str, title: str, abstract: str, score: float, words: tuple[str, ...]
) -> None:
    """In an edition of one paper, its words count 1 in the title and 0.6 in the abstract."""
    found = meets(interest, (title, abstract))
    assert found == {0: (score, words)}


@pytest.mark.parametrize(
    ("interest", "title"),
    [
        ("attention", "Retention"),
        ("the of papers", "The Papers of Old"),
        ("", "Attention"),
        ("?!", "Attention"),
        ("RAG", "A rag"),
        ("RAG rag", "A rag"),
        ("attention", ""),
    ],
)
def test_what_meets_nothing(interest: str, title: str) -> None:
    """Other words, stop-words alone, no words at all and an acronym's look-alike meet nothing."""
    assert meets(interest, (title, "")) == {}


def test_an_empty_edition() -> None:
    """Without papers nothing is met."""
    assert meets("attention") == {}


def test_rarity_weighs() -> None:
    """Of two words, the rare one counts more, by 1 + log((1 + papers) / (1 + holders))."""
    common, rare = 1 + log(5 / 4), 1 + log(5 / 2)
    found = meets("sparse models", ("Models", ""), ("Sparse", ""), ("A model", ""), ("Odd", "its models"))
    assert found == {1: (round(rare / (common + rare), 9), ("Sparse",))}
    found = meets("sparse models", ("Sparse", "Models"), ("A model", ""), ("Models", ""), ("Odd", ""))
    assert found == {0: (round((rare + 0.6 * common) / (common + rare), 9), ("Sparse", "Models"))}


def test_a_word_that_no_paper_holds_counts_against() -> None:
    """A word of the interest that the edition lacks lowers the score of the rest, by its rarity."""
    found = meets("sparse zebras", ("Sparse", ""), ("Sparse", ""), ("Odd", ""))
    held, missing = 1 + log(4 / 3), 1 + log(4)
    assert missing > held
    assert held / (held + missing) < BAR
    assert found == {}
    found = meets("sparse zebras", ("Sparse", ""), ("Odd", ""), ("Odd", ""))
    held = 1 + log(2)
    assert found == {0: (round(held / (held + missing), 9), ("Sparse",))}


def test_common_words_do_not_match() -> None:
    """Two common words of a line stay below the bar, as one of middling use does; a rare one reaches it."""
    rows = [("Long and efficient", "")] * 20 + [("Attention", "")] * 10 + [("Odd", "a document")]
    rare = 1 + log(42 / 2)
    assert meets(LINE, *rows, *[("Odd", "")] * 10) == {
        30: (round(0.6 * rare / (2 * (1 + log(2)) + (1 + log(42 / 11)) + rare), 9), ("document",))
    }


def test_the_bar_is_reached_from_equal_up() -> None:
    """The bar is a share of the rarity, wherever the words stand: two of five equal words match, one not."""
    line = "alpha beta gamma delta epsilon"
    one, two = meets(line, ("Alpha", ""), ("Beta", ""), ("Gamma delta epsilon", "")), meets(line, ("x", line))
    assert list(one) == [2]
    assert two == {0: (ABSTRACT, ("alpha", "beta", "gamma", "delta", "epsilon"))}
    pairs = meets("alpha beta gamma delta epsilon", ("Alpha", "beta"), ("Gamma", "delta"), ("Epsilon", ""))
    assert pairs == {
        0: (0.32, ("Alpha", "beta")),
        1: (0.32, ("Gamma", "delta")),
    }


def test_the_columns_come_in_order() -> None:
    """Matches are given in the order of the papers, whichever word finds them first."""
    assert list(meets("beta alpha", ("alpha", ""), ("beta", ""), ("alpha", ""))) == [0, 1, 2]


def test_the_figures() -> None:
    """The bar and the weight of the abstract are those that the docstrings speak of."""
    assert (BAR, ABSTRACT) == (0.4, 0.6)
    half, quarter, fortieth = 1 + log(201 / 101), 1 + log(201 / 51), 1 + log(201 / 6)
    total = 2 * half + quarter + fortieth
    assert [round(part / total, 2) for part in (2 * half, quarter, fortieth)] == [0.33, 0.23, 0.44]
