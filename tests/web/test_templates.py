"""The pages' templates: whole in every state, dead to hostile text, and nothing from elsewhere."""

from __future__ import annotations

import re
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from digest.web.pages import NAMES, Pages
from tests.web.samples import HOSTILE, STATES, poisoned, preferences

FOLDER = Path(__file__).parents[2] / "templates" / "web"
STATIC = FOLDER / "static"
_STYLE_BYTES = 13_400  # as sent before compression; a first visit loads it once
_SCRIPT_BYTES = 6_000
_VOID = frozenset({"br", "input", "link", "meta"})
_FIELDS = frozenset({"input", "select", "textarea"})


class Page(HTMLParser):
    """The elements of a page, in order, and the texts inside some of them."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.text = text
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.words: dict[str, list[str]] = {}  #: by the innermost element that holds them
        self._open: list[str] = []
        self.feed(text)
        self.close()
        assert not self._open, f"left open: {self._open}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note the element."""
        self.elements.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in _VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note the element, as in SVG."""
        self.elements.append((tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        """Every end must meet its start: a template that forgets one fails here."""
        assert self._open and self._open[-1] == tag, f"</{tag}> meets {self._open[-1:]}"
        self._open.pop()

    def handle_data(self, data: str) -> None:
        """Keep the text."""
        if self._open:
            self.words.setdefault(self._open[-1], []).append(data)

    def all(self, *tags: str) -> list[dict[str, str]]:
        """The attributes of the elements of these names."""
        return [attributes for tag, attributes in self.elements if tag in tags]

    def ids(self) -> list[str]:
        """All ids."""
        return [attributes["id"] for _, attributes in self.elements if "id" in attributes]


@pytest.fixture(scope="module")
def pages() -> Pages:
    """The project's own pages."""
    return Pages(FOLDER, product="Digest", postal_address="1 Example Street\n12345 Example Town")


@pytest.fixture(params=sorted(STATES))
def page(request: pytest.FixtureRequest, pages: Pages) -> Page:
    """Each state of each page, rendered."""
    name, view = STATES[request.param]
    return _rendered(pages, name, view)


def _rendered(pages: Pages, name: str, view: object) -> Page:
    return Page(bytes(pages.answer(name, view).body).decode())


def test_every_page_has_a_sample() -> None:
    """No page is left out of the tests below."""
    assert {name for name, _ in STATES.values()} == set(NAMES)


def test_page_frame(page: Page) -> None:
    """A page has its language, one title, one h1, a main that the skip link leads to, and landmarks."""
    assert page.text.startswith("<!DOCTYPE html>")
    assert page.all("html") == [{"lang": "en"}]
    assert page.all("main")[0]["id"] == "main"
    assert page.all("a")[0] == {"class": "skip", "href": "#main"}
    assert [len(page.all(tag)) for tag in ("title", "h1", "main")] == [1, 1, 1]
    assert page.all("header")
    assert page.all("footer")
    assert page.all("nav")
    assert "".join(page.words["title"]).endswith(" · Digest")
    assert [line.strip() for line in page.words["address"]] == [
        "Digest",
        "1 Example Street",
        "12345 Example Town",
    ]
    assert {"name": "viewport", "content": "width=device-width, initial-scale=1"} in page.all("meta")
    assert {"name": "color-scheme", "content": "light dark"} in page.all("meta")


def test_headings_leave_out_no_level(page: Page) -> None:
    """Screen readers walk by headings: none is more than one level below the one before."""
    levels = [int(tag[1]) for tag, _ in page.elements if re.fullmatch("h[1-6]", tag)]
    jumps = [(above, below) for above, below in zip([0, *levels], levels, strict=False) if below > above + 1]
    assert not jumps


def test_ids_are_unique_and_references_lead_somewhere(page: Page) -> None:
    """Every label, description and link inside the page means one element that is there."""
    ids = page.ids()
    assert [each for each, times in Counter(ids).items() if times > 1] == []
    for _, attributes in page.elements:
        named = [
            attributes[name] for name in ("for", "aria-labelledby", "aria-describedby") if name in attributes
        ]
        linked = [attributes["href"][1:]] if attributes.get("href", "").startswith("#") else []
        assert {word for words in named for word in words.split()} | set(linked) <= set(ids)


def test_every_field_has_a_label(page: Page) -> None:
    """A field is named by a label that points at it or holds it; a placeholder alone would not do."""
    labelled = {attributes["for"] for attributes in page.all("label") if "for" in attributes}
    inside = re.findall(r"<label(?![^>]* for=)[^>]*>(.*?)</label>", page.text, re.DOTALL)
    held = sum(len(re.findall("<(?:input|select|textarea)", text)) for text in inside)
    fields = page.all(*_FIELDS)
    assert sum(field.get("id") in labelled for field in fields) + held == len(fields)


def test_nothing_is_inline(page: Page) -> None:
    """The content policy allows no inline script and no inline style, so a page must have none."""
    assert page.all("style") == []
    assert [attributes for attributes in page.all("script") if "src" not in attributes] == []
    assert "".join(page.words.get("script", [])) == ""
    for tag, attributes in page.elements:
        assert not [name for name in attributes if name.startswith("on") or name == "style"], tag


def test_nothing_comes_from_elsewhere(page: Page) -> None:
    """A page loads its own style, script and icon, and nothing else."""
    loaded = {
        value
        for tag, attributes in page.elements
        for name, value in attributes.items()
        if name in ("src", "srcset", "data", "poster") or (tag == "link" and name == "href")
    }
    assert all(urlsplit(url).netloc == "" and url.startswith("/static/") for url in loaded)
    assert len(loaded) == 3
    assert "url(" not in (STATIC / "style.css").read_text(encoding="utf-8")
    assert "@import" not in (STATIC / "style.css").read_text(encoding="utf-8")


