"""The pieces of reading feeds: plain text, names, times, abstracts, and elements of odd feeds."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import html

from digest.errors import DumpError
from digest.ingest.formats import feed
from digest.ingest.formats.feed.abstracts import abstract_and_summary, reads_like_an_abstract
from digest.ingest.formats.feed.entry import Text, instant, newest_day, time
from digest.ingest.formats.feed.people import listed, names
from digest.ingest.formats.feed.prose import plain
from digest.ingest.record import DumpDate, Record, Reject
from tests.ingest.feeds import ABSTRACT, POST

LONG = "A" + "b" * 250


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("no mark-up", "no mark-up"),
        ("  two\n lines\t", "two lines"),
        ("<p>one</p><p>two</p>", "one\ntwo"),
        ("one<br/>two<BR>three", "one\ntwo\nthree"),
        ("in<b>side</b> a <i class='x'>word</i>", "inside a word"),
        ("x<sub>2</sub> &amp; y&#178; &nbsp; z", "x2 & y² z"),
        ("a<script>alert('<p>')</script>b<style>p{}</style>c", "a b c"),
        ("a<script>never closed <p>b</p>", "a"),
        ("a<!-- <p>hidden</p> -->b", "a b"),
        ("a<!-- never closed <p>b", "a"),
        ("<!DOCTYPE html><html><body>a</body></html>", "a"),
        ("<a href='https://example.org/?a>b'>link</a>", "link"),
        ('<img alt="x > y" src="z">seen', "seen"),
        ('<p title="never closed>text</p>', "text"),
        ("if a<b and b>c, then a < c", "if a<b and b>c, then a < c"),
        ("$x<y$ and <unknown>", "$x<y$ and <unknown>"),
        ("<jats:p>one</jats:p><xhtml:p xmlns:xhtml='x'>two</xhtml:p>", "one\ntwo"),
        ("&lt;p&gt;", "<p>"),
        ("AT&T, R&D; &unknown; &amp", "AT&T, R&D; &unknown; &amp"),
        ("&#0;&#xD800;&#9999999;", "\ufffd\ufffd\ufffd"),
        ("", ""),
    ],
)
def test_html_becomes_text(text: str, expected: str) -> None:
    """A line for each block; what no reader sees goes, what is no HTML stays."""
    assert plain(text) == expected


_TREES = st.recursive(
    st.text("abc &<", min_size=1, max_size=6).map(
        lambda text: text.replace("&", "&amp;").replace("<", "&lt;")
    ),
    lambda inner: st.tuples(
        st.sampled_from(["p", "b", "i", "div", "em", "li", "span", "br", "h2"]), st.lists(inner, max_size=3)
    ).map(lambda node: "<br>" if node[0] == "br" else f"<{node[0]} title='q'>{''.join(node[1])}</{node[0]}>"),
    max_leaves=12,
)


@given(_TREES)
def test_text_is_that_of_a_parser(markup: str) -> None:
    """Of lxml's, but for white space, on HTML that means no formulas."""
    expected = "".join(str(part) for part in html.fromstring(f"<div>{markup}</div>").itertext())
    assert "".join(plain(markup).split()) == "".join(expected.split())


