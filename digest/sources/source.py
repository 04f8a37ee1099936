"""What a source is: where dumps come from, how often it is asked, and what it gives on a usual day."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

#: The source of what a person hands to `digest ingest`; it is held to no volume.
COMMAND = "command"
#: The source of the watched folder, `dumps.folder`.
FOLDER = "folder"


class SourceKind(StrEnum):
    """How a source is opened; each has a module of its own."""

    FOLDER = "folder"
    DAILY_PAPERS = "daily-papers"  #: `GET /api/daily_papers?date=…`
    ARXIV = "arxiv"  #: its query API
    FEED = "feed"  #: RSS, Atom or JSON Feed
    PAGE = "page"  #: any address whose answer is a dump


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One source, as the operator named it."""

    name: str
    kind: SourceKind
    url: str = ""  #: none for a folder
    path: Path | None = None  #: of a folder
    categories: tuple[str, ...] = ()  #: of arXiv
    every: dt.timedelta = dt.timedelta(hours=1)  #: between two looks
    pause: dt.timedelta = dt.timedelta(seconds=1)  #: between two requests
    days: int = 2  #: dates asked for at each look, today among them
    expected: int | None = None  #: papers listed on a usual working day; learned where not given
    allow_private: bool = False  #: whether it may be on this machine or network
