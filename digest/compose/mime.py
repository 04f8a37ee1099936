"""Headers and parts put together to a message.

Header block and body are made apart and joined at the very end: a DKIM signature covers the finished
headers and the finished body, and its own header goes in front of both.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import re
from collections.abc import Iterable
from email.utils import format_datetime
from functools import lru_cache
from urllib.parse import quote

from digest.compose.dkim import Dkim
from digest.compose.headers import mailbox_header, plain_address, text_header
from digest.compose.inert import line
from digest.compose.links import MailLinks
from digest.compose.message import Draft, Unsigned
from digest.compose.sender import Sender
from digest.deliver.delivery import Delivery
from digest.errors import DigestError

_MESSAGE_ID = re.compile(r"<[!-;=?-~]{1,500}>")
_PART = b'Content-Type: text/%s; charset="utf-8"\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n'
_TEXT_PART = _PART % b"plain"
_HTML_PART = _PART % b"html"


class Envelopes:
    """Writes the headers of one sender's mails, and closes and signs them."""

    def __init__(self, sender: Sender, links: MailLinks, dkim: Dkim) -> None:
        self._sender = sender
        self._links = links
        self._dkim = dkim
        self._from = mailbox_header("From", line(sender.name, 80), sender.address)
        # RFC 6068 section 2: `?` and `&` begin a field there.
        self._mailto = quote(sender.address, safe="@+!$'*")
        self._bulk = b"".join(
            (
                b"List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n",
                mailbox_header("List-Id", line(sender.product, 80), f"list@{sender.list_id}").replace(
                    b"<list@", b"<"
                ),
                b"Precedence: bulk\r\n",
            )
        )

    def bulk_headers(self, leave: str) -> bytes:
        """What a digest has beyond other mails, so that it is known as a list and left with one click.

        List-Unsubscribe is one line, of about 150 characters and 785 at most: encoded or folded within a URI, one-click
        is lost (RFC 8058). It could be folded between them to keep to 78 columns (RFC 5322); unfolded, there is nothing
        about it to get wrong.

        Args:
            leave: The reader's leave link.
        """
        token = leave.rpartition("/")[2]
        line = f"List-Unsubscribe: <{leave}>, <mailto:{self._mailto}?subject=leave%20{token}>\r\n"
        return line.encode("ascii") + self._bulk

    def draft(
        self,
        delivery: Delivery,
        *,
        subject: bytes,
        text: Iterable[bytes],
        html: Iterable[bytes],
        more: bytes = b"",
    ) -> Draft:
        """Close one mail, but for its signatures.

        Args:
            subject: The Subject header, encoded.
            text: Encoded pieces of the text part, the last one ending in a line break of the text.
            html: The same of the HTML part.
            more: Further headers.
        """
        boundary = _boundary(delivery.message_id)
        headers = b"".join((self._headers(delivery, subject, boundary), more))
        first, between, last = (
            b"--%s\r\n" % boundary,
            b"\r\n--%s\r\n" % boundary,
            b"\r\n--%s--\r\n" % boundary,
        )
        body = b"".join((first, _TEXT_PART, *text, between, _HTML_PART, *html, last))
        return Draft(
            sender=self._links.return_path(delivery.id, self._sender.bounces_to),
            recipient=delivery.recipient,
            unsigned=Unsigned(
                delivery.signed_by, headers, hashlib.sha256(body).digest(), delivery.planned_at
            ),
            body=body,
            sound=True,
            sign=self._dkim.headers,
        )

    def _headers(self, delivery: Delivery, subject: bytes, boundary: bytes) -> bytes:
        if not _MESSAGE_ID.fullmatch(delivery.message_id):
            raise DigestError(f"delivery {delivery.id}: {delivery.message_id!r} is no Message-ID")
        return b"".join(
            (
                self._from,
                f"To: {plain_address(delivery.recipient)}\r\n".encode("ascii"),
                subject,
                _date_header(delivery.planned_at.isoformat()),
                f"Message-ID: {delivery.message_id}\r\n".encode("ascii"),
                b"MIME-Version: 1.0\r\n",
                b'Content-Type: multipart/alternative;\r\n boundary="%s"\r\n' % boundary,
                b"Auto-Submitted: auto-generated\r\n",
            )
        )


def subject_header(subject: str) -> bytes:
    """The Subject header of what a template gave."""
    return text_header("Subject", line(subject, 250))


@lru_cache(maxsize=256)
def _date_header(at: str) -> bytes:
    """Kept, since readers of one hour are planned at the same moment: 9 µs are an eighth of what a mail takes.

    By its text: two moments that are equal in two zones are not written alike.
    """
    return f"Date: {format_datetime(dt.datetime.fromisoformat(at))}\r\n".encode("ascii")


def _boundary(message_id: str) -> bytes:
    """`=_` is in no quoted-printable text (RFC 2045 section 6.7), so no part can hold it."""
    return b"=_" + hashlib.sha256(message_id.encode()).hexdigest()[:24].encode()
