"""Papers pages as HTML, of the invented papers: with their JSON, or with cards only."""

from __future__ import annotations

import html
import json
from typing import Any

from tests.ingest.sample import CARDS


def rows(count: int = 3) -> list[dict[str, Any]]:
    """Rows as the page and the API give them."""
    return [
        {
            "paper": {
                "id": f"2408.0{number:04}",
                "title": title,
                "summary": abstract,
                "upvotes": 10 * number,
                "publishedAt": "2024-07-30T05:41:52.000Z",
                "authors": [{"name": "Ada Lind"}, {"name": "Bo Ek"}],
            },
            "publishedAt": "2024-08-01T07:00:00.000Z",
            "numComments": number,
            "submittedBy": {"name": "eve"},
        }
        for number, (title, abstract) in enumerate(CARDS[:count], start=1)
    ]


def props(value: object, target: str = "DailyPapers") -> str:
    """An element with JSON in its attribute."""
    escaped = html.escape(json.dumps(value, ensure_ascii=False))
    return f'<div class="SVELTE_HYDRATER contents" data-target="{target}" data-props="{escaped}"></div>'


def page(*parts: str) -> bytes:
    """A whole page, with a head, a menu and a foot as pages have them."""
    return (
        '<!doctype html>\n<html class="">\n<head><meta charset="utf-8"><title>Daily <article> Papers</title>\n'
        "<script>if (1 < 2) { document.write('<article><h3><a href=\"/papers/2401.00001\">No</a></h3></article>') }</script>"
        "<style>a > b { content: '</html>' }</style></head>\n<body><header><a href='/'><img alt='logo' src=logo.svg></a>"
        '<a href="/models">Models</a><a href="/login">Log In</a></header><!-- <article>old</article> -->\n<main>'
        + "\n".join(parts)
        + '</main>\n<footer>© 2024 <a href="/terms">TOS</a></footer></body>\n</html>\n'
    ).encode()


def card(
    number: int = 1,
    *,
    title: str = "",
    votes: str | None = "94",
    comments: str | None = "5",
    more: str = "",
    link: str = "/papers/2408.0{number:04}",
) -> str:
    """A card as the page draws it."""
    url = link.format(number=number)
    ticked = (
        f'<input disabled type="checkbox"><svg><path d="M5"/></svg>\n<div class="leading-none">{votes}</div>'
    )
    return f"""<div><article class="relative flex"><a href="{url}" class="peer"><img
 src="https://pictures.example/{number}.png" alt="Une image &lt;h3>"></a>
 {"" if votes is None else f'<a href="/login?next=%2Fpapers"><div class="shadow">{ticked}</div></a>'}
 <div class="w-full"><h3 class="mb-1"><a href="{url}" class="line-clamp-3">{title or html.escape(CARDS[number - 1][0])}</a></h3>
 {"" if comments is None else f'<a href="{url}#community"><svg><title>9</title></svg> {comments} </a>'}{more}</div></article></div>"""
