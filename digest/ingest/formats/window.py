"""JSON of any length, decoded value by value from a sliding window of its text.

`json.loads` of a 100 MB answer would hold ten times that.
"""

from __future__ import annotations

import html
import json
from collections.abc import Iterator
from typing import Any

from digest.errors import DumpError

_BLANK = " \t\n\r"
#: Bytes taken in at once.
PIECE = 1 << 18
#: Characters of one value. A row is 3 kB as a rule, and abstracts of 10 MB are refused further on.
_LONGEST = 12 << 20
#: Objects and lists of a value longer than a piece, and of what else came in with it: one takes up to 230 bytes,
#: and 12 MB of them took 370. The papers of 5,000 authors have 15,000.
_MOST_PARTS = 100_000
#: The longest entity has 33 characters; one that ends later is left as it stands.
_LONGEST_ENTITY = 64


def pieces(data: bytes, start: int = 0, end: int | None = None) -> Iterator[str]:
    """Decode valid UTF-8 piece by piece; no character is cut in two."""
    stop = len(data) if end is None else end
    while start < stop:
        cut = min(start + PIECE, stop)
        while cut < stop and data[cut] & 0xC0 == 0x80:
            cut += 1
        yield data[start:cut].decode()
        start = cut


def unescaped(texts: Iterator[str]) -> Iterator[str]:
    """Resolve the entities of an HTML text that comes in pieces; none is cut in two."""
    held = ""
    for text in texts:
        held += text
        if cut := _whole(held):
            yield _resolved(held[:cut])
            held = held[cut:]
    if held:
        yield _resolved(held)


def _whole(text: str) -> int:
    """Where the last entity starts if its end is not there yet, else the length."""
    start = text.rfind("&", max(0, len(text) - _LONGEST_ENTITY))
    return len(text) if start < 0 or ";" in text[start:] else start


def _resolved(text: str) -> str:
    # Nearly all entities of JSON are quotation marks, and this is 20 times faster. A mark so put in is part
    # of no other entity.
    return html.unescape(text.replace("&quot;", '"'))


class Window:
    """The text of a JSON document as it comes in; what was read is let go.

    All methods raise `DumpError` where the document is broken, cut, or nested too deep.
    """

    def __init__(self, texts: Iterator[str], *, line: int = 1) -> None:
        self._texts = texts
        self._decode = json.JSONDecoder().raw_decode
        self._text = ""
        self._at = 0
        self._gone = 0
        self.line = line

    @property
    def passed(self) -> int:
        """Characters that were read."""
        return self._gone + self._at

    def next_sign(self) -> str:
        """Give the next character that is not white space; empty at the end."""
        while True:
            while self._at < len(self._text):
                sign = self._text[self._at]
                if sign not in _BLANK:
                    return sign
                self.line += sign == "\n"
                self._at += 1
            if not self._more():
                return ""

    def skip(self) -> None:
        """Go past the sign just seen."""
        self._at += 1

    def value(self) -> Any:
        """Decode one value, taking in as much text again while it is not whole."""
        self.next_sign()
        while True:
            try:
                value, end = self._decode(self._text, self._at)
            except RecursionError as error:
                raise DumpError("nested too deep", line=self.line) from error
            except ValueError as error:
                held = len(self._text) - self._at
                if held > _LONGEST:
                    raise DumpError("a value that does not end", line=self.line) from error
                if not self._more(min(held, _LONGEST + 1 - held)):
                    raise DumpError(_broken(error), line=self._line_of(error)) from error
                self._check_parts()
            else:
                # A number at the end of the window may go on.
                if end == len(self._text) and self._more():
                    continue
                self.line += self._text.count("\n", self._at, end)
                self._at = end
                return value

    def rows(self) -> Iterator[Any]:
        """Decode the values of the list that starts here, one at a time."""
        self.skip()
        if self.next_sign() == "]":
            self.skip()
            return
        while True:
            yield self.value()
            if not self._goes_on("]", "rows"):
                return

    def members(self) -> Iterator[str]:
        """Give the keys of the object that starts here; the caller takes the value before it asks for the next."""
        self.skip()
        if self.next_sign() == "}":
            self.skip()
            return
        while True:
            key = self.value() if self.next_sign() == '"' else None
            if key is None or self.next_sign() != ":":
                raise DumpError("not JSON, or cut: a key and a colon are missing", line=self.line)
            self.skip()
            self.next_sign()
            yield key
            if not self._goes_on("}", "members"):
                return

    def end(self) -> None:
        """Expect nothing more."""
        if self.next_sign():
            raise DumpError("text after the end of the list", line=self.line)

    def _goes_on(self, close: str, what: str) -> bool:
        sign = self.next_sign()
        if not sign or sign not in f",{close}":
            raise DumpError(f"cut, or broken, between two {what}", line=self.line)
        self.skip()
        return sign == ","

    def _check_parts(self) -> None:
        if self._text.count("{") + self._text.count("[") > _MOST_PARTS:
            raise DumpError("a value of too many parts", line=self.line)

    def _more(self, wanted: int = 1) -> bool:
        """Take in at least so many characters, as far as there are any."""
        taken = [self._text[self._at :]]
        count = 0
        while count < wanted and (text := next(self._texts, "")):
            taken.append(text)
            count += len(text)
        if not count:
            return False
        self._gone += self._at
        self._text, self._at = "".join(taken), 0
        return True

    def _line_of(self, error: ValueError) -> int:
        if isinstance(error, json.JSONDecodeError):
            return self.line + self._text.count("\n", self._at, error.pos)
        return self.line


def _broken(error: ValueError) -> str:
    return f"not JSON, or cut: {error.msg}" if isinstance(error, json.JSONDecodeError) else "not JSON"
