"""Messages taken on step by step over open connections: the same answers as when a thread waits for each."""

from __future__ import annotations

import selectors
import socket
from collections.abc import Sequence
from typing import cast

import pytest

from digest.compose.message import Message
from digest.deliver.reply import Reply, Silence, Step
from digest.relay.session import Session
from digest.relay.smtp import SmtpConnection, SmtpHanding
from digest.relay.wire import Broken, Deadlines, Steps, Wire
from tests.relay.conftest import Tls
from tests.relay.test_smtp import OK, REFUSALS, SHORT_S, SILENCES, connect, long_message, message, silent
from tests.smtp_server import CLOSE, GARBAGE, HANG, Answer, Raw, Slow, SmtpServer, wait_until

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


def test_what_may_not_start_opens_the_way() -> None:
    """Asked once a session is open, also where the one at hand turned out to be closed; then it begins at once."""
    asked: list[str] = []
    with SmtpServer(answers={"mail": [None, CLOSE]}) as server:
        connection = connect(server)
        assert connection.hand_over(message()) == OK

        def may_start() -> bool:
            asked.append(" ".join(server.commands))
            return server.connections < 2

        assert connection.hand_over(message("bob"), may_start=may_start).silence is Silence.LATE
        assert asked == ["EHLO MAIL RCPT DATA", "EHLO MAIL RCPT DATA MAIL EHLO"]
        assert finish(begin(connection, message("bob"))) == [OK]
        connection.close()
        assert server.connections == 2


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


# -- an envelope ahead ----------------------------------------------------------------------------------


def led(server: SmtpServer, following: Message, tls: Tls | None = None, **options: object) -> SmtpConnection:
    """Open a connection, and hand a message over with the envelope of another behind its content."""
    connection = connect(server, tls, **options)
    leads = [connection.may_lead]
    assert connection.hand_over(message("first")) == OK
    assert [*leads, connection.may_lead] == [False, True]
    handing = connection.begin(message("leader"), following)
    assert handing is not None
    assert finish(handing) == [OK]
    assert handing.is_ahead
    return connection


@pytest.mark.parametrize("secure", [False, True])
def test_an_envelope_goes_behind_the_message_before(secure: bool, tls: Tls) -> None:
    """A message costs one write: MAIL, RCPT and DATA of the next leave with it, and nothing of its content."""
    names = [f"r{number}" for number in range(20)]
    following = [message(name) for name in names]
    with SmtpServer(implicit_tls=tls.good if secure else None) as server:
        connection = led(server, following[0], tls)
        wait_until(lambda: server.commands.count("DATA") == 3)
        assert len(server.accepted) == 2
        for number, one in enumerate(following):
            after = following[number + 1] if number < 19 else None
            handing = connection.begin(one, after)
            assert handing is not None
            assert finish(handing) == [OK]
            assert handing.is_ahead == (after is not None)
        connection.close()
        wait_until(lambda: server.idle)
        assert server.commands == ["EHLO", *["MAIL", "RCPT", "DATA"] * 22, "QUIT"]
        assert [taken.recipient for taken in server.accepted[2:]] == [f"{name}@example.org" for name in names]
        assert [taken.data for taken in server.accepted[2:]] == [one.data for one in following]


@pytest.mark.parametrize("step", ["mail", "rcpt", "data", "dot"])
@pytest.mark.parametrize("kind", REFUSALS)
def test_refusals_of_one_ahead(step: str, kind: str) -> None:
    """It is refused as any other, and the session is gone on with as ever."""
    code, text = REFUSALS[kind].split(" ", 1)
    stale = (step, kind) == ("mail", "421")
    following = message("bob")
    with SmtpServer(answers={step: [None, None, REFUSALS[kind]]}) as server:
        connection = led(server, following)
        refusal = None if stale else Reply(step=Step(step), code=int(code), text=text)
        assert finish(begin(connection, following)) == [refusal]
        kept = kind != "421" and step != "mail"
        assert connection.is_open == kept
        assert connection.hand_over(message("cyd")) == OK
        connection.close()
        assert server.connections == (1 if kept else 2)
    assert [taken.recipient for taken in server.accepted][2:] == ["cyd@example.org"]


