"""What the API takes and gives. Unknown keys, other types and oversize values are refused before anything is done.

The bounds stand here and not in the routes, so that the OpenAPI document tells each of them.
"""

from __future__ import annotations

import datetime as dt
import re
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from digest.subscribers.address import LONGEST
from digest.subscribers.preferences import (
    CAP_MAX,
    CAP_MIN,
    HOUR_MAX,
    HOUR_MIN,
    TEXT_MAX,
    TEXTS_MAX,
)

PAGE, PAGE_MAX = 20, 100  #: papers or editions on one page
QUERY_MAX = 200  #: characters of a search
TOPICS_MAX = 100  #: more than any taxonomy is likely to hold
#: The largest id that a database could hold.
ID_MAX = 2**63 - 1

# Controls, NUL among them: PostgreSQL stores no NUL, and no paper is found by the others. Lone surrogates are
# refused by the type: they are no text.
_CONTROLS = r"\u0000-\u001F\u007F-\u009F"
# What `preferences` refuses too, said here so that the document says it; and the semicolon, which it would take
# for the end of one text: a list needs no separator.
_REFUSED = _CONTROLS + r";\u061C\u200E\u200F\u202A-\u202E\u2066-\u2069\uFFFD"
_LINE = rf"^[^{_CONTROLS}]*$"
_ONE_TEXT = rf"^[^{_REFUSED}]*$"


def _whole(value: object) -> object:
    """The number that ASCII digits write, in one way; int() alone takes ` 1_0`, `+1`, `01` and foreign digits too."""
    if isinstance(value, str):
        if not re.fullmatch(r"0|[1-9][0-9]{0,18}", value):
            raise ValueError("is not a whole number")
        return int(value)
    return value


