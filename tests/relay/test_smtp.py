"""Handing over by SMTP: every reply at every step, on one socket."""

from __future__ import annotations

import socket
import threading
from pathlib import Path
from typing import Any

import pytest

from digest.compose.message import Message
from digest.deliver.reply import Reply, Silence, Step
from digest.errors import SettingsError
from digest.relay.session import _address_literal
from digest.relay.smtp import SmtpConnection, SmtpRelay
from digest.relay.url import parse_url
from digest.relay.wire import Deadlines
from tests.relay.conftest import Tls
from tests.smtp_server import CLOSE, GARBAGE, HANG, Answer, Hold, Raw, Slow, SmtpServer, wait_until

OK = Reply(step=Step.DOT, code=250, text="2.0.0 queued")
SHORT_S = 0.2


def message(name: str = "ada", text: str = "Hello.") -> Message:
    data = f"Subject: papers\r\nMessage-ID: <{name}@example.org>\r\n\r\n{text}\r\n".encode()
    return Message(sender="news@example.org", recipient=f"{name}@example.org", data=data)


def silent(step: Step, silence: Silence, text: str = "") -> Reply:
    return Reply(step=step, code=None, text=text, silence=silence)


def connect(server: SmtpServer, tls: Tls | None = None, **options: Any) -> SmtpConnection:
    """Connect to a server the way its options ask for."""
    scheme = "smtp+starttls" if server.starttls else "smtps" if server.implicit_tls else "smtp"
    user = "me@" if server.auth else ""
    options.setdefault("password", "secret" if server.auth else None)
    options.setdefault("ca_file", tls.ca_file if tls else None)
    return SmtpRelay(parse_url(f"{scheme}://{user}127.0.0.1:{server.port}"), **options).connect()


def scripted(step: str, answer: Answer, tls: Tls, **options: Any) -> SmtpServer:
    """Return a server that answers once so at one step, and has TLS and AUTH where that is needed."""
    needs_tls, needs_auth = step == "starttls", step in ("starttls", "auth")
    return SmtpServer(
        answers={step: [answer]},
        starttls=tls.good if needs_tls else None,
        auth=("me", "secret") if needs_auth else None,
        **options,
    )


# -- every cell: what the relay says, and whether the next message goes over the same connection ------

REFUSALS = {
    "4xx": "451 4.3.0 try later",
    "5xx": "550 5.0.0 no",
    "421": "421 4.3.2 closing",
}
BEFORE_RCPT = ("connect", "ehlo", "starttls", "auth", "mail")
STEPS = (*BEFORE_RCPT, "rcpt", "data", "dot")


@pytest.mark.parametrize("pipelining", [True, False])
@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("kind", REFUSALS)
def test_refusals(step: str, kind: str, pipelining: bool, tls: Tls) -> None:
    """A refusal is reported with its step and words; the next message is accepted all the same."""
    code, text = REFUSALS[kind].split(" ", 1)
    with scripted(step, REFUSALS[kind], tls, pipelining=pipelining) as server:
        connection = connect(server, tls)
        reply = connection.hand_over(message())
        assert reply == Reply(step=Step(step), code=int(code), text=text)
        assert server.accepted == []
        assert connection.hand_over(message("bob")) == OK
        connection.close()
        kept = kind != "421" and step not in BEFORE_RCPT
        assert server.connections == (1 if kept else 2)
    assert [taken.recipient for taken in server.accepted] == ["bob@example.org"]


SILENCES: dict[str, tuple[Answer, Silence, str]] = {
    "closed": (CLOSE, Silence.CLOSED, ""),
    "garbage": (GARBAGE, Silence.GARBAGE, "no SMTP reply"),
}


@pytest.mark.parametrize("pipelining", [True, False])
@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("kind", SILENCES)
def test_silences(step: str, kind: str, pipelining: bool, tls: Tls) -> None:
    """A broken connection and an answer that is none are told apart; the next message connects anew."""
    answer, silence, text = SILENCES[kind]
    with scripted(step, answer, tls, pipelining=pipelining) as server:
        connection = connect(server, tls)
        assert connection.hand_over(message()) == silent(Step(step), silence, text)
        assert connection.hand_over(message("bob")) == OK
        connection.close()
        assert server.connections == 2
    assert [taken.recipient for taken in server.accepted] == ["bob@example.org"]


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("answer", [HANG, Slow(pause_s=0.02)], ids=["hang", "slow"])
def test_deadlines(step: str, answer: Answer, tls: Tls) -> None:
    """Neither a relay that says nothing nor one that says a byte at a time holds a worker."""
    deadlines = Deadlines(dot_s=SHORT_S) if step == "dot" else Deadlines(step_s=SHORT_S)
    with scripted(step, answer, tls) as server:
        connection = connect(server, tls, deadlines=deadlines)
        assert connection.hand_over(message()) == silent(Step(step), Silence.TIMEOUT)
        connection.close()
    assert server.accepted == []