@pytest.mark.parametrize(
    "unit", ["<p ", "<p '", '<a "', "<!--", "<script>", "</", "&#", "<a b='", "<p><p>", "<x:", "<"]
)
def test_hostile_html_costs_no_more_than_its_size(unit: str) -> None:
    """300 kB of each end at once: the square of that would be hours."""
    assert isinstance(plain(unit * (300_000 // len(unit))), str)


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        (["Ada Lind"], ("Ada Lind",)),
        (["Ada Lind, Bo Ek"], ("Ada Lind", "Bo Ek")),
        (["Ada Lind, Bo Ek and Cy Moe"], ("Ada Lind", "Bo Ek", "Cy Moe")),
        (["Ada Lind, Bo Ek, and Cy Moe"], ("Ada Lind", "Bo Ek", "Cy Moe")),
        (["Ada Lind & Bo Ek"], ("Ada Lind", "Bo Ek")),
        (["Lind, Ada; Ek, Bo"], ("Ada Lind", "Bo Ek")),
        (["Lind, A., Ek, B. C., Moe, D.-E."], ("A. Lind", "B. C. Ek", "D.-E. Moe")),
        (["Lind, A, Ek, B"], ("A Lind", "B Ek")),
        (["Lind, Ada"], ("Ada Lind",)),
        (["Lind, Ada", "Ek, Bo"], ("Ada Lind", "Bo Ek")),
        (["Ada Lind", "Bo Ek", "Ada Lind"], ("Ada Lind", "Bo Ek")),
        (["by Ada Lind, Bo Ek"], ("Ada Lind", "Bo Ek")),
        (["ada@example.org (Ada Lind)"], ("Ada Lind",)),
        (["<ada@example.org> Ada Lind"], ("Ada Lind",)),
        (["ada@example.org"], ()),
        (["<b>Ada</b> Lind &amp; Bo Ek"], ("Ada Lind", "Bo Ek")),
        (["Ada Lind (Rome, Italy), Bo Ek"], ("Ada Lind", "Bo Ek")),
        (["Ada Lind (Rome, Bo Ek"], ("Ada Lind", "Bo Ek")),
        (["Li, Wang"], ("Wang Li",)),
        (["", " , "], ()),
        ([], ()),
    ],
)
def test_names_of_authors(texts: list[str], expected: tuple[str, ...]) -> None:
    """One text of all, or one each; no affiliation, no address, nobody twice."""
    assert names(texts) == expected


def test_arxivs_names_are_not_turned() -> None:
    """arXiv writes first names first, and separates with commas alone."""
    assert listed(["Lind, A., Bo (Rome and Oslo), Cy and Co"]) == ("Lind", "A.", "Bo", "Cy and Co")
    assert listed(["Ada Lind, Jr.", "Bo Ek"]) == ("Ada Lind, Jr.", "Bo Ek")
    assert listed([]) == ()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Thu, 19 Nov 2026 06:00:00 GMT", "2026-11-19T06:00:00+00:00"),
        ("Thu, 19 Nov 2026 00:00:00 -0500", "2026-11-19T00:00:00-05:00"),
        ("19 Nov 2026 06:00 EST", "2026-11-19T06:00:00-05:00"),
        ("Thu, 19 Nov 2026 06:00:00 -0000", "2026-11-19T06:00:00+00:00"),
        (" 2026-11-19T06:00:00Z ", "2026-11-19T06:00:00+00:00"),
        ("2026-11-19T06:00:00.1234567+01:00", "2026-11-19T06:00:00.123456+01:00"),
        ("2026-11-19", "2026-11-19T00:00:00+00:00"),
        ("2026-11", None),
        ("2026-13-01", None),
        ("yesterday", None),
        ("32 Nov 2026 06:00:00 GMT", None),
        ("Thu, 19 Nov 2026 06:00:00 +9999", None),
        ("x" * 100, None),
        ("", None),
    ],
)
def test_times(text: str, expected: str | None) -> None:
    """RFC 822 and ISO 8601, in the zone they are written in."""
    found = time(text)
    assert (found and found.isoformat()) == expected


@given(st.text(st.sampled_from("0123456789 -+:,.TZ/JanMonGMT()\n٣"), max_size=40))
def test_no_time_breaks(text: str) -> None:
    """What is no time is none; what is one is aware, and has an instant unless the calendar ends before."""
    found = time(text)
    assert found is None or found.tzinfo is not None
    assert instant(text) is None or found is not None


def test_a_time_before_the_calendar_has_no_instant() -> None:
    """Year 1 in the east begins before it in UTC."""
    assert time("0001-01-01T00:00:00+05:00") is not None
    assert instant("0001-01-01T00:00:00+05:00") is None


