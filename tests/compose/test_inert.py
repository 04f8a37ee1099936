"""Text made harmless: what goes, what stays, where it is cut."""

from __future__ import annotations

import pytest

from digest.compose.inert import inert, line, shorten, web_url


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("plain text", "plain text"),
        ("  a \t b\u00a0c\u2003d ", "a b c d"),
        ("a\r\n.\r\nb", "a . b"),
        ("a\rb\nc\x0bd\x0ce\u2028f\u2029g\x85h", "a b c d e f g h"),
        ("nu\0ll, \x01be\x02ll\x07, \x0e, \x7f\x9b", "null, bell, ,"),
        ("\u202eevil\u202c \u2066x\u2069 \u200f\u061c", "evil x"),
        ("ze\u200bro\u200c-\u200dwi\u2060d\ufeffth\u00ad", "zero-width"),
        ("\U000e0041\U000e0042tags", "tags"),
        ("\ud800 lone \udfff", "\ufffd lone \ufffd"),
        ("\ufff9a\ufffb\ufffc\ufffd\ufffe\uffff", "a\ufffd"),
        ("naïve 多言語 😀 ∑", "naïve 多言語 😀 ∑"),
        ("z" + "\u0301\u0488" * 50 + "a\u0301", "z" + "\u0301\u0488" * 2 + "a\u0301"),
        (
            "\u03b1\u0314\u0301\u0345, \u05d0\u05bc\u05b8\u0591",
            "\u03b1\u0314\u0301\u0345, \u05d0\u05bc\u05b8\u0591",
        ),
        ("<b>&amp;{{7*7}}", "<b>&amp;{{7*7}}"),
    ],
)
def test_inert(given: str, expected: str) -> None:
    """Hidden characters go, blanks of any kind become one space, the rest stays."""
    assert inert(given, limit=100) == expected


def test_inert_cuts_early() -> None:
    """However long the text, no more than four times the limit is looked at."""
    assert inert("\u200b" * 400 + "x", limit=100) == ""
    assert len(inert("x" * 10_000_000, limit=100)) == 400


@pytest.mark.parametrize(
    ("text", "limit", "expected"),
    [
        ("short", 5, "short"),
        ("One sentence. Another one here.", 20, "One sentence.\u00a0…"),
        ("Is it? Yes, it is and so on and on.", 10, "Is it?\u00a0…"),
        ("He said “no.” Then he left us all.", 18, "He said “no.”\u00a0…"),
        ("A. then a very long sentence without any end", 20, "A. then a very long…"),
        ("a list of words, and more of them", 18, "a list of words…"),
        ("x" * 30, 10, "x" * 9 + "…"),
        ("ab " + "x" * 30, 10, "ab xxxxxx…"),
        ("3.14159 is 2.71828 and that is that", 20, "3.14159 is 2.71828…"),
    ],
)
def test_shorten(text: str, limit: int, expected: str) -> None:
    """A text is cut at a sentence where one ends late enough, else at a word, else anywhere."""
    assert shorten(text, limit) == expected
    assert len(expected) <= limit


def test_line() -> None:
    """A title is made harmless first and shortened then."""
    assert line("a\u200b\nb " + "word " * 50, 20) == "a b word word word…"


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        (None, None),
        ("", None),
        ("https://example.org", "https://example.org"),
        ("http://example.org:8000/a/b?c=d&e=%20f#g", "http://example.org:8000/a/b?c=d&e=%20f#g"),
        ("HTTPS://Example.org/A", "HTTPS://Example.org/A"),
        ("https://example.org/it's", "https://example.org/it%27s"),
        ("https://example.org/naïve", "https://example.org/na%C3%AFve"),
        ("https://example.org/\ud800", "https://example.org/?"),
        ("javascript:alert(1)", None),
        ("JaVaScRiPt:alert(1)//https://example.org", None),
        (" https://example.org", None),
        ("data:text/html,x", None),
        ("ftp://example.org", None),
        ("//example.org", None),
        ("https://", None),
        ("https://-example.org", None),
        ("https://user:pass@example.org/", None),
        ("https://example.org\\@evil.example", None),
        ('https://example.org/"><img src=x onerror=alert(1)>', None),
        ("https://example.org/a b", None),
        ("https://example.org/a\r\nBcc: evil", None),
        ("https://example.org/{{7*7}}", None),
        ("https://bücher.example/", None),
        ("https://example.org/" + "a" * 880, "https://example.org/" + "a" * 880),
        ("https://example.org/" + "a" * 881, None),
        ("https://example.org/" + "é" * 300, None),
    ],
)
def test_web_url(url: str | None, expected: str | None) -> None:
    """Only a plain URL of a page is a link; what is odd is dropped, not mended."""
    assert web_url(url) == expected
