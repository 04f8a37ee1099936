"""Take every message and keep none: a rehearsal of how long the readers of this installation take."""

from __future__ import annotations

from digest.compose.message import Message
from digest.deliver.reply import Reply, Step

_TAKEN = Reply(step=Step.DOT, code=250, text="2.0.0 dry: mailed to nobody")


class DryRelay:
    """Says 250 and forgets; `pipeline.rehearsal` keeps it away from the ledgers of real mail."""

    def connect(self) -> DryConnection:
        """Return a connection; there is nothing behind it."""
        return DryConnection()


class DryConnection:
    """What one thread hands its messages to."""

    def hand_over(self, message: Message) -> Reply:
        """Take one message, and let it go."""
        return _TAKEN

    def close(self) -> None:
        """Nothing is open."""
