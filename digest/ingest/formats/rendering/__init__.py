"""`rendering`: text and Markdown that crawlers make of a papers page.

Lines lose their marks (`marks`), are put together to blocks (`blocks`), blocks are taken apart into pieces
(`furniture`), a look at the beginning tells the layout (`survey`) and whether these are papers (`verdict`). The
whole is cut at its titles (`titles`), and what stands between two goes to the card that it is proven to belong
to (`cards`), which becomes a record (`card`), once (`doubles`). Read by structure: no crawler is known here by name.
"""

from __future__ import annotations

from digest.ingest.formats.rendering.blocks import blocks
from digest.ingest.formats.rendering.cards import items
from digest.ingest.formats.rendering.dated import head_date
from digest.ingest.formats.rendering.looks import recognises
from digest.ingest.formats.rendering.marks import references, rows
from digest.ingest.formats.rendering.survey import survey
from digest.ingest.formats.rendering.titles import sections
from digest.ingest.record import Reading

__all__ = ["read", "recognises"]


def read(data: bytes) -> Reading:
    """Read a rendering.

    Raises:
        DumpError: A document of another kind.
    """
    found = survey(data)
    habits = found.habits
    date = head_date(data, found.head)
    stream = blocks(rows(data, references(data)), width=habits.width, compact=habits.compact)
    return Reading(format="rendering", date=date, items=items(sections(stream, habits), habits, date))
