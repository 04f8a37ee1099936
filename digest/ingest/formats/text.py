"""Text scrapes of a papers page: a title, its abstract, the next title, with blank lines ("text-b") or without.

Read by structure: no line of any page's head is known here. A long line is an abstract; one short line
between two of them is a title; every other stretch is decoded as a whole. Only such a stretch is held.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from digest.errors import DumpError
from digest.ingest.dates import parse_head_date
from digest.ingest.formats.decode import Habits, Label, labels
from digest.ingest.formats.lines import LONG, Line, as_title, ends_sentence, hangs, is_page, lines, unglued
from digest.ingest.record import DumpDate, Reading, Record, Reject

#: Lines decoded at once where a document wraps everything; a card is far shorter.
_STRETCH = 400
#: A head is shorter than this many lines.
_HEAD = 40
_SHORTEST_ABSTRACT = 60


def read(data: bytes) -> Reading:
    """Read a text dump.

    Raises:
        DumpError: Nothing in it looks like a list of papers. While reading: the document is cut in or
            after a title, or fits no layout after all.
    """
    survey = _survey(data)
    name = "text-b" if survey.habits.blank_share > 0.5 else "text-a"
    return Reading(format=name, date=survey.date, items=_items(data, survey.habits))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Survey:
    habits: Habits
    date: DumpDate | None


def _survey(data: bytes) -> _Survey:
    """Go over all lines once, for what only the whole shows."""
    count = blanks = marked = widest_title = 0
    date: DumpDate | None = None
    before = 0  # length of the line before
    for line in lines(data):
        length = len(line.text)
        count += 1
        blanks += line.after_blank
        marked += line.text.startswith(_FOREIGN)
        if length < LONG <= before:
            widest_title = max(widest_title, length)
        if count <= _HEAD and date is None:
            date = parse_head_date(line.text)
        before = length
    if marked > 0.15 * count:
        raise DumpError("a document of another kind: its lines start with the marks of one", line=1)
    share = blanks / count
    return _Survey(
        habits=Habits(blank_share=share, widest_title=widest_title), date=date
    )


#: Marks that Markdown, HTML, JSON, tables and lists put before a line.
_FOREIGN = ("#", "<", "{", "}", '"', "* ", "- ", "| ", "> ", "    ", "[", "](")


@dataclass(slots=True)
class _Tally:
    """What was given so far, to judge the document by at its end."""

    records: int = 0
    rejects: int = 0
    first_reject: Reject | None = None

    def add(self, item: Record | Reject) -> None:
        if isinstance(item, Record):
            self.records += 1
        else:
            self.rejects += 1
            self.first_reject = self.first_reject or item

    def judge(self) -> None:
        """Raise where a document was no list of papers, whatever could be made of some lines."""
        if not self.records:
            raise DumpError("no papers in it", line=self.first_reject.line if self.first_reject else 0)
        if self.first_reject and self.rejects > max(1, self.records // 3):
            raise DumpError(
                f"fits no layout: {self.rejects} pieces are no papers, the first: {self.first_reject.reason}",
                line=self.first_reject.line,
            )


def _items(data: bytes, habits: Habits) -> Iterator[Record | Reject]:
    """Give the cards with their positions, a doubled one once; judge the whole at the end."""
    tally = _Tally()
    last: tuple[str, str] | None = None
    for item in _cards(data, habits):
        if isinstance(item, Record):
            if (item.title, item.abstract) == last:
                continue
            last = (item.title, item.abstract)
            item = replace(item, position=tally.records + 1)
        tally.add(item)
        yield item
    tally.judge()


@dataclass(slots=True)
class _Card:
    """A card as its lines come in."""

    line: int
    title: list[str]
    abstract: list[str]
    doubtful: bool = False

    def item(self) -> Record | Reject:
        """The paper, its position still open, or why it is none."""
        title, abstract = " ".join(self.title), " ".join(self.abstract)
        if self.doubtful:
            return Reject(line=self.line, reason="one wrapped title, or two of which one lacks its abstract")
        if not self.abstract and not _surely_title(title):
            return Reject(line=self.line, reason="neither a title nor a line of the page")
        if self.abstract and len(abstract) < _SHORTEST_ABSTRACT:
            return Reject(line=self.line, reason="a title with hardly a text")
        if len(abstract) < LONG and is_page(abstract):
            return Reject(line=self.line, reason="words to the reader of a page, not an abstract")
        return Record(position=0, line=self.line, title=title, abstract=abstract)


def _surely_title(text: str) -> bool:
    return len(text.split()) >= 4 and as_title(text) >= 3 and not hangs(text)


def _cards(data: bytes, habits: Habits) -> Iterator[Record | Reject]:
    """Put labelled lines together.

    Raises:
        DumpError: The document ends with a title. A page that lists papers without abstracts would end so
            too, but then its other titles lack theirs as well, and it is refused for that.
    """
    card: _Card | None = None
    foot: list[Line] = []
    for line, label in _labelled(data, habits):
        if label is Label.NOISE:
            foot.append(line)
            continue
        if label in (Label.TITLE, Label.ABSTRACT) and card and (label is Label.TITLE or card.abstract):
            yield card.item()
            card = None
        if label is Label.TITLE:
            card = _Card(line=line.number, title=[line.text], abstract=[])
        elif label in (Label.TITLE_MORE, Label.DOUBT):
            card = card or _Card(line=line.number, title=[], abstract=[])
            card.title.append(line.text)
            card.doubtful |= label is Label.DOUBT
        elif card:
            card.abstract.append(line.text)
        elif label is Label.ABSTRACT:
            yield Reject(line=line.number, reason="an abstract without a title")
        foot.clear()
    if card and _is_cut(card, foot):
        raise DumpError("cut in a title, or between a title and its abstract", line=card.line)
    if card:
        yield card.item()


def _is_cut(card: _Card, foot: Sequence[Line]) -> bool:
    """Tell whether a document ends in the middle of a card: with a title, or one line that is no foot."""
    if all(is_page(line.text) for line in foot):
        return not foot and len(" ".join(card.abstract)) < _SHORTEST_ABSTRACT
    return len(foot) == 1 or not card.abstract


def _labelled(data: bytes, habits: Habits) -> Iterator[tuple[Line, Label]]:
    """Cut the document at long lines; what lies between two is one title as a rule."""
    held: list[Line] = []
    first = True
    for line in lines(data):
        held.append(line)
        if len(line.text) >= LONG:
            yield from _decoded(held, habits, first=first)
            held, first = [line], False
        elif len(held) > _STRETCH:
            labelled = list(_decoded(held, habits, first=first))
            cut = _last_abstract(labelled, line)
            yield from labelled[: cut + 1]
            held, first = held[len(held) - len(labelled) + cut :], False
    if held:
        yield from _decoded(held, habits, first=first, last=True)


def _last_abstract(labelled: Sequence[tuple[Line, Label]], line: Line) -> int:
    """Where the last abstract starts: what comes before it is settled."""
    starts = [index for index, (_, label) in enumerate(labelled) if label is Label.ABSTRACT]
    if not starts:
        raise DumpError(f"{_STRETCH} lines without an abstract", line=line.number)
    return starts[-1]


def _decoded(
    held: list[Line], habits: Habits, *, first: bool, last: bool = False
) -> list[tuple[Line, Label]]:
    """Label a stretch; its first line was labelled with the stretch before, unless it is the first."""
    if first:
        held[:] = _without_glue(held)
        return list(zip(held, labels(held, habits, first=True, last=last), strict=True))
    if not last and _is_plain(held):
        return [(held[1], Label.TITLE), (held[2], Label.ABSTRACT)]
    return list(zip(held, labels(held, habits, first=False, last=last), strict=True))[1:]


def _is_plain(held: Sequence[Line]) -> bool:
    """Tell whether a stretch is an abstract, one line that may be a title, and an abstract."""
    if len(held) != 3 or not (ends_sentence(held[0].text) or held[1].after_blank):
        return False
    return as_title(held[1].text) >= 2


def _without_glue(held: Sequence[Line]) -> list[Line]:
    """Undo glue in the head, but for a name that its abstract spells the same way."""
    whole = " ".join(line.text for line in held)
    return [replace(line, text=unglued(line.text, whole)) for line in held]
