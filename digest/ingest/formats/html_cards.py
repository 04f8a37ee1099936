"""One card of a papers page: an `<article>` whose heading links to a paper.

A number is told by where it stands, never by its size: votes beside the box that is ticked to vote, comments
in the link to the discussion, stars in the link to the repository. What stands anywhere else is not read.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import TypeVar
from urllib.parse import urljoin, urlsplit

from lxml import etree

from digest.ingest.arxiv import arxiv_id
from digest.ingest.dates import parse_head_date
from digest.ingest.formats.values import count, name, shown_count, sound, time, web_url
from digest.ingest.record import Details, Record

_SITE = "https://huggingface.co/"
#: Characters shown; a card with its abstract has 3,000.
_LONGEST = 20_000
_MOST_PARAGRAPHS = 3
#: Elements of a card, which has 60; and of what names one thing, such as votes.
_MOST_ELEMENTS = 1_000
_MOST_OF_ONE = 20
#: Characters. Summaries by a machine have up to 300, abstracts rarely under 600; a caption has less than 60.
_SHORTEST_ABSTRACT = 320
_SHORTEST_SUMMARY = 60
_HEADINGS = ("h1", "h2", "h3", "h4", "h5", "h6")
_NOT_SHOWN = ("svg", "script", "style", "template")
_PAPER = re.compile(r"https?://[^/]+/papers/(?P<id>[^/?#]+)/?(?:\?[^#]*)?(?:#(?P<part>.*))?", re.DOTALL)
_AUTHORS = re.compile(r"(?<![\w.,])(\d{1,6}) authors?\b", re.ASCII)
_SUBMITTED = re.compile(r"Submitted by\b\s*(?P<user>[\w.-]{1,60})?", re.IGNORECASE)
_PUBLISHED = re.compile(r"Published on (.{1,30}?\d{4})\b", re.IGNORECASE)
_VOTE = re.compile(r"(?:^|[\s_-])(?:up)?votes?(?:$|[\s_-])", re.IGNORECASE)

Element = etree._Element
_Value = TypeVar("_Value")


@dataclass(frozen=True, slots=True)
class _Link:
    """A link of the card."""

    element: Element
    url: str  #: absolute
    paper: str | None  #: the arXiv id of the paper that it leads to
    part: str  #: of that paper's page


def read_card(fragment: bytes, *, line: int) -> Record | None:
    """Read a card, its position still open; None where the article is none, or tells of several papers.

    Args:
        fragment: From `<article` to the end of `</article>`, valid UTF-8, of bounded length.
        line: Where it starts.
    """
    card = _parsed(fragment)
    if card is None:
        return None
    links = list(_links(card))
    headings = list(card.iter(*_HEADINGS))
    papers = {link.paper for link in links} - {None}
    if len(headings) != 1 or len(papers) != 1 or not _leads(headings[0], links):
        return None
    title, paragraphs = _joined(headings[0]), [_words(one) for one in card.iter("p")]
    if not title or len(paragraphs) > _MOST_PARAGRAPHS:
        return None
    text = max(paragraphs, key=len, default="")
    (paper,) = papers
    # What is left says something of the paper, and is not its text.
    etree.strip_elements(card, *_HEADINGS, "p", with_tail=False)
    return _record(card, links, title=title, text=text, paper=str(paper), line=line)


def _parsed(fragment: bytes) -> Element | None:
    # The parser mends whatever it is given, so it raises nothing; of nothing it makes None.
    parser = etree.HTMLParser(encoding="utf-8", no_network=True, remove_comments=True, remove_pis=True)
    root = etree.fromstring(fragment, parser)
    card = None if root is None else root.find(".//article")
    if card is None:
        return None
    etree.strip_elements(card, *_NOT_SHOWN, with_tail=False)
    is_large = sum(map(len, card.itertext())) > _LONGEST or not _is_small(card, _MOST_ELEMENTS)
    return None if is_large else card


def _record(card: Element, links: list[_Link], *, title: str, text: str, paper: str, line: int) -> Record:
    code = [link for link in links if _is_repository(link.url)]
    by = _submitted(card)
    words = _words(card)
    is_abstract = len(text) >= _SHORTEST_ABSTRACT
    return Record(
        position=0,
        line=line,
        title=title,
        abstract=text if is_abstract else "",
        arxiv_id=paper,
        votes=_votes(card, links),
        comments=_only(_shown(link.element) for link in links if link.part in ("community", "comments")),
        stars=_only(_shown(link.element) for link in code),
        published_at=_published(card, words),
        url=f"{_SITE}papers/{paper}",
        code_url=_only(web_url(link.url) for link in code),
        details=Details(
            summary=text if not is_abstract and len(text) >= _SHORTEST_SUMMARY else "",
            author_count=_only(count(int(number)) for number in _AUTHORS.findall(words)),
            submitter=None if by is None else _user(by),
            organisation=_organisation(links, by),
            thumbnail_url=_thumbnail(card, links, paper),
        ),
    )


def _links(card: Element) -> Iterator[_Link]:
    for element in card.iter("a"):
        try:
            url = urljoin(_SITE, (element.get("href") or "").strip())
            urlsplit(url)
        except ValueError:
            continue
        match = _PAPER.fullmatch(url)
        paper = arxiv_id(match["id"]) if match else None
        yield _Link(element, url, paper, (match["part"] or "") if match and paper else "")


def _leads(heading: Element, links: Iterable[_Link]) -> bool:
    """Tell whether a heading holds a link to the paper, or stands in one."""
    around = {*heading.iter("a"), *heading.iterancestors("a")}
    return any(link.paper and link.element in around for link in links)


def _votes(card: Element, links: Iterable[_Link]) -> int | None:
    boxes = (box.getparent() for box in card.iter("input") if box.get("type") == "checkbox")
    named = (
        one for one in card.iter() if _VOTE.search(f"{one.get('class', '')} {one.get('aria-label', '')}")
    )
    asked = (link.element for link in links if urlsplit(link.url).path == "/login")
    return _only(_shown(element) for element in (*boxes, *named, *asked) if element is not None)


def _shown(element: Element) -> int | None:
    return shown_count(_words(element)) if _is_small(element, _MOST_OF_ONE) else None


def _is_small(element: Element, most: int) -> bool:
    return sum(1 for _ in islice(element.iter(), most + 1)) <= most


def _only(values: Iterable[_Value | None]) -> _Value | None:
    """Give the value on which all agree that give one."""
    found = {value for value in values if value is not None}
    return found.pop() if len(found) == 1 else None


def _is_repository(url: str) -> bool:
    parts = urlsplit(url)
    return parts.netloc.lower() in {"github.com", "www.github.com"} and len(_segments(parts.path)) >= 2


def _segments(path: str) -> list[str]:
    return [segment for segment in path.split("/") if segment]


def _submitted(card: Element) -> Element | None:
    """Find the element that says by whom the paper was submitted, and names him."""
    for element in card.iter():
        if _SUBMITTED.match((element.text or "").strip()):
            for around in (element, element.getparent()):
                if around is not None and _is_small(around, _MOST_OF_ONE) and _user(around):
                    return around
    return None


def _user(by: Element) -> str | None:
    """Give the user's name: of the link to his page, else the one word behind "Submitted by"."""
    for link in by.iter("a"):
        segments = _segments(urlsplit(link.get("href", "")).path)
        if len(segments) == 1:
            return name(segments[0])
    match = _SUBMITTED.fullmatch(_words(by))
    return match["user"] if match else None


