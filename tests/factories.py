"""Invented papers, dumps and subscribers, each made by one call; whatever a test does not name has a default."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import count
from pathlib import Path

from sqlalchemy.engine import Connection

from digest.deliver.delivery import Kind, Status
from digest.ingest.paper import CleanRecord
from digest.ingest.record import Record
from digest.pipeline.ingest import cleaned
from digest.pipeline.plan import Stamp
from digest.pipeline.ports import Relay
from digest.rank.selection import EditionPaper, Pick, Reason, ReasonKind
from digest.relay.memory import MemoryRelay
from digest.settings import MailSettings, RelaySettings, Settings
from digest.sources.dump import RawDump
from digest.store import deliveries, dumps, editions, ledger, placing, sightings, subscribers
from digest.store.change import Change
from digest.store.database import Database
from digest.store.deliveries import Plan
from digest.store.dumps import Dump, DumpStatus
from digest.store.sightings import Forgotten
from digest.subscribers.address import address_key
from digest.subscribers.due import local_date, next_due
from digest.subscribers.subscriber import Profile, Schedule, State, Subscriber
from digest.wiring import App

#: The moment at which the tests' clocks stand: a Friday, 08:00 in UTC, so a daily digest of seven is due.
NOW = dt.datetime(2026, 11, 20, 8, 0, tzinfo=dt.UTC)
TODAY = NOW.date()
DAY = dt.timedelta(days=1)
HOUR = dt.timedelta(hours=1)

STAMP = Stamp(
    message_id=lambda kind, day, who: f"<{kind}.{day:%Y%m%d}.{who}@digest.example.org>", template="t1"
)
TRENDING = Reason(kind=ReasonKind.TRENDING, label="")


class Clock:
    """A clock that stands still until it is moved; call it for the time."""

    def __init__(self, now: dt.datetime = NOW) -> None:
        self.now = now

    def __call__(self) -> dt.datetime:
        return self.now

    def advance(self, **units: float) -> dt.datetime:
        """Move on by `timedelta(**units)`; returns the new time."""
        self.now += dt.timedelta(**units)
        return self.now


# -- records and dumps ---------------------------------------------------------------------------------


def record(title: str = "A Paper on Kites", /, *, position: int = 1, **values: object) -> Record:
    """A record as a format reader gives it; `abstract` is drawn from the title unless given."""
    given = {"line": position, "abstract": f"We study: {title}.", **values}
    return Record(position=position, title=title, **given)  # type: ignore[arg-type] # checked by the dataclass


def clean_record(title: str = "A Paper on Kites", /, *, position: int = 1, **values: object) -> CleanRecord:
    """The same, cleaned and keyed as ingest does it."""
    return cleaned(record(title, position=position, **values))


def clean_records(*titles: str, start: int = 1) -> list[CleanRecord]:
    """One cleaned record per title, positions counting up."""
    return [clean_record(title, position=place) for place, title in enumerate(titles, start)]


def daily_papers(rows: Iterable[Mapping[str, object] | str], *, day: dt.date = TODAY) -> bytes:
    """An answer of the daily-papers API, as bytes.

    Args:
        rows: Titles, or mappings over the fields of `paper` (`title`, `id`, `summary`, `upvotes`, `authors` as names).
        day: Of submission, which dates the dump.
    """
    return json.dumps([_api_row(row, number, day) for number, row in enumerate(rows, 1)]).encode()


def _api_row(row: Mapping[str, object] | str, number: int, day: dt.date) -> dict[str, object]:
    given = {"title": row} if isinstance(row, str) else dict(row)
    title = str(given["title"])
    names = given.pop("authors", ("Ada Example",))
    assert isinstance(names, Sequence)
    stamp = f"{day.isoformat()}T00:00:00.000Z"
    paper: dict[str, object] = {
        "id": arxiv_id(title),
        "summary": f"We study: {title}.",
        "upvotes": number,
        "publishedAt": stamp,
        "submittedOnDailyAt": stamp,
        "authors": [{"name": name} for name in names],
        **given,
    }
    return {"paper": paper, "title": title, "publishedAt": stamp, "numComments": 0}


def arxiv_id(title: str) -> str:
    """An arXiv id that is the title's own."""
    number = int(hashlib.sha256(title.encode()).hexdigest(), 16)
    return f"26{number % 12 + 1:02d}.{number // 12 % 100_000:05d}"


