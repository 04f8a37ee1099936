"""Damaged documents without end: made of good ones, read as dumps are, and judged.

An input is kept and built on when it gives papers still, in a number that none before it gave. That is a poor
man's coverage, and costs nothing.
"""

from __future__ import annotations

import random
import re
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from digest.errors import DumpError
from digest.ingest.formats import FORMATS, read
from digest.ingest.record import Record, Reject
from digest.pipeline.ingest import cleaned

Judge = Callable[[bytes], str]

#: Bytes; what is longer is cut, so that many are tried.
_LONGEST = 1 << 17
_MOST_KEPT = 300
#: How often a part comes from another format.
_FOREIGN = 0.1
_PARTS = {
    "json": re.compile(rb'"(?:\\.|[^"\\])*"|[\[\]{},:]|[^"\[\]{},:]+|"', re.DOTALL),
    "markup": re.compile(rb"<[^<>]*>|&[a-z#0-9]*;|[^<>&]+|.", re.DOTALL),
    "lines": re.compile(rb"[^\n]*\n|[^\n]+"),
}
_ANYWHERE: tuple[bytes, ...] = (
    b"\n", b"\r", b"\r\n", b"\n\n", b"\t", b" " * 300, b"\0", b"\xff", b"\xef\xbb\xbf", "\u2028".encode(), "\u200b".encode(), "😀".encode(),
    "İ".encode(), "٣".encode(), b"0", b"-1", b"1e999", b"2147483648", b"9" * 5000, b"2408.01234", b"2408.01234v2", b"cs/0112017", b"3.29k", b"12,345",
    b"https://", b"http://[", b"https://huggingface.co/papers/", b"https://github.com/a/b", b"javascript:1", b"10.1000/x", b"\\", b"$", b"{{", b"\\textit{",
    b"2024-02-30", b"0001-01-01T00:00:00+23:59", b"9999-12-31T23:59:59-23:59", b"Feb 29", b"x" * 3000,
)  # fmt: skip
_TOKENS: dict[str, tuple[bytes, ...]] = {
    "json": (
        b"[", b"]", b"{", b"}", b",", b":", b'"', b'"\\ud800"', b'"\\u0000"', b"null", b"true", b"NaN", b"-Infinity", b"{}", b"[]", b'""', b'"paper"', b'"papers"',
        b'"id"', b'"title"', b'"summary"', b'"authors"', b'"upvotes"', b'"publishedAt"', b'"error"', b'"items"', b'"version"', b'"date"', b'"url"', b'"dailyPapers"',
        b'"https://jsonfeed.org/version/1.1"', b'"content_html"', b'"date_published"', b'{"paper":', b'"<p>"',
    ),
    "markup": (
        b"<", b">", b"</", b"/>", b"<!--", b"-->", b"<![CDATA[", b"]]>", b"<?", b"?>", b"<!DOCTYPE x [", b'<!ENTITY a "&a;&a;">', b"&a;", b"&lt;", b"&amp;", b"&quot;",
        b"&#0;", b"&#xD800;", b"&#x10FFFF;", b"&nbsp;", b"=", b'"', b"'", b"<div>", b"</div>", b"<p>", b"</p>", b"<br>", b"<article>", b"</article>", b"<h3>", b"</h3>",
        b"<a href='/papers/2408.01234'>", b"</a>", b"<script>", b"</script>", b"<svg>", b"<template>", b"<input type=checkbox>", b"<time datetime=", b"Submitted by",
        b" data-props='{", b"3 authors", b"<item>", b"</item>", b"<entry>", b"</entry>", b"<title>", b"</title>", b"<link>", b"<description>", b"<summary type='xhtml'>",
        b"<dc:creator>", b"<author><name>", b"xmlns='x'", b"xmlns:a=''", b"<rss>", b"</rss>", b"<feed>", b"</feed>", b"<?xml version='1.0' encoding='utf-16'?>", b"<plaintext>",
        b"Announce Type: replace", b"Abstract: ", b"<arxiv:comment>This paper has been withdrawn",
    ),
    "lines": (
        b"# ", b"## ", b"### ", b"* ", b"- ", b"> ", b"[", b"]", b"](", b")", b"][12]", b"[12]: ", b"![](", b"**", b"```\n", b"---\n", b"===\n", b"| ", b"\xc2\xb7", b"3 authors\n",
        b"Submitted by\n", b"Published on ", b"Aug 1\n", b"Daily Papers\n", b"Subscribe", b"Previous\n", b"Next\n", b"Abstract\n", b"    ", b"View arXiv page\n", b"upvote\n",
        b"[...]\n", b"(truncated)\n", b"\\n", b"...", b".\n", b"?\n",
    ),
}  # fmt: skip
_DEEP = {
    "json": (b"[", b'{"paper":', b'{"a":[', b'"\\u'),
    "markup": (b"<div>", b"<a ", b"<article>", b"&amp;", b"<!--"),
    "lines": (b"[", b"> ", b"* ", b"#", b"("),
}