def test_the_newest_day() -> None:
    """By the instant, but told in its own zone."""
    assert newest_day(["2026-11-18T23:30:00-05:00", "2026-11-19T01:00:00Z", "x"]) == DumpDate(
        month=11, day=18, year=2026
    )
    assert newest_day(["x"]) is None


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        ([ABSTRACT], (ABSTRACT, "")),
        ([f"Abstract: {ABSTRACT}"], (ABSTRACT, "")),
        ([f"ABSTRACT {ABSTRACT}"], (ABSTRACT, "")),
        ([f"<h3>Abstract</h3><p>{ABSTRACT}</p>"], (ABSTRACT, "")),
        ([f"Abstract interpretation is {LONG}"], (f"Abstract interpretation is {LONG}", "")),
        ([f"Source separation is {LONG}"], (f"Source separation is {LONG}", "")),
        ([f"<p>Journal of Loaves, Volume 3, Page 9, June 2026.</p>{ABSTRACT}"], (ABSTRACT, "")),
        (
            ["<p>Publication date: June 2026</p><p><b>Source:</b> Loaves</p><p>Author(s): Ada Lind</p>"],
            ("", ""),
        ),
        (["A short line."], ("", "A short line.")),
        ([f"{ABSTRACT}…"], ("", f"{ABSTRACT}…")),
        ([f"{ABSTRACT} [...]"], ("", f"{ABSTRACT} [...]")),
        ([f"{ABSTRACT} Read more »"], ("", f"{ABSTRACT} Read more »")),
        (["A short line.", ABSTRACT], (ABSTRACT, "A short line.")),
        ([ABSTRACT, "A short line."], (ABSTRACT, "A short line.")),
        ([ABSTRACT, f"{ABSTRACT} It goes on."], (f"{ABSTRACT} It goes on.", "")),
        ([ABSTRACT, f"{ABSTRACT} {LONG * 30}"], (ABSTRACT, "")),
        ([ABSTRACT, f"Another. {ABSTRACT}"], (ABSTRACT, "")),
        ([f"One line.  \t\t\tAI-generated summary \t\t\t {ABSTRACT}"], (ABSTRACT, "One line.")),
        (
            [f"We write {LONG} AI-generated summary texts."],
            (f"We write {LONG} AI-generated summary texts.", ""),
        ),
        ([], ("", "")),
    ],
)
def test_which_text_is_the_abstract(texts: list[str], expected: tuple[str, str]) -> None:
    """A label, a citation and a machine's line are none of it; a teaser is a summary."""
    assert abstract_and_summary([Text(raw=text, is_html=True) for text in texts], of_arxiv=False) == expected


@pytest.mark.parametrize(
    ("markup", "expected"),
    [
        (ABSTRACT, True),
        (f"<h4>Abstract</h4><p>{ABSTRACT}</p>", True),
        (f"{'The proposed method has a model, and its accuracy. ' * 5}", True),
        (f"{ABSTRACT} Subscribe to our letter.", False),
        (f"In this post, {ABSTRACT}", False),
        (f"{ABSTRACT} I’m happy.", False),
        (f"<img src='x'>{ABSTRACT}", False),
        (f"<h2>One</h2><p>{ABSTRACT}</p><h2>Two</h2>", False),
        (f"<p>{ABSTRACT}</p><ul><li>one</ul>", False),
        (ABSTRACT * 30, False),
        (POST, False),
        ("We propose bread.", False),
    ],
)
def test_what_reads_like_an_abstract(markup: str, expected: bool) -> None:
    """By its length, its layout and its words."""
    assert reads_like_an_abstract(plain(markup), [Text(raw=markup, is_html=True)]) is expected


def only(item: str, root: str = "<rss>", head: str = "") -> Record:
    """Read one entry."""
    name = "entry" if root.startswith("<feed") else "item"
    close = f"</{root[1:].partition(' ')[0].rstrip('>')}>"
    channel = ("", "") if name == "entry" else ("<channel>", "</channel>")
    data = f"{root}{channel[0]}{head}<{name}>{item}</{name}>{channel[1]}{close}".encode()
    (found,) = feed.read(data).items
    assert isinstance(found, Record), found
    return found


ATOM = '<feed xmlns="http://www.w3.org/2005/Atom">'
LINK = "<link>https://huggingface.co/papers/2611.01234</link>"


def test_a_page_of_the_daily_papers_names_its_paper() -> None:
    """Feeds of them link to it, and it stays the link."""
    record = only(f"<title>Slow\n  Bread</title>{LINK}<description>{ABSTRACT}</description>")
    assert (record.title, record.arxiv_id) == ("Slow Bread", "2611.01234")
    assert record.url == "https://huggingface.co/papers/2611.01234"


@pytest.mark.parametrize(
    ("item", "url", "identifier"),
    [
        (
            "<link>https://example.org/a</link><guid>https://arxiv.org/abs/2611.01234</guid>",
            "arxiv",
            "2611.01234",
        ),
        ("<guid isPermaLink='false'>oai:arXiv.org:2611.01234</guid>", "arxiv", "2611.01234"),
        ("<link>ftp://arxiv.org/abs/2611.01234</link><guid>arXiv:2611.01234</guid>", "arxiv", "2611.01234"),
        ("<link>https://example.org/a</link><guid>doi:10.1000/A</guid>", "https://example.org/a", None),
        ("<link/><guid>doi:10.1000/A(b)#c</guid>", "https://doi.org/10.1000/a(b)%23c", None),
        (
            "<link>javascript:alert(1)</link><guid>https://doi.org/10.1000/a</guid>",
            "https://doi.org/10.1000/a",
            None,
        ),
    ],
)
def test_the_page_of_a_paper(item: str, url: str, identifier: str | None) -> None:
    """The link of the feed, unless an id knows better; never anything but the web."""
    record = only(f"<title>A</title>{item}")
    assert record.arxiv_id == identifier
    assert record.url == ("https://arxiv.org/abs/2611.01234" if url == "arxiv" else url)


