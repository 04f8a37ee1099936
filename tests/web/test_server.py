"""The pages as a server on a real socket: when it opens, what it bounds, how it ends."""

from __future__ import annotations

import http.client
import logging
import queue
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import structlog
from anyio.to_thread import current_default_thread_limiter
from fastapi import FastAPI, Request, Response

from digest import log
from digest.errors import DigestError, SchemaError, TaxonomyError, TemplateError
from digest.settings import DatabaseSettings, MailSettings, WebSettings
from digest.store.database import Database
from digest.web import application, guards, server
from digest.web.server import serving
from digest.wiring import App
from tests.factories import make_app, make_settings

PATIENCE_S = 30.0
TOKEN, ADDRESS = "12.3.s3cretT0kenOfAda", "ada.lovelace@example.org"
HOST = "Host: digest.example.org"

#: Adds routes to the application that the server will run.
Extend = Callable[[Callable[[FastAPI], None]], None]


@pytest.fixture
def extend(monkeypatch: pytest.MonkeyPatch) -> Extend:
    def more(add: Callable[[FastAPI], None]) -> None:
        def create(app: App) -> FastAPI:
            web = application.create(app)
            add(web)
            return web

        monkeypatch.setattr(server, "create", create)

    return more


@pytest.fixture
def quiet() -> Iterator[None]:
    """Logging as a service has it, put back at the end."""
    yield
    structlog.reset_defaults()


def where(url: str) -> tuple[str, int]:
    parts = urlsplit(url)
    assert parts.hostname is not None and parts.port is not None
    return parts.hostname, parts.port


def ask(
    url: str, method: str, path: str, body: bytes | None = None
) -> tuple[int, bytes, http.client.HTTPMessage]:
    """One request by one connection, under the name of the service."""
    conn = http.client.HTTPConnection(*where(url), timeout=PATIENCE_S)
    try:
        conn.request(method, path, body, {"Host": "digest.example.org"})
        answer = conn.getresponse()
        return answer.status, answer.read(), answer.msg
    finally:
        conn.close()


def say(url: str, *pieces: bytes) -> bytes:
    """All that comes back until the server closes, for these bytes and silence after them."""
    with socket.create_connection(where(url), timeout=PATIENCE_S) as conn:
        for piece in pieces:
            conn.sendall(piece)
        answer = b""
        while piece := conn.recv(65536):
            answer += piece
        return answer


def cut_off(url: str, *pieces: bytes) -> bool:
    """Whether the server hangs up on these bytes; with some of them unread the network takes its answer back."""
    try:
        return say(url, *pieces).startswith(b"HTTP/1.1 400 ")
    except ConnectionError:
        return True


def head(*lines: str) -> bytes:
    return "\r\n".join([*lines, "", ""]).encode()


def open_at(address: tuple[str, int]) -> bool:
    try:
        socket.create_connection(address, timeout=1).close()
    except OSError:
        return False
    return True


# -- opening and closing -------------------------------------------------------------------------------


def test_serving(site_app: App) -> None:
    """While the block runs the pages are at the URL that it gives; afterwards nothing listens there."""
    with structlog.testing.capture_logs() as logged, serving(site_app, host="127.0.0.1", port=0) as url:
        assert url.startswith("http://127.0.0.1:")
        assert ask(url, "GET", "/healthz")[:2] == (200, b"ok\n")
        status, page, headers = ask(url, "GET", "/")
        assert (status, b"<h1" in page) == (200, True)
        assert headers["Date"]
        assert headers["Server"] is None
    assert not open_at(where(url))
    assert [event["event"] for event in logged if event["event"] != "request served"] == [
        "pages opened",
        "pages closed",
    ]


def test_told_where_the_pages_are(site_app: App) -> None:
    """The log says where the pages listen, and by which name alone readers reach them."""
    with structlog.testing.capture_logs() as logged, serving(site_app, host="127.0.0.1", port=0) as url:
        pass
    opened = logged[0]
    assert (opened["event"], opened["url"], opened["base_url"]) == (
        "pages opened",
        url,
        site_app.settings.base_url,
    )
    assert site_app.settings.base_url not in ("", url)


