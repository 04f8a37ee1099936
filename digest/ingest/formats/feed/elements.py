"""Entries and heads of XML feeds: RSS 2.0, RSS 1.0 and 0.9 (RDF), Atom 1.0 and 0.3, and what extends them.

Elements are known by their namespaces, not by prefixes. Those of the feed's own vocabulary share the
namespace of the entry, which some feeds forget to name.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from urllib.parse import urljoin
from xml.sax.saxutils import escape

from lxml import etree

from digest.ingest.formats.feed.entry import NO_TEXT, Entry, Text
from digest.ingest.formats.feed.markup import line_of
from digest.ingest.formats.values import web_url

_ATOM = "http://www.w3.org/2005/Atom"
_PREFIXES = {
    "http://purl.org/dc/elements/1.1/": "dc:",
    "http://purl.org/dc/terms/": "dc:",
    "http://purl.org/rss/1.0/modules/content/": "content:",
    "http://arxiv.org/schemas/atom": "arxiv:",
    "http://search.yahoo.com/mrss/": "media:",
    "http://rssnamespace.org/feedburner/ext/1.0": "feedburner:",
}
_PRISM = "http://prismstandard.org/namespaces/"
_ABOUT = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}about"
_PAGES = {"alternate", "canonical", ""}
_Children = Mapping[str, Sequence[etree._Element]]


def local_name(element: etree._Element) -> str:
    """Name an element, without its namespace."""
    return str(element.tag).rpartition("}")[2]


def _space(element: etree._Element) -> str:
    """The namespace of an element. `QName` lost: it raises where there is a bracket in one."""
    return str(element.tag).rpartition("}")[0][1:]


def text(element: etree._Element) -> str:
    """Give all text in an element."""
    if not len(element):
        return element.text or ""
    return "".join(str(part) for part in element.itertext())


def addresses(element: etree._Element) -> tuple[str, ...]:
    """Give the addresses and ids that an element of a feed's head holds."""
    return text(element).strip(), str(element.get("href", "")), str(element.get(_ABOUT, ""))


def entry(element: etree._Element) -> Entry:
    """Read an `item` or `entry`."""
    children = _children(element)
    links = _links(children)
    own = _texts(children, "guid", "id", "dc:identifier", "prism:doi", "prism:url", "arxiv:doi", "arxiv:DOI")
    return Entry(
        line=line_of(element),
        title=_title(children),
        texts=tuple(
            _prose(found) for found in _each(children, "summary", "description", "content:encoded", "content")
        ),
        names=(*own, element.get(_ABOUT, ""), *links),
        links=tuple(_addresses(links, own)),
        authors=_authors(children),
        published=_first(
            children, "published", "pubDate", "issued", "dc:date", "prism:publicationDate", "dc:issued"
        ),
        updated=_first(children, "updated", "modified", "dc:modified"),
        tags=_tags(children),
        image=_image(children),
        announced=_first(children, "arxiv:announce_type"),
        comment=_first(children, "arxiv:comment"),
        primary=next((found.get("term", "") for found in children.get("arxiv:primary_category", ())), ""),
    )


def _children(element: etree._Element) -> _Children:
    own = _space(element)
    found: dict[str, list[etree._Element]] = {}
    for child in element.iterchildren("*"):
        space, name = _space(child), local_name(child)
        if space == own:
            prefix = ""
        elif space.startswith(_PRISM):
            prefix = "prism:"
        elif space == _ATOM:
            prefix = "atom:"
        else:
            prefix = _PREFIXES.get(space, "?")
        found.setdefault(prefix + name, []).append(child)
    return found


def _each(children: _Children, *names: str) -> Iterable[etree._Element]:
    return (child for name in names for child in children.get(name, ()))


def _texts(children: _Children, *names: str) -> tuple[str, ...]:
    return tuple(text(child).strip() for child in _each(children, *names))


def _first(children: _Children, *names: str) -> str:
    return next((text for text in _texts(children, *names) if text), "")


def _title(children: _Children) -> Text:
    return next((_prose(found) for found in _each(children, "title", "dc:title", "media:title")), NO_TEXT)


def _prose(element: etree._Element) -> Text:
    """Read a text construct: Atom says what it is, text unless it does; all others may hold HTML."""
    kind = str(element.get("type", "text" if _space(element) == _ATOM else "html")).lower()
    if len(element):
        nested = (str(etree.tostring(child, encoding="unicode")) for child in element.iterchildren("*"))
        return Text(raw=escape(element.text or "") + "".join(nested), is_html=True)
    return Text(raw=element.text or "", is_html=kind in {"html", "text/html", "xhtml"})


def _links(children: _Children) -> list[str]:
    """The addresses of its page: RSS gives a text, Atom attributes; relative ones start from `xml:base`."""
    return [
        _absolute(link.get("href") or text(link), link.base or "")
        for link in _each(children, "link", "atom:link", "feedburner:origLink")
        if link.get("rel", "") in _PAGES
    ]


def _absolute(address: str, base: str) -> str:
    address = address.strip()
    if "://" in address or "://" not in base:
        return address
    try:
        return urljoin(base, address)
    except ValueError:
        return address


def _addresses(links: Iterable[str], own: Iterable[str]) -> Iterable[str]:
    """The addresses that a page may link to; ids are addresses at times."""
    return dict.fromkeys(url for text in (*links, *own) if (url := web_url(text)))


def _authors(children: _Children) -> tuple[str, ...]:
    """Atom nests the name; where there are creators, RSS's author is whoever runs the feed."""
    nested = tuple(
        text(name).strip()
        for author in children.get("author", ())
        for name in author
        if local_name(name) == "name"
    )
    return nested or _texts(children, "dc:creator") or _texts(children, "author")


def _tags(children: _Children) -> tuple[str, ...]:
    found = (child.get("term") or text(child) for child in _each(children, "category", "dc:subject"))
    return tuple(dict.fromkeys(name for tag in found if (name := " ".join(tag.split()))))


def _image(children: _Children) -> str:
    for child in _each(children, "media:thumbnail", "media:content", "enclosure"):
        kind = child.get("medium") or child.get("type") or local_name(child)
        if kind.startswith(("image", "thumbnail")):
            return child.get("url", "")
    return ""
