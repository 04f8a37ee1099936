"""Clean text: the table of what becomes what, and what must stay."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from digest.ingest.clean import clean

CHANGED = [
    (r"the Poincar\'e map of Ma\~nana", "the Poincaré map of Mañana"),
    (r"\v{S}koda, Erd\H{o}s, na\"{\i}ve, \'{E}tude, fa\c{c}ade", "Škoda, Erdős, naïve, Étude, façade"),
    (r"\L{}uk, \o, \ss and \AA", "Łuk, ø, ß and Å"),
    (r"by 4.2\% of Q\&A, a\_b, \#1, \$5", "by 4.2% of Q&A, a_b, #1, $5"),
    (r"\textbf{bold \emph{and} slanted} textit{lost}", "bold and slanted lost"),
    (r"at \url{https://example.org/x_y}.", "at https://example.org/x_y."),
    (r"(\eg this), \ie, that, \etc. Smith \etal", "(e.g. this), i.e., that, etc. Smith et al."),
    (r"\LaTeX{} code", "LaTeX code"),
    ("4times4times4 cubes", "4×4×4 cubes"),
    ("Mtimes N and ktimes k", "M×N and k×k"),
    ("7.5times faster, 3times.", "7.5× faster, 3×."),
    (r"9\times less, 2$\times$ more", "9× less, 2× more"),
    ("ImageX64times 64", "ImageX64×64"),
    ("DoubletimesA9 and XtimesY", "DoubletimesA9 and X×Y"),
    ("ktimes 3 and (1times 60)", "k×3 and (1×60)"),
    ("1.5sim3.0, by sim 5%, sim!30 FPS", "1.5~3.0, by ~5%, ~30 FPS"),
    (r"a $\sim$10% gain, \sim 5, 3\sim4, x\sim p", "a ~10% gain, ~5, 3~4, x ~ p"),
    ("a leq 2% and b geq 3 and c neq 4", "a ≤ 2% and b ≥ 3 and c ≠ 4"),
    ("Network~(XN), MS~SOUP, i.e.~points", "Network (XN), MS SOUP, i.e. points"),
    ("h^nWide, AP^{box}, 10^23, O(n^2), 2^{18}, 5^{-1}", "hⁿWide, AP^box, 10²³, O(n²), 2¹⁸, 5⁻¹"),
    ("R^{m n}, L^{{4}/{3}}, the 5^{th}, O({VM}^2), x_{i}", "R^(m n), L^(4/3), the 5th, O(VM²), x_i"),
    (r"90^\circ and 45^{\circ}", "90° and 45°"),
    (r"in $O(n \log n)$ and \( O(n^3) \) with $k$-means", "in O(n log n) and O(n³) with k-means"),
    (r"({\Delta}G), \alpha-\beta, \Omega", "(ΔG), α-β, Ω"),
    (r"\frac{a}{b} of \left(x\right)", "a/b of (x)"),
    (r"1{\rm D}, 2{rm D}", "1D, 2D"),
    ("a ``quoted'' word", 'a "quoted" word'),
    ("at https://example.org/A{https://example.org/A}.", "at https://example.org/A."),
    ("at https://example.org/A.git{https://example.org/A}.", "at https://example.org/A."),
    (
        "at {https://example.org/r}. and [https://example.org/s].",
        "at https://example.org/r. and https://example.org/s.",
    ),
    (r"at~https://example.org/a\_b/", "at https://example.org/a_b/"),
    ("wrapped\r\n  over\ttwo\u2028lines ", "wrapped over two lines"),
    ("no\u00adn\u200bbreak\u202eing\x00 oﬀice, ﬁne", "nonbreaking office, fine"),
    ("a\u00a0b", "a b"),
    ("cafÃ© and cafe\u0301", "café and café"),
    ("AT&amp;T, a &amp;lt; b", "AT&T, a < b"),
    (r"at https://example.org/a\_b/3times3", "at https://example.org/a_b/3times3"),
    ("x_{i} and y_{max}", "x_i and y_max"),
    (r"Mart\'\i, of \`a la", "Martí, of à la"),
    (r"2$\times$5 and 3\sim4, 3 \sim4, a\sim 5, of\sim6, (\sim7)", "2×5 and 3~4, 3 ~4, a ~5, of ~6, (~7)"),
    (
        r"[https://example.org/~u] ``a'' \% b^2, c~d, $k$ {\bf e} leq 1 geq 2 neq 3",
        'https://example.org/~u "a" % b², c d, k e ≤ 1 ≥ 2 ≠ 3',
    ),
    (
        r"3times3 in C:\3times3, \\srv\3times3, {{ 3times3 }} and https://example.org/3times3",
        r"3×3 in C:\3times3, \\srv\3times3, {{ 3times3 }} and https://example.org/3times3",
    ),
    ("half \ud83d of \ud83d\ude00", "half \ufffd of \U0001f600"),
]

KEPT = [
    "20 times faster, three times, sometimes 3 times, timesteps, 3timestep, 1000timesteps",
    "a similar sim racer, sim-to-real, simple, sim 2 real, Habitat-sim",
    "the delta rule, sigma-pressure, alpha",
    r"introduce \model, \Approach and {\name}, with \1,890",
    "uses {{ user }} and {% raw %} and ${x}",
    "costs $5 and $10 per 100% of runs",
    "costs $5-$10 in all",
    r"in C:\times and \\server\share",
    r"don\'t, it\'s",
    r"she said \"use it\", and left",
    "only ~30% of (~50%), 1~4 inputs",
    "at https://example.org/~user/3times3_{x}",
    "[text](https://example.org/a)",
    "“curly” it’s — fine…",
    "x^2_y^*, Q^top, T^K",
    r"a \q'x and \'q",
    "&unknown; & so on",
    r"a bar \={q} and \v{b}",
    "costs $5 or 4$ in all",
    r"a $\unheard$5 of",
    "leq is three times geq",
    "leq of 3 simple words",
    "aå?œ'",
    r"\frac{a b}{c}",
    "",
]


@pytest.mark.parametrize(("given_", "expected"), CHANGED)
def test_known_markup_becomes_what_a_person_would_have_typed(given_: str, expected: str) -> None:
    """Each row holds, and cleaning its result changes nothing."""
    assert clean(given_) == expected
    assert clean(expected) == expected


@pytest.mark.parametrize("text", KEPT)
def test_the_unknown_and_the_doubtful_stay(text: str) -> None:
    """No character of these changes."""
    expected = {"x^2_y^*, Q^top, T^K": "x²_y^*, Q^top, T^K"}.get(text, text)
    assert clean(text) == expected


def test_the_table_of_the_project_holds(shared_data: Path) -> None:
    """Every row of the shared table holds, twice."""
    with (shared_data / "clean_text.tsv").open(newline="", encoding="utf-8") as table:
        rows = list(csv.DictReader(table, delimiter="\t"))
    assert len(rows) >= 44
    for row in rows:
        assert clean(row["given"]) == row["expected"]
        assert clean(row["expected"]) == row["expected"]


def test_nesting_is_unwrapped_up_to_a_bound() -> None:
    """Ten levels of markup go; a hostile depth stays as it is, which is idempotent too."""
    assert clean(r"\textit{" * 10 + "x" + "}" * 10) == "x"
    deep = r"\textit{" * 40 + "x" + "}" * 40
    assert clean(deep) == deep
    assert clean("&" + "amp;" * 40 + "lt;\u202e x\ny").endswith("lt; x y")


FRAGMENTS = st.sampled_from(
    [
        *"\\{}$^~_ `'\"()[]0129aeinoNX.,;&#%<>=\n\u200b\u00ad\ufdd0\x85\x00ﬁ\ud800\ud83d\ude00",
        "times", "sim", " sim ", " leq ", r"\textit{", r"\'", r'\"', "^{", "https://example.org/a", r"\alpha",
        r"\sim", "&amp;", "&#x200b;", "&lt;", "{{ user }}", "${", "{%", "%}", "Ã©", "â€", "e\u0301", r"\(", r"\)",
        "{rm ", "C:\\", r"\\srv", "``", "''",
    ]
)  # fmt: skip


@settings(max_examples=400, deadline=None)
@given(st.lists(FRAGMENTS, max_size=14).map("".join) | st.text())
def test_cleaning_twice_changes_nothing(text: str) -> None:
    """For any text, hostile or not; and the result can be encoded, and is one line."""
    once = clean(text)
    assert clean(once) == once
    once.encode()
    assert once == " ".join(once.split())
