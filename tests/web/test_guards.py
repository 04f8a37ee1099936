"""What every request passes: Host, other sites, size; and what every answer carries."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import anyio
import pytest
import structlog
from fastapi import FastAPI, Request, Response
from starlette.responses import StreamingResponse
from starlette.testclient import TestClient
from starlette.types import Message, Scope

from digest.settings import WebSettings
from digest.store.database import Database
from digest.web.application import create
from digest.web.guards import Hosts
from digest.web.problems import Problem
from tests.factories import make_app, make_settings
from tests.web.conftest import Browse

HERE = "https://digest.example.org"
CAP = 65536
#: A path with a token in it, and a form with an address: neither may ever be logged.
TOKEN, ADDRESS = "12.3.s3cretT0kenOfAda", "ada.lovelace@example.org"
ALWAYS = {
    "content-security-policy": (
        "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "permissions-policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-store",
    "strict-transport-security": "max-age=31536000",
}


@pytest.fixture(scope="module")
def web(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[FastAPI]:
    """The application, with routes that echo, fail, break and stream; no test here writes."""
    folder = tmp_path_factory.mktemp("web")
    shutil.copyfile(sqlite_template, folder / "digest.db")
    database = Database(f"sqlite:///{folder / 'digest.db'}")
    web = create(make_app(database, folder))

    @web.post("/p/{token}/echo")
    async def echo(request: Request) -> Response:
        return Response(await request.body())

    @web.post("/u/{token}/echo")
    async def leave(request: Request) -> Response:
        return Response(await request.body())

    @web.post("/p/{token}/broken")
    def broken(token: str) -> None:
        try:
            raise ValueError(f"{ADDRESS} is not known")
        except ValueError as error:
            raise RuntimeError(token) from error

    @web.get("/late")
    def late() -> Response:
        def pieces() -> Iterator[bytes]:
            yield b"first"
            raise RuntimeError(TOKEN)

        return StreamingResponse(pieces())

    @web.get("/slower")
    def slower() -> None:
        raise Problem(429, headers={"Retry-After": "7"})

    yield web
    database.close()


@pytest.fixture
def browser(web: FastAPI) -> Iterator[TestClient]:
    """A client of these."""
    with TestClient(web, base_url=HERE, client=("192.0.2.7", 50000), follow_redirects=False) as client:
        yield client


# -- Host ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("base_url", "more", "known", "strange"),
    [
        (
            HERE,
            (),
            ["digest.example.org", "DIGEST.Example.ORG", "digest.example.org:443"],
            [
                "digest.example.org:80",
                "digest.example.org:8443",
                "digest.example.org:443:443",
                "digest.example.org:",
                "digest.example.org.",
                "digest.example.org@evil.example",
                "digest.example.org, evil.example",
                "www.digest.example.org",
                "example.org",
                "evil.example",
                "localhost",
                "127.0.0.1",
                ":443",
                "",
            ],
        ),
        (
            f"{HERE}:8443",
            (),
            ["digest.example.org:8443"],
            ["digest.example.org", "digest.example.org:443", "digest.example.org:84"],
        ),
        (f"{HERE}:443", (), ["digest.example.org", "digest.example.org:443"], ["digest.example.org:80"]),
        ("http://10.0.0.5", (), ["10.0.0.5", "10.0.0.5:80"], ["10.0.0.5:443", "10.0.0.6"]),
        (
            HERE,
            ("digest.lan", "[::1]:8000"),
            ["digest.lan", "digest.lan:8000", "Digest.LAN:1", "[::1]:8000", "digest.example.org"],
            ["[::1]", "[::1]:8001", "digest.lan:x", "x.digest.lan"],
        ),
        (
            "",
            (),
            ["localhost", "localhost:8000", "127.0.0.1:1", "[::1]", "[::1]:8000"],
            ["0.0.0.0", "example.org"],
        ),
    ],
)
def test_hosts(base_url: str, more: tuple[str, ...], known: list[str], strange: list[str]) -> None:
    """A Host is base_url's with its port, or one of web.hosts; without base_url this machine's own names."""
    hosts = Hosts(base_url, more)
    assert [host for host in known if not hosts.known(host)] == []
    assert [host for host in strange if hosts.known(host)] == []


def ask(
    web: FastAPI, method: str, path: str, headers: list[tuple[bytes, bytes]], *events: Message
) -> list[Message]:
    """What is sent to a client that a library of ours would not be: these headers, and these events of the body."""
    coming, sent = iter(events), []

    async def receive() -> Message:
        return next(coming)

    async def send(message: Message) -> None:
        sent.append(message)

    scope: Scope = {
        "type": "http", "http_version": "1.1", "method": method, "scheme": "http", "path": path, "raw_path": b"",
        "root_path": "", "query_string": b"", "headers": headers, "client": None, "server": None, "state": {},
    }  # fmt: skip
    anyio.run(web, scope, receive, send)
    return sent


@pytest.mark.parametrize(
    "hosts",
    [
        (),
        (b"evil.example",),
        (b"digest.example.org", b"digest.example.org"),
        (b"digest.example.org", b"evil.example"),
        (b"evil.example", b"digest.example.org"),
        (b"digest.example.org\xff",),
    ],
)
def test_a_wrong_host_is_refused(web: FastAPI, hosts: tuple[bytes, ...]) -> None:
    """A missing, foreign, repeated or odd Host gets 400."""

    def status(*hosts: bytes) -> int:
        return int(ask(web, "GET", "/robots.txt", [(b"host", host) for host in hosts])[0]["status"])

    assert status(b"digest.example.org") == 200
    assert status(*hosts) == 400


def test_no_other_header_names_the_host(browser: TestClient) -> None:
    """X-Forwarded-Host and Forwarded change nothing, neither for better nor for worse."""
    foreign = {"X-Forwarded-Host": "evil.example", "Forwarded": "host=evil.example"}
    assert browser.get("/robots.txt", headers=foreign).status_code == 200
    ours = {"Host": "evil.example", "X-Forwarded-Host": "digest.example.org"}
    assert browser.get("/robots.txt", headers=ours).status_code == 400


# -- other sites ---------------------------------------------------------------------------------------

SITES = [
    ({}, True),
    ({"Sec-Fetch-Site": "same-origin"}, True),
    ({"Sec-Fetch-Site": "none"}, True),
    ({"Sec-Fetch-Site": "same-site"}, False),
    ({"Sec-Fetch-Site": "cross-site"}, False),
    ({"Sec-Fetch-Site": "anything"}, False),
    # Under no-referrer browsers send `null` for our own forms too; Sec-Fetch-Site knows better.
    ({"Sec-Fetch-Site": "same-origin", "Origin": "null"}, True),
    ({"Sec-Fetch-Site": "cross-site", "Origin": HERE}, False),
    ({"Origin": HERE}, True),
    ({"Origin": "https://Digest.Example.org"}, True),
    ({"Origin": "null"}, False),
    ({"Origin": ""}, False),
    ({"Origin": "http://digest.example.org"}, False),
    ({"Origin": f"{HERE}:8443"}, False),
    ({"Origin": f"{HERE}.evil.example"}, False),
    ({"Origin": "https://evil.example"}, False),
]


@pytest.mark.parametrize(("headers", "taken"), SITES)
@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_what_another_site_sends(
    browser: TestClient, method: str, headers: dict[str, str], taken: bool
) -> None:
    """An unsafe method is taken from our pages and from programs, and refused with 403 from any other site's page."""
    status = browser.request(method, f"/p/{TOKEN}/echo", headers=headers).status_code
    assert status == ((200 if method == "POST" else 405) if taken else 403)


