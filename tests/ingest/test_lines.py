"""What one line shows by itself: each mark, what it weighs, and where it begins to."""

from __future__ import annotations

from itertools import groupby

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digest.ingest.formats.lines import (
    WORDS_TAKE,
    Line,
    as_abstract,
    as_body,
    as_noise,
    as_title,
    by_marks,
    capital_share,
    ends_sentence,
    hangs,
    has_sentences,
    is_page,
    lines,
    starts_lower,
    unglued,
)


def bare(length: int, start: str = "Xx", end: str = "") -> str:
    """A line of this length whose words are too short to show anything."""
    return (f"{start} " + "yz " * 200)[: length - len(end) - 1] + "z" + end


def shares(upper: int, lower: int, start: str = "Xx") -> str:
    """A line with so many long words in capitals, and so many without."""
    return " ".join([start, *["Kite"] * upper, *["kite"] * lower])


@pytest.mark.parametrize(
    ("text", "points"),
    [
        pytest.param(bare(30), 2.0, id="nothing"),
        pytest.param(bare(12), 2.0, id="short"),
        pytest.param(bare(11), 0.5, id="too short"),
        pytest.param(bare(200), 2.0, id="long"),
        pytest.param(bare(201), -1.0, id="too long"),
        pytest.param("Xx/yz/yz/yz/yz", 0.0, id="no space"),
        pytest.param(bare(30, end="."), -2.0, id="full stop"),
        pytest.param(bare(30, end="..."), 2.0, id="ellipsis"),
        pytest.param("Xx yz. Yz yz yz", -3.0, id="two sentences"),
        pytest.param(bare(30, "yz"), -1.0, id="lower case"),
        pytest.param(bare(30, "Xx ©"), -4.0, id="of a page"),
        pytest.param(bare(30, "We"), -1.0, id="opening"),
        pytest.param(bare(30, "Xx it"), 1.0, id="cue"),
        pytest.param(shares(3, 2), 3.0, id="60 % capitals"),
        pytest.param(shares(4, 3), 2.0, id="57 % capitals"),
        pytest.param(shares(1, 3), 2.0, id="25 % capitals"),
        pytest.param(shares(1, 4), 1.0, id="20 % capitals"),
    ],
)
def test_a_title_shows(text: str, points: float) -> None:
    """Two points at first; every mark adds or takes its own."""
    assert as_title(text) == points


@pytest.mark.parametrize(
    ("text", "points"),
    [
        pytest.param(bare(50), 0.0, id="nothing"),
        pytest.param(bare(49), -1.0, id="short"),
        pytest.param(bare(120), 0.0, id="120"),
        pytest.param(bare(121), 2.0, id="121"),
        pytest.param(bare(200), 2.0, id="200"),
        pytest.param(bare(201), 4.0, id="201"),
        pytest.param(bare(299), 4.0, id="299"),
        pytest.param(bare(300), 8.0, id="300"),
        pytest.param(bare(299, "yz it"), 5.5, id="299 and a cue"),
        pytest.param(bare(60, "Xx it"), 1.5, id="cue"),
        pytest.param(bare(60, "Xx yz. Yz"), 2.0, id="two sentences"),
        pytest.param(bare(60, end="."), 0.0, id="full stop at 60"),
        pytest.param(bare(61, end="."), 1.5, id="full stop at 61"),
        pytest.param("new", -4.0, id="menu"),
        pytest.param(shares(3, 6, bare(50)), 1.5, id="33 % capitals"),
        pytest.param(shares(7, 13, bare(18)), 0.0, id="35 % capitals"),
        pytest.param(shares(4, 3, bare(50)), 0.0, id="57 % capitals"),
        pytest.param(shares(6, 4, bare(50)), -1.5, id="60 % capitals"),
    ],
)
def test_a_line_of_an_abstract_shows(text: str, points: float) -> None:
    """Length most of all, then the words of sentences."""
    assert as_body(text) == points