def raw_dump(
    rows: Iterable[Mapping[str, object] | str] | bytes,
    *,
    name: str = "papers.json",
    day: dt.date = TODAY,
    modified_at: dt.datetime = NOW,
) -> RawDump:
    """A dump as a source opens it; rows become an answer of the daily-papers API, bytes stay."""
    data = rows if isinstance(rows, bytes) else daily_papers(rows, day=day)
    return RawDump(name=name, data=data, modified_at=modified_at)


def keep_dump(
    conn: Connection,
    name: str = "dump",
    *,
    dated: dt.date = TODAY,
    at: dt.datetime = NOW,
    background: bool = False,
    body: bytes | None = None,
) -> int:
    """Store an empty dump that has arrived, for records to be listed in; its hash is the name's, or the body's."""
    data = name.encode() if body is None else body
    kept = Dump(
        sha256=hashlib.sha256(data).hexdigest(),
        name=name,
        source="folder",
        size_bytes=len(data),
        status=DumpStatus.STORED,
        received_at=at,
        modified_at=at,
        format="invented",
        dated=dated,
        dated_by="dump",
        background=background,
    )
    dump_id = dumps.add(conn, kept, dumps.packed(data))
    dumps.arrive(conn, dump_id, source="folder", name=name, at=at, dated=dated)
    return dump_id


def list_records(
    conn: Connection,
    records: Sequence[CleanRecord],
    name: str = "dump",
    *,
    dated: dt.date = TODAY,
    at: dt.datetime = NOW,
    background: bool = False,
    batch: int = 500,
) -> Change:
    """Store a dump with these records and show its papers; returns what it brought."""
    dump_id = keep_dump(conn, name, dated=dated, at=at, background=background)
    change = take_in(conn, dump_id, records, batch=batch)
    dumps.settle(conn, dump_id, records=len(records))
    return change


def take_in(
    conn: Connection,
    dump_id: int,
    records: Sequence[CleanRecord],
    *,
    batch: int = 500,
    forgotten: Forgotten | None = None,
) -> Change:
    """List these records in a kept dump, as ingest does it, and show their papers."""
    for start in range(0, len(records), batch):
        sightings.stage(conn, dump_id, records[start : start + batch])
    change = placing.begin(conn, dump_id, forgotten)
    while placing.place(conn, change, limit=batch):
        pass
    placing.prepare(conn, change)
    placing.switch(conn, change)
    return change


# -- editions ------------------------------------------------------------------------------------------


def edition_paper(
    new: editions.NewPaper, *, place: int, edition_id: int = 0, day: dt.date = TODAY
) -> EditionPaper:
    """A new paper as an edition freezes it."""
    return EditionPaper(
        edition_id=edition_id,
        edition_date=day,
        paper_id=new.paper_id,
        revision_id=new.revision_id,
        title=new.title,
        abstract=new.abstract,
        authors=new.authors,
        url=new.url,
        code_url=new.code_url,
        votes=new.votes,
        place=place,
        trend=1.0 / place,
    )


def publish_edition(
    database: Database, *titles: str, day: dt.date = TODAY, at: dt.datetime | None = None
) -> int:
    """List these titles in a dump of that day and publish all that is new; returns the edition's id."""
    moment = at or dt.datetime(day.year, day.month, day.day, 6, tzinfo=dt.UTC)
    with database.write() as conn:
        list_records(conn, clean_records(*titles), f"dump of {day} with {titles}", dated=day, at=moment)
        drawn = [
            edition_paper(new, place=place, day=day) for place, new in enumerate(editions.new_papers(conn), 1)
        ]
        edition_id = editions.publish(conn, date=day, at=moment, drawn=drawn)
    assert edition_id is not None, f"{day} had an edition already"
    return edition_id


# -- subscribers and deliveries ------------------------------------------------------------------------

_numbers = count(1)