def test_links_start_from_their_base() -> None:
    """`xml:base` on the link, the entry or the feed; without one a relative link is none."""
    entry = "<title>A</title><id>arXiv:2611.01234</id><link href='papers/2611.01234'/>"
    assert only(entry, ATOM).url == "https://arxiv.org/abs/2611.01234"
    based = ATOM.replace("<feed", "<feed xml:base='https://huggingface.co/x/'")
    assert (
        only(entry.replace("papers/", "../papers/"), based).url == "https://huggingface.co/papers/2611.01234"
    )
    broken = ATOM.replace("<feed", "<feed xml:base='http://[bad/'")
    assert only(entry, broken).url == "https://arxiv.org/abs/2611.01234"


XHTML = (
    '<h:div xmlns:h="http://www.w3.org/1999/xhtml"><h:p>One &lt; two.</h:p>'
    f"<h:script>x()</h:script><h:p>{ABSTRACT}</h:p></h:div>"
)


@pytest.mark.parametrize(
    ("content", "abstract"),
    [
        (f"<summary>{ABSTRACT} a&lt;b&gt;c</summary>", f"{ABSTRACT} a<b>c"),
        (f'<summary type="html">&lt;p&gt;{ABSTRACT}&lt;/p&gt;</summary>', ABSTRACT),
        (f'<content type="text/html">&lt;b&gt;{ABSTRACT}&lt;/b&gt;</content>', ABSTRACT),
        (
            f"<content type='xhtml'>{XHTML}</content>",
            f"One < two.\n{ABSTRACT}",
        ),
        (f"<summary><![CDATA[{ABSTRACT}]]></summary>", ABSTRACT),
        ("<summary/>", ""),
    ],
)
def test_texts_of_atom(content: str, abstract: str) -> None:
    """Text, HTML and XHTML, as the type says."""
    assert only(f"<title>A</title><id>arXiv:2611.01234</id>{content}", ATOM).abstract == abstract


@pytest.mark.parametrize(
    ("item", "url"),
    [
        ("<media:thumbnail url='https://example.org/a.png'/>", "https://example.org/a.png"),
        ("<media:content medium='image' url='https://example.org/b.png'/>", "https://example.org/b.png"),
        ("<enclosure type='image/png' url='https://example.org/c.png'/>", "https://example.org/c.png"),
        ("<enclosure type='audio/mpeg' url='https://example.org/c.mp3'/>", None),
        ("<media:thumbnail url='data:x'/>", None),
    ],
)
def test_pictures(item: str, url: str | None) -> None:
    """A thumbnail, or what is said to be an image."""
    root = "<rss xmlns:media='http://search.yahoo.com/mrss/'>"
    assert only(f"<title>A</title>{LINK}{item}", root).details.thumbnail_url == url


def test_entities_of_html_need_no_declaration() -> None:
    """Feeds use them all the same, in text and in CDATA; those of XML are not touched."""
    title = "Caf&eacute;&nbsp;&mdash; &lt;i&gt;x&lt;/i&gt; &amp;amp; &LT; &bne;<![CDATA[ R&eacute;al ]]>"
    assert only(f"<title>{title}</title>{LINK}").title == "Café — x & < =⃥ Réal"


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("a&#8;b&#x0;c", "a b c"),
        ("&#xD800; &#xFFFF; &#x110000; &#99999999999999999999;", "\ufffd \ufffd \ufffd \ufffd"),
        ("&#xe9;&#XE9;&#0233; &#65534;&#x1F600;&#57344;", "ééé \ufffd😀\ue000"),
        ("&#60;b&#62; &#38;amp;", "<b> &amp;"),
    ],
)
def test_characters_by_number(given: str, shown: str) -> None:
    """A number that stands for nothing that XML may hold costs its character, and not the feed of a day."""
    data = f'<feed xmlns="http://www.w3.org/2005/Atom"><entry><title>{given}</title><id>arXiv:2401.01234</id></entry></feed>'
    (record,) = feed.read(data.encode()).items
    assert isinstance(record, Record)
    assert record.title == shown


