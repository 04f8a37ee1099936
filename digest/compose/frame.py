"""What stands around the papers of a digest: header and footer, with slots for what is the reader's.

Readers of one day share it but for their address and links, so it is rendered and encoded once for
each pair of counts, and filled by putting bytes between bytes.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from digest.compose.quoted import quoted
from digest.compose.templates import Mail, render_block
from digest.compose.views import plain_date, weekday_date

#: A place that is filled per reader. These characters are in no text that is shown.
_SLOT = re.compile("\x01([a-z_]+)\x02")
_SLOTS = ("address", "preheader", "preferences_url", "pause_url", "leave_url")


@dataclass(frozen=True, slots=True)
class Frame:
    """What stands around the papers: encoded bytes, and the names of slots between them."""

    pieces: tuple[bytes | str, ...]

    @classmethod
    def of(cls, text: str) -> Frame:
        """Split rendered text at its slots. It ends in LF, as every part of a mail does."""
        parts = _SLOT.split(text)  # text, name, text, name, ... text
        return cls(tuple(part if index % 2 else quoted(part) for index, part in enumerate(parts)))

    def filled(self, values: Mapping[str, bytes]) -> list[bytes]:
        """The frame's bytes with each slot's value, encoded as a piece, in its place."""
        return [values[piece] if isinstance(piece, str) else piece for piece in self.pieces]


@dataclass(frozen=True, slots=True, kw_only=True)
class Frames:
    """The four frames of a digest: before and after the papers, in both parts."""

    html_head: Frame
    html_foot: Frame
    text_head: Frame
    text_foot: Frame
    html_bytes: int  #: decoded, slots not filled

    @classmethod
    def of(cls, mail: Mail, values: Mapping[str, Any]) -> Frames:
        """Render and encode them, with the values of `frame_values`."""
        html_head, html_foot = (render_block(mail.html, block, values) for block in ("head", "foot"))
        return cls(
            html_head=Frame.of(html_head),
            html_foot=Frame.of(html_foot),
            text_head=Frame.of(render_block(mail.text, "head", values)),
            text_foot=Frame.of(render_block(mail.text, "foot", values)),
            html_bytes=len(html_head.encode()) + len(html_foot.encode()),
        )


def frame_values(*, day: dt.date, edition: dt.date, count: int, more: int) -> dict[str, Any]:
    """What the frames show of a digest, and slots for what is a reader's own.

    Args:
        day: The reader's local date.
        edition: The date of the newest edition in the mail.
        count: Papers shown.
        more: Papers that matched and are not shown.
    """
    return {
        **{name: f"\x01{name}\x02" for name in _SLOTS},
        "date": weekday_date(day),
        "edition_date": plain_date(edition),
        "count": count,
        "more": more,
    }
