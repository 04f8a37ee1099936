"""Asking over HTTP: what comes of good servers, of bad ones, and of those that are not to be asked."""

from __future__ import annotations

import datetime as dt
import gzip
import hashlib
import logging
import socket
import ssl
import threading
import time
import tracemalloc
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import httpcore2
import pytest
import trustme

from digest.sources.answers import Answer, Failed, Got, Nothing, Same, Validator
from digest.sources.dump import Oversize, RawDump
from digest.sources.http import Limits, Web
from digest.sources.network import StoppedError, Surroundings
from digest.sources.request import Request, never
from digest.sources.source import Source, SourceKind
from tests.factories import NOW, TODAY, Clock
from tests.web_server import HANG, Asked, Drip, Flood, Page, Raw, WebServer, gzipped, head, redirect
from tests.web_server import Answer as Said

MIB = 1024 * 1024
PUBLIC, OTHER_PUBLIC = "93.184.215.14", "93.184.215.15"
BODY = b'[{"paper": "of kites"}]'
#: Stands in every address that is asked here, and in nothing that comes back.
SECRET = "token=hush"


class Seconds:
    """A clock of seconds that goes on when somebody waits, and remembers for how long each time."""

    def __init__(self) -> None:
        self.now, self.waits = 1000.0, list[float]()

    def monotonic(self) -> float:
        return self.now

    def wait(self, seconds: float) -> bool:
        self.now += seconds
        if seconds:
            self.waits.append(seconds)
        return False


class Detour(httpcore2.NetworkBackend):
    """Leads every address to a server on this machine, but for those that are down, and remembers them."""

    def __init__(self, server: WebServer, *, down: Iterable[str] = ()) -> None:
        self.asked: list[str] = []
        self._port, self._down = server.port, set(down)

    def connect_tcp(self, host: str, port: int, timeout: float | None = None, *_: Any, **__: Any) -> Any:
        self.asked.append(host)
        if host in self._down:
            raise httpcore2.ConnectError(ConnectionRefusedError(111, "Connection refused"))
        return httpcore2.SyncBackend().connect_tcp("127.0.0.1", self._port, timeout)


def names(**hosts: str | Sequence[str]) -> Any:
    """A look-up that knows these hosts (`_` for `.`); a list of them answers one look-up after the other."""
    known = {name.replace("_", "."): value for name, value in hosts.items()}
    turns: dict[str, int] = {}

    def resolve(host: str, port: int, **_kind: object) -> list[tuple[Any, ...]]:
        found = known.get(host, host)
        if isinstance(found, str):
            found = [found]
        turn = turns[host] = turns.get(host, 0) + 1
        text = found[min(turn, len(found)) - 1]
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (each, port)) for each in text.split()]

    return resolve


def secret(url: str) -> str:
    return url + ("&" if "?" in url else "?") + SECRET


def request(url: str, **values: Any) -> Request:
    return Request(**{"url": secret(url), "name": "the-feed", "seen_on": TODAY, **values})


def source(**values: Any) -> Source:
    return Source(**{"name": "x", "kind": SourceKind.PAGE, "allow_private": True, **values})


def web(seconds: Seconds | None = None, *, around: Mapping[str, Any] | None = None, **limits: Any) -> Web:
    """The web, on a clock of the test's own."""
    time = seconds or Seconds()
    return Web(
        limits=Limits(**{"cap_bytes": MIB, **limits}),
        agent="digest/0 (+https://digest.example.org)",
        clock=Clock(),
        surroundings=Surroundings(**{"monotonic": time.monotonic, "wait": time.wait, **(around or {})}),
    )


def ask(
    where: Web | None, *urls: str | Request, known: Validator | None = None, **of_source: Any
) -> list[Answer]:
    """The answers to requests of one look; nothing secret stands in them."""
    wanted = [request(url) if isinstance(url, str) else url for url in urls]
    found = [
        answer for _, answer in (where or web()).look(source(**of_source), wanted, known=lambda _each: known)
    ]
    assert "hush" not in repr(found)
    return found


def failure(where: Web | None, url: str | Request, **of_source: Any) -> Failed:
    """The one failure that a look came to."""
    (answer,) = ask(where, url, **of_source)
    assert isinstance(answer, Failed), answer
    return answer


