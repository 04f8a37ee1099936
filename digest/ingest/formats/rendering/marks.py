"""Rows of a rendering: the marks of Markdown taken off each line, what is linked kept with its target.

A link may span rows and paragraphs, so its target is filled in when its end comes. Nothing here nests deeper
than `_DEEPEST` or looks further than one line: a hostile document costs no more than another.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import islice

from digest.errors import DumpError


@dataclass(slots=True)
class Link:
    """What some text is linked to."""

    target: str = ""  #: "" where only a number is shown, or until the end of the link comes
    number: int | None = None  #: of its reference
    jumps: bool = False  #: its number is not the next one: something was cut out before it
    has_logo: bool = False  #: an image, or the words in place of one, stands in it
    within: Link | None = None  #: the link it stands in


def real(link: Link | None) -> Link | None:
    """Give the innermost link that is one: brackets that link nothing are text of the link around them."""
    while link and link.number is None and not link.target:
        link = link.within
    return link


@dataclass(slots=True)
class Segment:
    """A piece of a row, in one link or in none."""

    text: str
    link: Link | None = None


@dataclass(slots=True)
class Row:
    """A line that shows something."""

    number: int  #: from 1
    after_blank: bool
    segments: list[Segment]
    width: int = 0  #: characters as it stands, marks included
    heading: int = 0  #: level, 0 for none
    mark: str = ""  #: of a list, with the space behind it
    indented: bool = False
    underline: str = ""  #: "=" or "-" where it only underlines the row before
    link_open: bool = False  #: a link that began in it, or before, goes on
    words_open: bool = False  #: so does one that began within its line, so that the next row belongs to it
    images: list[str] = field(default_factory=list)  #: addresses of images that stand in it

    @property
    def text(self) -> str:
        """All of it, without marks."""
        if len(self.segments) == 1:
            return self.segments[0].text.strip()
        return "".join(segment.text for segment in self.segments).strip()


#: Bytes; a title has some hundred, an abstract some thousand.
_LONGEST_LINE = 1 << 24
_DEEPEST = 12
#: A link is given up after this many rows: a bracket that nothing closes is text.
_LONGEST_LINK = 400

_URL = r"<[^<>\s]{0,2000}+>|[^()\s]{0,2000}+(?:\([^()\s]{0,500}+\)[^()\s]{0,2000}+)?"
_TITLE = r"(?:\s{1,3}(?:\"[^\"\n]{0,500}+\"|'[^'\n]{0,500}+'))?"
_TOKEN = re.compile(
    r"\\(?P<escaped>[\\_\[\]*`#<>|])"
    rf"|!\[(?P<alt>[^\[\]]{{0,1000}}+)\](?:\((?P<image>{_URL}){_TITLE}\)|\[[^\[\]]{{0,100}}+\])?"
    rf"|\](?:\((?P<url>{_URL}){_TITLE}\)|\[(?P<label>\d{{1,7}}+)\])"
    r"|(?P<bracket>\[(?P<inner>[^\[\]\\]{0,200}+)\](?!\(|\[\d))"
    r"|(?P<open>\[)|(?P<close>\])"
    r"|<(?P<auto>https?://[^\s<>]{1,2000}+)>"
)
_MARKED = re.compile(r"[\[\]\\<]|!\[")
#: Signs that a mark may start with; the lines of a text start with others as a rule.
_STARTS = frozenset("`~<[=-*_#+•\\0123456789")
_QUOTE = re.compile(r"(?:>\s?)+")
_HEADING = re.compile(r"(#{1,6})(?:\s+|$)")
_LISTED = re.compile(r"[*+•-]\s+(?=\S)|\d{1,3}[.)]\s+(?=\[)")
_FENCE = re.compile(r"(?:```|~~~)[\w-]*$")
_UNDERLINE = re.compile(r"(=+|-{3,})$")
_RULE = re.compile(r"(?:[*_-]\s*){3,}$")
_TAGS = re.compile(r"(?:</?[a-zA-Z][\w-]*(?:[\s/][^<>]{0,1000}+)?>\s*)+$")
_DEFINITION = re.compile(r"\[[^\[\]]{1,80}\]:\s*(?:<?\w+:|/)")
_ESCAPED_MARK = re.compile(r"(\d{1,3})\\(?=[.)])|\\(?=[-+>~.!])")
_HARD_BREAK = re.compile(r"\\{1,2}(?:\s{2,}|\s*$)")
_CHECKBOX = re.compile(r"[-xX ]?")
#: The words that stand in place of an image, in the languages of the renderers seen; others are known by
#: their place right after the start of a link.
_IMAGE_WORDS = re.compile(
    r"\s*(?:image|img|picture|photo|logo|avatar|bild|imagen|immagine|imagem|afbeelding|obraz|изображение|"
    r"画像|图片|圖片|图像|이미지|صورة)",
    re.IGNORECASE,
)
_NUMBER_ONLY = re.compile(rb"^[ \t]*\[(\d{1,7})\]:[ \t]*<?(\S{1,2000})", re.MULTILINE)
#: Offsets of so many references are kept: 8 bytes each.
_MOST_REFERENCES = 2_000_000


def references(data: bytes) -> Callable[[int], str]:
    """Find the list of references of a document, wherever in it; kept as offsets, for it may be long.

    Returns:
        What gives the address of a number, "" where it is not listed.
    """
    offsets: dict[int, int] = {}
    if b"]:" in data:
        for match in islice(_NUMBER_ONLY.finditer(data), _MOST_REFERENCES):
            offsets.setdefault(int(match[1]), match.start())

    def address(number: int) -> str:
        offset = offsets.get(number)
        match = None if offset is None else _NUMBER_ONLY.match(data, offset)
        return match[2].decode(errors="replace").rstrip(">") if match else ""

    return address


#: Spaces that are none to a reader, and the one sign that no database holds.
_SPACES = {0xA0: " ", 0x200B: None, 0xFEFF: None, 0: "\ufffd"}


def rows(data: bytes, address: Callable[[int], str]) -> Iterator[Row]:
    """Give the rows that show something, lazily."""
    reader = _Reader(address)
    start, number, blank = 0, 0, True
    while start < len(data):
        end = data.find(b"\n", start)
        end = len(data) if end < 0 else end
        number += 1
        if end - start > _LONGEST_LINE:
            raise DumpError("a line longer than any text of a page", line=number)
        line = data[start:end].decode(errors="replace")
        if not line.isascii() or "\0" in line:
            line = line.translate(_SPACES)
        start = end + 1
        text = line.strip()
        if text.startswith(">"):
            text = _QUOTE.sub("", text, count=1).strip()
        if not text:
            blank = True
            reader.blank()
            continue
        row = reader.row(line, text, number, blank)
        if row is None:
            continue
        yield row
        blank = False


@dataclass(slots=True)
class _Open:
    """A link whose end has not come."""

    link: Link
    alone: bool  #: its bracket is all that its row shows
    at_start: bool
    since: int  #: number of its row
    first: Segment | None = None


@dataclass(slots=True)
class _Reader:
    """What is known from the rows before."""

    address: Callable[[int], str]
    stack: list[_Open] = field(default_factory=list)
    last_number: int | None = None
    last_heading: int = 0  #: number of its row

    def blank(self) -> None:
        """Between paragraphs only a link that started a row goes on."""
        self._give_up(lambda one: not one.at_start)

    def row(self, line: str, text: str, number: int, after_blank: bool) -> Row | None:
        """Read one line, stripped and without marks of quotes; None where it shows nothing."""
        row = Row(number=number, after_blank=after_blank, segments=[], width=len(line.rstrip()))
        row.indented = line.startswith((" ", "\t", ">  "))
        if text[0] in _STARTS:
            rest = self._unmarked(row, text, number)
            if rest is None or row.underline:
                return row if row.underline else None
            text = rest
        self._read(row, text)
        self._give_up(lambda one: number - one.since > _LONGEST_LINK)
        row.link_open = bool(self.stack)
        row.words_open = any(not one.alone for one in self.stack)
        return row

    def _unmarked(self, row: Row, text: str, number: int) -> str | None:
        """Take the marks off the start of a line; None where it shows nothing or only underlines."""
        if _FENCE.match(text) or _TAGS.match(text) or _DEFINITION.match(text):
            return None
        if _UNDERLINE.match(text):
            row.underline = text[0]
            return None
        if len(text) > 2 and _RULE.match(text):
            return None
        heading = _HEADING.match(text)
        if heading:
            row.heading = len(heading[1])
            text = text[heading.end() :].rstrip("#").rstrip() if text.endswith("#") else text[heading.end() :]
            if self.last_heading != number - 1:
                self._give_up(lambda one: not one.alone)
            self.last_heading = number
        while listed := _LISTED.match(text):
            row.mark += listed[0]
            text = text[listed.end() :]
        return _ESCAPED_MARK.sub(r"\1", text, count=1) if _ESCAPED_MARK.match(text) else text

    def _give_up(self, which: Callable[[_Open], bool]) -> None:
        if not self.stack:
            return
        for one in self.stack:
            if which(one) and one.first is not None:
                one.first.text = "[" + one.first.text
        self.stack = [one for one in self.stack if not which(one)]

    def _read(self, row: Row, text: str) -> None:
        if "\\" in text:
            text = _HARD_BREAK.sub(" ", text)
        if not _MARKED.search(text):
            self._add(row, text)
            return
        at, plain = 0, ""
        for match in _TOKEN.finditer(text):
            plain += text[at : match.start()]
            at = match.end()
            literal = self._literal(match, row, bare=not plain.strip())
            if literal is None:
                self._add(row, plain)
                plain = ""
                self._take(match, row, text)
            else:
                plain += literal
        self._add(row, plain + text[at:])

    def _literal(self, match: re.Match[str], row: Row, *, bare: bool) -> str | None:
        """What stands for itself: an escaped sign, brackets that link nothing."""
        if match["escaped"] is not None:
            follows = match.string[match.end() : match.end() + 1]
            return "\\\\" if match["escaped"] == "\\" and follows.isspace() else match["escaped"]
        if match["auto"] is not None:
            return match["auto"]
        if match["bracket"] is None:
            return "]" if match["close"] is not None and not self.stack else None
        if _IMAGE_WORDS.match(match["inner"]):
            return None
        starts = bare and bool(self.stack) and self.stack[-1].first is None and not self.stack[-1].alone
        box = _CHECKBOX.fullmatch(match["inner"]) and bare
        return None if starts or box else match[0]

    def _take(self, match: re.Match[str], row: Row, text: str) -> None:
        """A mark of its own: an image, a link's start or end."""
        if match["alt"] is not None:
            if match["image"]:
                row.images.append(match["image"])
            self._logo()
        elif match["bracket"] is not None:
            self._logo()
        elif match["open"] is not None:
            if len(self.stack) < _DEEPEST:
                alone = len(text) == 1
                link = Link(within=self.stack[-1].link if self.stack else None)
                self.stack.append(_Open(link, alone, match.start() == 0, row.number))
        else:
            self._end(match, row)

    def _logo(self) -> None:
        for one in self.stack[-1:]:
            one.link.has_logo = True

    def _end(self, match: re.Match[str], row: Row) -> None:
        if not self.stack:
            self._stray(match, row)
            return
        if match.start() == 0 and any(one.alone for one in self.stack):
            while not self.stack[-1].alone:
                self._drop(self.stack[-1])
        ended = self.stack.pop()
        link = ended.link
        if match["close"] is not None:
            if ended.first is not None:
                ended.first.text = "[" + ended.first.text
                row.segments.append(Segment("]", self.stack[-1].link if self.stack else None))
            return
        self._aim(link, match)
        if ended.first is None:
            row.segments.append(Segment("", link))

    def _drop(self, one: _Open) -> None:
        self._give_up(lambda other: other is one)

    def _stray(self, match: re.Match[str], row: Row) -> None:
        """The end of a link whose start was cut off, or stood too far back."""
        link = Link()
        self._aim(link, match)
        row.segments.append(Segment("", link))

    def _aim(self, link: Link, match: re.Match[str]) -> None:
        if match["label"] is None:
            link.target = (match["url"] or "").strip("<>")
            return
        link.number = int(match["label"])
        link.target = self.address(link.number)
        last = self.last_number
        link.jumps = last is not None and link.number > last + 1
        self.last_number = max(link.number, last or 0)

    def _add(self, row: Row, text: str) -> None:
        if not text.strip():
            if text and row.segments:
                row.segments.append(Segment(" "))
            return
        segment = Segment(text, self.stack[-1].link if self.stack else None)
        for one in self.stack:
            one.first = one.first or segment
        row.segments.append(segment)
