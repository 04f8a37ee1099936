"""The demo, run as a user runs it, and each thing it promises."""

from __future__ import annotations

import io
import re
import shutil
import socket
import sys
from email import message_from_bytes
from email.policy import default
from itertools import pairwise
from pathlib import Path

import pytest
import structlog
from rich.console import Console
from starlette.testclient import TestClient
from typer.testing import CliRunner

from digest.cli import app
from digest.cli.demo import command_here
from digest.demo.account import Account, Mailed
from digest.demo.cast import DAYS, READERS
from digest.demo.folder import Folder
from digest.demo.show import show
from digest.errors import DigestError, UsageError
from digest.rank.selection import Reason, ReasonKind
from digest.settings import load
from digest.web.application import create
from digest.wiring import App

MAILS = [f"{day}/{reader.name}" for day in DAYS for reader in READERS]


def run(out: Path, width: int = 110) -> str:
    told = io.StringIO()
    show(out, Account(Console(file=told, width=width), command="digest"))
    return told.getvalue()


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("demo") / "out"


@pytest.fixture(scope="module")
def told(out: Path) -> str:
    return run(out)


def titles(out: Path, mail: str) -> list[str]:
    """The titles in a mail's HTML, in order."""
    page = (out / "mails" / f"{mail}.html").read_text(encoding="utf-8")
    return [" ".join(title.split()) for title in re.findall(r"<h2[^>]*>(.*?)</h2>", page, re.DOTALL)]


def test_every_reader_gets_one_mail_a_day_as_a_file_to_open(told: str, out: Path) -> None:
    """Nine mails lie there, each as .eml and .html, and the account names each page."""
    found = {path.relative_to(out / "mails").as_posix() for path in (out / "mails").rglob("*.*")}
    assert found == {f"{mail}{suffix}" for mail in MAILS for suffix in (".eml", ".html")}
    for mail in MAILS:
        assert str(out / "mails" / f"{mail}.html") in told


@pytest.mark.parametrize("mail", MAILS)
def test_a_mail_is_what_came_over_the_wire(told: str, out: Path, mail: str) -> None:
    """The .eml is to its reader, dated on its day, with a text and an HTML part, lines ending in CRLF."""
    data = (out / "mails" / f"{mail}.eml").read_bytes()
    message = message_from_bytes(data, policy=default)
    day, name = mail.split("/")
    assert message["To"] == f"{name}@example.org"
    assert message["Date"].datetime.date().isoformat() == day
    assert [part.get_content_type() for part in message.iter_parts()] == ["text/plain", "text/html"]
    assert b"\n" not in data.replace(b"\r\n", b"")


def test_readers_of_different_taste_get_different_papers(told: str, out: Path) -> None:
    """On no day do two readers share a paper, and everyone gets at least two."""
    for day in DAYS:
        lists = [titles(out, f"{day}/{reader.name}") for reader in READERS]
        assert all(len(found) >= 2 for found in lists)
        assert len({title for found in lists for title in found}) == sum(map(len, lists))


def test_nobody_gets_a_paper_twice(told: str, out: Path) -> None:
    """The papers that days two and three list again are mailed to nobody again."""
    for reader in READERS:
        mailed = [title for day in DAYS for title in titles(out, f"{day}/{reader.name}")]
        assert len(mailed) == len(set(mailed))


def test_what_is_excluded_reaches_nobody_who_excludes_it(told: str, out: Path) -> None:
    """The paper on a benchmark of agents is kept from the reader who follows agents but wants no benchmarks."""
    mailed = [title for day in DAYS for title in titles(out, f"{day}/lin")]
    assert not [title for title in mailed if "benchmark" in title.lower()]
    assert re.search(r"excluded +PatchworkBench", told)


def test_the_account_tells_what_each_dump_brought(told: str) -> None:
    """New, revised and seen are told apart on each day."""
    assert re.findall(r"\S+\.txt lists .*\.", told) == [
        "2026-03-02.txt lists 14 papers: 14 new.",
        "2026-03-03.txt lists 14 papers: 9 new, 1 revised, 4 seen before.",
        "2026-03-04.txt lists 14 papers: 9 new, 1 revised, 4 seen before.",
    ]


def test_a_fourth_day_of_old_dumps_mails_nobody(told: str) -> None:
    """The same dumps again are no edition and no mail, and the ledger balances over what was sent."""
    assert "The three dumps come once more: 0 new, 0 revised, so no edition." in told
    assert "3 readers are due, and none is mailed: nothing is new." in told
    assert "9 digests were due, 9 sent; the ledger balances, with a difference of 0." in told


def test_both_text_layouts_are_shown(out: Path, told: str) -> None:
    """Two dumps have blank lines and a date in their head, one has neither."""
    dumps = [path.read_text(encoding="utf-8") for path in sorted((out / "dumps").iterdir())]
    assert ["\n\n" in dump for dump in dumps] == [True, False, True]


@pytest.mark.parametrize("width", [40, 80, 110])
def test_the_account_fits_the_terminal(tmp_path: Path, width: int) -> None:
    """Only the sentences, paths and commands that are to be read or copied whole are longer than the terminal is wide."""
    lines = run(tmp_path / "out", width).splitlines()
    assert not [line for line in lines if line.startswith(" " * 15) and len(line) > width]


def test_running_again_replaces_the_demo_alone(tmp_path: Path) -> None:
    """A second run takes away what the first one made, and leaves what somebody else put there."""
    out = tmp_path / "out"
    run(out)
    stale = out / "mails" / "2020-01-01.eml"
    stale.write_bytes(b"old")
    mine = out / "notes.txt"
    mine.write_text("keep", encoding="utf-8")
    run(out)
    assert not stale.exists()
    assert mine.read_text(encoding="utf-8") == "keep"
    assert len(list((out / "mails").rglob("*.eml"))) == len(MAILS)


