"""A message read back, for the command and the page that show it before it is sent.

Read from the bytes, not rendered apart: what is shown is what would be mailed.
"""

from __future__ import annotations

from email import message_from_bytes
from email.policy import SMTP

from digest.compose.message import Message


def text_part(message: Message) -> str:
    """The text part, decoded, lines ending in LF: what a reader without HTML sees."""
    return _part(message, 0)


def html_part(message: Message) -> str:
    """The HTML part, decoded, lines ending in LF: what a browser opens."""
    return _part(message, 1)


def _part(message: Message, index: int) -> str:
    parts = list(message_from_bytes(message.data, policy=SMTP).iter_parts())
    return str(parts[index].get_content()).replace("\r\n", "\n")
