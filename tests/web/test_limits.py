"""How much one client may ask for, counted in memory and in a real Redis."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import structlog
from starlette.testclient import TestClient

from digest.errors import SettingsError
from digest.settings import WebSettings
from digest.store.database import Database
from digest.web.limits import Limits, Memory, Rate, Rule, Shared
from digest.web.problems import Problem
from tests.factories import make_app
from tests.web.conftest import Browse
from tests.web.redis_server import RedisServer, redis_server

THREE = Rate(count=3, per_s=60)


class Ticking:
    """A clock in seconds that stands until it is moved."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def ticking() -> Ticking:
    return Ticking()


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[RedisServer]:
    with redis_server(tmp_path) as server:
        yield server


def refused(limits: Limits, rule: Rule, client: str) -> str | None:
    """The Retry-After that a client is given, None where it is let in."""
    try:
        limits.hit(rule, client)
    except Problem as problem:
        assert problem.status_code == 429
        assert problem.headers is not None
        return problem.headers["Retry-After"]
    return None


# -- in memory -----------------------------------------------------------------------------------------


def test_a_moving_window(ticking: Ticking) -> None:
    """Any 60 seconds hold three requests, and a refused one tells when the next may come, and is not counted."""
    memory = Memory(ticking)
    for moment, wait_s in [
        (0, 0),
        (10, 0),
        (20, 0),
        (30, 30),
        (59.5, 0.5),
        (60, 0),
        (60, 10),
        (70, 0),
        (71, 9),
        (80, 0),
    ]:
        ticking.now = 1000.0 + moment
        assert memory.wait_s(Rule.POST, "a", THREE) == pytest.approx(wait_s)


def test_each_rule_and_client_by_itself(ticking: Ticking) -> None:
    """Who used up one limit has the others still, and so has everybody else."""
    memory = Memory(ticking)
    for _ in range(3):
        assert memory.wait_s(Rule.POST, "a", THREE) == 0
    assert memory.wait_s(Rule.POST, "a", THREE) > 0
    assert memory.wait_s(Rule.POST, "b", THREE) == 0
    assert memory.wait_s(Rule.API, "a", THREE) == 0


def test_a_client_is_forgotten_with_its_window(ticking: Ticking) -> None:
    """No address is kept beyond the window of its last request."""
    memory = Memory(ticking)
    for name in "abc":
        memory.wait_s(Rule.POST, name, THREE)
        ticking.now += 20
    memory.wait_s(Rule.POST, "d", THREE)
    assert list(memory._taken[Rule.POST]) == ["b", "c", "d"]
    ticking.now += 60
    memory.wait_s(Rule.POST, "e", THREE)
    assert list(memory._taken[Rule.POST]) == ["e"]


