"""Copies of a SQLite file: made while it is in use, and put back in its place. PostgreSQL has programs of its own."""

from __future__ import annotations

import datetime as dt
import os
import secrets
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from digest.errors import UsageError
from digest.store import generations, migrate
from digest.store.database import Database, DatabaseError
from digest.store.generations import Copy


class BackupError(DatabaseError):
    """A copy cannot be made, or not be put back; nothing was changed."""


def back_up(database: Database, target: Path, *, now: dt.datetime) -> None:
    """Copy the database as it stands at one moment; nobody waits, whoever writes meanwhile.

    The copy knows that it is one: what it is put back as mails nothing by itself.

    Args:
        target: A file that is not there; it is there whole, or not at all.

    Raises:
        BackupError: It cannot be written.
        UsageError: The database is no SQLite file, or the target is there.
    """
    _only_sqlite(database, "pg_dump --format=custom --file=FILE DATABASE", "makes a backup")
    if target.exists():
        raise UsageError(f"{target} is there already: a backup is never overwritten")
    with _draft(target) as draft:
        with database.read() as conn, closing(sqlite3.connect(draft)) as copy:
            source = conn.connection.driver_connection
            assert isinstance(source, sqlite3.Connection)
            source.backup(copy)
            _mark(copy, Copy(made_at=now))
        _sync(draft)
        try:
            # Not a rename, which would overwrite what came there meanwhile.
            target.hardlink_to(draft)
        except FileExistsError as error:
            raise UsageError(f"{target} is there already: a backup is never overwritten") from error
    _sync(target.parent)


def restore(database: Database, source: Path, *, now: dt.datetime) -> Path | None:
    """Put a copy in the database's place; what stood there is kept beside it.

    Returns:
        Where that is kept; None where there was none.

    Raises:
        BackupError: The copy is damaged, or the database in use.
        SchemaError: The copy is of another schema.
        UsageError: The database is no SQLite file, or there is no such copy.
    """
    _only_sqlite(database, "pg_restore --clean --if-exists --dbname=DATABASE FILE", "puts it back")
    made_at = _checked(source)
    path = Path(str(database.url.database))
    path.parent.mkdir(parents=True, exist_ok=True)
    with _draft(path) as draft:
        shutil.copyfile(source, draft)
        with closing(sqlite3.connect(draft)) as copy:
            for statement in generations.leap("sqlite"):
                copy.execute(statement)
            _mark(copy, Copy(made_at=made_at, until=now))
        _sync(draft)
        kept = _kept(path, now) if path.exists() else None
        draft.replace(path)
    _sync(path.parent)
    return kept


def _only_sqlite(database: Database, command: str, does: str) -> None:
    if not database.is_sqlite:
        raise UsageError(f"this is for SQLite; of PostgreSQL `{command}` {does}")


@contextmanager
def _draft(path: Path) -> Iterator[Path]:
    """A name beside a file, on the same disk; nothing is left under it."""
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        yield draft
    except (OSError, sqlite3.Error) as error:
        raise BackupError(f"{path}: {error}") from error
    finally:
        draft.unlink(missing_ok=True)


def _mark(conn: sqlite3.Connection, copy: Copy) -> None:
    """Make it one file without a log beside it, which says of itself that it is a copy."""
    conn.commit()
    conn.execute("PRAGMA journal_mode=DELETE")
    conn.execute(generations.MARK, [generations.marked(copy)])
    conn.commit()


def _checked(source: Path) -> dt.datetime | None:
    """Refuse what is no whole database of this program's schema; returns when the copy was made, if it says so."""
    if not source.is_file():
        raise UsageError(f"{source}: no such file")
    try:
        with closing(Database(f"sqlite:///{source}", read_only=True)) as copy:
            with copy.read() as conn:
                damage = [str(row[0]) for row in conn.exec_driver_sql("PRAGMA integrity_check(1)")]
                if damage != ["ok"]:
                    raise BackupError(f"{source} is damaged: {damage[0]}")
            migrate.check(copy)
            with copy.read() as conn:
                marked = generations.copy(conn)
    except sqlite3.Error as error:
        raise BackupError(f"{source} is no whole SQLite database: {error}") from error
    return marked.made_at if marked else None


def _kept(path: Path, now: dt.datetime) -> Path:
    """Take the database out of use, and give its file a second name."""
    kept = path.with_name(f"{path.name}.replaced-{now:%Y%m%dT%H%M%SZ}")
    with closing(sqlite3.connect(path, timeout=0)) as conn:
        try:
            # Only who is alone can leave the mode of the log, whose rest this writes into the file.
            conn.execute("PRAGMA journal_mode=DELETE")
        except sqlite3.OperationalError as error:
            raise BackupError(
                f"{path} is in use ({error}): stop `digest serve`, `web`, `scheduler` and `send` first"
            ) from error
        except sqlite3.DatabaseError:
            pass  # it is damaged, which may be why a copy is put back
    kept.hardlink_to(path)
    for suffix in ("-wal", "-shm"):
        with suppress(FileNotFoundError):
            path.with_name(path.name + suffix).rename(kept.with_name(kept.name + suffix))
    return kept


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