def test_by_ipv6(site_app: App) -> None:
    """An IPv6 address stands in brackets."""
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        pytest.skip("needs IPv6, which this machine has not")
    with serving(site_app, host="::1", port=0) as url:
        assert url.startswith("http://[::1]:")
        assert ask(url, "GET", "/healthz")[0] == 200


def test_a_port_in_use(site_app: App) -> None:
    """A port that another has is told by its number, before anything starts."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with (
            structlog.testing.capture_logs() as logged,
            pytest.raises(
                DigestError, match=f"cannot serve on 127.0.0.1, port {port}: Address already in use"
            ),
            serving(site_app, host="127.0.0.1", port=port),
        ):
            pytest.fail("it was served")
    assert logged == []


def test_an_address_of_another_machine(site_app: App) -> None:
    """An address that is not ours, or a name that is nobody's, is told."""
    with (
        pytest.raises(DigestError, match=r"cannot serve on 192\.0\.2\.1"),
        serving(site_app, host="192.0.2.1", port=0),
    ):
        pytest.fail("it was served")
    with (
        pytest.raises(DigestError, match=r"web\.host: no such host"),
        serving(site_app, host="no such host", port=0),
    ):
        pytest.fail("it was served")


@pytest.mark.parametrize(
    ("broken", "error"), [("templates", TemplateError), ("taxonomy", TaxonomyError), ("schema", SchemaError)]
)
def test_nothing_opens_before_all_is_loaded(
    sqlite_database: Database, tmp_path: Path, broken: str, error: type[DigestError]
) -> None:
    """A template, taxonomy or database that is not as it should be is told, and the port never opens."""
    app = App(make_settings(tmp_path, database=DatabaseSettings(url=str(sqlite_database.url))))
    if broken == "templates":
        app = make_app(sqlite_database, tmp_path, web=WebSettings(templates=tmp_path))
        (tmp_path / "static").mkdir()
    elif broken == "taxonomy":
        (tmp_path / "bad.toml").write_text("[[topics]]")
        app = make_app(sqlite_database, tmp_path, mail=MailSettings(topics=tmp_path / "bad.toml"))
    else:
        with sqlite_database.write() as conn:
            conn.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    with socket.create_server(("127.0.0.1", 0)) as probe:
        address = probe.getsockname()
    with pytest.raises(error), serving(app, host=address[0], port=address[1]):
        pytest.fail("it was served")
    assert not open_at(address)


def test_a_request_under_way_ends_well(site_app: App, extend: Extend) -> None:
    """Who is being answered when the service is told to stop gets the whole answer; nobody new comes in."""
    entered, go_on = threading.Event(), threading.Event()

    def add(web: FastAPI) -> None:
        @web.get("/slow")
        def slow() -> str:
            entered.set()
            assert go_on.wait(PATIENCE_S)
            return "whole"

    extend(add)
    with ThreadPoolExecutor(1) as pool:
        with serving(site_app, host="127.0.0.1", port=0) as url:
            answer: Future[tuple[int, bytes, http.client.HTTPMessage]] = pool.submit(ask, url, "GET", "/slow")
            assert entered.wait(PATIENCE_S)
            threading.Timer(0, go_on.set).start()
        assert answer.result(PATIENCE_S)[:2] == (200, b'"whole"')
    assert not open_at(where(url))


def test_the_end_is_bounded(site_app: App, extend: Extend, monkeypatch: pytest.MonkeyPatch) -> None:
    """A request that never ends holds nobody up for longer than the drain."""
    entered, go_on = threading.Event(), threading.Event()

    def add(web: FastAPI) -> None:
        @web.get("/stuck")
        def stuck() -> None:
            entered.set()
            go_on.wait()

    extend(add)
    monkeypatch.setattr(server, "DRAIN_S", 0)
    with ThreadPoolExecutor(1) as pool:
        with serving(site_app, host="127.0.0.1", port=0) as url:
            asked = pool.submit(ask, url, "GET", "/stuck")
            assert entered.wait(PATIENCE_S)
        go_on.set()
        assert asked.exception(PATIENCE_S) is not None or asked.result()[0] == 500


