"""What arXiv says in its feeds, old and new, and in the answers of its query API."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import pytest

from digest.errors import DumpError
from digest.ingest.formats import feed
from digest.ingest.formats.feed import arxiv
from digest.ingest.record import Announced, DumpDate, Record, Reject
from tests.ingest import feeds
from tests.ingest.feeds import DAY, Listed

LISTED = Listed()


def only(data: bytes) -> Record:
    """The one paper of a feed."""
    (item,) = feed.read(data).items
    assert isinstance(item, Record), item
    return item


@pytest.mark.parametrize(
    ("said", "announced", "published", "updated"),
    [
        ("new", Announced.NEW, DAY, None),
        ("cross", Announced.CROSS, None, None),
        ("replace", Announced.REPLACE, None, DAY),
        ("replace-cross", Announced.REPLACE_CROSS, None, DAY),
        ("absonly", Announced.REPLACE, None, DAY),
        ("surprise", None, None, None),
    ],
)
def test_announcements(
    said: str, announced: Announced | None, published: dt.datetime | None, updated: dt.datetime | None
) -> None:
    """The date of an announcement is a paper's own only where it is new, and a version's where it is replaced."""
    for kind in (feeds.arxiv_rss, feeds.arxiv_atom):
        record = only(kind([replace(LISTED, announced=said)]))
        assert record.details.announced is announced
        assert (record.published_at, record.details.updated_at) == (published, updated)


def test_old_notes_are_announcements() -> None:
    """Behind the title: UPDATED is a replacement, CROSS LISTED a cross-listing."""
    kinds = {"new": Announced.NEW, "replace": Announced.REPLACE, "cross": Announced.CROSS}
    for said, announced in kinds.items():
        record = only(feeds.arxiv_rdf([replace(LISTED, announced=said, version=3)]))
        assert (record.title, record.details.announced, record.details.version) == (
            LISTED.title,
            announced,
            3,
        )


@pytest.mark.parametrize(
    ("title", "expected"),
    [
        ("A Loaf. (arXiv:2611.01234v1 [cs.LG])", ("2611.01234v1", "cs.LG", "new", "A Loaf")),
        ("A Loaf? (arXiv:2611.01234v2 [cs.LG] UPDATED)", ("2611.01234v2", "cs.LG", "replace", "A Loaf?")),
        (
            "A (B). (arXiv:hep-th/9901001v1 [hep-th] CROSS LISTED)",
            ("hep-th/9901001v1", "hep-th", "cross", "A (B)"),
        ),
        ("A. (arXiv:2611.01234v2 [cs.LG] CROSS LISTED UPDATED)", ("2611.01234v2", "cs.LG", "replace", "A")),
        ("A Loaf (arXiv:2611.01234)", ("2611.01234", "", "new", "A Loaf")),
        ("A Loaf (arXiv:2611.01234) and more", None),
        ("A Loaf", None),
    ],
)
def test_old_titles(title: str, expected: tuple[str, str, str, str] | None) -> None:
    """The stop that arXiv put there goes, all other marks stay."""
    assert arxiv.without_suffix(title) == expected


def test_the_preamble_goes_in_copies_of_the_feed_too() -> None:
    """Third parties copy descriptions as they are: what they say counts there as well."""
    description = f"arXiv:2611.01234v2 Announce Type: replace\nAbstract: {LISTED.abstract}"
    data = feeds.rss([replace(LISTED, arxiv_id=None, abstract=description)]).replace(b"&lt;p&gt;", b"")
    record = only(data.replace(b"&lt;/p&gt;", b""))
    assert (record.arxiv_id, record.details.version, record.details.announced) == (
        "2611.01234",
        2,
        Announced.REPLACE,
    )
    assert record.abstract == LISTED.abstract


def test_authors_lose_their_affiliations() -> None:
    """Which hold commas of their own."""
    authors = (
        "Ada Lind (Oven Institute, Rome, Italy)",
        "Bo Ek (Rye (North), Oslo)",
        "The LOAF Collaboration",
    )
    assert only(feeds.arxiv_rss([replace(LISTED, authors=authors)])).authors == (
        "Ada Lind",
        "Bo Ek",
        "The LOAF Collaboration",
    )


def test_formulas_are_no_markup() -> None:
    """arXiv's abstracts are text: what looks like a tag in them is mathematics."""
    abstract = r"If $a<b$ and $b>c$ & $x<p>y$, then \(u &lt; v\)."
    title = "On $a<b$ & $c>d$"
    for kind in (feeds.arxiv_rss, feeds.arxiv_atom, feeds.arxiv_api):
        record = only(kind([replace(LISTED, title=title, abstract=abstract)]))
        assert (record.title, record.abstract) == (title, abstract)


