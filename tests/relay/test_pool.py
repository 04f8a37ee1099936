"""Several relays: shared out by weight, each within its own connections, and left aside while in trouble."""

from __future__ import annotations

import math
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from select import select

import pytest

from digest.compose.message import Message
from digest.deliver.pace import Rate
from digest.deliver.reply import Reply, Silence, Step
from digest.relay.place import Member
from digest.relay.pool import PoolConnection, RelayPool
from digest.relay.smtp import SmtpConnection, SmtpHanding, SmtpRelay
from digest.relay.url import parse_url
from digest.relay.wire import Deadlines
from tests.relay.conftest import Tls
from tests.smtp_server import CLOSE, HANG, Answer, Hold, Raw, SmtpServer, wait_until

pytestmark = pytest.mark.timeout(60)

ACCEPTED = Reply(step=Step.DOT, code=250, text="2.0.0 queued")


class Seconds:
    """Monotonic seconds that stand until they are moved."""

    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


def message(number: int = 0) -> Message:
    data = f"Message-ID: <{number}@example.org>\r\n\r\nHello.\r\n".encode()
    return Message(sender="news@example.org", recipient=f"reader{number}@example.org", data=data)


def member(
    server: SmtpServer | int,
    name: str = "",
    *,
    clock: Callable[[], float] = time.monotonic,
    **options: object,
) -> Member:
    """A relay of a pool, by the pool's clock; a number is a port at which nobody may listen."""
    port = server if isinstance(server, int) else server.port
    user = "me@" if isinstance(server, SmtpServer) and server.auth else ""
    relay = SmtpRelay(
        parse_url(f"smtp://{user}127.0.0.1:{port}"),
        password="secret" if user else None,
        recycle_after=int(str(options.pop("recycle_after", 50))),
        clock=clock,
    )
    return Member(name=name or str(port), relay=relay, **options)  # type: ignore[arg-type] # by the dataclass


@contextmanager
def servers(*answers: dict[str, object], **options: object) -> Iterator[list[SmtpServer]]:
    with ExitStack() as stack:
        yield [stack.enter_context(SmtpServer(answers=each, **options)) for each in answers]  # type: ignore[arg-type]


def counts(*found: SmtpServer) -> list[int]:
    return [len(server.accepted) for server in found]


def send(connection: PoolConnection, given: Message) -> Reply:
    """Hand over as a sender does: step by step while a session is open."""
    handing = connection.begin(given)
    while handing is not None and handing.event is not None:
        assert handing.left_s() > 0
        reading = handing.event == 1
        select([handing] if reading else [], [] if reading else [handing], [], 10)
        handing.advance()
    if handing is not None and handing.reply is not None:
        return handing.reply
    return connection.hand_over(given)


def dead_port() -> int:
    server = SmtpServer()
    server.stop()
    return server.port


# -- weights ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("stepped", [True, False])
def test_shares_are_weights(stepped: bool) -> None:
    """Of 400 messages over 3:1, 300 and 100; over as many sessions as that takes at 50 a session."""
    with servers({}, {}) as (one, other):
        connection = RelayPool([member(one, weight=3), member(other, weight=1)]).connect()
        replies = [
            send(connection, message(n)) if stepped else connection.hand_over(message(n)) for n in range(400)
        ]
        connection.close()
        assert replies == [ACCEPTED] * 400
        assert counts(one, other) == [300, 100]
        assert (one.connections, other.connections) == (6, 2)


def test_many_senders_keep_within_each_relays_connections() -> None:
    """Eight senders, six and two connections: every message goes once, and no relay sees more sessions than it may."""
    with servers({}, {}) as (one, other):
        pool = RelayPool(
            [
                member(one, weight=3, connections=6, recycle_after=999),
                member(other, connections=2, recycle_after=999),
            ]
        )

        def run(sender: int) -> PoolConnection:
            connection = pool.connect()
            for n in range(50):
                assert send(connection, message(50 * sender + n)) == ACCEPTED
            return connection

        with ThreadPoolExecutor(8) as threads:
            for connection in list(threads.map(run, range(8))):
                connection.close()
        assert sorted(taken.recipient for server in (one, other) for taken in server.accepted) == sorted(
            message(n).recipient for n in range(400)
        )
        assert one.connections <= 6
        assert other.connections <= 2
        assert min(counts(one, other)) > 0


