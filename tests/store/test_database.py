"""Opening a database: what is durable, what waits for whom, and what an operator is told."""

from __future__ import annotations

import datetime as dt
import os
import shutil
import sqlite3
import tempfile
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
import sqlalchemy as sa

from digest.errors import SettingsError
from digest.store import database as store_database
from digest.store import facts
from digest.store.database import Database, DatabaseError, parse_url
from digest.store.types import Instant
from digest.store.writers import Writers, _Place
from tests.conftest import MakeUrl
from tests.factories import NOW


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Locks are waited for a tenth of a second; asked for before the database is opened."""
    monkeypatch.setattr(store_database, "LOCK_TIMEOUT_S", 0.1)


@pytest.mark.parametrize(
    ("text", "driver"),
    [
        ("sqlite:///digest.db", "sqlite"),
        ("sqlite:////var/lib/digest/digest.db", "sqlite"),
        ("postgresql://digest@db.example.org/digest", "postgresql+psycopg"),
        ("postgresql+psycopg://digest@db.example.org/digest", "postgresql+psycopg"),
    ],
)
def test_urls(text: str, driver: str) -> None:
    """SQLite files and PostgreSQL are known, the latter always by psycopg 3."""
    assert parse_url(text).drivername == driver


@pytest.mark.parametrize(
    "text",
    [
        "",
        "digest.db",
        "sqlite://",
        "sqlite:///:memory:",
        "mysql://secret@db.example.org/digest",
        "nosuch://secret@db.example.org/digest",
        "postgresql://digest:secret@db.example.org:port/digest",
    ],
)
def test_other_urls(text: str) -> None:
    """Any other URL is an error of the setting, which repeats no password."""
    with pytest.raises(SettingsError, match=r"database\.url.*sqlite:///PATH or postgresql://") as caught:
        parse_url(text)
    assert "secret" not in str(caught.value)


def test_sqlite_is_durable(sqlite_database: Database) -> None:
    """A commit is on the disk when it returns: WAL with synchronous FULL, foreign keys held."""
    with sqlite_database.write() as conn:
        assert conn.exec_driver_sql("PRAGMA journal_mode").scalar_one() == "wal"
        assert conn.exec_driver_sql("PRAGMA synchronous").scalar_one() == 2
        assert conn.exec_driver_sql("PRAGMA foreign_keys").scalar_one() == 1


def test_options_of_the_url_hold_on_postgresql(make_postgresql_url: MakeUrl) -> None:
    """What the operator's URL asks of the server, such as a search_path, stands beside what this program does."""
    database = Database(f"{make_postgresql_url()}&options=-csearch_path%3Dshelf")
    with database.read() as conn:
        assert conn.exec_driver_sql("SHOW search_path").scalar_one() == "shelf"
        assert conn.exec_driver_sql("SHOW timezone").scalar_one() == "UTC"
    database.close()


def test_postgresql_is_durable(postgresql_database: Database) -> None:
    """A commit is on the disk when it returns, though the server's own default here is off; times are UTC."""
    with postgresql_database.write() as conn:
        assert conn.exec_driver_sql("SHOW synchronous_commit").scalar_one() == "on"
        assert conn.exec_driver_sql("SHOW timezone").scalar_one() == "UTC"
        assert conn.exec_driver_sql("SHOW lock_timeout").scalar_one() == "30s"


def test_a_write_is_whole_or_nothing(database: Database) -> None:
    """A block that raises leaves nothing behind, whatever it had written."""
    with pytest.raises(RuntimeError, match="stop"), database.write() as conn:
        facts.key(conn, "links")
        raise RuntimeError("stop")
    with database.read() as conn:
        assert facts.get(conn, "links") is None


def test_a_read_is_a_snapshot(database: Database) -> None:
    """What another commits meanwhile is not seen, and is not held up either."""
    with database.read() as conn:
        assert facts.get(conn, "links") is None
        with database.write() as other:
            facts.key(other, "links")
        assert facts.get(conn, "links") is None
    with database.read() as conn:
        assert facts.get(conn, "links") is not None