@pytest.mark.parametrize("step", ["mail", "rcpt", "data"])
def test_deadlines_without_pipelining(step: str, tls: Tls) -> None:
    """The same holds for one command at a time."""
    with scripted(step, HANG, tls, pipelining=False) as server:
        connection = connect(server, tls, deadlines=Deadlines(step_s=SHORT_S))
        assert connection.hand_over(message()) == silent(Step(step), Silence.TIMEOUT)


@pytest.mark.parametrize("step", ["connect", "ehlo", "mail", "dot"])
def test_the_whole_message_has_a_deadline(step: str, tls: Tls) -> None:
    """However patient each step is, a message ends at its own deadline, connecting included."""
    with scripted(step, HANG, tls) as server:
        connection = connect(server, tls, deadlines=Deadlines(message_s=SHORT_S))
        assert connection.hand_over(message()) == silent(Step(step), Silence.TIMEOUT)


def test_a_deadline_that_has_passed() -> None:
    """No wait begins when the time is already over; here the clock leaps by an hour at each look."""
    hours = iter(range(0, 3_600_000, 3600))
    with SmtpServer() as server:
        connection = connect(server, clock=lambda: float(next(hours)))
        assert connection.hand_over(message()) == silent(Step.CONNECT, Silence.TIMEOUT)


def test_250_after_599_seconds() -> None:
    """An answer to the dot that takes 599 s is waited for: the message is accepted, once."""
    now_s = 0.0
    late = threading.Event()

    def reach(recipient: str) -> Answer:
        nonlocal now_s
        now_s += 599.0
        late.set()
        return Hold(late)

    with SmtpServer(answers={"dot": reach}) as server:
        connection = connect(server, clock=lambda: now_s)
        assert connection.hand_over(message()) == OK
        connection.close()
    assert len(server.accepted) == 1


# -- the body -----------------------------------------------------------------------------------------

LONG = "x" * 70 + "\r\n"


def long_message() -> Message:
    """16 MB: more than any socket buffers."""
    return message(text=LONG * 230_000)


@pytest.mark.parametrize(
    ("answer", "reply"),
    [
        ("552 5.3.4 too much", Reply(step=Step.BODY, code=552, text="5.3.4 too much")),
        ("452 4.3.1 disk full", Reply(step=Step.BODY, code=452, text="4.3.1 disk full")),
        ("250 2.0.0 what", silent(Step.BODY, Silence.TIMEOUT)),
        (GARBAGE, silent(Step.BODY, Silence.TIMEOUT)),
        (HANG, silent(Step.BODY, Silence.TIMEOUT)),
        (Slow(pause_s=0.02), silent(Step.BODY, Silence.TIMEOUT)),
    ],
)
def test_a_body_that_is_not_read(answer: Answer, reply: Reply) -> None:
    """A relay that stops reading gives an early refusal, or is silent; the message is not its own."""
    with SmtpServer(answers={"body": [answer]}) as server:
        connection = connect(server, deadlines=Deadlines(step_s=SHORT_S))
        assert connection.hand_over(long_message()) == reply
        assert connection.hand_over(message("bob")) == OK
        connection.close()
        assert server.connections == 2
    assert [taken.recipient for taken in server.accepted] == ["bob@example.org"]


@pytest.mark.parametrize("answer", [CLOSE, "421 4.3.2 closing"])
def test_a_body_that_is_cut(answer: Answer) -> None:
    """A relay that closes while the message is on its way does not have it: the step is the body."""
    with SmtpServer(answers={"body": [answer]}) as server:
        connection = connect(server)
        reply = connection.hand_over(long_message())
        # The reset may overtake the 421.
        assert reply.step is Step.BODY
        assert (reply.code, reply.silence) in ((421, None), (None, Silence.CLOSED))
        assert connection.hand_over(message("bob")) == OK
        connection.close()


def test_a_long_message_in_parts() -> None:
    """16 MB arrive as they were, whatever the kernel takes at a time."""
    with SmtpServer() as server:
        connection = connect(server)
        assert connection.hand_over(long_message()) == OK
        connection.close()
    assert server.accepted[0].data == long_message().data


