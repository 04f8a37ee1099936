"""Text dumps without damage: a head, then a title and its abstract in turn, then a foot.

Where every line plays its part there is nothing to weigh, and abstracts may be as short as they like. One line
out of turn, and the document is for `decode`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

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


def is_regular(found: Iterable[Line]) -> bool:
    """Tell whether all lines between head and foot are titles and abstracts in turn, with as many blank lines."""
    blank = None  # whether a blank line stands between the lines of a card, known from the first on
    for title, abstract in _turns(found):
        if abstract is None or not (_may_be_title(title.text) and _may_be_abstract(abstract.text)):
            return False
        if blank is None:
            blank = abstract.after_blank
        elif not (abstract.after_blank is title.after_blank is blank):
            return False
    return blank is not None


def cards(found: Iterable[Line]) -> Iterator[tuple[Line, Line]]:
    """The titles and abstracts of a document that `is_regular`."""
    return ((title, abstract) for title, abstract in _turns(found) if abstract is not None)


def _turns(found: Iterable[Line]) -> Iterator[tuple[Line, Line | None]]:
    """Lines two by two, from the end of the head to the foot; an odd one stands alone."""
    lines = iter(found)
    title = next((line for line in lines if not _is_around(line.text)), None)
    head = True
    while title is not None:
        abstract = next(lines, None)
        if head and abstract is not None:
            title = replace(title, text=unglued(title.text, f"{title.text}\n{abstract.text}"))
        head = False
        yield title, abstract
        title = next(lines, None)
        if title is not None and _is_around(title.text):
            rest = next((line for line in lines if not _is_around(line.text)), None)
            if rest is not None:  # papers again after what looked like a foot: somebody else's case
                yield rest, None
            return


def _is_around(text: str) -> bool:
    return len(text) < LONG and is_page(text)


def _may_be_title(text: str) -> bool:
    ends = text.endswith(".") and not text.endswith("...")
    return len(text) < LONG and not ends and not hangs(text) and not has_sentences(text)


def _may_be_abstract(text: str) -> bool:
    if len(text) >= LONG:
        return True
    return len(text) >= _SHORTEST and ends_sentence(text) and not starts_lower(text) and not is_page(text)
