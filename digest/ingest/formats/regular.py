"""Text dumps without damage: a head, then a title and its abstract in turn, then a foot.

Where every line plays its part there is nothing to weigh, and abstracts may be as short as they like. One line
out of turn, and the document is for `decode`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import islice

from digest.ingest.formats.lines import (
    LONG,
    Line,
    ends_sentence,
    hangs,
    has_sentences,
    is_page,
    starts_lower,
    unglued,
)

#: Shorter ones are words of a page rather than an abstract.
_SHORTEST = 25


def span(found: Iterable[Line]) -> range | None:
    """Line numbers of the cards, if all lines between head and foot are titles and abstracts in turn.

    As many blank lines stand between all of them, too; None where one line is out of turn.
    """
    lines = iter(found)
    first = next((line for line in lines if not _is_around(line.text)), None)
    abstract = next(lines, None)
    if first is None or abstract is None or not _is_card(_without_glue(first, abstract), abstract):
        return None
    blank, end = abstract.after_blank, abstract.number
    for title in lines:
        if _is_around(title.text):
            # Papers again after what looked like a foot are somebody else's case.
            return range(first.number, end + 1) if all(_is_around(line.text) for line in lines) else None
        abstract = next(lines, None)
        if abstract is None or not (abstract.after_blank is title.after_blank is blank):
            return None
        if not _is_card(title, abstract):
            return None
        end = abstract.number
    return range(first.number, end + 1)


def cards(found: Iterable[Line], within: range) -> Iterator[tuple[Line, Line]]:
    """The titles and abstracts of a document, `within` its `span`."""
    lines = (line for line in found if line.number in within)
    pairs = zip(lines, lines, strict=True)
    for title, abstract in islice(pairs, 1):
        yield _without_glue(title, abstract), abstract
    yield from pairs


def _without_glue(title: Line, abstract: Line) -> Line:
    return replace(title, text=unglued(title.text, f"{title.text}\n{abstract.text}"))


def _is_card(title: Line, abstract: Line) -> bool:
    return _may_be_title(title.text) and _may_be_abstract(abstract.text)


def _is_around(text: str) -> bool:
    return len(text) < LONG and is_page(text)


def _may_be_title(text: str) -> bool:
    ends = text.endswith(".") and not text.endswith("...")
    return len(text) < LONG and not ends and not hangs(text) and not has_sentences(text)


def _may_be_abstract(text: str) -> bool:
    if len(text) >= LONG:
        return True
    return len(text) >= _SHORTEST and ends_sentence(text) and not starts_lower(text) and not is_page(text)
