"""Before step one: the sources that are due are asked, and what they give is ingested.

What a source answered is remembered only once it is ingested, and no transaction is open while it is asked: a
process that dies between the two asks once more, and stores nothing twice. Nor do two processes that ask at
once, though the source is then asked twice.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace

from digest.errors import UsageError
from digest.log import logger, outline
from digest.pipeline.ingest import DumpReport, IngestOptions, ingest
from digest.pipeline.turns import after, is_due, is_held
from digest.sources.answers import Answer, Failed, Got, Nothing, Same, Validator
from digest.sources.dump import Opened, RawDump, Unreadable
from digest.sources.files import open_paths, settled
from digest.sources.http import Web
from digest.sources.kinds import KINDS
from digest.sources.network import StoppedError
from digest.sources.request import Request, shown
from digest.sources.source import Source, SourceKind
from digest.store import dumps, sources
from digest.store.database import Database, DatabaseError
from digest.store.dumps import DumpStatus

_log = logger("fetch")
#: What `_Look._remember` puts down.
_FORM = {field.name for field in fields(Validator)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetching:
    """What looks at sources need beside the sources."""

    database: Database
    web: Web
    clock: Callable[[], dt.datetime]
    cap_bytes: int  #: of one document of a folder, decompressed
    options: IngestOptions  #: but for its source
    on_records: Callable[[int], None] = lambda _count: None


def chosen(known: Sequence[Source], names: Sequence[str]) -> list[Source]:
    """The sources of these names, in the order named.

    Raises:
        UsageError: There is none of a name.
    """
    by_name = {source.name: source for source in known}
    for name in names:
        if name not in by_name:
            raise UsageError(f"{name}: no such source; there are {', '.join(by_name)}")
    return [by_name[name] for name in dict.fromkeys(names)]


def due(database: Database, named: Sequence[Source], now: dt.datetime) -> list[Source]:
    """Those of the sources over the network whose time has come, in the order named."""
    asked = [source for source in named if source.kind is not SourceKind.FOLDER]
    if not asked:
        return []
    with database.read() as conn:
        states = {state.name: state for state in sources.every(conn)}
    return [source for source in asked if source.name not in states or is_due(states[source.name], now)]


def fetch(fetching: Fetching, named: Sequence[Source]) -> Iterator[DumpReport]:
    """Look at these sources now, one after the other; what goes wrong with one stops no other.

    Yields:
        What became of each document. A source that failed, or that asked to be left alone, is one that is
        unreadable.
    """
    for source in named:
        if source.kind is SourceKind.FOLDER:
            yield from _read_folder(fetching, source)
            continue
        look = _Look(fetching, source)
        try:
            yield from look.run()
        except StoppedError:
            return
        except DatabaseError:
            raise  # the next source would meet it too
        except Exception as error:
            _log.error("look failed", source=source.name, error=outline(error))
            yield look.fail(f"a fault of ours, told in the log: {type(error).__name__}")


def _read_folder(fetching: Fetching, source: Source) -> Iterator[DumpReport]:
    """What lies in the folder and is no longer written; what was read before is known again."""
    assert source.path is not None
    now = fetching.clock()
    paths = [str(path) for path in settled(source.path, now)]
    found = open_paths(paths, cap_bytes=fetching.cap_bytes, stdin=io.BytesIO(), now=now)
    options = replace(fetching.options, source=source.name)
    return ingest(fetching.database, found, now=now, options=options, on_records=fetching.on_records)


class _Look:
    """One look at one source."""

    def __init__(self, fetching: Fetching, source: Source) -> None:
        self._with, self._source = fetching, source
        self._validators: dict[str, Mapping[str, str | None]] = {}
        self._reason: str | None = None
        self._later: dt.timedelta | None = None
        with fetching.database.read() as conn:
            self._state = sources.get(conn, source.name)

    def run(self) -> Iterator[DumpReport]:
        """Ask for each document and ingest what comes; then put down how it went."""
        now, state = self._with.clock(), self._state
        if is_held(state, now):
            reason = f"asked to be left alone until {state.wait_until:%Y-%m-%d %H:%M} UTC ({state.reason})"
            yield self._ingest(Unreadable(name=shown(self._source.url), reason=reason))
            return
        day = now.astimezone(self._with.options.zone).date()
        requests = list(KINDS[self._source.kind].requests(self._source, day))
        # What is asked for no more is forgotten: a date has an address of its own. So is what another release
        # put down in another form: one more whole answer costs less than a source that fails for ever.
        keys = {request.key for request in requests}
        self._validators = {
            key: known
            for key, known in state.validators.items()
            if key in keys and isinstance(known, Mapping) and known.keys() == _FORM
        }
        for request, answer in self._with.web.look(
            self._source, requests, known=self._known, last_at=state.tried_at
        ):
            yield self._take(request, answer)
            del answer  # its bytes, before the next one's come
        self._settle()

    def fail(self, reason: str) -> DumpReport:
        """End the look by a failure that is none of the source's."""
        self._reason = reason
        self._settle()
        return self._ingest(Unreadable(name=shown(self._source.url), reason=reason))

    def _take(self, request: Request, answer: Answer) -> DumpReport:
        if isinstance(answer, Nothing):
            return DumpReport(name=request.name, source=self._source.name, status="nothing")
        if isinstance(answer, Failed):
            self._later = answer.later
        report = self._ingest(self._opened(request, answer))
        if report.status not in ("stored", "known"):  # an error page that says 200 is a failure as well
            self._reason = (
                report.reason if isinstance(answer, Failed) else f"{report.status}: {report.reason}"
            )
        if isinstance(answer, Got):
            self._remember(request, answer)
        return report

    def _opened(self, request: Request, answer: Got | Same | Failed) -> Opened:
        if isinstance(answer, Failed):
            return Unreadable(name=request.name, reason=answer.reason)
        if isinstance(answer, Got):
            return answer.opened
        # The same bytes stand for another day, as if they had been sent again.
        now, data = self._with.clock(), self._last(request)
        return RawDump(name=request.name, data=data, modified_at=now, seen_on=request.seen_on)

    def _ingest(self, opened: Opened) -> DumpReport:
        shared = self._with
        options = replace(shared.options, source=self._source.name)
        (report,) = ingest(
            shared.database, [opened], now=shared.clock(), options=options, on_records=shared.on_records
        )
        return report

    def _known(self, request: Request) -> Validator | None:
        """What the last answer was known by, where its bytes are still here."""
        known = self._validators.get(request.key)
        if known is None:
            return None
        validator = Validator(**known)  # type: ignore[arg-type] # of the form that run() checked
        with self._with.database.read() as conn:
            dump = dumps.find(conn, validator.sha256)
        return validator if dump and dump.status is not DumpStatus.REFUSED else None

    def _last(self, request: Request) -> bytes:
        """The bytes of the last answer, which `_known` has seen."""
        with self._with.database.read() as conn:
            dump = dumps.find(conn, str(self._validators[request.key]["sha256"]))
            body = dumps.body(conn, dump.id) if dump else None
        assert body is not None
        return body

    def _remember(self, request: Request, answer: Got) -> None:
        """Keep what to ask with next time, of bytes that are kept as well."""
        self._validators.pop(request.key, None)
        if isinstance(answer.opened, RawDump) and (answer.etag or answer.last_modified):
            sha256 = hashlib.sha256(answer.opened.data).hexdigest()
            known = Validator(etag=answer.etag, last_modified=answer.last_modified, sha256=sha256)
            self._validators[request.key] = asdict(known)

    def _settle(self) -> None:
        settled = after(
            self._state,
            self._with.clock(),
            every=self._source.every,
            validators=self._validators,
            reason=self._reason,
            later=self._later,
        )
        with self._with.database.write() as conn:
            sources.save(conn, settled)
        _log.info(
            "source looked at",
            source=settled.name,
            failures=settled.failures,
            reason=settled.reason,
            next_at=settled.next_at.isoformat() if settled.next_at else None,
        )
