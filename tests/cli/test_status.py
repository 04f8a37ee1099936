"""digest status: a spike of sign-ups is told in words and in JSON."""

from __future__ import annotations

from pathlib import Path

from digest.settings import load
from digest.subscribers.consent import Evidence
from digest.subscribers.subscriber import Profile, Schedule
from digest.wiring import App
from tests.cli.conftest import Run


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