@pytest.mark.parametrize(
    "data",
    [
        b"A: b\r\n\r\n.\r\n..\r\n.x\r\nend\r\n",
        b".A: b\r\n\r\nend\r\n",
        b"A: b\r\n\r\nend",
        b"A: b\r\n\r\nend.",
    ],
)
def test_dots(data: bytes) -> None:
    """Lines that start with a dot arrive as they were; a last line without CRLF gets one."""
    with SmtpServer() as server:
        connection = connect(server)
        assert connection.hand_over(Message(sender="", recipient="a@example.org", data=data)) == OK
        connection.close()
    assert [taken.data.removesuffix(b"\r\n") for taken in server.accepted] == [data.removesuffix(b"\r\n")]


# -- what is refused here -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "reply"),
    [
        (
            {"data": b"a\r\n\n.\r\nMAIL FROM:<evil@example.org>\r\n"},
            Reply(step=Step.DATA, code=554, text="5.6.0 a bare CR or LF in the message"),
        ),
        (
            {"data": b"a\nb\r\n"},
            Reply(step=Step.DATA, code=554, text="5.6.0 a bare CR or LF in the message"),
        ),
        (
            {"data": b"x" * 99_998 + b"\r\n!"},
            Reply(step=Step.DATA, code=552, text="5.3.4 100001 bytes are more than the relay's 100000"),
        ),
        (
            {"recipient": "a@example.org>\r\nRCPT TO:<evil@example.org"},
            Reply(step=Step.RCPT, code=553, text="5.1.3 an address that no envelope can hold"),
        ),
        (
            {"recipient": "zoë@example.org"},
            Reply(
                step=Step.RCPT, code=553, text="5.6.7 an address beyond ASCII, which the relay does not take"
            ),
        ),
        (
            {"recipient": ""},
            Reply(step=Step.RCPT, code=553, text="5.1.3 an address that no envelope can hold"),
        ),
        (
            {"sender": "a b@example.org"},
            Reply(step=Step.MAIL, code=553, text="5.1.7 an address that no envelope can hold"),
        ),
    ],
)
def test_refused_without_a_byte(given: dict[str, Any], reply: Reply) -> None:
    """What the relay would refuse or misread is refused here, alone, and the session goes on."""
    fields = {"sender": "news@example.org", "recipient": "ada@example.org", "data": b"a\r\n"} | given
    with SmtpServer(size=100_000) as server:
        connection = connect(server)
        assert connection.hand_over(Message(**fields)) == reply
        assert server.commands == ["EHLO"]
        assert connection.hand_over(message("bob")) == OK
        connection.close()
        assert server.connections == 1


@pytest.mark.parametrize("size", [0, 100_000])
def test_size_is_a_limit(size: int) -> None:
    """A message of just the size offered is sent, and SIZE 0 sets none (RFC 1870, section 4)."""
    data = b"x" * 99_998 + b"\r\n"
    with SmtpServer(size=size) as server:
        connection = connect(server)
        assert connection.hand_over(Message(sender="", recipient="a@example.org", data=data)) == OK
        connection.close()


# -- pipelining out of the ordinary (RFC 2920, section 3.1) -------------------------------------------


@pytest.mark.parametrize("pipelining", [True, False])
def test_commands(pipelining: bool) -> None:
    """With and without PIPELINING the same commands are sent, and nothing else."""
    with SmtpServer(pipelining=pipelining) as server:
        connection = connect(server)
        assert [connection.hand_over(message(name)) for name in ("ada", "bob")] == [OK, OK]
        connection.close()
        connection.close()
        wait_until(lambda: server.idle)
    assert server.commands == ["EHLO", *["MAIL", "RCPT", "DATA"] * 2, "QUIT"]
    assert [taken.sender for taken in server.accepted] == ["news@example.org"] * 2
    assert [taken.data for taken in server.accepted] == [message("ada").data, message("bob").data]


@pytest.mark.parametrize(
    ("data", "connections"),
    [
        ("354 go ahead", 1),
        ("451 4.3.0 what data", 1),
        ("421 4.3.2 closing", 2),
        (CLOSE, 2),
        (GARBAGE, 2),
    ],
)
def test_refused_recipient_and_the_data_behind_it(data: Answer, connections: int) -> None:
    """Whatever becomes of the DATA that was on its way, the recipient was refused and nobody else."""
    refused = "550 5.1.1 no such user"
    with SmtpServer(answers={"rcpt": [refused], "data": [data]}) as server:
        connection = connect(server)
        reply = connection.hand_over(message())
        assert reply == Reply(step=Step.RCPT, code=550, text="5.1.1 no such user")
        assert connection.hand_over(message("bob")) == OK
        connection.close()
        assert server.connections == connections
    assert [taken.recipient for taken in server.accepted] == ["bob@example.org"]


