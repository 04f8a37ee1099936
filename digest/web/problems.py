"""What goes wrong, told calmly: a page for people, `application/problem+json` (RFC 9457) under /api."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import Scope

from digest.errors import TokenError
from digest.log import logger
from digest.store.database import DatabaseError
from digest.web.pages import Pages
from digest.web.views import ErrorView

#: Seconds after which a client may ask again while the database does not answer.
_DATABASE_RETRY_S = 30

_log = logger("web")

_DEFAULT = ("That did not work", "The request could not be understood. Go back and try again.")
_WORDS: dict[int, tuple[str, str]] = {
    400: _DEFAULT,
    403: (
        "That came from another site",
        "A form of this service can only be sent from its own pages. Open the page here and send it again.",
    ),
    404: (
        "There is nothing here",
        "This page does not exist, or the link does not work any more. Use the link in your newest mail.",
    ),
    405: ("That does not work here", "This page cannot be used in that way."),
    410: (
        "This link does not work any more",
        "It has been used, or you left or asked for another since it was sent. Ask for a new one.",
    ),
    413: ("That is too much", "What was sent is larger than this service takes."),
    415: ("That does not work here", "What was sent is of a kind that this service does not take."),
    422: ("Something is missing", "What was sent is not complete, or not in the form that is asked for."),
    429: (
        "A little slower, please",
        "Too many requests came from your network. Wait a moment and try again.",
    ),
    500: (
        "Something went wrong here",
        "The fault is ours, and it has been noted. Nothing was changed. Try again later.",
    ),
    503: ("Back in a moment", "The service cannot answer just now. Nothing was lost. Try again soon."),
}


class Problem(HTTPException):
    """Ends a request with an error page, or its JSON; raise it anywhere below a route.

    It is Starlette's own kind of exception because FastAPI lets no other through while it reads a body.

    Attributes:
        title: A few words; the heading of the page.
        text: What happened and what to do, in a sentence or two.
        errors: Of an API call, what is wrong where, as (place, words).
    """

    def __init__(
        self,
        status: int,
        title: str | None = None,
        text: str | None = None,
        headers: Mapping[str, str] | None = None,
        *,
        errors: Sequence[tuple[str, str]] = (),
    ) -> None:
        usual = _WORDS.get(status, _DEFAULT)
        self.title = title or usual[0]
        self.text = text or usual[1]
        self.errors = tuple(errors)
        super().__init__(status, self.text, dict(headers or {}))


class LinkGone(Problem):
    """A link of ours that was used before, or came too late, with nothing to offer in its place."""

    def __init__(self) -> None:
        super().__init__(410)


def answer(scope: Scope, problem: Problem, pages: Pages) -> Response:
    """The answer to a request that ended in a problem."""
    status, headers = problem.status_code, dict(problem.headers or {})
    if not scope["path"].startswith("/api/"):
        page = pages.answer(
            "error", ErrorView(status=status, title=problem.title, text=problem.text), status=status
        )
        page.headers.update(headers)
        return page
    # RFC 9457 4.2.1: under about:blank the title is the status's own phrase.
    document: dict[str, Any] = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": problem.text,
    }
    if problem.errors:
        document["errors"] = [{"field": place, "reason": words} for place, words in problem.errors]
    return JSONResponse(document, status, headers, media_type="application/problem+json")


def install(app: FastAPI, pages: Pages, methods: Callable[[Request], Sequence[str]]) -> None:
    """Let every expected error of a route end in a calm answer; what is not expected is for the guards.

    Args:
        app: The application.
        pages: Renders them.
        methods: Which methods the path of a request takes, for Allow.
    """

    # A coroutine, because threads are what there is too few of when errors come in numbers.
    async def told(request: Request, error: Exception) -> Response:
        if isinstance(error, DatabaseError):
            _log.error("database failed", error=str(error))
        problem = _problem(error)
        if problem.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
            problem = Problem(405, headers={"Allow": ", ".join(methods(request))})
        return answer(request.scope, problem, pages)

    for kind in (HTTPException, RequestValidationError, TokenError, DatabaseError):
        app.add_exception_handler(kind, told)


def _problem(error: Exception) -> Problem:
    if isinstance(error, Problem):
        return error
    if isinstance(error, TokenError):
        return Problem(404)  # forged, of another purpose, revoked: they look alike, and like no page at all
    if isinstance(error, DatabaseError):
        return Problem(503, headers={"Retry-After": str(_DATABASE_RETRY_S)})
    if isinstance(error, RequestValidationError):
        return Problem(422, errors=[_named(one) for one in error.errors()])
    assert isinstance(error, HTTPException)
    return Problem(error.status_code, headers=error.headers)


def _named(found: Mapping[str, Any]) -> tuple[str, str]:
    """Where and what; without what was sent, which pydantic would repeat, an address among it."""
    if found["type"] == "json_invalid":
        return "", f"not JSON: {found['ctx']['error']}, at character {found['loc'][-1]}"
    place = ".".join(map(str, found["loc"][1:]))
    return place, str(found["msg"]).removeprefix("Value error, ")
