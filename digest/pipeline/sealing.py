"""Closing drafts: a few are signed here, one by one; where there are many, by a process beside this one."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable

from digest.deliver.delivery import Delivery
from digest.log import logger
from digest.pipeline.ports import Draft, Signing
from digest.pipeline.senders import Built, Desk
from digest.store.deliveries import Result

#: Signed in one go: so many take 4 ms, and what the process is asked by takes a hundredth of that.
_CHUNK = 16
#: Longest wait for a word of the process, which takes milliseconds: then it is stopped, or stuck.
_SILENT_S = 30.0

Drafted = tuple[Delivery, Draft]

_log = logger("deliver")


class Sealer:
    """Closes the drafts of one run, those that another process signs in the order in which they were given.

    Args:
        start: Starts that process; None where there is none to start.
        seal: Closes a draft with signatures, or signs it itself where there are none; returns what came of it.
        desk: Where is waited for the process.
    """

    def __init__(
        self,
        start: Callable[[], Signing] | None,
        seal: Callable[[Delivery, Draft, bytes | None], Built | Result],
        desk: Desk,
    ) -> None:
        self._start = start
        self._seal = seal
        self._desk = desk
        self._process: Signing | None = None
        self._given: deque[list[Drafted]] = deque()
        self._heard_s = 0.0  # when it signed last, or got something after it had nothing to do

    @property
    def pending(self) -> int:
        """How many drafts the process has."""
        return sum(map(len, self._given))

    def expect_many(self) -> None:
        """Start the process: for a few mails it would take longer to start than to sign them."""
        start, self._start = self._start, None
        if start is None:
            return
        try:
            self._process = start()
        except OSError as error:
            # No process to be had, or a key that cannot be read any more: this process has what it takes.
            _log.warning("no signing process", error=error.strerror)
        else:
            self._desk.listen(self._process.fileno())

    def close(self, drafts: Iterable[Drafted]) -> list[Built | Result]:
        """Close drafts; returns those that are closed by now, `received` gives the others."""
        closed, to_sign = [], []
        for delivery, draft in drafts:
            if self._process is not None and draft.unsigned.signed_by:
                to_sign.append((delivery, draft))
            else:
                closed.append(self._seal(delivery, draft, None))
        for start in range(0, len(to_sign), _CHUNK):
            closed += self._submit(to_sign[start : start + _CHUNK])
        return closed

    @property
    def is_silent(self) -> bool:
        """Whether the process has not signed for so long that it is not waited for any more."""
        return bool(self._given) and time.monotonic() - self._heard_s > _SILENT_S

    def received(self) -> list[Built | Result]:
        """What the process has signed; to be called when the desk has heard of it, or it is silent."""
        closed: list[Built | Result] = []
        silent = self.is_silent
        # All of it: what is taken at once is begun in one commit.
        while self._process is not None:
            try:
                if not self._process.has_signed():
                    return closed + self._alone() if silent else closed
                signatures = self._process.receive()  # where it has nothing to do, that it is gone
            except (EOFError, OSError):
                return closed + self._alone()
            self._heard_s, silent = time.monotonic(), False
            signed = zip(self._given.popleft(), signatures, strict=True)
            closed += [self._seal(delivery, draft, signature) for (delivery, draft), signature in signed]
        return closed

    def end(self) -> None:
        """End the process."""
        if self._process is not None:
            self._desk.listen_no_more(self._process.fileno())
            self._process.close()
            self._process = None

    def _submit(self, drafts: list[Drafted]) -> list[Built | Result]:
        if not self._given:
            self._heard_s = time.monotonic()
        self._given.append(drafts)
        try:
            if self._process is not None:
                self._process.submit([draft.unsigned for _delivery, draft in drafts])
                return []
        except OSError:
            pass
        return self._alone()

    def _alone(self) -> list[Built | Result]:
        """Sign all that the process had, as it is gone or silent: nothing is lost with it but speed."""
        if self._process is not None:
            _log.warning("signing process gone", pending=self.pending)
            self.end()
        left = [drafted for chunk in self._given for drafted in chunk]
        self._given.clear()
        return [self._seal(delivery, draft, None) for delivery, draft in left]
