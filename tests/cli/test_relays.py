"""Relays by the command: a rehearsal is told loudly, and never mixes with real mail."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

from tests.cli.conftest import Run
from tests.factories import daily_papers


def use(site: Path, **relay: str) -> None:
    """Let the settings name another relay."""
    kept = [
        line
        for line in (site / "digest.toml").read_text().splitlines()
        if not line.startswith(tuple(f"relay.{key} " for key in relay))
    ]
    kept += [f'relay.{key} = "{value}"' for key, value in relay.items()]
    (site / "digest.toml").write_text("\n".join(kept) + "\n")


def fill(run: Run, site: Path, *readers: str) -> None:
    today = dt.datetime.now(dt.UTC).date()
    (site / "page.json").write_bytes(daily_papers(["On Bread"], day=today))
    assert run("ingest", "page.json").code == 0
    assert run("edition", "publish").code == 0
    for name in readers:
        assert run("subscribers", "add", f"{name}@example.org", "--confirmed").code == 0


def test_a_rehearsal(run: Run, site: Path) -> None:
    """`dry:` settles every digest and mails nobody; it is said at each send, and the database mails nobody after."""
    fill(run, site, "ada", "bea")
    use(site, url="dry:")
    assert "sending      rehearsal: relay.url is dry, and nobody is mailed\n" in run("status").out
    sent = run("send", "--json", "--to", "ada@example.org", "--to", "bea@example.org")
    assert (sent.code, sent.json["sent"], sent.json["balance"]) == (0, 2, 0)
    assert "relay.url is dry: this is a rehearsal, and nobody is mailed" in sent.err
    use(site, url="folder:outbox")
    refused = run("send")
    assert refused.code == 2
    assert "what it calls sent was mailed to nobody" in refused.err
    assert not (site / "outbox").exists()


def test_no_rehearsal_beside_real_mail(run: Run, site: Path) -> None:
    """A database that has mailed a reader is not rehearsed with, and goes on mailing."""
    fill(run, site, "ada", "bea")
    assert run("send", "--to", "ada@example.org").code == 0
    use(site, url="dry:")
    refused = run("send", "--to", "bea@example.org")
    assert refused.code == 2
    assert "this database has mailed readers" in refused.err
    use(site, url="folder:outbox")
    assert run("send", "--to", "bea@example.org").code == 0
    assert len(list((site / "outbox" / "new").iterdir())) == 2
