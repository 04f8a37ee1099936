"""What the commands do and print for people, hostile papers included."""

from __future__ import annotations

import csv
import datetime as dt
import gzip
import io
import json
import re
import zipfile
from email import message_from_string
from pathlib import Path

import pytest

from digest.signup import Signup
from digest.store.database import Database
from digest.subscribers.consent import Evidence
from digest.subscribers.subscriber import Profile, Schedule
from tests.cli.conftest import Run, write_dump
from tests.factories import STAMP, daily_papers

_OLD = dt.date(2020, 1, 1)

# -- ingest ---------------------------------------------------------------------------------------------


def test_sources_of_dumps(run: Run, site: Path) -> None:
    """A folder, a .gz, a .zip and standard input are read in the order given, each under its own name."""
    folder = site / "in"
    folder.mkdir()
    write_dump(folder, "Kite 1", name="a.json")
    write_dump(folder, "Kite 2", name=".hidden.json")
    (site / "b.json.gz").write_bytes(gzip.compress(daily_papers(["Kite 3"])))
    with zipfile.ZipFile(site / "c.zip", "w") as archive:
        archive.writestr("day.json", daily_papers(["Kite 4"]))
    done = run("ingest", "in", "b.json.gz", "c.zip", "-", "--json", stdin=daily_papers(["Kite 5"]))
    assert done.code == 0, done.err
    assert [(dump["name"], dump["new"]) for dump in done.json["dumps"]] == [
        ("in/a.json", 1),
        ("b.json.gz", 1),
        ("c.zip!day.json", 1),
        ("-", 1),
    ]


def test_the_same_dump_twice(run: Run, site: Path) -> None:
    """Taking a dump in again is done, and says that it was known."""
    write_dump(site, "A Kite")
    assert run("ingest", "dump.json", "--json").json["dumps"][0]["status"] == "stored"
    again = run("ingest", "dump.json", "--json")
    assert again.code == 0
    assert [(d["status"], d["new"], d["seen"]) for d in again.json["dumps"]] == [("known", 0, 1)]
    assert "1 paper in the store." in run("ingest", "dump.json").out


def test_old_dumps_are_told(run: Run, site: Path) -> None:
    """That the papers of an old dump are never mailed as new is said where they come in."""
    (site / "old.json").write_bytes(daily_papers(["A Kite"], day=_OLD))
    done = run("ingest", "old.json")
    assert "1 paper of dumps more than three days old" in done.out
    assert "--as-new" in done.out


def test_rejected_rows_are_told(run: Run, site: Path) -> None:
    """Each row that is no paper is on standard error with file, line and reason; the code is 3."""
    rows = json.loads(daily_papers(["A Kite", "A Bread"]))
    del rows[1]["paper"]["title"], rows[1]["title"]
    (site / "dump.json").write_text(json.dumps(rows))
    done = run("ingest", "dump.json")
    assert done.code == 3
    [line] = done.err.splitlines()
    assert line.startswith("digest: dump.json:2: rejected: ")
    assert "1 paper in the store." in done.out


