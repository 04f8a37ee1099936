"""The score of a paper for a reader: how well it meets what they want, and how much it trends."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

#: Shares of a score. A topic in the title (0.6) brings 0.42 and one met in passing (0.36) 0.25; what lies
#: between them, 0.17, is also what lies between a trend of 0.2 (place 30) and one of 2.75 (rising fast).
RELEVANCE = 0.7
TREND = 0.3
#: A score is a whole number of millionths.
MILLION = 1_000_000

#: Strengths are whole numbers of this unit, so that a sum of up to 4,096 of them is exact in a double and
#: does not depend on the order in which it is added up.
_UNIT = 2**40


def strength(score: float) -> int:
    """Return what a match of a score in [0, 1] adds to a paper's strength: its fourth power."""
    return round(score**4 * _UNIT)


def millionths(strengths: NDArray[np.float64], trends: NDArray[np.float64]) -> NDArray[np.int64]:
    """Score papers for readers.

    With `s` the scores of the topics, interests and rules of a reader that a paper meets::

        relevance = min(1, (sum of s ** 4) ** (1/4))
        score     = RELEVANCE * relevance + TREND * trend / (1 + trend)

    The fourth power makes the relevance the best match plus a little for further ones: 0.6 alone is 0.6,
    with a second 0.6 it is 0.714, with a 0.36 it is 0.619. Unlike a maximum it is a sum, so that all readers
    are scored at once. Nothing here depends on the other papers of the edition.

    Worked example: a paper with a trend of 1.5 that meets topics by 0.6 and 0.36 has a relevance of
    (0.1296 + 0.0168) ** 0.25 = 0.6186 and a score of 0.7 * 0.6186 + 0.3 * 0.6 = 0.613. An include rule
    counts 1: the same paper would score 0.7 + 0.18 = 0.88.

    Args:
        strengths: Sums of `strength`, shape ``(readers, papers)``; 0 where nothing is met.
        trends: As `rank.trend` gives them, 0 and up, shape ``(papers,)``.

    Returns:
        Scores in millionths, 0 to 1,000,000, rounded half to even, shape ``(readers, papers)``.
    """
    # Square roots are exact to the last bit on every machine (IEEE 754); powers are not.
    relevance = np.minimum(np.sqrt(np.sqrt(strengths / _UNIT)), 1.0)
    scores = RELEVANCE * relevance + TREND * (trends / (1.0 + trends))
    return np.rint(scores * MILLION).astype(np.int64)
