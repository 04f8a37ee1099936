"""The machine contract: exit codes, one JSON document on standard output, all else on standard error."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import pytest

from digest.store import migrate
from tests.cli.conftest import Run, write_dump

PAPER = {
    "id",
    "title",
    "abstract",
    "authors",
    "arxiv_id",
    "url",
    "code_urls",
    "votes",
    "first_seen",
    "topics",
    "summary",
    "comments",
    "stars",
    "doi",
    "organisation",
    "keywords",
    "project_url",
}
COUNTS = {
    "planned", "claimed", "deferred", "sent", "failed", "expired", "suppressed", "ambiguous", "skipped", "balance",
}  # fmt: skip

#: Arguments -> keys that scripts rely on, as a path to the object that has them.
CONTRACT: list[tuple[str, str, set[str]]] = [
    ("papers list", "papers/0", PAPER),
    ("papers search kite", "papers/0", PAPER),
    ("papers show 1", "", PAPER),
    ("papers show 1", "", {"names", "details", "origins", "series", "gain_per_day", "events", "texts"}),
    ("papers merge 2 1", "", PAPER),
    ("papers joins", "", {"joins"}),
    ("papers diff", "", {"appearing", "vanishing", "changing", "dumps"}),
    ("send --dry-run", "", {"as_of", "edition", "digests", "skipped", "warnings"}),
    ("send --dry-run", "digests/0", {"subscriber", "papers", "size_bytes"}),
    ("send --dry-run", "digests/0/papers/0", {"id", "title", "reasons", "score"}),
    ("send", "", COUNTS),
    ("topics try bread", "topics/0", {"id", "score", "words"}),
    ("topics list", "topics/0", {"id", "group", "label", "about"}),
    ("topics check", "", {"papers", "met_one", "mean", "empty", "per_topic"}),
    ("status", "", {"dumps", "papers", "edition", "subscribers", "signups", "ledger", "sending"}),
    ("status", "", {"held_until", "sources", "alarms"}),
    ("sources list", "sources/0", {"name", "kind", "place", "every_minutes", "expected"}),
    ("sources status", "", {"sources", "held_until"}),
    ("sources status", "sources/0", {"name", "kind", "state", "last_success_at", "last_try_at", "next_at"}),
    ("sources status", "sources/0", {"failures", "reason", "papers", "normal", "short", "missing_fields"}),
    ("sources status", "sources/0", {"quarantined", "alarms"}),
    ("status", "signups", {"last_hour", "usual_at_most", "spike"}),
    ("status", "ledger", {"eligible", "sent", "balance"}),
    ("why ada@example.org", "", {"subscriber", "date", "outcome", "reason", "reply", "funnel", "papers"}),
    ("why ada@example.org", "funnel", {"fetched", "new", "matched", "already_sent", "below_bar", "mailed"}),
    ("why ada@example.org --paper 1", "paper", {"id", "title", "stage", "reasons"}),
    ("dumps list", "dumps/0", {"name", "format", "records", "status", "reason", "line", "sha256"}),
    ("dumps quarantine", "", {"dumps"}),
    ("dumps replay", "dumps/0", {"name", "records", "status"}),
    ("edition publish", "published", {"id", "date", "published_at", "papers"}),
    ("edition list", "", {"editions"}),
    ("subscribers list", "subscribers/0", {"id", "address", "state", "topics", "zone", "hour"}),
    ("subscribers show ada@example.org", "", {"address", "consent", "deliveries", "due_at"}),
    ("subscribers add cy@example.org", "", {"id", "address", "state", "outcome"}),
    ("subscribers pause ada@example.org", "", {"subscriber", "done", "detail"}),
    ("config", "", {"data_dir", "base_url", "relay", "database"}),
    ("db upgrade", "", {"before", "after"}),
    ("db check", "", {"schema"}),
    ("db backup backup.db", "", {"file", "size_bytes"}),
    (
        "db accept --anyway",
        "",
        {"made_at", "until", "open", "readers_due", "new_papers", "choice", "done"},
    ),
]


@pytest.mark.parametrize(("arguments", "path", "keys"), CONTRACT)
def test_json(run: Run, filled: Path, arguments: str, path: str, keys: set[str]) -> None:
    """With `--json` there is one document on standard output, with the keys that scripts rely on, and nothing else."""
    done = run(*arguments.split(), "--json")
    assert (done.code, done.err) == (0, "")
    found: Any = done.json
    for part in path.split("/") if path else ():
        found = found[int(part)] if part.isdigit() else found[part]
    assert keys <= found.keys()


def test_json_of_ingest(run: Run, site: Path) -> None:
    """Ingest tells each dump; what was rejected is on standard error, with file, line and reason, and the code is 3."""
    write_dump(site, "A Kite", name="a.json")
    (site / "b.json").write_text('[\n{"paper": ')
    done = run("ingest", "a.json", "b.json", "c.json", "--json")
    assert done.code == 3
    keys = {"name", "format", "records", "new", "revised", "seen", "rejected", "status", "reason"}
    assert all(keys <= dump.keys() for dump in done.json["dumps"])
    assert [(d["name"], d["new"], d["status"]) for d in done.json["dumps"]] == [
        ("a.json", 1, "stored"),
        ("b.json", 0, "quarantined"),
        ("c.json", 0, "unreadable"),
    ]
    assert done.json["papers"] == 1
    broken, missing = done.err.splitlines()
    assert broken.startswith("digest: b.json: quarantined: line 2: not JSON, or cut")
    assert missing == "digest: c.json: unreadable: No such file or directory"


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        ("frobnicate", 2, "No such command"),
        ("papers list --limit 0", 2, "--limit"),
        ("papers show 99", 2, "there is no paper 99"),
        ("papers show kite", 2, "a valid integer"),
        ("papers show 9223372036854775808", 2, "9223372036854775807"),
        ("papers merge 1 1", 2, "paper 1 and paper 1 are one already"),
        ("papers merge 1 99", 2, "there is no paper 99"),
        ("papers merge 1", 2, "Missing argument"),
        ("papers split 1", 2, "nobody has merged paper 1"),
        ("papers split 99 --text ab", 2, "there is no paper 99"),
        ("papers split 1 --text nonsense", 2, "no text whose hash begins with 'nonsense'"),
        ("papers diff --day soon", 2, "'soon' is not a date such as 2026-11-20"),
        ("dumps replay --day soon", 2, "'soon' is not a date such as 2026-11-20"),
        ("edition show 2020-01-01", 2, "there is no edition of 2020-01-01"),
        ("edition show soon", 2, "'soon' is not a date such as 2026-11-20"),
        ("why nobody@example.org", 2, "nobody@example.org: no such subscriber"),
        ("why nobody", 2, "nobody"),
        ("why ada@example.org --on friday", 2, "'friday' is not a date"),
        ("preview nobody@example.org", 2, "no such subscriber"),
        ("preview ada@example.org --text --html", 2, "choose one of"),
        ("send --as-of 2026-11-20", 2, "--as-of and --out go with --dry-run"),
        ("send --out x", 2, "--as-of and --out go with --dry-run"),
        ("send --dry-run --as-of yesterday", 2, "'yesterday' is not a moment"),
        ("send --to nobody@example.org", 2, "nobody@example.org: no such subscriber"),
        ("ingest", 2, "name what to read: PATH…, or --source NAME"),
        ("ingest dump.json --seen-on 31.12.2025", 2, "is not a date"),
        ("subscribers add", 2, "Missing argument"),
        ("subscribers add not-an-address", 2, "not-an-address"),
        ("subscribers add cy@example.org --topic kitez", 2, "did you mean kites"),
        ("subscribers add cy@example.org --hour 24", 2, "hour"),
        ("subscribers add cy@example.org --cap 0", 2, "cap"),
        ("subscribers add cy@example.org --zone Nowhere", 2, "Nowhere"),
        ("subscribers add cy@example.org --frequency hourly", 2, "hourly"),
        ("subscribers import nobody.csv --ask", 2, "nobody.csv: No such file or directory"),
        ("subscribers import dump.json", 2, "--confirmed (elsewhere) or --ask"),
        ("subscribers resume ada@example.org", 1, ""),
        ("--config nope.toml status", 2, "nope.toml: no such file"),
    ],
)
def test_errors(run: Run, filled: Path, arguments: str, code: int, said: str) -> None:
    """What cannot be done is told on standard error, and nothing is printed that a script could take for a result."""
    done = run(*arguments.split())
    assert done.code == code
    assert said in done.err
    assert "Traceback" not in done.err
    if code == 2:
        assert done.out == ""


@pytest.mark.parametrize(
    "arguments",
    ["papers list", "status", "send --dry-run", "why ada@example.org", "edition list", "dumps list",
     "papers joins", "papers diff", "subscribers list", "preview ada@example.org", "db check", "topics check"],
)  # fmt: skip
def test_without_a_database(run: Run, site: Path, arguments: str) -> None:
    """A command that only reads says that there is no database, and makes none."""
    done = run(*arguments.split())
    assert done.code == 2
    assert "there is no database at digest-data/digest.db" in done.err
    assert not (site / "digest-data").exists()


@pytest.mark.parametrize("arguments", ["topics list", "topics try bread", "config", "--help"])
def test_what_needs_no_database(run: Run, site: Path, arguments: str) -> None:
    """Topics, settings and help are there before any database."""
    assert run(*arguments.split()).code == 0
    assert not (site / "digest-data").exists()


@pytest.mark.parametrize(
    "arguments", ["papers list", "ingest dump.json", "send", "send --dry-run", "db check"]
)
@pytest.mark.parametrize(
    ("version", "says"), [("0000", "written by a newer digest"), (None, "run `digest db upgrade`")]
)
def test_another_schema(
    run: Run, filled: Path, monkeypatch: pytest.MonkeyPatch, arguments: str, version: str | None, says: str
) -> None:
    """A database of another schema is refused, naming what mends it; no command touches it."""
    if version is None:  # this program is newer than the database
        monkeypatch.setattr(migrate, "head", lambda: "0002")
    else:
        with sqlite3.connect(filled / "digest-data" / "digest.db") as conn:
            conn.execute("UPDATE alembic_version SET version_num = ?", [version])
        conn.close()
    done = run(*arguments.split())
    assert done.code == 1
    assert says in done.err
    assert done.out == ""


def test_config_anywhere(run: Run, site: Path) -> None:
    """`--config FILE` may stand before or behind the command and its arguments; after `--` it is an argument."""
    (site / "other.toml").write_text('data_dir = "elsewhere"\n')
    for arguments in (
        ("--config", "other.toml", "config", "--json"),
        ("config", "--config", "other.toml", "--json"),
        ("config", "--json", "--config=other.toml"),
    ):
        assert run(*arguments).json["data_dir"] == "elsewhere"
    assert run("config", "--json").json["data_dir"] == "digest-data"
    assert run("papers", "search", "--", "--config", "other.toml").code == 2, (
        "no database here: words, not settings"
    )


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("DIGEST_RELAI__URL", "smtp://h", "DIGEST_RELAI__URL"),
        ("DIGEST_RELAY__PROT", "25", "relay.prot: unknown setting"),
        ("DIGEST_ZONE", "Nowhere", "zone: 'Nowhere' is not a time zone"),
        ("DIGEST_BASE_URL", "example.org", "base_url: has to start with https://"),
        ("DIGEST_DATABASE__URL", "mysql://x/y", "database.url: give sqlite:///PATH or postgresql://…"),
    ],
)
def test_bad_variables(
    run: Run, site: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: str, said: str
) -> None:
    """A variable that is unknown or out of range is named, and the code is 2."""
    monkeypatch.setenv(name, value)
    done = run("status")
    assert (done.code, done.out) == (2, "")
    assert said in done.err


def test_bad_settings(run: Run, site: Path) -> None:
    """Every unknown or wrong key of the file is named, each on a line of its own."""
    (site / "digest.toml").write_text('sendr = "x"\n[edition]\nhour = 24\n')
    done = run("status")
    assert (done.code, done.out) == (2, "")
    assert "digest: sendr: unknown setting\n" in done.err
    assert "digest: edition.hour: " in done.err
    (site / "digest.toml").write_text("= 3\n")
    done = run("status")
    assert done.code == 2
    assert "digest.toml" in done.err


def test_sending_is_off_until_it_is_set_up(run: Run, filled: Path) -> None:
    """Without relay, sender and base URL nothing is planned; the dry run goes on, with a warning for each."""
    (filled / "digest.toml").write_text('mail.topics = "topics.toml"\nedition.hour = 0\n')
    done = run("send")
    assert done.code == 2
    assert "is not set: sending is off until it is" in done.err
    dry = run("send", "--dry-run", "--json").json
    assert sum("sending is off" in warning for warning in dry["warnings"]) == 3
    assert len(dry["digests"]) == 2
    assert run("status", "--json").json["ledger"]["eligible"] == 0


def test_what_is_being_read_is_not_in_quarantine(run: Run, filled: Path) -> None:
    """Another process takes its time over a dump: no admin need look at it, as they need at one that is broken."""

    def told() -> list[str]:
        warnings = run("send", "--dry-run", "--json").json["warnings"]
        return [warning for warning in warnings if "quarantine" in warning]

    for status, count in (("reading", 0), ("quarantined", 1)):
        with sqlite3.connect(filled / "digest-data" / "digest.db") as conn:
            conn.execute("UPDATE dumps SET status = ?", [status])
        assert len(told()) == count
        assert len(run("dumps", "quarantine", "--json").json["dumps"]) == count
