"""What only a look at the whole shows: which blocks are titles, what stands before them, whether these are papers.

Read from the beginning of a document, up to `_WINDOW` bytes.
"""

from __future__ import annotations

import re
from collections import Counter, deque
from collections.abc import Generator, Iterable, Iterator
from copy import copy
from dataclasses import dataclass, field, replace
from enum import StrEnum
from itertools import pairwise

from digest.errors import DumpError
from digest.ingest.formats.lines import capital_share
from digest.ingest.formats.rendering.blocks import (
    LONGEST_TITLE,
    Block,
    blocks,
    is_prose,
    plain,
    read_pieces,
    restored,
    title_target,
    unwrapped,
)
from digest.ingest.formats.rendering.furniture import Kind, Piece, paper_of
from digest.ingest.formats.rendering.marks import references, rows

_WINDOW = 1 << 18


class Title(StrEnum):
    """What makes a block a title."""

    HEADING = "heading"
    BOLD = "bold"
    LINK = "link"  #: all of it is linked to a paper, or the address of one follows
    PLAIN = "plain"  #: nothing but its place


@dataclass(frozen=True, slots=True, kw_only=True)
class Habits:
    """How a document is laid out."""

    title: Title = Title.HEADING
    level: int = 0
    width: int | None = None  #: characters, where the crawler wrapped its lines
    compact: bool = False  #: few blank lines
    votes_before: bool | None = None  #: the title; None where nothing proves it
    votes_always: bool = False  #: no card lacks them, so that a count at their place is theirs
    submitter_before: bool | None = None
    late: bool = False  #: abstracts stand behind authors and dates
    abstracts: bool = False  #: all cards have some text
    tails: bool = False  #: all cards have something behind the text
    linked_texts: bool = False  #: abstracts are links


@dataclass(slots=True)
class Section:
    """A title and all blocks up to the next; the head has no title."""

    title: Block | None
    body: list[Block] = field(default_factory=list)
    size: int = 0  #: characters held
    joined: list[Piece] | None = None

    def pieces(self) -> list[Piece]:
        """All pieces of its blocks, in order, joined where one says what another is."""
        if self.joined is not None:
            return self.joined
        found = []
        for number, block in enumerate(self.body):
            if not block.pieces:
                block.pieces = read_pieces(block)
            for piece in block.pieces:
                piece.block = number
            found += block.pieces
        self.joined = joined(found)
        return self.joined


def joined(pieces: Iterable[Piece]) -> list[Piece]:
    """Put together what crawlers take apart: a button and its count, a word and its date, a text and its address."""
    found: list[Piece] = []
    for piece in pieces:
        last = found[-1] if found else None
        if last is None or piece.jumps or not _join(last, piece):
            found.append(copy(piece))
    return found


def _join(last: Piece, piece: Piece) -> bool:
    """Take a piece into the one before it, where it only tells more of that one."""
    kinds = (last.kind, piece.kind)
    if kinds == (Kind.UPVOTE, Kind.COUNT):
        last.kind, last.number, last.target = Kind.VOTES, piece.number, last.target or piece.target
    elif kinds == (Kind.COUNT, Kind.UPVOTE):
        last.kind = Kind.VOTES
    elif kinds == (Kind.PUBLISHED, Kind.DATE):
        last.kind, last.date, last.text = Kind.DATE, piece.date, "published"
    elif last.kind is Kind.SUBMITTED and not last.text and piece.kind in (Kind.WORDS, Kind.NAMES):
        last.text = piece.text
    elif last.kind is Kind.SUBMITTED and last.date is None and piece.kind is Kind.DATE and piece.text == "on":
        last.date = piece.date
    elif piece.kind in (Kind.NOTHING, Kind.PAPER, Kind.CODE) and piece.target and not last.target:
        return _take_address(last, piece)
    else:
        return (
            last.kind is Kind.SUBMITTED and not last.text and piece.kind is Kind.NOTHING and not piece.jumps
        )
    return True