def _organisation(links: Iterable[_Link], by: Element | None) -> str | None:
    """Give the name of the one account that the card links to, but for who submitted it."""
    return _only(
        name(_words(link.element).removeprefix("·"))
        for link in links
        if link.url.startswith(_SITE)
        and len(_segments(path := urlsplit(link.url).path)) == 1
        and path.strip("/") not in {"login", "join", "papers"}
        and _is_small(link.element, _MOST_OF_ONE)
        and not any(one is by or one.tag in ("ul", "li") for one in link.element.iterancestors())
    )


def _thumbnail(card: Element, links: Iterable[_Link], paper: str) -> str | None:
    """Give the first picture that is named after the paper, or that leads to it and is no face in a list."""
    leading = {link.element for link in links if link.paper}
    for element in card.iter("img", "video"):
        source = element.get("poster" if element.tag == "video" else "src") or ""
        above = list(element.iterancestors())
        leads = any(one in leading for one in above) and not any(one.tag in ("ul", "li") for one in above)
        if leads or paper in source:
            try:
                return web_url(urljoin(_SITE, source.strip())) if source.strip() else None
            except ValueError:
                return None
    return None


def _published(card: Element, words: str) -> dt.datetime | None:
    given = _only(time(element.get("datetime")) for element in card.iter("time"))
    match = _PUBLISHED.search(words)
    day = parse_head_date(match[1]) if match else None
    if given or day is None or day.year is None:
        return given
    return dt.datetime(day.year, day.month, day.day, tzinfo=dt.UTC)


def _words(element: Element) -> str:
    """Give what an element shows, in one line."""
    return sound(" ".join(" ".join(map(str, element.itertext())).split()))


def _joined(heading: Element) -> str:
    """Give a title in one line; marks within a word part nothing, a new line does."""
    for line_break in heading.iter("br"):
        line_break.tail = f"\n{line_break.tail or ''}"
    return sound(" ".join("".join(map(str, heading.itertext())).split()))
