"""How the sources are: what each lists today against its usual day, and whether it answers."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from sqlalchemy.engine import Connection

from digest.ingest import volume
from digest.ingest.volume import Fields
from digest.sources.source import Source, SourceKind
from digest.store import sources as states
from digest.store import volumes
from digest.store.sources import SourceState
from digest.store.volumes import Ends, Listed, Unread

#: Days looked back over: eight same weekdays before this one.
_WINDOW = dt.timedelta(weeks=volume.WEEKS + 1)
#: Days whose fields say what is usual.
_FIELD_DAYS = 8
_FIELD_WINDOW = dt.timedelta(weeks=3)
#: So many failures in a row, or so long without success, are no hiccup.
_FAILURES = 3
_PATIENCE = dt.timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceHealth:
    """One source at one moment."""

    name: str
    kind: SourceKind
    last_success_at: dt.datetime | None  #: it answered; of a folder, a dump of it was read
    last_try_at: dt.datetime | None
    next_at: dt.datetime | None  #: when it is asked next; None for a folder, which is watched
    failures: int  #: in a row
    reason: str | None  #: of the last failure
    papers: int  #: distinct, that it listed today
    normal: float | None  #: papers of such a day; None where it is not known
    expected_by_now: bool  #: whether what it lists today should be here
    short: bool  #: it is not here, by far
    failing: bool
    missing_fields: tuple[str, ...]
    unread: tuple[Unread, ...]  #: dumps that came today and could not be read

    @property
    def quarantined(self) -> int:
        """How many dumps came today and could not be read."""
        return len(self.unread)

    @property
    def words(self) -> tuple[str, ...]:
        """How it is, in few words: all that is wrong, or the one word for its being well."""
        wrong = {
            "failing": self.failing,
            "short": self.short,
            "fields missing": bool(self.missing_fields),
            "quarantine": bool(self.unread),
        }
        return tuple(word for word, is_so in wrong.items() if is_so) or (self._well(),)

    def _well(self) -> str:
        if self.failures:
            return "failed"
        if self.normal is None:
            return "learning" if self.papers or self.last_success_at else "nothing yet"
        return "waiting" if volume.is_short(self.papers, self.normal) else "well"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Read:
    """What the store knows of all sources, read in few statements."""

    ends: Mapping[str, Ends]
    listed: Mapping[str, Mapping[dt.date, Listed]]
    last_read: Mapping[str, dt.datetime]
    fields: Mapping[str, tuple[Mapping[dt.date, Fields], Fields]]
    unread: Mapping[str, tuple[Unread, ...]]
    states: Mapping[str, SourceState]


def examine(
    conn: Connection, sources: Sequence[Source], *, now: dt.datetime, zone: ZoneInfo, hour: int
) -> tuple[SourceHealth, ...]:
    """How each of these sources is, in their order.

    Args:
        sources: None of them is the command: what a person hands over is held to nothing.
        zone: Whose dates the days are.
        hour: The local hour of publication, until which nothing is missed.
    """
    if not sources:
        return ()
    local = now.astimezone(zone)
    read = _read(conn, [source.name for source in sources], day=local.date(), zone=zone)
    return tuple(_examined(source, read, now=now, local=local, hour=hour) for source in sources)


def _read(conn: Connection, names: Sequence[str], *, day: dt.date, zone: ZoneInfo) -> _Read:
    since = day - _WINDOW
    return _Read(
        ends=volumes.ends(conn, names),
        listed=volumes.listed(conn, names, since=since, zone=zone),
        last_read=volumes.last_read(conn, names, since=volumes.midnight(since, zone)),
        fields=volumes.fields(conn, names, since=day - _FIELD_WINDOW, zone=zone),
        unread=volumes.unread(conn, names, since=volumes.midnight(day, zone)),
        states={state.name: state for state in states.every(conn)},
    )


def _examined(
    source: Source, read: _Read, *, now: dt.datetime, local: dt.datetime, hour: int
) -> SourceHealth:
    name, day = source.name, local.date()
    listed, ends, state = read.listed.get(name, {}), read.ends.get(name), read.states.get(name)
    first = ends.first_at.astimezone(local.tzinfo).date() if ends else None
    normal = volume.normal(
        {each: of.papers for each, of in listed.items()}, day=day, first=first, expected=source.expected
    )
    papers = listed[day].papers if day in listed else 0
    expected_by_now = local.hour >= hour and _usually_here(listed, first, local, hour)
    return SourceHealth(
        name=name,
        kind=source.kind,
        last_success_at=(state.succeeded_at if state else None) or read.last_read.get(name),
        last_try_at=(state.tried_at if state else None) or (ends.last_at if ends else None),
        next_at=state.next_at if state else None,
        failures=state.failures if state else 0,
        reason=state.reason if state and state.failures else None,
        papers=papers,
        normal=normal,
        expected_by_now=expected_by_now,
        short=expected_by_now and volume.is_short(papers, normal),
        failing=state is not None and _is_failing(state, source, now),
        missing_fields=_missing(read.fields.get(name), day),
        unread=read.unread.get(name, ()),
    )


def _usually_here(
    listed: Mapping[dt.date, Listed], first: dt.date | None, local: dt.datetime, hour: int
) -> bool:
    """Whether a source that has its own hour, perhaps after that of publication, should have come by this one."""
    known = volume.same_weekdays(local.date(), first) if first else []
    times = [listed[each].first_at.astimezone(local.tzinfo).time() for each in known if each in listed]
    return volume.usually_here(times, local.time(), hour=hour)


def _is_failing(state: SourceState, source: Source, now: dt.datetime) -> bool:
    if state.failures >= _FAILURES:
        return True
    # Counted from a failure on: a service that was stopped for days has not asked, and nothing is wrong with the source.
    patience = max(_PATIENCE, 2 * source.every)
    return state.failures > 0 and state.succeeded_at is not None and now - state.succeeded_at > patience


def _missing(found: tuple[Mapping[dt.date, Fields], Fields] | None, day: dt.date) -> tuple[str, ...]:
    if found is None:
        return ()
    days, newest = found
    earlier = sorted((each for each in days if each < day), reverse=True)[:_FIELD_DAYS]
    return volume.went_missing([days[each] for each in earlier], newest)
