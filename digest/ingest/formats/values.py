"""Values as dumps give them: what is of another type, out of range or unsound is absent, never guessed."""

from __future__ import annotations

import datetime as dt
import re
from decimal import Decimal
from urllib.parse import urlsplit

#: What a column of counts holds.
_MOST = 2**31 - 1
#: Characters; what is longer is no address that a mail could carry.
_LONGEST_URL = 2_000
#: Characters; the name of an author, a user or an organisation, a keyword.
_LONGEST_NAME = 200
_MOST_KEYWORDS = 100
#: Characters; a machine's summary is a line or two, and a teaser a paragraph.
_LONGEST_SUMMARY = 5_000
# Not the weeks (2025-W34) that Python reads as their Mondays.
_DATED = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_UNSOUND = re.compile("[\x00\ud800-\udfff]")
# The latter ones hide, or turn around what stands beside them: an address would read as another.
_IN_NO_URL = re.compile(
    r"[\s\x00-\x1f\x7f<>\"\\^`{|}\ud800-\udfff\x80-\x9f\u00ad\u061c\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff]"
)
_SHOWN_COUNT = re.compile(r"(\d{1,3}(?:,\d{3}){1,3}|\d{1,10}(?:\.\d{1,6})?)\s?([kKmM]?)", re.ASCII)
_UNITS = {"": 1, "k": 1_000, "m": 1_000_000}


def text(value: object) -> str:
    """Give a text as it stands, sound; "" for all else."""
    return sound(value) if isinstance(value, str) else ""


def sound(text: str) -> str:
    """Replace what no database and no mail can hold: NUL, and a surrogate without its other half."""
    return _UNSOUND.sub("\ufffd", text)


def name(value: object) -> str | None:
    """Give a name in one line, without the white space around it, of 200 characters at most."""
    line = " ".join(text(value).split())
    return line if 0 < len(line) <= _LONGEST_NAME else None


def summary(value: object) -> str:
    """Give a text of 5,000 characters at most that stands for an abstract; "" for all else."""
    given = text(value)
    return given if len(given) <= _LONGEST_SUMMARY else ""


def keywords(value: object) -> tuple[str, ...]:
    """Give the keywords of a list, if there are 100 at most."""
    words = value if isinstance(value, list | tuple) and len(value) <= _MOST_KEYWORDS else ()
    return tuple(word for given in words if (word := name(given)))


def count(value: object) -> int | None:
    """Give a whole number that counts something: 0 to 2**31 - 1."""
    # A boolean is an int to Python, and none of these counts.
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _MOST else None


def shown_count(text: str) -> int | None:
    """Read votes or stars as pages show them: `3.29k` is 3290, `1,204` is 1204.

    A unit is needed for a fraction; `1.5` of something is no count.
    """
    match = _SHOWN_COUNT.fullmatch(text.strip())
    if not match:
        return None
    number = Decimal(match[1].replace(",", "")) * _UNITS[match[2].lower()]
    return count(int(number)) if number == int(number) else None


def time(value: object) -> dt.datetime | None:
    """Read an ISO date, with a time of day or without, UTC where it names no zone; always in UTC."""
    if not isinstance(value, str) or not _DATED.match(value):
        return None
    try:
        time = dt.datetime.fromisoformat(value)
        return (time if time.tzinfo else time.replace(tzinfo=dt.UTC)).astimezone(dt.UTC)
    except (ValueError, OverflowError):
        return None


def web_url(value: object) -> str | None:
    """Give an address that a page or mail may link to: http or https, with a host, of 2,000 characters at most.

    One with a user's name is none: `https://github.com@example.org/` leads to the latter.
    """
    if not isinstance(value, str):
        return None
    url = value.strip()
    if len(url) > _LONGEST_URL or _IN_NO_URL.search(url):
        return None
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018  (reading it is what checks it)
    except ValueError:
        return None
    return url if parts.scheme in {"http", "https"} and parts.hostname and "@" not in parts.netloc else None