def _take_address(last: Piece, piece: Piece) -> bool:
    """A bare address belongs to the words before it, and tells what a bare count is."""
    if piece.text and piece.text not in ("votes", "comments"):
        return False
    if last.kind is Kind.COUNT and piece.text in ("votes", "comments"):
        last.kind = Kind.VOTES if piece.text == "votes" else Kind.COMMENTS
    elif last.kind is Kind.DOT or last.kind is Kind.NOTHING:
        return False
    last.target = piece.target
    return True


_NOTICE = re.compile(
    r"\b(?:your (?:e-?mail )?inbox|we use cookies|uses? cookies|our newsletter|please subscribe|sign (?:up|in) (?:to|for|with)|"
    r"log ?in to|all rights reserved|our privacy policy|terms of (?:use|service)|enable javascript|"
    r"and the research community|you agree to)\b|©",
    re.IGNORECASE,
)
_LABEL = re.compile(
    r"(?:(?:hugging ?face\W+)?(?:daily|trending|weekly|monthly|top|hot|new|latest|today'?s?|search) papers\b.{0,60}|"
    r"papers(?: of the (?:day|week|month))?|hugging ?face|web source|source|markdown content|extracted text|page content|"
    r"by\W*ak\b.{0,40}|search by .{0,40}|submit a paper|powered by .{0,40}|navigation|menu|footer|references|"
    r"table of contents|abstract|summary|authors?|links?|tl;?dr|comments?|upvotes?|details|paper|code|resources|company|"
    r"website|community|solutions|models|datasets|spaces|docs|pricing|about|blog|previous|next|tos|privacy|jobs|"
    r"terms|new|daily|weekly|monthly|subscribe|log ?in|sign ?up|what is papers with code\?)\W*",
    re.IGNORECASE,
)


def is_page(text: str) -> bool:
    """Tell whether a line is of the page around the cards: a greeting, a notice, a part of a menu."""
    return len(text) < 300 and bool(_LABEL.fullmatch(text) or _NOTICE.search(text))


_AHEAD = 10


def sections(stream: Iterable[Block], habits: Habits) -> Iterator[Section]:
    """Cut a document at its titles; the first section is its head."""
    section = Section(None)
    ahead: deque[Block] = deque()
    for block in _refined(stream, habits):
        ahead.append(block)
        if len(ahead) > _AHEAD:
            section = yield from _put(section, ahead, habits)
    while ahead:
        section = yield from _put(section, ahead, habits)
    yield section


#: Blocks that a section holds at most, and how many of them are kept of its end, where the next card begins.
_MOST_BLOCKS = 1_000
_KEPT = 50
_LARGEST = 1 << 24


