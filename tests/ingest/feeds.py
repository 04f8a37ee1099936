"""Invented papers written as feeds of each kind, after the public descriptions of the formats."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from email.utils import format_datetime
from xml.sax.saxutils import escape, quoteattr

DAY = dt.datetime(2026, 11, 19, 5, tzinfo=dt.UTC)
ABSTRACT = (
    "We propose a slow oven for large loaves and show that the crust improves with time. Experiments on twelve "
    "kinds of rye show that a model of moisture, trained on the first hour, predicts the last one well, and that "
    "its errors are those of the thermometer."
)
POST = "Last week I went to the harbour and looked at the ferries, and here are my pictures of them. " * 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """A paper as a feed lists it."""

    title: str = "Slow Ovens for Large Loaves"
    abstract: str = ABSTRACT
    authors: tuple[str, ...] = ("Ada Lind", "Bo Ek")
    arxiv_id: str | None = "2611.01234"
    version: int = 1
    doi: str | None = None
    announced: str = "new"
    categories: tuple[str, ...] = ("cs.LG", "stat.ML")
    comment: str = ""
    published: dt.datetime = DAY

    @property
    def link(self) -> str:
        """Its page."""
        return f"https://arxiv.org/abs/{self.arxiv_id}" if self.arxiv_id else "https://example.org/loaves"


def element(name: str, text: str | None, attributes: str = "") -> str:
    """An element, or none where there is nothing to say."""
    return "" if text is None else f"<{name}{attributes}>{escape(text)}</{name}>"


def arxiv_rss(papers: Iterable[Listed], head: str = "") -> bytes:
    """RSS of arXiv as it is since 2024."""
    items = "".join(
        f"""
    <item>
      {element("title", paper.title)}
      {element("link", paper.link)}
      {
            element(
                "description",
                f"arXiv:{paper.arxiv_id}v{paper.version} Announce Type: {paper.announced} "
                f"{chr(10)}Abstract: {paper.abstract}",
            )
        }
      <guid isPermaLink="false">oai:arXiv.org:{paper.arxiv_id}v{paper.version}</guid>
      {"".join(element("category", category) for category in paper.categories)}
      {element("pubDate", format_datetime(paper.published))}
      {element("arxiv:announce_type", paper.announced)}
      <dc:rights>http://creativecommons.org/licenses/by/4.0/</dc:rights>
      {element("arxiv:DOI", paper.doi)}
      {element("dc:creator", ", ".join(paper.authors))}
    </item>"""
        for paper in papers
    )
    return f"""<?xml version='1.0' encoding='UTF-8'?>
<rss xmlns:arxiv="http://arxiv.org/schemas/atom" xmlns:dc="http://purl.org/dc/elements/1.1/"
     xmlns:atom="http://www.w3.org/2005/Atom" version="2.0">
  <channel>
    <title>cs.LG updates on arXiv.org</title>
    <link>http://rss.arxiv.org/rss/cs.LG</link>
    <description>cs.LG updates on the arXiv.org e-print archive.</description>
    <atom:link href="http://rss.arxiv.org/rss/cs.LG" rel="self" type="application/rss+xml"/>
    <language>en-us</language>
    <lastBuildDate>Thu, 19 Nov 2026 05:00:02 +0000</lastBuildDate>
    <pubDate>Thu, 19 Nov 2026 00:00:00 -0500</pubDate>
    <skipDays>
      <day>Sunday</day>
      <day>Saturday</day>
    </skipDays>{head}{items}
  </channel>
</rss>""".encode()


def arxiv_rdf(papers: Iterable[Listed]) -> bytes:
    """RSS 1.0 of arXiv as it was until 2024: marks behind the title, anchors around the authors."""
    notes = {"new": "", "replace": " UPDATED", "cross": " CROSS LISTED"}
    items = "".join(
        f"""<item rdf:about="http://arxiv.org/abs/{paper.arxiv_id}">
<title>{escape(paper.title)}. (arXiv:{paper.arxiv_id}v{paper.version} [{paper.categories[0]}]{notes[paper.announced]})</title>
<link>http://arxiv.org/abs/{paper.arxiv_id}</link>
<description rdf:parseType="Literal">{escape(f"<p>{escape(paper.abstract)}</p>")}
</description>
<dc:creator>{escape(", ".join(f'<a href="http://arxiv.org/a/{n}">{escape(name)}</a>' for n, name in enumerate(paper.authors)))}</dc:creator>
</item>
"""
        for paper in papers
    )
    return f"""<?xml version="1.0" encoding="UTF-8"?>