def test_a_folder_of_somebody_else_is_not_touched(tmp_path: Path) -> None:
    """A folder that holds files but no marker is refused, and stays as it is."""
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "thesis.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(UsageError, match="holds other files"):
        Folder(tmp_path)
    assert (tmp_path / "data" / "thesis.txt").read_text(encoding="utf-8") == "mine"


def test_a_link_in_place_of_our_folder_is_removed_and_not_followed(tmp_path: Path) -> None:
    """Where `data` has become a link, the link goes and its target stays."""
    Folder(tmp_path / "out").path.joinpath("mails").symlink_to(tmp_path)
    (tmp_path / "mine.txt").write_text("mine", encoding="utf-8")
    Folder(tmp_path / "out")
    assert (tmp_path / "mine.txt").exists()
    assert not (tmp_path / "out" / "mails").exists()


def test_a_file_in_place_of_the_folder_is_an_error(tmp_path: Path) -> None:
    """`--out` that names a file is told in words."""
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(UsageError, match="--out: cannot use"):
        Folder(tmp_path / "file")


def test_settings_of_the_machine_have_no_say(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment names a database and a relay; the demo finds neither."""
    monkeypatch.setenv("DIGEST_DATABASE__URL", f"sqlite:///{tmp_path / 'precious.db'}")
    monkeypatch.setenv("DIGEST_RELAY__URL", "smtp://mail.example.org:25")
    run(tmp_path / "out")
    assert not (tmp_path / "precious.db").exists()
    assert (tmp_path / "out" / "data" / "digest.db").is_file()


def test_nothing_leaves_this_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every connection that the demo opens is to the loopback address."""
    asked: list[str] = []
    connect = socket.socket.connect

    def noting(self: socket.socket, address: tuple[str, int]) -> None:
        asked.append(address[0])
        connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", noting)
    run(tmp_path / "out")
    assert set(asked) == {"127.0.0.1"}


def test_the_settings_left_behind_mail_into_a_folder(told: str, out: Path) -> None:
    """They name absolute places, so they work from any folder, and no SMTP server that is gone by then."""
    text = (out / "digest.toml").read_text(encoding="utf-8")
    assert f"data_dir = '{out / 'data'}'" in text
    assert f"url = 'folder:{out / 'data' / 'outbox'}'" in text


def test_a_dump_is_dated_by_its_file(out: Path, told: str) -> None:
    """The dumps carry the time at which their page was read, since one of them says no date at all."""
    times = [path.stat().st_mtime for path in sorted((out / "dumps").iterdir())]
    assert [later - earlier for earlier, later in pairwise(times)] == [86_400, 86_400]


def test_a_step_that_breaks_its_promise_ends_the_demo(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A demo in which nothing is published, or a mail is missing, says so instead of going on."""
    with monkeypatch.context() as patched:
        patched.setattr(App, "publish", lambda self: None)
        with pytest.raises(DigestError, match="nothing was published on 2026-03-02"):
            run(tmp_path / "unpublished")
    with monkeypatch.context() as patched:
        patched.setattr(App, "deliver", lambda self: None)
        with pytest.raises(DigestError, match=r"vera@example\.org was not mailed once"):
            run(tmp_path / "undelivered")


def test_a_paper_that_trends_says_so() -> None:
    """A pick that no wish met is told as trending."""
    told = io.StringIO()
    reason = Reason(kind=ReasonKind.TRENDING, label="")
    Account(Console(file=told, width=80)).served(READERS[0], [Mailed(title="A paper", reasons=(reason,))], 0)
    assert re.search(r"A paper +trending", told.getvalue())


def test_the_command_runs_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`digest demo --out FOLDER` ends with exit code 0, and says how to go on."""
    monkeypatch.setattr(shutil, "which", lambda _name: "/usr/bin/digest")
    done = CliRunner().invoke(app, ["demo", "--out", str(tmp_path / "out")])
    structlog.reset_defaults()
    assert done.exit_code == 0
    assert f"  digest --config {tmp_path / 'out' / 'digest.toml'} status" in done.stdout


def test_the_links_of_its_mails_open(tmp_path: Path) -> None:
    """With the settings it leaves, the pages answer to the links of its mails at the address that it tells."""
    out, said = tmp_path / "out", io.StringIO()
    show(out, Account(Console(file=said, width=80)))
    settings = load(out / "digest.toml")
    assert f"then open {settings.base_url};" in said.getvalue()
    wired = App(settings)
    mail = next((out / "mails").rglob("vera.html")).read_text(encoding="utf-8")
    links = re.findall(rf'href="{re.escape(settings.base_url)}(/[pu]/[^"#]+)"', mail)
    assert {link[:3] for link in links} == {"/p/", "/u/"}
    with TestClient(create(wired), base_url=settings.base_url) as pages:
        assert [pages.get(link).status_code for link in links] == [200] * len(links)
    wired.database.close()


@pytest.mark.parametrize(
    ("found", "program", "said"),
    [
        ("/usr/bin/digest", "/usr/bin/digest", "digest"),
        (None, "HERE/.venv/bin/digest", ".venv/bin/digest"),
        (None, "/opt/digest/.venv/bin/digest", "/opt/digest/.venv/bin/digest"),
    ],
)
def test_the_command_is_named_as_it_can_be_called(
    found: str | None, program: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Outside the search path the command goes by its path, a short one where it lies below."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(shutil, "which", lambda _name: found)
    monkeypatch.setattr(sys, "argv", [program.replace("HERE", str(Path.cwd()))])
    assert command_here() == said
