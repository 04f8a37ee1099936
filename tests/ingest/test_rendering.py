"""Renderings of a papers page: the real one, those of other crawlers, and documents that are none."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from digest.errors import DumpError
from digest.ingest.formats.rendering import cards, read, recognises
from digest.ingest.formats.rendering.blocks import Block
from digest.ingest.formats.rendering.marks import Link, Row, Segment
from digest.ingest.formats.rendering.sections import Habits, Section
from digest.ingest.record import DumpDate, Record, Reject
from tests.ingest.renderer import Style, render
from tests.ingest.sample import CARDS


def items(document: str) -> list[Record | Reject]:
    """Read a document that is recognised."""
    assert recognises(document.encode())
    return list(read(document.encode()).items)


def records(document: str) -> list[Record]:
    """Read a document without rejects."""
    found = items(document)
    assert [item for item in found if isinstance(item, Reject)] == []
    return [item for item in found if isinstance(item, Record)]


def day(year: int, month: int, of_month: int) -> dt.datetime:
    """Midnight in UTC."""
    return dt.datetime(year, month, of_month, tzinfo=dt.UTC)


def digest_of(text: str) -> str:
    """The beginning of a hash, in place of a text that is not ours."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]


# Rejoined and counted by hand. Votes stand before the title, in a link of their own whose number comes right before
# that of the title, and the dash is none. From [44] to [49] four numbers are missing: just what a title, its
# abstract, its authors and the votes of the next card have. So the dash in [44] is of a card that was cut out,
# and the fourth card shows no votes of its own. From [51] to [64], [68] to [146] and [160] to [181] whole cards are
# missing too, but there the votes have the number right before the title's. The date in front of such a gap goes
# on from the authors by the dot, so it is of the card before.
REAL = (
    ("1ac2918ab38d27b4", "51b103040e486004", None, None, 3, None, day(2026, 5, 30)),
    ("07ca5dc677d90701", "523e461f3ea8f44c", 65, 6, 671, None, day(2024, 3, 8)),
    ("48e753a373343d80", "e98a9738d0f83782", 1, None, 8, None, day(2025, 11, 14)),
    ("c379669b5199f477", "c83514ccc23beb8f", None, None, 1, None, day(2025, 8, 18)),
    ("77afe09340d77ba5", "887f4754645c6561", 24, 3, None, "Microsoft", day(2026, 3, 13)),
    ("78daf97ce99edc07", "20d002c53f865e71", 7, 3, 10, None, day(2024, 10, 21)),
    ("5b5e8e057ad56eac", "c2d29d2430fa6aae", 1, 1, 8, None, day(2025, 2, 24)),
    ("fea9c28ef66cb9e0", "7418ef7c50989075", 21, 3, None, "Soochow University", day(2025, 10, 7)),
)  # fmt: skip


def test_the_real_rendering_gives_what_it_shows(shared_data: Path) -> None:
    """Eight complete cards field by field, the cut one rejected, the date with the year of the crawler's stamp."""
    data = (shared_data / "dumps" / "search_page_2026-06-29_numbered-links.md").read_bytes()
    assert recognises(data)
    reading = read(data)
    assert (reading.format, reading.date) == ("rendering", DumpDate(year=2026, month=6, day=29))
    *found, cut = list(reading.items)
    assert cut == Reject(line=262, reason="the document is cut in this card")
    assert [
        (
            digest_of(record.title), digest_of(record.abstract), record.votes, record.comments,
            record.details.author_count, record.details.organisation, record.published_at,
        )
        for record in found
        if isinstance(record, Record)
    ] == list(REAL)  # fmt: skip


def test_the_real_rendering_guesses_nothing(shared_data: Path) -> None:
    """It shows no address, no name, no star and no summary."""
    data = (shared_data / "dumps" / "search_page_2026-06-29_numbered-links.md").read_bytes()
    for record in read(data).items:
        if isinstance(record, Record):
            assert (record.arxiv_id, record.url, record.code_url, record.stars, record.authors) == (
                None,
                None,
                None,
                None,
                (),
            )
            assert (record.details.summary, record.details.submitter) == ("", None)


