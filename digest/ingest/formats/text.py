"""Text scrapes of a papers page: a title, its abstract, the next title, with blank lines ("text-b") or without.

Read by structure: no line of any page's head is known here. A long line is an abstract; one short line
between two of them is a title; every other stretch is decoded as a whole. Only such a stretch is held.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from digest.errors import DumpError
from digest.ingest.formats.decode import Habits, Label, Verdict, verdicts
from digest.ingest.formats.lines import (
    LONG,
    WORDS_TAKE,
    Line,
    as_title,
    by_marks,
    ends_sentence,
    hangs,
    is_page,
    lines,
    unglued,
)
from digest.ingest.formats.regular import cards
from digest.ingest.formats.survey import survey
from digest.ingest.record import Reading, Record, Reject

#: Lines decoded at once where a document wraps everything; a card is far shorter.
_STRETCH = 400
_SHORTEST_ABSTRACT = 60
_SHORT_ABSTRACT = 250
#: Points. Two readings of a line that are nearer than this are not told apart, and the card is rejected.
_DOUBT = 1.5
_DOUBT_IN_TITLES = 5.5
_SURE = 100.0
_PLAIN_TITLE = Verdict(Label.TITLE, Label.NOISE, _SURE)
_PLAIN_ABSTRACT = Verdict(Label.ABSTRACT, Label.ABSTRACT_MORE, _SURE)


def read(data: bytes) -> Reading:
    """Read a text dump.

    Raises:
        DumpError: Nothing in it looks like a list of papers. While reading: the document is cut in or
            after a title, or fits no layout after all.
    """
    found = survey(data)
    name = "text-b" if found.habits.blank_share > 0.5 else "text-a"
    plain = found.regular
    items = _plain_cards(data, plain) if plain else _without_doubles(_cards(data, found.habits))
    return Reading(format=name, date=found.date, items=_judged(items))


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


def _judged(items: Iterable[Record | Reject]) -> Iterator[Record | Reject]:
    """Hand the items on, and judge the document at its end."""
    tally = _Tally()
    for item in items:
        tally.add(item)
        yield item
    tally.judge()


def _plain_cards(data: bytes, within: range) -> Iterator[Record]:
    """The cards of a regular document, a doubled one once."""
    position, last = 0, ("", "")
    for title, abstract in cards(lines(data), within):
        card = (title.text, abstract.text)
        if card != last:
            position, last = position + 1, card
            yield Record(position=position, line=title.number, title=card[0], abstract=card[1])


def _without_doubles(items: Iterable[Record | Reject]) -> Iterator[Record | Reject]:
    """Give the cards their positions, a doubled one once."""
    position, last = 0, ("", "")
    for item in items:
        if isinstance(item, Reject):
            yield item
        elif (item.title, item.abstract) != last:
            position, last = position + 1, (item.title, item.abstract)
            # Not by `replace`, which takes five times as long.
            yield Record(position=position, line=item.line, title=item.title, abstract=item.abstract)


@dataclass(slots=True)
class _Card:
    """A card as its lines come in."""

    line: int
    title: list[str] = field(default_factory=list)
    abstract: list[str] = field(default_factory=list)
    doubtful: bool = False

    def item(self) -> Record | Reject:
        """The paper, its position still open, or why it is none."""
        title, abstract = " ".join(self.title), " ".join(self.abstract)
        if self.doubtful:
            return Reject(line=self.line, reason="lines that can be read in two ways")
        if not self.abstract and not _surely_title(title):
            return Reject(line=self.line, reason="neither a title nor a line of the page")
        if self.abstract and (len(abstract) < _SHORTEST_ABSTRACT or _to_reader(abstract)):
            return Reject(
                line=self.line, reason="a title with hardly a text, or with words to the reader of a page"
            )
        return Record(position=0, line=self.line, title=title, abstract=abstract)


def _to_reader(abstract: str) -> bool:
    return len(abstract) < _SHORT_ABSTRACT and is_page(abstract)


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
    for line, verdict in _labelled(data, habits):
        label = verdict.label
        if label is Label.NOISE:
            foot.append(line)
            continue
        fresh = None
        if label is Label.TITLE or (label is Label.ABSTRACT and card and card.abstract):
            fresh = _Card(line=line.number, doubtful=_may_go_on(card, foot, verdict))
            if card:
                card.doubtful |= fresh.doubtful
                yield card.item()
            card = None
        if label in (Label.TITLE, Label.TITLE_MORE):
            card = card or fresh or _Card(line=line.number, doubtful=True)
            card.title.append(line.text)
        elif card:
            card.abstract.append(line.text)
        elif label is Label.ABSTRACT:
            yield Reject(line=line.number, reason="an abstract without a title")
        if card:
            card.doubtful |= verdict.margin < _DOUBT
        foot.clear()
    if card and _is_cut(card, foot):
        raise DumpError("cut in a title, or between a title and its abstract", line=card.line)
    if card:
        yield card.item()


def _may_go_on(card: _Card | None, foot: Sequence[Line], verdict: Verdict) -> bool:
    """Tell whether a line that starts a card may belong to what is before it.

    Behind a title without abstract, or a line of the head like one, it is judged harder: half a title
    would be a wrong paper.
    """
    if verdict.rival is Label.ABSTRACT_MORE:
        return verdict.margin < _DOUBT
    bare = not card.abstract if card else bool(foot) and _surely_title(foot[-1].text)
    return bare and verdict.rival is Label.TITLE_MORE and verdict.margin < _DOUBT_IN_TITLES


def _is_cut(card: _Card, foot: Sequence[Line]) -> bool:
    """Tell whether a document ends in the middle of a card: with a title, or one line that is no foot."""
    if len(card.abstract) > 1 and len(card.abstract[-2]) >= LONG > len(card.abstract[-1]):
        return True
    if all(is_page(line.text) for line in foot):
        length = len(" ".join(card.abstract))
        return not foot and (length < _SHORTEST_ABSTRACT or (card.doubtful and length < LONG))
    return len(foot) == 1 or not card.abstract


_Labelled = tuple[Line, Verdict]


def _labelled(data: bytes, habits: Habits) -> Iterator[_Labelled]:
    """Cut the document at long lines; what lies between two is one title as a rule."""
    held: list[Line] = []
    first = True
    for line in lines(data):
        held.append(line)
        if len(line.text) >= LONG:
            yield from _decoded(held, habits, first=first)
            held, first = [line], False
        elif len(held) > _STRETCH:
            labelled = _decoded(held, habits, first=first)
            settled = labelled[: _last_abstract(labelled) + 1]
            yield from settled
            held, first = held[held.index(settled[-1][0]) :], False
    yield from _decoded(held, habits, first=first, last=True)


def _last_abstract(labelled: Sequence[_Labelled]) -> int:
    """Where the last abstract starts: what comes before it is settled."""
    starts = [index for index, (_, verdict) in enumerate(labelled) if verdict.label is Label.ABSTRACT]
    if not starts:
        raise DumpError(f"{_STRETCH} lines without an abstract", line=labelled[0][0].number)
    return starts[-1]


def _decoded(held: list[Line], habits: Habits, *, first: bool, last: bool = False) -> list[_Labelled]:
    """Label a stretch; its first line was labelled with the stretch before, unless it is the first."""
    if first:
        held[:] = _without_glue(held)
    elif not last and _is_plain(held):
        return [(held[1], _PLAIN_TITLE), (held[2], _PLAIN_ABSTRACT)]
    labelled = list(zip(held, verdicts(held, habits, first=first), strict=True))
    return labelled if first else labelled[1:]


def _is_plain(held: Sequence[Line]) -> bool:
    """Tell whether a stretch is an abstract, one line that may be a title, and an abstract."""
    if len(held) != 3 or len(held[1].text) >= LONG:
        return False
    title = held[1].text
    if not (held[1].after_blank or ends_sentence(held[0].text)):
        return as_title(title) >= 2
    return by_marks(title) >= WORDS_TAKE or as_title(title) >= 0


def _without_glue(held: Sequence[Line]) -> list[Line]:
    """Undo glue in the head, but for a name that its abstract spells the same way."""
    whole = " ".join(line.text for line in held)
    return [replace(line, text=unglued(line.text, whole)) for line in held]
