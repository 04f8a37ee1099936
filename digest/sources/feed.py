"""A feed: RSS, Atom or JSON Feed, at one address."""

from __future__ import annotations

from digest.sources.request import Kind, one_request

KIND = Kind(requests=one_request, needs=frozenset({"url"}))