FIRST, SECOND, THIRD = CARDS[0], CARDS[1], CARDS[2]
LINKED = f"""---
url: https://example.org/papers?q=harbours
retrieved: 2026-10-02
statusCode: 200
---
new

Get trending papers in your email inbox once a day!

[Subscribe](https://example.org/login?next=%2Fpapers)

# Daily Papers

## by [![](https://example.org/by.png)AK](https://example.org/ak) and the research community

- Daily
- Weekly

Oct 2

[101](https://huggingface.co/login?next=%2Fpapers%2F2606.00683)

### [{FIRST[0]}](https://huggingface.co/papers/2606.00683)

[{FIRST[1]}](https://huggingface.co/papers/2606.00683)

[![occ](https://example.org/logo.png)Harbour Lab](https://huggingface.co/harbour)

·

May 29[6](https://huggingface.co/papers/2606.00683#community)

[-](https://huggingface.co/login?next=%2Fpapers%2F2502.20581)

### [{SECOND[0].replace(" for ", chr(92) + "  for ")}](https://huggingface.co/papers/2502.20581)

[{SECOND[1].replace(". ", "." + chr(92) * 2 + chr(10))}](https://huggingface.co/papers/2502.20581)

[- ![](https://example.org/a.jpeg){chr(92)}
- ![](https://example.org/b.svg){chr(92)}
- 3 authors](https://huggingface.co/papers/2502.20581)

·

Feb 27, 2025

[1](https://huggingface.co/login?next=%2Fpapers%2F2605.08583)

### [{THIRD[0]}](https://huggingface.co/papers/2605.08583)

[{THIRD[1]}](https://huggingface.co/papers/2605.08583)

[- 10 authors](https://huggingface.co/papers/2605.08583)

·

Aug 30
"""


def test_inline_links() -> None:
    """Votes before the title are proven by the paper that their link names; breaks of a crawler are spaces."""
    reading = read(LINKED.encode())
    assert reading.date == DumpDate(year=2026, month=10, day=2)
    first, second, third = records(LINKED)
    assert [(one.title, one.abstract or one.details.summary) for one in (first, second, third)] == [
        FIRST,
        SECOND,
        THIRD,
    ]
    assert [one.arxiv_id for one in (first, second, third)] == ["2606.00683", "2502.20581", "2605.08583"]
    assert [one.votes for one in (first, second, third)] == [101, None, 1]
    assert [one.comments for one in (first, second, third)] == [6, None, None]
    assert [one.details.author_count for one in (first, second, third)] == [None, 3, 10]
    assert first.details.organisation == "Harbour Lab"
    assert [one.published_at for one in (first, second, third)] == [
        day(2026, 5, 29),
        day(2025, 2, 27),
        day(2026, 8, 30),
    ]
    assert first.url == "https://huggingface.co/papers/2606.00683"


BARE = f"""---
url: https://example.org/papers?q=harbours
exported: 2026-07-28
---

# Daily Papers - Example Face
Daily Papers - Example Face

Models

https://example.org/models

Get trending papers in your email inbox!

Subscribe

https://example.org/login?next=%2Fpapers

Mar 25

 [-] 1

https://huggingface.co/login?next=%2Fpapers%2F2410.05434

{FIRST[0]}

https://huggingface.co/papers/2410.05434

{FIRST[1]}

https://huggingface.co/papers/2410.05434

[

2 authors](https://huggingface.co/papers/2410.05434)

·

Oct 7, 2024

 [-] 19

https://huggingface.co/login?next=%2Fpapers%2F2409.02326

{SECOND[0]}

https://huggingface.co/papers/2409.02326

{SECOND[1]}

https://huggingface.co/papers/2409.02326

 Tidewater

https://huggingface.co/tidewater

·

Sep 3, 2024

2

https://huggingface.co/papers/2409.02326#community

 [-] -

https://huggingface.co/login?next=%2Fpapers%2F2203.03850

{THIRD[0]}

https://huggingface.co/papers/2203.03850

{THIRD[1]}

https://huggingface.co/papers/2203.03850

[

6 authors](https://huggingface.co/papers/2203.03850)

·

Mar 7, 2022
"""


def test_bare_addresses() -> None:
    """Titles are the lines whose address follows; an address tells what a bare number counts."""
    reading = read(BARE.encode())
    assert reading.date == DumpDate(year=2026, month=3, day=25)
    found = records(BARE)
    assert [(one.title, one.abstract or one.details.summary) for one in found] == [FIRST, SECOND, THIRD]
    assert [one.arxiv_id for one in found] == ["2410.05434", "2409.02326", "2203.03850"]
    assert [one.votes for one in found] == [1, 19, None]
    assert [one.comments for one in found] == [None, 2, None]
    assert [one.details.author_count for one in found] == [2, None, 6]
    assert [one.details.organisation for one in found] == [None, "Tidewater", None]
    assert [one.published_at for one in found] == [day(2024, 10, 7), day(2024, 9, 3), day(2022, 3, 7)]


