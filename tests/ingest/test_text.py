"""Text scrapes: two layouts of invented papers, and what happens to dumps on their way."""

from __future__ import annotations

import random
import textwrap
from collections.abc import Callable, Sequence

import pytest

from digest.errors import DumpError
from digest.ingest.formats import read
from digest.ingest.record import DumpDate, Record, Reject
from tests.ingest.sample import CARDS, HEAD_A, HEAD_B, Card, layout_a, layout_b

Layout = Callable[..., str]
LAYOUTS = pytest.mark.parametrize("layout", [layout_a, layout_b])


def cards(dump: str) -> list[Card | Reject]:
    """Read a dump; papers as they were written."""
    items = read(dump.encode()).items
    return [(item.title, item.abstract) if isinstance(item, Record) else item for item in items]


def wrapped(card: Card, width: int) -> Card:
    """Break the title at a column."""
    return textwrap.fill(card[0], width, break_on_hyphens=False), card[1]


@LAYOUTS
def test_titles_and_abstracts_are_paired(layout: Layout) -> None:
    """Each paper once, in order, with its place and its line."""
    records = list(read(layout(CARDS).encode()).items)
    assert [(r.title, r.abstract) for r in records if isinstance(r, Record)] == list(CARDS)
    assert [r.position for r in records if isinstance(r, Record)] == list(range(1, 13))
    step, start = (2, 3) if layout is layout_a else (4, 11)
    assert [r.line for r in records] == [start + step * number for number in range(12)]


def test_the_head_may_date_a_dump() -> None:
    """A line of the head that is a date, wherever in it."""
    assert read(layout_b(CARDS).encode()).date == DumpDate(month=8, day=12)
    assert read(layout_a(CARDS).encode()).date is None
    assert read(layout_b(CARDS, ("Jun 3, 2025", "Paper Radar")).encode()).date == DumpDate(
        year=2025, month=6, day=3
    )


@LAYOUTS
@pytest.mark.parametrize(
    "head",
    [
        (),
        ("Discover", "The best of machine learning, every morning", "Jun 3, 2025"),
        ("Weekly reading list", "Curated by the robotics lab", "12,431 followers", "Log in", "Sign up"),
        ("Paper Radar", "What researchers are talking about today", "Tue, Aug 12"),
        ("Hot Papers This Week", "Top", "New", "Rising"),
        ("Welcome to the daily digest of the lab. We collect what matters so that you need not read it all, every day.",),
    ],
)  # fmt: skip
def test_no_line_of_an_unknown_head_is_a_title(layout: Layout, head: Sequence[str]) -> None:
    """Whatever the page's head says, the papers are the same."""
    assert cards(layout(CARDS, head)) == list(CARDS)


@LAYOUTS
@pytest.mark.parametrize(
    "foot",
    [
        ("Previous", "Next"),
        ("© 2025 Example Labs", "Privacy", "Terms", "About", "TOS"),
        ("Load more",),
        ("Company", "Jobs", "Docs", "System theme"),
        ("Please subscribe to our newsletter",),
    ],
)
def test_no_line_of_a_foot_is_a_title(layout: Layout, foot: Sequence[str]) -> None:
    """Menus and notices after the last paper are dropped."""
    assert cards(layout(CARDS, foot=foot)) == list(CARDS)


@LAYOUTS
@pytest.mark.parametrize("button", ["Subscribe", "Sign up", "Log in", "Join"])
def test_a_button_glued_to_the_first_title_is_dropped(layout: Layout, button: str) -> None:
    """Known by what buttons say and the capital after it, also before a name such as iTide."""
    assert cards(layout([(button + CARDS[0][0], CARDS[0][1]), *CARDS[1:]], HEAD_A)) == list(CARDS)
    name = ("iTide: " + CARDS[0][0], CARDS[0][1])
    assert cards(layout([(button + name[0], name[1]), *CARDS[1:]], HEAD_A)) == [name, *CARDS[1:]]


def test_a_name_that_starts_like_a_button_stays() -> None:
    """The abstract spells it the same way."""
    own = ("JoinNet: Seams in Stitched Panoramas", CARDS[1][1] + " JoinNet is public.")
    assert cards(layout_a([own, *CARDS], HEAD_A)) == [own, *CARDS]


def test_carriage_returns_and_leading_spaces_do_not_matter() -> None:
    """Lines are stripped before they are judged."""
    dump = layout_b(CARDS).replace("\n", "\r\n   ")
    assert cards(dump) == list(CARDS)


@pytest.mark.parametrize("seed", range(5))
def test_blank_lines_may_drift(seed: int) -> None:
    """Missing, doubled or too many: they are never needed."""
    chance = random.Random(seed)
    drifted = "".join(
        line + "\n" * chance.choice([1, 1, 2, 3, 4])
        for line in layout_b(CARDS).replace("\n\n", "\n").splitlines()
    )
    assert cards(drifted) == list(CARDS)


