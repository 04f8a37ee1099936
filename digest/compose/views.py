"""What templates are given: values ready to show, formatted and made harmless."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from digest.compose.inert import inert, line, shorten, web_url
from digest.rank.selection import EditionPaper, Reason

_TITLE_LIMIT = 300  # characters; longer ones are no titles
_SHORT_TITLE_LIMIT = 60
_NAME_LIMIT = 80
_AUTHORS_SHOWN = 3
_REASONS_SHOWN = 2
_WORDS_SHOWN = 5

# strftime would follow the locale of the process: the same delivery, other bytes.
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MONTHS = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReasonView:
    kind: str  #: value of `ReasonKind`
    label: str
    words: str  #: joined by commas; "" where none


@dataclass(frozen=True, slots=True, kw_only=True)
class PaperView:
    title: str
    short_title: str  #: for the subject, the preview line and screen readers
    authors: str  #: "A, B, C and 4 more"; "" where none are known
    abstract: str  #: shortened; "" where none is known
    url: str | None
    code_url: str | None


def paper_view(paper: EditionPaper, *, abstract_chars: int) -> PaperView:
    """A paper as a mail shows it.

    Args:
        abstract_chars: The longest abstract shown; a longer one is cut at a sentence or a word.
    """
    title = line(paper.title, _TITLE_LIMIT) or "Untitled"
    return PaperView(
        title=title,
        short_title=shorten(title, _SHORT_TITLE_LIMIT),
        authors=_authors(paper.authors),
        abstract=shorten(inert(paper.abstract, limit=abstract_chars), abstract_chars),
        url=web_url(paper.url),
        code_url=web_url(paper.code_url),
    )


def reason_views(reasons: Iterable[Reason]) -> tuple[ReasonView, ...]:
    """The strongest reasons, at most two."""
    return tuple(
        ReasonView(
            kind=reason.kind.value,
            label=line(reason.label, _NAME_LIMIT),
            words=", ".join(line(word, _NAME_LIMIT) for word in reason.words[:_WORDS_SHOWN]),
        )
        for reason in tuple(reasons)[:_REASONS_SHOWN]
    )


def weekday_date(day: dt.date) -> str:
    """As in `Friday, 20 November 2026`."""
    return f"{_DAYS[day.weekday()]}, {plain_date(day)}"


def plain_date(day: dt.date) -> str:
    """As in `20 November 2026`."""
    return f"{day.day} {_MONTHS[day.month - 1]} {day.year}"


def plain_moment(at: dt.datetime) -> str:
    """As in `20 November 2026, 07:00 UTC`."""
    utc = at.astimezone(dt.UTC)
    return f"{plain_date(utc.date())}, {utc.hour:02}:{utc.minute:02} UTC"


def _authors(names: tuple[str, ...]) -> str:
    shown = [shown for name in names[:_AUTHORS_SHOWN] if (shown := line(name, _NAME_LIMIT))]
    more = len(names) - _AUTHORS_SHOWN
    return ", ".join(shown) + (f" and {more} more" if more > 0 else "")


_SITE = {
    "product": "Digest",
    "base_url": "https://digest.example.org",
    "address": "reader@example.org",
    "postal_address": ("1 Example Street",),
}
#: Every value that a template may ask for, by mail, with one of its kind: templates are tried with
#: them when they are loaded, so that a broken one stops the start and not a reader's mail.
SAMPLES: Mapping[str, Mapping[str, Any]] = {
    "digest": {
        **_SITE,
        "date": "Friday, 20 November 2026",
        "edition_date": "20 November 2026",
        "edition_url": "https://digest.example.org/editions/2026-11-20",
        "zone": "UTC",
        "count": 1,
        "more": 2,
        "preheader": "A title",
        "first_title": "A title",
        "preferences_url": "https://digest.example.org/p/token",
        "pause_url": "https://digest.example.org/p/token#pause",
        "leave_url": "https://digest.example.org/u/token",
        "papers": [
            {
                "title": "A title",
                "short_title": "A title",
                "authors": "Ada Lovelace",
                "abstract": "A finding.",
                "url": "https://example.org/paper",
                "code_url": "https://example.org/code",
                "reasons": [ReasonView(kind="topic", label="Vision", words="vision")],
            }
        ],
    },
    "confirm": {
        **_SITE,
        "confirm_url": "https://digest.example.org/c/token",
        "days": 3,
        "until": "23 November 2026, 07:00 UTC",
    },
    "goodbye": _SITE,
    "login": {**_SITE, "preferences_url": "https://digest.example.org/p/token"},
    "data": {
        **_SITE,
        "export_url": "https://digest.example.org/x/token",
        "erase_url": "https://digest.example.org/e/token",
        "hours": 24,
        "until": "21 November 2026, 07:00 UTC",
    },
    "alarm": {
        **_SITE,
        "alarms": [{"heading": "A source fails", "about": "arxiv", "text": "Three looks failed."}],
        "subject": "A source fails",
        "day": "Friday, 20 November 2026",
    },
    "moved": {**_SITE, "leave_url": "https://digest.example.org/u/token"},
}
