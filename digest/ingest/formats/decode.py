"""Which lines are titles, which abstracts: the labelling of a stretch of lines that fits best as a whole.

A Viterbi pass over five labels. What a line shows alone is weighed in `lines`; here is what two lines in
a row show. Rules for each damage lost: a blank line too many, a wrapped title and a missing abstract look
alike one at a time, and only the alternation around them tells them apart.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Sequence
from dataclasses import dataclass

from digest.ingest.formats.lines import (
    LONG,
    Line,
    as_abstract,
    as_body,
    as_noise,
    as_title,
    ends_sentence,
    hangs,
    starts_lower,
)


class Label(enum.IntEnum):
    """What a line is."""

    NOISE = 0
    TITLE = 1
    TITLE_MORE = 2
    ABSTRACT = 3
    ABSTRACT_MORE = 4
    DOUBT = 5  #: a further line of a title, or a title of its own


@dataclass(frozen=True, slots=True, kw_only=True)
class Habits:
    """How a document lays out its lines, counted over all of it."""

    blank_share: float  #: share of lines that follow a blank one, 0 to 1
    widest_title: int  #: characters; of short lines right after a long one, 0 if there are none


_NEVER = -1e9
_NO_ABSTRACT = 1.0
_OF_TITLE = (Label.TITLE, Label.TITLE_MORE)
_DOUBTFUL = 1.0
_STRAY = 8.0
_STRAY_LONG = 5.0
_RAGGED = 8  # characters: the right edge of wrapped text
_AFTER = 2.0  # noise between cards, where there should be none
_STEM = 6  # letters: "segmentation" and "segmenting" are one word


def labels(stretch: Sequence[Line], habits: Habits, *, first: bool, last: bool) -> list[Label]:
    """Label lines so that the sum of points is greatest.

    Args:
        stretch: Lines in a row. Unless `first`, the first one is an abstract's.
        habits: Of the whole document.
        first: The stretch begins the document, where a head may stand.
        last: It ends the document, where a foot may stand.
    """
    sums = _start(stretch[0], first=first)
    width = _wrap_width(stretch)
    back: list[list[int]] = []
    for index in range(1, len(stretch)):
        own = _points(stretch[index], quiet=first or last)
        steps = _steps(stretch, index, habits, width)
        came = [max(range(5), key=lambda a, b=b: sums[a] + steps[a][b]) for b in range(5)]  # type: ignore[misc]  # mypy cannot infer a default's type
        sums = [sums[came[b]] + steps[came[b]][b] + own[b] for b in range(5)]
        back.append(came)
    label = max(range(5), key=sums.__getitem__)
    path = [label]
    for came in reversed(back):
        path.append(came[path[-1]])
    return _with_doubts(stretch, [Label(label) for label in reversed(path)], habits)


def _with_doubts(stretch: Sequence[Line], path: list[Label], habits: Habits) -> list[Label]:
    """Mark where a wrapped title and its alternative weigh nearly the same."""
    marked = list(path)
    for index in range(1, len(path)):
        before, label = path[index - 1], path[index]
        if label not in _OF_TITLE or before not in (*_OF_TITLE, Label.NOISE):
            continue
        line, previous = stretch[index].text, stretch[index - 1].text
        one = _title_joins(stretch, index, habits) + min(as_title(line), 2.0)
        two = as_title(line) - _NO_ABSTRACT
        if before is Label.NOISE:
            one, two = one + as_title(previous), as_title(line) + as_noise(previous)
        if abs(one - two) < _DOUBTFUL:
            marked[index] = Label.DOUBT
    return marked


def _start(line: Line, *, first: bool) -> list[float]:
    if not first:
        return [_NEVER, _NEVER, _NEVER, 0.0, _NEVER]
    own = _points(line, quiet=True)
    return [own[0], own[1], _NEVER, own[3] - _STRAY, _NEVER]


def _points(line: Line, *, quiet: bool) -> list[float]:
    text = line.text
    if len(text) >= LONG:
        return [as_noise(text), _NEVER, _NEVER, as_abstract(text), as_body(text)]
    title = as_title(text)
    return [as_noise(text) - (0 if quiet else _AFTER), title, min(title, 2.0), as_abstract(text), as_body(text)]


def _steps(stretch: Sequence[Line], index: int, habits: Habits, width: int) -> list[list[float]]:
    """Points for going from the label of the line before (row) to that of this one (column)."""
    title = _title_joins(stretch, index, habits)
    more = _abstract_joins(stretch[index - 1], stretch[index], habits, width)
    stray = -_STRAY_LONG if len(stretch[index].text) >= LONG else -_STRAY
    end = _abstract_ends(stretch[index - 1], stretch[index], width)
    no = _NEVER
    return [
        [0, 0, no, -_STRAY, no],
        [-_NO_ABSTRACT - 3, -_NO_ABSTRACT, title, 0, no],
        [-_NO_ABSTRACT - 3, -_NO_ABSTRACT, title - 1, 0, no],
        [end, end, no, end + stray, more],
        [end, end, no, end + stray, more],
    ]


def _title_joins(stretch: Sequence[Line], index: int, habits: Habits) -> float:
    """Weigh that a title goes on: 0 is doubt, and a wrong guess would make one paper of two."""
    before, line = stretch[index - 1], stretch[index]
    if len(before.text) >= LONG or len(line.text) >= LONG:
        return _NEVER
    return title_join(before, line, "\n".join(after.text for after in stretch[index + 1 : index + 12]), habits)


def title_join(before: Line, line: Line, following: str, habits: Habits) -> float:
    """Weigh that two short lines are one title; `following` is the text after them."""
    points = 5.0 * starts_lower(line.text) + 5.0 * hangs(before.text) - 3.0 * ends_sentence(before.text)
    fits = _fits(before, line, habits.widest_title)
    points += (-2.0 if fits else 1.0) if habits.widest_title else 0.0
    points += _blank_points(line, habits)
    return points + _echo(before.text, following)


def _abstract_joins(before: Line, line: Line, habits: Habits, width: int) -> float:
    """Weigh that an abstract goes on."""
    points = -1.0 if ends_sentence(before.text) else 2.5
    points += 3.0 * starts_lower(line.text) + _blank_points(line, habits)
    if len(before.text) >= LONG or len(line.text) >= LONG:
        return points - (4.0 if len(before.text) < LONG or len(line.text) < LONG else 8.0)
    if not width:
        return points
    return points - 4.0 if _fits(before, line, width) else points + 2.0


def _abstract_ends(before: Line, line: Line, width: int) -> float:
    """Weigh that an abstract ends: with a sentence, and in wrapped text mostly short of the edge."""
    points = 0.0 if ends_sentence(before.text) else -2.0
    if not width or len(before.text) >= LONG:
        return points
    return points + (1.5 if _fits(before, line, width) else -1.5)


def _wrap_width(stretch: Sequence[Line]) -> int:
    """The column that lines wrap at: the widest that some come near; 0 where nothing is wrapped."""
    lengths = sorted((len(line.text) for line in stretch if len(line.text) < LONG), reverse=True)
    for length, third in zip(lengths, lengths[2:], strict=False):
        if length - third <= _RAGGED:
            return length
    return 0


def _fits(before: Line, line: Line, width: int) -> bool:
    """Tell whether the first word of a line had room on the line before it, so that nothing wrapped."""
    return len(before.text) + 1 + len(line.text.split(maxsplit=1)[0]) <= width


def _blank_points(line: Line, habits: Habits) -> float:
    """A blank line says little where every line has one, and its absence much."""
    if habits.blank_share > 0.5:
        return -0.5 if line.after_blank else 2.0
    return -3.0 if line.after_blank else 0.0


_CONTENT = re.compile(r"[a-z][a-z0-9]{2,}")


def _stems(text: str) -> set[str]:
    return {word[:_STEM] for word in _CONTENT.findall(text.lower())}


_COMMON = frozenset(
    _stems(
        "with from using this that based into over their towards learning models networks deep neural method papers "
        "approach data tasks large efficient images vision language training generation general benchmark code "
        "evaluation performance"
    )
)


def _echo(text: str, following: str) -> float:
    """Weigh how many of a line's own words come again: 70 % of a title's do in its abstract, 15 % in another."""
    words = _stems(text) - _COMMON
    if not words:
        return 0.0
    share = len(words & _stems(following[:2500])) / len(words)
    return 3.0 if share >= 0.6 else -3.0 if share <= 0.25 else 8.0 * (share - 0.42)
