"""The webhook: what a relay tells counts if it is signed, now, and by our secret; else nothing is told or changed."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from httpx2 import Response
from starlette.testclient import TestClient

from digest.settings import BounceSettings, WebSettings
from digest.store import ledger
from digest.store.database import Database
from digest.subscribers.subscriber import State, Subscriber
from digest.web.hooks import PATH, SIGNATURE, STAMP, WINDOW_S, sign
from digest.wiring import App
from tests.factories import Clock, publish_edition
from tests.web.readers import Desk, make_desk

SECRET = "0123456789abcdef0123456789abcdef"


@pytest.fixture
def secret_file(tmp_path: Path) -> Path:
    path = tmp_path / "secret"
    path.write_text(SECRET + "\n", encoding="utf-8")
    return path


@pytest.fixture
def desk(
    sqlite_database: Database,
    tmp_path: Path,
    clock: Clock,
    browse: Callable[[App], TestClient],
    secret_file: Path,
) -> Desk:
    return make_desk(
        sqlite_database, tmp_path, clock, browse, bounces=BounceSettings(webhook_secret_file=secret_file)
    )


def mailed(desk: Desk) -> tuple[Subscriber, str]:
    """A reader who was mailed, and the Message-ID."""
    publish_edition(desk.database, "A Kite for All")
    who = desk.add()
    desk.app.plan([who.id])
    with desk.database.read() as conn:
        return who, ledger.of(conn, who.id)[0].message_id


def call(
    desk: Desk, document: Any, *, secret: str = SECRET, at: int = 0, headers: dict[str, str] | None = None
) -> Response:
    """A call as a relay makes it, `at` seconds from now."""
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    stamp = str(int(desk.clock.now.timestamp()) + at)
    given = {STAMP: stamp, SIGNATURE: sign(secret.encode(), stamp, body), **(headers or {})}
    return desk.client.post(PATH, content=body, headers={k: v for k, v in given.items() if v})


def hard(message_id: str, **more: object) -> dict[str, Any]:
    told = {"message_id": message_id, "type": "hard", "status": "5.1.1", "detail": "no jo@example.org here"}
    return {"events": [told | more]}


def test_an_event(desk: Desk) -> None:
    """It suppresses its reader, and is kept without the address; sent once more it is known."""
    who, message_id = mailed(desk)
    answer = call(desk, hard(message_id, at="2026-11-20T08:00:00Z"))
    assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-store")
    nothing = dict.fromkeys(("soft", "complaint", "blocked", "known", "unknown"), 0)
    assert answer.json() == {"events": 1, "hard": 1, "suppressed": 1} | nothing
    assert desk.subscriber(who.id).state is State.SUPPRESSED
    before = desk.rows()
    assert call(desk, hard(message_id)).json()["known"] == 1
    assert desk.rows() == before
    assert "no … here" in str(before["bounces"])


def test_unknown_mails(desk: Desk) -> None:
    """Forged ids and paths are counted, in one number with those that the ledger does not hold."""
    who, _ = mailed(desk)
    events = [
        {"type": "hard", "message_id": "<0123@example.org>"},
        {"type": "complaint", "return_path": "bounce+1-0123456789abcdef@example.org"},
    ]
    assert call(desk, {"events": events}).json()["unknown"] == 2
    assert desk.subscriber(who.id).state is State.ACTIVE


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"secret": "x" * 32}, "another secret"),
        ({"at": -WINDOW_S - 1}, "too old"),
        ({"at": WINDOW_S + 1}, "not yet"),
        ({"headers": {SIGNATURE: ""}}, "no signature"),
        ({"headers": {STAMP: ""}}, "no time"),
        ({"headers": {STAMP: "soon"}}, "no number"),
        ({"headers": {STAMP: "1795158003"}}, "another time"),
        ({"headers": {SIGNATURE: "v1=" + "0" * 64}}, "zeros"),
        ({"headers": {SIGNATURE: "v2=x"}}, "another version"),
    ],
)
def test_what_is_not_signed(desk: Desk, given: dict[str, Any], why: str) -> None:
    """All refusals look alike, whatever is wrong, and change nothing."""
    _, message_id = mailed(desk)
    before = desk.rows()
    answer = call(desk, hard(message_id), **given)
    assert answer.status_code == 401
    assert answer.content == call(desk, b"no json", secret="y" * 32).content
    assert desk.rows() == before


@pytest.mark.parametrize("at", [-WINDOW_S, 0, WINDOW_S])
def test_clocks_may_differ(desk: Desk, at: int) -> None:
    """Five minutes either way are taken."""
    _, message_id = mailed(desk)
    assert call(desk, hard(message_id), at=at).status_code == 200


@pytest.mark.parametrize(
    ("document", "field"),
    [
        (b"no json", ""),
        ({}, "events"),
        ({"events": [{"type": "hard"}]}, "events.0"),
        ({"events": [{"type": "worse", "message_id": "x"}]}, "events.0.type"),
        ({"events": [{"type": "hard", "message_id": "x", "status": "550"}]}, "events.0.status"),
        ({"events": [{"type": "hard", "message_id": "x" * 401}]}, "events.0.message_id"),
        ({"events": [{"type": "hard", "message_id": "x"}] * 1_001}, "events"),
    ],
)
def test_what_cannot_be(desk: Desk, document: Any, field: str) -> None:
    """What is signed and makes no sense is told field by field, without what was sent."""
    answer = call(desk, document)
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["errors"][0]["field"] == field


def test_too_large(desk: Desk) -> None:
    """The cap of all posts holds here too."""
    assert call(desk, b"x" * 65_537).status_code == 413


def test_too_many(
    sqlite_database: Database,
    tmp_path: Path,
    clock: Clock,
    browse: Callable[[App], TestClient],
    secret_file: Path,
) -> None:
    """Calls that are not signed are counted with those of the API; a relay's own are never turned away."""
    desk = make_desk(
        sqlite_database, tmp_path, clock, browse,
        bounces=BounceSettings(webhook_secret_file=secret_file), web=WebSettings(api_per_minute=2),
    )  # fmt: skip
    codes = [
        call(desk, {"events": []}, secret=secret).status_code for secret in (SECRET, "x", "x", "x", SECRET)
    ]
    assert codes == [200, 401, 401, 429, 200]


def test_without_a_secret(client: TestClient) -> None:
    """Where no secret is set there is no such page, and no other method finds one."""
    assert client.post(PATH, content=b"{}").status_code == 404
    assert client.get(PATH).status_code == 405