@LAYOUTS
@pytest.mark.parametrize("width", [40, 60])
def test_titles_wrapped_at_a_column_are_joined(layout: Layout, width: int) -> None:
    """All of the document, as a page of that width would; two of twelve may stay in doubt."""
    found = cards(layout([wrapped(card, width) for card in CARDS]))
    assert [one for one in found if one not in CARDS and not isinstance(one, Reject)] == []
    assert len([one for one in found if one in CARDS]) >= 10


@LAYOUTS
def test_one_wrapped_title_is_joined_or_rejected(layout: Layout) -> None:
    """Never made two papers, or half of one."""
    for number, card in enumerate(CARDS):
        dump = layout([*CARDS[:number], wrapped(card, 40), *CARDS[number + 1 :]])
        found = cards(dump)
        assert [one for one in found if not isinstance(one, Reject)] in (
            list(CARDS), [*CARDS[:number], *CARDS[number + 1 :]],
        )  # fmt: skip


@LAYOUTS
def test_wrapped_abstracts_are_joined_or_refused(layout: Layout) -> None:
    """One, or all of them, at 72 columns: no paper is wrong, and most are there."""
    broken = [(title, textwrap.fill(abstract, 72, break_on_hyphens=False)) for title, abstract in CARDS]
    right = 0
    for number, card in enumerate(broken):
        found = papers_or_refusal(layout([*CARDS[:number], card, *CARDS[number + 1 :]]))
        assert [one for one in found if one not in CARDS] == []
        right += len(found)
    assert right >= 120
    assert [one for one in papers_or_refusal(layout(broken)) if one not in CARDS] == []


def papers_or_refusal(dump: str) -> list[Card]:
    """What is shown of a dump: nothing where it is refused."""
    try:
        return [card for card in cards(dump) if not isinstance(card, Reject)]
    except DumpError:
        return []


def test_paragraphs_of_wrapped_text_are_joined() -> None:
    """Where blank lines part what belongs together, wrapping does no harm."""
    dump = "\n\n".join(textwrap.fill(part, 72, break_on_hyphens=False) for card in CARDS for part in card)
    found = cards("\n\n".join(HEAD_B) + "\n\n" + dump)
    assert [one for one in found if one not in CARDS and not isinstance(one, Reject)] == []
    assert len([one for one in found if one in CARDS]) >= 8


@LAYOUTS
def test_a_missing_abstract_costs_two_papers_at_most(layout: Layout) -> None:
    """The title stands alone, or it is rejected, at times with the next; it never takes another's abstract."""
    for number in range(1, 11):
        title, abstract = CARDS[number]
        between = "\n" if layout is layout_a else "\n\n"
        found = papers_or_refusal(layout(CARDS).replace(f"{between}{abstract}{between}", between))
        others = [one for one in found if one != (title, "")]
        assert [one for one in others if one not in CARDS] == []
        assert len(others) >= 10


def test_a_sure_title_without_abstract_is_a_paper() -> None:
    """Its abstract is empty."""
    title = "Quiet Rooms: Measuring Silence in Reading Halls of Old Universities"
    dump = layout_b([CARDS[0], CARDS[1]]) + f"\n\n{title}\n\n" + layout_b(CARDS[2:], ())
    assert cards(dump) == [*CARDS[:2], (title, ""), *CARDS[2:]]


@LAYOUTS
def test_an_abstract_without_title_is_rejected(layout: Layout) -> None:
    """With its line, and so is one that is glued to its title; the papers around it stay."""
    stray = "A" + CARDS[4][1] * 2
    dump = layout(CARDS[:4]) + f"\n{stray}\n" + layout(CARDS[5:], ())
    line = layout(CARDS[:4]).count("\n") + 2
    assert cards(dump) == [*CARDS[:4], Reject(line=line, reason="an abstract without a title"), *CARDS[5:]]


@LAYOUTS
def test_a_doubled_card_is_one_paper(layout: Layout) -> None:
    """Twice in a row it is the page's doing; one title with two abstracts is two."""
    doubled = [card for card in CARDS for _ in range(2)]
    assert cards(layout(doubled)) == list(CARDS)
    assert cards(layout([CARDS[0], (CARDS[0][0], CARDS[1][1])])) == [CARDS[0], (CARDS[0][0], CARDS[1][1])]
    assert cards(layout([CARDS[0], CARDS[1], CARDS[0]])) == [CARDS[0], CARDS[1], CARDS[0]]


def test_doubled_lines_are_one() -> None:
    """A page that prints each line twice is read as one that does not."""
    assert cards("\n".join(line for line in layout_a(CARDS).splitlines() for _ in range(2))) == list(CARDS)


def test_pages_in_a_row_are_one_dump() -> None:
    """The foot of one page and the head of the next are no papers."""
    both = layout_b(CARDS[:6], foot=("Previous", "Next", "Privacy")) + "\n\n" + layout_b(CARDS[6:])
    assert cards(both) == list(CARDS)


