"""Subscribers as CSV: an import read row by row, and an export that no spreadsheet runs as formulas."""

from __future__ import annotations

import csv
import datetime as dt
import io
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass

from digest.errors import AddressError, PreferenceError, UsageError
from digest.subscribers.address import address_key, normalise
from digest.subscribers.preferences import SEPARATOR, WEEKDAYS, profile, schedule
from digest.subscribers.subscriber import Profile, Schedule, State, Subscriber

COLUMNS = (
    "address", "topics", "interests", "include", "exclude", "cap",
    "frequency", "weekday", "zone", "hour", "state", "confirmed_at",
)  # fmt: skip

# What a spreadsheet reads as a formula or drops in front of one; the wide forms count in some locales.
# Quotes in front are part of it, so that taking one away again gives back what was there.
_FORMULA = re.compile(r"'*[=+\-@\t\r\n＝＋－＠]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One subscriber of an import."""

    line: int  #: of the file, from 1, where the row starts
    address: str  #: normalised
    profile: Profile
    schedule: Schedule
    state: State | None  #: None where the file says nothing
    confirmed_at: dt.datetime | None  #: aware; None where the file says nothing


@dataclass(frozen=True, slots=True, kw_only=True)
class BadRow:
    """A row that is not imported, and why."""

    line: int
    reason: str


def read_csv(
    text: str, topic_ids: Collection[str], *, unset: Schedule | None = None
) -> Iterator[Row | BadRow]:
    """Read an import: commas between columns, semicolons inside lists, a header row first.

    Only `address` is required. An empty cell means the default. `confirmed_at` is an ISO date or
    moment, in UTC where it says no zone. A quote put before a formula by `write_csv` is taken off
    again, so an export reads back alike.

    Args:
        text: The file, with or without a byte order mark, with any line ends.
        topic_ids: Ids of the taxonomy.
        unset: Its zone and hour are those of rows that name none.

    Returns:
        One value for each row, in order; of two rows with one address, the second is bad.

    Raises:
        UsageError: At once, where the header lacks `address`, repeats a column or has an unknown one.
    """
    numbered = _numbered(text.removeprefix("\ufeff"))
    line, cells = next(numbered, (1, []))
    if isinstance(cells, str):
        raise UsageError(f"line {line}: {cells}")
    header = [cell.strip().casefold() for cell in cells]
    _check_header(header)
    return _rows(numbered, header, topic_ids, unset or Schedule())


def write_csv(subscribers: Iterable[Subscriber]) -> Iterator[str]:
    """Write an export, line by line, the header first; each piece ends in CRLF (RFC 4180).

    A cell, or a value of a list, that a spreadsheet would run gets a quote in front: values of a list
    too, for where `;` parts the columns each of them is a cell.
    """
    yield _line(COLUMNS)
    for subscriber in subscribers:
        yield _line(_cells(subscriber))


def _check_header(header: list[str]) -> None:
    for name in header:
        if name not in COLUMNS:
            raise UsageError(f"unknown column {name!r}; known are {', '.join(COLUMNS)}")
        if header.count(name) > 1:
            raise UsageError(f"column {name!r} stands twice")
    if "address" not in header:
        raise UsageError("the first line must name the columns, `address` among them")


def _rows(
    numbered: Iterator[tuple[int, list[str] | str]],
    header: list[str],
    topic_ids: Collection[str],
    unset: Schedule,
) -> Iterator[Row | BadRow]:
    seen: dict[str, int] = {}
    for line, cells in numbered:
        if isinstance(cells, str):
            yield BadRow(line=line, reason=cells)
            continue
        try:
            row = _row(line, header, cells, topic_ids, unset)
        except (AddressError, PreferenceError) as error:
            yield BadRow(line=line, reason=str(error))
            continue
        first = seen.setdefault(address_key(row.address), line)
        yield row if first == line else BadRow(line=line, reason=f"the address of line {first} again")


def _numbered(text: str) -> Iterator[tuple[int, list[str] | str]]:
    """Cells by the line they start on, blank lines left out; a reason instead where CSV ends."""
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    while True:
        line = reader.line_num + 1
        try:
            cells = next(reader, None)
        except csv.Error as error:
            yield line, f"{error}; nothing after it was read"
            return
        if cells is None:
            return
        if any(cell.strip() for cell in cells):
            yield line, cells


def _row(line: int, header: list[str], cells: list[str], topic_ids: Collection[str], unset: Schedule) -> Row:
    if len(cells) > len(header):
        raise PreferenceError("", f"{len(cells)} cells under {len(header)} columns")
    given = dict(zip(header, cells, strict=False))  # spreadsheets leave out empty cells at the end
    return Row(
        line=line,
        address=normalise(_value(given, "address") or ""),
        profile=_profile(given, topic_ids),
        schedule=schedule(
            frequency=_value(given, "frequency"),
            weekday=_value(given, "weekday"),
            zone=_value(given, "zone") or unset.zone,
            hour=_value(given, "hour") or unset.hour,
        ),
        state=_state(_value(given, "state")),
        confirmed_at=_moment(_value(given, "confirmed_at")),
    )


def _profile(given: Mapping[str, str], topic_ids: Collection[str]) -> Profile:
    return profile(
        known_topics=topic_ids,
        topics=_values(given, "topics"),
        interests=_values(given, "interests"),
        include=_values(given, "include"),
        exclude=_values(given, "exclude"),
        cap=_value(given, "cap"),
    )


def _value(given: Mapping[str, str], name: str) -> str | None:
    return _restored(given.get(name, "").strip()) or None


def _values(given: Mapping[str, str], name: str) -> list[str]:
    return [_restored(part.strip()) for part in given.get(name, "").split(SEPARATOR)]


def _state(value: str | None) -> State | None:
    if value is None:
        return None
    try:
        return State(value.casefold())
    except ValueError as error:
        raise PreferenceError("state", f"{value!r} is not one of {', '.join(State)}") from error


def _moment(value: str | None) -> dt.datetime | None:
    if value is None:
        return None
    try:
        moment = dt.datetime.fromisoformat(value)
        return moment.replace(tzinfo=moment.tzinfo or dt.UTC).astimezone(dt.UTC)
    except (ValueError, OverflowError) as error:
        raise PreferenceError(
            "confirmed_at", f"{value!r} is not an ISO date or moment such as 2026-03-01T09:30:00+01:00"
        ) from error


def _cells(subscriber: Subscriber) -> tuple[str, ...]:
    """One subscriber's cells, in the order of `COLUMNS`."""
    chosen, when, confirmed_at = subscriber.profile, subscriber.schedule, subscriber.confirmed_at
    lists = (chosen.topics, chosen.interests, chosen.include, chosen.exclude)
    return (
        _defused(subscriber.address),
        *(SEPARATOR.join(map(_defused, values)) for values in lists),
        str(chosen.cap),
        when.frequency,
        WEEKDAYS[when.weekday],
        when.zone,
        str(when.hour),
        subscriber.state,
        confirmed_at.astimezone(dt.UTC).isoformat() if confirmed_at else "",
    )


def _line(cells: Iterable[str]) -> str:
    text = io.StringIO(newline="")
    csv.writer(text).writerow(cells)
    return text.getvalue()


def _defused(text: str) -> str:
    return "'" + text if _FORMULA.match(text) else text


def _restored(text: str) -> str:
    return text[1:] if text.startswith("'") and _FORMULA.match(text) else text