def test_links_to_other_sites_tell_them_nothing(page: Page) -> None:
    """A link that leaves the site hands over neither the window nor the address of the page."""
    for attributes in page.all("a"):
        if urlsplit(attributes["href"]).netloc:
            assert attributes["rel"] == "noopener noreferrer"


def test_forms_post_and_every_button_says_what_it_is(page: Page) -> None:
    """Nothing is asked for by GET; a button without a type would submit by accident."""
    assert all(form["method"] == "post" and form["action"].startswith("/") for form in page.all("form"))
    assert all(button.get("type") == "submit" for button in page.all("button"))


@pytest.mark.parametrize("state", sorted(STATES))
def test_hostile_text_is_inert(pages: Pages, state: str) -> None:
    """Whatever stands in a text, the page has the same elements and attributes as with a harmless one."""
    name, view = STATES[state]
    text = " ".join(HOSTILE)
    harmless, hostile = (_rendered(pages, name, poisoned(view, each)) for each in ("harmless", text))
    assert [(tag, sorted(given)) for tag, given in hostile.elements] == [
        (tag, sorted(given)) for tag, given in harmless.elements
    ]
    assert "49" not in "".join("".join(words) for words in hostile.words.values()).replace(text, "")
    assert not [href for each in hostile.all("a") if "javascript:" in (href := each["href"])]


def test_the_names_that_scripts_and_tests_rely_on(pages: Pages) -> None:
    """Home has the form `subscribe`; preferences have `choices` and the sections that mails link to."""
    home, mine = (_rendered(pages, *STATES[state]) for state in ("home", "preferences"))
    assert {"subscribe", "address", "website"} <= set(home.ids())
    assert {"choices", "preview", "pause", "move", "data"} <= set(mine.ids())
    names = {field.get("name") for field in home.all(*_FIELDS)}
    choices = {"topics", "interests", "include", "exclude", "frequency", "weekday", "hour", "zone", "cap"}
    assert names - {None} == {"address", "website"} | choices
    assert {field.get("name") for field in mine.all(*_FIELDS)} - {None} == {"address", "until"} | choices


def test_the_honeypot_is_out_of_everyones_way(pages: Pages) -> None:
    """Neither eyes, keyboards, screen readers nor autofill meet the field that only robots fill."""
    home = _rendered(pages, *STATES["home"])
    (trap,) = [field for field in home.all("input") if field.get("name") == "website"]
    assert (trap["tabindex"], trap["autocomplete"]) == ("-1", "off")
    assert {"class": "away", "aria-hidden": "true"} in home.all("div")


@pytest.mark.parametrize(
    ("state", "ids"),
    [("home-errors", {"address": "address"}), ("preferences-errors", {"address": "new-address"})],
)
def test_errors_stand_beside_their_fields(pages: Pages, state: str, ids: dict[str, str]) -> None:
    """Each error is announced, tied to its field, and linked from the list on top."""
    name, view = STATES[state]
    page = _rendered(pages, name, view)
    alerts = {given["id"] for given in page.all("p") if given.get("role") == "alert"}
    expected = {ids.get(field, field) for field in view.form.errors}
    assert alerts == {f"{field}-error" for field in expected}
    described = {given.get("id"): given.get("aria-describedby", "").split() for _, given in page.elements}
    assert all(f"{field}-error" in described[field] for field in expected)
    assert {f"#{field}" for field in expected} <= {link["href"] for link in page.all("a")}
    assert len([field for field in page.all(*_FIELDS) if field.get("aria-invalid") == "true"]) == 8
    assert "errors" in page.ids()


def test_an_error_of_the_address_alone_leaves_the_topics_closed(pages: Pages) -> None:
    """A slip in the address is shown in the short form; one in a choice opens the choices."""
    opened = {
        state: any(
            given == {"class": "now", "open": ""} for given in _rendered(pages, *STATES[state]).all("details")
        )
        for state in ("home", "home-address-error", "home-errors")
    }
    assert opened == {"home": False, "home-address-error": False, "home-errors": True}


def test_groups_with_chosen_topics_are_open(pages: Pages) -> None:
    """A reader sees at once what they chose; the other groups stay closed."""
    page = _rendered(pages, *STATES["preferences"])
    groups = [given for given in page.all("details") if given.get("class") == "group"]
    assert [("open" in given) for given in groups] == [True] * 3 + [False] * 12


def test_the_preview_alone_is_a_piece(pages: Pages) -> None:
    """What the script swaps in is the panel and nothing around it."""
    piece = _rendered(pages, "_preview", preferences())
    assert piece.elements[0] == ("section", piece.elements[0][1])
    assert piece.elements[0][1]["id"] == "preview"
    assert piece.all("html", "main", "form") == []


def test_a_text_that_begins_with_a_blank_line_keeps_it(pages: Pages) -> None:
    """HTML drops the first line break in a textarea; the template writes one for it to drop."""
    text = _rendered(pages, *STATES["preferences"]).text
    assert re.search(r"<textarea id=\"interests\"[^>]*>\nsparse attention", text)


def test_style_and_script_are_small() -> None:
    """A first visit on a slow phone loads two small files."""
    assert (STATIC / "style.css").stat().st_size < _STYLE_BYTES
    assert (STATIC / "script.js").stat().st_size < _SCRIPT_BYTES


def test_the_script_submits_nothing() -> None:
    """It comforts: no form is sent, nothing is stored, and text becomes no markup but by a parser that runs nothing."""
    script = (STATIC / "script.js").read_text(encoding="utf-8")
    assert not re.findall(r"submit\(|innerHTML|insertAdjacentHTML|eval\(|Storage|cookie|location", script)
