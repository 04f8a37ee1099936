"""The normalised title."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from digest.ingest.clean import clean
from digest.ingest.titles import key_of_clean, title_key


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Ferry Tides: A Plan", "ferry tides – a plan"),
        (r"The Poincar\'e~Map", "The Poincaré Map"),
        ("Oﬃce STRASSE", "office straße"),
        ("A 3times3 View", "A 3×3 view"),
        ("Half‐Way_There!", "half way there"),
        ("  Wrapped\n  title ", "Wrapped title"),
        ("Ｗｉｄｅ letters", "wide letters"),
    ],
)
def test_spelling_makes_no_difference(one: str, other: str) -> None:
    """Case, punctuation, dashes, width, ligatures, wrapping and TeX vanish."""
    assert title_key(one) == title_key(other)


def test_words_make_the_key() -> None:
    """The key is the words, in order, with single spaces."""
    assert title_key(r"Poincar\'e~Maps: a 3times3 View") == "poincaré maps a 3 3 view"
    assert title_key("Maps of Ice") != title_key("Ice of Maps")
    assert title_key("…!?") == ""


@settings(max_examples=200, deadline=None)
@given(st.text())
def test_a_key_is_its_own_key(title: str) -> None:
    """Normalising twice changes nothing."""
    key = title_key(title)
    assert title_key(key) == key


@settings(max_examples=200, deadline=None)
@given(st.text(st.characters(max_codepoint=127)) | st.text())
def test_a_key_is_the_words_of_the_clean_title(title: str) -> None:
    """Of ASCII it is what lies between signs, in lower case; and a title that is clean is not cleaned again."""
    tidy = clean(title)
    assert key_of_clean(tidy) == title_key(title)
    if tidy.isascii():
        assert key_of_clean(tidy) == " ".join(re.findall("[a-z0-9]+", tidy.lower()))
