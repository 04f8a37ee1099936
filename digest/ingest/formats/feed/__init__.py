"""`rss`, `atom`, `json-feed`, `arxiv-rss`, `arxiv-atom`: feeds of papers, by arXiv and by anyone else.

A feed passes in four steps: `markup` gives finished elements and forgets them, `elements` reads each into
an `Entry` (as `jsonfeed` does with a row of JSON), `arxiv` takes off what arXiv puts around a title or an
abstract, and `papers` tells whether the entry is a paper.
"""

from __future__ import annotations

from digest.ingest.formats.feed.jsonfeed import read as read_json
from digest.ingest.formats.feed.jsonfeed import recognises as recognises_json
from digest.ingest.formats.feed.xml import read, recognises

__all__ = ["read", "read_json", "recognises", "recognises_json"]
