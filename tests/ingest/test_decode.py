"""What two lines in a row show, and the labelling that fits best as a whole."""

from __future__ import annotations

import pytest

from digest.ingest.formats import decode
from digest.ingest.formats.decode import Habits, Label, Verdict, verdicts
from digest.ingest.formats.lines import Line

NEVER = -1e9
PLAIN = Habits(blank_share=0.0, pair_share=0.0, widest_title=0)
SPACED = Habits(blank_share=1.0, pair_share=0.0, widest_title=0)


def stretch(*texts: str, blank: bool = False) -> list[Line]:
    """Lines in a row, the first of them at 1."""
    return [Line(number, text, blank) for number, text in enumerate(texts, 1)]


def bare(length: int, start: str = "Xx", end: str = "") -> str:
    """A line of this length whose words are too short to show anything."""
    return (f"{start} " + "yz " * 200)[: length - len(end) - 1] + "z" + end


def joins(before: str, line: str, habits: Habits = PLAIN, width: int = 0, *, blank: bool = False) -> float:
    """Points for a title of these two lines, whose words nothing echoes: the echo itself is tested apart."""
    return decode._title_joins([Line(1, before, False), Line(2, line, blank)], 1, habits, width)


def goes_on(before: str, line: str, habits: Habits = PLAIN, width: int = 0, *, blank: bool = False) -> float:
    return decode._abstract_joins(Line(1, before, False), Line(2, line, blank), habits, width)


@pytest.mark.parametrize(
    ("before", "line", "points"),
    [
        pytest.param("Xx", "Yz", 0.0, id="nothing"),
        pytest.param("Xx", "yz", 5.0, id="lower case"),
        pytest.param("Xx of", "Yz", 5.0, id="hangs"),
        pytest.param("Xx.", "Yz", -3.0, id="sentence ended"),
        pytest.param("Xx", "KiNe: Yz", -3.0, id="named"),
        pytest.param(bare(100), bare(70), 0.0, id="170"),
        pytest.param(bare(100), bare(71), -2.0, id="171"),
        pytest.param(bare(299), "Yz", -2.0, id="299"),
        pytest.param(bare(300), "Yz", NEVER, id="300"),
        pytest.param("Xx", bare(299), -2.0, id="299 after"),
        pytest.param("Xx", bare(300), NEVER, id="300 after"),
        pytest.param("Kite", "Yz", -3.0, id="no echo"),
    ],
)
def test_a_title_goes_on(before: str, line: str, points: float) -> None:
    """Two lines that do not wrap: what each shows of belonging to the other."""
    assert joins(before, line) == points


def test_a_title_goes_on_by_habit() -> None:
    """Where the first word had room there was no reason to wrap; where titles have two lines, this one may."""
    wide = Habits(blank_share=0.0, pair_share=0.0, widest_title=10)
    assert joins(bare(7), "Yz", wide) == -2.0
    assert joins(bare(8), "Yz", wide) == 1.0
    assert joins(bare(7), "Yz", wide, 10) == -4.0
    assert joins(bare(8), "Yz", wide, 10) == 1.0
    assert joins(bare(7), "Yz", wide, 9) == 1.0
    assert joins("Xx", "Yz", Habits(blank_share=0.0, pair_share=0.12, widest_title=0)) == 0.0
    assert joins("Xx", "Yz", Habits(blank_share=0.0, pair_share=0.13, widest_title=0)) == 3.0
    assert joins("Xx", "Yz", blank=True) == -3.0


