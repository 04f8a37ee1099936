"""The pages and the API put together."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import partial

from anyio.to_thread import current_default_thread_limiter
from fastapi import APIRouter, FastAPI, Response
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.routing import Match

from digest.store import health
from digest.web import (
    api,
    api_page,
    confirm,
    data,
    editions,
    home,
    hooks,
    leave,
    metrics,
    preferences,
    problems,
)
from digest.web.guards import Guards, Hosts
from digest.web.problems import Problem
from digest.web.site import Site
from digest.wiring import App

#: Requests worked on at once, each in a thread. A connection of the database is there for every one of them (the pool
#: holds 20) and for the scheduler beside them, so that no request waits for a connection it might not get.
THREADS = 12
#: The first page goes from 52 KB to about a quarter; a higher level takes longer and saves little.
GZIP_LEVEL = 4
_ROUTES = (home, confirm, preferences, leave, data, editions, api_page, api, hooks, metrics)


def create(app: App) -> FastAPI:
    """The application, with templates, taxonomy and keys loaded.

    Raises:
        DigestError: One of them cannot be, or the database is of another schema.
    """
    site = Site.of(app)
    web = FastAPI(
        title=app.settings.mail.name,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,
        lifespan=_lifespan,
    )
    routers = [_edge(site), *(module.router(site) for module in _ROUTES)]
    for router in routers:
        web.include_router(router)
    problems.install(web, site.pages, partial(_methods, routers))
    settings = app.settings
    # No page shows a stranger's words beside a reader's token, so its length tells nothing of the token (BREACH).
    web.add_middleware(GZipMiddleware, minimum_size=1024, compresslevel=GZIP_LEVEL)
    web.add_middleware(
        Guards,
        hosts=Hosts(settings.base_url, settings.web.hosts),
        cap_bytes=settings.web.body_cap_bytes,
        refuse=partial(problems.answer, pages=site.pages),
    )
    return web


@asynccontextmanager
async def _lifespan(_web: FastAPI) -> AsyncIterator[None]:
    current_default_thread_limiter().total_tokens = THREADS
    yield


def _edge(site: Site) -> APIRouter:
    """What machines ask for."""
    router = APIRouter(include_in_schema=False)

    @router.get("/healthz")
    def healthz() -> Response:
        with site.app.database.read() as conn:
            health.answer(conn)
        return Response("ok\n", media_type="text/plain")

    @router.get("/robots.txt")
    async def robots() -> Response:
        # Links with a token say noindex instead: what is disallowed here is never asked for, and so never says it.
        return Response("User-agent: *\nDisallow: /api/\n", media_type="text/plain")

    @router.get("/static/{name}")
    async def static(name: str, request: Request, v: str | None = None) -> Response:
        found = site.pages.static(name, version=v, known=request.headers.get("if-none-match"))
        if found is None:
            raise Problem(404)
        return found

    return router


def _methods(routers: Sequence[APIRouter], request: Request) -> list[str]:
    """The methods that a path takes: the framework names those of the first route alone."""
    found = {
        method
        for router in routers
        for route in router.routes
        if route.matches(request.scope)[0] is not Match.NONE
        for method in getattr(route, "methods", None) or ()
    }
    return sorted(found | {"HEAD"} if "GET" in found else found)
