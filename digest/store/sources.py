"""How the looks at each source went, and when it is looked at again."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row

from digest.store.engines import INSERTS, Insert
from digest.store.schema import sources


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceState:
    """What is known of a source from its last looks."""

    name: str
    tried_at: dt.datetime | None = None  #: end of the last look
    succeeded_at: dt.datetime | None = None  #: end of the last look that brought what it should
    next_at: dt.datetime | None = None  #: not looked at before by itself
    wait_until: dt.datetime | None = None  #: as the server asked: not looked at before at all
    failures: int = 0  #: in a row
    reason: str | None = None  #: of the last failure; None after a success
    #: What the last answers were known by (`etag`, `last_modified`, `sha256`), by the key of their request.
    validators: Mapping[str, Mapping[str, str | None]] = field(default_factory=dict)


def get(conn: Connection, name: str) -> SourceState:
    """The state of one source; that of a source never looked at where there is none."""
    row = conn.execute(sa.select(sources).where(sources.c.name == name)).one_or_none()
    return _state(row) if row else SourceState(name=name)


def every(conn: Connection) -> list[SourceState]:
    """The states of all that were ever looked at, sorted by name."""
    return [_state(row) for row in conn.execute(sa.select(sources).order_by(sources.c.name))]


def save(conn: Connection, state: SourceState) -> None:
    """Put the state down in place of what was known."""
    conn.execute(_SAVE[conn.dialect.name], asdict(state))


def _upsert(insert: Callable[[sa.Table], Insert]) -> Insert:
    statement = insert(sources)
    rest = {column.name: statement.excluded[column.name] for column in sources.c if not column.primary_key}
    return statement.on_conflict_do_update(index_elements=[sources.c.name], set_=rest)


_SAVE = {engine: _upsert(insert) for engine, insert in INSERTS.items()}


def _state(row: Row[tuple[object, ...]]) -> SourceState:
    return SourceState(**row._mapping)