ONE_LINE = (
    "QuillNet reads faded registers with a prior over strokes, which recovers names that archivists gave up."
)
TRENDING_CARD = """Submitted by

[画像]

tidewatcher


<a id="part"></a>

### [{title}](https://huggingface.co/papers/2610.05608)


{text}


[[画像：lab] Harbour Lab](https://huggingface.co/harbour) · {date}


[Upvote

117](https://huggingface.co/login?next=%2Fpapers%2F2610.05608)

[GitHub 3.29k](https://github.com/example/ferry) [arXiv Page](https://arxiv.org/abs/2610.05608)


"""
WRAPPED = FIRST[0].replace(" from ", "\nfrom ")
TRENDING = (
    "# Example - 2026 - Trending Papers\n\n- Source URL: https://example.org/papers/trending\n\nTrending Papers\n\n"
    + TRENDING_CARD.format(title=WRAPPED, text=FIRST[1], date="Published on Oct 4, 2026")
    + TRENDING_CARD.format(title=WRAPPED, text=FIRST[1], date="Oct 4, 2026")
    + TRENDING_CARD.format(title="Slow Bread", text=ONE_LINE, date="Sep 16, 2025")
    .replace("05608", "18063")
    .replace("117", "25")
)


def test_a_trending_page_in_another_language() -> None:
    """Each card twice, alt texts of another language, votes behind the text, a line in place of an abstract."""
    first, second = records(TRENDING)
    assert (first.title, first.abstract or first.details.summary) == FIRST
    assert (first.votes, first.stars, first.code_url) == (117, 3290, "https://github.com/example/ferry")
    assert (first.details.submitter, first.details.organisation) == ("tidewatcher", "Harbour Lab")
    assert first.published_at == day(2026, 10, 4)
    assert (second.title, second.abstract, second.details.summary) == ("Slow Bread", "", ONE_LINE)
    assert (second.votes, second.arxiv_id, second.published_at) == (25, "2610.18063", day(2025, 9, 16))


GLUED = f"""# What is this?
**URL:** https://example.org
**Page Title:** Trending Papers
--------------------

Get trending papers in your email inbox once a day!

## Trending Papers

### {FIRST[0]}

{FIRST[1]}
- 8 authors
[LINK: GitHub 11.3k](https://github.com/example/tides)

### {FIRST[0]}

{FIRST[1]}
- 8 authors
[LINK: GitHub 11.3k](https://github.com/example/tides)

### Glacier Walks: Route Planning over Moving Ice
  with Uncertain Crevasses

{ONE_LINE}
[LINK: GitHub 476](https://github.com/example/glacier)

### {THIRD[0]}

{THIRD[1][:80]}
{THIRD[1][80:]}
- 5 authors
[LINK: GitHub 2.14k](https://github.com/example/night)
"""


def test_headings_without_links() -> None:
    """A title goes on in an indented line; authors stand right below the text."""
    first, second, third = records(GLUED)
    assert (
        first.title,
        first.abstract or first.details.summary,
        first.details.author_count,
        first.stars,
    ) == (*FIRST, 8, 11300)
    assert second.title == "Glacier Walks: Route Planning over Moving Ice with Uncertain Crevasses"
    assert (second.details.summary, second.stars, second.code_url) == (
        ONE_LINE,
        476,
        "https://github.com/example/glacier",
    )
    assert (third.title, third.details.author_count, third.stars) == (THIRD[0], 5, 2140)


LISTED = "\n\n".join(
    ["Daily Papers", "by", "AK", "and the research community", "Aug", "1"]
    + [
        line
        for number, (title, _) in enumerate(CARDS[:5])
        for line in (
            "Submitted by",
            "tidewatcher",
            str(90 - number),
            title,
            "·",
            f"{number + 2} authors",
            str(number + 1),
        )
    ]
    + ["Previous", "Next", "Company", "© Example Face", "TOS"]
)


def test_a_page_without_abstracts_and_without_marks() -> None:
    """Votes stand between the submitter and the title, comments behind the authors, the date on two lines."""
    assert read(LISTED.encode()).date == DumpDate(month=8, day=1)
    found = records(LISTED)
    assert [(one.title, one.votes, one.comments, one.details.author_count) for one in found] == [
        (title, 90 - number, number + 1, number + 2) for number, (title, _) in enumerate(CARDS[:5])
    ]
    assert {one.details.submitter for one in found} == {"tidewatcher"}


