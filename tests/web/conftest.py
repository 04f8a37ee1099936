"""The pages over a real database, asked as a browser would."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from digest.store.database import Database
from digest.web.application import create
from digest.wiring import App
from tests.factories import Clock, make_app

#: Where the client seems to call from.
CLIENT = "192.0.2.7"

#: From a program to a client of its pages.
Browse = Callable[[App], TestClient]


@pytest.fixture
def site_app(sqlite_database: Database, tmp_path: Path, clock: Clock) -> App:
    """The wired program over a SQLite file, with base_url https://digest.example.org; the clock is the test's."""
    return make_app(sqlite_database, tmp_path, clock=clock)


@pytest.fixture
def browse() -> Iterator[Browse]:
    """Makes clients of the pages of a program; each follows no redirect."""
    opened: list[TestClient] = []

    def make(app: App) -> TestClient:
        client = TestClient(
            create(app), base_url=app.settings.base_url, client=(CLIENT, 50000), follow_redirects=False
        )
        opened.append(client)
        return client

    yield make
    for client in opened:
        client.close()


@pytest.fixture
def client(browse: Browse, site_app: App) -> TestClient:
    """A client of the pages of `site_app`."""
    return browse(site_app)