def test_a_database_that_is_gone(site_app: App) -> None:
    """/healthz says 503 while the database does not answer, and when to ask again; pages do too."""
    with serving(site_app, host="127.0.0.1", port=0) as url:
        assert ask(url, "GET", "/healthz")[0] == 200
        site_app.database.close()
        path = site_app.settings.data_dir / "digest.db"
        path.rename(path.with_name("away.db"))
        path.mkdir()
        for asked in ("/healthz", "/editions"):
            status, _page, headers = ask(url, "GET", asked)
            assert (status, headers["Retry-After"]) == (503, "30")


def test_without_base_url(sqlite_database: Database, tmp_path: Path) -> None:
    """The pages can be tried out on this machine, and the log says that nothing is mailed."""
    app = make_app(sqlite_database, tmp_path, base_url="")
    with structlog.testing.capture_logs() as logged, serving(app, host="127.0.0.1", port=0) as url:
        conn = http.client.HTTPConnection(*where(url), timeout=PATIENCE_S)
        conn.request("GET", "/")
        assert conn.getresponse().status == 200
        conn.close()
        assert ask(url, "GET", "/")[0] == 400
    (told,) = [event for event in logged if event["log_level"] == "warning"]
    assert (told["event"], "base_url is not set" in told["reason"]) == ("sending is off", True)


# -- what a client may do to it ------------------------------------------------------------------------


def test_threads(site_app: App, extend: Extend) -> None:
    """No more requests are worked on at once than there are connections of the database."""

    def add(web: FastAPI) -> None:
        @web.get("/threads")
        async def threads() -> int:
            return int(current_default_thread_limiter().total_tokens)

    extend(add)
    with serving(site_app, host="127.0.0.1", port=0) as url:
        assert ask(url, "GET", "/threads")[1] == str(application.THREADS).encode()
    assert application.THREADS < 20


def test_those_who_write_do_not_hold_up_those_who_read(site_app: App, extend: Extend) -> None:
    """However many forms wait for the database, pages are read and /healthz answers; then each form has its turn."""
    waiting, go_on = threading.Semaphore(0), threading.Event()

    def add(web: FastAPI) -> None:
        @web.post("/wait")
        def wait() -> None:
            waiting.release()
            assert go_on.wait(PATIENCE_S)

    extend(add)
    posts = 2 * application.THREADS
    with ThreadPoolExecutor(posts) as pool, serving(site_app, host="127.0.0.1", port=0) as url:
        asked = [pool.submit(ask, url, "POST", "/wait") for _ in range(posts)]
        try:
            for _ in range(guards.POSTS):
                assert waiting.acquire(timeout=PATIENCE_S)
            for path in ("/healthz", "/editions"):
                assert ask(url, "GET", path)[0] == 200
            assert not waiting.acquire(blocking=False)
        finally:
            go_on.set()
        assert [each.result(PATIENCE_S)[0] for each in asked] == [200] * posts


def test_a_body_over_the_cap(site_app: App) -> None:
    """On the wire: 413 and the end of the connection, by Content-Length and by chunks; within the cap neither."""
    chunk = b"2710\r\n" + b"x" * 10_000 + b"\r\n"
    post = ("POST /subscribe HTTP/1.1", HOST)
    with serving(site_app, host="127.0.0.1", port=0) as url:
        # Read from end to end: a client that writes on is not cut off before it has its answer.
        for size in (65_537, 100_000, 300_000):
            assert ask(url, "POST", "/subscribe", b"x" * size)[0] == 413
        assert ask(url, "POST", "/subscribe", b"x" * 65_536)[0] != 413
        # Closed at once, for these would write on for ever.
        assert say(url, head(*post, "Content-Length: 99999999999")).startswith(b"HTTP/1.1 413 ")
        assert say(url, head(*post, "Transfer-Encoding: chunked"), chunk * 33).startswith(b"HTTP/1.1 413 ")
        waits = say(url, head(*post, "Content-Length: 70000", "Expect: 100-continue"))
        assert waits.startswith(b"HTTP/1.1 413 ")