def test_memory_is_bounded(ticking: Ticking, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many networks somebody has, what is remembered of them has a bound; who came last is remembered."""
    monkeypatch.setattr(Memory, "MOST", 10)
    memory = Memory(ticking)
    for number in range(100):
        memory.wait_s(Rule.POST, str(number), THREE)
        ticking.now += 0.01
    kept = list(memory._taken[Rule.POST])
    assert len(kept) <= 11
    assert kept[-1] == "99"


def test_threads_count_together() -> None:
    """Of many requests at once exactly the limit is let in."""
    memory, rate = Memory(), Rate(count=50, per_s=3600)
    with ThreadPoolExecutor(8) as pool:
        waits = list(pool.map(lambda _: memory.wait_s(Rule.API, "a", rate), range(400)))
    assert sum(wait_s == 0 for wait_s in waits) == 50


def test_retry_after_is_whole_seconds(ticking: Ticking) -> None:
    """Retry-After is in whole seconds, one at least, and who waits that long is let in."""
    limits = Limits({Rule.POST: Rate(count=1, per_s=60)}, Memory(ticking))
    assert refused(limits, Rule.POST, "192.0.2.7") is None
    for passed, told in [(0, "60"), (0.5, "60"), (58.9, "2"), (59.01, "1"), (59.999, "1")]:
        ticking.now = 1000.0 + passed
        assert refused(limits, Rule.POST, "192.0.2.7") == told
    ticking.now = 1060.0
    assert refused(limits, Rule.POST, "192.0.2.7") is None


def test_networks(ticking: Ticking) -> None:
    """The addresses of one /64 share a limit; two IPv4 addresses, or two /64s, do not."""
    limits = Limits({Rule.POST: Rate(count=1, per_s=60)}, Memory(ticking))
    assert refused(limits, Rule.POST, "2001:db8::1") is None
    assert refused(limits, Rule.POST, "2001:db8::2") == "60"
    assert refused(limits, Rule.POST, "2001:db8:0:1::1") is None
    assert refused(limits, Rule.POST, "192.0.2.1") is None
    assert refused(limits, Rule.POST, "192.0.2.2") is None


def test_the_settings_name_the_rates() -> None:
    """Each rule has its setting: sign-ups by the hour, forms and calls by the minute."""
    settings = WebSettings(signups_per_hour=2, posts_per_minute=3, api_per_minute=4)
    limits = Limits.of(settings)
    for rule, count, most_s in [(Rule.SIGN_UP, 2, 3600), (Rule.POST, 3, 60), (Rule.API, 4, 60)]:
        told = [refused(limits, rule, "192.0.2.7") for _ in range(count + 1)]
        assert told[:-1] == [None] * count
        assert most_s - 5 <= int(told[-1] or 0) <= most_s


# -- on the pages --------------------------------------------------------------------------------------


@pytest.fixture
def strict(browse: Browse, sqlite_database: Database, tmp_path: Path) -> TestClient:
    """Pages that take one request of each kind, behind a proxy at the client's address."""
    web = WebSettings(signups_per_hour=1, posts_per_minute=1, api_per_minute=1, proxies=("192.0.2.7",))
    return browse(make_app(sqlite_database, tmp_path, web=web))


@pytest.mark.parametrize(
    ("method", "path"),
    [("POST", "/subscribe"), ("POST", "/p/x"), ("POST", "/c/x"), ("GET", "/api/v1/topics")],
)
def test_too_many_of_one_client(strict: TestClient, method: str, path: str) -> None:
    """The second request of a client or of its /64 gets 429 with Retry-After; the next network is let in."""

    def status(client: str) -> int:
        answer = strict.request(method, path, headers={"X-Forwarded-For": client})
        assert ("retry-after" in answer.headers) is (answer.status_code == 429)
        return answer.status_code

    for first, neighbour, stranger in [
        ("203.0.113.1", "203.0.113.1", "203.0.113.2"),
        ("2001:db8::1", "2001:db8::2", "2001:db8:0:1::1"),
    ]:
        assert status(first) != 429
        assert status(neighbour) == 429
        assert status(stranger) != 429


def test_leaving_is_never_limited(strict: TestClient) -> None:
    """However often one address posts, a leave link answers."""
    assert {strict.post("/u/1.x").status_code for _ in range(20)} == {404}
    assert [strict.post("/u/1.x/data").status_code for _ in range(20)][-1] == 429


def test_looking_is_never_limited(strict: TestClient) -> None:
    """A mail service that opens every link of its readers is let in."""
    assert {strict.get(path).status_code for path in ("/", "/editions", "/healthz") for _ in range(5)} == {
        200
    }


# -- shared --------------------------------------------------------------------------------------------


def settings(url: str) -> WebSettings:
    return WebSettings(limits_url=url, signups_per_hour=3)


@pytest.mark.parametrize("scheme", ["redis", "valkey"])
def test_two_share_a_limit(redis: RedisServer, scheme: str) -> None:
    """Two that count in one Redis hold one client to one limit; valkey:// speaks to the same server."""
    one, other = (Limits.of(settings(redis.url.replace("redis", scheme))) for _ in range(2))
    assert [refused(each, Rule.SIGN_UP, "192.0.2.7") for each in (one, other, one)] == [None] * 3
    for each in (one, other):
        wait_s = int(refused(each, Rule.SIGN_UP, "192.0.2.7") or 0)
        assert 3590 <= wait_s <= 3600
    assert refused(other, Rule.SIGN_UP, "192.0.2.8") is None
    assert refused(other, Rule.POST, "192.0.2.7") is None


def test_two_processes_share_a_limit(redis: RedisServer) -> None:
    """The count of another process is seen in this one."""
    script = (
        "from digest.web.limits import Limits, Rule; from digest.settings import WebSettings; import sys\n"
        "limits = Limits.of(WebSettings(limits_url=sys.argv[1], signups_per_hour=3))\n"
        "for _ in range(2): limits.hit(Rule.SIGN_UP, '192.0.2.7')\n"
    )
    subprocess.run(
        [sys.executable, "-c", script, redis.url], check=True, cwd=Path(__file__).parents[2], timeout=60
    )
    here = Limits.of(settings(redis.url))
    assert refused(here, Rule.SIGN_UP, "192.0.2.7") is None
    assert refused(here, Rule.SIGN_UP, "192.0.2.7") is not None


def test_redis_forgets_a_client_with_its_window(redis: RedisServer) -> None:
    """Every key in Redis goes by itself, with the window that it is for."""
    import redis as library

    limits = Limits.of(settings(redis.url))
    for rule, most_s in [(Rule.SIGN_UP, 3600), (Rule.POST, 60)]:
        refused(limits, rule, "2001:db8::1")
        with library.Redis(port=redis.port) as conn:
            (key,) = conn.keys(f"*{rule}*")
            assert key.startswith(b"digest:")
            assert b"2001:db8::/64" in key
            assert 0 < conn.ttl(key) <= most_s


def test_redis_goes_away_and_comes_back(redis: RedisServer, ticking: Ticking) -> None:
    """While Redis is away each process counts for itself and says so once a minute; then they share again."""
    shared = Shared(redis.url, alone=Memory(ticking), clock=ticking)
    assert [shared.wait_s(Rule.POST, "a", THREE) for _ in range(3)] == [0, 0, 0]
    assert shared.wait_s(Rule.POST, "a", THREE) > 0
    redis.stop()
    with structlog.testing.capture_logs() as logged:
        alone = []
        for _ in range(12):  # two minutes, in steps that are longer than it is left alone
            alone.append(shared.wait_s(Rule.POST, "a", Rate(count=9, per_s=3600)))
            ticking.now += 10
    assert [wait_s == 0 for wait_s in alone] == [True] * 9 + [False] * 3
    assert [(event["event"], event["log_level"]) for event in logged] == [("limits not shared", "error")] * 2
    redis.start()
    assert [shared.wait_s(Rule.POST, "b", THREE) for _ in range(3)] == [0, 0, 0]
    other = Shared(redis.url, alone=Memory(ticking), clock=ticking)
    assert other.wait_s(Rule.POST, "b", THREE) > 0


def test_an_absent_redis_is_left_alone(ticking: Ticking, monkeypatch: pytest.MonkeyPatch) -> None:
    """After one failure no request waits for Redis until the rest is over."""
    shared = Shared("redis://127.0.0.1:1/0", alone=Memory(ticking), clock=ticking)
    asked: list[float] = []
    hit = shared._limiter.hit

    def asking(*given: Any) -> bool:
        asked.append(ticking.now)
        return hit(*given)

    monkeypatch.setattr(shared._limiter, "hit", asking)
    for _ in range(20):
        shared.wait_s(Rule.POST, "a", THREE)
        ticking.now += 1
    assert asked == [1000.0, 1005.0, 1010.0, 1015.0]


def test_the_library_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the extra the setting is refused with what to install; memory needs none of it."""
    monkeypatch.setitem(sys.modules, "redis", None)
    with pytest.raises(SettingsError, match=r"web\.limits_url: install digest with its extra `redis`"):
        Limits.of(settings("redis://localhost"))
    assert refused(Limits.of(settings("memory://")), Rule.POST, "192.0.2.7") is None


@pytest.mark.parametrize("url", ["redis://secret@localhost:none/0", "redis://:secret@localhost:99999999/0"])
def test_a_url_that_cannot_be_read(url: str) -> None:
    """It is refused at start, without repeating it: a password may stand in it."""
    with pytest.raises(SettingsError, match=r"web\.limits_url cannot be read") as caught:
        Limits.of(settings(url))
    assert "secret" not in str(caught.value)