def family(name: str) -> str:
    """Tell by which structure a format's documents are damaged."""
    if name in ("daily-papers-json", "json-feed"):
        return "json"
    return "lines" if name in ("text-a", "text-b", "rendering") else "markup"


def judge(data: bytes) -> str:
    """Read a document as ingest does, and say how it ended.

    Raises:
        Exception: Anything that a reader lets through, but for a `DumpError`; or a promise about records
            that one of them breaks.
    """
    try:
        reading = read(data)
        items = list(reading.items)
    except DumpError as refusal:
        # The same reason at another place is the same end.
        return "refused: " + re.sub(r"\d+|'.*'|\".*\"", "…", refusal.reason)[:40]
    assert reading.format in FORMATS
    records = [item for item in items if isinstance(item, Record)]
    assert [record.position for record in records] == list(range(1, len(records) + 1))
    for record in records:
        _hold(record)
    for reject in items:
        assert not isinstance(reject, Reject) or (reject.reason and reject.line >= 0)
    return f"{reading.format}: {min(len(records), 30)} papers, {min(len(items) - len(records), 9)} rejects"


def _hold(record: Record) -> None:
    """What every record keeps, whatever the dump held."""
    clean = cleaned(record)
    assert record.title.strip()
    for text in (
        record.title,
        record.abstract,
        record.details.summary,
        clean.title,
        clean.abstract,
        *record.authors,
    ):
        assert "\0" not in text
        text.encode()
    for count in (record.votes, record.comments, record.stars):
        assert count is None or 0 <= count < 2**31
    for url in (record.url, record.code_url, record.details.project_url, record.details.thumbnail_url):
        assert url is None or url.lower().startswith(("http://", "https://"))
    for moment in (record.published_at, record.details.submitted_at, record.details.updated_at):
        assert moment is None or moment.tzinfo is not None


def damaged(
    chance: random.Random, kind: str, data: bytes, *, own: Sequence[bytes], others: Sequence[bytes]
) -> bytes:
    """Damage a document in one to six ways; a part of another one may come into it, at times of another format."""
    donors = others if others and chance.random() < _FOREIGN else own
    for _ in range(chance.choice((1, 1, 2, 3, 6))):
        data = chance.choice(_WAYS)(chance, kind, data, donors)[:_LONGEST]
    return data


def _parts(kind: str, data: bytes) -> list[bytes]:
    return _PARTS[kind].findall(data)


def _span(chance: random.Random, length: int) -> tuple[int, int]:
    """Mostly short."""
    start = chance.randint(0, length)
    return start, min(length, start + int(chance.paretovariate(0.7)))


def _swapped(chance: random.Random, kind: str, data: bytes, donors: Sequence[bytes]) -> bytes:
    parts = _parts(kind, data)
    if len(parts) > 1:
        one, other = chance.sample(range(len(parts)), 2)
        parts[one], parts[other] = parts[other], parts[one]
    return b"".join(parts)


def _cut(chance: random.Random, kind: str, data: bytes, donors: Sequence[bytes]) -> bytes:
    parts = _parts(kind, data)
    start, end = _span(chance, len(parts))
    return b"".join(parts[:start] + parts[end:])


