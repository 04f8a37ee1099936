"""The tables of `[sources]`: what they may say, what follows where they say nothing, and the sources they make."""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from digest.cli import app as _app  # noqa: F401 - registers the commands
from digest.cli.app import app
from digest.errors import SettingsError
from digest.settings import load
from digest.sources.source import Source, SourceKind
from digest.wiring import App

Write = Callable[[str], Path]
HUB = '[sources.hub]\nkind = "daily-papers"\n'
ARXIV = '[sources.arxiv]\nkind = "arxiv"\ncategories = ["cs.LG", "hep-th", "astro-ph.CO", "cond-mat.*"]\n'
FEED = '[sources.feed]\nkind = "feed"\nurl = "https://me:hush@papers.example.org/feed?token=hush"\n'


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No variable and no digest.toml of whoever runs the tests is read."""
    for name in [name for name in os.environ if name.upper().startswith("DIGEST_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes digest.toml where the test stands; returns its path."""

    def to_file(text: str) -> Path:
        path = tmp_path / "digest.toml"
        path.write_text(text, encoding="utf-8")
        return path

    return to_file


def seconds(count: float) -> dt.timedelta:
    return dt.timedelta(seconds=count)


def test_no_source_by_default() -> None:
    """Nothing is asked that the operator did not name; the folder alone is there."""
    assert load().sources == {}
    assert App(load()).sources == (
        Source(name="folder", kind=SourceKind.FOLDER, path=Path("digest-data/dumps")),
    )


def test_sources(write: Write) -> None:
    """Each table is a source; what it does not say follows its kind."""
    write(HUB + ARXIV + FEED + "every_minutes = 90\npause_s = 0\nexpected = 7\nallow_private = true\n")
    folder, arxiv, feed, hub = App(load()).sources
    assert folder.name == "folder"
    assert hub == Source(
        name="hub",
        kind=SourceKind.DAILY_PAPERS,
        url="https://huggingface.co/api/daily_papers",
        every=seconds(3600),
        pause=seconds(1),
        days=2,
    )
    assert arxiv == Source(
        name="arxiv",
        kind=SourceKind.ARXIV,
        url="https://export.arxiv.org/api/query",
        categories=("cs.LG", "hep-th", "astro-ph.CO", "cond-mat.*"),
        every=seconds(24 * 3600),
        pause=seconds(3),
    )
    assert feed == Source(
        name="feed",
        kind=SourceKind.FEED,
        url="https://me:hush@papers.example.org/feed?token=hush",
        every=seconds(90 * 60),
        pause=seconds(0),
        expected=7,
        allow_private=True,
    )


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ('[sources.x]\nurl = "https://x.example"', "sources.x.kind: has to be set"),
        ('[sources.x]\nkind = "folder"', "sources.x.kind: .*'daily-papers', 'arxiv', 'feed' or 'page'"),
        ('[sources]\nkind = "feed"', "sources.kind: has to be a table"),
        ('[sources.arxiv]\nkind = "arxiv"', "sources.arxiv: a source of kind arxiv needs categories"),
        ('[sources.x]\nkind = "feed"', "sources.x: a source of kind feed needs url"),
        ('[sources.x]\nkind = "page"', "sources.x: a source of kind page needs url"),
        (HUB + 'colour = "red"', "sources.hub.colour: unknown setting"),
        (HUB + "path = 'x'", "sources.hub.path: unknown setting"),
        (FEED + 'categories = ["cs.LG"]', "sources.feed: categories means nothing to a source of kind feed"),
        (HUB + 'categories = ["cs.LG"]', "sources.hub: categories means nothing"),
        (ARXIV + "days = 2", "sources.arxiv: days means nothing to a source of kind arxiv"),
        (ARXIV + "pause_s = 2.9", "sources.arxiv: pause_s: at least 3, as the terms of use of arxiv ask"),
        ('[sources.x]\nkind = "arxiv"\ncategories = ["cs LG"]', "sources.x.categories: 'cs LG' is not a cat"),
        ('[sources.x]\nkind = "arxiv"\ncategories = ["a OR all:b"]', "sources.x.categories: "),
        ('[sources.x]\nkind = "feed"\nurl = "x.example"', "sources.x: url: has to be an address such as"),
        ('[sources.x]\nkind = "feed"\nurl = "ftp://x.example/hush"', "sources.x: url: has to be an address"),
        ('[sources.x]\nkind = "feed"\nurl = "https:///hush"', "sources.x: url: has to be an address"),
        ('[sources.x]\nkind = "feed"\nurl = "https://x.example/a hush"', "sources.x: url: has to be an add"),
        *(
            (f"[sources.x]\nkind = 'feed'\nurl = 'https://{rest}'", "sources.x: url: has to be an address")
            for rest in (
                "[hush/",
                "[::1/hush",
                "[hush]/",
                "x.example:99999/hush",
                "x.example:0/hush",
                "x.example:hush/",
                "@/hush",
                "me:hush@/",
                ":443/hush",
                "./hush",
                "x..example/hush",
                "h" * 64,
                "x.example/hush\N{ZERO WIDTH SPACE}",
            )
        ),
        ("sources = 'hush'", "sources: has to be a table"),
        ('[sources.x]\nkind = "feed"\nurl = ""', "sources.x: a source of kind feed needs url"),
        (
            '[sources.x]\nkind = "feed"\nurl = "http://x.example/hush"',
            "sources.x: url: has to start with https",
        ),
        (HUB + "every_minutes = 0", "sources.hub.every_minutes: "),
        (HUB + "every_minutes = 20000", "sources.hub.every_minutes: "),
        (HUB + "pause_s = -1", "sources.hub.pause_s: "),
        (HUB + "days = 0", "sources.hub.days: "),
        (HUB + "days = 32", "sources.hub.days: "),
        (HUB + "expected = 0", "sources.hub.expected: "),
        (HUB.replace("hub", "Hub"), "sources: 'Hub' is not a name of lower-case letters, digits and dashes"),
        (HUB.replace("hub", '"hub.one"'), "sources: 'hub.one' is not a name"),
        (HUB.replace("hub", "-hub"), "sources: '-hub' is not a name"),
        (HUB.replace("hub", "folder"), "sources: 'folder' is taken"),
        (HUB.replace("hub", "command"), "sources: 'command' is taken"),
    ],
)
def test_what_a_source_may_not_be(write: Write, text: str, named: str) -> None:
    """A table that means nothing, or would ask where or as often as it must not, is an error that names it."""
    write(text)
    with pytest.raises(SettingsError, match=named) as caught:
        load()
    assert "hush" not in str(caught.value)


