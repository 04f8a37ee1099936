"""What a replay with today's readers would change, told without writing anything."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields

from sqlalchemy.engine import Connection

from digest.ingest.record import Details
from digest.pipeline.ingest import replay
from digest.store import dumps, papers
from digest.store.database import Database
from digest.store.dumps import Dump
from digest.store.papers import Paper
from digest.store.trial import trial

#: Papers compared at a time, of which both sides are held.
PAGE = 1_000
#: Not of the paper itself.
_APART = frozenset({"id", "details", "edition_id"})
_FIELDS = tuple(field.name for field in fields(Paper) if field.name not in _APART)
_DETAILS = tuple(field.name for field in fields(Details))
_OF_DUMPS = ("status", "reason", "line", "format", "dated", "dated_by", "background", "records")


@dataclass(frozen=True, slots=True, kw_only=True)
class Changed:
    """A field, as it is and as it would be."""

    field: str
    was: object
    will_be: object


@dataclass(frozen=True, slots=True, kw_only=True)
class PaperChange:
    """A paper that is shown now, and how it would be."""

    paper: Paper
    changed: tuple[Changed, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Vanishing:
    """A paper that would be shown no more, and the one that would take its sightings, if any."""

    paper: Paper
    into_id: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DumpChange:
    dump: Dump
    changed: tuple[Changed, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Diff:
    """All that a replay would change; ids of papers that would appear are of no use to anyone yet."""

    appearing: tuple[Paper, ...]
    vanishing: tuple[Vanishing, ...]
    changing: tuple[PaperChange, ...]
    dumps: tuple[DumpChange, ...]

    def __bool__(self) -> bool:
        return bool(self.appearing or self.vanishing or self.changing or self.dumps)


def diff(
    database: Database, *, day: dt.date | None = None, on_dump: Callable[[str], None] = lambda _name: None
) -> Diff:
    """Replay into a copy that is thrown away, and compare.

    Args:
        day: Only the dumps of this date; all of them where not given.
        on_dump: Told the name of each dump before it is read.
    """
    with trial(database) as (now, tried):
        replay(tried, day=day, on_dump=on_dump)
        with tried.read() as then:
            return _compared(now, then)


def _compared(now: Connection, then: Connection) -> Diff:
    appearing, vanishing, changing = [], [], []
    for old, new in _beside(_pages(now), _pages(then)):
        if old is None:
            assert new is not None, "one of a pair is there"
            appearing.append(new)
        elif new is None:
            into = papers.names(then, [old.id])[old.id]
            vanishing.append(Vanishing(paper=old, into_id=into if into != old.id else None))
        elif changed := _changed(_facts(old), _facts(new)):
            changing.append(PaperChange(paper=old, changed=changed))
    return Diff(
        appearing=tuple(appearing),
        vanishing=tuple(vanishing),
        changing=tuple(changing),
        dumps=tuple(_dumps(list(dumps.every(now)), list(dumps.every(then)))),
    )


def _pages(conn: Connection) -> Iterator[Paper]:
    """All shown papers by id, of which a page at most is held."""
    after = 0
    while page := list(papers.search(conn, "", after=after, limit=PAGE)):
        yield from page
        after = page[-1].id


def _beside(
    old: Iterator[Paper], new: Iterator[Paper]
) -> Iterator[tuple[Paper, Paper | None] | tuple[None, Paper]]:
    """Pairs of one id, in order; None where a side has none of it."""
    one, other = next(old, None), next(new, None)
    while one is not None or other is not None:
        if other is None or (one is not None and one.id < other.id):
            assert one is not None
            yield one, None
            one = next(old, None)
        elif one is None or other.id < one.id:
            yield None, other
            other = next(new, None)
        else:
            yield one, other
            one, other = next(old, None), next(new, None)


def _facts(paper: Paper) -> dict[str, object]:
    return {name: getattr(paper, name) for name in _FIELDS} | {
        name: getattr(paper.details, name) for name in _DETAILS
    }


def _dumps(old: Sequence[Dump], new: Sequence[Dump]) -> Iterator[DumpChange]:
    by_id = {dump.id: dump for dump in new}
    for dump in old:
        was, will_be = ({name: getattr(one, name) for name in _OF_DUMPS} for one in (dump, by_id[dump.id]))
        if changed := _changed(was, will_be):
            yield DumpChange(dump=dump, changed=changed)


def _changed(was: Mapping[str, object], will_be: Mapping[str, object]) -> tuple[Changed, ...]:
    return tuple(
        Changed(field=name, was=was[name], will_be=will_be[name])
        for name in was
        if was[name] != will_be[name]
    )
