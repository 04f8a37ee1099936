"""A mail from anywhere, opened so that no form of it costs much time or memory."""

from __future__ import annotations

import re
from collections.abc import Iterator
from email import message_from_bytes
from email.errors import HeaderParseError
from email.header import decode_header
from email.message import Message

from digest.errors import MailError

#: Largest mail that is read. A report that returns the whole mail has about 120 KB.
CAP_BYTES = 1024 * 1024
#: Bounds of what is read: reports have about thirty headers and five parts; one that returns a whole digest has 2,000 lines.
#: The parser's time grows with lines times depth: 400,000 lines within 50 parts took 24 s.
_HEADERS, _PARTS, _LINES, _FIELD_BYTES = 500, 30, 10_000, 8 * 1024
#: The parser asks for the parameters of each part while it reads, in a time that is quadratic in the field's length: 1 MB
#: of semicolons would take minutes. It goes one level down its own stack for each part within a part.
_CONTENT_TYPE = re.compile(rb"^content-type:[^\n]*(?:\n[ \t][^\n]*)*", re.IGNORECASE | re.MULTILINE)
_VALUE_CHARACTERS = 2_000
_TEXT_BYTES = 64 * 1024


def opened(data: bytes) -> Message:
    """Parse a mail.

    Raises:
        MailError: It is larger or deeper than any report is, or the parser gives up.
    """
    if len(data) > CAP_BYTES:
        raise MailError(f"larger than {CAP_BYTES:,} bytes")
    plain = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")  # as the parser does, in all parts
    if plain.count(b"\n") > _LINES:
        raise MailError(f"more than {_LINES:,} lines")
    head, _, _ = plain.partition(b"\n\n")
    if head.count(b"\n") >= _HEADERS:
        raise MailError(f"more than {_HEADERS} lines of headers")
    fields = [len(found[0]) for found in _CONTENT_TYPE.finditer(plain)]
    if len(fields) > _PARTS:
        raise MailError(f"more than {_PARTS} parts")
    if max(fields, default=0) > _FIELD_BYTES:
        raise MailError("a Content-Type without end")
    try:
        return message_from_bytes(plain)
    except Exception as error:  # whatever a mail makes of the parser, the next one is read
        raise MailError(f"cannot be parsed: {type(error).__name__}") from error


def value(message: Message, name: str) -> str:
    """A header as text in one line, its encoded words decoded; "" where there is none."""
    raw = str(message.get(name, ""))[:_VALUE_CHARACTERS]
    try:
        pieces = [_decoded(piece, charset) for piece, charset in decode_header(raw)]
    except (HeaderParseError, ValueError):
        pieces = [raw]
    return " ".join("".join(pieces).split())


def values(message: Message, name: str) -> list[str]:
    """All headers of a name, as they came."""
    return [str(each)[:_VALUE_CHARACTERS] for each in message.get_all(name, [])]


def parts(message: Message) -> Iterator[Message]:
    """The parts that hold no others, and the mail itself where it has none; in their order."""
    return (part for part in message.walk() if not part.is_multipart())


def text(part: Message) -> str:
    """What a part says, decoded, up to 64 KB; whatever charset it names is read as UTF-8, for only words count."""
    payload = part.get_payload(decode=True)
    return payload[:_TEXT_BYTES].decode("utf-8", "replace") if isinstance(payload, bytes) else ""


def is_text(part: Message) -> bool:
    return part.get_content_maintype() == "text"


def _decoded(piece: bytes | str, charset: str | None) -> str:
    if isinstance(piece, str):
        return piece
    # No codec by the mail's own name: punycode takes seconds for what UTF-8 reads in microseconds.
    codec = (
        charset
        if charset in ("utf-8", "us-ascii", "iso-8859-1", "iso-8859-15", "windows-1252")
        else "latin-1"
    )
    return piece.decode(codec, "replace")