BLOG = "# The lab's blog\n\n" + "\n\n".join(
    f"## {title}\n\nMarch {number + 1}, 2026 · 5 min read · [{number} comments](https://example.org/{number}#comments)\n\n{text}"
    for number, (title, text) in enumerate(CARDS[:6])
)
COMMENTARY = "# Papers worth your time\n\n" + "\n\n".join(
    f"### {number}. [{title}](https://arxiv.org/abs/2401.0000{number})\n\n**Why it matters:** Harbours are busy. {text[:120]}\n\n"
    f"- The idea is simple and the numbers hold up well against what came before.\n- My take: read section {number} first."
    for number, (title, text) in enumerate(CARDS[:6])
)
DIGEST = "# Papers of the week\n\n" + "\n\n".join(
    f"### [{title}](https://huggingface.co/papers/2401.0000{number}) ({number + 20} upvotes)\n\n{number + 20} upvotes\n\n"
    f"**TL;DR:** The authors of this work look at a problem that everybody has and nobody mentions.\n\n"
    f"**Key takeaways:** It is fast, it is small, and the code is there. We liked the ablations most of all."
    for number, (title, _) in enumerate(CARDS[:6])
)
README = """# ferry-tides

[![build](https://example.org/badge.svg)](https://example.org/ci)

## Installation

Run `pip install ferry-tides` and wait until it has ended without an error, which takes a minute on most machines.

## Usage

* `tides run` starts the forecaster
* `tides show` prints what it knows

## Citation

If you use this in your own work, please cite [our paper](https://arxiv.org/abs/2401.01234), which describes it.

## License

MIT
"""
CHANGELOG = "# Changelog\n\n" + "\n\n".join(
    f"## {number}.0.0\n\n2026-03-0{number}\n\n- Harbours can be renamed now without losing their tables ([#{number}](https://example.org/{number})).\n"
    "- Fixed a crash that came up where a buoy had no name."
    for number in range(1, 8)
)
BIBLIOGRAPHY = "# References\n\n" + "\n".join(
    f"{number}. Adler, A., Brandt, B. ({2010 + number}). {title}. *Journal of Tides*, {number}(2). [link](https://arxiv.org/abs/2401.0000{number})"
    for number, (title, _) in enumerate(CARDS[:9])
)
SHOP = '# Results for "umbrella"\n\n' + "\n\n".join(
    f"### [Umbrella {number}](https://example.org/p/{number})\n\n4.5 stars\n\n{number * 7} reviews\n\n$19.9{number}\n\nA sturdy umbrella for "
    "two that keeps its shape in the strongest wind and dries within an hour.\n\n[Add to cart](https://example.org/cart)"
    for number in range(1, 8)
)
FORUM = "\n\n".join(
    f"### [{title}](https://example.org/r/tides/{number})\n\n{number * 11} points by u/keeper{number} 3 hours ago\n\n[{number} comments](https://example.org/{number}#c)"
    for number, (title, _) in enumerate(CARDS[:8])
)
NEWS = "\n\n".join(
    f"**{title}**\n\nBy Ada Adler, Bruno Brandt · March {number + 1}, 2026\n\nThe harbour was quiet when we came. {text[:200]}"
    for number, (title, text) in enumerate(CARDS[:8])
)
COURSE = "# Course on tides\n\n" + "\n\n".join(
    f"## Week {number}\n\nRead chapter {number} before the lecture and bring a question about it with you, please.\n\n- [Slides](https://example.org/{number})"
    for number in range(1, 9)
)


@pytest.mark.parametrize(
    "document",
    [BLOG, COMMENTARY, DIGEST, README, CHANGELOG, BIBLIOGRAPHY, SHOP, FORUM, NEWS, COURSE],
    ids=[
        "blog",
        "commentary",
        "digest",
        "readme",
        "changelog",
        "bibliography",
        "shop",
        "forum",
        "news",
        "course",
    ],
)
def test_documents_of_another_kind_are_refused(document: str) -> None:
    """Whoever reads one is told so: nothing of it is taken for a paper."""
    with pytest.raises(DumpError):
        list(read(document.encode()).items)


@pytest.mark.parametrize(
    "text",
    ["", "\n\n", "#", "[", "](", "###\n" * 5, "- \n" * 9, "---\n", "**\n**", "[1]: https://example.org"],
)
def test_hardly_anything_is_refused(text: str) -> None:
    """Marks alone are no papers."""
    with pytest.raises(DumpError):
        list(read(text.encode()).items)


