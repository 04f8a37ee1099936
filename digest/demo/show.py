"""The demo: three days, three readers, every step that a real day takes, on a clock that is moved by hand."""

from __future__ import annotations

import datetime as dt
import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from zoneinfo import ZoneInfo

from digest.deliver.delivery import Status
from digest.demo.account import Account, Mailed
from digest.demo.cast import ALL_DUE, DAYS, PRESS, QUIET_DAY, READERS, Reader
from digest.demo.folder import Folder
from digest.demo.postbox import Postbox
from digest.errors import DigestError
from digest.pipeline.ingest import DumpReport, IngestOptions
from digest.pipeline.why import why
from digest.settings import RelaySettings, Settings
from digest.signup import Outcome
from digest.sources.files import open_paths
from digest.store import editions, ledger
from digest.store.ledger import Balance
from digest.subscribers.consent import Evidence
from digest.subscribers.subscriber import Subscriber
from digest.wiring import App

#: Where `digest serve` answers with the settings that are left: so the links in the demo's mails open then.
_BASE_URL, _SENDER = "http://127.0.0.1:8000", "Digest <digest@example.org>"
#: Readers subscribe in the hour before the first dump.
_SIGNED_UP_BEFORE = dt.timedelta(hours=1)


def show(out: Path, account: Account) -> None:
    """Run the three days.

    Args:
        out: Folder for the dumps, the database and the mails; one of an earlier demo is replaced.
        account: Tells the reader at the terminal.

    Raises:
        UsageError: The folder holds something else.
        DigestError: A step did not do what it promises.
    """
    folder = Folder(out)
    with Postbox(folder.mails) as postbox:
        demo = _Demo(_app(folder, postbox.port, _Clock()), folder, postbox, account)
        try:
            demo.run()
        finally:
            demo.app.database.close()
    folder.write_settings(base_url=_BASE_URL, sender=_SENDER)
    account.end(folder.path, postbox.received, base_url=_BASE_URL)


class _Clock:
    """A clock that stands until it is moved."""

    def __init__(self) -> None:
        self.now = dt.datetime.combine(DAYS[0], PRESS) - _SIGNED_UP_BEFORE

    def __call__(self) -> dt.datetime:
        return self.now


def _app(folder: Folder, port: int, clock: Callable[[], dt.datetime]) -> App:
    # Built without validation, and so without `digest.toml` and the environment: a demo that is started on
    # a machine in use must not find its database.
    settings = Settings.model_construct(
        data_dir=folder.data,
        base_url=_BASE_URL,
        sender=_SENDER,
        relay=RelaySettings(url=f"smtp://127.0.0.1:{port}", hello="localhost", connections=2),
    )
    return App(settings, clock=clock)


@dataclass(frozen=True)
class _Demo:
    app: App
    folder: Folder
    postbox: Postbox
    account: Account

    def run(self) -> None:
        self.account.begin(self.postbox.port)
        subscribers = [self._subscribe(reader) for reader in READERS]
        for day, dump in zip(DAYS, self.folder.dumps, strict=True):
            self._move(dt.datetime.combine(day, PRESS))
            self._press(day, dump)
            self.postbox.open_for(self.folder.mails / day.isoformat())
            for reader, subscriber in _by_hour(day, subscribers):
                self._move(_hour_of(reader, day))
                self._serve(reader, subscriber, day)
        self._stay_quiet()
        self._explain(subscribers[1], DAYS[0])
        self.account.ledger(self._balance())

    def _move(self, moment: dt.datetime) -> None:
        clock = self.app.clock
        assert isinstance(clock, _Clock)
        clock.now = moment

    def _subscribe(self, reader: Reader) -> Subscriber:
        outcome, subscriber = self.app.signup.ask(
            reader.address,
            profile=reader.profile,
            schedule=reader.schedule,
            confirmed=True,
            evidence=Evidence(method="demo"),
            now=self.app.clock(),
        )
        _expect(outcome is Outcome.ADDED, f"{reader.address} was not added: {outcome}")
        self.account.reader(reader)
        return subscriber

    def _press(self, day: dt.date, dump: Path) -> None:
        """Take in the day's dump, and publish."""
        report = self._ingest(dump)
        _expect(report.whole and report.records > 0, f"{dump.name}: {report.status}: {report.reason}")
        edition = self.app.publish()
        if edition is None:
            raise DigestError(f"demo: nothing was published on {day}")
        self.account.day(day, report, edition.papers)

    def _ingest(self, dump: Path) -> DumpReport:
        settings, now = self.app.settings, self.app.clock()
        found = open_paths([str(dump)], cap_bytes=settings.dumps.cap_bytes, stdin=io.BytesIO(), now=now)
        (report,) = self.app.ingest(list(found), IngestOptions(zone=settings.tzinfo))
        return report

    def _serve(self, reader: Reader, subscriber: Subscriber, day: dt.date) -> None:
        """Run what the scheduler runs, at this reader's hour, twice: the second time nothing is due."""
        expected = len(self.postbox.received) + 1
        for _ in range(2):
            self.app.plan()
            self.app.deliver()
        _expect(len(self.postbox.received) == expected, f"{reader.address} was not mailed once")
        with self.app.database.read() as conn:
            (entry,) = ledger.of(conn, subscriber.id, local_date=day)
            edition_ids = {pick.edition_id for pick in entry.picks}
            papers = {paper.paper_id: paper for paper in editions.contents(conn, edition_ids)}
        mailed = [Mailed(title=papers[p.paper_id].title, reasons=p.reasons) for p in entry.picks]
        _expect(entry.status is Status.SENT, f"{reader.address}: {entry.status}: {entry.reply}")
        self.account.served(reader, mailed, entry.leftover)

    def _stay_quiet(self) -> None:
        """Let the same dumps come again on a fourth day: no edition, no mail."""
        self._move(dt.datetime.combine(QUIET_DAY, PRESS))
        again = [self._ingest(dump) for dump in self.folder.dumps]
        _expect(not any(report.new or report.revised for report in again), "old dumps changed something")
        _expect(self.app.publish() is None, "an edition was made of old papers")
        self._move(dt.datetime.combine(QUIET_DAY, ALL_DUE))
        waiting = self.app.plan().waiting
        self.app.deliver()
        _expect(waiting == len(READERS), f"{waiting} readers are told that there is nothing new")
        _expect(len(self.postbox.received) == len(READERS) * len(DAYS), "a mail went out for nothing")
        self.account.quiet(waiting)

    def _explain(self, subscriber: Subscriber, day: dt.date) -> None:
        funnel = why(self.app.database, self.app.rankers, subscriber, now=self.app.clock(), on=day)
        self.account.why(subscriber.address, funnel)

    def _balance(self) -> Balance:
        with self.app.database.read() as conn:
            balance = ledger.balance(conn)
        _expect(balance.difference == 0, f"the ledger is out of balance by {balance.difference}")
        return balance


def _by_hour(day: dt.date, subscribers: list[Subscriber]) -> list[tuple[Reader, Subscriber]]:
    pairs = zip(READERS, subscribers, strict=True)
    return sorted(pairs, key=lambda pair: _hour_of(pair[0], day))


def _hour_of(reader: Reader, day: dt.date) -> dt.datetime:
    """The reader's hour on a date, in UTC."""
    schedule = reader.schedule
    local = dt.datetime.combine(day, dt.time(schedule.hour), tzinfo=ZoneInfo(schedule.zone))
    return local.astimezone(dt.UTC)


def _expect(kept: bool, otherwise: str) -> None:
    if not kept:
        raise DigestError(f"demo: {otherwise}")