def test_the_last_sender_closes_all() -> None:
    """Sessions are closed with a goodbye, one for each sender that leaves and all with the last."""
    with servers({}) as (server,):
        pool = RelayPool([member(server)])
        one, other = pool.connect(), pool.connect()
        assert send(one, message()) == ACCEPTED
        one.close()
        wait_until(lambda: server.commands[-1] == "QUIT")
        other.close()
        last = pool.connect()
        assert send(last, message()) == ACCEPTED
        last.close()
        wait_until(lambda: server.commands.count("QUIT") == server.connections == 2)


# -- failover -----------------------------------------------------------------------------------------

TROUBLES: dict[str, dict[str, object]] = {
    "AUTH": {"auth": "535 5.7.8 wrong"},
    "421 at connect": {"connect": "421 4.3.2 closing"},
    "EHLO": {"ehlo": "550 5.0.0 no"},
    "closed at connect": {"connect": CLOSE},
    "MAIL 4xx": {"mail": "451 4.3.0 try later"},
    "MAIL 5xx": {"mail": "550 5.7.1 who are you"},
    "MAIL closed": {"mail": CLOSE},
}


@pytest.mark.parametrize("trouble", TROUBLES)
@pytest.mark.parametrize("pipelining", [True, False])
def test_the_next_relay_takes_it_at_once(trouble: str, pipelining: bool) -> None:
    """Whatever goes wrong before a reader was heard of, each message is taken once, and the relay is left aside."""
    seconds = Seconds()
    with servers(TROUBLES[trouble], {}, pipelining=pipelining, auth=("me", "secret")) as (bad, good):
        pool = RelayPool(
            [member(bad, "bad", weight=9, clock=seconds), member(good, "good", clock=seconds)], clock=seconds
        )
        connection = pool.connect()
        assert [send(connection, message(n)) for n in range(20)] == [ACCEPTED] * 20
        connection.close()
        assert counts(bad, good) == [0, 20]
        # Tried once, and once more where its session ended as it would for being idle.
        assert bad.connections <= 2
        assert [(each.name, each.left_s) for each in pool.aside()] == [("bad", 60.0)]
        assert not any(line.startswith(b"Message-ID") for _, line in bad.lines)


def test_a_dead_relay_is_passed_over() -> None:
    """Nobody listens at one: all messages go over the other."""
    seconds = Seconds()
    with servers({}) as (good,):
        pool = RelayPool(
            [member(dead_port(), "dead", weight=5, clock=seconds), member(good, clock=seconds)], clock=seconds
        )
        connection = pool.connect()
        assert [send(connection, message(n)) for n in range(20)] == [ACCEPTED] * 20
        connection.close()
        assert counts(good) == [20]
        (aside,) = pool.aside()
    assert (aside.name, aside.said) == ("dead", "connect closed Connection refused")


def test_one_that_dies_in_mid_run() -> None:
    """A relay that is gone after its tenth message: the rest goes over the other, none twice, none lost."""
    with SmtpServer() as good:
        dying = SmtpServer()
        pool = RelayPool([member(dying), member(good)])
        connection = pool.connect()
        replies = []
        for n in range(100):
            if len(dying.accepted) == 10:
                dying.stop()
            replies.append(send(connection, message(n)))
        connection.close()
        assert replies == [ACCEPTED] * 100
        assert counts(dying, good) == [10, 90]
        assert len({taken.message_id for server in (dying, good) for taken in server.accepted}) == 100


@pytest.mark.parametrize(
    ("step", "answer", "said"),
    [
        ("rcpt", "550 5.1.1 no such user", (Step.RCPT, 550, None)),
        ("rcpt", "451 4.7.1 greylisted", (Step.RCPT, 451, None)),
        ("data", "451 4.3.0 later", (Step.DATA, 451, None)),
        ("body", CLOSE, (Step.DOT, None, Silence.CLOSED)),
        ("dot", CLOSE, (Step.DOT, None, Silence.CLOSED)),
        ("dot", "451 4.3.0 later", (Step.DOT, 451, None)),
        ("dot", "554 5.7.1 spam", (Step.DOT, 554, None)),
    ],
)
@pytest.mark.parametrize("stepped", [True, False])
def test_never_again_once_a_reader_was_heard_of(
    step: str, answer: Answer, said: tuple[Step, int | None, Silence | None], stepped: bool
) -> None:
    """From RCPT on the relay's word stands: the other relay never sees that message."""
    answers = [None, answer] if stepped else [answer]
    with servers({step: answers}, {}) as (one, other):
        connection = RelayPool([member(one, weight=99), member(other)]).connect()
        if stepped:
            assert send(connection, message(1)) == ACCEPTED
        reply = send(connection, message(2))
        assert (reply.step, reply.code, reply.silence) == said
        connection.close()
        assert not [line for _, line in other.lines if line.startswith(b"RCPT")]