def page(*cards: str, foot: str = "") -> str:
    """Write cards behind a head."""
    return "\n\n".join(["Captured: 2026-06-29", "# Daily Papers", "Jun 29", *cards, foot]) + "\n"


def card(number: int, *behind: str, before: tuple[str, ...] = (), target: str = "") -> str:
    """Write a card with a heading."""
    title, text = CARDS[number]
    return "\n\n".join(
        [*before, f"### [{title}]({target or f'https://arxiv.org/abs/2401.0000{number}'})", text, *behind]
    )


MANY = [
    f"{first} {last}"
    for first in ("Ada", "Bruno", "Clara")
    for last in ("Adler", "van Brandt", "Castro", "Dubois")
]


@pytest.mark.parametrize(
    ("behind", "field", "value"),
    [
        (("3 authors", "Upvote", "65", "arXiv Page"), "votes", 65),
        (("3 authors", "65", "Upvote", "arXiv Page"), "votes", 65),
        (("3 authors", "1.2k likes", "PDF"), "votes", 1200),
        (("3 authors", "Published on", "Mar 3"), "published_at", day(2026, 3, 3)),
        (("3 authors", "· Published Dec 24"), "published_at", day(2025, 12, 24)),
        (("3 authors", "2024-03-08"), "published_at", day(2024, 3, 8)),
        (("3 authors", "· Mar 8, 2024 · 💬 4"), "comments", 4),
        (("3 authors", "· Mar 8, 2024", "[7](https://example.org/p#community)"), "comments", 7),
        (("3 authors", "[3.29k](https://github.com/example/tides)"), "stars", 3290),
        (("3 authors", "[Code](https://github.com/example/tides)"), "code_url", "https://github.com/example/tides"),
        (("3 authors", "GitHub 12", "<https://github.com/example/tides>"), "code_url", "https://github.com/example/tides"),
        (("by Ada Adler, Bruno van Brandt and Clara Castro", "Upvote 3"), "authors", ("Ada Adler", "Bruno van Brandt", "Clara Castro")),
        (("Ada Adler, Bruno Brandt", "31 authors"), "authors", ()),
        (("3 authors", "- Upvote", "7"), "votes", None),
        (("3 authors", "Submitted on Oct 8, 2024"), "published_at", None),
        (("3 authors", "·", "https://example.org/p", "Mar 3, 2024"), "published_at", day(2024, 3, 3)),
        ((", ".join(MANY),), "authors", tuple(MANY)),
        ((", ".join(MANY * 200),), "authors", ()),
        (("[", "", "]", "3 authors", "65 upvotes"), "votes", 65),
        (("a-word-that-" + "never-" * 20 + "ends",), "authors", ()),
        (("3 authors\n---", "65 upvotes"), "votes", 65),
        (("3 authors", "[12 upvotes](https://huggingface.co/papers/2401.00009)", "7 upvotes"), "votes", 7),
        (("3 autores", "·", "30 de mayo", "Upvote 3"), "published_at", None),
        (("3 authors", "· vor 3 Tagen", "Upvote 3"), "published_at", None),
    ],
)  # fmt: skip
def test_what_stands_behind_a_text(behind: tuple[str, ...], field: str, value: object) -> None:
    """In the words of pages seen and not seen; what is in another language is absent."""
    found = records(page(card(0, *behind), card(1, "8 authors", "Upvote 4", "arXiv Page"), card(2, *behind)))
    assert [getattr(found[0], field), getattr(found[2], field)] == [value, value]
    assert [one.abstract or one.details.summary for one in found] == [text for _, text in CARDS[:3]]


def test_details_behind_a_text() -> None:
    """Project page, thumbnail, who submitted it and when."""
    before = ("![thumb](https://example.org/thumbnails/1.png)", "Submitted by tidewatcher on Oct 8, 2024")
    first, second = records(
        page(
            card(0, "3 authors", "[Project page](https://example.org/tides)", before=before),
            card(1, "8 authors"),
        )
    )
    assert first.details.project_url == "https://example.org/tides"
    assert first.details.thumbnail_url == "https://example.org/thumbnails/1.png"
    assert (first.details.submitter, first.details.submitted_at) == ("tidewatcher", day(2024, 10, 8))
    assert (second.details.submitter, second.details.thumbnail_url) == (None, None)


