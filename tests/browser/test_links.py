"""Links from delivered mails in a browser: those that came too late, that were tampered with, and that open once."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.browser.reader import arrive, confirm, field, press, subscribe, told
from tests.browser.service import Service, path_of
from tests.browser.window import opened


def test_a_confirmation_that_comes_too_late(browser: Browser, service: Service) -> None:
    """It is gone, and its page offers a new one, which works."""
    with opened(browser, service.url) as window:
        subscribe(window, "late@example.org")
        late = service.mailbox.next("late@example.org", "/c/")
        service.advance(days=3, minutes=1)
        assert window.go(late.link("/c/")) == 410
        press(window, "new link")
        assert told(window)
        fresh = service.mailbox.next("late@example.org")
        assert fresh.link("/c/") != late.link("/c/")
        confirm(window, fresh)
    assert service.rows("SELECT state FROM subscribers") == [("active",)]


def test_a_confirmation_after_leaving(browser: Browser, service: Service) -> None:
    """What once confirmed does so no more; to subscribe again takes a fresh mail."""
    with opened(browser, service.url) as window:
        subscribe(window, "again@example.org")
        first = service.mailbox.next("again@example.org")
        confirm(window, first)
        window.page.locator("#leave a").click()
        press(window, "unsubscribe")
        assert told(window)
        assert service.rows("SELECT state FROM subscribers") == [("left",)]
        service.mailbox.next("again@example.org")
        window.go(first.link("/c/"))
        for button in window.page.locator("main form button").all():
            button.click()
        assert service.rows("SELECT state FROM subscribers") == [("left",)]
        service.advance(days=1)
        subscribe(window, "again@example.org")
        confirm(window, service.mailbox.next("again@example.org"))
    assert service.rows("SELECT state FROM subscribers") == [("active",)]


def test_links_that_are_not_ours(shared: Service) -> None:
    """Tampered with, of another purpose, or invented: every one is the same 404, byte for byte."""
    preferences = shared.join("forged@example.org")
    shared.post(f"{preferences}/data")
    mail = shared.mailbox.next("forged@example.org", "/x/")
    export, erase = path_of(mail.link("/x/")), path_of(mail.link("/e/"))
    last = "A" if export[-1] != "A" else "B"
    wrong = [
        export[:-1] + last, export.replace("/x/", "/e/"), erase.replace("/e/", "/x/"), export.replace("/x/", "/c/"),
        preferences.replace("/p/", "/u/"), preferences.replace("/p/", "/x/"), preferences.replace("/p/", "/c/"),
        "/u/1.AAAAAAAAAAAAAAAAAAAAAAAA", "/p/1.0.AAAAAAAAAAAAAAAAAAAAAAAA", "/c/nonsense", "/x/%00", "/e/..",
    ]  # fmt: skip
    answers = [shared.get(path) for path in wrong]
    assert {answer.status for answer in answers} == {404}
    assert len({answer.body for answer in answers}) == 1


@pytest.mark.parametrize("script", [True, False], ids=["script", "plain"])
def test_taking_the_data_away(browser: Browser, shared: Service, script: bool, tmp_path: Path) -> None:
    """A mail brings the link, its button the file with everything; a second time it is gone."""
    address = f"export-{script}@example.org".lower()
    with opened(browser, shared.url, script=script) as window:
        arrive(window, shared, address)
        press(window, "mail me", inside="#data")
        assert told(window)
        link = shared.mailbox.next(address, "/x/").link("/x/")
        assert window.go(link) == 200
        with window.page.expect_download() as loading:
            press(window, "download")
        loading.value.save_as(tmp_path / "data.json")
        assert window.go(link) == 410
    text = (tmp_path / "data.json").read_text(encoding="utf-8")
    assert isinstance(json.loads(text), dict)
    assert address in text


def test_erasing_everything(browser: Browser, shared: Service) -> None:
    """The link shows a page, whose button erases; then the address stands in no row, and the links are dead."""
    with opened(browser, shared.url) as window:
        arrive(window, shared, "erase@example.org")
        preferences = window.page.url.partition("?")[0]
        press(window, "mail me", inside="#data")
        link = shared.mailbox.next("erase@example.org", "/e/").link("/e/")
        assert window.go(link) == 200
        active = "SELECT state FROM subscribers WHERE address = 'erase@example.org'"
        assert shared.rows(active) == [("active",)]
        press(window, "erase")
        assert window.page.locator("h1").inner_text()
        assert window.go(link) in (404, 410)
        assert window.go(preferences) == 404
    held = [row for rows in shared.tables().values() for row in rows if "erase@example.org" in row]
    assert held == []


def test_another_address(browser: Browser, service: Service) -> None:
    """The new one is asked first; with its yes the mails go there, the choices stay, and the old one is told."""
    with opened(browser, service.url) as window:
        arrive(window, service, "old@example.org")
        field(window, "choices", "interests").fill("kites at night")
        press(window, "^save", inside="#choices")
        preferences = window.page.url.partition("?")[0]
        field(window, "move", "address").fill("new@example.org")
        press(window, "ask", inside="#move")
        assert told(window)
        asked = service.mailbox.next("new@example.org")
        ((who,),) = service.rows("SELECT id FROM subscribers WHERE address = 'old@example.org'")
        theirs = "SELECT address, state, interests FROM subscribers WHERE id = ?"
        assert service.rows(theirs, who) == [("old@example.org", "active", '["kites at night"]')]
        window.go(asked.link("/c/"))
        assert "new@example.org" in window.page.inner_text("main")
        press(window, "use this address")
        assert told(window)
        assert service.rows(theirs, who) == [("new@example.org", "active", '["kites at night"]')]
        notice = service.mailbox.next("old@example.org")
        assert notice.has("/u/")
        assert not notice.has("/p/")
        assert window.go(preferences) == 404  # the old mailbox opens the choices no more


def test_leaving_by_the_link_that_is_seen(browser: Browser, service: Service) -> None:
    """The link in the mail's text shows a page; its button leaves, and the link works for ever after."""
    service.publish(0)
    with opened(browser, service.url, script=False) as window:
        arrive(window, service, "leave@example.org")
        link = service.mailbox.next("leave@example.org", "/u/").link("/u/")
        assert window.go(link) == 200
        assert service.rows("SELECT state FROM subscribers") == [("active",)]
        press(window, "unsubscribe")
        assert told(window)
        assert service.rows("SELECT state FROM subscribers") == [("left",)]
        assert not service.mailbox.next("leave@example.org").has("/p/")  # the goodbye
        service.advance(days=4000)
        assert window.go(link) == 200
        press(window, "mail me", inside="#data")
        assert window.page.get_by_role("status").count()
    assert service.mailbox.next("leave@example.org").has("/e/")