def document(where: Web | None, url: str | Request, **of_source: Any) -> RawDump:
    """The one document that a look came to."""
    (answer,) = ask(where, url, **of_source)
    assert isinstance(answer, Got), answer
    assert isinstance(answer.opened, RawDump)
    return answer.opened


@pytest.fixture
def server() -> Iterator[WebServer]:
    """A server whose routes the test sets."""
    with WebServer() as running:
        yield running


# -- good servers ---------------------------------------------------------------------------------------


def test_a_document(server: WebServer) -> None:
    """A document comes as it was sent, named without its query, standing for the day that was asked for."""
    server.routes["/feed"] = Page(BODY, etag='"1"', last_modified="Fri, 20 Nov 2026 07:00:00 GMT")
    (answer,) = ask(None, server.url("/feed"))
    assert answer == Got(
        opened=RawDump(name="the-feed", data=BODY, modified_at=NOW, seen_on=TODAY),
        etag='"1"',
        last_modified="Fri, 20 Nov 2026 07:00:00 GMT",
    )
    (asked,) = server.asked
    assert asked.query == {"token": "hush"}
    assert asked.headers["user-agent"] == "digest/0 (+https://digest.example.org)"
    assert asked.headers["accept-encoding"] == "gzip"
    assert "if-none-match" not in asked.headers
    assert "if-modified-since" not in asked.headers


def test_the_real_days(server: WebServer, shared_data: Path) -> None:
    """The real answers of the daily-papers API come through byte for byte."""
    days = sorted((shared_data / "hf_api").glob("*.json"))
    server.routes["/api"] = lambda asked: Page((shared_data / "hf_api" / asked.query["day"]).read_bytes())
    answers = ask(None, *(server.url(f"/api?day={day.name}") for day in days))
    assert len(answers) == 50
    for day, answer in zip(days, answers, strict=True):
        assert isinstance(answer, Got)
        assert isinstance(answer.opened, RawDump)
        assert answer.opened.data == day.read_bytes()
    assert server.connections == 1


@pytest.mark.parametrize(
    ("known", "sent"),
    [
        (Validator(etag='W/"1"', sha256=""), {"if-none-match": 'W/"1"'}),
        (Validator(last_modified="Fri", sha256=""), {"if-modified-since": "Fri"}),
        (
            Validator(etag='W/"1"', last_modified="Fri", sha256=""),
            {"if-none-match": 'W/"1"', "if-modified-since": "Fri"},
        ),
    ],
)
def test_what_is_unchanged(server: WebServer, known: Validator, sent: dict[str, str]) -> None:
    """What the last answer was known by goes back as it came, and 304 means that its bytes stand."""
    server.routes["/feed"] = Page(BODY, etag='W/"1"', last_modified="Fri")
    assert ask(None, server.url("/feed"), known=known) == [Same()]
    assert {name: server.asked[0].headers[name] for name in sent} == sent


def test_what_has_changed(server: WebServer) -> None:
    """An answer that is another comes whole, with what it is known by from now on."""
    server.routes["/feed"] = Page(BODY, etag='"2"')
    (answer,) = ask(None, server.url("/feed"), known=Validator(etag='"1"', sha256=""))
    assert isinstance(answer, Got)
    assert (answer.etag, answer.last_modified) == ('"2"', None)


@pytest.mark.parametrize("etag", ['"' + "x" * 1000 + '"', '"\xe9"', ""])
def test_validators_that_do_not_go_back(server: WebServer, etag: str) -> None:
    """An ETag that is overlong, or beyond ASCII, is not kept: sent back it would do harm."""
    server.routes["/feed"] = Page(BODY, headers={"ETag": etag})
    (answer,) = ask(None, server.url("/feed"))
    assert isinstance(answer, Got)
    assert answer.etag is None


