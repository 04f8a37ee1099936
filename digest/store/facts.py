"""What belongs to this database alone: the keys of its links and message ids, and how far its ledger has come."""

from __future__ import annotations

import datetime as dt
import secrets

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from digest.compose.rotation import Key
from digest.store.engines import INSERTS
from digest.store.schema import facts


def get(conn: Connection, name: str) -> str | None:
    value: str | None = conn.scalar(_GET, {"wanted": name})
    return value


_GET = sa.select(facts.c.value).where(facts.c.name == sa.bindparam("wanted"))


def hold(conn: Connection, name: str) -> str | None:
    """The same, and whoever else holds it waits until this transaction ends; one that is not there cannot be held."""
    value: str | None = conn.scalar(_HOLD, {"wanted": name})
    return value


_HOLD = _GET.with_for_update()


def add(conn: Connection, name: str, value: str) -> bool:
    """Add a fact that is not there; returns whether it was not."""
    return conn.scalar(_ADD[conn.dialect.name], {"name": name, "value": value}) is not None


# Returned rather than counted: psycopg tells no row count of such a statement.
_ADD = {
    engine: insert(facts).on_conflict_do_nothing().returning(facts.c.name)
    for engine, insert in INSERTS.items()
}


def mark(conn: Connection, name: str) -> None:
    """Remember for ever that something is so."""
    add(conn, name, "yes")


def put(conn: Connection, name: str, value: str) -> None:
    """Set a fact, be it there or not."""
    conn.execute(_SET[conn.dialect.name], {"name": name, "value": value})


_SET = {
    engine: (made := insert(facts)).on_conflict_do_update(
        index_elements=["name"], set_={"value": made.excluded.value}
    )
    for engine, insert in INSERTS.items()
}


def drop(conn: Connection, name: str) -> None:
    """Forget a fact."""
    conn.execute(sa.delete(facts).where(facts.c.name == name))


def key(conn: Connection, name: str) -> bytes:
    """A random key of 32 bytes, made at its first use and kept for ever."""
    add(conn, name, secrets.token_hex(32))
    return bytes.fromhex(str(get(conn, name)))


def keys(conn: Connection, name: str) -> list[Key]:
    """The key of this name and those that followed it (`links`, `links:2`, …), oldest first; none where none is."""
    chosen = sa.or_(facts.c.name == name, facts.c.name.startswith(f"{name}:", autoescape=True))
    rows = conn.execute(sa.select(facts.c.name, facts.c.value).where(chosen))
    return [_key(row.value) for row in sorted(rows, key=lambda row: _place(row.name))]


def rotate(conn: Connection, name: str, *, since: dt.datetime) -> list[Key]:
    """Add a key that signs from a moment on; the others are kept. Returns all, oldest first."""
    key(conn, name)
    place = len(keys(conn, name)) + 1
    # Who rotates at the same moment has taken this place: PostgreSQL tells us when their commit is done.
    while not add(conn, f"{name}:{place}", f"{secrets.token_hex(32)} {since.isoformat()}"):
        place += 1
    return keys(conn, name)


def _place(name: str) -> int:
    return int(name.partition(":")[2] or 1)


def _key(value: str) -> Key:
    secret, _, since = value.partition(" ")
    return Key(secret=bytes.fromhex(secret), since=dt.datetime.fromisoformat(since) if since else None)
