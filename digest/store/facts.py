"""What belongs to this database alone: the keys of its links and message ids."""

from __future__ import annotations

import secrets

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection

from digest.store.schema import facts


def get(conn: Connection, name: str) -> str | None:
    value: str | None = conn.scalar(sa.select(facts.c.value).where(facts.c.name == name))
    return value


def key(conn: Connection, name: str) -> bytes:
    """A random key of 32 bytes, made at its first use and kept for ever."""
    insert = (sqlite if conn.dialect.name == "sqlite" else postgresql).insert(facts)
    conn.execute(insert.values(name=name, value=secrets.token_hex(32)).on_conflict_do_nothing())
    return bytes.fromhex(str(conn.scalar(sa.select(facts.c.value).where(facts.c.name == name))))
