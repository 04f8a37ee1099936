"""Group commit: many senders, one transaction at a time, and nobody goes on before it is durable."""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Callable
from dataclasses import dataclass

from digest.store import deliveries
from digest.store.database import Database
from digest.store.deliveries import Result


@dataclass(slots=True, eq=False)
class _Turn:
    """One sender at the door: the result of its last message, and the delivery it wants to begin."""

    result: Result | None
    begin: int | None
    granted: bool = False
    done: bool = False
    error: BaseException | None = None


class GroupCommitter:
    """Settles results and begins hand-overs for all senders, as many as wait in one commit.

    Whoever gets the lock commits for all who queued meanwhile: with one fsync for n senders, the price of a durable
    result falls with the number of connections, and no thread of its own has to be woken.
    """

    def __init__(self, database: Database, claimant: str, clock: Callable[[], dt.datetime]) -> None:
        self._database = database
        self._claimant = claimant
        self._clock = clock
        self._door = threading.Lock()  # guards the queue
        self._waiting: list[_Turn] = []
        self._commit = threading.Lock()  # held by the one who commits

    def turn(self, result: Result | None, begin: int | None) -> bool:
        """Make `result` durable and `begin` begun, in one commit.

        Returns:
            Whether `begin` may be handed over: its claim still holds and its reader has not left.

        Raises:
            DatabaseError: Nothing of this turn is durable, and no further message may be begun.
        """
        mine = _Turn(result=result, begin=begin)
        with self._door:
            self._waiting.append(mine)
        with self._commit:
            if not mine.done:
                with self._door:
                    turns, self._waiting = self._waiting, []
                self._run(turns)
        if mine.error is not None:
            raise mine.error
        return mine.granted

    def _run(self, turns: list[_Turn]) -> None:
        try:
            granted = self._write(turns)
        except BaseException as error:  # every sender of the group has to hear of it, each in its own thread
            for turn in turns:
                turn.error, turn.done = error, True
            return
        for turn in turns:
            turn.granted, turn.done = turn.begin in granted, True

    def _write(self, turns: list[_Turn]) -> set[int]:
        results = [turn.result for turn in turns if turn.result is not None]
        wanted = [turn.begin for turn in turns if turn.begin is not None]
        now = self._clock()
        with self._database.write() as conn:
            deliveries.settle(conn, results, claimant=self._claimant, now=now)
            granted = deliveries.begin(conn, wanted, claimant=self._claimant, now=now)
            refused = [key for key in wanted if key not in granted]
            deliveries.drop(conn, refused, claimant=self._claimant, now=now)
        return granted