@pytest.mark.parametrize(
    "rset", ["500 what", CLOSE, Raw(b"250 ok\r\n250 and more\r\n")], ids=["refused", "closed", "twice"]
)
def test_a_reset_that_fails(rset: Answer) -> None:
    """When RSET goes wrong the session is given up, and the refusal stays what it was."""
    with SmtpServer(answers={"data": ["451 4.3.0 no"], "rset": [rset]}) as server:
        connection = connect(server)
        assert connection.hand_over(message()) == Reply(step=Step.DATA, code=451, text="4.3.0 no")
        assert connection.hand_over(message("bob")) == OK
        connection.close()
        assert server.connections == 2


@pytest.mark.parametrize("step", ["mail", "rcpt"])
def test_a_wrong_success(step: str) -> None:
    """354 to MAIL or RCPT is no success: nothing is sent after it."""
    with SmtpServer(answers={step: ["354 go ahead"]}) as server:
        connection = connect(server)
        reply = connection.hand_over(message())
        connection.close()
    assert reply == silent(Step(step), Silence.GARBAGE, "unexpected 354")
    assert server.accepted == []


def test_data_that_is_not_354() -> None:
    """250 to DATA is no invitation: the body stays here."""
    with SmtpServer(answers={"data": [Raw(b"250 ok\r\n")]}) as server:
        reply = connect(server).hand_over(message())
    assert reply == silent(Step.DATA, Silence.GARBAGE, "unexpected 250")


def test_more_replies_than_commands() -> None:
    """A reply too many, which would pass for the answer to the dot, ends the session before the body."""
    answer = Raw(b"354 go ahead\r\n250 2.0.0 queued before you said so\r\n")
    with SmtpServer(answers={"data": [answer]}) as server:
        reply = connect(server).hand_over(message())
    assert reply == silent(Step.DATA, Silence.GARBAGE, "more replies than commands")


def test_a_strange_answer_to_the_dot() -> None:
    """354 to the final dot says nothing: the relay may have the message."""
    with SmtpServer(answers={"dot": [Raw(b"354 go on\r\n")]}) as server:
        reply = connect(server).hand_over(message())
    assert reply == silent(Step.DOT, Silence.GARBAGE, "unexpected 354")


# -- replies ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "reply"),
    [
        (b"250\r\n", Reply(step=Step.DOT, code=250, text="")),
        (b"250 \r\n", Reply(step=Step.DOT, code=250, text="")),
        (b"250 bare\n", Reply(step=Step.DOT, code=250, text="bare")),
        (b"250-one\r\n250-two\r\n250 three\r\n", Reply(step=Step.DOT, code=250, text="one two three")),
        (b"250 tab\tbell\x07 \xff\xfe!\r\n", Reply(step=Step.DOT, code=250, text="tab bell !")),
        (b"250 " + b"x" * 600 + b"\r\n", Reply(step=Step.DOT, code=250, text="x" * 500)),
        (b"250-one\r\n550 two\r\n", silent(Step.DOT, Silence.GARBAGE, "no SMTP reply")),
        (b"250-one\r\n" * 200, silent(Step.DOT, Silence.GARBAGE, "no SMTP reply")),
        (b"2500 ok\r\n", silent(Step.DOT, Silence.GARBAGE, "no SMTP reply")),
        (b"150 ok\r\n", silent(Step.DOT, Silence.GARBAGE, "no SMTP reply")),
        (b"\r\n", silent(Step.DOT, Silence.GARBAGE, "no SMTP reply")),
        (b"250 " + b"x" * 20_000, silent(Step.DOT, Silence.GARBAGE, "a line without end")),
    ],
)
def test_replies(data: bytes, reply: Reply) -> None:
    """One printable line of at most 500 characters is kept; what is no reply is called so."""
    with SmtpServer(answers={"dot": [Raw(data)]}) as server:
        connection = connect(server)
        assert connection.hand_over(message()) == reply
        connection.close()