@pytest.mark.parametrize(
    "page",
    [
        gzipped(BODY),
        Page(gzip.compress(BODY), headers={"Content-Encoding": " X-GZIP "}),
        Page(gzip.compress(BODY[:5]) + gzip.compress(BODY[5:]), headers={"Content-Encoding": "gzip"}),
        Page(BODY, headers={"Content-Encoding": "identity"}),
        Page(BODY, headers={"Content-Type": "image/png"}),
        Page(BODY, headers={"Content-Type": "text/html; charset=nonsense"}),
        Page(BODY, status=203),
        Raw(head(200, {}) + BODY),
        Raw(head(200, {"Transfer-Encoding": "chunked"}) + b"%x\r\n%b\r\n0\r\n\r\n" % (len(BODY), BODY)),
    ],
)
def test_ways_to_send_it(server: WebServer, page: Said) -> None:
    """Compressed or not, in pieces or whole, whatever its type is called: the document is the same."""
    server.routes["/feed"] = page
    assert document(None, server.url("/feed")).data == BODY


def test_nothing_there(server: WebServer) -> None:
    """What the kind of source calls nothing is no failure: a status, or a list that is empty; the look goes on."""
    server.routes |= {"/empty": Page(b"[]"), "/feed": Page(BODY)}
    wanted = (
        request(server.url("/missing"), absent=frozenset({404})),
        request(server.url("/empty"), blank=lambda data: data == b"[]"),
        request(server.url("/feed")),
    )
    nothing, blank, got = ask(None, *wanted)
    assert (nothing, blank) == (Nothing(), Nothing())
    assert isinstance(got, Got)


def test_the_end_of_a_list(server: WebServer) -> None:
    """Pages of a list are asked for until one is blank."""
    server.routes["/list"] = [Page(BODY), Page(b"[]"), Page(BODY)]
    page = request(server.url("/list"), blank=lambda data: data == b"[]", goes_on=True)
    assert [type(answer) for answer in ask(None, page, page, page)] == [Got, Nothing]
    assert len(server.asked) == 2


def test_a_user_and_a_password(server: WebServer) -> None:
    """User and password of an address go to its host alone, as Basic, and are never repeated."""
    server.routes |= {"/feed": redirect(server.url("/there", host="localhost")), "/there": Page(BODY)}
    url = server.url("/feed").replace("//", "//me:hush@")
    assert document(None, url).data == BODY
    first, second = server.asked
    assert first.headers["authorization"].startswith("Basic ")
    assert "authorization" not in second.headers


def test_nothing_of_the_environment(
    server: WebServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """No proxy is used, which would look names up where nothing can be checked, and no password of a .netrc."""
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login me password hush\n")
    monkeypatch.setenv("NETRC", str(netrc))
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    server.routes["/feed"] = Page(BODY)
    assert document(None, server.url("/feed")).data == BODY
    assert "authorization" not in server.asked[0].headers


def test_no_address_in_the_log(server: WebServer, caplog: pytest.LogCaptureFixture) -> None:
    """The library, which would log every address whole, is silent."""
    server.routes["/feed"] = Page(BODY)
    with caplog.at_level(logging.INFO):
        document(None, server.url("/feed"))
    assert "hush" not in caplog.text


# -- pauses ---------------------------------------------------------------------------------------------


def test_the_pause_between_requests(server: WebServer) -> None:
    """Two requests to a host lie a pause apart, within a look and from one source to the next."""
    server.routes["/feed"] = Page(BODY)
    seconds = Seconds()
    where, pause = web(seconds), dt.timedelta(seconds=3)
    ask(where, *[server.url("/feed")] * 3, pause=pause)
    assert seconds.waits == [3.0, 3.0]
    seconds.now += 2
    ask(where, server.url("/feed"), pause=pause, name="another")
    assert seconds.waits == [3.0, 3.0, 1.0]
    ask(where, server.url("/feed", host="localhost"), pause=pause)
    assert seconds.waits == [3.0, 3.0, 1.0]


@pytest.mark.parametrize(("ago_s", "waits"), [(None, []), (1.0, [2.0]), (3.0, []), (-9999.0, [3.0])])
def test_the_pause_since_another_process(server: WebServer, ago_s: float | None, waits: list[float]) -> None:
    """The pause counts from the last look of whatever process; a clock that is wrong costs one pause at most."""
    server.routes["/feed"] = Page(BODY)
    seconds = Seconds()
    last_at = None if ago_s is None else NOW - dt.timedelta(seconds=ago_s)
    kite = source(pause=dt.timedelta(seconds=3))
    wanted = [request(server.url("/feed"))]
    list(web(seconds).look(kite, wanted, known=lambda _each: None, last_at=last_at))
    assert seconds.waits == waits


# -- errors, and trying again ---------------------------------------------------------------------------


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504, 599, 408, 425])
def test_errors_that_pass(server: WebServer, status: int) -> None:
    """An error that may pass is met by waiting, longer each time, and the document comes after all."""
    server.routes["/feed"] = [Page(status=status), Page(status=status), Page(BODY)]
    seconds = Seconds()
    assert document(web(seconds), server.url("/feed"), pause=dt.timedelta(0)).data == BODY
    assert seconds.waits == [2.0, 8.0]


