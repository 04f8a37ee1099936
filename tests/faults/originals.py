"""Good documents of each format: the invented ones, and real ones where they are beside the checkout."""

from __future__ import annotations

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
#: Bytes of a real document; whole ones would take ten times as long as they show more.
_MOST = 24_000


def originals(name: str) -> list[bytes]:
    """Give what a campaign starts from."""
    real = [path.read_bytes() for pattern in _REAL.get(name, ()) for path in sorted(_SHARED.glob(pattern))]
    if name == "papers-cards-html":
        real = [re.sub(rb'data-props="[^"]*"', b'data-props=""', data) for data in real]
    return [DOCUMENTS[name], *(data[:_MOST] for data in real)]


def donors(name: str) -> list[bytes]:
    """Give one document of each other format."""
    return [data for other, data in DOCUMENTS.items() if other != name]
