"""One chromium for the tests of a module, and a service to walk through with it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.browser.service import Service, running

_OPTIONS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
)  # fmt: skip


@pytest.fixture(
    scope="module"
)  # not longer: while Playwright runs, no other test of the process may use asyncio
def browser() -> Iterator[Browser]:
    """Debian's chromium, without a window."""
    program = shutil.which("chromium")
    if program is None:
        pytest.skip("needs chromium (Debian package chromium)")
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=program, args=list(_OPTIONS))
        yield started
        started.close()


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    """A service of the test's own, without papers or readers, whose clock the test may move."""
    with running(tmp_path) as service:
        yield service


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service that many tests share: its clock stays, and there are editions of three days."""
    with running(tmp_path_factory.mktemp("service")) as service:
        for day in range(3):
            if day:
                service.advance(days=1)
            service.publish(day)
        yield service
