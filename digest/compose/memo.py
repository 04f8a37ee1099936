"""A bounded memory of what was made, so that it is made once for many readers."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")


class Memo(Generic[K, V]):
    """Keeps what was made last, up to a number of things; so readers cost no memory.

    The oldest goes first, whether it was used or not: pieces of one edition are used together, and
    a look-up stays one dictionary read. Safe to share between threads; a thing may be made twice.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._things: dict[K, V] = {}
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._things)

    def get(self, key: K, make: Callable[[], V]) -> V:
        """The thing of this key, made if it is not there."""
        thing = self._things.get(key)
        if thing is None:
            thing = make()
            self.put(key, thing)
        return thing

    def find(self, key: K) -> V | None:
        """The thing of this key, if it is there: half of what `get` takes, since nothing is made to make it with."""
        return self._things.get(key)

    def put(self, key: K, thing: V) -> None:
        """Keep a thing."""
        with self._lock:
            self._things[key] = thing
            if len(self._things) > self._size:
                del self._things[next(iter(self._things))]
