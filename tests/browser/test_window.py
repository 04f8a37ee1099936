"""The window that the other tests look through notices what it is there to notice."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser

from tests.browser.window import opened

_NOWHERE = "http://127.0.0.1:9"  # the port that was once for discarding: nothing listens there

_PAGE = """<!doctype html><html lang="en"><title>A page</title><main><h1>A page</h1>
<p style="color: #999; background: #fff">Hard to read.</p><input type="text">
<p style="width: 1400px; background: #eee">Wide.</p></main></html>"""


def test_what_is_hard_to_read_or_too_wide(browser: Browser) -> None:
    """Faint text and a field without a label are found, and so is a page that has to be scrolled sideways."""
    with opened(browser, _NOWHERE, width=375) as window:
        window.page.set_content(_PAGE)
        found = " ".join(window.violations())
        assert "color-contrast (serious)" in found
        assert "label (critical)" in found
        assert window.overflow() > 1000


@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    "doing",
    [
        "fetch('http://127.0.0.2:9/pixel.gif').catch(() => {})",
        "console.error('oh')",
        "setTimeout(() => { throw new Error('oh') })",
    ],
    ids=["another host", "console", "error"],
)
def test_what_no_page_may_do(browser: Browser, doing: str) -> None:
    """A request to another host and an error in the console fail the test that saw them."""
    with pytest.raises(AssertionError, match=r"another host|oh"), opened(browser, _NOWHERE) as window:
        window.page.evaluate(f"() => {{ {doing} }}")
        while not window.complaints:  # it is told by the browser in its own time
            window.page.evaluate("new Promise(done => setTimeout(done))")