@pytest.mark.parametrize("step", ["rcpt", "data", "dot"])
@pytest.mark.parametrize("kind", REFUSALS)
def test_refusals_of_the_one_before(step: str, kind: str) -> None:
    """What follows is ahead only where the content before it left, and the session goes on."""
    code, text = REFUSALS[kind].split(" ", 1)
    following = message("cyd")
    with SmtpServer(answers={step: [None, REFUSALS[kind]]}) as server:
        connection = connect(server)
        assert connection.hand_over(message()) == OK
        handing = connection.begin(message("bob"), following)
        assert handing is not None
        assert finish(handing) == [Reply(step=Step(step), code=int(code), text=text)]
        assert handing.is_ahead == (step == "dot" and kind != "421")
        assert connection.hand_over(following) == OK
        connection.close()
        assert server.connections == (2 if kind == "421" else 1)
    assert [taken.recipient for taken in server.accepted] == ["ada@example.org", "cyd@example.org"]


def test_421_behind_what_was_taken() -> None:
    """It stands where the reply to MAIL should: what is ahead goes over another session."""
    answers: list[Answer | None] = [None, Raw(b"250 2.0.0 queued\r\n421 4.3.2 enough\r\n", close=True)]
    following = message("cyd")
    with SmtpServer(answers={"dot": answers}) as server:
        connection = led(server, following)
        assert finish(begin(connection, following)) == [None]
        assert connection.hand_over(following) == OK
        connection.close()
        assert server.connections == 2
        assert len(server.accepted) == 2  # the script answers for the one before, and does not take it


@pytest.mark.parametrize("by_thread", [True, False])
def test_another_than_the_one_ahead(by_thread: bool) -> None:
    """The session is given up without a word, as the relay would take any for content."""
    with SmtpServer() as server:
        connection = led(server, message("bob"))
        if by_thread:
            assert connection.hand_over(message("cyd")) == OK
        else:
            assert connection.begin(message("cyd")) is None
            assert connection.hand_over(message("cyd")) == OK
        connection.close()
        wait_until(lambda: server.idle)
        assert server.connections == 2
        assert "QUIT" not in [line.decode() for number, line in server.lines if number == 1]
        assert [taken.recipient.partition("@")[0] for taken in server.accepted] == ["first", "leader", "cyd"]


def test_closing_before_the_one_ahead() -> None:
    """Nothing of it is taken."""
    with SmtpServer() as server:
        led(server, message("bob")).close()
        wait_until(lambda: server.idle)
        assert "QUIT" not in server.commands
        assert len(server.accepted) == 2


def test_the_one_ahead_by_a_thread() -> None:
    """It need not be taken on step by step."""
    following = message("bob")
    with SmtpServer() as server:
        connection = led(server, following)
        assert connection.hand_over(following) == OK
        connection.close()
        assert (server.connections, len(server.accepted)) == (1, 3)


def test_who_may_not_lead() -> None:
    """Not the last message of a session, nor any to a relay without PIPELINING."""
    with SmtpServer() as server:
        connection = connect(server, recycle_after=3)
        assert connection.hand_over(message()) == OK
        leads = [connection.may_lead]
        assert finish(begin(connection, message("bob"))) == [OK]
        assert [*leads, connection.may_lead] == [True, False]
        connection.close()
    with SmtpServer(pipelining=False) as server:
        connection = connect(server)
        assert connection.hand_over(message()) == OK
        assert not connection.may_lead
        connection.close()


def test_one_that_is_refused_here_is_not_ahead() -> None:
    """It would have to be taken back."""
    following = Message(sender="", recipient="a b@example.org", data=b"A: b\r\n\r\n")
    with SmtpServer() as server:
        connection = connect(server)
        assert connection.hand_over(message()) == OK
        handing = connection.begin(message("bob"), following)
        assert handing is not None
        assert finish(handing) == [OK]
        assert not handing.is_ahead
        assert connection.hand_over(message("cyd")) == OK
        connection.close()
        assert server.connections == 1


