"""digest doctor, from the settings to its exit code."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from digest import keyring
from tests.cli.conftest import SETTINGS, Run
from tests.dns_server import DnsServer
from tests.smtp_server import SmtpServer


@pytest.fixture
def dns() -> Iterator[DnsServer]:
    with DnsServer({}) as running:
        yield running


@pytest.fixture
def relay() -> Iterator[SmtpServer]:
    with SmtpServer() as running:
        yield running


@pytest.fixture
def well(filled: Path, dns: DnsServer, relay: SmtpServer) -> Path:
    """A site that signs by itself, with a DNS at which all is well. Its pages are not served by https."""
    key = keyring.make(filled / "digest-data" / "dkim", "2026a", bits=2048)
    dns.zone = {
        ("example.org", "TXT"): ["v=spf1 a:mail.example.org -all"],
        ("_dmarc.example.org", "TXT"): ["v=DMARC1; p=none"],
        ("example.org", "MX"): ["10 mail.example.org."],
        ("mail.example.org", "A"): ["203.0.113.7"],
        ("7.113.0.203.in-addr.arpa", "PTR"): ["mail.example.org."],
        ("2026a._domainkey.example.org", "TXT"): [key.record],
    }
    settings = SETTINGS.replace("folder:outbox", relay.url).replace("https://digest", "http://digest")
    more = f"""
