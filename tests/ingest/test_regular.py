"""Dumps without damage are read by their alternation alone, however short their abstracts are."""

from __future__ import annotations

import pytest

from digest.ingest.formats import read
from digest.ingest.formats.lines import Line, lines
from digest.ingest.formats.regular import cards, span
from digest.ingest.record import Record

KITES = ("Kites That Learn to Land", "Kites are hard to land. Ours land in 40 seconds.")
RAIN = ("A Small Model of Rain", "We train a model on rain, and find that it works well.")
NAMES = (
    "Why Large Models Forget Names",
    "We ask how often, and halve it: https://github.com/example-org/names",
)
LONG_TEXT = ("Towels, Folded", "We fold towels without end " + "and then some more " * 20)
ALL = (KITES, RAIN, NAMES, LONG_TEXT)

HEAD = ["new", "Get trending papers in your email inbox!", "Subscribe", "Daily Papers", "Aug 12"]
FOOT = ["Previous", "Next", "© 2026", "Privacy"]


def document(*texts: str, blank: bool = True) -> bytes:
    return (("\n\n" if blank else "\n").join(texts) + "\n").encode()


def all_cards(data: bytes) -> list[tuple[Line, Line]]:
    """The cards of a regular document."""
    within = span(lines(data))
    assert within
    return list(cards(lines(data), within))


def flat(*pairs: tuple[str, str]) -> list[str]:
    return [text for pair in pairs for text in pair]


@pytest.mark.parametrize("blank", [True, False])
@pytest.mark.parametrize("head", [[], HEAD])
@pytest.mark.parametrize("foot", [[], FOOT])
@pytest.mark.parametrize("number", [1, 2, 4])
def test_short_abstracts_are_read(blank: bool, head: list[str], foot: list[str], number: int) -> None:
    """Head, cards of one or two sentences, foot: the cards come out, in both layouts."""
    data = document(*head, *flat(*ALL[:number]), *foot, blank=blank)
    assert span(lines(data))
    found = [item for item in read(data).items if isinstance(item, Record)]
    assert [(item.title, item.abstract) for item in found] == [
        (title, abstract.strip()) for title, abstract in ALL[:number]
    ]
    assert [item.position for item in found] == list(range(1, number + 1))


def test_a_glued_button_is_taken_off_the_first_title_only() -> None:
    """`Subscribe` glued by a scraper goes; the same letters in a later title stay."""
    later = ("SubscribeNet for All of Us", RAIN[1])
    data = document("Get trending papers in your email inbox!", "Subscribe" + KITES[0], KITES[1], *later)
    assert [title.text for title, _ in all_cards(data)] == [KITES[0], later[0]]


def test_a_doubled_card_is_one() -> None:
    """Twice in a row it is the page's doing; later again it is another listing."""
    found = read(document(*flat(KITES, KITES, RAIN, RAIN, RAIN, KITES))).items
    assert [(one.position, one.title, one.line) for one in found if isinstance(one, Record)] == [
        (1, KITES[0], 1), (2, RAIN[0], 9), (3, KITES[0], 21),
    ]  # fmt: skip


def test_a_name_that_its_abstract_repeats_is_no_glue() -> None:
    """`SearchNet` is a name where the abstract has it too."""
    data = document("SearchNet Finds Things", "We present SearchNet, which finds things well.", *KITES)
    assert all_cards(data)[0][0].text == "SearchNet Finds Things"


@pytest.mark.parametrize(
    "texts",
    [
        [],
        HEAD,
        [KITES[0]],
        [*KITES, RAIN[0]],
        [*KITES, RAIN[0], *NAMES],
        [KITES[0], RAIN[0], RAIN[1]],
        [KITES[0], "and Sail", KITES[1]],
        ["Kites That Learn to", "Land", KITES[1], *RAIN],
        [KITES[0], "Kites are hard to land, and", "ours land in 40 seconds."],
        [KITES[0], "too short."],
        [KITES[0], "Subscribe to our newsletter for more of these papers."],
        [KITES[0] + ".", KITES[1]],
        ["One thing is here. Another Thing", KITES[1]],
        ["Kites That Learn to", KITES[1]],
        [KITES[0], "and kites are hard to land, too."],
        [LONG_TEXT[1], KITES[1]],
        [*KITES, *FOOT, *RAIN],
        [*KITES, "-" * 300],
    ],
)
def test_one_line_out_of_turn_is_for_the_decoder(texts: list[str]) -> None:
    """A missing, wrapped, doubled or strange line means that lines must be weighed, and none is taken as it stands."""
    assert not span(lines(document(*texts)))


def test_blank_lines_that_drift_are_for_the_decoder() -> None:
    """Blank lines between some lines and not between others may part paragraphs, so they are weighed."""
    assert not span(lines(f"{KITES[0]}\n\n{KITES[1]}\n{RAIN[0]}\n\n{RAIN[1]}\n".encode()))
    assert not span(lines(f"{KITES[0]}\n\n{KITES[1]}\n\n{RAIN[0]}\n{RAIN[1]}\n".encode()))


def test_dots_of_an_ellipsis_may_end_a_title() -> None:
    """A full stop ends no title, an ellipsis may."""
    assert span(lines(document("And Then There Were None...", KITES[1])))


@pytest.mark.parametrize(
    ("title", "abstract", "expected"),
    [
        ("K" * 299, "Kites land in the wind here.", True),
        ("K" * 300, "Kites land in the wind here.", False),
        ("Kites", "K" * 300, True),
        ("Kites", "K" * 299, False),
        ("Kites", "K" * 24 + ".", True),
        ("Kites", "K" * 23 + ".", False),
    ],
)
def test_lengths_of_a_regular_card(title: str, abstract: str, expected: bool) -> None:
    """A title is below 300 characters; an abstract from there on, or a sentence of 25 at least."""
    assert (span(lines(document(title, abstract))) is not None) is expected
