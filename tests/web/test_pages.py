"""Templates compiled at start, and the files that the pages refer to."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from digest.errors import TemplateError
from digest.settings import WebSettings, packaged
from digest.store.database import Database
from digest.web.application import create
from digest.web.pages import NAMES, Pages
from digest.web.views import ErrorView
from tests.factories import make_app

OURS = packaged("templates") / "web"
FOR_EVER = "public, max-age=31536000, immutable"
OOPS = ErrorView(status=404, title="<Oops>", text="A & B")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of plain pages."""
    for name in NAMES:
        (tmp_path / f"{name}.html").write_text("<h1>{{ view.title }}</h1>")
    (tmp_path / "static").mkdir()
    (tmp_path / "static" / "style.css").write_text("h1 { color: red }")
    (tmp_path / "static" / "script.js").write_text("'use strict';")
    (tmp_path / "static" / "notes.txt").write_text("not for readers")
    return tmp_path


def pages(folder: Path) -> Pages:
    return Pages(folder, product="Digest", postal_address="1 Example Street")


def test_a_page(folder: Path) -> None:
    """A page shows its view, escaped, with the status asked for, and what all pages share."""
    (folder / "error.html").write_text(
        "{% extends '_base.html' %}{% block main %}{{ view.text }}{% endblock %}"
    )
    (folder / "_base.html").write_text(
        "{{ product }}, {{ postal_address }}, {{ style_url }}, {{ script_url }}: {% block main %}{% endblock %}"
    )
    made = pages(folder)
    answer = made.answer("error", OOPS, status=404)
    assert (answer.status_code, answer.headers["content-type"]) == (404, "text/html; charset=utf-8")
    shown = f"Digest, 1 Example Street, {made.url('style.css')}, {made.url('script.js')}: A &amp; B"
    assert bytes(answer.body).decode() == shown
    assert made.answer("home", OOPS).status_code == 200
    assert b"&lt;Oops&gt;" in bytes(made.answer("home", OOPS).body)


def test_a_piece_of_a_page(folder: Path) -> None:
    """A partial is rendered by itself, under its name."""
    (folder / "_preview.html").write_text("{{ view.text }}")
    assert bytes(pages(folder).answer("_preview", OOPS).body) == b"A &amp; B"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{% if %}", r"home\.html, line 1: "),
        ("\n{{ viev.title }}", r"home\.html, line 2: 'viev' is not given"),
        ("{% if false %}{{ produkt }}{% endif %}", "'produkt' is not given"),
        ("{% from '_macros.html' import one %}{{ two(1) }}", "'two' is not given"),
    ],
)
def test_a_page_that_is_wrong(folder: Path, text: str, told: str) -> None:
    """A template that does not compile, or asks for what nobody gives, is told at start, with its line."""
    (folder / "_macros.html").write_text("{% macro one(x) %}{{ x }}{% endmacro %}")
    (folder / "home.html").write_text(text)
    with pytest.raises(TemplateError, match=told):
        pages(folder)


def test_names_that_a_template_makes_itself(folder: Path) -> None:
    """Loops, macros, imports and what is set are known names."""
    (folder / "_macros.html").write_text("{% macro one(x) %}{{ x }}{% endmacro %}")
    (folder / "home.html").write_text(
        "{% import '_macros.html' as all %}{% from '_macros.html' import one as uno %}{% set y = 1 %}"
        "{% macro two(z) %}{{ z }}{% endmacro %}"
        "{% for n in range(2) %}{{ loop.index }}{{ n }}{{ y }}{{ uno(n) }}{{ all.one(n) }}{{ two(n) }}{% endfor %}"
    )
    assert bytes(pages(folder).answer("home", OOPS).body) == b"101000211111"


@pytest.mark.parametrize("name", NAMES)
def test_a_page_that_is_missing(folder: Path, name: str) -> None:
    """A folder without one of the pages is told at start, with its name."""
    (folder / f"{name}.html").unlink()
    with pytest.raises(TemplateError, match=rf"there is no {name}\.html"):
        pages(folder)


@pytest.mark.parametrize("name", ["home.html", "static/style.css"])
def test_what_cannot_be_read(folder: Path, name: str) -> None:
    """A file that is no text, or no file at all, is told at start."""
    (folder / name).unlink()
    (folder / name).mkdir()
    with pytest.raises(TemplateError):
        pages(folder)


