"""digest with DKIM: what a dry run, a send and the service make of keys."""

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
