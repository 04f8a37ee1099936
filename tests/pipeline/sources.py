"""An installation whose sources have a history: weeks of invented days, with quiet weekends."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

from digest.pipeline.ingest import IngestOptions
from digest.relay.memory import MemoryRelay
from digest.sources.source import COMMAND, FOLDER
from digest.store import alarms, ledger
from digest.store.database import Database
from digest.store.editions import Edition
from tests.factories import DAY, Clock, daily_papers, make_app, raw_dump

OPERATOR = "ops@example.org"
#: What the folder gives on a working day.
USUAL = 10
#: A dump of the day comes at this local hour, the edition at the next.
DUMP_HOUR, EDITION_HOUR = 5, 6


class Installation:
    """A program with a watched folder, and a clock of its own."""

    def __init__(self, database: Database, folder: Path, **sections: object) -> None:
        self.database = database
        self.clock = Clock()
        self.relay = MemoryRelay()
        self.app = make_app(
            database, folder, relay=self.relay, clock=self.clock, **{"admin": OPERATOR, **sections}
        )

    def at(self, day: dt.date, hour: int, minute: int = 0) -> None:
        """Set the clock to a local time."""
        local = dt.datetime.combine(day, dt.time(hour, minute), self.app.settings.tzinfo)
        self.clock.now = local.astimezone(dt.UTC)

    def take_in(
        self, count: int, *, source: str = FOLDER, name: str = "day.json", data: bytes | None = None
    ) -> None:
        """A dump of so many papers of this moment's day, or of these bytes."""
        now = self.clock()
        day = now.astimezone(self.app.settings.tzinfo).date()
        titles = [f"{source} of {day}, number {number}" for number in range(count)]
        found = raw_dump(
            daily_papers(titles, day=day) if data is None else data, name=f"{day} {name}", modified_at=now
        )
        self.app.ingest([found], IngestOptions(source=source, zone=self.app.settings.tzinfo))

    def lived(self, until: dt.date, *, weeks: int) -> None:
        """Let these weeks pass up to a date, with a dump and an edition on each working day."""
        for back in range(7 * weeks, 0, -1):
            day = until - back * DAY
            if day.weekday() < 5:
                self.at(day, DUMP_HOUR)
                self.take_in(USUAL)
                self.at(day, EDITION_HOUR)
                made = self.app.publish()
                assert made is not None
                assert made.papers == USUAL

    def something_new(self) -> None:
        """One paper by hand, which is held to no volume."""
        self.take_in(1, source=COMMAND, name="by hand.json")

    def tick(self, times: int = 3) -> Edition | None:
        """Publish, as the scheduler does again and again; gives the edition that came of it."""
        made = [self.app.publish() for _ in range(times)]
        assert made[1:] == [None] * (times - 1)
        return made[0]

    def standing(self) -> list[tuple[str, str]]:
        """The alarms that stand, by name and what they are about."""
        with self.database.read() as conn:
            return sorted(
                (str(name), about) for name, about in (each.alarm.key for each in alarms.standing(conn))
            )

    def mails(self) -> list[str]:
        """The subjects of the alarms that were mailed, after all that is due was handed over."""
        self.app.deliver()
        with self.database.read() as conn:
            assert ledger.balance(conn).difference == 0
        assert {message.recipient for message in self.relay.accepted} <= {OPERATOR}
        heads = [message.data.partition(b"\r\n\r\n")[0].decode() for message in self.relay.accepted]
        lines = [line for head in heads for line in head.replace("\r\n ", " ").split("\r\n")]
        return [line.removeprefix("Subject: digest: ") for line in lines if line.startswith("Subject: ")]
