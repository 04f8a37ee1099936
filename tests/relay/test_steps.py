"""Messages taken on step by step over open connections: the same answers as when a thread waits for each."""

from __future__ import annotations

import selectors

import pytest

from digest.compose.message import Message
from digest.deliver.reply import Reply, Silence, Step
from digest.relay.smtp import SmtpConnection, SmtpHanding
from digest.relay.wire import Deadlines
from tests.relay.conftest import Tls
from tests.relay.test_smtp import OK, REFUSALS, SHORT_S, SILENCES, connect, long_message, message, silent
from tests.smtp_server import CLOSE, HANG, Answer, Slow, SmtpServer

STEPS = ("mail", "rcpt", "data", "dot")


def begin(connection: SmtpConnection, one: Message) -> SmtpHanding:
    """Begin over a connection that is open."""
    handing = connection.begin(one)
    assert handing is not None
    return handing


def finish(*handings: SmtpHanding) -> list[Reply | None]:
    """Take messages on together, each when its socket is ready or its time is over, to their ends."""
    under_way = [handing for handing in handings if handing.event is not None]
    while under_way:
        with selectors.DefaultSelector() as selector:
            for handing in under_way:
                assert handing.event is not None
                selector.register(handing.fileno(), handing.event, handing)
            ready = [key.data for key, _events in selector.select(min(one.left_s() for one in under_way))]
        for handing in under_way:
            if handing in ready or handing.left_s() <= 0:
                handing.advance(in_time=handing in ready)
        under_way = [handing for handing in under_way if handing.event is not None]
    return [handing.reply for handing in handings]


def test_opening_is_left_to_who_may_wait() -> None:
    """Nothing begins over a connection that is not open, or is due to be made anew."""
    with SmtpServer() as server:
        connection = connect(server, recycle_after=3)
        assert connection.begin(message()) is None
        assert connection.hand_over(message()) == OK
        assert finish(begin(connection, message("bob"))) == [OK]
        assert finish(begin(connection, message("cyd"))) == [OK]
        assert connection.begin(message("dan")) is None
        assert connection.hand_over(message("dan")) == OK
        connection.close()
        assert server.connections == 2
    names = [taken.recipient.partition("@")[0] for taken in server.accepted]
    assert names == ["ada", "bob", "cyd", "dan"]


@pytest.mark.parametrize("pipelining", [True, False])
@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("kind", REFUSALS)
def test_refusals(step: str, kind: str, pipelining: bool) -> None:
    """A refusal is reported as ever, and the connection is kept as ever; but for 421 to MAIL, which is stale."""
    code, text = REFUSALS[kind].split(" ", 1)
    stale = (step, kind) == ("mail", "421")
    with SmtpServer(answers={step: [None, REFUSALS[kind]]}, pipelining=pipelining) as server:
        connection = connect(server)
        assert connection.hand_over(message()) == OK
        refusal = None if stale else Reply(step=Step(step), code=int(code), text=text)
        assert finish(begin(connection, message("bob"))) == [refusal]
        kept = kind != "421" and step != "mail"
        following = connection.begin(message("cyd"))
        assert (following is not None) == kept
        if following is not None:
            assert finish(following) == [OK]
        connection.close()
        assert server.connections == 1
    assert len(server.accepted) == (2 if kept else 1)


def test_a_full_session() -> None:
    """Where a session takes no more, the message is left to who may open another: nothing of it has left."""
    with SmtpServer(answers={"rcpt": [None, "452 4.5.3 enough"]}) as server:
        connection = connect(server)
        assert connection.hand_over(message()) == OK
        assert finish(begin(connection, message("bob"))) == [None]
        assert connection.begin(message("bob")) is None
        assert connection.hand_over(message("bob")) == OK
        connection.close()
        assert [taken.connection for taken in server.accepted] == [1, 2]


