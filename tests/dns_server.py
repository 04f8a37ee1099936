"""A small DNS server on a loopback port that the system gives, with answers and faults as a test scripts them.

    with DnsServer({("example.org", "TXT"): ["v=spf1 -all"]}) as server:
        ...                       # ask 127.0.0.1, server.port
        assert server.asked == [("example.org", "TXT")]

A record is written as in a zone file, but for TXT, whose text stands as it is and is cut into strings here. A name
without records does not exist (NXDOMAIN). In place of records may stand `SERVFAIL`, or `SILENCE`: no answer at all. A
CNAME of a name is followed, as resolvers have it.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator, Mapping, Sequence
from enum import Enum
from types import TracebackType
from typing import Self

import dns.flags
import dns.message
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import dns.rrset


class Fault(Enum):
    """What a server does that has no answer."""

    SERVFAIL = "servfail"
    SILENCE = "silence"


SERVFAIL, SILENCE = Fault.SERVFAIL, Fault.SILENCE
#: By name, without a dot at its end, and kind.
Zone = Mapping[tuple[str, str], Sequence[str] | Fault]


class DnsServer:
    """Listens at once, on UDP.

    Attributes:
        port: On 127.0.0.1.
        zone: What it answers; it may be changed at any time.
        asked: Name and kind of each question, in their order.
    """

    def __init__(self, zone: Zone) -> None:
        self.zone = zone
        self.asked: list[tuple[str, str]] = []
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self.port = int(self._socket.getsockname()[1])
        self._thread = threading.Thread(target=self._serve, daemon=True)

    @property
    def place(self) -> str:
        """As `dns.servers` of the settings has it."""
        return f"127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as last:
            last.sendto(b"", ("127.0.0.1", self.port))
        self._thread.join()
        self._socket.close()

    def _serve(self) -> None:
        while True:
            data, client = self._socket.recvfrom(4096)
            if not data:
                return
            answer = self._answer(dns.message.from_wire(data))
            if answer is not None:
                self._socket.sendto(answer.to_wire(max_size=4096), client)

    def _answer(self, query: dns.message.Message) -> dns.message.Message | None:
        (question,) = query.question
        name = question.name.to_text(omit_final_dot=True).lower()
        kind = dns.rdatatype.to_text(question.rdtype)
        self.asked.append((name, kind))
        answer = dns.message.make_response(query)
        answer.flags |= dns.flags.RA
        faults = {self.zone[name, kind]} if isinstance(self.zone.get((name, kind)), Fault) else set()
        if SILENCE in faults:
            return None
        if faults:
            answer.set_rcode(dns.rcode.SERVFAIL)
            return answer
        answer.answer = list(self._sets(name, kind))
        if not answer.answer and not any(known == name for known, _ in self.zone):
            answer.set_rcode(dns.rcode.NXDOMAIN)
        return answer

    def _sets(self, name: str, kind: str) -> Iterator[dns.rrset.RRset]:
        alias = self.zone.get((name, "CNAME"))
        if alias is not None and not isinstance(alias, Fault):
            yield dns.rrset.from_text(f"{name}.", 60, "IN", "CNAME", f"{alias[0]}.")
            yield from self._sets(alias[0], kind)
            return
        texts = self.zone.get((name, kind))
        if texts and not isinstance(texts, Fault):
            written = [_strings(text) for text in texts] if kind == "TXT" else list(texts)
            yield dns.rrset.from_text_list(f"{name}.", 60, "IN", kind, written)


def _strings(text: str) -> str:
    """A text as a zone file has it, in strings of 255 at most."""
    pieces = [text[at : at + 255] for at in range(0, len(text), 255)] or [""]
    return " ".join('"' + piece.replace("\\", "\\\\").replace('"', '\\"') + '"' for piece in pieces)