def test_a_title_is_echoed_by_the_lines_after_it() -> None:
    """By eleven of them, not by the title itself; in wrapped text only what may be a title is looked at."""
    title = ["Gliding Kestrels", "Yz"]
    assert decode._title_joins(stretch(*title, "gliding kestrels"), 1, PLAIN, 0) == 3.0
    assert decode._title_joins(stretch(*title), 1, PLAIN, 0) == -3.0
    assert decode._title_joins(stretch(*title, *["yz"] * 10, "gliding kestrels"), 1, PLAIN, 0) == -3.0 + 6.0
    assert decode._title_joins(stretch(*title, *["yz"] * 11, "gliding kestrels"), 1, PLAIN, 0) == -3.0
    assert decode._title_joins(stretch("Xx", "Gliding Kestrels"), 1, PLAIN, 0) == 0.0
    # as_title of these is -1 and -2, so only the first is looked up; nothing fits a width of 1.
    assert decode._title_joins(stretch("gliding Kestrels", "Yz"), 1, PLAIN, 1) == 1.0 - 3.0
    assert decode._title_joins(stretch("gliding kestrels", "Yz"), 1, PLAIN, 1) == 1.0
    assert decode._title_joins(stretch("gliding kestrels", "Yz"), 1, PLAIN, 0) == -3.0


@pytest.mark.parametrize(
    ("before", "line", "points"),
    [
        pytest.param("Xx", "Yz", 2.5, id="no end"),
        pytest.param("Xx.", "Yz", -1.0, id="sentence ended"),
        pytest.param("Xx", "yz", 7.5, id="lower case"),
        pytest.param("Xx of", "Yz", 4.5, id="hangs"),
        pytest.param(bare(299), bare(299), 2.5, id="299"),
        pytest.param(bare(300), "Yz", -1.5, id="one long"),
        pytest.param("Xx", bare(300), -1.5, id="the other long"),
        pytest.param(bare(300), bare(300), -11.5, id="both long"),
        pytest.param(bare(300), bare(300, "yz"), -0.5, id="both long, in a sentence"),
    ],
)
def test_an_abstract_goes_on(before: str, line: str, points: float) -> None:
    """In the middle of a sentence rather than after it; text that does not wrap hardly goes on."""
    assert goes_on(before, line) == points


def test_an_abstract_goes_on_by_its_width() -> None:
    """Where the first word had room there was no reason to wrap; a blank line parts."""
    assert goes_on(bare(7), "Yz", width=10) == -1.5
    assert goes_on(bare(8), "Yz", width=10) == 4.5
    assert goes_on("Xx", "Yz", blank=True) == -0.5
    assert goes_on(bare(300), "Yz", width=10, blank=True) == -1.5


def test_an_abstract_ends() -> None:
    """With a sentence; in wrapped text, short of the edge."""

    def ends(before: str, width: int) -> float:
        return decode._abstract_ends(Line(1, before, False), Line(2, "Yz", False), width)

    assert [ends("Xx.", 0), ends("Xx", 0)] == [0.0, -2.0]
    assert [ends(bare(7), 10), ends(bare(8), 10)] == [-0.5, -3.5]
    assert [ends("Xx.", 10), ends("Xx yz yz.", 10)] == [1.5, -1.5]
    assert [ends(bare(299), 300), ends(bare(300), 400)] == [-3.5, -2.0]


@pytest.mark.parametrize(
    ("share", "after_blank", "points"),
    [
        (0.51, True, -0.5),
        (0.51, False, 2.0),
        (0.5, True, -5.0),
        (0.5, False, 1.5),
        (0.031, True, -5.0),
        (0.03, True, -3.0),
        (0.03, False, 0.0),
    ],
)
def test_a_blank_line_says_what_the_habit_lets_it(share: float, after_blank: bool, points: float) -> None:
    """Little where every line has one; much where they part paragraphs."""
    habits = Habits(blank_share=share, pair_share=0.0, widest_title=0)
    assert decode._blank_points(Line(1, "Xx", after_blank), habits) == points


def test_a_word_fits() -> None:
    """With the space before it."""
    assert decode._fits(Line(1, "Xx yz", False), Line(2, "Yz yz", False), 8)
    assert not decode._fits(Line(1, "Xx yz", False), Line(2, "Yz yz", False), 7)


