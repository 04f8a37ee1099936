"""The relay that keeps nothing."""

from __future__ import annotations

from digest.compose.message import Message
from digest.relay.dry import DryRelay


def test_it_takes_all_and_says_so() -> None:
    """Accepted, as a relay would say it, and mailed to nobody."""
    connection = DryRelay().connect()
    reply = connection.hand_over(Message(sender="", recipient="ada@example.org", data=b"Hello.\r\n"))
    connection.close()
    assert reply.accepted
    assert reply.text == "2.0.0 dry: mailed to nobody"
