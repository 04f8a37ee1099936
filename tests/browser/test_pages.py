"""Every page in every state, on a telephone and on a desk, by day and by night: readable by all, and never too wide.

    DIGEST_SHOTS=shots .venv/bin/python -m pytest tests/browser/test_pages.py

puts a picture of each into the folder `shots`.
"""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser

from tests.browser.reader import arrive, choose, field, press, shown, subscribe
from tests.browser.service import Service
from tests.browser.window import Window, opened

pytestmark = pytest.mark.timeout(240)


def test_before_the_first_edition(browser: Browser, service: Service) -> None:
    """The pages of a service that has nothing to show yet, and what it says to who signs up again and again."""
    with opened(browser, service.url) as window:
        assert window.go("/") == 200
        window.look("home-empty")
        assert window.go("/editions") == 200
        window.look("editions-empty")
        arrive(window, service, "first@example.org")
        window.look("preferences-empty")
        while (
            service.submit("/subscribe", address="x@example.org", website="so that nothing is stored").status
            == 303
        ):
            pass
        subscribe(window, "many@example.org")
        assert "429" in window.page.inner_text("main")
        window.look("error-429")


def test_what_everyone_may_read(browser: Browser, shared: Service) -> None:
    """Home, the editions and the API, and what stands where nothing is."""
    today = shared.now().date().isoformat()
    with opened(browser, shared.url) as window:
        for path, name in (
            ("/", "home"),
            ("/editions", "editions"),
            (f"/editions/{today}", "edition"),
            ("/api", "api"),
            ("/inbox", "inbox"),
        ):
            assert window.go(path) == 200
            window.look(name)
        assert window.go("/nowhere") == 404
        window.look("error-404")


def test_signing_up(browser: Browser, shared: Service) -> None:
    """The form, folded out and with errors; the pages on which a reader confirms."""
    with opened(browser, shared.url) as window:
        window.go("/")
        choose(window, "subscribe", ["robotics", "surveys"])
        window.look("home-choices")
        unchecked(window)
        field(window, "subscribe", "address").fill("ada")
        shown(field(window, "subscribe", "cap")).fill("999")
        field(window, "subscribe", "interests").fill("x" * 300)
        press(window, "subscribe", inside="#subscribe")
        window.look("home-errors")
        subscribe(window, "signing@example.org")
        window.go(shared.mailbox.next("signing@example.org", "/c/").link("/c/"))
        window.look("confirm")
        press(window, "confirm")
        window.look("preferences-confirmed")


def test_links_that_came_too_late(browser: Browser, service: Service) -> None:
    """An expired confirmation with its offer, and an expired link to one's data."""
    with opened(browser, service.url) as window:
        arrive(window, service, "data@example.org")
        press(window, "mail me", inside="#data")
        data = service.mailbox.next("data@example.org", "/x/").link("/x/")
        subscribe(window, "late@example.org")
        late = service.mailbox.next("late@example.org", "/c/").link("/c/")
        service.advance(days=4)
        assert window.go(data) == 410
        window.look("expired-data")
        assert window.go(late) == 410
        window.look("expired")
        press(window, "new link")
        window.look("expired-asked")


def test_choosing(browser: Browser, shared: Service) -> None:
    """The preferences: with a preview and without one, searched, and with errors."""
    with opened(browser, shared.url) as window:
        arrive(window, shared, "choosing@example.org")
        choose(window, "choices", ["robotics", "quantisation", "surveys"])
        field(window, "choices", "interests").fill("whispered speech")
        press(window, "^save", inside="#choices")
        window.look("preferences-saved")
        window.page.locator("#find").fill("speech")
        window.look("preferences-search")
        window.page.locator("#find").fill("")
        choose(window, "choices", [])
        field(window, "choices", "interests").fill("nothing that anyone has written about")
        press(window, "^save", inside="#choices")
        window.look("preferences-nothing")
        unchecked(window)
        field(window, "choices", "cap").fill("0")
        field(window, "choices", "include").fill("author:")
        press(window, "^save", inside="#choices")
        window.look("preferences-errors")


def test_what_was_done(browser: Browser, shared: Service) -> None:
    """The preferences after each thing that can be done there, and how an address is moved."""
    with opened(browser, shared.url) as window:
        arrive(window, shared, "doing@example.org")
        press(window, "pause", inside="#pause")
        window.look("preferences-paused")
        press(window, "resume", inside="#pause")
        press(window, "mail me", inside="#data")
        window.look("preferences-data")
        unchecked(window)
        field(window, "move", "address").fill("doing@")
        press(window, "ask", inside="#move")
        window.look("preferences-move-error")
        field(window, "move", "address").fill("moved@example.org")
        press(window, "ask", inside="#move")
        window.look("preferences-move")
        window.go(shared.mailbox.next("moved@example.org", "/c/").link("/c/"))
        window.look("confirm-move")


def test_going(browser: Browser, shared: Service) -> None:
    """The pages on which a reader leaves, takes their data away and has it erased."""
    with opened(browser, shared.url) as window:
        arrive(window, shared, "going@example.org")
        press(window, "mail me", inside="#data")
        mail = shared.mailbox.next("going@example.org", "/x/")
        window.go(mail.link("/x/"))
        window.look("data-export")
        with window.page.expect_download():
            press(window, "download")
        assert window.go(mail.link("/x/")) == 410
        window.look("data-gone")
        window.go(mail.link("/e/"))
        window.look("data-erase")
        press(window, "erase")
        window.look("erased")
        arrive(window, shared, "leaving@example.org")
        window.page.locator("#leave a").click()
        window.look("leave")
        press(window, "unsubscribe")
        window.look("left")
        press(window, "mail me", inside="#data")
        window.look("left-data")


def test_the_calm_errors(browser: Browser, shared: Service) -> None:
    """What a reader sees whose browser sent something odd: the wrong way, too much, from elsewhere."""
    preferences = shared.join("odd@example.org")
    with opened(browser, shared.url) as window:
        assert window.go("/u/token/data") == 405
        window.look("error-405")
        window.go(preferences)
        field(window, "choices", "interests").evaluate("text => { text.removeAttribute('maxlength'); }")
        field(window, "choices", "interests").evaluate("text => { text.value = 'x'.repeat(100000); }")
        press(window, "^save", inside="#choices")
        assert "413" in window.page.inner_text("main")
        window.look("error-413")
        window.page.goto(
            f"data:text/html,<form method=post action='{shared.url}/subscribe'><button>x</button></form>"
        )
        press(window, "x")
        assert "403" in window.page.inner_text("main")
        window.look("error-403")


def unchecked(window: Window) -> None:
    """Let the service see what the browser would not send."""
    window.page.locator("form").evaluate_all("forms => forms.forEach(form => form.noValidate = true)")
