"""Titles and abstracts that want to be more than text, in a real browser and under the pages' own policy."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.reader import arrive, field
from tests.browser.service import Service
from tests.browser.window import Window, opened
from tests.factories import daily_papers

_HOSTILE = (
    "<script>window.caught = 1</script> in titles",
    "\"><img src=x onerror='window.caught = 1'> in titles",
    "</title></h2></main><iframe src='javascript:parent.caught = 1'></iframe> in titles",
    "{{ 7 * 7 }} {% raw %} ${caught = 1} in titles",
    "<!--[if mso]> --> <svg/onload=caught=1> in titles",
    "&lt;b onclick=caught=1&gt; in titles",
)


def hold(window: Window) -> None:
    """What was shown is text: nothing ran, nothing became a part of the page."""
    page = window.page
    assert page.evaluate("window.caught") is None
    assert page.locator("main script, main img, main iframe, main [onerror], main [onclick]").count() == 0
    assert page.locator("h1").count() == 1
    assert page.locator("a[href^='javascript:' i]").count() == 0


def test_titles_that_want_to_be_markup(browser: Browser, service: Service) -> None:
    """On the front page, the edition's and in the preview, as served and as the script puts it there."""
    rows = [{"title": title, "summary": f"{title}. We study kites."} for title in _HOSTILE]
    path = service.publish_dump(daily_papers(rows, day=service.now().date()))
    with opened(browser, service.url) as window:
        window.go("/")
        hold(window)
        window.go(path)
        for title in _HOSTILE[:4]:
            assert title in window.page.inner_text("main")
        hold(window)
        arrive(window, service, "hostile@example.org")
        hold(window)
        preview = window.page.locator("#preview")
        with window.page.expect_response(lambda answer: answer.url.endswith("/preview")):
            field(window, "choices", "interests").fill("kites")
        expect(preview).to_contain_text("Matches your interest")
        expect(preview).to_contain_text(_HOSTILE[0])
        hold(window)
        with window.page.expect_response(lambda answer: answer.url.endswith("/preview")):
            field(window, "choices", "include").fill(_HOSTILE[1])
        expect(preview).not_to_have_attribute("aria-busy", "true")
        hold(window)


def test_the_policy_of_the_pages(browser: Browser, shared: Service) -> None:
    """Were markup to get through all the same, the browser would run no script of it, and ask no other host."""
    with (
        pytest.raises(AssertionError, match="Content Security Policy"),
        opened(browser, shared.url) as window,
    ):
        window.go("/")
        window.page.evaluate(
            """() => {
                document.body.insertAdjacentHTML("beforeend", "<img src='/nothing' onerror='window.caught = 1'>");
                const script = document.createElement("script");
                script.textContent = "window.caught = 1";
                document.body.append(script);
            }"""
        )
        while len(window.complaints) < 2:
            window.page.evaluate("new Promise(done => setTimeout(done))")
        assert window.page.evaluate("window.caught") is None