def _number(value: object) -> object:
    """An integer: to JSON Schema `4.0` is one too."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _day(value: object) -> object:
    """The date that YYYY-MM-DD writes; by itself a date may also be a number of seconds."""
    if isinstance(value, str):
        if not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", value):
            raise ValueError("is not a date such as 2026-11-20")
        return dt.date.fromisoformat(value)
    return value


# The bounds come first: behind a validator, pydantic writes them into the document under names of its own.
Id = Annotated[int, Field(ge=1, le=ID_MAX), BeforeValidator(_whole)]
Day = Annotated[dt.date, BeforeValidator(_day)]
Limit = Annotated[int, Field(ge=1, le=PAGE_MAX), BeforeValidator(_whole)]
TopicId = Annotated[
    str, Field(min_length=1, max_length=64, json_schema_extra={"format": "topic-id"}, examples=["kites"])
]
OneText = Annotated[str, Field(max_length=TEXT_MAX, pattern=_ONE_TEXT)]


class _Asked(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class _Given(BaseModel):
    # Not closed: keys may be added, and a reader of the document should be ready for them.
    model_config = ConfigDict(frozen=True)


# -- what is asked for ---------------------------------------------------------------------------------


class Subscription(_Asked):
    """An address, and what its owner wants. All but the address may be left out, or be null."""

    address: str = Field(
        min_length=3,
        max_length=LONGEST,
        json_schema_extra={"format": "email"},
        description="where the digest goes; its owner has to confirm",
        examples=["ada@example.org"],
    )
    topics: list[TopicId] = Field(default=[], max_length=TOPICS_MAX, description="ids of /api/v1/topics")
    interests: list[OneText] = Field(default=[], max_length=TEXTS_MAX, description="in plain words, one each")
    include: list[OneText] = Field(
        default=[], max_length=TEXTS_MAX, description="words, or author:NAME, that bring a paper in"
    )
    exclude: list[OneText] = Field(
        default=[], max_length=TEXTS_MAX, description="words, or author:NAME, that keep a paper out"
    )
    frequency: Literal["daily", "weekdays", "weekly"] | None = Field(None, description="daily if left out")
    weekday: Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"] | None = Field(
        None, description="counts for weekly; mon if left out"
    )
    hour: Annotated[int, Field(ge=HOUR_MIN, le=HOUR_MAX), BeforeValidator(_number)] | None = Field(
        None, description="of the reader's day, from which the digest is sent; the service's own if left out"
    )
    zone: (
        Annotated[str, Field(min_length=1, max_length=64, json_schema_extra={"format": "iana-zone"})] | None
    ) = Field(
        None,
        description="IANA name of the reader's time zone; the service's own if left out",
        examples=["UTC"],
    )
    cap: Annotated[int, Field(ge=CAP_MIN, le=CAP_MAX), BeforeValidator(_number)] | None = Field(
        None, description="papers in one digest at most; 10 if left out"
    )


class PapersAsked(_Asked):
    """Which papers, and how many."""

    q: str = Field(
        "",
        max_length=QUERY_MAX,
        pattern=_LINE,
        description="words; each must stand in the title or the abstract",
        examples=["language model"],
    )
    after: Annotated[int, Field(ge=0, le=ID_MAX), BeforeValidator(_whole)] = Field(
        0, description="next_after of the page before"
    )
    limit: Limit = Field(PAGE, description=f"papers on the page at most; {PAGE} if left out", examples=[5])


class EditionsAsked(_Asked):
    """Which editions, and how many."""

    before: Day = Field(dt.date.max, description="next_before of the page before")
    limit: Limit = Field(PAGE, description=f"editions on the page at most; {PAGE} if left out", examples=[5])


# -- what is given -------------------------------------------------------------------------------------


class Accepted(_Given):
    """The same for every address, whatever is known of it."""

    status: Literal["check your inbox"] = "check your inbox"


class Group(_Given):
    id: str
    label: str


class Topic(_Given):
    id: str
    group: str = Field(description="id of its group")
    label: str
    about: str = Field(description="one line")


class Topics(_Given):
    groups: list[Group]
    topics: list[Topic]


class Paper(_Given):
    """A paper as it stands now."""

    id: int = Field(description="stays the same, and means nothing")
    title: str
    abstract: str = Field(description="empty where none is known")
    summary: str = Field(description="a line or two that a dump gives in place of an abstract, or beside it")
    authors: list[str]
    arxiv_id: str | None
    doi: str | None
    url: str | None = Field(description="page of the paper")
    project_url: str | None
    code_urls: list[str]
    votes: int | None
    comments: int | None
    stars: int | None = Field(description="of its repository")
    organisation: str | None
    keywords: list[str]
    first_seen: dt.date
    topics: list[str] = Field(description="ids of the topics it is about, surest first")


class Papers(_Given):
    papers: list[Paper]
    next_after: int | None = Field(description="`after` of the next page; null on the last")


class Edition(_Given):
    """The papers of one publication day, the same for everyone."""

    id: int
    date: dt.date
    published_at: dt.datetime
    papers: int = Field(description="how many it holds")


class Editions(_Given):
    editions: list[Edition]
    next_before: dt.date | None = Field(description="`before` of the next page; null on the last")


class EditionPaper(_Given):
    """A paper as its edition froze it."""

    id: int
    place: int = Field(description="in the edition by trend, from 1")
    trend: float
    title: str
    abstract: str
    authors: list[str]
    url: str | None
    code_url: str | None
    votes: int | None


class EditionContents(Edition):
    contents: list[EditionPaper]


class FieldProblem(_Given):
    field: str = Field(description="name of the field; empty where the whole is meant")
    reason: str


class ProblemDocument(_Given):
    """What went wrong (RFC 9457)."""

    type: str
    title: str
    status: int
    detail: str
    errors: list[FieldProblem] = Field(default=[], description="with 422: what is wrong, field by field")


#: Where the OpenAPI document keeps the schema of `ProblemDocument`.
PROBLEM_REF = "#/components/schemas/ProblemDocument"
PROBLEM_TYPE = "application/problem+json"

_MEANINGS = {
    400: "not readable, or sent to a host name that is not ours",
    403: "sent from a page of another site",
    404: "there is no such thing",
    413: "the body is too large",
    415: "the body is not application/json",
    422: "a value cannot be used; errors names each",
    429: "too many requests; Retry-After says when to come back",
    503: "the database does not answer; try again later",
}


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The answers beside the good one, for the OpenAPI document: each a problem, all of one schema."""
    return {status: _problem(status) for status in statuses}


def _problem(status: int) -> dict[str, Any]:
    document: dict[str, Any] = {
        "description": _MEANINGS[status],
        "content": {PROBLEM_TYPE: {"schema": {"$ref": PROBLEM_REF}}},
    }
    if status in (429, 503):
        wait = {"description": "seconds to wait", "schema": {"type": "integer"}}
        document["headers"] = {"Retry-After": wait}
    return document