def _repeated(chance: random.Random, kind: str, data: bytes, donors: Sequence[bytes]) -> bytes:
    parts = _parts(kind, data)
    start, end = _span(chance, len(parts))
    return b"".join(parts[:end] + parts[start:end] * chance.choice((1, 1, 2, 30)) + parts[end:])


def _spliced(chance: random.Random, kind: str, data: bytes, donors: Sequence[bytes]) -> bytes:
    one, other = _parts(kind, data), _parts(kind, chance.choice(donors))
    return b"".join(one[: chance.randint(0, len(one))] + other[chance.randint(0, len(other)) :])


def _with_token(chance: random.Random, kind: str, data: bytes, donors: Sequence[bytes]) -> bytes:
    at = chance.randint(0, len(data))
    return data[:at] + chance.choice(_TOKENS[kind] + _ANYWHERE) + data[at:]


def _with_other_part(chance: random.Random, kind: str, data: bytes, donors: Sequence[bytes]) -> bytes:
    parts = _parts(kind, data) or [b""]
    parts[chance.randrange(len(parts))] = chance.choice(_TOKENS[kind] + _ANYWHERE)
    return b"".join(parts)


def _flipped(chance: random.Random, kind: str, data: bytes, donors: Sequence[bytes]) -> bytes:
    changed = bytearray(data)
    for _ in range(min(len(changed), chance.choice((1, 1, 4)))):
        changed[chance.randrange(len(changed))] ^= 1 << chance.randrange(8)
    return bytes(changed)


def _ended(chance: random.Random, kind: str, data: bytes, donors: Sequence[bytes]) -> bytes:
    return data[: chance.randint(0, len(data))]


def _deepened(chance: random.Random, kind: str, data: bytes, donors: Sequence[bytes]) -> bytes:
    at = chance.randint(0, len(data))
    return data[:at] + chance.choice(_DEEP[kind]) * chance.choice((3, 30, 2000)) + data[at:]


_WAYS = (
    _swapped,
    _cut,
    _repeated,
    _spliced,
    _with_token,
    _with_token,
    _with_other_part,
    _flipped,
    _ended,
    _deepened,
)


@dataclass(slots=True)
class Campaign:
    """Damaged documents of one format, one after the other; the same seed gives the same ones."""

    name: str  #: of the format
    corpus: list[
        bytes
    ]  #: good documents, then damaged ones that still gave papers, and other ones than before
    donors: Sequence[bytes]  #: documents of other formats, of which parts are put in
    seed: int
    folder: Path  #: an input that breaks something is kept here
    judge: Judge = judge
    executions: int = 0
    ends: Counter[str] = field(default_factory=Counter)
    slowest_s: float = 0.0

    def run(self, *, goes_on: Callable[[int], bool]) -> None:
        """Go on as long as told; asked with the number of inputs tried.

        Raises:
            AssertionError: An input broke something. It names the input, and its cause is what broke.
        """
        chance = random.Random(self.seed)
        for data in self.corpus:
            self._try(data)
        while goes_on(self.executions):
            good = chance.choice(self.corpus)
            data = damaged(chance, family(self.name), good, own=self.corpus, others=self.donors)
            if self._try(data) and len(self.corpus) < _MOST_KEPT:
                self.corpus.append(data)

    def _try(self, data: bytes) -> bool:
        """Judge one input; whether it is of the format still, and its end a new one."""
        began = time.perf_counter()
        try:
            end = self.judge(data)
        except Exception as broken:
            path = self.folder / f"broken-{self.seed}-{self.executions}"
            path.write_bytes(data)
            raise AssertionError(
                f"seed {self.seed}, input {self.executions}: {broken!r}; kept as {path}"
            ) from broken
        self.slowest_s = max(self.slowest_s, time.perf_counter() - began)
        self.executions += 1
        self.ends[end] += 1
        return self.ends[end] == 1 and end.startswith(self.name)

    @property
    def refused(self) -> int:
        """How many inputs were refused as a whole."""
        return sum(count for end, count in self.ends.items() if end.startswith("refused"))
