"""Links to code in an abstract."""

from __future__ import annotations

import pytest

from digest.ingest.clean import clean
from digest.ingest.codelinks import code_urls, links_of_clean


@pytest.mark.parametrize(
    ("abstract", "expected"),
    [
        ("Code: https://github.com/example/tool.", ["https://github.com/example/tool"]),
        ("(http://github.com/example/tool)", ["https://github.com/example/tool"]),
        ("see www.github.com/example/tool, and", ["https://github.com/example/tool"]),
        ("at github.com/example/tool; or", ["https://github.com/example/tool"]),
        ("athttps://github.com/example/tool", ["https://github.com/example/tool"]),
        ("https://github.com/e/t{https://github.com/e/t}.", ["https://github.com/e/t"]),
        (r"\url{https://gitlab.com/e/a\_b}", ["https://gitlab.com/e/a_b"]),
        ("[https://bitbucket.org/e/t].", ["https://bitbucket.org/e/t"]),
        ("https://codeberg.org/e/t/src/f(x))", ["https://codeberg.org/e/t/src/f(x)"]),
        ("https://huggingface.co/e/model, https://huggingface.co/papers/2401.01234",
         ["https://huggingface.co/e/model"]),
        ("https://github.com/b/b and https://github.com/a/a.", ["https://github.com/b/b", "https://github.com/a/a"]),
        ("https://github.com/A/b.git and https://github.com/a/B/.", ["https://github.com/A/b.git"]),
        ("https://example.github.io/page and https://github.com/example", []),
        ("https://notgithub.com/a/b and me@github.com/a/b", []),
        ("https://github.com/example/.", []),
        ("no link", []),
        ("https://github.com/e/X and https://gitlab.com/e/maX.",
         ["https://github.com/e/X", "https://gitlab.com/e/maX"]),
        ("HTTPS://WWW.GitHub.com/E/T", ["https://GitHub.com/E/T"]),
        ("İ" * 40 + " github.com/e/t", ["https://github.com/e/t"]),
        ("İ" * 40 + " and/or", []),
        ("and/or", []),
        ("gıthub.com/e/t", []),
        ("gıthub.com/e/t github.com/a/b", ["https://github.com/a/b"]),
        ("github.com/a/b gıthub.com/e/t", ["https://github.com/a/b"]),
        ("github", []),
        ("github.com/a/b gitlab.com/a/b bitbucket.org/a/b codeberg.org/a/b huggingface.co/a/b",
         ["https://github.com/a/b", "https://gitlab.com/a/b", "https://bitbucket.org/a/b",
          "https://codeberg.org/a/b", "https://huggingface.co/a/b"]),
    ],
)  # fmt: skip
def test_links_are_found(abstract: str, expected: list[str]) -> None:
    """In order, once each, as https, without what belongs to the sentence; pages and profiles are not code."""
    assert code_urls(abstract) == tuple(expected)
    assert links_of_clean(clean(abstract)) == tuple(expected)
