"""The score: relevance and trend in one number."""

from __future__ import annotations

import numpy as np
import pytest

from digest.rank.scores import millionths, strength


def score(matches: list[float], trend: float) -> int:
    total = float(sum(map(strength, matches)))
    return int(millionths(np.array([total]), np.array([trend]))[0])


@pytest.mark.parametrize(
    ("matches", "trend", "millions"),
    [
        pytest.param([0.6, 0.36], 1.5, 612_993, id="the worked example"),
        pytest.param([1.0, 0.6, 0.36], 1.5, 880_000, id="its include rule"),
        pytest.param([], 0.0, 0, id="nothing"),
        pytest.param([], 1.0, 150_000, id="trend alone"),
        pytest.param([], 3.0, 225_000, id="more trend"),
        pytest.param([1.0], 0.0, 700_000, id="relevance alone"),
        pytest.param([1.0, 1.0], 0.0, 700_000, id="relevance ends at 1"),
        pytest.param([0.6], 0.0, 420_000, id="one match counts as it is"),
        pytest.param([0.6, 0.6], 0.0, 499_467, id="a second one adds a little"),
        pytest.param([0.36, 0.6], 0.0, 432_993, id="a weak one next to nothing"),
        pytest.param([0.3], 0.0, 210_000, id="the weakest topic"),
        pytest.param([1.0], 1e9, 1_000_000, id="the most there is"),
    ],
)
def test_the_formula(matches: list[float], trend: float, millions: int) -> None:
    """A score is 0.7 of the relevance and 0.3 of trend / (1 + trend), in whole millionths."""
    assert score(matches, trend) == millions


def test_a_table_of_readers_and_papers() -> None:
    """Rows are readers and columns papers, each with its own trend."""
    one = float(strength(1.0))
    found = millionths(np.array([[0.0, one], [one, 0.0]]), np.array([1.0, 3.0]))
    assert found.tolist() == [[150_000, 925_000], [850_000, 225_000]]
    assert found.dtype == np.int64


def test_any_order_of_addition() -> None:
    """Strengths are whole numbers whose sum is exact in a double, so no order of addition shows."""
    assert strength(1.0) == 2**40
    assert strength(0.5) == 2**36
    assert strength(0.3) == 8_906_044_185
    assert 4096 * strength(1.0) < 2**53
