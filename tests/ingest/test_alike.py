"""Near-equal titles confirmed by abstracts: what is a slip, and what is another paper."""

from __future__ import annotations

import string
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digest.ingest.alike import LEAST_WORDS, OPENING_LETTERS, Text, alike, opening

ABSTRACT = (
    "We study how a garden robot learns representations of beds, paths and weeds from a handful of labelled "
    "walks. A simulation of wind and rain widens what it sees, and an adaptive planner keeps it off the lettuce. "
    "Over three summers the robot loses fewer seedlings than two of its gardeners, and asks for help twice a "
    "week. We release the walks, the weather and the code."
)
OTHER = (
    "Bread rises unevenly in domed ovens. We fit a model of heat and crust to forty bakeries and show where the "
    "dome ought to be flatter; eleven of the bakeries rebuilt theirs, and burnt less. The model needs one "
    "afternoon of measurements, and its errors are those of the thermometers that we could afford to buy."
)

SAME = {
    "nothing": ("Garden Robots at Work", "Garden Robots at Work"),
    "case and punctuation": ("Garden Robots: At Work!", "garden robots — at work"),
    "hyphen lost": ("Fine-Tuning Garden Robots", "Finetuning Garden Robots"),
    "hyphen for a blank": ("A Data Set of Weeds", "A Dataset of Weeds"),
    "hyphen before a number": ("Weeder-4 in the Field", "Weeder4 in the Field"),
    "plural": ("Garden Robot at Work", "Garden Robots at Works"),
    "plural of y": ("A Study of Weeding Strategy", "A Study of Weeding Strategies"),
    "plural in es": ("Biases of Weeding Approaches", "Bias of Weeding Approach"),
    "plural of an acronym": ("Weeding with LLMs", "Weeding with LLM"),
    "British ise": ("Optimised Quantisation of Weeders", "Optimized Quantization of Weeders"),
    "British our": ("Behavioural Colours of Weeds", "Behavioral Colors of Weeds"),
    "British re and lling": ("Modelling Garden Centres", "Modeling Garden Centers"),
    "British yse and logue": ("Analysing Catalogues", "Analyzing Catalogs"),
    "British ence and ae": ("Defence of Paediatric Gardens", "Defense of Pediatric Gardens"),
    "accents": ("Poincaré Maps of Gardens", "Poincare Maps of Gardens"),
    "ampersand": ("Beds & Paths in 2D & 3D", "Beds and Paths in 2D and 3D"),
    "article at the start": ("A Garden Robot at Work", "Garden Robot at Work"),
    "article within": ("Robots of the Garden at Work", "Robots of Garden at Work"),
    "letter lost": ("Learning Reprsentations of Beds", "Learning Representations of Beds"),
    "letter lost in a plural": ("Learning Reprsentation of Beds", "Learning Representations of Beds"),
    "letter doubled": ("Simullation of a Garden", "Simulation of a Garden"),
    "letters swapped": ("Learning Represnetations of Beds", "Learning Representations of Beds"),
    "letter changed": ("An Adaptove Planner of Paths", "An Adaptive Planner of Paths"),
    "hyphen lost after a y": ("Frequency-Balancing Weeders", "Frequencybalancing Weeder"),
    "hyphen lost before wise": ("Layer-Wise Beds of Gardens", "Layerwise Bed of Gardens"),
    "cut behind a y": ("Robots of Gardens, a Plan Bey…", "Robots of Gardens, a Plan Beyond Weeds"),
    "cut by an ellipsis": ("Learning Representations of Be…", "Learning Representations of Beds and Paths"),
    "cut by three dots": ("Learning Representations of ...", "Learning Representations of Beds and Paths"),
}  # fmt: skip

