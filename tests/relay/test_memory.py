"""The mailer that remembers."""

from __future__ import annotations

from digest.compose.message import Message
from digest.deliver.reply import Reply, Silence, Step
from digest.relay.memory import ACCEPTED, MemoryRelay, in_turn

ADA = Message(sender="news@example.org", recipient="ada@example.org", data=b"a\r\n")
BOB = Message(sender="news@example.org", recipient="bob@example.org", data=b"b\r\n")
REFUSED = Reply(step=Step.RCPT, code=550, text="5.1.1 no such user")
LOST = Reply(step=Step.DOT, code=None, text="", silence=Silence.CLOSED)


def test_it_remembers() -> None:
    """Without a script everything is accepted and kept in order, over all connections."""
    relay = MemoryRelay()
    assert [relay.connect().hand_over(message) for message in (ADA, BOB)] == [ACCEPTED, ACCEPTED]
    assert relay.accepted == [ADA, BOB]


def test_a_script() -> None:
    """A script answers per message; what it refuses is tried and not accepted."""
    relay = MemoryRelay(lambda message: REFUSED if message is ADA else None)
    connection = relay.connect()
    assert [connection.hand_over(message) for message in (ADA, BOB)] == [REFUSED, ACCEPTED]
    assert (relay.tried, relay.accepted) == ([ADA, BOB], [BOB])


def test_in_turn() -> None:
    """A list of replies is used up one by one, then everything is accepted."""
    connection = MemoryRelay(in_turn([LOST, None, REFUSED])).connect()
    assert [connection.hand_over(ADA) for _ in range(4)] == [LOST, ACCEPTED, REFUSED, ACCEPTED]


def test_close_is_counted() -> None:
    """A test can see that a connection was closed."""
    connection = MemoryRelay().connect()
    connection.close()
    assert connection.closed == 1
