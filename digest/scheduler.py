"""When the day's steps run: APScheduler ticks, and nothing else is decided here."""

from __future__ import annotations

import datetime as dt
import io
import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cached_property

from apscheduler.schedulers.background import BackgroundScheduler

from digest.deliver.alarm import AlarmName
from digest.errors import DigestError
from digest.log import logger, outline
from digest.mailroom import watched
from digest.pipeline import restored
from digest.pipeline.ingest import IngestOptions
from digest.sources.files import open_paths, settled
from digest.sources.source import FOLDER
from digest.store import health
from digest.store.lead import Lead
from digest.wiring import App

#: A file that changed less than this long ago may still be being written, in seconds.
QUIET_S = 5.0
#: Seconds between two looks for sources that are due.
FETCH_S = 30.0
#: Seconds between two looks at what is due to be published and planned.
PLAN_S = 30.0
#: Seconds between two looks for sign-ups that nobody confirmed, network addresses kept long enough, pauses that end.
TIDY_S = 600.0
#: Seconds between two looks at how the sources are, and how many have signed up.
ALARM_S = 60.0
#: Runs in a row of which the relay took nothing, too little to pause for, that raise an alarm: with the waits between
#: two tries, some four minutes.
TROUBLES = 3
#: What a sign-up spike is counted over, and how long it is not told again.
SPIKE = dt.timedelta(hours=1)

_log = logger("scheduler")
# A send that outlasts its tick is usual, and each tick left out for it would be a warning in no form of ours.
logging.getLogger("apscheduler").setLevel(logging.ERROR)


class Ticks:
    """What happens by itself. Each step is safe to run at any moment, however often."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._known: dict[str, float] = {}  # dumps taken in, by when they were written
        self._resume_at: dt.datetime | None = None
        self._troubles = 0  # runs in a row of which the relay took nothing
        self._unread = 0  # looks in a row at which the mailbox of bounces could not be read
        self._quiet_until: dt.datetime | None = None  # since the last alarm
        self._told_of_copy = False
        self.asking = False  #: the first look at the sources is under way
        self.stop = threading.Event()

    @cached_property
    def _lead(self) -> Lead:
        return Lead(self._app.database)

    def close(self) -> None:
        """Let another scheduler plan."""
        self._lead.close()

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
            app.ingest(found, IngestOptions(source=FOLDER, zone=app.settings.tzinfo))
        self._known = {str(path): written for path, written in times.items()}

    def fetch(self) -> None:
        """Ask the sources that are due."""
        try:
            self._app.fetch(stop=self.stop)
        finally:
            self.asking = False

    def plan(self) -> None:
        """Publish if the hour has come, then plan whoever's hour has; of several machines one does."""
        if self.asking or self._is_copy() or not self._lead.taken():
            return
        self._app.publish()
        self._app.plan()

    def deliver(self) -> None:
        """Hand over what is due, unless the relay has asked for the operator."""
        now = self._app.clock()
        if (self._resume_at is not None and now < self._resume_at) or self._is_copy():
            return
        report = self._app.deliver(stop=self.stop)
        self._resume_at = None
        if report.paused:
            self._resume_at = now + self._app.deliver_policy.retry.pause
            _log.error("delivery paused", reason=report.paused, until=self._resume_at.isoformat())
            self._app.settle_alarm(AlarmName.DELIVERY_PAUSED, _paused(report.paused))
        elif report.trouble:
            self._troubles += 1
            _log.warning("nothing taken", reason=report.trouble, in_a_row=self._troubles)
            if self._troubles == TROUBLES:
                self._app.settle_alarm(AlarmName.DELIVERY_PAUSED, _refused(report.trouble))
        elif report.results:
            self._troubles = 0
            self._app.settle_alarm(AlarmName.DELIVERY_PAUSED, None)

    def tidy(self) -> None:
        """Forget what was kept long enough, and end the pauses whose day has come."""
        done = self._app.signup.tidy(self._app.clock())
        if done.purged or done.forgotten_ips or done.resumed:
            _log.info("tidied", purged=done.purged, forgotten_ips=done.forgotten_ips, resumed=done.resumed)
        self._app.mailroom.weigh()

    def bounces(self) -> None:
        """Read the mailbox that bounces come into, if one is set."""
        if not self._app.settings.bounces.mailbox:
            self._app.settle_alarm(AlarmName.BOUNCES_UNREAD, None)  # of settings that had one
            return
        try:
            letters = watched(self._app.settings.bounces)
            self._app.mailroom.take_letters(letters, stop=self.stop.is_set)
        except DigestError as error:
            self._unread += 1
            if self._unread == TROUBLES:
                self._app.settle_alarm(AlarmName.BOUNCES_UNREAD, _unread(str(error)))
            raise
        self._unread = 0
        self._app.settle_alarm(AlarmName.BOUNCES_UNREAD, None)

    def _is_copy(self) -> bool:
        """Whether the database is an older copy; the operator is told once, and by no mail: none leaves."""
        found = self._app.lookout.notice()
        if found is not None and not self._told_of_copy:
            _log.error("database restored", detail=restored.told(found))
        self._told_of_copy = found is not None
        if found is not None:
            self._app.settle_alarm(AlarmName.LEDGER_RESTORED, restored.told(found), by_mail=False)
        return found is not None

    def alarm(self) -> None:
        """Look at the sources, and at how many sign up: somebody may be using the form to flood mailboxes."""
        if not self.asking:
            self._app.watch_sources()
        self._app.settle_alarm(AlarmName.BOUNCES, self._app.mailroom.unusual())
        now, most = self._app.clock(), self._app.settings.web.signup_alarm
        with self._app.database.read() as conn:
            signups = health.asked_since(conn, now - SPIKE)
        self._app.settle_alarm(AlarmName.SIGNUP_SPIKE, _spike(signups, most) if signups > most else None)
        if signups > most and (self._quiet_until is None or now >= self._quiet_until):
            self._quiet_until = now + SPIKE
            _log.error("sign-up spike", signups=signups, usual_at_most=most)


