"""What holds for every route: looking changes nothing, a bad link tells nothing, and no text comes alive."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Iterator, Sequence
from html.parser import HTMLParser
from pathlib import Path

import pytest
import sqlalchemy as sa
from fastapi import FastAPI
from fastapi.routing import APIRoute
from starlette.testclient import TestClient

from digest.compose.links import Links
from digest.settings import WebSettings
from digest.store.database import Database
from digest.store.schema import edition_papers, revisions
from digest.subscribers.subscriber import Profile, State, Subscriber
from digest.wiring import App
from tests.factories import DAY, Clock, publish_edition
from tests.web.readers import Desk, make_desk, path, told

ADDRESS = "ada@example.org"
#: A body that every form takes.
SENT = {"address": "new@example.org", "topics": "kites", "until": "7"}


@pytest.fixture
def desk(database: Database, tmp_path: Path, clock: Clock, browse: Callable[[App], TestClient]) -> Desk:
    roomy = WebSettings(signups_per_hour=100_000, posts_per_minute=100_000)
    return make_desk(database, tmp_path, clock, browse, web=roomy)


@pytest.fixture
def sqlite_desk(site_app: App, client: TestClient, clock: Clock) -> Desk:
    return Desk(app=site_app, client=client, clock=clock)


def routes(desk: Desk) -> Iterator[tuple[str, str]]:
    """Every (method, path template) that the application answers, the API's aside."""
    web = desk.client.app
    assert isinstance(web, FastAPI)
    for route in every_route(web.routes):
        if not route.path.startswith("/api/"):
            yield from ((method, route.path) for method in sorted(route.methods or ()))


def every_route(found: Sequence[object]) -> Iterator[APIRoute]:
    for route in found:
        if isinstance(route, APIRoute):
            yield route
        else:
            yield from every_route(getattr(getattr(route, "original_router", route), "routes", []))


TOKENS: dict[str, Callable[[Desk, Subscriber], str]] = {
    "/c/": Desk.confirm,
    "/p/": Desk.preferences,
    "/u/": Desk.leave,
    "/x/": Desk.export,
    "/e/": Desk.erase,
}


def filled(desk: Desk, template: str, who: Subscriber) -> str:
    """A path of a template, with a link of this reader's where it takes a token."""
    prefix, begins, rest = template.partition("{token}")
    if begins:
        return TOKENS[prefix](desk, who) + rest.replace("{part}", "preview")
    return template.replace("{date}", "2026-11-20").replace("{name}", "style.css")


# -- looking ---------------------------------------------------------------------------------------------


def test_looking_changes_nothing(desk: Desk) -> None:
    """GET and HEAD of every page, with every link of a reader in every state, fresh or too old, write no row."""
    publish_edition(desk.database, "A Kite", "Some Bread")
    people = [desk.add(f"{state}@example.org", state=state) for state in State]
    gone = desk.add("erased@example.org")
    desk.client.post(desk.erase(gone))
    templates = [template for method, template in routes(desk) if method == "GET"]
    assert {"/", "/inbox", "/editions", "/editions/{date}"} < set(templates)
    assert len([one for one in templates if one.endswith("/{token}")]) == len(TOKENS)
    paths = [filled(desk, template, who) for template in templates for who in (*people, gone)]
    before = desk.rows()
    for days in (0, 30):
        desk.clock.now += days * DAY
        for one in dict.fromkeys(paths):
            seen, head = desk.client.get(one), desk.client.head(one)
            assert (head.status_code, head.content) == (seen.status_code, b""), one
            assert told(head)[1] == told(seen)[1], one
            assert seen.status_code in (200, 303, 404, 410), one
    assert desk.rows() == before


def test_no_page_posts_by_itself(sqlite_desk: Desk) -> None:
    """What changes something is a button of a form: no page has a script but ours, and ours submits no form."""
    who = sqlite_desk.add()
    for method, template in routes(sqlite_desk):
        if method == "GET" and not template.startswith(("/static", "/healthz", "/robots")):
            page = sqlite_desk.client.get(filled(sqlite_desk, template, who)).text
            assert all(src.startswith("/static/") for src in Seen.of(page).scripts)
            assert "http-equiv" not in page
    script = sqlite_desk.client.get("/static/script.js").text
    assert ".submit(" not in script
    assert "requestSubmit" not in script
    assert ".click(" not in script


# -- links that do not work ------------------------------------------------------------------------------