@pytest.mark.parametrize(
    ("step", "answer"),
    [
        ("mail", "503 5.5.0 improper use of pipelining"),
        ("mail", "554 5.5.0 synchronization error"),
        ("mail", HANG),
        ("rcpt", "503 5.5.1 MAIL first"),
        ("data", "503 5.5.0 improper use of pipelining"),
    ],
)
def test_a_relay_that_does_not_listen(step: str, answer: Answer) -> None:
    """Where an envelope ahead was lost, or refused for coming early, its message goes anew, and none goes ahead again."""
    following = message("bob")
    with SmtpServer(answers={step: [None, None, answer]}) as server:
        connection = led(server, following, deadlines=Deadlines(step_s=SHORT_S))
        assert finish(begin(connection, following)) == [None]
        assert connection.hand_over(following) == OK
        assert not connection.may_lead
        assert connection.hand_over(message("cyd")) == OK
        connection.close()
    assert [taken.recipient for taken in server.accepted][2:] == ["bob@example.org", "cyd@example.org"]


@pytest.mark.parametrize("answer", [CLOSE, HANG, GARBAGE], ids=["closed", "hang", "garbage"])
def test_no_answer_with_an_envelope_behind(answer: Answer) -> None:
    """Whether that was why is not known: the message is in doubt, and none goes ahead any more."""
    with SmtpServer(answers={"dot": [None, answer]}) as server:
        connection = connect(server, deadlines=Deadlines(dot_s=SHORT_S))
        assert connection.hand_over(message()) == OK
        leads = [connection.may_lead]
        handing = connection.begin(message("bob"), message("cyd"))
        assert handing is not None
        (reply,) = finish(handing)
        assert reply is not None
        assert (reply.step, reply.code, handing.is_ahead) == (Step.DOT, None, False)
        assert connection.hand_over(message("dan")) == OK
        assert [*leads, connection.may_lead] == [True, False]
        connection.close()


class Narrow:
    """A socket that takes so many bytes, and then makes us wait or is reset."""

    def __init__(self, room: int, error: type[OSError]) -> None:
        self.room, self.error, self.sent = room, error, b""

    def send(self, data: bytes) -> int:
        if not self.room:
            raise self.error
        taken = bytes(data[: self.room])
        self.room -= len(taken)
        self.sent += taken
        return len(taken)

    def sendmsg(self, parts: Sequence[bytes]) -> int:
        return self.send(b"".join(parts))


@pytest.mark.parametrize("error", [BlockingIOError, ConnectionResetError])
@pytest.mark.parametrize("room", [0, 5, 9, 10, 13, 16])
def test_what_goes_ahead_is_not_waited_for(room: int, error: type[OSError]) -> None:
    """Once the dot has left, the message may be the relay's, whatever keeps the envelope behind it from leaving."""
    wire = Wire(hello="x", deadlines=Deadlines(), clock=lambda: 0.0)
    sock = Narrow(room, error)
    wire.sock = cast("socket.socket", sock)
    steps = wire.writing(b"content", b".\r\n", b"MAIL\r\n")
    if room >= 10:
        with pytest.raises(StopIteration) as end:
            next(steps)
        assert end.value.value == room - 10
    elif error is BlockingIOError:
        assert next(steps) == selectors.EVENT_WRITE
        sock.room = 100
        with pytest.raises(StopIteration) as end:
            steps.send(True)
        assert (end.value.value, sock.sent) == (6, b"content.\r\nMAIL\r\n")
    else:
        with pytest.raises(Broken):
            next(steps)


def test_half_an_envelope(monkeypatch: pytest.MonkeyPatch) -> None:
    """The message before it was taken; the session is of no more use, and what follows goes over another."""
    whole = Session.writing

    def half(self: Session, data: bytes, end: bytes = b"", ahead: bytes = b"") -> Steps[int]:
        yield from whole(self, data, end + ahead[:5])
        return min(5, len(ahead))

    following = message("cyd")
    with SmtpServer() as server:
        connection = connect(server)
        assert connection.hand_over(message()) == OK
        with monkeypatch.context() as patch:
            patch.setattr(Session, "writing", half)
            handing = connection.begin(message("bob"), following)
            assert handing is not None
            assert finish(handing) == [OK]
        assert (handing.is_ahead, connection.is_open) == (False, False)
        assert connection.hand_over(following) == OK
        connection.close()
        assert server.connections == 2