def test_a_long_greeting() -> None:
    """An EHLO answer in parts and of many lines is read whole."""
    lines = "".join(f"250-X-FEATURE-{n}\r\n" for n in range(150)) + "250 PIPELINING"
    with SmtpServer(answers={"ehlo": lines}) as server:
        connection = connect(server)
        assert connection.hand_over(message()) == OK
        connection.close()


@pytest.mark.parametrize(
    ("step", "answer", "text"),
    [
        ("connect", "250 hello", "unexpected 250"),
        ("ehlo", "220 hello", "unexpected 220"),
        ("ehlo", Raw(b"250 ok\r\n250 ok\r\n"), "more than one reply"),
    ],
)
def test_a_strange_greeting(step: str, answer: Answer, text: str) -> None:
    """A greeting of another kind is no SMTP relay's."""
    with SmtpServer(answers={step: [answer]}) as server:
        reply = connect(server).hand_over(message())
    assert reply == silent(Step(step), Silence.GARBAGE, text)


# -- sessions: reuse, recycling, goodbye --------------------------------------------------------------


@pytest.mark.parametrize(
    "quit_",
    ["421 4.3.2 closing", "550 no", CLOSE, HANG, GARBAGE],
    ids=["421", "5xx", "close", "hang", "garbage"],
)
def test_goodbye_changes_nothing(quit_: Answer) -> None:
    """Whatever QUIT gets, what was accepted stays accepted."""
    with SmtpServer(answers={"quit": quit_}) as server:
        connection = connect(server)
        assert connection.hand_over(message()) == OK
        connection.close()
    assert len(server.accepted) == 1


@pytest.mark.parametrize("late", [Raw(b"250 2.0.0 queued\r\n421 4.3.2 enough\r\n", close=True)])
def test_421_after_acceptance(late: Raw) -> None:
    """421 behind the 250 ends the session, and the message is sent all the same."""
    with SmtpServer(answers={"dot": [late]}) as server:
        connection = connect(server)
        assert connection.hand_over(message()) == OK
        assert connection.hand_over(message("bob")) == OK
        connection.close()
        assert server.connections == 2


def test_recycling() -> None:
    """After so many messages a session ends with QUIT, and a new one begins."""
    with SmtpServer() as server:
        connection = connect(server, recycle_after=2)
        assert [connection.hand_over(message()) for _ in range(5)] == [OK] * 5
        connection.close()
        assert [taken.connection for taken in server.accepted] == [1, 1, 2, 2, 3]
        wait_until(lambda: server.commands.count("QUIT") == 3)


@pytest.mark.parametrize("stale", [CLOSE, "421 4.4.2 idle for too long"], ids=["closed", "421"])
def test_an_idle_session_is_replaced(stale: Answer) -> None:
    """A session that died between two messages costs neither a reply nor a message."""
    with SmtpServer(answers={"mail": [None, stale]}) as server:
        connection = connect(server)
        assert [connection.hand_over(message(name)) for name in ("ada", "bob")] == [OK, OK]
        connection.close()
        assert server.connections == 2
    assert [taken.recipient for taken in server.accepted] == ["ada@example.org", "bob@example.org"]


FULL = "452 4.5.3 too many mails over this connection"


@pytest.mark.parametrize("step", ["mail", "rcpt", "data"])
def test_a_full_session_is_replaced(step: str) -> None:
    """A relay that takes only so many over a session, whatever the settings say, costs neither a reply nor a message."""
    with SmtpServer(answers={step: [None, None, FULL]}) as server:
        connection = connect(server)
        assert [connection.hand_over(message(name)) for name in ("ada", "bob", "cyd", "dan")] == [OK] * 4
        connection.close()
        assert [taken.connection for taken in server.accepted] == [1, 1, 2, 2]


@pytest.mark.parametrize("step", ["mail", "rcpt", "data", "dot"])
def test_a_full_relay_is_reported_once(step: str) -> None:
    """452 over a new session too is an outcome, not a loop; the message after it gets a session of its own."""
    with SmtpServer(answers={step: [None, *([FULL] * (1 if step == "dot" else 2))]}) as server:
        connection = connect(server)
        assert connection.hand_over(message()) == OK
        assert connection.hand_over(message("bob")) == Reply(step=Step(step), code=452, text=FULL[4:])
        assert connection.hand_over(message("cyd")) == OK
        connection.close()
        assert server.connections == (2 if step == "dot" else 3)


