"""Which key signs a mail: that of the moment at which it was planned."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Sequence

import pytest

from digest.compose.composer import Composer
from digest.compose.links import Links
from digest.compose.rotation import NOTICE, Composers, Key, key_at
from digest.compose.templates import Templates
from digest.deliver.delivery import Delivery, Kind
from tests.compose.samples import FIVE, KEY, PAPERS, PLANNED, SENDER, TEMPLATES, by_key, composer, delivery

NEW, NEWEST = (Key(secret=bytes([n]) * 32, since=PLANNED + n * dt.timedelta(hours=1)) for n in (1, 2))
OLD = Key(secret=KEY)
MADE = Templates.load(TEMPLATES)
BASE_URL = "https://digest.example.org"


class Ring:
    """Keys that grow, a clock that a test moves, and how often each was asked."""

    def __init__(self) -> None:
        self.now = PLANNED
        self.keys: Sequence[Key] = [OLD]
        self.reads = 0
        self.made: list[bytes] = []
        self.composers = Composers(self._read, self._make, lambda: self.now)

    def _read(self) -> Sequence[Key]:
        self.reads += 1
        return self.keys

    def _make(self, secret: bytes) -> Composer:
        self.made.append(secret)
        return Composer(MADE, Links(BASE_URL, [secret]), SENDER)

    def signed_by(self, one: Delivery, *keys: Key) -> bytes:
        """The secret among these that signed the links of a mail."""
        data = self.composers.draft(one, by_key(PAPERS)).sealed()[0].data
        assert (b"/u/" in data) == (one.kind is Kind.DIGEST)
        signers = [
            key.secret for key in keys if self._make(key.secret).message(one, by_key(PAPERS)).data == data
        ]
        (signer,) = signers
        return signer


def at(after: dt.timedelta) -> Delivery:
    """A digest planned some time after the first one."""
    return dataclasses.replace(FIVE, planned_at=PLANNED + after)


@pytest.mark.parametrize(
    ("hours", "key"),
    [(-9000, OLD), (0, OLD), (0.99, OLD), (1, NEW), (1.99, NEW), (2, NEWEST), (9000, NEWEST)],
)
def test_the_key_of_a_moment(hours: float, key: Key) -> None:
    """The newest key that had come into force signs; before any had, the first one does."""
    assert key_at([OLD, NEW, NEWEST], PLANNED + hours * dt.timedelta(hours=1)) is key


def test_clocks_that_went_back() -> None:
    """Where a later key came into force before an earlier one, each moment still has one key."""
    late = Key(secret=b"l" * 32, since=PLANNED + dt.timedelta(hours=5))
    assert key_at([OLD, late, NEW], PLANNED + dt.timedelta(hours=1)) is NEW
    assert key_at([OLD, late, NEW], PLANNED + dt.timedelta(hours=6)) is NEW
    assert key_at([OLD, late, NEW], PLANNED) is OLD


def test_a_retry_after_a_rotation() -> None:
    """A mail has the same bytes before and after a rotation, in this process and after a restart."""
    ring = Ring()
    first = ring.composers.draft(FIVE, by_key(PAPERS)).sealed()[0]
    assert first == composer().message(FIVE, by_key(PAPERS))
    ring.keys, ring.now = [OLD, NEW], PLANNED + dt.timedelta(hours=3)
    assert ring.composers.draft(at(dt.timedelta(hours=3)), by_key(PAPERS)).sealed()[0] != first
    assert ring.composers.draft(FIVE, by_key(PAPERS)).sealed()[0] == first
    restarted = Ring()
    restarted.keys, restarted.now = ring.keys, ring.now
    assert restarted.composers.draft(FIVE, by_key(PAPERS)).sealed()[0] == first


def test_a_running_process_notices() -> None:
    """What is planned once a new key is in force is signed by it, also where the process knew only the old one."""
    ring = Ring()
    assert ring.signed_by(at(dt.timedelta(0)), OLD, NEW) == OLD.secret
    ring.keys, ring.now = [OLD, NEW], PLANNED + dt.timedelta(hours=1)
    assert ring.signed_by(at(dt.timedelta(minutes=59)), OLD, NEW) == OLD.secret
    assert ring.signed_by(at(dt.timedelta(minutes=60)), OLD, NEW) == NEW.secret


@pytest.mark.parametrize("kind", [Kind.CONFIRM, Kind.LOGIN, Kind.DATA])
def test_letters_too(kind: Kind) -> None:
    """The key of its time signs every mail."""
    ring = Ring()
    ring.keys, ring.now = [OLD, NEW], PLANNED + dt.timedelta(days=1)
    assert ring.signed_by(delivery(kind=kind), OLD, NEW) == OLD.secret
    assert ring.signed_by(delivery(kind=kind, planned_at=ring.now), OLD, NEW) == NEW.secret


def test_reading_is_rare() -> None:
    """Keys are read for the first mail, and for one that was planned after they were read; a composer is made once."""
    ring = Ring()
    ring.now = PLANNED + dt.timedelta(minutes=1)
    for minutes in (0, 1, 0, 1):
        ring.composers.draft(at(dt.timedelta(minutes=minutes)), by_key(PAPERS))
    assert ring.reads == 1
    ring.now = PLANNED + dt.timedelta(minutes=3)
    for minutes in (2, 3, 0):
        ring.composers.draft(at(dt.timedelta(minutes=minutes)), by_key(PAPERS))
    assert ring.reads == 2
    assert ring.made == [KEY]


def test_notice() -> None:
    """A key is made so long before it signs that whoever composes then has read it, clocks ten minutes apart or not."""
    assert dt.timedelta(minutes=10) <= NOTICE
    ring = Ring()
    ring.composers.draft(FIVE, by_key(PAPERS))
    ring.now += dt.timedelta(seconds=1)
    ring.keys = [OLD, Key(secret=NEW.secret, since=ring.now + NOTICE)]
    # Planned by a machine whose clock is nine minutes ahead, and composed here at once: not yet the new key's.
    assert ring.signed_by(at(dt.timedelta(minutes=9)), *ring.keys) == OLD.secret
