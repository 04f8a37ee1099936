"""Which lines are titles, which abstracts: the labelling of a stretch of lines that fits best as a whole.

A Viterbi pass over five labels. What a line shows alone is weighed in `lines`; here is what two lines in
a row show. Rules for each damage lost: a blank line too many, a wrapped title and a missing abstract look
alike one at a time, and only the alternation around them tells them apart.
"""

from __future__ import annotations

import enum
import operator
import re
from bisect import bisect_right
from collections.abc import Iterable, Sequence
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


@dataclass(frozen=True, slots=True)
class Verdict:
    """The label of a line."""

    label: Label
    rival: Label  #: what it would be otherwise
    margin: float  #: points between the two; little is doubt


@dataclass(frozen=True, slots=True, kw_only=True)
class Habits:
    """How a document lays out its lines, counted over all of it."""

    blank_share: float  #: share of lines that follow a blank one, 0 to 1
    pair_share: float  #: share of titles, or what stands in their place, that have two lines
    widest_title: int  #: characters; of short lines right after a long one, 0 if there are none


_Row = list[float]
_Step = list[_Row]
_LABELS = range(len(Label))
_NEVER = -1e9
_NO_ABSTRACT = 1.0
_STRAY = 8.0
_STRAY_LONG = 5.0
_LONG_TITLE = 3.0  # a third line
_HASTY = 4.0  # an abstract of one wrapped line
_PARAGRAPHS = 0.03  # share of lines after a blank one, from which on blank lines part paragraphs
_TRUST_WRAPPED = 0.3  # of margins: the points of many lines that look alike add up
_LONGEST_TITLE = 170  # characters
_NAMED = re.compile(r"[A-Z][^\s:]{1,30}: ")  # a method's name, with which titles begin
_PAIRS = 0.12  # more than that is wrapping; so many abstracts are never missing
_MOST = 0.4  # of the lines of a stretch
_NARROWEST = 40  # characters; nobody wraps narrower, nor
_WIDEST = 140  # wider
_HOPELESS = -1.0  # points of what is no title's start
_RAGGED = 10  # characters: the right edge of wrapped text
_AFTER = 2.0  # noise between cards, where there should be none
_ECHO = 2500  # characters of what follows a title
_STEM = 6  # letters: "segmentation" and "segmenting" are one word


def verdicts(stretch: Sequence[Line], habits: Habits, *, first: bool) -> list[Verdict]:
    """Label lines so that the sum of points is greatest, and say where another label comes close.

    Args:
        stretch: Lines in a row. Unless `first`, the first one is the first of an abstract.
        habits: Of the whole document.
        first: The stretch begins the document, where a head may stand.

    Source:
        Viterbi, 1967; the doubt is the difference of two max-marginals.
    """
    width = _wrap_width(stretch)
    steps = [_steps(stretch, index, habits, width) for index in range(1, len(stretch))]
    own = [_points(line) for line in stretch[1:]]
    sums, back = [_start(stretch[0], first=first)], []
    for step, points in zip(steps, own, strict=True):
        came = [_best(sums[-1][a] + step[a][b] for a in _LABELS) for b in _LABELS]
        sums.append([sums[-1][came[b]] + step[came[b]][b] + points[b] for b in _LABELS])
        back.append(came)
    path = [_best(sums[-1])]
    for came in reversed(back):
        path.append(came[path[-1]])
    ahead = _ahead(steps, own)
    return [
        _verdict([x + y for x, y in zip(*both, strict=True)], label, _TRUST_WRAPPED if width else 1.0)
        for label, both in zip(reversed(path), zip(sums, ahead, strict=True), strict=True)
    ]


def _best(values: Iterable[float]) -> int:
    listed = list(values)
    return listed.index(max(listed))


def _ahead(steps: Sequence[_Step], own: Sequence[_Row]) -> list[_Row]:
    """The best sum of all lines after one, for each label of that one."""
    sums: list[_Row] = [[0.0] * len(_LABELS)]
    for step, points in zip(reversed(steps), reversed(own), strict=True):
        sums.append([max(step[a][b] + points[b] + sums[-1][b] for b in _LABELS) for a in _LABELS])
    return sums[::-1]


def _verdict(totals: Sequence[float], label: int, trust: float) -> Verdict:
    rival = _best(total if other != label else 10 * _NEVER for other, total in enumerate(totals))
    return Verdict(Label(label), Label(rival), trust * (totals[label] - totals[rival]))