@pytest.mark.parametrize("status", [500, 503])
def test_errors_for_ever(server: WebServer, status: int) -> None:
    """After three tries the look has failed, and asks for nothing more."""
    server.routes["/feed"] = Page(b"<h1>Sorry</h1>", status=status)
    (failed,) = ask(None, server.url("/feed"), server.url("/other"))
    assert isinstance(failed, Failed)
    assert failed.reason.startswith(f"127.0.0.1: answered {status} ")
    assert [asked.path for asked in server.asked] == ["/feed"] * 3


@pytest.mark.parametrize(
    "page",
    [
        Page(BODY, status=400),
        Page(BODY, status=401),
        Page(BODY, status=403),
        Page(BODY, status=404),
        Page(BODY, status=410),
        Page(BODY, status=206),
        Page(BODY, status=201),
        Page(BODY, status=300),
        Page(status=302),
        Page(status=304),
        Raw(head(204, {})),
        Raw(b"HTTP/1.1 418 hush hush\r\nContent-Length: 0\r\n\r\n"),
        Raw(b"HTTP/1.1 499 hush\r\nContent-Length: 0\r\n\r\n"),
    ],
    ids=lambda page: str(page)[:40],
)
def test_errors_that_do_not_pass(server: WebServer, page: Said) -> None:
    """Any other answer without a document is a failure at once, told in our words; its body is never data."""
    server.routes["/feed"] = page
    assert "127.0.0.1: answered " in failure(None, server.url("/feed")).reason
    assert len(server.asked) == 1


@pytest.mark.parametrize(
    ("headers", "waited", "later"),
    [
        ({"Retry-After": "30"}, [30.0, 30.0], 30),
        ({"Retry-After": "1"}, [2.0, 8.0], 1),
        ({"Retry-After": "Fri, 20 Nov 2026 08:00:45 GMT"}, [45.0, 45.0], 45),
        ({"RateLimit": '"api";r=0;t=55'}, [55.0, 55.0], 55),
        ({"Retry-After": "61"}, [], 61),
        ({"Retry-After": "Fri, 20 Nov 2026 09:00:00 GMT"}, [], 3600),
        ({"Retry-After": "99999999999999999999"}, [], 86400),
        ({"Retry-After": "Fri, 31 Dec 9999 23:59:59 GMT"}, [], 86400),
        ({"Retry-After": "in a while"}, [2.0, 8.0], None),
        ({"Retry-After": "Fri, 20 Nov 2026 07:00:00 GMT"}, [2.0, 8.0], None),
    ],
)
@pytest.mark.parametrize("status", [429, 503])
def test_retry_after(
    server: WebServer, status: int, headers: dict[str, str], waited: list[float], later: int | None
) -> None:
    """A server is left alone for as long as it asks: a minute within a look, beyond that until a later one."""
    server.routes["/feed"] = Page(status=status, headers=headers)
    seconds = Seconds()
    failed = failure(web(seconds), server.url("/feed"), pause=dt.timedelta(0))
    assert seconds.waits == waited
    assert failed.later == (None if later is None else dt.timedelta(seconds=later))


def test_the_pause_holds_for_tries_too(server: WebServer) -> None:
    """A further try keeps the pause of its source, be it longer than the wait."""
    server.routes["/feed"] = [Page(status=503), Page(BODY)]
    seconds = Seconds()
    document(web(seconds), server.url("/feed"), pause=dt.timedelta(seconds=3))
    assert sum(seconds.waits) == 3.0


# -- servers that break ----------------------------------------------------------------------------------

