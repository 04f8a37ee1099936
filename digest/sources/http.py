"""Asking a source over HTTP: politely, within bounds, and never where it must not be."""

from __future__ import annotations

import datetime as dt
import gzip
import io
import logging
import ssl
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from http import HTTPStatus
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import TYPE_CHECKING

import httpcore2
import httpx2

from digest.sources.addresses import ForbiddenError
from digest.sources.answers import Answer, Failed, Got, Nothing, Same, Validator, asked_to_wait
from digest.sources.dump import RawDump
from digest.sources.network import LateError, Patience, StoppedError, Surroundings, Transport
from digest.sources.reading import Stream, read_dump
from digest.sources.request import Request
from digest.sources.source import Source

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

# It would log every URL whole, and a token may stand in one.
logging.getLogger("httpx2").setLevel(logging.WARNING)

#: Statuses whose body is what was asked for. A part of it (206) is not.
_ANSWERS = frozenset({HTTPStatus.OK, HTTPStatus.NON_AUTHORITATIVE_INFORMATION})
#: Beside 5xx, those after which the same question may be answered.
_PASSING = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY, HTTPStatus.TOO_MANY_REQUESTS})
_PHRASES = {status.value: status.phrase for status in HTTPStatus}
#: A longer ETag is not sent back: ours would be the request that is refused.
_VALIDATOR_MAX = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How much is taken, and how long it is waited for."""

    cap_bytes: int  #: of one answer, decompressed
    step_s: float = 20.0  #: seconds for one connection, and between two pieces of an answer
    total_s: float = 120.0  #: seconds from asking to the last byte, redirects among them
    tries: int = 3
    first_wait_s: float = 2.0  #: before the second try; four times as long before each further one
    wait_most_s: float = (
        60.0  #: what is waited within a look; who asks for more is asked again by a later one
    )
    later_most: dt.timedelta = dt.timedelta(days=1)  #: the longest that a server is left alone for the asking
    redirects: int = 5


class Web:
    """Asks sources, one request at a time, each host no sooner than its pause after the last request."""

    def __init__(
        self,
        *,
        limits: Limits,
        agent: str,
        clock: Callable[[], dt.datetime],
        surroundings: Surroundings | None = None,
    ) -> None:
        self._limits, self._agent, self._clock = limits, agent, clock
        self._surroundings = surroundings or Surroundings()
        self._patience = Patience(self._surroundings)
        self._asked: dict[str, float] = {}  # hosts, by the moment of their last request

    def look(
        self,
        source: Source,
        requests: Iterable[Request],
        *,
        known: Callable[[Request], Validator | None],
        last_at: dt.datetime | None = None,
    ) -> Iterator[tuple[Request, Answer]]:
        """Ask for each document of a look; the first failure ends it, for they are all of one host.

        Args:
            known: What the last answer to a request was known by, if its bytes are still here.
            last_at: When any process last asked the source.

        Raises:
            StoppedError: We were told to end.
        """
        self._rest(self._still(last_at, source.pause))
        transport = Transport(self._surroundings, self._patience, allow_private=source.allow_private)
        with httpx2.Client(
            transport=transport, trust_env=False, timeout=self._limits.step_s, cookies=_no_cookies()
        ) as client:
            for request in requests:
                answer = self._ask(client, source, request, known(request))
                yield request, answer
                if isinstance(answer, Failed) or (isinstance(answer, Nothing) and request.goes_on):
                    return

    def _ask(
        self, client: httpx2.Client, source: Source, request: Request, validator: Validator | None
    ) -> Answer:
        """Ask until there is an answer, or no more tries, or too long to wait."""
        wait_s = self._limits.first_wait_s
        tries_left = self._limits.tries
        while True:
            tries_left -= 1
            try:
                return self._try(client, source, request, validator)
            except _AskError as error:
                asked_s = error.later.total_seconds() if error.later else 0.0
                if not error.passing or not tries_left or asked_s > self._limits.wait_most_s:
                    return Failed(reason=error.reason, later=error.later)
            self._rest(max(wait_s, asked_s))
            wait_s *= 4

    def _try(
        self, client: httpx2.Client, source: Source, request: Request, validator: Validator | None
    ) -> Answer:
        """Ask once, after the pause that the host is owed."""
        url = _parsed(request.url, source.allow_private)
        now_s = self._surroundings.monotonic
        if url.host in self._asked:
            self._rest(self._asked[url.host] + source.pause.total_seconds() - now_s())
        self._patience.start(self._limits.total_s)
        try:
            return self._follow(client, source, request, validator, url)
        finally:
            self._asked[url.host] = now_s()

    def _follow(
        self,
        client: httpx2.Client,
        source: Source,
        request: Request,
        validator: Validator | None,
        url: httpx2.URL,
    ) -> Answer:
        """Ask, and go where we are sent, checking each place as the first."""
        headers = self._headers(validator)
        for _ in range(self._limits.redirects + 1):
            with _translated(url.host), client.stream("GET", url, headers=headers) as response:
                if not response.has_redirect_location:
                    return self._read(response, request, validator)
                url = _next(url, response.headers["Location"], source.allow_private)
        raise _AskError(f"{url.host}: more than {self._limits.redirects} redirects")

    def _headers(self, validator: Validator | None) -> dict[str, str]:
        headers = {"User-Agent": self._agent, "Accept": "*/*", "Accept-Encoding": "gzip"}
        if validator and validator.etag:
            headers["If-None-Match"] = validator.etag
        if validator and validator.last_modified:
            headers["If-Modified-Since"] = validator.last_modified
        return headers

    def _read(self, response: httpx2.Response, request: Request, validator: Validator | None) -> Answer:
        status = response.status_code
        if status == HTTPStatus.NOT_MODIFIED and validator is not None:
            return Same()
        if status in request.absent:
            return Nothing()
        if status not in _ANSWERS:
            raise self._refused(response)
        opened = read_dump(
            _content(response),
            name=request.name,
            cap_bytes=self._limits.cap_bytes,
            modified_at=self._clock(),
        )
        if isinstance(opened, RawDump):
            if request.blank(opened.data):
                return Nothing()
            opened = replace(opened, seen_on=request.seen_on)
        tag, date = (_kept(response.headers.get(name)) for name in ("ETag", "Last-Modified"))
        return Got(opened=opened, etag=tag, last_modified=date)

    def _refused(self, response: httpx2.Response) -> _AskError:
        """What an answer without a document means: its words are for people, and never data."""
        status = response.status_code
        later = asked_to_wait(response.headers, self._clock())
        return _AskError(
            f"answered {status} {_PHRASES.get(status, '')}".rstrip(),  # not in the server's own words
            passing=status in _PASSING or status >= HTTPStatus.INTERNAL_SERVER_ERROR,
            later=min(later, self._limits.later_most) if later else None,
        )

    def _still(self, last_at: dt.datetime | None, pause: dt.timedelta) -> float:
        """Seconds that are left of the pause since another process asked; one pause at most, were a clock wrong."""
        left = last_at + pause - self._clock() if last_at else dt.timedelta(0)
        return min(left, pause).total_seconds()

    def _rest(self, seconds: float) -> None:
        if seconds > 0 and self._surroundings.wait(seconds):
            raise StoppedError


class _AskError(Exception):
    """One try came to nothing.

    Attributes:
        reason: In words for an admin.
        passing: Whether another try may do better.
        later: For how long the server asked to be left alone.
    """

    def __init__(self, reason: str, *, passing: bool = False, later: dt.timedelta | None = None) -> None:
        self.reason, self.passing, self.later = reason, passing, later
        super().__init__(reason)


def _parsed(text: str, allow_private: bool) -> httpx2.URL:
    try:
        url = httpx2.URL(text)
    except httpx2.InvalidURL as error:
        raise _AskError("an address that cannot be read") from error
    if url.scheme not in ("https", "http") or not url.host:
        raise _AskError(f"{url.host or 'an address without a host'}: only https:// is asked")
    if url.scheme == "http" and not allow_private:
        raise _AskError(f"{url.host}: http:// is not asked (allow_private = true lets it)")
    return url


def _next(url: httpx2.URL, location: str, allow_private: bool) -> httpx2.URL:
    """Where a redirect leads, without giving up TLS once there was any."""
    try:
        found = _parsed(str(url.join(location)), allow_private)
    except httpx2.InvalidURL as error:
        raise _AskError("redirects to an address that cannot be read") from error
    except _AskError as error:
        raise _AskError(f"redirects to {error.reason}") from error
    if url.scheme == "https" and found.scheme == "http":
        raise _AskError(f"redirects to {found.host} without TLS")
    return found


def _no_cookies() -> CookieJar:
    """A jar that takes none: what one answer says has no part in the next question, at whichever host."""
    return CookieJar(DefaultCookiePolicy(allowed_domains=()))


def _content(response: httpx2.Response) -> Stream:
    """The document, decompressed as it is read.

    Not by `iter_bytes`: compressed data that ends too early would pass for whole. Nor is deflate asked for,
    which not even says how long it is.
    """
    coding = response.headers.get("Content-Encoding", "").strip().lower()
    if coding in ("", "identity"):
        return io.BufferedReader(_Pieces(response.iter_raw()))
    if coding in ("gzip", "x-gzip"):
        return gzip.GzipFile(fileobj=io.BufferedReader(_Pieces(response.iter_raw())))
    raise _AskError("answered in an encoding that was not asked for")


def _kept(value: str | None) -> str | None:
    """A validator that can be sent back as it came."""
    return value if value and value.isascii() and len(value) <= _VALIDATOR_MAX else None


class _Pieces(io.RawIOBase):
    """A file over pieces of whatever size."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces, self._left = pieces, b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        while not self._left:
            piece = next(self._pieces, None)
            if piece is None:
                return 0
            self._left = piece
        room = memoryview(buffer)
        taken, self._left = self._left[: len(room)], self._left[len(room) :]
        room[: len(taken)] = taken
        return len(taken)