@pytest.mark.parametrize("headers", [headers for headers, taken in SITES if not taken])
def test_looking_and_leaving_from_anywhere(browser: TestClient, headers: dict[str, str]) -> None:
    """GET and HEAD change nothing and are never refused, and neither is a post that leaves."""
    for method in ("GET", "HEAD"):
        assert browser.request(method, "/robots.txt", headers=headers).status_code == 200
    left = browser.post(f"/u/{TOKEN}/echo", headers=headers, data={"List-Unsubscribe": "One-Click"})
    assert (left.status_code, left.content) == (200, b"List-Unsubscribe=One-Click")


@pytest.mark.parametrize(
    ("base_url", "more", "host", "origin", "same"),
    [
        (HERE, ("digest.lan",), "digest.lan:8000", "http://digest.lan:8000", True),
        (HERE, ("digest.lan",), "digest.lan", "https://digest.lan", True),
        (HERE, ("digest.lan",), "digest.lan:443", "https://digest.lan", True),
        (HERE, ("digest.lan",), "digest.lan:8000", "http://digest.lan:9000", False),
        (HERE, ("digest.lan",), "digest.lan:8000", HERE, False),
        (HERE, ("digest.lan",), "digest.example.org", "http://digest.lan:8000", False),
        (HERE, (), "digest.example.org:443", HERE, True),
        ("http://digest.lan:8000", (), "digest.lan:8000", "http://digest.lan:8000", True),
        ("http://digest.lan:8000", (), "digest.lan:8000", "https://digest.lan:8000", False),
        ("", (), "localhost:8000", "http://localhost:8000", True),
        ("", (), "localhost:8000", "http://127.0.0.1:8000", False),
        ("", (), "localhost:8000", "null", False),
    ],
)
def test_origins(base_url: str, more: tuple[str, ...], host: str, origin: str, same: bool) -> None:
    """A form comes from base_url, or from the very name and port among web.hosts that it is sent to."""
    assert Hosts(base_url, more).same(origin, host) is same