BROKEN = {
    "closes without a word": Raw(b""),
    "cut in the head": Raw(b"HTTP/1.1 200 OK\r\nContent-Le"),
    "cut in the body": Raw(head(200, {"Content-Length": "100"}) + BODY),
    "cut in a chunk": Raw(head(200, {"Transfer-Encoding": "chunked"}) + b"ff\r\n" + BODY),
    "no last chunk": Raw(head(200, {"Transfer-Encoding": "chunked"}) + b"1\r\n[\r\n"),
    "no number of a chunk": Raw(head(200, {"Transfer-Encoding": "chunked"}) + b"hush\r\n" + BODY),
    "no HTTP": Raw(b"SSH-2.0-OpenSSH_9.2 hush\r\n"),
    "a length that is none": Raw(head(200, {"Content-Length": "hush"}) + BODY),
    "two lengths": Raw(head(200, {"Content-Length": "1, 2"}) + BODY),
    "huge headers": Raw(head(200, {"X-Long": "hush" * 100_000}) + BODY),
    "many headers": Raw(head(200, {f"X-{n}": "hush" * 10 for n in range(5_000)}) + BODY),
    "gzip that ends too early": Page(gzip.compress(BODY * 99)[:-9], headers={"Content-Encoding": "gzip"}),
    "gzip that is none": Page(BODY, headers={"Content-Encoding": "gzip"}),
    "gzip that is damaged": Page(
        gzip.compress(BODY)[:12] + b"\xff\xff\xff" + gzip.compress(BODY)[15:],
        headers={"Content-Encoding": "gzip"},
    ),
}


@pytest.mark.parametrize("said", BROKEN.values(), ids=BROKEN.keys())
def test_answers_that_break(server: WebServer, said: Said) -> None:
    """An answer that is cut, damaged or no HTTP is a failure, after three tries, and never a document."""
    server.routes["/feed"] = said
    failed = failure(None, server.url("/feed"))
    assert failed.reason.startswith("127.0.0.1: ")
    assert len(server.asked) == 3


def test_no_cookies(server: WebServer) -> None:
    """What an answer puts down is not sent along: not with the next question, nor where it redirects to."""
    cookie = {"Set-Cookie": "who=reader; Path=/"}
    server.routes |= {
        "/feed": Page(BODY, headers=cookie),
        "/moved": Page(b"", 302, {**cookie, "Location": "/feed"}),
    }
    assert len(ask(None, server.url("/feed"), server.url("/moved"))) == 2
    assert [asked.headers.get("cookie") for asked in server.asked] == [None, None, None]


@pytest.mark.parametrize("coding", ["br", "gzip, gzip", "deflate"])
def test_an_encoding_that_nobody_asked_for(server: WebServer, coding: str) -> None:
    """What is compressed in another way than was asked for is not read: deflate that is cut would pass for whole."""
    server.routes["/feed"] = Page(zlib.compress(BODY)[:-9], headers={"Content-Encoding": coding})
    assert "encoding" in failure(None, server.url("/feed")).reason


def test_a_body_longer_than_it_says(server: WebServer) -> None:
    """What follows the length that was told belongs to no answer, and is not read."""
    server.routes["/feed"] = Raw(head(200, {"Content-Length": "2"}) + b"[]" + BODY)
    assert document(None, server.url("/feed")).data == b"[]"


def test_nobody_there() -> None:
    """Where nobody listens, the system's word for it is told, after three tries."""
    with WebServer() as gone:
        url = gone.url("/feed")
    seconds = Seconds()
    assert failure(web(seconds), url).reason == "127.0.0.1: no connection: Connection refused"
    assert seconds.waits == [2.0, 8.0]


def test_a_name_that_is_unknown() -> None:
    """A name that cannot be looked up is a failure that may pass."""

    def unknown(*_: object, **__: object) -> Any:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    failed = failure(web(around={"resolve": unknown}), "https://papers.example.org/feed")
    assert failed.reason == "papers.example.org: no connection: Name or service not known"


def test_a_name_without_address() -> None:
    """A name that has no address is nowhere."""
    around: dict[str, Any] = {"resolve": lambda *_args, **_kind: []}
    assert "no address" in failure(web(around=around), "https://papers.example.org/").reason


