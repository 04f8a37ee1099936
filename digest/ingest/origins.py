"""Which sighting each shown fact of a paper comes from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields

from digest.ingest.paper import Sighting, current
from digest.ingest.record import NO_DETAILS, Details

_FACTS = ("authors", "url", "code_url", "votes", "comments", "stars", "doi")
_DETAILS = tuple(field.name for field in fields(Details))


def origins(sightings: Sequence[Sighting]) -> dict[str, Sighting]:
    """The sighting that `current` takes each fact from, by the name of the field; facts that none gives are left out.

    Args:
        sightings: All shown sightings of one paper, at least one, in any order.
    """
    newest_first = sorted(sightings, key=lambda sighting: sighting.rank, reverse=True)
    text = current(sightings).revision_id
    shown = next(sighting for sighting in newest_first if sighting.revision_id == text)
    found = {"title": shown} | ({"abstract": shown} if shown.abstract else {})
    for name in _FACTS:
        found |= _first(name, [s for s in newest_first if getattr(s, name) not in (None, "", ())])
    for name in _DETAILS:
        nothing = getattr(NO_DETAILS, name)
        found |= _first(name, [s for s in newest_first if getattr(s.details, name) != nothing])
    return found


def _first(name: str, giving: Sequence[Sighting]) -> dict[str, Sighting]:
    return {name: giving[0]} if giving else {}
