"""The kinds of source that are asked over HTTP, each a module of its own."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from digest.sources import arxiv, daily_papers, feed, page
from digest.sources.request import Kind
from digest.sources.source import SourceKind

KINDS: Mapping[SourceKind, Kind] = MappingProxyType(
    {
        SourceKind.DAILY_PAPERS: daily_papers.KIND,
        SourceKind.ARXIV: arxiv.KIND,
        SourceKind.FEED: feed.KIND,
        SourceKind.PAGE: page.KIND,
    }
)
