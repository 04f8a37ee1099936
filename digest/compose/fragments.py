"""The pieces of a digest, rendered and encoded once, and joined for each reader.

A paper looks the same to all its readers but for the reason line in its middle, and the frame around
the papers but for an address and four links. So each is kept as bytes that are ready for the wire,
and what a reader costs is a join: 24 µs, where Jinja takes 158 µs and `email` 3 ms.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass

from digest.compose.quoted import quoted, quoted_html
from digest.compose.templates import Mail, render_block
from digest.compose.views import paper_view, reason_views
from digest.rank.selection import EditionPaper, Reason


@dataclass(frozen=True, slots=True, kw_only=True)
class PaperPiece:
    """One paper, encoded, up to its reasons and after them."""

    html: bytes
    html_end: bytes
    text: bytes
    text_end: bytes
    html_bytes: int  #: decoded, of both HTML pieces
    short_title: str
    preview: bytes  #: the short title as a piece of the HTML part


@dataclass(frozen=True, slots=True, kw_only=True)
class ReasonsPiece:
    html: bytes
    text: bytes
    html_bytes: int  #: decoded


@dataclass(frozen=True, slots=True, kw_only=True)
class PickPiece:
    """One pick of a digest: its paper with the reasons in their place."""

    html: tuple[bytes, ...]
    text: tuple[bytes, ...]
    html_bytes: int  #: decoded
    edition_date: dt.date
    short_title: str
    preview: bytes

    @classmethod
    def of(cls, paper: PaperPiece, reasons: ReasonsPiece, edition_date: dt.date) -> PickPiece:
        """Put the two together; their bytes are shared."""
        return cls(
            html=(paper.html, reasons.html, paper.html_end),
            text=(paper.text, reasons.text, paper.text_end),
            html_bytes=paper.html_bytes + reasons.html_bytes,
            edition_date=edition_date,
            short_title=paper.short_title,
            preview=paper.preview,
        )


def paper_piece(mail: Mail, paper: EditionPaper, *, abstract_chars: int) -> PaperPiece:
    """Render and encode one paper. Its text goes through a template here, and never again."""
    view = paper_view(paper, abstract_chars=abstract_chars)
    values = {"paper": view}
    html = render_block(mail.html, "paper", values)
    html_end = render_block(mail.html, "links", values)
    return PaperPiece(
        html=quoted(html),
        html_end=quoted(html_end),
        text=quoted(render_block(mail.text, "paper", values)),
        text_end=quoted(render_block(mail.text, "links", values)),
        html_bytes=len(html.encode()) + len(html_end.encode()),
        short_title=view.short_title,
        preview=quoted_html(view.short_title),
    )


def reasons_piece(mail: Mail, reasons: Iterable[Reason]) -> ReasonsPiece:
    """Render and encode the line that says why."""
    values = {"paper": {"reasons": reason_views(reasons)}}
    html = render_block(mail.html, "reasons", values)
    return ReasonsPiece(
        html=quoted(html),
        text=quoted(render_block(mail.text, "reasons", values)),
        html_bytes=len(html.encode()),
    )