def test_control_characters_are_spaces() -> None:
    """XML may not hold them, and abstracts do at times."""
    assert only(f"<title>A\x0bB\x01C</title>{LINK}").title == "A B C"


@pytest.mark.parametrize("declared", ["ISO-8859-1", "windows-1252", "UTF-16", "utf-8", "no-such"])
def test_a_wrong_declaration_garbles_nothing(declared: str) -> None:
    """The bytes are UTF-8 whatever it says."""
    data = f"<?xml version='1.0' encoding='{declared}'?><rss><channel><item><title>Café</title>{LINK}</item></channel></rss>"
    (record,) = feed.read(data.encode()).items
    assert isinstance(record, Record)
    assert record.title == "Café"


@pytest.mark.parametrize(
    "root",
    [
        "<feed>",
        "<feed xmlns='http://purl.org/atom/ns#' version='0.3'>",
        "<a:feed xmlns:a='http://www.w3.org/2005/Atom'>",
        "<rss version='0.91'>",
        "<rss xmlns='http://backend.userland.com/rss2'>",
    ],
)
def test_any_vocabulary_will_do(root: str) -> None:
    """No namespace where there should be one, an old one, or one with a prefix."""
    prefix = "a:" if root.startswith("<a:") else ""
    atom = "feed" in root
    link = (
        "<{0}link href='https://arxiv.org/abs/2611.01234'/>"
        if atom
        else "<link>https://arxiv.org/abs/2611.01234</link>"
    )
    entry = (
        ("<{0}entry><{0}title>A</{0}title>" + link + "</{0}entry>")
        .format(prefix)
        .replace("entry", "entry" if atom else "item")
    )
    body = entry if atom else f"<channel>{entry}</channel>"
    (record,) = feed.read(f"{root}{body}</{prefix}{'feed' if atom else 'rss'}>".encode()).items
    assert isinstance(record, Record)
    assert (record.title, record.arxiv_id) == ("A", "2611.01234")


def test_a_date_behind_the_entries_is_found() -> None:
    """And where the head has none, the day of the newest of its first entries is the feed's."""
    item = f"<item><title>A</title>{LINK}<pubDate>Wed, 18 Nov 2026 06:00:00 GMT</pubDate></item>"
    head = "<pubDate>Thu, 19 Nov 2026 06:00:00 GMT</pubDate>"
    assert feed.read(f"<rss><channel>{item}{head}</channel></rss>".encode()).date == DumpDate(
        month=11, day=19, year=2026
    )
    assert feed.read(f"<rss><channel>{item}</channel></rss>".encode()).date == DumpDate(
        month=11, day=18, year=2026
    )
    later = item.replace("Wed, 18 Nov", "Fri, 20 Nov")
    many = f"<rss><channel>{item * 2_000}{later}{head}</channel></rss>"
    assert feed.read(many.encode()).date == DumpDate(month=11, day=18, year=2026)
    undated = f"<rss><channel><item><title>A</title>{LINK}</item></channel></rss>"
    assert feed.read(undated.encode()).date is None


@pytest.mark.parametrize(
    ("data", "is_feed"),
    [
        (b"<rss>", True),
        (b"\n <?xml version='1.0'?>\n<!-- <html> --><?xml-stylesheet?>\n<rss version='2.0'>", True),
        (b"<x:RDF xmlns:x='y'>", True),
        (b"<feed\n", True),
        (b"<!DOCTYPE rss [<!ENTITY a 'b'>]><rss>", True),
        (b"<!DOCTYPE html><html>", False),
        (b"<html>", False),
        (b"<rssx>", False),
        (b"<?xml version='1.0'?>", False),
        (b"<?xml <rss>", False),
        (b"<!-- <rss>", False),
        (b"text", False),
        (b"", False),
    ],
)
def test_a_feed_is_known_by_its_root(data: bytes, is_feed: bool) -> None:
    """Whatever stands before it."""
    assert feed.recognises(data) is is_feed


def test_authors_of_rss() -> None:
    """Creators are the authors where there are any; then RSS's author is somebody else."""
    root = "<rss xmlns:dc='http://purl.org/dc/elements/1.1/'>"
    both = "<author>feed@example.org (Feed Keeper)</author>"
    assert only(f"<title>A</title>{LINK}{both}<dc:creator>Ada Lind</dc:creator>", root).authors == (
        "Ada Lind",
    )
    assert only(f"<title>A</title>{LINK}{both}", root).authors == ("Feed Keeper",)


