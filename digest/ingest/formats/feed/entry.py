"""An entry of a feed as it stands, whatever kind of feed; times as feeds write them."""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass
from email.utils import parsedate_to_datetime

from digest.ingest.record import DumpDate

#: Characters; no way to write a time is as long.
_LONGEST_TIME = 80
_YEAR_FIRST = re.compile(r"\d{4}-?\d{2}")
# Some write fractions of a second or minutes of a zone as no standard has it.
_FRACTION = re.compile(r"(\d{2}:\d{2}:\d{2}\.\d{6})\d+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """What an entry says of itself."""

    raw: str
    is_html: bool  #: or may be: RSS does not tell


NO_TEXT = Text(raw="", is_html=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """An entry; "" and () where it does not say."""

    line: int  #: line of the dump where it starts, from 1 (JSON Feed: the row's number)
    title: Text
    texts: tuple[Text, ...]  #: the shortest kind first: summary, description, content
    names: tuple[str, ...]  #: what may name a paper: ids, and the addresses of its page
    links: tuple[str, ...]  #: addresses of its page, the best first
    authors: tuple[str, ...]  #: texts of the author elements, each of one name or of many
    published: str
    updated: str
    tags: tuple[str, ...]
    image: str
    announced: str = ""  #: arXiv's word for why it is listed
    comment: str = ""  #: of the authors, to arXiv
    primary: str = ""  #: category of arXiv


def time(text: str) -> dt.datetime | None:
    """Read a time as RFC 822 or ISO 8601 writes it, in the zone it names, else UTC.

    Source:
        RSS 2.0, "pubDate" (RFC 822); RFC 4287 section 3.3 and JSON Feed 1.1 (RFC 3339); W3CDTF for RDF.
    """
    text = text.strip()
    if not text or len(text) > _LONGEST_TIME:
        return None
    try:
        if _YEAR_FIRST.match(text):
            found = dt.datetime.fromisoformat(_FRACTION.sub(r"\1", text))
        else:
            found = parsedate_to_datetime(text)
        return found if found.tzinfo else found.replace(tzinfo=dt.UTC)
    except (ValueError, OverflowError, TypeError, IndexError):
        # The last two come out of email's parser for some texts that are no dates.
        return None


def instant(text: str) -> dt.datetime | None:
    """Read a time, in UTC."""
    found = time(text)
    try:
        return found.astimezone(dt.UTC) if found else None
    except OverflowError:
        return None


def newest_day(texts: list[str]) -> DumpDate | None:
    """Give the day of the latest of the times that can be read, in the zone it is written in."""
    found = [(when, moment) for text in texts if (when := instant(text)) and (moment := time(text))]
    if not found:
        return None
    day = max(found)[1].date()
    return DumpDate(month=day.month, day=day.day, year=day.year)