@pytest.mark.parametrize(
    ("lengths", "width"),
    [
        ([], 0),
        ([80, 80], 0),
        ([80, 80, 80], 80),
        ([80, 71, 70], 80),
        ([80, 71, 69], 0),
        ([40, 40, 40], 40),
        ([39, 39, 39], 0),
        ([140, 140, 140], 140),
        ([141, 141, 141], 0),
        ([141, 140, 140, 140], 140),
        ([299, 299, 299], 0),
        ([80, 80, 80, 80, 20, 20, 20, 20, 20, 20], 80),
        ([80, 80, 80, 80, 20, 20, 20, 20, 20, 20, 20], 0),
        ([20, 80, 300, 300, 300, 300, 300, 300, 80, 80], 80),
        ([130, 100, 80, 80, 80], 80),
    ],
)
def test_the_column_that_lines_wrap_near(lengths: list[int], width: int) -> None:
    """Three lines at least, 40 % of the short ones, within ten characters below the longest of them."""
    assert decode._wrap_width(stretch(*map(bare, lengths))) == width


@pytest.mark.parametrize(
    ("text", "following", "points"),
    [
        ("Xx", "", 0.0),
        ("Learning Models", "", 0.0),
        ("Segmenting Kites", "segmentation of a kite", -8.0 * 0.42 + 8.0 * 0.5),
        ("Kites", "KITES", 3.0),
        ("Kites", "looms", -3.0),
        ("Kites Looms Tides Moss Bread", "kites looms tides", 3.0),
        ("Kites Looms Tides Moss", "kites", -3.0),
        ("Kites Looms Tides", "kites", 8.0 * (1 / 3 - 0.42)),
        ("Kites Learning", "kites", 3.0),
        ("Kites", "z" * 2495 + " kite", -3.0),
        ("Kites", "z" * 2494 + " kites", 3.0),
        ("Kites", "z" * 2495 + " kites", -3.0),
    ],
)
def test_an_abstract_echoes_its_title(text: str, following: str, points: float) -> None:
    """By its own words, at their first six letters, in 2,500 characters; words of every abstract do not count."""
    assert decode._echo(text, following) == pytest.approx(points)


def test_the_start_of_a_stretch() -> None:
    """A document starts with noise, a title or, at a cost, an abstract; any other stretch with an abstract."""
    line = Line(1, bare(30), False)
    assert decode._start(line, first=False) == [NEVER, NEVER, NEVER, 0.0, NEVER]
    assert decode._start(line, first=True) == [0.0, 2.0, NEVER, -4.0 - 8.0, NEVER]
    assert decode._start(Line(1, "Xx Kite yz Kite", False), first=True)[1] == 3.0


@pytest.mark.parametrize(
    ("text", "points"),
    [
        (bare(30), [0.0, 2.0, 2.0, -4.0, -1.0]),
        ("Xx Kite yz Kite", [1.0, 3.0, 2.0, -5.5, -2.5]),
        (bare(30, "yz"), [0.0, -1.0, -1.0, -8.0, -1.0]),
        (bare(299), [-1.5, -1.0, -1.0, 3.0, 4.0]),
        (bare(300), [-8.0, NEVER, NEVER, 7.0, 8.0]),
    ],
)
def test_a_line_for_each_label(text: str, points: list[float]) -> None:
    """A long line is no title; the second line of one shows two points at most."""
    assert decode._points(Line(1, text, False)) == points


@pytest.mark.parametrize(
    ("before", "line", "width", "expected"),
    [
        pytest.param(
            "Xx.", "Yz", 0,
            [[0, 0, NEVER, -8, NEVER], [-4, -1, -3, 0, NEVER], [-4, -1, -6, 0, NEVER],
             [-2, 0, NEVER, -8, -1], [-2, 0, NEVER, -8, -1]],
            id="short",
        ),
        pytest.param(
            "Xx", bare(300), 0,
            [[0, 0, NEVER, -8, NEVER], [-4, -1, NEVER, 0, NEVER], [-4, -1, NEVER - 3, 0, NEVER],
             [-4, -2, NEVER, -7, -1.5], [-4, -2, NEVER, -7, -1.5]],
            id="long",
        ),
        pytest.param(
            "Xx", bare(299), 10,
            [[0, 0, NEVER, -8, NEVER], [-4, -1, -6, 0, NEVER], [-4, -1, -9, 0, NEVER],
             [-6.5, -4.5, NEVER, -8.5, -1.5], [-2.5, -0.5, NEVER, -8.5, -1.5]],
            id="wrapped",
        ),
        pytest.param(
            bare(300), "Yz", 10,
            [[0, 0, NEVER, -8, NEVER], [-4, -1, NEVER, 0, NEVER], [-4, -1, NEVER - 3, 0, NEVER],
             [-4, -2, NEVER, -10, -1.5], [-4, -2, NEVER, -10, -1.5]],
            id="wrapped, after a long one",
        ),
    ],
)  # fmt: skip
def test_steps(before: str, line: str, width: int, expected: list[list[float]]) -> None:
    """From each label to each: noise, title and its second line, abstract and its next line."""
    assert decode._steps(stretch(before, line), 1, PLAIN, width) == expected


