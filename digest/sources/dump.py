"""What a source gives: a dump as received, or why there is none."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class RawDump:
    """One document, decompressed, otherwise untouched."""

    name: str  #: as it was asked for; `folder/file` in a folder, `archive.zip!member` in an archive
    data: bytes
    modified_at: dt.datetime  #: the file's time, in UTC; of standard input, when it was read
    seen_on: dt.date | None = None  #: the day that the source was asked for


@dataclass(frozen=True, slots=True, kw_only=True)
class Oversize:
    """A document over the cap: known by name, size and hash, its bytes not kept."""

    name: str
    size_bytes: int  #: decompressed; at least so many where reading stopped
    sha256: str  #: of those bytes, in hex
    whole: bool  #: False where reading stopped at 20 times the cap, as for a bomb


@dataclass(frozen=True, slots=True, kw_only=True)
class Unreadable:
    """A file, folder or archive member that gives no document."""

    name: str
    reason: str  #: in words for an admin


#: One of them for each document named.
Opened = RawDump | Oversize | Unreadable