def test_a_session_that_ends_at_mail_is_no_trouble() -> None:
    """452 at the third message of a session: a new session of the same relay takes it, and nobody is left aside."""
    with servers({"mail": [None, None, "452 4.5.3 enough for this session"]}) as (server,):
        pool = RelayPool([member(server)])
        connection = pool.connect()
        assert [send(connection, message(n)) for n in range(5)] == [ACCEPTED] * 5
        assert (pool.aside(), server.connections) == ([], 2)
        connection.close()


@pytest.mark.parametrize("said", ["452 4.5.3 enough for this session", "451 4.3.0 not now"])
def test_so_it_is_without_steps(said: str) -> None:
    """The same when messages are handed over one by one, and whatever a session that served before says at MAIL."""
    with servers({"mail": [None, None, said]}) as (server,):
        pool = RelayPool([member(server)])
        connection = pool.connect()
        assert [connection.hand_over(message(n)) for n in range(5)] == [ACCEPTED] * 5
        assert (pool.aside(), server.connections) == ([], 2)
        connection.close()


def test_one_that_may_not_start_hurts_no_relay() -> None:
    """Nothing of it leaves, nobody is left aside, and what was opened takes the next one."""
    with servers({}) as (server,):
        pool = RelayPool([member(server)])
        connection = pool.connect()
        assert connection.hand_over(message(), may_start=lambda: False).silence is Silence.LATE
        assert (pool.aside(), pool.room(), server.commands) == ([], 1, ["EHLO"])
        assert send(connection, message()) == ACCEPTED
        assert server.connections == 1
        connection.close()


# -- all in trouble -----------------------------------------------------------------------------------


def test_the_mildest_refusal_comes_back() -> None:
    """When every relay is in trouble, its site's word does: what mends itself goes before what asks for an operator."""
    with servers({"connect": "554 5.3.2 no"}, {"connect": "421 4.3.2 closing"}) as (hard, soft):
        pool = RelayPool([member(hard, weight=2), member(soft)])
        connection = pool.connect()
        reply = connection.hand_over(message())
        assert reply == Reply(step=Step.CONNECT, code=421, text="4.3.2 closing")
        connection.close()
    with servers({"connect": "554 5.3.2 no"}, {"auth": "535 5.7.8 wrong"}, auth=("me", "secret")) as both:
        connection = RelayPool([member(server) for server in both]).connect()
        assert (connection.hand_over(message()).code or 0) >= 500
        connection.close()


def test_one_that_is_left_aside_is_tried_when_all_are() -> None:
    """Both failed a moment ago; one has recovered, and is used at once."""
    seconds = Seconds()
    with servers({"connect": ["421 4.3.2 closing"]}, {"connect": "421 4.3.2 closing"}) as (one, other):
        pool = RelayPool(
            [member(one, "one", clock=seconds), member(other, "other", clock=seconds)], clock=seconds
        )
        seen: list[list[str]] = []
        pool.observer = lambda aside: seen.append([each.name for each in aside])
        connection = pool.connect()
        assert connection.hand_over(message(1)).code == 421
        assert len(pool.aside()) == 2
        assert connection.hand_over(message(2)) == ACCEPTED
        assert [each.name for each in pool.aside()] == ["other"]
        assert connection.hand_over(message(3)) == ACCEPTED
        assert seen == [["one"], ["one", "other"], ["other"]]
        connection.close()
        assert (counts(one, other), other.connections) == ([2, 0], 1 + (other.connections > 1))


# -- back-off -----------------------------------------------------------------------------------------


