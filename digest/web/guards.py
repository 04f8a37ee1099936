"""What every request passes before a route sees it, and every answer before a client does.

Plain ASGI: Starlette's BaseHTTPMiddleware would run each request in a task group of its own, and hand the body on in
pieces of its own making.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from anyio import CapacityLimiter
from anyio.lowlevel import RunVar
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from digest.log import logger, outline
from digest.web.problems import Problem

_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_METHODS = _SAFE | {"POST", "PUT", "PATCH", "DELETE"}
#: Leaving is never held up: mail services post from wherever they are (RFC 8058), and browsers from within mails.
_LEAVE = "/u/"
#: Paths that begin so hold a token.
_PRIVATE = ("/c/", "/p/", "/u/", "/x/", "/e/")
#: How far beyond the cap a body is still read, in bytes: who writes on while we close may never see the answer.
_DRAINED = 256 * 1024
#: Posts worked on at once. Those who write wait for one another, up to 30 s where something else holds the database, and
#: each has a thread (`application.THREADS`): the other threads are for who reads, and for who asks whether we are well.
POSTS = 8
_posts: RunVar[CapacityLimiter] = RunVar("posts")
#: What nginx logs for a client that went away before its answer.
_LEFT = 499

_CONTENT = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_HEADERS = {
    "Content-Security-Policy": _CONTENT,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "Cross-Origin-Resource-Policy": "same-origin",
}
_LOCAL = ("localhost", "127.0.0.1", "[::1]")
_PORTS = {"http": ":80", "https": ":443"}

_log = logger("web")


class Hosts:
    """The names that the pages answer to, and the origins whose forms they take.

    Args:
        base_url: Scheme, host and at most a port; empty while the service is only tried out, on this machine.
        more: Further names, each with the one port that it is reached at, or for any.
    """

    def __init__(self, base_url: str, more: Sequence[str]) -> None:
        scheme, _, authority = base_url.lower().partition("://")
        usual = _PORTS.get(scheme, "")
        bare = authority.removesuffix(usual) if usual else authority
        self.origin = f"{scheme}://{bare}" if base_url else None
        has_port = _without_port(bare) != bare
        self._base = {bare} if has_port else {bare, bare + usual}
        self._more = frozenset(more) | (frozenset() if base_url else frozenset(_LOCAL))

    @property
    def secure(self) -> bool:
        """Whether readers reach the pages by TLS."""
        return self.origin is not None and self.origin.startswith("https://")

    @property
    def trustworthy(self) -> bool:
        """Whether a browser sends Sec-Fetch-Site: by TLS, and to this machine itself."""
        return self.secure or self.origin is None or _without_port(self.origin.partition("://")[2]) in _LOCAL

    def known(self, host: str) -> bool:
        """Whether a Host names this service."""
        host = host.lower()
        return bool(host) and (host in self._base or host in self._more or _without_port(host) in self._more)

    def same(self, origin: str, host: str) -> bool:
        """Whether a form from a page of this origin, sent to this Host, is ours."""
        origin, host = origin.lower(), host.lower()
        if host in self._base:
            return origin == self.origin
        # By one of its further names; whether by TLS, a proxy in front alone knows.
        return origin in {f"{scheme}://{host.removesuffix(port)}" for scheme, port in _PORTS.items()}


class Guards:
    """Host, other sites, size of the body; headers, HEAD, errors that nobody expected, and the log.

    Args:
        app: What stands behind.
        hosts: Names and origins.
        cap_bytes: Largest body.
        refuse: Makes the answer to a request that ends here.
    """

    def __init__(
        self, app: ASGIApp, *, hosts: Hosts, cap_bytes: int, refuse: Callable[[Scope, Problem], Response]
    ) -> None:
        self._app = app
        self._hosts = hosts
        self._cap_bytes = cap_bytes
        self._refuse = refuse
        self._headers = dict(_HEADERS)
        if hosts.trustworthy:
            self._headers["Referrer-Policy"] = "no-referrer"
            self._headers["Cross-Origin-Opener-Policy"] = "same-origin"
        else:
            # On plain http browsers send no Sec-Fetch-Site, and under no-referrer a form's Origin is `null` (Fetch,
            # "append a request Origin header"): our own forms would be refused. There the address stays within this
            # host; and browsers complain of the other header, which means nothing there.
            self._headers["Referrer-Policy"] = "same-origin"
        if hosts.secure:
            self._headers["Strict-Transport-Security"] = "max-age=31536000"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        # A copy, for a route to be found by: HEAD is GET without a body.
        inner = {**scope, "method": "GET"} if scope["method"] == "HEAD" else scope
        answer = _Answer(scope, send, self._headers)
        began = time.monotonic()
        try:
            await self._passed(inner, receive, answer.send)
        except ClientDisconnect:
            answer.status = _LEFT
        except Exception as error:
            # Caught here, so that the answer has its headers, and no server prints what the error says.
            _log.error("request failed", route=_route(inner), error=outline(error))
            if not answer.started:
                await self._refuse(scope, Problem(500))(scope, receive, answer.send)
        _log.info(
            "request served",
            method=scope["method"] if scope["method"] in _METHODS else "other",
            route=_route(inner),
            status=answer.status,
            duration_s=round(time.monotonic() - began, 4),
        )

    async def _passed(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = Headers(scope=scope)
        try:
            self._check_host(headers)
            self._check_site(scope, headers)
            receive = await self._read(headers, receive)
        except Problem as problem:
            await self._refuse(scope, problem)(scope, receive, send)
            return
        if scope["method"] in _SAFE:
            await self._app(scope, receive, send)
            return
        async with _posting():
            await self._app(scope, receive, send)

    def _check_host(self, headers: Headers) -> None:
        hosts = headers.getlist("host")
        if len(hosts) != 1 or not self._hosts.known(hosts[0]):
            raise Problem(400, "This is not the address of this service", "Use the link in your newest mail.")

    def _check_site(self, scope: Scope, headers: Headers) -> None:
        """Refuse what a page of another site sends; programs, which name no site, may pass: there are no cookies."""
        if scope["method"] in _SAFE or scope["path"].startswith(_LEAVE):
            return
        sites, origins = headers.getlist("sec-fetch-site"), headers.getlist("origin")
        if sites:
            ours = all(site in {"same-origin", "none"} for site in sites)
        else:
            ours = all(self._hosts.same(origin, headers["host"]) for origin in origins)
        if not ours:
            raise Problem(403)

    async def _read(self, headers: Headers, receive: Receive) -> Receive:
        """Read the whole body, so that no route sees one over the cap, whatever its Content-Length said."""
        declared = headers.get("content-length", "0")
        if declared == "0" and "transfer-encoding" not in headers:
            return receive
        most = self._cap_bytes + _DRAINED
        size = int(declared) if declared.isdecimal() else 0
        too_much = Problem(413, headers={"Connection": "close"})
        if size > most or (size > self._cap_bytes and "expect" in headers):
            raise too_much
        body, more = bytearray(), True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise ClientDisconnect
            body += message.get("body", b"")
            more = message.get("more_body", False) and len(body) <= most
        if len(body) > self._cap_bytes:
            raise too_much
        return _replayed(bytes(body), receive)


def _posting() -> CapacityLimiter:
    """The posts of this event loop: a limiter belongs to one, as that of its threads does."""
    found = _posts.get(None)
    if found is None:
        found = CapacityLimiter(POSTS)
        _posts.set(found)
    return found


class _Answer:
    """Sends an answer on with our headers, remembers its status, and leaves the body of HEAD out."""

    def __init__(self, scope: Scope, send: Send, headers: dict[str, str]) -> None:
        self._send = send
        self._headers = headers
        self._private = scope["path"].startswith(_PRIVATE)
        self._bodiless = scope["method"] == "HEAD"
        self.started = False
        self.status = 0

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.started, self.status = True, message["status"]
            headers = MutableHeaders(scope=message)
            headers.update(self._headers)
            headers.setdefault("Cache-Control", "no-store")
            if self._private:
                headers["X-Robots-Tag"] = "noindex"
        elif self._bodiless:
            message = {**message, "body": b""}
        await self._send(message)


def _replayed(body: bytes, receive: Receive) -> Receive:
    given = False

    async def replay() -> Message:
        nonlocal given
        if given:
            return await receive()  # the client's leaving, if it does
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replay


def _route(scope: Scope) -> str:
    """The template of the route, as /p/{token}: the path itself may hold a token."""
    return str(getattr(scope.get("route"), "path", "none"))


def _without_port(host: str) -> str:
    name, colon, port = host.rpartition(":")
    return name if colon and port.isdecimal() else host
