"""What a reader does on the pages: finds fields by what they are called, presses buttons by their words."""

from __future__ import annotations

import re
from collections.abc import Sequence

from playwright.sync_api import Locator

from tests.browser.mailbox import Mail
from tests.browser.service import Service
from tests.browser.window import Window


def field(window: Window, form: str, name: str) -> Locator:
    """A field of a form, by the form's id and the field's name."""
    return window.page.locator(f"#{form} [name={name}]")


def shown(place: Locator) -> Locator:
    """Something on the page, with everything unfolded that it is folded into."""
    while place.locator("xpath=ancestor::details[not(@open)]").count():
        place.locator("xpath=ancestor::details[not(@open)]").first.locator("> summary").click()
    return place


def choose(window: Window, form: str, topics: Sequence[str]) -> None:
    """Tick these topics and no others, opening the groups that are closed."""
    for topic in set(chosen(window, form)) - set(topics):
        shown(window.page.locator(f"#{form} [name=topics][value={topic}]")).uncheck()
    for topic in topics:
        shown(window.page.locator(f"#{form} [name=topics][value={topic}]")).check()


def chosen(window: Window, form: str) -> list[str]:
    """The topics that are ticked."""
    ticked = window.page.locator(f"#{form} [name=topics]:checked")
    values: list[str] = ticked.evaluate_all("boxes => boxes.map(box => box.value)")
    return values


def press(window: Window, words: str, *, inside: str = "body") -> None:
    """Press the first button that says so, in any case."""
    place = window.page.locator(inside)
    place.get_by_role("button", name=re.compile(words, re.IGNORECASE)).first.click()


def told(window: Window) -> str:
    """What the page says has just been done."""
    return window.page.get_by_role("status").first.inner_text()


def subscribe(window: Window, address: str) -> None:
    """Sign up on the home page with nothing but an address."""
    window.go("/")
    field(window, "subscribe", "address").fill(address)
    press(window, "subscribe", inside="#subscribe")


def confirm(window: Window, mail: Mail) -> None:
    """Open the link of a confirmation and press its button."""
    assert window.go(mail.link("/c/")) == 200
    press(window, "confirm")


def arrive(window: Window, service: Service, address: str) -> None:
    """Subscribe and confirm: the window shows the preferences."""
    subscribe(window, address)
    confirm(window, service.mailbox.next(address))
