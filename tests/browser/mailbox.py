"""The mailboxes of all readers: a real SMTP server that lets them wait for their next mail, and open its links."""

from __future__ import annotations

import re
import threading
from collections import Counter
from dataclasses import dataclass
from email import message_from_bytes, policy
from email.message import EmailMessage
from functools import cached_property
from html.parser import HTMLParser

from tests.smtp_server import Accepted, SmtpServer

#: How long a mail may take on a busy machine before a test gives up, in seconds.
PATIENCE_S = 60.0
_URL = re.compile(r"https?://[^\s<>\"]+")


class _Hrefs(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [value for name, value in attrs if name in ("href", "src") and value]


@dataclass(frozen=True)
class Mail:
    """A delivered mail: its very bytes, and what a reader sees of them."""

    data: bytes

    @cached_property
    def message(self) -> EmailMessage:
        return message_from_bytes(self.data, policy=policy.default)

    @property
    def subject(self) -> str:
        return str(self.message["Subject"])

    @cached_property
    def text(self) -> str:
        return self._part("plain")

    @cached_property
    def html(self) -> str:
        return self._part("html")

    @cached_property
    def links(self) -> tuple[str, ...]:
        """Every link to the web in every header and part, each once, in order."""
        headers = [url for value in self.message.values() for url in _URL.findall(str(value))]
        parser = _Hrefs()
        parser.feed(self.html)
        body = [url for url in parser.found if _URL.fullmatch(url)]
        # One at the end of a sentence in the text part stands once more, without the full stop, in the other.
        plain = [url.rstrip(".,)") for url in _URL.findall(self.text)]
        return tuple(dict.fromkeys(headers + plain + body))

    def link(self, path: str) -> str:
        """The one link whose path begins so, such as `/c/`, without what comes after a #."""
        form = re.compile(rf"https?://[^/]+{re.escape(path)}[^/#]+")
        (found,) = {match[0] for match in map(form.match, self.links) if match}
        return found

    def has(self, path: str) -> bool:
        """Whether a link's path begins so; the empty path is in every mail."""
        return not path or any(re.match(rf"https?://[^/]+{re.escape(path)}", url) for url in self.links)

    def header_bytes(self, name: str) -> bytes:
        """The value of a header as it went over the wire, unfolded and not otherwise touched."""
        head = self.data.partition(b"\r\n\r\n")[0].replace(b"\r\n ", b" ")
        (found,) = [
            line for line in head.split(b"\r\n") if line.lower().startswith(name.lower().encode() + b":")
        ]
        return found.partition(b":")[2].strip()

    def _part(self, kind: str) -> str:
        part = self.message.get_body((kind,))
        assert part is not None, f"no {kind} part"
        content: str = part.get_content()
        return content


class Mailbox(SmtpServer):
    """Keeps every mail, and who has read which."""

    def __init__(self) -> None:
        self._arrival = threading.Condition()
        self._read: Counter[str] = Counter()
        super().__init__()

    def take(self, message: Accepted) -> None:
        """Keep it, and tell who waits."""
        with self._arrival:
            super().take(message)
            self._arrival.notify_all()

    def of(self, address: str) -> list[Mail]:
        """All mails to this address, oldest first."""
        return [Mail(each.data) for each in list(self.accepted) if each.recipient == address]

    def next(self, address: str, holding: str = "") -> Mail:
        """The oldest mail to this address that was not read yet; waits for it.

        Args:
            holding: The path of a link, such as `/c/`: mails without it are passed over.
        """
        with self._arrival:
            came = self._arrival.wait_for(lambda: self._places(address, holding), PATIENCE_S)
            assert came, f"no further mail to {address} came"
            place = self._places(address, holding)[0]
            self._read[address] = place + 1
        return self.of(address)[place]

    def unread(self, address: str) -> list[Mail]:
        """What came to this address and was not read yet."""
        return self.of(address)[self._read[address] :]

    def _places(self, address: str, holding: str) -> list[int]:
        """Which unread mails of this address hold such a link."""
        mails = enumerate(self.of(address))
        return [place for place, mail in mails if place >= self._read[address] and mail.has(holding)]