@pytest.mark.parametrize(
    "said",
    [
        Drip(head=head(200, {})),
        Drip(data=b"x", head=b"HTTP/1.1 200 OK\r\nX: "),
        HANG,
        Drip(data=b"HTTP/1.1 100 Continue\r\n\r\n"),
    ],
    ids=["drips its body", "drips its head", "hangs", "goes on to come"],
)
def test_an_answer_without_end(server: WebServer, said: Said) -> None:
    """One byte at a time, or none at all: at the deadline the answer is given up."""
    server.routes["/feed"] = said
    around = {"monotonic": time.monotonic}
    failed = failure(web(around=around, total_s=0.3, tries=1), server.url("/feed"))
    assert failed.reason == "127.0.0.1: took too long"


def test_silence(server: WebServer) -> None:
    """A server that falls silent is given up before the deadline."""
    server.routes["/feed"] = HANG
    around = {"monotonic": time.monotonic}
    failed = failure(web(around=around, step_s=0.1, total_s=10_000, tries=1), server.url("/feed"))
    assert failed.reason == "127.0.0.1: took too long"


@pytest.mark.parametrize("said", [HANG, Drip(head=head(200, {}))], ids=["hangs", "drips"])
def test_being_told_to_end(server: WebServer, said: Said) -> None:
    """A service that is told to end waits for no server."""
    stop = threading.Event()

    def stopping(_asked: Asked) -> Said:
        stop.set()
        return said

    server.routes["/feed"] = stopping
    with pytest.raises(StoppedError):
        ask(web(around={"wait": stop.wait, "monotonic": time.monotonic}), server.url("/feed"))


def test_being_told_to_end_in_a_pause(server: WebServer) -> None:
    """Nor does it wait for a pause to be over."""
    server.routes["/feed"] = Page(BODY)
    with pytest.raises(StoppedError):
        ask(web(around={"wait": lambda seconds: seconds > 0}), *[server.url("/feed")] * 2)


# -- sizes ----------------------------------------------------------------------------------------------


def test_a_document_at_the_cap(server: WebServer) -> None:
    """A document of the cap's size is taken, and one of a byte more is not."""
    server.routes |= {"/fits": Page(b"x" * MIB), "/over": Page(b"x" * (MIB + 1))}
    assert len(document(None, server.url("/fits")).data) == MIB
    (answer,) = ask(None, server.url("/over"))
    assert isinstance(answer, Got)
    assert answer.opened == Oversize(
        name="the-feed",
        size_bytes=MIB + 1,
        sha256=hashlib.sha256(b"x" * (MIB + 1)).hexdigest(),
        whole=True,
    )


@pytest.mark.parametrize(
    ("said", "size_bytes", "whole"),
    [
        (Flood(head(200, {"Content-Length": str(15 * MIB)}), b"x" * MIB, 15), 15 * MIB, True),
        (Flood(head(200, {}), b"x" * MIB, 100), 20 * MIB, False),
        (gzipped(b"\0" * 100 * MIB), 20 * MIB, False),
    ],
    ids=["long", "100 MB", "a bomb"],
)
def test_documents_over_the_cap(server: WebServer, said: Said, size_bytes: int, whole: bool) -> None:
    """Far over the cap, it is measured in pieces: its size and hash are known, and its bytes never held."""
    server.routes["/feed"] = said
    where = web()
    tracemalloc.start()
    (answer,) = ask(where, server.url("/feed"))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert isinstance(answer, Got)
    assert isinstance(answer.opened, Oversize)
    assert (answer.opened.size_bytes, answer.opened.whole) == (size_bytes, whole)
    assert peak < 8 * MIB


# -- redirects -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects(server: WebServer, status: int) -> None:
    """A redirect is followed, be it relative or to another host, five of them at most."""
    server.routes |= {
        "/1": redirect("/2", status),
        "/2": redirect("3?a=b", status),
        "/3": redirect(server.url("/4", host="localhost"), status),
        "/4": redirect(f"//127.0.0.1:{server.port}/5", status),
        "/5": redirect("/feed", status),
        "/feed": Page(BODY),
    }
    assert document(None, server.url("/1")).data == BODY
    assert [asked.path for asked in server.asked] == ["/1", "/2", "/3", "/4", "/5", "/feed"]