def test_a_full_mailbox_is_one_readers() -> None:
    """452 with X.2.2 is about the mailbox: the session goes on with the next reader."""
    full = "452 4.2.2 the account is over quota"
    with SmtpServer(answers={"rcpt": [None, full]}) as server:
        connection = connect(server)
        assert connection.hand_over(message()) == OK
        assert connection.hand_over(message("bob")) == Reply(step=Step.RCPT, code=452, text=full[4:])
        assert connection.hand_over(message("cyd")) == OK
        connection.close()
        assert server.connections == 1


def test_a_dead_relay_is_reported_once() -> None:
    """A replaced session that dies as well is an outcome, not a loop."""
    with SmtpServer(answers={"mail": [None, CLOSE, CLOSE]}) as server:
        connection = connect(server)
        assert connection.hand_over(message()) == OK
        assert connection.hand_over(message("bob")) == silent(Step.MAIL, Silence.CLOSED)
        assert server.connections == 2


def test_nobody_listens() -> None:
    """A refused connection is an outcome with the system's words."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    connection = SmtpRelay(parse_url(f"smtp://127.0.0.1:{port}")).connect()
    assert connection.hand_over(message()) == silent(Step.CONNECT, Silence.CLOSED, "Connection refused")
    connection.close()


def test_an_unknown_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that does not resolve is an outcome; here the resolver is told to say so."""

    def resolve(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    connection = SmtpRelay(parse_url("smtp://mail.example.org")).connect()
    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    reply = connection.hand_over(message())
    assert reply == silent(Step.CONNECT, Silence.CLOSED, "Name or service not known")


def test_the_second_address(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a host's first address is dead, the next one is tried."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        dead = taken.getsockname()
    with SmtpServer() as server:
        found = [
            (socket.AF_INET, socket.SOCK_STREAM, 6, "", address)
            for address in (dead, ("127.0.0.1", server.port))
        ]
        connection = connect(server)
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
        assert connection.hand_over(message()) == OK
        connection.close()


def test_threads_have_their_own() -> None:
    """Eight threads with a connection each hand 400 messages over, each once."""
    with SmtpServer() as server:
        relay = SmtpRelay(parse_url(server.url))
        replies: list[Reply] = []

        def work(thread: int) -> None:
            connection = relay.connect()
            replies.extend(connection.hand_over(message(f"r{thread}-{n}")) for n in range(50))
            connection.close()

        threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert server.connections == 8
    assert replies == [OK] * 400
    assert len({taken.message_id for taken in server.accepted}) == len(server.accepted) == 400


# -- how we call ourselves ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("host", "hello", "said"),
    [
        ("box", None, b"ehlo [127.0.0.1]"),
        ("box.example.org", None, b"ehlo box.example.org"),
        ("b\u00f6x.example.org", None, b"ehlo [127.0.0.1]"),
        ("box.example.org", "digest.example.org", b"ehlo digest.example.org"),
    ],
)
def test_hello(host: str, hello: str | None, said: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """EHLO gives the name from the settings, else the machine's full name, else our address."""
    monkeypatch.setattr(socket, "gethostname", lambda: host)
    with SmtpServer() as server:
        connection = connect(server, hello=hello)
        assert connection.hand_over(message()) == OK
        connection.close()
    assert server.lines[0] == (1, said)


def test_hello_over_ipv6() -> None:
    """An IPv6 address is said with its tag."""

    class Ours(socket.socket):
        def getsockname(self) -> tuple[str, int, int, int]:
            return ("2001:db8::1", 25, 0, 0)

    with Ours() as ours:
        assert _address_literal(ours) == "[IPv6:2001:db8::1]"


@pytest.mark.parametrize(
    ("url", "options", "words"),
    [
        ("smtps://me@mail.example.org", {}, "relay.password"),
        ("smtps://mail.example.org", {"password": "secret"}, "relay.password"),
        ("smtps://me@mail.example.org", {"password": "geh\u00e4im"}, "ASCII"),
        ("smtp://mail.example.org", {"hello": "b\u00f6x"}, "ASCII"),
        ("smtp://mail.example.org", {"recycle_after": 0}, "messages_per_connection"),
        ("smtps://mail.example.org", {"ca_file": Path("nowhere.pem")}, "No such file"),
        ("smtps://mail.example.org", {"ca_file": Path(__file__)}, "ca_file"),
    ],
)
def test_settings_that_cannot_be(url: str, options: dict[str, Any], words: str) -> None:
    """What can be known to be wrong is refused before anything is connected, without the password."""
    with pytest.raises(SettingsError, match=words) as caught:
        SmtpRelay(parse_url(url), **options)
    assert "secret" not in str(caught.value)
