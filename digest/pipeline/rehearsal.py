"""Rehearsals and real mail apart: a database serves the one or the other, for as long as it lives.

A dry relay has the ledger say that readers were mailed who were not. So it is let near no ledger that has mailed
anybody, and a ledger that it has written in mails nobody any more.
"""

from __future__ import annotations

from sqlalchemy.engine import Connection

from digest.errors import SettingsError
from digest.store import facts, ledger
from digest.store.database import Database

_MARK = "rehearsal"


def refuse_mix(conn: Connection, *, dry: bool) -> bool:
    """Say that this relay is not for this database.

    Args:
        dry: Whether the relay keeps nothing.

    Returns:
        Whether the database rehearsed before.

    Raises:
        SettingsError: The database has mailed readers and the relay is dry, or it rehearsed and the relay is real.
    """
    rehearsed = facts.get(conn, _MARK) is not None
    if rehearsed and not dry:
        raise SettingsError(
            'this database was rehearsed with relay.url = "dry:": what it calls sent was mailed to nobody. Name a'
            " new one as database.url; `digest subscribers export` and `import` take your readers along"
        )
    if dry and not rehearsed and ledger.has_mailed(conn):
        raise SettingsError(
            "relay.url is dry:, and this database has mailed readers: their mail would be called sent and go to"
            " nobody. Rehearse with a database of its own, named as database.url"
        )
    return rehearsed


def keep_apart(database: Database, *, dry: bool) -> None:
    """The same before anything is planned or sent; from then on the database is one for rehearsals, where it is one.

    Raises:
        SettingsError: As above.
    """
    with database.read() as conn:
        rehearsed = refuse_mix(conn, dry=dry)
    if dry and not rehearsed:
        with database.write() as conn:
            refuse_mix(conn, dry=dry)
            facts.mark(conn, _MARK)
