"""The floor of the pages, run as a process: FastAPI reads a posted form, and answers a fixed page.

The libraries, and so many threads, are those of the pages; there are no guards, no checks, and no store.
Run with `python -m digest.bench.fixed`; the first line printed is its port.
"""

from __future__ import annotations

import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated

import uvicorn
from anyio.to_thread import current_default_thread_limiter
from fastapi import Depends, FastAPI, Request
from starlette.datastructures import FormData
from starlette.responses import RedirectResponse, Response

from digest.bench.sink import HOST

#: As many as work on the pages.
THREADS = 12


async def _posted(request: Request) -> FormData:
    return await request.form()


def _create() -> FastAPI:
    @asynccontextmanager
    async def lifespan(_web: FastAPI) -> AsyncIterator[None]:
        current_default_thread_limiter().total_tokens = THREADS
        yield

    web = FastAPI(docs_url=None, redoc_url=None, openapi_url=None, lifespan=lifespan)

    @web.post("/subscribe")
    def subscribe(form: Annotated[FormData, Depends(_posted)]) -> Response:
        return RedirectResponse("/inbox" if form.get("address") else "/", 303)

    return web


def main() -> None:
    """Serve until SIGTERM."""
    with socket.create_server((HOST, 0)) as listener:
        sys.stdout.write(f"{listener.getsockname()[1]}\n")
        sys.stdout.flush()
        config = uvicorn.Config(_create(), http="httptools", ws="none", log_config=None, access_log=False)
        uvicorn.Server(config).run(sockets=[listener])


if __name__ == "__main__":
    main()
