"""Single cards of a papers page, in layouts of other days and other sites."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import pytest

from digest.ingest.formats.html_cards import read_card
from digest.ingest.record import NO_DETAILS, Record
from tests.ingest.sample import CARDS

TITLE, ABSTRACT = CARDS[0]
HEAD = f'<h3><a href="/papers/2408.01234">{TITLE}</a></h3>'
BARE = Record(
    position=0,
    line=7,
    title=TITLE,
    abstract="",
    arxiv_id="2408.01234",
    url="https://huggingface.co/papers/2408.01234",
)


def read(inside: str) -> Record | None:
    """Read what an article holds."""
    return read_card(f"<article>{inside}</article>".encode(), line=7)


def read_with(inside: str) -> Record:
    """Read a card that holds this beside its heading."""
    record = read(HEAD + inside)
    assert record is not None
    return record


@pytest.mark.parametrize(
    "inside",
    [
        HEAD,
        f'<a class="block" href="/papers/2408.01234"><h4>{TITLE}</h4></a>',
        f'<h2><span class="x"><a href="https://huggingface.co/papers/2408.01234v2?from=mail#top">\n {TITLE}\n</a></span></h2>',
        f'<h3><a href="https://mirror.example/papers/2408.01234/">{TITLE.replace("Harbour", "Har<b>bour</b>")}</a></h3>',
        f'<h3><a href=" /papers/2408.01234 ">{TITLE.replace(" Harbour", "<br>Harbour")}</a></h3>',
        f'{HEAD}<p></p><a href="http://[">broken</a><a>none</a><a href="/papers/date/2024-08-01">that day</a>',
        f"{HEAD}<svg><title>12</title></svg><script>94</script><!-- 3 authors --><?x 1?><style>5</style>",
    ],
)
def test_a_heading_that_leads_to_a_paper_makes_a_card(inside: str) -> None:
    """Around the link or in it, at any site; nothing else is needed, and nothing is made up."""
    assert read(inside) == BARE


@pytest.mark.parametrize(
    "inside",
    [
        "",
        f"<h3>{TITLE}</h3>",
        f'<h3>{TITLE}</h3><a href="/papers/2408.01234">read</a>',
        '<h3><a href="/papers/2408.01234"> <svg></svg></a></h3>',
        f"{HEAD}<h4>Related</h4>",
        f'{HEAD}<a href="/papers/2408.05678">another</a>',
        f'<h3><a href="/papers/trending">{TITLE}</a></h3>',
        f"{HEAD}{'<p>A part of a blog.</p>' * 4}",
        f"{HEAD}<p>{'word ' * 4000}</p>",
        f"{HEAD}{'<b></b>' * 1000}",
    ],
)
def test_what_is_no_card_gives_nothing(inside: str) -> None:
    """No link, no title, several papers, a text of its own."""
    assert read(inside) is None


def test_what_is_no_article_gives_nothing() -> None:
    """Nor does what the library cannot read at all."""
    assert read_card(HEAD.encode(), line=1) is None
    assert read_card(b"", line=1) is None
    assert read_card(b"<!-- <article></article> -->", line=1) is None


@pytest.mark.parametrize(
    ("inside", "votes"),
    [
        ('<label><input type="checkbox"> 1.2k</label>', 1200),
        ('<a href="https://huggingface.co/login?next=%2F"><div>94</div></a>', 94),
        ('<button class="btn upvote">0</button>', 0),
        ('<div aria-label="Votes">7</div><a href="/login">7</a>', 7),
        ('<div aria-label="Votes">7</div><a href="/login">8</a>', None),
        ('<div class="votes">-</div>', None),
        ('<div class="devoted">7</div>', None),
        ("<div>94</div>", None),
        ('<a href="/login">Log In</a>', None),
        (f'<div class="vote">{"<b></b>" * 20}7</div>', None),
        ('<input type="text"> 5', None),
    ],
)
def test_votes_are_told_by_where_they_stand(inside: str, votes: int | None) -> None:
    """Beside the box, in the link that asks who votes, under their name; two that differ are none."""
    assert read_with(inside).votes == votes


@pytest.mark.parametrize(
    ("inside", "comments"),
    [
        ('<a href="/papers/2408.01234#community"><svg></svg> 5 </a>', 5),
        ('<a href="/papers/2408.01234#comments">5</a>', 5),
        ('<a href="/papers/2408.01234">5</a>', None),
        ('<a href="/papers/2408.01234#community">Discuss</a>', None),
        ('<a href="/models#community">5</a>', None),
    ],
)
def test_comments_are_those_of_the_discussion(inside: str, comments: int | None) -> None:
    """A number in any other link counts something else."""
    assert read_with(inside).comments == comments


@pytest.mark.parametrize(
    ("inside", "code", "stars"),
    [
        ('<a href="https://github.com/e/tides"><svg></svg> 3.29k</a>', "https://github.com/e/tides", 3290),
        ('<a href="https://github.com/e/tides">GitHub</a>', "https://github.com/e/tides", None),
        ('<a href="https://github.com/e">31</a>', None, None),
        ('<a href="https://evil.example/github.com/e/x">31</a>', None, None),
        ('<a href="https://github.com/e/one">1</a><a href="https://github.com/e/two">2</a>', None, None),
    ],
)
def test_code_and_stars_come_from_the_link_to_the_repository(
    inside: str, code: str | None, stars: int | None
) -> None:
    """Two repositories are none."""
    record = read_with(inside)
    assert (record.code_url, record.stars) == (code, stars)


@pytest.mark.parametrize(
    ("inside", "user"),
    [
        ("<div>Submitted by\n <img src='/a.svg'> eve </div>", "eve"),
        ("<div><span>Submitted by</span> <a href='/eve-1'>Eve Ek</a></div>", "eve-1"),
        (
            "<div>Submitted by <a href='https://huggingface.co/eve'><img src='x.svg' alt='por Eva'></a></div>",
            "eve",
        ),
        ("<div>submitted by <a href='/a/b'>x</a></div>", "x"),
        ("<div>Submitted by Eve Ek</div>", None),
        ("<div>Submitted by</div><div>eve</div>", "eve"),
        ("Submitted by ", None),
        (f"<div>Submitted by {'<b></b>' * 20} eve</div>", None),
    ],
)
def test_the_submitter_is_named_by_link_or_by_one_word(inside: str, user: str | None) -> None:
    """Who is named otherwise is not known by his user name."""
    assert read_with(f"<section>{inside}</section>").details.submitter == user


@pytest.mark.parametrize(
    ("inside", "organisation"),
    [
        ("<a href='/slow-lab'><img src='/a.png'>· The Slow\nLab</a>", "The Slow Lab"),
        ("<a href='/slow-lab'><img src='/a.png'></a>", None),
        (
            "<a href='/login'>Log In</a><a href='/papers'>Papers</a><a href='/a/b'>x</a><a href='https://x.example/lab'>Lab</a>",
            None,
        ),
        ("<a href='/one'>One</a><a href='/two'>Two</a>", None),
        ("<ul><li><a href='/ada'>Ada Lind</a></li></ul>", None),
        ("<div>Submitted by <a href='/eve'>eve</a></div><a href='/lab'>Lab</a>", "Lab"),
        (f"<a href='/lab'>{'<b></b>' * 20}Lab</a>", None),
    ],
)
def test_the_organisation_is_the_one_account_that_is_linked(inside: str, organisation: str | None) -> None:
    """Neither who submitted, nor authors in a list."""
    assert read_with(inside).details.organisation == organisation


@pytest.mark.parametrize(
    ("inside", "count"),
    [
        ("<li>· 533 authors</li>", 533),
        ("<b>1</b> author", 1),
        ("<i>3 authors</i><i>4 authors</i>", None),
        ("12.3 authors", None),
        ("9999999999 authors", None),
        ("<p>By 3 authors.</p>", None),
    ],
)
def test_authors_are_counted_where_the_card_counts_them(inside: str, count: int | None) -> None:
    """Not in its text, and not in two ways."""
    assert read_with(inside).details.author_count == count


@pytest.mark.parametrize(
    ("inside", "thumbnail"),
    [
        (
            "<a href='/papers/2408.01234'><img src='/pictures/1.png'></a>",
            "https://huggingface.co/pictures/1.png",
        ),
        ("<img src='https://p.example/2408.01234.png' alt='图片'>", "https://p.example/2408.01234.png"),
        (
            "<a href='/papers/2408.01234'><video src='/1.mp4' poster='//p.example/1.png'></video></a>",
            "https://p.example/1.png",
        ),
        ("<a href='/papers/2408.01234'><video src='/1.mp4'></video></a>", None),
        ("<a href='/papers/2408.01234'><ul><li><img src='/avatars/1.svg'></li></ul></a>", None),
        ("<img src='/avatars/1.svg'>", None),
        ("<a href='/papers/2408.01234'><img src='data:image/png;base64,x'></a>", None),
        ("<a href='/papers/2408.01234'><img src='http://['></a>", None),
    ],
)
def test_the_thumbnail_leads_to_the_paper_or_is_named_after_it(inside: str, thumbnail: str | None) -> None:
    """Faces are none, nor is what is no address."""
    assert read_with(inside).details.thumbnail_url == thumbnail


@pytest.mark.parametrize(
    ("inside", "day"),
    [
        ("<time datetime='2024-07-30T05:00:00Z'>Jul 30</time>", dt.datetime(2024, 7, 30, 5, tzinfo=dt.UTC)),
        ("<i>Published on</i> <b>Jul 30, 2024</b>", dt.datetime(2024, 7, 30, tzinfo=dt.UTC)),
        ("Published on Jul 30", None),
        ("Published on the moon in 2024", None),
        ("<time datetime='2024-07-30'></time><time datetime='2024-07-31'></time>", None),
        ("<time>Jul 30</time>", None),
    ],
)
def test_the_day_of_publication_needs_its_year(inside: str, day: dt.datetime | None) -> None:
    """By the machine-readable time, or in words."""
    assert read_with(inside).published_at == day


def test_a_long_paragraph_is_the_abstract_and_a_short_one_a_summary() -> None:
    """A caption is neither; the longest paragraph goes."""
    short = ABSTRACT[:200]
    assert len(ABSTRACT) >= 320
    assert read_with(f"<p>{ABSTRACT}</p>") == replace(BARE, abstract=ABSTRACT)
    assert read_with(f"<div><p>A line.</p><p class='line-clamp-2'>{short}</p></div>") == replace(
        BARE, details=replace(NO_DETAILS, summary=" ".join(short.split()))
    )
    assert read_with("<p>A caption.</p>") == BARE
