"""An invented document of each format, of the same papers where the format can hold them."""

from __future__ import annotations

import json

from digest.ingest.formats import FORMATS
from tests.ingest.feeds import Listed, arxiv_api, arxiv_rss, atom, json_feed, rss
from tests.ingest.pages import card, page, props, rows
from tests.ingest.sample import CARDS, layout_a, layout_b

_LISTED = tuple(
    Listed(title=title, abstract=abstract, arxiv_id=f"2408.0{number:04}")
    for number, (title, abstract) in enumerate(CARDS[:6], start=1)
)


def _rendering() -> bytes:
    """A page as a crawler writes it in Markdown."""
    cards = "\n\n".join(
        f"Submitted by\n\n![](https://pictures.example/{number}.svg) eve\n\n{number * 10}\n\n"
        f"### [{title}](https://huggingface.co/papers/2408.0{number:04})\n\n{abstract}\n\n"
        f"*   3 authors\n\n[{number}](https://huggingface.co/papers/2408.0{number:04}#community)"
        for number, (title, abstract) in enumerate(CARDS[:6], start=1)
    )
    return f"# Daily Papers\n\nby AK and the research community\n\nAug 1, 2024\n\n{cards}\n\n[Previous](/p)\n\n[Next](/n)\n".encode()


DOCUMENTS: dict[str, bytes] = {
    "text-a": layout_a(CARDS).encode(),
    "text-b": layout_b(CARDS).encode(),
    "rendering": _rendering(),
    "papers-cards-html": page(*(card(number) for number in range(1, 5))),
    "rss": rss(_LISTED),
    "atom": atom(_LISTED),
    "json-feed": json_feed(_LISTED),
    "papers-page-html": page(props({"dailyPapers": rows(4), "date": "2024-08-01T00:00:00.000Z"})),
    "daily-papers-json": json.dumps(rows(4), indent=1, ensure_ascii=False).encode(),
    "arxiv-rss": arxiv_rss(_LISTED),
    "arxiv-atom": arxiv_api(_LISTED),
}
assert set(DOCUMENTS) == set(FORMATS)