TWO = {
    "version": ("GPT-4 Technical Report", "GPT-5 Technical Report"),
    "version after a point": ("Weeder2.5 Technical Report", "Weeder25 Technical Report"),
    "version word": ("Weeder v2 in the Field", "Weeder v3 in the Field"),
    "version added": ("Weeder in the Field", "Weeder 2 in the Field"),
    "year": ("The Weeding Challenge 2024", "The Weeding Challenge 2025"),
    "part": ("Physics of Weeds: Part I", "Physics of Weeds: Part II"),
    "numbers swapped": ("From 2 Beds to 3 Paths", "From 3 Beds to 2 Paths"),
    "dimension": ("Garden Maps in 2D", "Garden Maps in 3D"),
    "size": ("Weeders of 7B Weights", "Weeders of 70B Weights"),
    "negating prefix": ("Supervised Weeding of Beds", "Unsupervised Weeding of Beds"),
    "negating article": ("A Symmetric Weeder of Beds", "Asymmetric Weeder of Beds"),
    "negating blank": ("In Variant Gardens of Weeds", "Invariant Gardens of Weeds"),
    "not": ("Robots Are All You Need", "Robots Are Not All You Need"),
    "non": ("Linear Weeding of Beds", "Non-Linear Weeding of Beds"),
    "order of words": ("Is Weeding All You Need?", "Weeding Is All You Need"),
    "opposites": ("Discrete Weeding of Beds", "Continuous Weeding of Beds"),
    "swapped ends": ("Weeding of Beds by Robots", "Weeding of Beds by Goats"),
    "names that a letter tells apart": ("LLaMA Models in Gardens", "LLaVA Models in Gardens"),
    "a title and more": ("Robots in Gardens", "Robots in Gardens: Water Is All There Is?"),
    "a longer version": ("A Survey of Garden Robots", "A Comprehensive Survey of Garden Robots"),
    "the seeds' two papers, in other words": (
        "Pruning Very Tall Garden Hedges for Efficient Paths", "Hedge Pruning for Widening Very Narrow Paths"),
    "signs": ("Weeder++: Robots at Work", "Weeder: Robots at Work"),
    "compared": ("Goats > Robots in Gardens", "Goats < Robots in Gardens"),
    "four and for": ("Four Gardens at Work", "For Gardens at Work"),
    "news and new": ("News Gardens at Work", "New Gardens at Work"),
    "a name in place of an article": ("Deficiency of Vitamin A", "Deficiency of Vitamin"),
    "article that ends": ("Weeding at The", "Weeding at"),
    "an article within": ("Beds of a Garden", "Beds of Garden"),
    "two words added": ("Garden Robots", "The Garden Robots Again"),
    "two slips": ("Simullation of Adaptove Beds", "Simulation of Adaptive Beds"),
    "slip in a short word": ("Weeds of Robust Robos", "Weeds of Robost Robos"),
    "slip of two letters": ("Learning Rprsentations of Beds", "Learning Representations of Beds"),
    "cut before a part": ("Physics of Weeds in Gard…", "Physics of Weeds in Gardens: Part II"),
    "cut before a number": ("Physics of Weeds in Gard…", "Physics of Weeds in Gardens 2024"),
    "cut too early": ("Physics of…", "Physics of Weeds in Gardens"),
    "cut of another": ("Physics of Weeds in Garages…", "Physics of Weeds in Gardens"),
    "no word at all": ("!?", "?!"),
    "Chinese": ("花园中的监督学习方法研究", "花园中的无监督学习方法研究"),
}  # fmt: skip


@pytest.mark.parametrize(("one", "other"), SAME.values(), ids=SAME)
def test_a_slip_makes_no_other_paper(one: str, other: str) -> None:
    """Under one abstract, both ways round; under two abstracts any titles are two papers."""
    assert alike(Text(one, ABSTRACT), Text(other, ABSTRACT))
    assert alike(Text(other, ABSTRACT), Text(one, ABSTRACT))
    assert not alike(Text(one, ABSTRACT), Text(other, OTHER))


@pytest.mark.parametrize(("one", "other"), TWO.values(), ids=TWO)
def test_another_word_number_or_order_is_another_paper(one: str, other: str) -> None:
    """Even under one abstract, both ways round."""
    assert not alike(Text(one, ABSTRACT), Text(other, ABSTRACT))
    assert not alike(Text(other, ABSTRACT), Text(one, ABSTRACT))


def test_two_words_that_each_abstract_bears_out_are_no_slip() -> None:
    """A simulation and a stimulation, each called so by its abstract, are two papers."""
    stimulation = ABSTRACT.replace("simulation", "stimulation")
    assert not alike(Text("Simulation of Beds", ABSTRACT), Text("Stimulation of Beds", stimulation))
    assert alike(Text("Simulation of Beds", ABSTRACT), Text("Stimulation of Beds", ABSTRACT))


