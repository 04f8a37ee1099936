"""Two months for 200 readers over real SMTP: no paper twice to anyone, no two mails for a date, a ledger that balances."""

from __future__ import annotations

import datetime as dt
import re
from collections import Counter, defaultdict
from email.utils import parsedate_to_datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from digest.deliver.delivery import Status
from digest.ingest.titles import title_key
from digest.pipeline.ingest import DumpReport, IngestOptions
from digest.settings import EditionSettings, RelaySettings, Settings
from digest.sources.dump import RawDump
from digest.store import ledger, subscribers
from digest.store.database import Database
from digest.subscribers.address import address_key
from digest.subscribers.consent import Evidence
from digest.subscribers.subscriber import Subscriber
from digest.wiring import App
from tests import replay
from tests.replay import Listed, Reader
from tests.smtp_server import Accepted, SmtpServer
from tests.wire import Wire, assert_wire

_HEADING = re.compile(r"<h2[^>]*>(.*?)</h2>", re.DOTALL)
_TAG = re.compile(r"<[^>]+>")


class World:
    """The service over two months: dumps come in, readers act, and the scheduler's three ticks run each hour."""

    def __init__(self, app: App, clock: list[dt.datetime], readers: list[Reader]) -> None:
        self.app, self.clock, self.readers = app, clock, readers
        self.reports: list[DumpReport] = []
        self.zones: dict[str, list[tuple[dt.datetime, str]]] = defaultdict(list)

    def run(self, days: dict[dt.date, list[Listed]], *, seed: int) -> None:
        waiting = replay.arrivals(days, seed=seed)
        moment = dt.datetime.combine(min(days), dt.time(0), dt.UTC)
        end = dt.datetime.combine(max(days), dt.time(0), dt.UTC) + dt.timedelta(days=4)
        while moment < end:
            self.clock[0] = moment
            if moment.hour == 1:
                self._act(moment.date())
            due = [arrival for arrival in waiting if arrival.at <= moment]
            waiting = [arrival for arrival in waiting if arrival.at > moment]
            found = [RawDump(name=a.name, data=a.data, modified_at=a.at) for a in due]
            self.reports += self.app.ingest(found, IngestOptions())
            self.app.publish()
            self.app.plan()
            report = self.app.deliver()
            assert report.paused is None
            if moment.hour == 23:
                self._balances()
            moment += dt.timedelta(hours=1)

    def _act(self, today: dt.date) -> None:
        """What readers do in the night: join, pause, resume, move."""
        for reader in self.readers:
            if reader.joins == today:
                self.app.signup.ask(
                    reader.address,
                    profile=reader.profile,
                    schedule=reader.schedule,
                    confirmed=True,
                    evidence=Evidence(method="command"),
                    now=self.clock[0],
                )
                self.zones[reader.address].append((self.clock[0], reader.schedule.zone))
            if reader.joins > today:
                continue
            if reader.pauses and today == reader.pauses[0]:
                self.app.signup.pause(
                    self._find(reader), evidence=Evidence(method="command"), now=self.clock[0]
                )
            if reader.pauses and today == reader.pauses[1]:
                self.app.signup.resume(
                    self._find(reader), evidence=Evidence(method="command"), now=self.clock[0]
                )
            if reader.moves and today == reader.moves[0]:
                _, schedule = reader.moves
                found = self._find(reader)
                self.app.signup.change(found, profile=found.profile, schedule=schedule, now=self.clock[0])
                self.zones[reader.address].append((self.clock[0], schedule.zone))

    def _find(self, reader: Reader) -> Subscriber:
        with self.app.database.read() as conn:
            found = subscribers.find(conn, address_key(reader.address))
        assert found is not None
        return found

    def _balances(self) -> None:
        with self.app.database.read() as conn:
            balance = ledger.balance(conn)
        assert balance.difference == 0
        assert balance.statuses[Status.CLAIMED] == 0

    def local_date(self, address: str, moment: dt.datetime) -> dt.date:
        """The reader's date at a moment, in the zone they had then."""
        zone = [zone for since, zone in self.zones[address] if since <= moment][-1]
        return moment.astimezone(ZoneInfo(zone)).date()