def test_the_wait_doubles_and_is_over_with_the_first_success() -> None:
    """60, 120, 240 s, at most 900; then one message shows that it is well, and its share is as before."""
    seconds = Seconds()
    down: list[bool] = [True]
    with servers({"connect": lambda _: "421 4.3.2 closing" if down[0] else None}, {}) as (bad, good):
        pool = RelayPool([member(bad, "bad", clock=seconds), member(good, clock=seconds)], clock=seconds)
        connection = pool.connect()
        waits = []
        for n in range(6):
            while not (pool.aside() and pool.aside()[0].left_s):
                assert send(connection, message(n)) == ACCEPTED
            waits.append(pool.aside()[0].left_s)
            assert pool.aside()[0].times == n + 1
            seconds.now_s += waits[-1]
        assert waits == [60.0, 120.0, 240.0, 480.0, 900.0, 900.0]
        assert bad.connections == 6
        down[0] = False
        before = len(good.accepted)
        assert [send(connection, message(n)) for n in range(20)] == [ACCEPTED] * 20
        assert (len(bad.accepted), len(good.accepted) - before) == (10, 10)
        down[0] = True
        connection.close()


def test_one_connection_at_a_time_shows_whether_a_relay_works() -> None:
    """While the first connection to a relay has no answer, all others go elsewhere; afterwards it has its share."""
    event = threading.Event()
    with servers({"connect": [Hold(event)]}, {}) as (slow, good):
        pool = RelayPool([member(slow, weight=9), member(good)])
        waiting, connection = pool.connect(), pool.connect()
        with ThreadPoolExecutor(1) as threads:
            held = threads.submit(waiting.hand_over, message(0))
            while not slow.connections:
                event.wait(0.005)
            assert [send(connection, message(n)) for n in range(1, 11)] == [ACCEPTED] * 10
            assert (slow.connections, counts(slow, good)) == (1, [0, 10])
            event.set()
            assert held.result(10) == ACCEPTED
        assert send(connection, message(11)) == ACCEPTED
        assert counts(slow, good) == [2, 10]
        waiting.close()
        connection.close()


# -- room, rates and deadlines ------------------------------------------------------------------------


def test_room_is_what_would_not_wait() -> None:
    """One connection each until a relay has shown that it works, then all it may have, at its rate."""
    seconds = Seconds()
    with servers({}, {}) as (one, other):
        slow = member(other, "slow", connections=3, rate=Rate(1, 1.0), clock=seconds)
        pool = RelayPool([member(one, connections=5, clock=seconds), slow], clock=seconds)
        connection = pool.connect()
        assert (pool.room(), pool.wait_s()) == (2, 0.0)
        assert [connection.hand_over(message(n)) for n in range(2)] == [ACCEPTED] * 2
        # The slow one has had its message of this second.
        assert (pool.room(), counts(one, other)) == (5, [1, 1])
        assert pool.wait_s() == 0.0
        assert [send(connection, message(n)) for n in range(10)] == [ACCEPTED] * 10
        assert counts(one, other) == [11, 1]
        seconds.now_s += 1.1
        assert pool.room() == 6
        connection.close()


def test_room_that_time_or_a_message_brings() -> None:
    """Where the rate is used up time brings room; where all connections are in use a message that ends does."""
    seconds = Seconds()
    with servers({}) as (server,):
        pool = RelayPool([member(server, rate=Rate(1, 1.0), clock=seconds)], clock=seconds)
        connection = pool.connect()
        assert connection.hand_over(message()) == ACCEPTED
        assert pool.room() == 0
        assert pool.wait_s() == pytest.approx(1.0, rel=1e-4)
        connection.close()
        other = RelayPool([member(server)])
        seat = other.borrow(set(), math.inf)
        assert seat is not None
        assert (other.room(), other.wait_s()) == (0, math.inf)


def test_room_beside_one_whose_messages_hang() -> None:
    """A relay that is to show anew whether it works, while more of its messages hang, takes no room from the others."""
    seconds = Seconds()
    with servers({}, {}) as (one, other):
        members = [member(each, connections=4, clock=seconds) for each in (one, other)]
        pool = RelayPool(members, clock=seconds)
        connection = pool.connect()
        assert [connection.hand_over(message(n)) for n in range(2)] == [ACCEPTED] * 2
        first = pool.borrow(set(), math.inf)
        assert first is not None
        second = pool.borrow(set(), math.inf)  # of the other relay, whose turn it is
        assert second is not None
        hanging = [seat for _ in range(3) if (seat := pool.borrow({second.place}, math.inf))]
        pool.leave_aside(first, Reply(step=Step.CONNECT, code=421, text="closing"))
        assert (len(hanging), pool.room()) == (3, 3)
        seconds.now_s += 61
        assert pool.room() == 3
        for seat in (second, *hanging):
            pool.give_back(seat, well=True)
        connection.close()