def bad_tokens(desk: Desk, who: Subscriber) -> dict[str, dict[str, str]]:
    """For each kind of link, tokens that must not work there, by what is wrong with them."""
    app, now = desk.app, desk.clock.now
    stranger = Links("https://digest.example.org", [b"x" * 32])
    forged = {
        "/c/": stranger.confirm(who.id, who.epoch, now),
        "/p/": stranger.preferences(who.id, who.epoch),
        "/u/": stranger.leave(who.id),
        "/x/": stranger.export(who.id, who.epoch, now),
        "/e/": stranger.erase(who.id, who.epoch, now),
    }
    good = {prefix: link(desk, who).removeprefix(prefix) for prefix, link in TOKENS.items()}
    return {
        prefix: {
            "another key": path(forged[prefix]).removeprefix(prefix),
            "altered": good[prefix][:-1] + ("A" if good[prefix][-1] != "A" else "B"),
            "other reader": re.sub(r"^\d+", "999", good[prefix]),
            "cut": good[prefix][:-1],
            "longer": good[prefix] + "A",
            "garbage": "garbage",
            "long": "1" * 4000,
            "odd": "%00%ff%F0%9F%92%A9",
            "dry run": "dry-run",
            **{f"of {other}": token for other, token in good.items() if other != prefix},
        }
        | ({"old epoch": path(app.links.preferences(who.id, who.epoch + 1))[3:]} if prefix == "/p/" else {})
        for prefix in TOKENS
    }


def test_bad_links_all_look_alike(desk: Desk) -> None:
    """Forged, altered, of another purpose, key or epoch: every page and button gives the very same 404, and does nothing."""
    who = desk.add()
    usual = told(desk.client.get(f"{desk.preferences(who)}x"))
    assert usual[0] == 404
    bad = bad_tokens(desk, who)
    before = desk.rows()
    for method, template in routes(desk):
        prefix, begins, rest = template.partition("{token}")
        for wrong, token in bad[prefix].items() if begins else ():
            sent = SENT if method == "POST" else None
            answer = desk.client.request(method, prefix + token + rest, data=sent)
            assert told(answer) == usual, (method, template, wrong)
    assert desk.rows() == before


# -- redirects -------------------------------------------------------------------------------------------


