"""The forms in a browser: what is wrong stands beside its field, and a script adds comfort without being needed."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser import papers
from tests.browser.reader import arrive, choose, chosen, field, press, shown, subscribe, told
from tests.browser.service import Service
from tests.browser.window import opened

SCRIPTS = pytest.mark.parametrize("script", [True, False], ids=["script", "plain"])


def without_own_checks(page: Page) -> None:
    """Take the browser's own checks away, as some browsers have none."""
    page.locator("form").evaluate_all("forms => forms.forEach(form => form.noValidate = true)")


@SCRIPTS
@pytest.mark.parametrize("address", ["ada", "ada@@example.org", "ada@localhost", ""])
def test_an_address_that_cannot_be(browser: Browser, shared: Service, script: bool, address: str) -> None:
    """The page comes back with what was typed, and the error beside the field, where a screen reader finds it."""
    with opened(browser, shared.url, script=script) as window:
        window.go("/")
        without_own_checks(window.page)
        typed = field(window, "subscribe", "address")
        typed.fill(address)
        shown(field(window, "subscribe", "interests")).fill("kites at night")
        with window.page.expect_response(lambda answer: answer.url.endswith("/subscribe")) as answered:
            press(window, "subscribe", inside="#subscribe")
        assert answered.value.status == 422
        assert typed.input_value() == address
        assert typed.get_attribute("aria-invalid") == "true"
        error = window.page.locator(f"#{str(typed.get_attribute('aria-describedby')).split()[-1]}")
        expect(error).to_be_visible()
        assert error.get_attribute("role") == "alert"
        assert error.evaluate(
            "(error, name) => error.closest('.field').querySelector('[name]').name === name", "address"
        )
        assert field(window, "subscribe", "interests").input_value() == "kites at night"
    assert shared.rows("SELECT id FROM subscribers WHERE address = ?", address) == []


def test_a_choice_that_cannot_be(browser: Browser, shared: Service) -> None:
    """The preferences come back with what was typed; nothing is saved, and the error leads to its field."""
    with opened(browser, shared.url) as window:
        arrive(window, shared, "cap@example.org")
        without_own_checks(window.page)
        choose(window, "choices", ["robotics"])
        field(window, "choices", "cap").fill("999")
        press(window, "^save", inside="#choices")
        assert field(window, "choices", "cap").input_value() == "999"
        assert field(window, "choices", "cap").get_attribute("aria-invalid") == "true"
        expect(window.page.locator("#cap-error")).to_be_visible()
        assert chosen(window, "choices") == ["robotics"]
        expect(window.page.locator("#errors")).to_be_focused()
    assert shared.rows("SELECT topics FROM subscribers WHERE address = 'cap@example.org'") == [("[]",)]


def test_a_new_address_that_cannot_be(browser: Browser, shared: Service) -> None:
    """It stands in its field again, with the error beside it."""
    with opened(browser, shared.url) as window:
        arrive(window, shared, "slip@example.org")
        without_own_checks(window.page)
        field(window, "move", "address").fill("slip@")
        press(window, "ask", inside="#move")
        assert field(window, "move", "address").input_value() == "slip@"
        expect(window.page.locator("#move [role=alert]")).to_be_visible()


def test_who_fills_in_what_nobody_sees(browser: Browser, shared: Service) -> None:
    """A field that no reader finds tells a machine: it gets the same answer, and nothing is stored or mailed."""
    with opened(browser, shared.url) as window:
        window.go("/")
        hidden = field(window, "subscribe", "website")
        box = hidden.bounding_box()
        assert box is None or box["x"] + box["width"] <= 0 or box["width"] <= 1
        assert hidden.get_attribute("tabindex") == "-1"
        hidden.evaluate("trap => trap.value = 'https://pills.example.org'")
        field(window, "subscribe", "address").fill("machine@example.org")
        press(window, "subscribe", inside="#subscribe")
        assert urlsplit(window.page.url).path == "/inbox"
        trapped = window.page.content()
        subscribe(window, "person@example.org")
        assert window.page.content() == trapped
    assert shared.mailbox.next("person@example.org").has("/c/")
    assert shared.rows("SELECT id FROM subscribers WHERE address = 'machine@example.org'") == []


@pytest.mark.parametrize("zone", ["Asia/Tokyo", "America/St_Johns", "Asia/Calcutta"])
def test_the_zone_of_the_browser(browser: Browser, shared: Service, zone: str) -> None:
    """What the browser is set to is saved where a reader says nothing else."""
    address = f"{zone.rpartition('/')[2].lower()}@example.org"
    with opened(browser, shared.url, zone=zone) as window:
        arrive(window, shared, address)
        browsers = window.page.evaluate("Intl.DateTimeFormat().resolvedOptions().timeZone")
        assert field(window, "choices", "zone").input_value() == browsers
    assert shared.rows("SELECT zone FROM subscribers WHERE address = ?", address) == [(browsers,)]