def test_wrapped_lines_are_rejoined() -> None:
    """Paragraphs too; spaces in a line stay as they are."""
    wrapped = "We bake  slowly,\n  as one does.\n\n  The second paragraph\nends."
    for kind in (feeds.arxiv_rss, feeds.arxiv_api):
        assert only(kind([replace(LISTED, abstract=wrapped)])).abstract == (
            "We bake  slowly, as one does. The second paragraph ends."
        )


@pytest.mark.parametrize(
    ("abstract", "comment", "withdrawn"),
    [
        ("This paper has been withdrawn by the author due to a sign error.", "", True),
        ("  This submission has been withdrawn by arXiv administrators.", "", True),
        ("The article was withdrawn because of an error.", "", True),
        ("This paper (a draft) has been temporarily withdrawn.", "", True),
        ("We bake bread.", "This paper has been withdrawn.", True),
        ("We bake bread.", "12 pages, 3 figures; this paper has been withdrawn by the authors", True),
        ("We bake bread.", "Withdrawn", True),
        ("We bake bread.", "Withdrawn by the author, who found an error in Lemma 2", True),
        (
            "We bake bread.",
            "arXiv admin note: this submission has been withdrawn by arXiv administrators",
            True,
        ),
        ("We bake bread.", "arXiv admin note. This version was withdrawn as a duplicate", True),
        ("We study papers that have been withdrawn. This paper has been withdrawn too.", "", False),
        ("This paper is about money withdrawn from banks.", "", False),
        ("This paper has been withdrawn from the journal and sent to another.", "", False),
        ("This paper has been withdrawn from arXiv.", "", True),
        ("We bake bread.", "withdrawn from ICML, to appear elsewhere", False),
        ("We bake bread.", "Lemma 2 is wrong", False),
        ("We bake bread.", "", False),
    ],
)
def test_withdrawn_needs_proof(abstract: str, comment: str, withdrawn: bool) -> None:
    """arXiv's own sentence, at the beginning of the abstract or of a sentence of the comment."""
    record = only(feeds.arxiv_api([replace(LISTED, abstract=abstract, comment=comment)]))
    assert record.details.withdrawn is withdrawn


def test_a_title_withdraws_nothing() -> None:
    """Papers are written about withdrawn papers; nor does the sentence count where no id says arXiv."""
    assert not only(
        feeds.arxiv_api([replace(LISTED, title="This paper has been withdrawn")])
    ).details.withdrawn
    text = f"This paper has been withdrawn. {LISTED.abstract}"
    assert not only(feeds.rss([replace(LISTED, arxiv_id=None, abstract=text)])).details.withdrawn


@pytest.mark.parametrize("host", ["http://arxiv.org", "https://export.arxiv.org"])
def test_an_error_of_the_query_api_is_no_paper(host: str) -> None:
    """It comes as an entry, with status 200; what is wrong stands in its summary."""
    data = feeds.arxiv_api([replace(LISTED, title="Error", abstract="incorrect id format for\n123")]).replace(
        b"<id>http://arxiv.org/abs/2611.01234v1",
        f"<id>{host}/api/errors#incorrect_id_format_for_123".encode(),
    )
    with pytest.raises(DumpError) as refusal:
        list(feed.read(data).items)
    assert refusal.value.reason == "arXiv answers with an error: incorrect id format for 123"
    assert refusal.value.line == 8