def _put(section: Section, ahead: deque[Block], habits: Habits) -> Generator[Section, None, Section]:
    block = ahead.popleft()
    if _is_title(block, ahead, section, habits):
        yield section
        return Section(block)
    section.body.append(block)
    section.size += sum(row.width for row in block.rows)
    if section.size > _LARGEST:
        raise DumpError("a card that does not end", line=block.line)
    if len(section.body) > _MOST_BLOCKS:
        del section.body[_MOST_BLOCKS // 2 : -_KEPT]
    return section


def _refined(stream: Iterable[Block], habits: Habits) -> Iterator[Block]:
    """Where titles are plain lines, a title and its abstract may stand in one block."""
    for block in stream:
        cut = _title_rows(block, habits) if habits.title is Title.PLAIN and len(block.rows) > 1 else 0
        if cut:
            yield Block(block.rows[:cut])
            yield Block(block.rows[cut:])
        else:
            yield block


def _title_rows(block: Block, habits: Habits) -> int:
    """Count the rows of a title at the start of a block: up to the first break that no width explains."""
    if block.heading or not habits.compact:
        return 0
    for cut in range(1, min(len(block.rows), 6)):
        last, row = block.rows[cut - 1], block.rows[cut]
        forced = habits.width is None or last.width + 1 + len(row.text.split(" ", 1)[0]) <= habits.width
        title = unwrapped(one.text for one in block.rows[:cut])
        if forced and _reads_as_title(title) and is_prose(unwrapped(one.text for one in block.rows[cut:])):
            return cut
    return 0


def _reads_as_title(text: str) -> bool:
    if not 2 < len(text) <= LONGEST_TITLE or not any(sign.isalpha() for sign in text) or "**" in text:
        return False
    return not is_prose(text, strict=True) and not is_page(text)


def _is_title(block: Block, ahead: deque[Block], section: Section, habits: Habits) -> bool:
    if block.furniture:
        return False
    if habits.title is Title.HEADING:
        return block.heading == habits.level and bool(block.text) and not is_page(plain(block.text))
    if block.heading:
        return False
    text = plain(restored(block))
    if habits.title is Title.BOLD:
        return block.bold and _reads_as_title(text) and not text.endswith(":")
    if not _reads_as_title(text):
        return False
    if habits.title is Title.LINK:
        return _is_linked_title(block, text, ahead, section)
    return _is_plain_title(block, ahead, section)


def _is_linked_title(block: Block, text: str, ahead: deque[Block], section: Section) -> bool:
    target = block.target
    if not target and ahead and not title_target(block):
        following = _pieces(ahead[0])
        target = following[0].target if len(following) == 1 and following[0].kind is Kind.PAPER else ""
    paper = paper_of(target) if target and "login" not in target else None
    if paper is None or "#" in target or any(p.kind not in _LIKE_TITLES for p in _pieces(block)[:1]):
        return False
    if section.title is None:
        return True
    known = paper_of(title_target(section.title)) or next(
        (paper_of(p.target) for b in section.body[:2] for p in _pieces(b) if paper_of(p.target)), None
    )
    return known != paper or plain(section.title.text) == text


def _pieces(block: Block) -> list[Piece]:
    if not block.pieces:
        block.pieces = read_pieces(block)
    return block.pieces


#: Long titles read as the start of a sentence, those with a comma as names.
_LIKE_TITLES = {Kind.WORDS, Kind.NAMES, Kind.PROSE}
#: Share of the longer words; of a title most have one, of a sentence few.
_CAPITALS = 0.4
_BESIDE = {Kind.COUNT, Kind.VOTES, Kind.UPVOTE, Kind.NOTHING, Kind.SUBMITTED, Kind.PAPER, Kind.CUT}


def _is_plain_title(block: Block, ahead: deque[Block], section: Section) -> bool:
    """A short text right before an abstract, or between the votes and the authors of a card that has none."""
    if any(piece.kind not in _LIKE_TITLES for piece in _pieces(block)):
        return False
    before = [piece for one in section.body[-4:] for piece in _pieces(one)]
    if before and before[-1].kind is Kind.SUBMITTED and not before[-1].text:
        return False
    after = [piece for one in ahead for piece in _pieces(one)]
    others = [piece for piece in after if piece.kind not in _BESIDE]
    if others and others[0].kind is Kind.PROSE:
        ends = len(others) == 1 and len(ahead) < _AHEAD
        return is_prose(others[0].text, strict=True) or (ends and capital_share(others[0].text) < _CAPITALS)
    rest = [piece.kind for piece in others]
    led = any(piece.kind in (Kind.COUNT, Kind.VOTES, Kind.SUBMITTED) for piece in before[-3:])
    return led and (rest[:1] == [Kind.AUTHORS] or rest[:2] == [Kind.DOT, Kind.AUTHORS])


@dataclass(frozen=True, slots=True, kw_only=True)
class Survey:
    """What a look at the beginning tells."""

    habits: Habits
    head: Section
    partial: bool  #: the document is longer than what was looked at


def survey(data: bytes) -> Survey:
    """Look at the beginning of a document.

    Raises:
        DumpError: It is of another kind.
    """
    partial = len(data) > _WINDOW
    window = data[: data.rfind(b"\n", 0, _WINDOW) + 1 or _WINDOW] if partial else data
    width, compact = _lines(window)
    stream = list(blocks(rows(window, references(data)), width=width, compact=compact))
    best: tuple[float, Habits, list[Section]] | None = None
    for habits in _choices(stream, Habits(width=width, compact=compact)):
        found = list(sections(stream, habits))
        score = _score(found, habits)
        if best is None or score > best[0]:
            best = (score, habits, found)
    if best is None or not best[0]:
        raise DumpError("a document of another kind: nothing in it looks like the card of a paper", line=1)
    _, habits, found = best
    _judge(found, habits)
    return Survey(habits=_learnt(habits, found, partial=partial), head=found[0], partial=partial)


def _choices(stream: list[Block], habits: Habits) -> Iterator[Habits]:
    """What may make a title here; of equals the first is taken."""
    levels = Counter(block.heading for block in stream if block.heading)
    for level in sorted(levels, reverse=True):
        yield replace(habits, title=Title.HEADING, level=level)
    for title in (Title.LINK, Title.BOLD, Title.PLAIN):
        yield replace(habits, title=title)


#: Fewer lines say nothing of a width.
_FEW = 3
_WRAPPED_SHARE = 0.6


def _lines(window: bytes) -> tuple[int | None, bool]:
    """Tell at which width a crawler wrapped its lines, if at any, and whether it left out blank lines."""
    lines = [_QUOTED.sub("", line.rstrip()) for line in window.decode(errors="replace").splitlines()]
    texts = [(one, other) for one, other in pairwise([*lines, ""]) if one.count(" ") >= 4]
    inner = [(one, other) for one, other in texts if other.count(" ") >= 4 and len(one) <= 200]
    width = max((len(one) for one, _ in inner), default=0)
    full = sum(not _has_room(one, other, width) for one, other in inner)
    long = sum(len(one) > 200 for one, _ in texts)
    wrapped = full >= _FEW and full >= _WRAPPED_SHARE * len(inner) and long <= 0.1 * len(texts)
    ends = [other for one, other in texts if not (wrapped and other and not _has_room(one, other, width))]
    return width if wrapped else None, sum(bool(other) for other in ends) > 0.5 * len(ends)


_QUOTED = re.compile(r"^(?:\s*>)+\s?")


def _has_room(line: str, following: str, width: int) -> bool:
    return len(line) + 1 + len(following.split(maxsplit=1)[0]) <= width


_SCHOLARLY = re.compile(
    r"\b(?:we (?:\w+ly )?(?:propose|introduce|present|show|study|demonstrate|find|develop|evaluate|describe|investigate|"
    r"release|train|report|prove|address|argue|explore|design|build|provide|conduct|analy[sz]e|identify|formulate)|"
    r"(?:this|our) (?:paper|work|study|report|survey)|in this (?:paper|work)|"
    r"our (?:methods?|models?|approach|results?|experiments?|framework|code|findings|analysis|benchmark)|"
    r"state-of-the-art|outperforms?|experiments?|benchmarks?|datasets?)\b",
    re.IGNORECASE,
)
_ELSEWHERE = re.compile(
    r"[$€£]\s?\d|\b(?:add to cart|points? by|min(?:utes?)? read|in stock|reviews?|free shipping|r/\w+|u/\w+|downloads?)\b",
    re.IGNORECASE,
)
_COMMENT = re.compile(
    r"\W*(?:why (?:it|this) matters|key (?:takeaways?|points?|ideas?|insights?|findings)|tl;?dr|takeaways?|our take|"
    r"my (?:take|thoughts?|notes?)|what(?:'s| is) new|in (?:short|brief|plain words)|the (?:gist|idea|catch|upshot)|"
    r"verdict|commentary|notes?|analysis|how it works|impact|implications?|bottom line|highlights?)\b\W*[:*—–-]",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class _Evidence:
    """What speaks for a section being the card of a paper."""

    sure: bool  #: it counts authors, or links to a paper
    scholarly: bool  #: its text reads as an abstract
    asked: bool  #: it shows votes, stars, or who submitted it
    shown: bool  #: it shows anything else that cards do
    foreign: bool  #: it holds what no card does
    crowded: bool  #: it holds more than one card
    kinds: int  #: of furniture
    told: bool  #: it has some text

    @property
    def is_card(self) -> bool:
        """Weigh it: what is not surely of a paper must read as an abstract, and be voted for."""
        if self.sure:
            return self.asked or self.shown or (self.scholarly and not self.foreign)
        return self.scholarly and self.asked and not self.foreign

    @property
    def is_rich(self) -> bool:
        """Tell whether it shows what few other pages show together."""
        return self.asked and self.kinds > 1

    @property
    def fits(self) -> bool:
        """Tell whether it looks like a card among cards that are sure ones."""
        return self.asked or self.shown or (self.told and not self.foreign)


_ASKED = {Kind.VOTES, Kind.SUBMITTED, Kind.STARS, Kind.UPVOTE}
_SHOWN = {Kind.AUTHORS, Kind.NAMES, Kind.DATE, Kind.COMMENTS, Kind.COUNT}


def _evidence(section: Section, habits: Habits) -> _Evidence:
    pieces = section.pieces()
    kinds = {piece.kind for piece in pieces if piece.kind is not Kind.STARS or piece.number is not None}
    text = next((piece.text for piece in pieces if piece.kind is Kind.PROSE and not is_page(piece.text)), "")
    targets = [title_target(section.title) if section.title else "", *(piece.target for piece in pieces[:12])]
    listed = any(block.rows[0].mark and is_prose(restored(block)) for block in section.body)
    headed = sum(bool(block.heading) and block.heading > habits.level > 0 for block in section.body) > 2
    comments = any(_COMMENT.match(block.text[:40]) for block in section.body)
    elsewhere = any(piece.kind is Kind.WORDS and _ELSEWHERE.search(piece.text) for piece in pieces)
    runs = _runs_of_text(pieces)
    return _Evidence(
        sure=Kind.AUTHORS in kinds or any(paper_of(target) for target in targets if target),
        scholarly=len(text) >= _SCHOLARLY_LENGTH and bool(_SCHOLARLY.search(text)),
        asked=bool(kinds & _ASKED),
        shown=bool(kinds & _SHOWN),
        foreign=comments or listed or headed or elsewhere or runs > 1,
        crowded=runs > 1,
        kinds=len(kinds & (_ASKED | _SHOWN)),
        told=bool(text),
    )


def _runs_of_text(pieces: list[Piece]) -> int:
    """Count texts that furniture parts."""
    runs, parted = 0, True
    for piece in pieces:
        if piece.kind is Kind.PROSE and is_prose(piece.text, strict=True) and not is_page(piece.text):
            runs, parted = runs + parted, False
        elif piece.kind in _ASKED or piece.kind in _SHOWN:
            parted = True
    return runs


_SCHOLARLY_LENGTH = 200
_CARD_SHARE = 0.6
_SURE_SHARE = 0.3
_FOREIGN_SHARE = 0.3


def _score(found: list[Section], habits: Habits) -> float:
    """Count the sections that look like cards."""
    evidence = [one for section in found[1:] if not (one := _evidence(section, habits)).crowded]
    sure = sum(one.is_card for one in evidence)
    return sure + 0.5 * sum(one.fits and not one.is_card for one in evidence) if sure else 0


def _judge(found: list[Section], habits: Habits) -> None:
    """Raise where most sections are no cards, or are cards with somebody's words about them."""
    judged = [section for section in found[1:] if _counts(section)]
    evidence = [_evidence(section, habits) for section in judged]
    if len(judged) > 1 and not evidence[-1].is_card:  # it may be cut
        judged, evidence = judged[:-1], evidence[:-1]
    sure = sum(one.sure for one in evidence)
    among_sure = sure >= _SURE_SHARE * len(judged)
    fitting = [one.is_card or (one.fits if among_sure else bool(sure) and one.is_rich) for one in evidence]
    if sum(fitting) < _CARD_SHARE * len(judged):
        where = judged[fitting.index(False)]
        raise DumpError(
            f"a document of another kind: only {sum(fitting)} of {len(judged)} headings look like cards of papers",
            line=where.title.line if where.title else 1,
        )
    foreign = [section for section, one in zip(judged, evidence, strict=True) if one.foreign]
    if len(foreign) > _FOREIGN_SHARE * len(judged):
        raise DumpError(
            "a document of another kind: it tells about papers, where a list of them is wanted",
            line=foreign[0].title.line if foreign[0].title else 1,
        )


def _counts(section: Section) -> bool:
    """A short heading without anything is of a menu or a foot, and says nothing of a document."""
    return len(section.title.text if section.title else "") > 40 or any(
        piece.kind is not Kind.NOTHING for piece in section.pieces()
    )


#: What may stand before a title and belong to it.
LEADING = {Kind.VOTES, Kind.UPVOTE, Kind.COUNT, Kind.SUBMITTED, Kind.NOTHING, Kind.PAPER}


def leading(pieces: list[Piece]) -> int:
    """Count from which piece on all may belong to the title that follows; a count beside a date does not."""
    start = len(pieces)
    while start and pieces[start - 1].kind in LEADING:
        before = pieces[start - 2] if start > 1 else None
        beside = before is not None and before.kind is Kind.DATE and before.row == pieces[start - 1].row
        if beside and pieces[start - 1].kind is Kind.COUNT:
            break
        start -= 1
    return start


def _learnt(habits: Habits, found: list[Section], *, partial: bool) -> Habits:
    """Learn where things stand from the first card, which nothing stands before, and the last, which nothing follows."""
    cards = [section for section in found[1:] if section.title]
    parts = [section.pieces() for section in found]
    head = parts[0]
    lead = head[leading(head) :]
    last = [] if partial or any(piece.kind is Kind.CUT for piece in parts[-1]) else parts[-1]
    behind = [piece for pieces in parts[1:-1] for piece in _behind(pieces)] + _behind(
        [*last, Piece(Kind.DATE)]
    )
    between = [pieces[leading(pieces) :] for pieces in parts[1:-1]]
    votes_before = _before({Kind.VOTES, Kind.COUNT}, lead, behind)
    if votes_before is None and head and len(parts) > 3 and _always(between) and not _jumps(cards):
        votes_before = False
    texts = [_first(pieces, {Kind.PROSE}) for pieces in parts[1:]]
    tails = [_first(pieces, {Kind.AUTHORS, Kind.DATE, Kind.NAMES}) for pieces in parts[1:]]
    late = [text > tail for text, tail in zip(texts, tails, strict=True) if text >= 0 and tail >= 0]
    proses = [piece for pieces in parts[1:-1] for piece in pieces if piece.kind is Kind.PROSE]
    return replace(
        habits,
        votes_before=votes_before,
        votes_always=bool(votes_before) and _always(between),
        submitter_before=_before({Kind.SUBMITTED}, lead, behind),
        late=sum(late) * 2 > len(late),
        abstracts=len(parts) > 2 and all(text >= 0 for text in texts[:-1]),
        tails=len(parts) > 2 and all(tail >= 0 for tail in tails[:-1]),
        linked_texts=bool(proses) and _linked(cards[:-1]),
    )


def _always(between: list[list[Piece]]) -> bool:
    """Tell whether votes stand before each title but the first."""
    return all(
        any(piece.kind in (Kind.VOTES, Kind.COUNT, Kind.UPVOTE) for piece in pieces) for pieces in between
    )


def _jumps(cards: list[Section]) -> bool:
    return any(section.title and section.title.jumps for section in cards[:1])


def _behind(pieces: list[Piece]) -> list[Piece]:
    """What surely stands behind a title, for something of the same card follows it."""
    found: list[Piece] = []
    counted = False
    for piece in pieces[: leading(pieces)]:
        if piece.kind is not Kind.COUNT or not counted:
            found.append(piece)
        counted = counted or piece.kind in (Kind.AUTHORS, Kind.DATE, Kind.DOT)
    return found


def _before(kinds: set[Kind], lead: list[Piece], behind: list[Piece]) -> bool | None:
    """Tell whether something stands before its title; None where nothing proves it."""
    if any(piece.kind in kinds for piece in lead):
        return True
    return False if any(piece.kind in kinds for piece in behind) else None


def _first(pieces: list[Piece], kinds: set[Kind]) -> int:
    return next((number for number, piece in enumerate(pieces) if piece.kind in kinds), -1)


def _linked(cards: list[Section]) -> bool:
    """Tell whether abstracts are links as a rule."""
    linked = [
        any(segment.link for segment in block.segments)
        for section in cards
        for block in section.body
        if _pieces(block)[:1] and _pieces(block)[0].kind is Kind.PROSE
    ]
    return sum(linked) * 2 > len(linked)
