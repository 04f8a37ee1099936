"""Names: when two spellings may be one author."""

from __future__ import annotations

import pytest

from digest.rank.authors import read, same


@pytest.mark.parametrize(
    ("wanted", "author"),
    [
        ("Ada Lovelace", "Ada Lovelace"),
        ("ada lovelace", "ADA LOVELACE"),
        ("Lovelace, Ada", "Ada Lovelace"),
        ("Ada Lovelace", "Lovelace, Ada"),
        ("Lovelace, A.", "Lovelace, Ada"),
        ("A. Lovelace", "Ada Lovelace"),
        ("Ada Lovelace", "A Lovelace"),
        ("A.K. Lovelace", "Ada King Lovelace"),
        ("Ada Lovelace", "Ada King Lovelace"),
        ("Ada King Lovelace", "Ada Lovelace"),
        ("Ada Lovelace", "Ada K. Lovelace"),
        ("Lovelace", "Ada Lovelace"),
        ("Lovelace,", "Ada Lovelace"),
        (", Lovelace", "Ada Lovelace"),
        ("Lovelace", "Lovelace"),
        ("Lovelace,", "Lovelace"),
        ("Smith-Jones", "Ada Smith-Jones"),
        ("Smith-Jones", "Smith-Jones"),
        ("Garcia Lopez", "Garcia Lopez, Maria"),
        ("Jürgen Groß", "Jurgen Gross"),
        ("Søren Łukasz Đorđe", "Soren Lukasz Dorde"),
        ("Ægir Þórsson", "Aegir Thorsson"),
        ("Cœur Iðunn Yılmaz", "Coeur Idunn Yilmaz"),
        ("Ada O'Neil", "Ada O’Neil"),
        ("Ada ONeil", "Ada O'Neil"),
        ("Lovelace, Ada, King", "Ada King Lovelace"),
        ("Ada O`Neil", "Ada OʼNeil"),
        ("Jean-Luc Roux", "J.-L. Roux"),
        ("Jean-Luc Roux", "Jean Luc Roux"),
        ("Jean-Luc Roux", "J. Roux"),
        ("Ada Smith-Jones", "Smith Jones, Ada"),
        ("Smith-Jones, Ada", "Ada Smith Jones"),
        ("Ada Smith-Jones", "Ada Smith Jones"),
        ("Ada Smith‑Jones", "Ada Smith-Jones"),
        ("Ada Smith‐Jones", "A. Smith-Jones"),
        ("Jan van der Berg", "J. van der Berg"),
        ("van der Berg, Jan", "Jan van der Berg"),
        ("van der Berg", "Jan van der Berg"),
        ("van der Berg, J.", "van der Berg, Jan"),
        ("De Wang", "D. Wang"),
        ("Maria Garcia Lopez", "Garcia Lopez, Maria"),
        ("Garcia Lopez, M.", "Maria Garcia Lopez"),
        ("Ada Lovelace, Jr.", "Ada Lovelace"),
        ("Ada Lovelace III", "Lovelace, Ada"),
        ("Lovelace, Ada, Jr.", "Ada Lovelace"),
        ("Ada_Lovelace", "Ada  Lovelace "),
        ("Ada (King) Lovelace", "Ada King Lovelace"),
    ],
)
def test_one_author(wanted: str, author: str) -> None:
    """Case, accents, order, initials, missing middle names and suffixes do not part two names."""
    assert same(read(wanted), read(author))


@pytest.mark.parametrize(
    ("wanted", "author"),
    [
        ("Ada Lovelace", "Ada Loveless"),
        ("Ada Lovelace", "Ida Lovelace"),
        ("Ada Lovelace", "Adam Lovelace"),
        ("A. Lovelace", "Ida Lovelace"),
        ("Ada K. Lovelace", "Ada M. Lovelace"),
        ("Ada King Lovelace", "Ada Byron Lovelace"),
        ("Ada Lovelace", "Lovelace"),
        ("Lovelace, Ada", "Lovelace"),
        ("Ada", "Ada Lovelace"),
        ("Berg, Jan", "Jan van der Berg"),
        ("Jan Berg", "Jan van der Berg"),
        ("van der Berg, Jan", "Jan Berg"),
        ("Jean-Luc Roux", "Jean-Paul Roux"),
        ("Lopez, Maria", "Garcia Lopez, Maria"),
        ("Maria Lopez", "Garcia Lopez, Maria"),
        ("Lopez, Garcia", "Garcia Lopez, Maria"),
        ("Lopez, Garcia", "Garcia Lopez-Lopez"),
        ("Lovelace, King", "Ada King Lovelace"),
        ("", "Ada Lovelace"),
        ("Ada Lovelace", ""),
        ("", ""),
        ("!", "?"),
        ("-", "-"),
        ("", "-"),
        ("Smith-Jones, Ada", "Ada Jones"),
        ("Ada Jones", "Ada Smith-Jones"),
    ],
)
def test_two_authors(wanted: str, author: str) -> None:
    """Surnames that differ in any way, or given names that cannot agree, are two authors."""
    assert not same(read(wanted), read(author))


@pytest.mark.parametrize(
    ("name", "words", "surname_words", "sure"),
    [
        ("Ada Lovelace", ("ada", "lovelace"), 1, False),
        ("Lovelace, Ada King", ("ada", "king", "lovelace"), 1, True),
        ("Jan van der Berg", ("jan", "van", "der", "berg"), 3, False),
        ("van Berg", ("van", "berg"), 1, False),
        ("Garcia Lopez, Maria", ("maria", "garcia", "lopez"), 2, True),
        ("Ada Smith-Jones", ("ada", "smith", "jones"), 2, True),
        ("Ada de Smith-Jones", ("ada", "de", "smith", "jones"), 3, True),
        ("Lovelace,", ("lovelace",), 1, False),
        ("", (), 1, False),
    ],
)
def test_reading(name: str, words: tuple[str, ...], surname_words: int, sure: bool) -> None:
    """A name is read with its given names first, its surname's length, and whether a comma told it."""
    read_name = read(name)
    assert (read_name.words, read_name.surname_words, read_name.sure) == (words, surname_words, sure)


@pytest.mark.parametrize(
    ("name", "key"),
    [("Ada Lovelace", "lovelace"), ("Ada Smith-Jones", "jones"), ("Smith Jones, Ada", "jones"), ("", "")],
)
def test_the_key(name: str, key: str) -> None:
    """Surnames that are equal share a key."""
    assert read(name).key == key