<rdf:RDF
 xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"
 xmlns="http://purl.org/rss/1.0/"
 xmlns:dc="http://purl.org/dc/elements/1.1/"
>
<channel rdf:about="http://arxiv.org/">
<title>cs.LG updates on arXiv.org</title>
<link>http://arxiv.org/</link>
<dc:date>2026-11-19T20:30:00-05:00</dc:date>
<items><rdf:Seq><rdf:li rdf:resource="http://arxiv.org/abs/1" /></rdf:Seq></items>
</channel>
<image rdf:about="http://arxiv.org/icons/sfx.gif"><title>arXiv.org</title><link>http://arxiv.org/</link></image>
{items}</rdf:RDF>""".encode()


def arxiv_atom(papers: Iterable[Listed]) -> bytes:
    """Atom of arXiv's feeds."""
    entries = "".join(
        f"""
  <entry>
    <id>oai:arXiv.org:{paper.arxiv_id}v{paper.version}</id>
    {element("title", paper.title)}
    <updated>2026-11-19T05:00:13.120000+00:00</updated>
    <link href="{paper.link}" rel="alternate" type="text/html"/>
    {
            element(
                "summary",
                f"arXiv:{paper.arxiv_id}v{paper.version} Announce Type: {paper.announced} "
                f"{chr(10)}Abstract: {paper.abstract}",
            )
        }
    {"".join(f'<category term="{category}"/>' for category in paper.categories)}
    <published>{paper.published.isoformat()}</published>
    {element("arxiv:announce_type", paper.announced)}
    {element("arxiv:DOI", paper.doi)}
    {element("dc:creator", ", ".join(paper.authors))}
  </entry>"""
        for paper in papers
    )
    return f"""<?xml version='1.0' encoding='UTF-8'?>
<feed xmlns:arxiv="http://arxiv.org/schemas/atom" xmlns:dc="http://purl.org/dc/elements/1.1/"
      xmlns="http://www.w3.org/2005/Atom" xml:lang="en-us">
  <id>http://rss.arxiv.org/atom/cs.LG</id>
  <title>cs.LG updates on arXiv.org</title>
  <updated>2026-11-19T05:00:13.120000+00:00</updated>
  <link href="http://rss.arxiv.org/atom/cs.LG" rel="self" type="application/atom+xml"/>
  <subtitle>cs.LG updates on the arXiv.org e-print archive.</subtitle>{entries}
</feed>""".encode()


def arxiv_api(papers: Sequence[Listed]) -> bytes:
    """Atom of arXiv's query API."""
    arxiv = ' xmlns:arxiv="http://arxiv.org/schemas/atom"'
    entries = "".join(
        f"""
  <entry>
    <id>http://arxiv.org/abs/{paper.arxiv_id}v{paper.version}</id>
    <updated>2026-11-18T12:00:00Z</updated>
    <published>{paper.published.isoformat().replace("+00:00", "Z")}</published>
    <title>{escape(paper.title).replace(" ", f"{chr(10)}  ", 1)}</title>
    <summary>  {escape(paper.abstract).replace(". ", f".{chr(10)}")}
</summary>
    {"".join(f"<author>{element('name', name)}</author>" for name in paper.authors)}
    {element("arxiv:doi", paper.doi, arxiv)}
    {element("arxiv:comment", paper.comment or None, arxiv)}
    <link href="http://arxiv.org/abs/{paper.arxiv_id}v{paper.version}" rel="alternate" type="text/html"/>
    <link title="pdf" href="http://arxiv.org/pdf/{paper.arxiv_id}v{paper.version}" rel="related" type="application/pdf"/>
    <arxiv:primary_category{arxiv} term="{paper.categories[0]}" scheme="http://arxiv.org/schemas/atom"/>
    {"".join(f'<category term="{category}" scheme="http://arxiv.org/schemas/atom"/>' for category in reversed(paper.categories))}
    <category term="68T05" scheme="http://arxiv.org/schemas/atom"/>
  </entry>"""
        for paper in papers
    )
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<feed xmlns="http://www.w3.org/2005/Atom">
  <link href="http://arxiv.org/api/query?search_query%3Dcat%3Acs.LG" rel="self" type="application/atom+xml"/>
  <title type="html">ArXiv Query: search_query=cat:cs.LG</title>
  <id>http://arxiv.org/api/0123456789abcdef</id>
  <updated>2026-11-19T00:00:00-05:00</updated>
  <opensearch:totalResults xmlns:opensearch="http://a9.com/-/spec/opensearch/1.1/">{len(papers)}</opensearch:totalResults>{entries}
