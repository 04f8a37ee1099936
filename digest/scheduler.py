"""When the day's steps run: APScheduler ticks, and nothing else is decided here."""

from __future__ import annotations

import datetime as dt
import io
import queue
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from apscheduler.schedulers.background import BackgroundScheduler

from digest.errors import DigestError
from digest.log import logger
from digest.pipeline.ingest import IngestOptions
from digest.sources.files import open_paths, settled
from digest.wiring import App

#: A file that changed less than this long ago may still be being written, in seconds.
QUIET_S = 5.0
#: Seconds between two looks at what is due to be published and planned.
PLAN_S = 30.0

_log = logger("scheduler")


class Ticks:
    """The three things that happen by themselves. Each is safe to run at any moment, however often."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._known: dict[str, float] = {}  # dumps taken in, by when they were written
        self._resume_at: dt.datetime | None = None
        self.stop = threading.Event()

    def watch(self) -> None:
        """Take in the dumps that have come to rest in the folder since the last look."""
        app, folder = self._app, self._app.settings.dump_folder
        folder.mkdir(parents=True, exist_ok=True)
        times = {path: path.stat().st_mtime for path in settled(folder, app.clock(), QUIET_S)}
        fresh = [path for path, written in times.items() if self._known.get(str(path)) != written]
        if fresh:
            cap_bytes = app.settings.dumps.cap_bytes
            found = open_paths(
                [str(path) for path in fresh], cap_bytes=cap_bytes, stdin=io.BytesIO(), now=app.clock()
            )
            app.ingest(found, IngestOptions(zone=app.settings.tzinfo))
        self._known = {str(path): written for path, written in times.items()}

    def plan(self) -> None:
        """Publish if the hour has come, then plan whoever's hour has."""
        self._app.publish()
        self._app.plan()

    def deliver(self) -> None:
        """Hand over what is due, unless the relay has asked for the operator."""
        now = self._app.clock()
        if self._resume_at is not None and now < self._resume_at:
            return
        report = self._app.deliver(stop=self.stop)
        self._resume_at = None
        if report.paused:
            self._resume_at = now + self._app.deliver_policy.retry.pause
            _log.error("delivery paused", reason=report.paused, until=self._resume_at.isoformat())


@contextmanager
def running(app: App) -> Iterator[Ticks]:
    """Tick in the background while the block runs, then drain."""
    ticks = Ticks(app)
    # Before the others: what lay in the folder while the service was down belongs to today's edition.
    _guarded(ticks.watch)()
    scheduler = BackgroundScheduler(timezone=dt.UTC)
    settings = app.settings
    for tick, every_s in (
        (ticks.watch, settings.dumps.watch_s),
        (ticks.plan, PLAN_S),
        (ticks.deliver, settings.delivery.tick_s),
    ):
        scheduler.add_job(
            _guarded(tick),
            "interval",
            seconds=every_s,
            next_run_time=dt.datetime.now(dt.UTC),
            max_instances=1,
            coalesce=True,
            # The default grace of one second would drop a tick whenever the machine is busy.
            misfire_grace_time=12 * 3600,
        )
    scheduler.start()
    try:
        yield ticks
    finally:
        ticks.stop.set()
        scheduler.shutdown(wait=True)


def run_until_stopped(app: App) -> None:
    """Tick until SIGTERM or SIGINT; what is begun is settled before this returns."""
    _ = app.relay  # a service that cannot send should say so at once, not at seven in the morning
    _ = app.database, app.rankers, app.composer  # nor start on another schema, a bad taxonomy or template
    # A handler runs between any two steps of this thread, so setting an Event could wait for a lock that this very
    # thread holds; a SimpleQueue is made for it.
    told: queue.SimpleQueue[int] = queue.SimpleQueue()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda number, _frame: told.put(number))
    with running(app) as ticks:
        _log.info("started", folder=str(app.settings.dump_folder), zone=app.settings.zone)
        told.get()
        ticks.stop.set()
    _log.info("stopped")


def _guarded(tick: Callable[[], None]) -> Callable[[], None]:
    """A tick that fails is told, and tried again at the next: one bad step stops no other."""

    def run() -> None:
        started = time.monotonic()
        try:
            tick()
        except DigestError as error:
            _log.error("tick failed", tick=tick.__name__, error=str(error))
        except Exception:
            _log.exception("tick failed", tick=tick.__name__, duration_s=round(time.monotonic() - started, 3))

    return run
