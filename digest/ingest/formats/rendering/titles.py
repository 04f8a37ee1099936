"""Titles of a rendering: the blocks that a document is cut at."""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterable, Iterator

from digest.errors import DumpError
from digest.ingest.formats.lines import capital_share
from digest.ingest.formats.rendering.blocks import (
    LONGEST_TITLE,
    Block,
    is_prose,
    plain,
    restored,
    title_target,
    unwrapped,
)
from digest.ingest.formats.rendering.furniture import Kind, paper_of
from digest.ingest.formats.rendering.sections import Habits, Section, Title, is_page, pieces_of

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
        following = pieces_of(ahead[0])
        target = following[0].target if len(following) == 1 and following[0].kind is Kind.PAPER else ""
    paper = paper_of(target) if target and "login" not in target else None
    if paper is None or "#" in target or any(p.kind not in _LIKE_TITLES for p in pieces_of(block)[:1]):
        return False
    if section.title is None:
        return True
    known = paper_of(title_target(section.title)) or next(
        (paper_of(p.target) for b in section.body[:2] for p in pieces_of(b) if paper_of(p.target)), None
    )
    return known != paper or plain(section.title.text) == text


#: Long titles read as the start of a sentence, those with a comma as names.
_LIKE_TITLES = {Kind.WORDS, Kind.NAMES, Kind.PROSE}
#: Share of the longer words; of a title most have one, of a sentence few.
_CAPITALS = 0.4
_BESIDE = {Kind.COUNT, Kind.VOTES, Kind.UPVOTE, Kind.NOTHING, Kind.SUBMITTED, Kind.PAPER, Kind.CUT}


def _is_plain_title(block: Block, ahead: deque[Block], section: Section) -> bool:
    """A short text right before an abstract, or between the votes and the authors of a card that has none."""
    if any(piece.kind not in _LIKE_TITLES for piece in pieces_of(block)):
        return False
    before = [piece for one in section.body[-4:] for piece in pieces_of(one)]
    if before and before[-1].kind is Kind.SUBMITTED and not before[-1].text:
        return False
    after = [piece for one in ahead for piece in pieces_of(one)]
    others = [piece for piece in after if piece.kind not in _BESIDE]
    if others and others[0].kind is Kind.PROSE:
        ends = len(others) == 1 and len(ahead) < _AHEAD
        return is_prose(others[0].text, strict=True) or (ends and capital_share(others[0].text) < _CAPITALS)
    rest = [piece.kind for piece in others]
    led = any(piece.kind in (Kind.COUNT, Kind.VOTES, Kind.SUBMITTED) for piece in before[-3:])
    return led and (rest[:1] == [Kind.AUTHORS] or rest[:2] == [Kind.DOT, Kind.AUTHORS])
