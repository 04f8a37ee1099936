"""digest serve, digest web and digest scheduler: what runs until it is told to stop."""

from __future__ import annotations

import ctypes
import queue
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from typing import Annotated

import typer

from digest.cli.app import session
from digest.log import logger
from digest.relays import is_dry
from digest.scheduler import running
from digest.wiring import App

Host = Annotated[str | None, typer.Option(help="Address to serve on; web.host when not given.")]
Port = Annotated[
    int | None,
    typer.Option(min=0, max=65535, help="Port to serve on; web.port when not given, 0 for any free one."),
]

#: Seconds between two looks for a signal that came unseen.
_LOOK_S = 1.0

#: Of glibc's mallopt: heaps that threads share out among them.
_M_ARENA_MAX = -8

_log = logger("serve")


def register(app: typer.Typer) -> None:
    for command in (serve, web, scheduler):
        app.command(command.__name__)(command)


def serve(context: typer.Context, host: Host = None, port: Port = None) -> None:
    """Everything, every day: the pages, and watch, publish, plan, deliver. Ends on SIGTERM."""
    wired = _able_to_mail(session(context).app(chatty=True))
    # The pages outermost: they open before a step is taken, or say why they cannot, and answer while mail is settled.
    with _told_to_stop() as told, _pages(wired, host, port), running(wired) as ticks:
        told()
        ticks.stop.set()


def web(context: typer.Context, host: Host = None, port: Port = None) -> None:
    """The pages alone; `digest scheduler` does the rest elsewhere. Ends on SIGTERM."""
    with _told_to_stop() as told, _pages(session(context).app(chatty=True), host, port):
        told()


def scheduler(context: typer.Context) -> None:
    """Watch, publish, plan and deliver, without the pages. Ends on SIGTERM."""
    wired = _able_to_mail(session(context).app(chatty=True))
    with _told_to_stop() as told, running(wired) as ticks:
        told()
        ticks.stop.set()


def _able_to_mail(app: App) -> App:
    """The program, if it can do its work: better told at once than at seven in the morning."""
    _one_heap()
    _ = app.relay
    _ = app.database, app.rankers, app.composer
    app.check_signing()
    app.check_rehearsal()
    if is_dry(app.settings):
        _log.warning("rehearsing, nobody is mailed")
    _log.info("starting", folder=str(app.settings.dump_folder), zone=app.settings.zone)
    return app


def _one_heap() -> None:
    """Let all threads share one heap: glibc gives each its own, where one keeps what planning freed from sending."""
    if sys.platform == "linux":
        with suppress(AttributeError):  # musl has no such thing to set
            ctypes.CDLL(None).mallopt(_M_ARENA_MAX, 1)


def _pages(app: App, host: str | None, port: int | None) -> AbstractContextManager[str]:
    # Here, for it loads the framework: 13 MB that no other command needs, least of all `digest send`.
    from digest.web.server import serving  # noqa: PLC0415

    settings = app.settings.web
    return serving(app, host=host or settings.host, port=settings.port if port is None else port)


@contextmanager
def _told_to_stop() -> Iterator[Callable[[], int]]:
    """Take SIGTERM and SIGINT while the block runs; gives what waits for the first of them."""
    # A handler runs between any two steps of this thread, so setting an Event could wait for a lock that this very
    # thread holds; a SimpleQueue is made for it.
    told: queue.SimpleQueue[int] = queue.SimpleQueue()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda number, _frame: told.put(number))

    def wait() -> int:
        # A signal that comes between Python's last look for one and the wait itself is seen only when the wait ends:
        # on a busy machine a service without an end to it was once not stopped by SIGTERM.
        while True:
            with suppress(queue.Empty):
                return told.get(timeout=_LOOK_S)

    yield wait
    _log.info("stopped")
