"""How far the ledger has come, so that an older copy of the database is known as one.

The database holds a generation, which every claim raises; each machine keeps the last one that it saw in a file of its
own. A database that stands behind such a file was restored from a backup: mail that it takes for unsent may have been
sent. A file that is missing or old says nothing, so it need not be synced: what it lacks is only an alarm.
"""

from __future__ import annotations

import datetime as dt
import json
import secrets
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy.engine import Connection

from digest.store import facts

#: Facts: which database this is, however often it is copied; its generation; and whether it is a copy.
_IDENTITY, _GENERATION, _COPY = "identity", "generation", "copy"


@dataclass(frozen=True, slots=True, kw_only=True)
class Generation:
    """One state of the ledger."""

    era: int = 0  #: begins anew with each restored database that an operator took into use
    count: int = 0  #: raised in each claim
    nonce: str  #: tells two histories with one number apart
    at: dt.datetime

    def is_before(self, other: Generation) -> bool:
        """Whether this is an earlier state than that, or one of another history."""
        mine, its = (self.era, self.count), (other.era, other.count)
        return mine < its or (mine == its and self.nonce != other.nonce)

    def written(self) -> str:
        """In one line, for a file or a fact."""
        return f"{self.era} {self.count} {self.nonce} {self.at.isoformat()}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Copy:
    """That this database is a copy, and mail may have been sent that it knows nothing of."""

    made_at: dt.datetime | None = None  #: when the backup was made; None where that is not known
    until: dt.datetime | None = None  #: nothing was sent later than this; None where that is not known yet


def parse(text: str) -> Generation:
    """Read what `Generation.written` gave.

    Raises:
        ValueError: It is something else.
    """
    era, count, nonce, at = text.split()
    return Generation(era=int(era), count=int(count), nonce=nonce, at=dt.datetime.fromisoformat(at))


# -- in the database -----------------------------------------------------------------------------------


def name(conn: Connection) -> None:
    """Give a new database its identity and its first generation; one that has them keeps them."""
    facts.key(conn, _IDENTITY)
    first = Generation(nonce=_nonce(), at=dt.datetime.min.replace(tzinfo=dt.UTC))
    facts.add(conn, _GENERATION, first.written())


def identity(conn: Connection) -> str:
    """Which database this is: the same for all its copies."""
    return str(facts.get(conn, _IDENTITY))[:16]


def current(conn: Connection) -> Generation:
    """The generation as it stands."""
    return parse(str(facts.get(conn, _GENERATION)))


def raise_(conn: Connection, *, at: dt.datetime) -> Generation:
    """Raise the generation by one; whoever else raises it waits until this transaction ends."""
    before = parse(str(facts.hold(conn, _GENERATION)))
    return _put(conn, Generation(era=before.era, count=before.count + 1, nonce=_nonce(), at=at))


def begin_era(conn: Connection, *, after: Generation | None, at: dt.datetime) -> Generation:
    """Raise it above this database and what the machine saw of a later one: that machine then takes it for the latest."""
    stored = current(conn)
    era = max(stored.era, after.era if after else 0) + 1
    return _put(conn, Generation(era=era, nonce=_nonce(), at=at))


def copy(conn: Connection) -> Copy | None:
    """Whether this database is known to be a copy."""
    stored = facts.get(conn, _COPY)
    return None if stored is None else _copy(json.loads(stored))


def mark(conn: Connection, found: Copy) -> None:
    """Note that this database is a copy: every machine then sends nothing."""
    facts.put(conn, _COPY, marked(found))


def marked(found: Copy) -> str:
    """The same as it stands in the table, for a copy that is written without this program's engine."""
    moments = {"made_at": found.made_at, "until": found.until}
    return json.dumps({key: at.isoformat() for key, at in moments.items() if at is not None})


def leap(engine: str) -> list[str]:
    """Statements that leave out ids which later mails may hold: their links would open what is a newcomer's.

    By no fixed number, for a backup may be put back twice.
    """
    further = 1_000_000 + secrets.randbelow(10_000_000)
    return [each.format(table=table, further=further) for table in _SHOWN for each in _LEAPS[engine]]


#: Tables whose ids stand in links, Message-IDs and return paths.
_SHOWN = ("subscribers", "deliveries")
_LEAPS = {
    "sqlite": (
        "INSERT INTO sqlite_sequence SELECT '{table}', 0 WHERE '{table}' NOT IN (SELECT name FROM sqlite_sequence)",
        "UPDATE sqlite_sequence SET seq = seq + {further} WHERE name = '{table}'",
    ),
    "postgresql": (
        "SELECT setval(name, nextval(name) + {further}) FROM pg_get_serial_sequence('{table}', 'id') AS name",
    ),
}


def unmark(conn: Connection) -> None:
    """Note that an operator took the copy into use."""
    facts.drop(conn, _COPY)


#: The statement that marks a copy, for `marked` and SQLite.
MARK = f"INSERT OR REPLACE INTO facts (name, value) VALUES ('{_COPY}', ?)"  # noqa: S608 - a name of ours


def _put(conn: Connection, made: Generation) -> Generation:
    facts.put(conn, _GENERATION, made.written())
    return made


def _nonce() -> str:
    return secrets.token_hex(8)


def _copy(stored: Mapping[str, str]) -> Copy:
    moments = {key: dt.datetime.fromisoformat(value) for key, value in stored.items()}
    return Copy(made_at=moments.get("made_at"), until=moments.get("until"))


# -- on this machine -----------------------------------------------------------------------------------


def seen(folder: Path, which: str) -> Generation | None:
    """The last generation that this machine saw of a database; None where it saw none, or the file is damaged."""
    with suppress(OSError, ValueError):
        return parse((folder / which).read_text(encoding="ascii"))
    return None


def keep(folder: Path, which: str, generation: Generation) -> None:
    """Note the generation, after it was committed. Of two processes the later to write may put down the earlier."""
    folder.mkdir(parents=True, exist_ok=True)
    draft = folder / f".{which}.{generation.nonce}"
    draft.write_text(generation.written(), encoding="ascii")
    draft.replace(folder / which)
