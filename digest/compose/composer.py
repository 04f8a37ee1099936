"""From a delivery to its message: the same delivery, papers and templates give the same bytes."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from markupsafe import escape

from digest.compose.dkim import Dkim, DkimKey
from digest.compose.fragments import PaperPiece, PickPiece, ReasonsPiece, paper_piece, reasons_piece
from digest.compose.frame import Frames, frame_values
from digest.compose.inert import web_url
from digest.compose.letters import LETTERS
from digest.compose.links import MailLinks
from digest.compose.memo import Memo
from digest.compose.message import Draft, Message
from digest.compose.mime import Envelopes, subject_header
from digest.compose.preview import html_part
from digest.compose.quoted import quoted, quoted_html
from digest.compose.sender import Sender
from digest.compose.templates import Templates, render
from digest.deliver.delivery import Delivery, Kind
from digest.errors import DigestError, SettingsError
from digest.rank.selection import EditionPaper, Pick, Reason

#: Gmail clips a mail at 102 KB, and with it the footer; ten papers take about 20.
HTML_BUDGET_BYTES = 100_000
#: Room for what fills the slots of a frame: an address and four links, the longest of them.
_SLOTS_BYTES = 6_000
_LONGEST_DATE = dt.date(2026, 9, 30)  # Wednesday, 30 September 2026
_PREVIEW_SEPARATOR = quoted(" · ")
_PREVIEWED = 3  # titles in the line that a mailbox shows under the subject

Papers = Mapping[tuple[int, int], EditionPaper]  #: by edition and paper
Pieces = Sequence[PickPiece]


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """What became of a digest, for the command that shows it."""

    shown: int  #: papers
    left_out: int  #: picks that the budget had no room for
    html_bytes: int  #: decoded
    size_bytes: int  #: of the message
    warnings: tuple[str, ...]


class Composer:
    """Composes mails. Safe to share between threads; its memory does not grow with readers.

    Args:
        dkim: Signs what was planned to be signed; without it such a mail is refused.
        abstract_chars: The longest abstract shown, 80 to 10,000; the benchmark asks for whole ones.
        html_budget_bytes: The largest HTML part; fewer papers are shown to keep it, but one always.

    Raises:
        SettingsError: The base URL of the links cannot stand in a header, or a value is out of range.
    """

    def __init__(
        self,
        templates: Templates,
        links: MailLinks,
        sender: Sender,
        *,
        dkim: Dkim | None = None,
        abstract_chars: int = 360,
        html_budget_bytes: int = HTML_BUDGET_BYTES,
    ) -> None:
        if len(links.base_url) > 200 or web_url(links.base_url) != links.base_url:
            raise SettingsError(f"base URL {links.base_url!r}: not a plain http or https URL")
        if not 80 <= abstract_chars <= 10_000:
            raise SettingsError(f"abstracts of {abstract_chars} characters: 80 to 10,000 can be")
        self.templates = templates
        self._mails = templates.mails
        self._digest = templates.mails[Kind.DIGEST]
        self._links = links
        self._sender = sender
        self._site = {**sender.shown(), "base_url": links.base_url}
        self._envelopes = Envelopes(sender, links, dkim or Dkim(sender.domain, _no_key))
        self._abstract_chars = abstract_chars
        self._html_budget_bytes = html_budget_bytes
        self._papers: Memo[tuple[int, int, int], PaperPiece] = Memo(2048)
        self._reasons: Memo[tuple[Reason, ...], ReasonsPiece] = Memo(8192)
        self._picked: Memo[tuple[Pick, int], PickPiece] = Memo(8192)
        self._frames: Memo[tuple[dt.date, dt.date, int, int], Frames] = Memo(512)
        self._subjects: Memo[tuple[int, str], bytes] = Memo(2048)
        longest = self._frames_of(_LONGEST_DATE, _LONGEST_DATE, 50, 100_000)
        self._room_bytes = html_budget_bytes - longest.html_bytes - _SLOTS_BYTES

    def message(self, delivery: Delivery, papers: Papers) -> Message:
        """The mail of a delivery of any kind; see `draft`."""
        message, _hash = self.draft(delivery, papers).sealed()
        return message

    def draft(self, delivery: Delivery, papers: Papers) -> Draft:
        """The mail of a delivery, not signed yet; `papers` may be empty where it is not a digest."""
        return self._digest_of(delivery, papers) if delivery.kind is Kind.DIGEST else self._letter(delivery)

    def _digest_of(self, delivery: Delivery, papers: Papers) -> Draft:
        """One reader's digest.

        Args:
            papers: Holds at least those of the delivery's picks.

        Raises:
            DigestError: A pick's paper is not among them, or there are no picks.
            AddressError: The recipient's address would not stand in a header as it is.
            TemplateError: A template asks for what it is not given.
        """
        pieces = self._pieces(delivery, papers)
        shown = pieces[: self._fitting(pieces)]
        more = delivery.leftover + len(pieces) - len(shown)
        edition = max([piece.edition_date for piece in pieces])
        frames = self._frames_of(delivery.local_date, edition, len(shown), more)
        leave = self._links.leave(delivery.subscriber_id)
        text_values, html_values = self._slots(delivery, shown, leave)
        text, html = frames.text_head.filled(text_values), frames.html_head.filled(html_values)
        for piece in shown:
            text += piece.text
            html += piece.html
        text += frames.text_foot.filled(text_values)
        html += frames.html_foot.filled(html_values)
        subject = self._subject(len(shown), shown[0].short_title)
        more_headers = self._envelopes.bulk_headers(leave)
        return self._envelopes.draft(delivery, subject=subject, text=text, html=html, more=more_headers)

    def summary(self, delivery: Delivery, papers: Papers) -> Summary:
        """What a digest comes to; it is composed anew, so not for the way of every mail."""
        message = self.message(delivery, papers)
        shown = self._fitting(self._pieces(delivery, papers))
        left_out = len(delivery.picks) - shown
        limit = self._html_budget_bytes // 1000
        return Summary(
            shown=shown,
            left_out=left_out,
            html_bytes=len(html_part(message).encode()),
            size_bytes=len(message.data),
            warnings=(f"shortened to {shown} papers to stay under {limit} KB",) if left_out else (),
        )

    def _pieces(self, delivery: Delivery, papers: Papers) -> Pieces:
        if not delivery.picks:
            raise DigestError(f"delivery {delivery.id} has no picks")
        pieces = []
        for pick in delivery.picks:
            paper = papers.get((pick.edition_id, pick.paper_id))
            if paper is None:
                raise DigestError(
                    f"delivery {delivery.id}: edition {pick.edition_id} has no paper {pick.paper_id}"
                )
            pieces.append(self._picked.find((pick, paper.revision_id)) or self._pick(pick, paper))
        return pieces

    def _pick(self, pick: Pick, paper: EditionPaper) -> PickPiece:
        piece = PickPiece.of(self._paper(paper), self._reasons_of(pick.reasons), paper.edition_date)
        self._picked.put((pick, paper.revision_id), piece)
        return piece

    def _paper(self, paper: EditionPaper) -> PaperPiece:
        return self._papers.get(
            (paper.edition_id, paper.paper_id, paper.revision_id),
            lambda: paper_piece(self._digest, paper, abstract_chars=self._abstract_chars),
        )

    def _reasons_of(self, reasons: tuple[Reason, ...]) -> ReasonsPiece:
        return self._reasons.get(reasons, lambda: reasons_piece(self._digest, reasons))

    def _fitting(self, pieces: Pieces) -> int:
        """How many papers, from the top, the budget has room for; one at least."""
        used = 0
        for count, piece in enumerate(pieces):
            used += piece.html_bytes
            if used > self._room_bytes and count:
                return count
        return len(pieces)

    def _subject(self, count: int, first_title: str) -> bytes:
        def make() -> bytes:
            values = {**self._site, "count": count, "first_title": first_title}
            return subject_header(render(self._digest.subject, values))

        return self._subjects.get((count, first_title), make)

    def _slots(
        self, delivery: Delivery, shown: Pieces, leave: str
    ) -> tuple[dict[str, bytes], dict[str, bytes]]:
        """What is the reader's own: for the text part, and for the HTML part."""
        preferences = self._links.preferences(delivery.subscriber_id, delivery.epoch)
        own = {
            "address": delivery.recipient,
            "preferences_url": preferences,
            "pause_url": f"{preferences}#pause",
            "leave_url": leave,
        }
        text = {name: quoted(value) for name, value in own.items()}
        # Encoded once where HTML has nothing to escape in it, as in nearly every address and link.
        html = {
            name: text[name] if escape(value) == value else quoted_html(value) for name, value in own.items()
        }
        previews = [piece.preview for piece in shown[1 : 1 + _PREVIEWED]] or [shown[0].preview]
        html["preheader"] = _PREVIEW_SEPARATOR.join(previews)
        return text, html

    def _frames_of(self, day: dt.date, edition: dt.date, count: int, more: int) -> Frames:
        def make() -> Frames:
            shown = frame_values(day=day, edition=edition, count=count, more=more)
            site = {**self._site, "zone": self._sender.zone, "edition_url": self._links.edition(edition)}
            return Frames.of(self._digest, {**site, **shown})

        return self._frames.get((day, edition, count, more), make)

    def _letter(self, delivery: Delivery) -> Draft:
        """A mail of one reader, or of the operator, rendered whole: there are few of them.

        No list headers: it is no list that one could leave, and RFC 8058 is for those. A mailbox would offer to
        unsubscribe beside a mail that anybody can have sent by entering an address, and one press would end a digest.
        Nor is an alarm bulk mail: it goes to one address, of the operator's own setting.
        """
        mail = self._mails[delivery.kind]
        own = LETTERS[delivery.kind](self._links, delivery)
        given = {**self._site, "address": delivery.recipient, **own}
        return self._envelopes.draft(
            delivery,
            subject=subject_header(render(mail.subject, given)),
            text=[quoted(render(mail.text, given))],
            html=[quoted(render(mail.html, given))],
        )


def _no_key(selector: str) -> DkimKey:
    raise SettingsError(f"DKIM key {selector!r}: there is none here, and a mail is not sent unsigned instead")