@LAYOUTS
def test_a_cut_is_found_or_harmless(layout: Layout) -> None:
    """At 200 offsets: the papers before it, the last perhaps with a shorter abstract, or a refusal."""
    dump = layout(CARDS)
    for number in range(200):
        try:
            found = cards(dump[: number * len(dump) // 200])
        except DumpError:
            continue
        *whole, last = found
        assert whole == list(CARDS[: len(whole)])
        assert not isinstance(last, Reject)
        title, abstract = CARDS[len(whole)]
        assert last[0] == title
        assert abstract.startswith(last[1])


@LAYOUTS
def test_a_cut_in_or_after_a_title_is_refused_with_its_line(layout: Layout) -> None:
    """Whatever is left of the title."""
    dump = layout(CARDS)
    for title, _ in CARDS[1:]:
        start = dump.index(title)
        for length in (4, len(title) // 2, len(title)):
            with pytest.raises(DumpError) as refusal:
                cards(dump[: start + length])
            assert refusal.value.line in (
                dump[:start].count("\n") + 1,
                dump[:start].count("\n") - layout_step(layout),
            )


def layout_step(layout: Layout) -> int:
    """Lines from one of a card to the line before the next."""
    return 1 if layout is layout_a else 3


def test_words_to_the_reader_are_no_paper() -> None:
    """An error page has a title and a text, too."""
    with pytest.raises(DumpError):
        cards(
            "Service Unavailable\n\nThe server cannot answer your request. Please try again later, or click here."
        )


def test_a_document_of_doubtful_pieces_is_refused() -> None:
    """Where more than a third are no papers, none is."""
    strays = [line for card in CARDS[:6] for line in (card[1] + " " + card[1],)]
    with pytest.raises(DumpError) as refusal:
        cards(layout_a(CARDS[6:]) + "\n" + "\n".join(strays))
    assert (
        refusal.value.reason
        == "fits no layout: 6 pieces are no papers, the first: an abstract without a title"
    )
    assert refusal.value.line == 15


def test_hardly_a_text_is_rejected() -> None:
    """A title with one short sentence may be anything."""
    dump = layout_a([*CARDS[:5], ("A Title of Some Length for the Page", "This is it."), *CARDS[5:]])
    found = cards(dump)
    assert [one for one in found if not isinstance(one, Reject)] == list(CARDS)
    assert len(found) == 13


def test_wrapped_paragraphs_are_read_in_stretches() -> None:
    """A document longer than a stretch, all of it wrapped: every paper, and each with its place."""
    broken = [(title, textwrap.fill(abstract, 72, break_on_hyphens=False)) for title, abstract in CARDS]
    records = list(read(layout_b(broken * 12).encode()).items)
    assert [(one.title, one.abstract) for one in records if isinstance(one, Record)] == list(CARDS) * 12
    assert [one.position for one in records if isinstance(one, Record)] == list(range(1, 145))


def test_an_abstract_longer_than_a_stretch_is_refused() -> None:
    """500 wrapped lines are no abstract."""
    with pytest.raises(DumpError) as refusal:
        cards(layout_a(CARDS[:2]) + "\n" + textwrap.fill(" ".join(card[1] for card in CARDS * 9), 72))
    assert refusal.value.reason == "400 lines without an abstract"


def test_a_short_rest_after_an_unfinished_abstract_is_a_cut() -> None:
    """It may be the start of a title, and the abstract may end in a colon."""
    open_end = CARDS[3][1].rstrip(".") + ", and the code is available at"
    for rest in ("Gla", "gla"):
        with pytest.raises(DumpError) as refusal:
            cards(layout_b([*CARDS[:3], (CARDS[3][0], open_end)]) + f"\n\n{rest}")
        assert refusal.value.reason == "cut in a title, or between a title and its abstract"


def test_a_wrapped_abstract_without_title_is_no_paper() -> None:
    """Nor is any of its lines."""
    stray = textwrap.fill(CARDS[4][1], 72, break_on_hyphens=False)
    found = papers_or_refusal(stray + "\n\n" + layout_b(CARDS[5:] * 3, ()))
    assert [one for one in found if one not in CARDS[5:]] == []


def test_a_wrapped_title_of_common_words_is_joined() -> None:
    """Words that every abstract has tell nothing; the word that hangs at the end of the line does."""
    title = "Efficient Learning with Large Networks for\nimages of language"
    found = cards(layout_a([*CARDS[:3], (title, CARDS[3][1]), *CARDS[4:]]))
    assert found[3] == (title.replace("\n", " "), CARDS[3][1])


def test_a_notice_with_a_heading_is_no_paper() -> None:
    """It reads like title and abstract, but speaks to the reader."""
    notice = (
        "We present the winter meeting of this society, which is open to all. These evenings are held in the old "
        "library, and they have been since its doors were opened. Please bring a friend."
    )
    assert len(notice) > 180
    found = cards(layout_a([*CARDS[:5], ("A Winter Meeting for Readers of Papers", notice), *CARDS[5:]]))
    assert [one for one in found if not isinstance(one, Reject)] == list(CARDS)