def test_redirects_without_end(server: WebServer) -> None:
    """A loop ends after five, and is not tried again."""
    server.routes["/feed"] = redirect("/feed")
    assert failure(None, server.url("/feed")).reason == "127.0.0.1: more than 5 redirects"
    assert len(server.asked) == 6


@pytest.mark.parametrize(
    "location",
    [
        "ftp://127.0.0.1/hush",
        "file:///etc/passwd?hush",
        "gopher://127.0.0.1:70/hush",
        "javascript:hush",
        "https://[::1",
        "https://a\x7fb/",
        "http://" + "a" * 70_000,
    ],
    ids=lambda location: location[:20],
)
def test_redirects_to_nowhere(server: WebServer, location: str) -> None:
    """A redirect to what is no address of the web is a failure, whatever stands in it."""
    server.routes["/feed"] = redirect(location)
    failed = failure(None, server.url("/feed"))
    assert "redirects to" in failed.reason
    assert server.connections == 1


# -- where nobody is asked --------------------------------------------------------------------------------

HOSTS = [
    "127.0.0.1",
    "127.1",
    "2130706433",
    "0x7f000001",
    "0x7F.1",
    "017700000001",
    "0177.0.0.1",
    "localhost",
    "LOCALHOST",
    "[::1]",
    "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]",
    "[::127.0.0.1]",
    "[64:ff9b::7f00:1]",
    "[fe80::1]",
    "0.0.0.0",
    "10.0.0.1",
    "172.16.0.1",
    "192.168.0.1",
    "100.64.0.1",
    "169.254.169.254",
    "224.0.0.1",
    "%31%32%37.0.0.1",
    "127.0.0.1.",
    "①②⑦.⓪.⓪.①",
]


@pytest.mark.parametrize("host", HOSTS)
def test_private_hosts_are_not_connected_to(server: WebServer, host: str) -> None:
    """A private address in whatever spelling is refused before there is a connection."""
    detour = Detour(server)
    failed = failure(
        web(around={"backend": detour}), f"https://{host}:{server.port}/feed", allow_private=False
    )
    assert detour.asked == []
    assert server.connections == 0
    assert len(failed.reason) < 200


@pytest.mark.parametrize("host", HOSTS)
def test_redirects_to_private_hosts(host: str) -> None:
    """A public page that redirects to one is followed no further."""
    with tls_server({"/feed": redirect(f"https://{host}/latest/meta-data/?hush")}) as (server, tls):
        detour = Detour(server)
        around = {"backend": detour, "tls": tls, "resolve": known_to_us}
        failed = failure(web(around=around), "https://papers.example.org/feed", allow_private=False)
        assert set(detour.asked) == {PUBLIC}
        assert server.connections == len(detour.asked)
        assert "hush" not in failed.reason


def known_to_us(host: str, port: int, **kind: Any) -> Any:
    """The system's look-up, but for one name."""
    return socket.getaddrinfo(PUBLIC if host == "papers.example.org" else host, port, **kind)


def test_what_is_refused_even_where_private_is_let(server: WebServer) -> None:
    """An address at which a cloud tells its secrets is refused to those that may be private, redirects included."""
    server.routes["/feed"] = redirect("http://169.254.169.254/latest/meta-data/")
    failed = failure(None, server.url("/feed"))
    assert "169.254.169.254 is a link-local address" in failed.reason
    assert server.connections == 1


def test_a_name_of_two_kinds(server: WebServer) -> None:
    """A name with a public and a private address is refused, in whatever order."""
    for both in (f"{PUBLIC} 10.0.0.1", f"10.0.0.1 {PUBLIC}"):
        detour = Detour(server)
        around = {"backend": detour, "resolve": names(papers_example_org=both)}
        failed = failure(web(around=around), "https://papers.example.org/", allow_private=False)
        assert "10.0.0.1 is a private address" in failed.reason
        assert detour.asked == []


def test_a_name_that_changes_its_mind() -> None:
    """A name that is private at its second look-up was connected to by the address of the first, and is no more."""
    with tls_server({"/feed": Raw(b"")}) as (server, tls):
        detour = Detour(server)
        around = {"backend": detour, "tls": tls, "resolve": names(papers_example_org=[PUBLIC, "127.0.0.1"])}
        failed = failure(web(around=around), "https://papers.example.org/feed", allow_private=False)
        assert "127.0.0.1 is a loopback address" in failed.reason
        assert detour.asked == [PUBLIC]