def test_an_error_of_the_feeds_is_no_empty_day() -> None:
    """A category that is none is answered by a feed that says so."""
    title = b"<title>cs.LG updates on arXiv.org</title>"
    error = b"<title>Feed error for query: http://rss.arxiv.org/rss/cs.XX</title>"
    for data in (feeds.arxiv_rss([]), feeds.arxiv_atom([]), feeds.arxiv_rss([LISTED])):
        with pytest.raises(DumpError, match=r"arXiv answers with an error: cs\.LG updates on"):
            feed.read(data.replace(title, error))
    bare = b"<rss><channel>" + error + b"</channel></rss>"
    with pytest.raises(
        DumpError, match=r"arXiv answers with an error: Feed error for query: http://rss\.arxiv"
    ):
        feed.read(bare)


def test_the_day_is_that_of_the_head_in_its_own_zone() -> None:
    """Midnight in New York is the day that arXiv means; the latest of the head's times counts."""
    data = feeds.arxiv_rss([LISTED]).replace(
        b"<lastBuildDate>Thu, 19 Nov 2026 05:00:02 +0000", b"<lastBuildDate>x"
    )
    assert feed.read(data).date == DumpDate(month=11, day=19, year=2026)
    late = data.replace(
        b"<pubDate>Thu, 19 Nov 2026 00:00:00 -0500", b"<pubDate>Wed, 18 Nov 2026 23:59:00 -0500", 1
    )
    assert feed.read(late).date == DumpDate(month=11, day=18, year=2026)


def test_several_dois_give_the_first() -> None:
    """arXiv lists those of a paper in one text."""
    assert only(feeds.arxiv_rss([replace(LISTED, doi="10.1000/ONE 10.1000/two")])).doi == "10.1000/one"


def test_arxivs_own_doi_is_none() -> None:
    """It says no more than the id."""
    record = only(feeds.arxiv_rss([replace(LISTED, doi="10.48550/arXiv.2611.01234")]))
    assert (record.doi, record.arxiv_id) == (None, "2611.01234")


def test_classes_of_others_are_no_categories() -> None:
    """The primary category comes first, MSC's and ACM's classes do not come at all."""
    categories = ("cs.LG", "math.AG", "hep-th", "physics.ao-ph", "q-bio.NC")
    assert only(feeds.arxiv_api([replace(LISTED, categories=categories)])).details.categories == (
        "cs.LG",
        "q-bio.NC",
        "physics.ao-ph",
        "hep-th",
        "math.AG",
    )


def test_old_ids_are_kept_whole() -> None:
    """With their archive, in the link too."""
    record = only(feeds.arxiv_api([replace(LISTED, arxiv_id="hep-th/9901001", version=3)]))
    assert (record.arxiv_id, record.details.version) == ("hep-th/9901001", 3)
    assert record.url == "https://arxiv.org/abs/hep-th/9901001"


def test_two_ids_in_one_entry_are_not_decided() -> None:
    """Neither may be the paper's."""
    data = feeds.arxiv_rss([LISTED, LISTED, LISTED]).replace(b"abs/2611.01234", b"abs/2611.99999", 1)
    first, *others = feed.read(data).items
    assert isinstance(first, Reject)
    assert first.reason == "an entry that names two papers of arXiv"
    assert len(others) == 2


def test_a_feed_is_arxivs_by_its_entries_too() -> None:
    """Where its head is missing: by the name of a record, an announcement, or the marks of an old title."""
    link = "<link>https://arxiv.org/abs/2611.01234</link>"
    for head, item in (
        ("", "<title>A</title><guid>oai:arXiv.org:2611.01234v1</guid>"),
        (
            ' xmlns:a="http://arxiv.org/schemas/atom"',
            f"<title>A</title>{link}<a:announce_type>new</a:announce_type>",
        ),
        ("", "<title>A. (arXiv:2611.01234v1 [cs.LG])</title>"),
    ):
        data = f"<rss{head}><channel><item>{item}</item></channel></rss>".encode()
        assert feed.read(data).format == "arxiv-rss"
        assert only(data).arxiv_id == "2611.01234"
        assert only(data).title == "A"