@pytest.mark.parametrize("pipelining", [True, False])
@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("kind", SILENCES)
def test_silences(step: str, kind: str, pipelining: bool) -> None:
    """A broken connection and garbage are reported as ever, and nothing begins after them."""
    answer, silence, text = SILENCES[kind]
    stale = (step, answer) == ("mail", CLOSE)
    with SmtpServer(answers={step: [None, answer]}, pipelining=pipelining) as server:
        connection = connect(server)
        assert connection.hand_over(message()) == OK
        expected = None if stale else silent(Step(step), silence, text)
        assert finish(begin(connection, message("bob"))) == [expected]
        assert connection.begin(message("cyd")) is None
        assert connection.hand_over(message("cyd")) == OK
        connection.close()
    assert [taken.recipient for taken in server.accepted] == ["ada@example.org", "cyd@example.org"]


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("answer", [HANG, Slow(pause_s=0.02)], ids=["hang", "slow"])
def test_deadlines(step: str, answer: Answer) -> None:
    """Neither a relay that says nothing nor one that says a byte at a time is waited for longer than its step."""
    deadlines = Deadlines(dot_s=SHORT_S) if step == "dot" else Deadlines(step_s=SHORT_S)
    with SmtpServer(answers={step: [None, answer]}) as server:
        connection = connect(server, deadlines=deadlines)
        assert connection.hand_over(message()) == OK
        assert finish(begin(connection, message("bob"))) == [silent(Step(step), Silence.TIMEOUT)]
        assert connection.begin(message("cyd")) is None
    assert [taken.recipient for taken in server.accepted] == ["ada@example.org"]


def test_an_answer_that_came_while_we_were_stopped() -> None:
    """What the relay said in time counts, also when it is read late: else a message that was taken is sent again."""
    now_s = [0.0]
    with SmtpServer() as server:
        connection = connect(server, clock=lambda: now_s[0])
        assert connection.hand_over(message()) == OK
        handing = begin(connection, message("bob"))
        while handing.event is not None:
            with selectors.DefaultSelector() as selector:
                selector.register(handing.fileno(), handing.event)
                assert selector.select(20)
            if len(server.accepted) == 2:
                now_s[0] += 3600.0
            handing.advance()
        assert handing.reply == OK
        connection.close()


@pytest.mark.parametrize("secure", [False, True])
def test_a_long_message_in_parts(secure: bool, tls: Tls) -> None:
    """16 MB arrive as they were, whatever the kernel takes at a time, in the clear and under TLS."""
    with SmtpServer(implicit_tls=tls.good if secure else None) as server:
        connection = connect(server, tls)
        assert connection.hand_over(message()) == OK
        handing = begin(connection, long_message())
        assert finish(handing) == [OK]
        connection.close()
    assert server.accepted[1].data == long_message().data


def test_many_at_once() -> None:
    """One thread serves eight connections; each message is accepted once."""
    with SmtpServer() as server:
        connections = [connect(server) for _ in range(8)]
        for place, connection in enumerate(connections):
            assert connection.hand_over(message(f"r{place}-0")) == OK
        for number in range(1, 20):
            begun = [begin(c, message(f"r{place}-{number}")) for place, c in enumerate(connections)]
            assert finish(*begun) == [OK] * 8
        for connection in connections:
            connection.close()
        assert server.connections == 8
    assert sorted(taken.recipient for taken in server.accepted) == sorted(
        f"r{place}-{number}@example.org" for place in range(8) for number in range(20)
    )


def test_refused_without_a_byte() -> None:
    """A message that no relay could be given is over before it begins; the connection is kept."""
    with SmtpServer() as server:
        connection = connect(server)
        assert connection.hand_over(message()) == OK
        handing = begin(connection, Message(sender="", recipient="a b@example.org", data=b"A: b\r\n\r\n"))
        assert handing.event is None
        assert handing.reply is not None
        assert (handing.reply.step, handing.reply.code) == (Step.RCPT, 553)
        assert finish(begin(connection, message("bob"))) == [OK]
        connection.close()