def test_plain_http_on_a_closed_network(write: Write) -> None:
    """Plain http:// takes the operator's word."""
    write('[sources.x]\nkind = "feed"\nurl = "http://127.0.0.1:8000/feed"\nallow_private = true')
    assert App(load()).sources[1].url == "http://127.0.0.1:8000/feed"


def test_sources_of_the_environment(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    """A variable outdoes a key of its table, or makes a table; `_` in it is the `-` that no shell takes in a name."""
    write(HUB.replace("hub", "the-hub") + "days = 5")
    monkeypatch.setenv("DIGEST_SOURCES__THE_HUB__URL", "https://mirror.example.org/api")
    monkeypatch.setenv("DIGEST_SOURCES__THE_HUB__EVERY_MINUTES", "30")
    monkeypatch.setenv("DIGEST_SOURCES__ARXIV__KIND", "arxiv")
    monkeypatch.setenv("DIGEST_SOURCES__ARXIV__CATEGORIES", '["cs.LG"]')
    _, arxiv, hub = App(load()).sources
    assert (arxiv.name, arxiv.categories) == ("arxiv", ("cs.LG",))
    assert (hub.name, hub.url) == ("the-hub", "https://mirror.example.org/api")
    assert (hub.days, hub.every) == (5, seconds(1800))


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("DIGEST_SOURCES__HUB__COLOUR", "red", "sources.hub.colour: unknown setting"),
        ("DIGEST_SOURCES__HUB__DAYS", "many", "sources.hub.days: "),
        ("DIGEST_SOURCES__HUB", "feed", "sources"),
        ("DIGEST_SOURCES", "feed", "sources"),
        ("DIGEST_SOURCES__HUB__CATEGORIES", "cs.LG", r'a list is written as in JSON, \["cs.LG"\]'),
    ],
)
def test_what_the_environment_may_not_say(
    write: Write, monkeypatch: pytest.MonkeyPatch, name: str, value: str, said: str
) -> None:
    """A variable of a source that is mistyped is an error as well."""
    write(HUB)
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError, match=said):
        load()


@pytest.mark.parametrize("form", [[], ["--json"]])
def test_config_shows_no_token(write: Write, form: list[str]) -> None:
    """`digest config` shows each source in force, and of its address nothing that may be secret."""
    write(HUB + FEED)
    result = CliRunner().invoke(app, ["config", *form])
    assert result.exit_code == 0, result.output
    assert "hush" not in result.output
    assert '"https://papers.example.org/feed"' in result.output
    assert '"https://huggingface.co/api/daily_papers"' in result.output
    if not form:
        assert "[sources.hub]\n" in result.output
