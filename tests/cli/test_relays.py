"""Relays by the command: a rehearsal is told loudly, and never mixes with real mail."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

from digest.settings import load
from digest.store import warm_ups
from digest.wiring import App
from tests.cli.conftest import Run
from tests.factories import daily_papers
from tests.smtp_server import SmtpServer


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
    assert run("status", "--json").json["sending"].startswith("off: this database was rehearsed")
    assert not (site / "outbox").exists()


def test_no_rehearsal_beside_real_mail(run: Run, site: Path) -> None:
    """A database that has mailed a reader is not rehearsed with, and goes on mailing."""
    fill(run, site, "ada", "bea")
    assert run("send", "--to", "ada@example.org").code == 0
    use(site, url="dry:")
    refused = run("send", "--to", "bea@example.org")
    assert refused.code == 2
    assert "this database has mailed readers" in refused.err
    assert run("status", "--json").json["sending"].startswith("off: relay.url is dry:, and this database has")
    use(site, url="folder:outbox")
    assert run("send", "--to", "bea@example.org").code == 0
    assert len(list((site / "outbox" / "new").iterdir())) == 2


def test_a_warm_up_is_told(run: Run, site: Path) -> None:
    """On its first day two of three digests go; `send` says why the third does not, and `status` how far it is."""
    fill(run, site, "ada", "bea", "cleo")
    with (site / "digest.toml").open("a") as settings:
        settings.write("limits.warm_up_first = 2\n")
    assert run("status", "--json").json["warm_up"] == {"day_number": 1, "most": 2, "handed_over": 0}
    names = [part for name in ("ada", "bea", "cleo") for part in ("--to", f"{name}@example.org")]
    sent = run("send", "--json", *names)
    assert (sent.json["sent"], sent.json["planned"], sent.json["balance"]) == (2, 1, 0)
    assert "1 planned: the warm-up lets 2 go on its day 1, and they went" in sent.err
    assert "warm-up      day 1: 2 of 2 handed over\n" in run("status").out
    again = run("send", "--json")
    assert (again.json["sent"], again.json["planned"]) == (0, 1)


def test_a_warm_up_that_is_over(run: Run, site: Path) -> None:
    """It is told as such, and holds nothing back."""
    fill(run, site, "ada")
    with (site / "digest.toml").open("a") as settings:
        settings.write("limits.warm_up_first = 2\n")
    app = App(load())
    with app.database.write() as conn:
        for days in range(24, 0, -1):
            warm_ups.add(conn, (app.clock() - dt.timedelta(days=days)).date(), 1)
    app.database.close()
    assert "warm-up      over\n" in run("status").out


def test_a_rate_that_is_waited_for(run: Run, site: Path) -> None:
    """One an hour: the first goes, and the other is said to wait."""
    fill(run, site, "ada", "bea")
    with (site / "digest.toml").open("a") as settings:
        settings.write('limits.rate = "1/h"\n')
    sent = run("send", "--json", "--to", "ada@example.org", "--to", "bea@example.org")
    assert (sent.json["sent"], sent.json["planned"]) == (1, 1)
    assert "1 planned: they wait for a rate, and go with the next run" in sent.err


def test_a_relay_in_trouble_is_named(run: Run, site: Path) -> None:
    """Of two relays one is dead: the mail goes over the other, and the status names who is left aside."""
    fill(run, site, "ada")
    dead = SmtpServer()
    dead.stop()
    with SmtpServer() as good:
        use(site, url=f"smtp://127.0.0.1:{dead.port}", weight="9")
        settings = (site / "digest.toml").read_text().replace('relay.weight = "9"', "relay.weight = 9")
        (site / "digest.toml").write_text(f'{settings}relays.second.url = "{good.url}"\n')
        assert run("send", "--to", "ada@example.org", "--json").json["sent"] == 1
        assert len(good.accepted) == 1
    status = run("status", "--json").json
    assert [(each["name"], each["said"]) for each in status["relays_aside"]] == [
        ("relay", "connect closed Connection refused")
    ]
    assert "relay left aside until " in run("status").out