def test_every_redirect_stays_here(desk: Desk) -> None:
    """Whatever a form says, and whatever Host it names of ours, a redirect is a path of ours."""
    who = desk.add()
    lures = {
        "next": "//evil.example",
        "done": "https://evil.example",
        "url": "https://evil.example",
        "website": "",
    }
    seen = 0
    for method, template in routes(desk):
        if method == "POST" and not template.startswith("/e/"):
            who = desk.subscriber(who.id)
            if who.state is State.LEFT:
                who = desk.add(f"reader{seen}@example.org")
            answer = desk.client.post(filled(desk, template, who), data={**SENT, **lures}, params=lures)
            where = answer.headers.get("location")
            assert (where is None) == (answer.status_code // 100 != 3)
            if where is not None:
                seen += 1
                assert re.fullmatch(r"/inbox|/p/[\w.-]+\?done=[a-z]+", where)
    assert seen == 7


# -- logs ------------------------------------------------------------------------------------------------


def test_no_token_or_address_is_logged(sqlite_desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    """Whatever is asked for, in whatever way it ends, the log holds no address and no part of a token."""
    desk = sqlite_desk
    secrets = {ADDRESS, "new@example.org", "@example.org"}
    for method, template in routes(desk):
        who = desk.find(ADDRESS) or desk.add(ADDRESS)
        good = filled(desk, template, who)
        bad = good.replace("{", "").rstrip("/") + "x"
        for one in (good, bad):
            desk.client.request(
                method, one, data=SENT, headers={"Referer": f"https://digest.example.org{good}"}
            )
        secrets |= {part for part in good.split("/") if len(part) > 20}
    out, err = capsys.readouterr()
    assert out.count("request served") + err.count("request served") > 30
    assert len(secrets) >= 3 + len(TOKENS)
    for secret in secrets:
        assert secret not in out + err
        assert secret[-24:] not in out + err


# -- hostile text ----------------------------------------------------------------------------------------

HOSTILE = {
    "script": "<script>alert(1)</script>",
    "image": '"><img src=x onerror=alert(1)>',
    "single quote": "'><svg/onload=alert(1)>",
    "mso": "<!--[if mso]><h1>x</h1><![endif]-->",
    "closing": "--> ]]> </style></title></textarea></details></main>",
    "template": "{{7*7}} {% raw %} {# x #} {{ view.save }}",
    "link": "javascript:alert(1) [x](javascript:alert(1))",
    "bidi": "\u202etxt.exe\u202c \u2067x\u2069",
    "zero width": "a\u200bb\u200cc\u200dd\ufeffe",
    "lines": "end\r\n.\r\nMAIL FROM:<evil@example.org>",
    "encoded word": "paper =?UTF-8?Q?x=0D=0ABcc:_evil@x.y?= end",
    "entities": "&lt;script&gt; &#x3c;script&#x3e; &amp;amp;",
    "long": "<b>" * 10_000,
    "one word": "x" * 50_000,
    "blank": " \u200b\u2028 ",
}


class Seen(HTMLParser):
    """The elements of a page that could do something."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.links: list[str] = []
        self.scripts: list[str] = []
        self.handlers: list[str] = []
        self.comments: list[str] = []

    @classmethod
    def of(cls, page: str) -> Seen:
        seen = cls()
        seen.feed(page)
        seen.close()
        return seen

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        for name, value in attrs:
            if name in ("href", "src", "action", "formaction"):
                (self.scripts if tag == "script" else self.links).append(value or "")
            if name.startswith("on") or name in ("style", "srcdoc"):
                self.handlers.append(name)

    def handle_comment(self, data: str) -> None:
        self.comments.append(data)


def plant(desk: Desk, text: str) -> None:
    """An edition with one paper all of whose texts are hostile, beside a quiet one; cleaning is left out."""
    publish_edition(desk.database, "A Quiet Kite", "A Paper to Be Changed")
    stored = text.replace("\0", "")
    with desk.database.write() as conn:
        changed = (
            sa.select(revisions.c.id).where(revisions.c.title == "A Paper to Be Changed").scalar_subquery()
        )
        conn.execute(
            sa.update(edition_papers)
            .where(edition_papers.c.revision_id == changed)
            .values(authors=[stored[:5000], "Ada"], url=stored[:5000], code_url="javascript:alert(1)")
        )
        conn.execute(
            sa.update(revisions)
            .where(revisions.c.title == "A Paper to Be Changed")
            .values(title=stored, abstract=stored)
        )


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE.keys())
def test_papers_are_text(sqlite_desk: Desk, text: str) -> None:
    """On the pages of editions, on the first page and in a preview, hostile papers are text: nothing runs, loads or links."""
    desk = sqlite_desk
    who = desk.add(profile=Profile())
    pages = ("/editions/2026-11-20", "/", desk.preferences(who))
    publish_edition(desk.database, "An Older Kite", day=dt.date(2026, 11, 19))
    plant(desk, text)
    fragment = desk.client.post(pages[2] + "/preview", data={}, headers={"X-Fragment": "preview"})
    for answer in (*(desk.client.get(one) for one in pages), fragment):
        assert answer.status_code == 200
        check(answer.text)
        assert "A Quiet Kite" in answer.text
        assert len(answer.content) < 100_000
        assert not re.search(r"\b49\b", answer.text)
        assert not set(answer.text) & set("\u202e\u2067\u200b\u200c\u200d\ufeff")


def test_a_huge_paper_makes_no_huge_page(sqlite_desk: Desk) -> None:
    """10 MB of abstract are cut before they are looked at: the pages of editions stay as small as ever."""
    plant(sqlite_desk, "<b>" * 3_500_000)
    for one in ("/editions/2026-11-20", "/"):
        page = sqlite_desk.client.get(one)
        check(page.text)
        assert len(page.content) < 100_000


def check(page: str) -> None:
    seen = Seen.of(page)
    assert not seen.handlers
    assert not seen.comments
    assert not {"img", "iframe", "object", "style"} & set(seen.tags)
    assert seen.tags.count("svg") <= 1, "the frame's own mark"
    assert seen.tags.count("script") <= 1
    assert seen.tags.count("h1") <= 1
    assert all(src.startswith("/static/script.js?v=") for src in seen.scripts)
    assert all(re.match(r"/|#|https?://", link) for link in seen.links)
    assert "MAIL FROM" not in "".join(seen.links)


@pytest.mark.parametrize("text", [text for text in HOSTILE.values() if len(text) < 200], ids=ascii)
def test_what_readers_type_is_text(sqlite_desk: Desk, text: str) -> None:
    """Addresses, interests and rules come back as text: in the form, beside it as an error, and as the reason of a pick."""
    desk = sqlite_desk
    publish_edition(desk.database, f"A Quiet Kite {text}")
    who = desk.add()
    sent = dict.fromkeys(
        ("address", "topics", "interests", "include", "exclude", "zone", "cap", "hour"), text
    )
    link = desk.preferences(who)
    answers = [
        desk.client.post("/subscribe", data=sent),
        desk.client.post(link, data=sent),
        desk.client.post(f"{link}/preview", data={"interests": text, "include": text}),
        desk.client.post(f"{link}/move", data={"address": text}),
        desk.client.post(link, data={"interests": text, "include": text}),
        desk.client.get(link),
    ]
    for answer in answers:
        assert answer.status_code in (200, 303, 422)
        check(answer.text)
        assert not re.search(r"\b49\b", answer.text)