def _start(line: Line, *, first: bool) -> list[float]:
    if not first:
        return [_NEVER, _NEVER, _NEVER, 0.0, _NEVER]
    own = _points(line)
    return [own[0], own[1], _NEVER, own[3] - _STRAY, _NEVER]


def _points(line: Line) -> list[float]:
    text = line.text
    if len(text) >= LONG:
        return [as_noise(text), _NEVER, _NEVER, as_abstract(text), as_body(text)]
    title = as_title(text)
    return [as_noise(text), title, min(title, 2.0), as_abstract(text), as_body(text)]


def _steps(stretch: Sequence[Line], index: int, habits: Habits, width: int) -> list[list[float]]:
    """Points for going from the label of the line before (row) to that of this one (column)."""
    title = _title_joins(stretch, index, habits, width)
    more = _abstract_joins(stretch[index - 1], stretch[index], habits, width)
    stray = -_STRAY_LONG if len(stretch[index].text) >= LONG else -_STRAY
    end = _abstract_ends(stretch[index - 1], stretch[index], width)
    hasty = _HASTY if width and len(stretch[index - 1].text) < LONG else 0.0
    no = _NEVER
    return [
        [0, 0, no, -_STRAY, no],
        [-_NO_ABSTRACT - 3, -_NO_ABSTRACT, title, 0, no],
        [-_NO_ABSTRACT - 3, -_NO_ABSTRACT, title - _LONG_TITLE, 0, no],
        [end - hasty - _AFTER, end - hasty, no, end + stray, more],
        [end - _AFTER, end, no, end + stray, more],
    ]


def _title_joins(stretch: Sequence[Line], index: int, habits: Habits, width: int) -> float:
    """Weigh that a title goes on: 0 is doubt, and a wrong guess would make one paper of two."""
    before, line = stretch[index - 1], stretch[index]
    if len(before.text) >= LONG or len(line.text) >= LONG:
        return _NEVER
    points = 5.0 * starts_lower(line.text) + 5.0 * hangs(before.text) - 3.0 * ends_sentence(before.text)
    points -= 3.0 * bool(_NAMED.match(line.text)) + 2.0 * (len(before.text) + len(line.text) > _LONGEST_TITLE)
    if width:
        points += -4.0 if _fits(before, line, width) else 1.0
    elif habits.widest_title:
        points += -2.0 if _fits(before, line, habits.widest_title) else 1.0
    points += _blank_points(line, habits)
    points += 3.0 * (habits.pair_share > _PAIRS)
    if width and as_title(before.text) < _HOPELESS:
        return points  # in wrapped text, most of the time goes into the echo
    return points + _echo(
        before.text, "\n".join(after.text[:_ECHO] for after in stretch[index + 1 : index + 12])
    )


def _abstract_joins(before: Line, line: Line, habits: Habits, width: int) -> float:
    """Weigh that an abstract goes on."""
    points = -1.0 if ends_sentence(before.text) else 2.5
    points += 5.0 * starts_lower(line.text) + 2.0 * hangs(before.text)
    longs = (len(before.text) >= LONG) + (len(line.text) >= LONG)
    if longs:
        # Text that does not wrap does not go on, unless in the middle of a sentence.
        return points - 4.0 * longs - 6.0 * (longs == 2 and not starts_lower(line.text))
    points += _blank_points(line, habits)
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
    """The column that most lines wrap near; 0 where nothing is wrapped."""
    lengths = sorted((len(line.text) for line in stretch if len(line.text) < LONG), reverse=True)
    enough = max(3, _MOST * len(lengths))
    for index, length in enumerate(lengths):
        near = bisect_right(lengths, _RAGGED - length, lo=index, key=operator.neg) - index
        if _NARROWEST <= length <= _WIDEST and near >= enough:
            return length
    return 0


def _fits(before: Line, line: Line, width: int) -> bool:
    """Tell whether the first word of a line had room on the line before it, so that nothing wrapped."""
    return len(before.text) + 1 + len(line.text.split(maxsplit=1)[0]) <= width


def _blank_points(line: Line, habits: Habits) -> float:
    """A blank line says little where every line has one, and its absence much."""
    if habits.blank_share > 0.5:
        return -0.5 if line.after_blank else 2.0
    if habits.blank_share > _PARAGRAPHS:
        return -5.0 if line.after_blank else 1.5
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
    share = len(words & _stems(following[:_ECHO])) / len(words)
    return 3.0 if share >= 0.6 else -3.0 if share <= 0.25 else 8.0 * (share - 0.42)
