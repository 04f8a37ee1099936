"""GET /metrics: what stands in the store, for watchers alone."""

from __future__ import annotations

from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families
from starlette.testclient import TestClient

from digest.deliver.alarm import AlarmName
from digest.pipeline.ingest import IngestOptions
from digest.settings import WebSettings
from digest.sources.source import FOLDER
from digest.store import sources
from digest.store.database import Database
from digest.store.sources import SourceState
from digest.subscribers.subscriber import State
from digest.web.application import create
from digest.wiring import App
from tests.factories import (
    DAY,
    HOUR,
    NOW,
    Clock,
    add_subscriber,
    make_app,
    plan_for,
    publish_edition,
    raw_dump,
)

Values = dict[tuple[str, tuple[str, ...]], float]


def watcher(app: App, *, host: str = "127.0.0.1", **headers: str) -> TestClient:
    return TestClient(create(app), base_url=app.settings.base_url, client=(host, 50000), headers=headers)


def scraped(app: App) -> Values:
    """Every sample, by its name and the values of its labels in the order of theirs, as Prometheus reads them."""
    answer = watcher(app).get("/metrics")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert answer.headers["cache-control"] == "no-store"
    families = list(text_string_to_metric_families(answer.text))
    assert all(family.documentation and family.type == "gauge" for family in families)
    assert len({family.name for family in families}) == len(families)
    return {
        (sample.name, tuple(sample.labels.values())): sample.value
        for family in families
        for sample in family.samples
    }


def test_an_empty_store(database: Database, tmp_path: Path) -> None:
    """What is not known is absent: no time of a first success, no normal, no edition."""
    found = scraped(make_app(database, tmp_path))
    assert found.pop(("digest_deliveries", ("planned",))) == 0
    assert found.pop(("digest_subscribers", ("active",))) == 0
    assert found.pop(("digest_bounces", ("hard",))) == 0
    assert {
        key: value
        for key, value in found.items()
        if key[0] not in ("digest_deliveries", "digest_subscribers", "digest_bounces")
    } == {
        ("digest_source_papers", ("folder",)): 0,
        ("digest_source_short", ("folder",)): 0,
        ("digest_source_failures", ("folder",)): 0,
        ("digest_edition_held", ()): 0,
        ("digest_papers", ()): 0,
        ("digest_ledger_balance", ()): 0,
    }


def test_a_bad_day(database: Database, tmp_path: Path) -> None:
    """A source that is short, with its normal and its failures; the edition that waits; alarms, mails and people."""
    clock = Clock()
    app = make_app(database, tmp_path, clock=clock, admin="ops@example.org")
    for week in range(4, 0, -1):
        clock.now = (
            NOW - 7 * week * DAY - 3 * HOUR
        )  # before the hour of publication, so that it is missed at it
        dump = raw_dump([f"Paper {week} {number}" for number in range(8)], day=clock.now.date())
        app.ingest([dump], IngestOptions(source=FOLDER))
    publish_edition(database, day=NOW.date() - 7 * DAY)
    clock.now = NOW
    app.ingest([raw_dump(["A Kite"], day=NOW.date(), name="now.json")], IngestOptions(source=FOLDER))
    with database.write() as conn:
        sources.save(conn, SourceState(name=FOLDER, failures=2, succeeded_at=NOW - HOUR))
        reader = add_subscriber(conn, "ada@example.org")
        add_subscriber(conn, state=State.LEFT)
        plan_for(conn, reader)
    assert app.publish() is None
    app.settle_alarm(AlarmName.SIGNUP_SPIKE, "300 sign-ups")
    found = scraped(app)
    assert found["digest_source_papers", ("folder",)] == 1
    assert found["digest_source_papers_normal", ("folder",)] == 8
    assert found["digest_source_short", ("folder",)] == 1
    assert found["digest_source_failures", ("folder",)] == 2
    assert found["digest_source_last_success_timestamp_seconds", ("folder",)] == (NOW - HOUR).timestamp()
    assert found["digest_edition_held", ()] == 1
    published = (NOW - 7 * DAY).replace(hour=6).timestamp()
    assert found["digest_edition_last_published_timestamp_seconds", ()] == published
    assert {labels for name, labels in found if name == "digest_alarm"} == {
        ("", "edition-held"),
        ("folder", "source-short"),
        ("", "signup-spike"),
    }
    assert found["digest_papers", ()] == 33
    assert found["digest_deliveries", ("planned",)] == 3  # a digest, and two mails to the operator
    assert found["digest_subscribers", ("active",)] == found["digest_subscribers", ("left",)] == 1
    assert found["digest_ledger_balance", ()] == 0
    text = watcher(app).get("/metrics").text
    assert "@" not in text
    assert "300 sign-ups" not in text


@pytest.mark.parametrize(
    ("peer", "headers", "web", "status"),
    [
        ("127.0.0.1", {}, {}, 200),
        ("::1", {}, {}, 200),
        ("::ffff:127.0.0.1", {}, {}, 200),
        ("192.0.2.7", {}, {}, 404),
        ("192.0.2.7", {"x-forwarded-for": "127.0.0.1"}, {}, 404),
        ("127.0.0.1", {"x-forwarded-for": "192.0.2.7"}, {}, 404),
        ("::ffff:127.0.0.1", {"x-forwarded-for": "127.0.0.1"}, {}, 404),
        ("127.0.0.1", {"x-real-ip": "192.0.2.7"}, {}, 404),
        ("127.0.0.1", {"forwarded": "for=192.0.2.7"}, {}, 404),
        ("10.0.0.2", {"x-forwarded-for": "127.0.0.1"}, {"proxies": ("10.0.0.0/8",)}, 200),
        ("10.0.0.2", {"x-forwarded-for": "192.0.2.7"}, {"proxies": ("10.0.0.0/8",)}, 404),
        ("192.0.2.7", {}, {"metrics_from": ("192.0.2.0/24",)}, 200),
        ("127.0.0.1", {}, {"metrics_from": ()}, 404),
        ("testclient", {}, {}, 404),
    ],
)
def test_who_may_look(
    sqlite_database: Database,
    tmp_path: Path,
    peer: str,
    headers: dict[str, str],
    web: dict[str, tuple[str, ...]],
    status: int,
) -> None:
    """The networks of web.metrics_from alone, by what our own proxies say; nobody through a proxy that is not ours."""
    app = make_app(sqlite_database, tmp_path, web=WebSettings.model_validate(web))
    assert watcher(app, host=peer, **headers).get("/metrics").status_code == status


def test_it_is_no_page_for_others(sqlite_database: Database, tmp_path: Path) -> None:
    """Who may not look gets what any page that is not there gives."""
    client = watcher(make_app(sqlite_database, tmp_path), host="192.0.2.7")
    answer, nowhere = client.get("/metrics"), client.get("/nowhere")
    assert (answer.status_code, answer.text) == (nowhere.status_code, nowhere.text)


def test_it_is_never_held_up(sqlite_database: Database, tmp_path: Path) -> None:
    """A watcher asks as often as it likes."""
    client = watcher(
        make_app(sqlite_database, tmp_path, web=WebSettings(api_per_minute=1, posts_per_minute=1))
    )
    assert {client.get("/metrics").status_code for _ in range(5)} == {200}
