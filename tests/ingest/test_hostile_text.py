"""Text made to cost much: the work grows with its size and not with the square of it.

Half a megabyte of each: at the square of that, a single one of these tests would take an hour.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

import pytest

from digest.errors import DumpError
from digest.ingest import clean as cleaning
from digest.ingest import tex
from digest.ingest.clean import clean
from digest.ingest.codelinks import code_urls
from digest.ingest.formats import decode, text
from digest.ingest.formats.lines import Line, lines, windows
from digest.ingest.record import Record
from digest.ingest.titles import title_key
from tests.ingest.sample import CARDS, layout_b

_SIZE = 500_000


def much(piece: str) -> str:
    return piece * (_SIZE // len(piece))


@pytest.mark.parametrize(
    "piece",
    [
        "x", "{", "}", "$", "\\", r"\textit{", r"\(", r"\((", "http://", "https://a{", "[https://a", "{{", "${", "``", "~",
        "^{", "_{", "&", "times", r"\\a", "c:\\",
    ],
)  # fmt: skip
def test_what_opens_and_never_closes_stays(piece: str) -> None:
    """Or loses a layer, in one run over it: no rule looks for the end of each from each."""
    assert len(clean(much(piece))) >= _SIZE // 2


@pytest.mark.parametrize(
    ("piece", "expected"),
    [
        (r"\alpha ", "α "),
        ("$x$ ", "x "),
        (r"\textit{a}", "a"),
        ("{https://a.b} ", "https://a.b "),
        (r"\'e", "é"),
        ("3times3 ", "3×3 "),
        ("&lt; ", "< "),
        ("e\u0301", "é"),
        ("a\u200b", "a"),
        ("a  ", "a "),
        ("``a'' ", '"a" '),
        ("x^{2} ", "x² "),
    ],
)
def test_as_much_markup_as_there_can_be_is_undone(piece: str, expected: str) -> None:
    """Every piece of it."""
    assert clean(much(piece)) == (expected * (_SIZE // len(piece))).strip()


def test_mojibake_without_end_is_one_text() -> None:
    """Half a million letters of it are mended like two."""
    assert clean(much("Ã©")) == much("é")[: _SIZE // 2]


def test_keys_and_links_of_hostile_texts() -> None:
    """A title of half a megabyte has a key; so many hosts without a repository give no link, the same one gives one."""
    assert title_key(much("Kite ")) == much("kite ").strip()
    assert title_key(much("-")) == ""
    assert code_urls("github.com/" + much("x")) == ()
    assert code_urls(much("github.com/a/b ")) == ("https://github.com/a/b",)
    assert code_urls(much("github.com/a/b).,;") + " ") != ()


def test_rounds_over_a_text_are_few(monkeypatch: pytest.MonkeyPatch) -> None:
    """However deep it nests."""
    seen: list[str] = []

    def counted(one: str) -> str:
        seen.append(one)
        return plain(one)

    plain = tex.plain
    monkeypatch.setattr(tex, "plain", counted)
    deep = r"\textit{" * 1000 + "x" + "}" * 1000
    assert clean(deep) == deep
    assert len(seen) == cleaning._ROUNDS


@pytest.mark.parametrize("piece", ["x", "x ", "{", "$", r"\textit{", "http://", "(", "<", "1", "1.1", "« "])
def test_one_long_line_is_a_line(piece: str) -> None:
    """It is no paper, and one card with it is."""
    with pytest.raises(DumpError):
        list(text.read(much(piece).encode()).items)
    body = f"We write {much(piece)}."
    found = list(text.read(f"Kites That Land\n{body}\n".encode()).items)
    assert [(one.title, one.abstract) for one in found if isinstance(one, Record)] == [
        ("Kites That Land", body)
    ]


def test_every_line_is_weighed_at_most_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    """Long stretches are settled in parts, which overlap by an abstract; most cards are plain, and none of their lines is weighed."""
    weighed: list[int] = []

    def counted(stretch: Sequence[Line], habits: decode.Habits, *, first: bool) -> list[decode.Verdict]:
        weighed.append(len(stretch))
        return decode.verdicts(stretch, habits, first=first)

    monkeypatch.setattr(text, "verdicts", counted)
    halves = [part for title, abstract in CARDS * 40 for part in (title, abstract[:160], abstract[160:])]
    data = "\n\n".join(halves).encode()
    with suppress(DumpError):
        list(text.read(data).items)
    assert 0 < sum(weighed) <= 2 * sum(1 for _ in lines(data))
    weighed.clear()
    drifted = layout_b(CARDS * 40).replace("\n\n", "\n", 1).encode()
    assert sum(isinstance(one, Record) for one in text.read(drifted).items) == 480
    assert 0 < sum(weighed) < 960 / 4


def test_no_more_than_a_window_is_decoded_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A dump is never held a second time: what is decoded is a window and the rest of its last line."""
    data = layout_b(CARDS * 100).encode()
    longest = max(map(len, data.split(b"\n")))
    monkeypatch.setattr("digest.ingest.formats.lines._WINDOW", 5000)
    sizes = [len(window.encode()) for window in windows(data)]
    assert max(sizes) <= 5000 + longest
    assert sum(sizes) + len(sizes) - 1 == len(data)