def test_an_oversize_dump(run: Run, site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A dump over the cap is refused, told, and listed with its hash."""
    monkeypatch.setenv("DIGEST_DUMPS__CAP_BYTES", "100")
    write_dump(site, "A Kite")
    done = run("ingest", "dump.json")
    assert done.code == 3
    assert "digest: dump.json: refused: " in done.err
    [kept] = run("dumps", "quarantine", "--json").json["dumps"]
    assert (kept["name"], kept["status"], len(kept["sha256"])) == ("dump.json", "refused", 64)


# -- hostile papers ---------------------------------------------------------------------------------------

HOSTILE = "[bold red]Kites[/] [link=https://evil.example.org]x[/link] \x1b[31mred\x1b]0;title\x07 \u202egnp.exe \x9b1m"


@pytest.fixture
def hostile(run: Run, site: Path) -> int:
    """A paper whose title and authors are instructions to a terminal; returns its id."""
    write_dump(
        site, {"title": HOSTILE, "id": "2611.00001", "summary": f"{HOSTILE} [/] [nope", "authors": (HOSTILE,)}
    )
    assert run("ingest", "dump.json").code == 0
    assert (
        run(
            "subscribers",
            "add",
            "ada@example.org",
            "--confirmed",
            "--hour",
            "0",
            "--interest",
            "[i]kites[/i]",
        ).code
        == 0
    )
    return int(run("papers", "list", "--json").json["papers"][0]["id"])


@pytest.mark.parametrize(
    "arguments",
    ["papers list", "papers search kites", "papers show 1", "edition publish", "edition show", "send --dry-run",
     "send", "why ada@example.org", "why ada@example.org --paper 1", "preview ada@example.org", "subscribers list",
     "subscribers show ada@example.org"],
)  # fmt: skip
def test_hostile_papers(run: Run, hostile: int, arguments: str) -> None:
    """Markup of rich stays text, and no control or bidi character reaches a terminal."""
    run("edition", "publish")
    done = run(*arguments.split())
    assert done.code == 0, done.err
    assert not [c for c in done.out if not c.isprintable() and c != "\n"]
    if arguments.startswith(("papers", "edition show")):
        assert "[bold red]Kites[/]" in done.out
    if arguments.startswith("subscribers"):
        assert "[i]kites[/i]" in done.out


def test_a_hostile_file_name(run: Run, site: Path) -> None:
    """A file's name is printed as text, too, on both streams."""
    name = "[bold]x\x1b[31m.json"
    (site / name).write_text("[")
    done = run("ingest", name)
    assert done.code == 3
    assert "[bold]x" in done.out
    assert "[bold]x" in done.err
    assert "\x1b" not in done.out + done.err


# -- subscribers ------------------------------------------------------------------------------------------

CSV = """address,topics,cap,hour,zone
ada@example.org,kites,5,8,Europe/Berlin
not an address,kites,5,8,UTC
bea@example.org,kitez,5,8,UTC
cy@example.org,baking,99,8,UTC
dee@example.org,kites;baking,3,6,UTC
"""


def test_import_reports_each_bad_line(run: Run, site: Path) -> None:
    """Good lines are taken; each bad one is told with file, line and reason, and the code is 3."""
    (site / "people.csv").write_text(CSV)
    done = run("subscribers", "import", "people.csv", "--confirmed", "--json")
    assert done.code == 3
    assert done.json["added"] == 2
    assert [row["line"] for row in done.json["bad"]] == [3, 4, 5]
    lines = done.err.splitlines()
    assert [line.split(": ")[1] for line in lines] == ["people.csv:3", "people.csv:4", "people.csv:5"]
    assert "did you mean kites" in lines[1]
    again = run("subscribers", "import", "people.csv", "--confirmed")
    assert again.out == "2 known; 3 bad lines.\n"


def test_import_from_standard_input(run: Run, site: Path) -> None:
    """`-` is standard input; with --ask everyone is pending until they confirm."""
    done = run("subscribers", "import", "-", "--ask", stdin=b"\xef\xbb\xbfaddress\nada@example.org\n")
    assert (done.code, done.out) == (0, "1 asked; 0 bad lines.\n")
    [ada] = run("subscribers", "list", "--json").json["subscribers"]
    assert ada["state"] == "pending"


def test_an_import_says_when_they_agreed(run: Run, site: Path) -> None:
    """The file's confirmed_at is what the record says, in UTC; one that is yet to come is a bad line."""
    lines = ("ada@example.org,2025-03-01T09:30:00+01:00", "bea@example.org,2999-01-01", "cy@example.org,")
    (site / "people.csv").write_text("\n".join(("address,confirmed_at", *lines)) + "\n")
    done = run("subscribers", "import", "people.csv", "--confirmed")
    assert (done.code, done.out) == (3, "2 added; 1 bad line.\n")
    assert "people.csv:3: bea@example.org: not imported, its confirmed_at is yet to come" in done.err
    shown = run("subscribers", "show", "ada@example.org", "--json").json
    at = "2025-03-01T08:30:00+00:00"
    assert (shown["state"], shown["confirmed_at"]) == ("active", at)
    assert shown["due_at"] is not None
    line = {"at": at, "event": "confirmed", "method": "import", "ip": None, "text_version": None}
    assert shown["consent"] == [line]
    assert "2025-03-01 08:30 UTC confirmed by import\n" in run("subscribers", "show", "ada@example.org").out
    heard = run("subscribers", "show", "cy@example.org", "--json").json["confirmed_at"]
    assert dt.datetime.fromisoformat(heard).date() == dt.datetime.now(dt.UTC).date()


def test_the_record_of_a_sign_up_by_the_web(run: Run, site: Path) -> None:
    """What was agreed to, when and from where is shown as it was asked for, and where it was forgotten, nothing."""
    assert run("db", "upgrade").code == 0
    [path] = site.rglob("*.db")
    database = Database(f"sqlite:///{path}")
    now = dt.datetime(2026, 11, 20, 8, tzinfo=dt.UTC)
    seen = Evidence(method="web", ip="2001:db8::7", text_version="ab12")
    signup = Signup(database=database, stamp=STAMP)
    signup.request("ada@example.org", profile=Profile(), schedule=Schedule(), evidence=seen, now=now)
    database.close()
    told = run("subscribers", "show", "ada@example.org").out
    assert "2026-11-20 08:00 UTC asked by web from 2001:db8::7, text ab12\n" in told


def test_import_takes_zone_and_hour_from_the_settings(
    run: Run, site: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who is imported without zone and hour gets those of the settings, as who is added does."""
    monkeypatch.setenv("DIGEST_ZONE", "Europe/Berlin")
    monkeypatch.setenv("DIGEST_MAIL__HOUR", "9")
    (site / "people.csv").write_text("address\nada@example.org\n")
    assert run("subscribers", "import", "people.csv", "--confirmed").code == 0
    assert run("subscribers", "add", "bea@example.org", "--confirmed").code == 0
    people = run("subscribers", "list", "--json").json["subscribers"]
    assert [(who["zone"], who["hour"]) for who in people] == [("Europe/Berlin", 9)] * 2


def test_import_of_what_is_not_text(run: Run, site: Path) -> None:
    """A file that is not UTF-8 is refused by name."""
    (site / "people.csv").write_bytes(b"address\n\xff@example.org\n")
    done = run("subscribers", "import", "people.csv", "--confirmed")
    assert (done.code, done.err) == (2, "digest: people.csv: not UTF-8, at byte 8\n")


def test_an_export_comes_back_as_it_was(
    run: Run, site: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """What is exported and imported elsewhere is the same; formulas of a spreadsheet are defused on the way."""
    add = (
        "--interest",
        "=SUM(A1)",
        "--interest",
        "a, b; c",
        "--include",
        "author:O'Hara",
        "--exclude",
        "survey",
    )
    assert run("subscribers", "add", "ada@example.org", "--topic", "kites", *add, "--confirmed").code == 0
    weekly = (
        "--frequency",
        "weekly",
        "--weekday",
        "fri",
        "--zone",
        "Asia/Kathmandu",
        "--hour",
        "23",
        "--cap",
        "3",
    )
    assert run("subscribers", "add", "bea@example.org", *weekly, "--confirmed").code == 0
    exported = run("subscribers", "export").out
    assert not [cell for row in csv.reader(io.StringIO(exported)) for cell in row if cell.startswith("=")]
    before = _choices(run)
    (site / "other.toml").write_text('data_dir = "other"\n' + (site / "digest.toml").read_text())
    done = run("subscribers", "import", "-", "--confirmed", "--config", "other.toml", stdin=exported.encode())
    assert done.code == 0, done.err
    assert _choices(run, "--config", "other.toml") == before


def _choices(run: Run, *more: str) -> list[dict[str, object]]:
    found = run("subscribers", "list", "--json", *more).json["subscribers"]
    return [{k: v for k, v in who.items() if k not in ("id", "confirmed_at")} for who in found]


def test_a_readers_life(run: Run, filled: Path) -> None:
    """Add, pause, resume, remove, erase: each is told, and doing it twice is not done again."""
    told = [
        ("add ada@example.org", 0, "subscribed already; nothing was changed"),
        ("pause ada@example.org", 0, "paused"),
        ("pause ada@example.org", 1, "not paused: its state is paused"),
        ("resume ada@example.org", 0, "resumed"),
        ("remove ada@example.org", 0, "unsubscribed"),
        ("remove ada@example.org", 1, "had left before"),
        ("add ada@example.org --confirmed", 1, "only a confirmation by its owner brings it back"),
        ("erase ada@example.org", 0, "erased"),
        ("show ada@example.org", 2, ""),
        ("add ada@example.org --confirmed", 1, "only a confirmation by its owner brings it back"),
    ]
    for arguments, code, said in told:
        done = run("subscribers", *arguments.split())
        assert (done.code, said in done.out) == (code, True), (arguments, done)
    assert "ada" not in run("subscribers", "export").out


# -- the day ------------------------------------------------------------------------------------------------


def test_a_day(run: Run, filled: Path) -> None:
    """Dry run, send, send again: who gets what is foretold, mailed once, and told; the ledger balances."""
    dry = run("send", "--dry-run", "--out", "look", "--json").json
    assert {d["subscriber"]: [p["title"] for p in d["papers"]] for d in dry["digests"]} == {
        "ada@example.org": ["A Kite for All", "On Bread"],
        "bea@example.org": ["On Bread"],
    }
    assert sorted(path.name for path in (filled / "look").iterdir()) == [
        "ada@example.org.eml",
        "ada@example.org.html",
        "bea@example.org.eml",
        "bea@example.org.html",
    ]
    sent = run("send", "--json").json
    assert (sent["sent"], sent["balance"], sent["skipped"]) == (2, 0, {})
    assert len(list((filled / "outbox" / "new").iterdir())) == 2
    assert run("send").out == "Nothing was due.\nThe ledger balances.\n"
    assert len(list((filled / "outbox" / "new").iterdir())) == 2
    why = run("why", "bea@example.org", "--json").json
    assert (why["outcome"], why["funnel"]["mailed"]) == ("sent", 1)
    assert run("send", "--dry-run", "--to", "ada@example.org", "--json").json["skipped"] == [
        {"subscriber": "ada@example.org", "reason": "served"}
    ]


def test_no_live_link_leaks(run: Run, filled: Path) -> None:
    """The files of a dry run hold no link that a mail would hold."""
    run("send", "--dry-run", "--out", "look")
    run("send")
    looked = (filled / "look" / "ada@example.org.eml").read_text()
    mailed = "".join(path.read_text() for path in (filled / "outbox" / "new").iterdir())
    leave = message_from_string(looked)["List-Unsubscribe"].split(">")[0].strip("<")
    assert leave.startswith("https://digest.example.org/")
    assert leave not in mailed


def test_named_readers_and_a_limit(run: Run, filled: Path) -> None:
    """`--to` serves those alone, `--limit` hands over no more than that, and what is left goes out next time."""
    assert run("send", "--to", "bea@example.org", "--json").json["sent"] == 1
    assert run("send", "--limit", "1", "--json").json["sent"] == 1
    assert run("send", "--json").json["sent"] == 0


def test_a_named_reader_who_gets_nothing_is_told_why(run: Run, filled: Path) -> None:
    """Who was named and gets nothing stands on standard error with the reason, and nobody else's mail is counted."""
    assert run("subscribers", "pause", "bea@example.org").code == 0
    done = run("send", "--to", "bea@example.org", "--json")
    assert (done.code, done.json["sent"], done.json["skipped"]) == (0, 0, {"paused": 1})
    assert done.err == "digest: bea@example.org: skipped (paused)\n"
    assert run("send", "--json").json["sent"] > 0
    assert run("send", "--to", "bea@example.org", "--json").json["sent"] == 0
    again = run("send", "--to", "ada@example.org", "--json")
    assert again.json["sent"] == 0
    assert re.fullmatch(
        r"digest: ada@example\.org: has had the mail of [0-9-]{10}; there is one a day\n", again.err
    )


def test_a_dry_run_of_another_moment(run: Run, filled: Path) -> None:
    """`--as-of` looks at that moment, in UTC where it names no zone."""
    done = run("send", "--dry-run", "--as-of", "2020-01-01T07:00+01:00", "--json").json
    assert done["as_of"] == "2020-01-01T07:00:00+01:00"
    assert run("send", "--dry-run", "--as-of", "2020-01-01", "--json").json["as_of"].endswith("+00:00")


def test_before_the_hour_of_publication(run: Run, site: Path) -> None:
    """A dry run that comes too early for the edition says what waits for it, and how to look at it."""
    settings = site / "digest.toml"
    settings.write_text(settings.read_text().replace("edition.hour = 0", "edition.hour = 23"))
    today = dt.datetime.now(dt.UTC).date()
    (site / "page.json").write_bytes(daily_papers(["On Kites", "On Bread"], day=today))
    assert run("ingest", "page.json").code == 0
    early, late = (
        run("send", "--dry-run", "--as-of", f"{today}T{hour}", "--json").json for hour in ("22:59", "23:00")
    )
    assert early["edition"] is None
    assert [line for line in early["warnings"] if "edition" in line] == [
        "2 new papers to be published at 23:00 (UTC): `--as-of` looks ahead, `digest edition publish` does not wait"
    ]
    assert late["edition"] == f"{today}"
    assert not any("new paper" in line for line in late["warnings"])
    assert run("edition", "publish").code == 0
    published = run("send", "--dry-run", "--as-of", f"{today}T22:59", "--json").json
    assert not any("new paper" in line for line in published["warnings"])


def test_a_paused_run(run: Run, filled: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A relay that is not there: the run says so, exits 1, and the mails wait."""
    monkeypatch.setenv("DIGEST_RELAY__URL", "smtp://127.0.0.1:1")
    done = run("send", "--json")
    assert done.json["deferred"] + done.json["planned"] == 2
    assert done.json["balance"] == 0


@pytest.mark.parametrize(
    ("option", "starts"), [("--text", "digest\n"), ("--html", "<!doctype html>"), ("--eml", "")]
)
def test_preview(run: Run, filled: Path, option: str, starts: str) -> None:
    """The text, the page, or the message as it would be handed over; nothing is planned by looking."""
    done = run("preview", "ada@example.org", option)
    assert done.code == 0
    assert done.out.lower().startswith(starts)
    assert "A Kite for All" in done.out
    if option == "--eml":
        assert message_from_string(done.out)["To"] == "ada@example.org"
    assert run("preview", "ada@example.org").out == run("preview", "ada@example.org", "--text").out
    assert run("status", "--json").json["ledger"]["eligible"] == 0


def test_preview_of_what_was_sent(run: Run, filled: Path) -> None:
    """Once it is planned, the preview shows the mail of today."""
    run("send")
    assert "On Bread" in run("preview", "bea@example.org").out


def test_preview_in_a_browser(run: Run, filled: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`--open` opens the page as a file of its own."""
    opened: list[str] = []
    monkeypatch.setattr("webbrowser.open", opened.append)
    monkeypatch.setattr("tempfile.tempdir", str(filled))
    assert run("preview", "ada@example.org", "--open").code == 0
    [url] = opened
    assert "A Kite for All" in Path(url.removeprefix("file://")).read_text()


def test_preview_of_nothing(run: Run, filled: Path) -> None:
    """Who would get nothing is told why."""
    run("subscribers", "pause", "ada@example.org")
    done = run("preview", "ada@example.org")
    assert (done.code, done.out, done.err) == (2, "", "digest: ada@example.org would get nothing: paused\n")


def test_topics_try(run: Run, site: Path) -> None:
    """A text's topics are told with the words that met; a text that meets none says so."""
    found = run("topics", "try", "A Kite of Bread", "--json").json["topics"]
    assert {topic["id"]: topic["words"] for topic in found} == {"kites": ["Kite"], "baking": ["Bread"]}
    assert run("topics", "try", "A Boat").out == "It meets no topic.\n"
    inside = run("topics", "try", "A Boat\nIt has a kite. A kite pulls it. Kites are strong.", "--json").json[
        "topics"
    ]
    assert [topic["id"] for topic in inside] == ["kites"], "a title, a line break and an abstract"


def test_bad_topics(run: Run, site: Path) -> None:
    """A taxonomy that breaks its rules is named by its file, and the code is 2."""
    (site / "topics.toml").write_text("[[topics]]\n")
    done = run("topics", "list")
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith("digest: topics.toml: ")