@pytest.mark.parametrize(("changed", "same"), [(0, True), (2, True), (3, False), (8, False)])
def test_a_slip_that_no_abstract_knows_wants_more_of_them(changed: int, same: bool) -> None:
    """Two of forty words may differ, where eight may if one spelling stands there."""
    words = [f"word{number}" for number in range(40)]
    others = [f"other{number}" for number in range(changed)] + words[changed:]
    titles = "Stumulating Gardens", "Stimulating Gardens"
    one, other = (Text(title, " ".join(told)) for title, told in zip(titles, (words, others), strict=True))
    assert alike(one, other) is same
    known = Text(other.title, other.abstract.replace(" word39", " stimulating"))
    assert alike(replace(one, abstract=one.abstract.replace(" word39", " stimulating")), known)


def test_a_cut_abstract_confirms_as_far_as_it_goes() -> None:
    """From forty words on."""
    words = ABSTRACT.split()
    whole = Text("Garden Robots", ABSTRACT)
    assert alike(whole, Text("Garden Robot", " ".join(words[:LEAST_WORDS])))
    assert not alike(whole, Text("Garden Robot", " ".join(words[: LEAST_WORDS - 1])))
    assert not alike(whole, Text("Garden Robot", ""))


@pytest.mark.parametrize(("changed", "same"), [(0, True), (8, True), (9, False), (40, False)])
def test_abstracts_agree_up_to_a_fifth_of_their_words(changed: int, same: bool) -> None:
    """Eight of forty words may differ."""
    words = [f"word{number}" for number in range(40)]
    others = [f"other{number}" for number in range(changed)] + words[changed:]
    one, other = Text("Garden Robots", " ".join(words)), Text("Garden Robot", " ".join(others))
    assert alike(one, other) is same


def test_an_opening_is_of_the_first_letters() -> None:
    """Blanks, punctuation, case, accents, a heading and later text make no difference; a changed word does."""
    told = opening(ABSTRACT)
    assert told == opening(ABSTRACT.upper()) == opening("Abstract: " + ABSTRACT)
    assert told == opening(ABSTRACT.replace(", ", ",")) == opening(ABSTRACT.replace("robot", "ro-bot"))
    assert told == opening(ABSTRACT.replace("garden", "gárden")) == opening(ABSTRACT + OTHER)
    assert told != opening(ABSTRACT.replace("garden", "kitchen"))
    assert told is not None
    assert len(told) == 16


@pytest.mark.parametrize(("letters", "known"), [(0, False), (99, False), (100, True)])
def test_a_short_abstract_has_no_opening(letters: int, known: bool) -> None:
    """Under a hundred letters too many papers begin alike."""
    assert OPENING_LETTERS == 100
    assert (opening("x" * letters) is not None) is known


@given(st.text(max_size=400), st.text(max_size=400))
def test_an_opening_knows_only_the_beginning(one: str, other: str) -> None:
    """Whatever the characters nothing raises, and what follows the opening does not count."""
    assert opening(one) in (None, opening(one + " " + other))
    assert opening(ABSTRACT + one) == opening(ABSTRACT + other)


words = st.sampled_from(
    [
        "garden",
        "robots",
        "representation",
        "simulation",
        "a",
        "the",
        "not",
        "2",
        "II",
        "colour",
        "color",
        "…",
        "é",
        "+",
    ]
)
titles = st.one_of(st.lists(words, max_size=6).map(" ".join), st.text(max_size=30))


@given(titles, titles, st.sampled_from([ABSTRACT, OTHER, ""]), st.sampled_from([ABSTRACT, OTHER, ""]))
def test_alike_is_symmetric(one: str, other: str, told: str, retold: str) -> None:
    """Whatever the texts, and asked twice."""
    texts = Text(one, told), Text(other, retold)
    assert alike(*texts) == alike(*reversed(texts)) == alike(*texts)


@given(place=st.integers(1, 13), letter=st.sampled_from(string.ascii_lowercase), kind=st.sampled_from("+-~"))
def test_one_slip_of_the_pen_is_forgiven(place: int, letter: str, kind: str) -> None:
    """Anywhere but in the first letter, in a word that the abstract spells right."""
    word = "representation"
    slipped = word[:place] + {"+": letter + word[place:], "-": word[place + 1 :]}.get(
        kind, letter + word[place + 1 :]
    )
    told = ABSTRACT.replace("representations", word)
    assert alike(Text(f"Learning a {word} of beds", told), Text(f"Learning a {slipped} of beds", told))


@given(st.integers(0, 10**6), st.integers(0, 10**6))
def test_two_numbers_are_never_forgiven(one: int, other: int) -> None:
    """Titles of one shape are alike where the numbers are equal, and nowhere else."""
    first, second = (Text(f"Weeder-{number} in the Field", ABSTRACT) for number in (one, other))
    assert alike(first, second) == (one == other)