@pytest.mark.parametrize(
    ("text", "points"),
    [
        pytest.param(bare(50), -1.0, id="nothing"),
        pytest.param(bare(49), -4.0, id="short"),
        pytest.param(bare(50, "We"), 1.0, id="opening"),
        pytest.param(bare(50, "yz"), -5.0, id="lower case"),
        pytest.param(bare(50, "Xx ©"), -7.0, id="of a page"),
        pytest.param(bare(49, "Xx ©"), -10.0, id="of a page, and short"),
        pytest.param(bare(299, "Xx ©"), -3.0, id="of a page at 299"),
        pytest.param("-" * 299, -6.0, id="a rule of 299"),
        pytest.param("-" * 300, 7.0, id="a rule of 300"),
        pytest.param(bare(300, "We"), 9.0, id="opening of a long line"),
    ],
)
def test_the_first_line_of_an_abstract_shows(text: str, points: float) -> None:
    """It is harder on short lines, and on those that start in the middle of a sentence."""
    assert as_abstract(text) == points


@pytest.mark.parametrize(
    ("text", "points"),
    [
        pytest.param(bare(20), 0.0, id="nothing"),
        pytest.param(bare(19), 1.0, id="short"),
        pytest.param(bare(30, "Xx ©"), 4.0, id="of a page"),
        pytest.param(bare(30, end="!"), 1.0, id="exclamation"),
        pytest.param(bare(30, "Xx your"), 1.0, id="to the reader"),
        pytest.param(bare(120), 0.0, id="120"),
        pytest.param(bare(121), -1.5, id="121"),
        pytest.param(bare(299), -1.5, id="299"),
        pytest.param(bare(121, "Xx ©"), 4.0, id="of a page at 121"),
        pytest.param(bare(300), -8.0, id="300"),
        pytest.param("-" * 300, 1.0, id="a rule of 300"),
    ],
)
def test_a_line_of_the_page_shows(text: str, points: float) -> None:
    """Its words, its shortness, its tone."""
    assert as_noise(text) == points


@pytest.mark.parametrize(
    ("text", "share"),
    [
        ("Kite kite", 0.5),
        ("Kite Kite kite", 2 / 3),
        ("Kit of kite", 0.0),
        ("Kite of yz", 1.0),
        ("kites Kit", 0.0),
        ("Kit", 0.5),
        ("", 0.5),
    ],
)
def test_capitals_are_counted_on_words_of_four_letters(text: str, share: float) -> None:
    """A half where there are none."""
    assert capital_share(text) == share


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("kites fly", True),
        ("Kites fly", False),
        ("kNN is old", False),
        ("3d kites", False),
        ("of Kites", True),
        ("of Kites fly", True),
    ],
)
def test_lower_case_is_of_the_first_word(text: str, expected: bool) -> None:
    """All of it, and starting with a letter."""
    assert starts_lower(text) is expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Kites over", True),
        ("Kites for the", True),
        ("Kites:", True),
        ("Kites Land", False),
        ("Kites (in wind", True),
        ("Kites (in wind) fly", False),
        ("Kites) fly", False),
        ("Kites andover", False),
        ("Kites " + "w" * 30 + "between", False),
        ("Kites from in between", True),
        ("Kites TOWARDS", True),
    ],
)
def test_a_line_hangs(text: str, expected: bool) -> None:
    """On a connecting word or sign, or on a bracket that is open."""
    assert hangs(text) is expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("They fly.", True),
        ('They "fly."', True),
        ("They fly", False),
        ("They fly. High", False),
        ("Do they fly?", True),
        ("They fly…", True),
        ("They fly?)", True),
        ("https://" + "x" * 192, True),
        ("https://" + "x" * 193, False),
    ],
)
def test_a_sentence_ends(text: str, expected: bool) -> None:
    """With its sign or a link, looked for in the last 200 characters, lest hostile lines cost much."""
    assert ends_sentence(text) is expected


def test_sentences_within_a_line() -> None:
    """One ends and another begins; the dot of an initial ends none."""
    assert has_sentences("They fly. We look.") is True
    assert has_sentences("By A. Lind and others.") is False


def test_words_of_a_page_count_in_short_lines_only() -> None:
    """An abstract may speak of newsletters."""
    assert is_page(bare(299, "Xx newsletter"))
    assert not is_page(bare(300, "Xx newsletter"))
    assert is_page("Aug 12")
    assert not is_page("Kites")


