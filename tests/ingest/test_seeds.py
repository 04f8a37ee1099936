"""The five founding dumps, whole and damaged; nothing of them is in the repository."""

from __future__ import annotations

import random
import textwrap
from pathlib import Path

import pytest

from digest.errors import DumpError
from digest.ingest.formats import read
from digest.ingest.record import DumpDate, Record, Reject
from digest.ingest.titles import title_key
from tests.ingest.sample import HEAD_B, Card, layout_a, layout_b

COUNTS = (202, 67, 62, 75, 86)
HEADS = (
    (),
    ("Discover", "The best of machine learning, every morning", "Jun 3, 2025"),
    ("Weekly reading list", "Curated by the robotics lab", "12,431 followers", "Log in", "Sign up"),
    ("Paper Radar", "What researchers are talking about today", "Tue, Aug 12"),
)


def cards(dump: str) -> list[Card | Reject]:
    """Read a dump; papers as they stand in it."""
    items = read(dump.encode()).items
    return [(item.title, item.abstract) if isinstance(item, Record) else item for item in items]


@pytest.fixture(scope="module")
def dumps(shared_data: Path) -> list[str]:
    """The texts, by name."""
    return [path.read_text(encoding="utf-8") for path in sorted((shared_data / "dumps").glob("*.txt"))]


@pytest.fixture(scope="module")
def papers(dumps: list[str]) -> list[list[Card]]:
    """Title and abstract of each paper of each dump."""
    return [[card for card in cards(dump) if not isinstance(card, Reject)] for dump in dumps]


def test_the_counts_hold(dumps: list[str]) -> None:
    """492 records of 441 titles, nothing rejected, one title twice in one file."""
    found = [cards(dump) for dump in dumps]
    assert tuple(map(len, found)) == COUNTS
    titles = [[title_key(card[0]) for card in one if not isinstance(card, Reject)] for one in found]
    assert sum(map(len, titles)) == 492
    assert len({title for one in titles for title in one}) == 441
    assert sum(len(one) - len(set(one)) for one in titles) == 1


def test_format_and_date_are_seen(dumps: list[str]) -> None:
    """One dump without blank lines and date, four with both."""
    readings = [read(dump.encode()) for dump in dumps]
    assert [reading.format for reading in readings] == ["text-a"] + ["text-b"] * 4
    assert [reading.date for reading in readings] == [
        None, DumpDate(month=8, day=12), DumpDate(month=8, day=4), *[DumpDate(month=3, day=14)] * 2,
    ]  # fmt: skip


def test_lines_keep_their_part(papers: list[list[Card]], dumps: list[str]) -> None:
    """No head line is a title, no title an abstract; the glued button is gone."""
    for one, dump in zip(papers, dumps, strict=True):
        assert all(len(title) < 200 and len(abstract) > 400 for title, abstract in one)
        assert one[0][0] in dump
    assert papers[0][0][0].startswith("Text Promptable")


@pytest.mark.parametrize("head", HEADS)
def test_other_heads_change_nothing(papers: list[list[Card]], head: tuple[str, ...]) -> None:
    """In both layouts."""
    for one in papers:
        assert cards(layout_a(one, head)) == one
        assert cards(layout_b(one, head)) == one


def test_blank_lines_and_feet_and_doubled_cards_change_nothing(papers: list[list[Card]]) -> None:
    """Drift, a menu at the end, each card twice."""
    chance = random.Random(1)
    for one in papers:
        lines = [*HEAD_B, *(line for card in one for line in card)]
        assert cards("".join(line + "\n" * chance.choice([1, 2, 2, 4]) for line in lines)) == one
        assert cards(layout_b(one, foot=("Previous", "Next", "© 2025 Example", "Privacy", "TOS"))) == one
        assert cards(layout_a([card for card in one for _ in range(2)])) == one


@pytest.mark.parametrize("width", [60, 80])
def test_wrapped_titles_are_right_or_rejected(papers: list[list[Card]], width: int) -> None:
    """All of a dump: at least 97 of 100 are joined, and what is not is rejected but for one in 492."""
    for layout in (layout_a, layout_b):
        wrong = right = 0
        for one in papers:
            found = cards(layout([(textwrap.fill(t, width, break_on_hyphens=False), a) for t, a in one]))
            wrong += sum(card not in one for card in found if not isinstance(card, Reject))
            right += sum(card in one for card in found)
        assert wrong <= 1
        assert right >= 477


def test_a_missing_abstract_never_takes_another(papers: list[list[Card]]) -> None:
    """Ten times a dump: the title stands alone or is rejected, all others are right."""
    chance = random.Random(2)
    for one in papers:
        for number in chance.sample(range(1, len(one) - 1), 10):
            title, _ = one[number]
            dump = "\n\n".join([*HEAD_B, *(line for card in one[:number] for line in card), title]) + "\n\n"
            found = [
                card for card in cards(dump + layout_b(one[number + 1 :], ())) if not isinstance(card, Reject)
            ]
            assert [card for card in found if card not in one and card != (title, "")] == []
            assert len(found) >= len(one) - 2


def test_cuts_give_a_prefix_or_a_refusal(dumps: list[str], papers: list[list[Card]]) -> None:
    """At 200 offsets over the five dumps."""
    for dump, one in zip(dumps, papers, strict=True):
        for number in range(40):
            try:
                found = cards(dump[: number * len(dump) // 40])
            except DumpError:
                continue
            *whole, last = found
            assert whole == one[: len(whole)]
            assert not isinstance(last, Reject)
            assert last[0] == one[len(whole)][0]
            assert one[len(whole)][1].startswith(last[1])