def test_a_writer_takes_the_lock_first(short: None, sqlite_database: Database) -> None:
    """On SQLite another process waits at its beginning, for as long as the time-out and no longer."""
    other = sqlite3.connect(str(sqlite_database.url.database), isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(DatabaseError, match="locked"), sqlite_database.write():
        pytest.fail("two writers at once")
    other.rollback()
    with sqlite_database.write() as conn:
        facts.key(conn, "links")
    other.close()


class Waiting(threading.Thread):
    """A thread that writes a fact as soon as it may; made once it stands in line."""

    def __init__(self, database: Database, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
        super().__init__()
        self.error: DatabaseError | None = None
        self._database, self._fact = database, name
        in_line, join = threading.Event(), Writers._join

        def joined(line: Writers, place: _Place) -> None:
            join(line, place)
            in_line.set()

        with monkeypatch.context() as patched:
            patched.setattr(Writers, "_join", joined)
            self.start()
            assert in_line.wait(10)

    def run(self) -> None:
        try:
            with self._database.write() as conn:
                facts.key(conn, self._fact)
        except DatabaseError as error:
            self.error = error


def test_threads_write_in_turn(
    sqlite_database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Threads of one process write in the order in which they came, whatever object or path they have."""
    (tmp_path / "link.db").symlink_to(Path(str(sqlite_database.url.database)))
    linked = Database(f"sqlite:///{tmp_path / 'link.db'}")
    names = ["first", "second", "third", "fourth"]
    with sqlite_database.write():
        threads = [
            Waiting(database, name, monkeypatch)
            for name, database in zip(names, [linked, sqlite_database] * 2, strict=True)
        ]
        taken = [linked.engine.pool.checkedout(), sqlite_database.engine.pool.checkedout()]  # type: ignore[attr-defined] # of QueuePool, which both have
    for thread in threads:
        thread.join()
    with sqlite_database.read() as conn:
        written = conn.exec_driver_sql("SELECT name FROM facts ORDER BY rowid")
        assert [name for (name,) in written if name in names] == names
    assert taken == [0, 1], "who waits for a turn keeps no connection from those who read"
    linked.close()


def test_waiting_for_a_turn_ends(
    short: None, sqlite_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A thread waits for its turn as long as the time-out, and leaves the line; then the next has its turn."""
    with sqlite_database.write() as conn:
        late = Waiting(sqlite_database, "late", monkeypatch)
        late.join()
        facts.key(conn, "first")
    Waiting(sqlite_database, "second", monkeypatch).join()
    with sqlite_database.read() as conn:
        assert str(late.error) == "database: database is locked"
        found = [facts.get(conn, name) is not None for name in ("first", "late", "second")]
        assert found == [True, False, True]


def test_no_write_inside_a_write(sqlite_database: Database) -> None:
    """A thread that writes twice at once would wait for itself: that is a bug, told at once, and undone."""
    with pytest.raises(RuntimeError, match="inside a write"), sqlite_database.write() as conn:
        facts.key(conn, "outer")
        with sqlite_database.write():
            pytest.fail("two writers at once")
    with sqlite_database.write() as conn:
        assert facts.get(conn, "outer") is None


def test_reading_stands_in_no_line(sqlite_database: Database) -> None:
    """Who may only read is refused at once, however long others write."""
    reading = Database(str(sqlite_database.url), read_only=True)
    with (
        sqlite_database.write(),
        pytest.raises(DatabaseError, match="readonly"),
        reading.write() as conn,
    ):
        facts.key(conn, "links")
    reading.close()


def test_files_have_lines_of_their_own(sqlite_database: Database, make_sqlite_url: MakeUrl) -> None:
    """A writer of one file waits for none of another."""
    other = Database(make_sqlite_url())
    with sqlite_database.write(), other.write() as conn:
        conn.exec_driver_sql("CREATE TABLE other (id)")
    with other.read() as conn:
        assert sa.inspect(conn).has_table("other")
    other.close()


def test_more_at_once_than_connections(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who gets no connection in time is told in our words, as one who waits for a lock is."""
    monkeypatch.setattr(database.engine.pool, "_timeout", 0.01)
    with ExitStack() as stack:
        for _ in range(store_database.CONNECTIONS):
            stack.enter_context(database.read())
        with pytest.raises(DatabaseError, match="too many at once"), database.read():
            pytest.fail("one connection too many")


@pytest.fixture
def held(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    """A writer on a new file that is not yet in WAL mode, as while it is being made."""
    conn = sqlite3.connect(tmp_path / "new.db", isolation_level=None, check_same_thread=False)
    conn.execute("BEGIN IMMEDIATE")
    yield conn
    conn.close()


def test_opening_a_file_that_is_being_made(
    held: sqlite3.Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who opens a file while another makes it waits for them, though SQLite itself would not."""
    connected = store_database._connected

    def then_let_go(path: Path, mode: str) -> sqlite3.Connection:
        conn = connected(path, mode)
        threading.Timer(0.05, held.rollback).start()
        return conn

    monkeypatch.setattr(store_database, "_connected", then_let_go)
    database = Database(f"sqlite:///{tmp_path / 'new.db'}")
    with database.write() as conn:
        assert conn.exec_driver_sql("PRAGMA journal_mode").scalar_one() == "wal"
    database.close()


@pytest.mark.parametrize("patience", [0.05, -1.0])
def test_opening_a_file_that_stays_locked(
    held: sqlite3.Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, patience: float
) -> None:
    """The wait for it ends, too."""
    monkeypatch.setattr(store_database, "LOCK_TIMEOUT_S", patience)
    database = Database(f"sqlite:///{tmp_path / 'new.db'}")
    with pytest.raises(DatabaseError, match="locked"), database.write():
        pytest.fail("wrote beside a writer")


def test_readers_wait_for_no_writer(short: None, sqlite_database: Database) -> None:
    """While one writes, others read what was there before."""
    with sqlite_database.write() as conn:
        facts.key(conn, "links")
        with sqlite_database.read() as other:
            assert facts.get(other, "links") is None


def test_postgresql_waits_no_longer(short: None, postgresql_database: Database) -> None:
    """On PostgreSQL who meets a lock gives up after the same time-out."""
    with postgresql_database.write() as conn:
        conn.exec_driver_sql("LOCK TABLE facts")
        with pytest.raises(DatabaseError, match="lock timeout"), postgresql_database.write() as other:
            facts.key(other, "links")


def test_read_only_refuses_writes(database: Database) -> None:
    """A database opened for reading refuses every write, also through `write`."""
    reading = Database(database.url.render_as_string(hide_password=False), read_only=True)
    with pytest.raises(DatabaseError, match=r"read-?only"), reading.write() as conn:
        facts.key(conn, "links")
    with reading.read() as conn:
        assert facts.get(conn, "links") is None
    reading.close()


def test_reading_refuses_writes_on_postgresql(postgresql_database: Database) -> None:
    """On PostgreSQL `read` itself refuses them, too."""
    with pytest.raises(DatabaseError, match="read-only"), postgresql_database.read() as conn:
        facts.key(conn, "links")


def test_what_is_written_after_a_read(database: Database) -> None:
    """A connection that served a read serves a write next: nothing of the read's mode sticks."""
    for name in ("first", "second", "third"):
        with database.read() as conn:
            assert facts.get(conn, name) is None
        with database.write() as conn:
            written = facts.key(conn, name)
        with database.read() as conn:
            assert facts.get(conn, name) == written.hex()


@contextmanager
def as_nobody() -> Iterator[None]:
    """Lose root's rights, which no file mode stops, for a while."""
    before = os.geteuid()
    if before == 0:
        os.seteuid(65_534)
    try:
        yield
    finally:
        os.seteuid(before)


@pytest.fixture
def frozen_folder(sqlite_template: Path) -> Iterator[Path]:
    """A folder that nobody may write in, with a database that nobody may write."""
    folder = Path(
        tempfile.mkdtemp(prefix="digest-frozen-")
    )  # not below pytest's, which nobody else may enter
    shutil.copyfile(sqlite_template, folder / "digest.db")
    (folder / "digest.db").chmod(0o444)
    folder.chmod(0o555)
    yield folder
    folder.chmod(0o755)
    shutil.rmtree(folder)


def test_a_file_that_cannot_be_written(frozen_folder: Path) -> None:
    """A database on read-only media can be read, and nothing is left beside it."""
    reading = Database(f"sqlite:///{frozen_folder / 'digest.db'}", read_only=True)
    with as_nobody():
        with reading.read() as conn:
            assert facts.get(conn, "links") is None
        with pytest.raises(DatabaseError, match="readonly"), reading.write() as conn:
            facts.key(conn, "links")
        reading.close()
    assert [path.name for path in frozen_folder.iterdir()] == ["digest.db"]


def test_a_log_that_cannot_be_read(frozen_folder: Path) -> None:
    """Beside a log that cannot be opened the file alone may lack the last commits: it is refused."""
    frozen_folder.chmod(0o755)
    (frozen_folder / "digest.db-wal").write_bytes(b"commits")
    frozen_folder.chmod(0o555)
    reading = Database(f"sqlite:///{frozen_folder / 'digest.db'}", read_only=True)
    with as_nobody(), pytest.raises(DatabaseError, match="unable to open"), reading.read():
        pytest.fail("read half a database")


def test_reading_beside_a_writer(sqlite_database: Database) -> None:
    """A read-only connection sees what stands in the log of one that writes."""
    with sqlite_database.write() as conn:
        made = facts.key(conn, "links")
    reading = Database(str(sqlite_database.url), read_only=True)
    assert Path(f"{sqlite_database.url.database}-wal").stat().st_size > 0
    with reading.read() as conn:
        assert facts.get(conn, "links") == made.hex()
    reading.close()


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    """Reading makes no file; nor does writing make folders."""
    for read_only, path in ((True, tmp_path / "digest.db"), (False, tmp_path / "no" / "digest.db")):
        missing = Database(f"sqlite:///{path}", read_only=read_only)
        with pytest.raises(DatabaseError, match="unable to open"), missing.read():
            pytest.fail("opened nothing")
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_no_database(tmp_path: Path) -> None:
    """Any other file is told to be no database, and is left as it is."""
    path = tmp_path / "notes.txt"
    path.write_text("Buy bread. " * 200)
    other = Database(f"sqlite:///{path}")
    with pytest.raises(DatabaseError, match="not a database"), other.write():
        pytest.fail("opened a text")
    assert path.read_text() == "Buy bread. " * 200


def test_a_server_that_is_not_there(tmp_path: Path) -> None:
    """A PostgreSQL that does not answer is told in words, without the password."""
    gone = Database(f"postgresql://digest:secret@/digest?host={tmp_path}")
    with pytest.raises(DatabaseError, match="database: ") as caught, gone.read():
        pytest.fail("read from nowhere")
    assert "secret" not in str(caught.value)


def test_a_role_without_rights(postgresql_database: Database) -> None:
    """A role that may not write a table is told in words."""
    with (
        pytest.raises(DatabaseError, match="permission denied"),
        postgresql_database.write() as conn,
    ):
        conn.exec_driver_sql("CREATE ROLE digest_test_guest")
        conn.exec_driver_sql("SET LOCAL ROLE digest_test_guest")
        facts.key(conn, "links")


@pytest.mark.parametrize(
    ("statement", "error"),
    [
        ("SELECT nothing FROM nowhere", sa.exc.DBAPIError),
        ("INSERT INTO facts (name) VALUES ('links')", sa.exc.IntegrityError),
    ],
)
def test_our_own_mistakes_stay(
    postgresql_database: Database, statement: str, error: type[sa.exc.DBAPIError]
) -> None:
    """A statement that is wrong is a bug, and is not dressed up as trouble of the operator's."""
    with pytest.raises(error), postgresql_database.write() as conn:
        conn.exec_driver_sql(statement)


def test_an_error_repeats_no_value(sqlite_database: Database) -> None:
    """What a statement was given, an address for instance, does not stand in its error, which may be logged."""
    statement = sa.text("INSERT INTO facts (name, value) VALUES ('links', :value), ('links', :value)")
    with pytest.raises(sa.exc.IntegrityError) as raised, sqlite_database.write() as conn:
        conn.execute(statement, {"value": "ada@example.org"})
    assert "ada@" not in str(raised.value)


@pytest.mark.parametrize("hours", [-11, 0, 14])
def test_moments(database: Database, hours: int) -> None:
    """A moment of any zone comes back as the same moment, in UTC; none stays none."""
    given = NOW.astimezone(dt.timezone(dt.timedelta(hours=hours)))
    table = sa.Table("moments", sa.MetaData(), sa.Column("at", Instant))
    with database.write() as conn:
        table.create(conn)
        conn.execute(table.insert(), [{"at": given}, {"at": None}])
        found = conn.scalars(sa.select(table.c.at)).all()
    assert found == [NOW, None]
    assert found[0] is not None
    assert found[0].tzinfo is dt.UTC


def test_naive_moments_are_refused(database: Database) -> None:
    """A moment without zone would be two moments on two engines: it is a mistake."""
    table = sa.Table("moments", sa.MetaData(), sa.Column("at", Instant))
    with pytest.raises(sa.exc.StatementError, match="naive"), database.write() as conn:
        table.create(conn)
        conn.execute(table.insert(), {"at": NOW.replace(tzinfo=None)})