def rows(*items: object, **members: object) -> Sequence[Record | Reject]:
    """Read items of a JSON Feed."""
    return list(
        feed.read_json(
            json.dumps({"version": "https://jsonfeed.org/version/1", **members, "items": items}).encode()
        ).items
    )


def test_json_feeds() -> None:
    """Values of another type are absent; version 1 has one author, and HTML is read where no text is given."""
    url = "https://huggingface.co/papers/2611.01234"
    (record, odd) = rows(
        {
            "id": 7,
            "url": url,
            "title": "Slow\n  Bread \ud800",
            "summary": "A line.",
            "content_html": f"<p>{ABSTRACT}</p>",
            "author": {"name": "Ada Lind"},
            "tags": ["rye", 7, " ", "rye"],
            "image": "https://example.org/a.png",
            "date_published": 7,
            "date_modified": "2026-11-19T06:00:00-05:00",
        },
        "odd",
    )
    assert isinstance(record, Record)
    assert record.title == "Slow Bread \ufffd"
    assert (record.abstract, record.details.summary) == (ABSTRACT, "A line.")
    assert (record.authors, record.details.keywords) == (("Ada Lind",), ("rye",))
    assert (record.url, record.arxiv_id) == (url, "2611.01234")
    assert record.details.thumbnail_url == "https://example.org/a.png"
    assert (record.published_at, record.details.updated_at) == (
        None,
        dt.datetime(2026, 11, 19, 11, tzinfo=dt.UTC),
    )
    assert odd == Reject(line=2, reason="an entry without a title")


def test_what_is_longer_than_any_is_left_out() -> None:
    """A summary, a keyword, keywords, a name and names without measure: the paper is told without them."""
    url = "https://arxiv.org/abs/2611.01234"
    (long, many, text) = rows(
        {"id": url, "title": "A", "summary": "x " * 2_501 + "…", "tags": ["x" * 201, "rye"]},
        {
            "id": url,
            "title": "A",
            "tags": [str(number) for number in range(101)],
            "author": {"name": "x" * 201},
        },
        {"id": url, "title": "A", "author": {"name": "Ada Lind, " * 100_001}},
    )
    for record in (long, many, text):
        assert isinstance(record, Record)
        assert (record.details.summary, record.authors) == ("", ())
    assert isinstance(long, Record)
    assert isinstance(many, Record)
    assert (long.details.keywords, many.details.keywords) == (("rye",), ())


def test_a_json_feed_is_told_by_its_own_members() -> None:
    """By its version or by its items, wherever they stand; what is cut before them is none."""
    for told in (
        {"version": "https://jsonfeed.org/version/1.1"},
        {"a": [1], "items": [7]},
        {"a": 1, "items": []},
    ):
        assert feed.recognises_json(json.dumps(told).encode())
    for other in (b'{"a": [1], "b": {"items": []}}', b'{"a": [1,  "items": [', b'{"items": 7}'):
        assert not feed.recognises_json(other)


def test_a_json_feed_is_dated_by_its_newest_item() -> None:
    """Its head has no date to give."""
    items = [
        {"date_published": "2026-11-18T00:00:00Z"},
        "odd",
        {"date_published": "2026-11-17", "date_modified": "x"},
    ]
    data = json.dumps({"items": items}).encode()
    assert feed.recognises_json(data)
    assert feed.read_json(data).date == DumpDate(month=11, day=18, year=2026)
    assert feed.read_json(b'{"items": [{"title": "A"}]}').date is None


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"[]", "JSON, but not a feed"),
        (b'{"version": "https://jsonfeed.org/version/1"}', "JSON, but not a feed: it lists no items"),
        (b'{"items": 7}', "JSON, but not a feed: it lists no items"),
        (b'{"items": []}', "no papers in it"),
        (b'{"items": [{}], "a": {"b": [1]}', "cut, or broken, between two members"),
        (b'{"items": [{}]} {}', "text after the end of the list"),
    ],
)
def test_what_is_no_json_feed_is_refused(data: bytes, reason: str) -> None:
    """With the reason."""
    with pytest.raises(DumpError) as refusal:
        feed.read_json(data)
    assert refusal.value.reason == reason
