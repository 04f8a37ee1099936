"""A page: any address whose answer is a dump, in whatever layout."""

from __future__ import annotations

from digest.sources.request import Kind, one_request

KIND = Kind(requests=one_request, needs=frozenset({"url"}))