</feed>""".encode()


def rss(papers: Iterable[Listed], head: str = "<pubDate>Thu, 19 Nov 2026 06:00:00 GMT</pubDate>") -> bytes:
    """RSS 2.0 of anyone: HTML in the description, as it is meant."""
    items = "".join(
        f"""<item>{element("title", escape(paper.title))}{element("link", paper.link)}
{element("description", f"<p>{escape(paper.abstract)}</p>")}
{"".join(element("dc:creator", name) for name in paper.authors)}
{"".join(element("category", category) for category in paper.categories)}
{element("dc:identifier", paper.doi and f"doi:{paper.doi}")}
{element("pubDate", format_datetime(paper.published))}{element("guid", paper.link)}</item>
"""
        for paper in papers
    )
    return f"""<?xml version="1.0"?><?xml-stylesheet href="/feed.xsl" type="text/xsl"?><!-- made by hand -->
<rss version="2.0" xmlns:dc="http://purl.org/dc/elements/1.1/"><channel><title>Loaves</title>
<link>https://example.org/</link>{head}
{items}</channel></rss>""".encode()


def rdf(papers: Iterable[Listed]) -> bytes:
    """RSS 1.0 of a publisher, its names in prefixes of its own."""
    items = "".join(
        f"""<r:item x:about={quoteattr(paper.link)}>{element("r:title", escape(paper.title))}{element("r:link", paper.link)}
<c:encoded><![CDATA[<p>{escape(paper.abstract)}</p>]]></c:encoded>
{element("d:creator", "; ".join(paper.authors))}{"".join(element("d:subject", tag) for tag in paper.categories)}
{element("p:doi", paper.doi)}{element("d:date", paper.published.isoformat())}</r:item>
"""
        for paper in papers
    )
    return f"""<x:RDF xmlns:x="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns:r="http://purl.org/rss/1.0/"
 xmlns:d="http://purl.org/dc/elements/1.1/" xmlns:c="http://purl.org/rss/1.0/modules/content/"
 xmlns:p="http://prismstandard.org/namespaces/basic/2.0/">
<r:channel x:about="https://example.org/toc"><r:title>Journal of Loaves</r:title><d:date>2026-11-19</d:date></r:channel>
{items}</x:RDF>""".encode()


def atom(papers: Iterable[Listed]) -> bytes:
    """Atom of anyone."""
    entries = "".join(
        f"""<entry>{element("title", paper.title)}<id>tag:example.org,2026:{paper.arxiv_id}</id>
<link rel="alternate" href={quoteattr(paper.link)}/><link rel="enclosure" href="https://example.org/a.mp3"/>
{element("summary", f"<p>{escape(paper.abstract)}</p>", ' type="html"')}
{"".join(f"<author>{element('name', name)}<email>a@example.org</email></author>" for name in paper.authors)}
{"".join(f"<category term={quoteattr(tag)}/>" for tag in paper.categories)}
{"" if paper.doi is None else f'<link href="https://doi.org/{paper.doi}"/>'}
<published>{paper.published.isoformat()}</published><updated>2026-11-19T07:00:00Z</updated></entry>
"""
        for paper in papers
    )
    return f"""<feed xmlns="http://www.w3.org/2005/Atom"><title>Loaves</title><id>urn:loaves</id>
<link href="https://example.org/"/><updated>2026-11-19T07:00:00Z</updated>
{entries}</feed>""".encode()


def json_feed(papers: Iterable[Listed]) -> bytes:
    """JSON Feed 1.1."""
    items = [
        {
            "id": paper.link,
            "url": paper.link,
            "title": paper.title,
            "content_text": paper.abstract,
            "authors": [{"name": name} for name in paper.authors],
            "tags": list(paper.categories),
            "date_published": paper.published.isoformat(),
        }
        | ({"external_url": f"https://doi.org/{paper.doi}"} if paper.doi else {})
        for paper in papers
    ]
    return json.dumps(
        {"version": "https://jsonfeed.org/version/1.1", "title": "Loaves", "items": items}, indent=1
    ).encode()


#: Each kind by the format that it is read as; the two that share one are told apart by a note.
KINDS: dict[str, Callable[[Sequence[Listed]], bytes]] = {
    "arxiv-rss": arxiv_rss,
    "arxiv-rss (RDF)": arxiv_rdf,
    "arxiv-atom": arxiv_atom,
    "arxiv-atom (API)": arxiv_api,
    "rss": rss,
    "rss (RDF)": rdf,
    "atom": atom,
    "json-feed": json_feed,
}