def test_a_head_without_end(site_app: App) -> None:
    """A head of more than 32 KiB is refused while it comes; a large body after a small head is none."""
    with serving(site_app, host="127.0.0.1", port=0) as url:
        answer = say(url, f"GET / HTTP/1.1\r\n{HOST}\r\nX-Long: ".encode(), b"x" * 40_000)
        assert answer.startswith(b"HTTP/1.1 400 ")
        assert ask(url, "GET", "/healthz?" + "x" * 20_000)[0] == 200


@pytest.mark.parametrize("trailer", [b"x" * 600_000, b"A: b\r\n" * 100_000], ids=["one", "many"])
def test_trailers(site_app: App, extend: Extend, trailer: bytes) -> None:
    """What follows a body in chunks is bounded as a head is, and is no header."""

    def add(web: FastAPI) -> None:
        @web.post("/told")
        def told(request: Request) -> list[str]:
            return sorted(request.headers)

    extend(add)
    chunks = (
        head("POST /told HTTP/1.1", HOST, "Transfer-Encoding: chunked", "Connection: close") + b"1\r\na\r\n"
    )
    with serving(site_app, host="127.0.0.1", port=0) as url:
        answer = say(url, chunks + b"0\r\nX-Forwarded-For: 192.0.2.9\r\n\r\n")
        assert answer.endswith(b'["connection","host","transfer-encoding"]')
        assert cut_off(url, chunks + b"0\r\n", trailer)
        assert cut_off(url, chunks + b"1;", b"x" * 600_000)
        # Many small chunks are no long trailer.
        answer = say(url, chunks, *[b"1\r\na\r\n"] * 7_000, b"0\r\n\r\n")
        assert answer.startswith(b"HTTP/1.1 200 ")


