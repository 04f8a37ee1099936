"""Message-IDs say which mail they stand for, to who has the key, and nothing to anybody else."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digest.compose.message_ids import Identified, message_id, read_message_id
from digest.deliver.delivery import Kind
from digest.errors import TokenError

KEY = b"k" * 32
GIVEN = {"kind": "digest", "local_date": dt.date(2026, 11, 20), "subscriber_id": 4711}


def made(key: bytes = KEY, **changes: object) -> str:
    return message_id(**{**GIVEN, **changes}, key=key, domain="example.org")  # type: ignore[arg-type] # a table


def test_message_id() -> None:
    """The id is the same each time, differs with anything it is made of, and shows none of it."""
    first = made()
    assert first == made()
    assert first.endswith("@example.org>")
    others = [
        made(kind="confirm"),
        made(local_date=dt.date(2026, 11, 21)),
        made(subscriber_id=4712),
        made(key=b"other"),
    ]
    assert len({first, *others}) == 5
    assert len({each[:20] for each in (first, *others)}) == 5
    assert len(first) == len("<@example.org>") + 58


@given(
    kind=st.sampled_from(Kind), local_date=st.dates(), subscriber_id=st.integers(min_value=0, max_value=2**63)
)
def test_it_is_read_back(kind: Kind, local_date: dt.date, subscriber_id: int) -> None:
    """Every kind, date and subscriber comes out as it went in, also without brackets and in capitals."""
    mail = Identified(kind=str(kind), local_date=local_date, subscriber_id=subscriber_id)
    written = message_id(
        kind=kind, local_date=local_date, subscriber_id=subscriber_id, key=KEY, domain="example.org"
    )
    for spelt in (written, written.strip("<>"), f" {written.upper()} "):
        assert read_message_id(spelt, KEY) == mail


@pytest.mark.parametrize(
    "text",
    [
        "",
        "<@example.org>",
        made(b"other"),
        made().replace("<", "<a"),
        made()[:-1] + "x y>",
        f"<{'a' * 58}@example.org>",
        f"<{'1' * 58}@example.org>",
        f"<{'7' * 58}@example.org>",
        "<0123456789abcdef0123456789abcdef@example.org>",
    ],
)
def test_none_of_ours(text: str) -> None:
    """Forged, cut, of another key or of another program: they all look alike."""
    with pytest.raises(TokenError, match="not one of ours"):
        read_message_id(text, KEY)


def test_any_letter_changed() -> None:
    """An id with one letter changed stands for nothing."""
    good = made()
    for place in range(1, 58):
        bad = good[:place] + ("a" if good[place] != "a" else "b") + good[place + 1 :]
        with pytest.raises(TokenError):
            read_message_id(bad, KEY)
