"""digest status: a spike of sign-ups is told in words and in JSON, and one paper is one."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from digest.settings import load
from digest.subscribers.consent import Evidence
from digest.subscribers.subscriber import Profile, Schedule
from digest.wiring import App
from tests.cli.conftest import Run
from tests.factories import daily_papers


def test_a_spike_of_sign_ups(run: Run, site: Path) -> None:
    """More than web.signup_alarm within the hour, on the pages of another process, are a spike."""
    with (site / "digest.toml").open("a") as settings:
        settings.write("web.signup_alarm = 2\n")
    assert run("subscribers", "add", "ada@example.org", "--confirmed").code == 0
    sign_up("bea", "cleo")
    assert run("status", "--json").json["signups"] == {"last_hour": 2, "usual_at_most": 2, "spike": False}
    assert "sign-ups     2 in the last hour\n" in run("status").out
    sign_up("dora")
    assert run("status", "--json").json["signups"] == {"last_hour": 3, "usual_at_most": 2, "spike": True}
    assert "sign-ups     3 in the last hour: a spike, more than web.signup_alarm = 2\n" in run("status").out


def test_an_edition_of_one_paper(run: Run, site: Path) -> None:
    """One paper is no `1 papers`."""
    today = dt.datetime.now(dt.UTC).date()
    (site / "page.json").write_bytes(daily_papers(["On Bread"], day=today))
    assert run("ingest", "page.json").code == 0
    assert run("edition", "publish").code == 0
    assert f"edition      {today}, 1 paper\n" in run("status").out


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('dkim.selector = "2026a"', "off: DKIM key '2026a': cannot read "),
        ('relay.password_file = "secret"', "off: relay.url with a user needs relay.password_file"),
    ],
)
def test_where_send_would_refuse(run: Run, site: Path, line: str, said: str) -> None:
    """Status says that sending is off, in the words of who would refuse."""
    assert run("subscribers", "add", "ada@example.org", "--confirmed").code == 0
    assert run("status", "--json").json["sending"] == "on"
    settings = site / "digest.toml"
    settings.write_text(settings.read_text().replace("folder:outbox", "smtp://127.0.0.1") + line + "\n")
    (site / "secret").write_text("secret")
    (site / "secret").chmod(0o600)
    told, refused = run("status", "--json").json["sending"], run("send")
    assert told.startswith(said)
    assert (refused.code, refused.out) == (2, "")
    assert refused.err == f"digest: {told.removeprefix('off: ')}\n"


def sign_up(*names: str) -> None:
    """Let these ask on the pages of the service whose settings lie here."""
    app = App(load())
    for name in names:
        app.signup.request(
            f"{name}@example.org",
            profile=Profile(),
            schedule=Schedule(),
            evidence=Evidence(method="web"),
            now=app.clock(),
        )
    app.database.close()