@pytest.mark.timeout(900)
def test_two_months_bring_no_paper_twice_and_no_second_mail(tmp_path: Path) -> None:
    """200 readers, 45 days with every bad habit of the page: each paper and each date once, and nothing lost."""
    real = Path(__file__).parents[2] / "shared" / "data" / "hf_api"
    days = replay.shared_days(real) if real.is_dir() else replay.generated_days()
    assert len(days) == 45
    _replay(tmp_path, days, readers=200)


@pytest.mark.timeout(600)
def test_generated_days_do_as_well(tmp_path: Path) -> None:
    """The same on invented days, so that they hold where the real ones are absent: 40 readers, 36 days."""
    _replay(tmp_path, replay.generated_days(36), readers=40)


def _replay(folder: Path, days: dict[dt.date, list[Listed]], *, readers: int) -> None:
    keys = [title_key(row.title) for rows in days.values() for row in rows]
    assert len(keys) == len(set(keys)), "titles tell these papers apart"
    with SmtpServer() as server:
        world = _world(folder, server, days, readers)
        world.run(days, seed=11)
        mails = [(accepted, assert_wire(accepted.data)) for accepted in server.accepted]
    assert [report.name for report in world.reports if report.status == "quarantined"] == [
        f"{sorted(days)[10]}-empty.json"
    ]
    assert [report.status for report in world.reports].count("known") == 1
    _each_paper_once(mails, set(keys))
    _each_date_once(world, mails)
    _ledger_tells_the_same(world.app.database, mails)
    _everyone_is_served(world, mails)


def _world(folder: Path, server: SmtpServer, days: dict[dt.date, list[Listed]], readers: int) -> World:
    clock = [dt.datetime.combine(min(days), dt.time(0), dt.UTC)]
    settings = Settings(
        data_dir=folder,
        base_url="https://digest.example.org",
        sender="Digest <digest@example.org>",
        edition=EditionSettings(hour=6),
        relay=RelaySettings(url=server.url, connections=4),
    )
    app = App(settings, clock=lambda: clock[0])
    people = replay.readers(sorted(app.topic_ids), sorted(days), number=readers, seed=7)
    return World(app, clock, people)


def _titles(mail: Wire) -> list[str]:
    return [title_key(_TAG.sub("", heading)) for heading in _HEADING.findall(mail.html)]


def _each_paper_once(mails: list[tuple[Accepted, Wire]], known: set[str]) -> None:
    seen: dict[str, Counter[str]] = defaultdict(Counter)
    for accepted, mail in mails:
        titles = _titles(mail)
        assert titles
        assert set(titles) <= known
        seen[accepted.recipient].update(titles)
    twice = {who: [t for t, n in titles.items() if n > 1] for who, titles in seen.items()}
    assert {who: titles for who, titles in twice.items() if titles} == {}


def _each_date_once(world: World, mails: list[tuple[Accepted, Wire]]) -> None:
    dates = Counter(
        (
            accepted.recipient,
            world.local_date(accepted.recipient, parsedate_to_datetime(mail.headers["date"])),
        )
        for accepted, mail in mails
    )
    assert {key: number for key, number in dates.items() if number > 1} == {}
    ids = Counter(accepted.message_id for accepted, _ in mails)
    assert {key: number for key, number in ids.items() if number > 1} == {}


def _ledger_tells_the_same(database: Database, mails: list[tuple[Accepted, Wire]]) -> None:
    with database.read() as conn:
        balance = ledger.balance(conn)
    assert balance.difference == 0
    assert balance.statuses[Status.SENT] == len(mails)
    settled = {Status.SENT, Status.SKIPPED, Status.SUPPRESSED}
    assert {status for status, number in balance.statuses.items() if number} <= settled


def _everyone_is_served(world: World, mails: list[tuple[Accepted, Wire]]) -> None:
    """A reader without topics, who takes what trends, is mailed on each day that is theirs and has an edition."""
    served = Counter(accepted.recipient for accepted, _ in mails)
    for reader in world.readers:
        if not reader.profile.topics and reader.pauses is None and reader.moves is None:
            joined = (max(world.clock).date() - reader.joins).days
            least = {"daily": joined * 5 // 7 - 4, "weekdays": joined * 5 // 7 - 4, "weekly": joined // 7 - 2}
            assert served[reader.address] >= least[reader.schedule.frequency], reader