def _refused(reason: str) -> str:
    return (
        f"The relay, or the way to it, is in trouble: it took none of the mail of the last {TROUBLES} runs: {reason}."
        " Nothing is lost: each is tried again, and this mail goes out then too."
    )


def _paused(reason: str) -> str:
    return (
        f"The relay, or the way to it, is in trouble, and no mail is tried for a while: {reason}. Nothing is lost: what"
        " is planned goes out once the relay takes it, and this mail too."
    )


def _unread(reason: str) -> str:
    return (
        f"The mailbox that bounces come into could not be read at the last {TROUBLES} looks: {reason}. Until it can be,"
        " nobody whose address is dead is left out, and mails of who wants to leave lie there unread."
    )


def _spike(signups: int, most: int) -> str:
    return (
        f"{signups:,} addresses were signed up in the last hour, more than the {most:,} that web.signup_alarm takes for"
        " usual. Somebody may be using the form to flood mailboxes."
    )


@contextmanager
def running(app: App) -> Iterator[Ticks]:
    """Tick in the background while the block runs, then drain."""
    ticks = Ticks(app)
    # Before the others: what lay in the folder while the service was down belongs to today's edition.
    _guarded(ticks.watch)()
    # So does what the sources have, if any are to be asked: they are waited for, or each would be missed at a restart.
    ticks.asking = len(app.sources) > 1
    scheduler = BackgroundScheduler(timezone=dt.UTC)
    settings = app.settings
    for tick, every_s in (
        (ticks.watch, settings.dumps.watch_s),
        (ticks.fetch, FETCH_S),
        (ticks.plan, PLAN_S),
        (ticks.deliver, settings.delivery.tick_s),
        (ticks.bounces, settings.bounces.every_minutes * 60),
        (ticks.tidy, TIDY_S),
        (ticks.alarm, ALARM_S),
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
        ticks.close()


def _guarded(tick: Callable[[], None]) -> Callable[[], None]:
    """A tick that fails is told, and tried again at the next: one bad step stops no other."""

    def run() -> None:
        started = time.monotonic()
        try:
            tick()
        except DigestError as error:
            _log.error("tick failed", tick=tick.__name__, error=str(error))
        except Exception as error:
            duration_s = round(time.monotonic() - started, 3)
            # Without the error's words: those of a database repeat the row, and with it an address.
            _log.error("tick failed", tick=tick.__name__, error=outline(error), duration_s=duration_s)

    return run
