"""The senders of one run: who is idle, who has a message under way, and what is to follow it over that connection."""

from __future__ import annotations

import math
import time
from collections import deque

from digest.deliver.reply import Reply
from digest.pipeline.gate import Gate
from digest.pipeline.ports import Relay
from digest.pipeline.senders import Built, Desk, Sender

#: Seconds between two looks, where senders are idle, for what has fallen due and whether to stop.
LOOK_S = 1.0
#: Seconds after which what follows a message is given to another sender: where there is nothing else left to give,
#: and where there is.
_HANGS_S, _STALLS_S = 0.25, 5.0


class Crew:
    """All senders, at one desk.

    Attributes:
        desk: Where they come back to.
        idle: Who has nothing under way; who was back last stands last.
        busy: Who has.
        error: What broke one of them; it takes nothing more.
    """

    def __init__(self, relay: Relay, gate: Gate, *, connections: int) -> None:
        """Open nothing yet; `connections` is how many senders there are."""
        self.desk = Desk()
        self._senders = [Sender(relay, self.desk) for _ in range(connections)]
        self.idle, self.busy = list(self._senders), set[Sender]()
        self.error: BaseException | None = None
        self._gate = gate
        self._next_look_s = 0.0

    def __len__(self) -> int:
        return len(self._senders)

    def choose(self, ready: deque[Built]) -> list[tuple[Sender, Built]]:
        """Choose for each who is idle what followed their last message, or else one of those that wait."""
        chosen, free = [], []
        for sender in reversed(self.idle):  # who was back last has its connection open
            after, sender.following = sender.following, None
            if after is None or sender.handed is None:
                free.append(sender)
            elif self._gate.promote(after, sender.handed):
                chosen.append((sender, after))
        chosen += zip(free, self._gate.choose(ready, len(free)), strict=False)
        return chosen

    def give(self, begun: list[tuple[Sender, Built]], ready: deque[Built]) -> None:
        """Have messages handed over, each with the one that is to follow it, where its relay takes that."""
        leading = [(sender, built) for sender, built in begun if sender.may_lead]
        following = self._gate.follow(ready, [built for _sender, built in leading])
        behind = {sender: after for (sender, _built), after in zip(leading, following, strict=True)}
        for sender, built in begun:
            self.busy.add(sender)
            sender.give(built, behind.get(sender))
        self.idle = [sender for sender in self.idle if sender not in self.busy]

    def wait(self, most_s: float) -> list[tuple[Built, Reply]]:
        """Wait until somebody is back, or something is heard at the desk, or that long; returns what became of what."""
        told = []
        for sender in self.desk.wait(len(self.busy) // 4, most_s):
            self.busy.discard(sender)
            if sender.error is not None:
                self.error = sender.error
                continue
            self.idle.append(sender)
            if not sender.is_ahead:
                self._take_back(sender)
            if sender.handed is not None and sender.reply is not None:
                told.append((sender.handed, sender.reply))
        return told

    @property
    def look_s(self) -> float:
        """When to look up from a wait at the latest; infinite where nobody is there to be given anything."""
        if not self.idle:
            return math.inf
        return _HANGS_S if any(sender.following for sender in self.busy) else LOOK_S

    def take_from_those_that_hang(self, *, last: bool) -> None:
        """Take back what follows messages that hang, where somebody is idle.

        Args:
            last: Whether nothing else is left to be given to those.
        """
        now_s = time.monotonic()
        if not self.idle or now_s < self._next_look_s:
            return
        self._next_look_s = now_s + _HANGS_S / 2
        for sender in self.busy:
            if sender.following is not None and now_s - sender.given_s > (_HANGS_S if last else _STALLS_S):
                self._take_back(sender)
                sender.leads = False  # or it would do nothing but open connections, where all take so long

    def _take_back(self, sender: Sender) -> None:
        if sender.handed is not None and sender.following is not None:
            self._gate.take_back(sender.following, sender.handed)
            sender.following = None

    def dismiss(self) -> None:
        """Have all connections closed; to be called when nobody is busy."""
        for sender in self._senders:
            sender.stop()
        for sender in self._senders:
            sender.join()
        self.desk.close()