def test_no_clear_text(server: WebServer) -> None:
    """http:// takes the operator's word, too."""
    assert "http:// is not asked" in failure(None, server.url("/feed"), allow_private=False).reason
    assert server.connections == 0


@pytest.mark.parametrize(
    "url", ["ftp://papers.example.org/", "https://", "https://[::1", "papers.example.org"]
)
def test_addresses_that_are_none(url: str) -> None:
    """What is no address of the web is a failure that does not pass."""
    seconds = Seconds()
    failure(web(seconds), request(url))
    assert seconds.waits == []


# -- TLS -------------------------------------------------------------------------------------------------


class tls_server:  # noqa: N801 - a context manager, used as a function
    """A server with a certificate for papers.example.org, and a context that trusts it."""

    def __init__(self, routes: Mapping[str, Any], name: str = "papers.example.org") -> None:
        authority = trustme.CA()
        ours = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert(name).configure_cert(ours)
        self._theirs = ssl.create_default_context()
        authority.configure_trust(self._theirs)
        self._server = WebServer(routes, tls=ours)

    def __enter__(self) -> tuple[WebServer, ssl.SSLContext]:
        return self._server, self._theirs

    def __exit__(self, *_: object) -> None:
        self._server.stop()


def test_the_name_stays_where_the_address_is_pinned() -> None:
    """The checked address is connected to, under the name: in TLS, in its certificate and in `Host`."""
    with tls_server({"/feed": Page(BODY)}) as (server, tls):
        detour = Detour(server)
        around = {"backend": detour, "tls": tls, "resolve": names(papers_example_org=PUBLIC)}
        found = document(web(around=around), "https://papers.example.org/feed", allow_private=False)
        assert found.data == BODY
        assert detour.asked == [PUBLIC]
        assert server.names == ["papers.example.org"]
        assert server.asked[0].headers["host"] == "papers.example.org"


def test_a_second_address() -> None:
    """Where the first address of a name is down, the next is connected to."""
    with tls_server({"/feed": Page(BODY)}) as (server, tls):
        detour = Detour(server, down={PUBLIC})
        around = {
            "backend": detour,
            "tls": tls,
            "resolve": names(papers_example_org=f"{PUBLIC} {OTHER_PUBLIC}"),
        }
        document(web(around=around), "https://papers.example.org/feed", allow_private=False)
        assert detour.asked == [PUBLIC, OTHER_PUBLIC]


@pytest.mark.parametrize("trusted", [True, False])
def test_certificates(trusted: bool) -> None:
    """A certificate of another name, or of nobody we trust, is refused before anything is asked."""
    with tls_server({"/feed": Page(BODY)}, "other.example.org" if trusted else "papers.example.org") as (
        server,
        tls,
    ):
        around = {"backend": Detour(server), "resolve": names(papers_example_org=PUBLIC)}
        around |= {"tls": tls} if trusted else {}
        failed = failure(web(around=around), "https://papers.example.org/feed", allow_private=False)
        assert "no connection: " in failed.reason
        assert ("Hostname mismatch" if trusted else "certificate") in failed.reason
        assert server.asked == []


def test_no_way_back_to_clear_text() -> None:
    """A redirect from https:// to http:// is not followed, even where http:// is let."""
    with WebServer({"/feed": Page(BODY)}) as plain, tls_server({}) as (server, tls):
        server.routes["/feed"] = redirect(plain.url("/feed"))
        around = {"backend": Detour(server), "tls": tls, "resolve": names(papers_example_org=PUBLIC)}
        failed = failure(web(around=around), "https://papers.example.org/feed")
        assert failed.reason == "papers.example.org: redirects to 127.0.0.1 without TLS"
        assert plain.connections == 0


def test_a_fault_of_our_own_is_no_answer(server: WebServer) -> None:
    """An error that is none of the network's is not taken for one."""

    def broken(_data: bytes) -> bool:
        raise KeyError("ours")

    server.routes["/feed"] = Page(BODY)
    with pytest.raises(KeyError):
        ask(None, request(server.url("/feed"), blank=broken))
    assert never(b"[]") is False