def test_a_zone_that_was_chosen(browser: Browser, shared: Service) -> None:
    """It stays, whatever the browser is set to: at sign-up, and in the preferences ever after."""
    with opened(browser, shared.url, zone="Asia/Tokyo") as window:
        window.go("/")
        shown(field(window, "subscribe", "zone")).select_option("Europe/Lisbon")
        field(window, "subscribe", "address").fill("lisbon@example.org")
        press(window, "subscribe", inside="#subscribe")
        window.go(shared.mailbox.next("lisbon@example.org", "/c/").link("/c/"))
        press(window, "confirm")
        assert field(window, "choices", "zone").input_value() == "Europe/Lisbon"
        choose(window, "choices", ["robotics"])
        press(window, "^save", inside="#choices")
    assert shared.rows("SELECT zone FROM subscribers WHERE address = 'lisbon@example.org'") == [
        ("Europe/Lisbon",)
    ]


def test_searching_topics(browser: Browser, shared: Service) -> None:
    """Letters leave the topics that have them and unfold their groups; Enter sends nothing; none says so."""
    with opened(browser, shared.url) as window:
        arrive(window, shared, "search@example.org")
        find, page = window.page.locator("#find"), window.page
        before = page.url
        find.fill("ROBOT")
        visible = page.locator("#choices [name=topics]:visible")
        expect(page.locator("#choices [value=robotics]")).to_be_visible()
        expect(page.locator("#choices [value=surveys]")).to_be_hidden()
        assert 0 < visible.count() < 10
        find.press("Enter")
        assert page.url == before
        find.fill("zzzz")
        expect(visible).to_have_count(0)
        expect(page.locator("#topics .none")).to_be_visible()
        find.fill("")
        expect(page.locator("#topics .none")).to_be_hidden()
        choose(window, "choices", ["robotics", "surveys"])


def test_the_preview_follows_the_choices(browser: Browser, shared: Service) -> None:
    """A tick changes the preview without a page being loaded, and saves nothing; a word does as well."""
    with opened(browser, shared.url) as window:
        arrive(window, shared, "preview@example.org")
        preview = window.page.locator("#preview")
        window.page.evaluate("window.mark = 'not loaded again'")
        choose(window, "choices", ["speech-recognition"])
        for title in papers.titles("speech-recognition", 2):
            expect(preview).to_contain_text(title)
        expect(preview).not_to_contain_text("Quadruped")
        expect(preview).to_contain_text(re.compile("Because you follow Speech", re.IGNORECASE))
        field(window, "choices", "exclude").fill("whispered")
        expect(preview).not_to_contain_text("Whispered")
        assert window.page.evaluate("window.mark") == "not loaded again"
    assert shared.rows("SELECT topics FROM subscribers WHERE address = 'preview@example.org'") == [("[]",)]


def test_the_preview_without_a_script(browser: Browser, shared: Service) -> None:
    """A button shows the page with what the unsaved choices would have brought; nothing is saved."""
    with opened(browser, shared.url, script=False) as window:
        arrive(window, shared, "plain@example.org")
        choose(window, "choices", ["surveys"])
        press(window, "preview", inside="#choices")
        assert chosen(window, "choices") == ["surveys"]
        assert papers.titles("surveys", 2)[0] in window.page.inner_text("#preview")
        assert papers.titles("robotics", 2)[0] not in window.page.inner_text("#preview")
    assert shared.rows("SELECT topics FROM subscribers WHERE address = 'plain@example.org'") == [("[]",)]


@SCRIPTS
def test_pausing_for_a_while(browser: Browser, shared: Service, script: bool) -> None:
    """The page says until when, and offers to resume at once."""
    address = f"pause-{script}@example.org".lower()
    with opened(browser, shared.url, script=script) as window:
        arrive(window, shared, address)
        field(window, "pause", "until").select_option(index=1)
        press(window, "pause", inside="#pause")
        assert told(window)
        assert re.search(r"\d{1,2} March 2031", window.page.inner_text("#pause"))
        press(window, "resume", inside="#pause")
        assert told(window)
        expect(window.page.locator("#pause [name=until]")).to_be_visible()
    assert shared.rows("SELECT state, paused_until FROM subscribers WHERE address = ?", address) == [
        ("active", None)
    ]


def test_by_keyboard_alone(browser: Browser, shared: Service) -> None:
    """The first Tab leads to the content, Enter in the address subscribes, and the focus can be seen."""
    with opened(browser, shared.url) as window:
        page = window.page
        window.go("/")
        page.keyboard.press("Tab")
        focused = page.locator(":focus")
        assert focused.get_attribute("href") == "#main"
        expect(focused).to_be_in_viewport()
        field(window, "subscribe", "address").focus()
        page.keyboard.type("keys@example.org")
        page.keyboard.press("Enter")
        page.wait_for_url("**/inbox")
    assert shared.mailbox.next("keys@example.org").has("/c/")