@pytest.mark.parametrize(
    "phrase",
    [
        "your inbox", "by inbox", "your e-mail", "your email", "by e-mail", "by email", "inbox", "subscribe",
        "subscriber", "subscribers", "subscribed", "newsletter", "sign up", "sign in", "sign out", "log in", "login",
        "log out", "logout", "cookie policy", "cookie settings", "terms of", "privacy policy", "all rights", "please",
        "try again", "click", "javascript", "unsubscribe", "follow us", "contact us", "powered by", "made with",
        "load more", "show more", "see all", "read more", "join us", "back to top", "system theme", "trending papers",
        "daily papers", "research community", "welcome to", "daily digest", "weekly picks", "morning reading",
    ],
)  # fmt: skip
def test_phrases_of_a_page(phrase: str) -> None:
    """In any case, at either end, beside letters beyond ASCII; never as a part of a longer word."""
    for text in (
        f"{phrase} for Kites",
        f"Kites {phrase}",
        f"Kites {phrase.upper()}",
        f"Käse {phrase.title()} now",
    ):
        assert is_page(text)
    assert not is_page(f"Kites x{phrase}x of Käse")
    assert not is_page(f"Kites x{phrase}x")


@pytest.mark.parametrize("text", ["Kites © Land", "Kites™", "Käse ®", "Kites ſubſcribe", "Kites clicK"])
def test_signs_of_a_page_beyond_ascii(text: str) -> None:
    """Marks of ownership, and letters whose capital is one of ASCII."""
    assert is_page(text)


@pytest.mark.parametrize(
    "text", ["Designing Logic for Mail", "A Daily Round of Papers", "Privacy of Signs Is More"]
)
def test_words_of_such_phrases_alone_are_of_papers(text: str) -> None:
    """It takes the phrase."""
    assert not is_page(text)


@pytest.mark.parametrize(
    ("text", "whole", "expected"),
    [
        ("SubscribeLong Winters", "SubscribeLong Winters", "Long Winters"),
        ("Sign upiTide: A Model", "Sign upiTide: A Model", "iTide: A Model"),
        ("SubscribeLong Winters", "SubscribeLong Winters. Subscribe", "Long Winters"),
        ("SearchNet Finds", "SearchNet Finds with SearchNet", "SearchNet Finds"),
        ("Searching for Kites", "", "Searching for Kites"),
    ],
)
def test_glue(text: str, whole: str, expected: str) -> None:
    """A button's word goes, unless the text around has the same name again."""
    assert unglued(text, whole) == expected


def test_lines_are_numbered_and_stripped() -> None:
    """Blank ones and repeated ones are skipped; the first line follows no blank one."""
    data = "Käse\n\n \t\n  rye \r\nrye\n\nrye\nend".encode()
    assert list(lines(data)) == [Line(1, "Käse", False), Line(4, "rye", True), Line(8, "end", False)]
    assert list(lines(b"\na\n")) == [Line(2, "a", True)]
    assert list(lines(b"")) == []
    assert list(lines(b"XXXX")) == [Line(1, "XXXX", False)]


@given(
    st.lists(st.sampled_from(["Käse", "rye", "\u00a0", "", "\U0001f600 " * 3, "oat" * 9, " \r"])),
    st.integers(1, 20),
)
def test_where_a_window_ends_makes_no_difference(texts: list[str], window: int) -> None:
    """Lines come out the same, with the same numbers, one by one or all at once."""
    data = "\n".join(texts).encode()
    whole = list(lines(data))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("digest.ingest.formats.lines._WINDOW", window)
        assert list(lines(data)) == whole
        assert list(lines(data + b"\n")) == whole
    assert [line.text for line in whole] == [text for text, _ in groupby(filter(None, map(str.strip, texts)))]


WORDS = ("Kites", "kites", "Land", "we", "is", "This", "3d", "of", "A,", "over.", "on:", "newsletter")


@given(st.lists(st.sampled_from(WORDS)).map(" ".join))
def test_the_words_of_a_title_weigh_little(text: str) -> None:
    """What its marks alone weigh is at most two points from the whole."""
    if text:
        assert by_marks(text) - WORDS_TAKE <= as_title(text) <= by_marks(text) + 1