def add_subscriber(
    conn: Connection,
    address: str | None = None,
    *,
    state: State = State.ACTIVE,
    profile: Profile | None = None,
    schedule: Schedule | None = None,
    now: dt.datetime = NOW,
    due_at: dt.datetime | None = None,
) -> Subscriber:
    """Store a subscriber; an active one is due when their schedule says, unless `due_at` is given."""
    address = address or f"reader{next(_numbers)}@example.org"
    profile, schedule = profile or Profile(), schedule or Schedule()
    if due_at is None and state is State.ACTIVE:
        confirmed_on = local_date(now, schedule.zone)
        due_at = next_due(schedule, last_date=None, last_mailed_at=None, confirmed_on=confirmed_on, now=now)
    added = subscribers.add(
        conn,
        address=address,
        address_key=address_key(address),
        state=state,
        profile=profile,
        schedule=schedule,
        now=now,
        due_at=due_at,
    )
    found = subscribers.get(conn, added)
    assert found is not None
    return found


def pick(paper_id: int = 1, *, edition_id: int = 1, score: float = 0.5) -> Pick:
    """A pick with one reason: it trends."""
    return Pick(edition_id=edition_id, paper_id=paper_id, score=score, reasons=(TRENDING,))


def planned(
    subscriber: Subscriber, *, day: dt.date = TODAY, now: dt.datetime = NOW, **values: object
) -> Plan:
    """A digest for the ledger, planned now and good for a day; any field may be given."""
    row = Plan(
        subscriber_id=subscriber.id,
        kind=Kind.DIGEST,
        local_date=day,
        status=Status.PLANNED,
        recipient=subscriber.address,
        epoch=subscriber.epoch,
        message_id=STAMP.message_id(Kind.DIGEST, day, subscriber.id),
        template=STAMP.template,
        planned_at=now,
        expires_at=now + DAY,
    )
    return replace(row, **values)  # type: ignore[arg-type] # checked by the dataclass


def plan_for(conn: Connection, *readers: Subscriber, **values: object) -> list[int]:
    """Plan a digest for each of these, with any field as given; returns the ids of the rows."""
    rows = [planned(reader, **values) for reader in readers]  # type: ignore[arg-type] # checked by the dataclass
    assert deliveries.plan(conn, rows, now=NOW) == len(readers)
    return [ledger.of(conn, reader.id)[0].id for reader in readers]


# -- the whole program ---------------------------------------------------------------------------------

#: A small taxonomy of two topics: titles that say "kite" are about one, "bread" about the other.
TOPICS = """
[[groups]]
id = "pastimes"
label = "Pastimes"

[[topics]]
id = "kites"
group = "pastimes"
label = "Kites"
about = "What flies on a string."
aliases = ["kite"]

[[topics]]
id = "baking"
group = "pastimes"
label = "Baking"
about = "What comes out of an oven."
aliases = ["bread"]
"""


def make_settings(folder: Path, **sections: object) -> Settings:
    """Settings of a service that may send, with all its files in `folder` and the taxonomy above.

    Args:
        folder: An empty folder of the test.
        sections: Fields of `Settings`, such as `delivery=DeliverySettings(ambiguous="park")`.
    """
    topics = folder / "topics.toml"
    topics.write_text(TOPICS, encoding="utf-8")
    values = {
        "data_dir": folder,
        "base_url": "https://digest.example.org",
        "sender": "Digest <digest@example.org>",
        "mail": MailSettings(topics=topics),
        "relay": RelaySettings(url=f"folder:{folder / 'outbox'}", connections=2),
        **sections,
    }
    return Settings(**values)  # type: ignore[arg-type] # checked by pydantic


def make_app(
    database: Database,
    folder: Path,
    *,
    relay: Relay | None = None,
    clock: Callable[[], dt.datetime] = lambda: NOW,
    **sections: object,
) -> App:
    """The wired program over a database and a relay of the test's own; the clock stands unless one is given."""
    app = App(make_settings(folder, **sections), clock=clock)
    # Both are properties that are worked out once: what is there already is what they give.
    vars(app)["database"] = database
    vars(app)["relay"] = relay or MemoryRelay()
    return app