def test_a_client_that_does_not_read(site_app: App, extend: Extend, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who asks and never reads is cut off at a deadline; nothing of the answer is kept for them."""
    monkeypatch.setattr(server, "ANSWER_S", 0.2)
    lost: queue.SimpleQueue[Exception | None] = queue.SimpleQueue()

    class Seen(server._Protocol):
        def connection_lost(self, exc: Exception | None) -> None:
            super().connection_lost(exc)
            lost.put(exc)

    def add(web: FastAPI) -> None:
        @web.get("/large")
        def large() -> Response:
            return Response(b"x" * 20_000_000)

    extend(add)
    monkeypatch.setattr(server, "_Protocol", Seen)
    with (
        serving(site_app, host="127.0.0.1", port=0) as url,
        socket.create_connection(where(url), timeout=PATIENCE_S) as conn,
    ):
        conn.sendall(head("GET /large HTTP/1.1", HOST))
        lost.get(timeout=PATIENCE_S)
        kept = 0
        with suppress(ConnectionResetError):
            while part := conn.recv(65_536):
                kept += len(part)
        assert kept < 20_000_000


def test_what_is_no_http(site_app: App) -> None:
    """Garbage gets 400 and the end of the connection, and an offer to change protocols is passed over."""
    upgrade = head("GET /healthz HTTP/1.1", HOST, "Upgrade: websocket", "Connection: Upgrade, close")
    with structlog.testing.capture_logs() as logged, serving(site_app, host="127.0.0.1", port=0) as url:
        assert say(url, b"\x16\x03\x01\x02\x00").startswith(b"HTTP/1.1 400 ")
        assert say(url, head("GET /healthz HTTP/1.1", HOST, HOST)).startswith(b"HTTP/1.1 400 ")
        assert say(url, head("GET /healthz HTTP/1.1", "Connection: close")).startswith(b"HTTP/1.1 400 ")
        assert say(url, upgrade).startswith(b"HTTP/1.1 200 ")
    assert [event for event in logged if event["log_level"] == "error"] == []


def test_head_on_the_wire(site_app: App) -> None:
    """After the headers of HEAD comes nothing."""
    with serving(site_app, host="127.0.0.1", port=0) as url:
        answer = say(url, head("HEAD / HTTP/1.1", HOST, "Connection: close"))
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert answer.endswith(b"\r\n\r\n")
    assert answer.count(b"\r\n\r\n") == 1


@pytest.mark.parametrize(
    "said",
    [b"", b"GET / HT", head("POST /subscribe HTTP/1.1", HOST, "Content-Length: 10") + b"12345"],
    ids=["nothing", "half a head", "half a body"],
)
def test_a_client_that_falls_silent(site_app: App, monkeypatch: pytest.MonkeyPatch, said: bytes) -> None:
    """A connection that does not bring its request to an end is closed at the deadline."""
    monkeypatch.setattr(server, "REQUEST_S", 0.2)
    with serving(site_app, host="127.0.0.1", port=0) as url:
        assert say(url, said) == b""


def test_the_deadline_is_for_requests_alone(
    site_app: App, extend: Extend, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An answer may take longer than a request may."""
    closed = threading.Event()

    def add(web: FastAPI) -> None:
        @web.get("/slow")
        def slow(request: Request) -> str:
            assert closed.wait(PATIENCE_S)
            return "whole"

    extend(add)
    monkeypatch.setattr(server, "REQUEST_S", 0.2)
    with ThreadPoolExecutor(1) as pool, serving(site_app, host="127.0.0.1", port=0) as url:
        answer = pool.submit(ask, url, "GET", "/slow")
        assert say(url) == b""  # connected later, and closed by now: the deadline of the first is over
        closed.set()
        assert answer.result(PATIENCE_S)[:2] == (200, b'"whole"')


# -- the log -------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("quiet")
def test_no_token_and_no_address_is_logged(
    site_app: App, extend: Extend, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    """Whatever is asked for and however it fails, neither our log nor a library's holds token, address or client."""
    log.configure(level="debug", json=True)
    caplog.set_level(logging.DEBUG)

    def add(web: FastAPI) -> None:
        @web.post("/p/{token}/broken")
        async def broken(request: Request, token: str) -> None:
            form = await request.form()
            raise RuntimeError(f"{token} {form['address']}")

    extend(add)
    form = f"address={ADDRESS.replace('@', '%40')}".encode()
    with serving(site_app, host="127.0.0.1", port=0) as url:
        statuses = [
            ask(url, method, f"{path}?from={ADDRESS}", body)[0]
            for method, path, body in [
                ("GET", f"/p/{TOKEN}", None),
                ("HEAD", f"/c/{TOKEN}", None),
                ("POST", f"/u/{TOKEN}", form),
                ("POST", "/subscribe", form),
                ("POST", f"/p/{TOKEN}/broken", form),
                ("POST", f"/p/{TOKEN}", b"x" * 100_000),
                ("DELETE", f"/p/{TOKEN}", None),
                ("GET", f"/{TOKEN}", None),
            ]
        ]
        say(url, f"GET /p/{TOKEN} HTTP/9.9\r\n{ADDRESS}\r\n\r\n".encode())
    assert 500 in statuses and 413 in statuses
    told = "".join(capfd.readouterr()) + caplog.text
    assert told.count('"request served"') == len(statuses)
    for secret in (TOKEN, ADDRESS, "ada.lovelace", "127.0.0.1:", '"127.0.0.1"'):
        assert secret not in told.replace(url, "")


def test_what_libraries_log(site_app: App) -> None:
    """An error of uvicorn or asyncio becomes an event of ours: where it arose, without its words."""
    with structlog.testing.capture_logs() as logged, serving(site_app, host="127.0.0.1", port=0):
        try:
            raise RuntimeError(TOKEN)
        except RuntimeError:
            logging.getLogger("uvicorn.error").exception("Exception in ASGI application\n")
        logging.getLogger("asyncio").error("Out of %s", "files")
        logging.getLogger("uvicorn.error").warning(TOKEN)
    told = [event["error"] for event in logged if event["event"] == "server failed"]
    assert (len(told), told[0].endswith("RuntimeError"), told[1]) == (2, True, "Out of files")
    assert TOKEN not in str(logged)
    with structlog.testing.capture_logs() as logged:
        logging.getLogger("asyncio").error("later")
    assert logged == []