admin = "admin@example.org"
mail.postal_address = "1 Example Street"
relay.hello = "mail.example.org"
dkim.selector = "2026a"
dns.servers = ["{dns.place}"]
"""
    (filled / "digest.toml").write_text(settings + more)
    return filled


def test_a_person_reads_it(run: Run, well: Path) -> None:
    """Part by part, a line for each check, and what to do below those that are not well."""
    done = run("doctor")
    assert done.code == 0
    for part in ("settings", "database", "relay", "domain", "pages"):
        assert f"\n{part}\n" in done.out
    assert "  ok      DKIM 2026a: signs, rsa-sha256 of 2048 bits; the record at 2026a._domainkey." in done.out
    assert "  warning List-Unsubscribe: base_url is http://digest.example.org" in done.out
    assert "\n          -> put a proxy with TLS in front" in done.out
    assert "\nMail goes out, and could fare better: 0 failed, 1 warning, " in done.out
    assert done.err == ""


def test_a_program_reads_it(run: Run, well: Path, relay: SmtpServer) -> None:
    """The document holds every check with its state, and how many of each; nothing is mailed for it."""
    found = run("doctor", "--json").json
    assert {check["part"] for check in found["checks"]} == {
        "settings",
        "database",
        "relay",
        "domain",
        "pages",
    }
    assert all(check.keys() == {"part", "check", "state", "says", "todo"} for check in found["checks"])
    assert all((check["todo"] is None) == (check["state"] == "ok") for check in found["checks"])
    counted = [
        sum(check["state"] == state for check in found["checks"]) for state in ("ok", "warning", "failed")
    ]
    assert counted == [found["ok"], found["warning"], found["failed"]]
    assert (found["warning"], found["failed"]) == (1, 0)
    assert relay.accepted == []
    assert "RCPT" not in relay.commands


def test_a_failure_is_an_exit_code(run: Run, well: Path, dns: DnsServer) -> None:
    """One failed check, and the command ends with 1."""
    dns.zone = {key: value for key, value in dns.zone.items() if "_domainkey" not in key[0]}
    done = run("doctor")
    assert done.code == 1
    assert (
        "failed  DKIM 2026a: signs, and at 2026a._domainkey.example.org there is no such record" in done.out
    )
    assert "-> put what `digest dkim record 2026a` prints into the DNS" in done.out
    assert "\nTo be mended: 1 failed, " in done.out


def test_the_steps_of_a_rotation(run: Run, well: Path, dns: DnsServer) -> None:
    """A new key is seen before it signs; an old one is asked for while mail waits for it, and no longer."""

    def keys() -> dict[str, str]:
        found = run("doctor", "--json").json["checks"]
        return {
            c["check"]: c["says"].split(";")[0].split(",")[0] for c in found if c["check"].startswith("DKIM")
        }

    run("edition", "publish")
    record = run("dkim", "keygen", "2026b", "--json").json
    assert keys() == {"DKIM 2026a": "signs", "DKIM 2026b": "does not sign"}
    dns.zone = {**dns.zone, (record["name"], "TXT"): [record["value"]]}
    text = (well / "digest.toml").read_text()
    (well / "digest.toml").write_text(
        text.replace('relay.url = "smtp', 'relay.url = "smtp://127.0.0.1:9"\n#"')
    )
    run("send")  # planned by the old key, and not handed over
    (well / "digest.toml").write_text(text.replace('"2026a"', '"2026b"'))
    assert keys() == {"DKIM 2026b": "signs", "DKIM 2026a": "signs mail that is still to go out"}
    keyring.path_of(well / "digest-data" / "dkim", "2026a").rename(well / "kept.pem")
    missing = run("doctor", "--json").json
    assert missing["failed"] == 1
    keyring.path_of(well / "digest-data" / "dkim", "2026z").write_text("words")
    both = {c["check"]: c["state"] for c in run("doctor", "--json").json["checks"]}
    assert (both["DKIM 2026a"], both["DKIM 2026z"]) == ("failed", "warning")


def test_before_anything_is_set(run: Run, site: Path) -> None:
    """In an empty folder it says what comes first, and makes nothing."""
    (site / "digest.toml").write_text("")
    done = run("doctor")
    assert done.code == 1
    assert "failed  base_url: not set" in done.out
    assert "there is no database at digest-data/digest.db yet" in done.out
    assert "\nrelay\n" not in done.out
    assert not (site / "digest-data").exists()


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("smtp://", "smtp:/", "relay.url is"),
        ("dns.servers = ", "#", "DKIM 2026a"),
    ],
)
def test_settings_that_break_one_part(run: Run, well: Path, old: str, new: str, says: str) -> None:
    """A part that cannot be looked at is told, and the others are looked at all the same."""
    text = (well / "digest.toml").read_text()
    if old.startswith("dns"):
        new = 'dns.timeout_s = 0.05\ndns.servers = ["127.0.0.1:1"]\n#'
    (well / "digest.toml").write_text(text.replace(old, new))
    done = run("doctor")
    assert done.code == 1
    assert says in done.out
    assert "\ndatabase\n" in done.out
    assert "\npages\n" in done.out
    assert done.out.count("-> see that the name servers work") <= 1


def test_who_signs_is_told(run: Run, well: Path) -> None:
    """Where the relay signs, that is said, and so is a key file that others may read."""
    text = (well / "digest.toml").read_text()
    keyring.path_of(well / "digest-data" / "dkim", "2026a").chmod(0o644)
    assert "warning DKIM 2026a: digest-data/dkim/2026a.pem has mode 0644: run `chmod 600" in run("doctor").out
    (well / "digest.toml").write_text(text.replace('dkim.selector = "2026a"', ""))
    said = run("doctor").out
    assert "ok      DKIM: dkim.selector is not set: the relay signs." in said


def test_a_folder_as_relay(run: Run, filled: Path, dns: DnsServer) -> None:
    """A folder is no relay that mail leaves by: told, without a look at addresses."""
    (filled / "digest.toml").write_text(SETTINGS + f'dns.servers = ["{dns.place}"]\n')
    said = run("doctor").out
    assert "warning relay: folder:outbox: nothing leaves this machine" in said
    assert "PTR" not in said


def test_several_relays(run: Run, well: Path) -> None:
    """Each relay is looked at by its name; one that cannot be is told, and the others are looked at."""
    text = (well / "digest.toml").read_text()
    with SmtpServer() as other:
        more = f'[relays.spare]\nurl = "{other.url}"\n[relays.broken]\nurl = "smtps://me@mail.example.org"\n'
        (well / "digest.toml").write_text(text + more)
        found = {c["check"]: c for c in run("doctor", "--json").json["checks"] if c["part"] == "relay"}
    assert [found[name]["state"] for name in ("relay MAIL", "relays.spare MAIL", "relays.broken")] == [
        "ok",
        "ok",
        "failed",
    ]
    assert "password_file" in found["relays.broken"]["says"]


def test_the_mailbox_of_bounces(run: Run, well: Path) -> None:
    """One that cannot be read has failed; one that can is left as it was found."""
    settings = (well / "digest.toml").read_text()
    box = well / "box"
    (well / "digest.toml").write_text(f'{settings}bounces.mailbox = "{box}"\n')
    done = run("doctor")
    assert done.code == 1
    assert (
        f"\nbounces\n  failed  bounces.mailbox: {box}: No such file or directory\n          -> mend it"
        in done.out
    )
    for part in ("new", "cur"):
        (box / part).mkdir(parents=True)
    (box / "new" / "1").write_text("Subject: a bounce\n\nof a kind\n")
    done = run("doctor")
    assert done.code == 0
    assert f"\nbounces\n  ok      bounces.mailbox: {box} can be read\n" in done.out
    assert [path.name for path in box.rglob("*") if path.is_file()] == ["1"]
