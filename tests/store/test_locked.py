"""What writes, meets a lock, and gives up: it raises, and leaves nothing half-done."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy.engine import Connection

from digest.deliver.bounce import Bounce, BounceKind, BouncePolicy, Door
from digest.deliver.delivery import Status
from digest.store import (
    bounces,
    consents,
    counting,
    deliveries,
    doubts,
    dumps,
    editions,
    facts,
    generations,
    history,
    joins,
    ledger,
    names,
    overlay,
    papers,
    placing,
    revisions,
    showing,
    sightings,
    sources,
    subscribers,
    uses,
)
from digest.store import database as store_database
from digest.store.bounces import Came
from digest.store.change import Change
from digest.store.database import Database, DatabaseError
from digest.store.deliveries import Result
from digest.store.dumps import Dump, DumpStatus
from digest.store.generations import Copy
from digest.store.schema import metadata
from digest.store.sources import SourceState
from digest.store.subscribers import Progress
from digest.subscribers.consent import Event, Evidence
from digest.subscribers.subscriber import Profile, Schedule, State
from tests.factories import (
    DAY,
    HOUR,
    NOW,
    TODAY,
    add_subscriber,
    clean_record,
    clean_records,
    edition_paper,
    list_records,
    pick,
    planned,
    publish_edition,
)

TABLES = tuple(metadata.tables)
MODULES = (
    bounces, consents, counting, deliveries, doubts, dumps, editions, facts, generations, history, joins, ledger, names, overlay,
    papers, placing, revisions,
    showing, sightings, sources, subscribers, uses,
)  # fmt: skip
DUMP = Dump(
    sha256="cd" * 32,
    name="x",
    source="folder",
    size_bytes=1,
    status=DumpStatus.STORED,
    received_at=NOW,
    modified_at=NOW,
)
PROGRESS = Progress(
    subscriber_id=1,
    last_date_was=None,
    cursor_edition_id=None,
    last_date=TODAY,
    last_mailed_at=NOW,
    due_at=None,
)
DEAD = Came(delivery_id=1, bounce=Bounce(kind=BounceKind.HARD, status="5.1.1", detail="no"), door=Door.SMTP)
FULL = Came(delivery_id=5, bounce=Bounce(kind=BounceKind.SOFT, status="4.2.2", detail="full"), door=Door.DSN)
PERSON = {"profile": Profile(), "schedule": Schedule(), "now": NOW, "due_at": None, "state": State.ACTIVE}


def staged(conn: Connection) -> Change:
    """A dump with one record to place."""
    sightings.stage(conn, 2, clean_records("On Nets", start=9))
    return placing.begin(conn, 2)


def two_texts(conn: Connection) -> tuple[int, str]:
    """A paper, and one of its texts."""
    record = clean_record("On Kites", abstract="Another text.")
    list_records(conn, [record], "other")
    return 1, record.text_hash


def begin_in_vain(conn: Connection) -> None:
    """Begin a delivery, of which nothing leaves."""
    deliveries.begin(conn, {1: "ab" * 32}, claimant="me", now=NOW)
    deliveries.unbegin(conn, [1], claimant="me")


def forward_moved(conn: Connection) -> None:
    """Forward a claim whose reader has moved."""
    subscribers.change(conn, 1, epoch=5)
    before = rows(conn)
    deliveries.forward(conn, [1], claimant="me", now=NOW)
    assert rows(conn) != before


#: Every store function that writes, called so that it has something to write in the database below.
WRITES: dict[str, Callable[[Connection], object]] = {
    "bounces.blank": lambda conn: bounces.blank(conn, [5]),
    "bounces.take": lambda conn: bounces.take(conn, [DEAD], now=NOW),
    "bounces.weigh": lambda conn: bounces.weigh(conn, [5], BouncePolicy(soft_limit=1), now=NOW),
    "consents.address_hash": lambda conn: consents.address_hash(conn, "ada@example.org"),
    "consents.allow": lambda conn: consents.allow(conn, "ab"),
    "consents.forget_ips": lambda conn: consents.forget_ips(conn, [1]),
    "consents.forget_ips_of": lambda conn: consents.forget_ips_of(conn, [1]),
    "consents.record": lambda conn: consents.record(conn, 1, Event.LEFT, Evidence(method="web"), at=NOW),
    "consents.suppress": lambda conn: consents.suppress(conn, "cd", reason="left", at=NOW),
    "deliveries.begin": lambda conn: deliveries.begin(conn, {1: "ab" * 32}, claimant="me", now=NOW),
    "deliveries.bounced": lambda conn: deliveries.bounced(conn, [DEAD], now=NOW),
    "deliveries.blank": lambda conn: deliveries.blank(conn, [1]),
    "deliveries.claim": lambda conn: deliveries.claim(
        conn, claimant="me", now=NOW, lease_until=NOW + HOUR, limit=9
    ),
    "deliveries.drop": lambda conn: deliveries.drop(conn, [2], claimant="me", now=NOW),
    "deliveries.expire": lambda conn: deliveries.expire(conn, now=NOW + 2 * DAY),
    "deliveries.forward": forward_moved,
    "deliveries.lapse": lambda conn: deliveries.lapse(conn, now=NOW, dead=["me"], park=True),
    "deliveries.plan": lambda conn: deliveries.plan(
        conn, [planned(add_subscriber(conn), picks=(pick(),))], now=NOW
    ),
    "deliveries.release": lambda conn: deliveries.release(conn, "me"),
    "deliveries.post": lambda conn: deliveries.post(conn, planned(add_subscriber(conn)), now=NOW),
    "deliveries.put_aside": lambda conn: deliveries.put_aside(
        conn, "example.org", claimant="me", now=NOW, until=NOW + HOUR, reply="silent"
    ),
    "deliveries.readdress": lambda conn: deliveries.readdress(
        conn, 3, recipient="new@example.org", epoch=1, now=NOW
    ),
    "deliveries.settle": lambda conn: deliveries.settle(
        conn, [Result(delivery_id=1, status=Status.SENT, reply="250")], claimant="me", now=NOW
    ),
    "deliveries.unbegin": begin_in_vain,
    "deliveries.unclaim": lambda conn: deliveries.unclaim(conn, [1], claimant="me"),
    "deliveries.withdraw": lambda conn: deliveries.withdraw(conn, [3], now=NOW, reason="left"),
    "doubts.move_on": doubts.move_on,
    "doubts.pass_over": doubts.pass_over,
    "doubts.settle_open": lambda conn: doubts.settle_open(conn, until=NOW, now=NOW),
    "dumps.add": lambda conn: dumps.add(conn, DUMP, b"x"),
    "dumps.arrive": lambda conn: dumps.arrive(conn, 1, source="folder", name="again", at=NOW, dated=TODAY),
    "dumps.fill": lambda conn: dumps.fill(conn, 1, b"x", size_bytes=1, modified_at=NOW),
    "dumps.reject": lambda conn: dumps.reject(conn, 1, [(1, "no title")]),
    "dumps.settle": lambda conn: dumps.settle(conn, 1, reason="cut"),
    "editions.publish": lambda conn: editions.publish(
        conn,
        date=TODAY + DAY,
        at=NOW,
        drawn=[edition_paper(new, place=1) for new in editions.new_papers(conn)],
    ),
    "facts.add": lambda conn: facts.add(conn, "new", "fact"),
    "facts.drop": lambda conn: facts.drop(conn, "identity"),
    "facts.hold": lambda conn: facts.hold(conn, "identity"),
    "facts.mark": lambda conn: facts.mark(conn, "new"),
    "facts.put": lambda conn: facts.put(conn, "identity", "other"),
    "facts.key": lambda conn: facts.key(conn, "links"),
    "facts.rotate": lambda conn: facts.rotate(conn, "links", since=NOW),
    "generations.begin_era": lambda conn: generations.begin_era(conn, after=None, at=NOW),
    "generations.mark": lambda conn: generations.mark(conn, Copy(until=NOW)),
    "generations.name": lambda conn: facts.drop(conn, "generation") or generations.name(conn),  # type: ignore[func-returns-value] # one after the other
    "generations.raise_": lambda conn: generations.raise_(conn, at=NOW),
    "generations.unmark": lambda conn: generations.mark(conn, Copy(until=NOW)) or generations.unmark(conn),  # type: ignore[func-returns-value] # one after the other
    "joins.merge": lambda conn: joins.merge(conn, 1, 2, at=NOW),
    "joins.split": lambda conn: joins.split(conn, *two_texts(conn), at=NOW),
    "joins.unmerge": lambda conn: joins.merge(conn, 1, 2, at=NOW) or joins.unmerge(conn, 1),  # type: ignore[func-returns-value] # one after the other
    "overlay.relink": lambda conn: overlay.relink(conn, also=[1]),
    "papers.hide_unseen": lambda conn: sightings.forget(conn, 1) and papers.hide_unseen(conn),  # type: ignore[func-returns-value] # one after the other
    "placing.begin": lambda conn: placing.begin(conn, 1, sightings.forget(conn, 1)),
    "placing.place": lambda conn: placing.place(conn, staged(conn), limit=9),
    "placing.settle": lambda conn: placing.settle(conn, staged(conn), [], titles=["on nets"]),
    "placing.switch": lambda conn: placing.switch(conn, Change(1, touched={1, 2, 3})),
    "revisions.keep": lambda conn: revisions.keep(conn, clean_records("On Nets")),
    "showing.put": lambda conn: showing.put(conn, showing.decided(conn, [1, 2])),
    "showing.show": lambda conn: showing.show(conn, [1, 2]),
    "sightings.forget": lambda conn: sightings.forget(conn, 1),
    "sightings.stage": lambda conn: sightings.stage(conn, 2, clean_records("On Nets", start=9)),
    "sightings.take_back": lambda conn: sightings.take_back(conn, 2, limit=9),
    "sources.save": lambda conn: sources.save(conn, SourceState(name="arxiv")),
    "subscribers.add": lambda conn: subscribers.add(
        conn,
        address="new@example.org",
        address_key="new@example.org",
        **PERSON,  # type: ignore[arg-type] # as above
    ),
    "subscribers.change": lambda conn: subscribers.change(conn, 1, epoch=7),
    "subscribers.enter": lambda conn: subscribers.enter(
        conn,
        address="new@example.org",
        address_key="new@example.org",
        profile=Profile(),
        schedule=Schedule(),
        now=NOW,
    ),
    "subscribers.give_back": lambda conn: subscribers.give_back(conn, [(1, None, 1)]),
    "subscribers.advance": lambda conn: subscribers.advance(conn, [PROGRESS]),
    "subscribers.remove": lambda conn: subscribers.remove(conn, [1]),
    "uses.forget": lambda conn: uses.forget(conn, before=NOW + DAY),
    "uses.forget_of": lambda conn: uses.forget_of(conn, 1),
    "uses.take": lambda conn: uses.take(conn, "export", 2, 1, at=NOW),
}
READS = {
    "bounces": {"counts", "hold_of", "of", "of_delivery", "often", "shares"},
    "consents": {"of", "suppressed", "with_ip"},
    "counting": {"count"},
    "doubts": {"open_mail"},
    "dumps": {"body", "every", "find", "of_day", "packed", "rejected"},
    "editions": {"after", "contents", "every", "fetched", "holding", "new_papers", "newest", "on", "page"},
    "facts": {"get", "keys"},
    "generations": {"copy", "current", "identity", "keep", "leap", "marked", "parse", "seen"},
    "history": {"entered", "listings", "seen_in", "texts"},
    "deliveries": {"signers"},
    "ledger": {"balance", "find", "has_mailed", "history", "latest", "mailed_since", "of", "planned_on", "settled_since", "words_since"},
    "joins": {"joins"},
    "names": {"split_papers", "split_texts", "web"},
    "papers": {"every", "get", "names", "search", "shown", "total"},
    "placing": {"prepare"},
    "revisions": {"crowded"},
    "showing": {"decided"},
    "sources": {"every", "get"},
    "subscribers": {
        "counts", "due", "every", "fields", "find", "get", "hold", "hold_address", "hold_all", "hold_those",
        "hold_unconfirmed", "paused_until", "reached", "reserve", "standing", "standings", "unconfirmed",
    },
    "uses": {"taken"},
}  # fmt: skip


def functions() -> Iterator[str]:
    """All public store functions that take a connection."""
    for module in MODULES:
        short = module.__name__.rpartition(".")[2]
        for name, function in inspect.getmembers(module, inspect.isfunction):
            if function.__module__ == module.__name__ and not name.startswith("_"):
                yield f"{short}.{name}"


def test_every_function_is_listed() -> None:
    """Each store function is known here as one that writes or one that reads."""
    reads = {f"{module}.{name}" for module, names in READS.items() for name in names}
    assert set(functions()) == set(WRITES) | reads
    assert not set(WRITES) & reads


@pytest.fixture
def filled(database: Database, monkeypatch: pytest.MonkeyPatch) -> Iterator[Database]:
    """A database in which each of them has something to do, with locks waited for 20 ms."""
    edition = publish_edition(database, "On Kites", "On Bread")
    with database.write() as conn:
        list_records(conn, clean_records("On Looms"), "2", dated=TODAY + DAY)
        readers = [add_subscriber(conn) for _ in range(4)]
        subscribers.change(conn, readers[0].id, cursor_edition_id=edition)
        consents.suppress(conn, "ab", reason="left", at=NOW)
        consents.record(conn, readers[0].id, Event.ASKED, Evidence(method="web", ip="192.0.2.1"), at=NOW)
        uses.take(conn, "export", readers[0].id, 1, at=NOW)
        deliveries.plan(conn, [planned(reader, picks=(pick(),)) for reader in readers], now=NOW)
        deliveries.claim(conn, claimant="me", now=NOW, lease_until=NOW + HOUR, limit=2)
        subscribers.change(conn, readers[1].id, state=State.LEFT)
        late = add_subscriber(conn)
        deliveries.plan(conn, [planned(late, expires_at=NOW)], now=NOW)
        deliveries.expire(conn, now=NOW)
        bounces.take(conn, [FULL], now=NOW)
    monkeypatch.setattr(store_database, "LOCK_TIMEOUT_S", 0.02)
    impatient = Database(database.url.render_as_string(hide_password=False))
    yield impatient
    impatient.close()


@contextmanager
def locked(database: Database) -> Iterator[None]:
    """Another process writes: everywhere on SQLite, into every table on PostgreSQL."""
    with database.engine.begin() as conn:  # past the line in which this process's own writers stand
        if not database.is_sqlite:
            for table in TABLES:
                conn.exec_driver_sql(f"LOCK TABLE {table} IN EXCLUSIVE MODE")
        yield


def rows(conn: Connection) -> dict[str, list[str]]:
    """All that is stored."""
    return {
        table: sorted(str(tuple(row)) for row in conn.exec_driver_sql(f"SELECT * FROM {table}"))
        for table in TABLES
    }


def test_under_a_lock(database: Database, filled: Database) -> None:
    """Under a lock that lasts, every write raises, and the database is as before; without it each one writes."""
    with filled.read() as conn:
        before = rows(conn)
    for name, write in WRITES.items():
        with locked(database), pytest.raises(DatabaseError, match="lock"), filled.write() as conn:
            write(conn)
            pytest.fail(f"{name} wrote under a lock")
        with filled.read() as conn:
            assert rows(conn) == before, name
    # They decide again what was decided already, or undo what they have just done.
    idle = {
        "deliveries.unbegin",
        "facts.hold",
        "generations.unmark",
        "joins.unmerge",
        "overlay.relink",
        "placing.switch",
        "showing.put",
        "showing.show",
    }
    for name, write in WRITES.items():
        with filled.engine.connect() as conn:  # rolled back
            write(conn)
            assert (rows(conn) != before) == (name not in idle), name
