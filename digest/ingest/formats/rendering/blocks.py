"""Blocks of a rendering: rows that belong together, put together again where the crawler wrapped them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from digest.ingest.formats.rendering.furniture import (
    LONGEST_NAMES,
    Kind,
    Piece,
    author_names,
    is_furniture,
    linked,
    paper_of,
    pieces,
    starts_with_names,
)
from digest.ingest.formats.rendering.marks import Link, Row, Segment, real

#: Rows of one paragraph at most: an abstract of 50,000 characters at a width of 40 has 1,250.
_MOST_ROWS = 2_000
#: A title of more rows is none.
_TITLE_ROWS = 8
#: No title is as long.
LONGEST_TITLE = 400
_BOLD = re.compile(r"(?P<mark>\*\*|__)(?=\S)(?P<text>.+)(?<=\S)(?P=mark)", re.DOTALL)
_EMPHASIS = re.compile(
    r"(?P<mark>\*\*\*|\*\*|\*|___|__|_)(?=[^\s*_])(?P<text>.+)(?<=[^\s*_])(?P=mark)", re.DOTALL
)
_HYPHEN = re.compile(r"(?<=\w)-$")
_SUSPENDED = re.compile(r"(?:and|or|to|und|vs)\b")
_ENDS = re.compile(r"[.!?…:。！？][\"'”’)\]}*]*$")
_INNER = re.compile(r"[a-z0-9%)\]][.!?] +[\"'“(]?[A-Z]")
_FULL_STOP = re.compile(r"[a-z0-9%)\]]\. +[\"'“(]?[A-Z]")
_WIDE = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\u0e00-\u0e7f]")


@dataclass(slots=True)
class Block:
    """A heading, a paragraph, or a line of furniture."""

    rows: list[Row]
    heading: int = 0  #: level; 0 for none
    furniture: bool = False
    pieces: list[Piece] = field(default_factory=list)

    @property
    def line(self) -> int:
        """Where it starts, from 1."""
        return self.rows[0].number

    @property
    def segments(self) -> list[Segment]:
        """Pieces of all rows."""
        return [segment for row in self.rows for segment in row.segments]

    @property
    def jumps(self) -> bool:
        """Tell whether something was cut out before it, or within."""
        return any(link.jumps for segment in self.segments if (link := real(segment.link)))

    @property
    def text(self) -> str:
        """Its rows joined, without marks."""
        return unwrapped([row.text for row in self.rows])

    @property
    def bold(self) -> bool:
        """Tell whether all of it is bold."""
        return bool(_BOLD.fullmatch(self.text))

    @property
    def target(self) -> str:
        """What all its words are linked to; "" where some are not, or to several."""
        links = [real(segment.link) for segment in self.segments if segment.text.strip(" *_")]
        targets = {link.target if link else "" for link in links}
        return targets.pop() if len(targets) == 1 else ""


def unwrapped(texts: Iterable[str]) -> str:
    """Join the rows of one paragraph; a word broken at its hyphen comes together."""
    parts: list[str] = []
    for text in texts:
        if parts and text:
            broken = _HYPHEN.search(parts[-1]) and text[0].isalnum() and not _SUSPENDED.match(text)
            parts.append("" if broken else " ")
        if text:
            parts.append(text)
    return "".join(parts)


def _ends(text: str) -> bool:
    """Tell whether a sentence may end here."""
    return bool(_ENDS.search(text[-8:]))


def plain(text: str) -> str:
    """Take off the emphasis around a whole text."""
    text = text.strip()
    if not text.startswith(("*", "_")):
        return text
    while match := _EMPHASIS.fullmatch(text):
        if match["mark"] in match["text"]:
            break
        text = match["text"].strip()
    return text


def is_prose(text: str, *, strict: bool = False) -> bool:
    """Tell whether a text is sentences, or the start of one where a document may be cut.

    Args:
        text: Without marks.
        strict: It might be a title as well, so it must end or hold a sentence, or be longer than titles are.
    """
    wide = bool(_WIDE.search(text))
    words = len(text) // 2 if wide else text.count(" ") + 1
    if len(text) < (15 if wide else 30) or words < 5:
        return False
    if len(text) >= 300 or (_FULL_STOP if strict else _INNER).search(text):
        return True
    ends = _ends(text) and not text.endswith(("?", "!", ":"))
    return ends if strict else ends or (len(text) >= 60 and words >= 8)


def blocks(rows: Iterator[Row], *, width: int | None, compact: bool) -> Iterator[Block]:
    """Put rows together.

    Args:
        rows: In order.
        width: Of the lines that the crawler wrapped; None where it wrapped none.
        compact: Few rows have blank lines between them, so that one tells nothing of a heading's end.
    """
    block: Block | None = None
    front = False
    for row in rows:
        if front and (row.after_blank or not row.underline):
            front = not row.after_blank
            if front:
                continue
        if row.underline:
            if block is None:
                front = not front
            elif not front and not row.after_blank and _may_be_title(block):
                block.heading = 1 if row.underline == "=" else 2
            front = front and block is None
            if block:
                yield block
                block = None
            continue
        furniture = not row.heading and _shows_furniture(row)
        if block and _goes_on(block, row, furniture, width, compact=compact):
            block.rows.append(row)
            continue
        if block:
            yield block
        block = Block([row], heading=row.heading, furniture=furniture)
    if block:
        yield block


def _shows_furniture(row: Row) -> bool:
    """Tell whether all of a row is of the page; each link may show another thing."""
    if not any(segment.link for segment in row.segments):
        return is_furniture(row.text)
    texts = [text for text, _ in _runs(row) if text.strip(" *_")]
    return bool(texts) and all(is_furniture(text.strip()) for text in texts)


def _may_be_title(block: Block) -> bool:
    return not block.furniture and len(block.rows) <= _TITLE_ROWS and len(block.text) <= LONGEST_TITLE


def _goes_on(block: Block, row: Row, furniture: bool, width: int | None, *, compact: bool) -> bool:
    """Tell whether a row belongs to the block before it."""
    last = block.rows[-1]
    if block.heading:
        return len(block.rows) < _TITLE_ROWS and _heading_goes_on(
            block, row, furniture, width, compact=compact
        )
    if row.heading or row.after_blank or block.furniture or len(block.rows) >= _MOST_ROWS:
        return False
    if last.words_open:
        return True
    if len(block.rows) <= _TITLE_ROWS and _is_whole(block, last):
        return False
    if _is_apart(last, row, width) or (compact and _may_be_apart(last, row)):
        return False
    if furniture or row.mark or _starts_anew(row):
        return _is_wrapped_tail(block, row, width, compact=compact)
    return not (last.mark and not row.indented and width is None)


_SHORT = 80
#: Characters of a row of names, whatever the width.
_LONGEST_NAMED = 160
#: Words that names and organisations have in lower case.
_SMALL_WORDS = "and of for the at in de van von der den da di la le del bin al el ten dos du &"
_SMALL = frozenset(_SMALL_WORDS.split())


def _is_apart(last: Row, row: Row, width: int | None) -> bool:
    """Tell whether a short line behind the end of a sentence is something else: names, an organisation."""
    if not _ends(last.text) or (width is not None and not _had_room(last, row, width)):
        return False
    return bool(author_names(row.text)) or (len(row.text) < _SHORT and not _ends(row.text))


def _may_be_apart(last: Row, row: Row) -> bool:
    """Tell whether a row behind the end of a sentence reads as names or an organisation, whatever the width.

    Where blank lines are missing nothing else ends a text whose last row happens to be full.
    """
    if not _ends(last.text) or len(row.text) > _LONGEST_NAMED or _ends(row.text):
        return False
    words = row.text.replace(",", " ").split()
    return all(word[0].isupper() or word in _SMALL for word in words) and not author_names(last.text)


def _is_whole(block: Block, last: Row) -> bool:
    """Tell whether a block is a title by its marks: one link, or all bold; what follows is another paragraph."""
    if last.segments and real(last.segments[-1].link) and not last.words_open:
        links = {id(real(segment.link)) for segment in block.segments if segment.text.strip(" *_")}
        if len(links) == 1:
            return True
    return last.text.endswith(("**", "__")) and len(block.text) <= LONGEST_TITLE and block.bold


def _heading_goes_on(block: Block, row: Row, furniture: bool, width: int | None, *, compact: bool) -> bool:
    last = block.rows[-1]
    if row.heading:
        wrapped = last.link_open or (width is not None and not _had_room(last, row, width))
        return row.heading == block.heading and not row.after_blank and wrapped
    if last.link_open and not row.after_blank:
        return True
    if row.after_blank or furniture or row.mark or _is_lone_link(row) or _is_whole_heading(block, row):
        return False
    if row.indented or not compact:
        return len(row.text) < LONGEST_TITLE
    return width is not None and not _had_room(last, row, width) and not is_prose(row.text, strict=True)


def _is_whole_heading(block: Block, row: Row) -> bool:
    """Tell whether a heading is over: its link is closed, or only its rows before were indented."""
    linked = any(real(segment.link) for segment in block.segments)
    return linked or (block.rows[-1].indented and not row.indented) or is_prose(row.text, strict=True)


def _had_room(last: Row, row: Row, width: int) -> bool:
    """Tell whether the first word of a row would have fitted on the row before: then the break means something."""
    return last.width + 1 + len(row.text.split(" ", 1)[0]) <= width


def _starts_anew(row: Row) -> bool:
    """Tell whether a row starts with a mark that the middle of a paragraph hardly has: bold, or a link."""
    if row.text.startswith(("**", "__")) or _is_lone_link(row):
        return True
    return row.words_open and bool(row.segments) and row.segments[0].link is not None


def _is_lone_link(row: Row) -> bool:
    """Tell whether all of a row is one link, that starts and ends in it."""
    links = {id(link) for segment in row.segments if (link := real(segment.link))}
    return (
        len(links) == 1
        and all(real(s.link) or not s.text.strip(" *_") for s in row.segments)
        and not row.link_open
    )


def _is_wrapped_tail(block: Block, row: Row, width: int | None, *, compact: bool) -> bool:
    """Tell whether a row that looks like furniture is but the next row of a wrapped paragraph."""
    last = block.rows[-1]
    if width is None or _ends(last.text) or _had_room(last, row, width):
        return False
    return not compact or (len(block.rows) > 1 and is_prose(block.text) and not starts_with_names(block.text))


def restored(block: Block) -> str:
    """Give the text of a paragraph, with the marks back that were no marks but the first sign of a row."""
    texts = [block.rows[0].text, *((row.mark + row.text) for row in block.rows[1:])]
    return plain(unwrapped(texts))


def read_pieces(block: Block) -> list[Piece]:
    """Take a block apart that is no heading: one piece of prose, or pieces of furniture."""
    text = restored(block)
    if len(text) > 30 and not block.furniture and is_prose(text) and not _is_list_of_names(text):
        return [Piece(Kind.PROSE, text, jumps=block.jumps, target=block.target, row=block.line)]
    if len(block.rows) > 1 and author_names(text):
        return [Piece(Kind.NAMES, text, jumps=block.jumps, row=block.line)]
    found: list[Piece] = []
    for row in block.rows:
        for text, link in _runs(row):
            target, logo, jumps = (link.target, link.has_logo, link.jumps) if link else ("", False, False)
            if link:
                link.jumps = False  # told once, where it starts
            of_run = pieces(plain(text), target) if text.strip(" *_") else [linked(target)] if target else []
            if not found and row.mark.strip() == "-" and of_run and of_run[0].kind is Kind.UPVOTE:
                of_run[0].kind = Kind.VOTES  # its dash was no mark of a list
            for piece in of_run:
                piece.row, piece.target, piece.has_logo = row.number, piece.target or target, logo
            if of_run:
                of_run[0].jumps = jumps
            elif jumps:
                of_run = [Piece(Kind.NOTHING, jumps=True, row=row.number)]
            found += of_run
        if row.images:
            found.append(Piece(Kind.NOTHING, "image", images=tuple(row.images), row=row.number))
    return found


def _is_list_of_names(text: str) -> bool:
    if not starts_with_names(text):
        return False
    if len(text) > LONGEST_NAMES:
        text = text[:LONGEST_NAMES].rpartition(",")[0]
    return any(piece.kind is Kind.NAMES for piece in pieces(text, "")[:3])


def _runs(row: Row) -> Iterator[tuple[str, Link | None]]:
    """Put the segments of one link, or of none, together."""
    text = ""
    link: Link | None = None
    for number, segment in enumerate(row.segments):
        of = real(segment.link)
        if number and of is not link:
            yield text, link
            text = ""
        text, link = text + segment.text, of
    if row.segments:
        yield text, link


def title_target(block: Block) -> str:
    """Give the first address of a paper in a title, else the first address."""
    targets = [link.target for segment in block.segments if (link := real(segment.link)) and link.target]
    return next((target for target in targets if paper_of(target)), targets[0] if targets else "")
