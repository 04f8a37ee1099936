"""What is wrong with sources, in the words of alarms."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence

from digest.compose.views import plain_moment, weekday_date
from digest.deliver.alarm import Alarm, AlarmName
from digest.pipeline.health import SourceHealth
from digest.store.volumes import Unread

#: Alarms about a source; the others are raised where they arise.
OF_SOURCES = frozenset(
    {
        AlarmName.SOURCE_SHORT,
        AlarmName.SOURCE_FAILING,
        AlarmName.SOURCE_FIELDS,
        AlarmName.DUMP_QUARANTINED,
    }
)
_NAMED = 5  # dumps named in one alarm


def of(health: Iterable[SourceHealth], *, day: dt.date) -> list[Alarm]:
    """All that is wrong with these sources on a day."""
    return [alarm for each in health for alarm in _of_one(each, day)]


def over(alarm: Alarm, health: Sequence[SourceHealth]) -> bool:
    """Whether an alarm about a source, which is not wanted now, is over.

    One about a short source stays until it is known to be better: at midnight nobody knows yet.
    """
    if alarm.name not in OF_SOURCES:
        return False
    about = next((each for each in health if each.name == alarm.about), None)
    if about is None or alarm.name is not AlarmName.SOURCE_SHORT:
        return True
    return about.words != ("waiting",)


def usual(health: SourceHealth) -> str:
    """How little it is: `daily-papers lists 3 papers where 41 are usual`."""
    papers = "1 paper" if health.papers == 1 else f"{health.papers:,} papers"
    return f"{health.name} lists {papers} where {health.normal:,.0f} are usual"


def _of_one(health: SourceHealth, day: dt.date) -> Iterable[Alarm]:
    told: Mapping[AlarmName, str] = {
        AlarmName.SOURCE_SHORT: _short(health, day) if health.short else "",
        AlarmName.SOURCE_FAILING: _failing(health) if health.failing else "",
        AlarmName.SOURCE_FIELDS: _fields(health) if health.missing_fields else "",
        AlarmName.DUMP_QUARANTINED: _unread(health) if health.unread else "",
    }
    return [Alarm(name=name, about=health.name, text=text) for name, text in told.items() if text]


def _short(health: SourceHealth, day: dt.date) -> str:
    last = health.last_success_at
    said = f"On {weekday_date(day)} {usual(health)} on such a day. It "
    said += f"last gave something on {plain_moment(last)}." if last else "never gave anything."
    if health.reason:
        said += f" When it was last asked: {health.reason}."
    if health.unread:
        said += " What it brought today could not be read: see `digest dumps quarantine`."
    return said


def _failing(health: SourceHealth) -> str:
    times = "The last look" if health.failures == 1 else f"The last {health.failures:,} looks"
    last = health.last_success_at
    # Not "it last answered": what says 200 and holds no dump is an answer, and a failure too.
    before = f"the last good one was on {plain_moment(last)}" if last else "none has ever succeeded"
    return f"{times} at {health.name} failed; {before}. The reason given: {health.reason or 'none'}."


def _fields(health: SourceHealth) -> str:
    return (
        f"Hardly a record of the newest dump of {health.name} gives these, which most gave in the days before:"
        f" {', '.join(health.missing_fields)}. Has its page or its format changed?"
    )


def _unread(health: SourceHealth) -> str:
    named = "; ".join(_named(dump) for dump in health.unread[:_NAMED])
    more = len(health.unread) - _NAMED
    many = "a dump" if len(health.unread) == 1 else f"{len(health.unread):,} dumps"
    return (
        f"{health.name} brought {many} today that could not be read, and nothing of it is shown: {named}"
        f"{f'; and {more:,} more' if more > 0 else ''}. `digest dumps quarantine` lists them."
    )


def _named(dump: Unread) -> str:
    return f"{dump.name}: line {dump.line}: {dump.reason}" if dump.line else f"{dump.name}: {dump.reason}"