def test_a_rate_is_no_reason_to_lose_a_message() -> None:
    """One that comes from a relay in trouble is taken by another that has had its share of the second."""
    seconds = Seconds()
    with servers({"connect": "421 4.3.2 closing"}, {}) as (bad, good):
        pool = RelayPool(
            [member(bad, clock=seconds), member(good, rate=Rate(1, 3600.0), clock=seconds)], clock=seconds
        )
        connection = pool.connect()
        assert [connection.hand_over(message(n)) for n in range(3)] == [ACCEPTED] * 3
        assert (pool.room(), counts(good)) == (0, [3])
        assert pool.wait_s() == pytest.approx(3 * 3600.0, rel=1e-4)
        connection.close()


def test_all_connections_in_use_until_the_time_is_over() -> None:
    """A message that finds no free connection in its time is told so as trouble of the site, and stays unsent."""
    with servers({"connect": HANG}) as (server,):
        relay = SmtpRelay(parse_url(server.url), deadlines=Deadlines(step_s=0.4, message_s=0.2))
        pool = RelayPool([Member(name="one", relay=relay)])
        seat = pool.borrow(set(), math.inf)
        assert seat is not None
        reply = pool.connect().hand_over(message())
        assert (reply.step, reply.silence) == (Step.CONNECT, Silence.TIMEOUT)
        assert server.connections == 0


def test_one_deadline_for_all_relays(tls: Tls) -> None:
    """What is left of a message's time after one relay is all that the next is given."""
    with servers({"connect": HANG}, {"connect": HANG}) as both:
        members = [
            Member(
                name=str(n),
                relay=SmtpRelay(parse_url(server.url), deadlines=Deadlines(step_s=9, message_s=0.3)),
            )
            for n, server in enumerate(both)
        ]
        reply = RelayPool(members).connect().hand_over(message())
        assert (reply.step, reply.silence) == (Step.CONNECT, Silence.TIMEOUT)
        assert Counter(server.connections for server in both)[1] >= 1


def test_a_session_comes_back_from_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """What breaks a sender does not cost the pool a connection."""
    event = threading.Event()
    with servers({"dot": [None, Hold(event)]}) as (server,):
        pool = RelayPool([member(server, connections=1)])
        connection = pool.connect()
        assert send(connection, message()) == ACCEPTED
        handing = connection.begin(message())
        assert handing is not None

        def broken(self: SmtpHanding, *, in_time: bool = True) -> None:
            raise RuntimeError("broken")

        monkeypatch.setattr(SmtpHanding, "advance", broken)
        assert pool.room() == 0
        event.set()
        with pytest.raises(RuntimeError):
            handing.advance()
        assert pool.room() == 1


@pytest.mark.parametrize("step", ["hand_over", "begin"])
def test_a_session_comes_back_from_an_error_at_once(step: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where it breaks before anything is under way."""
    with servers({}) as (server,):
        pool = RelayPool([member(server, connections=1)])
        connection = pool.connect()
        assert send(connection, message()) == ACCEPTED

        def broken(self: SmtpConnection, *_args: object, **_options: object) -> None:
            raise RuntimeError("broken")

        with monkeypatch.context() as patch:
            patch.setattr(SmtpConnection, step, broken)
            with pytest.raises(RuntimeError):
                getattr(connection, step)(message())
        assert pool.room() == 1
        assert send(connection, message()) == ACCEPTED
        connection.close()


def test_a_goodbye_that_is_not_asked_for() -> None:
    """421 after acceptance ends the session, not the message; the next opens another."""
    with servers({"dot": [Raw(b"250 2.0.0 queued\r\n421 4.3.2 enough\r\n", close=True)]}) as (server,):
        connection = RelayPool([member(server)]).connect()
        assert [send(connection, message(n)) for n in range(2)] == [ACCEPTED] * 2
        connection.close()
        assert server.connections == 2
