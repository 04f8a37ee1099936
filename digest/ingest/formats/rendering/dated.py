"""The date of a rendering: what the head of the page says, with the year of the crawler's own stamp."""

from __future__ import annotations

import datetime as dt
import re
from itertools import pairwise

from digest.ingest.dates import parse_head_date, resolve
from digest.ingest.formats.rendering.furniture import Kind
from digest.ingest.formats.rendering.sections import Section
from digest.ingest.record import DumpDate

#: Bytes; a crawler writes its stamp first.
_FIRST = 1 << 14
_DAY = r"(?P<day>\d{4}-\d{2}-\d{2})"
_STAMP = re.compile(
    r"^[\W_]{0,8}(?:captured|retrieved|fetched|crawled|scraped|exported|accessed|archived|downloaded|saved|snapshot|"
    rf"date|time ?stamp|time|last[ _-]modified|published[ _-]time|as of)[\w ()/-]{{0,20}}[*_`\"']{{0,3}}\s*[:=]?\W{{0,6}}{_DAY}",
    re.IGNORECASE | re.MULTILINE,
)
_ADDRESS = re.compile(
    rf"^[\W_]{{0,8}}(?:source |page )?(?:url|source|address|link)[\w ]{{0,12}}[*_`\"']{{0,3}}\s*[:=]\W{{0,6}}\S{{1,200}}?"
    rf"(?:/papers/date/|/papers\?(?:\S{{0,100}}&)?date=){_DAY}",
    re.IGNORECASE | re.MULTILINE,
)
_MONTH_ALONE = re.compile(r"[A-Z][a-z]{2,8}\.?")


def head_date(data: bytes, head: Section) -> DumpDate | None:
    """Find the date of a dump.

    The page's own date holds; where it has no year, the stamp gives it: the latest such day up to one day
    after it. Without a date in the head, the address of the page or the stamp is the date.
    """
    first = data[:_FIRST].decode(errors="replace")
    stamp = _day(_STAMP.search(first))
    shown = _shown(head)
    if shown is None:
        stamp = _day(_ADDRESS.search(first)) or stamp
        return _dump_date(stamp) if stamp else None
    if shown.year or stamp is None:
        return shown
    try:
        return _dump_date(resolve(shown, seen_on=stamp, file_time=stamp)[0])
    except ValueError:
        return shown


def _day(match: re.Match[str] | None) -> dt.date | None:
    try:
        return dt.date.fromisoformat(match["day"]) if match else None
    except ValueError:
        return None


def _dump_date(day: dt.date) -> DumpDate:
    return DumpDate(year=day.year, month=day.month, day=day.day)


def _shown(head: Section) -> DumpDate | None:
    """The last date in the head; month and day may stand on lines of their own."""
    pieces = head.pieces()
    dates = [piece.date for piece in pieces if piece.kind is Kind.DATE]
    if dates:
        return dates[-1]
    for before, piece in pairwise(pieces):
        if _MONTH_ALONE.fullmatch(before.text) and piece.kind is Kind.COUNT:
            found = parse_head_date(f"{before.text} {piece.number}")
            if found:
                return found
    return None