# -- size ----------------------------------------------------------------------------------------------


def in_pieces(size: int) -> Iterator[bytes]:
    """A body whose length is not told before."""
    for start in range(0, size, 10_000):
        yield b"x" * min(10_000, size - start)


@pytest.mark.parametrize("told", [True, False])
@pytest.mark.parametrize(
    ("size", "status"), [(0, 200), (1, 200), (CAP, 200), (CAP + 1, 413), (300_000, 413), (5_000_000, 413)]
)
def test_large_bodies(browser: TestClient, size: int, status: int, told: bool) -> None:
    """A body over web.body_cap_bytes gets 413 and the connection is closed, with Content-Length or without."""
    body = b"x" * size if told else in_pieces(size)
    answer = browser.post(f"/p/{TOKEN}/echo", content=body)
    assert answer.status_code == status
    if status == 200:
        assert answer.content == b"x" * size
    else:
        assert answer.headers["connection"] == "close"


def test_a_large_body_that_waits_for_leave(web: FastAPI) -> None:
    """Expect: 100-continue with too large a Content-Length is answered without asking for the body."""

    length = (b"content-length", str(CAP + 1).encode())
    headers = [(b"host", b"digest.example.org"), length, (b"expect", b"100-continue")]
    assert ask(web, "POST", f"/p/{TOKEN}/echo", headers)[0]["status"] == 413


def test_the_cap_is_a_setting(browse: Browse, sqlite_database: Database, tmp_path: Path) -> None:
    """web.body_cap_bytes moves the cap; leaving is held to it as well."""
    client = browse(make_app(sqlite_database, tmp_path, web=WebSettings(body_cap_bytes=1024)))
    assert client.post("/u/x", content=b"x" * 1024).status_code == 404
    assert client.post("/u/x", content=b"x" * 1025).status_code == 413


# -- headers -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "path", "headers", "status"),
    [
        ("GET", "/healthz", {}, 200),
        ("GET", "/robots.txt", {}, 200),
        ("GET", "/", {}, 200),
        ("HEAD", "/", {}, 200),
        ("GET", "/editions", {}, 200),
        ("GET", "/nowhere", {}, 404),
        ("GET", "/p/forged", {}, 404),
        ("GET", "/api/nowhere", {}, 404),
        ("DELETE", "/healthz", {}, 405),
        ("OPTIONS", "/", {}, 405),
        ("GET", "/", {"Host": "evil.example"}, 400),
        ("POST", "/subscribe", {"Origin": "null"}, 403),
        ("POST", "/subscribe", {"Content-Length": "9999999"}, 413),
        ("GET", "/slower", {}, 429),
        ("POST", f"/p/{TOKEN}/broken", {}, 500),
    ],
)
def test_every_answer_carries_them(
    browser: TestClient, method: str, path: str, headers: dict[str, str], status: int
) -> None:
    """The headers stand on every answer, errors among them; no Server, and none of a framework's."""
    answer = browser.request(method, path, headers=headers)
    assert answer.status_code == status
    assert {name: answer.headers.get(name) for name in ALWAYS} == ALWAYS
    assert not {"server", "x-powered-by", "access-control-allow-origin"} & set(answer.headers)


@pytest.mark.parametrize(("path", "private"), [(f"/{one}/forged", one in "cpuxe") for one in "cpuxeaz"])
def test_no_index_of_what_holds_a_token(browser: TestClient, path: str, private: bool) -> None:
    """Whatever its answer, no page behind a token is for search engines."""
    assert browser.get(path).headers.get("x-robots-tag") == ("noindex" if private else None)


@pytest.mark.parametrize(
    ("base_url", "referrer", "opener", "transport"),
    [
        (HERE, "no-referrer", "same-origin", "max-age=31536000"),
        ("http://127.0.0.1:8000", "no-referrer", "same-origin", None),
        ("http://localhost", "no-referrer", "same-origin", None),
        # A browser that sends no Sec-Fetch-Site would give our own forms the Origin of nobody.
        ("http://digest.lan", "same-origin", None, None),
    ],
)
def test_headers_that_depend_on_base_url(
    browse: Browse,
    sqlite_database: Database,
    tmp_path: Path,
    base_url: str,
    referrer: str,
    opener: str | None,
    transport: str | None,
) -> None:
    """HSTS goes with https alone; on plain http beyond this machine the Referer stays within it."""
    answer = browse(make_app(sqlite_database, tmp_path, base_url=base_url)).get("/robots.txt")
    assert answer.status_code == 200
    assert answer.headers["referrer-policy"] == referrer
    assert answer.headers.get("cross-origin-opener-policy") == opener
    assert answer.headers.get("strict-transport-security") == transport