def test_relative_links_name_a_paper() -> None:
    """As crawlers leave them that do not know where they are."""
    found = records(page(*(card(n, f"{n + 2} authors", target=f"/papers/2401.0000{n}") for n in range(3))))
    assert [one.url for one in found] == [f"https://huggingface.co/papers/2401.0000{n}" for n in range(3)]


def test_a_list_printed_twice_is_read_once() -> None:
    """Also where the copies are not neighbours."""
    cards = [card(number, "3 authors", "Upvote 5") for number in range(4)]
    assert [one.title for one in records(page(*cards, *cards))] == [title for title, _ in CARDS[:4]]


def test_a_card_is_remembered_for_a_while() -> None:
    """Printed again after 20,000 others it is given again: what is remembered has an end."""
    given = list(items_of(titled(number) for number in [*range(20_001), 20_000 - 1, 0]))
    assert [one.position for one in given if isinstance(one, Record)] == list(range(1, 20_003))


def titled(number: int) -> Section:
    """A card that shows a title and nothing else."""
    link = Link(target=f"https://arxiv.org/abs/2401.{number:05}")
    row = Row(number=number + 1, after_blank=True, segments=[Segment(f"Tides {number}", link)])
    return Section(Block([row], heading=3))


def test_a_head_without_cards_is_refused() -> None:
    """As is a document that turns out to be of another kind behind what was looked at first."""
    with pytest.raises(DumpError, match="no papers in it"):
        list(items_of([Section(None)]))
    long = [
        card(number, "3 authors").replace(CARDS[number][1], CARDS[number][1] * 300) for number in range(3)
    ]
    odd = [
        f"### A heading of the kind that nobody wrote for a list of papers, {number}" for number in range(9)
    ]
    with pytest.raises(DumpError, match="9 headings are no papers"):
        list(read(page(*long, *odd, card(3, "8 authors")).encode()).items)


def items_of(sections: Iterable[Section]) -> Iterator[Record | Reject]:
    """Read cards that are cut apart already."""
    return cards.items(sections, Habits(), None)


def test_a_page_of_other_headings_is_refused() -> None:
    """Three papers among nine headings that show nothing."""
    odd = [
        f"### A heading of the kind that nobody wrote for a list of papers, {number}" for number in range(9)
    ]
    with pytest.raises(DumpError, match="only 3 of 11 headings look like cards"):
        read(page(*(card(number, "3 authors") for number in range(3)), *odd).encode())


FULL_ROWS = (
    "We present a planner for harbours and show that it halves it",
    "all: waiting, noise and fuel of each ferry that we observed,",
    "in three towns and over two winters, without any new signals",
    "on the quays or aboard, and with the crews of all the boats.",
)


@pytest.mark.parametrize(
    ("row", "field", "value"),
    [
        ("Institute of Moss", "organisation", "Institute of Moss"),
        ("Ada Adler, Bruno van Brandt", "authors", ("Ada Adler", "Bruno van Brandt")),
        ("Ada Adler, Bruno Brandt, Clara Castro, Dmitri Dubois, Elif\nErikson", "authors", (
            "Ada Adler", "Bruno Brandt", "Clara Castro", "Dmitri Dubois", "Elif Erikson",
        )),
    ],
)  # fmt: skip
def test_names_behind_a_full_row_are_not_of_the_text(row: str, field: str, value: object) -> None:
    """Without blank lines only the end of a sentence parts a text from who wrote it."""
    document = "Captured: 2026-06-29\n# Daily Papers\n" + "\n".join(
        "\n".join([f"### {title[:40]}", *FULL_ROWS, row, "·", "Mar 3, 2024", "7 upvotes"])
        for title, _ in CARDS[:4]
    )
    for one in records(document):
        assert one.details.summary == " ".join(FULL_ROWS)
        assert (one.authors if field == "authors" else one.details.organisation) == value


def test_a_rule_at_the_start_opens_nothing() -> None:
    """A blank line behind it: what follows is the page, not facts about it that end at the next rule."""
    document = "---\n\n" + page(*(card(number, "3 authors") for number in range(3)))
    assert [one.title for one in records(document)] == [title for title, _ in CARDS[:3]]
    assert read(document.encode()).date == DumpDate(year=2026, month=6, day=29)


def test_emphasis_on_words_of_a_title_stays() -> None:
    """What starts and ends with marks is not in them as a whole."""
    assert records(
        page(card(0, "3 authors"), card(1, "8 authors")).replace(CARDS[0][0], "*Ferry* and *Tide*")
    )[0].title == ("*Ferry* and *Tide*")


