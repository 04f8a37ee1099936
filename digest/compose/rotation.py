"""Which key signs a mail: the one that stood when it was planned, whatever was rotated since.

A retry has to have the bytes of the first try (rules.md), also in another process and after a restart. So a new key
is announced before it signs: by then every process that composes has heard of it.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from digest.compose.composer import Composer, Papers
from digest.compose.message import Draft
from digest.deliver.delivery import Delivery

#: Between the making of a key and its first mail: more than the clocks of two machines are apart, or a commit takes.
NOTICE = dt.timedelta(minutes=10)


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """A secret of this database."""

    secret: bytes = field(repr=False)
    since: dt.datetime | None = None  #: signs what is planned from then on; the first one has no such moment


def key_at(keys: Sequence[Key], planned_at: dt.datetime) -> Key:
    """The key that signs what was planned at a moment: the newest of those that had come into force.

    Args:
        keys: Oldest first; the first one has always been in force.
    """
    return next((key for key in reversed(keys) if key.since is not None and key.since <= planned_at), keys[0])


class Composers:
    """Composes each mail with the key of its time.

    Args:
        read_keys: Asks for the keys anew, oldest first. It is called for a mail that was planned after the last call:
            whatever signs that mail was made `NOTICE` before, so it is read then.
        make: A composer whose links this secret signs.
    """

    def __init__(
        self,
        read_keys: Callable[[], Sequence[Key]],
        make: Callable[[bytes], Composer],
        clock: Callable[[], dt.datetime],
    ) -> None:
        self._read_keys = read_keys
        self._make = make
        self._clock = clock
        self._keys: tuple[dt.datetime, Sequence[Key]] | None = None
        self._made: dict[bytes, Composer] = {}

    def draft(self, delivery: Delivery, papers: Papers) -> Draft:
        """The mail of a delivery; see `Composer.draft`."""
        secret = key_at(self._known(delivery.planned_at), delivery.planned_at).secret
        composer = self._made.get(secret)
        if composer is None:
            composer = self._made[secret] = self._make(secret)
        return composer.draft(delivery, papers)

    def _known(self, planned_at: dt.datetime) -> Sequence[Key]:
        """All keys that can have been in force at this moment."""
        if self._keys is None or self._keys[0] < planned_at:
            now = self._clock()  # before they are read: what is made in between is not known
            self._keys = now, self._read_keys()
        return self._keys[1]
