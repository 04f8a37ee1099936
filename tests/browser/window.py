"""A browser's window that writes down what no page of ours may do, and looks at pages as a reader would."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import Browser, ConsoleMessage, Page, Request, Response

WIDTHS = (375, 1280)
HEIGHTS = {375: 800, 1280: 900}
SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
#: Sorted out in the page: to hand the whole report over takes three times as long as to make it.
_FIND_GRAVE = """axe.run({resultTypes: ['violations']}).then(
    report => report.violations.filter(found => ['serious', 'critical'].includes(found.impact)))"""
#: Said by the browser of a page that we wanted to be an error; other answers than pages are watched on their own.
_STATUS = "Failed to load resource: the server responded with a status of"


class Window:
    """One page of one context.

    Attributes:
        page: To walk with.
        complaints: Requests to other hosts, errors in the console, failed parts of pages.
    """

    def __init__(self, page: Page, host: str) -> None:
        self.page, self._host = page, host
        self.complaints: list[str] = []
        page.on("request", self._on_request)
        page.on("response", self._on_response)
        page.on("console", self._on_console)
        page.on("pageerror", lambda error: self.complaints.append(f"error: {error}"))

    def go(self, url: str) -> int:
        """Open a page; returns its status."""
        answer = self.page.goto(url)
        assert answer is not None
        return answer.status

    def overflow(self) -> int:
        """Pixels by which the page is wider than the window."""
        wider: int = self.page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
        return wider

    def violations(self) -> list[str]:
        """What axe finds serious or critical here, with the places."""
        if not self.page.evaluate("typeof window.axe === 'object'"):
            self.page.evaluate(AXE_SCRIPT)  # evaluated by the browser, so that no policy is in the way
        found: list[dict[str, Any]] = self.page.evaluate(_FIND_GRAVE)
        return [
            f"{each['id']} ({each['impact']}): {node['html'][:200]}: {node['failureSummary']}"
            for each in found
            for node in each["nodes"]
        ]

    def look(self, name: str) -> None:
        """Look at what is shown on a telephone and on a desk, by day and by night.

        Where `DIGEST_SHOTS` names a folder, a picture of each is put there.
        """
        before = self.page.viewport_size
        for width in WIDTHS:
            self.page.set_viewport_size({"width": width, "height": HEIGHTS[width]})
            for scheme in SCHEMES:
                self.page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
                self._shoot(f"{name}-{width}-{scheme}", width)
                found = self.violations()
                assert not found, f"{name} at {width}, {scheme}: {found}"
            wider = self.overflow()
            assert wider <= 0, f"{name} is {wider} px wider than a window of {width}"
        self.page.emulate_media(color_scheme="light", reduced_motion="no-preference")
        if before is not None:
            self.page.set_viewport_size(before)

    def _shoot(self, name: str, width: int) -> None:
        folder = os.environ.get("DIGEST_SHOTS")
        if not folder:
            return
        Path(folder).mkdir(parents=True, exist_ok=True)
        # In a window as high as the page: what sticks to an edge would else hang in the middle of the picture.
        self.page.set_viewport_size(
            {"width": width, "height": self.page.evaluate("document.body.scrollHeight")}
        )
        self.page.screenshot(path=Path(folder) / f"{name}.png", full_page=True)
        self.page.set_viewport_size({"width": width, "height": HEIGHTS[width]})

    def _on_request(self, request: Request) -> None:
        parts = urlsplit(request.url)
        if parts.scheme not in ("data", "about") and parts.netloc != self._host:
            self.complaints.append(f"asked another host: {request.url}")

    def _on_response(self, response: Response) -> None:
        if response.status >= 400 and not response.request.is_navigation_request():
            self.complaints.append(f"{response.status} for a part of a page: {response.url}")

    def _on_console(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning") and not message.text.startswith(_STATUS):
            self.complaints.append(f"console: {message.text}")


@contextmanager
def opened(
    browser: Browser, url: str, *, width: int = 1280, script: bool = True, zone: str | None = None
) -> Iterator[Window]:
    """A window of a fresh profile; nothing may have been complained about when it is closed.

    Args:
        url: Of the service: no other host may be asked.
        width: In px.
        script: Whether pages may run JavaScript.
        zone: That the reader's machine is set to.
    """
    context = browser.new_context(
        viewport={"width": width, "height": HEIGHTS[width]},
        java_script_enabled=script,
        timezone_id=zone,
        locale="en-GB",
        base_url=url,
    )
    context.set_default_timeout(30_000)
    try:
        window = Window(context.new_page(), urlsplit(url).netloc)
        yield window
        assert not window.complaints, window.complaints
    finally:
        context.close()