def test_an_open_bracket_in_a_linked_text_is_text() -> None:
    """The end of the link on a line of its own ends what began on one, not the bracket."""
    text = CARDS[1][1].replace(". ", " [sic. ", 1)
    linked = NUMBERED.replace(f"[\n\n{CARDS[1][1]}\n\n]", f"[\n{text}\n]")
    assert linked != NUMBERED
    found = records(linked)
    assert (found[1].abstract or found[1].details.summary) == text
    assert [one.votes for one in found] == [5, 6, 7, 8]


def test_who_submitted_it_and_when_on_lines_of_their_own() -> None:
    """The word that comes before a date tells whose it is."""
    before = ("Submitted by", "tidewatcher", "on Oct 8, 2024")
    found = records(page(*(card(number, "3 authors", before=before) for number in range(3))))
    assert [(one.details.submitter, one.details.submitted_at) for one in found] == [
        ("tidewatcher", day(2024, 10, 8))
    ] * 3
    assert [one.published_at for one in found] == [None] * 3


def test_votes_between_title_and_text() -> None:
    """A bare count right behind a title, before anything that has a count of its own."""
    document = page(*(card(number, "3 authors") for number in range(3)))
    for number in range(3):
        document = document.replace(CARDS[number][1], f"{number + 65}\n\n{CARDS[number][1]}")
    assert [one.votes for one in records(document)] == [65, 66, 67]


def test_a_card_that_does_not_end_is_refused() -> None:
    """Before the memory is full of it."""
    endless = ("a" * (1 << 23) + "\n\n") * 3
    with pytest.raises(DumpError, match="does not end"):
        list(read(page(*(card(number, "3 authors") for number in range(3)), endless).encode()).items)


def test_a_page_that_names_few_papers() -> None:
    """Cards with votes and stars stand by themselves, where one in five counts its authors."""
    document = page(
        *(
            f"### {title}\n\n{title} in a line that tells of it, and of nothing else.\n\nUpvote {number}\n\nGitHub 1{number}"
            + "\n\n3 authors" * (number == 1)
            for number, (title, _) in enumerate(CARDS[:5])
        )
    )
    assert [(one.votes, one.stars) for one in records(document)] == [
        (number, 10 + number) for number in range(5)
    ]


def test_a_count_before_a_title_that_is_none() -> None:
    """A cut page without a head: what stands before the last title is not the comments of the card before."""
    one = Style(
        links="numbered", title="plain", width=None, blank=True, votes="before", box=False, submitter="none",
        dates="short", comments="none", stars="none", menu=False, foot=False, stamp="none", fence=False, quote=False,
        listed=False, repeat_marks=False, double=False, cut="marker", missing=0.0, summaries=True, definitions=False,
        language="Image of", seed=0, count=4,
    )  # fmt: skip
    *found, cut = items(render(one).text)
    assert [(item.votes, item.comments) for item in found if isinstance(item, Record)] == [
        (9, None),
        (2, None),
        (None, None),
    ]
    assert isinstance(cut, Reject)


def test_a_leap_day_before_all_years() -> None:
    """A crawler's stamp of the year 1: the page's own day holds, without a year, and no card gets one."""
    document = page(card(0, "3 authors", "Feb 29"), card(1, "8 authors")).replace("2026-06-29", "0001-01-01")
    dated = document.replace("Jun 29", "Feb 29")
    assert read(dated.encode()).date == DumpDate(month=2, day=29)
    assert records(document.replace("Jun 29\n", ""))[0].published_at is None


def test_a_month_and_a_number_that_is_no_day() -> None:
    """The day is looked for further on in the head."""
    document = page(card(0, "3 authors"), card(1, "8 authors"))
    assert read(document.replace("Jun 29", "Aug\n\n99\n\nJun\n\n28").encode()).date == DumpDate(
        year=2026, month=6, day=28
    )


def test_a_date_that_no_year_has_is_absent() -> None:
    """February 30; and a day without a year in a page without one."""
    assert records(page(card(0, "3 authors", "Feb 30"), card(1, "8 authors")))[0].published_at is None
    bare = page(card(0, "3 authors", "Mar 3"), card(1, "8 authors")).replace(
        "Captured: 2026-06-29", "Captured: soon"
    )
    assert read(bare.encode()).date == DumpDate(month=6, day=29)
    assert records(bare)[0].published_at is None


