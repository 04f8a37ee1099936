"""What a format reader gives: records as they stand in the dump, and what it had to reject."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum


class Announced(StrEnum):
    """How arXiv announces a listed paper."""

    NEW = "new"
    CROSS = "cross"  #: listed in one more category
    REPLACE = "replace"  #: a new version of a known paper
    REPLACE_CROSS = "replace-cross"


@dataclass(frozen=True, slots=True, kw_only=True)
class Details:
    """What else a dump may say of a paper; nothing here where it does not: no field is ever guessed."""

    summary: str = ""  #: a line or two in place of an abstract, as a machine writes them
    author_count: int | None = None  #: where a page says "3 authors" and names none
    submitter: str | None = None  #: user name of who put it on the page
    organisation: str | None = None
    keywords: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()  #: of arXiv, the primary one first
    project_url: str | None = None  #: https, or http as given
    thumbnail_url: str | None = None
    submitted_at: dt.datetime | None = None  #: when it was put on the page, aware
    updated_at: dt.datetime | None = None  #: of its newest version, aware
    version: int | None = None  #: of arXiv, from 1
    announced: Announced | None = None
    withdrawn: bool = False


NO_DETAILS = Details()


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One paper as one dump lists it, text untouched."""

    position: int  #: place in the dump, from 1
    line: int  #: line of the dump where it starts, from 1 (JSON: the row's number)
    title: str  #: as given, but for lines rejoined where a layout wrapped them
    abstract: str  #: as given; "" where the dump has none
    arxiv_id: str | None = None  #: without version, such as 2401.01234 or cs/0112017
    doi: str | None = None  #: lower case, without resolver
    authors: tuple[str, ...] = ()
    votes: int | None = None
    comments: int | None = None
    stars: int | None = None  #: of its repository
    published_at: dt.datetime | None = None  #: the paper's own date, aware
    url: str | None = None  #: page of the paper, https
    code_url: str | None = None  #: repository named by the dump, not found in the text
    details: Details = NO_DETAILS


@dataclass(frozen=True, slots=True, kw_only=True)
class Reject:
    """A row that is not a paper, and why."""

    line: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DumpDate:
    """The date that a dump gives of itself; a page head gives none to its year."""

    month: int
    day: int
    year: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """A dump being read. `items` is read once, lazily; it may raise `DumpError` at any row."""

    format: str  #: one of `formats.FORMATS`
    date: DumpDate | None
    items: Iterator[Record | Reject]
