"""digest dkim, and what a dry run, a send and the service make of keys."""

from __future__ import annotations

from pathlib import Path

import pytest

from digest import keyring
from tests.cli.conftest import SETTINGS, Run

SIGNING = SETTINGS + 'dkim.selector = "2026a"\ndkim.ed25519_selector = "2026e"\n'


@pytest.fixture
def signing(run: Run, filled: Path) -> Path:
    """A site with an edition, readers who are due, and selectors that are set; their keys are still to be made."""
    assert run("edition", "publish").code == 0
    (filled / "digest.toml").write_text(SIGNING)
    return filled


def test_a_dry_run_needs_no_key(run: Run, signing: Path) -> None:
    """A dry run counts the signatures without opening a key; what it writes does not pass for signed mail."""
    signed = run("send", "--dry-run", "--out", "look", "--json").json["digests"]
    (signing / "digest.toml").write_text(SETTINGS)
    bare = run("send", "--dry-run", "--json").json["digests"]
    written = (signing / "look" / "ada@example.org.eml").read_bytes()
    head, _, _ = written.partition(b"From: ")
    assert head.count(b"DKIM-Signature: ") == 2
    assert b"b=AAAAAAAA" in head
    assert {one["size_bytes"] - other["size_bytes"] for one, other in zip(signed, bare, strict=True)} == {
        len(head)
    }
    assert not (signing / "digest-data" / "dkim").exists()


@pytest.mark.parametrize("command", ["send", "serve", "scheduler"])
def test_nothing_begins_without_a_key(run: Run, signing: Path, command: str) -> None:
    """Who would send unsigned refuses to start, with the file and the command, and plans nothing."""
    done = run(command)
    assert done.code == 2
    assert "cannot read digest-data/dkim/2026a.pem: No such file or directory" in done.err
    assert "run `digest dkim keygen 2026a`" in done.err
    (signing / "digest.toml").write_text(SETTINGS)
    assert run("status", "--json").json["ledger"]["eligible"] == 0


def test_signed(run: Run, signing: Path) -> None:
    """With its keys the same command mails, signed."""
    for name, bits in (("2026a", 2048), ("2026e", None)):
        keyring.make(signing / "digest-data" / "dkim", name, bits=bits)
    assert run("send", "--json").json["sent"] == 2
    mailed = [path.read_bytes() for path in (signing / "outbox" / "new").iterdir()]
    assert [data.count(b"DKIM-Signature: ") for data in mailed] == [2, 2]


# -- keygen and record ---------------------------------------------------------------------------------


def test_from_no_key_to_signed_mail(run: Run, signing: Path) -> None:
    """What the error names is done once for each selector, and then the same command mails."""
    assert run("send").code == 2
    assert run("dkim", "keygen", "2026a").code == 0
    assert "2026e.pem" in run("send").err
    assert run("dkim", "keygen", "2026e", "--ed25519").code == 0
    assert run("send", "--json").json["sent"] == 2


def test_keygen(run: Run, site: Path) -> None:
    """It tells the file, the record and the steps; the record is that of the key in the file."""
    done = run("dkim", "keygen", "2026a", "--json")
    found = done.json
    key = keyring.read(site / "digest-data" / "dkim", "2026a")
    assert found == {
        "selector": "2026a",
        "algorithm": "rsa-sha256",
        "bits": 2048,
        "file": "digest-data/dkim/2026a.pem",
        "name": "2026a._domainkey.example.org",
        "type": "TXT",
        "value": key.record,
        "strings": [key.record[:255], key.record[255:]],
    }
    assert "PRIVATE" not in done.out
    assert run("dkim", "record", "2026a", "--json").json == {"records": [found]}


def test_what_keygen_says(run: Run, site: Path) -> None:
    """The steps come in their order, whole, whatever the width; of a second key also what to keep."""
    first = run("dkim", "keygen", "2026a").out
    (site / "digest.toml").write_text(SETTINGS + 'dkim.selector = "2026a"\n')
    second = run("dkim", "keygen", "2026b", "--bits", "4096").out
    for name, said in (("2026a", first), ("2026b", second)):
        record = keyring.read(site / "digest-data" / "dkim", name).record
        assert f"\n{name}._domainkey.example.org\n{record}\n" in said
        steps = [
            said.index(words)
            for words in (
                "1. Put",
                f'{name}._domainkey.example.org. IN TXT ( "v=DKIM1;',
                "2. Wait",
                f'3. Set selector = "{name}"',
            )
        ]
        assert steps == sorted(steps)
    assert "4. Keep" not in first
    assert "4. Keep the file and the DNS record of 2026a for a week" in second
    assert 'Set ed25519_selector = "2026e"' in run("dkim", "keygen", "2026e", "--ed25519").out


def test_a_key_is_never_replaced(run: Run, site: Path) -> None:
    """A second time the file stays, and the command ends with what to do."""
    assert run("dkim", "keygen", "2026a").code == 0
    path = site / "digest-data" / "dkim" / "2026a.pem"
    before = path.read_bytes()
    done = run("dkim", "keygen", "2026a", "--ed25519")
    assert (done.code, path.read_bytes()) == (2, before)
    assert "choose another selector" in done.err


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("keygen", "2026a", "--bits", "1024"), "2048"),
        (("keygen", "2026a", "--bits", "8192"), "4096"),
        (("keygen", "2026a", "--bits", "2048", "--ed25519"), "one length"),
        (("keygen", "../evil"), "is not a name such as 2026a"),
        (("record",), "the relay signs: name a selector, or see `digest dkim keygen`"),
        (("record", "2026a"), "run `digest dkim keygen 2026a`"),
    ],
)
def test_what_cannot_be(run: Run, site: Path, arguments: tuple[str, ...], says: str) -> None:
    """Each refusal says why, and makes nothing."""
    done = run("dkim", *arguments)
    assert done.code == 2
    assert says in done.err
    assert not (site / "digest-data").exists()


def test_no_sender_no_domain(run: Run, site: Path) -> None:
    """Without a sender there is no domain to sign for."""
    (site / "digest.toml").write_text("")
    done = run("dkim", "keygen", "2026a")
    assert (done.code, "sender is not set" in done.err) == (2, True)


def test_the_records_of_the_settings(run: Run, signing: Path) -> None:
    """Without a name the keys of the settings are shown, each on a line of its own."""
    for name, more in (("2026a", ()), ("2026e", ("--ed25519",))):
        run("dkim", "keygen", name, *more)
    found = run("dkim", "record", "--json").json["records"]
    assert [one["selector"] for one in found] == ["2026a", "2026e"]
    assert [len(one["strings"]) for one in found] == [2, 1]
    shown = run("dkim", "record").out
    assert all(f"{one['name']}. IN TXT ( " in shown and one["value"] in shown for one in found)


def test_status_says_who_signs(run: Run, signing: Path) -> None:
    """By which keys, or that it is left to the relay."""
    assert run("status", "--json").json["signing"] == ["2026a", "2026e"]
    assert "signing      DKIM by 2026a and 2026e\n" in run("status").out
    (signing / "digest.toml").write_text(SETTINGS)
    assert run("status", "--json").json["signing"] == []
    assert "signing      left to the relay\n" in run("status").out