@pytest.mark.parametrize("path", ["/", "/healthz", "/robots.txt", "/static/style.css", "/editions", "/api"])
def test_head_is_get_without_a_body(browser: TestClient, path: str) -> None:
    """HEAD answers as GET would, header by header, and sends nothing more."""
    plain = {"Accept-Encoding": "identity"}
    got, head = browser.get(path, headers=plain), browser.head(path, headers=plain)
    assert (got.status_code, head.status_code) == (200, 200)
    assert (len(got.content) > 0, head.content) == (True, b"")
    assert head.headers == got.headers
    assert head.headers["content-length"] == str(len(got.content))


def test_head_sends_no_byte(web: FastAPI) -> None:
    """No server has to cut a body off: none is sent."""
    sent = ask(web, "HEAD", "/robots.txt", [(b"host", b"digest.example.org")])
    assert sent[0]["status"] == 200
    assert b"".join(message["body"] for message in sent[1:]) == b""


# -- the log -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "path", "route", "status"),
    [
        ("GET", f"/p/{TOKEN}", "/p/{token}", 404),
        ("HEAD", f"/u/{TOKEN}", "/u/{token}", 404),
        ("POST", f"/p/{TOKEN}/echo", "/p/{token}/echo", 200),
        ("GET", f"/{TOKEN}", "none", 404),
        ("BREW", "/", "/", 405),
    ],
)
def test_one_event_a_request(browser: TestClient, method: str, path: str, route: str, status: int) -> None:
    """Each request is one event of method, route, status and duration: no path, no query, no client, no address."""
    with structlog.testing.capture_logs() as logged:
        browser.request(method, f"{path}?from={ADDRESS}", headers={"Referer": f"{HERE}{path}"})
    (event,) = [event for event in logged if event["step"] == "web"]
    assert event.pop("duration_s") >= 0
    expected = {
        "event": "request served",
        "route": route,
        "status": status,
        "step": "web",
        "log_level": "info",
    }
    assert event == {**expected, "method": "other" if method == "BREW" else method}


def test_errors_without_their_words(browser: TestClient, capfd: pytest.CaptureFixture[str]) -> None:
    """An error nobody expected is a calm 500, told once by where it arose: what it says may hold token or address."""
    with structlog.testing.capture_logs() as logged:
        answer = browser.post(f"/p/{TOKEN}/broken?x={TOKEN}", data={"address": ADDRESS})
    assert (answer.status_code, answer.headers["content-type"]) == (500, "text/html; charset=utf-8")
    (event,) = [event for event in logged if event["event"] == "request failed"]
    assert (event["route"], event["log_level"]) == ("/p/{token}/broken", "error")
    assert event["error"].endswith("RuntimeError")
    assert "ValueError" in event["error"]
    assert "in broken" in event["error"]
    everything = f"{logged} {capfd.readouterr()} {answer.text}"
    assert TOKEN not in everything
    assert ADDRESS not in everything


def test_an_error_after_the_first_byte(browser: TestClient) -> None:
    """An answer that breaks off is told, and no second one is begun."""
    with structlog.testing.capture_logs() as logged:
        answer = browser.get("/late")
    assert answer.content == b"first"
    assert [event["event"] for event in logged] == ["request failed", "request served"]
    assert TOKEN not in str(logged)


def test_a_client_that_goes_away(web: FastAPI) -> None:
    """Who leaves before the body is there gets no answer, and is not an error."""
    headers = [(b"host", b"digest.example.org"), (b"content-length", b"9")]
    with structlog.testing.capture_logs() as logged:
        sent = ask(web, "POST", f"/p/{TOKEN}/echo", headers, {"type": "http.disconnect"})
    assert sent == []
    assert [(event["event"], event["status"]) for event in logged] == [("request served", 499)]


def test_settings_reach_the_guards(browse: Browse, sqlite_database: Database, tmp_path: Path) -> None:
    """web.hosts are answered to as well; base_url stays what links begin with."""
    client = browse(make_app(sqlite_database, tmp_path, web=WebSettings(hosts=("Digest.LAN",))))
    assert client.get("/robots.txt", headers={"Host": "digest.lan:8000"}).status_code == 200
    assert client.get("/robots.txt", headers={"Host": "other.lan"}).status_code == 400
    assert make_settings(tmp_path).base_url == HERE
