"""digest bounces ingest: from files, a pipe and a mailbox of the settings, with exit codes that an MTA understands."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from digest.compose.links import Links
from digest.settings import load
from digest.store import ledger, subscribers
from digest.wiring import App
from tests.cli.conftest import Run
from tests.deliver.reports import DSNS, RETURN_PATH

HARD = DSNS["postfix, no such user"][0]
FORGED = HARD.encode()


@contextmanager
def opened() -> Iterator[App]:
    """The program over the settings that lie here."""
    app = App(load())
    yield app
    app.database.close()


@pytest.fixture
def report(run: Run, filled: Path) -> bytes:
    """A report about the digest that Ada was mailed."""
    assert run("send", "--json").json["sent"] == 2
    with opened() as app, app.database.read() as conn:
        ada = subscribers.find(conn, "ada@example.org")
        assert ada is not None
        delivery = ledger.of(conn, ada.id)[0]
        links = Links(app.settings.base_url, app.link_keys())
    return HARD.replace(RETURN_PATH, links.return_path(delivery.id, "example.org")).encode()


def maildir(folder: Path, *mails: bytes) -> Path:
    for part in ("new", "cur", "tmp"):
        (folder / part).mkdir(parents=True)
    for number, data in enumerate(mails, 1):
        (folder / "new" / f"{number}.x").write_bytes(data)
    return folder


def test_a_folder_and_a_file(run: Run, site: Path, report: bytes) -> None:
    """All that is named is read in one go, and what became of it is one document; again, nothing is new."""
    box = maildir(site / "box", report, FORGED, b"Subject: hello\n\nhi\n")
    (site / "one.eml").write_bytes(report)
    document = run("bounces", "ingest", "box", "one.eml", "--json").json
    expected = {"messages": 4, "hard": 1, "known": 1, "forged": 1, "unrelated": 1, "suppressed": 1}
    assert document == dict.fromkeys(document, 0) | expected
    assert sorted(path.name for path in (box / "cur").iterdir()) == ["1.x:2,S", "2.x:2,S"]
    again = run("bounces", "ingest", "box")
    assert (again.code, again.out) == (0, "1 message: 1 unrelated. 0 readers suppressed.\n")


def test_who_was_suppressed(run: Run, site: Path, report: bytes) -> None:
    """show, why and status tell of it, in the server's words and without the address that they named."""
    assert run("bounces", "ingest", "-", stdin=report).code == 0
    shown = run("subscribers", "show", "ada@example.org", "--json").json
    assert (shown["state"], shown["due_at"]) == ("suppressed", None)
    assert "next due: none while suppressed\n" in run("subscribers", "show", "ada@example.org").out
    (kept,) = shown["bounces"]
    assert (kept["kind"], kept["status"], kept["door"]) == ("hard", "5.1.1", "dsn")
    assert kept["detail"] == "550 5.1.1 …: Recipient address rejected: User unknown"
    assert run("why", "ada@example.org", "--json").json["bounces"] == [kept]
    assert "bounced, hard (by dsn): 550 5.1.1 …" in run("subscribers", "show", "ada@example.org").out
    assert "bounced, hard (by dsn): 550 5.1.1 …" in run("why", "ada@example.org").out
    assert run("status", "--json").json["bounces"]["last_day"]["hard"] == 1
    assert "bounces      1 hard in the last day\n" in run("status").out
    assert run("send", "--json").json["balance"] == 0


@pytest.mark.parametrize("mail", [FORGED, b"", b"Subject: hello\n\nhi\n", b"x" * 2_000_000])
def test_a_pipe_takes_whatever_comes(run: Run, site: Path, mail: bytes) -> None:
    """From an MTA everything is taken with 0: on any other code it would send the mail back to somebody."""
    done = run("bounces", "ingest", "-", stdin=mail)
    assert (done.code, done.err) == (0, "")


@pytest.mark.parametrize("broken", ["database.url = 'sqlite:///digest.toml/x.db'", "nonsense = 1"])
def test_a_pipe_that_is_to_be_tried_again(run: Run, site: Path, broken: str) -> None:
    """Whatever is wrong here, the MTA is told to keep the mail: EX_TEMPFAIL."""
    with (site / "digest.toml").open("a") as settings:
        settings.write(f"\n{broken}\n")
    done = run("bounces", "ingest", "-", stdin=FORGED)
    assert (done.code, done.out) == (75, "")
    assert done.err.startswith("digest: ")


def test_what_is_too_large(run: Run, site: Path) -> None:
    """Of files, what was refused is named, and the work was done in part."""
    (site / "large.eml").write_bytes(b"x" * 2_000_000)
    (site / "one.eml").write_bytes(b"")
    done = run("bounces", "ingest", "large.eml", "one.eml")
    assert done.code == 3
    assert done.err == "digest: large.eml: not read: it is larger than 1,048,576 bytes\n"


def test_the_mailbox_of_the_settings(run: Run, site: Path, report: bytes) -> None:
    """With nothing named, the mailbox that serve reads is read; without one the command says what to name."""
    done = run("bounces", "ingest")
    assert (done.code, "set bounces.mailbox" in done.err) == (2, True)
    with (site / "digest.toml").open("a") as settings:
        settings.write("\nbounces.mailbox = 'box'\n")
    assert run("bounces", "ingest").code == 1
    maildir(site / "box", report)
    assert run("bounces", "ingest", "--json").json["hard"] == 1


def test_a_server(run: Run, site: Path) -> None:
    """An IMAP server asks for a password file; a URL in clear text, or a server that is not there, is told."""
    url = "imaps://jo@127.0.0.1:1/INBOX"
    assert "bounces.password_file is not set" in run("bounces", "ingest", "--imap", url).err
    (site / "password").write_text("word\n")
    with (site / "digest.toml").open("a") as settings:
        settings.write("\nbounces.password_file = 'password'\n")
    away = run("bounces", "ingest", "--imap", url)
    assert (away.code, "the mailbox at 127.0.0.1:1: " in away.err) == (1, True)
    assert run("bounces", "ingest", "--imap", "imap://jo@127.0.0.1").code == 2
    with (site / "digest.toml").open("a") as settings:
        settings.write(f"bounces.mailbox = '{url}'\n")
    assert run("bounces", "ingest").err == away.err


def test_a_path_that_is_not_there(run: Run, site: Path) -> None:
    """It is an error of use, told before anything is read."""
    assert run("bounces", "ingest", "nowhere").code == 2