def test_the_address_of_a_page_dates_it() -> None:
    """Before the crawler's stamp, where the page shows no date."""
    document = page(card(0, "3 authors"), card(1, "8 authors")).replace("Jun 29\n", "")
    named = "URL: https://huggingface.co/papers/date/2026-06-27\n" + document
    assert read(document.encode()).date == DumpDate(year=2026, month=6, day=29)
    assert read(named.encode()).date == DumpDate(year=2026, month=6, day=27)
    assert read(document.replace("2026-06-29", "2026-13-45").encode()).date is None


def test_where_it_says_so_between_two_cards() -> None:
    """The last card is whole, and still the document is told to be cut."""
    *found, cut = items(page(*(card(n, "3 authors", "Mar 3") for n in range(3)), foot="[Content truncated]"))
    assert [one.title for one in found if isinstance(one, Record)] == [title for title, _ in CARDS[:3]]
    assert isinstance(cut, Reject)
    assert cut.reason == "the document says that it is cut here"


def test_a_heading_without_a_card_is_rejected() -> None:
    """Among cards; a short one is a part of a menu, and passed over."""
    odd = "### A heading of the kind that nobody wrote for a list of papers"
    found = items(page(*(card(n, "3 authors") for n in range(3)), odd, "### More", card(3, "8 authors")))
    assert [item.reason for item in found if isinstance(item, Reject)] == [
        "a heading with nothing that a card of a paper shows"
    ]
    assert len(found) == 5


NUMBERED = "\n\n".join(
    f"[\n{number + 5}\n][{10 * number + 1}]\n\n### [{title}][{10 * number + 2}]\n\n[\n\n{text}\n\n][{10 * number + 3}]\n"
    f"[\n* {number + 2} authors\n][{10 * number + 4}]\n·\nMar 8, 2024 [ {number + 1}][{10 * number + 5}]"
    for number, (title, text) in enumerate(CARDS[:4])
)


@pytest.mark.parametrize(
    ("taken", "lost"),
    [
        ("][12]\n\n[\n\n", {"text", "authors", "published", "comments"}),
        ("][13]\n[\n", {"authors", "published", "comments"}),
    ],
)
def test_nothing_behind_a_gap_is_taken(taken: str, lost: set[str]) -> None:
    """Where numbers jump within a card, what follows may be of another one."""
    number = int(taken[2:4])
    document = NUMBERED
    for later in range(40, number, -1):
        document = document.replace(f"][{later}]", f"][{later + 4}]")
    found = records(document)
    assert [one.title for one in found] == [title for title, _ in CARDS[:4]]
    second = found[1]
    shown = {
        "text": second.abstract or second.details.summary,
        "authors": second.details.author_count,
        "published": second.published_at,
        "comments": second.comments,
    }
    assert {key for key, value in shown.items() if not value} == lost
    assert [one.votes for one in found] == [5, 6, 7, 8]


def test_a_gap_before_an_empty_link() -> None:
    """It shows nothing, and what was cut out before it is not missed for that."""
    document = NUMBERED.replace("[ 2][15]", "[][18]")
    assert document != NUMBERED
    found = records(document)
    assert [one.votes for one in found] == [5, 6, 7, 8]
    assert [one.comments for one in found] == [1, None, 3, 4]


def test_votes_before_a_gap_are_nobodys() -> None:
    """The number of the title does not follow that of the votes."""
    document = NUMBERED
    for later in range(40, 11, -1):
        document = document.replace(f"][{later}]", f"][{later + 4}]")
    assert [one.votes for one in records(document)] == [5, None, 7, 8]


def test_a_line_without_end_is_refused() -> None:
    """Before it is taken apart."""
    with pytest.raises(DumpError, match="longer than any text"):
        list(read(page(card(0, "3 authors"), card(1, "3 authors")).encode() + b"a" * (1 << 24) + b"b").items)


def test_lines_of_text_are_no_rendering() -> None:
    """The plain alternation of title and abstract is of another reader, also with a title in brackets."""
    cards = [("[Re] " + CARDS[0][0], CARDS[0][1]), *CARDS[1:]]
    assert not recognises("\n".join(line for one in cards for line in one).encode())
    assert not recognises(
        "\n\n".join(["new", "Subscribe", "Aug 12", *(line for one in CARDS for line in one)]).encode()
    )


def test_the_seeds_are_no_renderings(shared_data: Path) -> None:
    """None of the five."""
    seeds = sorted((shared_data / "dumps").glob("*.txt"))
    assert [recognises(path.read_bytes()) for path in seeds] == [False] * 5