def test_a_value_that_a_view_lacks(folder: Path) -> None:
    """Nothing is quietly left out: a view without the value is an error."""
    (folder / "home.html").write_text("{{ view.nothing }}")
    with pytest.raises(Exception, match="nothing"):
        pages(folder).answer("home", OOPS)


def test_ours_are_whole(sqlite_database: Database, tmp_path: Path) -> None:
    """The templates that travel with the program have every page; a folder of one's own takes their place."""
    assert bytes(pages(OURS).answer("error", OOPS).body).count(b"<h1") == 1
    own = tmp_path / "own"
    shutil.copytree(OURS, own)
    (own / "error.html").write_text("mine: {{ view.status }}")
    app = make_app(sqlite_database, tmp_path, web=WebSettings(templates=own))
    assert TestClient(create(app), base_url="https://digest.example.org").get("/nowhere").text == "mine: 404"


# -- static files --------------------------------------------------------------------------------------


def test_static_files(client: TestClient) -> None:
    """By the URL that the pages hold a file may be kept for ever; by its bare name it is asked for again."""
    page = client.get("/").text
    url = page.partition('<link rel="stylesheet" href="')[2].partition('"')[0]
    assert url.startswith("/static/style.css?v=")
    kept = client.get(url)
    assert (kept.status_code, kept.headers["cache-control"]) == (200, FOR_EVER)
    assert kept.headers["content-type"] == "text/css; charset=utf-8"
    assert kept.content == (OURS / "static" / "style.css").read_bytes()
    for other in ("/static/style.css", "/static/style.css?v=0"):
        assert client.get(other).headers["cache-control"] == "no-cache"
    assert client.get("/static/script.js").headers["content-type"] == "text/javascript; charset=utf-8"
    assert client.get("/static/favicon.svg").headers["content-type"] == "image/svg+xml"


@pytest.mark.parametrize(
    ("known", "status"),
    [("{}", 304), ("W/{}", 304), ('"other", {}', 304), ('"other"', 200), ("", 200)],
)
def test_a_file_that_the_client_has(client: TestClient, known: str, status: int) -> None:
    """If-None-Match with the file's ETag is answered by 304 and no body."""
    etag = client.get("/static/style.css").headers["etag"]
    answer = client.get("/static/style.css", headers={"If-None-Match": known.format(etag)})
    assert (answer.status_code, answer.headers["etag"]) == (status, etag)
    assert (answer.content == b"") is (status == 304)


@pytest.mark.parametrize(
    "path",
    [
        "/static/",
        "/static/none.css",
        "/static/../home.html",
        "/static/..%2fhome.html",
        "/static/%2e%2e/home.html",
        "/static/a/b.css",
        "/static/style.css%00",
        "/static/STYLE.CSS",
    ],
)
def test_nothing_else_is_served(client: TestClient, path: str) -> None:
    """Only files of static/ by their very names: no template, no other folder."""
    assert client.get(path).status_code == 404


def test_only_kinds_that_pages_use(folder: Path) -> None:
    """A file of another kind that lies in static/ is not served."""
    made = pages(folder)
    assert made.static("notes.txt", version=None, known=None) is None
    assert made.static("style.css", version=None, known=None) is not None


def test_another_file_another_url(folder: Path) -> None:
    """A changed file has another URL, and another ETag."""
    before = pages(folder).url("style.css")
    (folder / "static" / "style.css").write_text("h1 { color: blue }")
    assert pages(folder).url("style.css") != before
    assert pages(folder).url("missing.css") == "/static/missing.css"


def test_robots(client: TestClient) -> None:
    """Search engines are kept from the API; token pages must stay reachable, or their noindex would never be read."""
    answer = client.get("/robots.txt")
    assert (answer.status_code, answer.text) == (200, "User-agent: *\nDisallow: /api/\n")
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"


def test_a_page_is_sent_small(client: TestClient) -> None:
    """Who takes gzip gets the first page in less than a third of its bytes, and a cache is told that it varies."""
    plain = client.get("/", headers={"Accept-Encoding": "identity"})
    small = client.get("/", headers={"Accept-Encoding": "gzip"})
    assert "content-encoding" not in plain.headers
    assert small.headers["content-encoding"] == "gzip"
    assert "Accept-Encoding" in small.headers["vary"]
    assert small.text == plain.text
    assert 3 * int(small.headers["content-length"]) < len(plain.content)
