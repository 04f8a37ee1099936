"""A bounded memory of what was made."""

from __future__ import annotations

from digest.compose.memo import Memo


def test_memo() -> None:
    """A thing is made once, kept, and goes when newer ones need its room."""
    made: list[int] = []

    def make(number: int) -> str:
        made.append(number)
        return f"thing {number}"

    memo: Memo[int, str] = Memo(2)
    for number in (1, 2, 1, 3, 2, 1):
        assert memo.get(number, lambda number=number: make(number)) == f"thing {number}"  # type: ignore[misc] # bound
        assert len(memo) <= 2
    assert made == [1, 2, 3, 1]
