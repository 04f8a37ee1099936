"""Cards that a rendering prints twice: trending pages show each in a narrow and in a wide layout."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import replace

from digest.ingest.record import Record, Reject

#: Cards printed again further on are known for so long.
_REMEMBERED = 20_000


def undoubled(found: Iterable[Record | Reject]) -> Iterator[Record | Reject]:
    """Give a card printed twice once; what only one of two neighbours shows is kept."""
    seen: dict[bytes, None] = {}
    held: Record | None = None
    for item in found:
        if held and isinstance(item, Record) and _is_same(held, item):
            held = _merged(held, item)
            continue
        if held:
            yield held
            held = None
        if isinstance(item, Reject):
            yield item
            continue
        key = hashlib.blake2b(
            f"{item.title}\0{item.abstract}\0{item.details.summary}".encode(), digest_size=12
        )
        if key.digest() in seen:
            continue
        seen[key.digest()] = None
        if len(seen) > _REMEMBERED:
            del seen[next(iter(seen))]
        held = item
    if held:
        yield held


def _is_same(one: Record, other: Record) -> bool:
    if one.title.casefold() != other.title.casefold():
        return False
    if one.arxiv_id and other.arxiv_id:
        return one.arxiv_id == other.arxiv_id
    texts = {one.abstract or one.details.summary, other.abstract or other.details.summary} - {""}
    return len(texts) <= 1


def _merged(one: Record, other: Record) -> Record:
    """Fill what a card does not show from its double."""
    fields = (
        "arxiv_id",
        "authors",
        "votes",
        "comments",
        "stars",
        "published_at",
        "url",
        "code_url",
        "abstract",
    )
    known = {key: getattr(other, key) for key in fields if getattr(one, key) in (None, (), "")}
    details = (
        "summary",
        "author_count",
        "submitter",
        "organisation",
        "project_url",
        "thumbnail_url",
        "submitted_at",
    )
    more = {key: getattr(other.details, key) for key in details if getattr(one.details, key) in (None, "")}
    return replace(one, **known, details=replace(one.details, **more))
