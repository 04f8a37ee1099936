"""Good documents of each format: the invented ones, and real ones where they are beside the checkout."""

from __future__ import annotations

import html
import json
import re
from pathlib import Path

from tests.ingest.documents import DOCUMENTS

_SHARED = Path(__file__).parents[3] / "shared" / "data"
_REAL = {
    "text-a": ("dumps/000_*.txt",),
    "text-b": ("dumps/001_*.txt", "dumps/004_*.txt"),
    "rendering": ("dumps/search_page_*.md",),
    "papers-page-html": ("dumps/*.html",),
    "papers-cards-html": ("dumps/*.html",),
    "daily-papers-json": ("hf_api/2024-09-02.json", "hf_api/2026-01-09.json"),
}
_PROPS = re.compile(r'(?<=data-target="DailyPapers" data-props=")[^"]*')
_CARD = re.compile(r"<article.*?</article>", re.DOTALL)
#: Papers of a real document; whole ones would take ten times as long as they show more.
_PAPERS = 3


def originals(name: str) -> list[bytes]:
    """Give what a campaign starts from."""
    paths = [path for pattern in _REAL.get(name, ()) for path in sorted(_SHARED.glob(pattern))]
    return [DOCUMENTS[name], *(_short(name, path.read_text(encoding="utf-8")).encode() for path in paths)]


def donors(name: str) -> list[bytes]:
    """Give one document of each other format."""
    return [data for other, data in DOCUMENTS.items() if other != name]


def _short(name: str, text: str) -> str:
    if name == "daily-papers-json":
        return json.dumps(json.loads(text)[:_PAPERS], indent=1)
    if name == "papers-page-html":
        return _CARD.sub("", _PROPS.sub(_fewer, text))
    if name == "papers-cards-html":
        cards = iter(_CARD.findall(text)[:_PAPERS])
        return _CARD.sub(lambda _: next(cards, ""), _PROPS.sub("", text))
    if name.startswith("text"):
        # To the end of an abstract, since what ends with a title is cut.
        lines = text.split("\n")
        last = max(number for number, line in enumerate(lines[: 16 * _PAPERS]) if len(line) > 400)
        return "\n".join(lines[: last + 1])
    return text


def _fewer(found: re.Match[str]) -> str:
    props = json.loads(html.unescape(found[0]))
    return html.escape(json.dumps(props | {"dailyPapers": props["dailyPapers"][1 : _PAPERS + 1]}))
