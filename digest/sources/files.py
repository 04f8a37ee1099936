"""Opening dumps from files, folders, archives and standard input."""

from __future__ import annotations

import datetime as dt
import gzip
import stat
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

from digest.sources.archive import is_ignored, open_members
from digest.sources.dump import Opened, Unreadable
from digest.sources.reading import read_dump

CAP_BYTES = 64 * 1024 * 1024
STDIN = "-"


def open_paths(
    paths: Sequence[str], *, cap_bytes: int = CAP_BYTES, stdin: BinaryIO, now: dt.datetime
) -> Iterator[Opened]:
    """Open what a person names, in the order named, one document in memory at a time.

    A folder gives its files sorted by name, its folders among them; hidden ones and `*.part` and
    `*.tmp` are left out, and links to folders are not followed, so no loop is walked. A `.gz` is
    inflated, a `.zip` gives each member. `-` is standard input, taken as it comes, not inflated.

    Args:
        paths: Files, folders, `-`; names in the results begin as these do.
        cap_bytes: Of one document, decompressed.
        stdin: Read where `-` is named.
        now: Aware; the time of what has none of its own: standard input, pipes.
    """
    for given in paths:
        if given == STDIN:
            yield _read_stdin(stdin, cap_bytes=cap_bytes, now=now)
        else:
            yield from _open_path(given, cap_bytes=cap_bytes, now=now)


def settled(folder: Path, now: dt.datetime, quiet_s: float = 5) -> list[Path]:
    """The files of a watched folder that nobody is writing any more.

    The time of the last change counts (`st_ctime`), which the kernel alone sets: a copy that keeps
    the modification time of its source looks old from its first byte.

    Args:
        folder: Walked as `open_paths` does; one that is not there holds nothing.
        now: Aware.
        quiet_s: Seconds without a change.

    Returns:
        Sorted by name, as `open_paths` takes them.
    """
    still_since = now.timestamp() - quiet_s
    return [found for found in _walk(folder) if isinstance(found, Path) and _is_quiet(found, still_since)]


def _open_path(given: str, *, cap_bytes: int, now: dt.datetime) -> Iterator[Opened]:
    path, name = Path(given), _printable(given)
    if not given:  # Path("") would be the folder one stands in
        yield Unreadable(name=name, reason="the path is empty")
        return
    try:
        kind = path.stat().st_mode
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        yield Unreadable(name=name, reason=_reason(error))
        return
    if stat.S_ISDIR(kind):
        yield from _open_folder(path, name=name.rstrip("/"), cap_bytes=cap_bytes, now=now)
    else:
        yield from _open_file(path, name=name, cap_bytes=cap_bytes, now=now)


def _open_folder(folder: Path, *, name: str, cap_bytes: int, now: dt.datetime) -> Iterator[Opened]:
    empty = True
    for found in _walk(folder):
        empty = False
        if isinstance(found, Path):
            inside = _printable(found.relative_to(folder).as_posix())
            yield from _open_file(found, name=f"{name}/{inside}", cap_bytes=cap_bytes, now=now)
        else:
            place, error = found
            yield Unreadable(name=_printable(str(place)), reason=_reason(error))
    if empty:
        yield Unreadable(name=name, reason="the folder holds no files")


def _walk(root: Path) -> Iterator[Path | tuple[Path, OSError]]:
    """The files under a folder, depth first and by name; a folder that cannot be listed, with its error."""
    pending = [root]  # a stack of our own: folders may nest deeper than Python calls
    while pending:
        entry = pending.pop()
        try:
            if entry is root or (entry.is_dir() and not entry.is_symlink()):
                children = sorted(child for child in entry.iterdir() if not is_ignored(child.name))
                pending.extend(reversed(children))
            elif entry.is_file():  # no pipe or device: opening one could wait for ever
                yield entry
        except OSError as error:
            yield entry, error


def _open_file(path: Path, *, name: str, cap_bytes: int, now: dt.datetime) -> Iterator[Opened]:
    try:
        modified_at = _modified_at(path, now)
        if path.suffix.casefold() == ".zip":
            yield from open_members(path, name=name, cap_bytes=cap_bytes, modified_at=modified_at)
        elif path.suffix.casefold() == ".gz":
            with gzip.open(path) as inflated:
                yield read_dump(inflated, name=name, cap_bytes=cap_bytes, modified_at=modified_at)
        else:
            with path.open("rb", buffering=0) as file:
                yield read_dump(file, name=name, cap_bytes=cap_bytes, modified_at=modified_at)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        yield Unreadable(name=name, reason=f"damaged gzip data: {error}")
    except (OSError, ValueError, OverflowError) as error:  # the last two: a time beyond the calendar
        yield Unreadable(name=name, reason=_reason(error))


def _read_stdin(stdin: BinaryIO, *, cap_bytes: int, now: dt.datetime) -> Opened:
    try:
        return read_dump(stdin, name=STDIN, cap_bytes=cap_bytes, modified_at=now.astimezone(dt.UTC))
    except OSError as error:
        return Unreadable(name=STDIN, reason=_reason(error))


def _modified_at(path: Path, now: dt.datetime) -> dt.datetime:
    status = path.stat()
    if not stat.S_ISREG(status.st_mode):
        return now.astimezone(dt.UTC)
    return dt.datetime.fromtimestamp(status.st_mtime, dt.UTC)


def _is_quiet(path: Path, still_since: float) -> bool:
    try:
        return path.stat().st_ctime <= still_since
    except OSError:  # gone since the folder was listed
        return False


def _reason(error: Exception) -> str:
    """The error in words, without the path that the name gives already."""
    return (error.strerror if isinstance(error, OSError) else None) or str(error)


def _printable(name: str) -> str:
    """A file name as text: what is not UTF-8 on the disk would break the terminal and the database."""
    return name.encode("utf-8", "replace").decode("utf-8")