@contextmanager
def _translated(host: str) -> Iterator[None]:
    """Keep the exceptions of the libraries on this side; what is said names the host, and nothing of the address.

    Their own words are not repeated: they may hold what the server sent, and that what we sent.
    """
    try:
        yield
    except _AskError as error:
        raise _AskError(f"{host}: {error.reason}", passing=error.passing, later=error.later) from error
    except ForbiddenError as error:
        raise _AskError(f"{host}: not asked: {error}") from error
    except (gzip.BadGzipFile, zlib.error, EOFError) as error:
        raise _AskError(f"{host}: damaged compressed data", passing=True) from error
    except (LateError, httpcore2.TimeoutException) as error:
        raise _AskError(f"{host}: took too long", passing=True) from error
    except (httpcore2.ConnectError, OSError) as error:
        raise _AskError(f"{host}: no connection: {_system_words(error)}", passing=True) from error
    except (httpcore2.NetworkError, httpcore2.ProtocolError, httpx2.HTTPError) as error:
        raise _AskError(f"{host}: the answer broke off, or is no HTTP", passing=True) from error


def _system_words(error: Exception) -> str:
    cause = error.args[0] if error.args and isinstance(error.args[0], Exception) else error
    if isinstance(cause, ssl.SSLCertVerificationError):
        return cause.verify_message
    return (cause.strerror if isinstance(cause, OSError) else None) or str(cause)