def test_the_best_is_the_first_of_equals() -> None:
    """And a rival is the best of the others, however bad."""
    assert decode._best([1.0, 3.0, 3.0]) == 1
    assert decode._verdict([1.0, 5.0, 3.0, NEVER, NEVER], 1, 0.5) == Verdict(
        Label.TITLE, Label.TITLE_MORE, 1.0
    )
    assert decode._verdict([NEVER, NEVER, NEVER, 4.0, 2 * NEVER], 3, 1.0) == Verdict(
        Label.ABSTRACT, Label.NOISE, 4.0 - NEVER
    )


def test_the_points_ahead() -> None:
    """The best sum of what follows, for each label of each line; nothing follows the last."""
    zero = [[0.0] * 5 for _ in range(5)]
    step = [[float(10 * a + b) for b in range(5)] for a in range(5)]
    assert decode._ahead([step, zero], [[0.0, 0, 0, 0, 1], [2.0, 0, 0, 0, 0]]) == [
        [7.0, 17.0, 27.0, 37.0, 47.0],
        [2.0] * 5,
        [0.0] * 5,
    ]


def test_the_margin_is_that_of_the_second_best_labelling() -> None:
    """Every labelling of three lines is tried here, one by one; the decoder finds the same best and its rivals."""
    for texts in (
        ("Gliding Kestrels", "We watch them glide. They do so well.", "Folded Looms"),
        ("Gliding Kestrels over", "the hill", "We watch kestrels glide over it.  We do."),
        ("Xx", "yz", "Yz."),
    ):
        for first in (True, False):
            lines = stretch(*texts)
            found = verdicts(lines, PLAIN, first=first)
            for index, verdict in enumerate(found):
                best = {label: best_with(lines, first, index, label) for label in Label}
                assert best[verdict.label] == max(best.values())
                assert verdict.margin == pytest.approx(best[verdict.label] - best[verdict.rival])
                assert best[verdict.rival] == max(best[other] for other in Label if other != verdict.label)


def best_with(lines: list[Line], first: bool, index: int, label: Label) -> float:
    """The most points of any labelling of three lines in which one has this label."""
    own = [decode._start(lines[0], first=first), *(decode._points(line) for line in lines[1:])]
    steps = [decode._steps(lines, place, PLAIN, 0) for place in (1, 2)]
    return max(
        own[0][a] + steps[0][a][b] + own[1][b] + steps[1][b][c] + own[2][c]
        for a in Label
        for b in Label
        for c in Label
        if (a, b, c)[index] == label
    )


def test_wrapped_text_is_trusted_less() -> None:
    """The points of many lines that look alike add up, so three tenths of a margin count."""
    lines = stretch(*[bare(80)] * 3, bare(60, end="."))
    assert decode._wrap_width(lines) == 80
    own = [decode._start(lines[0], first=True), *(decode._points(line) for line in lines[1:])]
    steps = [decode._steps(lines, place, SPACED, 80) for place in (1, 2, 3)]
    ahead = decode._ahead(steps, own[1:])[0]
    totals = sorted((value + points for value, points in zip(own[0], ahead, strict=True)), reverse=True)
    assert totals[1] > NEVER / 2
    assert verdicts(lines, SPACED, first=True)[0].margin == pytest.approx(0.3 * (totals[0] - totals[1]))
